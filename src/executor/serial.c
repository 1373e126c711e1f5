/* Serial mode: the caller is the worker. A task waits in the list; executor_poll runs it to its end, and what
 * it emits goes straight to the handler. */
#include "executor/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "executor/emitting.h"

enum { SERIAL_WORKER = 1 };

struct serial {
    void *state;
    bool begun;  /* the initializer has run … */
    bool failed; /* … without success */
    char message[FRAME_MAX_NOTE];
};

static int serial_open(struct executor *x)
{
    x->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (x->wake_fd < 0)
        return -1;
    x->mode_state = calloc(1, sizeof(struct serial));
    return x->mode_state ? 0 : -1;
}

static void serial_begin(struct executor *x, struct serial *s)
{
    if (s->begun)
        return;
    s->begun = true;
    if (!x->options.initializer)
        return;
    (void)snprintf(s->message, sizeof s->message, "the initializer gave no reason");
    s->state = x->options.initializer(x->options.arg, SERIAL_WORKER, s->message, sizeof s->message);
    s->failed = s->state == NULL;
    if (s->failed)
        news_warn(x, s->message);
}

/* The end takes the task out of the table, and the handler may use its id again; its bytes are the running
 * function's until that returns. */
static void serial_receive(void *arg, enum frame_type type, uint64_t id, const void *data, size_t len)
{
    static const enum executor_event_type events[FRAME_TYPES] = {
        [FRAME_HOP] = EXECUTOR_HOP,   [FRAME_HEAD] = EXECUTOR_HEAD, [FRAME_BODY] = EXECUTOR_BODY,
        [FRAME_WIRE] = EXECUTOR_WIRE, [FRAME_NOTE] = EXECUTOR_NOTE, [FRAME_END] = EXECUTOR_END,
    };
    struct executor *x = arg;
    if (type != FRAME_END) {
        pool_emit(x, events[type], id, SERIAL_WORKER, span_make(data, len));
        return;
    }
    news_tell(x);
    struct task *task = x->running;
    x->running = NULL;
    pool_finish(x, task, EXECUTOR_END, SERIAL_WORKER, span_make(data, len));
}

static void serial_lose(struct executor *x, const char *why)
{
    struct task *task = x->running;
    x->running = NULL;
    news_add(x, task, NEWS_LOST, SERIAL_WORKER, why);
    news_tell(x);
}

static void serial_run(struct executor *x, struct task *task)
{
    struct serial *s = x->mode_state;
    struct emitter e;
    unsigned char empty[1];
    size_t len = task->len;
    unsigned char *data = len ? malloc(len) : empty;
    x->running = task;
    serial_begin(x, s);
    if (!data || s->failed) {
        serial_lose(x, data ? s->message : "no memory for its task");
    } else {
        if (len)
            memcpy(data, task->data, len);
        news_add(x, task, NEWS_STARTED, SERIAL_WORKER, NULL);
        news_tell(x);
        emitter_init_direct(&e, serial_receive, x);
        e.wake_fd = x->options.wake_fd;
        e.wake = x->options.wake;
        e.wake_arg = x->options.wake_arg;
        emitter_begin(&e, task->id);
        x->options.task(s->state, data, len, &e);
        if (!emitter_ended(&e))
            serial_lose(x, "worker 1 broke the protocol: the task returned without its end");
    }
    if (data != empty)
        free(data);
}

static void serial_close(struct executor *x)
{
    struct serial *s = x->mode_state;
    if (s && s->begun && !s->failed && x->options.finalizer)
        x->options.finalizer(s->state);
    free(s);
    x->mode_state = NULL;
    if (x->wake_fd >= 0)
        (void)close(x->wake_fd);
    x->wake_fd = -1;
}

const struct mode mode_serial = {
    .name = "serial",
    .open = serial_open,
    .run = serial_run,
    .close = serial_close,
};
