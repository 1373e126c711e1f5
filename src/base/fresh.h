/*
 * Memory of forked children. Each page that a child is the first to touch costs it a fault, and one that it
 * shares with its parent a copy as well; a child that allocates from the holes of its parent's heap copies
 * most of that for the few bytes that it puts there. So:
 *   1. fresh_prepare  in the parent, once, before most are forked: fills the holes of its heap, so that what
 *                     is allocated afterwards lies in pages that nobody has touched; and where processors
 *                     are few sees to it that a fork hands on the pages of code that it has used by then,
 *                     a handshake's
 *   2. fresh_begin    in the child, before its work: gets pages that nobody has touched, in one call
 * They only save time: where libc or the kernel can't, they do nothing. Neither is thread-safe.
 */
#ifndef PFETCH_BASE_FRESH_H
#define PFETCH_BASE_FRESH_H

#include <stddef.h>

void fresh_prepare(void);

/* `size`: bytes of heap that the child is known to use. Without fresh_prepare in its parent, nothing is done.
 */
void fresh_begin(size_t size);

#endif
