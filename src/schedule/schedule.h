/*
 * The schedule: which target next, and when. Pure in `now` (CLOCK_MONOTONIC ns): it never asks the clock,
 * never waits.
 *
 *   1. schedule_add      a target has been read; at most schedule_room of them wait here
 *   2. schedule_next     the target to start now, or when to ask again
 *   3. schedule_ended    its try ended: final, or it comes back after its backoff
 *
 * One policy a file: backoff.c (retry delays), rate.c (--rate), hosts.c (--per-host, --per-host-delay, paused
 * hosts, affinity). Only hosts that are in use, paused or delayed are remembered, so a list of a million
 * hosts keeps none. Every call is O(log n) amortised in the targets that wait.
 *
 * Input order can deadlock: a result that may not go out yet holds its worker. So the oldest unfinished
 * target must always find a worker, and the oldest of each host a place among the --per-host. The schedule
 * keeps one of each free for them: what is not the oldest starts only if the oldest is running, or if a
 * second worker (place) is free. For this to hold, the caller asks for targets only while a worker is truly
 * idle (nothing is sent ahead to a busy one), `fits` says true only for an idle worker, and the oldest target
 * is given to any idle worker when its own (affinity) is busy: for that one `fits` is not asked. With memory
 * for results used up it says `idle` is 1: then only the oldest starts.
 */
#ifndef PFETCH_SCHEDULE_SCHEDULE_H
#define PFETCH_SCHEDULE_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/heap.h"
#include "base/span.h"

struct schedule_options {
    bool input_order;   /* results leave in input order: the oldest unfinished target always finds a worker */
    size_t waiting_max; /* targets that may wait here (for their host, their worker, a retry) */
    size_t window_max;  /* input order: how far ahead of the oldest unfinished target reading may go */
    uint32_t affinity;  /* --dispatch affinity: the number of workers, to which hosts are given by host_hash
                           modulo it; 0: any worker takes any target */
    double rate;        /* starts per second; 0: no limit */
    uint32_t per_host;  /* most at once to one host; 0: no limit */
    int64_t per_host_delay;  /* ns between two starts to one host; 0: none */
    uint32_t retries;        /* --retry */
    int64_t retry_delay;     /* ns, the base of the backoff */
    int64_t retry_after_max; /* ns, the most that Retry-After may ask for */
    uint64_t seed;           /* jitter */
};

enum schedule_state {
    SCHEDULE_OUTSIDE,  /* the caller's: not added yet, or final */
    SCHEDULE_READY,    /* waits for a worker, its host or the rate */
    SCHEDULE_RETRYING, /* waits for the end of its backoff */
    SCHEDULE_STARTED
};

/* A target on its way. Made by the caller (zeroed), who embeds it first in a struct of their own; in the
 * schedule's lists between schedule_add and the final schedule_ended. */
struct schedule_item {
    uint64_t index;     /* position in the input */
    struct span host;   /* the key of per-host limits: lower-case host, as the target's; points into the
                           caller's struct */
    uint64_t host_hash; /* of `host`, never 0: affinity */
    uint32_t attempts;  /* tries started: counted by schedule_next */
    int64_t due;        /* when it became ready to start (for the queue time) */
    /* The schedule's own: */
    enum schedule_state state;
    struct schedule_item *older, *younger;           /* all unfinished, by index */
    struct schedule_item *host_older, *host_younger; /* the unfinished of its host, by index */
    struct schedule_host *in_host;
    struct heap_node node; /* among its host's ready ones, or the retries */
    int64_t not_before;    /* the end of its backoff */
    uint64_t sequence;     /* its number among all lines, for the window */
};

struct schedule;

/* A new schedule; the options are copied. NULL: no memory. */
struct schedule *schedule_new(const struct schedule_options *options);

/* Releases it (NULL is fine); items stay the caller's. */
void schedule_free(struct schedule *s);

/* How many targets may be added now. */
size_t schedule_room(const struct schedule *s);

/* Adds a new target (index higher than all before). 0, or -1: no memory. */
int schedule_add(struct schedule *s, struct schedule_item *item, int64_t now);

/* A line was read that never comes here but has a result of its own (a bad one): it counts for the window, so
 * that its results can't pile up behind an unfinished target. */
void schedule_skip(struct schedule *s);

/* Whether the executor could take this item now (affinity). An answer counts for all targets of the same
 * worker, and "no" until one of its tries ends, or for 10 ms. */
typedef bool schedule_fits(void *arg, const struct schedule_item *item);

/* The next target to start, removed from waiting and counted as started (rate, host, attempts); lower indexes
 * before higher ones, so that a due retry mostly comes before new targets. NULL: none may start now;
 * *ret_when is then the earliest time at which that can change by itself (INT64_MAX: not by time). `idle`:
 * workers free now (> 0). `fits` may be NULL. */
struct schedule_item *schedule_next(struct schedule *s, int64_t now, size_t idle, schedule_fits *fits,
                                    void *arg, int64_t *ret_when);

/* True if the rate allows no start now, whatever waits: no need to read ahead. schedule_next says until when.
 */
bool schedule_rate_bound(const struct schedule *s, int64_t now);

/* True if, in input order, the oldest unfinished target is not running: all results wait for it. */
bool schedule_oldest_waits(const struct schedule *s);

/* A worker has begun with it: the time that --per-host-delay counts from. May come again, or not at all. */
void schedule_begun(struct schedule *s, struct schedule_item *item, int64_t now);

/* Takes back a start that could not be carried out, or that a dead worker never began: it waits again, at its
 * place, and the try is not counted. */
void schedule_unstart(struct schedule *s, struct schedule_item *item, int64_t now);

/* How a try ended. */
struct schedule_outcome {
    bool retryable;      /* by its kind or status */
    int64_t retry_after; /* ns from now that the server asked for; < 0: it did not */
    bool
        pause_host; /* 429 or 503 with Retry-After: the host's others wait as long, with or without --retry */
};

/* True: it is final, the item is the caller's again. False: it will be tried again. */
bool schedule_ended(struct schedule *s, struct schedule_item *item, const struct schedule_outcome *outcome,
                    int64_t now);

/* True if, were this try to end so, it would be tried again (a decision at the head). Changes nothing. */
bool schedule_would_retry(const struct schedule *s, const struct schedule_item *item,
                          const struct schedule_outcome *outcome);

/* Takes any one waiting target out, oldest first, to report it as cancelled. NULL: none is left. */
struct schedule_item *schedule_drain(struct schedule *s);

/* Targets waiting here; targets started and not ended; of the waiting, those that wait for a retry. */
size_t schedule_waiting(const struct schedule *s);
size_t schedule_started(const struct schedule *s);
size_t schedule_retrying(const struct schedule *s);

/* Hosts remembered now: those with targets here, and those that are paused or delayed. */
size_t schedule_hosts(const struct schedule *s);

#endif
