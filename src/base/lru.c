#include "base/lru.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS_FIRST = 16, BUCKETS_MOST = 65536 };

struct bucket {
    struct lru_entry *first;
};

struct lru {
    size_t count, most;
    struct lru_entry *newest, *oldest;
    void (*release)(struct lru_entry *e);
    size_t mask; /* buckets - 1; their number is a power of two */
    struct bucket *buckets;
};

struct lru *lru_new(size_t most, void (*release)(struct lru_entry *e))
{
    struct lru *l = calloc(1, sizeof *l);
    if (!l || !(l->buckets = calloc(BUCKETS_FIRST, sizeof *l->buckets))) {
        free(l);
        return NULL;
    }
    l->most = most;
    l->release = release;
    l->mask = BUCKETS_FIRST - 1;
    return l;
}

void lru_free(struct lru *l)
{
    if (!l)
        return;
    while (l->newest)
        lru_remove(l, l->newest);
    free(l->buckets);
    free(l);
}

/* FNV-1a. */
static uint32_t key_hash(const char *key)
{
    uint32_t h = UINT32_C(2166136261);
    for (; *key; key++)
        h = (h ^ (unsigned char)*key) * UINT32_C(16777619);
    return h ^ h >> 15;
}

static void entry_unlink(struct lru *l, struct lru_entry *e)
{
    *(e->newer ? &e->newer->older : &l->newest) = e->older;
    *(e->older ? &e->older->newer : &l->oldest) = e->newer;
}

static void entry_link_newest(struct lru *l, struct lru_entry *e)
{
    e->newer = NULL;
    e->older = l->newest;
    *(l->newest ? &l->newest->newer : &l->oldest) = e;
    l->newest = e;
}

struct lru_entry *lru_find(struct lru *l, const char *key)
{
    uint32_t hash = key_hash(key);
    struct lru_entry *e = l->buckets[hash & l->mask].first;
    while (e && !(e->hash == hash && strcmp(e->key, key) == 0))
        e = e->next;
    if (e) {
        entry_unlink(l, e);
        entry_link_newest(l, e);
    }
    return e;
}

static void bucket_put(struct lru *l, struct lru_entry *e)
{
    struct bucket *b = &l->buckets[e->hash & l->mask];
    e->next = b->first;
    b->first = e;
}

/* As there are more entries, there are more buckets; without memory for them it takes longer to find one. */
static void grow(struct lru *l)
{
    size_t buckets = 2 * (l->mask + 1);
    struct bucket *more = calloc(buckets, sizeof *more);
    if (!more)
        return;
    free(l->buckets);
    l->buckets = more;
    l->mask = buckets - 1;
    for (struct lru_entry *e = l->newest; e; e = e->older)
        bucket_put(l, e);
}

int lru_add(struct lru *l, const char *key, struct lru_entry *e)
{
    char *copy = strdup(key);
    if (!copy)
        return -1;
    if (l->count >= l->most && l->oldest)
        lru_remove(l, l->oldest);
    if (l->count > l->mask && l->mask + 1 < BUCKETS_MOST)
        grow(l);
    e->key = copy;
    e->hash = key_hash(key);
    bucket_put(l, e);
    entry_link_newest(l, e);
    l->count++;
    return 0;
}

void lru_remove(struct lru *l, struct lru_entry *e)
{
    struct lru_entry **at = &l->buckets[e->hash & l->mask].first;
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    entry_unlink(l, e);
    l->count--;
    free(e->key);
    l->release(e);
}

size_t lru_count(const struct lru *l)
{
    return l->count;
}
