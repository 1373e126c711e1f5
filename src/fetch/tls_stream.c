#include "fetch/tls_stream.h"

#include <limits.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/deadline.h"
#include "fetch/reasons.h"

/* Puts what the server gave among the sessions. */
static void offered_take(struct tls_stream *t)
{
    sessions_put(t->sessions, t->host, t->port, t->offered);
    SSL_SESSION_free(t->offered);
    t->offered = NULL;
}

/* As offered_take, before there is something to wait for: other connections may want it meanwhile. A server
 * that gives more and more waits with the rest for the next second, or the end. */
static void offered_look(struct tls_stream *t)
{
    if (!t->offered)
        return;
    int64_t now = deadline_now();
    if (t->taken_at != 0 && now - t->taken_at < NS_PER_SECOND)
        return;
    t->taken_at = now;
    offered_take(t);
}

/* The BIO: OpenSSL's reads and writes go to the lower stream. */

static ptrdiff_t lower_write(struct tls_stream *t, const void *data, size_t len)
{
    return t->lower->type->write(t->lower, data, len, t->w, t->phase, &t->below);
}

/* Sends what is held with as much of `data` behind it as fits into one write: a request does. Returns how
 * much of `data` was taken, maybe none of it, or what the write came to (STREAM_AGAIN, STREAM_ERROR). */
static ptrdiff_t held_send(struct tls_stream *t, const void *data, size_t len)
{
    unsigned char both[TLS_HELD_MAX + 2048];
    while (t->held_len > 0) {
        size_t more = len < sizeof both - t->held_len ? len : sizeof both - t->held_len;
        memcpy(both, t->held, t->held_len);
        if (more > 0)
            memcpy(both + t->held_len, data, more);
        ptrdiff_t n = lower_write(t, both, t->held_len + more);
        if (n <= 0) {
            t->lost = n != STREAM_AGAIN;
            return n;
        }
        size_t sent = (size_t)n < t->held_len ? (size_t)n : t->held_len;
        t->held_len -= sent;
        memmove(t->held, t->held + sent, t->held_len);
        if ((size_t)n > sent)
            return n - (ptrdiff_t)sent;
    }
    return 0;
}

static void held_give_up(struct tls_stream *t)
{
    t->held_len = 0;
    error_clear(&t->below);
}

void tls_send_held(struct tls_stream *t)
{
    t->w = NULL;
    (void)held_send(t, NULL, 0);
}

static int bio_read(BIO *bio, char *into, int size)
{
    struct tls_stream *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (t->flooded || size <= 0)
        return -1;
    ptrdiff_t held = held_send(t, NULL, 0);
    if (held == STREAM_AGAIN) {
        BIO_set_retry_write(bio);
        return -1;
    }
    if (held < 0) /* what the server said before it closed is worth more */
        held_give_up(t);
    offered_look(t);
    ptrdiff_t n = t->lower->type->read(t->lower, into, (size_t)size, t->w, t->phase, &t->below);
    t->eof = n == STREAM_EOF;
    if (n > 0)
        t->unread += (size_t)n;
    if (t->unread > TLS_UNREAD_MAX)
        t->flooded = true;
    if (n == STREAM_AGAIN)
        BIO_set_retry_read(bio);
    return n >= 0 ? (int)n : -1;
}

static int bio_write(BIO *bio, const char *data, int len)
{
    struct tls_stream *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (t->flooded || len <= 0)
        return -1;
    if (t->state == TLS_SHAKING && !t->asked && (size_t)len <= sizeof t->held - t->held_len) {
        memcpy(t->held + t->held_len, data, (size_t)len);
        t->held_len += (size_t)len;
        return len;
    }
    ptrdiff_t n = held_send(t, data, (size_t)len);
    if (n == 0)
        n = lower_write(t, data, (size_t)len);
    if (n == STREAM_AGAIN)
        BIO_set_retry_write(bio);
    return n > 0 ? (int)n : -1;
}

/* An end of file is not told: OpenSSL would take it for an attack, and spoil the session. */
static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *tls_bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 127, "stream");
    if (m && BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) &&
        BIO_meth_set_ctrl(m, bio_ctrl) && BIO_meth_set_create(m, bio_create))
        return m;
    BIO_meth_free(m);
    return NULL;
}

void tls_count_message(int written, int version, int content_type, const void *data, size_t len, SSL *ssl,
                       void *arg)
{
    struct tls_stream *t = SSL_get_app_data(ssl);
    (void)version, (void)arg;
    if (written || content_type != SSL3_RT_HANDSHAKE)
        return;
    if (t->state == TLS_SHAKING) {
        t->asked = t->asked || (len > 0 && *(const unsigned char *)data == SSL3_MT_CERTIFICATE_REQUEST);
        return;
    }
    if (++t->messages > TLS_MESSAGES_MAX)
        t->flooded = true;
}

/* Failures. */

void tls_begin(struct tls_stream *t, const struct wait *w, enum error_phase phase)
{
    if (ERR_peek_error()) /* a look is an eighth of the work */
        ERR_clear_error();
    t->w = w;
    t->phase = phase;
    error_clear(&t->below);
}

/* True if `error` is an alert that the server sent; *ret is its number. */
static bool error_is_alert(unsigned long error, int *ret)
{
    int reason = ERR_GET_REASON(error);
    *ret = reason - SSL_AD_REASON_OFFSET;
    return ERR_GET_LIB(error) == ERR_LIB_SSL && *ret >= 0 && *ret < 256;
}

/* The alert's name by RFC 8446 section 6. */
static const char *alert_name(int alert)
{
    switch (alert) { /* those that OpenSSL 3.0 has no words for */
    case SSL_AD_CERTIFICATE_REQUIRED:
        return "certificate required";
    case SSL_AD_MISSING_EXTENSION:
        return "missing extension";
    case SSL_AD_INAPPROPRIATE_FALLBACK:
        return "inappropriate fallback";
    case SSL_AD_NO_APPLICATION_PROTOCOL:
        return "no application protocol";
    default:
        return SSL_alert_desc_string_long(alert);
    }
}

/* The first error in the queue is the cause, the last one is of TLS; one of them has words. */
static void say_reason(unsigned long error, char *into, size_t size)
{
    const char *reason = error ? reasons_text(error) : "protocol error";
    if (!reason)
        reason = reasons_text(ERR_peek_last_error());
    if (reason)
        snprintf(into, size, "%s", reason);
    else
        snprintf(into, size, "OpenSSL's error %08lX", error);
}

void tls_reason(char *into, size_t size)
{
    unsigned long error = ERR_peek_error();
    int alert;
    if (error_is_alert(error, &alert))
        snprintf(into, size, "the server sent the alert '%s'", alert_name(alert));
    else if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER)
        snprintf(into, size, "wrong version number: the server does not speak TLS");
    else
        say_reason(error, into, size);
}

/* True for the alerts by which a server says what it thinks of the client's certificate. */
static bool alert_refuses_client(int alert)
{
    switch (alert) {
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_DECRYPT_ERROR:
    case SSL_AD_CERTIFICATE_REQUIRED:
        return true;
    default:
        return false;
    }
}

/* True if what failed is the connection below, by ending. */
static bool is_ended(const struct tls_stream *t)
{
    return !t->flooded && (t->eof || t->below.kind == ERROR_TRUNCATED);
}

/* A read or write failed for good: says why. */
static ptrdiff_t tls_failed(struct tls_stream *t, struct fetch_error *err)
{
    char reason[160];
    int alert;
    unsigned long error = ERR_peek_error();
    bool fresh = t->state == TLS_FRESH;
    t->state = is_ended(t) ? TLS_ENDED : TLS_BROKEN;
    /* A server that hangs up on a session that it is offered is not to be offered it again. */
    if (fresh && t->sessions && (t->lost || SSL_session_reused(t->ssl))) {
        sessions_drop(t->sessions, t->host, t->port);
        SSL_SESSION_free(t->offered);
        t->offered = NULL;
    }
    if (t->flooded)
        error_set(err, ERROR_TRUNCATED, t->phase, "the server sends TLS messages without end, and no data");
    else if (t->lost && is_ended(t))
        error_set(err, ERROR_TLS, PHASE_TLS, "%s, in the handshake",
                  t->below.kind == ERROR_TRUNCATED ? t->below.message : "connection closed");
    else if (t->below.kind != ERROR_NONE)
        *err = t->below;
    else if (t->eof)
        error_set(err, ERROR_TRUNCATED, t->phase, "connection closed without close_notify");
    else {
        tls_reason(reason, sizeof reason);
        if (t->lost || (fresh && error_is_alert(error, &alert) && alert_refuses_client(alert)))
            error_set(err, ERROR_TLS, PHASE_TLS, "%s", reason);
        else
            error_set(err, ERROR_TRUNCATED, t->phase, "TLS: %s", reason);
    }
    ERR_clear_error();
    return STREAM_ERROR;
}

/* The stream functions. */

static int size_as_int(size_t size)
{
    return size > INT_MAX ? INT_MAX : (int)size;
}

static ptrdiff_t tls_read(struct stream *s, void *into, size_t size, const struct wait *w,
                          enum error_phase phase, struct fetch_error *err)
{
    struct tls_stream *t = (struct tls_stream *)s;
    tls_begin(t, w, phase);
    int n = SSL_read(t->ssl, into, size_as_int(size));
    if (n > 0) {
        t->state = TLS_OPEN;
        t->unread = t->messages = 0;
        offered_look(t);
        return n;
    }
    switch (SSL_get_error(t->ssl, n)) {
    case SSL_ERROR_ZERO_RETURN:
        return STREAM_EOF;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return STREAM_AGAIN;
    default:
        return tls_failed(t, err);
    }
}

/* A write met a closed connection: what the server said before it closed tells more. */
static ptrdiff_t tls_write_failed(struct tls_stream *t, struct fetch_error *err)
{
    struct fetch_error below = t->below;
    char byte;
    int alert;
    if (t->state == TLS_FRESH && below.kind == ERROR_TRUNCATED) {
        tls_begin(t, NULL, t->phase);
        held_give_up(t);
        if (SSL_peek(t->ssl, &byte, 1) <= 0 && error_is_alert(ERR_peek_error(), &alert))
            return tls_failed(t, err);
        t->below = below;
    }
    return tls_failed(t, err);
}

static ptrdiff_t tls_write(struct stream *s, const void *data, size_t len, const struct wait *w,
                           enum error_phase phase, struct fetch_error *err)
{
    struct tls_stream *t = (struct tls_stream *)s;
    tls_begin(t, w, phase);
    int n = SSL_write(t->ssl, data, size_as_int(len));
    if (n > 0)
        return n;
    switch (SSL_get_error(t->ssl, n)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return STREAM_AGAIN;
    default:
        return tls_write_failed(t, err);
    }
}

static bool tls_usable(struct stream *s)
{
    struct tls_stream *t = (struct tls_stream *)s;
    char byte;
    if (t->state == TLS_ENDED || t->state == TLS_BROKEN)
        return false;
    /* Mostly nothing has come at all, and OpenSSL needn't be asked what it means. */
    if (!t->flooded && SSL_get_shutdown(t->ssl) == 0 && !SSL_has_pending(t->ssl) && stream_usable(t->lower))
        return true;
    tls_begin(t, NULL, PHASE_NONE);
    int n = SSL_peek(t->ssl, &byte, 1);
    int error = n > 0 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, n);
    bool quiet = error == SSL_ERROR_WANT_READ && !SSL_has_pending(t->ssl);
    if (n <= 0 && !quiet)
        t->state = error == SSL_ERROR_ZERO_RETURN || is_ended(t) ? TLS_ENDED : TLS_BROKEN;
    ERR_clear_error();
    offered_look(t);
    return quiet && !t->flooded;
}

static void tls_expect(struct stream *s, uint64_t len)
{
    stream_expect(((struct tls_stream *)s)->lower, len); /* a little less than will come */
}

static void tls_close(struct stream *s)
{
    struct tls_stream *t = (struct tls_stream *)s;
    tls_begin(t, NULL, PHASE_NONE);
    if (t->offered && t->state != TLS_BROKEN)
        offered_take(t);
    t->lower->closing = true; /* close_notify with the end: one segment, and the server wakes once */
    if (t->state == TLS_FRESH || t->state == TLS_OPEN)
        SSL_shutdown(t->ssl);
    else if (t->state == TLS_ENDED)
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN); /* else SSL_free spoils the session */
    SSL_free(t->ssl);
    SSL_SESSION_free(t->offered);
    X509_free(t->leaf);
    X509_free(t->blamed);
    stream_close(t->lower);
    free(t);
    ERR_clear_error();
}

const struct stream_type tls_stream_type = {
    .read = tls_read,
    .write = tls_write,
    .usable = tls_usable,
    .expect = tls_expect,
    .close = tls_close,
};
