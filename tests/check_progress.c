/* The progress line: what it says at any width, and how it behaves on a terminal. */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/deadline.h"
#include "output/progress.h"

static struct progress_state state(void)
{
    return (struct progress_state){.done = 1234,
                                   .failed = 5,
                                   .bytes = 1230000,
                                   .read = 1250,
                                   .in_flight = 8,
                                   .position = 12500,
                                   .size = 200000,
                                   .elapsed = 10 * NS_PER_SECOND,
                                   .rate = -1};
}

static const char *line(const struct progress_state *s, size_t width, bool colour)
{
    static char text[512];
    struct buffer b;
    buffer_init(&b, sizeof text - 1);
    ck_assert_int_eq(progress_format(&b, s, width, colour), 0);
    memcpy(text, b.data, b.len);
    text[b.len] = 0;
    buffer_free(&b);
    return text;
}

static const char *status(const struct progress_state *s)
{
    static char text[512];
    struct buffer b;
    buffer_init(&b, sizeof text - 1);
    ck_assert_int_eq(status_format(&b, s), 0);
    memcpy(text, b.data, b.len);
    text[b.len] = 0;
    buffer_free(&b);
    return text;
}

START_TEST(all_of_it)
{
    struct progress_state s = state();
    ck_assert_str_eq(line(&s, 80, false), "1234/~20000  5 failed  123/s  1.23 MB  ETA 2:32");
    ck_assert_str_eq(line(&s, 80, true), "1234/~20000  \033[31m5 failed\033[0m  123/s  1.23 MB  ETA 2:32");
    s.failed = 0;
    ck_assert_str_eq(line(&s, 80, true), "1234/~20000  0 failed  123/s  1.23 MB  ETA 2:32");
    ck_assert_str_eq(status(&s), "1234/~20000 targets done, 0 failed, 8 in flight, 123/s, 1.23 MB, 10.0 s, "
                                 "ETA 2:32");
}
END_TEST

START_TEST(the_total_is_exact_at_the_end_of_the_input)
{
    struct progress_state s = state();
    s.input_ended = true;
    ck_assert_str_eq(line(&s, 80, false), "1234/1250  5 failed  123/s  1.23 MB  ETA 0:00");
    s.done = 1250;
    ck_assert_str_eq(line(&s, 80, false), "1250/1250  5 failed  125/s  1.23 MB");
}
END_TEST

START_TEST(no_total_without_a_size)
{
    struct progress_state s = state();
    s.size = -1;
    ck_assert_str_eq(line(&s, 80, false), "1234  5 failed  123/s  1.23 MB");
    s = (struct progress_state){.size = 100, .rate = -1};
    ck_assert_str_eq(line(&s, 80, false), "0  0 failed  0.0/s  0 B");
}
END_TEST

START_TEST(hours)
{
    struct progress_state s = state();
    s.rate = 1.5;
    ck_assert_str_eq(line(&s, 80, false), "1234/~20000  5 failed  1.5/s  1.23 MB  ETA 3:28:31");
}
END_TEST

START_TEST(a_line_never_passes_its_width)
{
    struct progress_state s = state();
    ck_assert_str_eq(line(&s, 46, false), "1234/~20000  5 failed  123/s  ETA 2:32");
    ck_assert_str_eq(line(&s, 31, false), "1234/~20000  5 failed  ETA 2:32");
    ck_assert_str_eq(line(&s, 30, false), "1234/~20000  5 failed");
    ck_assert_str_eq(line(&s, 12, false), "1234/~20000");
    ck_assert_str_eq(line(&s, 3, false), "123");
    for (size_t width = 1; width < 100; width++)
        ck_assert_uint_le(strlen(line(&s, width, false)), width);
    s.done = s.failed = s.bytes = s.read = UINT64_MAX;
    for (size_t width = 1; width < 100; width++)
        ck_assert_uint_le(strlen(line(&s, width, false)), width);
}
END_TEST

struct terminal {
    int master, slave;
};

static struct terminal open_terminal(unsigned short columns)
{
    struct terminal t = {.master = posix_openpt(O_RDWR | O_NOCTTY)};
    ck_assert_int_eq(grantpt(t.master) | unlockpt(t.master), 0);
    t.slave = open(ptsname(t.master), O_RDWR | O_NOCTTY);
    ck_assert_int_ge(t.slave, 0);
    struct winsize size = {.ws_row = 24, .ws_col = columns};
    ck_assert_int_eq(ioctl(t.slave, TIOCSWINSZ, &size), 0);
    ck_assert_int_eq(fcntl(t.master, F_SETFL, O_NONBLOCK), 0);
    return t;
}

static const char *screen(const struct terminal *t)
{
    static char text[1000];
    ssize_t n = read(t->master, text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    return text;
}

START_TEST(a_terminal_is_redrawn_and_cleared)
{
    struct terminal t = open_terminal(80);
    struct progress_state s = state();
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "1", 1);
    struct progress *p = progress_new(t.slave);
    int64_t now = 100 * NS_PER_SECOND;
    progress_draw(p, &s, now);
    ck_assert_str_eq(screen(&t), "1234/~20000  5 failed  123/s  1.23 MB  ETA 2:32");
    progress_draw(p, &s, now + NS_PER_SECOND / 20);
    ck_assert_str_eq(screen(&t), "");
    ck_assert_int_eq(progress_due(p), now + NS_PER_SECOND / 10);
    struct winsize size = {.ws_row = 24, .ws_col = 13};
    ioctl(t.slave, TIOCSWINSZ, &size);
    s.done = 1235;
    progress_draw(p, &s, now + NS_PER_SECOND / 10);
    ck_assert_str_eq(screen(&t), "\r\033[K1235/~20000");
    progress_hide(p);
    ck_assert_str_eq(screen(&t), "\r\033[K");
    progress_hide(p);
    ck_assert_str_eq(screen(&t), "");
    progress_show(p);
    ck_assert_str_eq(screen(&t), "1235/~20000");
    progress_free(p);
    ck_assert_str_eq(screen(&t), "\r\033[K");
    close(t.master);
    close(t.slave);
}
END_TEST

START_TEST(colours_only_where_wanted)
{
    struct terminal t = open_terminal(80);
    struct progress_state s = state();
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    struct progress *p = progress_new(t.slave);
    progress_draw(p, &s, 1);
    ck_assert_ptr_nonnull(strstr(screen(&t), "\033[31m5 failed\033[0m"));
    progress_free(p);
    screen(&t);
    setenv("TERM", "dumb", 1);
    p = progress_new(t.slave);
    progress_draw(p, &s, 1);
    ck_assert_ptr_null(strchr(screen(&t), '\033'));
    progress_free(p);
    ck_assert_str_eq(screen(&t), "\r                                               \r");
    close(t.master);
    close(t.slave);
}
END_TEST

START_TEST(what_is_no_terminal_gets_lines)
{
    int pipes[2];
    char text[300];
    struct progress_state s = state();
    ck_assert_int_eq(pipe(pipes), 0);
    struct progress *p = progress_new(pipes[1]);
    progress_draw(p, &s, NS_PER_SECOND);
    progress_draw(p, &s, NS_PER_SECOND + NS_PER_SECOND / 2);
    progress_hide(p);
    progress_show(p);
    progress_free(p);
    ssize_t n = read(pipes[0], text, sizeof text - 1);
    ck_assert_int_gt(n, 0);
    text[n] = 0;
    ck_assert_str_eq(text, "pfetch: 1234/~20000 targets done, 5 failed, 8 in flight, 123/s, 1.23 MB, 10.0 s, "
                           "ETA 2:32\n");
    close(pipes[0]);
    close(pipes[1]);
}
END_TEST

START_TEST(a_terminal_that_takes_nothing_is_skipped)
{
    int pipes[2];
    char full[65536] = {0};
    struct progress_state s = state();
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(write(pipes[1], full, sizeof full), sizeof full);
    struct progress *p = progress_new(pipes[1]);
    progress_draw(p, &s, NS_PER_SECOND);
    progress_free(p);
    close(pipes[0]);
    close(pipes[1]);
}
END_TEST

START_TEST(the_rate_follows_the_last_seconds)
{
    struct terminal t = open_terminal(80);
    struct progress_state s = {.size = -1, .rate = -1};
    struct progress *p = progress_new(t.slave);
    int64_t now = NS_PER_SECOND;
    for (int i = 0; i < 400; i++) {
        now += NS_PER_SECOND / 10;
        s.elapsed += NS_PER_SECOND / 10;
        s.done += i < 200 ? 100 : 10;
        progress_draw(p, &s, now);
        const char *text = screen(&t);
        if (i == 199)
            ck_assert_ptr_nonnull(strstr(text, "  1000/s  "));
        if (i == 399)
            ck_assert_msg(strstr(text, "  11") || strstr(text, "  12"), "%s", text);
    }
    progress_free(p);
    close(t.master);
    close(t.slave);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("progress");
    TCase *t = tcase_create("progress");
    tcase_add_test(t, all_of_it);
    tcase_add_test(t, the_total_is_exact_at_the_end_of_the_input);
    tcase_add_test(t, no_total_without_a_size);
    tcase_add_test(t, hours);
    tcase_add_test(t, a_line_never_passes_its_width);
    tcase_add_test(t, a_terminal_is_redrawn_and_cleared);
    tcase_add_test(t, colours_only_where_wanted);
    tcase_add_test(t, what_is_no_terminal_gets_lines);
    tcase_add_test(t, a_terminal_that_takes_nothing_is_skipped);
    tcase_add_test(t, the_rate_follows_the_last_seconds);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
