/* One measured run: a process that carries it out, its time as the kernel accounts for it, its memory as
 * sampled. */
#ifndef PFETCH_COMPARE_MEASURE_H
#define PFETCH_COMPARE_MEASURE_H

#include "run.h"
#include "summary.h"

struct measurement {
    struct summary summary; /* the run's own count */
    double user, sys, real; /* seconds, of the process and all its descendants */
    uint64_t pss, rss;      /* bytes: the highest sum over all processes that a sample saw; PSS shares what is
                               shared, RSS counts it      in each */
    int status;             /* the run's exit status, or -1 if it did not come to its end */
};

/* Runs `options` in a child and measures it. 0, or -1 with errno when no child could be made. */
int measure(const struct run_options *options, struct measurement *ret);

#endif
