#include "authority.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
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

enum key_kind {
    KEY_P256,
    KEY_P384,
    KEY_P521,
    KEY_RSA,
    KEY_RSA512,
    KEY_RSA1024,
    KEY_RSA_PSS,
    KEY_RSA_PLAIN, /* 3,482 bits */
    KEY_RSA_BIG,   /* 8,676 bits */
    KEY_RSA_HUGE,  /* 19,630 bits, more than OpenSSL takes */
    KEY_ED25519,
    KEY_ED448,
    KEYS
};

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
    BY_EXCLUDING,   /* an intermediate for all names but those under .test */
    BY_PERMITTING,  /* an intermediate for names under .test only */
    BY_NETWORK,     /* an intermediate for addresses in 10.0.0.0/8 only, and any name */
    BY_OLD_FORM,    /* an intermediate of version 1 */
    BY_CLIENTS,     /* an intermediate whose extended key usage is clients only */
    BY_SHA1,        /* an intermediate that is signed with SHA-1 */
    BY_PSS,         /* an intermediate that signs with RSA-PSS */
    BY_RSA,         /* an intermediate with an RSA key */
    BY_CIRCLE,      /* one of two intermediates that signed each other */
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
    enum {
        SEND_CHAIN,
        SEND_LEAF,
        SEND_ROOT_TOO,
        SEND_REVERSED,
        SEND_UNRELATED,
        SEND_TWICE,
        SEND_CROSS_EXPIRED, /* the intermediate as an expired cross-certificate first */
        SEND_CROSS_OTHER,   /* the intermediate as cross-signed by the other root, then as it is */
        SEND_CROSS_ROOT,    /* the root as cross-signed by an expired one, behind the chain */
        SEND_MANY,          /* the intermediate thirty times */
        SEND_TOO_MUCH       /* more than 100 KB of certificates */
    } send;
    enum {
        ODD_NOTHING,
        ODD_NUL_NAME,
        ODD_CRITICAL,
        ODD_SIGNATURE,
        ODD_MANY_NAMES,
        ODD_CA_LEAF,
        ODD_EMPTY_NAME,
        ODD_UTF8_NAME,
        ODD_BROKEN_NAMES, /* bytes that are no subjectAltName */
        ODD_TWO_NAMES,    /* the extension twice, first for another name */
        ODD_OLD_FORM,     /* version 1, no extensions */
        ODD_NEGATIVE,     /* a negative serial number */
        ODD_NO_END,       /* until 99991231235959Z */
        ODD_BAD_TIME,     /* a month that is none */
        ODD_NO_USAGE      /* neither key usage nor extended key usage */
    } odd;
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
    {.word = "innerwildcard", .san = "DNS:innerwildcard.*.test"},
    {.word = "doublewildcard", .san = "DNS:*.*.test"},
    {.word = "partwildcard", .san = "DNS:part*card.sub.test,DNS:*artwildcard.sub.test"},
    {.word = "idnwildcard", .san = "DNS:xn--*.sub.test,DNS:*-idnwildcard.sub.test"},
    {.word = "ipwildcard", .san = "DNS:*.0.0.1,DNS:*"},
    {.word = "ipnames", .san = "DNS:127.0.0.1,DNS:::1"},
    {.word = "ipright", .san = "IP:127.0.0.1,IP:::1"},
    {.word = "ipwrong", .san = "IP:127.0.0.9,IP:::2"},
    {.word = "ipmapped", .san = "IP:::FFFF:127.0.0.1"},
    {.word = "dotname", .san = "DNS:%s."},
    {.word = "emptyname", .odd = ODD_EMPTY_NAME},
    {.word = "utf8name", .odd = ODD_UTF8_NAME},
    {.word = "brokennames", .odd = ODD_BROKEN_NAMES},
    {.word = "twosans", .odd = ODD_TWO_NAMES},
    {.word = "oldform", .odd = ODD_OLD_FORM},
    {.word = "negative", .odd = ODD_NEGATIVE},
    {.word = "noend", .odd = ODD_NO_END},
    {.word = "badtime", .odd = ODD_BAD_TIME},
    {.word = "nousage", .odd = ODD_NO_USAGE},
    {.word = "keyagreement", .usage = "critical,keyAgreement"},
    {.word = "excluding", .by = BY_EXCLUDING},
    {.word = "permitting", .by = BY_PERMITTING},
    {.word = "network", .by = BY_NETWORK, .san = "DNS:%s,IP:127.0.0.1"},
    {.word = "networkname", .by = BY_NETWORK},
    {.word = "oldissuer", .by = BY_OLD_FORM},
    {.word = "clientsissuer", .by = BY_CLIENTS},
    {.word = "sha1issuer", .by = BY_SHA1},
    {.word = "pssissuer", .by = BY_PSS},
    {.word = "circle", .by = BY_CIRCLE},
    {.word = "crossexpired", .send = SEND_CROSS_EXPIRED},
    {.word = "crossother", .send = SEND_CROSS_OTHER},
    {.word = "crossroot", .send = SEND_CROSS_ROOT},
    {.word = "manysent", .send = SEND_MANY},
    {.word = "toomuch", .odd = ODD_MANY_NAMES, .send = SEND_TOO_MUCH},
    {.word = "p521", .key = KEY_P521},
    {.word = "ed448", .key = KEY_ED448},
    {.word = "rsapss", .key = KEY_RSA_PSS},
    {.word = "rsa512", .key = KEY_RSA512},
    {.word = "bigrsa", .key = KEY_RSA_BIG},
    {.word = "hugersa", .key = KEY_RSA_HUGE},
    {.word = "rsaissuer", .by = BY_RSA},
    {.word = "md5", .by = BY_RSA, .digest = "MD5"},
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
    X509 *cross_expired, *cross_other, *cross_root;
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

static BIGNUM *mersenne(int bits)
{
    BIGNUM *n = BN_new();
    BN_set_bit(n, bits);
    BN_sub_word(n, 1);
    return n;
}

/* An RSA key from the primes 2^a - 1 and 2^b - 1: a large one that needs no search. Only for tests: anybody
 * can factor it. */
static EVP_PKEY *rsa_from_mersenne(const char *type, int a, int b)
{
    BN_CTX *bn = BN_CTX_new();
    BIGNUM *p = mersenne(a), *q = mersenne(b), *n = BN_new(), *e = BN_new(), *phi = BN_new();
    BIGNUM *p1 = BN_dup(p), *q1 = BN_dup(q), *dp = BN_new(), *dq = BN_new();
    BN_mul(n, p, q, bn);
    BN_set_word(e, 65537);
    BN_sub_word(p1, 1);
    BN_sub_word(q1, 1);
    BN_mul(phi, p1, q1, bn);
    BIGNUM *d = BN_mod_inverse(NULL, e, phi, bn), *inverse = BN_mod_inverse(NULL, q, p, bn);
    BN_mod(dp, d, p1, bn);
    BN_mod(dq, d, q1, bn);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_D, d);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_FACTOR1, p);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_FACTOR2, q);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_EXPONENT1, dp);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_EXPONENT2, dq);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, inverse);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    EVP_PKEY_fromdata_init(ctx);
    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BIGNUM *all[] = {p, q, n, e, phi, p1, q1, dp, dq, d, inverse};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        BN_free(all[i]);
    BN_CTX_free(bn);
    return key;
}

static EVP_PKEY *key_make(enum key_kind kind)
{
    switch (kind) {
    case KEY_P384:
        return EVP_EC_gen("P-384");
    case KEY_P521:
        return EVP_EC_gen("P-521");
    case KEY_RSA:
        return EVP_RSA_gen(2048);
    case KEY_RSA512:
        return EVP_RSA_gen(512);
    case KEY_RSA1024:
        return EVP_RSA_gen(1024);
    case KEY_RSA_PSS:
        return rsa_from_mersenne("RSA-PSS", 1279, 2203);
    case KEY_RSA_PLAIN:
        return rsa_from_mersenne("RSA", 1279, 2203);
    case KEY_RSA_BIG:
        return rsa_from_mersenne("RSA", 4253, 4423);
    case KEY_RSA_HUGE:
        return rsa_from_mersenne("RSA", 9689, 9941);
    case KEY_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    case KEY_ED448:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
    case KEY_P256:
    case KEYS:
        break;
    }
    return EVP_EC_gen("P-256");
}

/* Keys are made when first asked for; the caller holds the lock or is alone. */
static EVP_PKEY *key_of(struct authority *a, enum key_kind kind)
{
    if (!a->keys[kind])
        a->keys[kind] = key_make(kind);
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
    bool own = EVP_PKEY_is_a(by->key, "ED25519") || EVP_PKEY_is_a(by->key, "ED448");
    const EVP_MD *md = own ? NULL : EVP_get_digestbyname(digest);
    X509_set_issuer_name(cert, X509_get_subject_name(by->cert));
    return X509_sign(cert, by->key, md) > 0 ? 0 : -1;
}

/* What an intermediate is like. All zero but the name: a good one. */
struct signer_plan {
    const char *name;
    const char *constraints, *usage; /* NULL: those of an authority */
    const char *names;               /* name constraints */
    const char *extended_usage;
    const char *digest;
    enum key_kind key;
    EVP_PKEY *of; /* the key, where there is one already */
    long to;      /* days from now; 0: 365 */
    bool old_form;
};

static int signer_extend(X509 *cert, X509 *by, const struct signer_plan *plan)
{
    const char *constraints = plan->constraints ? plan->constraints : "critical,CA:TRUE";
    const char *usage = plan->usage ? plan->usage : "critical,keyCertSign,cRLSign";
    if (plan->old_form)
        return X509_set_version(cert, X509_VERSION_1) ? 0 : -1;
    return extension_add(cert, by, NID_basic_constraints, constraints) < 0 ||
                   extension_add(cert, by, NID_key_usage, usage) < 0 ||
                   extension_add(cert, by, NID_subject_key_identifier, "hash") < 0 ||
                   (plan->names && extension_add(cert, by, NID_name_constraints, plan->names) < 0) ||
                   (plan->extended_usage &&
                    extension_add(cert, by, NID_ext_key_usage, plan->extended_usage) < 0)
               ? -1
               : 0;
}

/* An authority below `by` (NULL: a root), and its chain. */
static int signer_make(struct authority *a, struct signer *s, const struct signer *by,
                       const struct signer_plan *plan)
{
    long to = plan->to ? plan->to : 365;
    s->key = plan->of ? plan->of : key_make(plan->key);
    s->cert = cert_start(a, plan->name, s->key, to < 0 ? to - 30 : -10, to);
    struct signer self = {.cert = s->cert, .key = s->key};
    if (!by)
        by = &self;
    if (signer_extend(s->cert, by->cert, plan) < 0 ||
        cert_sign(s->cert, by, plan->digest ? plan->digest : "SHA256") < 0)
        return -1;
    if (by == &self)
        return 0;
    s->chain[s->chain_count++] = s->cert;
    for (int i = 0; i < by->chain_count && s->chain_count < CHAIN_MAX; i++)
        s->chain[s->chain_count++] = by->chain[i];
    return 0;
}

static int signers_deep(struct authority *a)
{
    struct signer last = a->signers[BY_ROOT], next;
    for (int i = 0; i < DEEP; i++) {
        char name[32];
        snprintf(name, sizeof name, "Level %d", i + 1);
        memset(&next, 0, sizeof next);
        if (signer_make(a, &next, &last, &(struct signer_plan){.name = name}) < 0)
            return -1;
        last = next;
    }
    a->signers[BY_DEEP] = last;
    return 0;
}

/* Two that signed each other, and no root. */
static int signers_circle(struct authority *a)
{
    struct signer first = {0}, second = {0}, closing = {0};
    const struct signer_plan one = {.name = "First of Two"}, two = {.name = "Second of Two"};
    if (signer_make(a, &first, NULL, &one) < 0 || signer_make(a, &second, &first, &two) < 0)
        return -1;
    const struct signer_plan again = {.name = "First of Two", .of = first.key};
    if (signer_make(a, &closing, &second, &again) < 0)
        return -1;
    a->signers[BY_CIRCLE] = closing;
    return 0;
}

/* The same subject and key as another's, signed by somebody else. */
static int signers_cross(struct authority *a)
{
    struct signer *s = a->signers, expired = {0}, other = {0}, old = {0}, root = {0};
    const struct signer_plan of_old = {.name = "Older Root", .to = -1};
    const struct signer_plan of_expired = {.name = "Intermediate", .of = s[BY_INTERMEDIATE].key, .to = -1};
    const struct signer_plan of_other = {.name = "Intermediate", .of = s[BY_INTERMEDIATE].key};
    const struct signer_plan of_root = {.name = "Root", .of = s[BY_ROOT].key};
    if (signer_make(a, &expired, &s[BY_ROOT], &of_expired) < 0 ||
        signer_make(a, &other, &s[BY_OTHER], &of_other) < 0 || signer_make(a, &old, NULL, &of_old) < 0 ||
        signer_make(a, &root, &old, &of_root) < 0)
        return -1;
    a->cross_expired = expired.cert;
    a->cross_other = other.cert;
    a->cross_root = root.cert;
    return 0;
}

static int signers_make(struct authority *a)
{
    static const struct {
        enum issuer which;
        struct signer_plan plan;
    } intermediates[] = {
        {BY_INTERMEDIATE, {.name = "Intermediate"}},
        {BY_EXPIRED, {.name = "Old Intermediate", .to = -1}},
        {BY_NOT_CA,
         {.name = "No Authority", .constraints = "critical,CA:FALSE", .usage = "digitalSignature"}},
        {BY_NO_SIGN, {.name = "No Signer", .usage = "critical,digitalSignature"}},
        {BY_CONSTRAINED, {.name = "Constrained", .names = "critical,permitted;DNS:permitted.example"}},
        {BY_EXCLUDING, {.name = "Excluding", .names = "critical,excluded;DNS:test"}},
        {BY_PERMITTING, {.name = "Permitting", .names = "critical,permitted;DNS:test"}},
        {BY_NETWORK, {.name = "Network", .names = "critical,permitted;IP:10.0.0.0/255.0.0.0"}},
        {BY_OLD_FORM, {.name = "Old Form", .old_form = true}},
        {BY_CLIENTS, {.name = "For Clients", .extended_usage = "clientAuth"}},
        {BY_SHA1, {.name = "Signed with SHA-1", .digest = "SHA1"}},
        {BY_PSS, {.name = "Signing with PSS", .key = KEY_RSA_PSS}},
        {BY_RSA, {.name = "With RSA", .key = KEY_RSA_PLAIN}},
    };
    const struct signer_plan root = {.name = "Root", .to = 3650}, other = {.name = "Other Root", .to = 3650};
    const struct signer_plan zero = {.name = "Short Path", .constraints = "critical,CA:TRUE,pathlen:0"};
    const struct signer_plan deeper = {.name = "Too Deep"};
    struct signer *s = a->signers, middle = {0};
    if (signer_make(a, &s[BY_ROOT], NULL, &root) < 0 || signer_make(a, &s[BY_OTHER], NULL, &other) < 0 ||
        signer_make(a, &middle, &s[BY_ROOT], &zero) < 0 ||
        signer_make(a, &s[BY_SHORT_PATH], &middle, &deeper) < 0)
        return -1;
    for (size_t i = 0; i < sizeof intermediates / sizeof *intermediates; i++)
        if (signer_make(a, &s[intermediates[i].which], &s[BY_ROOT], &intermediates[i].plan) < 0)
            return -1;
    return signers_deep(a) < 0 || signers_circle(a) < 0 || signers_cross(a) < 0 ? -1 : 0;
}

/* A DNS name of any bytes. */
static int names_raw(X509 *cert, const void *bytes, int len)
{
    GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *one = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, bytes, len);
    GENERAL_NAME_set0_value(one, GEN_DNS, text);
    sk_GENERAL_NAME_push(all, one);
    int ok = X509_add1_ext_i2d(cert, NID_subject_alt_name, all, 0, X509V3_ADD_APPEND);
    sk_GENERAL_NAME_pop_free(all, GENERAL_NAME_free);
    return ok == 1 ? 0 : -1;
}

/* A name with a NUL inside: what a C string takes for the whole is its first half. */
static int names_nul(X509 *cert, const char *name)
{
    char both[512];
    int len = snprintf(both, sizeof both, "%s%c.evil.example", name, 0);
    return names_raw(cert, both, len);
}

/* An extension of any bytes. */
static int extension_raw(X509 *cert, int nid, const char *bytes, int len)
{
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(value, (const unsigned char *)bytes, len);
    X509_EXTENSION *e = X509_EXTENSION_create_by_NID(NULL, nid, 0, value);
    int ok = e && X509_add_ext(cert, e, -1);
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(value);
    return ok ? 0 : -1;
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
    switch (spec->odd) {
    case ODD_NUL_NAME:
        return names_nul(cert, name);
    case ODD_MANY_NAMES:
        return names_many(cert, issuer, name);
    case ODD_EMPTY_NAME:
        return names_raw(cert, "", 0);
    case ODD_UTF8_NAME:
        return names_raw(cert, "utf8name.t\xC3\xA9st", 14);
    case ODD_BROKEN_NAMES:
        return extension_raw(cert, NID_subject_alt_name, "\x30\x7F\x82\x01x", 5);
    case ODD_TWO_NAMES:
        return names_raw(cert, "other.example", 13) < 0 ? -1 : names_raw(cert, name, (int)strlen(name));
    default:
        break;
    }
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

/* What lies in the certificate itself, not in its extensions. */
static int oddity_add(X509 *cert, const struct spec *spec)
{
    switch (spec->odd) {
    case ODD_NEGATIVE:
        return ASN1_INTEGER_set_int64(X509_get_serialNumber(cert), -4711) ? 0 : -1;
    case ODD_NO_END:
        return ASN1_TIME_set_string(X509_getm_notAfter(cert), "99991231235959Z") ? 0 : -1;
    case ODD_BAD_TIME:
        return ASN1_STRING_set(X509_getm_notBefore(cert), "209933012359Z", 13) ? 0 : -1;
    case ODD_CRITICAL:
        return critical_add(cert);
    default:
        return 0;
    }
}

static int leaf_extend(X509 *cert, X509 *by, const struct spec *spec, const char *name)
{
    const char *constraints = spec->odd == ODD_CA_LEAF ? "critical,CA:TRUE" : "critical,CA:FALSE";
    const char *usage = spec->usage ? spec->usage : "critical,digitalSignature";
    const char *extended = spec->extended_usage ? spec->extended_usage : "serverAuth,clientAuth";
    if (spec->odd == ODD_OLD_FORM)
        return X509_set_version(cert, X509_VERSION_1) ? 0 : -1;
    if (extension_add(cert, by, NID_basic_constraints, constraints) < 0 ||
        names_add(cert, by, spec, name) < 0)
        return -1;
    if (spec->odd == ODD_NO_USAGE)
        return 0;
    return extension_add(cert, by, NID_key_usage, usage) < 0 ||
                   extension_add(cert, by, NID_ext_key_usage, extended) < 0
               ? -1
               : 0;
}

static X509 *leaf_make(struct authority *a, const struct spec *spec, const char *name)
{
    bool dated = spec->from || spec->to;
    EVP_PKEY *key = key_of(a, spec->key);
    X509 *cert =
        cert_start(a, *name ? name : "localhost", key, dated ? spec->from : -1, dated ? spec->to : 30);
    struct signer self = {.cert = cert, .key = key};
    const struct signer *by = spec->by == BY_ITSELF ? &self : &a->signers[spec->by];
    if (leaf_extend(cert, by->cert, spec, name) < 0 || oddity_add(cert, spec) < 0 ||
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

static void chain_push(STACK_OF(X509) * chain, X509 *cert, int times)
{
    for (int i = 0; i < times; i++)
        sk_X509_push(chain, cert);
}

static void chain_fill(struct authority *a, const struct spec *spec, X509 *leaf, STACK_OF(X509) * chain)
{
    enum { MANY = 30 };
    const struct signer *by = spec->by == BY_ITSELF ? NULL : &a->signers[spec->by];
    int count = by ? by->chain_count : 0;
    if (spec->send == SEND_UNRELATED)
        sk_X509_push(chain, a->signers[BY_OTHER].cert);
    if (spec->send == SEND_TWICE)
        sk_X509_push(chain, leaf);
    if (spec->send == SEND_TOO_MUCH)
        chain_push(chain, leaf, 4);
    if (spec->send == SEND_CROSS_EXPIRED)
        sk_X509_push(chain, a->cross_expired);
    if (spec->send == SEND_CROSS_OTHER)
        sk_X509_push(chain, a->cross_other);
    for (int i = 0; i < count && spec->send != SEND_LEAF; i++)
        sk_X509_push(chain, by->chain[spec->send == SEND_REVERSED ? count - 1 - i : i]);
    if (spec->send == SEND_MANY)
        chain_push(chain, by->chain[0], MANY);
    if (spec->send == SEND_ROOT_TOO)
        sk_X509_push(chain, a->signers[BY_ROOT].cert);
    if (spec->send == SEND_CROSS_ROOT)
        sk_X509_push(chain, a->cross_root);
    if (spec->send == SEND_REVERSED)
        sk_X509_insert(chain, a->signers[BY_ROOT].cert, 0);
}

int authority_dress(struct authority *a, SSL *ssl, const char *name, const char *words)
{
    const struct spec *spec = spec_find(words);
    X509 *leaf = leaf_get(a, spec, name);
    STACK_OF(X509) *chain = sk_X509_new_null();
    if (spec->key == KEY_RSA1024 || spec->key == KEY_RSA512 || spec->digest || spec->by == BY_SHA1)
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
