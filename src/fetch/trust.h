/*
 * Trust: whose certificates are believed. One X509_STORE, loaded once before the workers start and shared by
 * all; a directory of hashed certificates is looked into when a chain asks for it.
 */
#ifndef PFETCH_FETCH_TRUST_H
#define PFETCH_FETCH_TRUST_H

#include <openssl/x509_vfy.h>
#include "fetch/error.h"

struct trust;

/* Loads into OpenSSL's library context `context` (NULL: the plain one) what verification starts from:
 * `cacert` (a file of PEM certificates) and `capath` (a directory hashed as by c_rehash), either of which may
 * be NULL; with both NULL the system's: SSL_CERT_FILE or OpenSSL's default file, and SSL_CERT_DIR (a list
 * with ':') or OpenSSL's default directory. Opening a file may wait, if it is a FIFO. A directory that an
 * unprivileged worker could not read (this process is root's), or that has FIFOs in it, is loaded whole, the
 * FIFOs not. On success *ret belongs to the caller. -1: `err` holds a message for a usage error that names
 * the file, kind ERROR_NONE.
 *
 * A file that is damaged is refused, whatever else it holds, but for a default one. In one of many
 * certificates (bundle.h) it shows here only where the blocks are not PEM, or a certificate's outer parts are
 * not those of one; a certificate that is wrong further inside shows when a chain needs it, which then has no
 * issuer. */
int trust_new(OSSL_LIB_CTX *context, const char *cacert, const char *capath, struct trust **ret,
              struct fetch_error *err);
void trust_free(struct trust *t);

/* The store; it belongs to `t`, and is safe to use from several threads. */
X509_STORE *trust_store(const struct trust *t);

/* What a confined worker must be able to read: the directories that are looked into later and those that
 * their links lead to. A NULL-terminated list, released with trust_paths_free; NULL for lack of memory. Not
 * for two threads at once: what it finds is kept. */
char **trust_paths(struct trust *t);
void trust_paths_free(char **paths);

#endif
