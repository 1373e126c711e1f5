/*
 * Which time a target comes in a list that is read as a stream: 1 for the first, 2 for the second …
 * Remembers a hash of each distinct target: 15 to 23 bytes each, whatever its length.
 */
#ifndef PFETCH_SCHEDULE_OCCURRENCES_H
#define PFETCH_SCHEDULE_OCCURRENCES_H

#include <stdint.h>
#include "base/span.h"

struct occurrences;

/* NULL: no memory. */
struct occurrences *occurrences_new(void);

/* Counts this one and returns its number; 0: no memory. */
uint32_t occurrences_count(struct occurrences *o, struct span target);

void occurrences_free(struct occurrences *o);

#endif
