#include <check.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "base/deadline.h"

START_TEST(sums_saturate)
{
    ck_assert_int_eq(deadline_add(5, 7), 12);
    ck_assert_int_eq(deadline_add(DEADLINE_NEVER - 1, 2), DEADLINE_NEVER);
    ck_assert_int_eq(deadline_add(DEADLINE_NEVER, -5), DEADLINE_NEVER);
    ck_assert_int_eq(deadline_add(5, DEADLINE_NEVER), DEADLINE_NEVER);
}
END_TEST

START_TEST(seconds_are_rounded_and_bounded)
{
    ck_assert_int_eq(deadline_from_seconds(0), 0);
    ck_assert_int_eq(deadline_from_seconds(1.5), 1500 * NS_PER_MS);
    ck_assert_int_eq(deadline_from_seconds(0.0000000014), 1);
    ck_assert_int_eq(deadline_from_seconds(0.0000000016), 2);
    ck_assert_int_eq(deadline_from_seconds(-1), 0);
    ck_assert_int_eq(deadline_from_seconds((double)NAN), 0);
    ck_assert_int_eq(deadline_from_seconds(1e300), DEADLINE_NEVER);
    ck_assert_int_eq(deadline_from_seconds((double)INFINITY), DEADLINE_NEVER);
}
END_TEST

START_TEST(poll_waits_are_rounded_up_so_that_none_ends_early)
{
    ck_assert_int_eq(deadline_poll_ms(DEADLINE_NEVER, 0), -1);
    ck_assert_int_eq(deadline_poll_ms(100, 100), 0);
    ck_assert_int_eq(deadline_poll_ms(99, 100), 0);
    ck_assert_int_eq(deadline_poll_ms(101, 100), 1);
    ck_assert_int_eq(deadline_poll_ms(100 + NS_PER_MS, 100), 1);
    ck_assert_int_eq(deadline_poll_ms(101 + NS_PER_MS, 100), 2);
    ck_assert_int_eq(deadline_poll_ms(DEADLINE_NEVER - 1, 0), INT_MAX);
}
END_TEST

START_TEST(the_earlier_of_two)
{
    ck_assert_int_eq(deadline_min(1, 2), 1);
    ck_assert_int_eq(deadline_min(DEADLINE_NEVER, 2), 2);
}
END_TEST

START_TEST(clocks_run)
{
    int64_t first = deadline_now(), second = deadline_now();
    ck_assert_int_gt(first, 0);
    ck_assert_int_ge(second, first);
    ck_assert_int_gt(wall_now_us(), INT64_C(1700000000000000));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("deadline");
    TCase *t = tcase_create("deadline");
    tcase_add_test(t, sums_saturate);
    tcase_add_test(t, seconds_are_rounded_and_bounded);
    tcase_add_test(t, poll_waits_are_rounded_up_so_that_none_ends_early);
    tcase_add_test(t, the_earlier_of_two);
    tcase_add_test(t, clocks_run);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failures = srunner_ntests_failed(r);
    srunner_free(r);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
