#include "config.h"

#include "fetch/coding_type.h"

#include <brotli/decode.h>
#include <stdlib.h>

#include "base/late_library.h"

static struct {
    __typeof__(BrotliDecoderCreateInstance) *create;
    __typeof__(BrotliDecoderDestroyInstance) *destroy;
    __typeof__(BrotliDecoderDecompressStream) *decompress;
    __typeof__(BrotliDecoderGetErrorCode) *error_code;
    __typeof__(BrotliDecoderErrorString) *error_string;
} brotli;

static const struct late_function functions[] = {
    {"BrotliDecoderCreateInstance", &brotli.create},       {"BrotliDecoderDestroyInstance", &brotli.destroy},
    {"BrotliDecoderDecompressStream", &brotli.decompress}, {"BrotliDecoderGetErrorCode", &brotli.error_code},
    {"BrotliDecoderErrorString", &brotli.error_string},
};

static struct late_library library = {
    .file = BROTLI_SONAME, .functions = functions, .count = sizeof functions / sizeof functions[0]};

static bool br_load(char *why)
{
    return late_library_load(&library, why);
}

struct br {
    BrotliDecoderState *decoder; /* its window is 16 MiB at most: large windows are off unless asked for */
    bool ended;
};

static void br_close(void *state)
{
    struct br *s = state;
    if (s->decoder)
        brotli.destroy(s->decoder);
    free(s);
}

static void *br_open(void)
{
    struct br *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->decoder = brotli.create(NULL, NULL, NULL);
    if (!s->decoder) {
        br_close(s);
        return NULL;
    }
    return s;
}

static int br_decode(void *state, struct span *in, unsigned char *out, size_t size, size_t *ret_len,
                     struct fetch_error *err)
{
    struct br *s = state;
    size_t room = size;
    *ret_len = 0;
    if (!s->ended) {
        BrotliDecoderResult result = brotli.decompress(s->decoder, &in->len, &in->data, &room, &out, NULL);
        *ret_len = size - room;
        if (result == BROTLI_DECODER_RESULT_ERROR)
            return coding_broken("br", brotli.error_string(brotli.error_code(s->decoder)), err);
        s->ended = result == BROTLI_DECODER_RESULT_SUCCESS;
    }
    if (s->ended && in->len)
        return coding_broken("br", "bytes behind its end", err);
    return 0;
}

static bool br_complete(const void *state)
{
    const struct br *s = state;
    return s->ended;
}

const struct coding_type coding_br = {
    .name = "br",
    .load = br_load,
    .open = br_open,
    .close = br_close,
    .decode = br_decode,
    .complete = br_complete,
};
