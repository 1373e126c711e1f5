/*
 * A window: memory that a worker shares with the pool, for large bodies. What goes through a pipe is copied
 * into it and out again, by the kernel; what lies in the window is written to its file from there. The frames
 * stay in the pipe, in their order: SHARED says how many bytes of the body are in the next place. There are a
 * few places, used in turn; a worker that has filled them all waits, as it would for a full pipe, until the
 * pool has dealt with one, or will deal with none any more.
 *
 * The pool trusts nothing in it: where it reads follows from its own count, how much from the checked frame.
 * A worker has no more than WINDOW_PLACES frames of it under way, so that more in one read is a lie. What the
 * worker may change while it is read are the bytes of its own task's body, so nothing but handing them on may
 * depend on them. Another worker never sees it, of this pool or of another one's in this process.
 *   1. window_open       in the pool; a window of zeros is none. No child inherits it …
 *   2. window_lend       … but the one that is forked now; window_part after that. No other thread may fork
 *                        between 1 and here. Not for a thread
 *   3. window_place      in the worker: where the next bytes go; window_filled: they are there
 *   4. window_next       in the pool, for each SHARED frame; window_give_back when its bytes are dealt with
 *   5. window_abandon    in the pool, where the worker can't be killed and nobody reads what it sends
 *   6. window_close      in the pool, when the worker is gone
 */
#ifndef PFETCH_EXECUTOR_WINDOW_H
#define PFETCH_EXECUTOR_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

enum { WINDOW_PLACES = 4 };

struct window {
    unsigned char *base; /* NULL: none */
    uint32_t count;      /* places used so far: the worker's of those filled, the pool's of those read */
};

/* A thread has the pool's memory anyway; its window is no child's, even of one that is forked at this moment.
 */
enum window_kind { WINDOW_OF_PROCESS, WINDOW_OF_THREAD };

/* Makes one. False where it can't be had: then there is none, and bodies go through the pipe. */
bool window_open(struct window *w, enum window_kind kind);

/* The next child shall inherit it. Where that can't be had there is none any more. */
void window_lend(struct window *w);

/* No further child shall. 0, or -1 with errno: then that child must not stay, for the next one would see what
 * it gets. */
int window_part(const struct window *w);

/* Releases it in this process; safe where there is none. */
void window_close(struct window *w);

/* FRAME_MAX_BODY bytes for the worker to fill; waits until a place is free. NULL: it was abandoned. */
unsigned char *window_place(struct window *w);

/* The worker has filled the place, as far as its frame will say. */
void window_filled(struct window *w);

/* The place that the next SHARED frame speaks of: FRAME_MAX_BODY bytes. */
const unsigned char *window_next(struct window *w);

/* The pool has done with the place that window_next returned last. */
void window_give_back(struct window *w);

/* The worker gets no place any more, and does not wait for one; safe where there is none. */
void window_abandon(struct window *w);

#endif
