/*
 * Numbers and times as text, without printf: a report is made for every fetch. All append to a buffer and
 * return 0, or -1 as buffer_append.
 */
#ifndef PFETCH_OUTPUT_FORMAT_H
#define PFETCH_OUTPUT_FORMAT_H

#include <stdint.h>
#include "base/buffer.h"

/* Decimal. */
int format_u64(struct buffer *b, uint64_t v);

/* A duration in ns as seconds with `digits` (1 to 9) decimals, rounded to nearest; negative ones are 0. */
int format_seconds(struct buffer *b, int64_t ns, unsigned digits);

/* Microseconds since 1970 as RFC 3339 in UTC, "2026-01-02T03:04:05.678901Z"; before 1970 or after the year
 * 9999 is cut to these bounds. */
int format_time(struct buffer *b, int64_t us);

/* Bytes for people, in at most 8 columns: "0 B", "999 B", "1.23 KB", "45.6 MB" (powers of 1,000). */
int format_bytes(struct buffer *b, uint64_t bytes);

#endif
