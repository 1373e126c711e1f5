/*
 * Memory of forked children. Each page that a child is the first to touch costs it a fault, and one that it
 * shares with its parent a copy as well; a child that allocates from the holes of its parent's heap copies
 * most of that for the few bytes that it puts there. So:
 *   1. fresh_prepare  in the parent, once, before it forks: fills the holes of its heap, so that what is
 *                     allocated afterwards lies in pages that nobody has touched
 *   2. fresh_code     in the child, first of all: gets the pages of the program and of the libraries that its
 *                     parent has used, which has made a handshake; a call gets as many as a fault does
 *   3. fresh_begin    in the child, before its work: gets pages that nobody has touched, in one call
 * They only save time: where libc or the kernel can't, they do nothing. Neither is thread-safe.
 */
#ifndef PFETCH_BASE_FRESH_H
#define PFETCH_BASE_FRESH_H

#include <stddef.h>

void fresh_prepare(void);

/* Without fresh_prepare in its parent, nothing is done. */
void fresh_code(void);

/* `size`: bytes of heap that the child is known to use. Without fresh_prepare in its parent, nothing is done.
 */
void fresh_begin(size_t size);

#endif
