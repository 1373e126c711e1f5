/*
 * -d DIR: each body in a file of its own. The scheme, for the manual:
 *
 *   - A target that consists of lower-case letters, digits, `.`, `-` and `_`, starts with a letter or digit
 *     and has at most 200 bytes is its file's name: `example.com`.
 *   - Any other is told by at most 120 bytes of it (without its scheme, every run of bytes other than ASCII
 *     letters, digits, `.` and `-` as one `_`), `~`, and the first 32 hexadecimal digits of the SHA-256 of
 *     the target as given: `example.com_8443~b94d27b9934d3e08a52e52d7da7dabfa`.
 *   - The second, third … line with the same target has `~2`, `~3` … behind that.
 *
 * So a name depends on the target and its occurrence only, not on its place in the list; no name starts with
 * a dot or leads out of DIR, and none is another target's, also where a file system ignores case.
 *
 * Where occurrences are counted for the sink (sink_target.occurrence), a file that is there is replaced:
 * it is an earlier result of the same line. Where they are not (0), the sink never replaces a file of this
 * run, nor any file with `keep` or while another pfetch is at work in DIR: it takes the next free `~N`. A
 * file that is older than the run is replaced.
 *
 * Bodies are written to `.pfetch-RUN-N.tmp` and renamed when they are complete; RUN is 16 random hexadecimal
 * digits. `.pfetch-RUN.lock` is locked (flock) while the run lasts: at the start, temporary files of runs
 * whose lock is free are removed. One descriptor is open for each target whose body is on its way.
 */
#ifndef PFETCH_OUTPUT_DIRECTORY_H
#define PFETCH_OUTPUT_DIRECTORY_H

#include "output/sink.h"

extern const struct sink_type directory_sink;

struct directory_options {
    const char *path; /* created if it is missing (not its parents); copied */
    bool keep;        /* what is there already is never replaced when occurrences are not counted: --resume */
    bool sync;        /* a file is on disk (fsync) before it gets its name */
};

/* A sink for directory_sink's functions, released by its close. NULL with ERROR_OUTPUT (no memory, or the
 * directory can't be made or written). */
void *directory_sink_new(const struct directory_options *options, struct fetch_error *err);

enum { DIRECTORY_NAME_MAX = 200 };

/* The name, without an occurrence, of a target's file: at most DIRECTORY_NAME_MAX bytes and a NUL. */
void directory_name(char ret_name[DIRECTORY_NAME_MAX + 1], struct span target);

#endif
