/*
 * Scratch files: bytes that are too many for memory, in files without a name, so that nothing is left behind
 * however pfetch ends.
 */
#ifndef PFETCH_OUTPUT_SCRATCH_H
#define PFETCH_OUTPUT_SCRATCH_H

#include <stdint.h>
#include "fetch/error.h"

/* Opens an empty scratch file in `dir` (NULL: TMPDIR, else /var/tmp, else /tmp). The descriptor is the
 * caller's to close; -1 with ERROR_OUTPUT. */
int scratch_open(const char *dir, struct fetch_error *err);

/* Writes all `len` bytes at `offset`. 0, or -1 with ERROR_OUTPUT. */
int scratch_write(int fd, uint64_t offset, const void *data, size_t len, struct fetch_error *err);

/* Hands the first `len` bytes to `take` in pieces. 0, or -1 as `take` said or with ERROR_OUTPUT. */
int scratch_read(int fd, uint64_t len,
                 int (*take)(void *arg, const void *data, size_t size, struct fetch_error *err), void *arg,
                 struct fetch_error *err);

#endif
