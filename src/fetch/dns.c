#include "config.h"

#include "fetch/dns.h"

#include <ares.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include "fetch/host.h"

enum {
    DNS_TRIES = 3,        /* of each server; each round waits twice as long as the last: 1 + 2 + 4 */
    DNS_TRY_SHARES = 7,   /* the sum of that */
    DNS_TRY_MIN_MS = 200, /* bounds of the first wait */
    DNS_TRY_MAX_MS = 2000,
    DNS_SERVERS_MAX = 16,
    DNS_ADDRS_MAX = 32, /* of one family */
};

/* How long the addresses of one family are kept waiting for those of the other, whose question some servers
 * never answer (RFC 8305 section 3; shorter there, where connecting goes on meanwhile). */
#define DNS_OTHER_FAMILY (500 * NS_PER_MS)

struct dns_settings {
    struct ares_addr_port_node *servers; /* linked; elements of one array */
    size_t server_count;
    struct ares_options system; /* of resolv.conf; ares_destroy_options */
    bool loaded;                /* `system` is there */
};

struct dns {
    ares_channel channel;
};

/* Settings. */

static int settings_add_server(struct dns_settings *s, const struct address *a, uint16_t port)
{
    if (s->server_count == DNS_SERVERS_MAX)
        return -1;
    struct ares_addr_port_node *node = &s->servers[s->server_count];
    node->family = a->family;
    memcpy(&node->addr, a->bytes, a->family == AF_INET ? 4 : 16);
    node->udp_port = node->tcp_port = port;
    if (s->server_count > 0)
        s->servers[s->server_count - 1].next = node;
    s->server_count++;
    return 0;
}

/* Reads one server: A, A:PORT, [v6], [v6]:PORT or a bare v6; cuts `text` up. */
static int settings_parse_server(struct dns_settings *s, char *text, struct fetch_error *err)
{
    char *port_text = NULL, *address_text = text;
    struct address address;
    uint16_t port = 53;
    char *bracket = text[0] == '[' ? strchr(text, ']') : NULL, *colon = strrchr(text, ':');
    if (bracket && (bracket[1] == ':' || bracket[1] == 0)) {
        port_text = bracket[1] ? bracket + 2 : NULL;
        address_text++;
        *bracket = 0;
    } else if (colon && colon == strchr(text, ':')) {
        port_text = colon + 1;
        *colon = 0;
    }
    if (!address_parse(&address, address_text) || (bracket && address.family != AF_INET6))
        return error_set(
            err, ERROR_NONE, PHASE_NONE,
            "--dns-servers: \"%s\" is no IP address; write A[:PORT] or [v6][:PORT], with commas between",
            address_text);
    if (port_text && host_parse_port(&port, span_of(port_text), err) < 0)
        return error_set(err, ERROR_NONE, PHASE_NONE, "--dns-servers: \"%s\" is no port; write 1 to 65535",
                         port_text);
    if (settings_add_server(s, &address, port) < 0)
        return error_set(err, ERROR_NONE, PHASE_NONE, "--dns-servers: more than %d servers", DNS_SERVERS_MAX);
    return 0;
}

static int settings_parse_servers(struct dns_settings *s, const char *list, struct fetch_error *err)
{
    char *copy = strdup(list), *rest = copy, *item;
    int result = copy ? 0 : error_set(err, ERROR_NONE, PHASE_NONE, "out of memory");
    while (result == 0 && (item = strsep(&rest, ",")))
        result = settings_parse_server(s, item, err);
    free(copy);
    return result;
}

/* Takes the servers that c-ares found. */
static int settings_copy_servers(struct dns_settings *s, ares_channel channel)
{
    struct ares_addr_port_node *list = NULL;
    if (ares_get_servers_ports(channel, &list) != ARES_SUCCESS)
        return -1;
    for (struct ares_addr_port_node *n = list; n; n = n->next) {
        struct address a = {.family = (uint8_t)n->family};
        memcpy(a.bytes, &n->addr, n->family == AF_INET ? 4 : 16);
        settings_add_server(s, &a, (uint16_t)(n->udp_port ? n->udp_port : 53));
    }
    ares_free_data(list);
    return 0;
}

/* Reads the system's configuration. */
static int settings_load(struct dns_settings *s, bool want_servers)
{
    ares_channel channel;
    int mask = 0;
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return -1;
    if (ares_init(&channel) != ARES_SUCCESS)
        return -1;
    bool ok = ares_save_options(channel, &s->system, &mask) == ARES_SUCCESS;
    s->loaded = ok;
    ok = ok && (!want_servers || settings_copy_servers(s, channel) == 0);
    ares_destroy(channel);
    return ok ? 0 : -1;
}

int dns_settings_new(const char *servers, struct dns_settings **ret, struct fetch_error *err)
{
    struct dns_settings *s = calloc(1, sizeof *s);
    if (s)
        s->servers = calloc(DNS_SERVERS_MAX, sizeof *s->servers);
    if (!s || !s->servers) {
        dns_settings_free(s);
        return error_set(err, ERROR_NONE, PHASE_NONE, "out of memory");
    }
    int result = settings_load(s, servers == NULL);
    if (result < 0)
        error_set(err, ERROR_NONE, PHASE_NONE, "the resolver's configuration cannot be read");
    else if (servers)
        result = settings_parse_servers(s, servers, err);
    if (result < 0) {
        dns_settings_free(s);
        return -1;
    }
    *ret = s;
    return 0;
}

void dns_settings_free(struct dns_settings *s)
{
    if (!s)
        return;
    if (s->loaded)
        ares_destroy_options(&s->system);
    free(s->servers);
    free(s);
}

const char *const *dns_search(const struct dns_settings *s, size_t *ret_count, int *ret_ndots)
{
    *ret_count = s->system.ndomains > 0 ? (size_t)s->system.ndomains : 0;
    *ret_ndots = s->system.ndots;
    return (const char *const *)s->system.domains;
}

/* The channel. */

/* How long the first try of a server waits, so that all tries of all servers fit into the budget. */
static int try_ms(const struct dns_settings *s, int64_t budget)
{
    int64_t servers = s->server_count > 0 ? (int64_t)s->server_count : 1;
    int64_t ms = budget / NS_PER_MS * 9 / 10 / (DNS_TRY_SHARES * servers);
    return ms < DNS_TRY_MIN_MS ? DNS_TRY_MIN_MS : ms > DNS_TRY_MAX_MS ? DNS_TRY_MAX_MS : (int)ms;
}

struct dns *dns_new(const struct dns_settings *s, int64_t budget)
{
    /* Everything is said here, so that c-ares has no reason to read a file: hosts(5) and search domains are
     * the resolver's matter. The server is a stand-in for the list that follows. */
    struct in_addr stand_in = {htonl(INADDR_LOOPBACK)};
    char lookups[] = "b";
    /* A failure of the only server is told as it is; of several, the next one is asked. */
    int told = s->server_count == 1 ? ARES_FLAG_NOCHECKRESP : 0;
    struct ares_options options = {
        .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | told,
        .timeout = try_ms(s, budget),
        .tries = DNS_TRIES,
        .ndots = 1,
        .servers = &stand_in,
        .nservers = 1,
        .lookups = lookups,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_SERVERS |
               ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS | ARES_OPT_SORTLIST | ARES_OPT_NOROTATE;
    struct dns *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    if (ares_init_options(&d->channel, &options, mask) != ARES_SUCCESS) {
        free(d);
        return NULL;
    }
    if (ares_set_servers_ports(d->channel, s->servers) != ARES_SUCCESS) {
        dns_free(d);
        return NULL;
    }
    return d;
}

void dns_free(struct dns *d)
{
    if (!d)
        return;
    ares_destroy(d->channel);
    free(d);
}

/* A query: one question a family, side by side, so that the answer to one need not wait for the other for
 * ever. */

struct query {
    int family; /* AF_UNSPEC: not asked */
    struct address addrs[DNS_ADDRS_MAX];
    size_t count;
    int64_t ttl;
    int status;
    bool done;
};

static void query_take(struct query *q, const struct ares_addrinfo *result)
{
    for (const struct ares_addrinfo_node *n = result->nodes; n && q->count < DNS_ADDRS_MAX; n = n->ai_next) {
        if (n->ai_family != q->family)
            continue;
        q->addrs[q->count++] = address_of(n->ai_addr);
        if (n->ai_ttl < q->ttl)
            q->ttl = n->ai_ttl;
    }
}

static void query_done(void *arg, int status, int timeouts, struct ares_addrinfo *result)
{
    struct query *q = arg;
    (void)timeouts;
    q->done = true;
    q->status = status;
    if (status == ARES_SUCCESS && result)
        query_take(q, result);
    if (q->status == ARES_SUCCESS && q->count == 0)
        q->status = ARES_ENODATA;
    ares_freeaddrinfo(result);
}

static void query_start(struct dns *d, struct query *q, const char *name, int family)
{
    struct ares_addrinfo_hints hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    *q = (struct query){.family = family, .ttl = INT64_MAX};
    ares_getaddrinfo(d->channel, name, NULL, &hints, query_done, q);
}

/* What c-ares waits for. Returns how many descriptors. */
static unsigned channel_fds(ares_channel channel, struct pollfd fds[WAIT_FDS_MAX])
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    unsigned count = 0;
    unsigned bits = (unsigned)ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
    for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; i++) { /* the library's macros shift into the sign */
        short events =
            (short)((bits >> i & 1 ? POLLIN : 0) | (bits >> (i + ARES_GETSOCK_MAXNUM) & 1 ? POLLOUT : 0));
        if (events)
            fds[count++] = (struct pollfd){.fd = sockets[i], .events = events};
    }
    return count;
}

/* When c-ares wants to be called though nothing has come, at the latest at `deadline`. */
static int64_t channel_deadline(ares_channel channel, int64_t deadline)
{
    struct timeval room, *tv = ares_timeout(channel, NULL, &room);
    if (!tv)
        return deadline;
    return deadline_min(deadline, deadline_add(deadline_now(), tv->tv_sec * NS_PER_SECOND +
                                                                   tv->tv_usec * (NS_PER_MS / 1000)));
}

/* One wait, and c-ares' share of the work after it. */
static enum wait_result channel_turn(ares_channel channel, const struct wait *w, int64_t deadline)
{
    struct pollfd fds[WAIT_FDS_MAX];
    unsigned count = channel_fds(channel, fds);
    enum wait_result result = wait_poll(w, fds, count, channel_deadline(channel, deadline));
    if (result == WAIT_CANCELLED || (result == WAIT_TIMEOUT && deadline_now() >= deadline))
        return result;
    for (unsigned i = 0; result == WAIT_READY && i < count; i++) {
        bool in = (fds[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
        bool out = (fds[i].revents & (POLLOUT | POLLERR)) != 0;
        if (in || out)
            ares_process_fd(channel, in ? fds[i].fd : ARES_SOCKET_BAD, out ? fds[i].fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    return WAIT_READY;
}

static const struct {
    int status;
    bool final;
    const char *message;
} failures[] = {
    {ARES_ENOTFOUND, true, "no such name"},
    {ARES_ENODATA, true, "the name has no address"},
    {ARES_EBADNAME, true, "not a name that the DNS can hold"},
    {ARES_EBADQUERY, true, "not a name that the DNS can hold"},
    {ARES_ESERVFAIL, false, "the resolver failed (SERVFAIL)"},
    {ARES_EREFUSED, false, "the resolver refused (REFUSED)"},
    {ARES_ETIMEOUT, false, "no answer from the resolver"},
    {ARES_ECONNREFUSED, false, "no resolver can be reached, or all failed"},
};

static bool status_is_final(int status)
{
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        if (failures[i].status == status)
            return failures[i].final;
    return false;
}

static int query_failed(const char *name, int family, int status, struct fetch_error *err)
{
    const char *wanted = family == AF_INET ? " (IPv4)" : family == AF_INET6 ? " (IPv6)" : "";
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        if (failures[i].status != status)
            continue;
        error_set(err, ERROR_DNS, PHASE_DNS, "%s: %s%s", failures[i].message, name,
                  status == ARES_ENODATA ? wanted : "");
        err->final = failures[i].final;
        return -1;
    }
    return error_set(err, ERROR_DNS, PHASE_DNS, "the resolver failed (%s): %s", ares_strerror(status), name);
}

/* Which of two failures tells more: one that may pass, then that there is no such name. */
static int status_worse(int a, int b)
{
    if (status_is_final(a) != status_is_final(b))
        return status_is_final(a) ? b : a;
    return a == ARES_ENODATA ? b : a;
}

/* What was found, the families taking turns. */
static void answer_put(struct dns_answer *answer, const struct query *queries, size_t count)
{
    answer->count = 0;
    answer->ttl = INT64_MAX;
    for (size_t i = 0; i < DNS_ADDRS_MAX; i++)
        for (const struct query *q = queries; q < queries + count; q++)
            if (i < q->count && answer->count < answer->max)
                answer->addrs[answer->count++] = q->addrs[i];
    for (const struct query *q = queries; q < queries + count; q++)
        if (q->ttl < answer->ttl)
            answer->ttl = q->ttl;
}

/* Waits for all `count` queries; once one has found something, a little longer only. */
static enum wait_result queries_wait(struct dns *d, const struct query *queries, size_t count,
                                     const struct wait *w, int64_t deadline)
{
    bool found = false;
    for (;;) {
        bool done = true;
        for (size_t i = 0; i < count; i++) {
            done = done && queries[i].done;
            if (queries[i].count > 0 && !found) {
                found = true;
                deadline = deadline_min(deadline, deadline_add(deadline_now(), DNS_OTHER_FAMILY));
            }
        }
        enum wait_result result = done ? WAIT_READY : channel_turn(d->channel, w, deadline);
        if (done || result != WAIT_READY)
            return result;
    }
}

int dns_query(struct dns *d, const char *name, int family, const struct wait *w, int64_t deadline,
              struct dns_answer *answer, struct fetch_error *err)
{
    struct query queries[2];
    size_t count = 0;
    if (family != AF_INET)
        query_start(d, &queries[count++], name, AF_INET6);
    if (family != AF_INET6)
        query_start(d, &queries[count++], name, AF_INET);
    enum wait_result result = queries_wait(d, queries, count, w, deadline);
    if (result != WAIT_READY)
        ares_cancel(d->channel);
    answer_put(answer, queries, count);
    if (result == WAIT_CANCELLED || (result == WAIT_TIMEOUT && answer->count == 0))
        return wait_failed(w, result, PHASE_DNS, err);
    if (answer->count > 0)
        return 0;
    return query_failed(name, family, status_worse(queries[0].status, queries[count - 1].status), err);
}
