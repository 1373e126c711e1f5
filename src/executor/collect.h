/*
 * Collects frames from the bytes of a results pipe, however these are cut. A header is checked against the
 * protocol before anything of its payload is kept. BODY and WIRE are handed on in the pieces that came; of
 * the others a part is kept, at most as much as the type's bound, and only what has truly arrived.
 *   1. collect_init
 *   2. collect_next until it wants more bytes or finds bad ones
 *   3. collect_settle when an item has been dealt with
 *   4. collect_free
 * No I/O.
 */
#ifndef PFETCH_EXECUTOR_COLLECT_H
#define PFETCH_EXECUTOR_COLLECT_H

#include "base/buffer.h"
#include "base/span.h"
#include "executor/frame.h"
#include "executor/protocol.h"

struct collect {
    struct protocol protocol;
    unsigned char header[FRAME_HEADER];
    size_t have;        /* header bytes */
    struct frame frame; /* valid when the header is complete */
    uint32_t left;      /* payload bytes still to come */
    struct buffer part; /* the beginning of a payload */
};

enum collect_result {
    COLLECT_MORE, /* all bytes are used, there is no whole item */
    COLLECT_ITEM,
    COLLECT_BAD /* the protocol is broken; nothing more can be read */
};

struct collect_item {
    enum frame_type type;
    struct span data; /* into the input or the collector: valid until collect_settle or the next call */
};

/* A worker that is starting. */
void collect_init(struct collect *c);

/* Takes bytes from the front of `in`. COLLECT_ITEM: *ret_item is a frame, or a piece of a BODY or WIRE.
 * COLLECT_BAD: `why` (size bytes) says what was wrong. */
enum collect_result collect_next(struct collect *c, struct span *in, struct collect_item *ret_item, char *why,
                                 size_t size);

/* Releases what the last item lay in. */
void collect_settle(struct collect *c);

/* Releases all; safe on one of zeros. */
void collect_free(struct collect *c);

#endif
