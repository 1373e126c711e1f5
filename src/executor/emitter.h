/*
 * The emitter: how a task hands up what it makes, wherever it runs. In a worker process or thread it writes
 * frames to the results pipe, gathered so that a small result is one write; in serial mode it hands events
 * straight to the caller's handler. A task calls, in this order, (emitter_hop emitter_wire*)*  emitter_head
 * (emitter_body | emitter_wire)*  emitter_end with emitter_head at most once and emitter_end exactly once,
 * last; emitter_note at any time before the end. The calls block while the receiver is slow. All return 0, or
 * -1 when nobody listens any more (the task should return soon) or the call broke the order or a bound.
 * A body may be of any size. Of one task at most 4,096 hops and as many notes are taken.
 */
#ifndef PFETCH_EXECUTOR_EMITTER_H
#define PFETCH_EXECUTOR_EMITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    EMITTER_MAX_HEAD = 1024 * 1024, /* bytes of a hop or a head */
    EMITTER_MAX_END = 64 * 1024,    /* bytes of an end */
    EMITTER_MAX_NOTE = 1024
};

struct emitter;

int emitter_hop(struct emitter *e, const void *data, size_t len);
int emitter_head(struct emitter *e, const void *data, size_t len);
int emitter_body(struct emitter *e, const void *data, size_t len);
int emitter_wire(struct emitter *e, const void *data, size_t len);
int emitter_end(struct emitter *e, const void *data, size_t len);

/* Text for people, cut at EMITTER_MAX_NOTE bytes. */
int emitter_note(struct emitter *e, const char *text);

/* Passes on what has been gathered; for a task that is about to wait. */
int emitter_flush(struct emitter *e);

/* A descriptor that becomes readable when the task should look at emitter_wake; -1: none. To be polled with
 * every wait of the task; it belongs to the executor and is only polled, never read. */
int emitter_wake_fd(const struct emitter *e);

/* Called by a task whose wake_fd is readable. True: the task is cancelled and should end soon. */
bool emitter_wake(struct emitter *e);

/* The worker's slot, 1 to max_workers. */
unsigned emitter_worker(const struct emitter *e);

#ifdef __cplusplus
}
#endif

#endif
