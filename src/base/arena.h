/*
 * Memory in small pieces that come and go by the thousand, as OpenSSL's do: lists of free blocks by size, a
 * set of them for each thread that runs, so that nothing is locked and nothing searched or joined.
 *   1. arena_alloc, arena_realloc, arena_free   as malloc and its kin, of any thread; a block may be freed by
 *                 another thread than had it
 *   2. arena_alloc_busy  for what is written to as long as it lives, as locks and counts of references are:
 *                 such blocks lie together, so that children copy few pages for them
 *   3. arena_fresh   in a forked child, before its work: what its parent had left is not used any more, since
 * each page of that would be copied; the child's pieces come from pages of its own
 *   4. arena_share, arena_pass_on  with several threads: one that waits leaves its set to the next that runs,
 * and no set keeps more than a few blocks of a size that others might want What a set has got from the kernel
 * it keeps; a thread that ends leaves its set to the next one. Large blocks are malloc's. A block that is
 * freed twice, or whose head was written over, ends the process.
 * Not to be used where memory is watched (watched.h).
 */
#ifndef PFETCH_BASE_ARENA_H
#define PFETCH_BASE_ARENA_H

#include <stddef.h>

/* NULL for no memory, and for no bytes. Aligned as malloc's. */
void *arena_alloc(size_t size);

/* As arena_alloc. In all threads but the first, and in children, as any other. */
void *arena_alloc_busy(size_t size);

/* As realloc; with no bytes it frees. */
void *arena_realloc(void *p, size_t size);

/* NULL is fine. */
void arena_free(void *p);

/* To be called before there is a second thread. From now on large blocks of the sizes that a TLS connection
 * has are kept for the next one when they are freed, of whatever thread. */
void arena_share(void);

/* The calling thread is about to wait: its set is the next thread's that allocates or frees, and it will get
 * the one that was left last. Nothing without arena_share. */
void arena_pass_on(void);

/* `size`: bytes that the child is known to use, got at once. Only while it has one thread. */
void arena_fresh(size_t size);

#endif
