/*
 * Memory that forked children do not get (madvise(2), MADV_DONTFORK): what a pool keeps of its workers and
 * tasks. A child has no use for it; to hand it on costs the fork its page tables, and the parent a copy of
 * each page that it writes to afterwards. And a worker that was taken over does not find there what others
 * fetch.
 *   1. nofork_map, nofork_unmap   whole pages
 *   2. struct nofork: nofork_alloc, nofork_free   pieces that come and go; nofork_close at the end
 * A child that looks at such memory ends by SIGSEGV. Not thread-safe. Where a tool looks after each piece
 * (watched.h) they are malloc's, which children get.
 */
#ifndef PFETCH_BASE_NOFORK_H
#define PFETCH_BASE_NOFORK_H

#include <stddef.h>

/* `size` bytes, zero. NULL with errno. */
void *nofork_map(size_t size);

/* Gives them back. NULL is fine. */
void nofork_unmap(void *p, size_t size);

enum {
    NOFORK_LARGEST = 112 * 1024, /* larger pieces have a mapping each */
    NOFORK_CLASSES = 44,         /* sizes that pieces are rounded up to, four to a power of two */
    NOFORK_SPARES = 4
};

struct nofork_chunk;

/* Chunks of pieces of one size each. One that has no piece in use any more is kept for any size (2.3 MB of
 * them at most), or given back to the kernel: where sizes change over time and old pieces go, none keeps what
 * it once had. Zero is an empty one. */
struct nofork {
    struct nofork_chunk *roomy[NOFORK_CLASSES];
    struct nofork_chunk *spare[2]; /* small chunks, and large ones */
    unsigned spares[2];
};

/* `size` bytes, zero, aligned as malloc's. NULL with errno. */
void *nofork_alloc(struct nofork *n, size_t size);

/* NULL is fine. A piece that is freed twice, or whose head was written over, ends the process. */
void nofork_free(struct nofork *n, void *p);

/* Gives all back, once each piece is freed. */
void nofork_close(struct nofork *n);

#endif
