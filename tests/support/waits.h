/* Waits for tests: generous, but for those that are to run out. */
#ifndef PFETCH_TESTS_WAITS_H
#define PFETCH_TESTS_WAITS_H

#include "fetch/stream.h"

/* `timeout_ms` for any operation, no other limit. */
static inline struct wait wait_ms(int64_t timeout_ms)
{
    struct wait w = {
        .timeout = timeout_ms * NS_PER_MS, .phase = DEADLINE_NEVER, .whole = DEADLINE_NEVER, .wake_fd = -1};
    return w;
}

/* Long enough for anything that is to succeed. */
static inline struct wait wait_long(void)
{
    return wait_ms(30000);
}

#endif
