/*
 * A thread that forks for a large pool. fork(2) gives a child all descriptors of its parent, and the child
 * has to close each of them: where there are thousands of workers, with several descriptors each, that costs
 * more than all the rest of a worker's start. This thread has a table of descriptors of its own (unshare(2),
 * CLONE_FILES), with next to nothing in it; what a child needs is sent to it (unix(7), SCM_RIGHTS).
 *   1. forker_new    once
 *   2. forker_ask    for each child; it is a child of the process, whose waitid(2) sees it, but goes on in
 *                    this thread's stead: with its stack of 1 MB, its thread-local variables, and what else
 *                    Linux keeps for each thread (filters of system calls, capabilities, processors), as they
 *                    were at forker_new
 *      forker_hear   for each forker_ask, in their order, and before FORKER_ASKED more of them. In between
 * the caller may prepare the next child, but hold no lock that a child would want: what a fork finds locked
 * stays so in the child
 *   3. forker_free   when there is no child any more: they would get the signal that they want at their
 *                    parent's death (prctl(2), PR_SET_PDEATHSIG), which is this thread
 */
#ifndef PFETCH_EXECUTOR_FORKER_H
#define PFETCH_EXECUTOR_FORKER_H

#include <sys/types.h>

struct forker;

enum { FORKER_ASKED = 2 /* calls that may be unheard at once */ };

/* Forks, in the forker's thread, with `jobs` and `results` as that thread knows them. Returns what fork(2)
 * does, in the parent. */
typedef pid_t forker_call(void *arg, int jobs, int results);

/* `null`: a descriptor above 4 of /dev/null, which will have that number in each child; all others of the
 * caller's will not be there. Returns NULL with errno if it can't be had (a kernel before 5.9, a sandbox,
 * ThreadSanitizer): then the caller has to fork by itself. */
struct forker *forker_new(int null);

/* Lets the thread call `call` with its own copies of the two descriptors (jobs, results), which are closed
 * afterwards; `arg` must stay until forker_hear. 0, or -1 with errno: nothing was asked, and nothing is to be
 * heard (ECHILD: the thread belongs to another process). */
int forker_ask(struct forker *f, forker_call *call, void *arg, const int fds[2]);

/* Waits for what came of it. 0: *ret_pid is what `call` returned, with its errno; or -1 with errno: it was
 * not called; or, with ECHILD, the thread has ended, and what it has forked as well. */
int forker_hear(struct forker *f, pid_t *ret_pid);

/* NULL is fine. */
void forker_free(struct forker *f);

#endif
