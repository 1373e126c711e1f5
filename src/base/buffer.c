#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUFFER_FIRST = 256, U64_DIGITS = 20 };

void buffer_init(struct buffer *b, size_t limit)
{
    *b = (struct buffer){.limit = limit};
}

void buffer_free(struct buffer *b)
{
    free(b->data);
    buffer_init(b, b->limit);
}

int buffer_reserve(struct buffer *b, size_t more)
{
    if (more > b->limit || b->len > b->limit - more) {
        errno = EMSGSIZE;
        return -1;
    }
    size_t need = b->len + more;
    if (need <= b->cap)
        return 0;
    size_t cap = b->cap ? b->cap : BUFFER_FIRST;
    while (cap < need && cap <= b->limit / 2)
        cap *= 2;
    if (cap < need)
        cap = need;
    if (cap > b->limit)
        cap = b->limit;
    unsigned char *data = realloc(b->data, cap);
    if (!data) {
        errno = ENOMEM;
        return -1;
    }
    b->data = data;
    b->cap = cap;
    return 0;
}

int buffer_put_decimal(struct buffer *b, uint64_t v, unsigned width)
{
    char text[U64_DIGITS], *p = text + U64_DIGITS;
    do {
        *--p = (char)('0' + v % 10);
        v /= 10;
    } while (p > text && (v || p > text + U64_DIGITS - width));
    return buffer_append(b, p, (size_t)(text + U64_DIGITS - p));
}

int buffer_printf(struct buffer *b, const char *format, ...)
{
    char small[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (n < 0)
        return -1;
    if ((size_t)n < sizeof small)
        return buffer_append(b, small, (size_t)n);
    char *big = malloc((size_t)n + 1);
    if (!big)
        return -1;
    va_start(args, format);
    vsnprintf(big, (size_t)n + 1, format, args);
    va_end(args);
    int r = buffer_append(b, big, (size_t)n);
    free(big);
    return r;
}

int buffer_terminate(struct buffer *b)
{
    if (buffer_putc(b, 0) < 0)
        return -1;
    b->len--;
    return 0;
}

void buffer_consume(struct buffer *b, size_t n)
{
    if (n > b->len)
        n = b->len;
    b->len -= n;
    if (b->len && n)
        memmove(b->data, b->data + n, b->len);
}
