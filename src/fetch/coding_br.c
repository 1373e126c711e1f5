#include "fetch/coding_type.h"

#include <brotli/decode.h>
#include <stdlib.h>

struct br {
    BrotliDecoderState *decoder; /* its window is 16 MiB at most: large windows are off unless asked for */
    bool ended;
};

static void br_close(void *state)
{
    struct br *s = state;
    if (s->decoder)
        BrotliDecoderDestroyInstance(s->decoder);
    free(s);
}

static void *br_open(void)
{
    struct br *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->decoder = BrotliDecoderCreateInstance(NULL, NULL, NULL);
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
        BrotliDecoderResult result =
            BrotliDecoderDecompressStream(s->decoder, &in->len, &in->data, &room, &out, NULL);
        *ret_len = size - room;
        if (result == BROTLI_DECODER_RESULT_ERROR)
            return coding_broken("br", BrotliDecoderErrorString(BrotliDecoderGetErrorCode(s->decoder)), err);
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
    .open = br_open,
    .close = br_close,
    .decode = br_decode,
    .complete = br_complete,
};
