/* The summary line: its counts, and hostile reasons made harmless. */
#include <check.h>
#include <stdlib.h>

#include "summary.h"

static const char *line(struct buffer *b, const struct summary *s, int64_t ns, const char *remark)
{
    buffer_clear(b);
    ck_assert_int_eq(summary_put(b, s, ns, remark), 0);
    ck_assert_int_eq(buffer_terminate(b), 0);
    return (const char *)b->data;
}

START_TEST(counts_by_kind)
{
    struct summary s = {0};
    struct buffer b;
    buffer_init(&b, 4096);
    summary_count(&s, ERROR_NONE, 100);
    summary_count(&s, ERROR_TIMEOUT, 0);
    summary_count(&s, ERROR_DNS, 0);
    summary_count(&s, ERROR_TIMEOUT, 5);
    ck_assert_str_eq(line(&b, &s, 2000000000, ""),
                     "4 targets: 1 ok, 3 failed (dns 1, timeout 2) in 2.000 s, 2.0 fetches/s, 105 bytes");
    ck_assert_uint_eq(summary_failed(&s), 3);
    buffer_free(&b);
}
END_TEST

START_TEST(nothing_fetched_is_no_division_by_zero)
{
    struct summary s = {0};
    struct buffer b;
    buffer_init(&b, 4096);
    ck_assert_str_eq(line(&b, &s, 0, "ended by SIGINT"),
                     "0 targets: 0 ok, 0 failed in 0.000 s, 0.0 fetches/s, 0 bytes; ended by SIGINT");
    buffer_free(&b);
}
END_TEST

START_TEST(reasons_are_told_apart_and_bounded)
{
    struct summary s = {0};
    struct buffer b;
    char reason[300];
    buffer_init(&b, 8192);
    memset(reason, 'x', sizeof reason);
    reason[0] = '\n';
    summary_lost(&s, span_make(reason, sizeof reason));
    for (int i = 0; i < 10; i++) {
        reason[1] = (char)('a' + i);
        summary_lost(&s, span_make(reason, 4));
        summary_lost(&s, span_make(reason, 4));
    }
    const char *text = line(&b, &s, 1, "");
    ck_assert_ptr_null(strchr(text, '\n'));
    ck_assert_ptr_nonnull(strstr(text, "2 × \\naxx"));
    ck_assert_ptr_nonnull(strstr(text, "14 × other reasons"));
    buffer_free(&b);
}
END_TEST

START_TEST(a_reason_is_one_whoever_had_it)
{
    struct summary s = {0};
    struct buffer b;
    buffer_init(&b, 8192);
    summary_lost(&s, span_of("worker 1 broke the protocol: END after END"));
    summary_lost(&s, span_of("worker 4096 broke the protocol: END after END"));
    summary_lost(&s, span_of("worker "));
    ck_assert_ptr_nonnull(
        strstr(line(&b, &s, 1, ""), "workers lost: 2 × broke the protocol: END after END, 1 × "));
    buffer_free(&b);
}
END_TEST

START_TEST(a_lie_about_bytes_wraps_nothing)
{
    struct summary s = {0};
    summary_count(&s, ERROR_NONE, UINT64_MAX - 1);
    summary_count(&s, ERROR_NONE, 7);
    ck_assert(s.bytes == UINT64_MAX);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("summary");
    TCase *t = tcase_create("summary");
    tcase_add_test(t, counts_by_kind);
    tcase_add_test(t, nothing_fetched_is_no_division_by_zero);
    tcase_add_test(t, a_reason_is_one_whoever_had_it);
    tcase_add_test(t, a_lie_about_bytes_wraps_nothing);
    tcase_add_test(t, reasons_are_told_apart_and_bounded);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
