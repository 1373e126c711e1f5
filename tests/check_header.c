/* -H: the three forms, and what would break a request. */
#include <check.h>
#include <stdlib.h>

#include "fetch/fetch.h"
#include "fetch/header.h"

static void reads(const char *line, enum header_form form, const char *name, const char *value)
{
    struct fetch_error err;
    struct span n, v;
    ck_assert_msg(fetch_check_header(line, &err) == 0, "%s: %s", line, err.message);
    ck_assert_int_eq(header_split(line, &n, &v), form);
    ck_assert(span_equal(n, span_of(name)));
    ck_assert(span_equal(v, span_of(value)));
}

static void refuses(const char *line, const char *why)
{
    struct fetch_error err;
    ck_assert_msg(fetch_check_header(line, &err) == -1, "%s was accepted", line);
    ck_assert_int_eq(err.kind, ERROR_NONE);
    ck_assert_msg(strstr(err.message, why) != NULL, "%s: %s", line, err.message);
}

START_TEST(a_value_is_set_trimmed)
{
    reads("Accept: text/html", HEADER_SET, "Accept", "text/html");
    reads("accept:text/html \t", HEADER_SET, "accept", "text/html");
    reads("X: a\tb: c;d", HEADER_SET, "X", "a\tb: c;d");
    reads("X: ;", HEADER_SET, "X", ";");
    reads("X: \xC3\xA9\xFF", HEADER_SET, "X", "\xC3\xA9\xFF");
    reads("!#$%&'*+-.^_`|~09azAZ: v", HEADER_SET, "!#$%&'*+-.^_`|~09azAZ", "v");
}
END_TEST

START_TEST(no_value_removes_and_a_semicolon_empties)
{
    reads("Accept:", HEADER_REMOVE, "Accept", "");
    reads("Accept: \t ", HEADER_REMOVE, "Accept", "");
    reads("Accept;", HEADER_EMPTY, "Accept", "");
    reads("Accept; ", HEADER_EMPTY, "Accept", "");
    reads("Content-Length:", HEADER_REMOVE, "Content-Length", "");
}
END_TEST

START_TEST(what_is_no_header_is_refused)
{
    refuses("", "does not start with a name");
    refuses(": v", "does not start with a name");
    refuses(" X: v", "does not start with a name");
    refuses("Accept", "no ':'");
    refuses("Acc ept: v", "byte 4");
    refuses("Accept : v", "byte 7");
    refuses("Acc\xC3\xA9pt: v", "byte 4");
    refuses("X; v", "behind ';'");
}
END_TEST

START_TEST(control_bytes_are_refused)
{
    for (int c = 1; c < 0x20; c++) {
        char line[] = {'X', ':', ' ', 'a', (char)c, 'b', 0};
        struct fetch_error err;
        ck_assert_int_eq(fetch_check_header(line, &err), c == '\t' ? 0 : -1);
    }
    refuses("X: a\r\nInjected: b", "control byte 0x0d");
    refuses("X:\n", "control byte 0x0a");
    refuses("X:\x7F", "control byte 0x7f");
    refuses("X\r: v", "byte 2");
}
END_TEST

START_TEST(headers_that_announce_a_body_are_refused)
{
    refuses("content-length: 5", "sends no body");
    refuses("Transfer-Encoding: chunked", "sends no body");
    refuses("Transfer-Encoding;", "sends no body");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("header");
    TCase *t = tcase_create("header");
    tcase_add_test(t, a_value_is_set_trimmed);
    tcase_add_test(t, no_value_removes_and_a_semicolon_empties);
    tcase_add_test(t, what_is_no_header_is_refused);
    tcase_add_test(t, control_bytes_are_refused);
    tcase_add_test(t, headers_that_announce_a_body_are_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
