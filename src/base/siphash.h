/*
 * SipHash-2-4 (Aumasson, Bernstein), with 64 and 128 bits of result: hashes for tables whose keys come from
 * strangers. With a random key nobody can choose names that collide.
 */
#ifndef PFETCH_BASE_SIPHASH_H
#define PFETCH_BASE_SIPHASH_H

#include <stdint.h>
#include "base/span.h"

struct siphash_key {
    uint64_t k0, k1;
};

struct hash128 {
    uint64_t high, low;
};

/* A key that nobody outside this process knows. */
struct siphash_key siphash_key_random(void);

/* The hash of `v` under `key`. */
uint64_t siphash64(struct siphash_key key, struct span v);
struct hash128 siphash128(struct siphash_key key, struct span v);

#endif
