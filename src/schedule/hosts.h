/*
 * The hosts of a schedule's targets: --per-host, --per-host-delay, pauses that a server asked for, and to
 * which worker a host belongs (affinity). A host's ready targets wait with their host; a host stands
 *   - among the open ones of its group (one group a worker), ordered by its oldest ready target, or
 *   - among the timed ones, until its pause or delay is over, or
 *   - nowhere: nothing of it is ready, or all its places are taken; the end of a try wakes it, or
 *   - among the resting ones: it has no target here, but a pause or delay to be remembered.
 */
#ifndef PFETCH_SCHEDULE_HOSTS_H
#define PFETCH_SCHEDULE_HOSTS_H

#include "base/nofork.h"
#include "base/siphash.h"
#include "schedule/schedule.h"

/* Hosts without targets that are remembered for their pause or delay: beyond, the one that ends first is
 * forgotten. */
enum { HOSTS_RESTING_MAX = 65536 };

struct hosts_group;

struct hosts {
    struct nofork memory; /* of the hosts */
    uint32_t per_host;
    int64_t delay;
    bool keep_place; /* input order: the last place of a host is for its oldest unfinished target */
    struct siphash_key key;
    struct schedule_host **buckets;
    size_t bucket_count, count; /* bucket_count is a power of two */
    struct hosts_group *groups;
    uint32_t group_count;
    struct heap open;  /* groups with open hosts, not parked, by their oldest ready target */
    struct heap timed; /* hosts by the time at which they open */
    struct heap resting;
    size_t resting_count;
    size_t ready;          /* targets that wait with their hosts */
    uint32_t parked_count; /* groups whose worker had no room */
    int64_t parked_until;
};

/* From the schedule's options. 0, or -1: no memory. */
int hosts_init(struct hosts *hosts, const struct schedule_options *options);
void hosts_free(struct hosts *hosts);

/* A target comes to its host (in_host is set), or leaves it for good (in no heap any more). hosts_enter: 0,
 * or -1: no memory. */
int hosts_enter(struct hosts *hosts, struct schedule_item *item, int64_t now);
void hosts_leave(struct hosts *hosts, struct schedule_item *item, int64_t now);

/* The target, whose state is SCHEDULE_READY, waits to start; or does so no longer. */
void hosts_add_ready(struct hosts *hosts, struct schedule_item *item, int64_t now);
void hosts_remove_ready(struct hosts *hosts, struct schedule_item *item, int64_t now);

/* A try starts: takes one of its host's places; `item` is ready and its state is STARTED afterwards. */
void hosts_start(struct hosts *hosts, struct schedule_item *item, int64_t now);

/* A worker begins the try: from here the delay counts. Until then nothing else of the host starts, where
 * there is a delay. Again, if another worker takes over. */
void hosts_begun(struct hosts *hosts, struct schedule_item *item, int64_t now);

/* A try ended; `undone`: it never was one. The item's new state is set before. */
void hosts_end(struct hosts *hosts, struct schedule_item *item, bool undone, int64_t now);

/* Nothing of this host starts before `until`. */
void hosts_pause(struct hosts *hosts, struct schedule_item *item, int64_t until, int64_t now);

/* Opens what time has opened. Before hosts_first and hosts_when. */
void hosts_advance(struct hosts *hosts, int64_t now);

/* The oldest target that may start now, or NULL. */
struct schedule_item *hosts_first(struct hosts *hosts, int64_t now, schedule_fits *fits, void *arg);

/* True if this ready target's host would let it start now; else *ret_when says when it can, INT64_MAX: not
 * by time. */
bool hosts_may_start(const struct hosts *hosts, const struct schedule_item *item, int64_t now,
                     int64_t *ret_when);

/* When a closed host opens, or a group whose worker had no room is asked again: the earliest; INT64_MAX:
 * none. */
int64_t hosts_when(const struct hosts *hosts);

#endif
