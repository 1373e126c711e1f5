/* The writer: every byte, in order, whatever the descriptor is; waits that end; failures that name the file.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output/writer.h"

enum { TOTAL = 3 * 1024 * 1024 + 17 };

static struct fetch_error err;

static unsigned char pattern(size_t i)
{
    return (unsigned char)(i * 31 + (i >> 8) * 7);
}

struct reader {
    int fd;
    size_t seen;
    bool wrong;
};

static void *read_all(void *arg)
{
    struct reader *r = arg;
    unsigned char bytes[10000];
    ssize_t n;
    while ((n = read(r->fd, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < n; i++)
            if (bytes[i] != pattern(r->seen++))
                r->wrong = true;
    return NULL;
}

static void put_pattern(struct writer *w, size_t total)
{
    static unsigned char bytes[300000];
    size_t sizes[] = {1, 700, 4096, 131072, 5000, 262144, 299999, 3}, at = 0, turn = 0;
    while (at < total) {
        size_t n = sizes[turn++ % 8];
        if (n > total - at)
            n = total - at;
        for (size_t i = 0; i < n; i++)
            bytes[i] = pattern(at + i);
        ck_assert_int_eq(writer_put(w, bytes, n, &err), 0);
        at += n;
        ck_assert_uint_eq(writer_taken(w), at);
    }
    ck_assert_int_eq(writer_flush(w, false, &err), 0);
    ck_assert_uint_eq(writer_written(w), total);
}

/* Writes all to `out` while a thread reads `in`, whose flags must stay as they are. */
static void through(int in, int out)
{
    struct reader r = {.fd = in};
    pthread_t thread;
    int flags = fcntl(out, F_GETFL);
    ck_assert_int_eq(pthread_create(&thread, NULL, read_all, &r), 0);
    struct writer *w =
        writer_new(&(struct writer_options){.fd = out, .owned = true, .name = "x", .wake_fd = -1});
    put_pattern(w, TOTAL);
    ck_assert_int_eq(fcntl(out, F_GETFL), flags);
    writer_free(w);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(r.seen, TOTAL);
    ck_assert(!r.wrong);
    close(in);
}

START_TEST(a_pipe_gets_every_byte)
{
    int p[2];
    ck_assert_int_eq(pipe(p), 0);
    through(p[0], p[1]);
}
END_TEST

START_TEST(a_pipe_that_cannot_be_opened_anew)
{
    int p[2];
    struct rlimit was, none;
    ck_assert_int_eq(pipe(p), 0);
    getrlimit(RLIMIT_NOFILE, &was);
    none = was;
    none.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &none);
    struct writer *w =
        writer_new(&(struct writer_options){.fd = p[1], .owned = true, .name = "x", .wake_fd = -1});
    setrlimit(RLIMIT_NOFILE, &was);
    struct reader r = {.fd = p[0]};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, read_all, &r), 0);
    put_pattern(w, TOTAL);
    writer_free(w);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(r.seen, TOTAL);
    ck_assert(!r.wrong);
    close(p[0]);
}
END_TEST

START_TEST(a_socket_gets_every_byte)
{
    int p[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
    through(p[0], p[1]);
}
END_TEST

START_TEST(a_terminal_gets_every_byte)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    ck_assert_int_ge(master, 0);
    ck_assert_int_eq(grantpt(master) | unlockpt(master), 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    ck_assert_int_ge(slave, 0);
    struct writer *w =
        writer_new(&(struct writer_options){.fd = slave, .owned = true, .name = "tty", .wake_fd = -1});
    ck_assert_int_eq(writer_put(w, "hello\n", 6, &err), 0);
    ck_assert_int_eq(writer_flush(w, true, &err), 0);
    char line[20];
    ck_assert_int_eq(read(master, line, sizeof line), 7);
    ck_assert_mem_eq(line, "hello\r\n", 7);
    writer_free(w);
    close(master);
}
END_TEST

START_TEST(a_file_is_appended_to)
{
    char name[] = "check_writer.XXXXXX";
    int fd = mkstemp(name);
    ck_assert_int_eq(write(fd, "old ", 4), 4);
    struct writer *w =
        writer_new(&(struct writer_options){.fd = fd, .owned = false, .name = name, .wake_fd = -1});
    ck_assert_int_eq(writer_put(w, "new", 3, &err), 0);
    ck_assert_uint_eq(writer_written(w), 0);
    ck_assert_int_eq(writer_flush(w, true, &err), 0);
    writer_free(w);
    char text[8];
    ck_assert_int_eq(pread(fd, text, sizeof text, 0), 7);
    ck_assert_mem_eq(text, "old new", 7);
    close(fd);
    unlink(name);
}
END_TEST

START_TEST(a_full_disk_is_named_and_stays_an_error)
{
    int fd = open("/dev/full", O_WRONLY);
    struct writer *w =
        writer_new(&(struct writer_options){.fd = fd, .owned = true, .name = "/tmp/x.json", .wake_fd = -1});
    ck_assert_int_eq(writer_put(w, "x", 1, &err), 0);
    ck_assert_int_eq(writer_flush(w, false, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_OUTPUT);
    ck_assert_str_eq(err.message, "/tmp/x.json: No space left on device");
    ck_assert(!writer_broken_pipe(w));
    error_clear(&err);
    ck_assert_int_eq(writer_put(w, "x", 1, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_OUTPUT);
    ck_assert_uint_eq(writer_written(w), 0);
    writer_free(w);
}
END_TEST

START_TEST(a_closed_pipe_is_told_apart)
{
    int p[2];
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(pipe(p), 0);
    close(p[0]);
    struct writer *w =
        writer_new(&(struct writer_options){.fd = p[1], .owned = true, .name = "x", .wake_fd = -1});
    ck_assert_int_eq(writer_put(w, "x", 1, &err), 0);
    ck_assert_int_eq(writer_flush(w, false, &err), -1);
    ck_assert(writer_broken_pipe(w));
    writer_free(w);
}
END_TEST

struct wakes {
    int fd;
    int left; /* calls before it says give up */
};

static bool wake(void *arg)
{
    struct wakes *k = arg;
    char c;
    ck_assert_int_eq(read(k->fd, &c, 1), 1);
    return k->left-- == 0;
}

START_TEST(a_wait_is_ended_by_wake)
{
    int p[2], k[2];
    ck_assert_int_eq(pipe(p) | pipe(k), 0);
    ck_assert_int_eq(write(k[1], "abc", 3), 3);
    struct wakes wakes = {k[0], 2};
    struct writer *w = writer_new(&(struct writer_options){
        .fd = p[1], .owned = true, .name = "x", .wake_fd = k[0], .wake = wake, .arg = &wakes});
    static char zeros[300000];
    int r = 0;
    for (int i = 0; i < 10 && r == 0; i++)
        r = writer_put(w, zeros, sizeof zeros, &err);
    ck_assert_int_eq(r, -1);
    ck_assert_int_eq(err.kind, ERROR_CANCELLED);
    ck_assert_int_eq(wakes.left, -1);
    ck_assert_uint_gt(writer_written(w), 0);
    ck_assert_int_eq(writer_flush(w, false, &err), -1);
    writer_free(w);
    close(p[0]);
    close(k[0]);
    close(k[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("writer");
    TCase *t = tcase_create("writer");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_pipe_gets_every_byte);
    tcase_add_test(t, a_pipe_that_cannot_be_opened_anew);
    tcase_add_test(t, a_socket_gets_every_byte);
    tcase_add_test(t, a_terminal_gets_every_byte);
    tcase_add_test(t, a_file_is_appended_to);
    tcase_add_test(t, a_full_disk_is_named_and_stays_an_error);
    tcase_add_test(t, a_closed_pipe_is_told_apart);
    tcase_add_test(t, a_wait_is_ended_by_wake);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
