/*
 * The outputs of one run: the sinks that its options ask for, standard output (or -o FILE) and its spool.
 * Fans out what a target's fetch hands up to every sink that wants it.
 */
#ifndef PFETCH_OUTPUTS_H
#define PFETCH_OUTPUTS_H

#include "output/sink.h"
#include "output/spool.h"
#include "run.h"

enum { OUTPUTS_MAX = 4 };

struct outputs_options {
    const struct run_options *run;
    int wake_fd;                            /* polled while an output is blocked … */
    bool (*wake)(void *arg);                /* … and called then; true: give up */
    void (*resume)(void *arg, void *owner); /* as struct spool_options */
    void (*delivered)(void *arg, void *owner);
    void (*writing)(void *arg, bool now);          /* around each write that a terminal may show */
    void (*complain)(void *arg, struct span line); /* a line for standard error, with its newline */
    void *arg;
};

struct outputs;

/* Opens all outputs, and changes nothing that was there. 0; -1 with `err`: ERROR_OUTPUT (can't be opened or
 * written) or ERROR_NONE (a usage error). */
int outputs_open(const struct outputs_options *options, struct outputs **ret, struct fetch_error *err);

/* Empties files, or cuts their torn ends, once nothing more can be wrong with the options. 0, or -1 with
 * ERROR_OUTPUT. */
int outputs_start(struct outputs *o, struct fetch_error *err);

bool outputs_want_body(const struct outputs *o);
bool outputs_want_wire(const struct outputs *o);

/* One target's state in all sinks; zeroed before its first try. */
struct outputs_job {
    void *contexts[OUTPUTS_MAX];
    bool open[OUTPUTS_MAX];
    bool begun;
    struct spool_slot *slot; /* its place on standard output; NULL: none yet */
};

/* Opens the target's place on standard output, where the format has one; input order: call it as targets are
 * read. */
int outputs_place(struct outputs *o, struct outputs_job *j, void *owner, struct fetch_error *err);

/* A try begins to have results. `keepers`: only for sinks that keep failed tries. */
int outputs_begin(struct outputs *o, struct outputs_job *j, const struct sink_target *target, bool keepers,
                  struct fetch_error *err);

/* As the functions of struct sink_type, to all sinks that began. After a failure of one the others still get
 * theirs. */
int outputs_hop(struct outputs *o, struct outputs_job *j, const struct fetch_head *hop,
                struct fetch_error *err);
int outputs_head(struct outputs *o, struct outputs_job *j, const struct fetch_head *head,
                 struct fetch_error *err);
int outputs_body(struct outputs *o, struct outputs_job *j, const void *data, size_t len,
                 struct fetch_error *err);
int outputs_wire(struct outputs *o, struct outputs_job *j, const void *data, size_t len,
                 struct fetch_error *err);

/* The try comes to nothing and will be made again: sinks that keep tries end, the others forget. */
int outputs_abandon(struct outputs *o, struct outputs_job *j, struct report *report, struct fetch_error *err);

/* The end of the target. A sink that fails makes the report one of its error (ERROR_OUTPUT, or
 * ERROR_CANCELLED where it had to give up) for the sinks after it, the format last. */
int outputs_end(struct outputs *o, struct outputs_job *j, struct report *report, struct fetch_error *err);

/* After outputs_end: the target's place is complete. Calls `delivered` for its owner now or at a later flush;
 * at once where it has no place. */
int outputs_finish(struct outputs *o, struct outputs_job *j, void *owner, struct fetch_error *err);

/* All that may go out now. `sync`: to the disk. */
int outputs_flush(struct outputs *o, bool sync, struct fetch_error *err);

/* True while many finished targets wait for a flush: it should not be put off. */
bool outputs_flush_due(const struct outputs *o);

/* True while what waits for its turn fills its share of memory: no new target should be started. */
bool outputs_full(const struct outputs *o);

/* Writes a line of the run's own to standard output (--dry-run). */
int outputs_print(struct outputs *o, struct span line, struct fetch_error *err);

/* The failure was that nobody reads standard output any more. */
bool outputs_broken_pipe(const struct outputs *o);

/* Closes all; -1 with `err` where something that counted could not be written. NULL is fine. */
int outputs_close(struct outputs *o, struct fetch_error *err);

#endif
