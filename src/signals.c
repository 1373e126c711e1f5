#include "signals.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/deadline.h"

static const int stopping[] = {SIGINT, SIGTERM, SIGHUP};

/* One that is ignored (HUP under nohup) is not among them: as long as it is blocked, the kernel would queue
 * it for the descriptor all the same. */
static void stop_set(sigset_t *set)
{
    struct sigaction now;
    sigemptyset(set);
    for (size_t i = 0; i < sizeof stopping / sizeof *stopping; i++)
        if (sigaction(stopping[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(set, stopping[i]);
}

/* A shell without job control starts its background commands with INT ignored; the run is to end by it all
 * the same. */
static void undo_ignored_interrupt(void)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

static int watch(int epoll, int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    return fd < 0 ? -1 : epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

int signals_open(struct signals *s)
{
    sigset_t set;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, plain = {.sa_handler = SIG_DFL};
    undo_ignored_interrupt();
    stop_set(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &s->before);
    sigaction(SIGUSR1, &plain, &s->status_before); /* to be read, it must not be ignored */
    sigaction(SIGPIPE, &ignore, &s->pipe_before);
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    s->fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->fd >= 0 && watch(s->fd, s->signal_fd) == 0 && watch(s->fd, s->timer_fd) == 0)
        return 0;
    int saved = errno;
    signals_close(s);
    errno = saved;
    return -1;
}

void signals_close(struct signals *s)
{
    const int fds[] = {s->fd, s->signal_fd, s->timer_fd};
    for (size_t i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    sigaction(SIGPIPE, &s->pipe_before, NULL);
    sigaction(SIGUSR1, &s->status_before, NULL);
    sigprocmask(SIG_SETMASK, &s->before, NULL);
}

void signals_let_kill(void)
{
    sigset_t set;
    stop_set(&set);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void signals_hold(void)
{
    sigset_t set;
    stop_set(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

enum signals_event signals_next(struct signals *s, int *ret_signal)
{
    struct signalfd_siginfo info;
    uint64_t expirations;
    if (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGUSR1)
            return SIGNALS_STATUS;
        signals_let_kill();
        *ret_signal = (int)info.ssi_signo;
        return SIGNALS_STOP;
    }
    return read(s->timer_fd, &expirations, sizeof expirations) == (ssize_t)sizeof expirations ? SIGNALS_TIMER
                                                                                              : SIGNALS_NONE;
}

static struct timespec to_timespec(int64_t ns)
{
    struct timespec ts = {.tv_sec = (time_t)(ns / NS_PER_SECOND), .tv_nsec = (long)(ns % NS_PER_SECOND)};
    return ts;
}

void signals_timer(struct signals *s, int64_t first, int64_t interval)
{
    struct itimerspec spec = {0};
    if (first != DEADLINE_NEVER) {
        spec.it_value = to_timespec(first < 1 ? 1 : first);
        spec.it_interval = to_timespec(interval);
    }
    timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}
