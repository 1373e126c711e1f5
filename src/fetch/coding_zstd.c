#include "config.h"

#include "fetch/coding_type.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/late_library.h"

static struct {
    __typeof__(ZSTD_createDStream) *create;
    __typeof__(ZSTD_freeDStream) *destroy;
    __typeof__(ZSTD_DCtx_setParameter) *set_parameter;
    __typeof__(ZSTD_decompressStream) *decompress;
    __typeof__(ZSTD_isError) *is_error;
    __typeof__(ZSTD_getErrorCode) *error_code;
    __typeof__(ZSTD_getErrorName) *error_name;
} libzstd;

static const struct late_function functions[] = {
    {"ZSTD_createDStream", &libzstd.create},
    {"ZSTD_freeDStream", &libzstd.destroy},
    {"ZSTD_DCtx_setParameter", &libzstd.set_parameter},
    {"ZSTD_decompressStream", &libzstd.decompress},
    {"ZSTD_isError", &libzstd.is_error},
    {"ZSTD_getErrorCode", &libzstd.error_code},
    {"ZSTD_getErrorName", &libzstd.error_name},
};

static struct late_library library = {
    .file = ZSTD_SONAME, .functions = functions, .count = sizeof functions / sizeof functions[0]};

static bool zstd_load(char *why)
{
    return late_library_load(&library, why);
}

enum { WINDOW_LOG_MAX = 23, MAGIC_LEN = 4 }; /* 8 MiB (RFC 9659) */

struct zstd {
    ZSTD_DStream *stream;
    bool in_frame;
    unsigned char magic[MAGIC_LEN]; /* the first bytes of a frame, kept until they are all there */
    size_t magic_len;
};

static void zstd_close(void *state)
{
    struct zstd *s = state;
    libzstd.destroy(s->stream);
    free(s);
}

static void *zstd_open(void)
{
    struct zstd *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->stream = libzstd.create();
    if (!s->stream ||
        libzstd.is_error(libzstd.set_parameter(s->stream, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
        zstd_close(s);
        return NULL;
    }
    return s;
}

/* Decodes some of a frame; s->in_frame is false when it ends. */
static int decode_some(struct zstd *s, struct span *in, ZSTD_outBuffer *out, struct fetch_error *err)
{
    ZSTD_inBuffer from = {in->data, in->len, 0};
    size_t result = libzstd.decompress(s->stream, out, &from);
    in->data += from.pos;
    in->len -= from.pos;
    if (!libzstd.is_error(result)) {
        s->in_frame = result != 0;
        return 0;
    }
    if (libzstd.error_code(result) == ZSTD_error_frameParameter_windowTooLarge)
        return coding_broken("zstd", "its window is larger than 8 MiB", err);
    return coding_broken("zstd", libzstd.error_name(result), err);
}

/* RFC 8878 3.1: a frame or a skippable one. The library may know older formats, which nobody should send. */
static bool is_frame_magic(const unsigned char m[MAGIC_LEN])
{
    bool frame = m[0] == 0x28 && m[1] == 0xB5 && m[2] == 0x2F && m[3] == 0xFD;
    bool skippable = (m[0] & 0xF0) == 0x50 && m[1] == 0x2A && m[2] == 0x4D && m[3] == 0x18;
    return frame || skippable;
}

/* Collects the magic number of the next frame and starts the frame with it. */
static int begin_frame(struct zstd *s, struct span *in, ZSTD_outBuffer *out, struct fetch_error *err)
{
    while (s->magic_len < MAGIC_LEN && in->len) {
        s->magic[s->magic_len++] = in->data[0];
        in->data++;
        in->len--;
    }
    if (s->magic_len < MAGIC_LEN)
        return 0;
    if (!is_frame_magic(s->magic))
        return coding_broken("zstd", "no frame where one should start", err);
    struct span magic = span_make(s->magic, MAGIC_LEN);
    s->magic_len = 0;
    return decode_some(s, &magic, out, err);
}

static int zstd_decode(void *state, struct span *in, unsigned char *out, size_t size, size_t *ret_len,
                       struct fetch_error *err)
{
    struct zstd *s = state;
    ZSTD_outBuffer to = {.size = size};
    to.dst = out;
    do {
        if ((s->in_frame ? decode_some : begin_frame)(s, in, &to, err) < 0)
            return -1;
    } while (in->len && to.pos < size);
    *ret_len = to.pos;
    return 0;
}

static bool zstd_complete(const void *state)
{
    const struct zstd *s = state;
    return !s->in_frame && s->magic_len == 0;
}

const struct coding_type coding_zstd = {
    .name = "zstd",
    .load = zstd_load,
    .open = zstd_open,
    .close = zstd_close,
    .decode = zstd_decode,
    .complete = zstd_complete,
};
