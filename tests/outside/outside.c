/*
 * A program of somebody else's, in C and in C++: built against the installed library with nothing but what
 * pkg-config says, it looks at what the library does to the process that uses it. tests/check_install.sh.
 */
#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pfetch/executor.h>

enum { TASKS = 40, DESCRIPTORS = 256 };

/* What the process looks like: its descriptors, and what its signals do. */
struct sight {
    bool open[DESCRIPTORS];
    void (*handlers[NSIG])(int);
    sigset_t mask;
};

static void look(struct sight *l)
{
    memset(l, 0, sizeof *l);
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        l->open[fd] = fcntl(fd, F_GETFD) >= 0;
    for (int s = 1; s < NSIG; s++) {
        struct sigaction action;
        if (sigaction(s, NULL, &action) == 0)
            l->handlers[s] = action.sa_handler;
    }
    sigprocmask(SIG_SETMASK, NULL, &l->mask);
}

static bool same_signals(const struct sight *a, const struct sight *b)
{
    for (int s = 1; s < NSIG; s++)
        if (a->handlers[s] != b->handlers[s] || sigismember(&a->mask, s) != sigismember(&b->mask, s))
            return false;
    return true;
}

/* Descriptors that `a` doesn't have and `b` has; and of these, such as an exec would hand on. */
static int opened(const struct sight *a, const struct sight *b, int *ret_inherited)
{
    int n = 0;
    *ret_inherited = 0;
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        if (a->open[fd] || !b->open[fd])
            continue;
        n++;
        *ret_inherited += !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    }
    return n;
}

/* --- the tasks --- */

/* Ends with the number of descriptors that the worker has, and dies of task 13 if it is a process. */
static void count_task(void *state, const void *task, size_t len, struct emitter *out)
{
    int answer[2] = {0, 0};
    assert(len == sizeof answer[0]);
    memcpy(answer, task, sizeof answer[0]);
    if (answer[0] == 13 && state)
        abort();
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        answer[1] += fcntl(fd, F_GETFD) >= 0;
    emitter_head(out, "head", 4);
    emitter_body(out, task, len);
    emitter_end(out, answer, sizeof answer);
}

static void *count_begin(void *arg, unsigned worker, char *message, size_t size)
{
    if (worker == 0)
        snprintf(message, size, "workers are counted from 1");
    return arg;
}

/* --- the program --- */

struct tally {
    int ended, lost, bodies, most_descriptors;
};

static void on_event(void *arg, const struct executor_event *event)
{
    struct tally *t = (struct tally *)arg;
    int answer[2];
    if (event->type == EXECUTOR_LOST)
        t->lost++;
    if (event->type == EXECUTOR_BODY)
        t->bodies++;
    if (event->type != EXECUTOR_END)
        return;
    assert(event->len == sizeof answer);
    memcpy(answer, event->data, sizeof answer);
    assert((uint64_t)answer[0] == event->task);
    t->ended++;
    if (answer[1] > t->most_descriptors)
        t->most_descriptors = answer[1];
}

static int submit(struct executor *x, int number)
{
    struct executor_submission s;
    memset(&s, 0, sizeof s);
    s.task = (uint64_t)number;
    s.data = &number;
    s.len = sizeof number;
    s.limit = INT64_MAX;
    return executor_submit(x, &s);
}

/* A pool in a poll loop, from start to end. */
static void use(enum executor_mode mode)
{
    struct sight before, during, after;
    struct tally t = {0, 0, 0, 0};
    char message[128] = "";
    int inherited, number = 1;
    bool dies = mode == EXECUTOR_PROCESS;
    look(&before);
    struct executor_options options = EXECUTOR_OPTIONS_INIT;
    options.mode = mode;
    options.max_workers = 3;
    options.initializer = dies ? count_begin : NULL;
    options.arg = &dies;
    options.task = count_task;
    struct executor *x = executor_new(&options, message, sizeof message);
    assert(x && !*message);
    while (number <= TASKS || executor_pending(x) > 0) {
        while (number <= TASKS && executor_room(x) > 0)
            assert(submit(x, number++) == 0);
        struct pollfd fd = {executor_fd(x), POLLIN, 0};
        poll(&fd, 1, executor_deadline(x) == INT64_MAX ? -1 : 10);
        assert(executor_poll(x, 0, on_event, &t) >= 0);
    }
    look(&during);
    assert(opened(&before, &during, &inherited) > 0 && inherited == 0);
    assert(same_signals(&before, &during));
    assert(t.lost == (dies ? 1 : 0) && t.ended == TASKS - t.lost && t.bodies == t.ended);
    assert(!dies || t.most_descriptors == 5); /* 0, 1, 2 and two pipes */

    assert(submit(x, 0) < 0 && errno == EINVAL);
    assert(executor_cancel(x, 99, false) < 0 && errno == ESRCH);
    assert(executor_shutdown(x, EXECUTOR_WAIT, INT64_MAX, on_event, &t) == 0);
    assert(submit(x, 1) < 0 && errno == ESHUTDOWN);
    executor_free(x);
    look(&after);
    assert(opened(&before, &after, &inherited) == 0 && opened(&after, &before, &inherited) == 0);
    assert(same_signals(&before, &after));
    assert(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void refused(void)
{
    char message[128] = "";
    struct executor_options options = EXECUTOR_OPTIONS_INIT;
    assert(!executor_new(&options, message, sizeof message) && strstr(message, "task"));
    options.task = count_task;
    options.max_workers = EXECUTOR_MAX_WORKERS + 1;
    assert(!executor_new(&options, message, sizeof message) && strstr(message, "4096"));
    options.max_workers = 1;
    options.size++;
    assert(!executor_new(&options, message, sizeof message) && strstr(message, "version"));
    assert(!executor_new(&options, NULL, 0));
    options.size--;
    struct executor *x = executor_new(&options, NULL, 0);
    assert(x);
    while (executor_room(x) > 0)
        assert(submit(x, 1 + (int)executor_pending(x)) == 0);
    assert(submit(x, 100) < 0 && errno == EAGAIN);
    executor_free(x); /* at once, with tasks in it */
    assert(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    executor_free(NULL);
}

int main(void)
{
    use(EXECUTOR_PROCESS);
    use(EXECUTOR_THREAD);
    use(EXECUTOR_SERIAL);
    use(EXECUTOR_PROCESS);
    refused();
    puts("as promised");
    return 0;
}
