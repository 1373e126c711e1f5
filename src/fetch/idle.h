/*
 * Idle connections of one worker, kept for its next fetch of the same origin; the least recently used goes
 * first. How many are kept follows the need: a few, and more as origins come back whose connection had to go.
 */
#ifndef PFETCH_FETCH_IDLE_H
#define PFETCH_FETCH_IDLE_H

#include "fetch/fetch.h"
#include "fetch/stream.h"

enum { CONNECTION_KEY_MAX = 288 };

/* An established connection. */
struct connection {
    struct stream *stream;
    struct fetch_conn info;
    bool absolute;                /* to a proxy that takes clear-text requests in absolute form */
    bool reused;                  /* it has carried a response before */
    char key[CONNECTION_KEY_MAX]; /* "https://host:port" of the origin, or "proxy" */
};

/* Closes and releases. NULL is fine. */
void connection_free(struct connection *c);

struct idle;

/* At most `max` connections (0: none is kept). NULL: no memory. */
struct idle *idle_new(uint32_t max);

/* Takes one for `key` out, still usable, or NULL. Those found dead are closed. */
struct connection *idle_take(struct idle *i, const char *key);

/* Keeps `c` (taken; closed at once where none is kept). */
void idle_put(struct idle *i, struct connection *c);

/* Closes all. NULL is fine. */
void idle_free(struct idle *i);

#endif
