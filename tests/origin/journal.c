/* The log of what was asked: a line of JSON an event, in the order of events. And what has a name: gates and
 * counters. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

#include "base/deadline.h"
#include "base/escape.h"
#include "origin.h"

struct journal {
    pthread_mutex_t lock;
    int fd;
};

struct journal *journal_open(const char *path)
{
    struct journal *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    pthread_mutex_init(&j->lock, NULL);
    j->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (j->fd < 0) {
        free(j);
        return NULL;
    }
    return j;
}

static void put_string(struct buffer *b, const char *name, const char *value)
{
    buffer_printf(b, ",\"%s\":", name);
    if (value)
        escape_json(b, span_of(value));
    else
        buffer_puts(b, "null");
}

static void put_conn(struct buffer *b, const struct conn *c)
{
    struct origin *o = c->origin;
    buffer_printf(b, ",\"conn\":%llu,\"n\":%u,\"peer\":%d,\"resumed\":%s,\"active\":%d",
                  (unsigned long long)c->id, c->requests, c->peer_port, c->resumed ? "true" : "false",
                  atomic_load(&o->active));
    put_string(b, "tls", c->wire.ssl ? SSL_get_version(c->wire.ssl) : NULL);
    put_string(b, "sni", *c->sni ? c->sni : NULL);
    put_string(b, "local", c->local);
}

static void put_request(struct buffer *b, const struct request *r)
{
    put_string(b, "host", r->host);
    put_string(b, "line", r->line);
    buffer_puts(b, ",\"headers\":[");
    for (int i = 0; i < r->header_count; i++) {
        buffer_puts(b, i ? ",[" : "[");
        escape_json(b, span_of(r->headers[i].name));
        buffer_putc(b, ',');
        escape_json(b, span_of(r->headers[i].value));
        buffer_putc(b, ']');
    }
    buffer_putc(b, ']');
}

static void journal_line(struct origin *o, struct conn *c, const char *event, const struct request *r,
                         const char *detail)
{
    struct buffer b;
    if (!o->journal)
        return;
    buffer_init(&b, 16 << 20);
    pthread_mutex_lock(&o->journal->lock);
    buffer_printf(&b, "{\"t\":%.6f", (double)deadline_now() / 1e9);
    put_string(&b, "event", event);
    if (c)
        put_conn(&b, c);
    if (r)
        put_request(&b, r);
    if (detail)
        put_string(&b, "detail", detail);
    buffer_puts(&b, "}\n");
    ssize_t n = write(o->journal->fd, b.data, b.len);
    (void)n;
    pthread_mutex_unlock(&o->journal->lock);
    buffer_free(&b);
}

void journal_event(struct conn *c, const char *event, const struct request *r, const char *detail)
{
    journal_line(c->origin, c, event, r, detail);
}

void journal_note(struct origin *o, const char *event, const char *detail)
{
    journal_line(o, NULL, event, NULL, detail);
}

enum { NAMED_MAX = 65536 };

struct named {
    struct named *next;
    unsigned count;
    bool open;
    char name[];
};

struct state {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct named *table[1024];
};

struct state *state_new(void)
{
    struct state *s = calloc(1, sizeof *s);
    if (s) {
        pthread_condattr_t attr;
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_mutex_init(&s->lock, NULL);
        pthread_cond_init(&s->changed, &attr);
    }
    return s;
}

static struct named *named_get(struct state *s, char kind, const char *name)
{
    unsigned hash = (unsigned char)kind;
    for (const char *p = name; *p; p++)
        hash = hash * 33 + (unsigned char)*p;
    struct named **at = &s->table[hash % (sizeof s->table / sizeof *s->table)];
    for (; *at; at = &(*at)->next)
        if ((*at)->name[0] == kind && strcmp((*at)->name + 1, name) == 0)
            return *at;
    *at = calloc(1, sizeof **at + strlen(name) + 2);
    if (!*at)
        abort();
    (*at)->name[0] = kind;
    memcpy((*at)->name + 1, name, strlen(name) + 1);
    return *at;
}

unsigned state_count(struct state *s, const char *name)
{
    pthread_mutex_lock(&s->lock);
    unsigned was = named_get(s, 'c', name)->count++;
    pthread_mutex_unlock(&s->lock);
    return was;
}

int state_gate(struct state *s, const char *name, unsigned count)
{
    struct timespec until;
    int failed = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 120;
    pthread_mutex_lock(&s->lock);
    struct named *gate = named_get(s, 'g', name);
    gate->count++;
    if (gate->count >= count) {
        gate->open = true;
        pthread_cond_broadcast(&s->changed);
    }
    while (!gate->open && !failed)
        failed = pthread_cond_timedwait(&s->changed, &s->lock, &until);
    if (failed)
        gate->count--;
    failed = !gate->open;
    pthread_mutex_unlock(&s->lock);
    return failed ? -1 : 0;
}
