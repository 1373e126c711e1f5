#include "base/escape.h"

size_t utf8_sequence(struct span v)
{
    if (v.len == 0)
        return 0;
    unsigned char c = v.data[0];
    if (c < 0x80)
        return 1;
    size_t n = c >= 0xC2 && c <= 0xDF ? 2 : c >= 0xE0 && c <= 0xEF ? 3 : c >= 0xF0 && c <= 0xF4 ? 4 : 0;
    if (n == 0 || v.len < n)
        return 0;
    unsigned char low = 0x80, high = 0xBF;
    if (c == 0xE0)
        low = 0xA0;
    else if (c == 0xED)
        high = 0x9F;
    else if (c == 0xF0)
        low = 0x90;
    else if (c == 0xF4)
        high = 0x8F;
    if (v.data[1] < low || v.data[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if (v.data[i] < 0x80 || v.data[i] > 0xBF)
            return 0;
    return n;
}

/* The length of the run at the start of `v` that needs no escape in either form. */
static size_t plain_run(struct span v)
{
    size_t i = 0;
    while (i < v.len && v.data[i] >= 0x20 && v.data[i] < 0x7F && v.data[i] != '"' && v.data[i] != '\\')
        i++;
    return i;
}

static int escape_text_one(struct buffer *b, unsigned char c)
{
    switch (c) {
    case '\t':
        return buffer_puts(b, "\\t");
    case '\n':
        return buffer_puts(b, "\\n");
    case '\r':
        return buffer_puts(b, "\\r");
    case '\\':
        return buffer_puts(b, "\\\\");
    case '"':
        return buffer_putc(b, c);
    default:
        return buffer_printf(b, "\\x%02X", c);
    }
}

static int escape_json_one(struct buffer *b, unsigned char c)
{
    switch (c) {
    case '"':
        return buffer_puts(b, "\\\"");
    case '\\':
        return buffer_puts(b, "\\\\");
    case '\n':
        return buffer_puts(b, "\\n");
    case '\r':
        return buffer_puts(b, "\\r");
    case '\t':
        return buffer_puts(b, "\\t");
    default:
        return c < 0x80 ? buffer_printf(b, "\\u%04x", c) : buffer_puts(b, "\xEF\xBF\xBD");
    }
}

/* C1 controls are valid UTF-8, and some terminals obey them. */
static bool is_c1(const unsigned char *p)
{
    return p[0] == 0xC2 && p[1] < 0xA0;
}

static int escape(struct buffer *b, struct span v, bool json)
{
    while (v.len) {
        size_t n = plain_run(v);
        if (n == 0) {
            n = utf8_sequence(v);
            if (n < 2 || (!json && is_c1(v.data))) {
                size_t bytes = n < 2 ? 1 : n;
                for (size_t i = 0; i < bytes; i++)
                    if ((json ? escape_json_one(b, v.data[i]) : escape_text_one(b, v.data[i])) < 0)
                        return -1;
                v.data += bytes;
                v.len -= bytes;
                continue;
            }
        }
        if (buffer_append(b, v.data, n) < 0)
            return -1;
        v.data += n;
        v.len -= n;
    }
    return 0;
}

int escape_text(struct buffer *b, struct span v)
{
    return escape(b, v, false);
}

int escape_json(struct buffer *b, struct span v)
{
    return buffer_putc(b, '"') < 0 || escape(b, v, true) < 0 || buffer_putc(b, '"') < 0 ? -1 : 0;
}
