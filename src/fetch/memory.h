/* Where OpenSSL's objects come from: the arena (base/arena.h), if it is told so before it has allocated
 * anything. */
#ifndef PFETCH_FETCH_MEMORY_H
#define PFETCH_FETCH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* From now on OpenSSL leaves what it has to the end of the process. */
void memory_install(void);

/* True if at the end of the process nothing needs to be freed: nobody looks whether it is. */
bool memory_may_stay(void);

/* To be called before there is a second thread: from now on objects that are written to often do not lie
 * apart from the others, which is done for the sake of forked children, and threads use each other's free
 * memory. */
void memory_spread(void);

/* The calling thread is about to wait: what OpenSSL has freed in it is for the other threads. */
void memory_pass_on(void);

/* In a forked child: as arena_fresh, if OpenSSL's objects come from there. */
void memory_fresh(size_t size);

#endif
