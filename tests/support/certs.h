/* Certificates made at run time. For tests only: what fails ends the program. */
#ifndef PFETCH_TESTS_CERTS_H
#define PFETCH_TESTS_CERTS_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

struct cert {
    X509 *x509;
    EVP_PKEY *key;
};

/* What a certificate says; zero means the usual thing. */
struct cert_plan {
    const char *name;          /* common name */
    const char *alt_names;     /* as in openssl.cnf: "DNS:a.test,IP:127.0.0.1"; NULL: none */
    const struct cert *issuer; /* NULL: signed by itself */
    bool authority;            /* may sign others */
    long starts, ends;         /* seconds from now; ends 0: in a day */
    const EVP_MD *digest;      /* NULL: SHA-256 */
    const char *usage;         /* extendedKeyUsage; NULL: none */
};

/* A new P-256 certificate; cert_free. */
struct cert cert_make(struct cert_plan plan);
void cert_free(struct cert *c);

/* Writes PEM to `path`: the certificate, and with `key` the key behind it. */
void cert_write(const struct cert *c, const char *path, bool key);

/* Writes the key alone; with a passphrase, encrypted. */
void cert_write_key(const struct cert *c, const char *path, const char *passphrase);

/* Writes the certificate into `dir` under its hashed name, as c_rehash does. */
void cert_write_hashed(const struct cert *c, const char *dir);

#endif
