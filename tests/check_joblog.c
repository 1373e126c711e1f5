#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "output/joblog.h"
#include "support/guarded.h"

static const char header[] =
    "# pfetch joblog 1\n# start\tseconds\tstatus\tbytes\terror\texit\toccurrence\ttarget\tcrc32\n";

static char dir[64], path[128], aside[160];

static void setup(void)
{
    strcpy(dir, "/tmp/check_joblog.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/log", dir);
    snprintf(aside, sizeof aside, "%s~", path);
}

static void teardown(void)
{
    unlink(path);
    unlink(aside);
    rmdir(dir);
}

static struct report report_of(const char *target, enum error_kind kind)
{
    struct report r = {.target = span_of(target),
                       .started_us = INT64_C(1795500000000001),
                       .status = kind ? 0 : 200,
                       .bytes = 1256,
                       .ns_total = 125999999,
                       .error = {.kind = kind}};
    return r;
}

static void put_line(struct buffer *b, const char *target, uint32_t occurrence)
{
    struct report r = report_of(target, ERROR_NONE);
    ck_assert_int_eq(joblog_put(b, &r, occurrence), 0);
}

static void spill(const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
    close(fd);
}

static size_t slurp(const char *from, char *text, size_t size)
{
    int fd = open(from, O_RDONLY);
    ck_assert_int_ge(fd, 0);
    ssize_t n = read(fd, text, size - 1);
    ck_assert_int_ge(n, 0);
    text[n] = 0;
    close(fd);
    return (size_t)n;
}

/* What a journal says when it is read. */
struct seen {
    char text[1000];
};

static void see_entry(void *arg, const struct joblog_entry *e)
{
    struct seen *s = arg;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "%.*s#%" PRIu32 " ", (int)e->target.len,
             (const char *)e->target.data, e->occurrence);
}

static void see_damaged(void *arg, uint64_t line)
{
    struct seen *s = arg;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "!%" PRIu64 " ", line);
}

static const char *see(struct seen *s)
{
    struct fetch_error err;
    struct joblog_reader reader = {see_entry, see_damaged, s};
    s->text[0] = 0;
    ck_assert_int_eq(joblog_read(path, &reader, &err), 0);
    return s->text;
}

static void write_one(bool resume, const char *target, uint32_t occurrence)
{
    struct joblog *j;
    struct fetch_error err;
    struct report r = report_of(target, ERROR_NONE);
    ck_assert_msg(joblog_open(path, resume, &j, &err) == 0, "%s", err.message);
    ck_assert_int_eq(joblog_write(j, &r, occurrence, true, &err), 0);
    ck_assert_int_eq(joblog_close(j, &err), 0);
}

static int refused(bool resume, struct fetch_error *err)
{
    struct joblog *j = NULL;
    int result = joblog_open(path, resume, &j, err);
    ck_assert_ptr_null(j);
    return result;
}

START_TEST(a_line_is_as_documented_and_reads_back)
{
    struct buffer b, target;
    struct joblog_entry e;
    struct report r = report_of("exa\tmple.org\n\xff", ERROR_TIMEOUT);
    buffer_init(&b, JOBLOG_LINE_MAX);
    buffer_init(&target, JOBLOG_LINE_MAX);
    ck_assert_int_eq(joblog_put(&b, &r, 7), 0);
    ck_assert_int_eq(buffer_terminate(&b), 0);
    static const char start[] =
        "2026-11-24T06:00:00.000001Z\t0.125\t-\t1256\ttimeout\t1\t7\texa\\tmple.org\\n\\xFF\t";
    ck_assert_int_eq(strncmp((char *)b.data, start, sizeof start - 1), 0);
    ck_assert_uint_eq(b.len, sizeof start - 1 + 9);
    ck_assert_int_eq(joblog_get(span_make(b.data, b.len - 1), &target, &e), JOBLOG_ENTRY);
    ck_assert_int_eq(e.started_us, r.started_us);
    ck_assert_int_eq(e.ns_total, 125000000);
    ck_assert_int_eq(e.status, 0);
    ck_assert_uint_eq(e.bytes, 1256);
    ck_assert_int_eq(e.kind, ERROR_TIMEOUT);
    ck_assert_uint_eq(e.occurrence, 7);
    ck_assert(span_equal(e.target, r.target));
    buffer_free(&b);
    buffer_free(&target);
}
END_TEST

START_TEST(a_line_cut_or_changed_anywhere_is_damaged)
{
    struct buffer b, target;
    struct joblog_entry e;
    struct guarded g;
    buffer_init(&b, JOBLOG_LINE_MAX);
    buffer_init(&target, JOBLOG_LINE_MAX);
    guarded_init(&g, 4096);
    put_line(&b, "example.org", 1);
    size_t len = b.len - 1;
    ck_assert_int_eq(joblog_get(guarded_put(&g, b.data, len), &target, &e), JOBLOG_ENTRY);
    for (size_t cut = 0; cut < len; cut++)
        ck_assert_int_eq(joblog_get(guarded_put(&g, b.data, cut), &target, &e), JOBLOG_DAMAGED);
    for (size_t i = 0; i < len; i++) {
        b.data[i] ^= 4; /* makes no # of any byte of it */
        ck_assert_int_eq(joblog_get(guarded_put(&g, b.data, len), &target, &e), JOBLOG_DAMAGED);
        b.data[i] ^= 4;
    }
    guarded_free(&g);
    buffer_free(&b);
    buffer_free(&target);
}
END_TEST

START_TEST(values_no_worker_should_send_still_read_back)
{
    struct buffer b, target;
    struct joblog_entry e;
    struct report r = report_of("h", ERROR_NONE);
    r.ns_total = INT64_MIN;
    r.status = 123456;
    r.bytes = UINT64_MAX;
    r.started_us = -5;
    buffer_init(&b, JOBLOG_LINE_MAX);
    buffer_init(&target, JOBLOG_LINE_MAX);
    ck_assert_int_eq(joblog_put(&b, &r, UINT32_MAX), 0);
    ck_assert_int_eq(joblog_get(span_make(b.data, b.len - 1), &target, &e), JOBLOG_ENTRY);
    ck_assert_int_eq(e.status, 0);
    ck_assert_uint_eq(e.bytes, UINT64_MAX);
    r.ns_total = INT64_MAX;
    buffer_clear(&b);
    ck_assert_int_eq(joblog_put(&b, &r, 0), 0);
    ck_assert_int_eq(joblog_get(span_make(b.data, b.len - 1), &target, &e), JOBLOG_ENTRY);
    buffer_free(&b);
    buffer_free(&target);
}
END_TEST

START_TEST(the_longest_target_fits)
{
    struct buffer b, target;
    struct joblog_entry e;
    char text[REPORT_TARGET_MAX + 1];
    memset(text, 1, REPORT_TARGET_MAX);
    text[REPORT_TARGET_MAX] = 0;
    buffer_init(&b, JOBLOG_LINE_MAX);
    buffer_init(&target, JOBLOG_LINE_MAX);
    put_line(&b, text, 1);
    ck_assert_int_eq(joblog_get(span_make(b.data, b.len - 1), &target, &e), JOBLOG_ENTRY);
    ck_assert_uint_eq(e.target.len, REPORT_TARGET_MAX);
    buffer_free(&b);
    buffer_free(&target);
}
END_TEST

START_TEST(a_new_journal_describes_itself_and_resume_goes_on)
{
    char text[2000];
    struct seen s;
    write_one(false, "a", 1);
    slurp(path, text, sizeof text);
    ck_assert_int_eq(strncmp(text, header, sizeof header - 1), 0);
    write_one(true, "b", 2);
    ck_assert_str_eq(see(&s), "a#1 b#2 ");
    ck_assert_ptr_null(strstr(text + 10, "# pfetch"));
}
END_TEST

START_TEST(a_torn_tail_is_cut_at_any_byte)
{
    struct buffer b;
    struct seen s;
    buffer_init(&b, JOBLOG_LINE_MAX);
    ck_assert_int_eq(buffer_puts(&b, header), 0);
    put_line(&b, "a", 1);
    size_t whole = b.len;
    put_line(&b, "b", 1);
    for (size_t cut = whole + 1; cut < b.len - 1; cut++) {
        spill((char *)b.data, cut);
        ck_assert_str_eq(see(&s), "a#1 ");
        write_one(true, "c", 1);
        ck_assert_str_eq(see(&s), "a#1 c#1 ");
    }
    buffer_free(&b);
}
END_TEST

START_TEST(a_tail_that_lacks_only_its_newline_counts)
{
    struct buffer b;
    struct seen s;
    buffer_init(&b, JOBLOG_LINE_MAX);
    ck_assert_int_eq(buffer_puts(&b, header), 0);
    put_line(&b, "a", 1);
    spill((char *)b.data, b.len - 1);
    ck_assert_str_eq(see(&s), "a#1 ");
    write_one(true, "b", 1);
    ck_assert_str_eq(see(&s), "a#1 b#1 ");
    buffer_free(&b);
}
END_TEST

START_TEST(a_torn_header_is_as_good_as_none)
{
    struct seen s;
    for (size_t cut = 0; cut < sizeof header - 1; cut++) {
        spill(header, cut);
        write_one(cut % 2, "a", 1);
        ck_assert_str_eq(see(&s), "a#1 ");
    }
}
END_TEST

START_TEST(what_is_no_journal_is_refused_and_left)
{
    static const char foreign[] = "# notes\nimportant, and without a newline";
    char text[100];
    struct fetch_error err;
    for (int resume = 0; resume < 2; resume++) {
        spill(foreign, sizeof foreign - 1);
        ck_assert_int_eq(refused(resume, &err), -1);
        ck_assert_int_eq(err.kind, ERROR_NONE);
        ck_assert_ptr_nonnull(strstr(err.message, path));
        slurp(path, text, sizeof text);
        ck_assert_str_eq(text, foreign);
    }
    struct seen s;
    struct joblog_reader reader = {see_entry, see_damaged, &s};
    ck_assert_int_eq(joblog_read(path, &reader, &err), -1);
    ck_assert_int_eq(joblog_read(dir, &reader, &err), -1);
}
END_TEST

START_TEST(without_resume_the_old_journal_is_set_aside)
{
    struct seen s;
    char text[2000];
    write_one(false, "a", 1);
    write_one(false, "b", 1);
    ck_assert_str_eq(see(&s), "b#1 ");
    slurp(aside, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "\t1\ta\t"));
}
END_TEST

START_TEST(damaged_lines_are_named_and_others_count)
{
    struct buffer b;
    struct seen s;
    buffer_init(&b, 1 << 20);
    ck_assert_int_eq(buffer_puts(&b, header), 0);
    put_line(&b, "a", 1);
    ck_assert_int_eq(buffer_puts(&b, "nonsense\n\n"), 0);
    put_line(&b, "b", 1);
    for (int i = 0; i < 300000; i++)
        ck_assert_int_eq(buffer_putc(&b, 'x'), 0);
    ck_assert_int_eq(buffer_putc(&b, '\n'), 0);
    put_line(&b, "c", 1);
    spill((char *)b.data, b.len);
    ck_assert_str_eq(see(&s), "a#1 !4 !5 b#1 !7 c#1 ");
    buffer_free(&b);
}
END_TEST

START_TEST(journals_join_with_cat_even_after_a_torn_tail)
{
    struct buffer b;
    struct seen s;
    buffer_init(&b, JOBLOG_LINE_MAX);
    ck_assert_int_eq(buffer_puts(&b, header), 0);
    put_line(&b, "a", 1);
    put_line(&b, "torn", 1);
    b.len -= 5;
    ck_assert_int_eq(buffer_puts(&b, header), 0);
    put_line(&b, "b", 1);
    spill((char *)b.data, b.len);
    ck_assert_str_eq(see(&s), "a#1 !4 b#1 ");
    buffer_free(&b);
}
END_TEST

START_TEST(a_long_journal_is_read_across_chunks)
{
    enum { MANY = 5000 };
    struct buffer b;
    struct seen s;
    buffer_init(&b, 1 << 22);
    ck_assert_int_eq(buffer_puts(&b, header), 0);
    for (uint32_t i = 0; i < MANY; i++)
        put_line(&b, "0123456789", i);
    spill((char *)b.data, b.len);
    ck_assert_ptr_null(strchr(see(&s), '!'));
    buffer_free(&b);
}
END_TEST

START_TEST(a_missing_journal_is_an_empty_one_to_resume)
{
    struct seen s;
    ck_assert_str_eq(see(&s), "");
    write_one(true, "a", 1);
    ck_assert_str_eq(see(&s), "a#1 ");
}
END_TEST

START_TEST(one_writer_at_a_time)
{
    struct joblog *j;
    struct fetch_error err;
    int status;
    ck_assert_int_eq(joblog_open(path, false, &j, &err), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct joblog *second;
        _exit(joblog_open(path, true, &second, &err) == -1 && strstr(err.message, "another process") ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(joblog_close(j, &err), 0);
}
END_TEST

/* Between open and lock another run may set the journal aside: what is written then must be in the file that
 * has the name. This one does so for joblog_open's first lock. */
static bool sets_aside;

int fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    void *arg = va_arg(args, void *);
    va_end(args);
    if (command == F_SETLK && sets_aside) {
        sets_aside = rename(path, aside) < 0;
        spill(header, sizeof header - 1);
    }
    return (int)syscall(SYS_fcntl, fd, command, arg);
}

START_TEST(a_journal_set_aside_before_it_was_locked_is_not_written)
{
    struct seen s;
    write_one(false, "a", 1);
    sets_aside = true;
    write_one(true, "b", 1);
    ck_assert(!sets_aside);
    ck_assert_str_eq(see(&s), "b#1 ");
}
END_TEST

/* In a process of its own: the limit would hit the test's messages too. */
static int fill_up(void)
{
    struct joblog *j;
    struct fetch_error err;
    struct report r = report_of("0123456789", ERROR_NONE);
    struct rlimit limit = {sizeof header + 100, RLIM_INFINITY}; /* room for one line and a half */
    signal(SIGXFSZ, SIG_IGN);
    if (joblog_open(path, false, &j, &err) < 0 || setrlimit(RLIMIT_FSIZE, &limit) < 0 ||
        joblog_write(j, &r, 1, false, &err) < 0)
        return 1;
    if (joblog_write(j, &r, 2, false, &err) == 0 || err.kind != ERROR_OUTPUT || !strstr(err.message, path))
        return 2;
    return joblog_close(j, &err) < 0 ? 3 : 0;
}

START_TEST(a_full_disk_is_an_output_error_and_leaves_no_torn_line)
{
    struct seen s;
    struct stat st;
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(fill_up());
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_lt(st.st_size, sizeof header + 99);
    ck_assert_str_eq(see(&s), "0123456789#1 ");
}
END_TEST

START_TEST(a_device_that_is_full_is_an_output_error)
{
    struct joblog *j;
    struct fetch_error err;
    ck_assert_int_eq(joblog_open("/dev/full", false, &j, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_OUTPUT);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("joblog");
    TCase *t = tcase_create("joblog");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_line_is_as_documented_and_reads_back);
    tcase_add_test(t, a_line_cut_or_changed_anywhere_is_damaged);
    tcase_add_test(t, values_no_worker_should_send_still_read_back);
    tcase_add_test(t, the_longest_target_fits);
    tcase_add_test(t, a_new_journal_describes_itself_and_resume_goes_on);
    tcase_add_test(t, a_torn_tail_is_cut_at_any_byte);
    tcase_add_test(t, a_tail_that_lacks_only_its_newline_counts);
    tcase_add_test(t, a_torn_header_is_as_good_as_none);
    tcase_add_test(t, what_is_no_journal_is_refused_and_left);
    tcase_add_test(t, without_resume_the_old_journal_is_set_aside);
    tcase_add_test(t, damaged_lines_are_named_and_others_count);
    tcase_add_test(t, journals_join_with_cat_even_after_a_torn_tail);
    tcase_add_test(t, a_long_journal_is_read_across_chunks);
    tcase_add_test(t, a_missing_journal_is_an_empty_one_to_resume);
    tcase_add_test(t, one_writer_at_a_time);
    tcase_add_test(t, a_journal_set_aside_before_it_was_locked_is_not_written);
    tcase_add_test(t, a_full_disk_is_an_output_error_and_leaves_no_torn_line);
    tcase_add_test(t, a_device_that_is_full_is_an_output_error);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failures = srunner_ntests_failed(r);
    srunner_free(r);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
