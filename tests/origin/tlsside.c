#include "tlsside.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "authority.h"
#include "base/deadline.h"
#include "wire.h"

enum { HOLD_MS = 120000 };

/* A word and what it does at each of three moments; -1 from one of them: the connection is done with. */
struct behaviour {
    const char *word;
    int (*before)(struct conn *c);        /* the ClientHello has not been read */
    int (*setup)(struct conn *c, SSL *s); /* the handshake has not begun */
    int (*after)(struct conn *c);         /* the handshake has ended */
};

/* Before. The ClientHello is read first where the socket is closed, or the kernel would send RST. */

static void hello_drop(struct conn *c)
{
    char data[16384];
    ssize_t n = recv(c->wire.fd, data, sizeof data, 0);
    (void)n;
}

static int before_silent(struct conn *c)
{
    wire_drain(&c->wire, HOLD_MS);
    wire_abrupt(&c->wire);
    return -1;
}

static int before_close(struct conn *c)
{
    hello_drop(c);
    wire_abrupt(&c->wire);
    return -1;
}

static int before_reset(struct conn *c)
{
    wire_reset(&c->wire);
    return -1;
}

static int before_say(struct conn *c, const void *data, size_t len)
{
    hello_drop(c);
    wire_write(&c->wire, data, len);
    wire_abrupt(&c->wire);
    return -1;
}

static int before_plain(struct conn *c)
{
    static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    return before_say(c, text, sizeof text - 1);
}

static int before_garbage(struct conn *c)
{
    unsigned char bytes[4096];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 167 + (i >> 5));
    return before_say(c, bytes, sizeof bytes);
}

static int before_alert(struct conn *c)
{
    return before_say(c, "\x15\x03\x03\x00\x02\x02\x28", 7);
}

static int before_ssh(struct conn *c)
{
    return before_say(c, "SSH-2.0-OpenSSH_9.2p1\r\n", 23);
}

/* The settings of HTTP/2, as a server that speaks it in clear text begins. */
static int before_http2(struct conn *c)
{
    return before_say(c, "\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\0\x40\0\0\0\x05\0\x40\0\0", 27);
}

/* The same record without end. */
static int before_repeat(struct conn *c, const void *record, size_t len)
{
    enum { TIMES = 1000, ROUNDS = 1000 };
    struct buffer many;
    buffer_init(&many, TIMES * len);
    for (int i = 0; i < TIMES; i++)
        buffer_append(&many, record, len);
    hello_drop(c);
    for (int i = 0; i < ROUNDS && wire_write(&c->wire, many.data, many.len) == 0; i++)
        ;
    buffer_free(&many);
    wire_abrupt(&c->wire);
    return -1;
}

static int before_warnings(struct conn *c)
{
    return before_repeat(c, "\x15\x03\x03\0\x02\x01\x5a", 7);
}

static int before_emptyrecords(struct conn *c)
{
    return before_repeat(c, "\x16\x03\x03\0\0", 5);
}

static int before_cipherspecs(struct conn *c)
{
    return before_repeat(c, "\x14\x03\x03\0\x01\x01", 6);
}

/* A handshake message of 16 MB, in records of one byte each. */
static int before_hugehello(struct conn *c)
{
    hello_drop(c);
    wire_write(&c->wire, "\x16\x03\x03\0\x04\x02\xff\xff\xff", 9);
    return before_repeat(c, "\x16\x03\x03\0\x01\0", 6);
}

/* The start of a ServerHello of 90 bytes, and then nothing. */
static int before_halfhello(struct conn *c)
{
    hello_drop(c);
    wire_write(&c->wire, "\x16\x03\x03\x00\x5a\x02\x00\x00\x56\x03\x03", 11);
    wire_drain(&c->wire, HOLD_MS);
    wire_abrupt(&c->wire);
    return -1;
}

static int before_slow(struct conn *c)
{
    (void)c;
    sleep_ms(300);
    return 0;
}

/* In the handshake. */

static int setup_version(SSL *s, int version)
{
    SSL_set_security_level(s, 0);
    return SSL_set_min_proto_version(s, version) && SSL_set_max_proto_version(s, version) ? 0 : -1;
}

static int setup_tls10(struct conn *c, SSL *s)
{
    (void)c;
    return setup_version(s, TLS1_VERSION);
}

static int setup_tls11(struct conn *c, SSL *s)
{
    (void)c;
    return setup_version(s, TLS1_1_VERSION);
}

static int setup_tls12(struct conn *c, SSL *s)
{
    (void)c;
    return setup_version(s, TLS1_2_VERSION);
}

static int setup_tls13(struct conn *c, SSL *s)
{
    (void)c;
    return setup_version(s, TLS1_3_VERSION);
}

static int setup_needcert(struct conn *c, SSL *s)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_add_cert(store, authority_root(c->origin->authority));
    SSL_set0_verify_cert_store(s, store);
    SSL_set_verify(s, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return 0;
}

static int setup_nocommon(struct conn *c, SSL *s)
{
    (void)c;
    SSL_set_max_proto_version(s, TLS1_2_VERSION);
    return SSL_set_cipher_list(s, "NULL-SHA256:@SECLEVEL=0") ? 0 : -1;
}

static int setup_notickets(struct conn *c, SSL *s)
{
    (void)c;
    SSL_set_num_tickets(s, 0);
    SSL_set_options(s, SSL_OP_NO_TICKET);
    return 0;
}

static int setup_ticketflood(struct conn *c, SSL *s)
{
    (void)c;
    return SSL_set_num_tickets(s, 20000) ? 0 : -1;
}

/* A filter that sends every byte on its own. */
static int dribble_write(BIO *b, const char *data, int len)
{
    BIO_clear_retry_flags(b);
    for (int i = 0; i < len; i++) {
        if (BIO_write(BIO_next(b), data + i, 1) != 1)
            return -1;
        if (i % 64 == 0)
            sleep_ms(1);
    }
    return len;
}

static int dribble_read(BIO *b, char *data, int len)
{
    int n = BIO_read(BIO_next(b), data, len);
    BIO_clear_retry_flags(b);
    BIO_copy_next_retry(b);
    return n;
}

static long dribble_ctrl(BIO *b, int cmd, long larg, void *parg)
{
    return BIO_next(b) ? BIO_ctrl(BIO_next(b), cmd, larg, parg) : 0;
}

static int dribble_create(BIO *b)
{
    BIO_set_init(b, 1);
    return 1;
}

static int filter_put(SSL *s, int (*write)(BIO *b, const char *data, int len))
{
    BIO_METHOD *m = BIO_meth_new(100 | BIO_TYPE_FILTER, "filter");
    BIO_meth_set_write(m, write);
    BIO_meth_set_read(m, dribble_read);
    BIO_meth_set_ctrl(m, dribble_ctrl);
    BIO_meth_set_create(m, dribble_create);
    BIO *filter = BIO_new(m), *socket = SSL_get_wbio(s);
    BIO_up_ref(socket);
    SSL_set0_wbio(s, BIO_push(filter, socket));
    return 0;
}

static int setup_dribble(struct conn *c, SSL *s)
{
    (void)c;
    return filter_put(s, dribble_write);
}

/* A filter that makes the first certificate in clear text one of another type than SEQUENCE. */
static int brokender_write(BIO *b, const char *data, int len)
{
    static const char version[] = "\xA0\x03\x02\x01\x02"; /* of a certificate, 8 bytes behind its start */
    char *copy = OPENSSL_memdup(data, (size_t)len);
    char *at = copy ? memmem(copy, (size_t)len, version, sizeof version - 1) : NULL;
    BIO_clear_retry_flags(b);
    if (at && at - copy >= 8)
        at[-8] ^= 1;
    int n = copy ? BIO_write(BIO_next(b), copy, len) : -1;
    OPENSSL_free(copy);
    return n;
}

static int setup_brokender(struct conn *c, SSL *s)
{
    (void)c;
    return filter_put(s, brokender_write);
}

/* After the handshake. */

static int after_keyupdates(struct conn *c)
{
    for (int i = 0; i < 200000; i++)
        if (!SSL_key_update(c->wire.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) || SSL_do_handshake(c->wire.ssl) != 1)
            break;
    return 0;
}

/* Each wants an answer, and none is read. */
static int after_keyrequests(struct conn *c)
{
    for (int i = 0; i < 200000; i++)
        if (!SSL_key_update(c->wire.ssl, SSL_KEY_UPDATE_REQUESTED) || SSL_do_handshake(c->wire.ssl) != 1)
            break;
    return 0;
}

static int after_renegotiate(struct conn *c)
{
    char byte;
    for (int i = 0; i < 10; i++) {
        if (SSL_renegotiate(c->wire.ssl) != 1 || SSL_do_handshake(c->wire.ssl) != 1)
            break;
        if (SSL_peek(c->wire.ssl, &byte, 1) <= 0)
            break;
    }
    return 0;
}

static int after_reset(struct conn *c)
{
    wire_reset(&c->wire);
    return -1;
}

static int after_close(struct conn *c)
{
    wire_close(&c->wire);
    return -1;
}

static int after_abrupt(struct conn *c)
{
    wire_abrupt(&c->wire);
    return -1;
}

static const struct behaviour behaviours[] = {
    {.word = "silent", .before = before_silent},
    {.word = "silentafter", .after = before_silent},
    {.word = "close", .before = before_close},
    {.word = "reset", .before = before_reset},
    {.word = "plain", .before = before_plain},
    {.word = "garbage", .before = before_garbage},
    {.word = "alert", .before = before_alert},
    {.word = "ssh", .before = before_ssh},
    {.word = "halfhello", .before = before_halfhello},
    {.word = "slowaccept", .before = before_slow},
    {.word = "http2", .before = before_http2},
    {.word = "warnings", .before = before_warnings},
    {.word = "emptyrecords", .before = before_emptyrecords},
    {.word = "cipherspecs", .before = before_cipherspecs},
    {.word = "hugehello", .before = before_hugehello},
    {.word = "tls10", .setup = setup_tls10},
    {.word = "tls11", .setup = setup_tls11},
    {.word = "tls12", .setup = setup_tls12},
    {.word = "tls13", .setup = setup_tls13},
    {.word = "needcert", .setup = setup_needcert},
    {.word = "nocommon", .setup = setup_nocommon},
    {.word = "notickets", .setup = setup_notickets},
    {.word = "ticketflood", .setup = setup_ticketflood},
    {.word = "dribble", .setup = setup_dribble},
    {.word = "brokender", .setup = setup_brokender},
    {.word = "keyrequests", .setup = setup_tls13, .after = after_keyrequests},
    {.word = "keyupdates", .setup = setup_tls13, .after = after_keyupdates},
    {.word = "renegotiate", .setup = setup_tls12, .after = after_renegotiate},
    {.word = "resetafter", .after = after_reset},
    {.word = "closeafter", .after = after_close},
    {.word = "abruptafter", .after = after_abrupt},
};

enum { BEHAVIOURS = sizeof behaviours / sizeof *behaviours };

/* The server_name extension within a ClientHello's extensions. */
static void extensions_find(struct conn *c, const unsigned char *p, const unsigned char *end)
{
    while (end - p >= 4) {
        size_t type = (size_t)(p[0] << 8 | p[1]), len = (size_t)(p[2] << 8 | p[3]);
        p += 4;
        if (len > (size_t)(end - p))
            return;
        if (type == 0 && len > 5) {
            size_t name = (size_t)(p[3] << 8 | p[4]);
            if (name <= len - 5 && name < sizeof c->sni) {
                memcpy(c->sni, p + 5, name);
                c->sni[name] = 0;
            }
            return;
        }
        p += len;
    }
}

/* Steps over the random, the session id, the ciphers and the compressions (RFC 8446 4.1.2). */
static void hello_parse(struct conn *c, const unsigned char *p, size_t len)
{
    size_t at = 5 + 4 + 2 + 32;
    if (len <= at || p[0] != 22)
        return;
    at += 1 + (size_t)p[at];
    if (at + 2 > len)
        return;
    at += 2 + (size_t)(p[at] << 8 | p[at + 1]);
    if (at + 1 > len)
        return;
    at += 1 + (size_t)p[at];
    if (at + 2 > len)
        return;
    extensions_find(c, p + at + 2, p + len);
}

/* Looks at the ClientHello without taking it, so that what comes before the handshake can depend on the name.
 * 0, or -1 where there is none. */
static int hello_peek(struct conn *c)
{
    unsigned char data[16384 + 5];
    int64_t end = deadline_add(deadline_now(), 60 * NS_PER_SECOND);
    size_t before = 0;
    while (deadline_now() < end) {
        ssize_t n = recv(c->wire.fd, data, sizeof data, MSG_PEEK);
        if (n <= 0)
            return -1;
        size_t have = (size_t)n, need = have >= 5 ? (size_t)(data[3] << 8 | data[4]) + 5 : 6;
        if (have >= need || have == sizeof data) {
            hello_parse(c, data, have);
            return 0;
        }
        if (have == before)
            sleep_ms(2);
        before = have;
    }
    return -1;
}

static void note_farewell(const SSL *s, int where, int alert)
{
    struct wire *w = SSL_get_app_data(s);
    if (where == SSL_CB_READ_ALERT && (alert & 0xff) == SSL_AD_CLOSE_NOTIFY)
        w->told = true;
}

static int handshake(struct conn *c, const char *words)
{
    SSL *s = SSL_new(c->origin->ctx);
    if (!s || !SSL_set_fd(s, c->wire.fd) || !SSL_set_app_data(s, &c->wire))
        return -1;
    SSL_set_info_callback(s, note_farewell);
    c->wire.ssl = s;
    for (int i = 0; i < BEHAVIOURS; i++)
        if (behaviours[i].setup && label_has(words, behaviours[i].word) && behaviours[i].setup(c, s) < 0)
            return -1;
    if (authority_dress(c->origin->authority, s, c->sni, words) < 0) {
        journal_event(c, "no-certificate", NULL, ERR_reason_error_string(ERR_peek_last_error()));
        return -1;
    }
    if (SSL_accept(s) != 1) {
        journal_event(c, "handshake-failed", NULL, ERR_reason_error_string(ERR_peek_error()));
        ERR_clear_error();
        return -1;
    }
    c->resumed = SSL_session_reused(s);
    journal_event(c, "handshake", NULL, SSL_get_version(s));
    return 0;
}

int tlsside_accept(struct conn *c)
{
    const char *words = c->label;
    if (!words && hello_peek(c) < 0) {
        wire_abrupt(&c->wire);
        return -1;
    }
    if (!words)
        words = c->sni;
    for (int i = 0; i < BEHAVIOURS; i++)
        if (behaviours[i].before && label_has(words, behaviours[i].word) && behaviours[i].before(c) < 0)
            return -1;
    if (c->label && hello_peek(c) < 0)
        return -1;
    if (handshake(c, words) < 0) {
        wire_abrupt(&c->wire);
        return -1;
    }
    for (int i = 0; i < BEHAVIOURS; i++)
        if (behaviours[i].after && label_has(words, behaviours[i].word) && behaviours[i].after(c) < 0)
            return -1;
    return 0;
}

static int alpn_choose(SSL *s, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                       unsigned in_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    const char *name = SSL_get_servername(s, TLSEXT_NAMETYPE_host_name);
    (void)arg;
    if (name && label_has(name, "wrongalpn")) {
        *out = (const unsigned char *)"h2";
        *out_len = 2;
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_len, ours, 9, in, in_len) ==
                   OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_NOACK;
}

int tlsside_init(struct origin *o)
{
    o->ctx = SSL_CTX_new(TLS_server_method());
    if (!o->ctx)
        return -1;
    SSL_CTX_set_min_proto_version(o->ctx, TLS1_2_VERSION);
    SSL_CTX_set_session_id_context(o->ctx, (const unsigned char *)"origin", 6);
    SSL_CTX_set_alpn_select_cb(o->ctx, alpn_choose, NULL);
    SSL_CTX_set_mode(o->ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(o->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    return 0;
}
