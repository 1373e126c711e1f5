#include <check.h>
#include <stdlib.h>

#include "base/table.h"

enum { MANY = 50000 };

/* Keys that a table must tell apart, as spread as hashes are. */
static struct hash128 nth(uint64_t n)
{
    struct siphash_key key = {1, 2};
    return siphash128(key, span_make(&n, sizeof n));
}

START_TEST(an_empty_table_has_nothing)
{
    struct table t;
    table_init(&t, 128, false);
    ck_assert(!table_has(&t, nth(0)));
    table_free(&t);
}
END_TEST

START_TEST(what_was_put_is_there_and_nothing_else)
{
    for (unsigned bits = 64; bits <= 128; bits += 64) {
        struct table t;
        table_init(&t, bits, false);
        for (uint64_t i = 0; i < MANY; i++)
            ck_assert_ptr_nonnull(table_put(&t, nth(i)));
        for (uint64_t i = 0; i < MANY; i++)
            ck_assert_ptr_nonnull(table_put(&t, nth(i)));
        ck_assert_uint_eq(t.count, MANY);
        for (uint64_t i = 0; i < 2 * MANY; i++)
            ck_assert_int_eq(table_has(&t, nth(i)), i < MANY);
        table_free(&t);
    }
}
END_TEST

START_TEST(values_stay_with_their_keys)
{
    struct table t;
    table_init(&t, 64, true);
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t *value = table_put(&t, nth(i));
        ck_assert_ptr_nonnull(value);
        ck_assert_uint_eq(*value, 0);
        *value = i;
    }
    for (uint32_t i = 0; i < MANY; i++)
        ck_assert_uint_eq(*table_put(&t, nth(i)), i);
    table_free(&t);
}
END_TEST

START_TEST(the_key_zero_is_a_key)
{
    struct table t;
    struct hash128 zero = {0, 0};
    table_init(&t, 128, true);
    ck_assert(!table_has(&t, zero));
    *table_put(&t, zero) = 7;
    ck_assert(table_has(&t, zero));
    ck_assert_uint_eq(*table_put(&t, zero), 7);
    ck_assert_uint_eq(t.count, 1);
    table_free(&t);
}
END_TEST

START_TEST(wide_keys_differ_in_either_half)
{
    struct table t;
    struct hash128 a = {1, 5}, b = {2, 5}, c = {1, 6};
    table_init(&t, 128, false);
    table_put(&t, a);
    ck_assert(!table_has(&t, b));
    ck_assert(!table_has(&t, c));
    table_free(&t);
}
END_TEST

START_TEST(it_stays_compact)
{
    struct table t;
    table_init(&t, 128, false);
    for (uint64_t i = 0; i < MANY; i++)
        table_put(&t, nth(i));
    ck_assert_uint_le(t.capacity, MANY * 2);
    table_free(&t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("table");
    TCase *t = tcase_create("table");
    tcase_add_test(t, an_empty_table_has_nothing);
    tcase_add_test(t, what_was_put_is_there_and_nothing_else);
    tcase_add_test(t, values_stay_with_their_keys);
    tcase_add_test(t, the_key_zero_is_a_key);
    tcase_add_test(t, wide_keys_differ_in_either_half);
    tcase_add_test(t, it_stays_compact);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failures = srunner_ntests_failed(r);
    srunner_free(r);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
