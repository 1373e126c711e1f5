/*
 * The wire between the pool and a worker, to the byte. No I/O here.
 *
 * Every frame is a header of 16 bytes and a payload:
 *
 *     0      1      2         4                8                        16
 *     | type | zero | zero    | payload length | task id                | payload …
 *     | u8   | u8   | u16     | u32            | u64                    |
 *
 * in little-endian. A frame with a non-zero reserved byte, an unknown type, a payload over its type's bound,
 * a BODY, WIRE or SHARED without bytes, or another task's id than the running one's breaks the protocol; so
 * does any that the table in protocol.c does not allow in the worker's state. What then happens to the worker
 * is the pool's business: it is killed.
 *
 * Down (pool to worker, over a pipe in packet mode: a frame of at most PIPE_BUF bytes is one record):
 *     TASK   the task's bytes
 *     end of file: no more tasks, finish and exit
 * Up (worker to pool):
 *     READY  once, after the initializer; empty, task 0
 *     then for each task, in this order:  (HOP WIRE*)* HEAD (BODY | WIRE)* END,  HEAD may be missing, and
 *     then BODY is too
 *     SHARED in place of a BODY: as many bytes as its length says lie in the next place of the worker's
 *            window (window.h), and none of them behind the header. Only where there is a window
 *     NOTE   text for people, at any time during a task; once in place of READY, with task 0: why the worker
 *            could not start
 */
#ifndef PFETCH_EXECUTOR_FRAME_H
#define PFETCH_EXECUTOR_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum frame_type {
    FRAME_TASK = 1,
    FRAME_READY = 2,
    FRAME_HOP = 3,
    FRAME_HEAD = 4,
    FRAME_BODY = 5,
    FRAME_WIRE = 6,
    FRAME_END = 7,
    FRAME_NOTE = 8,
    FRAME_SHARED = 9,
    FRAME_TYPES = 10
};

enum {
    FRAME_HEADER = 16,
    FRAME_MAX_TASK = 64 * 1024,
    FRAME_MAX_HEAD = 1024 * 1024, /* HOP and HEAD */
    FRAME_MAX_BODY = 64 * 1024,   /* BODY, WIRE and SHARED */
    FRAME_MAX_END = 64 * 1024,
    FRAME_MAX_NOTE = 1024
};

struct frame {
    enum frame_type type;
    uint32_t length; /* payload bytes; SHARED: bytes in the window */
    uint64_t task;
};

/* The largest payload that `type` may carry; 0 for a type that is none (and for READY). */
uint32_t frame_bound(unsigned type);

/* "HEAD" and so on, for messages; "?" for a type that is none. */
const char *frame_name(unsigned type);

/* Writes a header. */
void frame_put(unsigned char into[FRAME_HEADER], const struct frame *f);

/* Reads a header: 0, or -1 for a type, a length or reserved bytes that are not allowed (see above). */
int frame_get(const unsigned char from[FRAME_HEADER], struct frame *ret_frame);

#endif
