/*
 * --compare: the same targets fetched in serial, thread and process mode, each run a process of its own
 * from the same cold start, measured from outside.
 */
#ifndef PFETCH_COMPARE_H
#define PFETCH_COMPARE_H

#include "run.h"

/* Carries out all runs and prints the table (or, with -f json, a line a row), and with --plot draws it.
 * Returns the exit status: EXIT_SOME_FAILED where a target failed in any run, EXIT_USAGE where nothing could
 * be run. `argv`: the command line, which each run is started with. */
int compare(const struct run_options *options, char *const *argv);

#endif
