#include "config.h"

#include "executor/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor/forker.h"
#include "executor/worker.h"

/* Where a worker process finds its two pipes; nothing above is open in it. */
enum { CHILD_JOBS = 3, CHILD_RESULTS = 4, CHILD_DESCRIPTORS = 5 };

/* When there are so many, a thread without the pool's descriptors forks the others. */
enum { FORKER_WORKERS = 128 };

/* All that a child knows of the pool, whose own memory it does not get (base/nofork.h). */
struct child {
    struct executor_options options;
    unsigned slot; /* 1-based */
    int null, jobs, results;
    struct window window;
    pid_t parent;
};

/* --- in the child --- */

/* Dies with the pool. Asking for the signal can come too late, so the parent is compared afterwards. */
static bool follow_parent(void *parent)
{
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == *(pid_t *)parent;
}

/* A Ctrl-C or a supervisor's TERM goes to the whole group, but only the parent decides what becomes of the
 * tasks. Handlers of the parent's must not run here. */
static void child_signals(void)
{
    static const int ignored[] = {SIGINT, SIGQUIT, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2, SIGTERM};
    static const int plain[] = {SIGCHLD, SIGTSTP, SIGALRM, SIGWINCH, SIGCONT, SIGTTIN, SIGTTOU};
    sigset_t none;
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        (void)signal(ignored[i], SIG_IGN);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        (void)signal(plain[i], SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_from(unsigned first)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, first, ~0U, 0) == 0)
        return;
#endif
    struct rlimit limit;
    rlim_t end = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : 65536;
    if (end > 1048576)
        end = 1048576;
    for (rlim_t fd = first; fd < end; fd++)
        (void)close((int)fd);
}

/* What the pool opened lies above CHILD_DESCRIPTORS, so that nothing is overwritten before it is moved. */
static bool child_descriptors(const struct child *c)
{
    for (int fd = 0; fd <= 2; fd++)
        if (dup2(c->null, fd) < 0)
            return false;
    if (dup2(c->jobs, CHILD_JOBS) < 0 || dup2(c->results, CHILD_RESULTS) < 0)
        return false;
    close_from(CHILD_DESCRIPTORS);
    return true;
}

__attribute__((noreturn)) static void child_main(struct child *c)
{
    struct worker_setup setup = {.options = &c->options,
                                 .slot = c->slot,
                                 .jobs = CHILD_JOBS,
                                 .results = CHILD_RESULTS,
                                 .window = c->window,
                                 .wake_fd = -1,
                                 .settled = follow_parent, /* again: a change of user clears it */
                                 .settled_arg = &c->parent};
    if (!follow_parent(&c->parent) || !child_descriptors(c))
        _exit(WORKER_NO_POOL);
    child_signals();
    _exit(worker_run(&setup));
}

/* --- in the parent --- */

static int process_open(struct executor *x)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -1;
    x->null = fcntl(fd, F_DUPFD_CLOEXEC, CHILD_DESCRIPTORS);
    (void)close(fd);
    return x->null < 0 ? -1 : 0;
}

/* A window is open to the next child, whoever forks it: pools in several threads take turns. */
static pthread_mutex_t forking = PTHREAD_MUTEX_INITIALIZER;

/* It was started, and can't be kept. */
static void undo(pid_t pid)
{
    pid_t r;
    (void)kill(pid, SIGKILL);
    do
        r = waitpid(pid, NULL, 0);
    while (r < 0 && errno == EINTR);
}

/* The child's task may make a pool of its own: there nobody else holds the lock. */
static pid_t fork_with_window(const struct executor *x, struct worker *w, int jobs, int results)
{
    (void)pthread_mutex_lock(&forking);
    worker_open_window(x, w, WINDOW_OF_PROCESS);
    window_lend(&w->window);
    struct child c = {.options = x->options,
                      .slot = w->slot + 1,
                      .null = x->null,
                      .jobs = jobs,
                      .results = results,
                      .window = w->window,
                      .parent = getpid()};
    pid_t pid = fork();
    int saved = errno;
    if (pid == 0) {
        (void)pthread_mutex_unlock(&forking);
        child_main(&c);
    }
    if (window_part(&w->window) < 0 && pid > 0) {
        saved = errno;
        undo(pid);
        pid = -1;
    }
    (void)pthread_mutex_unlock(&forking);
    errno = saved;
    return pid;
}

/* Signals wait until the child has its own dispositions. */
static pid_t fork_quietly(const struct executor *x, struct worker *w, int jobs, int results)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork_with_window(x, w, jobs, results);
    int saved = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return pid;
}

/* What is shared with the worker is its to change: with O_NONBLOCK cleared on our common end of the jobs
 * pipe, a look into it would wait for ever. So the pool opens that end anew. Where it can't (no /proc), the
 * common one has to do. */
static void part_from_jobs(struct worker *w)
{
    char path[sizeof "/proc/self/fd/-2147483648"];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", w->jobs_read);
    int own = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (own < 0)
        return;
    (void)close(w->jobs_read);
    w->jobs_read = own;
}

static pid_t fork_in_thread(void *arg, int jobs, int results)
{
    struct worker *w = arg;
    return fork_quietly(w->pool, w, jobs, results);
}

/* Where the thread can't be had or has gone, the caller's forks, as with few workers. */
static int process_start(struct executor *x, struct worker *w)
{
    const int fds[] = {w->jobs_read, w->results_write};
    if (!x->mode_state && !x->forks_itself && x->living >= FORKER_WORKERS)
        x->forks_itself = !(x->mode_state = forker_new(x->null));
    bool by_thread = x->mode_state && !x->forks_itself;
    w->asked = by_thread && forker_ask(x->mode_state, fork_in_thread, w, fds) == 0;
    if (w->asked)
        return 0;
    x->forks_itself |= by_thread;
    w->pid = fork_quietly(x, w, fds[0], fds[1]);
    return w->pid < 0 ? -1 : 0;
}

static int process_started(struct executor *x, struct worker *w)
{
    if (w->asked && forker_hear(x->mode_state, &w->pid) < 0) {
        x->forks_itself = true;
        if (errno == ECHILD) { /* it may have forked: no other worker may have these pipes */
            errno = EAGAIN;
            return -1;
        }
        w->pid = fork_quietly(x, w, w->jobs_read, w->results_write);
    }
    w->asked = false;
    if (w->pid < 0)
        return -1;
    part_from_jobs(w);
    /* Without it (an old kernel, no descriptor left) the end of the results pipe tells of the exit. */
    w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = pool_source(SOURCE_EXIT, w->slot)};
    if (w->pidfd >= 0 && epoll_ctl(x->epoll, EPOLL_CTL_ADD, w->pidfd, &ev) < 0) {
        (void)close(w->pidfd);
        w->pidfd = -1;
    }
    return 0;
}

static void process_kill(struct worker *w)
{
    if (!w->exited)
        (void)kill(w->pid, SIGKILL);
}

static void describe(const siginfo_t *si, char *text, size_t size)
{
    if (si->si_code == CLD_EXITED)
        worker_code_text(si->si_status, text, size);
    else if (si->si_status == SIGSYS)
        (void)snprintf(text, size, "killed by SIGSYS: a system call that the sandbox does not allow");
    else
        (void)snprintf(text, size, "killed by signal %d (%s)", si->si_status,
                       sigdescr_np(si->si_status) ? sigdescr_np(si->si_status) : "?");
}

static bool process_reap(struct worker *w, bool wait)
{
    siginfo_t si = {0};
    int r;
    do
        r = waitid(P_PID, (id_t)w->pid, &si, WEXITED | (wait ? 0 : WNOHANG));
    while (r < 0 && errno == EINTR);
    if (r == 0 && si.si_pid == 0)
        return false;
    if (r == 0)
        describe(&si, w->fate, sizeof w->fate);
    else
        (void)snprintf(w->fate, sizeof w->fate, "ended, and somebody else took its exit status");
    return true;
}

static pid_t process_task_id(const struct worker *w)
{
    return w->pid;
}

static bool process_stopped(const struct worker *w)
{
    siginfo_t si = {0};
    return waitid(P_PID, (id_t)w->pid, &si, WSTOPPED | WNOHANG | WNOWAIT) == 0 && si.si_pid != 0;
}

static void process_close(struct executor *x)
{
    forker_free(x->mode_state);
    x->mode_state = NULL;
    if (x->null >= 0)
        (void)close(x->null);
    x->null = -1;
}

const struct mode mode_process = {
    .name = "process",
    .descriptors = 4,
    .open = process_open,
    .start = process_start,
    .started = process_started,
    .kill = process_kill,
    .reap = process_reap,
    .task_id = process_task_id,
    .stopped = process_stopped,
    .close = process_close,
};
