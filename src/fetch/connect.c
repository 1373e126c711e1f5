/* From a target to a connection: kept alive, direct, or through a proxy. */
#include "fetch/fetcher.h"

#include <stdlib.h>
#include <string.h>

/* Where the next TCP connection leads. */
struct endpoint {
    const char *host;
    uint16_t port;
};

/* ---- What stands in front of dialling ---- */

/* The scheme's letter, the port's five digits, the host. By hand, for every fetch needs one. */
static int make_key(const struct target *t, bool absolute, char key[CONNECTION_KEY_MAX])
{
    enum { DIGITS = 5, NAME = 1 + DIGITS };
    const char *host = absolute ? "proxy" : t->host;
    unsigned port = absolute ? 0 : t->port;
    size_t len = strlen(host);
    if (len >= CONNECTION_KEY_MAX - NAME)
        return -1;
    key[0] = absolute ? 'p' : t->scheme == SCHEME_HTTPS ? 's' : 'h';
    for (int i = DIGITS; i > 0; i--, port /= 10)
        key[i] = (char)('0' + port % 10);
    memcpy(key + NAME, host, len + 1);
    return 0;
}

static bool is_permitted(const struct fetch_shared *s, const struct sockaddr_storage *a)
{
    return addresses_permit(s->deny, s->allow, (const struct sockaddr *)a);
}

/* Keeps the permitted ones of `addrs`. 0, or -1 with ERROR_DENIED where none is left. */
static int apply_deny(const struct get *g, struct sockaddr_storage *addrs, size_t *count,
                      struct fetch_error *err)
{
    const struct fetch_shared *s = g->f->shared;
    size_t kept = 0;
    char text[DIAL_TEXT_MAX] = "";
    if (!s->deny && !s->allow)
        return 0;
    for (size_t i = 0; i < *count; i++) {
        if (is_permitted(s, &addrs[i]))
            addrs[kept++] = addrs[i];
        else
            dial_address_text(&addrs[i], text);
    }
    *count = kept;
    return kept ? 0
                : error_set(err, ERROR_DENIED, PHASE_CONNECT, "%s may not be connected to (--deny, --allow)",
                            text);
}

/* The addresses of `e`: --resolve, then the resolver. */
static int find_addresses(struct get *g, const struct endpoint *e, struct sockaddr_storage *addrs,
                          size_t *ret_count, struct fetch_error *err)
{
    const struct fetch_shared *s = g->f->shared;
    int64_t since = deadline_now();
    int n = overrides_addresses(s->overrides, e->host, e->port, s->config.family, addrs);
    if (n == 0)
        return error_set(err, ERROR_DNS, PHASE_DNS, "--resolve has no address of the family asked for");
    *ret_count = n > 0 ? (size_t)n : 0;
    if (n < 0) {
        int r =
            resolver_lookup(g->f->resolver, e->host, e->port, &g->wait, addrs, ADDRESSES_MAX, ret_count, err);
        g->result->ns_dns += deadline_now() - since;
        if (r < 0)
            return -1;
    }
    get_note(g, "%s has %zu address%s", e->host, *ret_count, *ret_count == 1 ? "" : "es");
    return apply_deny(g, addrs, ret_count, err);
}

static void note_peer(struct connection *c, const struct sockaddr_storage *peer)
{
    dial_address_text(peer, c->info.remote_ip);
    c->info.remote_port = dial_address_port(peer);
}

/* TCP to `e`. On success c->stream is there. */
static int dial_endpoint(struct get *g, struct connection *c, const struct endpoint *e,
                         struct fetch_error *err)
{
    struct sockaddr_storage addrs[ADDRESSES_MAX];
    struct dialled dialled;
    size_t count = 0;
    if (find_addresses(g, e, addrs, &count, err) < 0)
        return -1;
    int64_t since = deadline_now();
    int r = dial(addrs, count, &g->wait, &dialled, err);
    g->result->ns_connect += deadline_now() - since;
    if (r < 0)
        return -1;
    note_peer(c, &dialled.peer);
    get_note(g, "connected to %s port %u", c->info.remote_ip, (unsigned)c->info.remote_port);
    c->stream = stream_tcp(dialled.fd);
    return c->stream ? 0 : error_set(err, ERROR_CONNECT, PHASE_CONNECT, "out of memory");
}

/* TLS over c->stream; on failure it is gone. */
static int start_tls(struct get *g, struct connection *c, const struct endpoint *e, bool is_ip,
                     struct fetch_conn *info, struct fetch_error *err)
{
    struct stream *lower = c->stream;
    const struct tls_peer peer = {
        .host = e->host,
        .port = e->port,
        .is_ip = is_ip,
        .want_cert = g->config->want_cert,
        .sessions = g->config->keepalive ? g->f->sessions : NULL,
    };
    int64_t since = deadline_now();
    c->stream = NULL;
    int r = tls_connect(g->f->shared->tls, lower, &peer, &g->wait, &c->stream, info, err);
    g->result->ns_tls += deadline_now() - since;
    if (r == 0)
        get_note(g, "%s, %s%s", info->tls_version, info->tls_cipher, info->resumed ? ", resumed" : "");
    return r;
}

/* ---- Through a proxy ---- */

/* A proxy's failures are its own; time-outs stay time-outs. What may pass of others may pass of a proxy. */
static int blame_proxy(const struct proxy *p, struct fetch_error *err)
{
    struct fetch_error was = *err;
    if (was.kind == ERROR_CANCELLED)
        return -1;
    enum error_kind kind = was.kind == ERROR_TIMEOUT ? ERROR_TIMEOUT : ERROR_PROXY;
    error_set(err, kind, PHASE_PROXY, "proxy %s: %.300s", p->name, was.message);
    err->final = !error_retryable(&was);
    return -1;
}

static int dial_proxy(struct get *g, struct connection *c, const struct proxy *p, struct fetch_error *err)
{
    const struct endpoint e = {p->host, p->port};
    struct fetch_conn ignored = {0};
    if (dial_endpoint(g, c, &e, err) < 0)
        return blame_proxy(p, err);
    if (p->scheme != SCHEME_HTTPS)
        return 0;
    int r = start_tls(g, c, &e, p->kind != HOST_NAME, &ignored, err);
    fetch_cert_release(ignored.cert);
    return r < 0 ? blame_proxy(p, err) : 0;
}

static int put_authority(struct buffer *b, const struct endpoint *to)
{
    bool v6 = strchr(to->host, ':') != NULL;
    return buffer_printf(b, v6 ? "[%s]:%u" : "%s:%u", to->host, (unsigned)to->port);
}

static int build_connect(struct get *g, const struct proxy *p, const struct endpoint *to)
{
    struct buffer *b = &g->f->request;
    buffer_clear(b);
    if (buffer_puts(b, "CONNECT ") < 0 || put_authority(b, to) < 0 ||
        buffer_puts(b, " HTTP/1.1\r\nHost: ") < 0 || put_authority(b, to) < 0 || buffer_puts(b, "\r\n") < 0)
        return -1;
    if (*g->config->agent && buffer_printf(b, "User-Agent: %s\r\n", g->config->agent) < 0)
        return -1;
    if (p->authorization && buffer_printf(b, "Proxy-Authorization: %s\r\n", p->authorization) < 0)
        return -1;
    return buffer_puts(b, "\r\n");
}

/* Reads the proxy's answer to CONNECT, to its last byte: what comes after it is the tunnel's. */
static int read_connect_answer(struct get *g, struct connection *c, struct fetch_error *err)
{
    struct fetcher *f = g->f;
    size_t used = 0;
    buffer_clear(&f->in);
    for (int interim = 0; interim <= RESPONSE_INTERIM_MAX; interim++) {
        enum parse_result result = PARSE_MORE;
        response_reset(&f->response);
        while ((result = f->in.len ? response_parse(&f->response, buffer_span(&f->in), &used, err)
                                   : PARSE_MORE) == PARSE_MORE) {
            if (buffer_reserve(&f->in, READ_SIZE) < 0)
                return error_set(err, ERROR_HTTP, PHASE_PROXY, "the answer's head is too large");
            ptrdiff_t n =
                stream_read(c->stream, f->in.data + f->in.len, READ_SIZE, &g->wait, PHASE_PROXY, err);
            if (n == STREAM_EOF)
                return error_set(err, ERROR_TRUNCATED, PHASE_PROXY,
                                 "closed the connection instead of answering CONNECT");
            if (n < 0)
                return -1;
            f->in.len += (size_t)n;
        }
        if (result == PARSE_BAD)
            return -1;
        buffer_consume(&f->in, used);
        if (!response_is_interim(&f->response))
            return 0;
    }
    return error_set(err, ERROR_HTTP, PHASE_PROXY, "more than %d interim responses", RESPONSE_INTERIM_MAX);
}

static int open_tunnel(struct get *g, struct connection *c, const struct proxy *p, const struct endpoint *to,
                       struct fetch_error *err)
{
    if (build_connect(g, p, to) < 0) {
        error_set(err, ERROR_HTTP, PHASE_PROXY, "the CONNECT request is too large");
        return blame_proxy(p, err);
    }
    if (stream_write(c->stream, g->f->request.data, g->f->request.len, &g->wait, PHASE_PROXY, err) < 0 ||
        read_connect_answer(g, c, err) < 0)
        return blame_proxy(p, err);
    int status = g->f->response.status;
    if (status < 200 || status > 299) {
        error_set(err, ERROR_PROXY, PHASE_PROXY, "answered CONNECT to %s:%u with status %d%s", to->host,
                  (unsigned)to->port, status,
                  status == 407 ? ": it wants authentication (http://USER:PASSWORD@PROXY)" : "");
        err->final = !status_retryable(status);
        return blame_proxy(p, err);
    }
    if (g->f->in.len > 0) {
        error_set(err, ERROR_HTTP, PHASE_PROXY, "sent bytes into the tunnel before the server could");
        return blame_proxy(p, err);
    }
    get_note(g, "tunnel to %s:%u through proxy %s", to->host, (unsigned)to->port, p->name);
    return 0;
}

/* ---- All of it ---- */

static int establish(struct get *g, struct connection *c, const struct proxy *p, struct fetch_error *err)
{
    const struct target *t = &g->now;
    struct endpoint to = {t->host, t->port};
    overrides_connect_to(g->f->shared->overrides, t->host, t->port, &to.host, &to.port);
    if (p && dial_proxy(g, c, p, err) < 0)
        return -1;
    if (p && !c->absolute && open_tunnel(g, c, p, &to, err) < 0)
        return -1;
    if (!p && dial_endpoint(g, c, &to, err) < 0)
        return -1;
    const struct endpoint named = {t->host, t->port};
    return t->scheme == SCHEME_HTTPS ? start_tls(g, c, &named, t->kind != HOST_NAME, &c->info, err) : 0;
}

static struct connection *connection_new(void)
{
    return calloc(1, sizeof(struct connection));
}

/* The result is of this connection from now on. */
static void tell_connection(struct get *g, const struct connection *c)
{
    struct fetch_cert *before = g->result->conn.cert;
    g->result->conn = c->info;
    fetch_cert_hold(c->info.cert);
    fetch_cert_release(before);
}

/* DNS, connect and TLS together are bounded by --connect-timeout. */
static int connect_anew(struct get *g, struct connection *c, const struct proxy *p, struct fetch_error *err)
{
    int64_t limit = g->config->connect_timeout ? g->config->connect_timeout : g->config->timeout;
    g->wait.phase = deadline_add(deadline_now(), limit);
    int r = establish(g, c, p, err);
    g->wait.phase = DEADLINE_NEVER;
    tell_connection(g, c);
    return r;
}

/* True if the proxy is asked in absolute form. Not where --connect-to leads elsewhere than the URL does: only
 * CONNECT can say both, and so does curl. */
static bool asks_proxy(const struct get *g, const struct proxy *p)
{
    struct endpoint to = {NULL, 0};
    return p && g->now.scheme == SCHEME_HTTP &&
           !overrides_connect_to(g->f->shared->overrides, g->now.host, g->now.port, &to.host, &to.port);
}

int get_connect(struct get *g, bool fresh, struct connection **ret_connection, struct fetch_error *err)
{
    const struct proxy *p = proxy_for(g->f->shared->proxies, &g->now);
    bool absolute = asks_proxy(g, p);
    char key[CONNECTION_KEY_MAX];
    struct connection *c;
    if (make_key(&g->now, absolute, key) < 0)
        return error_set(err, ERROR_CONNECT, PHASE_CONNECT, "the host's name is too long");
    if (!fresh && (c = idle_take(g->f->idle, key))) {
        c->info.reused = true;
        tell_connection(g, c);
        get_note(g, "using the connection to %s port %u again", c->info.remote_ip,
                 (unsigned)c->info.remote_port);
        *ret_connection = c;
        return 0;
    }
    c = connection_new();
    if (!c)
        return error_set(err, ERROR_CONNECT, PHASE_CONNECT, "out of memory");
    memcpy(c->key, key, sizeof key);
    c->absolute = absolute;
    if (connect_anew(g, c, p, err) < 0) {
        connection_free(c);
        return -1;
    }
    *ret_connection = c;
    return 0;
}
