/*
 * A file of many PEM certificates, as systems have for their trust, of which a chain needs one or two:
 * parsing all of them costs more than a handshake. They are only decoded and indexed by subject, and each is
 * parsed when a chain names it.
 *   1. bundle_read     finds and decodes the certificates
 *   2. bundle_attach   hands the bundle to a store, which asks it for what it does not hold yet
 *   3. bundle_free     after the store
 */
#ifndef PFETCH_FETCH_BUNDLE_H
#define PFETCH_FETCH_BUNDLE_H

#include <openssl/x509_vfy.h>
#include <stddef.h>

struct bundle;

/* Reads `path`. 0 with *ret the caller's; or -1: it can't be read, is very large, or holds something else
 * than certificates (CRLs, keys, certificates with trust settings, or what is not PEM) or a block that is
 * not laid out as usual or damaged, as far as the parts of a certificate tell by their kinds and lengths:
 * load it as a whole then, for OpenSSL to say whether it will do. What is inside those parts is only looked
 * at when a chain names the certificate; one that is wrong there is as good as not in the file. */
int bundle_read(const char *path, struct bundle **ret);
void bundle_free(struct bundle *b);

/* How many certificates there are. */
size_t bundle_count(const struct bundle *b);

/* Makes the bundle a source of `store`, in the library context `context` (NULL: the plain one). 0, or -1 for
 * lack of memory. */
int bundle_attach(struct bundle *b, X509_STORE *store, OSSL_LIB_CTX *context);

#endif
