#include "config.h"

#include "executor/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/deadline.h"

enum {
    LOWEST_DESCRIPTOR = 5,   /* a child uses 0 to 4; what it moves there must lie above */
    LARGE_PIPE = 256 * 1024, /* for bulk … */
    LARGE_PIPE_WORKERS = 64, /* … where that fits what a user's pipes may hold */
    WINDOW_WORKERS = 64,     /* so many at most have a window each: 256 KB, once it is used */
    START_TRIES = 6,         /* before tasks are given up, with no worker at all */
    INIT_TRIES = 3,          /* the same for initializers that fail */
    RETURN_TRIES = 3         /* workers that may die in front of one task */
};

/* --- opening and closing --- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* Moves a descriptor out of the way of those that a child has to set. */
static int lift_fd(int *fd)
{
    if (*fd >= LOWEST_DESCRIPTOR)
        return 0;
    int high = fcntl(*fd, F_DUPFD_CLOEXEC, LOWEST_DESCRIPTOR);
    if (high < 0)
        return -1;
    (void)close(*fd);
    *fd = high;
    return 0;
}

static int open_pipe(int ret_fd[2], int flags)
{
    int fd[2];
    if (pipe2(fd, flags | O_CLOEXEC) < 0)
        return -1;
    if (lift_fd(&fd[0]) < 0 || lift_fd(&fd[1]) < 0) {
        int saved = errno;
        (void)close(fd[0]);
        (void)close(fd[1]);
        errno = saved;
        return -1;
    }
    ret_fd[0] = fd[0];
    ret_fd[1] = fd[1];
    return 0;
}

void worker_listen(struct executor *x, struct worker *w, bool on)
{
    if (w->listening == on || w->results < 0)
        return;
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = pool_source(SOURCE_RESULTS, w->slot)};
    if (epoll_ctl(x->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, w->results, &ev) == 0)
        w->listening = on;
}

static int open_pipes(struct executor *x, struct worker *w)
{
    int jobs[2], results[2];
    if (open_pipe(jobs, O_DIRECT | O_NONBLOCK) < 0)
        return -1;
    w->jobs_read = jobs[0];
    w->jobs_write = jobs[1];
    if (open_pipe(results, 0) < 0)
        return -1;
    w->results = results[0];
    w->results_write = results[1];
    if (x->options.max_workers <= LARGE_PIPE_WORKERS)
        (void)fcntl(w->results, F_SETPIPE_SZ, LARGE_PIPE);
    if (fcntl(w->results, F_SETFL, O_NONBLOCK) < 0)
        return -1;
    worker_listen(x, w, true);
    return w->listening ? 0 : -1;
}

void worker_open_window(const struct executor *x, struct worker *w, enum window_kind kind)
{
    if (x->options.max_workers <= WINDOW_WORKERS && window_open(&w->window, kind))
        w->in.window = &w->window;
}

/* Frees the slot; its queue stays. */
static void worker_release(struct executor *x, struct worker *w)
{
    worker_listen(x, w, false);
    pace_gone(x, w);
    if (w->pidfd >= 0)
        (void)epoll_ctl(x->epoll, EPOLL_CTL_DEL, w->pidfd, NULL);
    if (w->sending)
        (void)epoll_ctl(x->epoll, EPOLL_CTL_DEL, w->jobs_write, NULL);
    close_fd(&w->pidfd);
    close_fd(&w->jobs_read);
    close_fd(&w->jobs_write);
    close_fd(&w->results);
    close_fd(&w->results_write);
    collect_free(&w->in);
    window_close(&w->window);
    free(w->reason);
    struct worker empty = {.slot = w->slot,
                           .pool = x,
                           .queue = w->queue,
                           .jobs_read = -1,
                           .jobs_write = -1,
                           .results = -1,
                           .results_write = -1,
                           .pidfd = -1};
    *w = empty;
}

/* --- trouble with starting --- */

size_t roster_startable(const struct executor *x)
{
    size_t room = pace_room(x), promised = x->starting.count;
    if (room > x->free.count)
        room = x->free.count;
    if (x->start_failures > 0 && room > 1)
        room = 1; /* first see whether it goes again */
    if (x->start_again > x->watch.wall)
        room = x->living == 0 && x->waiting.count == 0 && x->free.count > 0 ? 1 : 0;
    return room > promised ? room - promised : 0;
}

static void start_trouble(struct executor *x, int why)
{
    unsigned shift = x->start_failures < 5 ? x->start_failures : 5;
    x->start_failures++;
    x->start_again = deadline_add(deadline_now(), deadline_min(50 * NS_PER_MS << shift, NS_PER_SECOND));
    if (x->warned_start)
        return;
    char text[160];
    (void)snprintf(text, sizeof text, "only %u of %u workers could be started: %s", x->living,
                   x->options.max_workers, strerror(why));
    news_warn(x, text);
    x->warned_start = true;
}

/* There is no worker and there will be none: rather an error than a hang. */
static void lose_waiting(struct executor *x)
{
    while (x->waiting.first) {
        struct task *task = x->waiting.first;
        task_unlist(task);
        news_add(x, task, NEWS_LOST, 0, "no worker could be started");
    }
}

/* Tasks that wait for one slot, whose worker can't be started, go to any. */
static void free_queue(struct executor *x, struct worker *w)
{
    while (w->queue.first) {
        struct task *task = w->queue.first;
        task->affinity = 0;
        task_append(&x->waiting, task);
    }
    slot_settle(x, w);
}

static void start_wanted(struct executor *x)
{
    int s;
    while ((s = slots_next(&x->wanting, 0)) >= 0) {
        struct worker *w = &x->workers[s];
        if (worker_start(x, w) == 0)
            dispatch_to(x, w);
        else if (x->start_failures >= START_TRIES)
            free_queue(x, w);
        else
            return;
    }
}

/* Where not one worker has ever started, every task would wait for the next try. */
void roster_give_up(struct executor *x)
{
    int s;
    if (x->started > 0 || x->start_failures < START_TRIES)
        return;
    while ((s = slots_next(&x->wanting, 0)) >= 0)
        free_queue(x, &x->workers[s]);
    lose_waiting(x);
}

void roster_retry(struct executor *x, int64_t now)
{
    if (now < x->start_again)
        return;
    bool again = x->start_again > 0;
    x->start_again = 0;
    if (x->waiting.count || x->wanting.count) {
        start_wanted(x);
        dispatch_waiting(x);
        dispatch_starting(x);
        if (x->living == 0 && x->start_failures >= START_TRIES)
            lose_waiting(x);
    }
    x->events += again && x->start_again == 0;
}

/* --- coming --- */

static bool may_start(const struct executor *x)
{
    return x->start_again <= x->watch.wall || x->start_again <= deadline_now();
}

/* `coming`: workers that are about to be started. */
static void prepare(struct executor *x, unsigned coming)
{
    const struct executor_options *o = &x->options;
    if (x->prepared || !o->prepare || o->mode != EXECUTOR_PROCESS || x->started + coming < o->prepare_from)
        return;
    x->prepared = o->prepare(o->prepare_arg);
}

/* Of its start, the first part; -1 with errno. */
static int start(struct executor *x, struct worker *w)
{
    collect_init(&w->in);
    if (open_pipes(x, w) < 0 || x->mode->start(x, w) < 0)
        return -1;
    w->state = WORKER_STARTING;
    slot_settle(x, w);
    return 0;
}

/* … and the second. */
static int started(struct executor *x, struct worker *w)
{
    if (x->mode->started(x, w) < 0)
        return -1;
    close_fd(&w->results_write);
    w->since = x->watch.wall;
    w->ahead_most = POOL_AHEAD;
    x->living++;
    x->started++;
    x->start_failures = 0;
    pace_started(x, w);
    return 0;
}

int worker_start(struct executor *x, struct worker *w)
{
    if (!may_start(x))
        return -1;
    prepare(x, 1);
    if (start(x, w) == 0 && started(x, w) == 0)
        return 0;
    int why = errno;
    worker_release(x, w);
    slot_settle(x, w);
    start_trouble(x, why);
    return -1;
}

/* While one is forked, by a thread, the next one's pipes are made. Nothing but system calls until all are
 * there: the fork would find, and keep for ever, what the caller has locked. */
unsigned roster_start_some(struct executor *x, unsigned most, struct slots *ret_started)
{
    struct worker *before = NULL, *failed[2] = {NULL};
    unsigned n = 0, failures = 0;
    int why = 0;
    bool go = may_start(x);
    if (go)
        prepare(x, most);
    do {
        bool more = go && n + (before != NULL) < most;
        struct worker *next = more ? dispatch_turn(x, &x->free) : NULL;
        bool asked = next && start(x, next) == 0;
        go = asked;
        if (next && !asked) {
            why = errno;
            failed[failures++] = next;
        }
        if (before && started(x, before) == 0) {
            slots_set(ret_started, before->slot, true);
            n++;
        } else if (before) {
            why = errno;
            failed[failures++] = before;
            go = false;
        }
        before = asked ? next : NULL;
    } while (before);
    for (unsigned i = 0; i < failures; i++) {
        worker_release(x, failed[i]);
        slot_settle(x, failed[i]);
    }
    if (failures > 0)
        start_trouble(x, why);
    return n;
}

void worker_hold(struct executor *x, struct worker *w, bool hold)
{
    if (w->held == hold)
        return;
    w->held = hold;
    watch_hold(x, w, hold);
    worker_listen(x, w, !hold);
    slot_settle(x, w);
}

/* --- going --- */

void worker_leave(struct executor *x, struct worker *w)
{
    close_fd(&w->jobs_write);
    w->state = WORKER_LEAVING;
    w->marks.leaving = x->watch.clock;
    x->leaving++;
    pace_gone(x, w);
    slot_settle(x, w);
    watch_soon(x);
}

void worker_condemn(struct executor *x, struct worker *w, char *reason)
{
    if (w->state == WORKER_NONE || w->state == WORKER_DYING || w->reason)
        free(reason);
    else
        w->reason = reason;
    if (w->state == WORKER_NONE || w->state == WORKER_DYING)
        return;
    x->leaving += w->state != WORKER_LEAVING;
    w->state = WORKER_DYING;
    pace_gone(x, w);
    dispatch_settle(w);
    slot_settle(x, w);
    w->held = false;
    worker_listen(x, w, w->pidfd < 0 && !w->eof); /* to see its end, where nothing else shows it */
    if (x->mode->kill) {
        x->mode->kill(w);
        return;
    }
    window_abandon(&w->window);
    if (!w->sending)
        close_fd(&w->jobs_write); /* a thread goes when its task is done; until then it is read and ignored */
}

void worker_check_exit(struct executor *x, struct worker *w, bool wait)
{
    if (w->state == WORKER_NONE || w->exited || !x->mode->reap(w, wait))
        return;
    w->exited = true;
    if (w->pidfd >= 0)
        (void)epoll_ctl(x->epoll, EPOLL_CTL_DEL, w->pidfd, NULL);
    close_fd(&w->pidfd);
    if (w->state == WORKER_DYING || w->eof || results_drain(x, w))
        worker_bury(x, w);
}

/* A task that its worker didn't begin goes to another, and it costs no attempt; but not for ever. */
static void give_back(struct executor *x, struct task *task, unsigned worker)
{
    task->worker = NULL;
    if (task->cancelled)
        news_add(x, task, NEWS_CANCELLED, worker, NULL);
    else if (task->returned > RETURN_TRIES)
        news_add(x, task, NEWS_LOST, worker, "its workers died before they began it");
    else if (task->affinity)
        task_prepend(&dispatch_home(x, task->affinity)->queue, task);
    else
        task_prepend(&x->waiting, task);
}

static void lose(struct executor *x, struct task *task, unsigned worker, bool cancelled, const char *why)
{
    task->worker = NULL;
    task_unlist(task);
    news_add(x, task, cancelled || task->cancelled ? NEWS_CANCELLED : NEWS_LOST, worker, why);
}

/* It was never ready. Returns true when the tasks behind such starts shall be given up. */
static bool init_trouble(struct executor *x, const char *why)
{
    if (++x->init_failures < INIT_TRIES)
        return false;
    if (!x->warned_init) {
        char *text = text_new("workers cannot start: %s", why);
        news_warn(x, text ? text : "workers cannot start");
        free(text);
    }
    x->warned_init = true;
    return true;
}

/* What became of a task that was sent ahead. A worker begins one after the other: of those that are not in
 * the pipe any more it can have begun the first. One that was killed for its task's sake may even have ended
 * some, since its last results were not read. */
static void settle_one(struct executor *x, struct worker *w, struct task *task, bool first, const char *why)
{
    bool begun = !task->in_pipe && (first || w->cancelled) && !w->distrusted;
    if (begun)
        lose(x, task, w->slot + 1, false, why);
    else
        give_back(x, task, w->slot + 1);
}

/* From the last on, so that they wait again in their order. */
static void settle_ahead(struct executor *x, struct worker *w, const char *why)
{
    struct task_list list = {0};
    struct task *task;
    x->sent_ahead -= w->ahead_count;
    for (task = w->ahead; task; task = task->behind)
        task_append(&list, task);
    while ((task = list.last) != NULL) {
        task_unlist(task);
        settle_one(x, w, task, task == w->ahead, why);
    }
}

static void settle_tasks(struct executor *x, struct worker *w)
{
    bool give_up = false;
    struct task *current = w->current;
    const char *why = w->reason ? w->reason : w->fate;
    bool started = w->in.protocol.state > PROTOCOL_FAILED;
    dispatch_recover(w);
    if (!started && !w->cancelled)
        give_up = init_trouble(x, why);
    settle_ahead(x, w, why);
    if (!current)
        return;
    current->returned++;
    bool back = current->in_pipe || (w->distrusted && !w->heard);
    if (back && !w->cancelled && !give_up)
        give_back(x, current, w->slot + 1);
    else
        lose(x, current, w->slot + 1, w->cancelled, why);
}

void worker_bury(struct executor *x, struct worker *w)
{
    x->living--;
    x->leaving -= w->state == WORKER_LEAVING || w->state == WORKER_DYING;
    x->watch.buried = x->watch.clock;
    x->events++; /* a caller that waits for room wants to know */
    settle_tasks(x, w);
    worker_release(x, w);
    slot_settle(x, w);
    if (x->wanting.count)
        start_wanted(x);
    if (x->waiting.count)
        dispatch_waiting(x);
}

void roster_dismiss(struct executor *x, unsigned most)
{
    for (unsigned s = 0; x->workers && s < x->options.max_workers && x->living - x->leaving > most; s++) {
        struct worker *w = &x->workers[s];
        if ((w->state == WORKER_READY || w->state == WORKER_STARTING) && !w->current && w->queue.count == 0)
            worker_leave(x, w);
    }
}

void roster_clear(struct executor *x)
{
    unsigned most = x->workers ? x->options.max_workers : 0;
    for (unsigned s = 0; s < most; s++) {
        struct worker *w = &x->workers[s];
        if (w->state == WORKER_NONE || w->exited)
            continue;
        if (x->mode->kill)
            x->mode->kill(w);
        worker_listen(x, w, false);
        close_fd(&w->jobs_write);
        close_fd(&w->results);      /* a thread that is blocked in writing gets EPIPE … */
        window_abandon(&w->window); /* … or waits here */
    }
    for (unsigned s = 0; s < most; s++) {
        struct worker *w = &x->workers[s];
        if (w->state != WORKER_NONE && !w->exited)
            (void)x->mode->reap(w, true);
        worker_release(x, w);
    }
}
