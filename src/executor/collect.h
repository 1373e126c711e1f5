/*
 * Collects frames from the bytes of a results pipe, however these are cut. A header is checked against the
 * protocol before anything of its payload is kept. BODY and WIRE are handed on in the pieces that came; of
 * the others a part is kept, at most as much as the type's bound, and only what has truly arrived.
 *   1. collect_init
 *   2. collect_next until it wants more bytes or finds bad ones
 *   3. collect_settle when an item has been dealt with
 *   4. collect_free
 * No I/O, but for waking a worker that waits for its window.
 */
#ifndef PFETCH_EXECUTOR_COLLECT_H
#define PFETCH_EXECUTOR_COLLECT_H

#include "base/buffer.h"
#include "base/span.h"
#include "executor/frame.h"
#include "executor/protocol.h"
#include "executor/window.h"

struct collect {
    struct protocol protocol;
    unsigned char header[FRAME_HEADER];
    size_t have;           /* header bytes */
    struct frame frame;    /* valid when the header is complete */
    uint32_t left;         /* payload bytes still to come */
    struct buffer part;    /* the beginning of a payload */
    struct window *window; /* the worker's, for SHARED; NULL: it has none */
    bool looks;            /* the last item lies in it */
    unsigned shared;       /* SHARED frames since the caller set this to 0, before the bytes of a read */
};

enum collect_result {
    COLLECT_MORE, /* all bytes are used, there is no whole item */
    COLLECT_ITEM,
    COLLECT_BAD /* the protocol is broken; nothing more can be read */
};

struct collect_item {
    enum frame_type type; /* what came as SHARED is a BODY */
    struct span data;     /* in input, collector or window: valid until collect_settle or the next call */
};

/* A worker that is starting, without a window: the caller may set one. */
void collect_init(struct collect *c);

/* Takes bytes from the front of `in`. COLLECT_ITEM: *ret_item is a frame, or a piece of a BODY or WIRE.
 * COLLECT_BAD: `why` (size bytes) says what was wrong. */
enum collect_result collect_next(struct collect *c, struct span *in, struct collect_item *ret_item, char *why,
                                 size_t size);

/* Releases what the last item lay in, and gives its place in the window back. */
void collect_settle(struct collect *c);

/* Releases all; safe on one of zeros. */
void collect_free(struct collect *c);

#endif
