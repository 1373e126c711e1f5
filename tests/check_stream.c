#include "config.h"

#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <stdlib.h>
#include <unistd.h>

#include "fetch/stream.h"
#include "support/waits.h"

/* A TCP stream over one end of a socket pair; the other end is blocking. */
static struct stream *pair(int *ret_other)
{
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    *ret_other = fds[1];
    struct stream *s = stream_tcp(fds[0]);
    ck_assert_ptr_nonnull(s);
    return s;
}

static bool always(void *arg)
{
    ++*(int *)arg;
    return true;
}

static bool never(void *arg)
{
    ++*(int *)arg;
    return false;
}

static void count_idle(void *arg)
{
    ++*(int *)arg;
}

START_TEST(reads_what_is_there_and_then_the_end)
{
    int other;
    char bytes[16];
    struct fetch_error err;
    struct wait w = wait_long();
    struct stream *s = pair(&other);
    ck_assert_int_eq(write(other, "hello", 5), 5);
    ck_assert_int_eq(stream_read(s, bytes, sizeof bytes, &w, PHASE_BODY, &err), 5);
    ck_assert_mem_eq(bytes, "hello", 5);
    close(other);
    ck_assert_int_eq(stream_read(s, bytes, sizeof bytes, &w, PHASE_BODY, &err), STREAM_EOF);
    stream_close(s);
}
END_TEST

START_TEST(a_read_that_finds_nothing_times_out)
{
    int other;
    char byte;
    struct fetch_error err;
    struct wait w = wait_ms(1);
    struct stream *s = pair(&other);
    ck_assert_int_eq(stream_read(s, &byte, 1, &w, PHASE_HEADERS, &err), STREAM_ERROR);
    ck_assert_int_eq(err.kind, ERROR_TIMEOUT);
    ck_assert_int_eq(err.phase, PHASE_HEADERS);
    ck_assert_ptr_nonnull(strstr(err.message, "0.001 s (--timeout)"));
    stream_close(s);
    close(other);
}
END_TEST

START_TEST(a_write_that_nobody_takes_times_out)
{
    int other;
    static char much[4 << 20];
    struct fetch_error err;
    struct wait w = wait_ms(1);
    struct stream *s = pair(&other);
    ck_assert_int_eq(stream_write(s, much, sizeof much, &w, PHASE_SEND, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_TIMEOUT);
    ck_assert_int_eq(err.phase, PHASE_SEND);
    stream_close(s);
    close(other);
}
END_TEST

START_TEST(a_write_to_a_closed_end_is_an_error_and_no_signal)
{
    int other;
    struct fetch_error err;
    struct wait w = wait_long();
    struct stream *s = pair(&other);
    close(other);
    ck_assert_int_eq(stream_write(s, "x", 1, &w, PHASE_SEND, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_TRUNCATED);
    stream_close(s);
}
END_TEST

START_TEST(the_message_names_the_limit_that_passed)
{
    struct fetch_error err;
    struct wait w = wait_long();
    w.phase = 1;
    w.phase_limit = 2500 * NS_PER_MS;
    wait_failed(&w, WAIT_TIMEOUT, PHASE_CONNECT, &err);
    ck_assert_ptr_nonnull(strstr(err.message, "2.5 s (--connect-timeout)"));
    w.whole = 1;
    w.whole_limit = 0;
    wait_failed(&w, WAIT_TIMEOUT, PHASE_CONNECT, &err);
    ck_assert_ptr_nonnull(strstr(err.message, "(--max-time)"));
    ck_assert_ptr_null(strstr(err.message, " s "));
}
END_TEST

START_TEST(a_wait_is_cancelled_through_the_wake_descriptor)
{
    int fds[2], calls = 0;
    struct wait w = wait_long();
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(write(fds[1], "x", 1), 1);
    w.wake_fd = fds[0];
    w.wake = always;
    w.arg = &calls;
    ck_assert_int_eq(wait_poll(&w, NULL, 0, DEADLINE_NEVER), WAIT_CANCELLED);
    ck_assert_int_eq(calls, 1);
}
END_TEST

START_TEST(a_wake_descriptor_that_stays_readable_disturbs_nothing)
{
    int fds[2], calls = 0;
    struct wait w = wait_long();
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(write(fds[1], "x", 1), 1);
    w.wake_fd = fds[0];
    w.wake = never;
    w.arg = &calls;
    int64_t start = deadline_now();
    ck_assert_int_eq(wait_poll(&w, NULL, 0, deadline_add(start, 120 * NS_PER_MS)), WAIT_TIMEOUT);
    ck_assert_int_ge(deadline_now() - start, 120 * NS_PER_MS);
    ck_assert_int_ge(calls, 2);
    ck_assert_int_le(calls, 10);
}
END_TEST

START_TEST(what_is_ready_goes_before_a_deadline_that_has_passed)
{
    int fds[2];
    struct wait w = wait_long();
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(write(fds[1], "x", 1), 1);
    struct pollfd fd = {.fd = fds[0], .events = POLLIN};
    ck_assert_int_eq(wait_poll(&w, &fd, 1, 1), WAIT_READY);
    ck_assert_int_eq(fd.revents, POLLIN);
}
END_TEST

START_TEST(idle_is_called_once_in_a_wait_that_lasts)
{
    int calls = 0;
    struct wait w = wait_long();
    w.idle = count_idle;
    w.arg = &calls;
    ck_assert_int_eq(wait_poll(&w, NULL, 0, deadline_add(deadline_now(), 60 * NS_PER_MS)), WAIT_TIMEOUT);
    ck_assert_int_eq(calls, 1);
    calls = 0;
    ck_assert_int_eq(wait_poll(&w, NULL, 0, deadline_now()), WAIT_TIMEOUT);
    ck_assert_int_eq(calls, 0);
}
END_TEST

static void slow_idle(void *arg)
{
    struct pollfd *fd = arg;
    usleep(400000);
    fd->events = POLLIN;
}

START_TEST(time_in_idle_counts_against_no_deadline)
{
    struct wait w = wait_long();
    struct pollfd mark = {0};
    w.idle = slow_idle;
    w.arg = &mark;
    int64_t start = deadline_now();
    ck_assert_int_eq(wait_poll(&w, NULL, 0, deadline_add(start, 300 * NS_PER_MS)), WAIT_TIMEOUT);
    ck_assert_int_eq(mark.events, POLLIN);
    ck_assert_int_ge(deadline_now() - start, 700 * NS_PER_MS);
}
END_TEST

static void on_alarm(int number)
{
    (void)number;
}

START_TEST(a_signal_does_not_end_a_wait)
{
    struct wait w = wait_long();
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    ualarm(5000, 5000);
    int64_t start = deadline_now();
    ck_assert_int_eq(wait_poll(&w, NULL, 0, deadline_add(start, 50 * NS_PER_MS)), WAIT_TIMEOUT);
    ck_assert_int_ge(deadline_now() - start, 50 * NS_PER_MS);
    ualarm(0, 0);
}
END_TEST

START_TEST(an_idle_connection_is_usable_until_something_comes)
{
    int other;
    struct stream *s = pair(&other);
    ck_assert(stream_usable(s));
    ck_assert_int_eq(write(other, "x", 1), 1);
    ck_assert(!stream_usable(s));
    stream_close(s);
    close(other);
    s = pair(&other);
    close(other);
    ck_assert(!stream_usable(s));
    stream_close(s);
}
END_TEST

enum { MUCH = 1024 * 1024 };

/* As pair, over TCP: there poll(2) minds SO_RCVLOWAT. */
static struct stream *tcp_pair(int *ret_other)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(listener >= 0 && fd >= 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    *ret_other = accept(listener, NULL, NULL);
    ck_assert_int_ge(*ret_other, 0);
    close(listener);
    struct stream *s = stream_tcp(fd);
    ck_assert_ptr_nonnull(s);
    return s;
}

/* What is written by a stream that is closed next comes with the end. True: it did not come before; where the
 * machine stands still for a fifth of a second, the kernel sends it. */
static bool last_words(bool unread)
{
    char bytes[8];
    int other;
    struct fetch_error err;
    struct wait w = wait_long();
    struct stream *s = tcp_pair(&other);
    s->closing = true;
    if (unread) {
        ck_assert_int_eq(write(other, "and", 3), 3);
        ck_assert_int_eq(poll(&(struct pollfd){.fd = stream_fd(s), .events = POLLIN}, 1, 10000), 1);
    }
    ck_assert_int_eq(stream_write(s, "bye", 3, &w, PHASE_NONE, &err), 0);
    bool waits = recv(other, bytes, sizeof bytes, MSG_DONTWAIT | MSG_PEEK) < 0;
    stream_close(s);
    ck_assert_int_eq(recv(other, bytes, sizeof bytes, MSG_WAITALL), 3);
    ck_assert_mem_eq(bytes, "bye", 3);
    close(other);
    return waits;
}

START_TEST(last_words_go_with_the_end)
{
    int waited = 0;
    for (int i = 0; i < 10; i++)
        waited += last_words(i % 2);
    ck_assert_int_gt(waited, 0);
}
END_TEST

/* Writes a lot, and then an answer for each byte that it gets, after longer than a read waits by itself. */
static void *much_and_then_answers(void *arg)
{
    static char bytes[MUCH];
    int fd = *(int *)arg;
    char line;
    for (size_t done = 0; done < sizeof bytes;) {
        ssize_t n = write(fd, bytes + done, sizeof bytes - done);
        if (n <= 0)
            return (void *)1;
        done += (size_t)n;
    }
    while (read(fd, &line, 1) == 1) {
        (void)poll(NULL, 0, 30);
        if (write(fd, "answer", 6) != 6)
            return (void *)1;
    }
    return NULL;
}

static bool gathers(const struct stream *s)
{
    int low = 0;
    socklen_t len = sizeof low;
    ck_assert_int_eq(getsockopt(stream_fd(s), SOL_SOCKET, SO_RCVLOWAT, &low, &len), 0);
    return low > 1;
}

/* One read of up to `size` bytes, of those that no test looks at. */
static size_t read_piece(struct stream *s, size_t size)
{
    static char into[64 * 1024];
    struct fetch_error err;
    struct wait w = wait_long();
    ck_assert_uint_le(size, sizeof into);
    ptrdiff_t n = stream_read(s, into, size, &w, PHASE_BODY, &err);
    ck_assert_int_gt(n, 0);
    return (size_t)n;
}

/* What was expected does not come, but a dialogue instead: each answer is there at once. */
START_TEST(it_gathers_nothing_that_is_waited_for)
{
    int other;
    struct fetch_error err;
    struct wait w = wait_long();
    struct stream *s = tcp_pair(&other);
    pthread_t thread;
    void *failed;
    ck_assert_int_eq(pthread_create(&thread, NULL, much_and_then_answers, &other), 0);
    stream_expect(s, 100 * MUCH);
    bool gathered = false;
    for (size_t got = 0; got < MUCH;) {
        got += read_piece(s, 64 * 1024);
        gathered |= gathers(s);
    }
    ck_assert(gathered);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(stream_write(s, "?", 1, &w, PHASE_SEND, &err), 0);
        ck_assert_uint_eq(read_piece(s, 64 * 1024), 6);
        ck_assert(!gathers(s));
    }
    stream_expect(s, 0);
    stream_close(s);
    ck_assert_int_eq(pthread_join(thread, &failed), 0);
    ck_assert_ptr_null(failed);
    close(other);
}
END_TEST

/* Near the end of what is expected, and where little is expected, each read is on its own. */
START_TEST(the_end_is_not_gathered)
{
    int other;
    struct stream *s = tcp_pair(&other);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, much_and_then_answers, &other), 0);
    stream_expect(s, MUCH);
    for (size_t got = 0; got < MUCH;) {
        got += read_piece(s, 16 * 1024);
        ck_assert(!gathers(s) || got < MUCH - 128 * 1024);
    }
    stream_close(s);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    close(other);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stream");
    TCase *t = tcase_create("stream");
    tcase_add_test(t, reads_what_is_there_and_then_the_end);
    tcase_add_test(t, a_read_that_finds_nothing_times_out);
    tcase_add_test(t, a_write_that_nobody_takes_times_out);
    tcase_add_test(t, a_write_to_a_closed_end_is_an_error_and_no_signal);
    tcase_add_test(t, last_words_go_with_the_end);
    tcase_add_test(t, the_message_names_the_limit_that_passed);
    tcase_add_test(t, a_wait_is_cancelled_through_the_wake_descriptor);
    tcase_add_test(t, a_wake_descriptor_that_stays_readable_disturbs_nothing);
    tcase_add_test(t, what_is_ready_goes_before_a_deadline_that_has_passed);
    tcase_add_test(t, idle_is_called_once_in_a_wait_that_lasts);
    tcase_add_test(t, time_in_idle_counts_against_no_deadline);
    tcase_add_test(t, a_signal_does_not_end_a_wait);
    tcase_add_test(t, an_idle_connection_is_usable_until_something_comes);
    tcase_add_test(t, it_gathers_nothing_that_is_waited_for);
    tcase_add_test(t, the_end_is_not_gathered);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
