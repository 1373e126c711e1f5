#include "executor/watch.h"

#include "base/deadline.h"
#include "executor/pool.h"

static const int64_t LOOK = NS_PER_SECOND;   /* between two looks at all workers */
static const int64_t LEAST = 50 * NS_PER_MS; /* … at least */
static const int64_t SLACK = 20 * NS_PER_MS; /* counts even where nothing was foreseen */
static const int64_t ABSENT = NS_PER_SECOND; /* unforeseen time that ends an epoch: a busy machine has less */
static const int64_t TO_LEAVE = NS_PER_SECOND;              /* for a worker to go, while no other goes … */
static const int64_t TO_LEAVE_AT_MOST = 10 * NS_PER_SECOND; /* … and in all */

void watch_init(struct watch *t)
{
    t->wall = deadline_now();
    t->clock = NS_PER_SECOND; /* so that 0 can mean "not" */
    t->promise = DEADLINE_NEVER;
    t->epoch = 0;
    t->buried = 0;
    t->ready = 0;
    t->next = DEADLINE_NEVER;
}

int64_t watch_advance(struct watch *t, int64_t foreseen)
{
    int64_t now = deadline_now();
    int64_t gap = now - t->wall;
    int64_t counts = deadline_min(gap, deadline_add(foreseen < 0 ? 0 : foreseen, SLACK));
    if (gap - counts > ABSENT)
        t->epoch++;
    t->clock += counts;
    t->wall = now;
    return now;
}

void watch_soon(struct executor *x)
{
    if (!x->mode->kill)
        return;
    x->watch.next = deadline_min(x->watch.next, x->watch.clock + LOOK);
}

void watch_begin(struct executor *x, struct worker *w, int64_t limit)
{
    w->marks.began = w->marks.heard = x->watch.clock;
    w->marks.stopped = 0;
    if (x->mode->kill)
        x->watch.next = deadline_min(x->watch.next, deadline_add(x->watch.clock, limit));
    watch_soon(x);
}

void watch_hold(struct executor *x, struct worker *w, bool hold)
{
    if (hold) {
        w->marks.held = x->watch.clock;
        return;
    }
    w->marks.began += x->watch.clock - w->marks.held;
    w->marks.heard = x->watch.clock;
    watch_soon(x);
}

static double seconds(int64_t ns)
{
    return (double)ns / (double)NS_PER_SECOND;
}

/* Stopped at two looks that are the grace apart, within one epoch: for good. */
static bool stopped_for_good(struct executor *x, struct worker *w)
{
    const struct watch *t = &x->watch;
    struct watch_marks *m = &w->marks;
    if (!x->mode->stopped || t->clock - m->heard < LOOK || !x->mode->stopped(w)) {
        m->stopped = 0;
        return false;
    }
    if (m->stopped == 0 || m->epoch != t->epoch) {
        m->stopped = t->clock;
        m->epoch = t->epoch;
    }
    return t->clock - m->stopped >= x->options.stopped_grace;
}

/* Since when the current task's limit runs. Many that start at once take their time; none of them hangs while
 * others become ready. */
static int64_t running_since(const struct executor *x, const struct worker *w)
{
    bool waits = w->state == WORKER_STARTING && x->watch.ready > w->marks.began;
    return waits ? x->watch.ready : w->marks.began;
}

/* Returns when to look at it again, in the pool's time. */
static int64_t look_at_busy(struct executor *x, struct worker *w)
{
    int64_t now = x->watch.clock;
    int64_t began = running_since(x, w);
    int64_t limit = w->current->limit;
    if (w->held)
        return DEADLINE_NEVER;
    if (now - began >= limit) {
        worker_condemn(x, w, text_new("hung: no result after %.3g s", seconds(limit)));
        return DEADLINE_NEVER;
    }
    if (stopped_for_good(x, w)) {
        worker_condemn(x, w, text_new("stopped for %.3g s", seconds(now - w->marks.stopped)));
        return DEADLINE_NEVER;
    }
    return deadline_min(deadline_add(began, limit), now + LOOK);
}

/* Many that leave at once take their time; none of them is stuck while others go. */
static int64_t look_at_leaving(struct executor *x, struct worker *w)
{
    const struct watch *t = &x->watch;
    int64_t since = w->marks.leaving > t->buried ? w->marks.leaving : t->buried;
    int64_t until = deadline_min(since + TO_LEAVE, w->marks.leaving + TO_LEAVE_AT_MOST);
    if (t->clock < until)
        return until;
    worker_condemn(x, w, NULL);
    return DEADLINE_NEVER;
}

static int64_t look_at(struct executor *x, struct worker *w)
{
    switch (w->state) {
    case WORKER_STARTING:
    case WORKER_READY:
        return w->current ? look_at_busy(x, w) : DEADLINE_NEVER;
    case WORKER_LEAVING:
        return look_at_leaving(x, w);
    default:
        return DEADLINE_NEVER;
    }
}

void watch_scan(struct executor *x)
{
    struct watch *t = &x->watch;
    if (t->next > t->clock || !x->workers)
        return;
    int64_t next = DEADLINE_NEVER;
    for (unsigned s = 0; s < x->options.max_workers; s++)
        next = deadline_min(next, look_at(x, &x->workers[s]));
    t->next = next == DEADLINE_NEVER || next > t->clock + LEAST ? next : t->clock + LEAST;
}

int64_t watch_due(const struct executor *x)
{
    const struct watch *t = &x->watch;
    return t->next == DEADLINE_NEVER ? DEADLINE_NEVER : deadline_add(t->wall, t->next - t->clock);
}
