#include "fetch/idle.h"

#include <stdlib.h>
#include <string.h>

/* An idle connection holds some 35 KB, most of it OpenSSL's: with hosts that never come back, keeping few is
 * cheaper by a tenth of a fetch. So few are kept until a host comes back whose connection was one too many.
 */
enum { KEPT_AT_FIRST = 4, GONE_KNOWN = 64 };

struct idle {
    uint32_t max, most, count; /* `most` are kept now, `max` ever */
    uint64_t gone[GONE_KNOWN]; /* hashes of keys whose connection had to go last */
    uint32_t gone_next;
    struct connection *kept[]; /* the least recently used first */
};

/* FNV-1a; two keys alike are no harm. */
static uint64_t key_hash(const char *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    return hash ? hash : 1;
}

void connection_free(struct connection *c)
{
    if (!c)
        return;
    stream_close(c->stream);
    fetch_cert_release(c->info.cert);
    free(c);
}

struct idle *idle_new(uint32_t max)
{
    struct idle *i = calloc(1, sizeof *i + max * sizeof *i->kept);
    if (i) {
        i->max = max;
        i->most = max < KEPT_AT_FIRST ? max : KEPT_AT_FIRST;
    }
    return i;
}

static struct connection *take_at(struct idle *i, uint32_t at)
{
    struct connection *c = i->kept[at];
    i->count--;
    memmove(&i->kept[at], &i->kept[at + 1], (i->count - at) * sizeof *i->kept);
    return c;
}

/* Room for one more: the least recently used goes. */
static void make_room(struct idle *i)
{
    struct connection *c = take_at(i, 0);
    i->gone[i->gone_next] = key_hash(c->key);
    i->gone_next = (i->gone_next + 1) % GONE_KNOWN;
    connection_free(c);
}

/* There is none for `key`. If there was one, and it had to go, more are kept from now on. */
static void missed(struct idle *i, const char *key)
{
    uint64_t hash = i->most < i->max ? key_hash(key) : 0;
    for (uint32_t n = 0; hash && n < GONE_KNOWN; n++)
        if (i->gone[n] == hash) {
            i->gone[n] = 0;
            i->most = i->max / 2 < i->most ? i->max : i->most * 2;
            return;
        }
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
    missed(i, key);
    return NULL;
}

void idle_put(struct idle *i, struct connection *c)
{
    if (i->max == 0) {
        connection_free(c);
        return;
    }
    if (i->count == i->most)
        make_room(i);
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
