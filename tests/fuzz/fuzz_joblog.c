/* A line of a journal: whatever the bytes, what is read must be written and read again as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "output/joblog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const struct joblog_entry *e)
{
    struct buffer line, target;
    struct joblog_entry second;
    struct report r = {.target = e->target,
                       .started_us = e->started_us,
                       .status = e->status,
                       .bytes = e->bytes,
                       .ns_total = e->ns_total,
                       .error = {.kind = e->kind}};
    buffer_init(&line, 8 * JOBLOG_LINE_MAX);
    buffer_init(&target, JOBLOG_LINE_MAX);
    if (joblog_put(&line, &r, e->occurrence) < 0 ||
        joblog_get(span_make(line.data, line.len - 1), &target, &second) != JOBLOG_ENTRY ||
        !span_equal(second.target, e->target) || second.occurrence != e->occurrence ||
        second.kind != e->kind || second.bytes != e->bytes)
        abort();
    buffer_free(&line);
    buffer_free(&target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer target;
    struct joblog_entry e;
    buffer_init(&target, JOBLOG_LINE_MAX);
    if (joblog_get(span_make(data, size), &target, &e) == JOBLOG_ENTRY && e.started_us >= 0 &&
        e.started_us < INT64_C(253402300800000000))
        again(&e);
    buffer_free(&target);
    return 0;
}
