/*
 * Plain values as bytes and back: what records and frames are made of. Little-endian, unpadded; a string is
 * its length as 32 bits and its bytes. Writing appends to a buffer; reading walks a span and never beyond it:
 * the first read that does not fit sets `bad`, and from then on every read returns zeros, so that a decoder
 * can read all its fields and look at `bad` once.
 */
#ifndef PFETCH_BASE_PACK_H
#define PFETCH_BASE_PACK_H

#include <stdint.h>
#include "base/buffer.h"

/* Each appends to `b`; 0 or -1 as buffer_append. */
int pack_u8(struct buffer *b, uint8_t v);
int pack_u16(struct buffer *b, uint16_t v);
int pack_u32(struct buffer *b, uint32_t v);
int pack_u64(struct buffer *b, uint64_t v);
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

uint8_t unpack_u8(struct unpack *u);
uint16_t unpack_u16(struct unpack *u);
uint32_t unpack_u32(struct unpack *u);
uint64_t unpack_u64(struct unpack *u);

/* A string as pack_bytes wrote it, a view into the bytes; longer than `most` is bad. */
struct span unpack_bytes(struct unpack *u, size_t most);

/* As unpack_bytes, copied to `into` with a NUL behind it; longer than size - 1, or with a NUL in it, is bad.
 */
void unpack_string(struct unpack *u, char *into, size_t size);

/* True if all was read, to the last byte, and nothing was bad. */
static inline bool unpack_complete(const struct unpack *u)
{
    return !u->bad && u->left.len == 0;
}

#endif
