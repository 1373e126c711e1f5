#include "config.h"

#include "executor/pool.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/deadline.h"

enum {
    MOST_PACKETS = 64, /* of ours in a jobs pipe, at most; more than that were forged */
    STARTS = 64        /* in a row; then others are heard */
};

/* A task that took no longer was quick: then more than one may wait behind the next. Of several that were
 * there at once only the sum is known. */
static const int64_t QUICK = 2 * NS_PER_MS;

/* A record that is written and read as one packet, and so can be taken back. */
static bool is_small(const struct task *task)
{
    return task->len <= PIPE_BUF - FRAME_HEADER;
}

/* --- where there is room --- */

static bool place_ahead(const struct executor *x, const struct worker *w)
{
    unsigned most = x->options.max_tasks_per_worker;
    return x->options.send_ahead && (w->state == WORKER_STARTING || w->state == WORKER_READY) && w->current &&
           w->ahead_count < (w->quick ? w->ahead_most : 1) && !w->held && !w->sending &&
           is_small(w->current) && (most == 0 || w->given < most);
}

void slot_settle(struct executor *x, struct worker *w)
{
    bool queued = w->queue.count > 0;
    slots_set(&x->idle, w->slot, w->state == WORKER_READY && !w->current);
    slots_set(&x->free, w->slot, w->state == WORKER_NONE && !queued);
    slots_set(&x->wanting, w->slot, w->state == WORKER_NONE && queued);
    slots_set(&x->roomy, w->slot, !queued && place_ahead(x, w));
}

struct worker *dispatch_turn(struct executor *x, const struct slots *set)
{
    int s = slots_next(set, x->cursor);
    if (s < 0)
        return NULL;
    x->cursor = ((unsigned)s + 1) % x->options.max_workers;
    return &x->workers[s];
}

/* --- what was sent ahead --- */

static void ahead_append(struct executor *x, struct worker *w, struct task *task)
{
    task->behind = NULL;
    *(w->ahead ? &w->ahead_last->behind : &w->ahead) = task;
    w->ahead_last = task;
    w->ahead_count++;
    x->sent_ahead++;
}

static void ahead_remove(struct executor *x, struct worker *w, struct task *task)
{
    struct task *before = NULL;
    for (struct task *t = w->ahead; t != task; t = t->behind)
        before = t;
    *(before ? &before->behind : &w->ahead) = task->behind;
    if (!task->behind)
        w->ahead_last = before;
    task->behind = NULL;
    w->ahead_count--;
    x->sent_ahead--;
    task_unlist(task);
}

static struct task *ahead_find(const struct worker *w, uint64_t id)
{
    struct task *task = w->ahead;
    while (task && task->id != id)
        task = task->behind;
    return task;
}

/* The worker has taken this one, so that it can't be taken back. */
static void settle(struct task *task)
{
    task->in_pipe = false;
    task_unlist(task);
}

void dispatch_settle(struct worker *w)
{
    if (w->current)
        w->current->in_pipe = false;
    for (struct task *task = w->ahead; task; task = task->behind)
        settle(task);
}

/* --- records --- */

/* Writes the task's record from byte `from` on: what the pipe took, or -1 with errno. */
static ssize_t record_write(const struct worker *w, const struct task *task, size_t from)
{
    unsigned char header[FRAME_HEADER];
    struct frame f = {FRAME_TASK, (uint32_t)task->len, task->id};
    frame_put(header, &f);
    size_t skip = from < FRAME_HEADER ? 0 : from - FRAME_HEADER;
    struct iovec v[] = {
        {header + (from < FRAME_HEADER ? from : FRAME_HEADER), from < FRAME_HEADER ? FRAME_HEADER - from : 0},
        {(void *)(uintptr_t)(task->data + skip), task->len - skip}};
    ssize_t n;
    do
        n = writev(w->jobs_write, v, 2);
    while (n < 0 && errno == EINTR);
    return n;
}

/* Writes as much of the current task as the pipe takes; the rest follows when it has room. */
static void record_send(struct executor *x, struct worker *w)
{
    size_t whole = FRAME_HEADER + w->current->len;
    ssize_t n;
    while (w->sent < whole && (n = record_write(w, w->current, w->sent)) > 0)
        w->sent += (size_t)n;
    bool more = w->sent < whole;
    if (more == w->sending)
        return;
    struct epoll_event ev = {.events = EPOLLOUT, .data.u64 = pool_source(SOURCE_JOBS, w->slot)};
    if (epoll_ctl(x->epoll, more ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, w->jobs_write, &ev) == 0)
        w->sending = more;
    else
        worker_condemn(x, w, text_new("its jobs pipe could not be watched"));
}

void dispatch_continue(struct executor *x, struct worker *w)
{
    if (!w->sending || !w->current)
        return;
    record_send(x, w);
    slot_settle(x, w);
}

/* Takes one record out of a jobs pipe: its task's id, or 0 if there is none. Whoever can write to the pipe
 * may have written it. */
static uint64_t record_take(const struct worker *w)
{
    unsigned char record[PIPE_BUF];
    struct frame f;
    ssize_t n = read(w->jobs_read, record, sizeof record);
    if (n <= 0)
        return 0;
    return n >= FRAME_HEADER && frame_get(record, &f) == 0 && f.task ? f.task : UINT64_MAX;
}

void dispatch_recover(struct worker *w)
{
    uint64_t id;
    dispatch_settle(w);
    for (int i = 0; i < MOST_PACKETS && (id = record_take(w)) != 0; i++) {
        struct task *task = ahead_find(w, id);
        if (task)
            task->in_pipe = true;
        else if (w->current && id == w->current->id)
            w->current->in_pipe = !w->heard;
    }
}

/* --- giving --- */

void dispatch_begun(struct executor *x, struct worker *w)
{
    protocol_begin(&w->in.protocol, w->current->id);
    watch_begin(x, w, w->current->limit);
    w->since = x->watch.wall;
    if (w->current->held) {
        w->current->held = false;
        worker_hold(x, w, true);
    }
    if (w->current->told == w->slot + 1)
        return;
    w->current->told = w->slot + 1;
    news_add(x, w->current, NEWS_STARTED, w->slot + 1, NULL);
}

static void give(struct executor *x, struct worker *w, struct task *task)
{
    task_unlist(task);
    task->worker = w;
    task->in_pipe = true;
    w->current = task;
    w->given++;
    w->heard = false;
    w->sent = 0;
    watch_begin(x, w, task->limit);
    if (w->state == WORKER_READY)
        dispatch_begun(x, w);
    record_send(x, w);
    slot_settle(x, w);
}

/* False: the pipe has no room for it after all. A task with affinity is never taken back. */
static bool give_ahead(struct executor *x, struct worker *w, struct task *task)
{
    if (record_write(w, task, 0) < 0) {
        w->ahead_most = w->ahead_count > 1 ? w->ahead_count : 1;
        slot_settle(x, w);
        return false;
    }
    task_unlist(task);
    task->worker = w;
    task->in_pipe = true;
    ahead_append(x, w, task);
    w->given++;
    if (!task->affinity)
        task_append(&x->ahead, task);
    slot_settle(x, w);
    return true;
}

/* The next tasks of the worker's own queue may go ahead. */
static void feed_ahead(struct executor *x, struct worker *w)
{
    struct task *task;
    while ((task = w->queue.first) != NULL && is_small(task) && place_ahead(x, w) && give_ahead(x, w, task))
        ;
    slot_settle(x, w);
}

struct worker *dispatch_home(const struct executor *x, uint64_t affinity)
{
    return &x->workers[affinity % x->options.max_workers];
}

bool dispatch_home_has_room(const struct executor *x, const struct worker *w)
{
    return slots_has(&x->idle, w->slot) || slots_has(&x->free, w->slot) || slots_has(&x->roomy, w->slot) ||
           w->queue.count < POOL_AFFINITY_QUEUE;
}

static bool dispatch_home_task(struct executor *x, struct task *task)
{
    struct worker *w = dispatch_home(x, task->affinity);
    if (w->state == WORKER_NONE)
        dispatch_starting(x); /* they were there before it; one may get this very slot */
    bool first = w->queue.count == 0;
    if (first && w->state == WORKER_NONE)
        (void)worker_start(x, w);
    if (first && !w->current && (w->state == WORKER_STARTING || w->state == WORKER_READY)) {
        give(x, w, task);
        return true;
    }
    if (first && is_small(task) && place_ahead(x, w) && give_ahead(x, w, task))
        return true;
    if (w->queue.count >= POOL_AFFINITY_QUEUE)
        return false;
    task_append(&w->queue, task);
    slot_settle(x, w);
    return true;
}

bool dispatch_task(struct executor *x, struct task *task)
{
    if (task->affinity)
        return dispatch_home_task(x, task);
    struct worker *w = dispatch_turn(x, &x->idle);
    if (w) {
        give(x, w, task);
        return true;
    }
    if (roster_startable(x)) {
        task_append(&x->starting, task);
        return true;
    }
    w = is_small(task) ? dispatch_turn(x, &x->roomy) : NULL;
    return w && give_ahead(x, w, task);
}

void dispatch_waiting(struct executor *x)
{
    while (x->waiting.first) {
        struct task *task = x->waiting.first;
        if (!dispatch_task(x, task))
            return;
    }
}

/* All in a row, and none gets its task before the last has been started: after each fork the first write to a
 * page copies it, and what is written to between two forks would be copied for each. */
void dispatch_starting(struct executor *x)
{
    struct slots started = {0};
    struct worker *idle;
    while (x->starting.first && (idle = dispatch_turn(x, &x->idle)))
        give(x, idle, x->starting.first);
    unsigned from = x->cursor, most = x->starting.count < STARTS ? (unsigned)x->starting.count : STARTS;
    if (most == 0)
        return;
    bool all = roster_start_some(x, most, &started) == most;
    while (started.count > 0) {
        unsigned s = (unsigned)slots_next(&started, from);
        slots_set(&started, s, false);
        from = s + 1;
        give(x, &x->workers[s], x->starting.first);
    }
    while (!all && x->starting.last)
        task_prepend(&x->waiting, x->starting.last);
    dispatch_waiting(x);
    roster_give_up(x);
}

/* --- taking back --- */

/* The next task ahead is the current one now, and has to be begun; without one the worker has nothing to do.
 */
static void advance(struct executor *x, struct worker *w)
{
    struct task *next = w->ahead;
    w->current = next;
    w->heard = false;
    if (!next) {
        w->in.protocol.task = 0;
        if (w->state == WORKER_READY)
            w->in.protocol.state = PROTOCOL_IDLE;
        return;
    }
    ahead_remove(x, w, next);
    w->sent = FRAME_HEADER + next->len;
}

/* The worker has another current task than `before`. */
static void begin_anew(struct executor *x, struct worker *w, const struct task *before)
{
    if (w->state != WORKER_READY || !w->current || w->current == before)
        return;
    dispatch_begun(x, w);
    if (w->current->cancelled) {
        w->cancelled = true;
        worker_condemn(x, w, NULL);
    }
}

/* The worker is without its current task, which it has not begun. */
static struct task *take_current(struct executor *x, struct worker *w)
{
    struct task *task = w->current;
    task->held = w->held;
    worker_hold(x, w, false);
    advance(x, w);
    return task;
}

/* Takes a record out of the pipe of a worker with tasks ahead: mostly the first of those that it has not
 * taken yet; the current one, if it has not even taken that: then what is current now has to be begun.
 * Returns the task, which no worker has any more and which is in no list; NULL: the worker has taken all. */
static struct task *take_back(struct executor *x, struct worker *w)
{
    uint64_t id = record_take(w); /* just one: between two the worker could take what lies between */
    struct task *task = ahead_find(w, id);
    if (task) {
        w->current->in_pipe = false;
        for (struct task *t = w->ahead; t != task; t = t->behind)
            settle(t);
        ahead_remove(x, w, task);
    } else if (id && w->current && id == w->current->id && !w->heard) {
        task = take_current(x, w);
    } else if (id) {
        worker_condemn(x, w,
                       text_new("worker %u broke the protocol: it wrote to its jobs pipe", w->slot + 1));
        return NULL;
    } else {
        dispatch_settle(w);
        return NULL;
    }
    task_unlist(task);
    task->worker = NULL;
    task->in_pipe = false;
    w->given--;
    slot_settle(x, w);
    return task;
}

/* What was taken back instead of another waits again, before all others and in its order. */
static void put_back(struct executor *x, struct worker *w, struct task_list *taken)
{
    struct task *task;
    while ((task = taken->last) != NULL)
        task_prepend(task->affinity ? &w->queue : &x->waiting, task);
    if (!w->current)
        dispatch_to(x, w);
    else
        feed_ahead(x, w);
    dispatch_waiting(x);
}

bool dispatch_recall(struct executor *x, struct worker *w, struct task *task)
{
    struct task_list others = {0};
    struct task *taken = NULL, *before = w->current;
    while (task->in_pipe && (taken = take_back(x, w)) != NULL && taken != task)
        task_append(&others, taken);
    begin_anew(x, w, before);
    put_back(x, w, &others);
    return taken == task;
}

/* The task that lies longest behind another, if that worker took its own by `since`; it is in no list then.
 */
static struct task *take_back_oldest(struct executor *x, int64_t since)
{
    while (x->ahead.first && x->ahead.first->worker->since <= since) {
        struct worker *w = x->ahead.first->worker;
        struct task_list own = {0};
        struct task *before = w->current, *task = take_back(x, w);
        begin_anew(x, w, before);
        if (task && !task->affinity) {
            feed_ahead(x, w);
            return task;
        }
        if (task) {
            task_append(&own, task);
            put_back(x, w, &own);
        }
    }
    return NULL;
}

bool dispatch_idles(const struct executor *x)
{
    return x->idle.count > 0 && x->ahead.count > 0 && x->waiting.count == 0;
}

void dispatch_idle(struct executor *x)
{
    struct task *task;
    while (dispatch_idles(x) && (task = take_back_oldest(x, DEADLINE_NEVER)))
        if (!dispatch_task(x, task))
            task_prepend(&x->waiting, task);
}

int64_t dispatch_due(const struct executor *x)
{
    const struct task *task = x->ahead.first;
    return task && !x->waiting.count && roster_startable(x) ? pace_late_at(task->worker) : DEADLINE_NEVER;
}

void dispatch_late(struct executor *x, int64_t now)
{
    struct task *task;
    while (!x->waiting.count && roster_startable(x) && (task = take_back_oldest(x, pace_late_since(now))))
        if (!dispatch_task(x, task))
            task_prepend(&x->waiting, task);
}

/* --- after an end --- */

void dispatch_ended(struct executor *x, struct worker *w)
{
    if (w->since != x->watch.wall) { /* else it was there together with the one before */
        w->span = x->watch.wall - w->since;
        w->span_tasks = 0;
    }
    w->span_tasks++;
    w->quick = w->span > 0 && w->span / w->span_tasks < QUICK;
    w->since = x->watch.wall;
}

/* What lies late behind another worker's task comes to this one: a quick worker has most often something
 * ahead, and would not look for it otherwise. Where none is quick, what lies behind a task that runs for long
 * already is better off there, unless much does. */
static void relieve(struct executor *x, struct worker *w)
{
    int64_t late = pace_late_since(x->watch.wall);
    const struct worker *other = x->ahead.first ? x->ahead.first->worker : NULL;
    if (!other || other->since > late || !(w->quick || other->ahead_count > 1) || !place_ahead(x, w))
        return;
    struct task *task = take_back_oldest(x, late);
    if (task && !(place_ahead(x, w) && give_ahead(x, w, task)))
        task_prepend(&x->waiting, task);
}

void dispatch_promote(struct executor *x, struct worker *w)
{
    advance(x, w);
    begin_anew(x, w, NULL);
    feed_ahead(x, w);
    relieve(x, w);
}

void dispatch_to(struct executor *x, struct worker *w)
{
    struct task *task = w->queue.first;
    if (!task)
        task = x->waiting.first;
    if (!task)
        task = take_back_oldest(x, pace_late_since(x->watch.wall));
    if (task)
        give(x, w, task);
    feed_ahead(x, w);
}
