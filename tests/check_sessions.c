#include <check.h>
#include <stdlib.h>

#include "fetch/sessions.h"

/* A session that could be resumed, of some number and size. */
static SSL_SESSION *session(unsigned char number, size_t ticket)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_SESSION *s = SSL_SESSION_new();
    unsigned char *text = calloc(1, ticket + 1);
    ck_assert(ctx && s && text);
    ck_assert_int_eq(SSL_SESSION_set1_id(s, &number, 1), 1);
    ck_assert_int_eq(SSL_SESSION_set_protocol_version(s, TLS1_2_VERSION), 1);
    ck_assert_int_eq(SSL_SESSION_set_cipher(s, sk_SSL_CIPHER_value(SSL_CTX_get_ciphers(ctx), 0)), 1);
    ck_assert_int_eq(SSL_SESSION_set1_master_key(s, text, ticket < 48 ? ticket : 48), 1);
    ck_assert_int_eq(SSL_SESSION_set1_ticket_appdata(s, text, ticket), 1);
    SSL_CTX_free(ctx);
    free(text);
    return s;
}

static void put(struct sessions *c, const char *host, uint16_t port, unsigned char number)
{
    SSL_SESSION *s = session(number, 10);
    sessions_put(c, host, port, s);
    SSL_SESSION_free(s);
}

/* The number of the session that is kept, or -1. */
static int kept(struct sessions *c, const char *host, uint16_t port)
{
    unsigned len = 0;
    SSL_SESSION *got = sessions_get(c, host, port);
    const unsigned char *id = got ? SSL_SESSION_get_id(got, &len) : NULL;
    int number = len == 1 ? id[0] : -1;
    SSL_SESSION_free(got);
    return number;
}

START_TEST(a_session_belongs_to_a_host_and_a_port)
{
    struct sessions *c = sessions_new(8);
    put(c, "a.test", 443, 7);
    ck_assert_int_eq(kept(c, "a.test", 444), -1);
    ck_assert_int_eq(kept(c, "b.test", 443), -1);
    ck_assert_int_eq(kept(c, "a.test", 443), 7);
    ck_assert_int_eq(kept(c, "a.test", 443), 7);
    sessions_free(c);
}
END_TEST

START_TEST(a_new_session_replaces_the_old_one)
{
    struct sessions *c = sessions_new(8);
    put(c, "a.test", 443, 1);
    put(c, "a.test", 443, 2);
    ck_assert_uint_eq(sessions_count(c), 1);
    ck_assert_int_eq(kept(c, "a.test", 443), 2);
    sessions_drop(c, "a.test", 443);
    sessions_drop(c, "a.test", 443);
    ck_assert_uint_eq(sessions_count(c), 0);
    sessions_free(c);
}
END_TEST

START_TEST(a_session_too_large_is_not_kept)
{
    struct sessions *c = sessions_new(8);
    SSL_SESSION *small = session(1, SESSIONS_BYTES_MAX - 300), *large = session(2, SESSIONS_BYTES_MAX);
    sessions_put(c, "a.test", 443, small);
    ck_assert_int_eq(kept(c, "a.test", 443), 1);
    sessions_put(c, "a.test", 443, large);
    ck_assert_uint_eq(sessions_count(c), 0);
    SSL_SESSION_free(small);
    SSL_SESSION_free(large);
    sessions_free(c);
}
END_TEST

START_TEST(there_are_no_more_than_the_bound)
{
    struct sessions *c = sessions_new(4);
    for (uint16_t port = 1; port <= 100; port++)
        put(c, "a.test", port, 1);
    ck_assert_uint_eq(sessions_count(c), 4);
    ck_assert_int_eq(kept(c, "a.test", 96), -1);
    ck_assert_int_eq(kept(c, "a.test", 97), 1);
    sessions_free(c);
}
END_TEST

START_TEST(a_name_too_long_for_a_host_is_not_kept)
{
    char name[400];
    struct sessions *c = sessions_new(4);
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = 0;
    put(c, name, 443, 1);
    ck_assert_uint_eq(sessions_count(c), 0);
    ck_assert_ptr_null(sessions_get(c, name, 443));
    sessions_free(c);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sessions");
    TCase *t = tcase_create("sessions");
    tcase_add_test(t, a_session_belongs_to_a_host_and_a_port);
    tcase_add_test(t, a_new_session_replaces_the_old_one);
    tcase_add_test(t, a_session_too_large_is_not_kept);
    tcase_add_test(t, there_are_no_more_than_the_bound);
    tcase_add_test(t, a_name_too_long_for_a_host_is_not_kept);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
