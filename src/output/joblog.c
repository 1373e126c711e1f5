#include "config.h"

#include "output/joblog.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <zlib.h>
#include "base/deadline.h"
#include "base/escape.h"
#include "base/unescape.h"

enum { FIELDS = 9, STATUS_MAX = 999 };

/* One line, there … */

static int put_time(struct buffer *b, int64_t us)
{
    struct tm tm;
    time_t seconds = (time_t)(us / 1000000);
    char text[40];
    if (!gmtime_r(&seconds, &tm) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        text[0] = 0;
    return buffer_printf(b, "%s.%06dZ\t", text, (int)(us % 1000000));
}

int joblog_put(struct buffer *b, const struct report *report, uint32_t occurrence)
{
    size_t start = b->len;
    char status[16] = "-";
    bool ok = report->error.kind == ERROR_NONE;
    int64_t ns = report->ns_total > 0 ? report->ns_total : 0;
    if (report->status > 0 && report->status <= STATUS_MAX)
        snprintf(status, sizeof status, "%d", report->status);
    if (put_time(b, report->started_us < 0 ? 0 : report->started_us) < 0 ||
        buffer_printf(b, "%" PRId64 ".%03d\t%s\t%" PRIu64 "\t%s\t%d\t%" PRIu32 "\t", ns / NS_PER_SECOND,
                      (int)(ns % NS_PER_SECOND / NS_PER_MS), status, report->bytes,
                      error_kind_name(report->error.kind), ok ? 0 : 1, occurrence) < 0 ||
        escape_text(b, report->target) < 0)
        return -1;
    uLong crc = crc32_z(0, b->data + start, b->len - start);
    return buffer_printf(b, "\t%08lx\n", (unsigned long)crc);
}

/* … and back. */

/* A decimal number that is all of `v`. False: none, or over `most`. */
static bool get_number(struct span v, uint64_t most, uint64_t *ret)
{
    uint64_t n = 0;
    for (size_t i = 0; i < v.len; i++) {
        unsigned digit = (unsigned)v.data[i] - '0';
        if (digit > 9 || n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *ret = n;
    return v.len && n <= most;
}

static bool get_checksum(struct span v, uint32_t *ret)
{
    uint32_t n = 0;
    for (size_t i = 0; i < v.len; i++) {
        unsigned char c = v.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        n = n << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *ret = n;
    return v.len == 8;
}

/* "2026-11-24T06:00:00.000000Z" */
static bool get_time(struct span v, int64_t *ret_us)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.ddddddZ";
    uint64_t n[7] = {0};
    size_t part = 0;
    if (v.len != sizeof form - 1)
        return false;
    for (size_t i = 0; i < v.len; i++) {
        unsigned digit = (unsigned)v.data[i] - '0';
        if (form[i] == 'd' && digit <= 9)
            n[part] = n[part] * 10 + digit;
        else if (form[i] != 'd' && v.data[i] == (unsigned char)form[i])
            part++;
        else
            return false;
    }
    struct tm tm = {.tm_year = (int)n[0] - 1900,
                    .tm_mon = (int)n[1] - 1,
                    .tm_mday = (int)n[2],
                    .tm_hour = (int)n[3],
                    .tm_min = (int)n[4],
                    .tm_sec = (int)n[5]};
    *ret_us = (int64_t)timegm(&tm) * 1000000 + (int64_t)n[6];
    return true;
}

/* "0.125" */
static bool get_seconds(struct span v, int64_t *ret_ns)
{
    uint64_t seconds, ms;
    if (v.len < 5 || v.data[v.len - 4] != '.' ||
        !get_number(span_make(v.data, v.len - 4), INT64_MAX / NS_PER_SECOND, &seconds) ||
        !get_number(span_make(v.data + v.len - 3, 3), 999, &ms))
        return false;
    *ret_ns = deadline_add((int64_t)seconds * NS_PER_SECOND, (int64_t)ms * NS_PER_MS);
    return true;
}

static bool get_status(struct span v, int *ret)
{
    uint64_t n = 0;
    if (!span_equal(v, span_of("-")) && !get_number(v, STATUS_MAX, &n))
        return false;
    *ret = (int)n;
    return true;
}

static bool get_kind(struct span v, enum error_kind *ret)
{
    for (unsigned kind = 0; kind < ERROR_KINDS; kind++)
        if (span_equal(v, span_of(error_kind_name((enum error_kind)kind)))) {
            *ret = (enum error_kind)kind;
            return true;
        }
    return false;
}

/* Cuts a line at its TABs; false unless there are FIELDS parts. */
static bool get_fields(struct span line, struct span *fields)
{
    size_t n = 0;
    for (;; n++) {
        if (n == FIELDS)
            return false;
        const unsigned char *tab = line.len ? memchr(line.data, '\t', line.len) : NULL;
        size_t len = tab ? (size_t)(tab - line.data) : line.len;
        fields[n] = span_make(line.data, len);
        if (!tab)
            return n == FIELDS - 1;
        line = span_make(tab + 1, line.len - len - 1);
    }
}

enum joblog_line joblog_get(struct span line, struct buffer *target, struct joblog_entry *ret)
{
    struct span f[FIELDS];
    struct joblog_entry e = {0};
    uint64_t exit_value, occurrence;
    uint32_t sum;
    if (line.len && line.data[0] == '#')
        return JOBLOG_COMMENT;
    if (!get_fields(line, f) || !get_checksum(f[8], &sum) ||
        sum != (uint32_t)crc32_z(0, line.data, line.len - f[8].len - 1))
        return JOBLOG_DAMAGED;
    buffer_clear(target);
    if (!get_time(f[0], &e.started_us) || !get_seconds(f[1], &e.ns_total) || !get_status(f[2], &e.status) ||
        !get_number(f[3], UINT64_MAX, &e.bytes) || !get_kind(f[4], &e.kind) ||
        !get_number(f[5], 255, &exit_value) || !get_number(f[6], UINT32_MAX, &occurrence) ||
        unescape_text(target, f[7]) < 0)
        return JOBLOG_DAMAGED;
    e.occurrence = (uint32_t)occurrence;
    e.target = buffer_span(target);
    *ret = e;
    return JOBLOG_ENTRY;
}
