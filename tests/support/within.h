/* What a test runs within. */
#ifndef PFETCH_TESTS_WITHIN_H
#define PFETCH_TESTS_WITHIN_H

#include <stdbool.h>
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

#endif
