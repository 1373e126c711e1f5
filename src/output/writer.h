/*
 * A writer: bytes to one descriptor, gathered, written with waits that end when the run is told to stop.
 * Standard output may be shared with others, so its flags are never changed (no O_NONBLOCK): a pipe or
 * terminal is polled and given at most PIPE_BUF bytes at a time, so that a slow reader blocks pfetch only in
 * poll, beside wake_fd.
 */
#ifndef PFETCH_OUTPUT_WRITER_H
#define PFETCH_OUTPUT_WRITER_H

#include <stdint.h>
#include "fetch/error.h"

struct writer;

struct writer_options {
    int fd;                  /* taken over if owned */
    bool owned;              /* close it at the end */
    const char *name;        /* for messages: "standard output", a path */
    int wake_fd;             /* polled while a write waits; -1: none */
    bool (*wake)(void *arg); /* called then; true: give up (the write fails with ERROR_CANCELLED) */
    void (*writing)(void *arg, bool now); /* told before and after bytes leave to where they
                                             may be shown: to no file; NULL: nobody */
    void *arg;
};

struct writer *writer_new(const struct writer_options *options);

/* Gathers `len` bytes, and writes when 256 KiB have come together. 0; -1 with ERROR_OUTPUT ("standard output:
 * No space left on device"; broken_pipe is then set for EPIPE) or ERROR_CANCELLED. After a failure all
 * further calls fail. */
int writer_put(struct writer *w, const void *data, size_t len, struct fetch_error *err);

/* Writes what has been gathered. `sync`: fsync as well, where the descriptor can. */
int writer_flush(struct writer *w, bool sync, struct fetch_error *err);

/* Bytes taken by writer_put, and those that have left for the descriptor. */
uint64_t writer_taken(const struct writer *w);
uint64_t writer_written(const struct writer *w);

/* The failure was EPIPE. */
bool writer_broken_pipe(const struct writer *w);

/* Releases it without writing what is left. NULL is fine. */
void writer_free(struct writer *w);

#endif
