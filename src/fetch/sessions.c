#include "fetch/sessions.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"

enum { SESSIONS_BUCKETS = 256 }; /* a power of two */

struct entry {
    struct entry *newer, *older; /* by last use */
    struct entry *next;          /* in the bucket */
    SSL_SESSION *session;
    uint32_t hash;
    uint16_t port;
    char host[];
};

struct sessions {
    size_t count, most;
    struct entry *newest, *oldest;
    struct entry *buckets[SESSIONS_BUCKETS];
};

struct sessions *sessions_new(size_t most)
{
    struct sessions *c = calloc(1, sizeof *c);
    if (c)
        c->most = most;
    return c;
}

/* FNV-1a: the names are the user's, and the entries few. */
static uint32_t entry_hash(const char *host, uint16_t port)
{
    uint32_t h = UINT32_C(2166136261) ^ port;
    for (; *host; host++)
        h = (h ^ (unsigned char)*host) * UINT32_C(16777619);
    return h;
}

static struct entry *entry_find(struct sessions *c, const char *host, uint16_t port, uint32_t hash)
{
    struct entry *e = c->buckets[hash % SESSIONS_BUCKETS];
    while (e && !(e->hash == hash && e->port == port && strcmp(e->host, host) == 0))
        e = e->next;
    return e;
}

static void entry_unlink(struct sessions *c, struct entry *e)
{
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
}

static void entry_link_newest(struct sessions *c, struct entry *e)
{
    e->newer = NULL;
    e->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

static void entry_remove(struct sessions *c, struct entry *e)
{
    struct entry **at = &c->buckets[e->hash % SESSIONS_BUCKETS];
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    entry_unlink(c, e);
    SSL_SESSION_free(e->session);
    free(e);
    c->count--;
}

void sessions_free(struct sessions *c)
{
    if (!c)
        return;
    while (c->newest)
        entry_remove(c, c->newest);
    free(c);
}

SSL_SESSION *sessions_get(struct sessions *c, const char *host, uint16_t port)
{
    struct entry *e = entry_find(c, host, port, entry_hash(host, port));
    if (!e)
        return NULL;
    if (!SSL_SESSION_is_resumable(e->session)) {
        entry_remove(c, e);
        return NULL;
    }
    entry_unlink(c, e);
    entry_link_newest(c, e);
    SSL_SESSION_up_ref(e->session);
    return e->session;
}

/* A new entry, linked, without a session yet; NULL for lack of memory. */
static struct entry *entry_add(struct sessions *c, const char *host, uint16_t port, uint32_t hash)
{
    size_t len = strlen(host) + 1;
    struct entry *e = malloc(sizeof *e + len);
    if (!e)
        return NULL;
    *e = (struct entry){.hash = hash, .port = port};
    memcpy(e->host, host, len);
    if (c->count == c->most)
        entry_remove(c, c->oldest);
    e->next = c->buckets[hash % SESSIONS_BUCKETS];
    c->buckets[hash % SESSIONS_BUCKETS] = e;
    entry_link_newest(c, e);
    c->count++;
    return e;
}

void sessions_put_take(struct sessions *c, const char *host, uint16_t port, SSL_SESSION *session)
{
    uint32_t hash = entry_hash(host, port);
    struct entry *e = entry_find(c, host, port, hash);
    if (!e && c->most > 0)
        e = entry_add(c, host, port, hash);
    if (!e) {
        SSL_SESSION_free(session);
        return;
    }
    SSL_SESSION_free(e->session);
    e->session = session;
}

void sessions_drop(struct sessions *c, const char *host, uint16_t port)
{
    struct entry *e = entry_find(c, host, port, entry_hash(host, port));
    if (e)
        entry_remove(c, e);
}

size_t sessions_count(const struct sessions *c)
{
    return c->count;
}
