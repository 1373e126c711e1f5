/*
 * One measured run: a process that carries it out, its time as the kernel accounts for it, its memory as
 * sampled. The process is this program, started anew, so that each run begins as a run of its own does.
 */
#ifndef PFETCH_COMPARE_MEASURE_H
#define PFETCH_COMPARE_MEASURE_H

#include "run.h"
#include "summary.h"

struct measured { /* what is measured */
    const struct run_options *options;
    char *const *argv; /* that led to them */
    enum executor_mode mode;
    uint32_t workers;
    int list_fd; /* the targets, at their beginning; -1: operands */
};

struct measurement {
    struct summary summary; /* the run's own count */
    double user, sys, real; /* seconds, of the process and all its descendants */
    uint64_t pss, rss;      /* bytes: the highest sum over all processes that a sample saw; PSS shares what is
                               shared, RSS counts it in each */
    int status;             /* the run's exit status, or -1 if it did not come to its end */
};

/* Carries a run out in a child and measures it. 0, or -1 with errno when no child could be made. */
int measure(const struct measured *what, struct measurement *ret);

/* Whether measured runs show their progress: where nothing else is said, on a terminal. */
enum run_progress measured_progress(const struct run_options *options);

/* For main, before anything else is done with options that say --compare. True: this process is such a child;
 * *ret_status is what it ends with. */
bool measured_here(const struct run_options *options, int *ret_status);

#endif
