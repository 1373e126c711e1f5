#include "support/certs.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MUST(what) ((what) ? (void)0 : must_failed(#what))

static void must_failed(const char *what)
{
    fprintf(stderr, "certs: %s failed\n", what);
    abort();
}

static void extension_add(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    MUST(e && X509_add_ext(x509, e, -1));
    X509_EXTENSION_free(e);
}

static void serial_set(X509 *x509)
{
    BIGNUM *bn = BN_new();
    MUST(BN_rand(bn, 64, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY));
    MUST(BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x509)));
    BN_free(bn);
}

struct cert cert_make(struct cert_plan plan)
{
    struct cert c = {X509_new(), EVP_EC_gen("P-256")};
    MUST(c.x509 && c.key);
    const struct cert *issuer = plan.issuer ? plan.issuer : &c;
    X509_NAME *name = X509_get_subject_name(c.x509);
    X509_set_version(c.x509, 2);
    serial_set(c.x509);
    MUST(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)plan.name, -1, -1, 0));
    X509_set_issuer_name(c.x509, X509_get_subject_name(issuer->x509));
    X509_gmtime_adj(X509_getm_notBefore(c.x509), plan.starts ? plan.starts : -60);
    X509_gmtime_adj(X509_getm_notAfter(c.x509), plan.ends ? plan.ends : 86400);
    X509_set_pubkey(c.x509, c.key);
    extension_add(c.x509, issuer->x509, NID_basic_constraints,
                  plan.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (plan.alt_names)
        extension_add(c.x509, issuer->x509, NID_subject_alt_name, plan.alt_names);
    if (plan.usage)
        extension_add(c.x509, issuer->x509, NID_ext_key_usage, plan.usage);
    MUST(X509_sign(c.x509, issuer->key, plan.digest ? plan.digest : EVP_sha256()));
    return c;
}

void cert_free(struct cert *c)
{
    X509_free(c->x509);
    EVP_PKEY_free(c->key);
    c->x509 = NULL;
    c->key = NULL;
}

void cert_write(const struct cert *c, const char *path, bool key)
{
    FILE *f = fopen(path, "w");
    MUST(f && PEM_write_X509(f, c->x509));
    MUST(!key || PEM_write_PrivateKey(f, c->key, NULL, NULL, 0, NULL, NULL));
    MUST(fclose(f) == 0);
}

void cert_write_key(const struct cert *c, const char *path, const char *passphrase)
{
    FILE *f = fopen(path, "w");
    MUST(f && PEM_write_PrivateKey(f, c->key, passphrase ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
                                   (void *)(uintptr_t)passphrase));
    MUST(fclose(f) == 0);
}

void cert_write_hashed(const struct cert *c, const char *dir)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%08lx.0", dir, X509_subject_name_hash(c->x509));
    cert_write(c, path, false);
}
