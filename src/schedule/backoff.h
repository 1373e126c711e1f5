/*
 * How long a retry waits: the delay doubles with each try, up to ten minutes (or the delay asked for, where
 * that is longer), a quarter more or less by chance, so that targets that failed together don't come back
 * together. A server's Retry-After counts where it is longer.
 */
#ifndef PFETCH_SCHEDULE_BACKOFF_H
#define PFETCH_SCHEDULE_BACKOFF_H

#include <stdint.h>

#define BACKOFF_MAX (INT64_C(600) * 1000000000)

struct backoff {
    int64_t delay;           /* ns before the first retry */
    int64_t retry_after_max; /* ns, the most that Retry-After counts for */
    uint64_t random;         /* state of the jitter, any value */
};

/* The wait in ns before the next try, after `tries` (> 0) of them. `retry_after` in ns, < 0: none. */
int64_t backoff_wait(struct backoff *b, uint32_t tries, int64_t retry_after);

/* What a Retry-After counts for: ns from 0 to retry_after_max. */
int64_t backoff_retry_after(const struct backoff *b, int64_t retry_after);

#endif
