/* A TLS server in a thread, which does what its script says. For tests only: what fails ends the program. */
#ifndef PFETCH_TESTS_TLS_PEER_H
#define PFETCH_TESTS_TLS_PEER_H

#include <openssl/ssl.h>
#include "support/certs.h"
#include "support/peer.h"

struct tls_peer_script {
    const struct cert *cert;            /* the server's own */
    const struct cert *chain;           /* sent after it; NULL: nothing */
    const struct cert *client_ca;       /* ask for a client's certificate by this authority; NULL: don't */
    int version;                        /* TLS1_2_VERSION, TLS1_3_VERSION; 0: both */
    const char *ciphers;                /* for TLS 1.2; NULL: the defaults */
    void (*serve)(SSL *ssl, void *arg); /* after the handshake; blocking */
    void *arg;
    bool abrupt; /* close without close_notify */
};

struct tls_peer_server {
    struct peer peer;
    SSL_CTX *ctx;
    struct tls_peer_script script;
    char sni[256]; /* of the last connection; "" for none */
    char alpn[32]; /* chosen by it */
    int alert;     /* by which it refused the handshake; 0: none */
};

void tls_peer_start(struct tls_peer_server *s, struct tls_peer_script script);
void tls_peer_stop(struct tls_peer_server *s);

#endif
