#include "base/unescape.h"

#include <errno.h>

static int hex_digit(unsigned char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte behind a backslash at the start of `v`, and how many bytes it took; 0: none. */
static size_t unescape_one(struct span v, unsigned char *ret)
{
    if (v.len < 2)
        return 0;
    switch (v.data[1]) {
    case 't':
        *ret = '\t';
        return 2;
    case 'n':
        *ret = '\n';
        return 2;
    case 'r':
        *ret = '\r';
        return 2;
    case '\\':
        *ret = '\\';
        return 2;
    case 'x': {
        int high = v.len < 4 ? -1 : hex_digit(v.data[2]), low = v.len < 4 ? -1 : hex_digit(v.data[3]);
        if (high < 0 || low < 0)
            return 0;
        *ret = (unsigned char)(high << 4 | low);
        return 4;
    }
    default:
        return 0;
    }
}

int unescape_text(struct buffer *b, struct span v)
{
    while (v.len) {
        const unsigned char *slash = memchr(v.data, '\\', v.len);
        size_t plain = slash ? (size_t)(slash - v.data) : v.len;
        if (buffer_append(b, v.data, plain) < 0)
            return -1;
        v.data += plain;
        v.len -= plain;
        if (v.len == 0)
            break;
        unsigned char byte;
        size_t n = unescape_one(v, &byte);
        if (n == 0) {
            errno = EINVAL;
            return -1;
        }
        if (buffer_putc(b, byte) < 0)
            return -1;
        v.data += n;
        v.len -= n;
    }
    return 0;
}
