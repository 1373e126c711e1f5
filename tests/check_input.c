/* The list of targets: files, pipes and operands give the same lines, in constant memory, without a wait that
 * was not asked for. */
#include "config.h" /* F_SETPIPE_SZ */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "input.h"

/* A file without a name that holds `v`, read from its start. */
static int file_with(const void *data, size_t len)
{
    FILE *f = tmpfile();
    ck_assert_ptr_nonnull(f);
    int fd = dup(fileno(f));
    fclose(f);
    ck_assert_int_eq((int)write(fd, data, len), (int)len);
    ck_assert_int_eq((int)lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void expect(struct input *in, uint64_t index, const char *text)
{
    struct input_line line;
    struct fetch_error err;
    ck_assert_int_eq(input_next(in, true, &line, &err), INPUT_LINE);
    ck_assert_uint_eq(line.index, index);
    ck_assert(!line.too_long);
    ck_assert_msg(span_equal(line.text, span_of(text)), "%.*s, not %s", (int)line.text.len, line.text.data,
                  text);
}

static void expect_result(struct input *in, bool wait, enum input_result want)
{
    struct input_line line;
    struct fetch_error err;
    ck_assert_int_eq(input_next(in, wait, &line, &err), want);
}

static void expect_end(struct input *in)
{
    expect_result(in, true, INPUT_END);
    expect_result(in, false, INPUT_END);
    input_free(in);
}

static const char list[] = "\xEF\xBB\xBF"
                           "a\n"
                           "# comment\n"
                           "\n"
                           "  b \t\r\n"
                           " \t\r\n"
                           "\xEF\xBB\xBF"
                           "c\n"
                           "d # e\r\n"
                           "last";

static void expect_list(struct input *in)
{
    expect(in, 1, "a");
    expect(in, 2, "b");
    expect(in, 3,
           "\xEF\xBB\xBF"
           "c");
    expect(in, 4, "d # e");
    expect(in, 5, "last");
    expect_end(in);
}

START_TEST(a_file_gives_the_lines_that_count)
{
    struct input *in = input_from_fd(file_with(list, sizeof list - 1), true, "list");
    ck_assert_int_eq(input_fd(in), -1);
    expect_list(in);
}
END_TEST

START_TEST(a_pipe_gives_the_same_lines_wherever_it_is_cut)
{
    for (size_t cut = 0; cut < sizeof list; cut++) {
        int fds[2];
        ck_assert_int_eq(pipe(fds), 0);
        struct input *in = input_from_fd(fds[0], true, "pipe");
        ck_assert_int_eq(input_fd(in), fds[0]);
        struct input_line line;
        struct fetch_error err;
        char texts[10][20] = {""};
        size_t count = 0;
        for (int piece = 0; piece < 2; piece++) {
            size_t n = piece ? sizeof list - 1 - cut : cut;
            ck_assert_int_eq((int)write(fds[1], list + (piece ? cut : 0), n), (int)n);
            enum input_result r;
            while ((r = input_next(in, false, &line, &err)) == INPUT_LINE) {
                ck_assert_uint_eq(line.index, ++count);
                ck_assert_uint_lt(line.text.len, sizeof texts[0]);
                memcpy(texts[count - 1], line.text.data, line.text.len);
            }
            ck_assert_int_eq(r, INPUT_AGAIN);
        }
        close(fds[1]);
        ck_assert_uint_eq(count, 4);
        ck_assert_str_eq(texts[0], "a");
        ck_assert_str_eq(texts[1], "b");
        ck_assert_str_eq(texts[2], "\xEF\xBB\xBF"
                                   "c");
        ck_assert_str_eq(texts[3], "d # e");
        expect(in, 5, "last");
        expect_end(in);
    }
}
END_TEST

START_TEST(a_pipe_byte_by_byte_is_the_same_list)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    struct input *in = input_from_fd(fds[0], true, "pipe");
    pid_t child = fork();
    if (child == 0) {
        for (size_t i = 0; i < sizeof list - 1; i++)
            if (write(fds[1], list + i, 1) != 1)
                _exit(1);
        _exit(0);
    }
    close(fds[1]);
    expect_list(in);
}
END_TEST

START_TEST(a_mark_that_only_begins_is_text)
{
    struct input *in = input_from_fd(file_with("\xEF\xBB", 2), true, "list");
    expect(in, 1, "\xEF\xBB");
    expect_end(in);
    in = input_from_fd(file_with("\xEF\xBBx\ny", 5), true, "list");
    expect(in, 1, "\xEF\xBBx");
    expect(in, 2, "y");
    expect_end(in);
    in = input_from_fd(file_with("\xEF\xBB\xBF", 3), true, "list");
    expect_end(in);
}
END_TEST

START_TEST(an_empty_pipe_does_not_wait)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    struct input *in = input_from_fd(fds[0], true, "pipe");
    expect_result(in, false, INPUT_AGAIN);
    ck_assert_int_eq((int)write(fds[1], "a", 1), 1);
    expect_result(in, false, INPUT_AGAIN);
    expect_result(in, false, INPUT_AGAIN);
    ck_assert_int_eq((int)write(fds[1], "\nb", 2), 2);
    expect(in, 1, "a");
    ck_assert_int_eq(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
    close(fds[1]);
    expect(in, 2, "b");
    expect_end(in);
}
END_TEST

START_TEST(a_pipe_is_read_once_a_call)
{
    static char block[65536];
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_ge(fcntl(fds[1], F_SETPIPE_SZ, 262144), 262144);
    struct input *in = input_from_fd(fds[0], true, "pipe");
    memset(block, '#', sizeof block);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq((int)write(fds[1], block, sizeof block), (int)sizeof block);
    for (uint64_t i = 1; i <= 3; i++) {
        expect_result(in, false, INPUT_AGAIN);
        ck_assert_uint_eq(input_position(in), i * sizeof block);
    }
    close(fds[1]);
    expect_end(in);
}
END_TEST

START_TEST(dev_null_is_empty_and_never_waits)
{
    struct input *in = input_from_fd(open("/dev/null", O_RDONLY), true, "/dev/null");
    ck_assert_int_eq(input_fd(in), -1);
    ck_assert_int_eq(input_size(in), -1);
    expect_end(in);
}
END_TEST

START_TEST(what_cannot_be_read_fails_by_name)
{
    struct input_line line;
    struct fetch_error err;
    struct input *in = input_from_fd(open("/", O_RDONLY), true, "the list");
    ck_assert_int_eq(input_next(in, true, &line, &err), INPUT_FAILED);
    ck_assert_str_eq(err.message, "cannot read the list: Is a directory");
    input_free(in);
    int fd = open("/dev/null", O_RDONLY);
    close(fd);
    in = input_from_fd(fd, false, "standard input");
    ck_assert_int_eq(input_next(in, true, &line, &err), INPUT_FAILED);
    ck_assert_str_eq(err.message, "cannot read standard input: Bad file descriptor");
    input_free(in);
}
END_TEST

START_TEST(operands_all_count)
{
    char *operands[] = {(char *)"a", (char *)" b ", (char *)"", (char *)"#c"};
    struct input *in = input_from_operands(operands, 4);
    ck_assert_int_eq(input_fd(in), -1);
    ck_assert_int_eq(input_size(in), 4);
    expect(in, 1, "a");
    ck_assert_uint_eq(input_position(in), 1);
    expect(in, 2, "b");
    expect(in, 3, "");
    expect(in, 4, "#c");
    expect_end(in);
    expect_end(input_from_operands(NULL, 0));
}
END_TEST

START_TEST(position_and_size_are_the_files)
{
    int fd = file_with("skipped\nab\ncd\n", 14);
    ck_assert_int_eq((int)lseek(fd, 8, SEEK_SET), 8);
    struct input *in = input_from_fd(fd, false, "list");
    ck_assert_int_eq(input_size(in), 14);
    ck_assert_uint_eq(input_position(in), 8);
    expect(in, 1, "ab");
    ck_assert_uint_eq(input_position(in), 11);
    expect(in, 2, "cd");
    ck_assert_uint_eq(input_position(in), 14);
    expect_end(in);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

static long peak_kb(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

/* 64 MiB of NUL bytes that take no room on the disk, then another line. */
START_TEST(a_huge_line_needs_no_memory)
{
    enum { HUGE_LINE = 64 << 20 };
    static const unsigned char want[4] = {0x3b, 0x6a, 0x07, 0xd0};
    struct input_line line;
    struct fetch_error err;
    int fd = file_with("", 0);
    ck_assert_int_eq(ftruncate(fd, HUGE_LINE), 0);
    ck_assert_int_eq((int)pwrite(fd, " \r\nnext", 7, HUGE_LINE), 7);
    struct input *in = input_from_fd(fd, true, "list");
    long before = peak_kb();
    ck_assert_int_eq(input_next(in, true, &line, &err), INPUT_LINE);
    ck_assert(line.too_long);
    ck_assert_uint_eq(line.text.len, 256);
    ck_assert_int_eq(line.text.data[255], 0);
    ck_assert_mem_eq(line.sha256_of_all, want, sizeof want);
    ck_assert_int_lt(peak_kb() - before, 8192);
    expect(in, 2, "next");
    expect_end(in);
}
END_TEST

START_TEST(a_line_of_8192_bytes_is_whole_and_one_more_is_too_long)
{
    static char text[3 * 8200];
    struct input_line line;
    struct fetch_error err;
    memset(text, 'x', sizeof text);
    text[8192] = '\n';
    text[8193 + 8193] = '\n';
    text[8193 + 8194] = 'y';
    text[8193 + 8195] = '\n';
    struct input *in = input_from_fd(file_with(text, 8193 + 8196), true, "list");
    ck_assert_int_eq(input_next(in, true, &line, &err), INPUT_LINE);
    ck_assert(!line.too_long);
    ck_assert_uint_eq(line.text.len, 8192);
    ck_assert_int_eq(input_next(in, true, &line, &err), INPUT_LINE);
    ck_assert(line.too_long);
    ck_assert_uint_eq(line.text.len, 256);
    ck_assert_uint_eq(line.index, 2);
    expect(in, 3, "y");
    expect_end(in);
}
END_TEST

START_TEST(lines_across_blocks_are_whole)
{
    enum { LINES = 20000 };
    char *text = malloc(LINES * 32);
    size_t len = 0;
    for (int i = 0; i < LINES; i++)
        len += (size_t)sprintf(text + len, "host-%d.example%s", i, i % 3 ? "\n" : "\r\n");
    struct input *in = input_from_fd(file_with(text, len), true, "list");
    for (int i = 0; i < LINES; i++) {
        char want[32];
        snprintf(want, sizeof want, "host-%d.example", i);
        expect(in, (uint64_t)i + 1, want);
    }
    expect_end(in);
    free(text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("input");
    TCase *t = tcase_create("input");
    tcase_add_test(t, a_file_gives_the_lines_that_count);
    tcase_add_test(t, a_pipe_gives_the_same_lines_wherever_it_is_cut);
    tcase_add_test(t, a_pipe_byte_by_byte_is_the_same_list);
    tcase_add_test(t, a_mark_that_only_begins_is_text);
    tcase_add_test(t, an_empty_pipe_does_not_wait);
    tcase_add_test(t, a_pipe_is_read_once_a_call);
    tcase_add_test(t, dev_null_is_empty_and_never_waits);
    tcase_add_test(t, what_cannot_be_read_fails_by_name);
    tcase_add_test(t, operands_all_count);
    tcase_add_test(t, position_and_size_are_the_files);
    tcase_add_test(t, a_huge_line_needs_no_memory);
    tcase_add_test(t, a_line_of_8192_bytes_is_whole_and_one_more_is_too_long);
    tcase_add_test(t, lines_across_blocks_are_whole);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
