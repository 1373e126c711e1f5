#include "base/pack.h"

static int put_le(struct buffer *b, uint64_t v, size_t size)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(v >> (8 * i));
    return buffer_append(b, bytes, size);
}

int pack_u8(struct buffer *b, uint8_t v)
{
    return put_le(b, v, 1);
}

int pack_u16(struct buffer *b, uint16_t v)
{
    return put_le(b, v, 2);
}

int pack_u32(struct buffer *b, uint32_t v)
{
    return put_le(b, v, 4);
}

int pack_u64(struct buffer *b, uint64_t v)
{
    return put_le(b, v, 8);
}

int pack_bytes(struct buffer *b, struct span v)
{
    if (v.len > UINT32_MAX || buffer_reserve(b, v.len + 4) < 0)
        return -1;
    (void)pack_u32(b, (uint32_t)v.len);
    return buffer_append(b, v.data, v.len);
}

int pack_string(struct buffer *b, const char *s)
{
    return pack_bytes(b, span_of(s));
}

/* Takes `n` bytes from the front; NULL and bad when there are fewer. */
static const unsigned char *take(struct unpack *u, size_t n)
{
    if (u->bad || u->left.len < n) {
        u->bad = true;
        return NULL;
    }
    const unsigned char *p = u->left.data;
    u->left.data += n;
    u->left.len -= n;
    return p;
}

static uint64_t get_le(struct unpack *u, size_t size)
{
    const unsigned char *p = take(u, size);
    uint64_t v = 0;
    for (size_t i = 0; p && i < size; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

uint8_t unpack_u8(struct unpack *u)
{
    return (uint8_t)get_le(u, 1);
}

uint16_t unpack_u16(struct unpack *u)
{
    return (uint16_t)get_le(u, 2);
}

uint32_t unpack_u32(struct unpack *u)
{
    return (uint32_t)get_le(u, 4);
}

uint64_t unpack_u64(struct unpack *u)
{
    return get_le(u, 8);
}

struct span unpack_bytes(struct unpack *u, size_t most)
{
    uint32_t len = unpack_u32(u);
    if (len > most)
        u->bad = true;
    const unsigned char *p = take(u, len);
    return p ? span_make(p, len) : span_make(NULL, 0);
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
