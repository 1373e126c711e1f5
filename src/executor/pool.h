/*
 * The inside of an executor, shared by the files of this room. Who does what:
 *   executor.c  what the header promises: submit, poll, cancel, hold
 *   shutdown.c  the end of all
 *   dispatch.c  which worker gets which task, and taking back what was sent ahead
 *   roster.c    workers come and go: start, condemn, bury
 *   results.c   from bytes of a results pipe to events
 *   news.c      events that no worker sent: started, cancelled, warnings
 *   pace.c      how fast the pool grows
 *   watch.c     the clock that stands still while the pool is not looked after, and who hangs or is stopped
 *   window.c    memory for large bodies that a worker shares with the pool
 *   process.c, thread.c, serial.c   what a worker is
 *   forker.c    the thread that forks for a large pool
 */
#ifndef PFETCH_EXECUTOR_POOL_H
#define PFETCH_EXECUTOR_POOL_H

#include <stdatomic.h>
#include <sys/types.h>
#include "executor/collect.h"
#include "executor/executor.h"
#include "executor/pace.h"
#include "executor/slots.h"
#include "executor/tasks.h"
#include "executor/watch.h"
#include "executor/window.h"

enum {
    POOL_READ = 256 * 1024,  /* bytes of results read at once */
    POOL_AFFINITY_QUEUE = 4, /* tasks that wait for one worker, by affinity */
    POOL_AHEAD = 8           /* tasks in a quick worker's pipe, at most */
};

enum worker_state {              /* in the order of a worker's life */
                    WORKER_NONE, /* the slot is free */
                    WORKER_STARTING,
                    WORKER_READY,   /* it said so; serves tasks */
                    WORKER_LEAVING, /* its jobs pipe is closed: it finishes by itself */
                    WORKER_DYING    /* condemned: nothing that it says counts any more */
};

struct worker {
    enum worker_state state;
    unsigned slot;                             /* 0-based */
    int jobs_read, jobs_write, results, pidfd; /* -1: not open */
    int results_write;                         /* only while it is being started */
    const struct executor *pool;
    bool asked; /* process.c: for the fork */
    pid_t pid;
    void *thread; /* thread.c */
    struct collect in;
    struct window window; /* the worker's large bodies */
    struct task *current;
    struct task *ahead, *ahead_last; /* what was sent ahead, in this order (`behind`) */
    unsigned ahead_count;
    unsigned ahead_most; /* … for quick tasks: POOL_AHEAD, or what the pipe was seen to hold */
    int64_t span;        /* ns in which it ended its last `span_tasks` tasks; 0: not known */
    unsigned span_tasks;
    bool quick;             /* these took hardly any time */
    struct task_list queue; /* waits for this slot, by affinity; outlives the worker */
    unsigned given;         /* tasks that it got */
    size_t sent;            /* bytes of a long current task that are in the pipe */
    bool sending;           /* … and more has to follow */
    bool heard;             /* a frame of the current task has come */
    bool held;
    bool listening;  /* its results pipe is in the epoll set */
    bool eof;        /* of the results pipe */
    bool exited;     /* and reaped; `fate` says how */
    bool cancelled;  /* condemned because its task was cancelled */
    bool distrusted; /* … because of an earlier one; the current one, unless heard of, is to be done anew */
    char *reason;    /* why it was condemned, or could not start; owned */
    char fate[96];
    struct watch_marks marks;
    struct pace_mark pace;
    int64_t since; /* CLOCK_MONOTONIC ns: took the task or became idle */
};

/* What a worker is. */
struct mode {
    const char *name;
    unsigned descriptors; /* that a worker takes in this process, its sockets included for threads */
    /* Makes what the mode needs, once. 0, or -1 with errno. May be NULL. */
    int (*open)(struct executor *x);
    /* Starts a worker that reads from `jobs_read` and writes to `results_write`. 0, or -1 with errno. */
    int (*start)(struct executor *x, struct worker *w);
    /* Sees to the end of that. There may be one other start in between, no other call. 0, or -1 with errno:
     * it did not start. */
    int (*started)(struct executor *x, struct worker *w);
    /* Ends it at once. NULL: this kind cannot be ended, only asked. */
    void (*kill)(struct worker *w);
    /* True if it is gone now (or, with `wait`, when it is) and released; its fate is set. */
    bool (*reap)(struct worker *w, bool wait);
    /* What the kernel calls it, 0 while that isn't known. NULL: there are none. */
    pid_t (*task_id)(const struct worker *w);
    /* True if it is stopped. NULL: this kind cannot be. */
    bool (*stopped)(const struct worker *w);
    /* Asks all running tasks to end. NULL: they can't be asked. */
    void (*ask)(struct executor *x);
    /* Runs a waiting task in the caller; NULL where there are workers. */
    void (*run)(struct executor *x, struct task *task);
    /* Releases what is the mode's own. May be NULL. */
    void (*close)(struct executor *x);
};

extern const struct mode mode_process, mode_thread, mode_serial;

struct executor {
    struct executor_options options;
    const struct mode *mode;
    struct worker *workers; /* options.max_workers */
    struct slots idle;      /* would start a task at once */
    struct slots free;      /* no worker, nothing that keeps one from being started */
    struct slots roomy;     /* busy, with a place ahead */
    struct slots wanting;   /* no worker, but tasks that wait for that very slot */
    unsigned cursor;        /* where the walk in turn goes on */
    unsigned living;        /* workers that are not WORKER_NONE */
    unsigned leaving;       /* … and those that are told to go */
    uint64_t started;       /* workers, in all */
    bool prepared;          /* options.prepare has done it */
    struct task_table tasks;
    struct task_list waiting;  /* in no worker */
    struct task_list starting; /* each will get a worker of its own, at the next look */
    struct task_list ahead;    /* in a busy worker's pipe and may be taken back; the oldest first */
    size_t sent_ahead;         /* all that are in busy workers' pipes, those with affinity too */
    struct task *running;      /* serial */
    void *mode_state;          /* the mode's own */
    /* trouble with starting workers */
    unsigned start_failures; /* in a row: fork and the like */
    unsigned init_failures;  /* in a row: died before READY */
    int64_t start_again;     /* CLOCK_MONOTONIC ns; no start before it; 0: at once */
    bool warned_start, warned_init;
    /* news */
    struct task *news, *news_last;
    char *warnings[2];
    unsigned warning_count;
    /* what all use */
    struct watch watch;
    struct pace pace;
    int epoll;
    int null;          /* /dev/null, for the 0, 1 and 2 of processes */
    bool forks_itself; /* there is no thread for that, or not any more */
    int wake_fd;       /* threads: the eventfd that asks all to end; serial: readable while something waits */
    atomic_bool asked;
    unsigned char *buffer; /* POOL_READ bytes */
    bool closed;           /* no more tasks */
    bool woken;            /* options.wake_fd was readable at the last look */
    executor_handler *handler;
    void *handler_arg;
    int events; /* of the present call: handed over, and places for workers that became free */
};

/* What epoll says it was: kind and slot in one number. */
enum pool_source { SOURCE_RESULTS, SOURCE_EXIT, SOURCE_JOBS, SOURCE_WAKE };

static inline uint64_t pool_source(enum pool_source kind, unsigned slot)
{
    return (uint64_t)kind << 32 | slot;
}

/* --- executor.c --- */

/* One look at everything, after waiting until `until` at most (CLOCK_MONOTONIC ns). 0, 1 if a signal cut the
 * wait short, -1 with errno. */
int pool_look(struct executor *x, int64_t until);

/* From now on the options' wake_fd is looked at by executor_poll, or not. 0, or -1 with errno. */
int pool_listen_wake(struct executor *x, bool on);

/* --- news.c --- */

/* Hands one event to the handler. What is due is told before it. */
void pool_emit(struct executor *x, enum executor_event_type type, uint64_t task, unsigned worker,
               struct span data);

/* Ends a task with EXECUTOR_END or the like, news_tell done before: it is gone before the handler hears of
 * it, so that its id may be used again. */
void pool_finish(struct executor *x, struct task *task, enum executor_event_type type, unsigned worker,
                 struct span data);

/* Keeps something to be told at the next chance. `text` for NEWS_LOST, copied. */
void news_add(struct executor *x, struct task *task, enum task_news news, unsigned worker, const char *text);

/* Keeps a warning, copied; more than can be kept are dropped. */
void news_warn(struct executor *x, const char *text);

/* Tells what is due. */
void news_tell(struct executor *x);

static inline bool news_due(const struct executor *x)
{
    return x->news || x->warning_count;
}

/* --- roster.c --- */

/* Starts a worker in a free slot. 0, or -1: none can be started now; the trouble has been noted. */
int worker_start(struct executor *x, struct worker *w);

/* The same for several of the free ones, `most` at most; a worker's start overlaps the next one's. Returns
 * how many, which are in *ret_started. */
unsigned roster_start_some(struct executor *x, unsigned most, struct slots *ret_started);

/* Ends a worker: of its tasks the current one is lost for `reason` (owned by it from then on, may be NULL),
 * or cancelled. Takes effect when it is buried. */
void worker_condemn(struct executor *x, struct worker *w, char *reason);

/* A window for the worker that is being started, where the pool is small. Without one, or where it can't be
 * had, bodies go through the pipe. */
void worker_open_window(const struct executor *x, struct worker *w, enum window_kind kind);

/* Closes its jobs pipe, so that it finishes and goes. */
void worker_leave(struct executor *x, struct worker *w);

/* Looks whether it is gone (with `wait`: until it is) and buries it, unless results of it are held back. */
void worker_check_exit(struct executor *x, struct worker *w, bool wait);

/* It is gone and reaped: settles its tasks and frees the slot. */
void worker_bury(struct executor *x, struct worker *w);

/* Ends all workers and releases them, without a word to anybody. */
void roster_clear(struct executor *x);

/* Tells workers without a task to go, those with tasks of their own that wait for them aside, until at most
 * `most` are left that were not told. */
void roster_dismiss(struct executor *x, unsigned most);

/* Its results pipe comes into the epoll set, or goes out of it. */
void worker_listen(struct executor *x, struct worker *w, bool on);

/* Holds the results of its current task back, or not any more. */
void worker_hold(struct executor *x, struct worker *w, bool hold);

/* Loses what waits once it is plain that no worker can be started at all. */
void roster_give_up(struct executor *x);

/* Tries again to start workers where tasks wait for them and the time has come; where none do, there is room
 * for new ones. */
void roster_retry(struct executor *x, int64_t now);

/* How many workers could be started now for tasks that any may have. */
size_t roster_startable(const struct executor *x);

/* asprintf that gives NULL when there is no memory. */
__attribute__((format(printf, 1, 2))) char *text_new(const char *format, ...);

/* --- dispatch.c --- */

/* Puts a slot into the sets where it belongs now. To be called after every change of its state. */
void slot_settle(struct executor *x, struct worker *w);

/* The next of the set in turn, the cursor behind it then; NULL: it is empty. */
struct worker *dispatch_turn(struct executor *x, const struct slots *set);

/* Gives a task that is in no list to the next worker in turn with room, or promises it a new one. False: none
 * has, and none may be started. */
bool dispatch_task(struct executor *x, struct task *task);

/* There may be more workers now: tasks that wait too long behind another get one. */
void dispatch_late(struct executor *x, int64_t now);

/* True if workers are idle while tasks lie behind others, and nothing waits: dispatch_idle gives them those.
 * Not at once when a worker becomes idle: the caller, who hears of that, may have a new task for it, and to
 * take one back from a worker that is about to take it is two system calls for nothing. */
bool dispatch_idles(const struct executor *x);
void dispatch_idle(struct executor *x);

/* When dispatch_late should be called (CLOCK_MONOTONIC ns); INT64_MAX: no need. */
int64_t dispatch_due(const struct executor *x);

/* Starts workers for the tasks that were promised one, and gives them these. */
void dispatch_starting(struct executor *x);

/* Gives waiting tasks to workers with room. */
void dispatch_waiting(struct executor *x);

/* A worker has nothing to do: its own queue, a waiting task, or one taken back from a busy worker. */
void dispatch_to(struct executor *x, struct worker *w);

/* The worker's task has ended: marks the time. */
void dispatch_ended(struct executor *x, struct worker *w);

/* The next task ahead is the current one now, since its predecessor has ended. */
void dispatch_promote(struct executor *x, struct worker *w);

/* Writes what is left of a long task. */
void dispatch_continue(struct executor *x, struct worker *w);

/* Takes this very task, which lies ahead in a worker's pipe, back. True: no worker has it any more, and it is
 * in no list. */
bool dispatch_recall(struct executor *x, struct worker *w, struct task *task);

/* None of the worker's tasks can be taken back any more. */
void dispatch_settle(struct worker *w);

/* Reads a dead worker's jobs pipe empty: `in_pipe` says of each of its tasks whether it was in there. */
void dispatch_recover(struct worker *w);

/* The slot of a task with affinity. */
struct worker *dispatch_home(const struct executor *x, uint64_t affinity);

/* True if a task for this slot could be taken now. */
bool dispatch_home_has_room(const struct executor *x, const struct worker *w);

/* Marks that the worker has its current task now. */
void dispatch_begun(struct executor *x, struct worker *w);

/* --- results.c --- */

/* Reads once and hands over what came; at the end of the pipe sees to the worker's own end. */
void results_read(struct executor *x, struct worker *w);

/* Reads all that a dead worker has left, as far as it isn't held. True: nothing is left. */
bool results_drain(struct executor *x, struct worker *w);

#endif
