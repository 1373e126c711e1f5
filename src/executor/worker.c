#include "config.h"

#include "executor/worker.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "executor/emitting.h"

/* A read must have room for a whole packet, or its rest is dropped. */
enum { TASK_BUFFER = FRAME_HEADER + FRAME_MAX_TASK + PIPE_BUF };

/* Waits until a packet is there and reads it: its bytes, 0 at the end, -1 on failure. Reading comes first:
 * with a task waiting it is one call. Another may have taken the packet after poll(2) saw it; then it waits
 * again.
 */
static ssize_t packet_read(int fd, unsigned char *into, size_t size)
{
    for (;;) {
        ssize_t n = read(fd, into, size);
        if (n >= 0 || (errno != EAGAIN && errno != EINTR))
            return n;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (errno == EAGAIN && poll(&p, 1, -1) < 0 && errno != EINTR)
            return -1;
    }
}

/* Reads the next TASK: 1, 0 at the end of the pipe, -1 for what is no task. */
static int task_read(int fd, unsigned char *buffer, struct frame *ret_frame)
{
    ssize_t n = packet_read(fd, buffer, TASK_BUFFER);
    if (n <= 0)
        return (int)n;
    size_t have = (size_t)n;
    if (have < FRAME_HEADER || frame_get(buffer, ret_frame) < 0 || ret_frame->type != FRAME_TASK)
        return -1;
    size_t whole = FRAME_HEADER + ret_frame->length;
    while (have < whole) {
        n = packet_read(fd, buffer + have, TASK_BUFFER - have);
        if (n <= 0)
            return -1;
        have += (size_t)n;
    }
    return have == whole ? 1 : -1;
}

static int worker_serve(const struct worker_setup *setup, void *state, struct emitter *e,
                        unsigned char *buffer)
{
    struct frame f;
    int got;
    if (emitter_ready(e) < 0)
        return WORKER_NO_POOL;
    while ((got = task_read(setup->jobs, buffer, &f)) > 0) {
        emitter_begin(e, f.task);
        setup->options->task(state, buffer + FRAME_HEADER, f.length, e);
        if (e->dead)
            return WORKER_NO_POOL;
        if (!emitter_ended(e))
            return WORKER_NO_END;
    }
    return got < 0 ? WORKER_BAD_JOB : WORKER_DONE;
}

static int worker_live(const struct worker_setup *setup, struct emitter *e, unsigned char *buffer)
{
    char message[FRAME_MAX_NOTE] = "the initializer gave no reason";
    void *state = NULL;
    if (setup->options->initializer) {
        state = setup->options->initializer(setup->options->arg, setup->slot, message, sizeof message);
        if (!state) {
            (void)emitter_failed(e, message);
            return WORKER_NOT_STARTED;
        }
    }
    int code = WORKER_NO_POOL;
    if (!setup->settled || setup->settled(setup->settled_arg))
        code = worker_serve(setup, state, e, buffer);
    if (setup->options->finalizer)
        setup->options->finalizer(state);
    return code;
}

int worker_run(const struct worker_setup *setup)
{
    struct emitter e;
    int code = WORKER_NO_MEMORY;
    unsigned char *buffer = malloc(TASK_BUFFER);
    if (emitter_init_pipe(&e, setup->results, setup->slot) == 0 && buffer) {
        e.window = setup->window;
        e.wake_fd = setup->wake_fd;
        e.wake = setup->wake;
        e.wake_arg = setup->wake_arg;
        code = worker_live(setup, &e, buffer);
    }
    emitter_free(&e);
    free(buffer);
    return code;
}

void worker_code_text(int code, char *text, size_t size)
{
    switch (code) {
    case WORKER_NOT_STARTED:
        (void)snprintf(text, size, "could not start");
        break;
    case WORKER_NO_END:
        (void)snprintf(text, size, "broke the protocol: the task returned without its end");
        break;
    case WORKER_NO_POOL:
        (void)snprintf(text, size, "could not write to its pipe");
        break;
    case WORKER_BAD_JOB:
        (void)snprintf(text, size, "could not read its jobs pipe");
        break;
    case WORKER_NO_MEMORY:
        (void)snprintf(text, size, "ran out of memory");
        break;
    default:
        (void)snprintf(text, size, "exited with status %d", code);
    }
}
