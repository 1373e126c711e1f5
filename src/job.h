/*
 * A job: one target on its way through the run, from the line that named it to its report. Made and ended by
 * run.c; here are its parts and what can be asked of them.
 */
#ifndef PFETCH_JOB_H
#define PFETCH_JOB_H

#include "base/deadline.h"
#include "base/nofork.h"
#include "fetch/fetch.h"
#include "outputs.h"
#include "schedule/schedule.h"

enum job_state {
    JOB_READ,      /* waits in the schedule */
    JOB_SUBMITTED, /* the executor has it, no worker yet */
    JOB_RUNNING,   /* a worker has it */
    JOB_REPORTED,  /* its report has been made; its output may still wait for its turn */
};

/* Why a job fails for another reason than what the worker says. There are as many jobs as workers and more:
 * so no room for a whole message here. */
struct job_failure {
    enum error_kind kind; /* ERROR_NONE: it does not */
    enum error_phase phase;
    bool final;
    char *message; /* owned; NULL: there was no memory for it */
};

/* What of a report is still wanted once it is made. */
struct job_done {
    enum error_kind kind;
    int status;
    int64_t started_us, ns_total;
    uint64_t bytes;
};

struct job {
    struct schedule_item item; /* first: the schedule's pointer is the job's */
    enum job_state state;
    struct job *next, *prev; /* in the run's list of submitted and running jobs */
    struct span line;        /* as given; in `text` */
    struct span url;         /* in `text` */
    uint32_t occurrence;     /* of the line in the list; 0: not counted */
    unsigned worker;
    int64_t ns_queue;
    int64_t read_us; /* wall clock */
    /* of the present try */
    int status;
    char version[4];
    bool discard;      /* its answer will be tried again: nothing of it is delivered */
    bool killed;       /* its worker is being killed for it: `failure` says why */
    bool recalled;     /* taken back from the executor, for its host pauses */
    uint8_t declined;  /* how often a worker gave it back for that reason */
    uint64_t received; /* body bytes that came */
    struct buffer fields;
    uint32_t field_count;
    struct buffer redirects;
    uint32_t redirect_count;
    size_t last_redirect;       /* where it is in `redirects`, for one that is not followed */
    bool hop;                   /* `fields` are those of a redirect, and no head came behind it */
    struct job_failure failure; /* over whatever the worker says */
    struct outputs_job out;
    struct job_done done;
    unsigned char text[];
};

/* A job for `line` (copied), its URL and host from `t` (NULL: a line that is no target), in `memory`. NULL:
 * there is none. */
struct job *job_new(struct nofork *memory, uint64_t index, struct span line, const struct target *t);

/* NULL is fine. */
void job_free(struct nofork *memory, struct job *job);

/* Forgets what the last try left, for the next. */
void job_forget_try(struct job *job);

/* Adds a hop's location to the redirects, and keeps its fields. 0 or -1 (memory, or more than are kept). */
int job_add_redirect(struct job *job, const struct fetch_head *hop);

/* Keeps the head's status, version and fields. 0 or -1. */
int job_keep_head(struct job *job, const struct fetch_head *head);

/* Lets it fail as `why` says (copied), whatever its worker says. ERROR_NONE: not any more. */
void job_fail(struct job *job, const struct fetch_error *why);

/* What its report says of a failure: what job_fail said, or else the result. */
struct fetch_error job_error(const struct job *job, const struct fetch_result *result);

/* Fills `ret` from the job and its result; `none` stands in for a connection there was not. Views into both.
 * The result counts the redirects that were followed: one more, whose response broke off, is none. */
void job_report(const struct job *job, const struct fetch_result *result, struct report *ret);

/* A status whose Retry-After is for the whole host. */
bool status_pauses_host(int status);

#define RETRY_AFTER_MAX (300 * NS_PER_SECOND) /* the most that a server may have us wait */

#endif
