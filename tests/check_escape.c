#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/unescape.h"
#include "support/guarded.h"

enum { ROOM = 8192 };

static struct guarded page;

static void setup(void)
{
    guarded_init(&page, ROOM);
}

static void teardown(void)
{
    guarded_free(&page);
}

typedef int escaper(struct buffer *b, struct span v);

static void check(escaper *escape, const char *in, size_t len, const char *expected)
{
    struct buffer b;
    buffer_init(&b, ROOM);
    ck_assert_int_eq(escape(&b, guarded_put(&page, in, len)), 0);
    ck_assert_int_eq(buffer_terminate(&b), 0);
    ck_assert_str_eq((char *)b.data, expected);
    ck_assert_uint_eq(b.len, strlen(expected));
    buffer_free(&b);
}

#define CHECK(escape, in, expected) check(escape, in, sizeof(in) - 1, expected)

START_TEST(text_passes_what_prints)
{
    CHECK(escape_text, "", "");
    CHECK(escape_text, "plain \"text\" 'x'", "plain \"text\" 'x'");
    CHECK(escape_text, "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80",
          "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80");
}
END_TEST

START_TEST(text_escapes_controls_and_what_is_no_utf8)
{
    CHECK(escape_text, "a\tb\nc\rd\\e", "a\\tb\\nc\\rd\\\\e");
    CHECK(escape_text, "\0\x1b[2J\x7f", "\\x00\\x1B[2J\\x7F");
    CHECK(escape_text, "\xC2\x9B\xC2\xA0", "\\xC2\\x9B\xC2\xA0");
    CHECK(escape_text,
          "a\xE2\x80\xA8"
          "b\xE2\x80\xA7",
          "a\\xE2\\x80\\xA8"
          "b\xE2\x80\xA7");
    CHECK(escape_json, "\xC2\x85\xE2\x80\xA9\xC2\xA0", "\"\\u0085\\u2029\xC2\xA0\"");
    CHECK(escape_text, "\xff\xC0\x80", "\\xFF\\xC0\\x80");
    CHECK(escape_text, "\xE2\x82", "\\xE2\\x82");
}
END_TEST

START_TEST(json_is_valid_whatever_comes)
{
    CHECK(escape_json, "", "\"\"");
    CHECK(escape_json, "a\"b\\c/\b\f", "\"a\\\"b\\\\c/\\u0008\\u000c\"");
    CHECK(escape_json, "\0\t\n\r\x1f", "\"\\u0000\\t\\n\\r\\u001f\"");
    CHECK(escape_json, "\xE2\x82\xAC", "\"\xE2\x82\xAC\"");
    CHECK(escape_json, "\xE2\x82", "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    CHECK(escape_json, "\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}
END_TEST

START_TEST(sequences_are_those_of_rfc_3629)
{
    static const struct {
        const char *bytes;
        size_t len, expected;
    } cases[] = {
        {"", 0, 0},
        {"\0", 1, 1},
        {"a", 1, 1},
        {"\x7f", 1, 1},
        {"\x80", 1, 0},
        {"\xC1\xBF", 2, 0},
        {"\xC2\x80", 2, 2},
        {"\xC2", 1, 0},
        {"\xC2\x41", 2, 0},
        {"\xE0\x9F\xBF", 3, 0},
        {"\xE0\xA0\x80", 3, 3},
        {"\xED\x9F\xBF", 3, 3},
        {"\xED\xA0\x80", 3, 0},
        {"\xEF\xBF\xBF", 3, 3},
        {"\xF0\x8F\xBF\xBF", 4, 0},
        {"\xF0\x90\x80\x80", 4, 4},
        {"\xF4\x8F\xBF\xBF", 4, 4},
        {"\xF4\x90\x80\x80", 4, 0},
        {"\xF5\x80\x80\x80", 4, 0},
        {"\xF0\x90\x80", 3, 0},
        {"\xF0\x90\x80\xC0", 4, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_uint_eq(utf8_sequence(guarded_put(&page, cases[i].bytes, cases[i].len)), cases[i].expected);
}
END_TEST

START_TEST(an_escape_never_outgrows_its_buffer)
{
    struct buffer b;
    buffer_init(&b, 6);
    ck_assert_int_eq(escape_text(&b, span_of("\x01\x02")), -1);
    ck_assert_int_eq(errno, EMSGSIZE);
    ck_assert_uint_le(b.len, 6);
    buffer_free(&b);
}
END_TEST

START_TEST(unescape_is_the_way_back_for_any_bytes)
{
    struct buffer there, back;
    unsigned char all[1024];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (unsigned char)(i < 256 ? i : (i * i + i / 7) & 255);
    buffer_init(&there, ROOM);
    buffer_init(&back, ROOM);
    ck_assert_int_eq(escape_text(&there, span_make(all, sizeof all)), 0);
    ck_assert_int_eq(unescape_text(&back, guarded_put(&page, there.data, there.len)), 0);
    ck_assert(span_equal(buffer_span(&back), span_make(all, sizeof all)));
    buffer_free(&there);
    buffer_free(&back);
}
END_TEST

START_TEST(unescape_refuses_what_escape_does_not_write)
{
    static const char *const bad[] = {"\\",    "a\\",   "\\q",   "\\x",    "\\x1",
                                      "\\xG0", "\\x0g", "\\xab", "x\\\\\\"};
    struct buffer b;
    buffer_init(&b, ROOM);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        ck_assert_msg(unescape_text(&b, guarded_puts(&page, bad[i])) == -1, "%s", bad[i]);
        ck_assert_int_eq(errno, EINVAL);
    }
    buffer_free(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("escape");
    TCase *t = tcase_create("escape");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, text_passes_what_prints);
    tcase_add_test(t, text_escapes_controls_and_what_is_no_utf8);
    tcase_add_test(t, json_is_valid_whatever_comes);
    tcase_add_test(t, sequences_are_those_of_rfc_3629);
    tcase_add_test(t, an_escape_never_outgrows_its_buffer);
    tcase_add_test(t, unescape_is_the_way_back_for_any_bytes);
    tcase_add_test(t, unescape_refuses_what_escape_does_not_write);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failures = srunner_ntests_failed(r);
    srunner_free(r);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
