/*
 * What a worker does, in every mode: the functions that run gives the executor. The initializer confines the
 * process (process mode) and makes the worker's fetcher; a task is one URL to fetch, its results handed to
 * the emitter as records.
 */
#ifndef PFETCH_TASK_H
#define PFETCH_TASK_H

#include "confine/confine.h"
#include "executor/executor.h"
#include "fetch/fetch.h"

struct task_setup {
    const struct fetch_shared *shared;
    const struct confine_plan *confine; /* NULL: the worker stays as it is (threads, serial) */
    const char *memory_address;         /* for compare_memory.h's tell, from a process; NULL: not wanted */
};

/* An executor_initializer; `arg` is a struct task_setup that outlives the executor. */
void *task_initialize(void *arg, unsigned worker, char *message, size_t size);

/* An executor_task: record_put_task's bytes. */
void task_run(void *state, const void *task, size_t len, struct emitter *out);

/* An executor_finalizer. */
void task_finalize(void *state);

#endif
