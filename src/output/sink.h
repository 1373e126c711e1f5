/*
 * Sinks: where results go. A form of result is one file that ends in a `const struct sink_type`; adding one
 * is that file and a line in run. For each target that is tried, a sink sees
 *
 *     begin  (hop wire…)*  head  (body | wire)…  then end or abandon
 *
 * begin comes with the target's first event; targets that never start (a bad line, cancelled) get only `end`
 * with a NULL context. A try that is to be retried is abandoned (WARC, which keeps failed tries, sets
 * `keeps_tries` and gets `end` with final false). No sink writes to standard output itself: it appends to the
 * target's slot of the spool (spool.h).
 *
 * Every function returns 0, or -1 with `err` (ERROR_OUTPUT, a message that names the file): the run then ends
 * as with INT. No function pointer is NULL.
 */
#ifndef PFETCH_OUTPUT_SINK_H
#define PFETCH_OUTPUT_SINK_H

#include "output/report.h"

struct spool_slot;

struct sink_target { /* what a sink is told at begin */
    uint64_t index;
    struct span target;
    uint32_t occurrence;     /* 1: the first line with this target, 2: the second …; 0: not counted */
    struct spool_slot *slot; /* its place on standard output; NULL for sinks that write nothing there */
};

struct sink_type {
    const char *name;
    bool wants_body;
    bool wants_wire;
    bool keeps_tries;
    /* A target's own context, *ret_context (may be NULL). */
    int (*begin)(void *sink, const struct sink_target *target, void **ret_context, struct fetch_error *err);
    int (*hop)(void *sink, void *context, const struct fetch_head *hop, struct fetch_error *err);
    int (*head)(void *sink, void *context, const struct fetch_head *head, struct fetch_error *err);
    int (*body)(void *sink, void *context, const void *data, size_t len, struct fetch_error *err);
    int (*wire)(void *sink, void *context, const void *data, size_t len, struct fetch_error *err);
    /* The end: releases the context. May fill report->file (owned by the sink until its next call). `slot` as
     * at begin, also for targets that had no begin. */
    int (*end)(void *sink, void *context, struct report *report, bool final, struct spool_slot *slot,
               struct fetch_error *err);
    void (*abandon)(void *sink, void *context);
    /* Everything to the file or disk, before the journal says it is done (sync: fsync too). */
    int (*flush)(void *sink, bool sync, struct fetch_error *err);
    /* Releases the sink; 0, or -1 when the last bytes could not be written. */
    int (*close)(void *sink, struct fetch_error *err);
};

/* For what a sink has no use for. */
int sink_no_begin(void *sink, const struct sink_target *target, void **ret_context, struct fetch_error *err);
int sink_no_head(void *sink, void *context, const struct fetch_head *head, struct fetch_error *err);
int sink_no_data(void *sink, void *context, const void *data, size_t len, struct fetch_error *err);
void sink_no_abandon(void *sink, void *context);
int sink_no_flush(void *sink, bool sync, struct fetch_error *err);

#endif
