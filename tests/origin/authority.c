#include "authority.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/span.h"

enum key_kind { KEY_P256, KEY_P384, KEY_RSA, KEY_RSA1024, KEY_ED25519, KEYS };

enum issuer {
    BY_INTERMEDIATE,
    BY_ROOT,
    BY_ITSELF,
    BY_OTHER,       /* a root that nobody trusts */
    BY_EXPIRED,     /* an intermediate that is out of date */
    BY_NOT_CA,      /* a certificate that is no authority */
    BY_NO_SIGN,     /* an intermediate whose key usage does not allow to sign certificates */
    BY_CONSTRAINED, /* an intermediate for names under .permitted.example only */
    BY_SHORT_PATH,  /* an intermediate under one with path length 0 */
    BY_DEEP,        /* twenty intermediates */
    ISSUERS
};

enum { DEEP = 20, CHAIN_MAX = 32, CACHE = 1024 };

/* What a leaf is like. All zero: a good one. */
struct spec {
    const char *word;
    enum issuer by;
    enum key_kind key;
    long from, to;   /* days from now; 0, 0: -1 and 30 */
    const char *san; /* extension text, %s the name; NULL: DNS:%s; "": none */
    const char *usage, *extended_usage;
    const char *digest; /* NULL: sha256 */
    enum { SEND_CHAIN, SEND_LEAF, SEND_ROOT_TOO, SEND_REVERSED, SEND_UNRELATED, SEND_TWICE } send;
    enum { ODD_NOTHING, ODD_NUL_NAME, ODD_CRITICAL, ODD_SIGNATURE, ODD_MANY_NAMES, ODD_CA_LEAF } odd;
};

static const struct spec specs[] = {
    {.word = "expired", .from = -60, .to = -1},
    {.word = "notyet", .from = 2, .to = 60},
    {.word = "selfsigned", .by = BY_ITSELF},
    {.word = "untrusted", .by = BY_OTHER},
    {.word = "wrongname", .san = "DNS:other.example"},
    {.word = "nosan", .san = ""},
    {.word = "iponly", .san = "IP:127.0.0.1"},
    {.word = "dnsip", .san = "DNS:127.0.0.1,DNS:%s.invalid"},
    {.word = "wildcard", .san = "DNS:*.wild.test"},
    {.word = "widewildcard", .san = "DNS:*"},
    {.word = "midwildcard", .san = "DNS:midwild*.test"},
    {.word = "tldwildcard", .san = "DNS:*.test"},
    {.word = "twonames", .san = "DNS:other.example,DNS:%s"},
    {.word = "urionly", .san = "URI:https://%s/"},
    {.word = "mailonly", .san = "email:root@%s"},
    {.word = "upper", .san = "DNS:UPPER.TEST"},
    {.word = "nochain", .send = SEND_LEAF},
    {.word = "rootsent", .send = SEND_ROOT_TOO},
    {.word = "reversed", .send = SEND_REVERSED},
    {.word = "unrelated", .send = SEND_UNRELATED},
    {.word = "twice", .send = SEND_TWICE},
    {.word = "byroot", .by = BY_ROOT},
    {.word = "expiredissuer", .by = BY_EXPIRED},
    {.word = "notca", .by = BY_NOT_CA},
    {.word = "nosign", .by = BY_NO_SIGN},
    {.word = "constrained", .by = BY_CONSTRAINED},
    {.word = "shortpath", .by = BY_SHORT_PATH},
    {.word = "deep", .by = BY_DEEP},
    {.word = "rsa", .key = KEY_RSA},
    {.word = "weakrsa", .key = KEY_RSA1024},
    {.word = "p384", .key = KEY_P384},
    {.word = "ed25519", .key = KEY_ED25519},
    {.word = "sha1", .digest = "SHA1"},
    {.word = "clientonly", .extended_usage = "clientAuth"},
    {.word = "anyusage", .extended_usage = "anyExtendedKeyUsage"},
    {.word = "crlsignonly", .usage = "critical,cRLSign"},
    {.word = "nulname", .odd = ODD_NUL_NAME},
    {.word = "critical", .odd = ODD_CRITICAL},
    {.word = "badsignature", .odd = ODD_SIGNATURE},
    {.word = "manynames", .odd = ODD_MANY_NAMES},
    {.word = "caleaf", .odd = ODD_CA_LEAF},
};

static const struct spec good;

/* An issuer: its certificate, key, and what is sent behind the leaf. */
struct signer {
    X509 *cert;
    EVP_PKEY *key;
    X509 *chain[CHAIN_MAX];
    int chain_count;
};

struct slot {
    char name[256];
    const struct spec *spec;
    X509 *cert;
};

struct authority {
    pthread_mutex_t lock;
    EVP_PKEY *keys[KEYS];
    struct signer signers[ISSUERS];
    atomic_long serial;
    struct slot cache[CACHE];
};

int label_has(const char *label, const char *word)
{
    size_t len = strlen(word), n;
    for (const char *p = label; p; p += n + 1) {
        n = strcspn(p, "-.");
        if (n == 2 && memcmp(p, "go", 2) == 0)
            return 0;
        if (n == len && memcmp(p, word, n) == 0)
            return 1;
        if (p[n] != '-')
            return 0;
    }
    return 0;
}

static const struct spec *spec_find(const char *words)
{
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
        if (label_has(words, specs[i].word))
            return &specs[i];
    return &good;
}

/* Keys are made when first asked for; the caller holds the lock or is alone. */
static EVP_PKEY *key_of(struct authority *a, enum key_kind kind)
{
    if (a->keys[kind])
        return a->keys[kind];
    switch (kind) {
    case KEY_P384:
        a->keys[kind] = EVP_EC_gen("P-384");
        break;
    case KEY_RSA:
        a->keys[kind] = EVP_RSA_gen(2048);
        break;
    case KEY_RSA1024:
        a->keys[kind] = EVP_RSA_gen(1024);
        break;
    case KEY_ED25519:
        a->keys[kind] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        break;
    case KEY_P256:
    case KEYS:
        a->keys[kind] = EVP_EC_gen("P-256");
        break;
    }
    return a->keys[kind];
}

static int extension_add(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX v3;
    X509V3_set_ctx_nodb(&v3);
    X509V3_set_ctx(&v3, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &v3, nid, value);
    int ok = e && X509_add_ext(cert, e, -1);
    X509_EXTENSION_free(e);
    return ok ? 0 : -1;
}

static X509 *cert_start(struct authority *a, const char *name, EVP_PKEY *key, long from, long to)
{
    X509 *cert = X509_new();
    char cut[64];
    snprintf(cut, sizeof cut, "%s", name);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), atomic_fetch_add(&a->serial, 1) + 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), from * 86400);
    X509_gmtime_adj(X509_getm_notAfter(cert), to * 86400);
    X509_set_pubkey(cert, key);
    X509_NAME *subject = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const unsigned char *)"pfetch tests", -1, -1, 0);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)cut, -1, -1, 0);
    return cert;
}

static int cert_sign(X509 *cert, const struct signer *by, const char *digest)
{
    const EVP_MD *md = EVP_PKEY_is_a(by->key, "ED25519") ? NULL : EVP_get_digestbyname(digest);
    X509_set_issuer_name(cert, X509_get_subject_name(by->cert));
    return X509_sign(cert, by->key, md) > 0 ? 0 : -1;
}

/* An authority below `by` (NULL: a root), and its chain. */
static int signer_make(struct authority *a, struct signer *s, const struct signer *by, const char *name,
                       const char *constraints, const char *usage, const char *names, long to)
{
    s->key = EVP_EC_gen("P-256");
    s->cert = cert_start(a, name, s->key, to < 0 ? to - 30 : -10, to);
    struct signer self = {.cert = s->cert, .key = s->key};
    if (!by)
        by = &self;
    if (extension_add(s->cert, by->cert, NID_basic_constraints, constraints) < 0 ||
        extension_add(s->cert, by->cert, NID_key_usage, usage) < 0 ||
        extension_add(s->cert, by->cert, NID_subject_key_identifier, "hash") < 0 ||
        (names && extension_add(s->cert, by->cert, NID_name_constraints, names) < 0) ||
        cert_sign(s->cert, by, "SHA256") < 0)
        return -1;
    if (by == &self)
        return 0;
    s->chain[s->chain_count++] = s->cert;
    for (int i = 0; i < by->chain_count && s->chain_count < CHAIN_MAX; i++)
        s->chain[s->chain_count++] = by->chain[i];
    return 0;
}

static int signers_make(struct authority *a)
{
    static const char ca[] = "critical,CA:TRUE", sign[] = "critical,keyCertSign,cRLSign";
    struct signer *s = a->signers, zero = {0}, last, next;
    struct signer *root = &s[BY_ROOT];
    if (signer_make(a, root, NULL, "Root", ca, sign, NULL, 3650) < 0 ||
        signer_make(a, &s[BY_OTHER], NULL, "Other Root", ca, sign, NULL, 3650) < 0 ||
        signer_make(a, &s[BY_INTERMEDIATE], root, "Intermediate", ca, sign, NULL, 365) < 0 ||
        signer_make(a, &s[BY_EXPIRED], root, "Old Intermediate", ca, sign, NULL, -1) < 0 ||
        signer_make(a, &s[BY_NOT_CA], root, "No Authority", "critical,CA:FALSE", "digitalSignature", NULL,
                    365) < 0 ||
        signer_make(a, &s[BY_NO_SIGN], root, "No Signer", ca, "critical,digitalSignature", NULL, 365) < 0 ||
        signer_make(a, &s[BY_CONSTRAINED], root, "Constrained", ca, sign,
                    "critical,permitted;DNS:permitted.example", 365) < 0 ||
        signer_make(a, &zero, root, "Short Path", "critical,CA:TRUE,pathlen:0", sign, NULL, 365) < 0 ||
        signer_make(a, &s[BY_SHORT_PATH], &zero, "Too Deep", ca, sign, NULL, 365) < 0)
        return -1;
    last = *root;
    for (int i = 0; i < DEEP; i++) {
        char name[32];
        snprintf(name, sizeof name, "Level %d", i + 1);
        memset(&next, 0, sizeof next);
        if (signer_make(a, &next, &last, name, ca, sign, NULL, 365) < 0)
            return -1;
        last = next;
    }
    s[BY_DEEP] = last;
    return 0;
}

/* A name with a NUL inside: what a C string takes for the whole is its first half. */
static int names_nul(X509 *cert, const char *name)
{
    char both[512];
    int len = snprintf(both, sizeof both, "%s%c.evil.example", name, 0);
    GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *one = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, both, len);
    GENERAL_NAME_set0_value(one, GEN_DNS, text);
    sk_GENERAL_NAME_push(all, one);
    int ok = X509_add1_ext_i2d(cert, NID_subject_alt_name, all, 0, X509V3_ADD_DEFAULT);
    sk_GENERAL_NAME_pop_free(all, GENERAL_NAME_free);
    return ok == 1 ? 0 : -1;
}

static int names_many(X509 *cert, X509 *issuer, const char *name)
{
    enum { MANY = 3000, EACH = 24 };
    char *text = malloc(MANY * EACH + 512);
    size_t len = (size_t)snprintf(text, 300, "DNS:%s", name);
    for (int i = 0; i < MANY; i++)
        len += (size_t)snprintf(text + len, EACH, ",DNS:n%d.example", i);
    int result = extension_add(cert, issuer, NID_subject_alt_name, text);
    free(text);
    return result;
}

static int names_add(X509 *cert, X509 *issuer, const struct spec *spec, const char *name)
{
    char text[1024];
    if (spec->odd == ODD_NUL_NAME)
        return names_nul(cert, name);
    if (spec->odd == ODD_MANY_NAMES)
        return names_many(cert, issuer, name);
    if (spec->san && !*spec->san)
        return 0;
    if (!*name && !spec->san)
        return extension_add(
            cert, issuer, NID_subject_alt_name,
            "DNS:localhost,IP:127.0.0.1,IP:127.0.0.2,IP:127.0.0.3,IP:127.0.0.4,IP:127.0.0.5,IP:::1");
    const char *form = spec->san ? spec->san : "DNS:%s";
    const char *mark = strstr(form, "%s");
    if (mark)
        snprintf(text, sizeof text, "%.*s%s%s", (int)(mark - form), form, *name ? name : "localhost",
                 mark + 2);
    else
        snprintf(text, sizeof text, "%s", form);
    return extension_add(cert, issuer, NID_subject_alt_name, text);
}

static int critical_add(X509 *cert)
{
    ASN1_OBJECT *object = OBJ_txt2obj("1.3.6.1.4.1.55555.1.2.3", 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(value, (const unsigned char *)"\x05", 2);
    X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, object, 1, value);
    int ok = e && X509_add_ext(cert, e, -1);
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
    return ok ? 0 : -1;
}

/* One bit of the signature turned over, by way of the encoded form. */
static X509 *signature_break(X509 *cert)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    X509 *broken = NULL;
    if (len > 0) {
        const unsigned char *p = der;
        der[len - 1] ^= 1;
        broken = d2i_X509(NULL, &p, len);
        OPENSSL_free(der);
    }
    X509_free(cert);
    return broken;
}

static X509 *leaf_make(struct authority *a, const struct spec *spec, const char *name)
{
    bool dated = spec->from || spec->to;
    EVP_PKEY *key = key_of(a, spec->key);
    X509 *cert =
        cert_start(a, *name ? name : "localhost", key, dated ? spec->from : -1, dated ? spec->to : 30);
    struct signer self = {.cert = cert, .key = key};
    const struct signer *by = spec->by == BY_ITSELF ? &self : &a->signers[spec->by];
    if (extension_add(cert, by->cert, NID_basic_constraints,
                      spec->odd == ODD_CA_LEAF ? "critical,CA:TRUE" : "critical,CA:FALSE") < 0 ||
        extension_add(cert, by->cert, NID_key_usage,
                      spec->usage ? spec->usage : "critical,digitalSignature") < 0 ||
        extension_add(cert, by->cert, NID_ext_key_usage,
                      spec->extended_usage ? spec->extended_usage : "serverAuth,clientAuth") < 0 ||
        names_add(cert, by->cert, spec, name) < 0 || (spec->odd == ODD_CRITICAL && critical_add(cert) < 0) ||
        cert_sign(cert, by, spec->digest ? spec->digest : "SHA256") < 0) {
        X509_free(cert);
        return NULL;
    }
    return spec->odd == ODD_SIGNATURE ? signature_break(cert) : cert;
}

/* A slot a name: a name that falls on a slot in use takes it over. The caller gets a reference. */
static X509 *leaf_get(struct authority *a, const struct spec *spec, const char *name)
{
    unsigned hash = 5381;
    for (const char *p = name; *p; p++)
        hash = hash * 33 + (unsigned char)*p;
    struct slot *slot = &a->cache[hash % CACHE];
    pthread_mutex_lock(&a->lock);
    if (!slot->cert || slot->spec != spec || strcmp(slot->name, name) != 0) {
        X509_free(slot->cert);
        slot->cert = leaf_make(a, spec, name);
        slot->spec = spec;
        snprintf(slot->name, sizeof slot->name, "%s", name);
    }
    X509 *cert = slot->cert;
    if (cert)
        X509_up_ref(cert);
    pthread_mutex_unlock(&a->lock);
    return cert;
}

static void chain_fill(struct authority *a, const struct spec *spec, X509 *leaf, STACK_OF(X509) * chain)
{
    const struct signer *by = spec->by == BY_ITSELF ? NULL : &a->signers[spec->by];
    int count = by ? by->chain_count : 0;
    if (spec->send == SEND_UNRELATED)
        sk_X509_push(chain, a->signers[BY_OTHER].cert);
    if (spec->send == SEND_TWICE)
        sk_X509_push(chain, leaf);
    for (int i = 0; i < count && spec->send != SEND_LEAF; i++)
        sk_X509_push(chain, by->chain[spec->send == SEND_REVERSED ? count - 1 - i : i]);
    if (spec->send == SEND_ROOT_TOO)
        sk_X509_push(chain, a->signers[BY_ROOT].cert);
    if (spec->send == SEND_REVERSED)
        sk_X509_insert(chain, a->signers[BY_ROOT].cert, 0);
}

int authority_dress(struct authority *a, SSL *ssl, const char *name, const char *words)
{
    const struct spec *spec = spec_find(words);
    X509 *leaf = leaf_get(a, spec, name);
    STACK_OF(X509) *chain = sk_X509_new_null();
    if (spec->key == KEY_RSA1024 || spec->digest)
        SSL_set_security_level(ssl, 0);
    if (leaf)
        chain_fill(a, spec, leaf, chain);
    pthread_mutex_lock(&a->lock);
    EVP_PKEY *key = key_of(a, spec->key);
    pthread_mutex_unlock(&a->lock);
    int ok = leaf && SSL_use_cert_and_key(ssl, leaf, key, chain, 1);
    sk_X509_free(chain);
    X509_free(leaf);
    return ok == 1 ? 0 : -1;
}

X509 *authority_root(struct authority *a)
{
    return a->signers[BY_ROOT].cert;
}

static int pem_write(const char *dir, const char *name, X509 **certs, int count, EVP_PKEY *key)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "we");
    int ok = f != NULL;
    for (int i = 0; ok && i < count; i++)
        ok = PEM_write_X509(f, certs[i]);
    if (ok && key)
        ok = PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    if (f && fclose(f) != 0)
        ok = 0;
    return ok ? 0 : -1;
}

static int files_write(struct authority *a, const char *dir)
{
    static const struct spec client = {.by = BY_ROOT, .extended_usage = "clientAuth"};
    static const struct spec stranger = {.by = BY_OTHER, .extended_usage = "clientAuth"};
    char path[4096];
    struct signer *s = a->signers;
    EVP_PKEY *key = key_of(a, KEY_P256);
    X509 *one = leaf_make(a, &client, "client.example"), *two = leaf_make(a, &stranger, "stranger.example");
    X509 *server[2] = {leaf_make(a, &good, ""), s[BY_INTERMEDIATE].cert};
    int ok =
        one && two && server[0] && pem_write(dir, "ca.pem", &s[BY_ROOT].cert, 1, NULL) == 0 &&
        pem_write(dir, "other.pem", &s[BY_OTHER].cert, 1, NULL) == 0 &&
        pem_write(dir, "intermediate.pem", &s[BY_INTERMEDIATE].cert, 1, NULL) == 0 &&
        pem_write(dir, "client.pem", &one, 1, NULL) == 0 && pem_write(dir, "client.key", NULL, 0, key) == 0 &&
        pem_write(dir, "stranger.pem", &two, 1, NULL) == 0 &&
        pem_write(dir, "stranger.key", NULL, 0, key) == 0 &&
        pem_write(dir, "server.pem", server, 2, NULL) == 0 && pem_write(dir, "server.key", NULL, 0, key) == 0;
    snprintf(path, sizeof path, "%s/capath", dir);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "capath/%08lx.0", X509_subject_name_hash(s[BY_ROOT].cert));
    ok = ok && pem_write(dir, path, &s[BY_ROOT].cert, 1, NULL) == 0;
    X509_free(one);
    X509_free(two);
    X509_free(server[0]);
    return ok ? 0 : -1;
}

struct authority *authority_new(const char *dir)
{
    struct authority *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    pthread_mutex_init(&a->lock, NULL);
    if (signers_make(a) < 0 || files_write(a, dir) < 0) {
        fprintf(stderr, "origin: certificates cannot be written to %s\n", dir);
        ERR_print_errors_fp(stderr);
        free(a);
        return NULL;
    }
    return a;
}
