/*
 * The progress line on standard error, and the status that USR1 asks for.
 *   1. progress_new    looks at the descriptor, TERM and NO_COLOR
 *   2. progress_draw   from the main loop, as often as it likes: draws at most ten times a second
 *   3. progress_hide   before anything else is printed on that descriptor, progress_show after it
 *   4. progress_free   clears the line
 * On what is no terminal, a line of its own is printed once a second. Drawing never waits: a terminal that
 * takes nothing is skipped.
 */
#ifndef PFETCH_OUTPUT_PROGRESS_H
#define PFETCH_OUTPUT_PROGRESS_H

#include <stdint.h>
#include "base/buffer.h"

struct progress_state { /* what the run knows */
    uint64_t done;      /* targets with their report, failed ones included */
    uint64_t failed;
    uint64_t bytes;     /* of delivered bodies */
    uint64_t read;      /* targets read from the input */
    uint64_t in_flight; /* with a worker */
    bool input_ended;
    uint64_t position; /* of the input, as far as it has been read into targets … */
    int64_t size;      /* … of so many bytes; -1: not known */
    int64_t elapsed;   /* ns since the start */
    double rate;       /* targets a second; < 0: as done and elapsed say. progress_draw puts in its own, which
                          follows the last seconds */
};

/* Appends the line for `width` columns (at least 1), without control characters but, with `colour`, SGR
 * sequences. What does not fit is left out: bytes first, then rate, ETA, failures. 0, or -1 as buffer_append.
 */
int progress_format(struct buffer *b, const struct progress_state *s, size_t width, bool colour);

/* Appends the same for a line of any width, with what is in flight and the time: "1234/~20000 targets done, 5
 * failed, 8 in flight, 345/s, 1.23 MB, 12.3 s, ETA 0:54". 0, or -1 as buffer_append. */
int status_format(struct buffer *b, const struct progress_state *s);

/* The targets of the whole run: exact at the input's end, else by what has been read of its size. False: not
 * known. */
bool progress_total(const struct progress_state *s, uint64_t *ret_total, bool *ret_exact);

struct progress;

/* For the descriptor `fd`, which stays the caller's. NULL: no memory. */
struct progress *progress_new(int fd);

/* Draws, unless the last drawing is too fresh; `now` is CLOCK_MONOTONIC ns. */
void progress_draw(struct progress *p, const struct progress_state *s, int64_t now);

/* When progress_draw should be called next (CLOCK_MONOTONIC ns). */
int64_t progress_due(const struct progress *p);

/* Clears the line; and draws it again as it was. NULL is fine. */
void progress_hide(struct progress *p);
void progress_show(struct progress *p);

/* Clears the line and releases it. NULL is fine. */
void progress_free(struct progress *p);

#endif
