#include <check.h>
#include <stdlib.h>

#include "base/deadline.h"
#include "schedule/rate.h"

/* Starts from `from` on for `span` ns, looking every `step` ns, one start a look or as many as are allowed.
 */
static unsigned starts(struct rate *r, int64_t from, int64_t span, int64_t step)
{
    unsigned n = 0;
    for (int64_t now = from; now < from + span; now += step)
        while (rate_when(r) <= now) {
            rate_take(r, now);
            n++;
        }
    return n;
}

START_TEST(ten_seconds_hold_what_was_asked_for)
{
    static const double rates[] = {1, 7.5, 100, 3000, 50000};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct rate r;
        rate_init(&r, rates[i]);
        double n = starts(&r, 12345, 10 * NS_PER_SECOND, NS_PER_MS);
        ck_assert_double_ge(n, rates[i] * 10 * 0.99);
        ck_assert_double_le(n, rates[i] * 10 * 1.01 + 1);
    }
}
END_TEST

START_TEST(starts_are_spaced_evenly)
{
    struct rate r;
    rate_init(&r, 4);
    rate_take(&r, 1000);
    ck_assert_int_eq(rate_when(&r), 1000 + NS_PER_SECOND / 4);
    rate_take(&r, 1000 + NS_PER_SECOND / 4 + 50 * NS_PER_MS);
    ck_assert_int_eq(rate_when(&r), 1000 + NS_PER_SECOND / 2);
}
END_TEST

START_TEST(no_burst_follows_a_pause)
{
    struct rate r;
    rate_init(&r, 1000);
    rate_take(&r, 0);
    ck_assert_uint_le(starts(&r, 60 * NS_PER_SECOND, 1, 1), 101);
}
END_TEST

START_TEST(the_first_start_is_no_burst)
{
    struct rate r;
    rate_init(&r, 1000);
    ck_assert_uint_eq(starts(&r, 60 * NS_PER_SECOND, 1, 1), 1);
}
END_TEST

START_TEST(a_start_taken_back_does_not_count)
{
    struct rate r;
    rate_init(&r, 1);
    rate_take(&r, 500);
    rate_untake(&r);
    ck_assert_int_le(rate_when(&r), 500);
}
END_TEST

START_TEST(no_rate_is_no_limit)
{
    struct rate r;
    rate_init(&r, 0);
    rate_take(&r, 5);
    rate_take(&r, 5);
    rate_untake(&r);
    ck_assert_int_lt(rate_when(&r), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rate");
    TCase *t = tcase_create("rate");
    tcase_add_test(t, ten_seconds_hold_what_was_asked_for);
    tcase_add_test(t, starts_are_spaced_evenly);
    tcase_add_test(t, no_burst_follows_a_pause);
    tcase_add_test(t, the_first_start_is_no_burst);
    tcase_add_test(t, a_start_taken_back_does_not_count);
    tcase_add_test(t, no_rate_is_no_limit);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failures = srunner_ntests_failed(r);
    srunner_free(r);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
