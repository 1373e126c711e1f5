#include "fetch/sessions.h"

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
    const unsigned char *from = e->der;
    SSL_SESSION *session = d2i_SSL_SESSION(NULL, &from, (long)e->len);
    if (session && SSL_SESSION_is_resumable(session))
        return session;
    SSL_SESSION_free(session);
    lru_remove(sessions_map(c), &e->lru);
    return NULL;
}

void sessions_put(struct sessions *c, const char *host, uint16_t port, const SSL_SESSION *session)
{
    char key[KEY_MAX];
    struct entry *e = sessions_find(c, host, port, key);
    size_t len = 0;
    unsigned char *der = key[0] ? session_encode(session, &len) : NULL;
    if (!der) {
        if (e)
            lru_remove(sessions_map(c), &e->lru);
        return;
    }
    if (!e) {
        e = calloc(1, sizeof *e);
        if (!e || lru_add(sessions_map(c), key, &e->lru) < 0) {
            free(e);
            OPENSSL_clear_free(der, len);
            return;
        }
    }
    entry_set_take(e, der, len);
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
