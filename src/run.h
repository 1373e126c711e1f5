/*
 * One run: reads targets, has them fetched by an executor, and writes what comes of it. Joins the rooms; all
 * that a run needs is in its options, so that several runs in one process don't disagree.
 */
#ifndef PFETCH_RUN_H
#define PFETCH_RUN_H

#include "confine/confine.h"
#include "executor/executor.h"
#include "fetch/fetch.h"

enum run_format { FORMAT_TEXT, FORMAT_JSON, FORMAT_BODY, FORMAT_NONE };
enum run_order { ORDER_DEFAULT, ORDER_INPUT, ORDER_COMPLETION };
enum run_progress { PROGRESS_DEFAULT, PROGRESS_ON, PROGRESS_OFF };
enum run_halt { HALT_NEVER, HALT_SOON, HALT_NOW };

enum {
    EXIT_OK = 0,
    EXIT_SOME_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_OUTPUT = 3,
    EXIT_SIGNAL = 128 /* + the signal's number */
};

enum { RUN_SWEEP_MAX = 32 };

struct summary;

struct run_options {
    /* Input */
    char *const *operands; /* targets; count 0: from input_path or standard input */
    size_t operand_count;
    const char *input_path; /* -i; NULL: standard input */
    const char *path;       /* --path */
    uint32_t shard, shards; /* --shard I/N; 0/0: all */
    bool dry_run;
    /* Output */
    enum run_format format;
    const char *output_path; /* -o */
    const char *output_dir;  /* -d */
    const char *warc_path;
    uint64_t warc_max_size; /* 0: one file */
    enum run_order order;
    enum run_progress progress;
    bool quiet;
    uint32_t verbose;
    const char *joblog_path;
    bool resume, resume_failed, sync;
    /* The pool */
    enum executor_mode mode; /* the first of modes */
    uint32_t workers;        /* the first of the sweep */
    bool affinity;
    uint32_t max_tasks_per_worker;
    enum confine_level sandbox;
    const char *user; /* --user; NULL: nobody, when root */
    /* --compare */
    bool compare;
    bool read_once; /* some options came from what can't be read again */
    uint32_t sweep[RUN_SWEEP_MAX], sweep_count;
    enum executor_mode modes[3];
    uint32_t mode_count; /* 0: all three */
    uint32_t compare_rounds;
    const char *plot_path;
    /* When */
    uint32_t retries;
    int64_t retry_delay; /* ns */
    double rate;         /* per second */
    uint32_t per_host;
    int64_t per_host_delay; /* ns */
    enum run_halt halt;
    uint64_t halt_fail; /* failures, or with halt_percent per cent */
    bool halt_percent;
    bool exit_zero;
    /* What is fetched */
    struct fetch_config fetch;
    /* For --compare, which measures runs from outside */
    int input_fd;  /* with `measured`: the list, read from here */
    bool measured; /* --compare's: the list is input_fd's */
    const char
        *memory_address; /* where workers send a look at their memory (compare_memory.h); NULL: nowhere */
    struct summary *ret_summary; /* filled in at the end; NULL: not wanted */
};

/* Carries a run out and returns the exit status. Prints to standard error: summary, warnings, notes.
 * Configuration errors are one line there and EXIT_USAGE, with nothing fetched. A status over EXIT_SIGNAL
 * means that main should end by that signal's number. */
int run(const struct run_options *options);

#endif
