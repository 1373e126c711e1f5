/*
 * Public keys on the curves P-256 and P-384 as certificates have them (RFC 5480), read quicker.
 *
 * For each such key OpenSSL up to 3.1 sets the whole curve up anew, with the inverses that its arithmetic
 * takes: twice in a handshake, 7 % of its instructions. Here the bytes before the point, which are the same
 * for all keys on a curve, are recognized; the key is a duplicate of one that has the curve and no point yet,
 * and gets the point by the provider's own function, which looks whether it lies on the curve. All else, and
 * whatever fails, goes to the decoder that is wrapped.
 *   1. eckeys_wrap                       once, with a provider's algorithms
 *   2. eckeys_begin … eckeys_end         around the life of a provider's context
 */
#ifndef PFETCH_FETCH_ECKEYS_H
#define PFETCH_FETCH_ECKEYS_H

#include <openssl/core.h>
#include <stdbool.h>

/* Puts our functions around `decoder`'s, an algorithm "EC" from DER, SubjectPublicKeyInfo, to "EC" keys whose
 * functions are `keys`'s. Both must live as long as the process, and must be of one provider. False: they are
 * not as we know them, and `decoder` is as it was. Once in a process. */
bool eckeys_wrap(OSSL_ALGORITHM *decoder, const OSSL_ALGORITHM *keys);

/* From now on keys of that provider's context are read quicker, if no other context's are. `core` is what
 * OpenSSL gave the provider, for reading. */
void eckeys_begin(void *context, const OSSL_DISPATCH *core);

/* No key of that context is being read, nor will be. */
void eckeys_end(const void *context);

#endif
