#include "config.h"

#include "fetch/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fetch/certinfo.h"
#include "fetch/certname.h"
#include "fetch/issuers.h"
#include "fetch/memory.h"
#include "fetch/provider.h"
#include "fetch/reasons.h"
#include "fetch/signatures.h"
#include "fetch/tls_stream.h"
#include "fetch/trust.h"
#include "fetch/warm.h"

enum {
    TLS_READ_AHEAD = 64 * 1024, /* bytes that one read may bring: four records */
    TLS_NAMES_SHOWN = 5,        /* of a certificate that is for other names */
};

struct tls_client {
    OSSL_LIB_CTX *context; /* NULL: the plain one */
    SSL_CTX *ctx;
    BIO_METHOD *bio;
    struct trust *trust;
    bool insecure;
    bool want_sessions;
};

/* Callbacks from within the handshake. The SSL's app data is its stream. */

/* Looks for the name where OpenSSL was not asked to (peer_set). */
static bool verify_name(X509_STORE_CTX *ctx, const struct tls_stream *t, X509 *leaf)
{
    if (!certname_is_odd(t->host) || certname_holds(leaf, t->host))
        return true;
    X509_STORE_CTX_set_error(ctx, X509_V_ERR_HOSTNAME_MISMATCH);
    X509_STORE_CTX_set_error_depth(ctx, 0);
    X509_STORE_CTX_set_current_cert(ctx, leaf);
    return false;
}

/* Verifies the chain; where that fails, keeps what a report shows. */
static int verify_chain(X509_STORE_CTX *ctx, void *arg)
{
    const struct tls_client *c = arg;
    if (c->insecure)
        return 1;
    SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_stream *t = SSL_get_app_data(ssl);
    X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
    if (X509_verify_cert(ctx) > 0 && verify_name(ctx, t, leaf))
        return 1;
    X509 *blamed = X509_STORE_CTX_get_current_cert(ctx);
    t->verify_error = X509_STORE_CTX_get_error(ctx);
    t->verify_depth = X509_STORE_CTX_get_error_depth(ctx);
    if (!t->leaf && leaf && X509_up_ref(leaf))
        t->leaf = leaf;
    if (!t->blamed && blamed && X509_up_ref(blamed))
        t->blamed = blamed;
    return 0;
}

/* Keeps a session that the server offers; for TLS 1.3 that is after the handshake. Most offer two at once,
 * for two connections: the last will do, and to write one down costs as much as a hundredth of a handshake.
 */
static int session_new(SSL *ssl, SSL_SESSION *session)
{
    struct tls_stream *t = SSL_get_app_data(ssl);
    if (!t->sessions)
        return 0;
    SSL_SESSION_free(t->offered);
    t->offered = session;
    return 1; /* the reference is ours */
}

/* Notes that a passphrase is needed, and has none to give: without this OpenSSL asks at the terminal. `arg`
 * may be NULL. */
static int passphrase_asked(char *into, int size, int writing, void *arg)
{
    (void)writing;
    if (size > 0)
        into[0] = 0;
    if (arg)
        *(bool *)arg = true;
    return -1;
}

/* The client's settings. */

static int usage_error(struct fetch_error *err, const char *option, const char *path, const char *problem)
{
    ERR_clear_error();
    return error_set(err, ERROR_NONE, PHASE_NONE, "%s %s %s", option, path, problem);
}

static int file_check(const char *option, const char *path, struct fetch_error *err)
{
    if (access(path, R_OK) == 0)
        return 0;
    return error_set(err, ERROR_NONE, PHASE_NONE, "%s %s cannot be read: %s", option, path, strerror(errno));
}

/* Reads a private key of any kind, in the plain library context: the thin provider reads public ones only. */
static EVP_PKEY *private_key_load(const char *path, bool *ret_asked)
{
    FILE *f = fopen(path, "re");
    EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, passphrase_asked, ret_asked) : NULL;
    if (f)
        fclose(f);
    return key;
}

/* Loads the client's certificate (with the chain behind it) and key. */
static int client_load_certificate(SSL_CTX *ctx, const char *cert, const char *key, struct fetch_error *err)
{
    const char *key_option = key ? "--key" : "--cert";
    const char *key_path = key ? key : cert;
    bool asked = false;
    if (!cert)
        return error_set(err, ERROR_NONE, PHASE_NONE,
                         "--key needs --cert with the certificate it belongs to");
    if (file_check("--cert", cert, err) < 0 || file_check(key_option, key_path, err) < 0)
        return -1;
    SSL_CTX_set_default_passwd_cb(ctx, passphrase_asked);
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
        return usage_error(err, "--cert", cert, "holds no certificate in PEM form that can be used");
    EVP_PKEY *loaded = private_key_load(key_path, &asked);
    if (asked) {
        EVP_PKEY_free(loaded);
        return usage_error(
            err, key_option, key_path,
            "is protected by a passphrase; give a key without one (openssl pkey -in … -out …)");
    }
    if (!loaded)
        return usage_error(err, key_option, key_path, "holds no private key in PEM form that can be used");
    bool fits = SSL_CTX_use_PrivateKey(ctx, loaded) == 1 && SSL_CTX_check_private_key(ctx) == 1;
    EVP_PKEY_free(loaded);
    if (!fits)
        return usage_error(err, key_option, key_path, "does not belong to the certificate of --cert");
    return 0;
}

/* TLS 1.2 at least, and no less than the system's policy asks for. */
static bool client_set_versions(SSL_CTX *ctx, int min_version)
{
    long policy = SSL_CTX_get_min_proto_version(ctx);
    long min = min_version ? min_version : TLS1_2_VERSION;
    return SSL_CTX_set_min_proto_version(ctx, policy > min ? (int)policy : (int)min) == 1;
}

/* The TLS 1.3 suite at a place of the list, where those come first; 0: none (RFC 8446, B.4). */
static unsigned tls13_suite(const STACK_OF(SSL_CIPHER) * suites, int at)
{
    unsigned id =
        at < sk_SSL_CIPHER_num(suites) ? SSL_CIPHER_get_protocol_id(sk_SSL_CIPHER_value(suites, at)) : 0;
    return id >> 8 == 0x13 ? id : 0;
}

/* The TLS 1.3 cipher suites in the order that browsers have: 128-bit AES, with 10 rounds for 14 and SHA-256
 * in the key schedule, before 256-bit. A list other than OpenSSL's usual one is openssl.cnf's, and stays. */
static bool client_set_ciphersuites(SSL_CTX *ctx)
{
    static const unsigned usual[] = {0x1302, 0x1303, 0x1301, 0};
    const STACK_OF(SSL_CIPHER) *suites = SSL_CTX_get_ciphers(ctx);
    for (int i = 0; i < (int)(sizeof usual / sizeof usual[0]); i++)
        if (tls13_suite(suites, i) != usual[i])
            return true;
    return SSL_CTX_set_ciphersuites(
               ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1;
}

static bool client_set_context(struct tls_client *c, int min_version)
{
    static const unsigned char alpn[] = "\x08http/1.1";
    SSL_CTX *ctx = c->ctx;
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_AUTO_RETRY | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_read_buffer_len(ctx, TLS_READ_AHEAD);
    SSL_CTX_set_verify(ctx, c->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify_chain, c);
    SSL_CTX_set_msg_callback(ctx, tls_count_message);
    SSL_CTX_set_session_cache_mode(ctx, c->want_sessions ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
                                                         : SSL_SESS_CACHE_OFF);
    if (c->want_sessions)
        SSL_CTX_sess_set_new_cb(ctx, session_new);
    if (c->trust)
        SSL_CTX_set1_cert_store(ctx, trust_store(c->trust));
    return client_set_versions(ctx, min_version) && client_set_ciphersuites(ctx) &&
           SSL_CTX_set_alpn_protos(ctx, alpn, sizeof alpn - 1) == 0;
}

/* OpenSSL's table of all ciphers by their old names: each library context copies it when it looks a name up
 * first, a fifth of what a run of one fetch computes. TLS fetches its ciphers from a provider. What needs
 * the table are encrypted blocks of the old PEM form, and those are read only where a key is, to be able to
 * say so. It holds for the process, and the first who asks decides (OPENSSL_init_crypto(3)). */
static void do_without_names(const struct tls_options *options)
{
    if (options->cert || options->key)
        return; /* what may be wrong with these is to be said as it is */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ADD_ALL_CIPHERS, NULL);
    reasons_defer();
}

int tls_client_new(const struct tls_options *options, struct tls_client **ret, struct fetch_error *err)
{
    struct tls_client *c = calloc(1, sizeof *c);
    if (!c)
        return error_set(err, ERROR_NONE, PHASE_NONE, "out of memory");
    tzset(); /* the first gmtime_r reads the time zone's file: better here than in a confined worker */
    do_without_names(options);
    (void)signatures_remember();
    c->insecure = options->insecure;
    c->want_sessions = options->want_sessions;
    c->context = provider_context_new();
    if (!c->insecure && trust_new(c->context, options->cacert, options->capath, &c->trust, err) < 0)
        goto out;
    c->bio = tls_bio_method();
    c->ctx = SSL_CTX_new_ex(c->context, NULL, TLS_client_method());
    if (!c->bio || !c->ctx || !client_set_context(c, options->min_version)) {
        char reason[128] = "out of memory";
        if (ERR_peek_error())
            tls_reason(reason, sizeof reason);
        error_set(err, ERROR_NONE, PHASE_NONE, "OpenSSL cannot be set up: %s", reason);
        goto out;
    }
    if ((options->cert || options->key) &&
        client_load_certificate(c->ctx, options->cert, options->key, err) < 0)
        goto out;
    *ret = c;
    ERR_clear_error();
    return 0;
out:
    tls_client_free(c);
    ERR_clear_error();
    return -1;
}

void tls_client_free(struct tls_client *c)
{
    if (!c)
        return;
    SSL_CTX_free(c->ctx);
    BIO_meth_free(c->bio);
    trust_free(c->trust);
    provider_context_free(c->context);
    free(c);
}

char **tls_client_paths(const struct tls_client *c)
{
    return c->trust ? trust_paths(c->trust) : calloc(1, sizeof(char *));
}

/* The handshake. */

/* Says what name or address is expected, and names it to the server. */
static bool peer_set(SSL *ssl, const struct tls_peer *peer, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (peer->is_ip)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    if (certname_is_odd(host)) /* verify_name's matter */
        return SSL_set_tlsext_host_name(ssl, host) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

/* The connection before its handshake; takes `lower`. NULL for lack of memory, or for a host that is none. */
static struct tls_stream *tls_stream_new(const struct tls_client *c, struct stream *lower,
                                         const struct tls_peer *peer)
{
    size_t len = strlen(peer->host);
    if (len > 1 && !peer->is_ip && peer->host[len - 1] == '.')
        len--;
    struct tls_stream *t = calloc(1, sizeof *t + len + 1);
    if (!t) {
        stream_close(lower);
        return NULL;
    }
    t->base = (struct stream){.type = &tls_stream_type, .fd = stream_fd(lower)};
    t->lower = lower;
    t->context = c->context;
    t->sessions = c->want_sessions ? peer->sessions : NULL;
    t->port = peer->port;
    memcpy(t->host, peer->host, len);
    t->ssl = SSL_new(c->ctx);
    BIO *bio = t->ssl ? BIO_new(c->bio) : NULL;
    if (!bio || t->host[0] == '.' || !SSL_set_app_data(t->ssl, t) || !peer_set(t->ssl, peer, t->host)) {
        BIO_free(bio);
        stream_close(&t->base);
        return NULL;
    }
    BIO_set_data(bio, t);
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_connect_state(t->ssl);
    return t;
}

/* Offers the session that is kept for this server. */
static void session_offer(struct tls_stream *t)
{
    SSL_SESSION *session = t->sessions ? sessions_get(t->sessions, t->host, t->port) : NULL;
    if (session)
        SSL_set_session(t->ssl, session);
    SSL_SESSION_free(session);
}

/* Up to TLS 1.2 a server may renew the ticket of a session as it resumes it: OpenSSL then spoils the one that
 * is kept, without a word about the new one. */
static void session_renew(struct tls_stream *t)
{
    if (t->sessions && SSL_session_reused(t->ssl) && SSL_version(t->ssl) < TLS1_3_VERSION)
        sessions_put(t->sessions, t->host, t->port, SSL_get0_session(t->ssl));
}

/* Whose certificate verification failed at: ": CN=…", or the names that it is for. */
static void blamed_put(struct buffer *b, const struct tls_stream *t)
{
    char subject[CERTINFO_SUBJECT];
    switch (t->verify_error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        buffer_printf(b, " (depth %d): %s is asked for, the certificate is for ", t->verify_depth, t->host);
        certinfo_put_names(b, t->leaf, TLS_NAMES_SHOWN);
        return;
    default:
        certinfo_subject(subject, t->blamed);
        buffer_printf(b, " (depth %d: %s)", t->verify_depth, subject);
    }
}

/* OpenSSL's words, but where they lead astray: of a certificate whose extensions it can't read it only says
 * that it found no issuer. */
static const char *verify_reason(const struct tls_stream *t)
{
    if (t->leaf && X509_get_extension_flags(t->leaf) & EXFLAG_INVALID)
        return "the certificate's extensions are malformed";
    return X509_verify_cert_error_string(t->verify_error);
}

static int verify_failed(const struct tls_stream *t, struct fetch_error *err)
{
    struct buffer b;
    buffer_init(&b, 4096);
    if (t->leaf && t->blamed)
        blamed_put(&b, t);
    if (buffer_terminate(&b) < 0)
        buffer_clear(&b);
    error_set(err, ERROR_CERTIFICATE, PHASE_TLS, "%s%s", verify_reason(t),
              b.data ? (const char *)b.data : "");
    buffer_free(&b);
    return -1;
}

/* The handshake failed: says why. */
static int handshake_failed(const struct tls_stream *t, struct fetch_error *err)
{
    char reason[160];
    if (t->verify_error != X509_V_OK)
        return verify_failed(t, err);
    if (t->flooded)
        return error_set(err, ERROR_TLS, PHASE_TLS, "the server sends without end, and no handshake");
    if (t->below.kind == ERROR_TRUNCATED)
        return error_set(err, ERROR_TLS, PHASE_TLS, "%s, in the handshake", t->below.message);
    if (t->below.kind != ERROR_NONE) {
        *err = t->below;
        return -1;
    }
    if (t->eof)
        return error_set(err, ERROR_TLS, PHASE_TLS, "connection closed in the handshake");
    tls_reason(reason, sizeof reason);
    return error_set(err, ERROR_TLS, PHASE_TLS, "%s", reason);
}

/* What the connection's report shows, as far as it is known. */
static void conn_fill(struct fetch_conn *conn, const struct tls_stream *t, bool want_cert)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(t->ssl);
    X509 *cert = t->leaf ? t->leaf : SSL_get0_peer_certificate(t->ssl);
    if (cipher) {
        snprintf(conn->tls_version, sizeof conn->tls_version, "%s", SSL_get_version(t->ssl));
        snprintf(conn->tls_cipher, sizeof conn->tls_cipher, "%s", SSL_CIPHER_get_name(cipher));
        conn->resumed = SSL_session_reused(t->ssl);
    }
    if (want_cert)
        conn->cert = certinfo_new(cert);
}

/* Shakes hands over `t`, which it takes; as tls_connect. */
static int shake(struct tls_stream *t, bool want_cert, const struct wait *w, struct stream **ret,
                 struct fetch_conn *conn, struct fetch_error *err)
{
    session_offer(t);
    tls_begin(t, w, PHASE_TLS);
    issuers_library(t->context);
    bool done = SSL_connect(t->ssl) == 1;
    issuers_library(NULL);
    if (!done) {
        t->state = TLS_BROKEN;
        handshake_failed(t, err);
        tls_send_held(t);
        if (t->sessions)
            sessions_drop(t->sessions, t->host, t->port);
    }
    conn_fill(conn, t, want_cert);
    ERR_clear_error();
    if (!done) {
        stream_close(&t->base);
        return -1;
    }
    t->state = TLS_FRESH;
    session_renew(t);
    t->unread = t->messages = 0;
    memory_pass_on(); /* a handshake leaves more free than will be wanted before the next */
    *ret = &t->base;
    return 0;
}

int tls_connect(const struct tls_client *c, struct stream *lower, const struct tls_peer *peer,
                const struct wait *w, struct stream **ret, struct fetch_conn *conn, struct fetch_error *err)
{
    struct tls_stream *t = tls_stream_new(c, lower, peer);
    conn->tls = true;
    if (!t)
        return error_set(err, ERROR_TLS, PHASE_TLS, "TLS cannot be begun with the host %s", peer->host);
    return shake(t, peer->want_cert, w, ret, conn, err);
}

/* The handshake before the fork. */

/* A request and its answer over `s`. */
static bool exchange(struct stream *s)
{
    static const char request[] = "GET / HTTP/1.1\r\n\r\n";
    unsigned char answer[WARM_ANSWER];
    struct fetch_error err;
    if (tls_stream_type.write(s, request, sizeof request - 1, NULL, PHASE_SEND, &err) <= 0)
        return false;
    return tls_stream_type.read(s, answer, sizeof answer, NULL, PHASE_BODY, &err) == sizeof answer;
}

bool tls_warm(const struct tls_client *c)
{
    struct sessions *sessions = c->want_sessions ? sessions_new(1) : NULL;
    const struct tls_peer peer = {.host = WARM_HOST, .port = 443, .sessions = sessions};
    X509_STORE *store = warm_trust(c->context);
    struct stream *server = store ? warm_server(c->context) : NULL, *stream = NULL;
    struct tls_stream *t = server ? tls_stream_new(c, server, &peer) : NULL;
    struct fetch_conn conn = {0};
    struct fetch_error err;
    /* For this connection alone, in place of the client's own store. */
    if (t && SSL_set1_verify_cert_store(t->ssl, store) != 1) {
        stream_close(&t->base);
        t = NULL;
    }
    bool done = t && shake(t, true, NULL, &stream, &conn, &err) == 0 && exchange(stream);
    stream_close(stream);
    fetch_cert_release(conn.cert);
    X509_STORE_free(store);
    sessions_free(sessions);
    ERR_clear_error();
    return done;
}
