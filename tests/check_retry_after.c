/* Retry-After in its two forms, and the three forms of a date (RFC 9110 5.6.7). */
#include <check.h>
#include <stdlib.h>

#include "fetch/retry_after.h"

enum { NOW = 784111777 }; /* Sun, 06 Nov 1994 08:49:37 GMT */

static int64_t parse(const char *s)
{
    int64_t seconds;
    return retry_after_parse(span_of(s), NOW, &seconds) < 0 ? -1 : seconds;
}

START_TEST(seconds)
{
    ck_assert_int_eq(parse("0"), 0);
    ck_assert_int_eq(parse(" 120 "), 120);
    ck_assert_int_eq(parse("-1"), -1);
    ck_assert_int_eq(parse("1.5"), -1);
    ck_assert_int_eq(parse(""), -1);
    ck_assert_int_gt(parse("99999999999999999999999999"), 1000000000);
}
END_TEST

START_TEST(dates)
{
    ck_assert_int_eq(parse("Sun, 06 Nov 1994 08:50:37 GMT"), 60);
    ck_assert_int_eq(parse("Sunday, 06-Nov-94 08:50:37 GMT"), 60);
    ck_assert_int_eq(parse("Sun Nov  6 08:50:37 1994"), 60);
    ck_assert_int_eq(parse("Sun, 06 Nov 1994 08:49:00 GMT"), 0);
    ck_assert_int_eq(parse("Sun, 06 Foo 1994 08:49:00 GMT"), -1);
    ck_assert_int_eq(parse("tomorrow"), -1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("retry_after");
    TCase *t = tcase_create("retry_after");
    tcase_add_test(t, seconds);
    tcase_add_test(t, dates);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
