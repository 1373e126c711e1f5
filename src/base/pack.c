#include "base/pack.h"

int pack_bytes(struct buffer *b, struct span v)
{
    if (v.len > UINT32_MAX || (v.len + 4 > b->cap - b->len && buffer_reserve(b, v.len + 4) < 0))
        return -1;
    (void)pack_u32(b, (uint32_t)v.len);
    return buffer_append(b, v.data, v.len);
}

int pack_string(struct buffer *b, const char *s)
{
    return pack_bytes(b, span_of(s));
}

void unpack_string(struct unpack *u, char *into, size_t size)
{
    struct span v = unpack_bytes(u, size - 1);
    if (v.len && memchr(v.data, 0, v.len)) {
        u->bad = true;
        v.len = 0;
    }
    if (v.len)
        memcpy(into, v.data, v.len);
    into[v.len] = 0;
}
