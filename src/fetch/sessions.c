#include "fetch/sessions.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/lru.h"

enum { KEY_MAX = 300 };

struct entry {
    struct lru_entry lru;
    SSL_SESSION *session;
};

static void entry_release(struct lru_entry *e)
{
    SSL_SESSION_free(((struct entry *)e)->session);
    free(e);
}

struct sessions *sessions_new(size_t most)
{
    return (struct sessions *)lru_new(most, entry_release);
}

static struct lru *sessions_map(struct sessions *c)
{
    return (struct lru *)c;
}

void sessions_free(struct sessions *c)
{
    lru_free(sessions_map(c));
}

/* The entry for `host` and `port`, or NULL; the key is left in `key` ("" if it does not fit). */
static struct entry *sessions_find(struct sessions *c, const char *host, uint16_t port, char key[KEY_MAX])
{
    if (snprintf(key, KEY_MAX, "%s %u", host, port) >= KEY_MAX) {
        key[0] = 0;
        return NULL;
    }
    return (struct entry *)lru_find(sessions_map(c), key);
}

SSL_SESSION *sessions_get(struct sessions *c, const char *host, uint16_t port)
{
    char key[KEY_MAX];
    struct entry *e = sessions_find(c, host, port, key);
    if (!e)
        return NULL;
    if (!SSL_SESSION_is_resumable(e->session)) {
        lru_remove(sessions_map(c), &e->lru);
        return NULL;
    }
    SSL_SESSION_up_ref(e->session);
    return e->session;
}

void sessions_put_take(struct sessions *c, const char *host, uint16_t port, SSL_SESSION *session)
{
    char key[KEY_MAX];
    struct entry *e = sessions_find(c, host, port, key);
    if (e) {
        SSL_SESSION_free(e->session);
        e->session = session;
        return;
    }
    e = key[0] ? calloc(1, sizeof *e) : NULL;
    if (e && lru_add(sessions_map(c), key, &e->lru) == 0) {
        e->session = session;
        return;
    }
    free(e);
    SSL_SESSION_free(session);
}

void sessions_drop(struct sessions *c, const char *host, uint16_t port)
{
    char key[KEY_MAX];
    struct entry *e = sessions_find(c, host, port, key);
    if (e)
        lru_remove(sessions_map(c), &e->lru);
}

size_t sessions_count(const struct sessions *c)
{
    return lru_count((const struct lru *)c);
}
