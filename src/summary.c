#include "summary.h"

#include <inttypes.h>

#include "base/escape.h"

void summary_count(struct summary *s, enum error_kind kind, uint64_t bytes)
{
    s->targets++;
    s->by_kind[kind]++;
    s->bytes = bytes > UINT64_MAX - s->bytes ? UINT64_MAX : s->bytes + bytes; /* a worker's word */
}

void summary_recount(struct summary *s, enum error_kind was, enum error_kind is, uint64_t bytes)
{
    s->by_kind[was]--;
    s->by_kind[is]++;
    s->bytes = bytes > s->bytes ? 0 : s->bytes - bytes;
}

/* What is behind "worker 17 ": reasons are counted, whoever had them. */
static struct span without_worker(struct span reason)
{
    static const char before[] = "worker ";
    size_t n = sizeof before - 1;
    if (reason.len < n || memcmp(reason.data, before, n) != 0)
        return reason;
    while (n < reason.len && reason.data[n] >= '0' && reason.data[n] <= '9')
        n++;
    n += n < reason.len && reason.data[n] == ' ';
    return span_make(reason.data + n, reason.len - n);
}

void summary_lost(struct summary *s, struct span reason)
{
    reason = without_worker(reason);
    if (reason.len >= SUMMARY_REASON_MAX)
        reason.len = SUMMARY_REASON_MAX - 1;
    for (size_t i = 0; i < SUMMARY_REASONS; i++) {
        if (s->lost[i].count == 0) {
            memcpy(s->lost[i].text, reason.data, reason.len);
            s->lost[i].text[reason.len] = 0;
        }
        if (span_equal(span_of(s->lost[i].text), reason)) {
            s->lost[i].count++;
            return;
        }
    }
    s->lost_otherwise++;
}

uint64_t summary_failed(const struct summary *s)
{
    return s->targets - s->by_kind[ERROR_NONE];
}

static int put_failed(struct buffer *b, const struct summary *s)
{
    uint64_t failed = summary_failed(s);
    if (buffer_printf(b, ", %" PRIu64 " failed", failed) < 0)
        return -1;
    const char *before = " (";
    for (int kind = ERROR_NONE + 1; kind < ERROR_KINDS; kind++) {
        if (s->by_kind[kind] == 0)
            continue;
        if (buffer_printf(b, "%s%s %" PRIu64, before, error_kind_name((enum error_kind)kind),
                          s->by_kind[kind]) < 0)
            return -1;
        before = ", ";
    }
    return failed ? buffer_putc(b, ')') : 0;
}

static int put_lost(struct buffer *b, const struct summary *s)
{
    for (size_t i = 0; i < SUMMARY_REASONS && s->lost[i].count; i++)
        if (buffer_printf(b, "%s%" PRIu64 " × ", i ? ", " : "; workers lost: ", s->lost[i].count) < 0 ||
            escape_text(b, span_of(s->lost[i].text)) < 0)
            return -1;
    return s->lost_otherwise ? buffer_printf(b, ", %" PRIu64 " × other reasons", s->lost_otherwise) : 0;
}

int summary_put(struct buffer *b, const struct summary *s, int64_t elapsed_ns, const char *remark)
{
    double seconds = (double)elapsed_ns / 1e9;
    double rate = seconds > 0 ? (double)s->targets / seconds : 0;
    if (buffer_printf(b, "%" PRIu64 " target%s: %" PRIu64 " ok", s->targets, s->targets == 1 ? "" : "s",
                      s->by_kind[ERROR_NONE]) < 0 ||
        put_failed(b, s) < 0 ||
        buffer_printf(b, " in %.3f s, %.1f fetches/s, %" PRIu64 " bytes", seconds, rate, s->bytes) < 0 ||
        put_lost(b, s) < 0)
        return -1;
    return remark && *remark ? buffer_printf(b, "; %s", remark) : 0;
}
