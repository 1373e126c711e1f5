/*
 * TLS 1.3's key schedule (RFC 8446, 7.1), with less around it.
 *
 * A handshake derives some twenty secrets. For each, OpenSSL 3 looks a digest up by its name, allocates
 * contexts for it, for HMAC and for HKDF, and copies all parameters: ten times the work of the hashing
 * itself, and a twentieth of a cold fetch. Here the parameters are read where they lie, and HMAC is OpenSSL's
 * SHA-256 or SHA-384 called straight. What isn't as libssl asks for it goes to the functions that are
 * wrapped. A context keeps nothing of a derivation that was done here, where OpenSSL's keeps the parameters:
 * libssl takes a new one for each.
 */
#ifndef PFETCH_FETCH_HKDF_H
#define PFETCH_FETCH_HKDF_H

#include <openssl/core.h>
#include <stdbool.h>

/* Puts our functions around those of `derivation`, an algorithm "TLS13-KDF" of OSSL_OP_KDF, which must live
 * as long as the process. False: they are not as we know them, and `derivation` is as it was. Once in a
 * process. */
bool hkdf_wrap(OSSL_ALGORITHM *derivation);

#endif
