/* Signatures that are seen again. Each test is a process of its own: what is remembered is so for all of it.
 */
#include "config.h"

#include <check.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fetch/signatures.h"

enum { SIGNATURE_MAX = 1024 };

/* What was signed is `text`. */
struct signature {
    EVP_PKEY *key;
    int padding; /* of RSA; 0: PKCS #1 v1.5 */
    const char *text;
    unsigned char bytes[SIGNATURE_MAX];
    size_t len;
};

static void use_padding(EVP_PKEY_CTX *ctx, int padding)
{
    if (padding)
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
}

static struct signature sign(EVP_PKEY *key, int padding, const char *text)
{
    struct signature s = {.key = key, .padding = padding, .text = text, .len = SIGNATURE_MAX};
    EVP_PKEY_CTX *key_ctx;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ck_assert_int_eq(EVP_DigestSignInit(ctx, &key_ctx, EVP_sha256(), NULL, key), 1);
    use_padding(key_ctx, padding);
    ck_assert_int_eq(EVP_DigestSign(ctx, s.bytes, &s.len, (const unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_free(ctx);
    return s;
}

/* 1: good. */
static int verify(const struct signature *s)
{
    EVP_PKEY_CTX *key_ctx;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ck_assert_int_eq(EVP_DigestVerifyInit(ctx, &key_ctx, EVP_sha256(), NULL, s->key), 1);
    use_padding(key_ctx, s->padding);
    int good = EVP_DigestVerify(ctx, s->bytes, s->len, (const unsigned char *)s->text, strlen(s->text));
    EVP_MD_CTX_free(ctx);
    return good;
}

/* True if the signature is good and OpenSSL was not asked. */
static bool recalled(const struct signature *s)
{
    unsigned long before = signatures_recalled();
    ck_assert_int_eq(verify(s), 1);
    return signatures_recalled() > before;
}

static void remember(void)
{
    ck_assert(signatures_remember());
    ck_assert(signatures_remember());
}

struct kind {
    const char *what;
    int padding;
};

/* Another key of the kind each time. */
static EVP_PKEY *key_new(const struct kind *kind)
{
    return strcmp(kind->what, "RSA") == 0 ? EVP_RSA_gen(2048) : EVP_EC_gen(kind->what);
}

static const struct kind kinds[] = {{"P-256", 0}, {"P-384", 0}, {"RSA", 0}, {"RSA", RSA_PKCS1_PSS_PADDING}};
enum { KINDS = sizeof kinds / sizeof *kinds };

START_TEST(what_was_good_once_is_known)
{
    remember();
    EVP_PKEY *key = key_new(&kinds[_i]);
    struct signature s = sign(key, kinds[_i].padding, "text");
    ck_assert(!recalled(&s));
    ck_assert(recalled(&s));
    ck_assert(recalled(&s));
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(nothing_else_is_good_for_that)
{
    remember();
    EVP_PKEY *key = key_new(&kinds[_i]), *other = key_new(&kinds[_i]);
    const struct signature s = sign(key, kinds[_i].padding, "text");
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(verify(&s), 1);
    ck_assert(recalled(&s));
    struct signature bad = s;
    bad.text = "texT";
    ck_assert_int_ne(verify(&bad), 1);
    bad = s;
    bad.key = other;
    ck_assert_int_ne(verify(&bad), 1);
    for (size_t at = 0; at < s.len; at += 7) {
        bad = s;
        bad.bytes[at] ^= 0x40;
        ck_assert_int_ne(verify(&bad), 1);
        ck_assert_int_eq(verify(&s), 1);
    }
    bad = s;
    bad.len--;
    ck_assert_int_ne(verify(&bad), 1);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}
END_TEST

/* The public key with the same modulus, but to be raised to the third power. */
static EVP_PKEY *with_exponent_3(const EVP_PKEY *key)
{
    BIGNUM *n = NULL, *e = BN_new();
    EVP_PKEY *ret = NULL;
    ck_assert_int_eq(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n), 1);
    ck_assert_int_eq(BN_set_word(e, 3), 1);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    ck_assert_int_eq(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n), 1);
    ck_assert_int_eq(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e), 1);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    ck_assert_int_eq(EVP_PKEY_fromdata_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_fromdata(ctx, &ret, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    return ret;
}

START_TEST(a_modulus_alone_is_no_key)
{
    remember();
    EVP_PKEY *key = EVP_RSA_gen(2048), *other = with_exponent_3(key);
    struct signature s = sign(key, 0, "text");
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(verify(&s), 1);
    ck_assert(recalled(&s));
    s.key = other;
    ck_assert_int_ne(verify(&s), 1);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}
END_TEST

START_TEST(one_padding_says_nothing_of_another)
{
    remember();
    EVP_PKEY *key = EVP_RSA_gen(2048);
    const struct signature plain = sign(key, 0, "text"), pss = sign(key, RSA_PKCS1_PSS_PADDING, "text");
    for (int i = 0; i < 4; i++) {
        struct signature mixed = plain;
        mixed.padding = RSA_PKCS1_PSS_PADDING;
        ck_assert_int_eq(verify(&plain), 1);
        ck_assert_int_ne(verify(&mixed), 1);
        mixed = pss;
        mixed.padding = 0;
        ck_assert_int_eq(verify(&pss), 1);
        ck_assert_int_ne(verify(&mixed), 1);
    }
    EVP_PKEY_free(key);
}
END_TEST

/* Checks a signature of a digest itself. */
static int verify_digest(EVP_PKEY *key, const unsigned char *digest, size_t digest_len,
                         const struct signature *s)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    ck_assert_int_eq(EVP_PKEY_verify_init(ctx), 1);
    int good = EVP_PKEY_verify(ctx, s->bytes, s->len, digest, digest_len);
    EVP_PKEY_CTX_free(ctx);
    return good;
}

START_TEST(a_digest_is_compared_as_a_whole)
{
    enum { LEN = 32 };
    remember();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    const unsigned char digest[LEN] = "thirty-two bytes of some digest";
    struct signature s = {.key = key, .len = SIGNATURE_MAX};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    ck_assert_int_eq(EVP_PKEY_sign_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_sign(ctx, s.bytes, &s.len, digest, LEN), 1);
    EVP_PKEY_CTX_free(ctx);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(verify_digest(key, digest, LEN, &s), 1);
    ck_assert_uint_eq(signatures_recalled(), 2);
    for (size_t at = 0; at < LEN; at++) {
        unsigned char other[LEN];
        struct signature twisted = s; /* digest and signature so that what they are found by is the same */
        memcpy(other, digest, LEN);
        other[at] ^= 1;
        ck_assert_int_ne(verify_digest(key, other, LEN, &s), 1);
        if (at < 8)
            twisted.bytes[s.len - 8 + at] ^= 1;
        ck_assert_int_ne(verify_digest(key, other, LEN, &twisted), 1);
    }
    ck_assert_int_ne(verify_digest(key, digest, LEN - 1, &s), 1);
    struct signature shifted = s; /* the same again, but for the length */
    memmove(shifted.bytes + 1, s.bytes, shifted.len++);
    ck_assert_int_ne(verify_digest(key, digest, LEN, &shifted), 1);
    memmove(shifted.bytes, s.bytes + 1, shifted.len = s.len - 1);
    ck_assert_int_ne(verify_digest(key, digest, LEN, &shifted), 1);
    ck_assert_int_eq(verify_digest(key, digest, LEN, &s), 1);
    ck_assert_uint_eq(signatures_recalled(), 3);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(what_is_bad_stays_bad)
{
    remember();
    EVP_PKEY *key = key_new(&kinds[_i]);
    struct signature s = sign(key, kinds[_i].padding, "text");
    s.text = "another";
    for (int i = 0; i < 4; i++)
        ck_assert_int_ne(verify(&s), 1);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(what_is_asked_again_is_kept)
{
    enum { MANY = SIGNATURES_KEPT + 1 };
    static const char *const texts[2] = {"a", "b"};
    static struct signature s[MANY];
    remember();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    for (int i = 0; i < MANY; i++) {
        s[i] = sign(key, 0, texts[i % 2]);
        ck_assert(!recalled(&s[i]));
        ck_assert(recalled(&s[i]));
        ck_assert(recalled(&s[0])); /* and so is not the one that was not asked for the longest */
    }
    ck_assert(!recalled(&s[1]));
    ck_assert(recalled(&s[1])); /* in place of the second oldest */
    ck_assert(!recalled(&s[2]));
    for (int i = 4; i < MANY; i++)
        ck_assert(recalled(&s[i]));
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(what_comes_once_makes_way)
{
    enum { OTHERS = SIGNATURES_FRESH + 1 };
    static struct signature others[OTHERS];
    remember();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    const struct signature known = sign(key, 0, "known"), once = sign(key, 0, "once");
    ck_assert(!recalled(&known));
    ck_assert(recalled(&known));
    ck_assert(!recalled(&once));
    for (int i = 0; i < OTHERS; i++) {
        others[i] = sign(key, 0, "others");
        ck_assert(!recalled(&others[i]));
    }
    ck_assert(recalled(&known));
    ck_assert(!recalled(&once));
    for (int i = 0; i < OTHERS; i++) /* its print was left, so that now it stays */
        ck_assert_int_eq(verify(&others[i]), 1);
    ck_assert(recalled(&once));
    ck_assert(recalled(&known));
    EVP_PKEY_free(key);
}
END_TEST

/* The same public key with its curve spelled out. */
static EVP_PKEY *spelled_out(EVP_PKEY *key)
{
    unsigned char *der = NULL;
    ck_assert_int_eq(
        EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT), 1);
    int len = i2d_PUBKEY(key, &der);
    ck_assert_int_gt(len, 200); /* a named one has 91 */
    const unsigned char *at = der;
    EVP_PKEY *ret = d2i_PUBKEY(NULL, &at, len);
    ck_assert_ptr_nonnull(ret);
    OPENSSL_free(der);
    return ret;
}

START_TEST(curves_that_are_spelled_out_are_not_remembered)
{
    remember();
    EVP_PKEY *named = EVP_EC_gen("P-256"), *key = spelled_out(named);
    struct signature s = sign(named, 0, "text"), same = s;
    same.key = key;
    for (int i = 0; i < 4; i++)
        ck_assert(!recalled(&same));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(verify(&s), 1);
    ck_assert(recalled(&s));
    ck_assert(!recalled(&same));
    EVP_PKEY_free(named);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_child_keeps_what_it_learns)
{
    remember();
    int status;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct signature known = sign(key, 0, "known"), learned = sign(key, 0, "learned");
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(verify(&known), 1);
    pid_t child = fork();
    if (child == 0) {
        bool right = recalled(&known);
        right = right && !recalled(&learned);
        _exit(right && recalled(&learned) ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert(!recalled(&learned));
    EVP_PKEY_free(key);
}
END_TEST

enum { THREADS = 4, SHARED = 40, ROUNDS = 200 };
static struct signature shared[SHARED];

static void *check_all(void *arg)
{
    uintptr_t wrong = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct signature s = shared[(i * 7 + *(const int *)arg) % SHARED];
        wrong += verify(&s) != 1;
        s.text = "not this";
        wrong += verify(&s) == 1;
    }
    return (void *)wrong; /* NOLINT: a count */
}

START_TEST(threads_share_it)
{
    remember();
    static const char *const texts[] = {"a", "b", "c"};
    pthread_t threads[THREADS];
    int first[THREADS];
    EVP_PKEY *keys[KINDS];
    for (int i = 0; i < KINDS; i++)
        keys[i] = key_new(&kinds[i]);
    for (int i = 0; i < SHARED; i++)
        shared[i] = sign(keys[i % KINDS], kinds[i % KINDS].padding, texts[i % 3]);
    for (int i = 0; i < THREADS; i++) {
        first[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, check_all, &first[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *wrong;
        ck_assert_int_eq(pthread_join(threads[i], &wrong), 0);
        ck_assert_ptr_null(wrong);
    }
    ck_assert_uint_gt(signatures_recalled(), 0);
    ck_assert_uint_le(signatures_known(), SIGNATURES_KEPT);
    for (int i = 0; i < KINDS; i++)
        EVP_PKEY_free(keys[i]);
}
END_TEST

START_TEST(threads_that_ask_the_same_at_once_keep_it_once)
{
    enum { FEW = 12 };
    remember();
    pthread_t threads[THREADS];
    static const int first = 0;
    EVP_PKEY *key = key_new(&kinds[0]);
    for (int i = 0; i < SHARED; i++)
        shared[i] = i < FEW ? sign(key, 0, "text") : shared[i - FEW];
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, check_all, (void *)&first), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_le(signatures_known(), FEW);
    EVP_PKEY_free(key);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("signatures");
    TCase *t = tcase_create("signatures");
    tcase_set_timeout(t, 60);
#if OPENSSL_VERSION_MAJOR == 3
    tcase_add_loop_test(t, what_was_good_once_is_known, 0, KINDS);
    tcase_add_loop_test(t, nothing_else_is_good_for_that, 0, KINDS);
    tcase_add_test(t, a_digest_is_compared_as_a_whole);
    tcase_add_test(t, a_modulus_alone_is_no_key);
    tcase_add_test(t, one_padding_says_nothing_of_another);
    tcase_add_loop_test(t, what_is_bad_stays_bad, 0, KINDS);
    tcase_add_test(t, what_is_asked_again_is_kept);
    tcase_add_test(t, what_comes_once_makes_way);
    tcase_add_test(t, curves_that_are_spelled_out_are_not_remembered);
    tcase_add_test(t, a_child_keeps_what_it_learns);
    tcase_add_test(t, threads_share_it);
    tcase_add_test(t, threads_that_ask_the_same_at_once_keep_it_once);
#endif
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_FORK);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
