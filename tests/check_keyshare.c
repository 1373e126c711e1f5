#include "config.h"

#include <check.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "fetch/provider.h"

/* Keys that are made are compared with what OpenSSL's plain context makes of their private halves. */

enum { KEY_LEN = 32, THREADS = 4, KEYS = 50 };

static OSSL_LIB_CTX *context;

static void setup(void)
{
    context = provider_context_new();
}

static void teardown(void)
{
    provider_context_free(context);
}

/* As libssl makes a key share. */
static EVP_PKEY *share_new(OSSL_LIB_CTX *in, const char *algorithm, const char *group)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(in, algorithm, NULL);
    ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
    if (group)
        ck_assert_int_eq(EVP_PKEY_CTX_set_group_name(ctx, group), 1);
    ck_assert_int_eq(EVP_PKEY_keygen(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    ck_assert_uint_eq(ERR_peek_error(), 0);
    return key;
}

static void share_halves(EVP_PKEY *key, unsigned char private[KEY_LEN], unsigned char public[KEY_LEN])
{
    size_t n = KEY_LEN;
    ck_assert_int_eq(EVP_PKEY_get_raw_private_key(key, private, &n), 1);
    ck_assert_uint_eq(n, KEY_LEN);
    ck_assert_int_eq(EVP_PKEY_get_raw_public_key(key, public, &n), 1);
    ck_assert_uint_eq(n, KEY_LEN);
}

static void secret_derive(OSSL_LIB_CTX *in, EVP_PKEY *key, EVP_PKEY *peer, unsigned char ret[KEY_LEN])
{
    size_t n = KEY_LEN;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(in, key, NULL);
    ck_assert_int_eq(EVP_PKEY_derive_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_derive_set_peer(ctx, peer), 1);
    ck_assert_int_eq(EVP_PKEY_derive(ctx, ret, &n), 1);
    ck_assert_uint_eq(n, KEY_LEN);
    EVP_PKEY_CTX_free(ctx);
}

START_TEST(test_public)
{
    unsigned char private[KEY_LEN], public[KEY_LEN], plain[KEY_LEN], last[KEY_LEN] = {0};
    size_t n = KEY_LEN;
    for (int i = 0; i < KEYS; i++) {
        EVP_PKEY *key = share_new(context, "X25519", i % 2 ? "x25519" : NULL);
        share_halves(key, private, public);
        ck_assert(memcmp(private, last, KEY_LEN) != 0);
        memcpy(last, private, KEY_LEN);
        ck_assert_uint_eq(private[0] & 7, 0);
        ck_assert_uint_eq(private[KEY_LEN - 1] & 0xc0, 0x40);
        EVP_PKEY *same = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private, KEY_LEN);
        ck_assert_int_eq(EVP_PKEY_get_raw_public_key(same, plain, &n), 1);
        ck_assert_mem_eq(public, plain, KEY_LEN);
        EVP_PKEY_free(same);
        EVP_PKEY_free(key);
    }
}
END_TEST

START_TEST(test_secret)
{
    /* With a peer of the plain context both sides come to the same, as the wire carries public halves. */
    unsigned char ours[KEY_LEN], theirs[KEY_LEN], wire[KEY_LEN];
    for (int i = 0; i < KEYS; i++) {
        size_t n = KEY_LEN;
        EVP_PKEY *key = share_new(context, "X25519", "x25519"), *peer = share_new(NULL, "X25519", NULL);
        ck_assert_int_eq(EVP_PKEY_get_raw_public_key(peer, wire, &n), 1);
        EVP_PKEY *seen = EVP_PKEY_new_raw_public_key_ex(context, "X25519", NULL, wire, n);
        secret_derive(context, key, seen, ours);
        EVP_PKEY_free(seen);
        ck_assert_int_eq(EVP_PKEY_get_raw_public_key(key, wire, &n), 1);
        seen = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, wire, n);
        secret_derive(NULL, peer, seen, theirs);
        ck_assert_mem_eq(ours, theirs, KEY_LEN);
        EVP_PKEY_free(seen);
        EVP_PKEY_free(peer);
        EVP_PKEY_free(key);
    }
}
END_TEST

START_TEST(test_refused)
{
    /* What the wrapped functions refuse is refused, and what they make without halves has none. */
    static const unsigned char none[KEY_LEN];
    unsigned char public[KEY_LEN] = {0};
    size_t n = KEY_LEN;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(context, "X25519", NULL);
    EVP_PKEY *key = NULL;
    ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
    ck_assert_int_le(EVP_PKEY_CTX_set_group_name(ctx, "P-256"), 0);
    ck_assert_int_eq(EVP_PKEY_paramgen_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_paramgen(ctx, &key), 1);
    (void)EVP_PKEY_get_raw_public_key(key, public, &n);
    ck_assert_mem_eq(public, none, KEY_LEN);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
}
END_TEST

START_TEST(test_others)
{
    /* Other groups are not touched. */
    static const char *const others[][2] = {{"X448", "x448"}, {"EC", "P-256"}, {"EC", "P-384"}};
    EVP_PKEY *key = share_new(context, others[_i][0], others[_i][1]);
    ck_assert_int_gt(EVP_PKEY_get_bits(key), 253);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(test_several)
{
    /* A second context makes keys as well, while the first is there, and when it has gone. */
    unsigned char private[KEY_LEN], public[KEY_LEN], other[KEY_LEN];
    for (int i = 0; i < 3; i++) {
        OSSL_LIB_CTX *second = provider_context_new();
        EVP_PKEY *early = share_new(context, "X25519", NULL), *key = share_new(second, "X25519", NULL);
        provider_context_free(context);
        context = second;
        share_halves(key, private, public);
        EVP_PKEY_free(key);
        key = share_new(second, "X25519", NULL);
        share_halves(key, private, other);
        ck_assert(memcmp(public, other, KEY_LEN) != 0);
        EVP_PKEY_free(key);
        EVP_PKEY_free(early);
    }
}
END_TEST

static void *share_in_thread(void *arg)
{
    unsigned char private[KEY_LEN];
    for (int i = 0; i < KEYS; i++) {
        EVP_PKEY *key = share_new(context, "X25519", NULL);
        share_halves(key, private, arg);
        EVP_PKEY_free(key);
    }
    return NULL;
}

START_TEST(test_threads)
{
    pthread_t threads[THREADS];
    unsigned char last[THREADS][KEY_LEN];
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, share_in_thread, last[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert(memcmp(last[0], last[1], KEY_LEN) != 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("keyshare");
    TCase *t = tcase_create("keyshare");
    suite_add_tcase(s, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_public);
    tcase_add_test(t, test_secret);
    tcase_add_test(t, test_refused);
    tcase_add_loop_test(t, test_others, 0, 3);
    tcase_add_test(t, test_several);
    tcase_add_test(t, test_threads);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
