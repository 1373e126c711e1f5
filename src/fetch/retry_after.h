/* Retry-After (RFC 9110 10.2.3). */
#ifndef PFETCH_FETCH_RETRY_AFTER_H
#define PFETCH_FETCH_RETRY_AFTER_H

#include <stdint.h>
#include "base/span.h"

/* The value as seconds from `now_s` (seconds since 1970), never negative: a number of seconds, or a date in
 * any of the three forms of RFC 9110 5.6.7. 0, or -1 for a value that is neither. */
int retry_after_parse(struct span value, int64_t now_s, int64_t *ret_seconds);

#endif
