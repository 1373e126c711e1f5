/*
 * Plain values as bytes and back: what records and frames are made of. Little-endian, unpadded; a string is
 * its length as 32 bits and its bytes. Writing appends to a buffer; reading walks a span and never beyond it:
 * the first read that does not fit sets `bad`, and from then on every read returns zeros, so that a decoder
 * can read all its fields and look at `bad` once.
 */
#ifndef PFETCH_BASE_PACK_H
#define PFETCH_BASE_PACK_H

#include <endian.h>
#include <stdint.h>
#include "base/buffer.h"

/* Each appends to `b`; 0 or -1 as buffer_append. */
static inline int pack_u8(struct buffer *b, uint8_t v)
{
    return buffer_putc(b, v);
}

static inline int pack_u16(struct buffer *b, uint16_t v)
{
    v = htole16(v);
    return buffer_append(b, &v, sizeof v);
}

static inline int pack_u32(struct buffer *b, uint32_t v)
{
    v = htole32(v);
    return buffer_append(b, &v, sizeof v);
}

static inline int pack_u64(struct buffer *b, uint64_t v)
{
    v = htole64(v);
    return buffer_append(b, &v, sizeof v);
}

int pack_bytes(struct buffer *b, struct span v);  /* length and bytes */
int pack_string(struct buffer *b, const char *s); /* as pack_bytes; NULL is the empty string */

struct unpack {
    struct span left; /* what is not read yet; points into the caller's bytes */
    bool bad;         /* something did not fit */
};

/* Starts to read `bytes`, which must outlive the reading. */
static inline struct unpack unpack_begin(struct span bytes)
{
    struct unpack u = {bytes, false};
    return u;
}

/* Takes `n` bytes from the front: where they are, or NULL, and bad, when there are fewer. */
static inline const unsigned char *unpack_take(struct unpack *u, size_t n)
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

static inline uint8_t unpack_u8(struct unpack *u)
{
    const unsigned char *p = unpack_take(u, 1);
    return p ? *p : 0;
}

static inline uint16_t unpack_u16(struct unpack *u)
{
    uint16_t v = 0;
    const unsigned char *p = unpack_take(u, sizeof v);
    if (p)
        memcpy(&v, p, sizeof v);
    return le16toh(v);
}

static inline uint32_t unpack_u32(struct unpack *u)
{
    uint32_t v = 0;
    const unsigned char *p = unpack_take(u, sizeof v);
    if (p)
        memcpy(&v, p, sizeof v);
    return le32toh(v);
}

static inline uint64_t unpack_u64(struct unpack *u)
{
    uint64_t v = 0;
    const unsigned char *p = unpack_take(u, sizeof v);
    if (p)
        memcpy(&v, p, sizeof v);
    return le64toh(v);
}

/* A string as pack_bytes wrote it, a view into the bytes; longer than `most` is bad. */
static inline struct span unpack_bytes(struct unpack *u, size_t most)
{
    uint32_t len = unpack_u32(u);
    if (len > most)
        u->bad = true;
    const unsigned char *p = unpack_take(u, len);
    return span_make(p, p ? len : 0);
}

/* As unpack_bytes, copied to `into` with a NUL behind it; longer than size - 1, or with a NUL in it, is bad.
 */
void unpack_string(struct unpack *u, char *into, size_t size);

/* True if all was read, to the last byte, and nothing was bad. */
static inline bool unpack_complete(const struct unpack *u)
{
    return !u->bad && u->left.len == 0;
}

#endif
