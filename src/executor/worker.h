/*
 * The worker: one loop, the same in a process and in a thread. It starts with the initializer, says READY,
 * then takes a task from the jobs pipe, lets it write its results, and takes the next, until the jobs pipe
 * ends.
 */
#ifndef PFETCH_EXECUTOR_WORKER_H
#define PFETCH_EXECUTOR_WORKER_H

#include "executor/executor.h"
#include "executor/window.h"

struct worker_setup {
    const struct executor_options *options;
    unsigned slot;        /* 1-based */
    int jobs;             /* read end in packet mode, not blocking: the pool takes records back from it too */
    int results;          /* write end, blocking */
    struct window window; /* of zeros: none */
    int wake_fd;          /* see emitter_wake_fd */
    bool (*wake)(void *arg);
    void *wake_arg;
    bool (*settled)(void *arg); /* called after the initializer; false: the pool is gone. May be NULL */
    void *settled_arg;
};

/* What worker_run returns, and a worker process exits with. Far from what tasks exit with by themselves. */
enum worker_code {
    WORKER_DONE = 0,
    WORKER_NOT_STARTED = 120, /* the initializer failed; the results pipe has the reason */
    WORKER_NO_END = 121,      /* a task returned without its end */
    WORKER_NO_POOL = 122,     /* nobody listens */
    WORKER_BAD_JOB = 123,     /* the jobs pipe brought something else than a task */
    WORKER_NO_MEMORY = 124
};

/* Serves tasks until the jobs pipe ends or something breaks. Closes nothing. Returns an enum worker_code. */
int worker_run(const struct worker_setup *setup);

/* What a worker that ended with `code` did, in words. */
void worker_code_text(int code, char *text, size_t size);

#endif
