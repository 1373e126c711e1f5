/* A request and its response: from the bytes on the stream to what the sink is handed. */
#include "fetch/fetcher.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "fetch/body.h"
#include "fetch/coding.h"
#include "fetch/retry_after.h"

enum {
    DRAIN_MAX = 64 * 1024, /* of a body nobody wants, to keep the connection */
};

/* How far the response has come. */
struct exchange {
    struct get *g;
    struct connection *c;
    size_t at; /* where in f->in the body goes on: behind the head, until that is dropped together with it */
    struct framing framing;
    struct body body;
    struct coding *coding;
    EVP_MD_CTX *sha256, *sha1; /* NULL: not asked for */
    uint64_t wire;             /* de-chunked bytes so far */
    bool deliver;              /* the body is the target's, not a hop's or a refused one's */
};

/* ---- Handing over: time that the receiver takes counts against no deadline ---- */

static int sink_gone(struct get *g, struct fetch_error *err)
{
    g->gone = true;
    return error_set(err, ERROR_CANCELLED, PHASE_BODY, "nobody takes the result any more");
}

static int hand_bytes(struct get *g, int (*to)(void *, const void *, size_t), const void *data, size_t len,
                      struct fetch_error *err)
{
    if (len == 0 || !to)
        return 0;
    int64_t since = deadline_coarse();
    int r = to(g->sink->arg, data, len);
    get_give_back(g, since);
    return r < 0 ? sink_gone(g, err) : 0;
}

static int hand_head(struct get *g, int (*to)(void *, const struct fetch_head *),
                     const struct fetch_head *head, struct fetch_error *err)
{
    int64_t since = deadline_coarse();
    int r = to(g->sink->arg, head);
    get_give_back(g, since);
    return r < 0 ? sink_gone(g, err) : 0;
}

/* ---- The head ---- */

/* Reads more into f->in. As stream_read. */
static ptrdiff_t read_more(struct exchange *x, enum error_phase phase, struct fetch_error *err)
{
    struct buffer *in = &x->g->f->in;
    if (buffer_reserve(in, READ_SIZE) < 0)
        return error_set(err, ERROR_HTTP, phase, "the response's head is too large");
    ptrdiff_t n = stream_read(x->c->stream, in->data + in->len, READ_SIZE, &x->g->wait, phase, err);
    if (n > 0)
        in->len += (size_t)n;
    return n;
}

/* True if the failure means that a kept-alive connection had been closed by the server meanwhile (RFC
 * 9112 9.3.1). */
static bool is_stale(const struct exchange *x, const struct fetch_error *err)
{
    return x->c->reused && x->g->f->in.len == 0 && err->kind == ERROR_TRUNCATED;
}

static int read_first_byte(struct exchange *x, struct fetch_error *err)
{
    struct get *g = x->g;
    ptrdiff_t n = read_more(x, PHASE_HEADERS, err);
    if (n == STREAM_EOF)
        return error_set(err, ERROR_TRUNCATED, PHASE_HEADERS,
                         "the connection was closed before any response");
    if (n < 0)
        return -1;
    g->result->ns_first_byte = deadline_now() - g->start;
    return 0;
}

/* Reads one head, interim or not. f->in then starts with it, *ret_used bytes long. */
static int read_head(struct exchange *x, size_t *ret_used, struct fetch_error *err)
{
    struct fetcher *f = x->g->f;
    response_reset(&f->response);
    for (;;) {
        enum parse_result result =
            f->in.len ? response_parse(&f->response, buffer_span(&f->in), ret_used, err) : PARSE_MORE;
        if (result != PARSE_MORE)
            return result == PARSE_DONE ? 0 : -1;
        ptrdiff_t n = read_more(x, PHASE_HEADERS, err);
        if (n == STREAM_EOF)
            return error_set(err, ERROR_TRUNCATED, PHASE_HEADERS,
                             "the connection was closed in the middle of the head, after %zu bytes",
                             f->in.len);
        if (n < 0)
            return -1;
    }
}

static int read_final_head(struct exchange *x, size_t *ret_used, struct fetch_error *err)
{
    struct fetcher *f = x->g->f;
    for (int interim = 0; interim <= RESPONSE_INTERIM_MAX; interim++) {
        if (read_head(x, ret_used, err) < 0)
            return -1;
        if (!response_is_interim(&f->response))
            return response_framing(&f->response, METHOD_GET, &x->framing, err);
        get_note(x->g, "interim response %d", f->response.status);
        buffer_consume(&f->in, *ret_used);
    }
    return error_set(err, ERROR_HTTP, PHASE_HEADERS, "more than %d interim responses", RESPONSE_INTERIM_MAX);
}

static int send_request(struct exchange *x, struct fetch_error *err)
{
    struct get *g = x->g;
    struct fetcher *f = g->f;
    const struct proxy *proxy = x->c->absolute ? proxy_for(f->shared->proxies, &g->now) : NULL;
    if (request_build(&f->request, g, x->c->absolute, proxy ? proxy->authorization : NULL) < 0)
        return error_set(err, ERROR_HTTP, PHASE_SEND, "the request is too large");
    if (stream_write(x->c->stream, f->request.data, f->request.len, &g->wait, PHASE_SEND, err) < 0)
        return -1;
    get_note(g, "sent the request, %zu bytes", f->request.len);
    return 0;
}

/* ---- The body ---- */

static int too_large(struct get *g, struct fetch_error *err)
{
    g->result->cut = CUT_LENGTH;
    return error_set(err, ERROR_TOO_LARGE, PHASE_BODY, "the body is larger than %llu bytes",
                     (unsigned long long)g->config->max_size);
}

/* Delivers decoded bytes, up to --max-size. A coding_out: 1 stops the decoder, err lies in the exchange's
 * caller. */
struct delivery {
    struct exchange *x;
    struct fetch_error *err;
};

static int deadline_passed(struct get *g, struct fetch_error *err)
{
    if (deadline_now() < g->wait.whole)
        return 0;
    return wait_failed(&g->wait, WAIT_TIMEOUT, PHASE_BODY, err);
}

static int deliver(void *arg, const void *data, size_t len)
{
    struct delivery *d = arg;
    struct get *g = d->x->g;
    uint64_t room = g->config->max_size - g->result->bytes;
    size_t fits = len > room ? (size_t)room : len;
    if (deadline_passed(g, d->err) < 0)
        return 1;
    if (g->config->want_body && hand_bytes(g, g->sink->body, data, fits, d->err) < 0)
        return 1;
    if (d->x->sha256)
        EVP_DigestUpdate(d->x->sha256, data, fits);
    g->result->bytes += fits;
    return fits < len && too_large(g, d->err) < 0 ? 1 : 0;
}

static int take_payload(struct exchange *x, struct span data, struct fetch_error *err)
{
    struct delivery d = {x, err};
    if (data.len == 0)
        return 0;
    x->wire += data.len;
    if (x->sha1)
        EVP_DigestUpdate(x->sha1, data.data, data.len);
    if (!x->deliver)
        return 0;
    if (!x->coding)
        return deliver(&d, data.data, data.len) ? -1 : 0;
    return coding_decode(x->coding, data, deliver, &d, err) != 0 ? -1 : 0;
}

/* Why a body that nobody wants is not read to its end. */
static bool drained_enough(const struct exchange *x)
{
    return !x->deliver && !x->g->config->want_wire && x->wire > DRAIN_MAX;
}

enum body_end { BODY_WHOLE, BODY_LEFT, BODY_BROKEN };

/* One step: what is in f->in, behind what has been used of it, is decoded and handed over. */
static enum parse_result body_step(struct exchange *x, struct fetch_error *err)
{
    struct get *g = x->g;
    struct buffer *in = &g->f->in;
    size_t at = x->at, used = 0;
    enum parse_result result;
    do {
        struct span data = {NULL, 0};
        result = body_decode(&x->body, span_make(in->data + at, in->len - at), &used, &data, err);
        if (result == PARSE_BAD)
            break;
        if ((g->config->want_wire && hand_bytes(g, g->sink->wire, in->data + at, used, err) < 0) ||
            take_payload(x, data, err) < 0)
            result = PARSE_BAD;
        at += used;
    } while (result == PARSE_MORE && at < in->len);
    buffer_consume(in, at);
    x->at = 0;
    return result;
}

/* The connection has ended; where not cleanly, `err` says how, which goes into the message. As body_eof. */
static int end_of_connection(struct exchange *x, bool clean, struct fetch_error *err)
{
    struct fetch_error how = *err, what;
    if (body_eof(&x->body, clean, &what) == 0)
        return 0;
    return error_set(err, what.kind, what.phase, "%s%s%s", what.message, clean ? "" : ": ",
                     clean ? "" : how.message);
}

/* Where bytes come faster than they are looked at nothing waits, and codings may make nothing of them: so the
 * time is looked at here, too. */
static enum body_end read_body(struct exchange *x, struct fetch_error *err)
{
    size_t have = x->g->f->in.len - x->at;
    if (x->framing.kind == FRAMING_LENGTH && x->framing.length > have)
        stream_expect(x->c->stream, x->framing.length - have);
    for (;;) {
        enum parse_result result = body_step(x, err);
        if (result != PARSE_MORE)
            return result == PARSE_DONE ? BODY_WHOLE : BODY_BROKEN;
        if (drained_enough(x))
            return BODY_LEFT;
        if (deadline_passed(x->g, err) < 0)
            return BODY_BROKEN;
        ptrdiff_t n = read_more(x, PHASE_BODY, err);
        if (n > 0)
            continue;
        if (n != STREAM_EOF && err->kind != ERROR_TRUNCATED)
            return BODY_BROKEN;
        return end_of_connection(x, n == STREAM_EOF, err) < 0 ? BODY_BROKEN : BODY_WHOLE;
    }
}

static void note_cut(struct get *g, const struct fetch_error *err)
{
    if (g->result->cut == CUT_NONE)
        g->result->cut = err->kind == ERROR_TIMEOUT     ? CUT_TIME
                         : err->kind == ERROR_TOO_LARGE ? CUT_LENGTH
                                                        : CUT_DISCONNECT;
}

static void put_digests(struct exchange *x)
{
    static const char hex[] = "0123456789abcdef", base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    unsigned char md[EVP_MAX_MD_SIZE];
    struct fetch_result *r = x->g->result;
    if (x->sha256 && EVP_DigestFinal_ex(x->sha256, md, NULL))
        for (int i = 0; i < 32; i++) {
            r->sha256[2 * i] = hex[md[i] >> 4];
            r->sha256[2 * i + 1] = hex[md[i] & 15];
        }
    if (x->sha1 && EVP_DigestFinal_ex(x->sha1, md, NULL))
        for (unsigned i = 0; i < 32; i++) { /* 160 bits are 32 letters of 5 bits */
            unsigned bit = 5 * i, pair = (unsigned)md[bit / 8] << 8 | (bit / 8 < 19 ? md[bit / 8 + 1] : 0);
            r->payload_sha1[i] = base32[pair >> (11 - bit % 8) & 31];
        }
}

/* ---- What the response means ---- */

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where a redirect leads; refused ones are errors. */
static int next_target(struct exchange *x, struct span location, struct target *ret_next,
                       struct fetch_error *err)
{
    struct get *g = x->g;
    if (g->result->redirects >= g->config->max_redirs)
        return error_set(err, ERROR_TOO_MANY_REDIRECTS, PHASE_HEADERS, "more than %u redirects",
                         g->config->max_redirs);
    if (target_resolve(ret_next, &g->now, location, err) < 0)
        return -1;
    if (g->now.scheme == SCHEME_HTTPS && ret_next->scheme == SCHEME_HTTP && !g->config->allow_downgrade) {
        target_free(ret_next);
        return error_set(err, ERROR_DENIED, PHASE_HEADERS,
                         "the redirect leads from https to http; --allow-downgrade would follow it");
    }
    return 0;
}

static struct fetch_head make_head(struct exchange *x, size_t head_bytes, const char *location)
{
    struct get *g = x->g;
    struct fetcher *f = g->f;
    struct fetch_head head = {
        .url = g->result->url,
        .status = f->response.status,
        .fields = buffer_span(&f->response.fields),
        .field_count = f->response.field_count,
        .location = location,
        .conn = location || g->config->want_wire ? &x->c->info : NULL,
        .started_us = g->result->started_us,
    };
    memcpy(head.version, f->response.version, sizeof head.version);
    if (g->config->want_wire) {
        head.wire_request = buffer_span(&f->request);
        head.wire_response = span_make(f->in.data, head_bytes);
    }
    return head;
}

static int emit_hop(struct exchange *x, size_t head_bytes, const struct target *next, struct fetch_error *err)
{
    struct buffer url;
    int r = -1;
    buffer_init(&url, 64 * 1024);
    if (target_put_url(&url, next) == 0 && buffer_terminate(&url) == 0) {
        struct fetch_head hop = make_head(x, head_bytes, (const char *)url.data);
        get_note(x->g, "%d: redirected to %s", hop.status, (const char *)url.data);
        r = hand_head(x->g, x->g->sink->hop, &hop, err);
    } else {
        error_set(err, ERROR_HTTP, PHASE_HEADERS, "the redirect's URL is too long");
    }
    buffer_free(&url);
    return r;
}

static int start_digests(struct exchange *x)
{
    if (x->deliver && x->g->config->want_sha256 &&
        (!(x->sha256 = EVP_MD_CTX_new()) || !EVP_DigestInit_ex(x->sha256, EVP_sha256(), NULL)))
        return -1;
    if (x->g->config->want_wire &&
        (!(x->sha1 = EVP_MD_CTX_new()) || !EVP_DigestInit_ex(x->sha1, EVP_sha1(), NULL)))
        return -1;
    return 0;
}

/* Prepares for a body that will be delivered. */
static int start_delivery(struct exchange *x, struct fetch_error *err)
{
    struct get *g = x->g;
    x->deliver = true;
    if (g->config->compressed) {
        struct buffer list;
        buffer_init(&list, 4096);
        int r = response_join(&g->f->response, "Content-Encoding", &list);
        r = r < 0 ? error_set(err, ERROR_HTTP, PHASE_HEADERS, "Content-Encoding is too long")
                  : coding_new(buffer_span(&list), &x->coding, err);
        buffer_free(&list);
        if (r < 0)
            return -1;
    }
    return 0;
}

/* The connection goes back to the idle ones if the message left it in order. */
static void settle_connection(struct exchange *x, enum body_end end)
{
    struct get *g = x->g;
    bool keep = end == BODY_WHOLE && x->framing.reusable && g->config->keepalive && !request_says_close(g) &&
                g->f->in.len == 0;
    if (end == BODY_WHOLE && g->f->in.len > 0)
        get_note(g, "%zu bytes came after the end of the response: the connection is closed", g->f->in.len);
    if (keep) {
        x->c->reused = true;
        idle_put(g->f->idle, x->c);
    } else {
        connection_free(x->c);
    }
    x->c = NULL;
}

/* Reads the body behind the head that has been handed over. `refused` is what the head already failed with,
 * if anything. */
static enum exchange_end finish(struct exchange *x, enum exchange_end good, struct fetch_error *err)
{
    struct get *g = x->g;
    struct fetch_error refused = *err;
    if (start_digests(x) < 0) {
        error_set(err, ERROR_HTTP, PHASE_BODY, "out of memory");
        return EXCHANGE_FAILED;
    }
    body_init(&x->body, &x->framing);
    enum body_end end = BODY_BROKEN;
    if (x->deliver && !x->coding && x->framing.kind == FRAMING_LENGTH &&
        x->framing.length > g->config->max_size && !g->config->want_wire)
        (void)too_large(g, err);
    else
        end = read_body(x, err);
    if (end == BODY_WHOLE && x->coding && coding_finish(x->coding, err) < 0)
        end = BODY_BROKEN;
    if (end == BODY_BROKEN)
        note_cut(g, err);
    put_digests(x);
    settle_connection(x, end);
    /* A redirect's body is nobody's, so that one cut short doesn't matter; but a message that breaks the
     * rules is not to be trusted in its head either. */
    bool fatal = end == BODY_BROKEN && (good != EXCHANGE_REDIRECT || err->kind == ERROR_HTTP);
    if (refused.kind != ERROR_NONE)
        *err = refused;
    else if (fatal)
        return EXCHANGE_FAILED;
    else if (g->gone)
        return EXCHANGE_FAILED;
    else
        error_clear(err);
    return err->kind == ERROR_NONE ? good : EXCHANGE_FAILED;
}

static void note_retry_after(struct get *g)
{
    struct span value;
    g->result->has_retry_after =
        response_field(&g->f->response, "Retry-After", &value) &&
        retry_after_parse(value, wall_now_us() / 1000000, &g->result->retry_after) == 0;
}

/* The answer is the target's: its head goes out, then its body unless something refuses it. */
static enum exchange_end take_answer(struct exchange *x, size_t head_bytes, struct fetch_error *err)
{
    struct get *g = x->g;
    const struct response *response = &g->f->response;
    struct fetch_head head = make_head(x, head_bytes, NULL);
    struct fetch_error sink_err;
    if (hand_head(g, g->sink->head, &head, &sink_err) < 0) {
        *err = sink_err;
        return EXCHANGE_FAILED;
    }
    x->at = head_bytes;
    if (err->kind == ERROR_NONE && x->c->absolute && response->status == 407) {
        error_set(err, ERROR_PROXY, PHASE_PROXY, "the proxy wants authentication (407)");
        err->final = true;
    }
    if (err->kind == ERROR_NONE && g->config->fail && response->status >= 400)
        error_set(err, ERROR_HTTP_STATUS, PHASE_HEADERS, "the server answered with status %d",
                  response->status);
    if (err->kind == ERROR_NONE && start_delivery(x, err) < 0)
        return EXCHANGE_FAILED;
    return finish(x, EXCHANGE_DONE, err);
}

/* The first Location that says something; as curl, an empty one is passed over. */
static bool find_location(const struct response *response, struct span *ret)
{
    struct unpack at = response_begin(response);
    while (response_next(&at, "Location", ret))
        if (ret->len > 0)
            return true;
    return false;
}

static enum exchange_end take_response(struct exchange *x, size_t head_bytes, struct target *ret_next,
                                       struct fetch_error *err)
{
    struct get *g = x->g;
    const struct response *response = &g->f->response;
    struct span location;
    g->result->status = response->status;
    memcpy(g->result->version, response->version, sizeof g->result->version);
    get_note(g, "HTTP/%s %d", response->version, response->status);
    note_retry_after(g);
    error_clear(err);
    if (!g->config->location || !is_redirect(response->status) || !find_location(response, &location))
        return take_answer(x, head_bytes, err);
    if (next_target(x, location, ret_next, err) < 0)
        return take_answer(x, head_bytes, err);
    if (emit_hop(x, head_bytes, ret_next, err) < 0) {
        target_free(ret_next);
        return EXCHANGE_FAILED;
    }
    x->at = head_bytes;
    enum exchange_end end = finish(x, EXCHANGE_REDIRECT, err);
    if (end != EXCHANGE_REDIRECT)
        target_free(ret_next);
    return end;
}

enum exchange_end get_exchange(struct get *g, struct connection *c, struct target *ret_next,
                               struct fetch_error *err)
{
    struct exchange x = {.g = g, .c = c};
    enum exchange_end end = EXCHANGE_FAILED;
    size_t head_bytes = 0;
    buffer_clear(&g->f->in);
    error_clear(err);
    if (send_request(&x, err) < 0 || read_first_byte(&x, err) < 0)
        end = is_stale(&x, err) ? EXCHANGE_STALE : EXCHANGE_FAILED;
    else if (read_final_head(&x, &head_bytes, err) == 0)
        end = take_response(&x, head_bytes, ret_next, err);
    connection_free(x.c);
    coding_free(x.coding);
    EVP_MD_CTX_free(x.sha256);
    EVP_MD_CTX_free(x.sha1);
    buffer_clear(&g->f->in);
    return end;
}
