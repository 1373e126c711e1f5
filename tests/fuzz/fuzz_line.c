/* A line of input in pieces (the first two bytes say how long they are): it must come to the same as whole,
 * and to what the trimmed bytes say. */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static void check(struct line *l, struct span in, struct span want, bool counts)
{
    struct line_text t;
    unsigned char digest[32];
    int r = line_end(l, &t);
    must(r == (counts ? 1 : 0), "whether it counts");
    if (!counts)
        return;
    must(in.len >= want.len && t.too_long == (want.len > TARGET_LINE_MAX), "too long");
    must(t.too_long ? t.text.len >= 253 && t.text.len <= 256 : t.text.len == want.len, "length");
    must(memcmp(t.text.data, want.data, t.text.len) == 0, "bytes");
    if (!t.too_long)
        return;
    SHA256(want.data, want.len, digest);
    must(memcmp(digest, t.sha256, sizeof digest) == 0, "digest");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct line l;
    if (size < 3 || memchr(data + 2, '\n', size - 2))
        return 0;
    size_t piece = 1u + data[0] + 256u * data[1];
    struct span in = span_make(data + 2, size - 2), want = line_trim(in);
    bool counts = want.len && want.data[0] != '#';
    line_init(&l, false);
    must(line_add(&l, in) == 0, "memory");
    check(&l, in, want, counts);
    for (size_t at = 0; at < in.len; at += piece)
        must(line_add(&l, span_make(in.data + at, in.len - at < piece ? in.len - at : piece)) == 0, "memory");
    check(&l, in, want, counts);
    line_free(&l);
    return 0;
}
