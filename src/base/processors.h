/* How many processors there are for this process. */
#ifndef PFETCH_BASE_PROCESSORS_H
#define PFETCH_BASE_PROCESSORS_H

/* Those that the calling thread may run on (sched_getaffinity), or where that can't be known those that are
 * online; at least 1. A container's limit of time (cpu.max) is not in it. */
unsigned processors_usable(void);

#endif
