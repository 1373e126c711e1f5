#include "executor/pool.h"

#include <errno.h>

#include "base/deadline.h"

/* In one worker's pipe; more than that were forged. */
enum { MOST_CANCELS = 4 * POOL_AHEAD };

static void cancel_list(struct executor *x, struct task_list *list)
{
    while (list->first)
        (void)executor_cancel(x, list->first->id, false);
}

/* The first of the tasks ahead that may lie in the pipe still. */
static struct task *first_in_pipe(const struct worker *w)
{
    struct task *task = w->ahead;
    while (task && !task->in_pipe)
        task = task->behind;
    return task;
}

static void cancel_worker(struct executor *x, struct worker *w)
{
    struct task *task;
    cancel_list(x, &w->queue);
    for (int i = 0; i < MOST_CANCELS && (task = first_in_pipe(w)) != NULL; i++) {
        (void)executor_cancel(x, task->id, false);
        cancel_list(x, &w->queue);
    }
    if (w->held)
        executor_hold(x, w->current->id, false);
}

/* Cancels what no worker has begun. What one has taken from its pipe meanwhile stays, and leaves the list. */
static void cancel_waiting(struct executor *x)
{
    do {
        cancel_list(x, &x->waiting);
        cancel_list(x, &x->starting);
        cancel_list(x, &x->ahead);
    } while (x->waiting.first);
    for (unsigned s = 0; x->workers && s < x->options.max_workers; s++)
        cancel_worker(x, &x->workers[s]);
}

static void kill_running(struct executor *x)
{
    for (unsigned s = 0; x->workers && s < x->options.max_workers; s++) {
        struct worker *w = &x->workers[s];
        if (w->current)
            (void)executor_cancel(x, w->current->id, true);
        for (struct task *task = w->ahead, *next; task; task = next) {
            next = task->behind;
            (void)executor_cancel(x, task->id, true);
        }
    }
}

/* Polls until no task is left, or `until`. */
static int run_tasks(struct executor *x, int64_t until, executor_handler *handler, void *arg)
{
    while (executor_pending(x) > 0) {
        int64_t now = deadline_now();
        if (now >= until)
            return 0;
        if (executor_poll(x, deadline_poll_ms(until, now), handler, arg) < 0)
            return -1;
    }
    return 0;
}

static int run_cancelled(struct executor *x, int64_t deadline, executor_handler *handler, void *arg)
{
    cancel_waiting(x);
    if (x->mode->ask)
        x->mode->ask(x);
    if (run_tasks(x, x->mode->kill ? deadline : DEADLINE_NEVER, handler, arg) < 0)
        return -1;
    while (executor_pending(x) > 0) {
        kill_running(x);
        cancel_waiting(x);
        if (executor_poll(x, 100, handler, arg) < 0)
            return -1;
    }
    return 0;
}

/* Whoever has not gone by itself in time is condemned by the watch. */
static int end_workers(struct executor *x, executor_handler *handler, void *arg)
{
    while (executor_workers(x) > 0) {
        roster_dismiss(x, 0);
        x->events = 0;
        x->handler = handler;
        x->handler_arg = arg;
        if (pool_look(x, deadline_add(deadline_now(), 100 * NS_PER_MS)) < 0)
            return -1;
    }
    return 0;
}

int executor_shutdown(struct executor *x, enum executor_shutdown_how how, int64_t deadline,
                      executor_handler *handler, void *arg)
{
    x->closed = true;
    if (x->workers)
        (void)pool_listen_wake(x, false); /* what nobody takes out would be readable all the time */
    int r = how == EXECUTOR_CANCEL ? run_cancelled(x, deadline, handler, arg)
                                   : run_tasks(x, DEADLINE_NEVER, handler, arg);
    if (r < 0)
        return -1;
    return x->workers ? end_workers(x, handler, arg) : 0;
}
