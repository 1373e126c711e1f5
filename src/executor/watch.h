/*
 * Time as the pool sees it. A worker must not pay for time in which nobody looked after it: the caller was
 * stopped (SIGSTOP), blocked elsewhere, or busy in a handler. So the pool has a clock of its own, which
 * counts of each interval only what was foreseen. When much more passed, an epoch ends: what was noticed
 * about workers before it (that one is stopped) no longer counts.
 */
#ifndef PFETCH_EXECUTOR_WATCH_H
#define PFETCH_EXECUTOR_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct executor;
struct worker;

struct watch {
    int64_t wall;    /* CLOCK_MONOTONIC when last looked at */
    int64_t clock;   /* the pool's own time, ns */
    int64_t promise; /* until when (CLOCK_MONOTONIC) the caller was told that it need not call */
    unsigned epoch;
    int64_t next;   /* when to look at all workers, in the pool's time; INT64_MAX: not */
    int64_t buried; /* when a worker last went, in the pool's time … */
    int64_t ready;  /* … and when one last became ready */
};

/* A worker's marks, in the pool's time. */
struct watch_marks {
    int64_t began;   /* the current task */
    int64_t heard;   /* when results last came */
    int64_t held;    /* since when nobody reads them */
    int64_t leaving; /* since when it should go */
    int64_t stopped; /* since when it is seen stopped; 0: not */
    unsigned epoch;  /* of `stopped` */
};

/* Starts the clock. */
void watch_init(struct watch *t);

/* Now. Of the time since the last call at most `foreseen` ns (and a little) count. Returns CLOCK_MONOTONIC.
 */
int64_t watch_advance(struct watch *t, int64_t foreseen);

/* The worker has begun a task that may run for `limit` ns of the pool's time. */
void watch_begin(struct executor *x, struct worker *w, int64_t limit);

/* Nobody reads its results from now on, or again. */
void watch_hold(struct executor *x, struct worker *w, bool hold);

/* Sees to it that workers are looked at within a second. */
void watch_soon(struct executor *x);

/* Looks at all workers if it is time: those that hang, are stopped or do not go are condemned. */
void watch_scan(struct executor *x);

/* When watch_scan is due, on CLOCK_MONOTONIC; INT64_MAX: never. */
int64_t watch_due(const struct executor *x);

#endif
