#include "config.h"

#include <check.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "fetch/provider.h"

/* What is derived is compared with RFC 8448's traces, and with what OpenSSL's plain context derives. */

enum { OUT_MAX = 600, INPUT_MAX = 400, THREADS = 4 };

static OSSL_LIB_CTX *context;

static void setup(void)
{
    context = provider_context_new();
}

static void teardown(void)
{
    provider_context_free(context);
}

/* What a derivation is asked for; a NULL is left out. */
struct ask {
    const char *digest, *properties;
    int mode;
    const unsigned char *key, *salt, *prefix, *label, *data;
    size_t key_len, salt_len, prefix_len, label_len, data_len, out_len;
};

static void add(OSSL_PARAM **p, const char *name, const unsigned char *data, size_t len)
{
    if (data)
        *(*p)++ = OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)data, len);
}

static void params_make(const struct ask *a, int *mode, OSSL_PARAM *p)
{
    *mode = a->mode;
    if (a->mode >= 0)
        *p++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, mode);
    if (a->digest)
        *p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)a->digest, 0);
    if (a->properties)
        *p++ =
            OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_PROPERTIES, (char *)(uintptr_t)a->properties, 0);
    add(&p, OSSL_KDF_PARAM_KEY, a->key, a->key_len);
    add(&p, OSSL_KDF_PARAM_SALT, a->salt, a->salt_len);
    add(&p, OSSL_KDF_PARAM_PREFIX, a->prefix, a->prefix_len);
    add(&p, OSSL_KDF_PARAM_LABEL, a->label, a->label_len);
    add(&p, OSSL_KDF_PARAM_DATA, a->data, a->data_len);
    *p = OSSL_PARAM_construct_end();
}

static EVP_KDF_CTX *derivation_new(OSSL_LIB_CTX *in)
{
    EVP_KDF *kdf = EVP_KDF_fetch(in, OSSL_KDF_NAME_TLS1_3_KDF, NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    ck_assert_ptr_nonnull(ctx);
    EVP_KDF_free(kdf);
    return ctx;
}

static bool derive(EVP_KDF_CTX *ctx, const struct ask *a, unsigned char *out)
{
    OSSL_PARAM params[9];
    int mode;
    params_make(a, &mode, params);
    bool done = EVP_KDF_derive(ctx, out, a->out_len, params) > 0;
    ERR_clear_error();
    return done;
}

static bool derive_in(OSSL_LIB_CTX *in, const struct ask *a, unsigned char out[OUT_MAX])
{
    EVP_KDF_CTX *ctx = derivation_new(in);
    bool done = derive(ctx, a, out);
    EVP_KDF_CTX_free(ctx);
    return done;
}

/* Both contexts give the same, or both refuse. True: they give something. */
static bool check_same(const struct ask *a)
{
    unsigned char ours[OUT_MAX] = {0}, plain[OUT_MAX] = {0};
    bool done = derive_in(context, a, ours);
    ck_assert_int_eq(done, derive_in(NULL, a, plain));
    if (done)
        ck_assert_mem_eq(ours, plain, OUT_MAX);
    return done;
}

static const unsigned char prefix[] = "tls13 ";

/* RFC 8448, section 3: the secrets of a simple 1-RTT handshake. */
static const unsigned char early[] = {0x33, 0xad, 0x0a, 0x1c, 0x60, 0x7e, 0xc0, 0x3b, 0x09, 0xe6, 0xcd,
                                      0x98, 0x93, 0x68, 0x0c, 0xe2, 0x10, 0xad, 0xf3, 0x00, 0xaa, 0x1f,
                                      0x26, 0x60, 0xe1, 0xb2, 0x2e, 0x10, 0xf1, 0x70, 0xf9, 0x2a};
static const unsigned char shared[] = {0x8b, 0xd4, 0x05, 0x4f, 0xb5, 0x5b, 0x9d, 0x63, 0xfd, 0xfb, 0xac,
                                       0xf9, 0xf0, 0x4b, 0x9f, 0x0d, 0x35, 0xe6, 0xd6, 0x3f, 0x53, 0x75,
                                       0x63, 0xef, 0xd4, 0x62, 0x72, 0x90, 0x0f, 0x89, 0x49, 0x2d};
static const unsigned char handshake[] = {0x1d, 0xc8, 0x26, 0xe9, 0x36, 0x06, 0xaa, 0x6f, 0xdc, 0x0a, 0xad,
                                          0xc1, 0x2f, 0x74, 0x1b, 0x01, 0x04, 0x6a, 0xa6, 0xb9, 0x9f, 0x69,
                                          0x1e, 0xd2, 0x21, 0xa9, 0xf0, 0xca, 0x04, 0x3f, 0xbe, 0xac};
static const unsigned char hello_hash[] = {0x86, 0x0c, 0x06, 0xed, 0xc0, 0x78, 0x58, 0xee, 0x8e, 0x78, 0xf0,
                                           0xe7, 0x42, 0x8c, 0x58, 0xed, 0xd6, 0xb4, 0x3f, 0x2c, 0xa3, 0xe6,
                                           0xe9, 0x5f, 0x02, 0xed, 0x06, 0x3c, 0xf0, 0xe1, 0xca, 0xd8};
static const unsigned char client_traffic[] = {
    0xb3, 0xed, 0xdb, 0x12, 0x6e, 0x06, 0x7f, 0x35, 0xa7, 0x80, 0xb3, 0xab, 0xf4, 0x5e, 0x2d, 0x8f,
    0x3b, 0x1a, 0x95, 0x07, 0x38, 0xf5, 0x2e, 0x96, 0x00, 0x74, 0x6a, 0x0e, 0x27, 0xa5, 0x5a, 0x21};
static const unsigned char client_key[] = {0xdb, 0xfa, 0xa6, 0x93, 0xd1, 0x76, 0x2c, 0x5b,
                                           0x66, 0x6a, 0xf5, 0xd9, 0x50, 0x25, 0x8d, 0x01};

START_TEST(test_trace)
{
    unsigned char out[OUT_MAX];
    struct ask a = {.digest = "SHA2-256",
                    .mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY,
                    .prefix = prefix,
                    .prefix_len = 6,
                    .label = (const unsigned char *)"derived",
                    .label_len = 7,
                    .out_len = 32};
    ck_assert(derive_in(context, &a, out)); /* no secret, no salt */
    ck_assert_mem_eq(out, early, sizeof early);
    a.salt = early, a.salt_len = a.key_len = 32, a.key = shared;
    ck_assert(derive_in(context, &a, out));
    ck_assert_mem_eq(out, handshake, sizeof handshake);
    a = (struct ask){.digest = "SHA256",
                     .mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY,
                     .prefix = prefix,
                     .prefix_len = 6,
                     .key = handshake,
                     .key_len = 32,
                     .label = (const unsigned char *)"c hs traffic",
                     .label_len = 12,
                     .data = hello_hash,
                     .data_len = 32,
                     .out_len = 32};
    ck_assert(derive_in(context, &a, out));
    ck_assert_mem_eq(out, client_traffic, sizeof client_traffic);
    a.key = client_traffic, a.label = (const unsigned char *)"key", a.label_len = 3, a.data = NULL,
    a.out_len = 16;
    ck_assert(derive_in(context, &a, out));
    ck_assert_mem_eq(out, client_key, sizeof client_key);
}
END_TEST

/* What libssl asks for, and what lies at the edges of it. */

static unsigned char input[INPUT_MAX];

static const char *const names[] = {"SHA2-256", "SHA256", "SHA2-384", "SHA384", "SHA2-512",
                                    "sha256",   "SHA1",   "none",     NULL};
static const size_t lengths[] = {0,  1,  12,  16,  31,  32,  33,  47,  48,  49,  63,
                                 64, 65, 127, 128, 129, 248, 249, 250, 255, 256, 300};
enum { NAMES = sizeof names / sizeof *names, LENGTHS = sizeof lengths / sizeof *lengths };

START_TEST(test_same)
{
    size_t done = 0;
    for (size_t i = 0; i < LENGTHS; i++)
        for (size_t field = 0; field < 6; field++)
            for (int mode = -1; mode < 4; mode++) {
                size_t size = _i == 2 || _i == 3 ? 48 : 32;
                struct ask a = {.digest = names[_i],
                                .mode = mode,
                                .key = input,
                                .key_len = size,
                                .prefix = prefix,
                                .prefix_len = 6,
                                .label = input + 50,
                                .label_len = 12,
                                .out_len = size};
                if (mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY || mode == 3)
                    a.salt = input + 7, a.salt_len = size;
                if (mode != EVP_KDF_HKDF_MODE_EXTRACT_ONLY)
                    a.data = input + 9, a.data_len = size;
                size_t *const varied[] = {&a.key_len,   &a.salt_len, &a.prefix_len,
                                          &a.label_len, &a.data_len, &a.out_len};
                *varied[field] = lengths[i];
                if (a.prefix_len > 6)
                    a.prefix = input;
                done += check_same(&a);
            }
    ck_assert(_i < 7 ? done > 100 : done == 0);
}
END_TEST

START_TEST(test_absent)
{
    /* Each of the things that may be left out. */
    const struct ask whole = {.digest = names[_i],
                              .key = input,
                              .key_len = 32,
                              .salt = input,
                              .salt_len = 32,
                              .prefix = prefix,
                              .prefix_len = 6,
                              .label = input,
                              .label_len = 9,
                              .data = input,
                              .data_len = 32,
                              .out_len = 32,
                              .properties = "provider=default"};
    for (int mode = -1; mode < 3; mode++)
        for (unsigned left = 0; left < 64; left++) {
            struct ask a = whole;
            a.mode = mode;
            a.key = left & 1 ? NULL : a.key;
            a.salt = left & 2 ? NULL : a.salt;
            a.prefix = left & 4 ? NULL : a.prefix;
            a.label = left & 8 ? NULL : a.label;
            a.data = left & 16 ? NULL : a.data;
            a.properties = NULL;
            if (left & 32 && a.digest) /* the plain context knows no other properties */
                a.properties = "";
            (void)check_same(&a);
        }
}
END_TEST

START_TEST(test_random)
{
    for (int i = 0; i < 3000; i++) {
        unsigned char dice[8];
        ck_assert_int_eq(RAND_bytes(dice, sizeof dice), 1);
        ck_assert_int_eq(RAND_bytes(input, sizeof input), 1);
        struct ask a = {.digest = dice[0] & 1 ? "SHA2-256" : "SHA2-384",
                        .mode = dice[0] & 2 ? EVP_KDF_HKDF_MODE_EXPAND_ONLY : EVP_KDF_HKDF_MODE_EXTRACT_ONLY,
                        .prefix = prefix,
                        .prefix_len = 6,
                        .label = input,
                        .label_len = dice[1] % 30u,
                        .out_len = dice[0] & 1 ? 32 : 48};
        if (dice[0] & 4 || a.mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY)
            a.key = input + 40, a.key_len = a.out_len;
        if (a.mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY) {
            a.data = dice[0] & 8 ? input + 100 : NULL, a.data_len = dice[2];
            a.out_len = dice[3] % (a.out_len + 1);
        } else if (dice[0] & 16) {
            a.salt = input + 90, a.salt_len = a.out_len;
        }
        (void)check_same(&a);
    }
}
END_TEST

/* An expansion as libssl asks for it, without data. */
static struct ask expansion(const char *digest)
{
    return (struct ask){.digest = digest,
                        .mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY,
                        .key = input,
                        .key_len = 32,
                        .prefix = prefix,
                        .prefix_len = 6,
                        .label = input,
                        .label_len = 5,
                        .out_len = 32};
}

START_TEST(test_set_before)
{
    /* What was set before holds, and one derivation after the other may come from a context. */
    unsigned char ours[OUT_MAX] = {0}, plain[OUT_MAX] = {0};
    struct ask whole = expansion("SHA2-256"),
               rest = {.mode = -1, .label = input + 8, .label_len = 6, .out_len = 32};
    for (int i = 0; i < 2; i++) {
        EVP_KDF_CTX *ctx = derivation_new(i ? context : NULL);
        unsigned char *out = i ? ours : plain;
        OSSL_PARAM params[9];
        int mode;
        params_make(&whole, &mode, params);
        ck_assert_int_eq(EVP_KDF_CTX_set_params(ctx, params), 1);
        ck_assert(derive(ctx, &rest, out));
        ck_assert(derive(ctx, &rest, out + 32));
        ck_assert(derive(ctx, &whole, out + 64));
        whole.prefix = NULL; /* that it had before */
        ck_assert(derive(ctx, &whole, out + 160));
        whole.prefix = prefix;
        EVP_KDF_CTX_reset(ctx);
        ck_assert(!derive(ctx, &rest, out + 96));
        ck_assert(derive(ctx, &whole, out + 96));
        ck_assert(derive(ctx, &whole, out + 128));
        EVP_KDF_CTX_free(ctx);
    }
    ck_assert_mem_eq(ours, plain, OUT_MAX);
}
END_TEST

START_TEST(test_twice)
{
    /* Of two OpenSSL takes the first. */
    unsigned char ours[OUT_MAX] = {0}, plain[OUT_MAX] = {0}, half[16] = {1};
    struct ask a = expansion("SHA2-256");
    a.data = input + 8, a.data_len = 32;
    static const char *const repeated[] = {OSSL_KDF_PARAM_KEY, OSSL_KDF_PARAM_PREFIX, OSSL_KDF_PARAM_LABEL,
                                           OSSL_KDF_PARAM_DATA};
    for (int i = 0; i < 2; i++) {
        EVP_KDF_CTX *ctx = derivation_new(i ? context : NULL);
        OSSL_PARAM params[9], *p = params;
        int mode;
        params_make(&a, &mode, params);
        while (p->key)
            p++;
        *p++ = OSSL_PARAM_construct_octet_string(repeated[_i], half, sizeof half);
        *p = OSSL_PARAM_construct_end();
        ck_assert_int_eq(EVP_KDF_derive(ctx, i ? ours : plain, 32, params), 1);
        EVP_KDF_CTX_free(ctx);
    }
    ck_assert_mem_eq(ours, plain, OUT_MAX);
}
END_TEST

static void *derive_in_thread(void *arg)
{
    for (int i = 0; i < 200; i++)
        ck_assert(check_same(arg));
    return NULL;
}

START_TEST(test_threads)
{
    pthread_t threads[THREADS];
    struct ask asks[THREADS];
    for (int i = 0; i < THREADS; i++) {
        asks[i] = expansion(names[i]);
        asks[i].key = input + i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, derive_in_thread, &asks[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}
END_TEST

int main(void)
{
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (unsigned char)(i * 7 + 3);
    Suite *s = suite_create("hkdf");
    TCase *t = tcase_create("hkdf");
    suite_add_tcase(s, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_trace);
    tcase_add_loop_test(t, test_same, 0, NAMES);
    tcase_add_loop_test(t, test_absent, 0, NAMES);
    tcase_add_test(t, test_random);
    tcase_add_test(t, test_set_before);
    tcase_add_loop_test(t, test_twice, 0, 4);
    tcase_add_test(t, test_threads);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
