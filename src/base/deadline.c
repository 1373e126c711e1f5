#include "base/deadline.h"

#include <limits.h>
#include <time.h>

int64_t deadline_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * NS_PER_SECOND + ts.tv_nsec;
}

int64_t deadline_coarse(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (int64_t)ts.tv_sec * NS_PER_SECOND + ts.tv_nsec;
}

int64_t wall_now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t deadline_add(int64_t at, int64_t duration)
{
    int64_t sum;
    if (at == DEADLINE_NEVER || duration == DEADLINE_NEVER || __builtin_add_overflow(at, duration, &sum))
        return DEADLINE_NEVER;
    return sum;
}

int64_t deadline_from_seconds(double seconds)
{
    if (!(seconds >= 0))
        return 0;
    double ns = seconds * 1e9 + 0.5;
    return ns >= 9.2e18 ? DEADLINE_NEVER : (int64_t)ns;
}

int deadline_poll_ms(int64_t deadline, int64_t now)
{
    if (deadline == DEADLINE_NEVER)
        return -1;
    if (deadline <= now)
        return 0;
    int64_t left = deadline - now;
    int64_t ms = left / NS_PER_MS + (left % NS_PER_MS != 0);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}
