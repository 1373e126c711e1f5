/*
 * TLS 1.2 and 1.3 over any stream (RFC 8446, RFC 5246), with the chain and the name verified.
 *   1. tls_client_new   once, before any worker: settings, trust, the client's certificate; shared, read-only
 *   2. tls_connect      the handshake; the stream it gives is read, written and closed as any other
 *   3. tls_client_free  after the last stream
 */
#ifndef PFETCH_FETCH_TLS_H
#define PFETCH_FETCH_TLS_H

#include "fetch/fetch.h"
#include "fetch/sessions.h"
#include "fetch/stream.h"

struct tls_options {
    const char *cacert, *capath; /* NULL: not given; both NULL: the system's trust (trust.h) */
    const char *cert, *key;      /* PEM; NULL: none. A certificate without key: the file holds both */
    bool insecure;               /* -k: neither chain nor name is verified */
    int min_version;    /* 0 (TLS 1.2, or what the system's policy asks for above it), 0x0303, 0x0304 */
    bool want_sessions; /* keep sessions for resumption */
};

struct tls_client;

/* On success *ret belongs to the caller. -1: `err` holds a message for a usage error that names the file,
 * kind ERROR_NONE. */
int tls_client_new(const struct tls_options *options, struct tls_client **ret, struct fetch_error *err);
void tls_client_free(struct tls_client *c);

/* What a confined worker must be able to read, as trust_paths: released with trust_paths_free. */
char **tls_client_paths(const struct tls_client *c);

/* Whom to speak to. */
struct tls_peer {
    const char *host; /* what is verified and, if it is a name, sent as SNI; a trailing dot does not count */
    uint16_t port;    /* with host, what a session is kept under */
    bool is_ip;       /* host is an IP literal without brackets */
    bool want_cert;   /* fill conn->cert */
    struct sessions *sessions; /* the worker's; NULL: no resumption; must outlive the stream */
};

/* Shakes hands over `lower`, which it takes in any case (a failure closes it). Fills conn->tls, tls_version,
 * tls_cipher, resumed and (if wanted) cert, as far as known also where it fails; other fields are left alone.
 * 0 with *ret the caller's; or -1: ERROR_CERTIFICATE (verification was the reason), ERROR_TLS (anything else
 * that the peer did, EOF and reset included), ERROR_TIMEOUT or ERROR_CANCELLED, all in PHASE_TLS.
 * On such a stream a read that meets the alert by which a TLS 1.3 server refuses the client's certificate
 * fails with ERROR_TLS in PHASE_TLS. */
int tls_connect(const struct tls_client *c, struct stream *lower, const struct tls_peer *peer,
                const struct wait *w, struct stream **ret, struct fetch_conn *conn, struct fetch_error *err);

/* A handshake with a server in memory, whose certificate nobody else trusts: what OpenSSL makes at the first
 * one is then there for all who are forked afterwards. It costs two handshakes; nothing
 * of it stays with `c`. True if it went through (where it can't, the first handshake in each worker does
 * more). */
bool tls_warm(const struct tls_client *c);

#endif
