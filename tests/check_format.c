/* Numbers and times as text. */
#include <check.h>
#include <stdlib.h>
#include <time.h>

#include "output/format.h"

static struct buffer b;

static const char *text(int r)
{
    ck_assert_int_eq(r, 0);
    ck_assert_int_eq(buffer_terminate(&b), 0);
    buffer_clear(&b);
    return (const char *)b.data;
}

static void setup(void)
{
    buffer_init(&b, 1000);
}

static void teardown(void)
{
    buffer_free(&b);
}

START_TEST(integers)
{
    ck_assert_str_eq(text(format_u64(&b, 0)), "0");
    ck_assert_str_eq(text(format_u64(&b, 1090)), "1090");
    ck_assert_str_eq(text(format_u64(&b, UINT64_MAX)), "18446744073709551615");
}
END_TEST

START_TEST(seconds_are_rounded_to_nearest)
{
    ck_assert_str_eq(text(format_seconds(&b, 0, 3)), "0.000");
    ck_assert_str_eq(text(format_seconds(&b, 499999, 3)), "0.000");
    ck_assert_str_eq(text(format_seconds(&b, 500000, 3)), "0.001");
    ck_assert_str_eq(text(format_seconds(&b, 999999999, 3)), "1.000");
    ck_assert_str_eq(text(format_seconds(&b, 61002003004, 6)), "61.002003");
    ck_assert_str_eq(text(format_seconds(&b, 61002003004, 9)), "61.002003004");
    ck_assert_str_eq(text(format_seconds(&b, -5, 3)), "0.000");
    ck_assert_str_eq(text(format_seconds(&b, INT64_MAX, 3)), "9223372036.855");
}
END_TEST

START_TEST(times_are_rfc_3339)
{
    ck_assert_str_eq(text(format_time(&b, 0)), "1970-01-01T00:00:00.000000Z");
    ck_assert_str_eq(text(format_time(&b, -1)), "1970-01-01T00:00:00.000000Z");
    ck_assert_str_eq(text(format_time(&b, INT64_C(951782400000001))), "2000-02-29T00:00:00.000001Z");
    ck_assert_str_eq(text(format_time(&b, INT64_C(1767225599123456))), "2025-12-31T23:59:59.123456Z");
    ck_assert_str_eq(text(format_time(&b, INT64_C(4107542400000000))), "2100-03-01T00:00:00.000000Z");
    ck_assert_str_eq(text(format_time(&b, INT64_MAX)), "9999-12-31T23:59:59.999999Z");
}
END_TEST

/* Against the C library, a day at a time. */
START_TEST(every_day_of_four_centuries)
{
    for (int64_t day = 0; day < 146097; day++) {
        time_t t = (time_t)(day * 86400 + 3661);
        struct tm tm;
        char want[40];
        ck_assert_ptr_nonnull(gmtime_r(&t, &tm));
        strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S.000000Z", &tm);
        ck_assert_str_eq(text(format_time(&b, (int64_t)t * 1000000)), want);
    }
}
END_TEST

START_TEST(bytes_fit_eight_columns)
{
    ck_assert_str_eq(text(format_bytes(&b, 0)), "0 B");
    ck_assert_str_eq(text(format_bytes(&b, 999)), "999 B");
    ck_assert_str_eq(text(format_bytes(&b, 1000)), "1.00 KB");
    ck_assert_str_eq(text(format_bytes(&b, 9994)), "9.99 KB");
    ck_assert_str_eq(text(format_bytes(&b, 9996)), "10.0 KB");
    ck_assert_str_eq(text(format_bytes(&b, 999499)), "999 KB");
    ck_assert_str_eq(text(format_bytes(&b, 999500)), "1.00 MB");
    ck_assert_str_eq(text(format_bytes(&b, UINT64_MAX)), "18.4 EB");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("format");
    TCase *t = tcase_create("format");
    tcase_add_test(t, integers);
    tcase_add_test(t, seconds_are_rounded_to_nearest);
    tcase_add_test(t, times_are_rfc_3339);
    tcase_add_test(t, every_day_of_four_centuries);
    tcase_add_test(t, bytes_fit_eight_columns);
    tcase_add_checked_fixture(t, setup, teardown);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
