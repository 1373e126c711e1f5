/* OpenSSL's texts, loaded late. Each test is a process of its own: what is deferred is so for all of it. */
#include "config.h"

#include <check.h>
#include <openssl/asn1err.h>
#include <openssl/err.h>
#include <openssl/opensslv.h>
#include <openssl/proverr.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>
#include <pthread.h>
#include <stdlib.h>

#include "fetch/reasons.h"

static const unsigned long x509 = ERR_PACK(ERR_LIB_X509, 0, X509_R_CERT_ALREADY_IN_HASH_TABLE);
static const unsigned long asn1 = ERR_PACK(ERR_LIB_ASN1, 0, ASN1_R_WRONG_TAG);
static const unsigned long ssl = ERR_PACK(ERR_LIB_SSL, 0, SSL_R_BAD_KEY_SHARE);
static const unsigned long general = ERR_PACK(ERR_LIB_SSL, 0, ERR_R_INTERNAL_ERROR);
static const unsigned long provider = ERR_PACK(ERR_LIB_PROV, 0, PROV_R_FAILED_TO_GENERATE_KEY);

static void assert_texts(void)
{
    ck_assert_str_eq(reasons_text(x509), "cert already in hash table");
    ck_assert_str_eq(reasons_text(asn1), "wrong tag");
    ck_assert_str_eq(reasons_text(general), "internal error");
}

START_TEST(texts_are_there_at_once)
{
    ck_assert_uint_eq(ERR_peek_error(), 0); /* loads them */
    assert_texts();
    ck_assert_str_eq(reasons_text(provider), "failed to generate key");
}
END_TEST

START_TEST(deferred_texts_are_there_when_they_are_wanted)
{
    reasons_defer();
    ck_assert_uint_eq(ERR_peek_error(), 0);
#if OPENSSL_VERSION_MAJOR == 3
    ck_assert_ptr_null(ERR_reason_error_string(x509)); /* it does save something */
#endif
    assert_texts();
    ck_assert_int_eq(OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL), 1);
    ck_assert_str_eq(reasons_text(ssl), "bad key share");
}
END_TEST

static void *look(void *arg)
{
    (void)arg;
    const char *text = reasons_text(asn1);
    return text ? NULL : (void *)&asn1;
}

START_TEST(threads_may_want_them_at_once)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    reasons_defer();
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, look, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        void *missing;
        ck_assert_int_eq(pthread_join(threads[i], &missing), 0);
        ck_assert_ptr_null(missing);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("reasons");
    TCase *t = tcase_create("reasons");
    tcase_add_test(t, texts_are_there_at_once);
    tcase_add_test(t, deferred_texts_are_there_when_they_are_wanted);
    tcase_add_test(t, threads_may_want_them_at_once);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_FORK);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
