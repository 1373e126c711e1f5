/*
 * Issuers' keys that are met again and again. With a key on P-384, as the issuers of many hosts have it, to
 * check a signature costs OpenSSL up to 3.1 as much as all the rest of a handshake: two multiplications of
 * points, which double 384 times. Once a key has been met some times, multiples of it are kept (OpenSSL's own
 * tables, which it otherwise has for a curve's base point), and signatures under it are checked by adding
 * these up, FIPS 186-5, 6.4.2, in half of the time. What is found good so is good; all else is checked by
 * OpenSSL as if nothing had been.
 */
#ifndef PFETCH_FETCH_ISSUERS_H
#define PFETCH_FETCH_ISSUERS_H

#include <openssl/ec.h>
#include <openssl/types.h>

/* What OpenSSL has no functions for any more is left out of its headers as well. */
#if OPENSSL_VERSION_MAJOR == 3 && !defined(OPENSSL_NO_DEPRECATED_3_0)

/* As ECDSA_do_verify: 1 good, 0 not, -1 an error. */
typedef int ecdsa_verify_sig_fn(const unsigned char *digest, int digest_len, const ECDSA_SIG *signature,
                                EC_KEY *key);

/* For the method of keys (EC_KEY_METHOD_set_verify), in the place of `openssl`, which it calls. Threads may
 * use what comes of it at once. Called once in a process, before any key is used. */
ecdsa_verify_sig_fn *issuers_know(ecdsa_verify_sig_fn *openssl);

#endif

/* This thread checks signatures in `library` from now on; NULL: in the plain context. What it adds up is
 * blinded by random numbers, and another context's generator would first have to be made. */
void issuers_library(OSSL_LIB_CTX *library);

/* A key that was met that often has its multiples kept, since to make them takes as long as seven signatures;
 * that many keys have them, some 150 KB for each. Another takes the place of one that was not met for
 * ISSUERS_STALE signatures. */
enum { ISSUERS_MET = 16, ISSUERS_KEPT = 4, ISSUERS_STALE = 64 };

/* How many signatures were found good by kept multiples so far. */
unsigned long issuers_helped(void);

#endif
