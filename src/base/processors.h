/* How many processors there are for this process. */
#ifndef PFETCH_BASE_PROCESSORS_H
#define PFETCH_BASE_PROCESSORS_H

/* Those that the calling thread may run on (sched_getaffinity), or where that can't be known those that are
 * online; at least 1. */
unsigned processors_usable(void);

/* … but no more than its control groups give it time for. */
unsigned processors_granted(void);

/* That limit, rounded up: the smallest of the process's group and of those above it (cgroups(7); version 2's
 * cpu.max, version 1's cpu.cfs_quota_us). 0: there is none. `groups`: as /proc/self/cgroup; `mount`: as
 * /sys/fs/cgroup. */
unsigned processors_limit(const char *groups, const char *mount);

#endif
