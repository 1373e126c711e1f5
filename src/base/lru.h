/*
 * A small map from strings to things of the caller's that forgets what was least recently used.
 *   1. struct thing { struct lru_entry entry; … };   the entry comes first
 *   2. lru_new(most, release)      release is called for each entry that is removed or pushed out
 *   3. lru_find, lru_add, lru_remove
 *   4. lru_free                    removes all that is left
 * Not thread-safe. The keys come from the user's own list: the hash is no defence against chosen ones.
 */
#ifndef PFETCH_BASE_LRU_H
#define PFETCH_BASE_LRU_H

#include <stddef.h>
#include <stdint.h>

struct lru_entry {
    struct lru_entry *newer, *older; /* by last use */
    struct lru_entry *next;          /* in the bucket */
    char *key;                       /* the map's */
    uint32_t hash;
};

struct lru;

/* An empty map for at most `most` entries (> 0); NULL for lack of memory. */
struct lru *lru_new(size_t most, void (*release)(struct lru_entry *e));
void lru_free(struct lru *l);

/* The entry with this key, which is now the most recently used; or NULL. */
struct lru_entry *lru_find(struct lru *l, const char *key);

/* Adds `e` under a copy of `key`, which must not be there yet; pushes out the least recently used entry where
 * the map is full. 0, or -1 for lack of memory: then `e` is still the caller's. */
int lru_add(struct lru *l, const char *key, struct lru_entry *e);

/* Removes and releases `e`, which is in the map. */
void lru_remove(struct lru *l, struct lru_entry *e);

/* How many entries there are. */
size_t lru_count(const struct lru *l);

#endif
