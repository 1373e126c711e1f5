#include "source.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifdef HAVE_BROTLI
#include <brotli/encode.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

enum { ROW = 1024, MEMORY_MAX = 1 << 28 };

void source_init_memory(struct source *s)
{
    memset(s, 0, sizeof *s);
    buffer_init(&s->memory, MEMORY_MAX);
}

void source_init_pattern(struct source *s, uint64_t len, const char *seed)
{
    source_init_memory(s);
    s->kind = SOURCE_PATTERN;
    s->left = len;
    snprintf(s->seed, sizeof s->seed, "%s", seed);
}

void source_init_zeros(struct source *s, uint64_t len)
{
    source_init_memory(s);
    s->kind = SOURCE_ZEROS;
    s->left = len;
}

static void row_make(char row[ROW + 1], uint64_t offset, const char *seed)
{
    static const char fill[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    int head = snprintf(row, ROW, "%016llx %-15.15s", (unsigned long long)offset, seed);
    for (int i = head; i < ROW - 1; i++)
        row[i] = fill[(i - head) % 36];
    row[ROW - 1] = '\n';
}

static void pattern_copy(struct source *s, char *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char row[ROW + 1];
    uint64_t start = s->at / ROW * ROW;
    row_make(row, start, s->seed);
    for (size_t done = 0; done < len;) {
        uint64_t offset = (s->at + done) / ROW * ROW;
        size_t from = (size_t)((s->at + done) % ROW), n = ROW - from < len - done ? ROW - from : len - done;
        for (int i = 0; offset != start && i < 16; i++)
            row[i] = digits[offset >> (60 - 4 * i) & 15];
        memcpy(data + done, row + from, n);
        done += n;
    }
}

size_t source_pull(struct source *s, void *data, size_t len)
{
    if (s->kind == SOURCE_MEMORY)
        s->left = s->memory.len - s->at;
    if (len > s->left)
        len = (size_t)s->left;
    if (len == 0)
        return 0;
    if (s->kind == SOURCE_PATTERN)
        pattern_copy(s, data, len);
    else if (s->kind == SOURCE_ZEROS)
        memset(data, 0, len);
    else
        memcpy(data, s->memory.data + s->at, len);
    s->at += len;
    s->left -= len;
    return len;
}

/* Runs zlib over the source, in the form that `bits` says (as deflateInit2). */
static int zlib_encode(struct source *s, struct buffer *out, int bits)
{
    unsigned char in[65536];
    z_stream z = {0};
    int result = Z_OK;
    size_t n;
    if (deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return -1;
    do {
        n = source_pull(s, in, sizeof in);
        z.next_in = in;
        z.avail_in = (uInt)n;
        do {
            if (buffer_reserve(out, 65536) < 0) {
                deflateEnd(&z);
                return -1;
            }
            z.next_out = out->data + out->len;
            z.avail_out = 65536;
            result = deflate(&z, n ? Z_NO_FLUSH : Z_FINISH);
            out->len += 65536 - z.avail_out;
        } while (z.avail_out == 0);
    } while (n > 0);
    deflateEnd(&z);
    return result == Z_STREAM_END ? 0 : -1;
}

/* The first half and the second, each a member (RFC 1952 2.2). */
static int gzip_two(struct source *s, struct buffer *out)
{
    struct source half;
    char data[65536];
    uint64_t middle = (s->kind == SOURCE_MEMORY ? s->memory.len : s->left) / 2;
    source_init_memory(&half);
    while (half.memory.len < middle) {
        size_t want =
            middle - half.memory.len < sizeof data ? (size_t)(middle - half.memory.len) : sizeof data;
        size_t n = source_pull(s, data, want);
        if (n == 0 || buffer_append(&half.memory, data, n) < 0)
            break;
    }
    int result = zlib_encode(&half, out, 15 + 16);
    source_free(&half);
    return result < 0 ? -1 : zlib_encode(s, out, 15 + 16);
}

#if defined HAVE_BROTLI || defined HAVE_ZSTD
/* All that is left of a source, in memory. */
static int source_collect(struct source *s, struct buffer *all)
{
    do {
        if (buffer_reserve(all, 65536) < 0)
            return -1;
        size_t n = source_pull(s, all->data + all->len, 65536);
        if (n == 0)
            return 0;
        all->len += n;
    } while (true);
}
#endif

#ifdef HAVE_BROTLI
static int brotli_encode(struct source *s, struct buffer *out)
{
    struct buffer all;
    buffer_init(&all, MEMORY_MAX);
    int result = source_collect(s, &all);
    size_t len = BrotliEncoderMaxCompressedSize(all.len) + 64;
    if (result == 0 && buffer_reserve(out, len) == 0 &&
        BrotliEncoderCompress(4, 22, BROTLI_MODE_GENERIC, all.len, all.data, &len, out->data))
        out->len = len;
    else
        result = -1;
    buffer_free(&all);
    return result;
}
#else
static int brotli_encode(struct source *s, struct buffer *out)
{
    (void)s;
    (void)out;
    return -1;
}
#endif

#ifdef HAVE_ZSTD
static int zstd_encode(struct source *s, struct buffer *out, int window)
{
    struct buffer all;
    buffer_init(&all, MEMORY_MAX);
    int result = source_collect(s, &all);
    ZSTD_CCtx *z = ZSTD_createCCtx();
    size_t room = ZSTD_compressBound(all.len) + 64;
    if (result == 0 && buffer_reserve(out, room) == 0) {
        ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, 1);
        ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
        if (window)
            ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, window);
        /* In two steps, so that the size is not known at the start and the window stands in the frame. */
        ZSTD_inBuffer in = {all.data, all.len, 0};
        ZSTD_outBuffer to = {out->data, room, 0};
        size_t left = ZSTD_compressStream2(z, &to, &in, ZSTD_e_continue);
        left = ZSTD_isError(left) ? left : ZSTD_compressStream2(z, &to, &in, ZSTD_e_end);
        out->len = to.pos;
        result = left == 0 ? 0 : -1;
    } else {
        result = -1;
    }
    ZSTD_freeCCtx(z);
    buffer_free(&all);
    return result;
}
#else
static int zstd_encode(struct source *s, struct buffer *out, int window)
{
    (void)s;
    (void)out;
    (void)window;
    return -1;
}
#endif

static const struct {
    const char *word, *name;
} codings[] = {
    {"gzip", "gzip"}, {"gzip2", "gzip"}, {"deflate", "deflate"}, {"rawdeflate", "deflate"},
    {"br", "br"},     {"zstd", "zstd"},  {"zstdwide", "zstd"},
};

const char *source_coding_name(const char *coding)
{
    for (size_t i = 0; i < sizeof codings / sizeof *codings; i++)
        if (strcmp(codings[i].word, coding) == 0)
            return codings[i].name;
    return NULL;
}

int source_encode(struct source *s, const char *coding)
{
    struct buffer out;
    int result = -1;
    buffer_init(&out, MEMORY_MAX);
    if (strcmp(coding, "gzip") == 0)
        result = zlib_encode(s, &out, 15 + 16);
    else if (strcmp(coding, "gzip2") == 0)
        result = gzip_two(s, &out);
    else if (strcmp(coding, "deflate") == 0)
        result = zlib_encode(s, &out, 15);
    else if (strcmp(coding, "rawdeflate") == 0)
        result = zlib_encode(s, &out, -15);
    else if (strcmp(coding, "br") == 0)
        result = brotli_encode(s, &out);
    else if (strcmp(coding, "zstd") == 0)
        result = zstd_encode(s, &out, 0);
    else if (strcmp(coding, "zstdwide") == 0)
        result = zstd_encode(s, &out, 26);
    source_free(s);
    source_init_memory(s);
    s->memory = out;
    return result;
}

void source_free(struct source *s)
{
    buffer_free(&s->memory);
}
