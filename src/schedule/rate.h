/*
 * --rate: starts spaced evenly. A start that comes late may be made up for by the next ones, but by no more
 * than RATE_LATE_MAX's worth, so that no burst follows a pause.
 */
#ifndef PFETCH_SCHEDULE_RATE_H
#define PFETCH_SCHEDULE_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define RATE_LATE_MAX (INT64_C(100) * 1000000)

struct rate {
    int64_t interval; /* ns between two starts; 0: no limit */
    int64_t next;     /* when the next start is due; meaningful once `begun` */
    bool begun;
};

/* `per_second` 0 or less: no limit. */
void rate_init(struct rate *r, double per_second);

/* When the next start may be (ns), in the past if now. */
int64_t rate_when(const struct rate *r);

/* Counts a start at `now`. */
void rate_take(struct rate *r, int64_t now);

/* Takes the last one back. */
void rate_untake(struct rate *r);

#endif
