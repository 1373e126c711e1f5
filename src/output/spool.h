/*
 * The spool: decides whose bytes are live on standard output, so that results never interleave. Each target
 * has a slot; a slot gathers bytes in memory, up to SPOOL_SLOT_MAX. It goes out when it is finished and its
 * turn has come (order input: in the order in which slots were opened; completion: as they finish). A slot
 * that outgrows SPOOL_SLOT_MAX must become live to go on: then it streams, and only one slot is live. Until
 * it is, spool_held says so, and the caller stops reading that target's bytes (executor_hold) until `resume`
 * is called for it. Memory of all slots together is capped by SPOOL_TOTAL_MAX (the live one aside); with the
 * cap reached, growth is held too, and one slot is made live so that there is always one that moves.
 */
#ifndef PFETCH_OUTPUT_SPOOL_H
#define PFETCH_OUTPUT_SPOOL_H

#include <stdint.h>
#include "output/writer.h"

enum { SPOOL_SLOT_MAX = 1024 * 1024, SPOOL_TOTAL_MAX = 64 * 1024 * 1024 };

struct spool;
struct spool_slot;

struct spool_options {
    struct writer *writer; /* stays the caller's */
    bool input_order;
    void (*resume)(void *arg, void *owner); /* the slot is not held any more */
    void (*delivered)(void *arg,
                      void *owner); /* the finished slot's bytes have left for the descriptor; slot is gone */
    void *arg;
};

struct spool *spool_new(const struct spool_options *options);

/* A new slot at the end of the order. `owner` is handed to the callbacks. NULL: no memory. */
struct spool_slot *spool_open(struct spool *s, void *owner);

/* Appends. 0, or -1 with `err`. Bytes beyond the slot's share are still taken (at most one frame's worth is
 * expected after spool_held). */
int spool_write(struct spool_slot *slot, const void *data, size_t len, struct fetch_error *err);

/* True if the caller should stop feeding this slot until `resume`. */
bool spool_held(const struct spool_slot *slot);

/* Bytes of the slot that have gone to the writer already: what can't be taken back. */
uint64_t spool_streamed(const struct spool_slot *slot);

/* Takes back what has not gone to the writer; the slot stays open, in its place. */
void spool_rewind(struct spool_slot *slot);

/* Nothing more will come. 0, or -1 with `err`. `delivered` is called at a later flush, or from within this
 * call. */
int spool_finish(struct spool_slot *slot, struct fetch_error *err);

/* Writes all that may go out now to the descriptor and calls `delivered`. 0, or -1 with `err`. */
int spool_flush(struct spool *s, bool sync, struct fetch_error *err);

/* Slots open or not yet delivered. */
size_t spool_pending(const struct spool *s);

void spool_free(struct spool *s);

#endif
