#include "config.h"

#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/tempdir.h"
#include "support/tls_peer.h"
#include "support/tls_try.h"

enum { BIG = 3 << 20 };

static struct tempdir dir;
static struct cert cert;
static struct tls_client *client;

static void setup(void)
{
    struct fetch_error err;
    tempdir_init(&dir);
    cert = cert_make((struct cert_plan){.name = "a.test", .alt_names = "DNS:a.test"});
    const char *file = tempdir_file(&dir, "ca.pem");
    cert_write(&cert, file, false);
    struct tls_options options = {.cacert = file, .want_sessions = true};
    int result = tls_client_new(&options, &client, &err);
    ck_assert_msg(result == 0, "%s", err.message);
}

static void teardown(void)
{
    tls_client_free(client);
    cert_free(&cert);
    tempdir_free(&dir);
}

static struct tls_peer peer_of(struct sessions *sessions)
{
    return (struct tls_peer){.host = "a.test", .port = 443, .sessions = sessions};
}

/* A running server and a connection to it. */
struct line {
    struct tls_peer_server server;
    struct tls_try try;
};

static void line_start(struct line *l, struct tls_peer_script script, struct sessions *sessions)
{
    script.cert = &cert;
    tls_peer_start(&l->server, script);
    int result = try_tls(&l->try, client, &l->server.peer, peer_of(sessions));
    ck_assert_msg(result == 0, "%s", l->try.err.message);
}

static void line_stop(struct line *l)
{
    stream_close(l->try.stream);
    tls_peer_stop(&l->server);
}

/* Reads to the end; the bytes that came, and how it ended in *ret_last. */
static size_t drain(struct line *l, ptrdiff_t *ret_last)
{
    static char bytes[65536];
    size_t total = 0;
    struct wait w = wait_long();
    while ((*ret_last = stream_read(l->try.stream, bytes, sizeof bytes, &w, PHASE_BODY, &l->try.err)) > 0)
        total += (size_t)*ret_last;
    return total;
}

/* What servers do. */

static void say_hello(SSL *ssl, void *arg)
{
    (void)arg;
    SSL_write(ssl, "hello", 5);
}

static void echo(SSL *ssl, void *arg)
{
    static char bytes[16384];
    int n;
    (void)arg;
    while ((n = SSL_read(ssl, bytes, sizeof bytes)) > 0)
        if (SSL_write(ssl, bytes, n) <= 0)
            break;
}

static void send_big(SSL *ssl, void *arg)
{
    char bytes[7000];
    memset(bytes, 'x', sizeof bytes);
    (void)arg;
    for (size_t left = BIG; left > 0;) {
        int n = left < sizeof bytes ? (int)left : (int)sizeof bytes;
        if (SSL_write(ssl, bytes, n) <= 0)
            return;
        left -= (size_t)n;
    }
}

static void flood_key_updates(SSL *ssl, void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000 && SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1; i++)
        SSL_do_handshake(ssl);
}

static void flood_tickets(SSL *ssl, void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000 && SSL_new_session_ticket(ssl) == 1; i++)
        SSL_do_handshake(ssl);
}

/* Hello requests: the server wants to renegotiate TLS 1.2. */
static void flood_renegotiations(SSL *ssl, void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000 && SSL_renegotiate(ssl) == 1 && SSL_do_handshake(ssl) == 1; i++)
        ;
}

START_TEST(a_stream_ends_cleanly_after_close_notify)
{
    struct line l;
    ptrdiff_t last;
    line_start(&l, (struct tls_peer_script){.serve = say_hello}, NULL);
    ck_assert_uint_eq(drain(&l, &last), 5);
    ck_assert_int_eq(last, STREAM_EOF);
    line_stop(&l);
}
END_TEST

START_TEST(an_end_without_close_notify_is_truncated)
{
    struct line l;
    ptrdiff_t last;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        line_start(&l, (struct tls_peer_script){.serve = say_hello, .version = version, .abrupt = true},
                   NULL);
        ck_assert_uint_eq(drain(&l, &last), 5);
        ck_assert_int_eq(last, STREAM_ERROR);
        ck_assert_int_eq(l.try.err.kind, ERROR_TRUNCATED);
        ck_assert_int_eq(l.try.err.phase, PHASE_BODY);
        ck_assert_ptr_nonnull(strstr(l.try.err.message, "without close_notify"));
        line_stop(&l);
    }
}
END_TEST

START_TEST(a_read_times_out)
{
    struct line l;
    char byte;
    struct wait w = wait_ms(20);
    line_start(&l, (struct tls_peer_script){.serve = echo}, NULL);
    ck_assert_int_eq(stream_read(l.try.stream, &byte, 1, &w, PHASE_HEADERS, &l.try.err), STREAM_ERROR);
    ck_assert_int_eq(l.try.err.kind, ERROR_TIMEOUT);
    ck_assert_int_eq(l.try.err.phase, PHASE_HEADERS);
    line_stop(&l);
}
END_TEST

START_TEST(much_data_comes_whole)
{
    struct line l;
    ptrdiff_t last;
    line_start(&l, (struct tls_peer_script){.serve = send_big}, NULL);
    ck_assert_uint_eq(drain(&l, &last), BIG);
    ck_assert_int_eq(last, STREAM_EOF);
    line_stop(&l);
}
END_TEST

START_TEST(what_is_written_arrives)
{
    struct line l;
    static char out[100000], in[100000];
    size_t got = 0;
    struct wait w = wait_long();
    for (size_t i = 0; i < sizeof out; i++)
        out[i] = (char)(i * 31);
    line_start(&l, (struct tls_peer_script){.serve = echo}, NULL);
    ck_assert_int_eq(stream_write(l.try.stream, out, sizeof out, &w, PHASE_SEND, &l.try.err), 0);
    while (got < sizeof in) {
        ptrdiff_t n = stream_read(l.try.stream, in + got, sizeof in - got, &w, PHASE_BODY, &l.try.err);
        ck_assert_int_gt(n, 0);
        got += (size_t)n;
    }
    ck_assert_mem_eq(in, out, sizeof out);
    line_stop(&l);
}
END_TEST

static void flooded(void (*serve)(SSL *ssl, void *arg), int version)
{
    struct line l;
    ptrdiff_t last;
    struct sessions *sessions = sessions_new(4);
    line_start(&l, (struct tls_peer_script){.serve = serve, .version = version, .abrupt = true}, sessions);
    ck_assert_uint_eq(drain(&l, &last), 0);
    ck_assert_int_eq(last, STREAM_ERROR);
    ck_assert_int_eq(l.try.err.kind, ERROR_TRUNCATED);
    ck_assert_msg(strstr(l.try.err.message, "without end"), "%s", l.try.err.message);
    ck_assert(!stream_usable(l.try.stream));
    line_stop(&l);
    ck_assert_uint_le(sessions_count(sessions), 1);
    sessions_free(sessions);
}

START_TEST(floods_of_messages_are_bounded)
{
    flooded(flood_key_updates, TLS1_3_VERSION);
    flooded(flood_tickets, TLS1_3_VERSION);
}
END_TEST

START_TEST(renegotiation_is_refused)
{
    struct line l;
    ptrdiff_t last;
    line_start(
        &l,
        (struct tls_peer_script){.serve = flood_renegotiations, .version = TLS1_2_VERSION, .abrupt = true},
        NULL);
    ck_assert_uint_eq(drain(&l, &last), 0);
    ck_assert_int_eq(last, STREAM_ERROR);
    ck_assert_int_eq(l.try.err.kind, ERROR_TRUNCATED);
    line_stop(&l);
}
END_TEST

START_TEST(sessions_are_resumed)
{
    struct line l;
    ptrdiff_t last;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct sessions *sessions = sessions_new(4);
        line_start(&l, (struct tls_peer_script){.serve = say_hello, .version = version}, sessions);
        drain(&l, &last);
        ck_assert(!l.try.conn.resumed);
        ck_assert_uint_eq(sessions_count(sessions), 1);
        stream_close(l.try.stream);
        for (int i = 0; i < 3; i++) {
            struct tls_peer peer = peer_of(sessions);
            peer.want_cert = true;
            ck_assert_int_eq(try_tls(&l.try, client, &l.server.peer, peer), 0);
            ck_assert(l.try.conn.resumed);
            ck_assert_str_eq(l.try.conn.cert->subject, "CN=a.test");
            ck_assert_uint_eq(drain(&l, &last), 5);
            ck_assert_int_eq(last, STREAM_EOF);
            stream_close(l.try.stream);
        }
        l.try.stream = NULL;
        line_stop(&l);
        sessions_free(sessions);
    }
}
END_TEST

START_TEST(a_session_is_not_used_for_another_port)
{
    struct line l;
    ptrdiff_t last;
    struct sessions *sessions = sessions_new(4);
    line_start(&l, (struct tls_peer_script){.serve = say_hello}, sessions);
    drain(&l, &last);
    stream_close(l.try.stream);
    struct tls_peer other = peer_of(sessions);
    other.port = 444;
    ck_assert_int_eq(try_tls(&l.try, client, &l.server.peer, other), 0);
    ck_assert(!l.try.conn.resumed);
    line_stop(&l);
    sessions_free(sessions);
}
END_TEST

/* Polls until the descriptor is readable, or half a minute. */
static void await_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    ck_assert_int_eq(poll(&poll_fd, 1, 30000), 1);
}

START_TEST(an_idle_connection_takes_tickets_in_and_stays_usable)
{
    struct line l;
    struct sessions *sessions = sessions_new(4);
    char byte;
    line_start(&l, (struct tls_peer_script){.serve = echo, .version = TLS1_3_VERSION}, sessions);
    /* The look sends the handshake's last flight, which would go with a request. */
    ck_assert_int_eq(stream_read(l.try.stream, &byte, 1, NULL, PHASE_BODY, &l.try.err), STREAM_AGAIN);
    await_readable(stream_fd(l.try.stream));
    ck_assert(stream_usable(l.try.stream));
    ck_assert(stream_usable(l.try.stream));
    ck_assert_uint_eq(sessions_count(sessions), 1);
    line_stop(&l);
    sessions_free(sessions);
}
END_TEST

START_TEST(of_two_sessions_the_last_is_kept)
{
    /* This server forgets the first as it makes the second. */
    struct line l;
    ptrdiff_t last;
    struct sessions *sessions = sessions_new(4);
    tls_peer_start(&l.server,
                   (struct tls_peer_script){.cert = &cert, .serve = say_hello, .version = TLS1_3_VERSION});
    SSL_CTX_set_options(l.server.ctx, SSL_OP_NO_TICKET);
    SSL_CTX_sess_set_cache_size(l.server.ctx, 1);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(try_tls(&l.try, client, &l.server.peer, peer_of(sessions)), 0);
        ck_assert_int_eq(l.try.conn.resumed, i > 0);
        ck_assert_uint_eq(drain(&l, &last), 5);
        stream_close(l.try.stream);
        ck_assert_uint_eq(sessions_count(sessions), 1);
    }
    tls_peer_stop(&l.server);
    sessions_free(sessions);
}
END_TEST

START_TEST(a_session_is_kept_before_the_answer)
{
    /* Others may want it while this one waits; and that it waited in vain says nothing of the session. */
    struct line l;
    char byte;
    struct wait w = wait_ms(200);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct sessions *sessions = sessions_new(4);
        line_start(&l, (struct tls_peer_script){.serve = echo, .version = version}, sessions);
        ck_assert_int_eq(stream_read(l.try.stream, &byte, 1, &w, PHASE_HEADERS, &l.try.err), STREAM_ERROR);
        ck_assert_int_eq(l.try.err.kind, ERROR_TIMEOUT);
        ck_assert_uint_eq(sessions_count(sessions), 1);
        line_stop(&l);
        ck_assert_uint_eq(sessions_count(sessions), 1);
        sessions_free(sessions);
    }
}
END_TEST

START_TEST(an_idle_connection_that_is_closed_or_speaks_is_not_usable)
{
    struct line l;
    char bytes[8];
    struct wait w = wait_long();
    line_start(&l, (struct tls_peer_script){.serve = say_hello, .version = TLS1_2_VERSION}, NULL);
    await_readable(stream_fd(l.try.stream));
    ck_assert(!stream_usable(l.try.stream));
    ck_assert_int_eq(stream_read(l.try.stream, bytes, sizeof bytes, &w, PHASE_BODY, &l.try.err), 5);
    await_readable(stream_fd(l.try.stream));
    ck_assert(!stream_usable(l.try.stream));
    line_stop(&l);
}
END_TEST

/* TLS in TLS: the outer server carries what it gets to the inner one, on a TCP connection of its own. */

static void carry(SSL *ssl, void *arg)
{
    struct peer *inner = arg;
    char bytes[16384];
    struct fetch_error err;
    struct wait w = wait_long();
    struct stream *s = try_tcp(inner);
    struct pollfd fds[2] = {{.fd = SSL_get_fd(ssl), .events = POLLIN},
                            {.fd = stream_fd(s), .events = POLLIN}};
    bool open = true;
    while (open && (SSL_pending(ssl) > 0 || poll(fds, 2, 30000) > 0)) {
        if (SSL_pending(ssl) > 0 || fds[0].revents) {
            int n = SSL_read(ssl, bytes, sizeof bytes);
            open = n > 0 && stream_write(s, bytes, (size_t)n, &w, PHASE_SEND, &err) == 0;
        } else {
            ptrdiff_t n = stream_read(s, bytes, sizeof bytes, &w, PHASE_BODY, &err);
            open = n > 0 && SSL_write(ssl, bytes, (int)n) > 0;
        }
    }
    stream_close(s);
}

START_TEST(tls_stands_over_tls)
{
    struct line l;
    struct tls_peer_server inner;
    struct tls_try t;
    char bytes[8];
    struct wait w = wait_long();
    tls_peer_start(&inner, (struct tls_peer_script){.cert = &cert, .serve = echo});
    line_start(&l, (struct tls_peer_script){.serve = carry, .arg = &inner.peer}, NULL);
    int result = try_over(&t, client, l.try.stream, peer_of(NULL), &w);
    ck_assert_msg(result == 0, "%s", t.err.message);
    ck_assert_int_eq(stream_fd(t.stream), stream_fd(l.try.stream));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(stream_write(t.stream, "ping", 4, &w, PHASE_SEND, &t.err), 0);
        ck_assert_int_eq(stream_read(t.stream, bytes, sizeof bytes, &w, PHASE_BODY, &t.err), 4);
        ck_assert(stream_usable(t.stream));
    }
    w = wait_ms(20);
    ck_assert_int_eq(stream_read(t.stream, bytes, sizeof bytes, &w, PHASE_BODY, &t.err), STREAM_ERROR);
    ck_assert_int_eq(t.err.kind, ERROR_TIMEOUT);
    l.try.stream = t.stream;
    line_stop(&l);
    tls_peer_stop(&inner);
}
END_TEST

/* Several threads, each with sessions of its own, share the client. */

static void *fetch_often(void *arg)
{
    struct peer *p = arg;
    struct tls_try t;
    char bytes[8];
    struct wait w = wait_long();
    struct sessions *sessions = sessions_new(4);
    uintptr_t good = 0;
    for (int i = 0; i < 10; i++) {
        if (try_tls(&t, client, p, peer_of(sessions)) < 0)
            continue;
        good += stream_read(t.stream, bytes, sizeof bytes, &w, PHASE_BODY, &t.err) == 5;
        stream_close(t.stream);
    }
    sessions_free(sessions);
    return (void *)good;
}

START_TEST(threads_share_a_client)
{
    struct tls_peer_server servers[3];
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        tls_peer_start(&servers[i], (struct tls_peer_script){.cert = &cert, .serve = say_hello});
        ck_assert_int_eq(pthread_create(&threads[i], NULL, fetch_often, &servers[i].peer), 0);
    }
    for (int i = 0; i < 3; i++) {
        void *good;
        pthread_join(threads[i], &good);
        ck_assert_uint_eq((uintptr_t)good, 10);
        tls_peer_stop(&servers[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tls_stream");
    TCase *t = tcase_create("tls_stream");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_stream_ends_cleanly_after_close_notify);
    tcase_add_test(t, an_end_without_close_notify_is_truncated);
    tcase_add_test(t, a_read_times_out);
    tcase_add_test(t, much_data_comes_whole);
    tcase_add_test(t, what_is_written_arrives);
    tcase_add_test(t, floods_of_messages_are_bounded);
    tcase_add_test(t, renegotiation_is_refused);
    tcase_add_test(t, sessions_are_resumed);
    tcase_add_test(t, a_session_is_not_used_for_another_port);
    tcase_add_test(t, an_idle_connection_takes_tickets_in_and_stays_usable);
    tcase_add_test(t, of_two_sessions_the_last_is_kept);
    tcase_add_test(t, a_session_is_kept_before_the_answer);
    tcase_add_test(t, an_idle_connection_that_is_closed_or_speaks_is_not_usable);
    tcase_add_test(t, tls_stands_over_tls);
    tcase_add_test(t, threads_share_a_client);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
