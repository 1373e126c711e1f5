/* When a pool has workers enough. That it gets all that it may have is in check_executor.c. */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "executor/pace.h"

START_TEST(workers_that_wait_for_servers_leave_processors_idle)
{
    ck_assert(!pace_is_full(2, 0, 0, 2));
    ck_assert(!pace_is_full(2, 0.5, 0.5, 2));
    ck_assert(!pace_is_full(2, 2, 0.25, 2));
    ck_assert(!pace_is_full(64, 64, 12, 64));
}
END_TEST

START_TEST(workers_that_want_a_quarter_more_than_there_is_do_not)
{
    ck_assert(pace_is_full(2, 1.1, 1.4, 2));
    ck_assert(pace_is_full(1, 1, 0.25, 1));
    ck_assert(pace_is_full(64, 60, 20, 64));
}
END_TEST

START_TEST(where_others_keep_the_processors_waiting_says_nothing)
{
    ck_assert(!pace_is_full(2, 0.3, 8, 2));
    ck_assert(!pace_is_full(64, 20, 500, 64));
}
END_TEST

START_TEST(where_none_is_idle_less_is_enough)
{
    ck_assert(pace_is_full(2, 0.9, 0.6, 0));
    ck_assert(pace_is_full(2, 0.9, 0.6, 0.2));
    ck_assert(pace_is_full(64, 48, 0, 6));
    ck_assert(!pace_is_full(2, 0.9, 0.6, 0.3));
    ck_assert(!pace_is_full(2, 0.9, 0.5, 0));
    ck_assert(!pace_is_full(2, 0.6, 1.8, 0));
}
END_TEST

START_TEST(a_pool_that_wants_little_doubles)
{
    ck_assert_uint_eq(pace_growth(2, 8, 0), 8);
    ck_assert_uint_eq(pace_growth(2, 8, 0.001), 8);
    ck_assert_uint_eq(pace_growth(2, 256, 0.9), 256);
    ck_assert_uint_eq(pace_growth(64, 128, 1e-300), 128);
}
END_TEST

START_TEST(a_pool_that_wants_much_grows_to_what_there_is)
{
    ck_assert_uint_eq(pace_growth(4, 100, 2.5), 60);
    ck_assert_uint_eq(pace_growth(2, 30, 1.25), 18);
}
END_TEST

START_TEST(a_pool_grows_by_a_quarter_or_as_many_as_processors)
{
    ck_assert_uint_eq(pace_growth(2, 400, 2.4), 100);
    ck_assert_uint_eq(pace_growth(2, 400, 1.999), 100);
    ck_assert_uint_eq(pace_growth(2, 8, 2.4), 2);
    ck_assert_uint_eq(pace_growth(2, 1, 0), 2);
    ck_assert_uint_eq(pace_growth(64, 8, 0.1), 64);
    ck_assert_uint_eq(pace_growth(2, 400, 1e300), 100);
}
END_TEST

START_TEST(first_tasks_that_sleep_let_a_pool_double)
{
    ck_assert_uint_eq(pace_first_growth(2, 4, 0), 4);
    ck_assert_uint_eq(pace_first_growth(2, 4, 1), 4);
    ck_assert_uint_eq(pace_first_growth(64, 128, 0.001), 128);
}
END_TEST

START_TEST(first_tasks_that_want_the_processors_hold_a_pool_up)
{
    ck_assert_uint_eq(pace_first_growth(2, 4, 2), 0);
    ck_assert_uint_eq(pace_first_growth(2, 400, 1e300), 0);
    ck_assert_uint_eq(pace_first_growth(1, 1, 1), 0);
}
END_TEST

START_TEST(many_are_not_started_at_once)
{
    ck_assert_uint_eq(pace_first_growth(2, 1000, 0), 32);
    ck_assert_uint_eq(pace_first_growth(64, 4000, 0), 1024);
}
END_TEST

START_TEST(a_state_is_what_stands_behind_the_name)
{
    ck_assert(pace_wants_processor("12 (pfetch) R 1 12 12 0 -1"));
    ck_assert(pace_wants_processor("12 (a) S (b) R 1"));
    ck_assert(pace_wants_processor("12 () R"));
    ck_assert(!pace_wants_processor("12 (pfetch) S 1 12 12 0 -1"));
    ck_assert(!pace_wants_processor("12 (a) R (b) D 1"));
    ck_assert(!pace_wants_processor("12 (pfetch) T 1"));
    ck_assert(!pace_wants_processor("12 (pfetch) Z 1"));
    ck_assert(!pace_wants_processor("12 (pfetch)"));
    ck_assert(!pace_wants_processor("12 (pfe"));
    ck_assert(!pace_wants_processor(""));
}
END_TEST

START_TEST(looking_takes_little_of_the_time)
{
    ck_assert_int_eq(pace_gap(10000000, 0), 10000000);
    ck_assert_int_eq(pace_gap(10000000, 100000), 10000000);
    ck_assert_int_eq(pace_gap(10000000, 500000), 32000000);
}
END_TEST

START_TEST(a_dear_look_puts_off_the_next_for_a_tenth_of_a_second_at_most)
{
    ck_assert_int_eq(pace_gap(10000000, 10000000), 100000000);
    ck_assert_int_eq(pace_gap(10000000, INT64_MAX), 100000000);
    ck_assert_int_eq(pace_gap(10000000, -1), 10000000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pace");
    TCase *t = tcase_create("full");
    tcase_add_test(t, workers_that_wait_for_servers_leave_processors_idle);
    tcase_add_test(t, workers_that_want_a_quarter_more_than_there_is_do_not);
    tcase_add_test(t, where_others_keep_the_processors_waiting_says_nothing);
    tcase_add_test(t, where_none_is_idle_less_is_enough);
    suite_add_tcase(s, t);
    t = tcase_create("growth");
    tcase_add_test(t, a_pool_that_wants_little_doubles);
    tcase_add_test(t, a_pool_that_wants_much_grows_to_what_there_is);
    tcase_add_test(t, a_pool_grows_by_a_quarter_or_as_many_as_processors);
    suite_add_tcase(s, t);
    t = tcase_create("looks");
    tcase_add_test(t, first_tasks_that_sleep_let_a_pool_double);
    tcase_add_test(t, first_tasks_that_want_the_processors_hold_a_pool_up);
    tcase_add_test(t, many_are_not_started_at_once);
    tcase_add_test(t, a_state_is_what_stands_behind_the_name);
    tcase_add_test(t, looking_takes_little_of_the_time);
    tcase_add_test(t, a_dear_look_puts_off_the_next_for_a_tenth_of_a_second_at_most);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
