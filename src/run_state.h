/*
 * One run's state, shared by the files it is written in: run.c (the loop), run_setup.c, run_events.c (what
 * workers send and how targets end) and run_say.c (standard error). Nobody else includes this.
 */
#ifndef PFETCH_RUN_STATE_H
#define PFETCH_RUN_STATE_H

#include "base/deadline.h"
#include "input.h"
#include "job.h"
#include "outputs.h"
#include "output/joblog.h"
#include "output/progress.h"
#include "run.h"
#include "schedule/occurrences.h"
#include "schedule/resume.h"
#include "signals.h"
#include "summary.h"
#include "task.h"

enum run_state {
    RUN_READING,    /* targets are read and fetched */
    RUN_DRAINING,   /* no more are read: the list has ended, or --halt soon */
    RUN_STOPPING,   /* a signal or a failed output: nothing starts, what runs has a grace */
    RUN_CANCELLING, /* what still runs is being ended */
};

enum {
    WAITING_MAX = 16384,    /* targets read ahead while hosts are busy or paused */
    READ_AT_ONCE = 512,     /* lines that need no fetch, between two looks at the workers */
    HALT_PERCENT_AFTER = 3, /* reports before a percentage counts, as GNU parallel has it */
    DESCRIPTORS_OF_OUR_OWN = 64,
    DESCRIPTORS_OF_A_FETCH = 24, /* a worker process's: its pipes, and what one fetch may open at once */
    IDLE_CONNECTIONS_MAX = 16,
    DECLINES_MAX = 8, /* how often a worker may give a target back for its host's pause */
    WARM_FROM = 9,    /* the worker process before which a handshake is worth its price */
};

#define GRACE          (2 * NS_PER_SECOND) /* for what runs when a signal comes */
#define HUNG_GRACE     (5 * NS_PER_SECOND) /* past the fetch's own deadline */
#define TRY_AGAIN      (10 * NS_PER_MS)    /* after the executor took no target that it had room for */
#define FLUSH_INTERVAL (50 * NS_PER_MS)
#define PROGRESS_EVERY (100 * NS_PER_MS)

struct run {
    const struct run_options *o;
    enum run_state state;
    struct signals signals;
    struct fetch_shared *shared;
    struct confine_plan *confine;
    struct task_setup task;
    struct executor *executor;
    struct schedule *schedule;
    struct input *input;
    struct input_line ahead; /* with has_ahead: read, and not admitted yet */
    bool has_ahead;
    struct outputs *outputs;
    struct joblog *joblog;
    struct resume *resume;
    struct occurrences *occurrences;
    struct progress *progress;
    struct summary summary;
    struct nofork jobs;      /* where they are */
    struct job *inflight;    /* submitted and running */
    struct job *undelivered; /* reported; their output waits for its turn */
    uint32_t workers;
    bool over_tls; /* a target over TLS has been given out */
    bool input_order;
    bool only_idle;     /* a target is given only to a worker that begins it at once */
    bool input_waits;   /* the input has nothing yet: poll it */
    bool memory_shown;  /* to who measures */
    bool writing;       /* reports are on their way to standard output */
    bool saying;        /* something is on its way to standard error: nothing else is to be said */
    bool unheard;       /* after the grace standard error took nothing: it is no longer waited for */
    bool more_input;    /* reading was broken off to look at the workers */
    int64_t started;    /* ns */
    int64_t now;        /* when work was last given out; some lines are read and jobs sent by then */
    int64_t next_start; /* when the schedule wants to be asked again */
    int64_t last_flush;
    bool unflushed;        /* something went to the outputs since */
    int64_t cancel_at;     /* STOPPING: the end of the grace */
    int signal;            /* that ended the run; 0: none */
    uint64_t halted_after; /* so many failures, as --halt says; 0: not at all */
    bool output_failed;
    bool broken_pipe; /* … because nobody reads standard output any more */
    struct fetch_error output_error;
    bool gave_up;        /* a signal came while an output was not read: it did not get everything */
    uint64_t never_left; /* reports that were made, and not written whole */
    bool input_failed;
    struct fetch_error input_error;
};

/* ---- run.c ---- */

/* When the grace is over a blocked output gives up, too; but --halt waits for a slow reader as any end does.
 */
bool run_gives_up(const struct run *r);

/* Called wherever somebody waits and the run's descriptor has become readable. True: give up. */
bool run_wake(void *arg);

/* ---- run_setup.c ---- */

/* Opens all that the run needs. 0; or -1, said on standard error; r->output_failed tells an output that can't
 * be opened from a usage error. */
int run_set_up(struct run *r);

/* ---- run_say.c ---- */

/* One line on standard error, the progress line out of its way. `text` must be fit to print; say_escaped
 * makes it so. */
void say(struct run *r, const char *text, size_t len);
void say_escaped(struct run *r, struct span text);
void say_summary(struct run *r);

/* Bytes as they are. */
void say_bytes(struct run *r, const unsigned char *data, size_t len);

/* USR1: where the run stands; with -v also what each worker is at that has been at it for a second. */
void say_status(struct run *r);

/* Draws the progress line anew, if there is one. */
void draw_progress(struct run *r);

/* ---- run_events.c ---- */

/* The executor's handler. */
void run_on_event(void *arg, const struct executor_event *event);

/* The spool's callbacks: more of a held target may come; a target's output has left. */
void run_on_resume(void *arg, void *owner);
void run_on_delivered(void *arg, void *owner);

/* The schedule's item has been given to the executor. */
void run_submitted(struct run *r, struct job *job);

/* The executor did not take it after all: it waits again. */
void run_unsubmitted(struct run *r, struct job *job);

/* Nothing new starts from now on; what runs has its grace. The loop does the rest. */
void run_stop(struct run *r);

/* Takes the first failure of an output: the run ends as by a signal. */
void run_output_failed(struct run *r, const struct fetch_error *err);

/* Reads on from all workers, also those whose results had to wait: from now on what they send is dropped. */
void run_release_held(struct run *r);

/* Reports as cancelled what waits in the schedule, and takes back what no worker has begun. */
void run_cancel_waiting(struct run *r);

/* The end of a run whose output failed or was not read: counts as `output`, or as `cancelled`, what never
 * left, and releases it. */
void run_forget_undelivered(struct run *r);

/* A target that is never tried: its report, with job->failure. The job may be gone afterwards. */
void run_refuse(struct run *r, struct job *job);

static inline uint64_t job_id(const struct job *job)
{
    return (uint64_t)(uintptr_t)job;
}

static inline struct job *job_of(uint64_t task)
{
    return (struct job *)(uintptr_t)task;
}

#endif
