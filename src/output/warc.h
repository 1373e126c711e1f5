/*
 * --warc FILE: all exchanges as WARC/1.1 (ISO 28500:2017). Each file begins with a warcinfo record; each
 * exchange, redirects and failed tries that got an answer included, is a request and a response record with
 * the bytes as they were on the wire, joined by WARC-Concurrent-To, of one WARC-Date (the start of the
 * fetch). A request and its response are appended together, when the response has ended: what can't be
 * written whole is taken back. Until then a response is kept in memory (up to WARC_BLOCK_MAX, all together
 * up to WARC_MEMORY_MAX) and beyond that in a file without a name beside FILE.
 *
 * Where FILE ends in `.gz`, each record is a gzip member of its own. With a largest size, exchanges go into a
 * new file once the present one has reached it: FILE, then FILE with -00001, -00002 … before its `.warc`,
 * `.warc.gz` or `.gz` (or at its end): crawl.warc.gz, crawl-00001.warc.gz. If -00001 is there already, it is
 * of an earlier run and refused.
 *
 * With `resume` the last of these files is read: a torn last record is cut off, and the rest is gone on with
 * behind the last whole one. A file that is no WARC, or is damaged before its end, is refused and left as it
 * was. Without `resume` FILE is emptied. It is locked (flock) against a second pfetch.
 */
#ifndef PFETCH_OUTPUT_WARC_H
#define PFETCH_OUTPUT_WARC_H

#include "output/sink.h"

extern const struct sink_type warc_sink;

enum { WARC_BLOCK_MAX = 1024 * 1024, WARC_MEMORY_MAX = 64 * 1024 * 1024 };

struct warc_options {
    const char *path;  /* copied */
    uint64_t max_size; /* bytes; 0: one file */
    bool resume;
    /* Where it is no file but a pipe: polled beside it, and called when that is readable; true: give up. */
    int wake_fd;
    bool (*wake)(void *arg);
    void *arg;
};

/* A sink for warc_sink's functions, *ret_sink, released by its close. Nothing is written yet, and nothing
 * that was there is changed. 0, or -1: with ERROR_OUTPUT, or ERROR_NONE where the file must not be touched.
 */
int warc_open(const struct warc_options *options, void **ret_sink, struct fetch_error *err);

/* Empties the file, or cuts its torn end; a new file gets its warcinfo. Before the first target. 0, or -1
 * with ERROR_OUTPUT. */
int warc_start(void *sink, struct fetch_error *err);

#endif
