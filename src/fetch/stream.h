/*
 * A stream: a connection that is read and written under deadlines, TCP or TLS over another stream (an
 * https:// proxy makes it TLS in TLS). Blocking code: each call waits, and every wait ends at the earliest of
 * the three limits, or when the wait's owner says that the fetch is cancelled.
 */
#ifndef PFETCH_FETCH_STREAM_H
#define PFETCH_FETCH_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include "base/deadline.h"
#include "fetch/error.h"

/* How the fetch waits: shared by the resolver, dial and all streams of one fetch. */
struct wait {
    int64_t timeout;         /* ns, longest for any one operation (--timeout) */
    int64_t phase;           /* deadline of the phase (--connect-timeout), DEADLINE_NEVER outside of it */
    int64_t whole;           /* deadline of the fetch (--max-time) */
    int64_t phase_limit;     /* ns that `phase` was set from, for messages; 0: not said */
    int64_t whole_limit;     /* ns that `whole` was set from, for messages; 0: not said */
    int wake_fd;             /* polled with every wait; -1: none */
    bool (*wake)(void *arg); /* called when wake_fd is readable; true: the fetch is cancelled */
    void (*idle)(
        void *arg); /* called when a wait has lasted some ms: what is buffered should go out; NULL: none */
    void *arg;
};

/* The deadline of an operation that starts `now`. */
static inline int64_t wait_deadline(const struct wait *w, int64_t now)
{
    return deadline_min(deadline_add(now, w->timeout), deadline_min(w->phase, w->whole));
}

enum wait_result { WAIT_READY, WAIT_TIMEOUT, WAIT_CANCELLED };

struct pollfd;

enum { WAIT_FDS_MAX = 16 };

/* Waits until one of `count` (at most WAIT_FDS_MAX) descriptors is ready, or `deadline` passes, or the fetch
 * is cancelled. revents are filled in as by poll(2). A wait that lasts over 10 ms calls w->idle once; the
 * time that takes counts against no deadline of this wait. What is ready goes before a deadline that has
 * passed. */
enum wait_result wait_poll(const struct wait *w, struct pollfd *fds, unsigned count, int64_t deadline);

/* As wait_poll, for a wait that has begun before: at `since` (ns). */
enum wait_result wait_poll_since(const struct wait *w, struct pollfd *fds, unsigned count, int64_t deadline,
                                 int64_t since);

/* For those who find all they want without a wait: asks w->wake every 50 ms, *next being when again (0 at
 * first). True: the fetch is cancelled. */
bool wait_cancelled(const struct wait *w, int64_t now, int64_t *next);

/* Fills `err` for a result other than WAIT_READY: ERROR_TIMEOUT (the message names the limit that passed: how
 * many seconds, which option) or ERROR_CANCELLED. Returns -1. */
int wait_failed(const struct wait *w, enum wait_result result, enum error_phase phase,
                struct fetch_error *err);

enum { STREAM_EOF = 0, STREAM_ERROR = -1, STREAM_AGAIN = -2 };

struct stream;

/* What makes a stream of one kind. With `w` NULL read and write never wait: they return STREAM_AGAIN where
 * they would have to, and nothing was then done. */
struct stream_type {
    ptrdiff_t (*read)(struct stream *s, void *into, size_t size, const struct wait *w, enum error_phase phase,
                      struct fetch_error *err);
    /* as read, but for write: the bytes written, at least one, or STREAM_ERROR or STREAM_AGAIN */
    ptrdiff_t (*write)(struct stream *s, const void *data, size_t len, const struct wait *w,
                       enum error_phase phase, struct fetch_error *err);
    bool (*usable)(struct stream *s);
    void (*expect)(struct stream *s, uint64_t len); /* NULL: it makes no difference */
    void (*close)(struct stream *s);
};

/* The head of every stream; a kind's own struct begins with it. */
struct stream {
    const struct stream_type *type;
    int fd;       /* the socket at the bottom */
    bool closing; /* it is closed next: what is written may wait for that, and go with the end */
};

/* A stream over a connected, nonblocking TCP socket, which it owns from then on; on lack of memory NULL, and
 * the socket is closed. */
struct stream *stream_tcp(int fd);

/* The socket at the bottom of `s`; it belongs to the stream. */
int stream_fd(const struct stream *s);

/* Reads up to `size` bytes (> 0), at least one: the number of bytes, STREAM_EOF at a clean end (for TLS:
 * after close_notify), or STREAM_ERROR with `err`: ERROR_TIMEOUT, ERROR_CANCELLED, or ERROR_TRUNCATED for a
 * reset, or for TLS an end without close_notify or a broken record. */
ptrdiff_t stream_read(struct stream *s, void *into, size_t size, const struct wait *w, enum error_phase phase,
                      struct fetch_error *err);

/* Writes all `len` bytes: 0, or -1 with `err`. */
int stream_write(struct stream *s, const void *data, size_t len, const struct wait *w, enum error_phase phase,
                 struct fetch_error *err);

/* True if an idle connection can be used: nothing has arrived and it is not closed. Never waits. (TLS 1.3
 * tickets that arrived meanwhile are taken in.) */
bool stream_usable(struct stream *s);

/* Says that `len` more bytes are to come, now that none is asked for: reads may then gather what comes
 * quickly instead of returning at once with little, for 10 ms at most. 0: nothing more is known to come. */
void stream_expect(struct stream *s, uint64_t len);

/* Ends and releases: for TLS a close_notify is sent where that needs no wait. NULL is fine. */
void stream_close(struct stream *s);

#endif
