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

/* As ECDSA_do_verify: 1 good, 0 not, -1 an error. */
typedef int ecdsa_verify_sig_fn(const unsigned char *digest, int digest_len, const ECDSA_SIG *signature,
                                EC_KEY *key);

/* For the method of keys (EC_KEY_METHOD_set_verify), in the place of `openssl`, which it calls. Threads may
 * use what comes of it at once. Called once in a process, before any key is used. */
ecdsa_verify_sig_fn *issuers_know(ecdsa_verify_sig_fn *openssl);

/* A key that was met that often has its multiples kept; that many keys have them, some 150 KB for each. */
enum { ISSUERS_MET = 6, ISSUERS_KEPT = 4 };

/* How many signatures were found good by kept multiples so far. */
unsigned long issuers_helped(void);

#endif
