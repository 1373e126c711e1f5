/*
 * The run: a loop that gives free workers their next target, hands what comes back to the outputs, and ends
 * when every target that was read has its report.
 */
#include "run_state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "compare_memory.h"
#include "fetch/memory.h"
#include "record.h"

/* ---- Signals and time ---- */

/* What runs is ended when the grace is over. */
static bool grace_is_over(const struct run *r)
{
    return r->state >= RUN_STOPPING && deadline_now() >= r->cancel_at;
}

bool run_gives_up(const struct run *r)
{
    return (r->signal || r->output_failed) && grace_is_over(r);
}

static void on_signal(struct run *r, int signal)
{
    if (r->signal)
        return;
    r->signal = signal;
    run_stop(r);
}

/* Called wherever somebody waits and the run's descriptor has become readable. True: give up. */
bool run_wake(void *arg)
{
    struct run *r = arg;
    int signal = 0;
    for (;;) {
        switch (signals_next(&r->signals, &signal)) {
        case SIGNALS_STOP:
            on_signal(r, signal);
            continue;
        case SIGNALS_STATUS:
            if (!r->saying)
                say_status(r);
            continue;
        case SIGNALS_TIMER:
            draw_progress(r);
            continue;
        case SIGNALS_NONE:
            return run_gives_up(r);
        }
    }
}

/* ---- Reading ---- */

/* True if the journal has this target as done. Counts its occurrence where somebody needs to know. */
static bool is_done(struct run *r, struct span target, uint32_t *ret_occurrence)
{
    *ret_occurrence = r->occurrences ? occurrences_count(r->occurrences, target) : 0;
    return r->resume && resume_holds(r->resume, target, *ret_occurrence);
}

/* The target as it is reported: a line too long to be kept is cut, and shows it. `room` holds it then. */
static struct span shown(const struct input_line *line, struct buffer *room)
{
    buffer_init(room, TARGET_LINE_MAX + 8);
    if (line->too_long && buffer_append(room, line->text.data, line->text.len) == 0 &&
        buffer_puts(room, "…") == 0)
        return buffer_span(room);
    return line->text;
}

/* The shard of a line too long to be kept: as target_shard, from its digest. */
static uint32_t shard_of_digest(const unsigned char digest[32], uint32_t shards)
{
    uint64_t first = 0;
    for (int i = 0; i < 8; i++)
        first = first << 8 | digest[i];
    return 1 + (uint32_t)(first % shards);
}

/* The line's shard is another machine's. `t` NULL: no target. */
static bool is_elsewhere(const struct run *r, const struct target *t, const struct input_line *line)
{
    if (r->o->shards == 0)
        return false;
    uint32_t shard = line->too_long ? shard_of_digest(line->sha256_of_all, r->o->shards)
                                    : target_shard(t, line->text, r->o->shards);
    return shard != r->o->shard;
}

/* A new job goes to the schedule, or, where its line is no target (`refused`), straight to its report. */
static void enter(struct run *r, struct job *job, const struct fetch_error *refused, uint32_t occurrence)
{
    struct fetch_error err;
    job->occurrence = occurrence;
    job_fail(job, refused);
    if (r->input_order && outputs_place(r->outputs, &job->out, job, &err) < 0)
        run_output_failed(r, &err);
    if (refused->kind == ERROR_NONE && schedule_add(r->schedule, &job->item, r->now) == 0)
        return;
    if (refused->kind == ERROR_NONE) {
        error_set(&err, ERROR_OUTPUT, PHASE_NONE, "out of memory");
        job_fail(job, &err);
    } else {
        schedule_skip(r->schedule);
    }
    run_refuse(r, job);
}

/* A target if the line is one. */
static bool parse_line(const struct run *r, const struct input_line *line, struct target *t,
                       struct fetch_error *err)
{
    error_clear(err);
    if (line->too_long)
        error_set(err, ERROR_INVALID_TARGET, PHASE_NONE, "the line is longer than %d bytes", TARGET_LINE_MAX);
    return !line->too_long && target_parse(t, line->text, r->o->path, err) == 0;
}

static void admit(struct run *r, const struct input_line *line)
{
    struct target t = {0};
    struct fetch_error refused;
    struct buffer room;
    struct span text = shown(line, &room);
    uint32_t occurrence;
    const struct target *valid = parse_line(r, line, &t, &refused) ? &t : NULL;
    if (!is_elsewhere(r, valid, line) && !is_done(r, text, &occurrence)) {
        struct job *job = job_new(&r->jobs, line->index, text, valid);
        if (job) {
            enter(r, job, &refused, occurrence);
        } else {
            error_set(&r->input_error, ERROR_NONE, PHASE_NONE, "out of memory");
            r->input_failed = true;
            run_stop(r);
        }
    }
    target_free(&t);
    buffer_free(&room);
}

/* Reads a line, unless there is one that was read ahead. False: there is none now, or none is wanted. */
static bool read_ahead(struct run *r)
{
    struct fetch_error err;
    if (r->has_ahead)
        return true;
    switch (input_next(r->input, false, &r->ahead, &err)) {
    case INPUT_LINE:
        r->has_ahead = true;
        return true;
    case INPUT_AGAIN:
        r->input_waits = true;
        return false;
    case INPUT_FAILED:
        r->input_error = err;
        r->input_failed = true;
        r->state = RUN_DRAINING;
        return false;
    case INPUT_END:
        r->state = RUN_DRAINING;
        return false;
    }
    return false;
}

/* Reads one line and admits it; while --rate lets nothing start it is only read, for it may be the end.
 * False: there is none now, or none is wanted. */
static bool read_one(struct run *r)
{
    if (r->state != RUN_READING || schedule_room(r->schedule) == 0 || !read_ahead(r) ||
        schedule_rate_bound(r->schedule, r->now))
        return false;
    r->has_ahead = false;
    admit(r, &r->ahead);
    return true;
}

/* ---- Giving out work ---- */

/* The worker that the target must go to; the oldest one of an ordered run takes any when its own is busy. */
static uint64_t affinity(const struct run *r, const struct job *job)
{
    if (!r->o->affinity || (r->input_order && !executor_idle_for(r->executor, job->item.host_hash)))
        return EXECUTOR_ANY_WORKER;
    return job->item.host_hash;
}

static bool fits(void *arg, const struct schedule_item *item)
{
    const struct run *r = arg;
    return r->only_idle ? executor_idle_for(r->executor, item->host_hash)
                        : executor_has_room_for(r->executor, item->host_hash);
}

static int64_t watchdog(const struct run *r)
{
    return deadline_add(r->o->fetch.max_time, HUNG_GRACE);
}

static bool is_https(struct span url)
{
    struct span scheme = span_of("https:");
    return url.len > scheme.len && memcmp(url.data, scheme.data, scheme.len) == 0;
}

/* False: it waits again, for the executor could not take it after all. */
static bool submit(struct run *r, struct job *job)
{
    struct buffer task;
    buffer_init(&task, 64 * 1024);
    struct executor_submission s = {
        .task = job_id(job),
        .affinity = affinity(r, job),
        .limit = watchdog(r),
    };
    r->over_tls |= is_https(job->url);
    run_submitted(r, job);
    struct record_task what = {job->url, job->declined < DECLINES_MAX ? job->item.host_hash : 0};
    int result = record_put_task(&task, &what);
    if (result == 0) {
        s.data = task.data;
        s.len = task.len;
        result = executor_submit(r->executor, &s);
    }
    if (result < 0)
        run_unsubmitted(r, job);
    buffer_free(&task);
    return result == 0;
}

/* How many targets may start now. Where the outputs are full, just the one that all they hold waits for. */
static size_t room_to_start(const struct run *r)
{
    size_t room = r->only_idle ? executor_idle(r->executor) : executor_room(r->executor);
    if (room > 0 && outputs_full(r->outputs))
        return schedule_oldest_waits(r->schedule) ? 1 : 0;
    return room;
}

/* Gives every free worker a target, reading as far as is needed for it. */
static void dispatch(struct run *r)
{
    int lines = 0;
    r->input_waits = r->more_input = false;
    r->next_start = DEADLINE_NEVER;
    r->now = deadline_now();
    while (r->state < RUN_STOPPING) {
        size_t room = room_to_start(r);
        if (room == 0)
            return;
        struct schedule_item *item =
            schedule_next(r->schedule, r->now, room, r->o->affinity ? fits : NULL, r, &r->next_start);
        if (item) {
            if (submit(r, (struct job *)item))
                continue;
            r->next_start = deadline_add(r->now, TRY_AGAIN);
            return;
        }
        if (outputs_full(r->outputs))
            return;
        if (++lines > READ_AT_ONCE) {
            r->more_input = true;
            return;
        }
        if (!read_one(r))
            return;
    }
}

/* ---- The loop ---- */

static bool finished(const struct run *r)
{
    return r->state >= RUN_DRAINING && schedule_waiting(r->schedule) == 0 &&
           schedule_started(r->schedule) == 0;
}

static void flush(struct run *r)
{
    struct fetch_error err;
    r->last_flush = deadline_now();
    r->unflushed = false;
    if (outputs_flush(r->outputs, false, &err) < 0)
        run_output_failed(r, &err);
}

/* When the loop has something to do, whatever comes. */
static int64_t next_due(const struct run *r)
{
    int64_t due = r->next_start;
    if (r->more_input)
        return 0;
    if (r->state == RUN_STOPPING)
        due = deadline_min(due, r->cancel_at);
    return r->unflushed ? deadline_min(due, deadline_add(r->last_flush, FLUSH_INTERVAL)) : due;
}

/* With tasks under way and no input to be watched, the executor waits, for signals too: one call. */
static bool executor_waits(const struct run *r)
{
    return r->o->mode != EXECUTOR_SERIAL && !r->input_waits && executor_pending(r->executor) > 0;
}

/* Waits for workers, input, signals or the time at which something is due. */
static void wait_for_something(struct run *r)
{
    struct pollfd fds[3] = {{.fd = executor_fd(r->executor), .events = POLLIN},
                            {.fd = r->signals.fd, .events = POLLIN}};
    int64_t until = deadline_min(next_due(r), executor_deadline(r->executor));
    nfds_t count = 2;
    if (r->input_waits)
        fds[count++] = (struct pollfd){.fd = input_fd(r->input), .events = POLLIN};
    (void)poll(fds, count, deadline_poll_ms(until, deadline_now()));
}

/* The grace is over: what runs is ended. */
static void cancel_running(struct run *r)
{
    r->state = RUN_CANCELLING;
    signals_let_kill();
    run_release_held(r);
    (void)executor_shutdown(r->executor, EXECUTOR_CANCEL, deadline_now(), run_on_event, r);
}

/* While the workers are all there, and have all they took. */
static void show_memory(struct run *r)
{
    if (r->o->memory_address && !r->memory_shown)
        memory_watch_ask(r->o->memory_address);
    r->memory_shown = true;
}

/* At the end of the list workers that no target is left for end while the others are at work. A target that
 * waits wants its own worker, if it has one. */
static void trim(struct run *r)
{
    size_t waiting = schedule_waiting(r->schedule), left = waiting + schedule_started(r->schedule);
    if (r->state != RUN_DRAINING || left >= executor_workers(r->executor) || (r->o->affinity && waiting > 0))
        return;
    show_memory(r);
    executor_trim(r->executor, (unsigned)left);
}

static void loop(struct run *r)
{
    while (!finished(r)) {
        dispatch(r);
        trim(r);
        if (r->state == RUN_STOPPING)
            run_cancel_waiting(r);
        if (finished(r))
            break;
        bool waits = executor_waits(r);
        int ms = waits ? deadline_poll_ms(next_due(r), deadline_now()) : 0;
        int events = executor_poll(r->executor, ms, run_on_event, r);
        bool busy =
            events > 0 && !outputs_flush_due(r->outputs) && deadline_now() - r->last_flush < FLUSH_INTERVAL;
        if (busy)
            continue;
        if (r->unflushed)
            flush(r);
        if (events <= 0 && !waits)
            wait_for_something(r);
        (void)run_wake(r);
        if (r->state == RUN_STOPPING && grace_is_over(r))
            cancel_running(r);
    }
}

/* ---- Ending ---- */

static void close_down(struct run *r)
{
    struct fetch_error err;
    if (r->executor) {
        (void)executor_shutdown(r->executor, EXECUTOR_WAIT, deadline_add(deadline_now(), NS_PER_SECOND),
                                run_on_event, r);
        executor_free(r->executor);
        r->executor = NULL;
        fetch_hang_up(r->shared);
    }
    flush(r);
    struct outputs *outputs = r->outputs;
    r->outputs = NULL;
    if (outputs_close(outputs, &err) < 0)
        run_output_failed(r, &err);
    if (joblog_close(r->joblog, &err) < 0)
        run_output_failed(r, &err);
    run_forget_undelivered(r);
}

static int exit_status(const struct run *r)
{
    if (r->output_failed)
        return r->broken_pipe ? EXIT_SIGNAL + SIGPIPE : EXIT_OUTPUT;
    if (r->signal)
        return EXIT_SIGNAL + r->signal;
    if (r->input_failed)
        return EXIT_USAGE;
    return summary_failed(&r->summary) > 0 && !r->o->exit_zero ? EXIT_SOME_FAILED : EXIT_OK;
}

static void say_last_words(struct run *r)
{
    progress_free(r->progress);
    r->progress = NULL;
    if (r->output_failed && r->broken_pipe)
        return;
    if (r->output_failed)
        say_escaped(r, span_of(r->output_error.message));
    if (r->input_failed)
        say_escaped(r, span_of(r->input_error.message));
    if (r->o->ret_summary)
        *r->o->ret_summary = r->summary;
    bool nothing_read = r->input_failed && r->summary.targets == 0;
    if (!r->o->quiet && !r->o->dry_run && !nothing_read)
        say_summary(r);
}

static void release(struct run *r)
{
    executor_free(r->executor); /* still there where setting up came to nothing */
    progress_free(r->progress);
    schedule_free(r->schedule);
    input_free(r->input);
    resume_free(r->resume);
    occurrences_free(r->occurrences);
    nofork_close(&r->jobs);
    confine_release(r->confine);
    if (!memory_may_stay())
        fetch_teardown(r->shared);
    signals_close(&r->signals);
}

/* --dry-run: the targets that would be fetched, as they were given. */
static void print_targets(struct run *r)
{
    struct input_line line;
    struct fetch_error err;
    enum input_result result = INPUT_END;
    while (r->state == RUN_READING && (result = input_next(r->input, true, &line, &err)) == INPUT_LINE) {
        struct target t = {0};
        struct buffer room;
        struct span text = shown(&line, &room);
        uint32_t occurrence;
        const struct target *valid = parse_line(r, &line, &t, &err) ? &t : NULL;
        if (!is_elsewhere(r, valid, &line) && !is_done(r, text, &occurrence) &&
            outputs_print(r->outputs, text, &err) < 0)
            run_output_failed(r, &err);
        target_free(&t);
        buffer_free(&room);
        (void)run_wake(r);
    }
    if (r->state == RUN_READING && result == INPUT_FAILED) {
        r->input_error = err;
        r->input_failed = true;
    }
}

int run(const struct run_options *options)
{
    struct run r = {.o = options, .started = deadline_now()};
    int status;
    if (signals_open(&r.signals) < 0) {
        perror("pfetch: signals");
        return EXIT_USAGE;
    }
    if (run_set_up(&r) == 0) {
        if (options->dry_run)
            print_targets(&r);
        else
            loop(&r);
        show_memory(&r);
        close_down(&r);
        say_last_words(&r);
        status = exit_status(&r);
    } else {
        struct fetch_error err;
        (void)outputs_close(r.outputs, &err);
        (void)joblog_close(r.joblog, &err);
        status = r.signal ? EXIT_SIGNAL + r.signal : r.output_failed ? EXIT_OUTPUT : EXIT_USAGE;
    }
    release(&r);
    return status;
}
