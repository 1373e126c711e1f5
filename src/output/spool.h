/*
 * The spool: decides whose bytes are live on standard output, so that results never interleave. Each target
 * has a slot; a slot gathers bytes in memory, up to SPOOL_SLOT_MAX. It goes out when it is finished and its
 * turn has come (order input: in the order in which slots were opened; completion: as they finish). A slot
 * that outgrows SPOOL_SLOT_MAX must become live to go on: then it streams, and only one slot is live. Until
 * it is, spool_held says so, and the caller stops reading that target's bytes (executor_hold) until `resume`
 * is called for it. Memory of all slots together is capped by SPOOL_TOTAL_MAX (the live one aside); with the
 * cap reached, growth is held too, and one slot is made live so that there is always one that moves.
 *
 * What keeps it moving, and what the caller owes for that:
 *   - order input: the oldest slot that is not finished is the live one, and is never held. While its target
 *     has no worker (it waits for a retry) the caller keeps one back from the others, which may all be held.
 *   - order completion: the live slot is one whose bytes are coming in; should it be rewound before any of
 *     it streamed, another takes its place. One that has streamed must come to its end (no retry).
 *   - spool_full says that the cap is reached: open no new slots then. Those that are open can end without;
 *     order input: for which the oldest target must start, if it has no worker.
 *
 * The callbacks come from within spool_flush only, which is to be called before every wait. They may call
 * every function of the spool but spool_free.
 */
#ifndef PFETCH_OUTPUT_SPOOL_H
#define PFETCH_OUTPUT_SPOOL_H

#include <stdint.h>
#include "output/writer.h"

enum { SPOOL_SLOT_MAX = 1024 * 1024, SPOOL_TOTAL_MAX = 64 * 1024 * 1024, SPOOL_SENT_MAX = 256 };

struct spool;
struct spool_slot;

struct spool_options {
    struct writer *writer; /* stays the caller's */
    bool input_order;
    void (*resume)(void *arg, void *owner);    /* the slot is not held any more; NULL: nothing is called */
    void (*delivered)(void *arg, void *owner); /* the finished slot's bytes have left for the descriptor; slot
                                                  is gone; NULL: nothing is called */
    void *arg;
};

/* NULL: no memory. */
struct spool *spool_new(const struct spool_options *options);

/* A new slot at the end of the order. `owner` is handed to the callbacks. NULL: no memory. */
struct spool_slot *spool_open(struct spool *s, void *owner);

/* Appends. 0, or -1 with `err`. Bytes beyond the slot's share are still taken (at most one frame's worth is
 * expected after spool_held). */
int spool_write(struct spool_slot *slot, const void *data, size_t len, struct fetch_error *err);

/* True if the caller should stop feeding this slot until `resume`. To be asked after spool_write. */
bool spool_held(const struct spool_slot *slot);

/* Bytes of the slot that have gone to the writer already: what can't be taken back. */
uint64_t spool_streamed(const struct spool_slot *slot);

/* Takes back what has not gone to the writer; the slot stays open, in its place, and is not held (`resume` is
 * not called for that). */
void spool_rewind(struct spool_slot *slot);

/* Nothing more will come; the slot must not be used any more. 0, or -1 with `err`. `delivered` is called by a
 * later spool_flush. */
int spool_finish(struct spool_slot *slot, struct fetch_error *err);

/* Writes all that may go out now to the descriptor and calls `delivered` and `resume`. `sync`: with fsync
 * before `delivered`. 0, or -1 with `err`. */
int spool_flush(struct spool *s, bool sync, struct fetch_error *err);

/* True while so many finished slots wait for a flush that what they and their owners hold is worth one. */
bool spool_flush_due(const struct spool *s);

/* Slots open or not yet delivered. */
size_t spool_pending(const struct spool *s);

/* True while the memory of all slots is at the cap: no new target should be started. */
bool spool_full(const struct spool *s);

/* The owner of the oldest slot that is not finished, NULL if there is none: with input order the one that all
 * others wait for. */
void *spool_oldest(const struct spool *s);

/* Releases it with all slots; the callbacks are not called. NULL is fine. */
void spool_free(struct spool *s);

#endif
