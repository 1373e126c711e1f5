/*
 * Deadlines: points on CLOCK_MONOTONIC in nanoseconds, as plain int64_t. DEADLINE_NEVER is after all others.
 * Durations are nanoseconds too. All arithmetic saturates.
 */
#ifndef PFETCH_BASE_DEADLINE_H
#define PFETCH_BASE_DEADLINE_H

#include <stdint.h>

#define DEADLINE_NEVER INT64_MAX
#define NS_PER_SECOND  INT64_C(1000000000)
#define NS_PER_MS      INT64_C(1000000)

/* Now, on CLOCK_MONOTONIC (ns). */
int64_t deadline_now(void);

/* As deadline_now, but up to some ms behind it, for a tenth of the price: for differences that are summed up,
 * and not together with deadline_now. */
int64_t deadline_coarse(void);

/* Now, on the wall clock: microseconds since 1970-01-01 UTC. For timestamps only, never for waiting. */
int64_t wall_now_us(void);

/* `at` plus `duration`, both in ns; DEADLINE_NEVER if either is DEADLINE_NEVER or the sum does not fit. */
int64_t deadline_add(int64_t at, int64_t duration);

/* The earlier of two. */
static inline int64_t deadline_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A duration in seconds, not negative, as ns, rounded to nearest; DEADLINE_NEVER where it does not fit. */
int64_t deadline_from_seconds(double seconds);

/* What poll(2) takes to wait until `deadline`: ms rounded up, 0 if it has passed, -1 for DEADLINE_NEVER. */
int deadline_poll_ms(int64_t deadline, int64_t now);

#endif
