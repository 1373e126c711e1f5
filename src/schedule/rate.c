#include "schedule/rate.h"

#include "base/deadline.h"

void rate_init(struct rate *r, double per_second)
{
    *r = (struct rate){0};
    if (per_second > 0)
        r->interval = deadline_from_seconds(1 / per_second);
}

int64_t rate_when(const struct rate *r)
{
    return r->interval && r->begun ? r->next : INT64_MIN;
}

void rate_take(struct rate *r, int64_t now)
{
    if (!r->interval)
        return;
    if (!r->begun)
        r->next = now;
    r->begun = true;
    if (r->next < now - RATE_LATE_MAX)
        r->next = now - RATE_LATE_MAX;
    r->next = deadline_add(r->next, r->interval);
}

void rate_untake(struct rate *r)
{
    if (r->interval && r->begun && r->next != DEADLINE_NEVER)
        r->next -= r->interval;
}
