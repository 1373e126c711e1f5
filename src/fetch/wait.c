#include "fetch/stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define WAIT_IDLE_AFTER (10 * NS_PER_MS)
#define WAIT_WAKE_EVERY (50 * NS_PER_MS)

/* One wait under way. */
struct waiting {
    const struct wait *w;
    struct pollfd fds[WAIT_FDS_MAX + 1]; /* the caller's, then wake_fd */
    unsigned count;                      /* the caller's */
    bool quiet; /* wake_fd is readable and means nothing: looked at in turns, not polled */
};

/* Asks the owner of the wait. True: cancelled. */
static bool wait_woken(struct waiting *p)
{
    p->quiet = true;
    return !p->w->wake || p->w->wake(p->w->arg);
}

/* Polls until `until`, or for one turn. Returns the caller's descriptors that are ready, 0, or -1 for a
 * cancelled fetch. */
static int wait_turn(struct waiting *p, int64_t now, int64_t until)
{
    bool woken = p->w->wake_fd >= 0;
    if (p->quiet)
        until = deadline_min(until, deadline_add(now, WAIT_WAKE_EVERY));
    p->fds[p->count] = (struct pollfd){.fd = p->quiet ? -1 : p->w->wake_fd, .events = POLLIN};
    int n = poll(p->fds, p->count + woken, deadline_poll_ms(until, now));
    if (n < 0) /* EINTR; EAGAIN for want of kernel memory: again, with the time that is left */
        n = 0;
    else if (woken && !p->quiet && p->fds[p->count].revents)
        return wait_woken(p) ? -1 : n - 1;
    if (n == 0 && p->quiet && wait_woken(p))
        return -1;
    return n;
}

enum wait_result wait_poll_since(const struct wait *w, struct pollfd *fds, unsigned count, int64_t deadline,
                                 int64_t since)
{
    struct waiting p = {.w = w, .count = count < WAIT_FDS_MAX ? count : WAIT_FDS_MAX};
    int64_t now = deadline_now();
    int64_t idle_at = w->idle ? deadline_add(since, WAIT_IDLE_AFTER) : DEADLINE_NEVER;

    if (p.count > 0)
        memcpy(p.fds, fds, p.count * sizeof *fds);
    for (;;) {
        if (now >= idle_at) {
            w->idle(w->arg);
            int64_t after = deadline_now();
            deadline = deadline_add(deadline, after - now);
            now = after;
            idle_at = DEADLINE_NEVER;
        }
        int n = wait_turn(&p, now, deadline_min(deadline, idle_at));
        if (n != 0) {
            if (p.count > 0)
                memcpy(fds, p.fds, p.count * sizeof *fds);
            return n < 0 ? WAIT_CANCELLED : WAIT_READY;
        }
        now = deadline_now();
        if (now >= deadline)
            return WAIT_TIMEOUT;
    }
}

enum wait_result wait_poll(const struct wait *w, struct pollfd *fds, unsigned count, int64_t deadline)
{
    return wait_poll_since(w, fds, count, deadline, deadline_now());
}

bool wait_cancelled(const struct wait *w, int64_t now, int64_t *next)
{
    if (w->wake_fd < 0 || !w->wake || now < *next)
        return false;
    *next = deadline_add(now, WAIT_WAKE_EVERY);
    return w->wake(w->arg);
}

/* The time-out's message: `what` passed, which the user set by `option` to `limit` ns (0: unknown). */
static int wait_timed_out(struct fetch_error *err, enum error_phase phase, const char *what, int64_t limit,
                          const char *option)
{
    if (limit <= 0 || limit == DEADLINE_NEVER)
        return error_set(err, ERROR_TIMEOUT, phase, "%s (%s)", what, option);
    return error_set(err, ERROR_TIMEOUT, phase, "%s within %g s (%s)", what,
                     (double)limit / (double)NS_PER_SECOND, option);
}

int wait_failed(const struct wait *w, enum wait_result result, enum error_phase phase,
                struct fetch_error *err)
{
    int64_t now = deadline_now();
    if (result == WAIT_CANCELLED)
        return error_set(err, ERROR_CANCELLED, phase, "the run was ended before this target was done");
    if (now >= w->whole)
        return wait_timed_out(err, phase, "the fetch did not end", w->whole_limit, "--max-time");
    if (now >= w->phase)
        return wait_timed_out(err, phase, "no connection", w->phase_limit, "--connect-timeout");
    return wait_timed_out(err, phase, phase == PHASE_SEND ? "the server took no bytes" : "no answer",
                          w->timeout, "--timeout");
}
