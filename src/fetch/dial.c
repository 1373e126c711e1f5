#include "fetch/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DIAL_DELAY (250 * NS_PER_MS) /* RFC 8305 section 8: Connection Attempt Delay */

/* In order of time. */
enum attempt_state { ATTEMPT_WAITING, ATTEMPT_CONNECTING, ATTEMPT_FAILED };

struct attempt {
    const struct sockaddr_storage *addr;
    int64_t deadline; /* of this attempt alone */
    int fd;
    int error; /* errno, once failed */
    enum attempt_state state;
};

struct dialling {
    const struct wait *w;
    struct attempt attempts[DIAL_ADDRS_MAX];
    size_t count;
    size_t next;        /* the first that has not started */
    size_t pending;     /* how many are connecting */
    int64_t next_start; /* when the next one may start though others are pending */
    int64_t deadline;   /* of all together */
};

const char *dial_address_text(const struct sockaddr_storage *addr, char into[DIAL_TEXT_MAX])
{
    const void *bytes = NULL;
    if (addr->ss_family == AF_INET)
        bytes = &((const struct sockaddr_in *)addr)->sin_addr;
    else if (addr->ss_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)addr)->sin6_addr;
    if (!bytes || !inet_ntop(addr->ss_family, bytes, into, DIAL_TEXT_MAX))
        into[0] = 0;
    return into;
}

uint16_t dial_address_port(const struct sockaddr_storage *addr)
{
    if (addr->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)addr)->sin_port);
    if (addr->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)addr)->sin6_port);
    return 0;
}

/* The families take turns, the first address's family first; within one the order stays. */
static void attempts_interleave(struct dialling *d, const struct sockaddr_storage *addrs, size_t count)
{
    size_t at[2] = {0, 0};
    sa_family_t first = addrs[0].ss_family;
    bool turn = false;
    while (d->count < count && d->count < DIAL_ADDRS_MAX) {
        size_t *i = &at[turn];
        while (*i < count && (addrs[*i].ss_family != first) != turn)
            ++*i;
        if (*i < count)
            d->attempts[d->count++] = (struct attempt){.addr = &addrs[(*i)++], .fd = -1};
        turn = !turn;
    }
}

static void attempt_fail(struct dialling *d, struct attempt *a, int error)
{
    if (a->state == ATTEMPT_CONNECTING)
        d->pending--;
    if (a->fd >= 0)
        close(a->fd);
    a->fd = -1;
    a->state = ATTEMPT_FAILED;
    a->error = error;
    d->next_start = 0;
}

/* Starts to connect. True: it stands already. */
static bool attempt_start(struct dialling *d, struct attempt *a, int64_t now)
{
    int one = 1;
    socklen_t len = a->addr->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    a->fd = socket(a->addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (a->fd < 0) {
        attempt_fail(d, a, errno);
        return false;
    }
    setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    a->deadline = deadline_add(now, d->w->timeout);
    if (connect(a->fd, (const struct sockaddr *)a->addr, len) == 0)
        return true;
    if (errno != EINPROGRESS && errno != EINTR) {
        attempt_fail(d, a, errno);
        return false;
    }
    a->state = ATTEMPT_CONNECTING;
    d->pending++;
    d->next_start = deadline_add(now, DIAL_DELAY);
    return false;
}

/* Starts whatever is due now. The attempt that stands at once, or NULL. */
static struct attempt *attempts_start_due(struct dialling *d)
{
    int64_t now = deadline_now();
    while (d->next < d->count && (d->pending == 0 || now >= d->next_start) && d->pending < WAIT_FDS_MAX) {
        struct attempt *a = &d->attempts[d->next++];
        if (attempt_start(d, a, now))
            return a;
    }
    return NULL;
}

/* When the wait must end: all is over, one attempt is, or the next one is due. */
static int64_t attempts_next_event(const struct dialling *d)
{
    int64_t at = d->deadline;
    if (d->next < d->count && d->pending < WAIT_FDS_MAX)
        at = deadline_min(at, d->next_start);
    for (size_t i = 0; i < d->next; i++)
        if (d->attempts[i].state == ATTEMPT_CONNECTING)
            at = deadline_min(at, d->attempts[i].deadline);
    return at;
}

/* Looks at an attempt whose socket is ready. True: it stands. */
static bool attempt_finish(struct dialling *d, struct attempt *a)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error == 0)
        return true;
    attempt_fail(d, a, error);
    return false;
}

static void attempts_expire(struct dialling *d)
{
    int64_t now = deadline_now();
    for (size_t i = 0; i < d->next; i++)
        if (d->attempts[i].state == ATTEMPT_CONNECTING && now >= d->attempts[i].deadline)
            attempt_fail(d, &d->attempts[i], ETIMEDOUT);
}

/* Waits for something to happen to those that are connecting. The one that stands is put into *ret_winner. */
static enum wait_result attempts_wait(struct dialling *d, struct attempt **ret_winner)
{
    struct pollfd fds[WAIT_FDS_MAX];
    struct attempt *of[WAIT_FDS_MAX];
    unsigned n = 0;
    for (size_t i = 0; i < d->next; i++) {
        if (d->attempts[i].state != ATTEMPT_CONNECTING)
            continue;
        fds[n] = (struct pollfd){.fd = d->attempts[i].fd, .events = POLLOUT};
        of[n++] = &d->attempts[i];
    }
    enum wait_result result = wait_poll(d->w, fds, n, attempts_next_event(d));
    if (result == WAIT_CANCELLED)
        return result;
    for (unsigned i = 0; result == WAIT_READY && i < n && !*ret_winner; i++)
        if (fds[i].revents && attempt_finish(d, of[i]))
            *ret_winner = of[i];
    if (*ret_winner)
        return WAIT_READY;
    if (deadline_now() >= d->deadline)
        return WAIT_TIMEOUT;
    attempts_expire(d);
    return WAIT_READY;
}

/* How telling an error is: one of the target beats one of the way there, and that one of ours. */
static int error_weight(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return 4;
    case ETIMEDOUT:
    case ECONNRESET:
        return 3;
    case ENETUNREACH:
    case EAFNOSUPPORT:
    case EADDRNOTAVAIL:
        return 1;
    default:
        return 2;
    }
}

/* The attempt whose failure tells most; the later one of equals. */
static const struct attempt *attempt_telling(const struct dialling *d)
{
    const struct attempt *a = &d->attempts[0];
    for (size_t i = 1; i < d->next; i++)
        if (error_weight(d->attempts[i].error) >= error_weight(a->error))
            a = &d->attempts[i];
    return a;
}

/* Completes the message: " 192.0.2.1 port 443 (3 addresses tried)". */
static int dial_blame(const struct dialling *d, const struct attempt *a, struct fetch_error *err)
{
    char text[DIAL_TEXT_MAX];
    size_t len = strlen(err->message);
    dial_address_text(a->addr, text);
    snprintf(err->message + len, sizeof err->message - len, ": %s port %u", text, dial_address_port(a->addr));
    len = strlen(err->message);
    if (d->next > 1)
        snprintf(err->message + len, sizeof err->message - len, " (%zu addresses tried)", d->next);
    return -1;
}

static int dial_failed(const struct dialling *d, struct fetch_error *err)
{
    const struct attempt *a = attempt_telling(d);
    if (a->error == ETIMEDOUT)
        wait_failed(d->w, WAIT_TIMEOUT, PHASE_CONNECT, err);
    else
        error_set(err, ERROR_CONNECT, PHASE_CONNECT, "%s",
                  a->error == ECONNREFUSED ? "connection refused" : strerror(a->error));
    return dial_blame(d, a, err);
}

/* Runs the attempts until one stands: its address, or NULL with `err`. */
static struct attempt *dial_run(struct dialling *d, struct fetch_error *err)
{
    struct attempt *winner = attempts_start_due(d);
    while (!winner && d->pending > 0) {
        enum wait_result result = attempts_wait(d, &winner);
        if (result != WAIT_READY) {
            wait_failed(d->w, result, PHASE_CONNECT, err);
            if (result == WAIT_TIMEOUT)
                dial_blame(d, attempt_telling(d), err);
            return NULL;
        }
        if (!winner)
            winner = attempts_start_due(d);
    }
    if (!winner)
        dial_failed(d, err);
    return winner;
}

int dial(const struct sockaddr_storage *addrs, size_t count, const struct wait *w, struct dialled *ret,
         struct fetch_error *err)
{
    struct dialling d = {.w = w, .deadline = deadline_min(w->phase, w->whole)};
    if (count == 0)
        return error_set(err, ERROR_CONNECT, PHASE_CONNECT, "no address to connect to");
    attempts_interleave(&d, addrs, count);
    struct attempt *winner = dial_run(&d, err);
    for (size_t i = 0; i < d.next; i++)
        if (&d.attempts[i] != winner && d.attempts[i].fd >= 0)
            close(d.attempts[i].fd);
    if (!winner)
        return -1;
    *ret = (struct dialled){.fd = winner->fd, .peer = *winner->addr};
    return 0;
}
