#include <check.h>
#include <stdlib.h>

#include "fetch/error.h"
#include "support/guarded.h"

START_TEST(set_fills_and_returns_failure)
{
    struct fetch_error err = {.final = true};
    ck_assert_int_eq(error_set(&err, ERROR_DNS, PHASE_DNS, "%s: %d", "host", 5), -1);
    ck_assert_int_eq(err.kind, ERROR_DNS);
    ck_assert_int_eq(err.phase, PHASE_DNS);
    ck_assert_str_eq(err.message, "host: 5");
    ck_assert(!err.final);
    error_clear(&err);
    ck_assert_int_eq(err.kind, ERROR_NONE);
    ck_assert_str_eq(err.message, "");
}
END_TEST

START_TEST(a_long_message_is_cut)
{
    struct fetch_error err;
    error_set(&err, ERROR_HTTP, PHASE_BODY, "%0*d", 3 * ERROR_MESSAGE_MAX, 0);
    ck_assert_uint_eq(strlen(err.message), ERROR_MESSAGE_MAX - 1);
}
END_TEST

START_TEST(every_kind_and_phase_has_a_name_of_its_own)
{
    for (unsigned i = 0; i < ERROR_KINDS; i++) {
        const char *name = error_kind_name((enum error_kind)i);
        ck_assert_ptr_nonnull(name);
        for (unsigned k = 0; k < i; k++)
            ck_assert_str_ne(name, error_kind_name((enum error_kind)k));
    }
    ck_assert_ptr_null(error_phase_name(PHASE_NONE));
    for (unsigned i = PHASE_NONE + 1; i < PHASES; i++)
        ck_assert_ptr_nonnull(error_phase_name((enum error_phase)i));
    ck_assert_str_eq(error_kind_name((enum error_kind)99), "unknown");
    ck_assert_ptr_null(error_phase_name((enum error_phase)99));
    ck_assert_str_eq(error_kind_name(ERROR_TOO_MANY_REDIRECTS), "too-many-redirects");
}
END_TEST

START_TEST(what_may_pass_is_retried_unless_it_is_final)
{
    for (unsigned i = 0; i < ERROR_KINDS; i++) {
        struct fetch_error err = {.kind = (enum error_kind)i};
        bool may_pass = i == ERROR_DNS || i == ERROR_CONNECT || i == ERROR_TIMEOUT || i == ERROR_PROXY ||
                        i == ERROR_WORKER_DIED;
        ck_assert_int_eq(error_retryable(&err), may_pass);
        err.final = true;
        ck_assert(!error_retryable(&err));
    }
}
END_TEST

START_TEST(an_error_crosses_the_pipe_and_cut_anywhere_is_bad)
{
    struct buffer b;
    struct guarded g;
    struct fetch_error err, got;
    buffer_init(&b, 1000);
    guarded_init(&g, 1000);
    error_set(&err, ERROR_TLS, PHASE_TLS, "alert 40");
    err.final = true;
    ck_assert_int_eq(error_put(&b, &err), 0);
    for (size_t cut = 0; cut <= b.len; cut++) {
        struct unpack u = unpack_begin(guarded_put(&g, b.data, cut));
        error_get(&u, &got);
        ck_assert_int_eq(unpack_complete(&u), cut == b.len);
    }
    ck_assert_int_eq(got.kind, ERROR_TLS);
    ck_assert_int_eq(got.phase, PHASE_TLS);
    ck_assert(got.final);
    ck_assert_str_eq(got.message, "alert 40");
    guarded_free(&g);
    buffer_free(&b);
}
END_TEST

START_TEST(kinds_and_phases_out_of_range_are_bad)
{
    struct fetch_error got;
    unsigned char bytes[7] = {ERROR_KINDS, PHASE_NONE, 0, 0, 0, 0, 0};
    struct unpack u = unpack_begin(span_make(bytes, sizeof bytes));
    error_get(&u, &got);
    ck_assert(u.bad);
    ck_assert_int_eq(got.kind, ERROR_NONE);
    bytes[0] = ERROR_DNS;
    bytes[1] = PHASES;
    u = unpack_begin(span_make(bytes, sizeof bytes));
    error_get(&u, &got);
    ck_assert(u.bad);
    ck_assert_int_eq(got.phase, PHASE_NONE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("error");
    TCase *t = tcase_create("error");
    tcase_add_test(t, set_fills_and_returns_failure);
    tcase_add_test(t, a_long_message_is_cut);
    tcase_add_test(t, every_kind_and_phase_has_a_name_of_its_own);
    tcase_add_test(t, what_may_pass_is_retried_unless_it_is_final);
    tcase_add_test(t, an_error_crosses_the_pipe_and_cut_anywhere_is_bad);
    tcase_add_test(t, kinds_and_phases_out_of_range_are_bad);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failures = srunner_ntests_failed(r);
    srunner_free(r);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
