#include "fetch/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Any stream. */

ptrdiff_t stream_read(struct stream *s, void *into, size_t size, const struct wait *w, enum error_phase phase,
                      struct fetch_error *err)
{
    return s->type->read(s, into, size, w, phase, err);
}

int stream_write(struct stream *s, const void *data, size_t len, const struct wait *w, enum error_phase phase,
                 struct fetch_error *err)
{
    const unsigned char *at = data;
    while (len > 0) {
        ptrdiff_t n = s->type->write(s, at, len, w, phase, err);
        if (n <= 0)
            return -1;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

bool stream_usable(struct stream *s)
{
    return s->type->usable(s);
}

void stream_close(struct stream *s)
{
    if (s)
        s->type->close(s);
}

int stream_fd(const struct stream *s)
{
    return s->fd;
}

void stream_expect(struct stream *s, uint64_t len)
{
    if (s->type->expect)
        s->type->expect(s, len);
}

/* TCP. The call comes first and the wait after it, since mostly there is no need to wait. A read does its
 * first moments of waiting itself, by SO_RCVTIMEO: most answers come within them, and cost one call instead
 * of three. While much is expected and comes quickly, the kernel also gathers it (SO_RCVLOWAT): a reader that
 * is woken for each segment keeps the one who sends, or a decryption, from a processor. What is not gathered
 * may be there when others have had their turn, which is cheaper than to sleep and be woken by who sends. */

struct tcp_stream {
    struct stream base;
    bool patient;      /* the socket blocks, for TCP_PATIENCE at most */
    bool gathers;      /* SO_RCVLOWAT is set */
    unsigned quick;    /* reads in a row that got much */
    uint64_t expected; /* bytes that are still to come, as far as is known */
    int64_t ask;       /* when a read looks again whether the fetch is cancelled */
};

enum {
    GATHERED = 48 * 1024, /* what a read waits for */
    MUCH = 8 * 1024,      /* for one read … */
    QUICK_READS = 8,      /* … of that many in a row, until more is gathered */
    RESERVE = 128 * 1024, /* not waited for: of what is expected, TLS may have read as much before */
    TURNS_LEFT_OUT = 64,  /* after a long one */
};

#define TCP_PATIENCE (10 * NS_PER_MS)
#define LONG_TURN    (3 * NS_PER_MS) /* more than the handshakes of the other workers take */

static _Thread_local unsigned turns_left_out;

static void tcp_gather(struct tcp_stream *t, bool on)
{
    int low = on ? GATHERED : 1;
    if (t->gathers != on && setsockopt(t->base.fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low) == 0)
        t->gathers = on;
}

/* A read got `n` bytes. */
static void tcp_note(struct tcp_stream *t, size_t n)
{
    if (t->expected == 0)
        return;
    t->expected = t->expected > n ? t->expected - n : 0;
    t->quick = n >= MUCH ? t->quick + 1 : 0;
    tcp_gather(t, t->quick >= QUICK_READS && t->expected > RESERVE);
}

static ptrdiff_t tcp_failed(int error, enum error_phase phase, struct fetch_error *err)
{
    if (error == ECONNRESET || error == EPIPE)
        error_set(err, ERROR_TRUNCATED, phase, "connection reset by the server");
    else
        error_set(err, ERROR_TRUNCATED, phase, "connection broken: %s", strerror(error));
    return STREAM_ERROR;
}

/* Others had a turn from `since` on. A long one says that somebody computes who would have one each time. */
static void note_turn(int64_t since)
{
    if (deadline_now() - since > LONG_TURN)
        turns_left_out = TURNS_LEFT_OUT;
}

/* As recv(2), which may sleep if it `blocks`; at `now`. */
static ssize_t tcp_receive(const struct tcp_stream *t, void *into, size_t size, bool blocks, int64_t now)
{
    if (!blocks || t->gathers)
        return recv(t->base.fd, into, size, blocks ? 0 : MSG_DONTWAIT);
    if (turns_left_out > 0) {
        turns_left_out--;
        return recv(t->base.fd, into, size, 0);
    }
    ssize_t n = recv(t->base.fd, into, size, MSG_DONTWAIT);
    if (n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
        return n;
    (void)sched_yield();
    note_turn(now);
    return recv(t->base.fd, into, size, 0);
}

static ptrdiff_t tcp_read(struct stream *s, void *into, size_t size, const struct wait *w,
                          enum error_phase phase, struct fetch_error *err)
{
    struct tcp_stream *t = (struct tcp_stream *)s;
    int64_t now = deadline_now();
    int64_t deadline = w ? wait_deadline(w, now) : 0;
    bool blocks = w && t->patient && deadline - now > 2 * TCP_PATIENCE;
    if (w && wait_cancelled(w, now, &t->ask))
        return wait_failed(w, WAIT_CANCELLED, phase, err);
    for (;;) {
        ssize_t n = tcp_receive(t, into, size, blocks, now);
        if (n >= 0) {
            tcp_note(t, (size_t)n);
            return n;
        }
        blocks = false;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return tcp_failed(errno, phase, err);
        if (!w)
            return STREAM_AGAIN;
        t->quick = 0;
        tcp_gather(t, false); /* what comes slowly is wanted at once */
        struct pollfd fd = {.fd = s->fd, .events = POLLIN};
        enum wait_result result = wait_poll_since(w, &fd, 1, deadline, now);
        if (result != WAIT_READY)
            return wait_failed(w, result, phase, err);
    }
}

static ptrdiff_t tcp_write(struct stream *s, const void *data, size_t len, const struct wait *w,
                           enum error_phase phase, struct fetch_error *err)
{
    int64_t deadline = 0;
    int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (s->closing ? MSG_MORE : 0);
    for (;;) {
        ssize_t n = send(s->fd, data, len, flags);
        if (n >= 0)
            return n;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return tcp_failed(errno, phase, err);
        if (!w)
            return STREAM_AGAIN;
        if (!deadline)
            deadline = wait_deadline(w, deadline_now());
        struct pollfd fd = {.fd = s->fd, .events = POLLOUT};
        enum wait_result result = wait_poll(w, &fd, 1, deadline);
        if (result != WAIT_READY)
            return wait_failed(w, result, phase, err);
    }
}

static bool tcp_usable(struct stream *s)
{
    char byte;
    ssize_t n;
    do
        n = recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

static void tcp_expect(struct stream *s, uint64_t len)
{
    struct tcp_stream *t = (struct tcp_stream *)s;
    t->expected = t->patient && len > RESERVE ? len : 0;
    t->quick = 0;
    tcp_gather(t, false);
}

static void tcp_close(struct stream *s)
{
    if (s->closing) /* where something is unread, close sends a reset and drops what waits to be sent */
        (void)shutdown(s->fd, SHUT_WR);
    close(s->fd);
    free(s);
}

static const struct stream_type tcp = {
    .read = tcp_read,
    .write = tcp_write,
    .usable = tcp_usable,
    .expect = tcp_expect,
    .close = tcp_close,
};

/* Makes reads wait a little by themselves. Where that can't be had they don't wait at all. */
static bool tcp_be_patient(int fd)
{
    struct timeval patience = {.tv_usec = TCP_PATIENCE / 1000};
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
           fcntl(fd, F_SETFL, 0) == 0;
}

struct stream *stream_tcp(int fd)
{
    struct tcp_stream *s = malloc(sizeof *s);
    if (!s) {
        close(fd);
        return NULL;
    }
    *s = (struct tcp_stream){.base = {.type = &tcp, .fd = fd}, .patient = tcp_be_patient(fd)};
    return &s->base;
}
