/* The capped buffer: it grows, it refuses to pass its limit, and a refusal leaves it as it was. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "base/buffer.h"

START_TEST(append_up_to_the_limit)
{
    struct buffer b;
    buffer_init(&b, 1000);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(buffer_append(&b, "0123456789", 10), 0);
    ck_assert_uint_eq(b.len, 1000);
    ck_assert_int_eq(buffer_putc(&b, 'x'), -1);
    ck_assert_int_eq(errno, EMSGSIZE);
    ck_assert_uint_eq(b.len, 1000);
    ck_assert_mem_eq(b.data + 990, "0123456789", 10);
    buffer_free(&b);
}
END_TEST

START_TEST(a_huge_length_does_not_overflow)
{
    struct buffer b;
    buffer_init(&b, SIZE_MAX);
    ck_assert_int_eq(buffer_puts(&b, "abc"), 0);
    ck_assert_int_eq(buffer_reserve(&b, SIZE_MAX - 1), -1);
    ck_assert_uint_eq(b.len, 3);
    buffer_free(&b);
}
END_TEST

START_TEST(consume_drops_from_the_front)
{
    struct buffer b;
    buffer_init(&b, 100);
    ck_assert_int_eq(buffer_printf(&b, "%d-%s", 17, "abc"), 0);
    buffer_consume(&b, 3);
    ck_assert_int_eq(buffer_terminate(&b), 0);
    ck_assert_str_eq((char *)b.data, "abc");
    buffer_consume(&b, 99);
    ck_assert_uint_eq(b.len, 0);
    buffer_free(&b);
}
END_TEST

START_TEST(printf_longer_than_its_stack)
{
    struct buffer b;
    buffer_init(&b, 2000);
    ck_assert_int_eq(buffer_printf(&b, "%01000d", 5), 0);
    ck_assert_uint_eq(b.len, 1000);
    ck_assert_int_eq(b.data[999], '5');
    ck_assert_int_eq(buffer_printf(&b, "%01001d", 5), -1);
    ck_assert_uint_eq(b.len, 1000);
    buffer_free(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("buffer");
    TCase *t = tcase_create("buffer");
    tcase_add_test(t, append_up_to_the_limit);
    tcase_add_test(t, a_huge_length_does_not_overflow);
    tcase_add_test(t, consume_drops_from_the_front);
    tcase_add_test(t, printf_longer_than_its_stack);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
