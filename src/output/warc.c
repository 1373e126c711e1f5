#include "config.h"

#include "output/warc.h"

#include <stdlib.h>

#include "base/deadline.h"
#include "fetch/body.h"
#include "output/warc_block.h"
#include "output/warc_file.h"
#include "output/warc_record.h"

struct warc {
    struct warc_file *file;
    struct warc_store store;
    struct warc_ids ids;
    char warcinfo[WARC_ID]; /* of the present file */
    struct buffer header;
};

/* A request and the response to it, while that comes. */
struct exchange {
    struct buffer common;
    struct warc_block request, response;
    /* A hop's payload digest is made here, that of the last response comes with the report. */
    bool hop;
    bool decoding; /* the hop's body goes on */
    bool whole;    /* it was all there, as far as can be told */
    struct body body;
    EVP_MD_CTX *payload;
};

struct visit {                 /* a target's context */
    struct exchange *exchange; /* the present one; NULL before the first head */
};

static int no_memory(struct fetch_error *err)
{
    return error_set(err, ERROR_OUTPUT, PHASE_NONE, "no memory for a WARC record");
}

/* Records */

static int put_piece(void *arg, const void *data, size_t len, struct fetch_error *err)
{
    return warc_file_put(arg, data, len, err);
}

static int put_record(struct warc *w, const struct warc_record *record, const struct warc_block *block,
                      struct fetch_error *err)
{
    buffer_clear(&w->header);
    if (warc_put_header(&w->header, record) < 0)
        return no_memory(err);
    if (warc_file_put(w->file, w->header.data, w->header.len, err) < 0 ||
        warc_block_read(block, put_piece, w->file, err) < 0 || warc_file_put(w->file, "\r\n\r\n", 4, err) < 0)
        return -1;
    return warc_file_end_record(w->file, err);
}

static int put_warcinfo(struct warc *w, struct fetch_error *err)
{
    static const char text[] =
        "software: pfetch/" PACKAGE_VERSION "\r\n"
        "format: WARC File Format 1.1\r\n"
        "conformsTo: http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/\r\n";
    char digest[WARC_DIGEST + 1];
    struct buffer date;
    struct warc_block block;
    int r = -1;
    buffer_init(&date, 100);
    if (warc_block_init(&block, &w->store, err) < 0 ||
        warc_block_add(&block, text, sizeof text - 1, err) < 0 || warc_id(&w->ids, w->warcinfo, err) < 0)
        goto out;
    if (warc_put_date(&date, wall_now_us()) < 0) {
        no_memory(err);
        goto out;
    }
    warc_block_digest(&block, digest);
    r = put_record(w,
                   &(struct warc_record){.type = "warcinfo",
                                         .id = w->warcinfo,
                                         .common = buffer_span(&date),
                                         .filename = warc_file_name(w->file),
                                         .block_digest = digest,
                                         .content_type = "application/warc-fields",
                                         .length = sizeof text - 1},
                   &block, err);
out:
    warc_block_free(&block);
    buffer_free(&date);
    return r;
}

/* A group in the right file, which has its warcinfo. */
static int begin_group(struct warc *w, struct fetch_error *err)
{
    if (warc_file_begin(w->file, err) < 0)
        return -1;
    return warc_file_size(w->file) == 0 ? put_warcinfo(w, err) : 0;
}

/* The whole exchange at once: both records or none. */
static int put_exchange(struct warc *w, struct exchange *x, const char *truncated, const char *payload,
                        struct fetch_error *err)
{
    char request[WARC_ID], response[WARC_ID];
    char request_digest[WARC_DIGEST + 1], response_digest[WARC_DIGEST + 1];
    warc_block_digest(&x->request, request_digest);
    warc_block_digest(&x->response, response_digest);
    if (warc_id(&w->ids, request, err) < 0 || warc_id(&w->ids, response, err) < 0 || begin_group(w, err) < 0)
        return -1;
    struct warc_record r = {.type = "request",
                            .id = request,
                            .common = buffer_span(&x->common),
                            .concurrent_to = response,
                            .warcinfo = w->warcinfo,
                            .block_digest = request_digest,
                            .content_type = "application/http;msgtype=request",
                            .length = warc_block_len(&x->request)};
    if (put_record(w, &r, &x->request, err) < 0)
        return -1;
    r.type = "response";
    r.id = response;
    r.concurrent_to = request;
    r.truncated = truncated;
    r.block_digest = response_digest;
    r.payload_digest = payload;
    r.content_type = "application/http;msgtype=response";
    r.length = warc_block_len(&x->response);
    return put_record(w, &r, &x->response, err) < 0 ? -1 : warc_file_commit(w->file, err);
}

/* Exchanges */

static void exchange_free(struct exchange *x)
{
    if (!x)
        return;
    buffer_free(&x->common);
    warc_block_free(&x->request);
    warc_block_free(&x->response);
    EVP_MD_CTX_free(x->payload);
    free(x);
}

/* How a hop's body is framed, from its fields as the worker read them. */
static bool hop_framing(const struct fetch_head *head, struct framing *ret)
{
    struct fetch_error ignored;
    struct response r = {.status = head->status,
                         .minor = head->version[0] && head->version[1] == '.' ? head->version[2] - '0' : 1,
                         .fields = {.data = (unsigned char *)(uintptr_t)head->fields.data,
                                    .len = head->fields.len,
                                    .cap = head->fields.len,
                                    .limit = head->fields.len},
                         .field_count = head->field_count,
                         .state = RESPONSE_COMPLETE};
    memcpy(r.version, head->version, sizeof r.version);
    return response_framing(&r, METHOD_GET, ret, &ignored) == 0;
}

/* Takes bytes of a hop's body. Those that are no valid body end its digest. */
static void feed_payload(struct exchange *x, struct span in)
{
    struct fetch_error ignored;
    while (x->decoding) {
        size_t used = 0;
        struct span data = {NULL, 0};
        enum parse_result r = body_decode(&x->body, in, &used, &data, &ignored);
        if (r == PARSE_BAD || (data.len && EVP_DigestUpdate(x->payload, data.data, data.len) != 1)) {
            EVP_MD_CTX_free(x->payload);
            x->payload = NULL;
        }
        x->whole = x->whole || r == PARSE_DONE;
        x->decoding = r == PARSE_MORE && x->payload;
        in = span_make(in.data + used, in.len - used);
        if (in.len == 0)
            break;
    }
}

static void begin_payload(const struct warc *w, struct exchange *x, const struct fetch_head *head)
{
    struct framing framing;
    if (!hop_framing(head, &framing))
        return;
    x->payload = EVP_MD_CTX_new();
    if (!x->payload || EVP_DigestInit_ex(x->payload, w->store.sha1, NULL) != 1) {
        EVP_MD_CTX_free(x->payload);
        x->payload = NULL;
        return;
    }
    body_init(&x->body, &framing);
    x->decoding = true;
    x->whole = framing.kind == FRAMING_CLOSE;
    feed_payload(x, span_make("", 0));
}

static int begin_exchange(struct warc *w, struct visit *v, const struct fetch_head *head, bool hop,
                          struct fetch_error *err)
{
    struct exchange *x = calloc(1, sizeof *x);
    if (!x)
        return no_memory(err);
    v->exchange = x;
    x->hop = hop;
    buffer_init(&x->common, SIZE_MAX);
    if (warc_block_init(&x->request, &w->store, err) < 0 || warc_block_init(&x->response, &w->store, err) < 0)
        return -1;
    if (warc_put_common(&x->common, head) < 0)
        return no_memory(err);
    if (hop)
        begin_payload(w, x, head);
    if (warc_block_add(&x->request, head->wire_request.data, head->wire_request.len, err) < 0)
        return -1;
    return warc_block_add(&x->response, head->wire_response.data, head->wire_response.len, err);
}

static int end_exchange(struct warc *w, struct visit *v, const char *truncated, const char *payload,
                        struct fetch_error *err)
{
    struct exchange *x = v->exchange;
    char digest[WARC_DIGEST + 1];
    v->exchange = NULL;
    if (!x)
        return 0;
    if (x->hop) {
        bool cut = x->payload && !x->whole;
        truncated = !cut ? NULL : truncated ? truncated : "length";
        payload = x->payload ? digest : NULL;
        if (x->payload)
            warc_digest_text(x->payload, digest);
    }
    int r = put_exchange(w, x, truncated, payload, err);
    if (r < 0)
        warc_file_cancel(w->file);
    exchange_free(x);
    return r;
}

/* The sink */

static void warc_free(struct warc *w)
{
    warc_file_close(w->file);
    EVP_MD_free(w->store.sha1);
    buffer_free(&w->header);
    free(w);
}

int warc_open(const struct warc_options *options, void **ret_sink, struct fetch_error *err)
{
    struct warc *w = calloc(1, sizeof *w);
    if (!w)
        return no_memory(err);
    buffer_init(&w->header, SIZE_MAX);
    w->store.sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    if (!w->store.sha1) {
        error_set(err, ERROR_OUTPUT, PHASE_NONE, "OpenSSL has no SHA-1, which WARC digests need");
        goto failed;
    }
    if (warc_file_open(options->path, options->max_size, options->resume, &w->file, err) < 0)
        goto failed;
    if (options->wake)
        warc_file_wake(w->file, options->wake_fd, options->wake, options->arg);
    w->store.dir = warc_file_dir(w->file);
    *ret_sink = w;
    return 0;
failed:
    warc_free(w);
    return -1;
}

int warc_start(void *sink, struct fetch_error *err)
{
    struct warc *w = sink;
    if (warc_file_start(w->file, err) < 0 || begin_group(w, err) < 0)
        return -1;
    return warc_file_commit(w->file, err);
}

static int warc_begin(void *sink, const struct sink_target *target, void **ret_context,
                      struct fetch_error *err)
{
    (void)sink, (void)target;
    *ret_context = calloc(1, sizeof(struct visit));
    return *ret_context ? 0 : no_memory(err);
}

static int warc_hop(void *sink, void *context, const struct fetch_head *hop, struct fetch_error *err)
{
    return end_exchange(sink, context, NULL, NULL, err) < 0 ? -1
                                                            : begin_exchange(sink, context, hop, true, err);
}

static int warc_head(void *sink, void *context, const struct fetch_head *head, struct fetch_error *err)
{
    return end_exchange(sink, context, NULL, NULL, err) < 0 ? -1
                                                            : begin_exchange(sink, context, head, false, err);
}

static int warc_wire(void *sink, void *context, const void *data, size_t len, struct fetch_error *err)
{
    struct visit *v = context;
    (void)sink;
    if (!v->exchange)
        return 0;
    feed_payload(v->exchange, span_make(data, len));
    return warc_block_add(&v->exchange->response, data, len, err);
}

static const char *truncation(const struct report *r)
{
    static const char *const names[] = {
        [CUT_NONE] = NULL, [CUT_LENGTH] = "length", [CUT_TIME] = "time", [CUT_DISCONNECT] = "disconnect"};
    if (r->cut > CUT_NONE && r->cut <= CUT_DISCONNECT)
        return names[r->cut];
    /* The worker's end, or ours. */
    return r->error.kind == ERROR_WORKER_DIED || r->error.kind == ERROR_CANCELLED ? "unspecified" : NULL;
}

static int warc_end(void *sink, void *context, struct report *report, bool final, struct spool_slot *slot,
                    struct fetch_error *err)
{
    struct visit *v = context;
    (void) final, (void)slot;
    if (!v)
        return 0;
    int r = end_exchange(sink, v, truncation(report), report->payload_sha1, err);
    free(v);
    return r;
}

static void warc_abandon(void *sink, void *context)
{
    struct visit *v = context;
    (void)sink;
    exchange_free(v->exchange);
    free(v);
}

static int warc_flush(void *sink, bool sync, struct fetch_error *err)
{
    struct warc *w = sink;
    return sync ? warc_file_sync(w->file, err) : 0;
}

static int warc_close(void *sink, struct fetch_error *err)
{
    (void)err;
    warc_free(sink);
    return 0;
}

const struct sink_type warc_sink = {
    .name = "warc",
    .wants_wire = true,
    .keeps_tries = true,
    .begin = warc_begin,
    .hop = warc_hop,
    .head = warc_head,
    .body = sink_no_data,
    .wire = warc_wire,
    .end = warc_end,
    .abandon = warc_abandon,
    .flush = warc_flush,
    .close = warc_close,
};
