/* Byte spans: a view of bytes that somebody else owns. Never NUL-terminated by promise. */
#ifndef PFETCH_BASE_SPAN_H
#define PFETCH_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
    const unsigned char *data; /* may be NULL when len is 0 */
    size_t len;                /* bytes */
};

/* The span of a NUL-terminated string, without the NUL. `s` may be NULL: the empty span. */
static inline struct span span_of(const char *s)
{
    struct span v = {(const unsigned char *)s, s ? strlen(s) : 0};
    return v;
}

/* The span of `len` bytes at `data`. */
static inline struct span span_make(const void *data, size_t len)
{
    struct span v = {(const unsigned char *)data, len};
    return v;
}

/* True if both hold the same bytes. */
static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* ASCII lower case of one byte; no locale. */
static inline unsigned char ascii_lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

/* True if both hold the same bytes but for the case of ASCII letters. */
static inline bool span_equal_nocase(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.data[i]) != ascii_lower(b.data[i]))
            return false;
    return true;
}

/* `v` without the spaces and TABs at both ends. */
static inline struct span span_trim(struct span v)
{
    while (v.len && (v.data[0] == ' ' || v.data[0] == '\t')) {
        v.data++;
        v.len--;
    }
    while (v.len && (v.data[v.len - 1] == ' ' || v.data[v.len - 1] == '\t'))
        v.len--;
    return v;
}

#endif
