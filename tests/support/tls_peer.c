#include "config.h"

#include "support/tls_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>

static int alpn_choose(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                       unsigned in_len, void *arg)
{
    (void)ssl, (void)arg, (void)in_len;
    *out = in + 1;
    *out_len = in[0];
    return SSL_TLSEXT_ERR_OK;
}

static void remember(struct tls_peer_server *s, SSL *ssl)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const unsigned char *alpn;
    unsigned len;
    snprintf(s->sni, sizeof s->sni, "%s", name ? name : "");
    SSL_get0_alpn_selected(ssl, &alpn, &len);
    snprintf(s->alpn, sizeof s->alpn, "%.*s", (int)len, alpn ? (const char *)alpn : "");
}

static int alert_of(unsigned long error)
{
    int reason = ERR_GET_REASON(error);
    return reason > SSL_AD_REASON_OFFSET ? reason - SSL_AD_REASON_OFFSET : 0;
}

static void serve_tls(int fd, void *arg)
{
    struct tls_peer_server *s = arg;
    SSL *ssl = SSL_new(s->ctx);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        remember(s, ssl);
        if (s->script.serve)
            s->script.serve(ssl, s->script.arg);
        if (!s->script.abrupt)
            SSL_shutdown(ssl);
        SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    } else {
        s->alert = alert_of(ERR_peek_error());
    }
    shutdown(fd, SHUT_WR);
    peer_wait_end(fd);
    SSL_free(ssl);
    ERR_clear_error();
}

void tls_peer_start(struct tls_peer_server *s, struct tls_peer_script script)
{
    memset(s, 0, sizeof *s);
    s->script = script;
    s->ctx = SSL_CTX_new(TLS_server_method());
    if (!s->ctx || !SSL_CTX_use_certificate(s->ctx, script.cert->x509) ||
        !SSL_CTX_use_PrivateKey(s->ctx, script.cert->key) ||
        (script.chain && !SSL_CTX_add1_chain_cert(s->ctx, script.chain->x509)) ||
        (script.ciphers && !SSL_CTX_set_cipher_list(s->ctx, script.ciphers))) {
        ERR_print_errors_fp(stderr);
        abort();
    }
    SSL_CTX_set_min_proto_version(s->ctx, script.version);
    SSL_CTX_set_max_proto_version(s->ctx, script.version);
    SSL_CTX_set_alpn_select_cb(s->ctx, alpn_choose, NULL);
    SSL_CTX_set_session_id_context(s->ctx, (const unsigned char *)"test", 4);
    if (script.client_ca) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(s->ctx), script.client_ca->x509);
        SSL_CTX_set_verify(s->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    peer_start(&s->peer, AF_INET, serve_tls, s);
}

void tls_peer_stop(struct tls_peer_server *s)
{
    peer_stop(&s->peer);
    SSL_CTX_free(s->ctx);
}
