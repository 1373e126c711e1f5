#include "run_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/escape.h"

/* One line, the progress line out of its way. `text` must be fit to print. */
void say(struct run *r, const char *text, size_t len)
{
    struct buffer line;
    progress_hide(r->progress);
    buffer_init(&line, 64 * 1024);
    if (buffer_puts(&line, "pfetch: ") == 0 && buffer_append(&line, text, len) == 0 &&
        buffer_putc(&line, '\n') == 0)
        (void)!write(STDERR_FILENO, line.data, line.len);
    buffer_free(&line);
    progress_show(r->progress);
}

void say_escaped(struct run *r, struct span text)
{
    struct buffer b;
    buffer_init(&b, 32 * 1024);
    if (escape_text(&b, text) == 0)
        say(r, (const char *)b.data, b.len);
    buffer_free(&b);
}

void say_summary(struct run *r)
{
    struct buffer b;
    char remark[64] = "";
    buffer_init(&b, 16 * 1024);
    if (r->halted)
        snprintf(remark, sizeof remark, "halted after %" PRIu64 " failures", summary_failed(&r->summary));
    else if (r->signal)
        snprintf(remark, sizeof remark, "ended by SIG%s", sigabbrev_np(r->signal));
    if (summary_put(&b, &r->summary, (deadline_now() - r->started), remark) == 0)
        say(r, (const char *)b.data, b.len);
    buffer_free(&b);
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
    if (!r->progress || r->writing)
        return;
    progress_fill(r, &state);
    progress_draw(r->progress, &state, deadline_now());
}
