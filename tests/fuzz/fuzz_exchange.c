/*
 * A whole exchange, from the bytes of a connection to what the sink is handed: the first byte picks options
 * and how the connection ends, the second the size of the pieces, the rest is what the server sends. Whole
 * and in pieces it must come to the same, and no more than --max-size is handed over.
 */
#include "fetch/fetcher.h"
#include "support/sane_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SMALL = 100, IN_MAX = 512 * 1024 };

/* A connection that says what is in memory, and then ends. */
struct memory {
    struct stream base;
    struct span left;
    size_t piece;
    bool clean;
};

static ptrdiff_t memory_read(struct stream *s, void *into, size_t size, const struct wait *w,
                             enum error_phase phase, struct fetch_error *err)
{
    struct memory *m = (struct memory *)s;
    (void)w;
    if (m->left.len == 0)
        return m->clean ? STREAM_EOF : error_set(err, ERROR_TRUNCATED, phase, "connection reset");
    size_t n = m->left.len < m->piece ? m->left.len : m->piece;
    if (n > size)
        n = size;
    memcpy(into, m->left.data, n);
    m->left = span_make(m->left.data + n, m->left.len - n);
    return (ptrdiff_t)n;
}

static ptrdiff_t memory_write(struct stream *s, const void *data, size_t len, const struct wait *w,
                              enum error_phase phase, struct fetch_error *err)
{
    (void)s, (void)data, (void)w, (void)phase, (void)err;
    return (ptrdiff_t)len;
}

static void memory_close(struct stream *s)
{
    free(s);
}

static const struct stream_type memory_type = {
    .read = memory_read,
    .write = memory_write,
    .close = memory_close,
};

/* What came of it. */
struct outcome {
    enum exchange_end end;
    struct fetch_error err;
    int status;
    unsigned heads, hops;
    uint64_t body, wire; /* FNV-1a over the bytes */
    uint64_t body_bytes, bytes;
    char path[PATH_BYTES_MAX + 1]; /* where a redirect leads */
    char sha256[65], sha1[33];
};

static uint64_t mixed(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ p[i]) * UINT64_C(1099511628211);
    return hash;
}

static void look_at(const struct fetch_head *head)
{
    struct unpack u = unpack_begin(head->fields);
    for (uint32_t i = 0; i < head->field_count; i++) {
        (void)unpack_bytes(&u, SIZE_MAX);
        (void)unpack_bytes(&u, SIZE_MAX);
    }
    must(unpack_complete(&u), "count of fields");
    must(head->status >= 100 && head->status <= 999 && head->status != 101, "status");
}

static int sink_hop(void *arg, const struct fetch_head *hop)
{
    struct outcome *o = arg;
    look_at(hop);
    o->hops++;
    return 0;
}

static int sink_head(void *arg, const struct fetch_head *head)
{
    struct outcome *o = arg;
    look_at(head);
    must(o->heads++ == 0 && o->hops == 0, "a second head");
    return 0;
}

static int sink_body(void *arg, const void *data, size_t len)
{
    struct outcome *o = arg;
    must(o->heads == 1 && len > 0, "body without a head");
    o->body = mixed(o->body, data, len);
    o->body_bytes += len;
    return 0;
}

static int sink_wire(void *arg, const void *data, size_t len)
{
    struct outcome *o = arg;
    o->wire = mixed(o->wire, data, len);
    return 0;
}

static struct connection *connection_to(struct span bytes, size_t piece, bool clean)
{
    struct connection *c = calloc(1, sizeof *c);
    struct memory *m = calloc(1, sizeof *m);
    must(c && m, "memory");
    *m = (struct memory){
        .base = {.type = &memory_type, .fd = -1}, .left = bytes, .piece = piece, .clean = clean};
    c->stream = &m->base;
    return c;
}

static void run(struct outcome *o, const struct fetch_shared *shared, struct span bytes, size_t piece,
                bool clean)
{
    const struct fetch_sink sink = {sink_hop, sink_head, sink_body, sink_wire, NULL, NULL, NULL, -1, o};
    struct fetcher f = {.shared = shared, .idle = idle_new(0, 1)};
    struct fetch_result result = {.started_us = 1};
    struct get g = {.f = &f, .config = &shared->config, .sink = &sink, .result = &result};
    struct target next = {0};
    g.wait = (struct wait){.timeout = NS_PER_SECOND, .phase = DEADLINE_NEVER, .whole = DEADLINE_NEVER};
    *o = (struct outcome){.body = 1, .wire = 1};
    buffer_init(&f.in, IN_MAX);
    buffer_init(&f.request, IN_MAX);
    response_init(&f.response);
    must(target_parse_url(&g.now, span_of("https://a.test/b/c?d"), &o->err) == 0, "target");
    o->end = get_exchange(&g, connection_to(bytes, piece, clean), &next, &o->err);
    o->status = result.status;
    o->bytes = result.bytes;
    memcpy(o->sha256, result.sha256, sizeof o->sha256);
    memcpy(o->sha1, result.payload_sha1, sizeof o->sha1);
    if (o->end == EXCHANGE_REDIRECT) {
        sane_target(&next);
        snprintf(o->path, sizeof o->path, "%s", next.path);
        target_free(&next);
    }
    must(f.in.len == 0, "bytes kept for the next exchange");
    target_free(&g.now);
    response_free(&f.response);
    buffer_free(&f.request);
    buffer_free(&f.in);
    idle_free(f.idle);
}

static void check(const struct outcome *o, const struct fetch_shared *shared)
{
    must(o->end != EXCHANGE_STALE, "stale, and never used before");
    must((o->end == EXCHANGE_FAILED) == (o->err.kind != ERROR_NONE), "an error, and none");
    must(o->err.kind == ERROR_NONE || o->err.message[0], "no reason");
    must(o->body_bytes == o->bytes && o->bytes <= shared->config.max_size, "bytes handed over");
    must(o->end != EXCHANGE_REDIRECT || (o->hops == 1 && o->heads == 0), "a redirect's hop");
    must(o->end != EXCHANGE_DONE || (o->heads == 1 && o->status >= 200), "an answer's head");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole, pieces;
    static struct fetch_shared shared;
    if (size < 3)
        return 0;
    shared.config = (struct fetch_config){
        .compressed = data[0] & 1,
        .location = data[0] & 2,
        .max_redirs = data[0] & 64 ? 0 : 5,
        .want_wire = data[0] & 4,
        .fail = data[0] & 8,
        .max_size = data[0] & 16 ? SMALL : 1 << 20,
        .want_sha256 = data[0] & 128,
        .want_body = true,
        .keepalive = true,
        .agent = "x",
    };
    struct span bytes = span_make(data + 2, size - 2);
    run(&whole, &shared, bytes, bytes.len, !(data[0] & 32));
    run(&pieces, &shared, bytes, 1 + data[1] % 32, !(data[0] & 32));
    check(&whole, &shared);
    check(&pieces, &shared);
    must(whole.end == pieces.end, "the outcome depends on the pieces");
    if (shared.config.compressed && whole.end == EXCHANGE_FAILED)
        return 0; /* what a decoder has made when it meets its error is up to the pieces */
    must(whole.err.kind == pieces.err.kind && strcmp(whole.err.message, pieces.err.message) == 0,
         "the end depends on the pieces");
    must(whole.status == pieces.status && whole.bytes == pieces.bytes && whole.body == pieces.body,
         "the body depends on the pieces");
    must(strcmp(whole.path, pieces.path) == 0, "the redirect depends on the pieces");
    if (whole.end == EXCHANGE_DONE)
        must(whole.wire == pieces.wire && strcmp(whole.sha256, pieces.sha256) == 0 &&
                 strcmp(whole.sha1, pieces.sha1) == 0,
             "the digests depend on the pieces");
    return 0;
}
