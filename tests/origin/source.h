/*
 * Where a body comes from: a pattern of any length made on the fly, zeros, or memory; and content codings.
 * The pattern: rows of 1,024 bytes, "OFFSET SEED" (16 hexadecimal digits, a blank, 15 bytes padded with
 * blanks), then 991 times "0123456789abcdefghijklmnopqrstuvwxyz" over and over, then a newline.
 */
#ifndef ORIGIN_SOURCE_H
#define ORIGIN_SOURCE_H

#include "base/buffer.h"
#include <stdint.h>

struct source {
    enum { SOURCE_MEMORY, SOURCE_PATTERN, SOURCE_ZEROS } kind;
    uint64_t at, left;
    char seed[16];
    struct buffer memory; /* read from the front by `at` */
};

void source_init_memory(struct source *s);
void source_init_pattern(struct source *s, uint64_t len, const char *seed);
void source_init_zeros(struct source *s, uint64_t len);

/* Copies at most `len` of the next bytes; 0 at the end. */
size_t source_pull(struct source *s, void *data, size_t len);

/* Replaces a source by its coded form, in memory. `coding`: gzip, gzip2 (two members), deflate, rawdeflate,
 * br, zstd, zstdwide (a window of 64 MB). 0, or -1 where there is no such coding. */
int source_encode(struct source *s, const char *coding);

/* What Content-Encoding calls that coding; NULL where there is none. */
const char *source_coding_name(const char *coding);

void source_free(struct source *s);

#endif
