#include "fetch/sessions.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/lru.h"

enum { KEY_MAX = 300 };

/* A session in its encoded form: OpenSSL's own object holds on to all certificates of the server, parsed,
 * which a server can make as large as some 100 KB on the wire and several times that in memory. */
struct entry {
    struct lru_entry lru;
    unsigned char *der; /* secret: it holds the master secret */
    size_t len;
};

struct sessions {
    pthread_mutex_t lock; /* of the map and what is in it */
    struct lru *map;
};

static void entry_set_take(struct entry *e, unsigned char *der, size_t len)
{
    OPENSSL_clear_free(e->der, e->len);
    e->der = der;
    e->len = len;
}

static void entry_release(struct lru_entry *e)
{
    entry_set_take((struct entry *)e, NULL, 0);
    free(e);
}

/* NULL where it can't be encoded, is too large or there is no memory; OPENSSL_clear_free. */
static unsigned char *session_encode(const SSL_SESSION *session, size_t *ret_len)
{
    int len = i2d_SSL_SESSION(session, NULL);
    unsigned char *der = len > 0 && len <= SESSIONS_BYTES_MAX ? OPENSSL_malloc((size_t)len) : NULL, *to = der;
    if (der)
        *ret_len = (size_t)i2d_SSL_SESSION(session, &to);
    return der;
}

struct sessions *sessions_new(size_t most)
{
    struct sessions *c = calloc(1, sizeof *c);
    if (!c || !(c->map = lru_new(most, entry_release)) || pthread_mutex_init(&c->lock, NULL) != 0) {
        lru_free(c ? c->map : NULL);
        free(c);
        return NULL;
    }
    return c;
}

void sessions_free(struct sessions *c)
{
    if (!c)
        return;
    lru_free(c->map);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* The entry for `host` and `port`, or NULL; the key is left in `key` ("" if it does not fit). */
static struct entry *sessions_find(struct sessions *c, const char *host, uint16_t port, char key[KEY_MAX])
{
    if (snprintf(key, KEY_MAX, "%s %u", host, port) >= KEY_MAX) {
        key[0] = 0;
        return NULL;
    }
    return (struct entry *)lru_find(c->map, key);
}

SSL_SESSION *sessions_get(struct sessions *c, const char *host, uint16_t port)
{
    char key[KEY_MAX];
    SSL_SESSION *session = NULL;
    pthread_mutex_lock(&c->lock);
    struct entry *e = sessions_find(c, host, port, key);
    if (e) {
        const unsigned char *from = e->der;
        session = d2i_SSL_SESSION(NULL, &from, (long)e->len);
        if (!session || !SSL_SESSION_is_resumable(session)) {
            SSL_SESSION_free(session);
            session = NULL;
            lru_remove(c->map, &e->lru);
        }
    }
    pthread_mutex_unlock(&c->lock);
    return session;
}

/* Puts `der` (taken) in the place of what is there; NULL: nothing. */
static void put_locked(struct sessions *c, const char *host, uint16_t port, unsigned char *der, size_t len)
{
    char key[KEY_MAX];
    struct entry *e = sessions_find(c, host, port, key);
    if (!der || !key[0]) {
        if (e)
            lru_remove(c->map, &e->lru);
        OPENSSL_clear_free(der, len);
        return;
    }
    if (!e) {
        e = calloc(1, sizeof *e);
        if (!e || lru_add(c->map, key, &e->lru) < 0) {
            free(e);
            OPENSSL_clear_free(der, len);
            return;
        }
    }
    entry_set_take(e, der, len);
}

void sessions_put(struct sessions *c, const char *host, uint16_t port, const SSL_SESSION *session)
{
    size_t len = 0;
    unsigned char *der = session_encode(session, &len);
    pthread_mutex_lock(&c->lock);
    put_locked(c, host, port, der, len);
    pthread_mutex_unlock(&c->lock);
}

void sessions_drop(struct sessions *c, const char *host, uint16_t port)
{
    pthread_mutex_lock(&c->lock);
    put_locked(c, host, port, NULL, 0);
    pthread_mutex_unlock(&c->lock);
}

size_t sessions_count(struct sessions *c)
{
    pthread_mutex_lock(&c->lock);
    size_t count = lru_count(c->map);
    pthread_mutex_unlock(&c->lock);
    return count;
}
