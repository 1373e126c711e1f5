#include "run_state.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/escape.h"

enum { LAST_WAIT_MS = 50 }; /* less than from one tick of the run's timer to the next */

/* Standard error is waited for as any output is: who doesn't read it holds up the run, but not its end. */
void say_bytes(struct run *r, const unsigned char *data, size_t len)
{
    bool outer = r->saying;
    r->saying = true;
    progress_hide(r->progress);
    while (len) {
        struct pollfd fds[2] = {{.fd = STDERR_FILENO, .events = POLLOUT},
                                {.fd = r->signals.fd, .events = POLLIN}};
        int ready = poll(fds, 2, !run_gives_up(r) ? -1 : r->unheard ? 0 : LAST_WAIT_MS);
        r->unheard |= ready == 0;
        if (ready == 0 || (ready < 0 && errno != EINTR))
            break;
        if (ready > 0 && fds[1].revents)
            (void)run_wake(r);
        if (ready < 0 || !fds[0].revents)
            continue;
        ssize_t n = write(STDERR_FILENO, data, len < PIPE_BUF ? len : PIPE_BUF);
        if (n <= 0 && errno != EINTR && errno != EAGAIN)
            break;
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    progress_show(r->progress);
    r->saying = outer;
}

/* One line, the progress line out of its way. `text` must be fit to print. */
void say(struct run *r, const char *text, size_t len)
{
    struct buffer line;
    buffer_init(&line, 64 * 1024);
    if (buffer_puts(&line, "pfetch: ") == 0 && buffer_append(&line, text, len) == 0 &&
        buffer_putc(&line, '\n') == 0)
        say_bytes(r, line.data, line.len);
    buffer_free(&line);
}

void say_escaped(struct run *r, struct span text)
{
    struct buffer b;
    buffer_init(&b, 32 * 1024);
    if (escape_text(&b, text) == 0)
        say(r, (const char *)b.data, b.len);
    buffer_free(&b);
}

/* How the run ended, if not by itself; empty if so. */
static int put_remark(struct buffer *b, const struct run *r)
{
    const char *before = "";
    if (r->halted_after) {
        if (buffer_printf(b, "halted after %" PRIu64 " failure%s", r->halted_after,
                          r->halted_after == 1 ? "" : "s") < 0)
            return -1;
        before = "; ";
    }
    if (r->signal) {
        if (buffer_printf(b, "%sended by SIG%s", before, sigabbrev_np(r->signal)) < 0)
            return -1;
        before = "; ";
    }
    if (r->never_left && buffer_printf(b, "%s%" PRIu64 " report%s never left", before, r->never_left,
                                       r->never_left == 1 ? "" : "s") < 0)
        return -1;
    return buffer_putc(b, 0);
}

void say_summary(struct run *r)
{
    struct buffer b, remark;
    buffer_init(&b, 16 * 1024);
    buffer_init(&remark, 256);
    if (put_remark(&remark, r) == 0 &&
        summary_put(&b, &r->summary, deadline_now() - r->started, (const char *)remark.data) == 0)
        say(r, (const char *)b.data, b.len);
    buffer_free(&b);
    buffer_free(&remark);
}

static void progress_fill(const struct run *r, struct progress_state *ret)
{
    uint64_t under_way = schedule_waiting(r->schedule) + schedule_started(r->schedule);
    *ret = (struct progress_state){
        .done = r->summary.targets,
        .failed = summary_failed(&r->summary),
        .bytes = r->summary.bytes,
        .read = r->summary.targets + under_way,
        .in_flight = schedule_started(r->schedule),
        .input_ended = r->state >= RUN_DRAINING,
        .position = input_position(r->input),
        .size = input_size(r->input),
        .elapsed = deadline_now() - r->started,
        .rate = -1,
    };
}

static void say_worker(struct run *r, const struct executor_worker_info *w)
{
    struct buffer b;
    buffer_init(&b, 16 * 1024);
    double seconds = (double)(deadline_now() - w->since) / 1e9;
    const struct job *job = job_of(w->task);
    if (job && buffer_printf(&b, "worker %u (pid %d): %.1f s at ", w->worker, w->pid, seconds) == 0 &&
        escape_text(&b, job->line) == 0)
        say(r, (const char *)b.data, b.len);
    buffer_free(&b);
}

/* USR1: where the run stands; with -v also what each worker is at that has been at it for a second. */
void say_status(struct run *r)
{
    struct progress_state state;
    struct buffer b;
    buffer_init(&b, 4096);
    progress_fill(r, &state);
    if (status_format(&b, &state) == 0)
        say(r, (const char *)b.data, b.len);
    buffer_free(&b);
    for (unsigned i = 1; r->o->verbose && r->executor && i <= r->o->workers; i++) {
        struct executor_worker_info w;
        if (executor_worker_status(r->executor, i, &w) && w.task && deadline_now() - w.since >= NS_PER_SECOND)
            say_worker(r, &w);
    }
}

void draw_progress(struct run *r)
{
    struct progress_state state;
    if (!r->progress || r->writing || r->saying)
        return;
    progress_fill(r, &state);
    progress_draw(r->progress, &state, deadline_now());
}
