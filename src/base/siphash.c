#include "base/siphash.h"

#include <sys/random.h>
#include <time.h>

struct state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void mix(struct state *s, unsigned rounds)
{
    while (rounds--) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 = rotate(s->v2, 32);
    }
}

static uint64_t little_endian(const unsigned char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static inline void take(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    mix(s, 2);
    s->v0 ^= word;
}

/* All but the last rounds. `wide` is what the 128-bit form mixes into the start. */
static struct state absorb(struct siphash_key key, struct span v, uint64_t wide)
{
    struct state s = {key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d ^ wide,
                      key.k0 ^ 0x6c7967656e657261, key.k1 ^ 0x7465646279746573};
    size_t i = 0;
    for (; v.len - i >= 8; i += 8)
        take(&s, little_endian(v.data + i, 8));
    uint64_t tail = v.len - i ? little_endian(v.data + i, v.len - i) : 0;
    take(&s, tail | (uint64_t)v.len << 56);
    return s;
}

static uint64_t fold(const struct state *s)
{
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t siphash64(struct siphash_key key, struct span v)
{
    struct state s = absorb(key, v, 0);
    s.v2 ^= 0xff;
    mix(&s, 4);
    return fold(&s);
}

struct hash128 siphash128(struct siphash_key key, struct span v)
{
    struct state s = absorb(key, v, 0xee);
    struct hash128 h;
    s.v2 ^= 0xee;
    mix(&s, 4);
    h.low = fold(&s);
    s.v1 ^= 0xdd;
    mix(&s, 4);
    h.high = fold(&s);
    return h;
}

struct siphash_key siphash_key_random(void)
{
    struct siphash_key key;
    if (getrandom(&key, sizeof key, 0) != (ssize_t)sizeof key) {
        /* A kernel without it (before 3.17): still another key in each process. */
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        key.k0 = (uint64_t)ts.tv_nsec * 0x9e3779b97f4a7c15;
        key.k1 = (uint64_t)(uintptr_t)&key ^ (uint64_t)ts.tv_sec;
    }
    return key;
}
