#include "config.h"

#include "executor/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "executor/worker.h"

/* Enough for OpenSSL and c-ares; sanitizers need more for the same calls. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STACK = 2 * 1024 * 1024 };
#else
enum { STACK = 256 * 1024 };
#endif

struct thread_worker {
    struct worker_setup setup;
    pthread_t id;
    atomic_int task_id; /* the kernel's; 0 before it runs */
    int code;           /* of worker_run; read after the thread was joined */
};

static bool thread_asked(void *arg)
{
    struct executor *x = arg;
    return atomic_load_explicit(&x->asked, memory_order_acquire);
}

/* Closing the results pipe is its last act: the pool joins it then. */
static void *thread_main(void *arg)
{
    struct thread_worker *t = arg;
    atomic_store_explicit(&t->task_id, gettid(), memory_order_relaxed);
    t->code = worker_run(&t->setup);
    (void)close(t->setup.results);
    return NULL;
}

/* Whenever a table of descriptors that threads share has to grow, whoever opens one waits until the kernel is
 * sure that nobody reads the old one (10 ms and more, and then twice the size is as soon full). It grows
 * once, before there are threads: for what they take, and a file of the caller's for each of their tasks. */
static void grow_table(const struct executor *x)
{
    struct rlimit limit;
    rlim_t wanted = executor_descriptors(EXECUTOR_THREAD, x->options.max_workers) + x->options.max_workers;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur <= 1)
        return;
    if (wanted >= limit.rlim_cur)
        wanted = limit.rlim_cur - 1;
    int fd = fcntl(x->wake_fd, F_DUPFD_CLOEXEC, (int)wanted);
    if (fd >= 0)
        (void)close(fd);
}

static int thread_open(struct executor *x)
{
    x->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (x->wake_fd < 0)
        return -1;
    grow_table(x);
    return 0;
}

/* No signal is for a worker; a write to a closed pipe is an error then, and no SIGPIPE. */
static int create_quietly(struct thread_worker *t, const pthread_attr_t *attr)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int e = pthread_create(&t->id, attr, thread_main, t);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return e;
}

static int thread_start(struct executor *x, struct worker *w)
{
    struct thread_worker *t = calloc(1, sizeof *t);
    if (!t)
        return -1;
    worker_open_window(x, w, WINDOW_OF_THREAD);
    struct worker_setup setup = {.options = &x->options,
                                 .slot = w->slot + 1,
                                 .jobs = w->jobs_read,
                                 .results = w->results_write,
                                 .window = w->window,
                                 .wake_fd = x->wake_fd,
                                 .wake = thread_asked,
                                 .wake_arg = x};
    t->setup = setup;
    pthread_attr_t attr;
    int e = pthread_attr_init(&attr);
    if (e == 0) {
        e = pthread_attr_setstacksize(&attr, STACK);
        if (e == 0)
            e = create_quietly(t, &attr);
        (void)pthread_attr_destroy(&attr);
    }
    if (e) {
        free(t);
        errno = e;
        return -1;
    }
    w->thread = t;
    w->results_write = -1; /* the thread closes it */
    return 0;
}

static int thread_started(struct executor *x, struct worker *w)
{
    (void)x, (void)w;
    return 0;
}

/* Called when its results pipe has ended, or with `wait`: it does not take long, or is to be waited for. */
static bool thread_reap(struct worker *w, bool wait)
{
    struct thread_worker *t = w->thread;
    if (!wait && !w->eof)
        return false;
    (void)pthread_join(t->id, NULL);
    worker_code_text(t->code, w->fate, sizeof w->fate);
    free(t);
    w->thread = NULL;
    return true;
}

static pid_t thread_task_id(const struct worker *w)
{
    const struct thread_worker *t = w->thread;
    return t ? atomic_load_explicit(&t->task_id, memory_order_relaxed) : 0;
}

static void thread_ask(struct executor *x)
{
    uint64_t one = 1;
    atomic_store_explicit(&x->asked, true, memory_order_release);
    ssize_t n = write(x->wake_fd, &one, sizeof one);
    (void)n; /* full is as good */
}

static void thread_close(struct executor *x)
{
    if (x->wake_fd >= 0)
        (void)close(x->wake_fd);
    x->wake_fd = -1;
}

const struct mode mode_thread = {
    .name = "thread",
    .descriptors = 5,
    .open = thread_open,
    .start = thread_start,
    .started = thread_started,
    .reap = thread_reap,
    .task_id = thread_task_id,
    .ask = thread_ask,
    .close = thread_close,
};
