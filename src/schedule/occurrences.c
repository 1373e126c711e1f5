#include "schedule/occurrences.h"

#include <stdlib.h>
#include "base/table.h"

struct occurrences {
    struct siphash_key key;
    struct table table;
};

struct occurrences *occurrences_new(void)
{
    struct occurrences *o = malloc(sizeof *o);
    if (!o)
        return NULL;
    o->key = siphash_key_random();
    table_init(&o->table, 64, true);
    return o;
}

uint32_t occurrences_count(struct occurrences *o, struct span target)
{
    struct hash128 key = {.low = siphash64(o->key, target)};
    uint32_t *count = table_put(&o->table, key);
    if (!count)
        return 0;
    if (*count < UINT32_MAX)
        ++*count;
    return *count;
}

void occurrences_free(struct occurrences *o)
{
    if (o)
        table_free(&o->table);
    free(o);
}
