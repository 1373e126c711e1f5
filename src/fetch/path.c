#include "fetch/path.h"

/* A span that can be pointed into, though it be empty. */
static struct span solid(struct span v)
{
    return v.data ? v : span_of("");
}

/* The bytes before the first `c`, all if there is none. */
static struct span before(struct span v, unsigned char c)
{
    const unsigned char *at = v.len ? memchr(v.data, c, v.len) : NULL;
    return at ? span_make(v.data, (size_t)(at - v.data)) : v;
}

static bool needs_encoding(unsigned char c)
{
    return c <= 0x20 || c >= 0x7F || strchr("\\|\"<>^`{}", c) != NULL;
}

static int put_encoded(struct buffer *b, struct span v, bool query)
{
    static const char hex[] = "0123456789abcdef";
    while (v.len) {
        size_t n = 0;
        while (n < v.len && !needs_encoding(v.data[n]))
            n++;
        if (buffer_append(b, v.data, n) < 0)
            return -1;
        if (n == v.len)
            break;
        unsigned char c = v.data[n];
        char code[3] = {'%', hex[c >> 4], hex[c & 15]};
        if (query && c == ' ' ? buffer_putc(b, '+') < 0 : buffer_append(b, code, sizeof code) < 0)
            return -1;
        v.data += n + 1;
        v.len -= n + 1;
    }
    return 0;
}

/* Removes dot segments in place from `len` bytes that start with '/'; returns what is left, at least 1. */
static size_t remove_dots(unsigned char *p, size_t len)
{
    size_t out = 0, i = 0;
    while (i < len) {
        size_t end = i + 1;
        while (end < len && p[end] != '/')
            end++;
        bool last = end == len;
        size_t n = end - i - 1;
        bool one = n == 1 && p[i + 1] == '.', two = n == 2 && p[i + 1] == '.' && p[i + 2] == '.';
        if (two)
            while (out > 0 && p[--out] != '/') {
            }
        if (!one && !two) {
            memmove(p + out, p + i, end - i);
            out += end - i;
        } else if (last) {
            p[out++] = '/';
        }
        i = end;
    }
    return out;
}

/* Encodes and cleans what was put together: a path (with its '/'), and a query with its '?'. */
static int put_clean(struct buffer *b, struct span directory, struct span path, struct span query)
{
    size_t start = b->len;
    struct span root = span_of("/");
    bool rooted = directory.len || (path.len && path.data[0] == '/');
    if (put_encoded(b, rooted ? directory : root, false) < 0 || put_encoded(b, path, false) < 0)
        return -1;
    b->len = start + remove_dots(b->data + start, b->len - start);
    return put_encoded(b, query, true);
}

int path_put(struct buffer *b, struct span given)
{
    given = before(solid(given), '#');
    struct span path = before(given, '?'), none = {0};
    return put_clean(b, none, path, span_make(given.data + path.len, given.len - path.len));
}

int path_resolve(struct buffer *b, struct span base, struct span reference)
{
    reference = before(solid(reference), '#');
    struct span path = before(reference, '?'), base_path = before(base, '?');
    if (reference.len == 0)
        return path_put(b, base);
    struct span query = span_make(reference.data + path.len, reference.len - path.len);
    struct span directory = {0};
    if (path.len == 0) {
        path = base_path;
    } else if (path.data[0] != '/') {
        directory = base_path;
        while (directory.len && directory.data[directory.len - 1] != '/')
            directory.len--;
    }
    return put_clean(b, directory, path, query);
}
