/* Paths in origin form: dot segments, encoding, references. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "fetch/path.h"
#include "support/guarded.h"

static void puts_as(const char *given, const char *want)
{
    struct guarded g;
    struct buffer b;
    guarded_init(&g, 200);
    buffer_init(&b, 200);
    ck_assert_int_eq(buffer_puts(&b, "GET "), 0);
    ck_assert_int_eq(path_put(&b, guarded_puts(&g, given)), 0);
    ck_assert_int_eq(buffer_terminate(&b), 0);
    ck_assert_msg(strcmp((char *)b.data + 4, want) == 0, "%s: %s, not %s", given, b.data + 4, want);
    buffer_free(&b);
    guarded_free(&g);
}

START_TEST(a_path_starts_with_a_slash)
{
    puts_as("", "/");
    puts_as("x", "/x");
    puts_as("?q", "/?q");
    puts_as("#f", "/");
    puts_as("/", "/");
    puts_as("*", "/*");
}
END_TEST

START_TEST(dot_segments_go_and_all_else_stays)
{
    puts_as("/.", "/");
    puts_as("/..", "/");
    puts_as("/../..", "/");
    puts_as("/a/..", "/");
    puts_as("/a/b/..", "/a/");
    puts_as("/a/b/.", "/a/b/");
    puts_as("/a//../b", "/a/b");
    puts_as("//..//b", "//b");
    puts_as("/...", "/...");
    puts_as("/a/.b/..c/d./e..", "/a/.b/..c/d./e..");
    puts_as("/a?/../..", "/a?/../..");
    puts_as("./../x", "/x");
}
END_TEST

START_TEST(what_is_encoded_stays_encoded)
{
    puts_as("/%2F%2e%c3%A9%", "/%2F%2e%c3%A9%");
    puts_as("/a b?c d", "/a%20b?c+d");
    puts_as("/\x01\x7F\xFF", "/%01%7f%ff");
    puts_as("/..\xC3\xA9/../x", "/x");
}
END_TEST

START_TEST(the_empty_span_is_the_root)
{
    struct buffer b;
    struct span none = {0};
    buffer_init(&b, 10);
    ck_assert_int_eq(path_put(&b, none), 0);
    ck_assert_int_eq(path_resolve(&b, none, none), 0);
    ck_assert_mem_eq(b.data, "//", 2);
    ck_assert_uint_eq(b.len, 2);
    buffer_free(&b);
}
END_TEST

START_TEST(the_buffers_limit_holds)
{
    struct buffer b;
    buffer_init(&b, 10);
    errno = 0;
    ck_assert_int_eq(path_put(&b, span_of("/\xC3\xA9\xC3\xA9\xC3\xA9")), -1);
    ck_assert_int_eq(errno, EMSGSIZE);
    ck_assert_uint_le(b.len, 10);
    buffer_free(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("path");
    TCase *t = tcase_create("path");
    tcase_add_test(t, a_path_starts_with_a_slash);
    tcase_add_test(t, dot_segments_go_and_all_else_stays);
    tcase_add_test(t, what_is_encoded_stays_encoded);
    tcase_add_test(t, the_empty_span_is_the_root);
    tcase_add_test(t, the_buffers_limit_holds);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
