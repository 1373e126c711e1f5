/* Keys that are met again. Each test is a process of its own: what is known is so for all of it. What comes
 * out is compared with OpenSSL's own answer. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "config.h"

#include <check.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/opensslv.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "fetch/issuers.h"

enum { DIGEST_LEN = 48, THREADS = 4, MANY = 20 };

static EC_KEY_METHOD *knowing;

/* From 3.2 on OpenSSL needs no help. */
static bool helps(void)
{
    return OPENSSL_VERSION_MAJOR == 3 && OpenSSL_version_num() < 0x30200000L;
}

static void setup(void)
{
    int (*verify)(int, const unsigned char *, int, const unsigned char *, int, EC_KEY *);
    int (*verify_sig)(const unsigned char *, int, const ECDSA_SIG *, EC_KEY *);
    knowing = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
    EC_KEY_METHOD_get_verify(knowing, &verify, &verify_sig);
    EC_KEY_METHOD_set_verify(knowing, verify, issuers_know(verify_sig));
}

static void teardown(void)
{
    EC_KEY_METHOD_free(knowing);
}

static EC_KEY *key_new(int curve)
{
    EC_KEY *key = EC_KEY_new_by_curve_name(curve);
    ck_assert_int_eq(EC_KEY_generate_key(key), 1);
    return key;
}

/* The public half, for the functions that are tested. */
static EC_KEY *key_public(const EC_KEY *key)
{
    EC_KEY *ret = EC_KEY_new();
    ck_assert_int_eq(EC_KEY_set_method(ret, knowing), 1);
    ck_assert_int_eq(EC_KEY_set_group(ret, EC_KEY_get0_group(key)), 1);
    ck_assert_int_eq(EC_KEY_set_public_key(ret, EC_KEY_get0_public_key(key)), 1);
    return ret;
}

static void digest_new(unsigned char digest[DIGEST_LEN])
{
    ck_assert_int_eq(RAND_bytes(digest, DIGEST_LEN), 1);
}

/* Checks `count` good signatures; how many were found good by multiples. */
static unsigned long meet(EC_KEY *key, EC_KEY *public, int count)
{
    unsigned char digest[DIGEST_LEN];
    unsigned long before = issuers_helped();
    for (int i = 0; i < count; i++) {
        digest_new(digest);
        ECDSA_SIG *s = ECDSA_do_sign(digest, DIGEST_LEN, key);
        ck_assert_int_eq(ECDSA_do_verify(digest, DIGEST_LEN, s, public), 1);
        ECDSA_SIG_free(s);
    }
    ck_assert_uint_eq(ERR_peek_error(), 0);
    return issuers_helped() - before;
}

START_TEST(a_key_that_is_met_often_is_known)
{
    EC_KEY *key = key_new(NID_secp384r1), *public = key_public(key);
    ck_assert_uint_eq(meet(key, public, ISSUERS_MET), 0);
    ck_assert_uint_eq(meet(key, public, MANY), helps() ? MANY : 0);
    EC_KEY *same = key_public(key); /* as another certificate has it */
    ck_assert_uint_eq(meet(key, same, 1), helps());
    EC_KEY_free(same);
    EC_KEY_free(public);
    EC_KEY_free(key);
}
END_TEST

/* More keys than are kept, each met so often that it would be. */
enum { KEYS = ISSUERS_KEPT + 1 };
static EC_KEY *many[KEYS], *many_public[KEYS];

static void keys_set(void)
{
    for (int i = 0; i < KEYS; i++) {
        many[i] = key_new(NID_secp384r1);
        many_public[i] = key_public(many[i]);
    }
    for (int round = 0; round < ISSUERS_MET; round++)
        for (int i = 0; i < KEYS; i++)
            ck_assert_uint_eq(meet(many[i], many_public[i], 1), 0);
}

static void keys_free(void)
{
    for (int i = 0; i < KEYS; i++) {
        EC_KEY_free(many_public[i]);
        EC_KEY_free(many[i]);
    }
}

START_TEST(some_keys_are_known)
{
    /* The first that come often enough, whatever comes between. */
    keys_set();
    for (int i = 0; i < KEYS; i++)
        ck_assert_uint_eq(meet(many[i], many_public[i], 2), helps() && i < ISSUERS_KEPT ? 2 : 0);
    keys_free();
}
END_TEST

START_TEST(keys_that_come_no_more_make_way)
{
    int last = KEYS - 1, helped = 0;
    keys_set();
    for (int i = 1; i < last; i++) /* all but the first come on */
        (void)meet(many[i], many_public[i], 1);
    ck_assert_uint_eq(meet(many[last], many_public[last], ISSUERS_STALE - 2 * KEYS), 0);
    for (int i = 1; i < last; i++)
        ck_assert_uint_eq(meet(many[i], many_public[i], 1), helps());
    (void)meet(many[last], many_public[last], 2 * KEYS);
    ck_assert_uint_eq(meet(many[last], many_public[last], 1), helps());
    for (int i = 1; i < last; i++)
        helped += (int)meet(many[i], many_public[i], 1);
    ck_assert_int_eq(helped, helps() ? last - 1 : 0);
    ck_assert_uint_eq(meet(many[0], many_public[0], 1), 0);
    keys_free();
}
END_TEST

START_TEST(keys_that_come_once_make_way)
{
    EC_KEY *often = key_new(NID_secp384r1), *public = key_public(often);
    for (int i = 0; i < ISSUERS_MET; i++) {
        ck_assert_uint_eq(meet(often, public, 1), 0);
        for (int j = 0; j < 5; j++) {
            EC_KEY *once = key_new(NID_secp384r1), *half = key_public(once);
            ck_assert_uint_eq(meet(once, half, 1), 0);
            EC_KEY_free(half);
            EC_KEY_free(once);
        }
    }
    ck_assert_uint_eq(meet(often, public, 1), helps());
    EC_KEY_free(public);
    EC_KEY_free(often);
}
END_TEST

START_TEST(other_curves_are_left_alone)
{
    static const int curves[] = {NID_X9_62_prime256v1, NID_secp521r1, NID_secp256k1, NID_brainpoolP384r1};
    EC_KEY *key = key_new(curves[_i]), *public = key_public(key);
    ck_assert_uint_eq(meet(key, public, 2 * ISSUERS_MET), 0);
    EC_KEY_free(public);
    EC_KEY_free(key);
}
END_TEST

START_TEST(curves_that_are_spelled_out_are_left_alone)
{
    unsigned char *der = NULL;
    EC_KEY *key = key_new(NID_secp384r1);
    EC_KEY_set_asn1_flag(key, OPENSSL_EC_EXPLICIT_CURVE);
    int len = i2d_ECPrivateKey(key, &der);
    ck_assert_int_gt(len, 0);
    const unsigned char *at = der;
    EC_KEY *spelled = EC_KEY_new();
    ck_assert_int_eq(EC_KEY_set_method(spelled, knowing), 1);
    ck_assert_ptr_nonnull(d2i_ECPrivateKey(&spelled, &at, len));
    ck_assert_int_eq(EC_KEY_decoded_from_explicit_params(spelled), 1);
    ck_assert_uint_eq(meet(key, spelled, 2 * ISSUERS_MET), 0);
    EC_KEY_free(spelled);
    EC_KEY_free(key);
    OPENSSL_free(der);
}
END_TEST

/* A key that is known, and the same for OpenSSL alone. */
static EC_KEY *known, *known_public, *plain;

static void known_set(void)
{
    known = key_new(NID_secp384r1);
    known_public = key_public(known);
    plain = EC_KEY_dup(known);
    (void)meet(known, known_public, ISSUERS_MET);
}

static void known_free(void)
{
    EC_KEY_free(known);
    EC_KEY_free(known_public);
    EC_KEY_free(plain);
}

/* Both say the same of a signature. True: it is good. */
static bool same(const unsigned char *digest, int len, const BIGNUM *r, const BIGNUM *s)
{
    ECDSA_SIG *signature = ECDSA_SIG_new();
    ck_assert_int_eq(ECDSA_SIG_set0(signature, BN_dup(r), BN_dup(s)), 1);
    unsigned long before = issuers_helped();
    int ours = ECDSA_do_verify(digest, len, signature, known_public);
    unsigned long by_us = issuers_helped() - before;
    int theirs = ECDSA_do_verify(digest, len, signature, plain);
    ck_assert_int_eq(ours, theirs);
    ck_assert_uint_eq(by_us, helps() && theirs == 1);
    ECDSA_SIG_free(signature);
    ERR_clear_error();
    return theirs == 1;
}

START_TEST(every_length_of_a_digest)
{
    unsigned char digest[2 * DIGEST_LEN];
    known_set();
    for (int len = 1; len <= (int)sizeof digest; len++) {
        ck_assert_int_eq(RAND_bytes(digest, sizeof digest), 1);
        ECDSA_SIG *s = ECDSA_do_sign(digest, len, known);
        ck_assert(same(digest, len, ECDSA_SIG_get0_r(s), ECDSA_SIG_get0_s(s)));
        digest[len > DIGEST_LEN ? DIGEST_LEN - 1 : len - 1] ^= 1;
        ck_assert(!same(digest, len, ECDSA_SIG_get0_r(s), ECDSA_SIG_get0_s(s)));
        ECDSA_SIG_free(s);
    }
    known_free();
}
END_TEST

START_TEST(digests_at_the_edges)
{
    /* 0, which leaves the base point out, and the order and above. */
    unsigned char digest[DIGEST_LEN] = {0};
    known_set();
    BIGNUM *edge = BN_dup(EC_GROUP_get0_order(EC_KEY_get0_group(known)));
    BN_sub_word(edge, 2);
    for (int i = 0; i < 6; i++) {
        ECDSA_SIG *s = ECDSA_do_sign(digest, DIGEST_LEN, known);
        ck_assert(same(digest, DIGEST_LEN, ECDSA_SIG_get0_r(s), ECDSA_SIG_get0_s(s)));
        ECDSA_SIG_free(s);
        BN_add_word(edge, 1);
        ck_assert_int_eq(BN_bn2binpad(edge, digest, DIGEST_LEN), DIGEST_LEN);
        if (i == 4)
            memset(digest, 0xff, sizeof digest);
    }
    BN_free(edge);
    known_free();
}
END_TEST

START_TEST(what_is_bad_stays_bad)
{
    unsigned char digest[DIGEST_LEN];
    known_set();
    digest_new(digest);
    const BIGNUM *order = EC_GROUP_get0_order(EC_KEY_get0_group(known));
    ECDSA_SIG *signature = ECDSA_do_sign(digest, DIGEST_LEN, known);
    const BIGNUM *r = ECDSA_SIG_get0_r(signature), *s = ECDSA_SIG_get0_s(signature);
    ck_assert(same(digest, DIGEST_LEN, r, s));
    for (int bit = 0; bit < 8 * DIGEST_LEN; bit += 5) {
        digest[bit / 8] ^= (unsigned char)(1 << bit % 8);
        ck_assert(!same(digest, DIGEST_LEN, r, s));
        digest[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    /* Numbers in the place of one half of it: 0, 1, around the order, the half and the order, negative ones.
     */
    BIGNUM *odd[10] = {0};
    for (int half = 0; half < 2; half++) {
        const BIGNUM *it = half ? s : r;
        for (int i = 0; i < 10; i++)
            odd[i] = BN_new();
        BN_one(odd[1]);
        BN_copy(odd[2], order);
        BN_sub(odd[3], order, BN_value_one());
        BN_add(odd[4], order, BN_value_one());
        BN_add(odd[5], it, order);
        BN_sub(odd[6], it, order);
        BN_copy(odd[7], it);
        BN_set_negative(odd[7], 1);
        BN_lshift(odd[8], it, 384);
        BN_add(odd[9], it, BN_value_one());
        for (int i = 0; i < 10; i++) {
            ck_assert(!same(digest, DIGEST_LEN, half ? r : odd[i], half ? odd[i] : s));
            BN_free(odd[i]);
        }
    }
    ck_assert(!same(digest, DIGEST_LEN, s, r));
    /* The other square root's: as good as the first (FIPS 186-5 knows no other rule). */
    BIGNUM *other = BN_new();
    BN_sub(other, order, s);
    ck_assert(same(digest, DIGEST_LEN, r, other));
    BN_free(other);
    ECDSA_SIG_free(signature);
    known_free();
}
END_TEST

START_TEST(another_key_is_another)
{
    /* What one key signed is bad under another, also when both are known, and under the first's inverse. */
    unsigned char digest[DIGEST_LEN];
    EC_KEY *other = key_new(NID_secp384r1), *other_public = key_public(other), *inverse = key_public(other);
    EC_POINT *point = EC_POINT_dup(EC_KEY_get0_public_key(other), EC_KEY_get0_group(other));
    known_set();
    (void)meet(other, other_public, ISSUERS_MET);
    ck_assert_int_eq(EC_POINT_invert(EC_KEY_get0_group(other), point, NULL), 1);
    ck_assert_int_eq(EC_KEY_set_public_key(inverse, point), 1);
    for (int i = 0; i < MANY; i++) {
        digest_new(digest);
        ECDSA_SIG *s = ECDSA_do_sign(digest, DIGEST_LEN, other);
        ck_assert_int_eq(ECDSA_do_verify(digest, DIGEST_LEN, s, other_public), 1);
        ck_assert_int_eq(ECDSA_do_verify(digest, DIGEST_LEN, s, known_public), 0);
        ck_assert_int_eq(ECDSA_do_verify(digest, DIGEST_LEN, s, inverse), 0);
        ECDSA_SIG_free(s);
    }
    EC_POINT_free(point);
    EC_KEY_free(inverse);
    EC_KEY_free(other_public);
    EC_KEY_free(other);
    known_free();
}
END_TEST

static void *meet_in_thread(void *arg)
{
    EC_KEY *key = arg, *public = key_public(key);
    (void)meet(key, public, 2 * MANY);
    EC_KEY_free(public);
    return NULL;
}

START_TEST(threads_share_it)
{
    pthread_t threads[THREADS];
    EC_KEY *keys[2] = {key_new(NID_secp384r1), key_new(NID_secp384r1)};
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, meet_in_thread, keys[i % 2]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++) {
        EC_KEY *public = key_public(keys[i]);
        ck_assert_uint_eq(meet(keys[i], public, 1), helps());
        EC_KEY_free(public);
        EC_KEY_free(keys[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("issuers");
    TCase *t = tcase_create("issuers");
    suite_add_tcase(s, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_key_that_is_met_often_is_known);
    tcase_add_test(t, some_keys_are_known);
    tcase_add_test(t, keys_that_come_no_more_make_way);
    tcase_add_test(t, keys_that_come_once_make_way);
    tcase_add_loop_test(t, other_curves_are_left_alone, 0, 4);
    tcase_add_test(t, curves_that_are_spelled_out_are_left_alone);
    tcase_add_test(t, every_length_of_a_digest);
    tcase_add_test(t, digests_at_the_edges);
    tcase_add_test(t, what_is_bad_stays_bad);
    tcase_add_test(t, another_key_is_another);
    tcase_add_test(t, threads_share_it);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
