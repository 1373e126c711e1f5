#include "config.h"

#include "executor/forker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* ThreadSanitizer knows one table of descriptors for all threads, and takes the same number in two for one.
 */
#if defined __SANITIZE_THREAD__
#define FORKER_POSSIBLE false
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
#define FORKER_POSSIBLE false
#endif
#endif
#ifndef FORKER_POSSIBLE
#define FORKER_POSSIBLE true
#endif

enum { STACK = 1024 * 1024, START_SECONDS = 2 };
enum { FDS = 2, LOWEST = 5 /* descriptors below are the children's to set */ };

struct forker {
    pthread_t thread;
    pid_t process;   /* that has the thread: not a child that the caller has forked */
    int ask, answer; /* the two ends of a socket, in the caller's and in the thread's table */
    int null;
};

/* Both ends are of one process: what goes over the socket can be pointers. */
struct request {
    forker_call *call;
    void *arg;
};

/* After its start, and after each request. */
struct answer {
    int error; /* 0, or why the thread did not start, or the call's errno, or why there was none */
    bool made; /* the call */
    pid_t pid;
};

union control {
    struct cmsghdr head; /* for its alignment */
    char room[CMSG_SPACE(FDS * sizeof(int))];
};

/* --- the thread --- */

static int close_range_of(unsigned first, unsigned last)
{
#ifdef SYS_close_range
    return first > last ? 0 : (int)syscall(SYS_close_range, first, last, 0);
#else
    (void)first, (void)last;
    errno = ENOSYS;
    return -1;
#endif
}

/* From here on no descriptor that the process opens or closes is this thread's. */
static int part(const struct forker *f)
{
    unsigned low = (unsigned)f->null, high = (unsigned)f->answer;
    if (low > high) {
        low = (unsigned)f->answer;
        high = (unsigned)f->null;
    }
    if (unshare(CLONE_FILES) < 0 || close_range_of(0, low - 1) < 0 || close_range_of(low + 1, high - 1) < 0 ||
        close_range_of(high + 1, ~0U) < 0)
        return -1;
    for (int fd = 0; fd < LOWEST; fd++) /* so that what is received lies above */
        if (dup2(f->null, fd) < 0)
            return -1;
    return 0;
}

/* The next request; false at the end. *ret_count: descriptors that came with it; the kernel hands over as
 * many as there is room for. */
static bool receive(const struct forker *f, struct request *ret, int fds[FDS], size_t *ret_count)
{
    union control control;
    struct iovec iov = {ret, sizeof *ret};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n;
    do
        n = recvmsg(f->answer, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof *ret)
        return false;
    const struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    *ret_count = c ? (c->cmsg_len - CMSG_LEN(0)) / sizeof *fds : 0;
    if (*ret_count > 0)
        memcpy(fds, CMSG_DATA(c), *ret_count * sizeof *fds);
    return true;
}

static void serve(const struct request *r, const int fds[FDS], size_t count, struct answer *ret)
{
    *ret = (struct answer){.error = EMFILE, .made = count == FDS, .pid = -1};
    if (ret->made) {
        ret->pid = r->call(r->arg, fds[0], fds[1]);
        ret->error = errno;
    }
    while (count > 0)
        (void)close(fds[--count]);
}

/* False where that can't be: a child that nobody knows of ends. */
static bool tell(const struct forker *f, const struct answer *a)
{
    if (send(f->answer, a, sizeof *a, MSG_NOSIGNAL) >= 0)
        return true;
    if (a->made && a->pid > 0) {
        (void)kill(a->pid, SIGKILL);
        while (waitpid(a->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    return false;
}

static void *forker_main(void *arg)
{
    const struct forker *f = arg;
    struct request request;
    struct answer answer = {.error = part(f) < 0 ? errno : 0};
    bool go = answer.error == 0;
    int fds[FDS];
    size_t count;
    while (tell(f, &answer) && go && receive(f, &request, fds, &count))
        serve(&request, fds, count, &answer);
    return NULL; /* its table goes with it */
}

/* --- the caller --- */

/* Signals are for the caller's threads. */
static int create_quietly(struct forker *f, const pthread_attr_t *attr)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int e = pthread_create(&f->thread, attr, forker_main, f);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return e;
}

static int start_thread(struct forker *f)
{
    pthread_attr_t attr;
    int e = pthread_attr_init(&attr);
    if (e)
        return e;
    e = pthread_attr_setstacksize(&attr, STACK);
    if (e == 0)
        e = create_quietly(f, &attr);
    (void)pthread_attr_destroy(&attr);
    return e;
}

/* False: it has ended, or has not begun in time. */
static bool hear(const struct forker *f, struct answer *ret)
{
    ssize_t n;
    do
        n = recv(f->ask, ret, sizeof *ret, 0);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof *ret;
}

/* Both ends above LOWEST: nothing that is written to standard output by mistake may come to the thread. */
static int open_socket(struct forker *f)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return -1;
    f->ask = fcntl(fds[0], F_DUPFD_CLOEXEC, LOWEST);
    f->answer = f->ask < 0 ? -1 : fcntl(fds[1], F_DUPFD_CLOEXEC, LOWEST);
    int saved = errno;
    (void)close(fds[0]);
    (void)close(fds[1]);
    errno = saved;
    return f->answer < 0 ? -1 : 0;
}

/* A sandbox may have killed the thread, and the caller holds both ends as long as it has not parted. */
static int hear_start(const struct forker *f)
{
    struct timeval limit = {.tv_sec = START_SECONDS}, none = {0};
    struct answer answer;
    if (setsockopt(f->ask, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0)
        return errno;
    int e = hear(f, &answer) ? answer.error : ECHILD;
    if (!e && setsockopt(f->ask, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none) < 0)
        e = errno;
    return e;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

/* The thread hears of the end by `shutdown`: children of the caller's may have the socket as well. */
static void end_thread(struct forker *f)
{
    (void)shutdown(f->ask, SHUT_RDWR);
    (void)pthread_join(f->thread, NULL);
}

struct forker *forker_new(int null)
{
    struct forker *f = FORKER_POSSIBLE ? calloc(1, sizeof *f) : NULL;
    if (!f) {
        errno = FORKER_POSSIBLE ? ENOMEM : ENOSYS;
        return NULL;
    }
    f->ask = f->answer = -1;
    f->null = null;
    f->process = getpid();
    int e = open_socket(f) < 0 ? errno : start_thread(f);
    if (e == 0 && (e = hear_start(f)) != 0)
        end_thread(f);
    close_fd(f->answer); /* the thread has its own */
    if (e == 0)
        return f;
    close_fd(f->ask);
    free(f);
    errno = e;
    return NULL;
}

int forker_ask(struct forker *f, forker_call *call, void *arg, const int fds[2])
{
    struct request request = {call, arg};
    union control control = {0};
    struct iovec iov = {&request, sizeof request};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    if (getpid() != f->process) { /* there the pointers mean something else */
        errno = ECHILD;
        return -1;
    }
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(FDS * sizeof *fds);
    memcpy(CMSG_DATA(c), fds, FDS * sizeof *fds);
    ssize_t n;
    do
        n = sendmsg(f->ask, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -1 : 0;
}

int forker_hear(struct forker *f, pid_t *ret_pid)
{
    struct answer answer = {.error = ECHILD};
    bool heard = hear(f, &answer);
    *ret_pid = answer.pid;
    errno = answer.error;
    return heard && answer.made ? 0 : -1;
}

void forker_free(struct forker *f)
{
    if (!f)
        return;
    if (getpid() == f->process)
        end_thread(f);
    (void)close(f->ask);
    free(f);
}
