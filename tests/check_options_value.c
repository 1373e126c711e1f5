/* The values of options: what they take, what they refuse, and that a refusal leaves the result alone. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "options_value.h"
#include "support/guarded.h"

START_TEST(numbers_are_digits_within_bounds)
{
    uint64_t v = 77;
    ck_assert(value_uint("0", 0, 9, &v));
    ck_assert_uint_eq(v, 0);
    ck_assert(value_uint("4096", 1, 4096, &v));
    ck_assert_uint_eq(v, 4096);
    ck_assert(value_uint("00012", 1, 4096, &v));
    ck_assert_uint_eq(v, 12);
    ck_assert(value_uint("18446744073709551615", 0, UINT64_MAX, &v));
    ck_assert_uint_eq(v, UINT64_MAX);
}
END_TEST

START_TEST(numbers_refuse_all_else)
{
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1x",
                                      "0x10",
                                      "1.",
                                      "1e3",
                                      "0",
                                      "4097",
                                      "١",
                                      "18446744073709551616",
                                      "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t v = 77;
        ck_assert_msg(!value_uint(bad[i], 1, 4096, &v), "took '%s'", bad[i]);
        ck_assert_uint_eq(v, 77);
    }
}
END_TEST

START_TEST(sizes_take_a_suffix)
{
    uint64_t v = 0;
    ck_assert(value_size("500", 1, INT64_MAX, &v) && v == 500);
    ck_assert(value_size("2K", 1, INT64_MAX, &v) && v == 2048);
    ck_assert(value_size("2k", 1, INT64_MAX, &v) && v == 2048);
    ck_assert(value_size("3M", 1, INT64_MAX, &v) && v == 3 * 1048576);
    ck_assert(value_size("4g", 1, INT64_MAX, &v) && v == UINT64_C(4) * 1073741824);
    ck_assert(value_size("8589934591G", 1, INT64_MAX, &v));
    static const char *const bad[] = {"",    "K",  "1KB", "1T", "1.5K",        "-1K",
                                      "1 K", "0",  "0G",  "KK", "8589934592G", "9223372036854775808",
                                      "1Ki", "+1K"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!value_size(bad[i], 1, INT64_MAX, &v), "took '%s'", bad[i]);
}
END_TEST

START_TEST(seconds_take_a_fraction)
{
    int64_t ns = 0;
    uint64_t most = UINT64_C(1000000000000000000);
    ck_assert(value_seconds("10", 1, most, &ns) && ns == INT64_C(10000000000));
    ck_assert(value_seconds("0.5", 1, most, &ns) && ns == 500000000);
    ck_assert(value_seconds(".25", 1, most, &ns) && ns == 250000000);
    ck_assert(value_seconds("2.", 1, most, &ns) && ns == 2000000000);
    ck_assert(value_seconds("1.123456789999", 1, most, &ns) && ns == 1123456789);
    ck_assert(value_seconds("0", 0, most, &ns) && ns == 0);
    static const char *const bad[] = {"",    ".",   "-1",    "+1",  "1s",          "inf",
                                      "nan", "1e3", "0x1p",  "1,5", "1000000001",  "99999999999999999999",
                                      "0",   "0.0", "1.2.3", " 1",  "0.0000000001"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!value_seconds(bad[i], 1, most, &ns), "took '%s'", bad[i]);
}
END_TEST

START_TEST(rates_need_a_unit)
{
    double r = 0;
    ck_assert(value_rate("10/s", &r));
    ck_assert_double_eq_tol(r, 10, 1e-9);
    ck_assert(value_rate("90/m", &r));
    ck_assert_double_eq_tol(r, 1.5, 1e-9);
    ck_assert(value_rate("1800/h", &r));
    ck_assert_double_eq_tol(r, 0.5, 1e-9);
    ck_assert(value_rate("0.5/s", &r));
    ck_assert_double_eq_tol(r, 0.5, 1e-9);
    static const char *const bad[] = {"",      "10",  "10/",  "/s",    "10/d",
                                      "10/ss", "0/s", "-1/s", "10 /s", "1e3/s"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!value_rate(bad[i], &r), "took '%s'", bad[i]);
}
END_TEST

START_TEST(shards_lie_within_their_number)
{
    uint32_t i = 7, n = 9;
    ck_assert(value_shard("2/8", &i, &n) && i == 2 && n == 8);
    ck_assert(value_shard("1/1", &i, &n) && i == 1 && n == 1);
    ck_assert(value_shard("4294967295/4294967295", &i, &n));
    i = 7;
    static const char *const bad[] = {"",    "0/8", "9/8",  "2",    "2/",  "/8",
                                      "2/0", "a/8", "2/8x", "-1/8", "2-8", "2/4294967296"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_msg(!value_shard(bad[k], &i, &n), "took '%s'", bad[k]);
    ck_assert_uint_eq(i, 7);
}
END_TEST

START_TEST(halt_takes_numbers_and_percentages)
{
    struct value_halt h;
    ck_assert(value_halt("soon,fail=3", &h) && h.when == HALT_SOON && h.fail == 3 && !h.percent);
    ck_assert(value_halt("now,fail=1", &h) && h.when == HALT_NOW && h.fail == 1 && !h.percent);
    ck_assert(value_halt("now,fail=10%", &h) && h.when == HALT_NOW && h.fail == 10 && h.percent);
    ck_assert(value_halt("20%", &h) && h.when == HALT_SOON && h.fail == 20 && h.percent);
    ck_assert(value_halt("never", &h) && h.when == HALT_NEVER);
    static const char *const bad[] = {"",
                                      "3",
                                      "soon",
                                      "soon,fail=",
                                      "soon,fail=0",
                                      "now,fail=x",
                                      "now,done=3",
                                      "later,fail=3",
                                      "101%",
                                      "0%",
                                      "soon,fail=5%%",
                                      "soon, fail=5",
                                      "soon,fail=-1",
                                      "%"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!value_halt(bad[i], &h), "took '%s'", bad[i]);
}
END_TEST

START_TEST(lists_of_numbers_hold_none_twice)
{
    uint32_t n[RUN_SWEEP_MAX], count = 0;
    ck_assert(value_numbers("1,2,4,8", 1, 4096, RUN_SWEEP_MAX, n, &count));
    ck_assert_uint_eq(count, 4);
    ck_assert_uint_eq(n[3], 8);
    static const char *const bad[] = {"", ",", "1,", ",1", "1,,2", "1,1", "1,0", "1,4097", "1 2", "1,2x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!value_numbers(bad[i], 1, 4096, RUN_SWEEP_MAX, n, &count), "took '%s'", bad[i]);
    char many[200] = "1";
    for (int i = 2; i <= RUN_SWEEP_MAX + 1; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), ",%d", i);
    ck_assert(!value_numbers(many, 1, 4096, RUN_SWEEP_MAX, n, &count));
    *strrchr(many, ',') = 0;
    ck_assert(value_numbers(many, 1, 4096, RUN_SWEEP_MAX, n, &count));
    ck_assert_uint_eq(count, RUN_SWEEP_MAX);
}
END_TEST

START_TEST(choices_are_spelled_out)
{
    static const struct option_choice choices[] = {{"process", 5}, {"thread", 6}, {NULL, 0}};
    int v = 0, list[3];
    uint32_t count = 0;
    ck_assert(value_choice(choices, "thread", 6, &v) && v == 6);
    ck_assert(!value_choice(choices, "proc", 4, &v));
    ck_assert(!value_choice(choices, "", 0, &v));
    ck_assert(value_choices(choices, "thread,process", 3, list, &count) && count == 2 && list[0] == 6);
    ck_assert(!value_choices(choices, "thread,thread", 3, list, &count));
    ck_assert(!value_choices(choices, "thread,", 3, list, &count));
    ck_assert(!value_choices(choices, "thread,process", 1, list, &count));
}
END_TEST

START_TEST(paths_are_in_origin_form)
{
    ck_assert(value_is_url_path("/"));
    ck_assert(value_is_url_path("/a%20b?c=d&e"));
    ck_assert(!value_is_url_path(""));
    ck_assert(!value_is_url_path("robots.txt"));
    ck_assert(!value_is_url_path("/a b"));
    ck_assert(!value_is_url_path("/a\r\nHost: x"));
    ck_assert(!value_is_url_path("/\xc3\xa4"));
    ck_assert(!value_is_url_path("/a#b"));
    ck_assert(value_is_text("a\tb \xc3\xa4"));
    ck_assert(!value_is_text("a\nb"));
    ck_assert(!value_is_text("a\x7f"));
}
END_TEST

/* Every value, cut at every byte, right in front of a page that may not be read: none is read too far. */
START_TEST(nothing_is_read_behind_the_end)
{
    static const char *const samples[] = {"18446744073709551616",
                                          "12.3456789012345/s",
                                          "4294967295/42949",
                                          "soon,fail=100%",
                                          "1,2,3,4,5",
                                          "thread,process,serial",
                                          "9G",
                                          "/path?x=%20"};
    static const struct option_choice choices[] = {{"process", 5}, {"thread", 6}, {"serial", 7}, {NULL, 0}};
    struct guarded g;
    guarded_init(&g, 64);
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        for (size_t len = 0; len <= strlen(samples[i]); len++) {
            char cut[64] = "";
            memcpy(cut, samples[i], len);
            const char *text = (const char *)guarded_put(&g, cut, len + 1).data;
            uint64_t u;
            int64_t ns;
            double r;
            uint32_t a, b, list[RUN_SWEEP_MAX];
            int v[OPTION_CHOICES_MAX];
            struct value_halt h;
            value_uint(text, 0, UINT64_MAX, &u);
            value_size(text, 0, INT64_MAX, &u);
            value_seconds(text, 0, INT64_MAX, &ns);
            value_rate(text, &r);
            value_shard(text, &a, &b);
            value_halt(text, &h);
            value_numbers(text, 0, UINT32_MAX, RUN_SWEEP_MAX, list, &a);
            value_choices(choices, text, 3, v, &a);
            value_is_text(text);
            value_is_url_path(text);
        }
    }
    guarded_free(&g);
}
END_TEST

START_TEST(every_option_has_a_hint)
{
    for (size_t i = 0; i < option_spec_count; i++) {
        char hint[200] = "";
        if (!option_takes_value(&option_specs[i]))
            continue;
        value_hint(&option_specs[i], hint, sizeof hint);
        ck_assert_msg(strncmp(hint, "write ", 6) == 0, "%s: '%s'", option_specs[i].name, hint);
        ck_assert_msg(strlen(hint) < sizeof hint - 1, "%s: cut", option_specs[i].name);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("options_value");
    TCase *t = tcase_create("options_value");
    tcase_add_test(t, numbers_are_digits_within_bounds);
    tcase_add_test(t, numbers_refuse_all_else);
    tcase_add_test(t, sizes_take_a_suffix);
    tcase_add_test(t, seconds_take_a_fraction);
    tcase_add_test(t, rates_need_a_unit);
    tcase_add_test(t, shards_lie_within_their_number);
    tcase_add_test(t, halt_takes_numbers_and_percentages);
    tcase_add_test(t, lists_of_numbers_hold_none_twice);
    tcase_add_test(t, choices_are_spelled_out);
    tcase_add_test(t, paths_are_in_origin_form);
    tcase_add_test(t, nothing_is_read_behind_the_end);
    tcase_add_test(t, every_option_has_a_hint);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
