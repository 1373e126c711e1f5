#include "schedule/backoff.h"

/* splitmix64: for spreading, not for secrets. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static int64_t longest(const struct backoff *b)
{
    return b->delay > BACKOFF_MAX ? b->delay : BACKOFF_MAX;
}

/* delay × 2^(tries - 1), at most longest(). */
static int64_t doubled(const struct backoff *b, uint32_t tries)
{
    int64_t delay = b->delay > 0 ? b->delay : 0;
    while (tries-- > 1 && delay > 0 && delay < BACKOFF_MAX)
        delay *= 2;
    return delay > longest(b) ? longest(b) : delay;
}

int64_t backoff_retry_after(const struct backoff *b, int64_t retry_after)
{
    if (retry_after < 0)
        return 0;
    return retry_after > b->retry_after_max ? b->retry_after_max : retry_after;
}

int64_t backoff_wait(struct backoff *b, uint32_t tries, int64_t retry_after)
{
    int64_t wait = doubled(b, tries);
    int64_t quarter = wait / 4;
    if (quarter > 0)
        wait += (int64_t)(next_random(&b->random) % (uint64_t)(2 * quarter + 1)) - quarter;
    if (wait > longest(b))
        wait = longest(b);
    int64_t asked = backoff_retry_after(b, retry_after);
    return asked > wait ? asked : wait;
}
