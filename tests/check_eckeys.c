#include "config.h"

#include <check.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "fetch/provider.h"

/* What a key is read to is compared with what OpenSSL's plain context reads. */

enum { SPKI_MAX = 200, THREADS = 4 };

static OSSL_LIB_CTX *context;

static void setup(void)
{
    context = provider_context_new();
}

static void teardown(void)
{
    provider_context_free(context);
}

static EVP_PKEY *key_make(const char *curve, const char *form)
{
    EVP_PKEY *key = EVP_EC_gen(curve);
    ck_assert_ptr_nonnull(key);
    ck_assert_int_eq(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, form),
                     1);
    return key;
}

/* The public half, as a certificate has it. */
static int key_write(EVP_PKEY *key, unsigned char spki[SPKI_MAX])
{
    unsigned char *at = spki;
    int len = i2d_PUBKEY(key, NULL);
    ck_assert(len > 0 && len < SPKI_MAX);
    ck_assert_int_eq(i2d_PUBKEY(key, &at), len);
    return len;
}

static EVP_PKEY *key_read(OSSL_LIB_CTX *in, const unsigned char *spki, int len)
{
    EVP_PKEY *key = d2i_PUBKEY_ex(NULL, &spki, len, in, NULL);
    ERR_clear_error();
    return key;
}

static void check_text(EVP_PKEY *one, EVP_PKEY *other, const char *name)
{
    char a[64], b[64];
    ck_assert_int_eq(EVP_PKEY_get_utf8_string_param(one, name, a, sizeof a, NULL), 1);
    ck_assert_int_eq(EVP_PKEY_get_utf8_string_param(other, name, b, sizeof b, NULL), 1);
    ck_assert_str_eq(a, b);
}

/* The thin provider has no encoder: what a key has is asked of it. */
static void check_same(EVP_PKEY *ours, EVP_PKEY *plain)
{
    unsigned char a[SPKI_MAX], b[SPKI_MAX];
    size_t na, nb;
    ck_assert_int_eq(EVP_PKEY_get_octet_string_param(ours, OSSL_PKEY_PARAM_PUB_KEY, a, sizeof a, &na), 1);
    ck_assert_int_eq(EVP_PKEY_get_octet_string_param(plain, OSSL_PKEY_PARAM_PUB_KEY, b, sizeof b, &nb), 1);
    ck_assert_uint_eq(na, nb);
    ck_assert_mem_eq(a, b, na);
    ck_assert_int_eq(EVP_PKEY_get_bits(ours), EVP_PKEY_get_bits(plain));
    ck_assert_int_eq(EVP_PKEY_get_security_bits(ours), EVP_PKEY_get_security_bits(plain));
    ck_assert_int_eq(EVP_PKEY_get_size(ours), EVP_PKEY_get_size(plain));
    check_text(ours, plain, OSSL_PKEY_PARAM_GROUP_NAME);
    check_text(ours, plain, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT);
    check_text(ours, plain, OSSL_PKEY_PARAM_EC_ENCODING);
}

/* Both contexts read `spki` to the same, or both refuse it. True: it is a key. */
static bool check_read(const unsigned char *spki, int len)
{
    EVP_PKEY *plain = key_read(NULL, spki, len), *ours = key_read(context, spki, len);
    ck_assert_int_eq(ours != NULL, plain != NULL);
    if (ours)
        check_same(ours, plain);
    bool is_key = ours != NULL;
    EVP_PKEY_free(plain);
    EVP_PKEY_free(ours);
    return is_key;
}

static const struct {
    const char *curve, *form;
} kinds[] = {{"P-256", "uncompressed"},
             {"P-256", "compressed"},
             {"P-256", "hybrid"},
             {"P-384", "uncompressed"},
             {"P-384", "compressed"},
             {"P-384", "hybrid"},
             {"P-521", "uncompressed"},
             {"P-224", "uncompressed"},
             {"secp256k1", "uncompressed"},
             {"brainpoolP256r1", "hybrid"},
             {"brainpoolP384r1", "uncompressed"}};
enum { KINDS = sizeof kinds / sizeof *kinds };

START_TEST(test_same)
{
    unsigned char spki[SPKI_MAX];
    for (int i = 0; i < 20; i++) {
        EVP_PKEY *key = key_make(kinds[_i].curve, kinds[_i].form);
        ck_assert(check_read(spki, key_write(key, spki)));
        EVP_PKEY_free(key);
    }
}
END_TEST

START_TEST(test_verifies)
{
    /* A key that was read is not only equal: it checks signatures, and several of them. */
    static const unsigned char text[] = "text", other[] = "texT";
    unsigned char spki[SPKI_MAX], signature[256];
    for (int i = 0; i < 3; i++) {
        size_t size = sizeof signature;
        EVP_PKEY *key = key_make(kinds[_i].curve, kinds[_i].form);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
        ck_assert_int_eq(EVP_DigestSign(ctx, signature, &size, text, sizeof text), 1);
        EVP_MD_CTX_free(ctx);
        EVP_PKEY *ours = key_read(context, spki, key_write(key, spki));
        for (int good = 0; good < 2; good++) {
            ctx = EVP_MD_CTX_new();
            ck_assert_int_eq(EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", context, NULL, ours, NULL), 1);
            ck_assert_int_eq(EVP_DigestVerify(ctx, signature, size, good ? text : other, sizeof text) == 1,
                             good);
            EVP_MD_CTX_free(ctx);
        }
        EVP_PKEY_free(ours);
        EVP_PKEY_free(key);
    }
}
END_TEST

START_TEST(test_every_bit)
{
    /* Another curve, another form, a wrong length, a point beside the curve. */
    unsigned char spki[SPKI_MAX];
    EVP_PKEY *key = key_make(kinds[_i].curve, kinds[_i].form);
    int len = key_write(key, spki);
    for (int bit = 0; bit < 8 * len; bit++) {
        unsigned char mask = (unsigned char)(1 << bit % 8);
        spki[bit / 8] ^= mask;
        (void)check_read(spki, len);
        spki[bit / 8] ^= mask;
    }
    ck_assert(check_read(spki, len));
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(test_every_length)
{
    unsigned char spki[SPKI_MAX] = {0};
    EVP_PKEY *key = key_make(kinds[_i].curve, kinds[_i].form);
    int whole = key_write(key, spki);
    for (int len = 0; len < whole; len++)
        ck_assert(!check_read(spki, len));
    ck_assert(check_read(spki, whole + 1)); /* that is the next thing's */
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(test_points)
{
    /* No coordinate may be the field's prime or above, and 0,0 lies beside the curve. */
    unsigned char spki[SPKI_MAX];
    EVP_PKEY *key = key_make(kinds[_i].curve, "uncompressed");
    int len = key_write(key, spki), point = _i < 3 ? 64 : 96;
    memset(spki + len - point, 0xff, (size_t)point);
    ck_assert(!check_read(spki, len));
    memset(spki + len - point, 0, (size_t)point);
    ck_assert(!check_read(spki, len));
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(test_several)
{
    /* A second context reads the same, while the first is there, and when it has gone and come again. */
    unsigned char spki[SPKI_MAX];
    EVP_PKEY *key = key_make("P-256", "uncompressed");
    int len = key_write(key, spki);
    for (int i = 0; i < 3; i++) {
        OSSL_LIB_CTX *second = provider_context_new(), *first = context;
        EVP_PKEY *early = key_read(first, spki, len);
        ck_assert(check_read(spki, len));
        context = second;
        ck_assert(check_read(spki, len));
        check_same(early, key);
        EVP_PKEY_free(early);
        provider_context_free(first);
        ck_assert(check_read(spki, len));
    }
    EVP_PKEY_free(key);
}
END_TEST

static void *read_in_thread(void *arg)
{
    unsigned char spki[SPKI_MAX];
    for (int i = 0; i < 50; i++) {
        EVP_PKEY *ours = key_read(context, spki, key_write(arg, spki));
        ck_assert_ptr_nonnull(ours);
        ck_assert_int_eq(EVP_PKEY_get_bits(ours), EVP_PKEY_get_bits(arg));
        EVP_PKEY_free(ours);
    }
    return NULL;
}

START_TEST(test_threads)
{
    pthread_t threads[THREADS];
    EVP_PKEY *keys[THREADS];
    for (int i = 0; i < THREADS; i++) {
        keys[i] = key_make(i % 2 ? "P-384" : "P-256", "uncompressed");
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_in_thread, keys[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        EVP_PKEY_free(keys[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("eckeys");
    TCase *t = tcase_create("eckeys");
    suite_add_tcase(s, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_same, 0, KINDS);
    tcase_add_loop_test(t, test_verifies, 0, KINDS);
    tcase_add_loop_test(t, test_every_bit, 0, 6);
    tcase_add_loop_test(t, test_every_length, 0, 6);
    tcase_add_loop_test(t, test_points, 0, 6);
    tcase_add_test(t, test_several);
    tcase_add_test(t, test_threads);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
