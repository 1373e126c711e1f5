/*
 * The journal of finished targets (--joblog): one line a target, in the spirit of GNU parallel's, appended
 * with one write when its output is out. The format, TAB-separated, line by line:
 *
 *     # pfetch joblog 1
 *     # start  seconds  status  bytes  error  exit  occurrence  target  crc32
 *     2026-11-24T06:00:00.000000Z  0.125  200  1256  ok  0  1  example.org  89ab01ef
 *
 * start is UTC; status "-" where there was none; error "ok" or a kind; exit 0 or 1; occurrence 1 for the
 * first line of the list with this target, 2 for the second …; target as given, escaped as in text reports;
 * crc32 (as of zlib, lower-case hex) over all bytes of the line before the last TAB. Lines that begin with #
 * are skipped, so that journals can be joined with cat. A last line without a newline is torn: it counts only
 * if its checksum is right. Any other line that is not as above is damaged: it doesn't count, and is named.
 */
#ifndef PFETCH_OUTPUT_JOBLOG_H
#define PFETCH_OUTPUT_JOBLOG_H

#include "output/report.h"

/* Longer than any line: 8,192 bytes of target, each escaped, and the other fields. */
enum { JOBLOG_LINE_MAX = 36 * 1024 };

struct joblog;

/* Opens the journal to append to it, and creates it if it is not there. `resume`: goes on with what is there,
 * a torn last line is cut. Not `resume`: begins anew; a journal that was there is kept as PATH~. What is no
 * journal is refused and left as it was; so is a journal that another process writes. 0; or -1 with `err`:
 * kind ERROR_NONE for a usage error, ERROR_OUTPUT where writing failed. */
int joblog_open(const char *path, bool resume, struct joblog **ret, struct fetch_error *err);

/* Appends a line for this target, whose output must be out before; `sync`: and sees it on disk. 0; or -1 with
 * ERROR_OUTPUT: the journal is then as before. */
int joblog_write(struct joblog *j, const struct report *report, uint32_t occurrence, bool sync,
                 struct fetch_error *err);

/* True if it is no file: a write may wait for its reader. */
bool joblog_may_wait(const struct joblog *j);

/* Releases it; NULL is fine. 0; or -1 with ERROR_OUTPUT, when closing reports a failed write. */
int joblog_close(struct joblog *j, struct fetch_error *err);

/* A line's content, the reader's side. */
struct joblog_entry {
    int64_t started_us;
    int64_t ns_total; /* to the millisecond */
    int status;       /* 0: none */
    uint64_t bytes;
    enum error_kind kind;
    uint32_t occurrence;
    struct span target; /* unescaped, in the buffer that was given */
};

/* Appends the line of a report, with its newline. 0 or -1 as buffer_append. */
int joblog_put(struct buffer *b, const struct report *report, uint32_t occurrence);

enum joblog_line { JOBLOG_ENTRY, JOBLOG_COMMENT, JOBLOG_DAMAGED };

/* Reads one line without its newline. `target` (emptied first) takes the unescaped target. */
enum joblog_line joblog_get(struct span line, struct buffer *target, struct joblog_entry *ret);

struct joblog_reader {
    void (*entry)(void *arg, const struct joblog_entry *entry);
    void (*damaged)(void *arg, uint64_t line); /* its 1-based number */
    void *arg;
};

/* Reads a whole journal in constant memory. A file that is not there, or is empty, has no lines. 0; or -1
 * with `err`, kind ERROR_NONE: no journal, or it can't be read. */
int joblog_read(const char *path, const struct joblog_reader *reader, struct fetch_error *err);

/* As joblog_read, one that is open: nobody else writes to it meanwhile, or afterwards. (Opening and closing
 * the file another time would give up its lock.) */
int joblog_read_open(const struct joblog *j, const struct joblog_reader *reader, struct fetch_error *err);

#endif
