/*
 * What a content coding is to coding.c: a file each, which ends in a const struct coding_type. To add one,
 * write its file and name it in coding.c's table.
 */
#ifndef PFETCH_FETCH_CODING_TYPE_H
#define PFETCH_FETCH_CODING_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/span.h"
#include "fetch/error.h"

struct coding_type {
    const char *name;
    const char *alias; /* another name of it, or NULL */

    /* Loads its library; again: nothing is done. False: `why` (LATE_WHY_MAX bytes) says why it can't. NULL:
     * it has none that would have to be. */
    bool (*load)(char *why);

    /* A decoder before its first byte; NULL for lack of memory. After `load`. */
    void *(*open)(void);
    void (*close)(void *state);

    /* Decodes from the front of *in, which is advanced, to at most `size` (> 0) bytes at `out`; *ret_len is
     * set to their number. Stops when `in` is used up or `out` is full; in the latter case the next call may
     * come with an empty `in`. 0, or -1 with `err`. */
    int (*decode)(void *state, struct span *in, unsigned char *out, size_t size, size_t *ret_len,
                  struct fetch_error *err);

    /* True if what was decoded so far is a whole stream. */
    bool (*complete)(const void *state);
};

extern const struct coding_type coding_gzip, coding_deflate, coding_br, coding_zstd;

/* Fills `err` for a broken stream: "gzip stream is broken: why". Returns -1. */
int coding_broken(const char *name, const char *why, struct fetch_error *err);

#endif
