/*
 * The count of a run: what is said in the last line on standard error, and what the exit status follows from.
 */
#ifndef PFETCH_SUMMARY_H
#define PFETCH_SUMMARY_H

#include "base/buffer.h"
#include "fetch/error.h"

enum { SUMMARY_REASONS = 4, SUMMARY_REASON_MAX = 120 };

struct summary {
    uint64_t targets;              /* reported */
    uint64_t by_kind[ERROR_KINDS]; /* [ERROR_NONE]: ok */
    uint64_t bytes;                /* of delivered bodies */
    struct {                       /* why workers were lost: the first few reasons that differ */
        char text[SUMMARY_REASON_MAX];
        uint64_t count;
    } lost[SUMMARY_REASONS];
    uint64_t lost_otherwise;
};

/* Counts one report. */
void summary_count(struct summary *s, enum error_kind kind, uint64_t bytes);

/* A report that was counted as `was` has turned out to be `is`, and `bytes` of its body not to be delivered.
 */
void summary_recount(struct summary *s, enum error_kind was, enum error_kind is, uint64_t bytes);

/* Counts a lost worker; `reason` may be hostile. */
void summary_lost(struct summary *s, struct span reason);

/* Targets that failed, of any kind. */
uint64_t summary_failed(const struct summary *s);

/* Appends the line, without a newline: "1000 targets: 990 ok, 10 failed (dns 3, timeout 7) in 3.210 s, 311.5
 * fetches/s, 20971520 bytes", then the lost workers' reasons and `remark` where there are any. 0 or -1 as
 * buffer_append. */
int summary_put(struct buffer *b, const struct summary *s, int64_t elapsed_ns, const char *remark);

#endif
