#include "schedule/schedule.h"

#include <stdlib.h>
#include "base/deadline.h"
#include "schedule/backoff.h"
#include "schedule/hosts.h"
#include "schedule/rate.h"

struct schedule {
    struct schedule_options options;
    struct hosts hosts;
    struct rate rate;
    struct backoff backoff;
    struct heap retries;                     /* targets by the end of their backoff */
    struct schedule_item *oldest, *youngest; /* unfinished targets */
    struct schedule_item *drain_from;        /* nothing older waits; NULL: not known */
    uint64_t lines;                          /* added or skipped so far */
    size_t waiting, started, retrying;
};

static bool retry_before(const struct heap_node *a, const struct heap_node *b)
{
    return HEAP_ENTRY(a, struct schedule_item, node)->not_before <
           HEAP_ENTRY(b, struct schedule_item, node)->not_before;
}

struct schedule *schedule_new(const struct schedule_options *options)
{
    struct schedule *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->options = *options;
    if (hosts_init(&s->hosts, options) < 0) {
        free(s);
        return NULL;
    }
    rate_init(&s->rate, options->rate);
    s->backoff = (struct backoff){options->retry_delay, options->retry_after_max, options->seed};
    heap_init(&s->retries, retry_before);
    return s;
}

void schedule_free(struct schedule *s)
{
    if (s)
        hosts_free(&s->hosts);
    free(s);
}

/* The unfinished targets, by index. */

static void link_item(struct schedule *s, struct schedule_item *item)
{
    item->older = s->youngest;
    item->younger = NULL;
    if (s->youngest)
        s->youngest->younger = item;
    else
        s->oldest = item;
    s->youngest = item;
}

static void unlink_item(struct schedule *s, struct schedule_item *item)
{
    if (s->drain_from == item)
        s->drain_from = item->younger;
    if (item->older)
        item->older->younger = item->younger;
    else
        s->oldest = item->younger;
    if (item->younger)
        item->younger->older = item->older;
    else
        s->youngest = item->older;
    item->state = SCHEDULE_OUTSIDE;
}

/* Waiting again: before or behind whatever has been drained. */
static void wait_ready(struct schedule *s, struct schedule_item *item, int64_t now)
{
    item->state = SCHEDULE_READY;
    s->waiting++;
    s->drain_from = NULL;
    hosts_add_ready(&s->hosts, item, now);
}

static void wait_retry(struct schedule *s, struct schedule_item *item)
{
    item->state = SCHEDULE_RETRYING;
    s->waiting++;
    s->retrying++;
    s->drain_from = NULL;
    heap_add(&s->retries, &item->node);
}

/* In. */

size_t schedule_room(const struct schedule *s)
{
    size_t room = s->waiting < s->options.waiting_max ? s->options.waiting_max - s->waiting : 0;
    if (!s->options.input_order || !s->oldest)
        return room;
    uint64_t ahead = s->lines - s->oldest->sequence;
    uint64_t window = ahead < s->options.window_max ? s->options.window_max - ahead : 0;
    return window < room ? (size_t)window : room;
}

int schedule_add(struct schedule *s, struct schedule_item *item, int64_t now)
{
    if (hosts_enter(&s->hosts, item, now) < 0)
        return -1;
    item->attempts = 0;
    item->due = now;
    item->sequence = s->lines++;
    link_item(s, item);
    wait_ready(s, item, now);
    return 0;
}

void schedule_skip(struct schedule *s)
{
    s->lines++;
}

/* Next. */

/* Retries whose backoff is over become ready, hosts whose pause is over open. */
static void advance(struct schedule *s, int64_t now)
{
    while (s->retries.first) {
        struct schedule_item *item = HEAP_ENTRY(s->retries.first, struct schedule_item, node);
        if (item->not_before > now)
            break;
        heap_remove(&s->retries, &item->node);
        s->retrying--;
        s->waiting--;
        item->due = item->not_before;
        wait_ready(s, item, now);
    }
    hosts_advance(&s->hosts, now);
}

/* The oldest unfinished target, if it can start; else NULL, and when it can. */
static struct schedule_item *oldest_only(struct schedule *s, int64_t now, int64_t *ret_when)
{
    struct schedule_item *item = s->oldest;
    *ret_when = item->not_before;
    if (item->state != SCHEDULE_READY)
        return NULL;
    return hosts_may_start(&s->hosts, item, now, ret_when) ? item : NULL;
}

static struct schedule_item *candidate(struct schedule *s, int64_t now, size_t idle, schedule_fits *fits,
                                       void *arg, int64_t *ret_when)
{
    if (schedule_oldest_waits(s)) {
        struct schedule_item *item = oldest_only(s, now, ret_when);
        if (item || idle < 2)
            return item;
    }
    *ret_when = INT64_MAX;
    struct schedule_item *item = hosts_first(&s->hosts, now, fits, arg);
    if (item)
        return item;
    *ret_when = hosts_when(&s->hosts);
    if (s->retries.first)
        *ret_when =
            deadline_min(*ret_when, HEAP_ENTRY(s->retries.first, struct schedule_item, node)->not_before);
    return NULL;
}

struct schedule_item *schedule_next(struct schedule *s, int64_t now, size_t idle, schedule_fits *fits,
                                    void *arg, int64_t *ret_when)
{
    *ret_when = INT64_MAX;
    if (idle == 0)
        return NULL;
    advance(s, now);
    struct schedule_item *item = candidate(s, now, idle, fits, arg, ret_when);
    int64_t rate_allows = rate_when(&s->rate);
    if (rate_allows > now) {
        /* Also with nothing to start: reading may wait for it (schedule_rate_bound). */
        if (item || *ret_when < rate_allows || *ret_when == INT64_MAX)
            *ret_when = rate_allows;
        return NULL;
    }
    if (!item)
        return NULL;
    rate_take(&s->rate, now);
    hosts_start(&s->hosts, item, now);
    s->waiting--;
    s->started++;
    item->attempts++;
    return item;
}

bool schedule_rate_bound(const struct schedule *s, int64_t now)
{
    return rate_when(&s->rate) > now;
}

bool schedule_oldest_waits(const struct schedule *s)
{
    return s->options.input_order && s->oldest && s->oldest->state != SCHEDULE_STARTED;
}

void schedule_begun(struct schedule *s, struct schedule_item *item, int64_t now)
{
    hosts_begun(&s->hosts, item, now);
}

void schedule_unstart(struct schedule *s, struct schedule_item *item, int64_t now)
{
    item->state = SCHEDULE_READY;
    item->attempts--;
    s->started--;
    rate_untake(&s->rate);
    hosts_end(&s->hosts, item, true, now);
    wait_ready(s, item, now);
}

/* The end of a try. */

bool schedule_would_retry(const struct schedule *s, const struct schedule_item *item,
                          const struct schedule_outcome *outcome)
{
    return outcome->retryable && item->attempts <= s->options.retries;
}

bool schedule_ended(struct schedule *s, struct schedule_item *item, const struct schedule_outcome *outcome,
                    int64_t now)
{
    bool again = schedule_would_retry(s, item, outcome);
    s->started--;
    item->state = again ? SCHEDULE_RETRYING : SCHEDULE_OUTSIDE;
    if (outcome->pause_host && outcome->retry_after > 0)
        hosts_pause(&s->hosts, item,
                    deadline_add(now, backoff_retry_after(&s->backoff, outcome->retry_after)), now);
    hosts_end(&s->hosts, item, false, now);
    if (again) {
        item->not_before = deadline_add(now, backoff_wait(&s->backoff, item->attempts, outcome->retry_after));
        wait_retry(s, item);
        return false;
    }
    unlink_item(s, item);
    hosts_leave(&s->hosts, item, now);
    return true;
}

/* Out. */

struct schedule_item *schedule_drain(struct schedule *s)
{
    struct schedule_item *item = s->drain_from ? s->drain_from : s->oldest;
    while (item && item->state == SCHEDULE_STARTED)
        item = item->younger;
    if (!item)
        return NULL;
    if (item->state == SCHEDULE_RETRYING) {
        heap_remove(&s->retries, &item->node);
        s->retrying--;
    } else {
        hosts_remove_ready(&s->hosts, item, INT64_MIN);
    }
    s->waiting--;
    s->drain_from = item;
    unlink_item(s, item);
    hosts_leave(&s->hosts, item, INT64_MIN);
    return item;
}

size_t schedule_waiting(const struct schedule *s)
{
    return s->waiting;
}

size_t schedule_started(const struct schedule *s)
{
    return s->started;
}

size_t schedule_retrying(const struct schedule *s)
{
    return s->retrying;
}

size_t schedule_hosts(const struct schedule *s)
{
    return s->hosts.count;
}
