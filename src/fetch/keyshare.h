/*
 * Key pairs on Curve25519 (RFC 7748) as a handshake's key share is one, made quicker.
 *
 * OpenSSL 3 computes the public half with a table of the base point's multiples and arithmetic in plain C;
 * its shared secrets come from assembler that takes two thirds of the time where the processor has ADX, and
 * no more elsewhere. The public half is the shared secret with the base point (RFC 7748, 6.1), so that the
 * provider's own key exchange computes it here, from a private half of the provider's random numbers.
 *   1. keyshare_wrap                       once, with a provider's algorithms
 *   2. keyshare_begin … keyshare_end       around the life of a provider's context
 */
#ifndef PFETCH_FETCH_KEYSHARE_H
#define PFETCH_FETCH_KEYSHARE_H

#include <openssl/core.h>
#include <openssl/types.h>
#include <stdbool.h>

/* Puts our functions around those of `keys` that make keys, an algorithm "X25519" of OSSL_OP_KEYMGMT, with
 * the help of `exchange`, the one of OSSL_OP_KEYEXCH. Both must live as long as the process, and must be of
 * one provider. False: they are not as we know them, and `keys` is as it was. Once in a process. */
bool keyshare_wrap(OSSL_ALGORITHM *keys, const OSSL_ALGORITHM *exchange);

/* From now on keys of that provider's context are made quicker, if no other context's are. Random numbers are
 * `library`'s, which the provider is loaded in. */
void keyshare_begin(const void *provider, OSSL_LIB_CTX *library);

/* No key is being made with `library`, nor will be: it is about to be freed. (Not when its provider is torn
 * down: a key that is left over puts that off.) */
void keyshare_end(const OSSL_LIB_CTX *library);

#endif
