#include "executor/pool.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static const size_t DRAIN_MOST = 4 * 1024 * 1024; /* more than a pipe holds: somebody else writes to it */

static void take_ready(struct executor *x, struct worker *w)
{
    x->init_failures = 0;
    if (w->state != WORKER_STARTING)
        return;
    w->state = WORKER_READY;
    x->watch.ready = x->watch.clock;
    if (w->current)
        dispatch_begun(x, w);
    else if (x->closed)
        worker_leave(x, w);
    else
        dispatch_to(x, w);
    slot_settle(x, w);
}

/* What the worker does next comes before the handler hears of the end: a task that has long waited behind a
 * slow one goes before a new one. */
static void take_end(struct executor *x, struct worker *w, struct span data)
{
    struct task *done = w->current;
    pace_ended(x, w);
    unsigned most = x->options.max_tasks_per_worker;
    news_tell(x);
    if (w->held)
        executor_hold(x, done->id, false);
    w->current = NULL;
    dispatch_ended(x, w);
    if (w->state == WORKER_DYING) /* a handler has just condemned it */
        ;
    else if (w->ahead)
        dispatch_promote(x, w);
    else if (most && w->given >= most)
        worker_leave(x, w);
    else
        dispatch_to(x, w);
    if (x->waiting.count)
        dispatch_waiting(x);
    pool_finish(x, done, EXECUTOR_END, w->slot + 1, data);
}

static void take_item(struct executor *x, struct worker *w, const struct collect_item *item)
{
    static const enum executor_event_type events[FRAME_TYPES] = {
        [FRAME_HOP] = EXECUTOR_HOP,   [FRAME_HEAD] = EXECUTOR_HEAD, [FRAME_BODY] = EXECUTOR_BODY,
        [FRAME_WIRE] = EXECUTOR_WIRE, [FRAME_NOTE] = EXECUTOR_NOTE,
    };
    w->heard = item->type != FRAME_READY;
    if (item->type == FRAME_READY)
        take_ready(x, w);
    else if (w->in.protocol.state == PROTOCOL_FAILED)
        w->reason = text_new("could not start: %.*s", (int)item->data.len, (const char *)item->data.data);
    else if (item->type == FRAME_END)
        take_end(x, w, item->data);
    else
        pool_emit(x, events[item->type], w->current->id, w->slot + 1, item->data);
}

static void take_bytes(struct executor *x, struct worker *w, struct span in)
{
    char why[128];
    struct collect_item item;
    enum collect_result r = COLLECT_ITEM;
    w->in.shared = 0;
    while (w->state != WORKER_DYING &&
           (r = collect_next(&w->in, &in, &item, why, sizeof why)) == COLLECT_ITEM)
        take_item(x, w, &item);
    collect_settle(&w->in);
    if (r == COLLECT_BAD)
        worker_condemn(x, w, text_new("worker %u broke the protocol: %s", w->slot + 1, why));
}

/* Returns as read(2). */
static ssize_t read_once(struct executor *x, struct worker *w)
{
    ssize_t n = read(w->results, x->buffer, POOL_READ);
    if (n > 0 && w->state != WORKER_DYING) {
        w->marks.heard = x->watch.clock;
        take_bytes(x, w, span_make(x->buffer, (size_t)n));
    }
    return n;
}

/* Without results it is no worker, whatever it does: it is ended, unless it is about to go by itself. */
static void results_ended(struct executor *x, struct worker *w)
{
    w->eof = true;
    worker_listen(x, w, false);
    if (w->state != WORKER_LEAVING)
        worker_condemn(x, w, NULL);
    if (w->pidfd < 0)
        worker_check_exit(x, w, true);
}

void results_read(struct executor *x, struct worker *w)
{
    if (!w->listening)
        return;
    ssize_t n = read_once(x, w);
    if (n > 0 || (n < 0 && errno == EINTR))
        return;
    if (w->exited)
        worker_bury(x, w);
    else if (n == 0 || errno != EAGAIN)
        results_ended(x, w);
}

bool results_drain(struct executor *x, struct worker *w)
{
    size_t total = 0;
    while (!w->held && total < DRAIN_MOST) {
        ssize_t n = read_once(x, w);
        if (n <= 0 && (n == 0 || errno != EINTR))
            return true;
        total += n > 0 ? (size_t)n : 0;
    }
    return !w->held;
}
