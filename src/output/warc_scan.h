/*
 * Where an existing WARC ends: behind its last whole record, plain or one gzip member a record. Reads only.
 */
#ifndef PFETCH_OUTPUT_WARC_SCAN_H
#define PFETCH_OUTPUT_WARC_SCAN_H

#include <stdint.h>
#include "fetch/error.h"

/* Reads the file to its end (the offset of `fd` is not used). *ret_end is the end of the last whole record; a
 * torn record behind it is what a killed writer leaves. 0, or -1: with ERROR_OUTPUT where the file can't be
 * read, with ERROR_NONE where it is no WARC, or is damaged other than by a torn end; the message starts with
 * `name`. */
int warc_scan(int fd, bool gzip, const char *name, uint64_t *ret_end, struct fetch_error *err);

#endif
