/*
 * Runs that share a directory: who is alive in it, and what the dead have left. A run's temporary files are
 * `.pfetch-RUN-N.tmp`, and it holds the lock (flock) of `.pfetch-RUN.lock` while it lasts; the lock is
 * released by the kernel however the run ends.
 */
#ifndef PFETCH_OUTPUT_DIRECTORY_RUN_H
#define PFETCH_OUTPUT_DIRECTORY_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum { DIRECTORY_RUN_ID = 16, DIRECTORY_RUN_NAME = 64 };

struct directory_run {
    int dir; /* the caller's descriptor of the directory */
    int lock;
    char id[DIRECTORY_RUN_ID + 1];
    bool others;            /* another run was alive at the start */
    struct timespec before; /* by the file system's clock, not after any change of this run */
};

/* Enters the directory: makes and locks the lock file, removes what dead runs have left. 0, or -1 with
 * errno. */
int directory_run_enter(struct directory_run *run, int dir);

/* The name of this run's temporary file `number`. */
void directory_run_temporary(const struct directory_run *run, uint64_t number,
                             char ret_name[DIRECTORY_RUN_NAME]);

/* Leaves: removes the lock file. */
void directory_run_leave(struct directory_run *run);

#endif
