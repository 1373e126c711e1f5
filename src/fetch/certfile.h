/* Certificates in PEM form, all of a file at once. */
#ifndef PFETCH_FETCH_CERTFILE_H
#define PFETCH_FETCH_CERTFILE_H

#include <openssl/x509_vfy.h>
#include <stddef.h>
#include <stdio.h>

/* Adds all certificates in `f` to `store`, in the library context `context`, and nothing else that is there,
 * an encrypted key perhaps. Nobody is asked for a passphrase. 0; or -1 where something is damaged: what is
 * behind it isn't read. *ret_count says in both cases how many were added. */
int certfile_load(FILE *f, X509_STORE *store, OSSL_LIB_CTX *context, size_t *ret_count);

#endif
