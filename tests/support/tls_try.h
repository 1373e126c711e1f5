/* One TLS connection to a server of the tests, with everything it needs. For tests only. */
#ifndef PFETCH_TESTS_TLS_TRY_H
#define PFETCH_TESTS_TLS_TRY_H

#include "fetch/dial.h"
#include "fetch/tls.h"
#include "support/peer.h"
#include "support/waits.h"

struct tls_try {
    struct stream *stream;
    struct fetch_conn conn;
    struct fetch_cert cert; /* what conn.cert points to */
    struct fetch_error err;
};

/* A TCP stream to `p`. NULL if there is none. */
static inline struct stream *try_tcp(const struct peer *p)
{
    struct dialled d;
    struct fetch_error err;
    struct wait w = wait_long();
    return dial(&p->addr, 1, &w, &d, &err) == 0 ? stream_tcp(d.fd) : NULL;
}

/* Shakes hands over `lower`, which it takes. 0 or -1 as tls_connect. */
static inline int try_over(struct tls_try *t, const struct tls_client *c, struct stream *lower,
                           struct tls_peer peer, const struct wait *w)
{
    t->stream = NULL;
    t->conn = (struct fetch_conn){.remote_port = 0};
    error_clear(&t->err);
    int result = tls_connect(c, lower, &peer, w, &t->stream, &t->conn, &t->err);
    if (t->conn.cert) {
        t->cert = *t->conn.cert;
        fetch_cert_release(t->conn.cert);
        t->conn.cert = &t->cert;
    }
    return result;
}

/* As try_over, over a new TCP connection to `p`. */
static inline int try_tls(struct tls_try *t, const struct tls_client *c, const struct peer *p,
                          struct tls_peer peer)
{
    struct wait w = wait_long();
    return try_over(t, c, try_tcp(p), peer, &w);
}

#endif
