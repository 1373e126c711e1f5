#include "run_state.h"

#include "base/escape.h"
#include "record.h"

static void conclude(struct run *r, struct job *job, const struct fetch_result *result);

/* ---- Ending early ---- */

/* Takes the first failure of an output: the run ends as by a signal. */
void run_output_failed(struct run *r, const struct fetch_error *err)
{
    r->gave_up |= err->kind == ERROR_CANCELLED;
    if (err->kind == ERROR_CANCELLED || r->output_failed)
        return;
    r->output_failed = true;
    r->output_error = *err;
    run_stop(r);
    r->broken_pipe = r->outputs && outputs_broken_pipe(r->outputs);
    if (r->broken_pipe)
        r->cancel_at = 0;
}

/* Nothing new starts; what waits is taken back at once, what runs has its grace. The reports are made by the
 * loop. */
void run_stop(struct run *r)
{
    if (r->state >= RUN_STOPPING)
        return;
    r->state = RUN_STOPPING;
    r->cancel_at = deadline_add(deadline_now(), GRACE);
    signals_timer(&r->signals, r->cancel_at, PROGRESS_EVERY);
}

static void cancel_job(struct run *r, struct job *job)
{
    struct fetch_result none = {0};
    struct fetch_error err;
    if (job->failure.kind == ERROR_NONE) {
        error_set(&err, ERROR_CANCELLED, PHASE_NONE, "the run was ended before this target was done");
        job_fail(job, &err);
    }
    conclude(r, job, &none);
}

void run_cancel_waiting(struct run *r)
{
    struct schedule_item *item;
    while ((item = schedule_drain(r->schedule)))
        cancel_job(r, (struct job *)item);
    for (struct job *job = r->inflight, *next; job; job = next) {
        next = job->next;
        if (job->state == JOB_SUBMITTED)
            (void)executor_cancel(r->executor, job_id(job), false);
    }
}

void run_release_held(struct run *r)
{
    for (struct job *job = r->inflight; job; job = job->next)
        executor_hold(r->executor, job_id(job), false);
}

/* Ends this target's fetch from our side; its report will carry `failure`. */
static void kill_job(struct run *r, struct job *job, const struct fetch_error *failure)
{
    if (job->killed)
        return;
    job->killed = true;
    job_fail(job, failure);
    executor_hold(r->executor, job_id(job), false); /* a thread ends only if what it still says is read */
    (void)executor_cancel(r->executor, job_id(job), true);
}

/* --halt: after each report. */
static void check_halt(struct run *r)
{
    const struct run_options *o = r->o;
    uint64_t failed = summary_failed(&r->summary), total = r->summary.targets;
    if (o->halt == HALT_NEVER || r->state >= RUN_STOPPING || r->halted_after || failed == 0)
        return;
    bool reached = o->halt_percent ? total >= HALT_PERCENT_AFTER &&
                                         (double)failed * 100 >= (double)o->halt_fail * (double)total
                                   : failed >= o->halt_fail;
    if (!reached)
        return;
    r->halted_after = failed;
    if (o->halt == HALT_NOW) {
        run_stop(r);
        r->cancel_at = 0;
    } else if (r->state == RUN_READING) {
        r->state = RUN_DRAINING;
    }
}

/* ---- The end of a target ---- */

static struct job **list_of(struct run *r, const struct job *job)
{
    switch (job->state) {
    case JOB_SUBMITTED:
    case JOB_RUNNING:
        return &r->inflight;
    case JOB_REPORTED:
        return &r->undelivered;
    case JOB_READ:
        break;
    }
    return NULL;
}

/* Every job but those that wait in the schedule is in the list of its state. */
static void enter_state(struct run *r, struct job *job, enum job_state state)
{
    struct job **list = list_of(r, job);
    if (list) {
        *(job->prev ? &job->prev->next : list) = job->next;
        if (job->next)
            job->next->prev = job->prev;
    }
    job->state = state;
    job->next = job->prev = NULL;
    list = list_of(r, job);
    if (!list)
        return;
    job->next = *list;
    if (job->next)
        job->next->prev = job;
    *list = job;
}

void run_submitted(struct run *r, struct job *job)
{
    job->recalled = false;
    enter_state(r, job, JOB_SUBMITTED);
}

void run_unsubmitted(struct run *r, struct job *job)
{
    enter_state(r, job, JOB_READ);
    schedule_unstart(r->schedule, &job->item, deadline_now());
}

/* What waits for a FIFO's reader can't be told of a signal: it ends the run at once then. */
static int write_journal(struct run *r, const struct job *job, struct fetch_error *err)
{
    bool waits = joblog_may_wait(r->joblog);
    if (waits) {
        (void)run_wake(r);
        signals_let_kill();
    }
    struct report report = {
        .target = job->line,
        .started_us = job->done.started_us,
        .ns_total = job->done.ns_total,
        .status = job->done.status,
        .bytes = job->done.bytes,
        .error.kind = job->done.kind,
    };
    int result = joblog_write(r->joblog, &report, job->occurrence, r->o->sync, err);
    if (waits && !r->signal)
        signals_hold();
    return result;
}

/* The target's output has left: now the journal may say that it is done. */
void run_on_delivered(void *arg, void *owner)
{
    struct run *r = arg;
    struct job *job = owner;
    struct fetch_error err;
    if (r->joblog && job->done.kind != ERROR_CANCELLED && job->done.kind != ERROR_OUTPUT &&
        !r->output_failed) {
        bool written = !r->o->sync || outputs_flush(r->outputs, true, &err) == 0;
        if (!written || write_journal(r, job, &err) < 0)
            run_output_failed(r, &err);
    }
    enter_state(r, job, JOB_READ);
    job_free(&r->jobs, job);
}

void run_forget_undelivered(struct run *r)
{
    enum error_kind kind = r->gave_up ? ERROR_CANCELLED : ERROR_OUTPUT;
    bool with_body = r->o->format == FORMAT_BODY && !r->o->output_dir && !r->o->warc_path;
    while (r->undelivered) {
        struct job *job = r->undelivered;
        r->never_left++;
        if (job->done.kind != ERROR_OUTPUT)
            summary_recount(&r->summary, job->done.kind, kind, with_body ? job->done.bytes : 0);
        enter_state(r, job, JOB_READ);
        job_free(&r->jobs, job);
    }
}

/* Hands the final report to all outputs and counts it. The job may be gone afterwards. */
static void report_job(struct run *r, struct job *job, const struct fetch_result *result)
{
    struct report report;
    struct fetch_error err;
    job_report(job, result, &report);
    r->unflushed = true;
    enter_state(r, job, JOB_REPORTED);
    if (outputs_place(r->outputs, &job->out, job, &err) < 0 ||
        outputs_end(r->outputs, &job->out, &report, &err) < 0)
        run_output_failed(r, &err);
    summary_count(&r->summary, report.error.kind, report.bytes);
    job->done = (struct job_done){
        .kind = report.error.kind,
        .status = report.status,
        .started_us = report.started_us,
        .ns_total = report.ns_total,
        .bytes = report.bytes,
    };
    check_halt(r);
    if (outputs_finish(r->outputs, &job->out, job, &err) < 0)
        run_output_failed(r, &err);
}

/* A host has asked for a pause: what was given to busy workers of it, and not begun, waits again. */
static void recall_host(struct run *r, const struct job *paused)
{
    for (struct job *job = r->inflight, *next; job; job = next) {
        next = job->next;
        if (job->state == JOB_SUBMITTED && span_equal(job->item.host, paused->item.host) &&
            executor_cancel(r->executor, job_id(job), false) == 0)
            job->recalled = true;
    }
}

/* What the schedule needs to know of a try's end. */
static struct schedule_outcome outcome_of(const struct run *r, const struct job *job,
                                          const struct fetch_error *err, int status, int64_t retry_after_s)
{
    bool answered = err->kind == ERROR_NONE || err->kind == ERROR_HTTP_STATUS;
    struct schedule_outcome outcome = {
        .retryable = answered ? status_retryable(status) : error_retryable(err),
        .retry_after =
            retry_after_s < 0
                ? -1
                : deadline_add(0, retry_after_s > 100000 ? DEADLINE_NEVER : retry_after_s * NS_PER_SECOND),
        .pause_host = answered && status_pauses_host(status) && retry_after_s >= 0,
    };
    if (r->state >= RUN_STOPPING || (job->out.slot && spool_streamed(job->out.slot) > 0))
        outcome.retryable = false;
    return outcome;
}

/* A try has ended: it is final, or the schedule keeps the target for another. */
static void conclude(struct run *r, struct job *job, const struct fetch_result *result)
{
    struct fetch_error err = job_error(job, result);
    int status = result->status ? result->status : job->status;
    bool was_started = job->state == JOB_SUBMITTED || job->state == JOB_RUNNING;
    if (was_started) {
        struct schedule_outcome outcome =
            outcome_of(r, job, &err, status, result->has_retry_after ? result->retry_after : -1);
        if (outcome.pause_host && outcome.retry_after > 0)
            recall_host(r, job);
        if (!schedule_ended(r->schedule, &job->item, &outcome, deadline_now())) {
            struct report report;
            struct fetch_error failed;
            job_report(job, result, &report);
            enter_state(r, job, JOB_READ);
            if (outputs_abandon(r->outputs, &job->out, &report, &failed) < 0)
                run_output_failed(r, &failed);
            job_forget_try(job);
            return;
        }
    }
    struct fetch_result final = *result;
    if (job->discard && err.kind == ERROR_NONE) {
        error_set(&err, ERROR_CANCELLED, PHASE_NONE, "the run was ended before this target was tried again");
        job_fail(job, &err);
        final.bytes = 0; /* discarded */
    }
    report_job(r, job, &final);
}

void run_refuse(struct run *r, struct job *job)
{
    struct fetch_result none = {0};
    report_job(r, job, &none);
}

/* ---- What workers send ---- */

static void found_out(struct run *r, const struct job *job, const char *what, struct fetch_error *ret)
{
    error_set(ret, ERROR_WORKER_DIED, PHASE_NONE, "worker %u broke the protocol: %s", job->worker, what);
    summary_lost(&r->summary, span_of(ret->message));
}

static void broke_protocol(struct run *r, struct job *job, const char *what)
{
    struct fetch_error err;
    found_out(r, job, what, &err);
    kill_job(r, job, &err);
}

/* As broke_protocol, with the target's end: the worker may have got another one already. */
static void broke_protocol_at_end(struct run *r, struct job *job, const char *what)
{
    struct fetch_error err;
    found_out(r, job, what, &err);
    job_fail(job, &err);
    (void)executor_kill(r->executor, job->worker, err.message);
}

/* An output failed for this target: it ends as `output`, and so does the run. */
static void failed_for(struct run *r, struct job *job, const struct fetch_error *err)
{
    run_output_failed(r, err);
    kill_job(r, job, err);
}

static void begin_outputs(struct run *r, struct job *job, bool keepers)
{
    struct sink_target target = {
        .index = job->item.index, .target = job->line, .occurrence = job->occurrence};
    struct fetch_error err;
    if (job->out.begun)
        return;
    if (outputs_place(r->outputs, &job->out, job, &err) < 0 ||
        outputs_begin(r->outputs, &job->out, &target, keepers, &err) < 0)
        failed_for(r, job, &err);
}

static void on_hop(struct run *r, struct job *job, const struct executor_event *event)
{
    struct fetch_head hop;
    struct fetch_conn conn;
    struct fetch_error err;
    if (record_get_head(span_make(event->data, event->len), &hop, &conn) < 0 || !hop.location || !hop.conn ||
        job_add_redirect(job, &hop) < 0) {
        broke_protocol(r, job, "a hop that is none");
    } else {
        begin_outputs(r, job, false);
        if (!job->killed && outputs_hop(r->outputs, &job->out, &hop, &err) < 0)
            failed_for(r, job, &err);
    }
    fetch_cert_release(conn.cert);
}

/* True if the answer with this head will be tried again whatever its body: then nobody but an archive gets
 * it. */
static bool head_will_be_retried(const struct run *r, const struct job *job, int status)
{
    struct fetch_error none;
    error_clear(&none);
    struct schedule_outcome outcome = outcome_of(r, job, &none, status, -1);
    return outcome.retryable && schedule_would_retry(r->schedule, &job->item, &outcome);
}

static void on_head(struct run *r, struct job *job, const struct executor_event *event)
{
    struct fetch_head head;
    struct fetch_conn conn;
    struct fetch_error err;
    if (record_get_head(span_make(event->data, event->len), &head, &conn) < 0 ||
        (!head.conn && outputs_want_wire(r->outputs)) || job_keep_head(job, &head) < 0) {
        broke_protocol(r, job, "a head that is none");
    } else {
        job->discard = head_will_be_retried(r, job, head.status);
        begin_outputs(r, job, job->discard);
        if (!job->killed && outputs_head(r->outputs, &job->out, &head, &err) < 0)
            failed_for(r, job, &err);
    }
    fetch_cert_release(conn.cert);
}

static void on_body(struct run *r, struct job *job, const struct executor_event *event)
{
    struct fetch_error err;
    if (event->len > r->o->fetch.max_size - job->received) {
        broke_protocol(r, job, "more than --max-size");
        return;
    }
    job->received += event->len;
    r->unflushed = true;
    if (job->discard || r->state == RUN_CANCELLING)
        return;
    if (outputs_body(r->outputs, &job->out, event->data, event->len, &err) < 0)
        failed_for(r, job, &err);
    else if (job->out.slot && spool_held(job->out.slot))
        executor_hold(r->executor, job_id(job), true);
}

static void on_wire(struct run *r, struct job *job, const struct executor_event *event)
{
    struct fetch_error err;
    if (outputs_wire(r->outputs, &job->out, event->data, event->len, &err) < 0)
        failed_for(r, job, &err);
}

static void on_note(struct run *r, const struct job *job, const struct executor_event *event)
{
    struct buffer b;
    if (!r->o->verbose)
        return;
    buffer_init(&b, 64 * 1024);
    if (buffer_printf(&b, "[%u] ", job->worker) == 0 && escape_text(&b, job->line) == 0 &&
        buffer_puts(&b, ": ") == 0 && escape_text(&b, span_make(event->data, event->len)) == 0)
        say(r, (const char *)b.data, b.len);
    buffer_free(&b);
}

/* What is wrong with a result; NULL: nothing. A task is cancelled only by us. */
static const char *result_fault(const struct run *r, const struct job *job, const struct fetch_result *result)
{
    enum error_kind kind = result->error.kind;
    if (kind == ERROR_OUTPUT || kind == ERROR_WORKER_DIED ||
        (kind == ERROR_CANCELLED && r->state < RUN_STOPPING))
        return "a failure that is not a worker's to report";
    if (outputs_want_body(r->outputs) && !job->discard && kind == ERROR_NONE &&
        result->bytes != job->received)
        return "a result that counts other bytes than came";
    return result->bytes > r->o->fetch.max_size && kind == ERROR_NONE ? "more than --max-size" : NULL;
}

/* The task came back unfetched: its host pauses, as an end before this one said. */
static bool was_declined(const struct job *job, const struct executor_event *event)
{
    return record_is_declined(span_make(event->data, event->len)) && job->declined < DECLINES_MAX &&
           !job->out.begun && job->status == 0 && job->redirect_count == 0;
}

static void on_declined(struct run *r, struct job *job)
{
    if (job->killed || r->state >= RUN_STOPPING) {
        cancel_job(r, job);
        return;
    }
    job->declined++;
    run_unsubmitted(r, job);
}

static void on_end(struct run *r, struct job *job, const struct executor_event *event)
{
    struct fetch_result result;
    bool is_one = record_get_result(span_make(event->data, event->len), &result) == 0;
    const char *fault = is_one ? NULL : "a result that is none";
    if (is_one && job->killed) /* a thread that went on: what it still said was not taken */
        result.bytes = job->received;
    else if (is_one)
        fault = result_fault(r, job, &result);
    if (!fault) {
        conclude(r, job, &result);
    } else {
        struct fetch_result none = {.bytes = job->discard ? 0 : job->received};
        broke_protocol_at_end(r, job, fault);
        conclude(r, job, &none);
    }
    fetch_result_free(&result);
}

static void on_lost(struct run *r, struct job *job, const struct executor_event *event)
{
    struct fetch_result none = {.bytes = job->discard ? 0 : job->received};
    struct span reason = span_make(event->data, event->len);
    summary_lost(&r->summary, reason);
    if (job->failure.kind == ERROR_NONE) {
        struct fetch_error err;
        error_set(&err, ERROR_WORKER_DIED, PHASE_NONE, "%.*s", (int)reason.len, (const char *)reason.data);
        job_fail(job, &err);
    }
    conclude(r, job, &none);
}

static void on_started(struct run *r, struct job *job, const struct executor_event *event)
{
    int64_t now = deadline_now();
    job->state = JOB_RUNNING;
    job->worker = event->worker;
    schedule_begun(r->schedule, &job->item, now);
    job->ns_queue = now - job->item.due;
    if (job->ns_queue < 0)
        job->ns_queue = 0;
}

void run_on_event(void *arg, const struct executor_event *event)
{
    struct run *r = arg;
    struct job *job = job_of(event->task);
    if (event->type == EXECUTOR_WARNING) {
        say_escaped(r, span_make(event->data, event->len));
        return;
    }
    bool final =
        event->type == EXECUTOR_END || event->type == EXECUTOR_LOST || event->type == EXECUTOR_CANCELLED;
    if (job->killed && !final)
        return;
    switch (event->type) {
    case EXECUTOR_STARTED:
        on_started(r, job, event);
        break;
    case EXECUTOR_HOP:
        on_hop(r, job, event);
        break;
    case EXECUTOR_HEAD:
        on_head(r, job, event);
        break;
    case EXECUTOR_BODY:
        on_body(r, job, event);
        break;
    case EXECUTOR_WIRE:
        on_wire(r, job, event);
        break;
    case EXECUTOR_NOTE:
        on_note(r, job, event);
        break;
    case EXECUTOR_END:
        if (was_declined(job, event))
            on_declined(r, job);
        else
            on_end(r, job, event);
        break;
    case EXECUTOR_LOST:
        on_lost(r, job, event);
        break;
    case EXECUTOR_CANCELLED:
        if (job->recalled && r->state < RUN_STOPPING)
            run_unsubmitted(r, job);
        else
            cancel_job(r, job);
        break;
    case EXECUTOR_WARNING:
        break;
    }
}

/* The spool can take more of a target whose worker was held. */
void run_on_resume(void *arg, void *owner)
{
    struct run *r = arg;
    struct job *job = owner;
    if (job->state == JOB_RUNNING)
        executor_hold(r->executor, job_id(job), false);
}
