#include "config.h"

#include <check.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>

#include "fetch/bundle.h"
#include "support/certs.h"
#include "support/tempdir.h"

enum { OTHERS = 20 };

static struct tempdir dir;
static struct cert others[OTHERS], ca, leaf;
static char path[4096];

static void setup(void)
{
    tempdir_init(&dir);
    snprintf(path, sizeof path, "%s/bundle.pem", dir.path);
    for (int i = 0; i < OTHERS; i++) {
        char name[32];
        snprintf(name, sizeof name, "Other %d", i);
        others[i] = cert_make((struct cert_plan){.name = name, .authority = true});
    }
    ca = cert_make((struct cert_plan){.name = "Test CA", .authority = true});
    leaf = cert_make((struct cert_plan){.name = "a.test", .alt_names = "DNS:a.test", .issuer = &ca});
}

static void teardown(void)
{
    for (int i = 0; i < OTHERS; i++)
        cert_free(&others[i]);
    cert_free(&leaf);
    cert_free(&ca);
    tempdir_free(&dir);
}

/* Writes text, the others, and `last` (may be NULL). */
static void bundle_write(const char *text, const struct cert *last)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    for (int i = 0; i < OTHERS; i++) {
        fprintf(f, "\nOther %d\n=======\n", i);
        ck_assert(PEM_write_X509(f, others[i].x509));
    }
    ck_assert(!last || PEM_write_X509(f, last->x509));
    ck_assert_int_eq(fclose(f), 0);
}

struct opened {
    struct bundle *bundle;
    X509_STORE *store;
};

static struct opened bundle_open(void)
{
    struct opened o = {NULL, X509_STORE_new()};
    ck_assert_int_eq(bundle_read(path, &o.bundle), 0);
    ck_assert_int_eq(bundle_attach(o.bundle, o.store, NULL), 0);
    return o;
}

static void bundle_close(struct opened *o)
{
    X509_STORE_free(o->store);
    bundle_free(o->bundle);
}

static bool verifies(X509_STORE *store, X509 *cert)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    ck_assert_int_eq(X509_STORE_CTX_init(ctx, store, cert, NULL), 1);
    bool ok = X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    return ok;
}

static int parsed(const struct opened *o)
{
    return sk_X509_OBJECT_num(X509_STORE_get0_objects(o->store));
}

START_TEST(test_parsed_when_named)
{
    bundle_write("# For people: -----\n", &ca);
    struct opened o = bundle_open();
    ck_assert_uint_eq(bundle_count(o.bundle), OTHERS + 1);
    ck_assert_int_eq(parsed(&o), 0);
    ck_assert(verifies(o.store, leaf.x509));
    ck_assert_int_eq(parsed(&o), 1);
    ck_assert(verifies(o.store, leaf.x509));
    ck_assert_int_eq(parsed(&o), 1);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    bundle_close(&o);
}
END_TEST

START_TEST(test_not_in_it)
{
    bundle_write("", NULL);
    struct opened o = bundle_open();
    ck_assert(!verifies(o.store, leaf.x509));
    ck_assert_int_eq(parsed(&o), 0);
    bundle_close(&o);
}
END_TEST

START_TEST(test_same_subject)
{
    /* A root was renewed: the store gets both, to choose by their key identifiers. */
    struct cert again = cert_make((struct cert_plan){.name = "Test CA", .authority = true});
    bundle_write("", &ca);
    FILE *f = fopen(path, "a");
    ck_assert(f && PEM_write_X509(f, again.x509));
    fclose(f);
    struct opened o = bundle_open();
    (void)verifies(o.store, leaf.x509);
    ck_assert_int_eq(parsed(&o), 2);
    bundle_close(&o);
    cert_free(&again);
}
END_TEST

/* A name with the one string, of a type. */
static X509_NAME *name_make(int type, const char *text, int len)
{
    X509_NAME *name = X509_NAME_new();
    ck_assert(
        X509_NAME_add_entry_by_NID(name, NID_commonName, type, (const unsigned char *)text, len, -1, 0));
    return name;
}

START_TEST(test_names_that_are_equal)
{
    /* OpenSSL takes all of these for "Test CA". */
    static const struct {
        int type;
        const char *text;
        int len;
    } spellings[] = {{V_ASN1_PRINTABLESTRING, "Test CA", 7},
                     {V_ASN1_UTF8STRING, "test  ca", 8},
                     {V_ASN1_IA5STRING, " TEST CA ", 9},
                     {V_ASN1_T61STRING, "Test Ca", 7},
                     {V_ASN1_BMPSTRING, "\0T\0e\0s\0t\0 \0C\0A", 14}};
    X509_NAME *name = name_make(spellings[_i].type, spellings[_i].text, spellings[_i].len);
    ck_assert_int_eq(X509_NAME_cmp(name, X509_get_subject_name(ca.x509)), 0);
    ck_assert_int_eq(X509_set_issuer_name(leaf.x509, name), 1);
    ck_assert_int_gt(X509_sign(leaf.x509, ca.key, EVP_sha256()), 0);
    bundle_write("", &ca);
    struct opened o = bundle_open();
    ck_assert(verifies(o.store, leaf.x509));
    bundle_close(&o);
    /* … and the other way round: the root is spelled so. */
    ck_assert_int_eq(X509_set_issuer_name(leaf.x509, X509_get_subject_name(ca.x509)), 1);
    ck_assert_int_gt(X509_sign(leaf.x509, ca.key, EVP_sha256()), 0);
    ck_assert_int_eq(X509_set_subject_name(ca.x509, name), 1);
    ck_assert_int_gt(X509_sign(ca.x509, ca.key, EVP_sha256()), 0);
    bundle_write("", &ca);
    o = bundle_open();
    X509_STORE_set_flags(o.store, X509_V_FLAG_PARTIAL_CHAIN);
    ck_assert(verifies(o.store, leaf.x509));
    ck_assert_int_eq(parsed(&o), 1);
    bundle_close(&o);
    X509_NAME_free(name);
}
END_TEST

static void *verify_in_thread(void *store)
{
    for (int i = 0; i < 50; i++)
        if (!verifies(store, leaf.x509))
            return store;
    return NULL;
}

START_TEST(test_threads)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    bundle_write("", &ca);
    struct opened o = bundle_open();
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, verify_in_thread, o.store), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
    ck_assert_int_eq(parsed(&o), 1);
    bundle_close(&o);
}
END_TEST

/* Writes `text` behind the bundle. */
static void refused(const char *text)
{
    struct bundle *b = NULL;
    bundle_write("", &ca);
    FILE *f = fopen(path, "a");
    fputs(text, f);
    fclose(f);
    ck_assert_msg(bundle_read(path, &b) == -1, "%s", text);
    ck_assert_ptr_null(b);
}

START_TEST(test_refused)
{
    static const char *const texts[] = {
        "-----BEGIN TRUSTED CERTIFICATE-----\nMAA=\n-----END TRUSTED CERTIFICATE-----\n",
        "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n",
        "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",     /* no certificate */
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",     /* cut */
        "-----BEGIN CERTIFICATE-----\nM!A=\n-----END CERTIFICATE-----\n",     /* no base64 */
        "-----BEGIN CERTIFICATE-----\nMA==MAAA\n-----END CERTIFICATE-----\n", /* more behind its end */
        "-----BEGIN CERTIFICATE-----\nM\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END X509 CRL-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n",
        "-----BEGIN CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE",
        "-----BEGIN CERTIFICATE-----\nMIAGAwAAAA==\n-----END CERTIFICATE-----\n", /* of indefinite length */
        "# -----BEGIN CERTIFICATE-----\n",
    };
    refused(texts[_i]);
}
END_TEST

/* In base64, without lines; malloc'd. */
static char *encoded(const unsigned char *der, int len)
{
    char *text = calloc(1, (size_t)len * 2);
    ck_assert(text && EVP_EncodeBlock((unsigned char *)text, der, len) > 0);
    return text;
}

/* How a certificate is written. */
struct layout {
    const char *begin, *before; /* a line */
    int letters;                /* in a line */
    const char *after, *end;
    bool read; /* it is to be read */
};

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END   "-----END CERTIFICATE-----"
static const struct layout usual = {BEGIN "\n", "", 64, "\n", END "\n", true};

/* Writes one more certificate behind the bundle. */
static void append(const char *base64, const struct layout *l)
{
    FILE *f = fopen(path, "a");
    ck_assert_ptr_nonnull(f);
    fputs(l->begin, f);
    for (int at = 0, len = (int)strlen(base64); at < len; at += l->letters)
        fprintf(f, "%s%.*s%s", l->before, l->letters, base64 + at, l->after);
    fputs(l->end, f);
    ck_assert_int_eq(fclose(f), 0);
}

static bool is_read(void)
{
    struct bundle *b = NULL;
    bool result = bundle_read(path, &b) == 0;
    ck_assert(!result || bundle_count(b) > OTHERS);
    bundle_free(b);
    return result;
}

/* What OpenSSL refuses or reads otherwise is not read here, nor what nobody writes. */
START_TEST(test_layouts)
{
    static const struct layout layouts[] = {
        {BEGIN "\n", "", 64, "\n", END "\n", true},
        {BEGIN "\n", "", 76, "\n", END "\n", true},
        {BEGIN "\r\n", "", 64, "\r\n", END "\r\n", true},
        {BEGIN "\n", "", 64, "\n", END, true}, /* the file ends there */
        {BEGIN "\n", "", 64, "\n", END "\n# a word", true},
        {" " BEGIN "\n", "", 64, "\n", END "\n", false},
        {BEGIN " \n", "", 64, "\n", END "\n", false},
        {BEGIN, "", 64, "\n", END "\n", false},
        {BEGIN "\n\n", "", 64, "\n", END "\n", false},
        {BEGIN "\n", "", 64, "\n\n", END "\n", false},
        {BEGIN "\n", "", 64, "\r\n\r\n", END "\n", false},
        {BEGIN "\n", "", 64, "\r", END "\n", false},
        {BEGIN "\n", " ", 64, "\n", END "\n", false},
        {BEGIN "\n", "", 254, "\n", END "\n", false},
        {BEGIN "\n", "", 64, "", END "\n", false},
        {BEGIN "\n", "", 64, "\n", END "# a word\n", false},
        {BEGIN "\n", "", 64, "\n", END BEGIN "\n", false},
    };
    unsigned char *der = NULL;
    int len = i2d_X509(ca.x509, &der);
    char *text = encoded(der, len);
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        bundle_write("", NULL);
        append(text, &layouts[i]);
        ck_assert_msg(is_read() == layouts[i].read, "layout %zu", i);
    }
    free(text);
    OPENSSL_free(der);
}
END_TEST

/* Whether the bundle is read with one more certificate behind it. */
static bool is_read_with(const unsigned char *der, int len)
{
    char *text = encoded(der, len);
    bundle_write("", NULL);
    append(text, &usual);
    free(text);
    return is_read();
}

/* Wrong tags and lengths of the outer parts show at once. */
START_TEST(test_outer_parts)
{
    unsigned char *der = NULL, more[4096] = {0};
    int len = i2d_X509(ca.x509, &der);
    const ASN1_BIT_STRING *signature;
    X509_get0_signature(&signature, NULL, ca.x509);
    ck_assert(len > 0 && len < (int)sizeof more && is_read_with(der, len));
    memcpy(more, der, (size_t)len);
    ck_assert(!is_read_with(more, len + 1)); /* a byte behind it */
    const int tags[] = {0, 4, 8, 13, len - signature->length - 3};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        der[tags[i]] ^= 0x08;
        ck_assert_msg(!is_read_with(der, len), "tag at %d", tags[i]);
        der[tags[i]] ^= 0x08;
    }
    der[len - signature->length - 2]--; /* the signature's length */
    ck_assert(!is_read_with(der, len));
    OPENSSL_free(der);
}
END_TEST

START_TEST(test_no_file)
{
    struct bundle *b = NULL;
    ck_assert_int_eq(bundle_read("/nonexistent/bundle", &b), -1);
    ck_assert_int_eq(bundle_read(dir.path, &b), -1);
    FILE *f = fopen(path, "w");
    fclose(f);
    ck_assert_int_eq(bundle_read(path, &b), -1);
    f = fopen(path, "w");
    PEM_write_X509(f, ca.x509);
    fputc(0, f);
    fclose(f);
    ck_assert_int_eq(bundle_read(path, &b), -1);
    ck_assert_ptr_null(b);
}
END_TEST

START_TEST(test_cut_and_changed)
{
    /* However the file is damaged: refused, or certificates that are none to a store. */
    bundle_write("", &ca);
    FILE *f = fopen(path, "r");
    char text[65536];
    size_t len = fread(text, 1, sizeof text, f);
    fclose(f);
    ck_assert_uint_lt(len, sizeof text);
    for (size_t i = 0; i < len; i += 97) {
        struct bundle *b = NULL;
        char kept = text[i];
        text[i] = (char)(kept ^ 0x15);
        f = fopen(path, "w");
        fwrite(text, 1, i % 2 ? len : i, f);
        fclose(f);
        text[i] = kept;
        if (bundle_read(path, &b) < 0)
            continue;
        X509_STORE *store = X509_STORE_new();
        ck_assert_int_eq(bundle_attach(b, store, NULL), 0);
        (void)verifies(store, leaf.x509);
        (void)verifies(store, others[OTHERS - 1].x509);
        X509_STORE_free(store);
        bundle_free(b);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("bundle");
    TCase *t = tcase_create("bundle");
    suite_add_tcase(s, t);
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_parsed_when_named);
    tcase_add_test(t, test_not_in_it);
    tcase_add_test(t, test_same_subject);
    tcase_add_loop_test(t, test_names_that_are_equal, 0, 5);
    tcase_add_test(t, test_threads);
    tcase_add_loop_test(t, test_refused, 0, 14);
    tcase_add_test(t, test_layouts);
    tcase_add_test(t, test_outer_parts);
    tcase_add_test(t, test_no_file);
    tcase_add_test(t, test_cut_and_changed);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
