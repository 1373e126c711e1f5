/*
 * Content codings: the first byte picks a list, the second the size of the pieces, the rest is the coded
 * body. Whole and in pieces it must come to the same; more than 1 MiB of output is stopped.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fetch/coding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUTPUT_MAX = 1 << 20 };

struct sum {
    size_t total;
    uint64_t hash; /* FNV-1a */
};

static int add(void *arg, const void *data, size_t len)
{
    struct sum *s = arg;
    const unsigned char *p = data;
    if (len > CODING_PIECE_MAX)
        abort();
    for (size_t i = 0; i < len; i++)
        s->hash = (s->hash ^ p[i]) * UINT64_C(1099511628211);
    s->total += len;
    return s->total > OUTPUT_MAX;
}

static int decode(const char *list, struct span in, size_t piece, struct sum *sum)
{
    struct coding *c;
    struct fetch_error err;
    *sum = (struct sum){0, UINT64_C(14695981039346656037)};
    if (coding_new(span_of(list), &c, &err) < 0 || !c)
        abort();
    int result = 0;
    for (size_t at = 0; at < in.len && result == 0; at += piece)
        result = coding_decode(c, span_make(in.data + at, in.len - at < piece ? in.len - at : piece), add,
                               sum, &err);
    if (result == 0)
        result = coding_finish(c, &err);
    coding_free(c);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const lists[] = {"gzip",       "deflate",       "br",         "zstd",
                                        "gzip, gzip", "deflate, gzip", "zstd, gzip", "br, deflate"};
    struct sum whole, pieces;
    if (size < 3)
        return 0;
    const char *list = lists[data[0] % 8];
    struct span in = span_make(data + 2, size - 2);
    int a = decode(list, in, in.len, &whole);
    int b = decode(list, in, data[1] + 1u, &pieces);
    if (a > 0 || b > 0) /* stopped, maybe before what is broken */
        return 0;
    if (a != b || (a == 0 && (whole.total != pieces.total || whole.hash != pieces.hash))) {
        fprintf(stderr, "%s: %d, %zu bytes whole; %d, %zu bytes in pieces\n", list, a, whole.total, b,
                pieces.total);
        abort();
    }
    return 0;
}
