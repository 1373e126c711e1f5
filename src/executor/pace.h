/*
 * How fast a pool grows. A worker costs its start: a process as much as some ten fetches, where page faults
 * are dear. So the first few start as tasks arrive, but more than those only while the workers that there are
 * leave processors idle: where they want more than all processors already, another can only wait with them.
 * What they want is what Linux counts for each thread (/proc/TID/schedstat): the time that it ran, and that
 * it waited for a processor. Slow servers keep workers waiting for them and not for processors; such a pool
 * doubles every 10 ms, until what it wants comes near to what there is. Others may want the same processors,
 * a server on the same machine for one: so the time that processors were idle (/proc/uptime) tells as well.
 * Those figures take a while. As long as most workers are in their first task, or none stays for long enough,
 * the state of a few (/proc/TID/stat) says how many want a processor at this moment. If that is less than
 * there are, the pool doubles every millisecond, by 8 for each processor at most; else their starts are work
 * enough, but after 30 ms without any growth it grows by a quarter all the same, or, where most of them want
 * a processor, by one for each, after twice as long each time, 4 s at most. And since a few may keep all
 * processors for long, a pool that should not grow by its figures grows by a quarter every tenth of a second,
 * if at least half of its workers take little, and less than a quarter of the processors together; or, if
 * there is one at all that wants little, or no more than twice the few are there, by one for each processor,
 * after twice as long each time as well. Where /proc doesn't tell, nothing holds the pool up. A
 * container's limit of processor time counts as so many processors.
 *   1. pace_init
 *   2. pace_room                  how many workers may be started now
 *   3. pace_started, pace_ended   one was; one has ended a task
 *      pace_gone                  it is about to go; another may take its place
 *      pace_shrunk                some were dismissed, for whom nobody else shall come
 *   4. pace_look                  at pace_due at the latest: looks at what the workers want, if it matters
 */
#ifndef PFETCH_EXECUTOR_PACE_H
#define PFETCH_EXECUTOR_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct executor;
struct worker;

struct pace {
    bool on;          /* the kernel tells */
    unsigned cpus;    /* that this process may use */
    unsigned few;     /* workers that are started in any case */
    unsigned size;    /* workers that may be there now; whoever leaves makes room for another */
    int64_t next;     /* CLOCK_MONOTONIC ns, of the next look */
    int64_t gap;      /* ns between two looks */
    int64_t looked;   /* CLOCK_MONOTONIC ns, of the last look … */
    int64_t resumed;  /* … and of the first one after a pause: marks from before it say nothing */
    int64_t grew;     /* CLOCK_MONOTONIC ns, when the pool grew last … */
    int64_t told;     /* … and when it did or could tell whether it should */
    int64_t patience; /* ns without it, after which it grows all the same */
    int64_t idle_at;  /* CLOCK_MONOTONIC ns, when the next was read; 0: not since the pool grew */
    int64_t idle;     /* ns, for which processors were idle, all together */
    unsigned turn;    /* the slot where the next sample begins */
    unsigned settled; /* workers whose start and first task are behind them */
    unsigned seen;    /* how often a worker's state was looked at since `told`, lately … */
    unsigned want;    /* … and it wanted a processor */
};

/* What a worker had when it was looked at last. */
struct pace_mark {
    bool settled;        /* its start and its first task are behind it */
    int64_t at;          /* CLOCK_MONOTONIC ns; 0: not yet */
    int64_t ran, waited; /* ns, since it is there */
};

/* For a pool of the executor's options. */
void pace_init(struct executor *x);

/* How many workers may be started now, as far as this is concerned. */
size_t pace_room(const struct executor *x);

/* The worker has just been started. */
void pace_started(struct executor *x, struct worker *w);

/* The worker has ended a task. */
void pace_ended(struct executor *x, struct worker *w);

/* The worker is about to go, or no more. */
void pace_gone(struct executor *x, struct worker *w);

/* Workers were dismissed, and are not to be replaced. */
void pace_shrunk(struct executor *x);

/* Looks, if it is time. True: workers may be started that could not before. */
bool pace_look(struct executor *x, int64_t now);

/* When pace_look is due (CLOCK_MONOTONIC ns); INT64_MAX: no need. */
int64_t pace_due(const struct executor *x);

/* True if workers that run on `ran` processors and wait for `waited` more leave none idle, when `idle` of the
 * machine's were. */
bool pace_is_full(unsigned cpus, double ran, double waited, double idle);

/* How many workers a pool of `living` grows by, which want `wanted` processors in all: as many as would fill
 * `cpus` if they are like those; at most as many as there are, for little is known of them, at least a
 * quarter of that, and one for each processor. */
unsigned pace_growth(unsigned cpus, unsigned living, double wanted);

/* The same where `wanted` is of this moment, as while most are in their first task: none if it is what there
 * is, since starts are work for a processor themselves; at most 8 for each processor. */
unsigned pace_first_growth(unsigned cpus, unsigned living, double wanted);

/* What /proc/TID/stat begins with, `TID (NAME) STATE …`, cut anywhere behind that: true if it says that it
 * runs, or waits for a processor only. NAME may hold any characters. */
bool pace_wants_processor(const char *stat);

/* How long (ns) after a look the next one is due, which `gap` ns are wanted for and the look computed for
 * `cost` ns: so long that looking takes no more than a 64th of the time, but at most 100 ms for that. */
int64_t pace_gap(int64_t gap, int64_t cost);

/* When a worker will be so long at its task that the one behind, in its pipe, is worth another's start
 * (CLOCK_MONOTONIC ns). */
int64_t pace_late_at(const struct worker *w);

/* … which is so at `now` for those that took theirs by then. */
int64_t pace_late_since(int64_t now);

#endif
