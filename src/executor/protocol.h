/*
 * What may arrive now: one table of worker states and frame types, on which both sides stand. The emitter
 * asks it before it sends, the pool before it believes; what it does not allow is refused.
 *   1. a struct protocol of zeros is a worker that is starting
 *   2. protocol_check for each header that arrives, before a byte of its payload is looked at
 *   3. protocol_pass when the frame is complete
 *   4. protocol_begin when the worker has (been given) a task
 * No I/O, no memory.
 */
#ifndef PFETCH_EXECUTOR_PROTOCOL_H
#define PFETCH_EXECUTOR_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include "executor/frame.h"

enum protocol_state {
    PROTOCOL_STARTING, /* READY, or why not, is due */
    PROTOCOL_FAILED,   /* it said why it could not start: nothing more may come */
    PROTOCOL_IDLE,     /* no task: nothing may come */
    PROTOCOL_BEGUN,    /* has a task */
    PROTOCOL_HOPS,     /* a HOP came, no HEAD yet */
    PROTOCOL_ANSWER,   /* HEAD came, END did not */
    PROTOCOL_STATES
};

enum {
    PROTOCOL_MAX_NOTES = 4096, /* of one task */
    PROTOCOL_MAX_HOPS = 4096   /* of one task */
};

struct protocol {
    enum protocol_state state;
    uint64_t task; /* the id that its frames must carry; 0: none */
    unsigned notes;
    unsigned hops;
};

/* True if a frame of type `type` may come now. */
bool protocol_allows(const struct protocol *p, enum frame_type type);

/* True if the frame with this header may come now. Otherwise `why` (size bytes) says in words what is wrong
 * with it: "HEAD after END". */
bool protocol_check(const struct protocol *p, const struct frame *f, char *why, size_t size);

/* An allowed frame is complete: moves on. After an END there is no task. */
void protocol_pass(struct protocol *p, enum frame_type type);

/* The worker has a task now; its state must be PROTOCOL_IDLE. */
void protocol_begin(struct protocol *p, uint64_t task);

#endif
