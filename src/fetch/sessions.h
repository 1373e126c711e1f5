/*
 * TLS sessions for resumption, of one worker or of several threads: by the name that was verified and the
 * port, least recently used out first.
 */
#ifndef PFETCH_FETCH_SESSIONS_H
#define PFETCH_FETCH_SESSIONS_H

#include <openssl/ssl.h>
#include <stdint.h>

struct sessions;

enum { SESSIONS_BYTES_MAX = 16 * 1024 }; /* of one session, the server's own certificate included */

/* A cache of at most `most` sessions; NULL for lack of memory. Several threads may use it at once. */
struct sessions *sessions_new(size_t most);
void sessions_free(struct sessions *c);

/* The session for `host` and `port`, or NULL; the caller's (SSL_SESSION_free). It knows of the server's chain
 * only its own certificate. */
SSL_SESSION *sessions_get(struct sessions *c, const char *host, uint16_t port);

/* Keeps a copy of `session` in place of what is there; of one that is larger than SESSIONS_BYTES_MAX,
 * nothing.
 */
void sessions_put(struct sessions *c, const char *host, uint16_t port, const SSL_SESSION *session);

/* Forgets the session for `host` and `port`, if there is one. */
void sessions_drop(struct sessions *c, const char *host, uint16_t port);

/* How many there are. */
size_t sessions_count(struct sessions *c);

#endif
