/*
 * A TLS connection from within: what tls.c sets up and shakes hands with, and tls_stream.c reads and writes.
 * OpenSSL reads and writes through a BIO of ours that waits by itself, so that its calls block, under the
 * deadlines of the fetch.
 */
#ifndef PFETCH_FETCH_TLS_STREAM_H
#define PFETCH_FETCH_TLS_STREAM_H

#include <openssl/ssl.h>
#include "fetch/sessions.h"
#include "fetch/stream.h"

enum {
    TLS_UNREAD_MAX = 1 << 20, /* bytes a server may send without one of data */
    TLS_MESSAGES_MAX = 32,    /* handshake messages after the handshake, likewise */
    TLS_HELD_MAX = 128        /* bytes of a handshake's last flight; it has some 60 to 100 */
};

/* In order of time. */
enum tls_state {
    TLS_SHAKING,
    TLS_FRESH,  /* the handshake is done, no data has come: the server may yet refuse our certificate */
    TLS_OPEN,   /* data has come */
    TLS_ENDED,  /* the connection is gone below TLS: nothing more is sent, the session stays good */
    TLS_BROKEN, /* TLS failed: nothing more is sent, the session is forgotten */
};

struct tls_stream {
    struct stream base;
    struct stream *lower;
    SSL *ssl;
    enum tls_state state;

    /* The call under way. */
    const struct wait *w; /* NULL: it may not wait */
    enum error_phase phase;
    struct fetch_error below; /* why the lower stream failed; ERROR_NONE: it didn't */

    /* The end of the handshake, which nobody waits for: it goes with the request, or before the next read.
     * Not where the server asked for a certificate: it may want to say something of that first. */
    unsigned char held[TLS_HELD_MAX];
    size_t held_len;
    bool asked;
    bool lost; /* it could not be sent: the handshake has failed after all */

    /* What the server sent since the last byte of data. */
    size_t unread;
    unsigned messages;
    bool flooded; /* too much: no byte more is read or written */
    bool eof;     /* the lower stream has ended */

    /* Verification. */
    X509 *leaf;       /* the server's certificate, where verification failed */
    X509 *blamed;     /* the one that failed */
    int verify_error; /* X509_V_… */
    int verify_depth;

    OSSL_LIB_CTX *context;     /* NULL: the plain one */
    struct sessions *sessions; /* NULL: none are kept */
    SSL_SESSION *offered;      /* the last that the server gave, not among them yet; NULL: none */
    int64_t taken_at;          /* when one went there; 0: never */
    uint16_t port;
    char host[]; /* without a trailing dot */
};

/* The BIO's methods; shared by all streams. NULL for lack of memory; BIO_meth_free. */
BIO_METHOD *tls_bio_method(void);

/* Counts handshake messages, and notes what the server asks for: for SSL_CTX_set_msg_callback. The SSL's app
 * data is its struct tls_stream. */
void tls_count_message(int written, int version, int content_type, const void *data, size_t len, SSL *ssl,
                       void *arg);

/* Prepares `t` for a call of OpenSSL that may wait as `w` says. */
void tls_begin(struct tls_stream *t, const struct wait *w, enum error_phase phase);

/* Sends what is held of a handshake that failed, its alert, if that needs no waiting. */
void tls_send_held(struct tls_stream *t);

/* Puts the reason of OpenSSL's last failure into words: "the server sent the alert 'unknown ca'". */
void tls_reason(char *into, size_t size);

/* The stream functions. */
extern const struct stream_type tls_stream_type;

#endif
