/*
 * libpfetch: an executor in the manner of Python's concurrent.futures, for tasks that stream their results.
 * One word says what a worker is: a forked process, a thread, or the caller itself; the task function is the
 * same.
 *
 *   1. executor_new       checks the options; starts nothing yet
 *   2. executor_submit    queues a task (bytes in); refuses when the queue is full. Workers start as tasks
 * arrive; more than four (or two for each processor) only while those there are leave processors idle
 *   3. executor_poll      waits for and hands over events: (hop, wire…)*, head, (body | wire)…, then end or
 * lost; every submitted task gets exactly one end, lost or cancelled event
 *   4. executor_shutdown  lets the tasks finish, or cancels them
 *   5. executor_free      ends whatever still runs (SIGKILL for processes) and releases all
 *
 * Not thread-safe: one thread drives an executor. Process mode forks from that thread, which must outlive the
 * pool (workers die with it) and should be the only one of its process: what a fork of a threaded program may
 * do is little (man 2 fork). From the 129th worker on a thread of the executor's own forks, while the
 * caller's waits or makes pipes: see pfetch(3) for what differs in such workers. The library installs no
 * signal handlers and no atexit functions, writes to no descriptor but its own, and opens everything
 * close-on-exec. A worker process has /dev/null as descriptors 0, 1 and 2 and none of the caller's others.
 * Workers ignore SIGINT, SIGQUIT, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2 and SIGTERM, and are gone when the
 * caller's process is. The caller must not ignore SIGCHLD nor wait for children that it didn't start. The
 * executor, its tasks and the data of events lie in memory that children do not get (madvise(2),
 * MADV_DONTFORK): neither workers nor those of the caller's own.
 */
#ifndef PFETCH_EXECUTOR_EXECUTOR_H
#define PFETCH_EXECUTOR_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "emitter.h" /* installed side by side */

#ifdef __cplusplus
extern "C" {
#endif

enum executor_mode { EXECUTOR_PROCESS, EXECUTOR_THREAD, EXECUTOR_SERIAL };

enum { EXECUTOR_MAX_WORKERS = 4096, EXECUTOR_MAX_TASK = 64 * 1024 };

/* Called in a new worker before its first task. `worker` is its slot, 1 to max_workers. Returns the worker's
 * state, or NULL: the worker could not start. Then `message` (size bytes) says why. */
typedef void *executor_initializer(void *arg, unsigned worker, char *message, size_t size);

/* One task. Must call emitter_end exactly once, last; a return without it is a worker that broke the
 * protocol. */
typedef void executor_task(void *state, const void *task, size_t len, struct emitter *out);

/* Called when a worker ends in good order. */
typedef void executor_finalizer(void *state);

struct executor_options {
    size_t size; /* sizeof (struct executor_options) */
    enum executor_mode mode;
    unsigned max_workers;          /* 1 to EXECUTOR_MAX_WORKERS; serial: 1 is used */
    unsigned max_tasks_per_worker; /* a worker is replaced after so many; 0: never */
    bool send_ahead; /* a task may wait in a busy worker's pipe, up to eight where the last took less than 2
                        ms; they are taken back when another worker is free first */
    int64_t
        stopped_grace; /* ns that a busy worker process may be stopped (SIGSTOP) before it counts as lost */
    executor_initializer *initializer; /* may be NULL: the state is NULL then */
    executor_task *task;
    executor_finalizer *finalizer; /* may be NULL */
    void *arg;                     /* for the initializer */
    int wake_fd; /* -1: none. When it is readable, executor_poll returns; serial mode: it is polled by
                    a waiting task … */
    bool (*wake)(void *arg); /* … and this is called then, from the task; true: the task is cancelled */
    void *wake_arg;
    unsigned prepare_from; /* before this one of all worker processes is started, replacements counted, or
                              before those that are started together with it … */
    bool (*prepare)(void *arg); /* … this is called, by executor_poll or executor_submit, which then take as
                                   long: what it leaves in memory all later workers share. False: it shall
                                   be called again, before the next. It must not call the executor. NULL:
                                   nothing is called, as in the other modes */
    void *prepare_arg;
};

/* Defaults: process mode, 1 worker, ahead on, 2 s of grace, wake_fd -1, the rest zero. (By position in C++,
 * which had no names here before C++20.) */
#ifdef __cplusplus
#define EXECUTOR_OPTIONS_INIT                                                                                \
    {                                                                                                        \
        sizeof(struct executor_options), EXECUTOR_PROCESS, 1, 0, true, INT64_C(2000000000), nullptr,         \
            nullptr, nullptr, nullptr, -1, nullptr, nullptr, 0, nullptr, nullptr                             \
    }
#else
#define EXECUTOR_OPTIONS_INIT                                                                                \
    {                                                                                                        \
        .size = sizeof(struct executor_options), .mode = EXECUTOR_PROCESS, .max_workers = 1,                 \
        .send_ahead = true, .stopped_grace = INT64_C(2000000000), .wake_fd = -1                              \
    }
#endif

enum executor_event_type {
    EXECUTOR_STARTED, /* a worker has been given the task; again, with another worker, where that one takes
                         over because the first died or was slow before it began */
    EXECUTOR_HOP,
    EXECUTOR_HEAD,
    EXECUTOR_BODY,
    EXECUTOR_WIRE,
    EXECUTOR_NOTE,
    EXECUTOR_END,       /* the task is done, data is what emitter_end was given */
    EXECUTOR_LOST,      /* the task's worker died, hung or broke the protocol: data is the reason as text */
    EXECUTOR_CANCELLED, /* the task was cancelled before or while it ran */
    EXECUTOR_WARNING /* task 0, data is text: fewer workers than asked, a worker that could not start … */
};

struct executor_event {
    enum executor_event_type type;
    uint64_t task;
    unsigned worker;  /* slot, 1-based; 0 where no worker had the task */
    const void *data; /* valid during the call of the handler; a BODY or WIRE may come in other pieces than
                         were emitted; hostile: a worker process may have been taken over */
    size_t len;
};

/* Gets one event. It may call executor_submit, executor_hold, executor_cancel, executor_kill and
 * executor_room, but not executor_poll, executor_shutdown or executor_free. */
typedef void executor_handler(void *arg, const struct executor_event *event);

struct executor;

/* A new executor; NULL with a reason in `message` (bad options, no descriptors). The NOFILE soft limit is not
 * touched; see executor_descriptors. */
struct executor *executor_new(const struct executor_options *options, char *message, size_t size);

/* The descriptors that `workers` workers of `mode` will need in the caller's process, its own sockets aside
 * (threads: one socket each is counted). */
size_t executor_descriptors(enum executor_mode mode, unsigned workers);

/* How many tasks without affinity executor_submit takes now without refusing: idle or startable workers, and
 * places ahead. (A task of more than 4,080 bytes is never sent ahead: in such a place it waits in the pool.)
 */
size_t executor_room(const struct executor *x);

/* As executor_room, without the ahead places: tasks that would start at once. */
size_t executor_idle(const struct executor *x);

enum { EXECUTOR_ANY_WORKER = 0 };

struct executor_submission {
    uint64_t task;    /* id, not 0, the caller's choice, not in use by an unfinished task */
    const void *data; /* copied; at most EXECUTOR_MAX_TASK bytes */
    size_t len;
    uint64_t affinity; /* not 0: tasks with equal values go to equal workers (value modulo max_workers) */
    int64_t limit; /* ns a worker may run it: then it counts as hung and is killed; INT64_MAX: no limit. Time
                      in which the executor does not read the worker's pipe, and in which the caller's own
                      process was stopped, does not count. Threads and serial: not enforced */
};

/* Queues a task for the next worker in turn that has room (round-robin); a worker that has to be started for
 * it (without affinity) is started by the next executor_poll, together with those of other tasks. 0, or -1
 * with errno: EAGAIN (full; for a task with affinity: its worker is busy and its queue is full), EINVAL,
 * ESHUTDOWN, ENOMEM. */
int executor_submit(struct executor *x, const struct executor_submission *s);

/* True if a task with this affinity could be submitted now. */
bool executor_has_room_for(const struct executor *x, uint64_t affinity);

/* True if a task with this affinity would start at once: its worker is idle, or can be started. */
bool executor_idle_for(const struct executor *x, uint64_t affinity);

/* Readable when executor_poll has something to do; for another program's poll loop. Not readable for
 * timeouts: see executor_deadline. Serial mode: always readable while a task is queued. */
int executor_fd(const struct executor *x);

/* When executor_poll should be called at the latest (CLOCK_MONOTONIC ns): watchdogs, new tries to start
 * workers, events that no worker sends (after executor_submit and executor_cancel: now), and idle workers
 * that could do what lies behind others' tasks (now); INT64_MAX: no need. */
int64_t executor_deadline(const struct executor *x);

/* Waits up to `timeout_ms` (-1: until something happens, 0: not at all) and hands what came to `handler`.
 * Returns how many things happened: events handed over, and places that became free (a worker is gone, or one
 * can be started again after that failed); 0 at the timeout, when no task is left or when the options'
 * wake_fd is readable, -1 with errno on failure. Serial mode runs one queued task to its end. */
int executor_poll(struct executor *x, int timeout_ms, executor_handler *handler, void *arg);

/* Stops (hold) or goes on (not hold) reading the results of a running task: the worker blocks when its pipe,
 * or its memory for bodies, is full. Results already read may still come during the present call of
 * executor_poll. Serial mode: no effect. */
void executor_hold(struct executor *x, uint64_t id, bool hold);

/* Cancels a task that waits; one that runs, or is about to, only if `kill`: its process is killed and
 * replaced. 0: a CANCELLED event (or, if it was faster, an END) will come; -1 with errno ESRCH (no such task)
 * or EBUSY: it runs and `kill` is false, or it runs in a thread or the caller, where nothing can be killed
 * (all threads together are asked to end by executor_shutdown). */
int executor_cancel(struct executor *x, uint64_t id, bool kill);

/* Kills and replaces a worker process that was found out in what the executor can't see, a result that says
 * what can't be. For the handler, which may find out with the END: the task that has ended stays so; one that
 * the worker was given since, and of which it has said nothing, goes to another and costs no attempt; one of
 * which it has is LOST for `reason`. 0, or -1 with errno ESRCH: no such worker now, or EBUSY: it is a thread
 * or the caller. */
int executor_kill(struct executor *x, unsigned worker, const char *reason);

/* Tasks not yet ended. */
size_t executor_pending(const struct executor *x);

/* Workers that run now, and processes started in all. */
unsigned executor_workers(const struct executor *x);
uint64_t executor_workers_started(const struct executor *x);

/* What one worker is at, for a status line. `pid` is 0 for threads and serial. False: no such worker now. */
struct executor_worker_info {
    unsigned worker;
    int pid;
    uint64_t task; /* 0: idle */
    int64_t since; /* CLOCK_MONOTONIC ns when it took the task or became idle */
    bool held;
};
bool executor_worker_status(const struct executor *x, unsigned worker, struct executor_worker_info *ret);

/* Lets idle workers go until `most` are left, busy ones counted: for a caller that knows that no more tasks
 * than that are still to come, so that workers end while others are at work. One that is needed after all is
 * started again. Not for the handler; serial mode: no effect. */
void executor_trim(struct executor *x, unsigned most);

enum executor_shutdown_how { EXECUTOR_WAIT, EXECUTOR_CANCEL };

/* No more tasks. WAIT: runs what was submitted to its end (what is held must be released by the handler, and
 * `deadline` has no meaning); CANCEL: cancels waiting tasks, releases held ones, asks running threads to end
 * (emitter_wake; processes can't be asked and go on), and at `deadline` (CLOCK_MONOTONIC ns) kills processes
 * that still run one. Events go to `handler`. On return (0)
 * all workers are gone and every task has had its event; -1: errno. */
int executor_shutdown(struct executor *x, enum executor_shutdown_how how, int64_t deadline,
                      executor_handler *handler, void *arg);

/* Ends all workers at once (processes by SIGKILL) and reaps them; threads are asked to end and waited for. */
void executor_free(struct executor *x);

#ifdef __cplusplus
}
#endif

#endif
