#include "fetch/coding_type.h"

#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

/* zlib's windowBits: which wrapping it expects. */
enum wrapping { WRAPPED_RAW = -MAX_WBITS, WRAPPED_ZLIB = MAX_WBITS, WRAPPED_GZIP = MAX_WBITS + 16 };

/* The bytes handed to zlib at once; it counts in 32 bits. */
enum { STEP_MAX = 1 << 30 };

enum zlib_state {
    ZLIB_SNIFF,  /* deflate: the first two bytes decide between zlib and raw */
    ZLIB_STREAM, /* within a stream (gzip: a member) */
    ZLIB_END     /* behind one */
};

struct zlib {
    z_stream z;
    const char *name;
    enum zlib_state state;
    bool ready;            /* z wants an inflateEnd */
    unsigned char head[2]; /* the bytes kept by ZLIB_SNIFF */
    size_t head_len;
};

static bool zlib_begin(struct zlib *s, enum wrapping wrapping)
{
    s->ready = inflateInit2(&s->z, wrapping) == Z_OK;
    s->state = ZLIB_STREAM;
    return s->ready;
}

static void zlib_close(void *state)
{
    struct zlib *s = state;
    if (s->ready)
        inflateEnd(&s->z);
    free(s);
}

static void *gzip_open(void)
{
    struct zlib *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->name = "gzip";
    if (!zlib_begin(s, WRAPPED_GZIP)) {
        zlib_close(s);
        return NULL;
    }
    return s;
}

static void *deflate_open(void)
{
    struct zlib *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->name = "deflate";
    s->state = ZLIB_SNIFF;
    return s;
}

static int zlib_failed(const struct zlib *s, int result, struct fetch_error *err)
{
    if (result == Z_NEED_DICT)
        return coding_broken(s->name, "it needs a dictionary", err);
    if (result == Z_MEM_ERROR)
        return coding_broken(s->name, "out of memory", err);
    return coding_broken(s->name, s->z.msg ? s->z.msg : "no progress", err);
}

/* Decodes until the end of the stream, of `in` or of the room at `out` behind *len. */
static int inflate_some(struct zlib *s, struct span *in, unsigned char *out, size_t size, size_t *len,
                        struct fetch_error *err)
{
    do {
        uInt offered = in->len < STEP_MAX ? (uInt)in->len : STEP_MAX;
        uInt room = size - *len < STEP_MAX ? (uInt)(size - *len) : STEP_MAX;
        s->z.next_in = (Bytef *)(uintptr_t)in->data; /* zlib only reads it */
        s->z.avail_in = offered;
        s->z.next_out = out + *len;
        s->z.avail_out = room;
        int result = inflate(&s->z, Z_NO_FLUSH);
        uInt used = offered - s->z.avail_in, made = room - s->z.avail_out;
        in->data += used;
        in->len -= used;
        *len += made;
        if (result == Z_STREAM_END) {
            s->state = ZLIB_END;
            return 0;
        }
        if ((result != Z_OK && result != Z_BUF_ERROR) || (offered && used == 0 && made == 0))
            return zlib_failed(s, result, err);
    } while (in->len && *len < size);
    return 0;
}

static int gzip_decode(void *state, struct span *in, unsigned char *out, size_t size, size_t *ret_len,
                       struct fetch_error *err)
{
    struct zlib *s = state;
    *ret_len = 0;
    do {
        if (s->state == ZLIB_END && in->len == 0)
            return 0;
        if (s->state == ZLIB_END) {
            if (in->data[0] != 0x1F)
                return coding_broken(s->name, "bytes behind its end start no further member", err);
            inflateReset(&s->z);
            s->state = ZLIB_STREAM;
        }
        if (inflate_some(s, in, out, size, ret_len, err) < 0)
            return -1;
    } while (in->len && *ret_len < size);
    return 0;
}

/* RFC 1950 2.2: CM is 8, CINFO at most 7, both bytes a multiple of 31. No encoder of raw deflate begins so:
 * it would be a stored block with padding that is not zero. */
static bool is_zlib_header(const unsigned char head[2])
{
    return (head[0] & 0x0F) == 8 && head[0] >> 4 <= 7 && (head[0] << 8 | head[1]) % 31 == 0;
}

/* Collects the two bytes and starts the decoder that they speak for. */
static int sniff(struct zlib *s, struct span *in, unsigned char *out, size_t size, size_t *ret_len,
                 struct fetch_error *err)
{
    while (s->head_len < 2 && in->len) {
        s->head[s->head_len++] = in->data[0];
        in->data++;
        in->len--;
    }
    if (s->head_len < 2)
        return 0;
    if (!zlib_begin(s, is_zlib_header(s->head) ? WRAPPED_ZLIB : WRAPPED_RAW))
        return coding_broken(s->name, "out of memory", err);
    struct span head = span_make(s->head, 2);
    if (inflate_some(s, &head, out, size, ret_len, err) < 0)
        return -1;
    return head.len ? coding_broken(s->name, "bytes behind its end", err) : 0;
}

static int deflate_decode(void *state, struct span *in, unsigned char *out, size_t size, size_t *ret_len,
                          struct fetch_error *err)
{
    struct zlib *s = state;
    *ret_len = 0;
    if (s->state == ZLIB_SNIFF && sniff(s, in, out, size, ret_len, err) < 0)
        return -1;
    if (s->state == ZLIB_STREAM && *ret_len < size && inflate_some(s, in, out, size, ret_len, err) < 0)
        return -1;
    if (s->state == ZLIB_END && in->len)
        return coding_broken(s->name, "bytes behind its end", err);
    return 0;
}

static bool zlib_complete(const void *state)
{
    const struct zlib *s = state;
    return s->state == ZLIB_END;
}

const struct coding_type coding_gzip = {
    .name = "gzip",
    .alias = "x-gzip",
    .open = gzip_open,
    .close = zlib_close,
    .decode = gzip_decode,
    .complete = zlib_complete,
};

const struct coding_type coding_deflate = {
    .name = "deflate",
    .open = deflate_open,
    .close = zlib_close,
    .decode = deflate_decode,
    .complete = zlib_complete,
};
