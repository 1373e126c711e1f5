#include "config.h"

#include "output/warc_scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include <zlib.h>

#include "base/span.h"

enum { WINDOW = 128 * 1024, HEADER_MAX = 64 * 1024 };

/* A record starts so. */
static const char magic[] = "WARC/1.";

static const char gzip_magic[] = {'\x1f', '\x8b', '\x08'};

enum { MAGIC = sizeof magic - 1 };

struct scan {
    int fd;
    const char *name;
    uint64_t size; /* of the file */
    uint64_t at;   /* of the record at hand */
    uint64_t base; /* of the window */
    size_t len;    /* bytes in it */
    unsigned char window[WINDOW];
};

static int cannot_read(const struct scan *s, struct fetch_error *err)
{
    return error_set(err, ERROR_OUTPUT, PHASE_NONE, "%s: %s", s->name, strerror(errno));
}

static int no_warc(const struct scan *s, struct fetch_error *err)
{
    if (s->at == 0)
        return error_set(err, ERROR_NONE, PHASE_NONE,
                         "%s: is no WARC file, and stays as it is: name another for --warc", s->name);
    return error_set(err, ERROR_NONE, PHASE_NONE,
                     "%s: is damaged at byte %" PRIu64 ", and stays as it is: name another for --warc",
                     s->name, s->at);
}

static int fill(struct scan *s, uint64_t at, struct fetch_error *err)
{
    s->base = at;
    s->len = 0;
    while (s->len < WINDOW) {
        ssize_t n = pread(s->fd, s->window + s->len, WINDOW - s->len, (off_t)(at + s->len));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cannot_read(s, err);
        if (n == 0)
            break;
        s->len += (size_t)n;
    }
    return 0;
}

/* The bytes at `at`, at least `want` (at most HEADER_MAX) of them, fewer only at the end of the file. */
static int view(struct scan *s, uint64_t at, size_t want, struct span *ret, struct fetch_error *err)
{
    if (want > s->size - at)
        want = (size_t)(s->size - at);
    bool there = at >= s->base && at - s->base <= s->len && s->len - (size_t)(at - s->base) >= want;
    if (!there && fill(s, at, err) < 0)
        return -1;
    size_t offset = (size_t)(at - s->base);
    *ret = span_make(s->window + offset, s->len - offset);
    return 0;
}

/* True if the first bytes are those of a record, as far as there are any. */
static bool starts_with(struct span v, const char *start, size_t len)
{
    return v.len == 0 || memcmp(v.data, start, v.len < len ? v.len : len) == 0;
}

/* Plain records */

static bool parse_length(struct span v, uint64_t *ret)
{
    uint64_t n = 0;
    v = span_trim(v);
    if (v.len == 0 || v.len > 18)
        return false;
    for (size_t i = 0; i < v.len; i++) {
        if (v.data[i] < '0' || v.data[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(v.data[i] - '0');
    }
    *ret = n;
    return true;
}

/* The Content-Length of a header (without its empty line). False: none, or more than one. */
static bool content_length(struct span header, uint64_t *ret)
{
    static const char name[] = "content-length";
    unsigned found = 0;
    while (header.len) {
        const unsigned char *lf = memchr(header.data, '\n', header.len);
        size_t line = lf ? (size_t)(lf - header.data) + 1 : header.len;
        struct span v = span_make(header.data, line);
        while (v.len && (v.data[v.len - 1] == '\n' || v.data[v.len - 1] == '\r'))
            v.len--;
        const unsigned char *colon = v.len ? memchr(v.data, ':', v.len) : NULL;
        size_t len = colon ? (size_t)(colon - v.data) : 0;
        if (colon && span_equal_nocase(span_make(v.data, len), span_of(name))) {
            if (!parse_length(span_make(colon + 1, v.len - len - 1), ret))
                return false;
            found++;
        }
        header.data += line;
        header.len -= line;
    }
    return found == 1;
}

enum outcome { OUTCOME_WHOLE, OUTCOME_TORN, OUTCOME_FAILED };

static enum outcome broken(const struct scan *s, struct fetch_error *err)
{
    no_warc(s, err);
    return OUTCOME_FAILED;
}

static enum outcome scan_plain(struct scan *s, uint64_t *ret_next, struct fetch_error *err)
{
    struct span v;
    uint64_t length;
    if (view(s, s->at, HEADER_MAX, &v, err) < 0)
        return OUTCOME_FAILED;
    if (!starts_with(v, magic, MAGIC))
        return broken(s, err);
    const unsigned char *end = memmem(v.data, v.len, "\r\n\r\n", 4);
    if (!end && v.len < HEADER_MAX)
        return OUTCOME_TORN;
    if (!end || !content_length(span_make(v.data, (size_t)(end - v.data)), &length))
        return broken(s, err);
    uint64_t behind = s->at + (uint64_t)(end - v.data) + 4 + length;
    if (behind >= s->size)
        return OUTCOME_TORN;
    if (view(s, behind, 4, &v, err) < 0)
        return OUTCOME_FAILED;
    if (!starts_with(v, "\r\n\r\n", 4))
        return broken(s, err);
    *ret_next = behind + 4;
    return v.len < 4 ? OUTCOME_TORN : OUTCOME_WHOLE;
}

/* Gzip members */

/* Inflates what is in the window; the member's first bytes go to `start`. */
static int inflate_window(z_stream *z, unsigned char start[MAGIC], size_t *start_len)
{
    static const size_t out_size = 64 * 1024;
    unsigned char *out = malloc(out_size);
    int r = out ? Z_OK : Z_MEM_ERROR;
    while (r == Z_OK && z->avail_in) {
        z->next_out = out;
        z->avail_out = (uInt)out_size;
        r = inflate(z, Z_NO_FLUSH);
        size_t n = out_size - z->avail_out, take = MAGIC - *start_len < n ? MAGIC - *start_len : n;
        memcpy(start + *start_len, out, take);
        *start_len += take;
        if (r == Z_BUF_ERROR && n == 0)
            break;
        if (r == Z_BUF_ERROR)
            r = Z_OK;
    }
    free(out);
    return r == Z_BUF_ERROR ? Z_OK : r;
}

static enum outcome scan_member(struct scan *s, uint64_t *ret_next, struct fetch_error *err)
{
    z_stream z = {0};
    struct span v;
    unsigned char start[MAGIC] = {0};
    size_t start_len = 0;
    uint64_t at = s->at;
    if (view(s, at, sizeof gzip_magic, &v, err) < 0)
        return OUTCOME_FAILED;
    if (!starts_with(v, gzip_magic, sizeof gzip_magic))
        return broken(s, err);
    int r = inflateInit2(&z, 15 + 16);
    while (r == Z_OK && at < s->size) {
        if (view(s, at, 1, &v, err) < 0 || v.len == 0) {
            inflateEnd(&z);
            return v.len ? OUTCOME_FAILED : OUTCOME_TORN;
        }
        z.next_in = (z_const Bytef *)v.data;
        z.avail_in = (uInt)v.len;
        r = inflate_window(&z, start, &start_len);
        at += v.len - z.avail_in;
    }
    inflateEnd(&z);
    if ((r != Z_OK && r != Z_STREAM_END) || !starts_with(span_make(start, start_len), magic, MAGIC) ||
        (r == Z_STREAM_END && start_len < MAGIC))
        return broken(s, err);
    *ret_next = at;
    return r == Z_STREAM_END ? OUTCOME_WHOLE : OUTCOME_TORN;
}

int warc_scan(int fd, bool gzip, const char *name, uint64_t *ret_end, struct fetch_error *err)
{
    struct scan *s = calloc(1, sizeof *s);
    enum outcome outcome = OUTCOME_WHOLE;
    if (!s)
        return error_set(err, ERROR_OUTPUT, PHASE_NONE, "%s: no memory to read it", name);
    s->fd = fd;
    s->name = name;
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0) {
        cannot_read(s, err);
        outcome = OUTCOME_FAILED;
    }
    s->size = size < 0 ? 0 : (uint64_t)size;
    while (outcome == OUTCOME_WHOLE && s->at < s->size) {
        uint64_t next = s->at;
        outcome = (gzip ? scan_member : scan_plain)(s, &next, err);
        if (outcome == OUTCOME_WHOLE)
            s->at = next;
    }
    *ret_end = s->at;
    free(s);
    return outcome == OUTCOME_FAILED ? -1 : 0;
}
