/*
 * The command line and the ports.
 *   origin --dir DIR [--log FILE] [--port N] [--clear-port N] [--extra WORDS]... [--dns FILE] [--proxy]
 *          [--proxy-auth USER:PASSWORD] [--replies DIR]
 * Prints HTTPS=, HTTP=, PROXY=, PROXYS=, DNS= and EXTRA_WORDS= with a port each, IPV6=yes or no, then READY.
 * All ports are bound on 127.0.0.1 to 127.0.0.5, and on ::1 where there is IPv6. An extra port behaves as a
 * name with these words would.
 */
#include "origin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "authority.h"
#include "dns.h"
#include "tlsside.h"

enum { LISTENERS_MAX = 400, ADDRESSES = 6, STACK = 256 * 1024, IN_MAX = 4 << 20 };

struct listener {
    int fd;
    enum port_kind kind;
    const char *label;
};

struct ports {
    struct listener listeners[LISTENERS_MAX];
    int count;
    bool ipv6;
};

static int socket_bind(int n, int port, int type)
{
    struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    bool v6 = n == ADDRESSES - 1;
    int on = 1, fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    a4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (in_addr_t)n);
    a6.sin6_addr = in6addr_loopback;
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, v6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4, v6 ? sizeof a6 : sizeof a4) < 0 ||
        (type == SOCK_STREAM && listen(fd, 4096) < 0)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int port_of(int fd)
{
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    return getsockname(fd, (struct sockaddr *)&a, &len) < 0 ? -1 : ntohs(a.sin_port);
}

/* One port on all addresses; another one is tried when it is taken on some of them. The port, or -1. */
static int port_open(struct ports *p, enum port_kind kind, const char *label, int wanted)
{
    for (int attempt = 0; attempt < 50; attempt++) {
        int first = socket_bind(0, wanted, SOCK_STREAM), port = first < 0 ? -1 : port_of(first),
            at = p->count;
        bool whole = first >= 0;
        if (first >= 0)
            p->listeners[p->count++] = (struct listener){first, kind, label};
        for (int n = 1; whole && n < ADDRESSES; n++) {
            int fd = p->count < LISTENERS_MAX ? socket_bind(n, port, SOCK_STREAM) : -1;
            if (fd >= 0)
                p->listeners[p->count++] = (struct listener){fd, kind, label};
            else if (n < ADDRESSES - 1 || errno == EADDRINUSE)
                whole = false;
            else
                p->ipv6 = false;
        }
        if (whole)
            return port;
        while (p->count > at)
            close(p->listeners[--p->count].fd);
        if (wanted)
            return -1;
    }
    return -1;
}

static int dns_open(struct origin *o, const char *path)
{
    struct zone *zone = zone_read(path);
    for (int attempt = 0; zone && attempt < 50; attempt++) {
        int udp = socket_bind(0, 0, SOCK_DGRAM),
            tcp = udp < 0 ? -1 : socket_bind(0, port_of(udp), SOCK_STREAM);
        if (tcp >= 0)
            return dns_start(o, zone, udp, tcp) == 0 ? port_of(udp) : -1;
        close(udp);
    }
    return -1;
}

static void *conn_thread(void *arg)
{
    conn_serve(arg);
    return NULL;
}

static void addresses_fill(struct conn *c)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    if (getsockname(c->wire.fd, (struct sockaddr *)&a, &len) == 0) {
        const struct sockaddr_in *a4 = (const struct sockaddr_in *)&a;
        const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)&a;
        inet_ntop(a.ss_family, a.ss_family == AF_INET6 ? (const void *)&a6->sin6_addr : &a4->sin_addr,
                  c->local, sizeof c->local);
    }
    len = sizeof a;
    if (getpeername(c->wire.fd, (struct sockaddr *)&a, &len) == 0)
        c->peer_port = ntohs(((struct sockaddr_in *)&a)->sin_port);
}

static void listener_accept(struct origin *o, const struct listener *l, const pthread_attr_t *attr)
{
    /* cppcheck-suppress nullPointer ; accept4 allows it */
    int on = 1, fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
    struct conn *c = fd >= 0 ? calloc(1, sizeof *c) : NULL;
    pthread_t thread;
    if (!c)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->origin = o;
    c->wire.fd = fd;
    c->id = atomic_fetch_add(&o->conns, 1) + 1;
    c->kind = l->kind;
    c->label = l->label;
    buffer_init(&c->in, IN_MAX);
    buffer_init(&c->out, IN_MAX * 16);
    addresses_fill(c);
    if (pthread_create(&thread, attr, conn_thread, c) != 0) {
        close(fd);
        free(c);
    }
}

/* Accepts until standard input ends or a signal comes. */
static void ports_serve(struct origin *o, struct ports *p, int signals)
{
    struct pollfd fds[LISTENERS_MAX + 2];
    pthread_attr_t attr;
    char drop[256];
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < p->count; i++)
        fds[i] = (struct pollfd){.fd = p->listeners[i].fd, .events = POLLIN};
    fds[p->count] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    fds[p->count + 1] = (struct pollfd){.fd = signals, .events = POLLIN};
    for (;;) {
        if (poll(fds, (nfds_t)p->count + 2, -1) < 0 && errno != EINTR)
            return;
        if (fds[p->count + 1].revents ||
            (fds[p->count].revents && read(STDIN_FILENO, drop, sizeof drop) <= 0))
            return;
        for (int i = 0; i < p->count; i++)
            if (fds[i].revents)
                listener_accept(o, &p->listeners[i], &attr);
    }
}

struct settings {
    const char *log, *dns, *extras[64];
    int port, clear_port, extra_count;
    bool proxy;
};

static int settings_parse(int argc, char **argv, struct origin *o, struct settings *s)
{
    static const struct option options[] = {
        {"dir", required_argument, NULL, 'd'},     {"log", required_argument, NULL, 'l'},
        {"port", required_argument, NULL, 'p'},    {"clear-port", required_argument, NULL, 'c'},
        {"extra", required_argument, NULL, 'e'},   {"dns", required_argument, NULL, 'n'},
        {"proxy", no_argument, NULL, 'x'},         {"proxy-auth", required_argument, NULL, 'a'},
        {"replies", required_argument, NULL, 'r'}, {NULL, 0, NULL, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'd':
            o->dir = optarg;
            break;
        case 'l':
            s->log = optarg;
            break;
        case 'p':
            s->port = atoi(optarg);
            break;
        case 'c':
            s->clear_port = atoi(optarg);
            break;
        case 'n':
            s->dns = optarg;
            break;
        case 'x':
            s->proxy = true;
            break;
        case 'a':
            o->proxy_auth = optarg;
            break;
        case 'r':
            o->replies_dir = optarg;
            break;
        case 'e':
            if (s->extra_count < 64)
                s->extras[s->extra_count++] = optarg;
            break;
        default:
            return -1;
        }
    }
    if (!o->dir)
        fprintf(stderr, "origin: --dir DIR is missing\n");
    return o->dir ? 0 : -1;
}

static int port_say(const char *name, int port)
{
    if (port < 0)
        fprintf(stderr, "origin: no port for %s: %s\n", name, strerror(errno));
    else
        printf("%s=%d\n", name, port);
    return port < 0 ? -1 : 0;
}

static int ports_open(struct origin *o, const struct settings *s, struct ports *p)
{
    char name[300];
    p->ipv6 = true;
    if (port_say("HTTPS", port_open(p, PORT_HTTPS, NULL, s->port)) < 0 ||
        port_say("HTTP", port_open(p, PORT_HTTP, NULL, s->clear_port)) < 0)
        return -1;
    if (s->proxy && (port_say("PROXY", port_open(p, PORT_PROXY, NULL, 0)) < 0 ||
                     port_say("PROXYS", port_open(p, PORT_PROXYS, NULL, 0)) < 0))
        return -1;
    for (int i = 0; i < s->extra_count; i++) {
        snprintf(name, sizeof name, "EXTRA_%s", s->extras[i]);
        if (port_say(name, port_open(p, PORT_EXTRA, s->extras[i], 0)) < 0)
            return -1;
    }
    if (s->dns && port_say("DNS", dns_open(o, s->dns)) < 0)
        return -1;
    printf("IPV6=%s\nREADY\n", p->ipv6 ? "yes" : "no");
    return fflush(stdout) == 0 ? 0 : -1;
}

static void descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    struct origin o = {0};
    struct settings s = {0};
    struct ports *p = calloc(1, sizeof *p);
    sigset_t ends;
    char text[64];
    if (!p || settings_parse(argc, argv, &o, &s) < 0)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    descriptors_raise();
    o.state = state_new();
    o.journal = s.log ? journal_open(s.log) : NULL;
    o.authority = authority_new(o.dir);
    if (!o.state || !o.authority || tlsside_init(&o) < 0 || (s.log && !o.journal) ||
        ports_open(&o, &s, p) < 0) {
        fprintf(stderr, "origin: could not start\n");
        return 1;
    }
    ports_serve(&o, p, signalfd(-1, &ends, SFD_CLOEXEC));
    snprintf(text, sizeof text, "%d", atomic_load(&o.max_active));
    journal_note(&o, "max-active", text);
    _exit(0);
}
