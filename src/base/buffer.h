/*
 * A byte buffer that knows its limit from birth: whatever is appended, it never holds more.
 *   1. buffer_init(&b, limit)   nothing is allocated yet
 *   2. buffer_append…           grows by doubling, up to the limit
 *   3. buffer_consume           drops from the front
 *   4. buffer_free              may be used again after it, as after buffer_init
 * `data` belongs to the buffer and is valid until the next call that appends or frees. Not thread-safe.
 */
#ifndef PFETCH_BASE_BUFFER_H
#define PFETCH_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

struct buffer {
    unsigned char *data; /* NULL until something is appended */
    size_t len;          /* bytes held */
    size_t cap;          /* bytes allocated, never more than limit */
    size_t limit;        /* most bytes it may hold */
};

/* An empty buffer that will never hold more than `limit` bytes. */
void buffer_init(struct buffer *b, size_t limit);

/* Releases the memory; the buffer is empty and keeps its limit. Safe on an initialised or freed buffer. */
void buffer_free(struct buffer *b);

/* Empties it and keeps the memory. */
static inline void buffer_clear(struct buffer *b)
{
    b->len = 0;
}

/* What it holds. */
static inline struct span buffer_span(const struct buffer *b)
{
    return span_make(b->data, b->len);
}

/* Makes room for `more` further bytes, to be written at data + len by the caller, who then adds to len.
 * 0, or -1 with errno EMSGSIZE (over the limit) or ENOMEM; the contents are then as before. */
int buffer_reserve(struct buffer *b, size_t more);

/* Appends `len` bytes. 0, or -1 as buffer_reserve: then nothing was appended. Here, as what follows, since
 * records are made of a few bytes at a time. */
static inline int buffer_append(struct buffer *b, const void *data, size_t len)
{
    if (len == 0)
        return 0;
    if (len > b->cap - b->len && buffer_reserve(b, len) < 0)
        return -1;
    memcpy(b->data + b->len, data, len);
    b->len += len;
    return 0;
}

/* Appends a NUL-terminated string without its NUL. As buffer_append. */
static inline int buffer_puts(struct buffer *b, const char *s)
{
    return buffer_append(b, s, strlen(s));
}

/* Appends one byte. As buffer_append. */
static inline int buffer_putc(struct buffer *b, unsigned char c)
{
    return buffer_append(b, &c, 1);
}

/* Appends `v` in decimal digits, at least `width` of them (1 to 20), with zeros before it. As buffer_append.
 */
int buffer_put_decimal(struct buffer *b, uint64_t v, unsigned width);

/* Appends formatted text, without a NUL. As buffer_append. */
__attribute__((format(printf, 2, 3))) int buffer_printf(struct buffer *b, const char *format, ...);

/* Puts a NUL behind the contents, not counted in len, so that data is a C string. As buffer_append. */
int buffer_terminate(struct buffer *b);

/* Drops the first `n` bytes (n <= len). */
void buffer_consume(struct buffer *b, size_t n);

#endif
