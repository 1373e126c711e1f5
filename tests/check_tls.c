#include "config.h"

#include <check.h>
#include <openssl/ui.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fetch/signatures.h"
#include "fetch/warm.h"
#include "support/tempdir.h"
#include "support/tls_peer.h"
#include "support/tls_try.h"

static struct tempdir dir;
static struct cert ca, good;
static char ca_file[192];

static void setup(void)
{
    tempdir_init(&dir);
    ca = cert_make((struct cert_plan){.name = "Test CA", .authority = true});
    good = cert_make((struct cert_plan){
        .name = "good", .alt_names = "DNS:a.test,DNS:*.w.test,DNS:p*.q.test,IP:127.0.0.1", .issuer = &ca});
    snprintf(ca_file, sizeof ca_file, "%s", tempdir_file(&dir, "ca.pem"));
    cert_write(&ca, ca_file, false);
}

static void teardown(void)
{
    cert_free(&good);
    cert_free(&ca);
    tempdir_free(&dir);
}

static struct tls_client *client_of(struct tls_options options)
{
    struct tls_client *c;
    struct fetch_error err;
    int result = tls_client_new(&options, &c, &err);
    ck_assert_msg(result == 0, "%s", err.message);
    return c;
}

static struct tls_client *client(void)
{
    return client_of((struct tls_options){.cacert = ca_file});
}

static struct tls_peer named(const char *host)
{
    return (struct tls_peer){.host = host, .port = 443, .want_cert = true};
}

/* Shakes hands with a server that has `cert`, for `host`; the result's stream is closed. */
static int shake(struct tls_try *t, const struct cert *cert, struct tls_peer peer)
{
    struct tls_peer_server s;
    struct tls_client *c = client();
    tls_peer_start(&s, (struct tls_peer_script){.cert = cert});
    int result = try_tls(t, c, &s.peer, peer);
    stream_close(t->stream);
    tls_peer_stop(&s);
    tls_client_free(c);
    return result;
}

static void refused(const struct cert *cert, struct tls_peer peer, const char *message)
{
    struct tls_try t;
    ck_assert_int_eq(shake(&t, cert, peer), -1);
    ck_assert_msg(t.err.kind == ERROR_CERTIFICATE, "%s: %s", error_kind_name(t.err.kind), t.err.message);
    ck_assert_int_eq(t.err.phase, PHASE_TLS);
    ck_assert_msg(strstr(t.err.message, message), "%s", t.err.message);
    ck_assert(t.conn.tls);
    ck_assert_ptr_nonnull(t.conn.cert);
}

START_TEST(a_good_certificate_is_believed_and_reported)
{
    struct tls_try t;
    ck_assert_int_eq(shake(&t, &good, named("a.test")), 0);
    ck_assert(t.conn.tls);
    ck_assert_str_eq(t.conn.tls_version, "TLSv1.3");
    ck_assert_ptr_nonnull(strstr(t.conn.tls_cipher, "TLS_"));
    ck_assert(!t.conn.resumed);
    ck_assert_ptr_nonnull(t.conn.cert);
    ck_assert_str_eq(t.conn.cert->subject, "CN=good");
}
END_TEST

START_TEST(names_match_by_whole_labels)
{
    struct tls_try t;
    ck_assert_int_eq(shake(&t, &good, named("x.w.test")), 0);
    ck_assert_int_eq(shake(&t, &good, named("a.test.")), 0);
    refused(&good, named("b.test"), "the certificate is for a.test, *.w.test");
    refused(&good, named("y.x.w.test"), "ostname mismatch");
    refused(&good, named("w.test"), "ostname mismatch");
    refused(&good, named("px.q.test"), "ostname mismatch");
    refused(&good, named("good"), "ostname mismatch");
}
END_TEST

START_TEST(addresses_match_addresses)
{
    struct tls_try t;
    struct tls_peer peer = {.host = "127.0.0.1", .port = 443, .is_ip = true, .want_cert = true};
    ck_assert_int_eq(shake(&t, &good, peer), 0);
    peer.host = "127.0.0.2";
    refused(&good, peer, "IP address mismatch");
    peer.host = "::1";
    refused(&good, peer, "IP address mismatch");
}
END_TEST

START_TEST(a_host_with_a_leading_dot_is_no_pattern)
{
    struct tls_try t;
    ck_assert_int_eq(shake(&t, &good, named(".w.test")), -1);
    ck_assert_int_eq(t.err.kind, ERROR_TLS);
}
END_TEST

START_TEST(what_verification_finds_wrong_is_said)
{
    struct cert expired = cert_make((struct cert_plan){
        .name = "old", .alt_names = "DNS:a.test", .issuer = &ca, .starts = -200, .ends = -100});
    struct cert future = cert_make(
        (struct cert_plan){.name = "new", .alt_names = "DNS:a.test", .issuer = &ca, .starts = 1000});
    struct cert self = cert_make((struct cert_plan){.name = "self", .alt_names = "DNS:a.test"});
    struct cert stranger = cert_make((struct cert_plan){.name = "Stranger", .authority = true});
    struct cert strange =
        cert_make((struct cert_plan){.name = "s", .alt_names = "DNS:a.test", .issuer = &stranger});
    struct cert client_only = cert_make(
        (struct cert_plan){.name = "c", .alt_names = "DNS:a.test", .issuer = &ca, .usage = "clientAuth"});
    struct cert under_leaf =
        cert_make((struct cert_plan){.name = "u", .alt_names = "DNS:a.test", .issuer = &good});
    refused(&expired, named("a.test"), "certificate has expired (depth 0: CN=old)");
    refused(&future, named("a.test"), "certificate is not yet valid (depth 0: CN=new)");
    refused(&self, named("a.test"), "self-signed certificate (depth 0: CN=self)");
    refused(&strange, named("a.test"), "unable to get local issuer certificate (depth 0: CN=s)");
    refused(&client_only, named("a.test"), "purpose");
    refused(&under_leaf, named("a.test"), "unable to get local issuer certificate");
    cert_free(&expired);
    cert_free(&future);
    cert_free(&self);
    cert_free(&stranger);
    cert_free(&strange);
    cert_free(&client_only);
    cert_free(&under_leaf);
}
END_TEST

START_TEST(a_leaf_can_sign_nobody)
{
    struct cert under =
        cert_make((struct cert_plan){.name = "u", .alt_names = "DNS:a.test", .issuer = &good});
    struct tls_peer_server s;
    struct tls_try t;
    struct tls_client *c = client();
    tls_peer_start(&s, (struct tls_peer_script){.cert = &under, .chain = &good});
    ck_assert_int_eq(try_tls(&t, c, &s.peer, named("a.test")), -1);
    ck_assert_int_eq(t.err.kind, ERROR_CERTIFICATE);
    ck_assert_str_eq(t.conn.cert->subject, "CN=u");
    tls_peer_stop(&s);
    tls_client_free(c);
    cert_free(&under);
}
END_TEST

/* What is remembered of a signature is that it is one: who may sign, and when, is asked each time. */
START_TEST(a_signature_that_is_known_is_not_trust)
{
    struct cert issuer = cert_make((struct cert_plan){.name = "Issuer", .authority = true, .issuer = &ca});
    struct cert leaf =
        cert_make((struct cert_plan){.name = "l", .alt_names = "DNS:a.test", .issuer = &issuer});
    struct cert old = cert_make((struct cert_plan){
        .name = "old", .alt_names = "DNS:a.test", .issuer = &issuer, .starts = -200, .ends = -100});
    struct cert stranger = cert_make((struct cert_plan){.name = "Test CA", .authority = true});
    struct tls_peer_server s, expired;
    struct tls_try t;
    struct tls_client *c = client();
    cert_write(&stranger, tempdir_file(&dir, "other.pem"), false);
    struct tls_client *other = client_of((struct tls_options){.cacert = tempdir_file(&dir, "other.pem")});
    tls_peer_start(&s, (struct tls_peer_script){.cert = &leaf, .chain = &issuer});
    tls_peer_start(&expired, (struct tls_peer_script){.cert = &old, .chain = &issuer});
    unsigned long recalled = signatures_recalled();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(try_tls(&t, c, &s.peer, named("a.test")), 0);
        stream_close(t.stream);
        ck_assert_int_eq(try_tls(&t, c, &expired.peer, named("a.test")), -1);
        ck_assert_int_eq(t.err.kind, ERROR_CERTIFICATE);
        ck_assert_int_eq(try_tls(&t, c, &s.peer, named("b.test")), -1);
        ck_assert_int_eq(t.err.kind, ERROR_CERTIFICATE);
        ck_assert_int_eq(try_tls(&t, other, &s.peer, named("a.test")), -1);
        ck_assert_int_eq(t.err.kind, ERROR_CERTIFICATE);
    }
#if OPENSSL_VERSION_MAJOR == 3
    ck_assert_uint_ge(signatures_recalled() - recalled, 4);
#endif
    tls_peer_stop(&s);
    tls_peer_stop(&expired);
    tls_client_free(c);
    tls_client_free(other);
    cert_free(&issuer);
    cert_free(&leaf);
    cert_free(&old);
    cert_free(&stranger);
}
END_TEST

START_TEST(insecure_believes_anything)
{
    struct cert self = cert_make((struct cert_plan){.name = "self"});
    struct tls_peer_server s;
    struct tls_try t;
    struct tls_client *c = client_of((struct tls_options){.insecure = true, .cacert = "/nonexistent"});
    tls_peer_start(&s, (struct tls_peer_script){.cert = &self});
    ck_assert_int_eq(try_tls(&t, c, &s.peer, named("a.test")), 0);
    ck_assert_str_eq(t.conn.cert->subject, "CN=self");
    stream_close(t.stream);
    tls_peer_stop(&s);
    tls_client_free(c);
    cert_free(&self);
}
END_TEST

START_TEST(names_are_sent_and_addresses_are_not)
{
    struct tls_peer_server s;
    struct tls_try t;
    struct tls_client *c = client();
    tls_peer_start(&s, (struct tls_peer_script){.cert = &good});
    ck_assert_int_eq(try_tls(&t, c, &s.peer, named("a.test.")), 0);
    stream_close(t.stream);
    struct tls_peer ip = {.host = "127.0.0.1", .is_ip = true};
    char byte;
    struct wait w = wait_long();
    ck_assert_int_eq(try_tls(&t, c, &s.peer, ip), 0);
    ck_assert_int_eq(stream_read(t.stream, &byte, 1, &w, PHASE_BODY, &t.err), STREAM_EOF);
    ck_assert_str_eq(s.sni, "");
    stream_close(t.stream);
    ck_assert_int_eq(try_tls(&t, c, &s.peer, named("a.test.")), 0);
    ck_assert_int_eq(stream_read(t.stream, &byte, 1, &w, PHASE_BODY, &t.err), STREAM_EOF);
    ck_assert_str_eq(s.sni, "a.test");
    ck_assert_str_eq(s.alpn, "http/1.1");
    stream_close(t.stream);
    tls_peer_stop(&s);
    tls_client_free(c);
}
END_TEST

/* Peers that speak no TLS. */

static void serve_text(int fd, void *arg)
{
    ck_assert_int_gt(write(fd, arg, strlen(arg)), 0);
    peer_wait_end(fd);
}

static void serve_end(int fd, void *arg)
{
    (void)fd, (void)arg;
}

static void serve_reset(int fd, void *arg)
{
    char bytes[64];
    (void)arg;
    ck_assert_int_gt(read(fd, bytes, sizeof bytes), 0);
    peer_reset(fd);
}

static void serve_silence(int fd, void *arg)
{
    (void)arg;
    peer_wait_end(fd);
}

static void plain_refused(void (*serve)(int fd, void *arg), void *arg, int64_t timeout_ms,
                          enum error_kind kind, const char *message)
{
    struct peer p;
    struct tls_try t;
    struct tls_client *c = client();
    struct wait w = wait_ms(timeout_ms);
    peer_start(&p, AF_INET, serve, arg);
    ck_assert_int_eq(try_over(&t, c, try_tcp(&p), named("a.test"), &w), -1);
    ck_assert_msg(t.err.kind == kind, "%s: %s", error_kind_name(t.err.kind), t.err.message);
    ck_assert_int_eq(t.err.phase, PHASE_TLS);
    ck_assert_msg(strstr(t.err.message, message), "%s", t.err.message);
    ck_assert(t.conn.tls);
    ck_assert_str_eq(t.conn.tls_version, "");
    ck_assert_ptr_null(t.conn.cert);
    peer_stop(&p);
    tls_client_free(c);
}

START_TEST(a_server_without_tls_is_told_apart)
{
    static char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n", ssh[] = "SSH-2.0-x\r\n";
    plain_refused(serve_text, http, 30000, ERROR_TLS, "does not speak TLS");
    plain_refused(serve_text, ssh, 30000, ERROR_TLS, "does not speak TLS");
    plain_refused(serve_end, NULL, 30000, ERROR_TLS, "in the handshake");
    plain_refused(serve_reset, NULL, 30000, ERROR_TLS, "in the handshake");
    plain_refused(serve_silence, NULL, 20, ERROR_TIMEOUT, "(--timeout)");
}
END_TEST

static void serve_alert(int fd, void *arg)
{
    static const unsigned char alert[] = {21, 3, 3, 0, 2, 2, 40};
    char bytes[4096];
    (void)arg;
    ck_assert_int_gt(read(fd, bytes, sizeof bytes), 0);
    ck_assert_int_eq(write(fd, alert, sizeof alert), sizeof alert);
    peer_wait_end(fd);
}

static void serve_warnings(int fd, void *arg)
{
    static unsigned char ccs[6 * 4096];
    (void)arg;
    for (size_t i = 0; i < sizeof ccs; i += 6)
        memcpy(ccs + i, "\x14\x03\x03\x00\x01\x01", 6);
    while (write(fd, ccs, sizeof ccs) > 0)
        ;
}

START_TEST(alerts_are_named)
{
    plain_refused(serve_alert, NULL, 30000, ERROR_TLS, "alert 'handshake failure'");
}
END_TEST

START_TEST(a_handshake_without_end_is_bounded)
{
    plain_refused(serve_warnings, NULL, 30000, ERROR_TLS, "");
}
END_TEST

static bool cancel(void *arg)
{
    (void)arg;
    return true;
}

START_TEST(a_handshake_can_be_cancelled)
{
    struct peer p;
    struct tls_try t;
    int fds[2];
    struct tls_client *c = client();
    struct wait w = wait_long();
    ck_assert_int_eq(pipe(fds), 0);
    close(fds[1]);
    w.wake_fd = fds[0];
    w.wake = cancel;
    peer_start(&p, AF_INET, serve_silence, NULL);
    ck_assert_int_eq(try_over(&t, c, try_tcp(&p), named("a.test"), &w), -1);
    ck_assert_int_eq(t.err.kind, ERROR_CANCELLED);
    peer_stop(&p);
    tls_client_free(c);
}
END_TEST

START_TEST(the_least_version_is_kept)
{
    struct tls_peer_server s;
    struct tls_try t;
    struct tls_client *any = client(),
                      *strict = client_of((struct tls_options){.cacert = ca_file, .min_version = 0x0304});
    tls_peer_start(&s, (struct tls_peer_script){.cert = &good, .version = TLS1_2_VERSION});
    ck_assert_int_eq(try_tls(&t, any, &s.peer, named("a.test")), 0);
    ck_assert_str_eq(t.conn.tls_version, "TLSv1.2");
    stream_close(t.stream);
    ck_assert_int_eq(try_tls(&t, strict, &s.peer, named("a.test")), -1);
    ck_assert_int_eq(t.err.kind, ERROR_TLS);
    tls_peer_stop(&s);
    tls_client_free(any);
    tls_client_free(strict);
}
END_TEST

/* The client's own certificate. */

static void usage(struct tls_options options, const char *message)
{
    struct tls_client *c;
    struct fetch_error err;
    options.insecure = true;
    ck_assert_int_eq(tls_client_new(&options, &c, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_NONE);
    ck_assert_msg(strstr(err.message, message), "%s", err.message);
}

START_TEST(a_bad_client_certificate_is_refused_by_name)
{
    char cert[192], key[192], locked[192], other[192];
    snprintf(cert, sizeof cert, "%s", tempdir_file(&dir, "cert.pem"));
    snprintf(key, sizeof key, "%s", tempdir_file(&dir, "key.pem"));
    snprintf(locked, sizeof locked, "%s", tempdir_file(&dir, "locked.pem"));
    snprintf(other, sizeof other, "%s", tempdir_file(&dir, "other.pem"));
    cert_write(&good, cert, false);
    cert_write_key(&good, key, NULL);
    cert_write_key(&good, locked, "secret");
    cert_write_key(&ca, other, NULL);
    usage((struct tls_options){.cert = "/nonexistent"}, "--cert /nonexistent cannot be read");
    usage((struct tls_options){.cert = key, .key = key}, "holds no certificate");
    usage((struct tls_options){.cert = cert, .key = "/nonexistent"}, "--key /nonexistent cannot be read");
    usage((struct tls_options){.cert = cert, .key = cert}, "holds no private key");
    usage((struct tls_options){.cert = cert}, "holds no private key");
    usage((struct tls_options){.cert = cert, .key = locked}, "passphrase");
    usage((struct tls_options){.cert = cert, .key = other}, "does not belong");
    usage((struct tls_options){.key = key}, "--key needs --cert");
    struct tls_client *c = client_of((struct tls_options){.cert = cert, .key = key, .insecure = true});
    tls_client_free(c);
}
END_TEST

static int asked;

static int note_asked(UI *ui, UI_STRING *string)
{
    asked++;
    return UI_set_result(ui, string, "secret") == 0;
}

START_TEST(nobody_is_asked_for_a_certificate_s_passphrase)
{
    const char *file = tempdir_file(&dir, "locked.pem");
    FILE *f = fopen(file, "w");
    UI_METHOD *method = UI_create_method("note");
    UI_method_set_reader(method, note_asked);
    UI_set_default_method(method);
    ck_assert_ptr_nonnull(f);
    fputs("-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
          "DEK-Info: AES-128-CBC,000102030405060708090A0B0C0D0E0F\n\n"
          "MAAAAAAAAAAAAAAAAAAAAA==\n-----END CERTIFICATE-----\n",
          f);
    ck_assert_int_eq(fclose(f), 0);
    usage((struct tls_options){.cert = file}, "holds no certificate");
    ck_assert_int_eq(asked, 0);
    UI_set_default_method(UI_OpenSSL());
    UI_destroy_method(method);
}
END_TEST

/* Connects to a server that asks for a certificate, and reads. */
static ptrdiff_t read_with_certificate(int version, const char *cert, struct tls_try *t)
{
    struct tls_peer_server s;
    char byte;
    ptrdiff_t n = -99;
    struct wait w = wait_long();
    struct tls_client *c = client_of((struct tls_options){.cacert = ca_file, .cert = cert});
    tls_peer_start(&s, (struct tls_peer_script){.cert = &good, .client_ca = &ca, .version = version});
    if (try_tls(t, c, &s.peer, named("a.test")) == 0) {
        n = stream_read(t->stream, &byte, 1, &w, PHASE_HEADERS, &t->err);
        stream_close(t->stream);
    }
    tls_peer_stop(&s);
    tls_client_free(c);
    return n;
}

START_TEST(a_server_that_asks_for_a_certificate_gets_ours)
{
    struct tls_try t;
    const char *file = tempdir_file(&dir, "both.pem");
    cert_write(&good, file, true);
    ck_assert_int_eq(read_with_certificate(TLS1_2_VERSION, file, &t), STREAM_EOF);
    ck_assert_int_eq(read_with_certificate(TLS1_3_VERSION, file, &t), STREAM_EOF);
}
END_TEST

START_TEST(a_server_that_refuses_our_certificate_is_a_tls_failure)
{
    struct tls_try t;
    ck_assert_int_eq(read_with_certificate(TLS1_2_VERSION, NULL, &t), -99);
    ck_assert_int_eq(t.err.kind, ERROR_TLS);
    ck_assert_ptr_nonnull(strstr(t.err.message, "alert"));
    ck_assert_int_eq(read_with_certificate(TLS1_3_VERSION, NULL, &t), STREAM_ERROR);
    ck_assert_int_eq(t.err.kind, ERROR_TLS);
    ck_assert_int_eq(t.err.phase, PHASE_TLS);
    ck_assert_ptr_nonnull(strstr(t.err.message, "certificate required"));
}
END_TEST

/* ---- The handshake before the fork ---- */

START_TEST(a_warming_handshake_goes_through)
{
    struct tls_client *strict = client_of((struct tls_options){.cacert = ca_file, .want_sessions = true});
    struct tls_client *lax = client_of((struct tls_options){.insecure = true});
    struct tls_client *newest =
        client_of((struct tls_options){.cacert = ca_file, .min_version = TLS1_3_VERSION});
    ck_assert(tls_warm(strict));
    ck_assert(tls_warm(strict));
    ck_assert(tls_warm(lax));
    ck_assert(tls_warm(newest));
    tls_client_free(newest);
    tls_client_free(lax);
    tls_client_free(strict);
}
END_TEST

START_TEST(after_warming_only_what_was_trusted_is)
{
    struct tls_client *c = client();
    struct tls_peer_server s;
    struct tls_try t;
    ck_assert(tls_warm(c));
    /* The server that everyone has the key of. */
    ck_assert_int_eq(try_over(&t, c, warm_server(NULL), named(WARM_HOST), NULL), -1);
    ck_assert_int_eq(t.err.kind, ERROR_CERTIFICATE);
    tls_peer_start(&s, (struct tls_peer_script){.cert = &good});
    ck_assert_int_eq(try_tls(&t, c, &s.peer, named("b.test")), -1);
    ck_assert_int_eq(t.err.kind, ERROR_CERTIFICATE);
    ck_assert_int_eq(try_tls(&t, c, &s.peer, named("a.test")), 0);
    ck_assert(!t.conn.resumed);
    stream_close(t.stream);
    tls_peer_stop(&s);
    tls_client_free(c);
}
END_TEST

/* A lower stream that keeps the first bytes that are written, and then ends. */
struct listening {
    struct stream base;
    unsigned char *hello;
    size_t size;
};

static ptrdiff_t hear(struct stream *s, const void *data, size_t len, const struct wait *w,
                      enum error_phase phase, struct fetch_error *err)
{
    struct listening *l = (struct listening *)s;
    (void)w, (void)phase, (void)err;
    memcpy(l->hello, data, len < l->size ? len : l->size);
    return (ptrdiff_t)len;
}

static ptrdiff_t say_nothing(struct stream *s, void *into, size_t size, const struct wait *w,
                             enum error_phase phase, struct fetch_error *err)
{
    (void)s, (void)into, (void)size, (void)w, (void)phase, (void)err;
    return STREAM_EOF;
}

static void leave(struct stream *s)
{
    (void)s;
}

static const struct stream_type listening_type = {.read = say_nothing, .write = hear, .close = leave};

/* A lower stream that passes everything on, counts what it is asked to write, and may write little at once.
 */
struct counting {
    struct stream base;
    struct stream *lower;
    size_t at_once; /* 0: all */
    unsigned writes;
    unsigned again_at; /* the write that would have to wait; 0: none */
    unsigned reset_at; /* the write that finds the connection reset; 0: none */
    bool garbled;      /* what it wrote arrived nevertheless, but for one bit, and was answered */
};

static ptrdiff_t count_read(struct stream *s, void *into, size_t size, const struct wait *w,
                            enum error_phase phase, struct fetch_error *err)
{
    struct counting *c = (struct counting *)s;
    return c->lower->type->read(c->lower, into, size, w, phase, err);
}

static ptrdiff_t count_reset(struct counting *c, const void *data, size_t len, enum error_phase phase,
                             struct fetch_error *err)
{
    unsigned char bytes[8192];
    struct pollfd fd = {.fd = stream_fd(c->lower), .events = POLLIN};
    struct wait w = wait_long();
    ck_assert_uint_le(len, sizeof bytes);
    memcpy(bytes, data, len);
    bytes[20] ^= 1;
    if (c->garbled) {
        ck_assert_int_eq(stream_write(c->lower, bytes, len, &w, phase, err), 0);
        ck_assert_int_eq(poll(&fd, 1, 30000), 1);
    }
    error_set(err, ERROR_TRUNCATED, phase, "connection reset by the server");
    return STREAM_ERROR;
}

static ptrdiff_t count_write(struct stream *s, const void *data, size_t len, const struct wait *w,
                             enum error_phase phase, struct fetch_error *err)
{
    struct counting *c = (struct counting *)s;
    if (++c->writes == c->again_at)
        return STREAM_AGAIN;
    if (c->writes == c->reset_at)
        return count_reset(c, data, len, phase, err);
    return c->lower->type->write(c->lower, data, c->at_once && c->at_once < len ? c->at_once : len, w, phase,
                                 err);
}

static void count_close(struct stream *s)
{
    stream_close(((struct counting *)s)->lower);
}

static const struct stream_type counting_type = {
    .read = count_read, .write = count_write, .close = count_close};

/* The server's part: takes what comes up to a line's end, and says it again. */
static void serve_echo(SSL *ssl, void *arg)
{
    char line[8192];
    size_t len = 0;
    (void)arg;
    while (len < sizeof line && (len == 0 || line[len - 1] != '\n')) {
        int n = SSL_read(ssl, line + len, (int)(sizeof line - len));
        if (n <= 0)
            return;
        len += (size_t)n;
    }
    SSL_write(ssl, line, (int)len);
}

/* Says a line to a server and hears it again; how many writes that took below. */
static unsigned writes_of_a_line(struct tls_peer_script script, size_t at_once, size_t len)
{
    char said[6000], heard[6000];
    size_t got = 0;
    struct tls_peer_server s;
    struct tls_try t;
    struct tls_client *c = client();
    struct wait w = wait_long();
    script.cert = &good;
    script.serve = serve_echo;
    tls_peer_start(&s, script);
    struct counting below = {{.type = &counting_type, .fd = -1}, try_tcp(&s.peer), .at_once = at_once};
    ck_assert_int_eq(try_over(&t, c, &below.base, named("a.test"), &w), 0);
    memset(said, 'x', len);
    said[len - 1] = '\n';
    ck_assert_int_eq(stream_write(t.stream, said, len, &w, PHASE_SEND, &t.err), 0);
    unsigned writes = below.writes;
    while (got < len) {
        ptrdiff_t n = stream_read(t.stream, heard + got, sizeof heard - got, &w, PHASE_BODY, &t.err);
        ck_assert_int_gt(n, 0);
        got += (size_t)n;
    }
    ck_assert_uint_eq(got, len);
    ck_assert_mem_eq(said, heard, len);
    stream_close(t.stream);
    tls_peer_stop(&s);
    tls_client_free(c);
    return writes;
}

START_TEST(the_last_flight_goes_with_the_request)
{
    struct tls_peer_script tls13 = {.version = TLS1_3_VERSION}, tls12 = {.version = TLS1_2_VERSION};
    ck_assert_uint_eq(writes_of_a_line(tls13, 0, 100), 2); /* the hello, and the rest */
    ck_assert_uint_eq(writes_of_a_line(tls12, 0, 100), 3); /* there the server has the last word */
    for (size_t at_once = 1; at_once < 200; at_once += 37) {
        writes_of_a_line(tls13, at_once, 1);
        writes_of_a_line(tls13, at_once, 5000);
        writes_of_a_line(tls12, at_once, 100);
    }
    writes_of_a_line(tls13, 0, 1);
    writes_of_a_line(tls13, 0, 2000); /* as much as goes with it, and then some */
    writes_of_a_line(tls13, 0, 6000);
}
END_TEST

START_TEST(who_asks_for_a_certificate_need_not_wait)
{
    struct tls_peer_server s;
    struct tls_try t;
    struct tls_client *c = client();
    struct wait w = wait_long();
    tls_peer_start(&s, (struct tls_peer_script){.cert = &good, .client_ca = &ca, .version = TLS1_3_VERSION});
    struct counting below = {{.type = &counting_type, .fd = -1}, try_tcp(&s.peer), .at_once = 0};
    ck_assert_int_eq(try_over(&t, c, &below.base, named("a.test"), &w), 0);
    ck_assert_uint_eq(below.writes, 2); /* before any request */
    stream_close(t.stream);
    tls_peer_stop(&s);
    tls_client_free(c);
}
END_TEST

START_TEST(a_flight_that_would_have_to_wait_is_kept)
{
    char byte;
    struct tls_peer_server s;
    struct tls_try t;
    struct tls_client *c = client();
    struct wait w = wait_long();
    tls_peer_start(&s,
                   (struct tls_peer_script){.cert = &good, .serve = serve_echo, .version = TLS1_3_VERSION});
    struct counting below = {{.type = &counting_type, .fd = -1}, try_tcp(&s.peer), .again_at = 2};
    ck_assert_int_eq(try_over(&t, c, &below.base, named("a.test"), &w), 0);
    ck_assert_int_eq(stream_read(t.stream, &byte, 1, NULL, PHASE_BODY, &t.err), STREAM_AGAIN);
    ck_assert_uint_eq(below.writes, 2);
    ck_assert_int_eq(stream_write(t.stream, "\n", 1, &w, PHASE_SEND, &t.err), 0);
    ck_assert_int_eq(stream_read(t.stream, &byte, 1, &w, PHASE_BODY, &t.err), 1);
    ck_assert_int_eq(byte, '\n');
    stream_close(t.stream);
    tls_peer_stop(&s);
    tls_client_free(c);
}
END_TEST

/* Writes a line over a connection that is reset as the last flight is sent; what came of it. */
static struct fetch_error reset_with_the_flight(int version, struct sessions *sessions, bool garbled)
{
    struct tls_peer_server s;
    struct tls_try t;
    struct tls_client *c = client_of((struct tls_options){.cacert = ca_file, .want_sessions = true});
    struct wait w = wait_long();
    struct tls_peer peer = named("a.test");
    peer.sessions = sessions;
    tls_peer_start(&s, (struct tls_peer_script){.cert = &good, .serve = serve_echo, .version = version});
    if (sessions) { /* one to resume */
        char byte;
        ck_assert_int_eq(try_tls(&t, c, &s.peer, peer), 0);
        ck_assert_int_eq(stream_write(t.stream, "\n", 1, &w, PHASE_SEND, &t.err), 0);
        ck_assert_int_eq(stream_read(t.stream, &byte, 1, &w, PHASE_BODY, &t.err), 1);
        stream_close(t.stream);
        ck_assert_uint_eq(sessions_count(sessions), 1);
    }
    struct counting below = {
        {.type = &counting_type, .fd = -1}, try_tcp(&s.peer), .reset_at = 2, .garbled = garbled};
    ck_assert_int_eq(try_over(&t, c, &below.base, peer, &w), 0);
    ck_assert_int_eq(t.conn.resumed, sessions != NULL);
    ck_assert_int_eq(stream_write(t.stream, "line\n", 5, &w, PHASE_SEND, &t.err), -1);
    stream_close(t.stream);
    tls_peer_stop(&s);
    tls_client_free(c);
    return t.err;
}

START_TEST(a_reset_before_the_last_flight_is_the_handshakes)
{
    struct fetch_error err = reset_with_the_flight(TLS1_3_VERSION, NULL, false);
    ck_assert_int_eq(err.kind, ERROR_TLS);
    ck_assert_int_eq(err.phase, PHASE_TLS);
    ck_assert_str_eq(err.message, "connection reset by the server, in the handshake");
    err = reset_with_the_flight(TLS1_3_VERSION, NULL, true);
    ck_assert_int_eq(err.kind, ERROR_TLS);
    ck_assert_int_eq(err.phase, PHASE_TLS);
    ck_assert_msg(strstr(err.message, "alert"), "%s", err.message);
}
END_TEST

START_TEST(a_session_that_leads_to_a_reset_is_dropped)
{
    struct sessions *sessions = sessions_new(4);
    struct fetch_error err = reset_with_the_flight(TLS1_2_VERSION, sessions, false);
    ck_assert_int_eq(err.kind, ERROR_TLS);
    ck_assert_uint_eq(sessions_count(sessions), 0);
    sessions_free(sessions);
}
END_TEST

START_TEST(the_server_hears_why_it_is_refused)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct cert stranger = cert_make((struct cert_plan){.name = "s", .alt_names = "DNS:a.test"});
    struct tls_peer_server s;
    struct tls_try t;
    struct tls_client *c = client();
    tls_peer_start(&s, (struct tls_peer_script){.cert = &stranger, .version = versions[_i]});
    ck_assert_int_eq(try_tls(&t, c, &s.peer, named("a.test")), -1);
    ck_assert_int_eq(t.err.kind, ERROR_CERTIFICATE);
    tls_peer_stop(&s);
    ck_assert_int_eq(s.alert, SSL_AD_UNKNOWN_CA);
    tls_client_free(c);
    cert_free(&stranger);
}
END_TEST

enum { HELLO_RANDOM = 11, HELLO_SEEN = HELLO_RANDOM + 32 }; /* behind the headers of record and message */

static void child_hello(const struct tls_client *c, int fd)
{
    unsigned char hello[HELLO_SEEN] = {0};
    struct listening l = {{.type = &listening_type, .fd = -1}, hello, sizeof hello};
    struct tls_try t;
    (void)try_over(&t, c, &l.base, named("a.test"), NULL);
    _exit(write(fd, hello, sizeof hello) == (ssize_t)sizeof hello ? 0 : 1);
}

/* What OpenSSL's random numbers grow from is there after the first handshake: children must not share it. */
START_TEST(children_of_a_warm_parent_are_not_alike)
{
    unsigned char seen[2][HELLO_SEEN];
    struct tls_client *c = client();
    ck_assert(tls_warm(c));
    for (int i = 0; i < 2; i++) {
        int fd[2];
        ck_assert_int_eq(pipe(fd), 0);
        pid_t pid = fork();
        if (pid == 0)
            child_hello(c, fd[1]);
        ck_assert_int_gt(pid, 0);
        ck_assert_int_eq((int)read(fd[0], seen[i], sizeof seen[i]), (int)sizeof seen[i]);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        close(fd[0]);
        close(fd[1]);
        ck_assert_int_eq(seen[i][0], 22); /* a handshake record, with … */
        ck_assert_int_eq(seen[i][5], 1);  /* … a client's hello */
    }
    ck_assert_mem_ne(seen[0] + HELLO_RANDOM, seen[1] + HELLO_RANDOM, 32);
    tls_client_free(c);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls");
    TCase *t = tcase_create("tls");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_good_certificate_is_believed_and_reported);
    tcase_add_test(t, names_match_by_whole_labels);
    tcase_add_test(t, addresses_match_addresses);
    tcase_add_test(t, a_host_with_a_leading_dot_is_no_pattern);
    tcase_add_test(t, what_verification_finds_wrong_is_said);
    tcase_add_test(t, a_leaf_can_sign_nobody);
    tcase_add_test(t, a_signature_that_is_known_is_not_trust);
    tcase_add_test(t, insecure_believes_anything);
    tcase_add_test(t, names_are_sent_and_addresses_are_not);
    tcase_add_test(t, a_server_without_tls_is_told_apart);
    tcase_add_test(t, alerts_are_named);
    tcase_add_test(t, a_handshake_without_end_is_bounded);
    tcase_add_test(t, a_handshake_can_be_cancelled);
    tcase_add_test(t, the_least_version_is_kept);
    tcase_add_test(t, a_bad_client_certificate_is_refused_by_name);
    tcase_add_test(t, nobody_is_asked_for_a_certificate_s_passphrase);
    tcase_add_test(t, a_server_that_asks_for_a_certificate_gets_ours);
    tcase_add_test(t, a_server_that_refuses_our_certificate_is_a_tls_failure);
    tcase_add_test(t, a_warming_handshake_goes_through);
    tcase_add_test(t, after_warming_only_what_was_trusted_is);
    tcase_add_test(t, the_last_flight_goes_with_the_request);
    tcase_add_test(t, who_asks_for_a_certificate_need_not_wait);
    tcase_add_test(t, a_flight_that_would_have_to_wait_is_kept);
    tcase_add_test(t, a_reset_before_the_last_flight_is_the_handshakes);
    tcase_add_test(t, a_session_that_leads_to_a_reset_is_dropped);
    tcase_add_loop_test(t, the_server_hears_why_it_is_refused, 0, 2);
    tcase_add_test(t, children_of_a_warm_parent_are_not_alike);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
