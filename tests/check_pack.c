#include <check.h>
#include <stdlib.h>

#include "base/pack.h"
#include "support/guarded.h"

/* One of each kind. */
static void put_all(struct buffer *b)
{
    ck_assert_int_eq(pack_u8(b, 0x12), 0);
    ck_assert_int_eq(pack_u16(b, 0x3456), 0);
    ck_assert_int_eq(pack_u32(b, 0x789abcde), 0);
    ck_assert_int_eq(pack_u64(b, 0xf123456789abcdef), 0);
    ck_assert_int_eq(pack_bytes(b, span_make("a\0b", 3)), 0);
    ck_assert_int_eq(pack_string(b, "text"), 0);
    ck_assert_int_eq(pack_string(b, NULL), 0);
}

static bool get_all(struct span bytes)
{
    char text[5], empty[1];
    struct unpack u = unpack_begin(bytes);
    bool right = unpack_u8(&u) == 0x12;
    right = unpack_u16(&u) == 0x3456 && right;
    right = unpack_u32(&u) == 0x789abcde && right;
    right = unpack_u64(&u) == 0xf123456789abcdef && right;
    right = span_equal(unpack_bytes(&u, 3), span_make("a\0b", 3)) && right;
    unpack_string(&u, text, sizeof text);
    unpack_string(&u, empty, sizeof empty);
    return unpack_complete(&u) && right && strcmp(text, "text") == 0 && empty[0] == 0;
}

START_TEST(what_was_put_is_got_and_cut_anywhere_is_bad)
{
    struct buffer b;
    struct guarded g;
    buffer_init(&b, 1000);
    guarded_init(&g, 1000);
    put_all(&b);
    ck_assert(get_all(guarded_put(&g, b.data, b.len)));
    for (size_t cut = 0; cut < b.len; cut++)
        ck_assert(!get_all(guarded_put(&g, b.data, cut)));
    ck_assert_int_eq(pack_u8(&b, 0), 0);
    ck_assert(!get_all(guarded_put(&g, b.data, b.len)));
    guarded_free(&g);
    buffer_free(&b);
}
END_TEST

START_TEST(the_wire_is_little_endian)
{
    struct buffer b;
    buffer_init(&b, 100);
    ck_assert_int_eq(pack_u32(&b, 0x01020304), 0);
    ck_assert_int_eq(pack_string(&b, "x"), 0);
    ck_assert_mem_eq(b.data, "\4\3\2\1\1\0\0\0x", 9);
    ck_assert_uint_eq(b.len, 9);
    buffer_free(&b);
}
END_TEST

START_TEST(a_length_beyond_the_end_or_the_limit_is_bad)
{
    struct unpack u = unpack_begin(span_make("\xff\xff\xff\xff", 4));
    struct span v = unpack_bytes(&u, SIZE_MAX);
    ck_assert(u.bad);
    ck_assert_uint_eq(v.len, 0);
    u = unpack_begin(span_make("\4\0\0\0abcd", 8));
    v = unpack_bytes(&u, 3);
    ck_assert(u.bad);
    ck_assert_uint_eq(v.len, 0);
}
END_TEST

START_TEST(after_bad_everything_is_zero)
{
    char text[4] = "xxx";
    struct unpack u = unpack_begin(span_make("\1", 1));
    ck_assert_uint_eq(unpack_u16(&u), 0);
    ck_assert_uint_eq(unpack_u8(&u), 0);
    ck_assert_uint_eq(unpack_u64(&u), 0);
    unpack_string(&u, text, sizeof text);
    ck_assert_str_eq(text, "");
    ck_assert(!unpack_complete(&u));
}
END_TEST

START_TEST(strings_that_do_not_fit_or_hold_a_nul_are_bad)
{
    char text[4];
    struct unpack u = unpack_begin(span_make("\4\0\0\0abcd", 8));
    unpack_string(&u, text, sizeof text);
    ck_assert(u.bad);
    ck_assert_str_eq(text, "");
    u = unpack_begin(span_make("\3\0\0\0a\0c", 7));
    unpack_string(&u, text, sizeof text);
    ck_assert(u.bad);
    ck_assert_str_eq(text, "");
    u = unpack_begin(span_make("\3\0\0\0abc", 7));
    unpack_string(&u, text, sizeof text);
    ck_assert(unpack_complete(&u));
    ck_assert_str_eq(text, "abc");
}
END_TEST

START_TEST(a_full_buffer_takes_nothing_of_a_string)
{
    struct buffer b;
    buffer_init(&b, 6);
    ck_assert_int_eq(pack_string(&b, "abc"), -1);
    ck_assert_uint_eq(b.len, 0);
    ck_assert_int_eq(pack_string(&b, "ab"), 0);
    buffer_free(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pack");
    TCase *t = tcase_create("pack");
    tcase_add_test(t, what_was_put_is_got_and_cut_anywhere_is_bad);
    tcase_add_test(t, the_wire_is_little_endian);
    tcase_add_test(t, a_length_beyond_the_end_or_the_limit_is_bad);
    tcase_add_test(t, after_bad_everything_is_zero);
    tcase_add_test(t, strings_that_do_not_fit_or_hold_a_nul_are_bad);
    tcase_add_test(t, a_full_buffer_takes_nothing_of_a_string);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failures = srunner_ntests_failed(r);
    srunner_free(r);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
