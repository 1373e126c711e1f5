#include "fetch/idle.h"

#include <stdlib.h>
#include <string.h>

struct idle {
    uint32_t max, count;
    struct connection *kept[]; /* the least recently used first */
};

void connection_free(struct connection *c)
{
    if (!c)
        return;
    stream_close(c->stream);
    free(c);
}

struct idle *idle_new(uint32_t max)
{
    struct idle *i = calloc(1, sizeof *i + max * sizeof *i->kept);
    if (i)
        i->max = max;
    return i;
}

static struct connection *take_at(struct idle *i, uint32_t at)
{
    struct connection *c = i->kept[at];
    i->count--;
    memmove(&i->kept[at], &i->kept[at + 1], (i->count - at) * sizeof *i->kept);
    return c;
}

struct connection *idle_take(struct idle *i, const char *key)
{
    for (uint32_t at = i->count; at-- > 0;) {
        if (strcmp(i->kept[at]->key, key) != 0)
            continue;
        struct connection *c = take_at(i, at);
        if (stream_usable(c->stream))
            return c;
        connection_free(c);
    }
    return NULL;
}

void idle_put(struct idle *i, struct connection *c)
{
    if (i->max == 0) {
        connection_free(c);
        return;
    }
    if (i->count == i->max)
        connection_free(take_at(i, 0));
    i->kept[i->count++] = c;
}

void idle_free(struct idle *i)
{
    if (!i)
        return;
    while (i->count > 0)
        connection_free(take_at(i, 0));
    free(i);
}
