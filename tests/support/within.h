/* What a test runs within. */
#ifndef PFETCH_TESTS_WITHIN_H
#define PFETCH_TESTS_WITHIN_H

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Valgrind, where threads take turns and children inherit its own state. */
static inline bool within_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return preload && strstr(preload, "vgpreload");
}

/* All tests are one process, which none may change for good. */
static inline bool within_one_process(void)
{
    const char *fork = getenv("CK_FORK");
    return fork && strcmp(fork, "no") == 0;
}

/* From here on this process runs on one processor. False where it can't choose. */
static inline bool use_one_processor(void)
{
    cpu_set_t set, one;
    size_t cpu = 0;
    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return false;
    while (!CPU_ISSET(cpu, &set))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0;
}

#endif
