#include "executor/emitting.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

struct emitter_form {
    /* Passes one frame on. 0, or -1: nobody listens. */
    int (*put)(struct emitter *e, const struct frame *f, const void *data);
    int (*flush)(struct emitter *e);
};

enum {
    GATHER = FRAME_HEADER + FRAME_MAX_BODY,
    PIECE = 16 * 1024, /* of which large bodies mostly come: a TLS record */
    LARGE = 64 * 1024, /* a body of more than that goes on in the window */
};

/* What users are told is what the frames hold. */
_Static_assert((int)EMITTER_MAX_HEAD == (int)FRAME_MAX_HEAD && (int)EMITTER_MAX_END == (int)FRAME_MAX_END &&
                   (int)EMITTER_MAX_NOTE == (int)FRAME_MAX_NOTE,
               "emitter.h and frame.h differ");

/* --- pipe form: gathered, so that a small result is one write --- */

/* Drops the first `n` bytes of the vector. */
static struct iovec *iovec_skip(struct iovec *v, int *count, size_t n)
{
    while (*count && n >= v->iov_len) {
        n -= v->iov_len;
        v++;
        (*count)--;
    }
    if (*count) {
        v->iov_base = (char *)v->iov_base + n;
        v->iov_len -= n;
    }
    return v;
}

static int write_all(struct emitter *e, struct iovec *v, int count)
{
    v = iovec_skip(v, &count, 0);
    while (count) {
        ssize_t n = writev(e->fd, v, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            e->dead = true;
            return -1;
        }
        v = iovec_skip(v, &count, (size_t)n);
    }
    return 0;
}

static int write_gathered(struct emitter *e)
{
    struct iovec v = {e->gathered, e->used};
    e->used = 0;
    e->last.length = 0;
    return write_all(e, &v, 1);
}

static void gather(struct emitter *e, const void *data, size_t len)
{
    if (len)
        memcpy(e->gathered + e->used, data, len);
    e->used += len;
}

/* --- its window --- */

/* Says what is in the place that was being filled. There is room for it: open_place has written all out, and
 * nothing is gathered while a place is open. */
static void close_place(struct emitter *e)
{
    unsigned char header[FRAME_HEADER];
    if (!e->place)
        return;
    frame_put(header, &e->shared);
    gather(e, header, sizeof header);
    window_filled(&e->window);
    e->place = NULL;
}

/* Before it waits for a place, the pool must know of all those that are filled. */
static int open_place(struct emitter *e, uint64_t task)
{
    if (e->used && write_gathered(e) < 0)
        return -1;
    e->place = window_place(&e->window);
    if (!e->place) {
        e->dead = true;
        errno = EPIPE;
        return -1;
    }
    e->shared = (struct frame){FRAME_SHARED, 0, task};
    return 0;
}

static int window_put(struct emitter *e, const struct frame *f, const void *data)
{
    const unsigned char *p = data;
    for (uint32_t left = f->length, n; left; left -= n, p += n) {
        if (!e->place && open_place(e, f->task) < 0)
            return -1;
        uint32_t room = FRAME_MAX_BODY - e->shared.length;
        n = left < room ? left : room;
        memcpy(e->place + e->shared.length, p, n);
        e->shared.length += n;
        if (n < room)
            continue;
        close_place(e);
        if (write_gathered(e) < 0)
            return -1;
    }
    return 0;
}

/* Small bodies are one write together with their head and end, which the window could not better. */
static bool goes_by_window(const struct emitter *e, const struct frame *f)
{
    return f->type == FRAME_BODY && e->window.base && e->streamed >= LARGE;
}

/* --- frames --- */

/* Bytes that follow bytes of the same kind become part of their frame, as far as its bound: who reads has
 * one piece to handle instead of many. */
static bool join_last(struct emitter *e, const struct frame *f)
{
    if (e->last.length == 0 || e->last.type != f->type || e->last.task != f->task ||
        f->length > frame_bound(f->type) - e->last.length)
        return false;
    e->last.length += f->length;
    frame_put(e->gathered + e->last_at, &e->last);
    return true;
}

/* What doesn't fit goes out together with what was gathered, and is not copied. */
static int pipe_put(struct emitter *e, const struct frame *f, const void *data)
{
    unsigned char header[FRAME_HEADER];
    if (goes_by_window(e, f))
        return window_put(e, f, data);
    close_place(e);
    if (f->type == FRAME_BODY)
        e->streamed += f->length;
    size_t header_len = join_last(e, f) ? 0 : sizeof header;
    size_t len = header_len + f->length;
    frame_put(header, f);
    if (len > GATHER || e->used > GATHER - len) {
        struct iovec v[] = {
            {e->gathered, e->used}, {header, header_len}, {(void *)(uintptr_t)data, f->length}};
        e->used = 0;
        e->last.length = 0;
        return write_all(e, v, 3);
    }
    if (header_len) {
        bool grows = f->type == FRAME_BODY || f->type == FRAME_WIRE;
        e->last = *f;
        e->last.length = grows ? f->length : 0;
        e->last_at = e->used;
    }
    gather(e, header, header_len);
    gather(e, data, f->length);
    /* The next piece of a large body would split its frame: better now. */
    return e->last.length && e->used > GATHER - PIECE ? write_gathered(e) : 0;
}

static int pipe_flush(struct emitter *e)
{
    close_place(e);
    return write_gathered(e);
}

static const struct emitter_form pipe_form = {.put = pipe_put, .flush = pipe_flush};

/* --- direct form --- */

static int direct_put(struct emitter *e, const struct frame *f, const void *data)
{
    e->receiver(e->receiver_arg, f->type, f->task, data, f->length);
    return 0;
}

static int direct_flush(struct emitter *e)
{
    (void)e;
    return 0;
}

static const struct emitter_form direct_form = {.put = direct_put, .flush = direct_flush};

/* --- both --- */

int emitter_init_pipe(struct emitter *e, int fd, unsigned worker)
{
    memset(e, 0, sizeof *e);
    e->form = &pipe_form;
    e->fd = fd;
    e->worker = worker;
    e->wake_fd = -1;
    e->gathered = malloc(GATHER);
    return e->gathered ? 0 : -1;
}

void emitter_init_direct(struct emitter *e, emitter_receiver *receiver, void *arg)
{
    memset(e, 0, sizeof *e);
    e->form = &direct_form;
    e->receiver = receiver;
    e->receiver_arg = arg;
    e->fd = -1;
    e->worker = 1;
    e->wake_fd = -1;
    e->protocol.state = PROTOCOL_IDLE;
}

void emitter_free(struct emitter *e)
{
    free(e->gathered);
    e->gathered = NULL;
}

void emitter_begin(struct emitter *e, uint64_t task)
{
    protocol_begin(&e->protocol, task);
    e->streamed = 0;
}

static int refuse(int why)
{
    errno = why;
    return -1;
}

static int emit(struct emitter *e, enum frame_type type, const void *data, size_t len)
{
    if (e->dead)
        return refuse(EPIPE);
    if (len > frame_bound(type))
        return refuse(EMSGSIZE);
    if (!protocol_allows(&e->protocol, type))
        return refuse(EPROTO);
    struct frame f = {type, (uint32_t)len, e->protocol.task};
    protocol_pass(&e->protocol, type);
    return e->form->put(e, &f, data);
}

/* BODY and WIRE of any size, in frames of at most their bound. */
static int emit_cut(struct emitter *e, enum frame_type type, const void *data, size_t len)
{
    const unsigned char *p = data;
    if (!protocol_allows(&e->protocol, type))
        return refuse(EPROTO);
    while (len) {
        size_t n = len < FRAME_MAX_BODY ? len : FRAME_MAX_BODY;
        if (emit(e, type, p, n) < 0)
            return -1;
        p += n;
        len -= n;
    }
    return e->dead ? refuse(EPIPE) : 0;
}

int emitter_ready(struct emitter *e)
{
    return emit(e, FRAME_READY, NULL, 0) < 0 ? -1 : emitter_flush(e);
}

int emitter_failed(struct emitter *e, const char *reason)
{
    return emit(e, FRAME_NOTE, reason, strnlen(reason, FRAME_MAX_NOTE)) < 0 ? -1 : emitter_flush(e);
}

int emitter_hop(struct emitter *e, const void *data, size_t len)
{
    return emit(e, FRAME_HOP, data, len);
}

int emitter_head(struct emitter *e, const void *data, size_t len)
{
    return emit(e, FRAME_HEAD, data, len);
}

int emitter_body(struct emitter *e, const void *data, size_t len)
{
    return emit_cut(e, FRAME_BODY, data, len);
}

int emitter_wire(struct emitter *e, const void *data, size_t len)
{
    return emit_cut(e, FRAME_WIRE, data, len);
}

int emitter_end(struct emitter *e, const void *data, size_t len)
{
    return emit(e, FRAME_END, data, len) < 0 ? -1 : emitter_flush(e);
}

int emitter_note(struct emitter *e, const char *text)
{
    return emit(e, FRAME_NOTE, text, strnlen(text, FRAME_MAX_NOTE));
}

int emitter_flush(struct emitter *e)
{
    return e->dead ? refuse(EPIPE) : e->form->flush(e);
}

int emitter_wake_fd(const struct emitter *e)
{
    return e->wake_fd;
}

bool emitter_wake(struct emitter *e)
{
    return e->wake && e->wake(e->wake_arg);
}

unsigned emitter_worker(const struct emitter *e)
{
    return e->worker;
}
