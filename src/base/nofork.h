/*
 * Memory that forked children do not get (madvise(2), MADV_DONTFORK): what a pool keeps of its workers and
 * tasks. A child has no use for it; to hand it on costs the fork its page tables, and the parent a copy of
 * each page that it writes to afterwards. And a worker that was taken over finds no other target's data
 * there.
 *   1. nofork_map, nofork_unmap   whole pages
 *   2. nofork_init, nofork_alloc, nofork_free, nofork_close   pieces that come and go
 * A child that looks at such memory ends by SIGSEGV. Not thread-safe. Where a tool looks after each piece
 * (watched.h) they are malloc's, which children get.
 */
#ifndef PFETCH_BASE_NOFORK_H
#define PFETCH_BASE_NOFORK_H

#include <stdbool.h>
#include <stddef.h>

/* `size` bytes, zero. NULL with errno ENOMEM. */
void *nofork_map(size_t size);

/* Gives them back. NULL is fine. */
void nofork_unmap(void *p, size_t size);

enum {
    NOFORK_STEP = 64,     /* sizes of pieces are multiples of it */
    NOFORK_LARGEST = 4096 /* larger ones have a mapping each */
};

/* What it has got from the kernel it keeps, in lists of free pieces by size. */
struct nofork {
    bool watched;
    struct nofork_piece *free[NOFORK_LARGEST / NOFORK_STEP];
    struct nofork_chunk *chunks;
    char *at, *end; /* what is left of the newest chunk */
};

/* An empty one, which has nothing to give back yet. */
void nofork_init(struct nofork *n);

/* `size` bytes, zero, aligned as malloc's. NULL with errno ENOMEM. */
void *nofork_alloc(struct nofork *n, size_t size);

/* NULL is fine. A piece that is freed twice, or whose head was written over, ends the process. */
void nofork_free(struct nofork *n, void *p);

/* Gives all back, once each piece is freed. Closing one that is zero, or closed, is fine. */
void nofork_close(struct nofork *n);

#endif
