/* Reads requests off a connection and has them answered, until one of them ends it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "proxy.h"
#include "replies.h"
#include "tlsside.h"
#include "wire.h"

enum { HEAD_MAX = 1 << 20 };

/* Takes bytes up to the empty line into r->head, NUL-terminated. 1, or 0 at the end of the connection. */
static int head_read(struct conn *c, struct request *r)
{
    size_t looked = 0;
    for (;;) {
        const char *end =
            c->in.len > looked ? memmem(c->in.data + looked, c->in.len - looked, "\r\n\r\n", 4) : NULL;
        if (end) {
            size_t len = (size_t)(end - (const char *)c->in.data) + 4;
            if (buffer_append(&r->head, c->in.data, len - 4) < 0 || buffer_terminate(&r->head) < 0)
                return 0;
            buffer_consume(&c->in, len);
            return 1;
        }
        looked = c->in.len > 3 ? c->in.len - 3 : 0;
        if (buffer_reserve(&c->in, 4096) < 0)
            return 0;
        ssize_t n = wire_read(&c->wire, c->in.data + c->in.len, 4096);
        if (n <= 0)
            return 0;
        c->in.len += (size_t)n;
    }
}

static void field_split(struct request *r, char *line)
{
    char *colon = strchr(line, ':');
    if (!colon || r->header_count == HEADERS_MAX)
        return;
    *colon++ = 0;
    r->headers[r->header_count].name = line;
    r->headers[r->header_count++].value = colon + strspn(colon, " \t");
}

const char *request_header(const struct request *r, const char *name)
{
    for (int i = 0; i < r->header_count; i++)
        if (strcasecmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    return NULL;
}

/* "METHOD TARGET VERSION" is kept whole as the line, and split in a copy behind the head. */
static int line_split(struct request *r, char *line)
{
    size_t len = strlen(line);
    if (buffer_reserve(&r->head, len + 2) < 0)
        return 0;
    char *first = strchr(line, ' '), *second = first ? strchr(first + 1, ' ') : NULL;
    if (!second)
        return 0;
    r->line = line;
    char *copy = memcpy(r->head.data + r->head.len + 1, line, len + 1);
    copy[first - line] = 0;
    copy[second - line] = 0;
    r->method = copy;
    r->target = copy + (first - line) + 1;
    r->version = copy + (second - line) + 1;
    return 1;
}

int request_read(struct conn *c, struct request *r)
{
    buffer_free(&r->head);
    memset(r, 0, sizeof *r);
    buffer_init(&r->head, 3 * HEAD_MAX);
    if (!head_read(c, r) || buffer_reserve(&r->head, r->head.len + 2) < 0)
        return 0;
    char *text = (char *)r->head.data, *next = strstr(text, "\r\n");
    if (next)
        *next = 0;
    if (!line_split(r, text))
        return 0;
    while (next) {
        char *line = next + 2;
        next = strstr(line, "\r\n");
        if (next)
            *next = 0;
        field_split(r, line);
    }
    const char *host = request_header(r, "Host");
    snprintf(r->host, sizeof r->host, "%s", host ? host : "");
    c->requests++;
    return 1;
}

static void active_raise(struct origin *o)
{
    int now = atomic_fetch_add(&o->active, 1) + 1, most = atomic_load(&o->max_active);
    while (now > most && !atomic_compare_exchange_weak(&o->max_active, &most, now))
        ;
}

static void requests_serve(struct conn *c)
{
    struct request r = {0};
    bool on = true;
    while (on && request_read(c, &r)) {
        active_raise(c->origin);
        bool proxied = c->kind == PORT_PROXY || c->kind == PORT_PROXYS;
        journal_event(c, proxied ? "proxy" : "request", &r, NULL);
        on = proxied ? proxy_serve(c, &r) : reply_send(c, &r);
        atomic_fetch_sub(&c->origin->active, 1);
        journal_event(c, "done", NULL, r.host);
    }
    buffer_free(&r.head);
}

void conn_serve(struct conn *c)
{
    journal_event(c, "open", NULL, NULL);
    bool tls = c->kind == PORT_HTTPS || c->kind == PORT_PROXYS || c->kind == PORT_EXTRA;
    if (!tls || tlsside_accept(c) == 0)
        requests_serve(c);
    wire_close(&c->wire);
    journal_event(c, "end", NULL, c->wire.told ? "close_notify" : NULL);
    buffer_free(&c->in);
    buffer_free(&c->out);
    free(c);
}
