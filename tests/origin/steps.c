#include "steps.h"

#include <stdlib.h>
#include <string.h>

#include "source.h"
#include "wire.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

size_t percent_decode(char *text)
{
    char *to = text;
    for (const char *p = text; *p; p++) {
        if (*p == '%' && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
            *to++ = (char)(hex(p[1]) * 16 + hex(p[2]));
            p += 2;
        } else {
            *to++ = *p;
        }
    }
    *to = 0;
    return (size_t)(to - text);
}

/* What a step makes of the connection. */
enum outcome { STEP_ON, STEP_ENDED, STEP_KEEP };

struct step {
    char *arg;  /* the bytes, decoded */
    size_t len; /* of arg */
    uint64_t number;
};

static enum outcome on(int result)
{
    return result < 0 ? STEP_ENDED : STEP_ON;
}

static enum outcome step_send(struct conn *c, struct step *s)
{
    return on(wire_write(&c->wire, s->arg, s->len));
}

/* Beneath TLS, where there is any. */
static enum outcome step_raw(struct conn *c, struct step *s)
{
    struct wire below = {.fd = c->wire.fd};
    return on(wire_write(&below, s->arg, s->len));
}

static enum outcome step_wait(struct conn *c, struct step *s)
{
    (void)c;
    sleep_ms((long)s->number);
    return STEP_ON;
}

static enum outcome step_drip(struct conn *c, struct step *s)
{
    for (size_t i = 0; i < s->len; i++) {
        if (wire_write(&c->wire, s->arg + i, 1) < 0)
            return STEP_ENDED;
        sleep_ms((long)s->number);
    }
    return STEP_ON;
}

static enum outcome step_repeat(struct conn *c, struct step *s)
{
    int result = 0;
    for (uint64_t i = 0; i < s->number && result == 0; i++) {
        if (buffer_append(&c->out, s->arg, s->len) < 0)
            result = wire_write(&c->wire, s->arg, s->len);
        if (c->out.len >= 65536)
            result = conn_flush(c);
    }
    return on(result < 0 ? result : conn_flush(c));
}

static enum outcome source_send(struct conn *c, struct source *from)
{
    char data[65536];
    size_t n;
    int result = 0;
    while (result == 0 && (n = source_pull(from, data, sizeof data)) > 0)
        result = wire_write(&c->wire, data, n);
    return on(result);
}

static enum outcome step_pattern(struct conn *c, struct step *s)
{
    struct source from;
    source_init_pattern(&from, s->number, "");
    return source_send(c, &from);
}

static enum outcome step_zeros(struct conn *c, struct step *s)
{
    struct source from;
    source_init_zeros(&from, s->number);
    return source_send(c, &from);
}

static enum outcome step_read(struct conn *c, struct step *s)
{
    struct request r = {0};
    (void)s;
    int got = request_read(c, &r);
    buffer_free(&r.head);
    return got ? STEP_ON : STEP_ENDED;
}

static enum outcome step_await(struct conn *c, struct step *s)
{
    (void)s;
    wire_drain(&c->wire, 120000);
    return STEP_ON;
}

static enum outcome step_close(struct conn *c, struct step *s)
{
    (void)s;
    wire_close(&c->wire);
    return STEP_ENDED;
}

static enum outcome step_abrupt(struct conn *c, struct step *s)
{
    (void)s;
    wire_abrupt(&c->wire);
    return STEP_ENDED;
}

static enum outcome step_reset(struct conn *c, struct step *s)
{
    (void)s;
    wire_reset(&c->wire);
    return STEP_ENDED;
}

static enum outcome step_shut(struct conn *c, struct step *s)
{
    (void)s;
    shutdown(c->wire.fd, SHUT_WR);
    return STEP_ON;
}

static enum outcome step_keep(struct conn *c, struct step *s)
{
    (void)c;
    (void)s;
    return STEP_KEEP;
}

static const struct {
    const char *name;
    enum outcome (*run)(struct conn *c, struct step *s);
    bool number; /* the argument starts with one, up to ':' */
} table[] = {
    {"raw", step_raw, false},     {"send", step_send, false},     {"wait", step_wait, true},
    {"drip", step_drip, true},    {"repeat", step_repeat, true},  {"pattern", step_pattern, true},
    {"zeros", step_zeros, true},  {"read", step_read, false},     {"await", step_await, false},
    {"close", step_close, false}, {"abrupt", step_abrupt, false}, {"reset", step_reset, false},
    {"shut", step_shut, false},   {"keep", step_keep, false},
};

static enum outcome step_run(struct conn *c, char *text)
{
    char *arg = strchr(text, ':');
    struct step s = {.arg = text + strlen(text)};
    if (arg) {
        *arg++ = 0;
        s.arg = arg;
    }
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(table[i].name, text) != 0)
            continue;
        if (table[i].number) {
            s.number = strtoull(s.arg, &s.arg, 10);
            s.arg += *s.arg == ':';
        }
        s.len = percent_decode(s.arg);
        return table[i].run(c, &s);
    }
    wire_write(&c->wire, "HTTP/1.1 500 unknown step\r\nConnection: close\r\n\r\n", 48);
    return STEP_ENDED;
}

bool steps_run(struct conn *c, char *text)
{
    char *rest = NULL;
    enum outcome last = STEP_ON;
    for (char *step = strtok_r(text, ";\n", &rest); step && last == STEP_ON;
         step = strtok_r(NULL, ";\n", &rest))
        if (*step != '#')
            last = step_run(c, step);
    return last == STEP_KEEP;
}
