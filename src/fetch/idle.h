/*
 * Idle connections of one worker, or of several threads, kept for the next fetch of the same origin; the
 * least recently used goes first. How many are kept follows the need: a few, and more as origins come back
 * whose connection had to go.
 */
#ifndef PFETCH_FETCH_IDLE_H
#define PFETCH_FETCH_IDLE_H

#include "fetch/fetch.h"
#include "fetch/stream.h"

enum { CONNECTION_KEY_MAX = 288, IDLE_MOST = 4096 };

/* An established connection. */
struct connection {
    struct stream *stream;
    struct fetch_conn info;
    bool absolute;                /* to a proxy that takes clear-text requests in absolute form */
    bool reused;                  /* it has carried a response before */
    char key[CONNECTION_KEY_MAX]; /* scheme, port and host of the origin, or the proxy */
};

/* Closes and releases. NULL is fine. */
void connection_free(struct connection *c);

struct idle;

/* At most `max` connections for each of `workers` (0: none is kept), IDLE_MOST in all. NULL: no memory. All
 * that follows but idle_free may be called by several threads at once. */
struct idle *idle_new(uint32_t max, uint32_t workers);

/* Takes one for `key` out, still usable, or NULL. Those found dead are closed. */
struct connection *idle_take(struct idle *i, const char *key);

/* Keeps `c` (taken; closed at once where none is kept). */
void idle_put(struct idle *i, struct connection *c);

/* Closes all. NULL is fine. */
void idle_free(struct idle *i);

#endif
