#include "proxy.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "wire.h"

static bool say(struct conn *c, const char *text)
{
    return wire_write(&c->wire, text, strlen(text)) == 0;
}

static bool refuse(struct conn *c, int status, const char *field)
{
    char text[300];
    snprintf(text, sizeof text,
             "HTTP/1.1 %d Proxy Says No\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n", status, field);
    say(c, text);
    return false;
}

/* True if what was asked for is to fail, and has. */
static bool misbehaved(struct conn *c, const char *host)
{
    if (strncmp(host, "proxy", 5) != 0)
        return false;
    const char *what = host + 5;
    if (*what >= '1' && *what <= '9')
        refuse(c, atoi(what), atoi(what) == 407 ? "Proxy-Authenticate: Basic realm=\"x\"\r\n" : "");
    else if (strncmp(what, "hang", 4) == 0)
        wire_drain(&c->wire, 120000);
    else if (strncmp(what, "reset", 5) == 0)
        wire_reset(&c->wire);
    else if (strncmp(what, "close", 5) == 0)
        wire_close(&c->wire);
    else if (strncmp(what, "garbage", 7) == 0)
        say(c, "\x15\x03\x03 this is no proxy\r\n\r\n");
    else if (strncmp(what, "huge", 4) == 0)
        while (say(c, "HTTP/1.1 200 OK\r\nX-Proxy: 0123456789012345678901234567890123456789\r\n"))
            ;
    else
        return false;
    return true;
}

static bool authorized(const struct origin *o, const struct request *r)
{
    char text[1024] = "Basic ";
    const char *given = request_header(r, "Proxy-Authorization");
    if (!o->proxy_auth)
        return true;
    EVP_EncodeBlock((unsigned char *)text + 6, (const unsigned char *)o->proxy_auth,
                    (int)strlen(o->proxy_auth));
    return given && strcmp(given, text) == 0;
}

/* "host:port" or "[v6]:port" to a connected socket, or -1. */
static int dial(const char *authority)
{
    char host[NAME_MAX_LEN];
    struct sockaddr_in a4 = {.sin_family = AF_INET};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6};
    const char *colon = strrchr(authority, ':');
    size_t len = colon ? (size_t)(colon - authority) : 0;
    if (!colon || len >= sizeof host)
        return -1;
    memcpy(host, authority, len);
    host[len] = 0;
    in_port_t port = htons((uint16_t)atoi(colon + 1));
    bool v6 = host[0] == '[';
    if (v6 && len > 2) {
        host[len - 1] = 0;
        inet_pton(AF_INET6, host + 1, &a6.sin6_addr);
        a6.sin6_port = port;
    } else if (inet_pton(AF_INET, host, &a4.sin_addr) != 1) {
        a4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    a4.sin_port = port;
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 &&
        connect(fd, v6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4, v6 ? sizeof a6 : sizeof a4) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Carries bytes both ways until one side ends. */
static void relay(struct conn *c, int fd)
{
    char data[65536];
    struct wire up = {.fd = fd};
    if (c->in.len && wire_write(&up, c->in.data, c->in.len) < 0)
        return;
    buffer_clear(&c->in);
    for (;;) {
        struct pollfd p[2] = {{.fd = c->wire.fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
        bool pending = c->wire.ssl && SSL_pending(c->wire.ssl) > 0;
        if (poll(p, 2, pending ? 0 : 120000) < 0 || (!pending && !p[0].revents && !p[1].revents))
            return;
        if (pending || p[0].revents) {
            ssize_t n = wire_read(&c->wire, data, sizeof data);
            if (n <= 0 || wire_write(&up, data, (size_t)n) < 0)
                return;
        }
        if (p[1].revents) {
            ssize_t n = wire_read(&up, data, sizeof data);
            if (n <= 0 || wire_write(&c->wire, data, (size_t)n) < 0)
                return;
        }
    }
}

static bool tunnel(struct conn *c, struct request *r)
{
    int fd = dial(r->target);
    if (fd < 0)
        return refuse(c, 502, "");
    if (strncmp(r->target, "proxyslow", 9) == 0)
        sleep_ms(300);
    const char *extra = strncmp(r->target, "proxybody", 9) == 0 ? "Content-Length: 5\r\n" : "";
    buffer_printf(&c->out, "HTTP/1.1 200 Connection Established\r\n%s\r\n", extra);
    if (strncmp(r->target, "proxyearly", 10) == 0)
        buffer_puts(&c->out, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    if (conn_flush(c) == 0)
        relay(c, fd);
    close(fd);
    return false;
}

/* http://host[:port]/path: the same request in origin-form, one a connection. */
static bool forward(struct conn *c, struct request *r)
{
    char authority[NAME_MAX_LEN], data[65536];
    char *host = r->target + 7, *path = strpbrk(host, "/?");
    size_t len = path ? (size_t)(path - host) : strlen(host);
    snprintf(authority, sizeof authority, "%.*s", (int)len, host);
    if (!strchr(authority, ':'))
        snprintf(authority + strlen(authority), sizeof authority - strlen(authority), ":80");
    struct wire up = {.fd = dial(authority)};
    if (up.fd < 0)
        return refuse(c, 502, "");
    buffer_printf(&c->out, "%s %s%s HTTP/1.1\r\n", r->method, path && *path == '/' ? "" : "/",
                  path ? path : "");
    for (int i = 0; i < r->header_count; i++)
        if (strncasecmp(r->headers[i].name, "Proxy-", 6) != 0 &&
            strcasecmp(r->headers[i].name, "Connection") != 0)
            buffer_printf(&c->out, "%s: %s\r\n", r->headers[i].name, r->headers[i].value);
    buffer_puts(&c->out, "Via: 1.1 origin\r\nConnection: close\r\n\r\n");
    int result = wire_write(&up, c->out.data, c->out.len);
    buffer_clear(&c->out);
    ssize_t n;
    while (result == 0 && (n = wire_read(&up, data, sizeof data)) > 0)
        result = wire_write(&c->wire, data, (size_t)n);
    close(up.fd);
    return false;
}

bool proxy_serve(struct conn *c, struct request *r)
{
    bool connects = strcmp(r->method, "CONNECT") == 0;
    if (!authorized(c->origin, r))
        return refuse(c, 407, "Proxy-Authenticate: Basic realm=\"origin\"\r\n");
    if (!connects && strncmp(r->target, "http://", 7) != 0)
        return refuse(c, 400, "");
    if (misbehaved(c, connects ? r->target : r->target + 7))
        return false;
    return connects ? tunnel(c, r) : forward(c, r);
}
