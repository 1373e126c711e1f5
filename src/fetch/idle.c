#include "fetch/idle.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* An idle connection holds some 35 KB, most of it OpenSSL's: with hosts that never come back, keeping few is
 * cheaper by a tenth of a fetch. So few are kept until a host comes back whose connection was one too many.
 */
enum { KEPT_AT_FIRST = 6 };

struct kept {
    uint64_t hash; /* of its key */
    struct connection *connection;
};

struct idle {
    pthread_mutex_t lock;      /* of all below */
    uint32_t max, most, count; /* `most` are kept now, `max` ever */
    uint64_t *gone;            /* hashes of keys whose connection had to go last, in a ring of `max`: no more
                                * could have been kept */
    uint32_t gone_next, gone_count;
    struct kept kept[]; /* the least recently used first */
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

struct idle *idle_new(uint32_t max, uint32_t workers)
{
    max = workers && max > IDLE_MOST / workers ? IDLE_MOST : max * workers;
    struct idle *i = calloc(1, sizeof *i + max * (sizeof *i->kept + sizeof *i->gone));
    if (!i)
        return NULL;
    if (pthread_mutex_init(&i->lock, NULL) != 0) {
        free(i);
        return NULL;
    }
    i->gone = (uint64_t *)(void *)&i->kept[max];
    i->max = max;
    i->most = KEPT_AT_FIRST - 1 + workers;
    if (i->most > max)
        i->most = max;
    return i;
}

static struct connection *take_at(struct idle *i, uint32_t at)
{
    struct connection *c = i->kept[at].connection;
    i->count--;
    memmove(&i->kept[at], &i->kept[at + 1], (i->count - at) * sizeof *i->kept);
    return c;
}

/* Room for one more: the least recently used goes, to be closed by the caller. */
static struct connection *make_room(struct idle *i)
{
    i->gone[i->gone_next] = i->kept[0].hash;
    i->gone_next = (i->gone_next + 1) % i->max;
    if (i->gone_count < i->max)
        i->gone_count++;
    return take_at(i, 0);
}

/* There is none with this hash. If there was one, and it had to go, more are kept from now on. */
static void missed(struct idle *i, uint64_t hash)
{
    for (uint32_t n = 0; i->most < i->max && n < i->gone_count; n++)
        if (i->gone[n] == hash) {
            i->gone[n] = 0;
            i->most = i->max / 2 < i->most ? i->max : i->most * 2;
            return;
        }
}

/* The last one that was kept for `key`, or NULL. */
static struct connection *take_last(struct idle *i, const char *key, uint64_t hash)
{
    struct connection *c = NULL;
    pthread_mutex_lock(&i->lock);
    for (uint32_t at = i->count; !c && at-- > 0;)
        if (i->kept[at].hash == hash && strcmp(i->kept[at].connection->key, key) == 0)
            c = take_at(i, at);
    if (!c)
        missed(i, hash);
    pthread_mutex_unlock(&i->lock);
    return c;
}

struct connection *idle_take(struct idle *i, const char *key)
{
    uint64_t hash = key_hash(key);
    struct connection *c;
    while ((c = take_last(i, key, hash)) && !stream_usable(c->stream))
        connection_free(c);
    return c;
}

void idle_put(struct idle *i, struct connection *c)
{
    struct connection *out = c;
    if (i->max > 0) {
        pthread_mutex_lock(&i->lock);
        out = i->count == i->most ? make_room(i) : NULL;
        i->kept[i->count++] = (struct kept){key_hash(c->key), c};
        pthread_mutex_unlock(&i->lock);
    }
    connection_free(out); /* out of the lock: it says good-bye to the server */
}

void idle_free(struct idle *i)
{
    if (!i)
        return;
    while (i->count > 0)
        connection_free(take_at(i, 0));
    pthread_mutex_destroy(&i->lock);
    free(i);
}
