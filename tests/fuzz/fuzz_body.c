/*
 * The body's decoder: the first byte says how the body is framed, the second the size of the pieces, the rest
 * is the connection. Whole and in pieces it must come to the same.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "fetch/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum parse_result result;
    struct buffer data;
    size_t used;
    struct fetch_error err;
};

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static void feed(struct outcome *o, struct body *b, struct span in)
{
    struct span data;
    size_t used;
    do {
        o->result = body_decode(b, in, &used, &data, &o->err);
        if (o->result == PARSE_BAD)
            return;
        must(used <= in.len, "used more than there was");
        must(used > 0 || in.len == 0 || o->result == PARSE_DONE, "no progress");
        must(data.len == 0 || (data.data >= in.data && data.data + data.len <= in.data + used),
             "data not from the input");
        must(buffer_append(&o->data, data.data, data.len) == 0, "memory");
        o->used += used;
        in.data += used;
        in.len -= used;
    } while (o->result == PARSE_MORE && in.len);
}

static void decode(struct outcome *o, const struct framing *f, struct span in, size_t piece)
{
    struct body b;
    *o = (struct outcome){.result = PARSE_MORE};
    error_clear(&o->err);
    buffer_init(&o->data, SIZE_MAX);
    body_init(&b, f);
    for (size_t at = 0; at < in.len && o->result == PARSE_MORE; at += piece)
        feed(o, &b, span_make(in.data + at, in.len - at < piece ? in.len - at : piece));
    must(b.received == o->data.len, "count of bytes");
    if (o->result == PARSE_MORE)
        (void)body_eof(&b, true, &o->err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole, pieces;
    if (size < 3)
        return 0;
    struct framing f = {data[0] < 200 ? FRAMING_CHUNKED : (enum framing_kind)(data[0] % 4), data[0], true};
    struct span in = span_make(data + 2, size - 2);
    decode(&whole, &f, in, in.len);
    decode(&pieces, &f, in, data[1] % 16 + 1u);
    must(whole.result == pieces.result, "result depends on the pieces");
    must(whole.result == PARSE_BAD || whole.used == pieces.used, "used depends on the pieces");
    must(span_equal(buffer_span(&whole.data), buffer_span(&pieces.data)), "data depend on the pieces");
    must(strcmp(whole.err.message, pieces.err.message) == 0, "message depends on the pieces");
    buffer_free(&whole.data);
    buffer_free(&pieces.data);
    return 0;
}
