#include "base/table.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

void table_init(struct table *t, unsigned bits, bool has_values)
{
    *t = (struct table){.words = bits / 64, .has_values = has_values};
}

void table_free(struct table *t)
{
    free(t->keys);
    free(t->values);
    table_init(t, t->words * 64, t->has_values);
}

/* Zero marks a free slot, so no key may be it. */
static struct hash128 proper(struct hash128 key)
{
    if (key.low == 0)
        key.low = 1;
    return key;
}

/* The slot of the key, or the free one where it would go. The table is not full. */
static size_t find(const struct table *t, struct hash128 key)
{
    size_t i = (size_t)(key.low % t->capacity);
    for (;; i = i + 1 < t->capacity ? i + 1 : 0) {
        const uint64_t *slot = t->keys + i * t->words;
        if (slot[0] == 0 || (slot[0] == key.low && (t->words == 1 || slot[1] == key.high)))
            return i;
    }
}

static void set(struct table *t, size_t i, struct hash128 key)
{
    uint64_t *slot = t->keys + i * t->words;
    slot[0] = key.low;
    if (t->words == 2)
        slot[1] = key.high;
}

/* Half as large again; in the old state if there is no memory. */
static int grow(struct table *t)
{
    struct table more = *t;
    more.capacity = t->capacity ? t->capacity + t->capacity / 2 : FIRST_CAPACITY;
    more.keys = calloc(more.capacity, t->words * sizeof *more.keys);
    more.values = t->has_values ? calloc(more.capacity, sizeof *more.values) : NULL;
    if (!more.keys || (t->has_values && !more.values)) {
        free(more.keys);
        free(more.values);
        return -1;
    }
    for (size_t i = 0; i < t->capacity; i++) {
        const uint64_t *slot = t->keys + i * t->words;
        if (slot[0] == 0)
            continue;
        struct hash128 key = {.low = slot[0], .high = t->words == 2 ? slot[1] : 0};
        size_t at = find(&more, key);
        set(&more, at, key);
        if (t->has_values)
            more.values[at] = t->values[i];
    }
    free(t->keys);
    free(t->values);
    *t = more;
    return 0;
}

uint32_t *table_put(struct table *t, struct hash128 key)
{
    if (t->count >= t->capacity / 5 * 4 && grow(t) < 0)
        return NULL;
    key = proper(key);
    size_t i = find(t, key);
    if (t->keys[i * t->words] == 0) {
        set(t, i, key);
        t->count++;
    }
    return t->has_values ? t->values + i : (uint32_t *)(void *)(t->keys + i * t->words);
}

bool table_has(const struct table *t, struct hash128 key)
{
    return t->count && t->keys[find(t, proper(key)) * t->words] != 0;
}
