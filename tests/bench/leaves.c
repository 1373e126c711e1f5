/*
 * Certificates for scripts/bench, one for each host: what the hosts of a list have in common is who signed
 * them.
 *
 *   leaves LEAF.pem MIDDLE.pem MIDDLE.key COUNT DOMAIN DIRECTORY
 *
 * DIRECTORY/N.pem, for N from 0 to COUNT - 1: LEAF, but for hN.DOMAIN, with a serial number of its own and
 * signed anew by MIDDLE; and MIDDLE behind it. The key is LEAF's.
 */
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

static void must(int what, const char *name)
{
    if (what)
        return;
    fprintf(stderr, "leaves: %s failed\n", name);
    exit(2);
}

static FILE *file_open(const char *path, const char *mode)
{
    FILE *f = fopen(path, mode);
    must(f != NULL, path);
    return f;
}

static X509 *certificate_read(const char *path)
{
    FILE *f = file_open(path, "r");
    X509 *certificate = PEM_read_X509(f, NULL, NULL, NULL);
    must(certificate != NULL, path);
    fclose(f);
    return certificate;
}

static void serial_set(X509 *certificate)
{
    BIGNUM *number = BN_new();
    must(number && BN_rand(number, 120, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
             BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)),
         "serial number");
    BN_free(number);
}

static void name_set(X509 *certificate, const char *host)
{
    char value[300];
    int at = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);
    snprintf(value, sizeof value, "DNS:%s", host);
    if (at >= 0)
        X509_EXTENSION_free(X509_delete_ext(certificate, at));
    X509_EXTENSION *name = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, value);
    must(name && X509_add_ext(certificate, name, -1), host);
    X509_EXTENSION_free(name);
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: leaves LEAF.pem MIDDLE.pem MIDDLE.key COUNT DOMAIN DIRECTORY\n");
        return 2;
    }
    X509 *leaf = certificate_read(argv[1]), *middle = certificate_read(argv[2]);
    FILE *f = file_open(argv[3], "r");
    EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    must(key != NULL, argv[3]);
    fclose(f);
    for (long n = 0, count = strtol(argv[4], NULL, 10); n < count; n++) {
        char host[256], path[512];
        snprintf(host, sizeof host, "h%ld.%s", n, argv[5]);
        snprintf(path, sizeof path, "%s/%ld.pem", argv[6], n);
        serial_set(leaf);
        name_set(leaf, host);
        must(X509_sign(leaf, key, EVP_sha256()), "signing");
        f = file_open(path, "w");
        must(PEM_write_X509(f, leaf) && PEM_write_X509(f, middle) && fclose(f) == 0, path);
    }
    EVP_PKEY_free(key);
    X509_free(middle);
    X509_free(leaf);
    return 0;
}
