#include <check.h>
#include <stdlib.h>

#include "fetch/sessions.h"

/* A session that could be resumed. */
static SSL_SESSION *session(void)
{
    SSL_SESSION *s = SSL_SESSION_new();
    ck_assert_ptr_nonnull(s);
    ck_assert_int_eq(SSL_SESSION_set1_id(s, (const unsigned char *)"id", 2), 1);
    return s;
}

START_TEST(a_session_belongs_to_a_host_and_a_port)
{
    struct sessions *c = sessions_new(8);
    SSL_SESSION *s = session();
    sessions_put_take(c, "a.test", 443, s);
    ck_assert_ptr_null(sessions_get(c, "a.test", 444));
    ck_assert_ptr_null(sessions_get(c, "b.test", 443));
    SSL_SESSION *got = sessions_get(c, "a.test", 443);
    ck_assert_ptr_eq(got, s);
    SSL_SESSION_free(got);
    sessions_free(c);
}
END_TEST

START_TEST(a_new_session_replaces_the_old_one)
{
    struct sessions *c = sessions_new(8);
    SSL_SESSION *s = session();
    sessions_put_take(c, "a.test", 443, session());
    sessions_put_take(c, "a.test", 443, s);
    ck_assert_uint_eq(sessions_count(c), 1);
    SSL_SESSION *got = sessions_get(c, "a.test", 443);
    ck_assert_ptr_eq(got, s);
    SSL_SESSION_free(got);
    sessions_drop(c, "a.test", 443);
    sessions_drop(c, "a.test", 443);
    ck_assert_uint_eq(sessions_count(c), 0);
    sessions_free(c);
}
END_TEST

START_TEST(there_are_no_more_than_the_bound)
{
    struct sessions *c = sessions_new(4);
    for (uint16_t port = 1; port <= 100; port++)
        sessions_put_take(c, "a.test", port, session());
    ck_assert_uint_eq(sessions_count(c), 4);
    ck_assert_ptr_null(sessions_get(c, "a.test", 96));
    SSL_SESSION *got = sessions_get(c, "a.test", 97);
    ck_assert_ptr_nonnull(got);
    SSL_SESSION_free(got);
    sessions_free(c);
}
END_TEST

START_TEST(a_name_too_long_for_a_host_is_not_kept)
{
    char name[400];
    struct sessions *c = sessions_new(4);
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = 0;
    sessions_put_take(c, name, 443, session());
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
    tcase_add_test(t, there_are_no_more_than_the_bound);
    tcase_add_test(t, a_name_too_long_for_a_host_is_not_kept);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
