/* Directories of certificates under hashed names (c_rehash): links that often lead elsewhere. */
#ifndef PFETCH_FETCH_CERTDIR_H
#define PFETCH_FETCH_CERTDIR_H

#include <openssl/x509_vfy.h>
#include <stdbool.h>
#include <stddef.h>

struct certdir {
    char **homes;  /* the real directories of the certificates, each once; malloc'd */
    size_t count;  /* how many */
    bool readable; /* any user can read every certificate */
    bool waits;    /* a name leads to a FIFO: whoever opens it waits, for ever perhaps */
};

/* Looks where the hashed names in `path` lead. 0; or -1 with errno where the directory can't be read. Release
 * with certdir_free. */
int certdir_scan(struct certdir *ret, const char *path);
void certdir_free(struct certdir *d);

/* Loads the certificates of all files with hashed names in `path` into `store`, in the library context
 * `context`, up to where a file is damaged; what is no file is passed over. 0, or -1 with errno where the
 * directory can't be read. */
int certdir_load(X509_STORE *store, OSSL_LIB_CTX *context, const char *path);

#endif
