/* Lines of a --config file: curl's spelling, what is refused, and that no byte behind a line is read. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options_config.h"
#include "support/guarded.h"

/* Reads `line` and compares: `name` NULL: blank; `value` NULL: none. */
static void expect(const char *line, const char *name, bool letter, const char *value)
{
    struct guarded g;
    struct buffer b;
    struct config_entry e;
    struct option_error err = {""};
    guarded_init(&g, 256);
    buffer_init(&b, 1000);
    enum config_result r = config_line(guarded_puts(&g, line), &e, &b, &err);
    ck_assert_msg(r == (name ? CONFIG_ENTRY : CONFIG_BLANK), "'%s': %d %s", line, (int)r, err.text);
    if (name) {
        ck_assert_msg(span_equal(e.name, span_of(name)), "'%s': name '%.*s'", line, (int)e.name.len,
                      (const char *)e.name.data);
        ck_assert_msg(e.letter == letter && e.has_value == (value != NULL), "'%s'", line);
        if (value)
            ck_assert_str_eq(e.value, value);
    }
    buffer_free(&b);
    guarded_free(&g);
}

START_TEST(names_and_values_in_all_spellings)
{
    expect("workers 8", "workers", false, "8");
    expect("workers = 8", "workers", false, "8");
    expect("workers=8", "workers", false, "8");
    expect("workers: 8", "workers", false, "8");
    expect("workers:8", "workers", false, "8");
    expect("\t workers \t=\t 8 \r", "workers", false, "8");
    expect("--workers 8", "workers", false, "8");
    expect("--workers=8", "workers", false, "8");
    expect("-w 8", "w", true, "8");
    expect("-w8", "w", true, "8");
    expect("location", "location", false, NULL);
    expect("-L", "L", true, NULL);
    expect("path = /a=b:c", "path", false, "/a=b:c");
    expect("resolve a:443:127.0.0.1", "resolve", false, "a:443:127.0.0.1");
    expect("proxy = \"\"", "proxy", false, "");
}
END_TEST

START_TEST(comments_and_empty_lines_are_skipped)
{
    expect("", NULL, false, NULL);
    expect("   \t", NULL, false, NULL);
    expect("# workers 8", NULL, false, NULL);
    expect("   # workers 8", NULL, false, NULL);
    expect("\r", NULL, false, NULL);
    expect("location # follow them", "location", false, NULL);
    expect("workers 8 # eight", "workers", false, "8");
    expect("header \"X: #1\" # one", "header", false, "X: #1");
}
END_TEST

START_TEST(quotes_hold_blanks_and_escapes)
{
    expect("header = \"X-A: b c\"", "header", false, "X-A: b c");
    expect("-H \"X: y\"", "H", true, "X: y");
    expect("user-agent \"a\\\\b\\\"c\\td\\ne\\rf\\vg\\xh\"", "user-agent", false, "a\\b\"c\td\ne\rf\vgxh");
}
END_TEST

static void refuse(const void *line, size_t len, const char *part)
{
    struct buffer b;
    struct config_entry e;
    struct option_error err = {""};
    buffer_init(&b, 1000);
    ck_assert_int_eq(config_line(span_make(line, len), &e, &b, &err), CONFIG_BAD);
    ck_assert_msg(strstr(err.text, part) != NULL, "%s", err.text);
    buffer_free(&b);
}

START_TEST(what_is_unclear_is_refused)
{
    refuse("header X-A: b", 13, "quotes around");
    refuse("header \"X-A: b", 14, "not closed");
    refuse("header \"a\\", 10, "not closed");
    refuse("header \"a\" b", 12, "quotes around");
    refuse("work\0ers 8", 10, "NUL");
    char longer[1200];
    memset(longer, 'x', sizeof longer);
    longer[4] = ' ';
    refuse(longer, sizeof longer, "too long");
}
END_TEST

START_TEST(nothing_is_read_behind_a_line)
{
    static const char *const lines[] = {
        "--header = \"X\\\\Y\\\"Z\\t\" # c\r", "-w 8 # x", " a : b", "-", "--", "=", "--x=\"\\"};
    struct guarded g;
    struct buffer b;
    guarded_init(&g, 256);
    buffer_init(&b, 1000);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        for (size_t len = 0; len <= strlen(lines[i]); len++) {
            struct config_entry e;
            struct option_error err;
            config_line(guarded_put(&g, lines[i], len), &e, &b, &err);
        }
    buffer_free(&b);
    guarded_free(&g);
}
END_TEST

static int count_entry(void *arg, const struct config_entry *entry, struct option_error *err)
{
    if (span_equal(entry->name, span_of("bad")))
        return option_error_set(err, "bad is bad");
    ++*(int *)arg;
    return 0;
}

static int read_text(const char *text, size_t len, int *count, struct option_error *err)
{
    char path[] = "/tmp/check_options_config.XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
    close(fd);
    int ret = config_read(path, count_entry, count, err);
    char *at = strstr(err->text, path);
    if (at)
        memmove(at, at + strlen(path), strlen(at + strlen(path)) + 1);
    unlink(path);
    return ret;
}

START_TEST(errors_name_file_and_line)
{
    int count = 0;
    struct option_error err = {""};
    static const char good[] = "a 1\n\n# c\nb 2\nc";
    ck_assert_int_eq(read_text(good, sizeof good - 1, &count, &err), 0);
    ck_assert_int_eq(count, 3);
    static const char bad[] = "a 1\r\n# c\r\nbad\r\nb 2\r\n";
    ck_assert_int_eq(read_text(bad, sizeof bad - 1, &count, &err), -1);
    ck_assert_str_eq(err.text, ":3: bad is bad");
    static const char open_quote[] = "\n\"\nb \"2\n";
    ck_assert_int_eq(read_text(open_quote, sizeof open_quote - 1, &count, &err), -1);
    ck_assert_msg(strncmp(err.text, ":3: ", 4) == 0, "%s", err.text);
}
END_TEST

START_TEST(a_byte_order_mark_begins_a_file_and_nothing_else)
{
    int count = 0;
    struct option_error err = {""};
    static const char good[] = "\xEF\xBB\xBF# c\na 1\nb 2\n", bad[] = "a 1\n\xEF\xBB\xBF"
                                                                      "bad\nb 2\n";
    ck_assert_int_eq(read_text(good, sizeof good - 1, &count, &err), 0);
    ck_assert_int_eq(count, 2);
    static const char bad_first[] = "\xEF\xBB\xBF"
                                    "bad\n";
    ck_assert_int_eq(read_text(bad_first, sizeof bad_first - 1, &count, &err), -1);
    ck_assert_str_eq(err.text, ":1: bad is bad");
    ck_assert_int_eq(read_text(bad, sizeof bad - 1, &count, &err), 0); /* there it is a part of the name */
    ck_assert_int_eq(count, 5);
    ck_assert_int_eq(read_text(good, 3, &count, &err), 0);
    ck_assert_int_eq(read_text(good, 2, &count, &err), 0);
    ck_assert_int_eq(count, 6);
}
END_TEST

START_TEST(a_file_that_is_none_or_too_long_is_refused)
{
    int count = 0;
    struct option_error err = {""};
    ck_assert_int_eq(config_read("/nonexistent/x", count_entry, &count, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/x: No such file"));
    ck_assert_int_eq(config_read("/", count_entry, &count, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "directory"));
    ck_assert_int_eq(config_read("/dev/zero", count_entry, &count, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "more than"));
    ck_assert_int_eq(count, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("options_config");
    TCase *t = tcase_create("options_config");
    tcase_add_test(t, names_and_values_in_all_spellings);
    tcase_add_test(t, comments_and_empty_lines_are_skipped);
    tcase_add_test(t, quotes_hold_blanks_and_escapes);
    tcase_add_test(t, what_is_unclear_is_refused);
    tcase_add_test(t, nothing_is_read_behind_a_line);
    tcase_add_test(t, errors_name_file_and_line);
    tcase_add_test(t, a_byte_order_mark_begins_a_file_and_nothing_else);
    tcase_add_test(t, a_file_that_is_none_or_too_long_is_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
