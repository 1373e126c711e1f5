/*
 * The scriptable origin of the tests: HTTPS, clear HTTP, proxies and a name server on loopback, whose
 * behaviour is chosen by what is asked, so that a test is a list of targets.
 *
 *   before and in the handshake   by the words of the first label of the SNI name (tlsside.h, authority.h):
 *                                 expired.test, silent-17.test, tls12-renegotiate.test
 *   the reply                     by the path (replies.h): /chunked/100/delay/50/bytes/5000, or raw bytes in
 *                                 steps (steps.h): /script?send:HTTP/1.1%20200…;wait:100;reset
 *   or by the host                a first label that starts with "go-" is a path for "/":
 *                                 go-delay-50-bytes-100.test
 *
 * One thread a connection, all code blocking, so that a behaviour is written as it happens. The life:
 *   1. the settings are filled from the command line
 *   2. authority_new, tlsside_init, journal_open
 *   3. the ports are bound, KEY=PORT lines and READY go to standard output
 *   4. at EOF of standard input or SIGTERM the process ends, connections and all
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/buffer.h"

struct authority;
struct journal;
struct state;

struct origin {
    const char *dir;         /* where ca.pem, client.pem, … are written */
    const char *replies_dir; /* files of steps for /case/NAME; NULL: none */
    const char *proxy_auth;  /* USER:PASSWORD that the proxies ask for; NULL: none */
    struct authority *authority;
    struct journal *journal; /* NULL: no log */
    struct state *state;     /* gates and counters by name */
    SSL_CTX *ctx;
    atomic_uint_fast64_t conns;
    atomic_int active, max_active; /* requests being answered */
};

/* What a port speaks. */
enum port_kind { PORT_HTTPS, PORT_HTTP, PORT_PROXY, PORT_PROXYS, PORT_EXTRA, PORT_DNS };

/* The two sides of a connection's bytes: clear, or TLS when ssl is set. */
struct wire {
    int fd;
    SSL *ssl;
    bool told; /* the client sent its close_notify */
};

enum { NAME_MAX_LEN = 256, HEADERS_MAX = 200 };

struct conn {
    struct origin *origin;
    struct wire wire;
    uint64_t id;
    enum port_kind kind;
    const char *label; /* the behaviour of an extra port; NULL: the SNI name says */
    char sni[NAME_MAX_LEN];
    char local[64]; /* the address that was connected to */
    int peer_port;
    bool resumed;
    unsigned requests;
    struct buffer in;  /* read and not yet used */
    struct buffer out; /* to be written */
};

/* A request, its strings within `head`. */
struct request {
    struct buffer head;
    const char *line, *method, *version;
    char *target;
    char host[NAME_MAX_LEN];
    struct {
        const char *name, *value;
    } headers[HEADERS_MAX];
    int header_count;
};

/* Sleeps for that many milliseconds. */
void sleep_ms(long ms);

/* Reads what a connection says until it ends, and answers it. Runs in a thread of its own. */
void conn_serve(struct conn *c);

/* The next request of a connection: 1, or 0 at its end or when it is no request. Frees and fills `r`. */
int request_read(struct conn *c, struct request *r);

/* The value of a header, or NULL. */
const char *request_header(const struct request *r, const char *name);

/* Opens the log of requests; NULL when it cannot be written. */
struct journal *journal_open(const char *path);

/* One line of JSON: event and connection, and the request where `r` is given, and `detail` where given. */
void journal_event(struct conn *c, const char *event, const struct request *r, const char *detail);

/* One line of JSON about something that has no connection (a question to the name server). */
void journal_note(struct origin *o, const char *event, const char *detail);

/* Gates and counters, by name. */
struct state *state_new(void);

/* Waits until `count` callers wait at the gate `name`, or it was opened before; 0, or -1 after a minute. */
int state_gate(struct state *s, const char *name, unsigned count);

/* Adds one to the counter `name` and returns what it was. */
unsigned state_count(struct state *s, const char *name);

#endif
