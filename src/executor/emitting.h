/*
 * The inner side of the emitter: what a worker loop and serial mode need to make one (emitter.h is what a
 * task sees). Two forms: into a pipe, gathered, and straight to a function.
 */
#ifndef PFETCH_EXECUTOR_EMITTING_H
#define PFETCH_EXECUTOR_EMITTING_H

#include "executor/emitter.h"
#include "executor/protocol.h"
#include "executor/window.h"

struct emitter_form;

/* Receives what the direct form emits. */
typedef void emitter_receiver(void *arg, enum frame_type type, uint64_t task, const void *data, size_t len);

struct emitter {
    const struct emitter_form *form;
    struct protocol protocol;
    unsigned worker; /* slot, 1-based */
    bool dead;       /* nobody listens any more */
    int wake_fd;     /* -1: none */
    bool (*wake)(void *arg);
    void *wake_arg;
    /* pipe form */
    int fd;
    unsigned char *gathered;
    size_t used;
    size_t last_at;       /* of the header gathered last … */
    struct frame last;    /* … which is this one; length 0: none that could grow */
    struct window window; /* for large bodies; of zeros: none */
    uint64_t streamed;    /* bytes of the task's body that went through the pipe */
    unsigned char *place; /* of the window, being filled; NULL: none */
    struct frame shared;  /* what will be said of it */
    /* direct form */
    emitter_receiver *receiver;
    void *receiver_arg;
};

/* An emitter in pipe form, in the state before READY. It writes to `fd`, a blocking descriptor that stays the
 * caller's. 0, or -1 with errno ENOMEM. wake_fd is -1, wake NULL, and there is no window; the caller may set
 * them. */
int emitter_init_pipe(struct emitter *e, int fd, unsigned worker);

/* An emitter in direct form, READY already behind it. */
void emitter_init_direct(struct emitter *e, emitter_receiver *receiver, void *arg);

/* Releases the memory; what was gathered and not written is lost. */
void emitter_free(struct emitter *e);

/* Says that the worker serves tasks now. 0, or -1: nobody listens. */
int emitter_ready(struct emitter *e);

/* Says why the worker could not start, in place of READY. As emitter_ready. */
int emitter_failed(struct emitter *e, const char *reason);

/* The next task begins; the last one must have ended. */
void emitter_begin(struct emitter *e, uint64_t task);

/* True if the task has called emitter_end. */
static inline bool emitter_ended(const struct emitter *e)
{
    return e->protocol.state == PROTOCOL_IDLE;
}

#endif
