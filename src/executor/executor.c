#include "config.h"

#include "executor/executor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/nofork.h"
#include "executor/pool.h"

enum {
    EVENTS = 128,         /* taken from epoll at once */
    SPARE_DESCRIPTORS = 8 /* epoll, /dev/null, eventfd and a worker's ends while it starts */
};

_Static_assert((int)EXECUTOR_MAX_TASK == (int)FRAME_MAX_TASK, "executor.h and frame.h differ");
_Static_assert((int)EXECUTOR_MAX_WORKERS == (int)SLOTS_MAX, "executor.h and slots.h differ");

/* --- making and ending one --- */

static const struct mode *mode_of(enum executor_mode mode)
{
    static const struct mode *const modes[] = {[EXECUTOR_PROCESS] = &mode_process,
                                               [EXECUTOR_THREAD] = &mode_thread,
                                               [EXECUTOR_SERIAL] = &mode_serial};
    return (unsigned)mode < sizeof modes / sizeof modes[0] ? modes[mode] : NULL;
}

static const char *options_fault(const struct executor_options *o)
{
    if (o->size != sizeof *o)
        return "the options are of another version of the library";
    if (!mode_of(o->mode))
        return "there is no such mode";
    if (o->max_workers < 1 || o->max_workers > EXECUTOR_MAX_WORKERS)
        return "max_workers must be 1 to 4096";
    if (!o->task)
        return "a task function is needed";
    return NULL;
}

int pool_listen_wake(struct executor *x, bool on)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = pool_source(SOURCE_WAKE, 0)};
    if (x->options.wake_fd < 0)
        return 0;
    return epoll_ctl(x->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, x->options.wake_fd, &ev);
}

static int open_workers(struct executor *x)
{
    unsigned n = x->options.max_workers;
    x->buffer = nofork_map(POOL_READ);
    x->workers = nofork_map(n * sizeof *x->workers);
    x->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned s = 0; x->workers && s < n; s++) { /* first: executor_free closes what is not -1 */
        struct worker *w = &x->workers[s];
        w->slot = s;
        w->pool = x;
        w->jobs_read = w->jobs_write = w->results = w->results_write = w->pidfd = -1;
        slot_settle(x, w);
    }
    return x->buffer && x->workers && x->epoll >= 0 && pool_listen_wake(x, true) == 0 ? 0 : -1;
}

static int executor_open(struct executor *x)
{
    if (task_table_init(&x->tasks, 4 * (size_t)x->options.max_workers) < 0)
        return -1;
    if (!x->mode->run && open_workers(x) < 0)
        return -1;
    return x->mode->open ? x->mode->open(x) : 0;
}

struct executor *executor_new(const struct executor_options *options, char *message, size_t size)
{
    const char *fault = options_fault(options);
    struct executor *x = fault ? NULL : nofork_map(sizeof *x);
    if (!x) {
        (void)snprintf(message, size, "%s", fault ? fault : strerror(errno));
        return NULL;
    }
    x->options = *options;
    x->mode = mode_of(options->mode);
    x->epoll = x->null = x->wake_fd = -1;
    if (x->mode->run)
        x->options.max_workers = 1;
    watch_init(&x->watch);
    pace_init(x);
    if (executor_open(x) == 0)
        return x;
    (void)snprintf(message, size, "the executor could not be made: %s", strerror(errno));
    executor_free(x);
    return NULL;
}

void executor_free(struct executor *x)
{
    if (!x)
        return;
    if (x->mode->ask && x->wake_fd >= 0)
        x->mode->ask(x);
    roster_clear(x);
    if (x->mode->close)
        x->mode->close(x);
    task_table_free(&x->tasks);
    for (unsigned i = 0; i < x->warning_count; i++)
        free(x->warnings[i]);
    nofork_unmap(x->workers, x->options.max_workers * sizeof *x->workers);
    nofork_unmap(x->buffer, POOL_READ);
    if (x->epoll >= 0)
        (void)close(x->epoll);
    nofork_unmap(x, sizeof *x);
}

size_t executor_descriptors(enum executor_mode mode, unsigned workers)
{
    const struct mode *m = mode_of(mode);
    return SPARE_DESCRIPTORS + (m ? (size_t)m->descriptors * workers : 0);
}

static int64_t next_due(const struct executor *x)
{
    if (news_due(x) || x->starting.count || dispatch_idles(x))
        return x->watch.wall;
    int64_t due = deadline_min(deadline_min(watch_due(x), pace_due(x)), dispatch_due(x));
    return x->start_again > 0 ? deadline_min(due, x->start_again) : due;
}

/* The time since the last call, of which as much counts as the caller was told that it may stay away. */
static int64_t catch_up(struct executor *x)
{
    int64_t promised = x->watch.promise == DEADLINE_NEVER ? DEADLINE_NEVER : x->watch.promise - x->watch.wall;
    return watch_advance(&x->watch, promised);
}

/* There is more to look after now than when the caller was told. */
static void renew_promise(struct executor *x)
{
    x->watch.promise = deadline_min(x->watch.promise, next_due(x));
}

/* --- submitting --- */

static size_t less(size_t a, size_t b)
{
    return a > b ? a - b : 0;
}

size_t executor_idle(const struct executor *x)
{
    if (x->mode->run)
        return less(1, x->waiting.count);
    return less(x->idle.count + roster_startable(x), x->waiting.count);
}

/* Places behind the tasks whose workers are about to be started. */
static size_t room_to_come(const struct executor *x)
{
    size_t n = x->starting.count < x->free.count ? x->starting.count : x->free.count;
    return x->options.send_ahead && x->options.max_tasks_per_worker != 1 ? n : 0;
}

size_t executor_room(const struct executor *x)
{
    if (x->mode->run)
        return less(1, x->waiting.count);
    return less(x->idle.count + roster_startable(x) + x->roomy.count + room_to_come(x), x->waiting.count);
}

bool executor_has_room_for(const struct executor *x, uint64_t affinity)
{
    if (affinity == 0 || x->mode->run)
        return executor_room(x) > 0;
    return dispatch_home_has_room(x, dispatch_home(x, affinity));
}

bool executor_idle_for(const struct executor *x, uint64_t affinity)
{
    if (affinity == 0 || x->mode->run)
        return executor_idle(x) > 0;
    unsigned slot = dispatch_home(x, affinity)->slot;
    return slots_has(&x->idle, slot) || slots_has(&x->free, slot);
}

/* Serial: the descriptor is readable as long as something waits. */
static void serial_signal(struct executor *x)
{
    uint64_t count = 1;
    if (!x->mode->run)
        return;
    ssize_t n = read(x->wake_fd, &count, sizeof count);
    count = 1;
    if (x->waiting.count || news_due(x))
        n = write(x->wake_fd, &count, sizeof count);
    (void)n;
}

static int refuse(int why)
{
    errno = why;
    return -1;
}

int executor_submit(struct executor *x, const struct executor_submission *s)
{
    if (x->closed)
        return refuse(ESHUTDOWN);
    if (s->task == 0 || s->len > FRAME_MAX_TASK || s->limit < 0 || (s->len && !s->data))
        return refuse(EINVAL);
    if (!executor_has_room_for(x, s->affinity))
        return refuse(EAGAIN);
    struct task *task = task_new(&x->tasks, s->task, s->data, s->len);
    if (!task)
        return -1;
    task->affinity = x->mode->run ? 0 : s->affinity;
    task->limit = s->limit;
    if (!x->mode->run)
        (void)catch_up(x); /* the task's own time begins now, and not when the pool was last looked at */
    if (x->mode->run || (x->waiting.count && !task->affinity) || !dispatch_task(x, task))
        task_append(&x->waiting, task);
    if (!x->mode->run) {
        dispatch_waiting(x);
        roster_give_up(x);
        renew_promise(x);
    }
    serial_signal(x);
    return 0;
}

/* --- polling --- */

int executor_fd(const struct executor *x)
{
    return x->mode->run ? x->wake_fd : x->epoll;
}

int64_t executor_deadline(const struct executor *x)
{
    return next_due(x);
}

static void serve(struct executor *x, const struct epoll_event *ev)
{
    struct worker *w = &x->workers[(uint32_t)ev->data.u64];
    switch ((enum pool_source)(ev->data.u64 >> 32)) {
    case SOURCE_RESULTS:
        results_read(x, w);
        break;
    case SOURCE_EXIT:
        worker_check_exit(x, w, false);
        break;
    case SOURCE_JOBS:
        dispatch_continue(x, w);
        break;
    case SOURCE_WAKE:
        x->woken = true;
        break;
    }
}

/* Workers with more than one task ahead of them do without the pool for a while: whoever else wants this
 * processor goes first, and several results are there at once afterwards. */
static void let_others_run(const struct executor *x)
{
    if (x->sent_ahead > x->living)
        (void)sched_yield();
}

int pool_look(struct executor *x, int64_t until)
{
    struct epoll_event events[EVENTS];
    dispatch_starting(x);
    dispatch_idle(x);
    int64_t now = watch_advance(&x->watch, 0);
    until = deadline_min(until, next_due(x));
    int ms = deadline_poll_ms(until, now);
    if (ms != 0)
        let_others_run(x);
    int n = epoll_wait(x->epoll, events, EVENTS, ms);
    if (n < 0 && errno != EINTR)
        return -1;
    now = watch_advance(&x->watch, until == DEADLINE_NEVER ? DEADLINE_NEVER : until - now);
    x->woken = false;
    for (int i = 0; i < n; i++)
        serve(x, &events[i]);
    watch_scan(x);
    x->events += pace_look(x, now);
    roster_retry(x, now);
    dispatch_late(x, now);
    news_tell(x);
    return n < 0 ? 1 : 0;
}

/* Something may still happen that the caller waits for: a task's event, or a leaving worker's place. */
static bool expects(const struct executor *x)
{
    return x->tasks.count > 0 || (x->leaving > 0 && !x->closed && executor_room(x) == 0);
}

static int poll_workers(struct executor *x, int64_t until)
{
    int64_t now = catch_up(x);
    int r;
    x->watch.promise = 0; /* the caller's handlers may submit: their time was not promised */
    news_tell(x);
    do {
        bool done = x->events > 0 || !expects(x);
        r = pool_look(x, done ? now : until);
        now = x->watch.wall;
    } while (r == 0 && x->events == 0 && !x->woken && expects(x) && now < until);
    (void)watch_advance(&x->watch, 0);
    x->watch.promise = next_due(x);
    return r < 0 ? -1 : x->events;
}

static int poll_serial(struct executor *x)
{
    news_tell(x);
    struct task *task = x->waiting.first;
    if (task) {
        task_unlist(task);
        x->mode->run(x, task);
    }
    news_tell(x);
    serial_signal(x);
    return x->events;
}

int executor_poll(struct executor *x, int timeout_ms, executor_handler *handler, void *arg)
{
    x->handler = handler;
    x->handler_arg = arg;
    x->events = 0;
    if (x->mode->run)
        return poll_serial(x);
    int64_t until = DEADLINE_NEVER;
    if (timeout_ms >= 0)
        until = deadline_add(deadline_now(), timeout_ms * NS_PER_MS);
    return poll_workers(x, until);
}

/* --- one task --- */

void executor_hold(struct executor *x, uint64_t id, bool hold)
{
    struct task *task = task_find(&x->tasks, id);
    struct worker *w = task ? task->worker : NULL;
    if (task && !hold)
        task->held = false;
    if (!w || w->current != task || w->held == hold || w->state == WORKER_DYING)
        return;
    (void)catch_up(x); /* until now it was held, or was not */
    worker_hold(x, w, hold);
    renew_promise(x);
}

static int cancel_running(struct executor *x, struct task *task, bool kill)
{
    struct worker *w = task->worker;
    if (!kill || !x->mode->kill)
        return refuse(EBUSY);
    task->cancelled = true;
    if (w->current == task) {
        w->cancelled = true;
        worker_condemn(x, w, NULL);
    }
    return 0;
}

int executor_cancel(struct executor *x, uint64_t id, bool kill)
{
    struct task *task = task_find(&x->tasks, id);
    if (!task || task->news == NEWS_CANCELLED || task->news == NEWS_LOST)
        return refuse(ESRCH);
    struct worker *w = task->worker;
    if (task == x->running)
        return refuse(EBUSY);
    if (w && w->state == WORKER_DYING) {
        task->cancelled = true;
        return 0;
    }
    if (w && (w->current == task || !dispatch_recall(x, w, task)))
        return cancel_running(x, task, kill);
    task_unlist(task);
    news_add(x, task, NEWS_CANCELLED, 0, NULL);
    if (!x->mode->run && task->affinity)
        slot_settle(x, dispatch_home(x, task->affinity));
    serial_signal(x);
    return 0;
}

int executor_kill(struct executor *x, unsigned worker, const char *reason)
{
    if (!x->mode->kill)
        return refuse(EBUSY);
    if (worker < 1 || worker > x->options.max_workers || x->workers[worker - 1].state == WORKER_NONE)
        return refuse(ESRCH);
    struct worker *w = &x->workers[worker - 1];
    w->distrusted = true;
    worker_condemn(x, w, text_new("%s", reason));
    return 0;
}

void executor_trim(struct executor *x, unsigned most)
{
    if (x->living - x->leaving <= most)
        return;
    (void)catch_up(x); /* they are told to go now, and not when the pool was last looked at */
    roster_dismiss(x, most);
    pace_shrunk(x);
    renew_promise(x);
}

size_t executor_pending(const struct executor *x)
{
    return x->tasks.count;
}

/* --- status --- */

unsigned executor_workers(const struct executor *x)
{
    return x->living;
}

uint64_t executor_workers_started(const struct executor *x)
{
    return x->started;
}

bool executor_worker_status(const struct executor *x, unsigned worker, struct executor_worker_info *ret)
{
    if (!x->workers || worker < 1 || worker > x->options.max_workers)
        return false;
    const struct worker *w = &x->workers[worker - 1];
    if (w->state == WORKER_NONE)
        return false;
    ret->worker = worker;
    ret->pid = (int)w->pid;
    ret->task = w->current ? w->current->id : 0;
    ret->since = w->since;
    ret->held = w->held;
    return true;
}
