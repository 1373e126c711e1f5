#include "task.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/fresh.h"
#include "base/late_library.h"
#include "compare_memory.h"
#include "executor/worker.h"
#include "fetch/memory.h"
#include "job.h"
#include "record.h"

/* What any fetch may want at once: a decoder's window. */
enum { MEMORY_FOR_ONE = 16 * 1024 * 1024 };

/* What a worker process allocates for its first fetch over TLS: from the arena, and from malloc. */
enum { FRESH_ARENA = 32 * 1024, FRESH_HEAP = 64 * 1024 };

struct task_state {
    bool alone; /* in a process of its own */
    struct fetcher *fetcher;
    struct buffer record; /* of the head or result that is being sent */
    uint64_t paused;      /* the host that asked for a pause last … */
    int64_t paused_until; /* … and its end */
};

/* ---- From the fetch's sink to the emitter ---- */

struct task_sink {
    struct emitter *out;
    struct buffer *record;
};

static int send_head(struct task_sink *s, const struct fetch_head *head,
                     int (*emit)(struct emitter *, const void *, size_t))
{
    buffer_clear(s->record);
    if (record_put_head(s->record, head) < 0)
        return -1;
    return emit(s->out, s->record->data, s->record->len);
}

static int on_hop(void *arg, const struct fetch_head *hop)
{
    return send_head(arg, hop, emitter_hop);
}

static int on_head(void *arg, const struct fetch_head *head)
{
    return send_head(arg, head, emitter_head);
}

static int on_body(void *arg, const void *data, size_t len)
{
    struct task_sink *s = arg;
    return emitter_body(s->out, data, len);
}

static int on_wire(void *arg, const void *data, size_t len)
{
    struct task_sink *s = arg;
    return emitter_wire(s->out, data, len);
}

static void on_note(void *arg, const char *text)
{
    struct task_sink *s = arg;
    (void)emitter_note(s->out, text);
}

static void on_idle(void *arg)
{
    struct task_sink *s = arg;
    memory_pass_on();
    (void)emitter_flush(s->out);
}

static bool on_wake(void *arg)
{
    struct task_sink *s = arg;
    return emitter_wake(s->out);
}

/* ---- The executor's three ---- */

/* Before anything else is done in a forked worker. */
static void own_memory(void)
{
    fresh_begin(FRESH_HEAP);
    memory_fresh(FRESH_ARENA);
}

void *task_initialize(void *arg, unsigned worker, char *message, size_t size)
{
    const struct task_setup *setup = arg;
    (void)worker;
    if (setup->confine) {
        if (setup->memory_address)
            memory_watch_tell(setup->memory_address);
        own_memory();
        late_libraries_settle();
        if (confine_self(setup->confine, message, size) < 0)
            return NULL;
    }
    struct task_state *state = calloc(1, sizeof *state);
    if (state) {
        state->alone = setup->confine != NULL;
        state->fetcher = fetcher_new(setup->shared);
    }
    if (!state || !state->fetcher) {
        snprintf(message, size, "out of memory");
        free(state);
        return NULL;
    }
    buffer_init(&state->record, EMITTER_MAX_HEAD);
    return state;
}

static bool memory_is_left(void)
{
    void *p = mmap(NULL, MEMORY_FOR_ONE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p != MAP_FAILED && munmap(p, MEMORY_FOR_ONE) == 0;
}

/* The parent keeps pauses, but may have sent the next task before it heard of one. */
static void note_pause(struct task_state *state, uint64_t host, const struct fetch_result *result)
{
    bool answered = result->error.kind == ERROR_NONE || result->error.kind == ERROR_HTTP_STATUS;
    if (!answered || !status_pauses_host(result->status) || !result->has_retry_after)
        return;
    int64_t wait = result->retry_after > RETRY_AFTER_MAX / NS_PER_SECOND
                       ? RETRY_AFTER_MAX
                       : result->retry_after * NS_PER_SECOND;
    state->paused = host;
    state->paused_until = deadline_add(deadline_now(), wait);
}

static bool is_paused(const struct task_state *state, uint64_t host)
{
    return host != 0 && host == state->paused && deadline_now() < state->paused_until;
}

void task_run(void *arg, const void *task, size_t len, struct emitter *out)
{
    struct task_state *state = arg;
    struct task_sink to = {out, &state->record};
    const struct fetch_sink sink = {
        .hop = on_hop,
        .head = on_head,
        .body = on_body,
        .wire = on_wire,
        .note = on_note,
        .idle = on_idle,
        .wake = on_wake,
        .wake_fd = emitter_wake_fd(out),
        .arg = &to,
    };
    struct fetch_result result;
    struct record_task what;
    if (record_get_task(span_make(task, len), &what) < 0)
        return;
    buffer_clear(&state->record);
    if (is_paused(state, what.pausable)) {
        if (record_put_declined(&state->record) == 0)
            (void)emitter_end(out, state->record.data, state->record.len);
        return;
    }
    fetch_get(state->fetcher, what.url, &sink, &result);
    note_pause(state, what.pausable, &result);
    /* With its memory used up, a worker would blame every server that it still meets: it makes room for
     * another. */
    if (result.error.kind != ERROR_NONE && state->alone && !memory_is_left())
        _exit(WORKER_NO_MEMORY);
    buffer_clear(&state->record);
    if (record_put_result(&state->record, &result) == 0)
        (void)emitter_end(out, state->record.data, state->record.len);
    fetch_result_free(&result);
}

void task_finalize(void *arg)
{
    struct task_state *state = arg;
    if (state->alone && memory_may_stay()) {
        fetcher_hang_up(state->fetcher);
        return;
    }
    fetcher_free(state->fetcher);
    buffer_free(&state->record);
    free(state);
}
