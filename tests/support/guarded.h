/*
 * Bytes right in front of a page that may not be touched: a parser that reads one byte too many dies at once.
 *   1. guarded_init(&g, most)        maps room for `most` bytes and the page behind it
 *   2. guarded_put(&g, data, len)    copies `len` bytes so that the last one lies right before that page
 *   3. guarded_free(&g)
 * For tests only: what fails ends the program. The room in front of the bytes is filled with 0xDB.
 */
#ifndef PFETCH_TESTS_GUARDED_H
#define PFETCH_TESTS_GUARDED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/span.h"

struct guarded {
    unsigned char *map; /* the whole mapping */
    size_t room;        /* bytes before the protected page */
    size_t page;        /* bytes of a page */
};

/* Maps room for `most` bytes. */
static inline void guarded_init(struct guarded *g, size_t most)
{
    g->page = (size_t)sysconf(_SC_PAGESIZE);
    g->room = (most / g->page + 1) * g->page;
    g->map = mmap(NULL, g->room + g->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g->map == MAP_FAILED || mprotect(g->map + g->room, g->page, PROT_NONE) < 0) {
        perror("guarded_init");
        abort();
    }
    memset(g->map, 0xDB, g->room);
}

/* Copies `len` bytes (at most `most`) to the end of the room. The span is valid until the next guarded_put or
 * guarded_free. */
static inline struct span guarded_put(struct guarded *g, const void *data, size_t len)
{
    if (len > g->room) {
        fprintf(stderr, "guarded_put: %zu bytes do not fit into %zu\n", len, g->room);
        abort();
    }
    unsigned char *at = g->map + (g->room - len);
    if (len)
        memcpy(at, data, len);
    return span_make(at, len);
}

/* As guarded_put, for a NUL-terminated string without its NUL. */
static inline struct span guarded_puts(struct guarded *g, const char *s)
{
    return guarded_put(g, s, strlen(s));
}

static inline void guarded_free(struct guarded *g)
{
    munmap(g->map, g->room + g->page);
    g->map = NULL;
}

#endif
