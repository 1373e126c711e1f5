#include <check.h>
#include <stdlib.h>

#include "base/deadline.h"
#include "schedule/backoff.h"

START_TEST(the_wait_doubles_within_a_quarter)
{
    struct backoff b = {NS_PER_SECOND, 300 * NS_PER_SECOND, 42};
    for (int round = 0; round < 100; round++)
        for (uint32_t tries = 1; tries <= 9; tries++) {
            int64_t middle = NS_PER_SECOND << (tries - 1), wait = backoff_wait(&b, tries, -1);
            ck_assert_int_ge(wait, middle / 4 * 3);
            ck_assert_int_le(wait, middle / 4 * 5);
        }
}
END_TEST

START_TEST(waits_differ)
{
    struct backoff b = {NS_PER_SECOND, 0, 42};
    int64_t first = backoff_wait(&b, 1, -1), second = backoff_wait(&b, 1, -1);
    ck_assert_int_ne(first, second);
}
END_TEST

START_TEST(the_wait_ends_at_ten_minutes)
{
    struct backoff b = {NS_PER_SECOND, 0, 7};
    for (int i = 0; i < 100; i++)
        ck_assert_int_le(backoff_wait(&b, UINT32_MAX, -1), BACKOFF_MAX);
    ck_assert_int_ge(backoff_wait(&b, 1000, -1), BACKOFF_MAX / 4 * 3);
}
END_TEST

START_TEST(a_longer_delay_is_kept)
{
    struct backoff b = {3600 * NS_PER_SECOND, 0, 7};
    ck_assert_int_ge(backoff_wait(&b, 5, -1), 2700 * NS_PER_SECOND);
    ck_assert_int_le(backoff_wait(&b, 5, -1), 3600 * NS_PER_SECOND);
}
END_TEST

START_TEST(retry_after_counts_where_it_is_longer_up_to_its_cap)
{
    struct backoff b = {NS_PER_SECOND, 300 * NS_PER_SECOND, 7};
    ck_assert_int_eq(backoff_wait(&b, 1, 100 * NS_PER_SECOND), 100 * NS_PER_SECOND);
    ck_assert_int_eq(backoff_wait(&b, 1, INT64_MAX), 300 * NS_PER_SECOND);
    ck_assert_int_ge(backoff_wait(&b, 1, 0), NS_PER_SECOND / 4 * 3);
    ck_assert_int_eq(backoff_retry_after(&b, -5), 0);
}
END_TEST

START_TEST(no_delay_is_no_wait)
{
    struct backoff b = {0, 300 * NS_PER_SECOND, 7};
    ck_assert_int_eq(backoff_wait(&b, 9, -1), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("backoff");
    TCase *t = tcase_create("backoff");
    tcase_add_test(t, the_wait_doubles_within_a_quarter);
    tcase_add_test(t, waits_differ);
    tcase_add_test(t, the_wait_ends_at_ten_minutes);
    tcase_add_test(t, a_longer_delay_is_kept);
    tcase_add_test(t, retry_after_counts_where_it_is_longer_up_to_its_cap);
    tcase_add_test(t, no_delay_is_no_wait);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failures = srunner_ntests_failed(r);
    srunner_free(r);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
