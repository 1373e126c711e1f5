#include "replies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"
#include "steps.h"
#include "wire.h"

enum { PIECE = 65536, HOLD_MS = 120000 };

enum ending { END_WHOLE, END_CLOSE, END_STALL, END_RESET, END_ABRUPT };

struct reply {
    struct conn *c;
    struct request *r;
    char *rest, *query; /* what is left of the path; behind '?', or "" */
    int status;
    struct buffer fields;
    struct source body;
    enum { FRAME_LENGTH, FRAME_CHUNKED, FRAME_EOF, FRAME_NONE } framing;
    size_t chunk;
    enum ending ending;
    uint64_t cut; /* body bytes before the ending */
    size_t drip;
    long drip_ms, body_delay;
    bool old, close, done, kept; /* done: all is said already, kept: and the connection goes on */
    const char *codings[8];
    int coding_count;
    uint64_t cut_coded, junk;
};

/* The next segment of the path, decoded; "" at its end. */
static const char *segment(struct reply *y)
{
    char *start = y->rest, *slash = strchr(start, '/');
    if (slash) {
        *slash = 0;
        y->rest = slash + 1;
    } else {
        y->rest = start + strlen(start);
    }
    percent_decode(start);
    return start;
}

static uint64_t number(struct reply *y)
{
    return strtoull(segment(y), NULL, 10);
}

static void body_text(struct reply *y, const char *text)
{
    source_free(&y->body);
    source_init_memory(&y->body);
    buffer_puts(&y->body.memory, text);
}

static void field(struct reply *y, const char *name, const char *value)
{
    buffer_printf(&y->fields, "%s: %s\r\n", name, value);
}

/* Modifiers. */

static void mod_header(struct reply *y)
{
    const char *name = segment(y), *value = segment(y);
    field(y, name, value);
}

static void mod_delay(struct reply *y)
{
    sleep_ms((long)number(y));
}

static void mod_bodydelay(struct reply *y)
{
    y->body_delay = (long)number(y);
}

static void mod_drip(struct reply *y)
{
    y->drip = (size_t)number(y);
    y->drip_ms = (long)number(y);
}

static void mod_chunked(struct reply *y)
{
    y->framing = FRAME_CHUNKED;
    y->chunk = (size_t)number(y);
}

static void mod_eof(struct reply *y)
{
    y->framing = FRAME_EOF;
    y->close = true;
}

static void mod_http10(struct reply *y)
{
    y->old = true;
}

static void mod_close(struct reply *y)
{
    y->close = true;
    field(y, "Connection", "close");
}

static void mod_coded(struct reply *y)
{
    field(y, "Content-Encoding", segment(y));
}

static void mod_cutcoded(struct reply *y)
{
    y->cut_coded = number(y);
}

static void mod_junk(struct reply *y)
{
    y->junk = number(y);
}

static void cut(struct reply *y, enum ending ending)
{
    y->ending = ending;
    y->cut = number(y);
}

static void mod_truncate(struct reply *y)
{
    cut(y, END_CLOSE);
}

static void mod_stall(struct reply *y)
{
    cut(y, END_STALL);
}

static void mod_reset(struct reply *y)
{
    cut(y, END_RESET);
}

static void mod_abrupt(struct reply *y)
{
    cut(y, END_ABRUPT);
}

static void mod_gate(struct reply *y)
{
    unsigned count = (unsigned)number(y);
    if (state_gate(y->c->origin->state, segment(y), count) < 0) {
        y->status = 504;
        body_text(y, "the gate did not open\n");
        y->rest += strlen(y->rest);
    }
}

static void mod_flaky(struct reply *y)
{
    unsigned times = (unsigned)number(y);
    int code = (int)number(y);
    if (state_count(y->c->origin->state, segment(y)) < times) {
        y->status = code;
        y->rest += strlen(y->rest);
        body_text(y, "not yet\n");
    }
}

static void mod_retryafter(struct reply *y)
{
    field(y, "Retry-After", segment(y));
}

static void mod_hints(struct reply *y)
{
    for (uint64_t n = number(y); n > 0; n--)
        buffer_puts(&y->c->out, "HTTP/1.1 103 Early Hints\r\nLink: </x.css>; rel=preload\r\n\r\n");
}

static void mod_fields(struct reply *y)
{
    uint64_t n = number(y);
    for (uint64_t i = 0; i < n; i++)
        buffer_printf(&y->fields, "X-Field-%llu: %llu\r\n", (unsigned long long)i, (unsigned long long)i);
}

static void mod_bigfield(struct reply *y)
{
    uint64_t n = number(y);
    buffer_puts(&y->fields, "X-Big: ");
    for (uint64_t i = 0; i < n; i++)
        buffer_putc(&y->fields, 'x');
    buffer_puts(&y->fields, "\r\n");
}

static void mod_cookie(struct reply *y)
{
    field(y, "Set-Cookie", segment(y));
}

/* Answers. */

static void ans_ok(struct reply *y)
{
    body_text(y, "ok\n");
}

static void ans_empty(struct reply *y)
{
    body_text(y, "");
}

static void ans_status(struct reply *y)
{
    y->status = (int)number(y);
    body_text(y, "status\n");
    if (y->status == 204 || y->status == 304)
        y->framing = FRAME_NONE;
}

static void ans_bytes(struct reply *y)
{
    uint64_t len = number(y);
    const char *seed = segment(y);
    source_free(&y->body);
    source_init_pattern(&y->body, len, seed);
}

static void ans_zeros(struct reply *y)
{
    source_free(&y->body);
    source_init_zeros(&y->body, number(y));
}

static void ans_text(struct reply *y)
{
    body_text(y, segment(y));
}

static void ans_echo(struct reply *y)
{
    body_text(y, y->r->line);
    for (int i = 0; i < y->r->header_count; i++)
        buffer_printf(&y->body.memory, "\n%s: %s", y->r->headers[i].name, y->r->headers[i].value);
    buffer_putc(&y->body.memory, '\n');
}

static void ans_host(struct reply *y)
{
    body_text(y, y->r->host);
}

static void ans_conn(struct reply *y)
{
    char text[64];
    snprintf(text, sizeof text, "%llu %u\n", (unsigned long long)y->c->id, y->c->requests);
    body_text(y, text);
}

static void ans_redirect(struct reply *y)
{
    y->status = (int)number(y);
    if (strncmp(y->query, "to=", 3) == 0) {
        percent_decode(y->query + 3);
        field(y, "Location", y->query + 3);
    }
    body_text(y, "elsewhere\n");
}

static void ans_loop(struct reply *y)
{
    char next[64];
    uint64_t n = number(y);
    if (n == 0) {
        ans_ok(y);
        return;
    }
    snprintf(next, sizeof next, "/loop/%llu", (unsigned long long)n - 1);
    y->status = 302;
    field(y, "Location", next);
    body_text(y, "on\n");
}

static void ans_script(struct reply *y)
{
    conn_flush(y->c);
    y->kept = steps_run(y->c, y->query);
    y->done = true;
}

static void ans_case(struct reply *y)
{
    const char *name = segment(y), *dir = y->c->origin->replies_dir;
    char path[4096], data[PIECE];
    struct buffer text;
    size_t n;
    snprintf(path, sizeof path, "%s/%s", dir ? dir : "/nonexistent", name);
    FILE *f = strchr(name, '/') ? NULL : fopen(path, "re");
    if (!f) {
        y->status = 404;
        body_text(y, "no such case\n");
        return;
    }
    buffer_init(&text, 64 << 20);
    while ((n = fread(data, 1, sizeof data, f)) > 0)
        buffer_append(&text, data, n);
    fclose(f);
    conn_flush(y->c);
    if (buffer_terminate(&text) == 0)
        y->kept = steps_run(y->c, (char *)text.data);
    y->done = true;
    buffer_free(&text);
}

static void ans_none(struct reply *y)
{
    y->status = 404;
    body_text(y, "no such reply\n");
}

struct entry {
    const char *name;
    void (*run)(struct reply *y);
};

static const struct entry modifiers[] = {
    {"header", mod_header},     {"delay", mod_delay},     {"bodydelay", mod_bodydelay},
    {"drip", mod_drip},         {"chunked", mod_chunked}, {"eof", mod_eof},
    {"http10", mod_http10},     {"close", mod_close},     {"coded", mod_coded},
    {"cutcoded", mod_cutcoded}, {"junk", mod_junk},       {"truncate", mod_truncate},
    {"stall", mod_stall},       {"reset", mod_reset},     {"abrupt", mod_abrupt},
    {"gate", mod_gate},         {"flaky", mod_flaky},     {"retryafter", mod_retryafter},
    {"hints", mod_hints},       {"fields", mod_fields},   {"bigfield", mod_bigfield},
    {"cookie", mod_cookie},     {"status", ans_status},
};

static const struct entry answers[] = {
    {"ok", ans_ok},     {"empty", ans_empty},       {"bytes", ans_bytes}, {"zeros", ans_zeros},
    {"text", ans_text}, {"echo", ans_echo},         {"host", ans_host},   {"conn", ans_conn},
    {"loop", ans_loop}, {"redirect", ans_redirect}, {"case", ans_case},   {"script", ans_script},
};

static const struct entry *entry_find(const struct entry *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

static void path_walk(struct reply *y)
{
    while (*y->rest && !y->done) {
        const char *name = segment(y);
        const struct entry *e = entry_find(modifiers, sizeof modifiers / sizeof *modifiers, name);
        if (e) {
            e->run(y);
            continue;
        }
        if (source_coding_name(name) && y->coding_count < 8) {
            y->codings[y->coding_count++] = name;
            continue;
        }
        e = entry_find(answers, sizeof answers / sizeof *answers, name);
        (e ? e->run : ans_none)(y);
        return;
    }
}

/* Applies the codings and what is wrong with them; their names become one field. */
static void body_encode(struct reply *y)
{
    char names[200] = "";
    for (int i = 0; i < y->coding_count; i++) {
        if (source_encode(&y->body, y->codings[i]) < 0)
            y->status = 501;
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ", " : "",
                 source_coding_name(y->codings[i]));
    }
    if (y->coding_count == 0)
        return;
    field(y, "Content-Encoding", names);
    y->body.memory.len -= y->cut_coded < y->body.memory.len ? (size_t)y->cut_coded : y->body.memory.len;
    for (uint64_t i = 0; i < y->junk; i++)
        buffer_putc(&y->body.memory, (unsigned char)(i * 37 + 1));
}

static const char *reason(int status)
{
    return status < 300 ? "OK" : status < 400 ? "Elsewhere" : status < 500 ? "Not That" : "Not Now";
}

static void head_put(struct reply *y)
{
    struct buffer *out = &y->c->out;
    buffer_printf(out, "HTTP/1.%d %d %s\r\nServer: origin\r\n", y->old ? 0 : 1, y->status, reason(y->status));
    if (y->fields.len)
        buffer_append(out, y->fields.data, y->fields.len);
    uint64_t len = y->body.kind == SOURCE_MEMORY ? y->body.memory.len : y->body.left;
    if (y->framing == FRAME_LENGTH)
        buffer_printf(out, "Content-Length: %llu\r\n", (unsigned long long)len);
    else if (y->framing == FRAME_CHUNKED)
        buffer_puts(out, "Transfer-Encoding: chunked\r\n");
    buffer_puts(out, "\r\n");
}

/* The body piece by piece until its end or the cut. 0, or -1 when the peer is gone. */
static int body_put(struct reply *y)
{
    char data[PIECE];
    size_t most = y->framing == FRAME_CHUNKED && y->chunk && y->chunk < PIECE ? y->chunk : PIECE;
    uint64_t sent = 0;
    if (y->drip && y->drip < most)
        most = y->drip;
    for (;;) {
        size_t want = most;
        if (y->ending != END_WHOLE && y->cut - sent < want)
            want = (size_t)(y->cut - sent);
        size_t n = want ? source_pull(&y->body, data, want) : 0;
        if (n == 0)
            break;
        if (y->framing == FRAME_CHUNKED)
            buffer_printf(&y->c->out, "%zx\r\n", n);
        buffer_append(&y->c->out, data, n);
        if (y->framing == FRAME_CHUNKED)
            buffer_puts(&y->c->out, "\r\n");
        sent += n;
        if ((y->c->out.len >= PIECE || y->drip_ms) && conn_flush(y->c) < 0)
            return -1;
        if (y->drip_ms)
            sleep_ms(y->drip_ms);
    }
    if (y->framing == FRAME_CHUNKED && y->ending == END_WHOLE)
        buffer_puts(&y->c->out, "0\r\n\r\n");
    return 0;
}

static void ending_do(struct reply *y)
{
    struct wire *w = &y->c->wire;
    conn_flush(y->c);
    if (y->ending == END_STALL)
        wire_drain(w, HOLD_MS);
    if (y->ending == END_RESET) {
        sleep_ms(50); /* what was sent is to arrive first */
        wire_reset(w);
    } else if (y->ending == END_CLOSE) {
        wire_close(w);
    } else {
        wire_abrupt(w);
    }
}

/* Sends what the path has described. True if the connection goes on. */
static bool reply_finish(struct reply *y)
{
    body_encode(y);
    head_put(y);
    if (y->body_delay || y->drip_ms) {
        if (conn_flush(y->c) < 0)
            return false;
        sleep_ms(y->body_delay);
    }
    if (y->framing != FRAME_NONE && body_put(y) < 0)
        return false;
    if (y->ending != END_WHOLE) {
        ending_do(y);
        return false;
    }
    return conn_flush(y->c) == 0 && !y->close && !y->old;
}

/* go-delay-50-ok.test asked for "/" is /delay/50/ok. */
static char *path_of(struct request *r)
{
    char *path = r->target;
    char *host = r->host;
    if (strcmp(path, "/") != 0 || strncmp(host, "go-", 3) != 0)
        return strdup(path + (*path == '/'));
    size_t len = strcspn(host + 3, ".");
    char *copy = strndup(host + 3, len);
    for (char *p = copy; copy && *p; p++)
        if (*p == '-')
            *p = '/';
    return copy;
}

bool reply_send(struct conn *c, struct request *r)
{
    struct reply y = {.c = c, .r = r, .status = 200, .query = (char *)""};
    char *path = path_of(r), *mark = path ? strchr(path, '?') : NULL;
    const char *connection = request_header(r, "Connection");
    if (!path)
        return false;
    if (mark) {
        *mark = 0;
        y.query = mark + 1;
    }
    y.rest = path;
    buffer_init(&y.fields, 64 << 20);
    source_init_memory(&y.body);
    buffer_puts(&y.body.memory, "hello\n");
    if ((connection && strcasecmp(connection, "close") == 0) || strcmp(r->version, "HTTP/1.0") == 0)
        y.close = true;
    path_walk(&y);
    bool on = y.done ? y.kept : reply_finish(&y);
    source_free(&y.body);
    buffer_free(&y.fields);
    free(path);
    return on;
}
