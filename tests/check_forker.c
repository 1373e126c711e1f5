/* The thread that forks: what its children have, and that nothing stays behind. */
#include "config.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor/forker.h"
#include "support/forbid.h"
#include "support/within.h"

enum { TEXT = 256 };

static int open_null(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC), null = fcntl(fd, F_DUPFD_CLOEXEC, 5);
    (void)close(fd);
    return null;
}

static int count_open(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        count++;
    (void)closedir(dir);
    return count;
}

/* The descriptors of the process in `text`, as "0 1 5". */
static void list_open(char *text, size_t size)
{
    *text = 0;
    for (int fd = 0; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            (void)snprintf(text + strlen(text), size - strlen(text), "%s%d", *text ? " " : "", fd);
}

/* The child reads a byte of its jobs, and writes what descriptors it has to its results. */
static pid_t fork_reporter(void *arg, int jobs, int results)
{
    char text[TEXT], byte;
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (read(jobs, &byte, 1) != 1 || byte != 'j' || getppid() != *(pid_t *)arg)
        _exit(1);
    list_open(text, sizeof text);
    _exit(write(results, text, strlen(text) + 1) < 0 ? 2 : 7);
}

/* 0 with what `call` returned, or -1. */
static int forker_fork(struct forker *f, forker_call *call, void *arg, const int fds[2], pid_t *ret_pid)
{
    return forker_ask(f, call, arg, fds) < 0 ? -1 : forker_hear(f, ret_pid);
}

/* Forks a child with `call`, and returns its exit status; what it wrote is in `text`. */
static int run_child(struct forker *f, forker_call *call, char text[TEXT])
{
    int jobs[2], results[2], status;
    pid_t self = getpid();
    ck_assert_int_eq(pipe2(jobs, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(results, O_CLOEXEC), 0);
    ck_assert_int_eq(write(jobs[1], "j", 1), 1);
    const int fds[] = {jobs[0], results[1]};
    pid_t pid = -1;
    ck_assert_int_eq(forker_fork(f, call, &self, fds, &pid), 0);
    ck_assert_int_gt(pid, 0);
    (void)close(results[1]); /* only the child has it now: else there would be no end */
    ssize_t len = 0, n;
    while ((n = read(results[0], text + len, TEXT - 1 - (size_t)len)) > 0)
        len += n;
    ck_assert_int_eq(n, 0);
    text[len] = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    (void)close(jobs[0]);
    (void)close(jobs[1]);
    (void)close(results[0]);
    return status;
}

START_TEST(a_child_has_null_its_own_two_and_the_threads)
{
    char text[TEXT];
    int null = open_null(), other = fcntl(null, F_DUPFD, 700); /* stays open over exec, too */
    ck_assert_int_ge(other, 700);
    struct forker *f = forker_new(null);
    ck_assert_ptr_nonnull(f);
    int later = fcntl(null, F_DUPFD, 600);
    for (int i = 0; i < 3; i++) {
        int status = run_child(f, fork_reporter, text);
        ck_assert(WIFEXITED(status));
        ck_assert_int_eq(WEXITSTATUS(status), 7);
        unsigned count = 1;
        for (const char *c = text; *c; c++)
            count += *c == ' ';
        ck_assert_uint_eq(count, 5 + 1 + 1 + 2); /* 0 to 4, null, the thread's socket, and the two */
        ck_assert_ptr_eq(strstr(text, "0 1 2 3 4 "), text);
        ck_assert_ptr_null(strstr(text, "700"));
        ck_assert_ptr_null(strstr(text, "600"));
    }
    forker_free(f);
    (void)close(later);
    (void)close(other);
    (void)close(null);
}
END_TEST

static pid_t fail_to_fork(void *arg, int jobs, int results)
{
    (void)arg, (void)jobs, (void)results;
    errno = EAGAIN;
    return -1;
}

START_TEST(what_the_call_returns_comes_back)
{
    char text[TEXT];
    int null = open_null();
    struct forker *f = forker_new(null);
    ck_assert_ptr_nonnull(f);
    const int fds[] = {null, null}, bad[] = {null, -1};
    pid_t pid = 0;
    errno = 0;
    ck_assert_int_eq(forker_fork(f, fail_to_fork, NULL, fds, &pid), 0);
    ck_assert_int_eq(pid, -1);
    ck_assert_int_eq(errno, EAGAIN);
    errno = 0;
    ck_assert_int_eq(forker_fork(f, fail_to_fork, NULL, bad, &pid), -1);
    ck_assert_int_eq(errno, EBADF);
    ck_assert_int_eq(WEXITSTATUS(run_child(f, fork_reporter, text)), 7);
    forker_free(f);
    (void)close(null);
}
END_TEST

static pid_t fail_another_way(void *arg, int jobs, int results)
{
    (void)arg, (void)jobs, (void)results;
    errno = ENOTTY;
    return -1;
}

START_TEST(those_that_are_asked_at_once_come_in_their_order)
{
    char text[TEXT];
    int null = open_null(), before = count_open();
    struct forker *f = forker_new(null);
    ck_assert_ptr_nonnull(f);
    const int fds[] = {null, null};
    pid_t pid;
    ck_assert_int_eq(forker_ask(f, fail_to_fork, NULL, fds), 0);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(forker_ask(f, i % 2 ? fail_to_fork : fail_another_way, NULL, fds), 0);
        ck_assert_int_eq(forker_hear(f, &pid), 0);
        ck_assert_int_eq(errno, i % 2 ? ENOTTY : EAGAIN);
        ck_assert_int_eq(pid, -1);
    }
    ck_assert_int_eq(forker_hear(f, &pid), 0);
    ck_assert_int_eq(WEXITSTATUS(run_child(f, fork_reporter, text)), 7);
    ck_assert_int_eq(forker_ask(f, fail_to_fork, NULL, fds), 0);
    forker_free(f); /* unheard */
    ck_assert_int_eq(count_open(), before);
    (void)close(null);
}
END_TEST

/* Lives until its parent's thread ends. */
static pid_t fork_follower(void *arg, int jobs, int results)
{
    (void)arg, (void)jobs, (void)results;
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)write(results, "r", 1);
    for (;;)
        (void)pause();
}

/* The answer can't be sent, so nobody would know of the child. */
static pid_t fork_and_fall_silent(void *arg, int jobs, int results)
{
    pid_t pid = fork_follower(arg, jobs, results);
    *(int *)arg = forbid(SYS_sendto, SECCOMP_RET_ERRNO | ENOBUFS);
    return pid;
}

START_TEST(a_child_that_can_not_be_told_of_ends)
{
    int null = open_null(), results[2], forbidden = -1;
    char byte;
    if (within_valgrind())
        return;
    struct forker *f = forker_new(null);
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(pipe2(results, O_CLOEXEC), 0);
    const int fds[] = {null, results[1]};
    pid_t pid;
    ck_assert_int_eq(forker_ask(f, fork_and_fall_silent, &forbidden, fds), 0);
    int heard = forker_hear(f, &pid), why = errno;
    if (forbidden == 0) { /* a kernel with seccomp */
        ck_assert_int_eq(heard, -1);
        ck_assert_int_eq(why, ECHILD);
        ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
        ck_assert_int_eq(errno, ECHILD);
        (void)close(results[1]);
        while (read(results[0], &byte, 1) > 0)
            ; /* no child has the other end */
    }
    forker_free(f);
    (void)close(null);
}
END_TEST

/* A second child lists what the first has left in the thread's table. */
START_TEST(nothing_stays_behind)
{
    char first[TEXT], last[TEXT];
    int null = open_null(), before = count_open();
    for (int i = 0; i < 20; i++)
        forker_free(forker_new(null));
    ck_assert_int_eq(count_open(), before);
    struct forker *f = forker_new(null);
    ck_assert_ptr_nonnull(f);
    (void)run_child(f, fork_reporter, first);
    for (int i = 0; i < 30; i++) {
        const int fds[] = {null, null};
        pid_t pid;
        ck_assert_int_eq(forker_fork(f, fail_to_fork, NULL, fds, &pid), 0);
        (void)run_child(f, fork_reporter, last);
    }
    ck_assert_str_eq(first, last);
    forker_free(f);
    ck_assert_int_eq(count_open(), before);
    (void)close(null);
}
END_TEST

START_TEST(children_live_as_long_as_the_thread)
{
    int null = open_null(), results[2], status;
    char byte;
    struct forker *f = forker_new(null);
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(pipe2(results, O_CLOEXEC), 0);
    const int fds[] = {null, results[1]};
    pid_t pid = -1;
    ck_assert_int_eq(forker_fork(f, fork_follower, NULL, fds, &pid), 0);
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(read(results[0], &byte, 1), 1);
    (void)poll(NULL, 0, 50);
    ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
    forker_free(f);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGKILL);
}
END_TEST

static pid_t fork_masked(void *arg, int jobs, int results)
{
    sigset_t mask;
    (void)arg, (void)jobs, (void)results;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
    errno = sigismember(&mask, SIGINT) == 1 && sigismember(&mask, SIGTERM) == 1 ? ENOTTY : EINVAL;
    return -1;
}

START_TEST(signals_are_for_the_callers_threads)
{
    int null = open_null();
    sigset_t mask;
    struct forker *f = forker_new(null);
    ck_assert_ptr_nonnull(f);
    const int fds[] = {null, null};
    pid_t pid;
    ck_assert_int_eq(forker_fork(f, fork_masked, NULL, fds, &pid), 0);
    ck_assert_int_eq(errno, ENOTTY);
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    ck_assert_int_eq(sigismember(&mask, SIGINT), 0);
    forker_free(f);
    (void)close(null);
}
END_TEST

START_TEST(without_room_for_descriptors_there_is_an_error)
{
    int null = open_null();
    struct rlimit before, limit;
    struct forker *f = forker_new(null);
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    for (rlim_t room = 5; room < 9; room++) {
        const int fds[] = {null, null};
        pid_t pid;
        limit.rlim_cur = room;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        int made = forker_fork(f, fail_to_fork, NULL, fds, &pid), why = errno;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        ck_assert(made == 0 ? room > 6 && why == EAGAIN : why == EMFILE);
    }
    char text[TEXT];
    ck_assert_int_eq(WEXITSTATUS(run_child(f, fork_reporter, text)), 7);
    forker_free(f);
    limit.rlim_cur = (rlim_t)null + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int fd = 3; fd < null; fd++)
        (void)dup2(null, fd);
    errno = 0;
    ck_assert_ptr_null(forker_new(null));
    ck_assert_int_eq(errno, EMFILE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}
END_TEST

/* A copy of the socket in a child of the caller's does not keep the thread. */
START_TEST(the_end_waits_for_nobody)
{
    int null = open_null(), ready[2], status;
    char byte;
    struct forker *f = forker_new(null);
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        const int fds[] = {null, null};
        pid_t none;
        errno = 0;
        int made = forker_fork(f, fail_to_fork, NULL, fds, &none);
        bool refused = made < 0 && errno == ECHILD;
        forker_free(f); /* leaves the parent's alone */
        (void)write(ready[1], refused ? "y" : "n", 1);
        for (;;)
            (void)pause();
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 'y');
    char text[TEXT];
    ck_assert_int_eq(WEXITSTATUS(run_child(f, fork_reporter, text)), 7);
    forker_free(f); /* or the test times out */
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}
END_TEST

/* Where 0 to 2 are closed, what is written to standard output must not come to the thread. */
START_TEST(closed_standard_descriptors_are_left_closed)
{
    int null = open_null();
    char text[TEXT];
    for (int fd = 0; fd < 3; fd++)
        (void)close(fd);
    int low = 0;
    for (int fd = 0; fd < 5; fd++)
        low += fcntl(fd, F_GETFD) >= 0;
    struct forker *f = forker_new(null);
    for (int fd = 0; fd < 5; fd++)
        low -= fcntl(fd, F_GETFD) >= 0;
    int status = f ? run_child(f, fork_reporter, text) : -1;
    forker_free(f);
    for (int fd = 0; fd < 3; fd++)
        (void)dup2(null, fd);
    ck_assert_int_eq(low, 0);
    ck_assert_int_eq(WEXITSTATUS(status), 7);
}
END_TEST

START_TEST(where_a_table_of_its_own_is_forbidden_there_is_none)
{
    static const unsigned calls[] = {SYS_unshare, SYS_close_range};
    int null = open_null(), before = count_open();
    if (forbid(calls[_i], SECCOMP_RET_ERRNO | EPERM) < 0)
        return; /* a kernel without seccomp */
    errno = 0;
    ck_assert_ptr_null(forker_new(null));
    ck_assert_int_eq(errno, EPERM);
    ck_assert_int_eq(count_open(), before);
    forker_free(NULL);
}
END_TEST

/* The caller, which holds both ends of the socket, must not wait for ever. */
START_TEST(a_thread_that_is_killed_at_its_start_is_given_up)
{
    int null = open_null(), before = count_open();
    if (within_valgrind() || forbid(SYS_unshare, SECCOMP_RET_KILL_THREAD) < 0)
        return;
    ck_assert_ptr_null(forker_new(null));
    ck_assert_int_eq(count_open(), before);
}
END_TEST

int main(void)
{
    int null = open_null();
    struct forker *probe = forker_new(null);
    if (!probe && errno == ENOSYS)
        return 77; /* an old kernel, or ThreadSanitizer */
    forker_free(probe);
    (void)close(null);
    Suite *s = suite_create("forker");
    TCase *t = tcase_create("forker");
    tcase_add_test(t, a_child_has_null_its_own_two_and_the_threads);
    tcase_add_test(t, what_the_call_returns_comes_back);
    tcase_add_test(t, those_that_are_asked_at_once_come_in_their_order);
    tcase_add_test(t, a_child_that_can_not_be_told_of_ends);
    tcase_add_test(t, nothing_stays_behind);
    tcase_add_test(t, children_live_as_long_as_the_thread);
    tcase_add_test(t, signals_are_for_the_callers_threads);
    tcase_add_test(t, without_room_for_descriptors_there_is_an_error);
    tcase_add_loop_test(t, where_a_table_of_its_own_is_forbidden_there_is_none, 0, 2);
    tcase_add_test(t, the_end_waits_for_nobody);
    tcase_add_test(t, closed_standard_descriptors_are_left_closed);
    suite_add_tcase(s, t);
    t = tcase_create("killed");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, a_thread_that_is_killed_at_its_start_is_given_up);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
