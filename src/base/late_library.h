/*
 * Shared libraries that only some runs need, loaded when they are first wanted (dlopen(3)): each would add
 * 0.15 ms to every start, and four mappings to what a fork copies. configure finds out what their files are
 * called at run time, and a package depends on them as on those that are linked.
 *   1. late_library_load      before the first call of one of its functions; by then its pointers are set
 *   2. late_libraries_settle  in a process that is about to confine itself: what isn't loaded stays so
 * Thread-safe.
 */
#ifndef PFETCH_BASE_LATE_LIBRARY_H
#define PFETCH_BASE_LATE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

struct late_function {
    const char *name;
    void *pointer; /* the address of a pointer to a function of that name's type */
};

struct late_library {
    const char *file; /* "libz.so.1" */
    const struct late_function *functions;
    size_t count;
    /* late_library_load's own */
    bool loaded;
};

enum { LATE_WHY_MAX = 200 };

/* Loads it, for good, and sets its pointers; nothing is done if that was done before. False: it can't be
 * used, and `why` (LATE_WHY_MAX bytes) says why, with its name; the next call tries again. */
bool late_library_load(struct late_library *l, char *why);

/* From now on late_library_load loads nothing, and fails for what isn't loaded. */
void late_libraries_settle(void);

#endif
