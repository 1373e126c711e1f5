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

/* Valid UTF-8 that is no text: C1 controls, which some terminals obey, and U+2028 and U+2029, at which many
 * programs end a line. */
static bool is_unfit(const unsigned char *p, size_t n)
{
    if (n == 2)
        return p[0] == 0xC2 && p[1] < 0xA0;
    return n == 3 && p[0] == 0xE2 && p[1] == 0x80 && (p[2] == 0xA8 || p[2] == 0xA9);
}

static int escape_unfit(struct buffer *b, const unsigned char *p, size_t n, bool json)
{
    if (json)
        return buffer_printf(b, "\\u%04x", n == 2 ? p[1] : 0x2000u + (p[2] & 0x3Fu));
    for (size_t i = 0; i < n; i++)
        if (escape_text_one(b, p[i]) < 0)
            return -1;
    return 0;
}

static int escape(struct buffer *b, struct span v, bool json)
{
    while (v.len) {
        size_t plain = plain_run(v), n = plain ? plain : utf8_sequence(v), used = n ? n : 1;
        int r;
        if (plain == 0 && n < 2)
            r = json ? escape_json_one(b, v.data[0]) : escape_text_one(b, v.data[0]);
        else if (plain == 0 && is_unfit(v.data, n))
            r = escape_unfit(b, v.data, n, json);
        else
            r = buffer_append(b, v.data, used);
        if (r < 0)
            return -1;
        v.data += used;
        v.len -= used;
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
