/*
 * A compact hash table of hashes, for lists with millions of entries: the keys are hashes already (siphash.h,
 * with a random key), 64 or 128 bits, and nothing else is kept, so that what is asked about is right but for
 * a collision (for ten million keys: 64 bits 1 in 400,000, 128 bits never). Open addressing; an entry costs
 * its 8 or 16 bytes, and 4 where it has a value, times 1.25 to 1.9. Nothing can be removed.
 *   1. table_init   allocates nothing yet
 *   2. table_put, table_has
 *   3. table_free
 */
#ifndef PFETCH_BASE_TABLE_H
#define PFETCH_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/siphash.h"

struct table {
    uint64_t *keys;   /* `words` each; 0: a free slot */
    uint32_t *values; /* NULL where there are none */
    unsigned words;
    bool has_values;
    size_t capacity, count;
};

/* `bits`: 64 (only `low` of a key counts) or 128. */
void table_init(struct table *t, unsigned bits, bool has_values);
void table_free(struct table *t);

/* Finds the key, or adds it with the value 0. Its value, valid until the next call; a table without values
 * returns a pointer that is not NULL and not to be followed. NULL: no memory. */
uint32_t *table_put(struct table *t, struct hash128 key);

/* True if it holds the key. */
bool table_has(const struct table *t, struct hash128 key);

#endif
