/*
 * The file, or the numbered files, of a WARC: records are appended whole or not at all.
 *   1. warc_file_open     new or resumed; nothing is changed yet
 *   2. warc_file_start    empties it, or cuts its torn end
 *   3. warc_file_begin    starts a group of records, in a new file if the present one has its size
 *   4. warc_file_put…, warc_file_end_record; again for the group's next record
 *   5. warc_file_commit   all of the group is in the file; if a step fails, nothing of it is
 *   6. warc_file_close
 * An empty file (warc_file_size is 0 behind warc_file_begin) wants a warcinfo record first. Every function
 * that takes `err` returns 0, or -1 with ERROR_OUTPUT and a message that names the file; warc_file_open,
 * where that file must not be touched, with ERROR_NONE.
 */
#ifndef PFETCH_OUTPUT_WARC_FILE_H
#define PFETCH_OUTPUT_WARC_FILE_H

#include <stdint.h>
#include "fetch/error.h"

struct warc_file;

/* See warc.h for `max_size` and `resume`. */
int warc_file_open(const char *path, uint64_t max_size, bool resume, struct warc_file **ret,
                   struct fetch_error *err);

/* Where it is no regular file, its reader may let it wait: then `wake` is called when `wake_fd` is readable;
 * true: give up, with ERROR_CANCELLED, for good. */
void warc_file_wake(struct warc_file *f, int wake_fd, bool (*wake)(void *arg), void *arg);

int warc_file_start(struct warc_file *f, struct fetch_error *err);

int warc_file_begin(struct warc_file *f, struct fetch_error *err);
int warc_file_put(struct warc_file *f, const void *data, size_t len, struct fetch_error *err);
int warc_file_end_record(struct warc_file *f, struct fetch_error *err);
int warc_file_commit(struct warc_file *f, struct fetch_error *err);

/* Takes back what was put since warc_file_begin. */
void warc_file_cancel(struct warc_file *f);

/* Bytes of whole groups in the present file. */
uint64_t warc_file_size(const struct warc_file *f);

/* The present file's name, without directories. */
const char *warc_file_name(const struct warc_file *f);

/* The directory the files are in. */
const char *warc_file_dir(const struct warc_file *f);

/* What is committed is on disk. */
int warc_file_sync(struct warc_file *f, struct fetch_error *err);

/* Releases it. NULL is fine. */
void warc_file_close(struct warc_file *f);

#endif
