/*
 * Signatures that have been checked before. Most hosts of a list have their certificates from a few issuers
 * and send the issuer's own certificate along, so that one signature is checked again for each of them: an
 * eighth of a handshake with keys on P-256, half of one with P-384. Whether a signature is good under a key
 * says nothing but what these bytes say, so that the answer is kept, and given again for the very same key,
 * digest and signature. All the rest of a verification is done anew: dates, names, purposes, what is trusted.
 */
#ifndef PFETCH_FETCH_SIGNATURES_H
#define PFETCH_FETCH_SIGNATURES_H

#include <stdbool.h>
#include <stddef.h>

/* From now on, in the whole process: OpenSSL's ECDSA_verify and RSA_public_decrypt, which its default
 * provider checks signatures with, look here first. Only keys made afterwards do so. The last few answers are
 * kept, and of those that were asked for again, or came again, up to SIGNATURES_KEPT: of ECDSA that a
 * signature is good, of RSA what it says, which the caller compares. A forked child goes on with what its
 * parent knows, and keeps what it learns to itself. False: OpenSSL has no such functions (before it or after
 * 3.x), or no memory; then each signature is checked. May be called more than once. */
bool signatures_remember(void);
enum { SIGNATURES_KEPT = 32, SIGNATURES_FRESH = 8 };

/* How many were answered from memory so far. */
unsigned long signatures_recalled(void);

/* How many are kept that were asked for again; at most SIGNATURES_KEPT, none of them twice. */
size_t signatures_known(void);

#endif
