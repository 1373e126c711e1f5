#include "output/json.h"

#include <stdlib.h>

#include "base/deadline.h"
#include "base/escape.h"
#include "output/format.h"
#include "output/spool.h"

enum { SCHEMA = 1 };

struct json {
    bool with_file, with_sha256;
    struct buffer line; /* kept from report to report */
};

void *json_sink_new(bool with_file, bool with_sha256)
{
    struct json *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    j->with_file = with_file;
    j->with_sha256 = with_sha256;
    buffer_init(&j->line, SIZE_MAX);
    return j;
}

/* Values. Each returns 0, or -1 for lack of memory. */

/* What stands before a value: `,"name":` and the like, as it is. */
#define PUT(b, literal) buffer_append((b), (literal), sizeof(literal) - 1)

static int put_or_null(struct buffer *b, struct span v)
{
    return v.len ? escape_json(b, v) : PUT(b, "null");
}

static int put_string(struct buffer *b, const char *s)
{
    return put_or_null(b, span_of(s));
}

static int put_number(struct buffer *b, uint64_t v, bool known)
{
    return known ? format_u64(b, v) : PUT(b, "null");
}

static int put_bool(struct buffer *b, bool v)
{
    return v ? PUT(b, "true") : PUT(b, "false");
}

/* `separator` splits `text` into the elements of a list; an empty text is an empty list. */
static int put_split(struct buffer *b, const char *text, char separator)
{
    int bad = buffer_putc(b, '[');
    for (const char *p = text; *p;) {
        const char *end = strchr(p, separator);
        size_t len = end ? (size_t)(end - p) : strlen(p);
        if (p != text)
            bad |= buffer_putc(b, ',');
        bad |= escape_json(b, span_make(p, len));
        p += len + (end != NULL);
    }
    return bad | buffer_putc(b, ']');
}

/* Parts of a report */

static int put_error(struct buffer *b, const struct fetch_error *e)
{
    if (e->kind == ERROR_NONE)
        return PUT(b, "null");
    int bad = PUT(b, "{\"kind\":");
    bad |= put_string(b, error_kind_name(e->kind));
    bad |= PUT(b, ",\"phase\":");
    bad |= put_string(b, error_phase_name(e->phase));
    bad |= PUT(b, ",\"message\":");
    bad |= escape_json(b, span_of(e->message));
    return bad | buffer_putc(b, '}');
}

static int put_redirects(struct buffer *b, const struct report *r)
{
    struct unpack u = unpack_begin(r->redirects);
    int bad = buffer_putc(b, '[');
    for (uint32_t i = 0; i < r->redirect_count; i++) {
        struct span url = unpack_bytes(&u, SIZE_MAX);
        if (u.bad)
            break;
        if (i)
            bad |= buffer_putc(b, ',');
        bad |= escape_json(b, url);
    }
    return bad | buffer_putc(b, ']');
}

static int put_headers(struct buffer *b, const struct report *r)
{
    struct unpack u = unpack_begin(r->fields);
    int bad = buffer_putc(b, '[');
    for (uint32_t i = 0; i < r->field_count; i++) {
        struct span name = unpack_bytes(&u, SIZE_MAX);
        struct span value = unpack_bytes(&u, SIZE_MAX);
        if (u.bad)
            break;
        bad |= i ? PUT(b, ",[") : PUT(b, "[");
        bad |= escape_json(b, name);
        bad |= buffer_putc(b, ',');
        bad |= escape_json(b, value);
        bad |= buffer_putc(b, ']');
    }
    return bad | buffer_putc(b, ']');
}

static int put_cert(struct buffer *b, const struct fetch_cert *c)
{
    if (!c)
        return PUT(b, "null");
    int bad = PUT(b, "{\"sha256\":");
    bad |= put_string(b, c->sha256);
    bad |= PUT(b, ",\"subject\":");
    bad |= escape_json(b, span_of(c->subject));
    bad |= PUT(b, ",\"issuer\":");
    bad |= escape_json(b, span_of(c->issuer));
    bad |= PUT(b, ",\"names\":");
    bad |= put_split(b, c->names, '\n');
    bad |= PUT(b, ",\"not_before\":");
    bad |= put_string(b, c->not_before);
    bad |= PUT(b, ",\"not_after\":");
    bad |= put_string(b, c->not_after);
    return bad | buffer_putc(b, '}');
}

static int put_tls(struct buffer *b, const struct fetch_conn *c)
{
    if (!c->tls)
        return PUT(b, "null");
    int bad = PUT(b, "{\"version\":");
    bad |= put_string(b, c->tls_version);
    bad |= PUT(b, ",\"cipher\":");
    bad |= put_string(b, c->tls_cipher);
    bad |= PUT(b, ",\"resumed\":");
    bad |= put_bool(b, c->resumed);
    bad |= PUT(b, ",\"cert\":");
    bad |= put_cert(b, c->cert);
    return bad | buffer_putc(b, '}');
}

static int put_times(struct buffer *b, const struct report *r)
{
    int bad = PUT(b, "{\"queue\":");
    bad |= format_seconds(b, r->ns_queue, 6);
    bad |= PUT(b, ",\"dns\":");
    bad |= format_seconds(b, r->ns_dns, 6);
    bad |= PUT(b, ",\"connect\":");
    bad |= format_seconds(b, r->ns_connect, 6);
    bad |= PUT(b, ",\"tls\":");
    bad |= format_seconds(b, r->ns_tls, 6);
    bad |= PUT(b, ",\"first_byte\":");
    bad |= format_seconds(b, r->ns_first_byte, 6);
    bad |= PUT(b, ",\"total\":");
    bad |= format_seconds(b, r->ns_total, 6);
    return bad | buffer_putc(b, '}');
}

/* The report */

static int put_what(struct buffer *b, const struct report *r)
{
    int bad = PUT(b, "{\"schema\":");
    bad |= format_u64(b, SCHEMA);
    bad |= PUT(b, ",\"index\":");
    bad |= format_u64(b, r->index);
    bad |= PUT(b, ",\"started\":\"");
    bad |= format_time(b, r->started_us ? r->started_us : wall_now_us());
    bad |= PUT(b, "\",\"target\":");
    bad |= escape_json(b, r->target);
    bad |= PUT(b, ",\"url\":");
    bad |= put_or_null(b, r->url);
    bad |= PUT(b, ",\"status\":");
    bad |= put_number(b, (uint64_t)r->status, r->status > 0);
    bad |= PUT(b, ",\"http_version\":");
    bad |= put_string(b, r->version);
    bad |= PUT(b, ",\"bytes\":");
    bad |= format_u64(b, r->bytes);
    bad |= PUT(b, ",\"error\":");
    bad |= put_error(b, &r->error);
    bad |= PUT(b, ",\"redirects\":");
    return bad | put_redirects(b, r);
}

static int put_how(struct buffer *b, const struct report *r)
{
    const struct fetch_conn *c = r->conn;
    int bad = PUT(b, ",\"attempts\":");
    bad |= format_u64(b, r->attempts);
    bad |= PUT(b, ",\"worker\":");
    bad |= put_number(b, r->worker, r->worker != 0);
    bad |= PUT(b, ",\"reused\":");
    bad |= put_bool(b, c->reused);
    bad |= PUT(b, ",\"remote_ip\":");
    bad |= put_string(b, c->remote_ip);
    bad |= PUT(b, ",\"remote_port\":");
    bad |= put_number(b, c->remote_port, c->remote_ip[0] != 0);
    bad |= PUT(b, ",\"tls\":");
    bad |= put_tls(b, c);
    bad |= PUT(b, ",\"time\":");
    bad |= put_times(b, r);
    bad |= PUT(b, ",\"headers\":");
    return bad | put_headers(b, r);
}

static int put_report(const struct json *j, struct buffer *b, const struct report *r)
{
    int bad = put_what(b, r);
    bad |= put_how(b, r);
    if (j->with_sha256) {
        bad |= PUT(b, ",\"sha256\":");
        bad |= put_string(b, r->sha256);
    }
    if (j->with_file) {
        bad |= PUT(b, ",\"file\":");
        bad |= put_string(b, r->file);
    }
    return bad | PUT(b, "}\n");
}

static int json_end(void *sink, void *context, struct report *report, bool final, struct spool_slot *slot,
                    struct fetch_error *err)
{
    struct json *j = sink;
    (void)context, (void) final;
    buffer_clear(&j->line);
    if (put_report(j, &j->line, report) < 0)
        return error_set(err, ERROR_OUTPUT, PHASE_NONE, "no memory for a report");
    return spool_write(slot, j->line.data, j->line.len, err);
}

static int json_close(void *sink, struct fetch_error *err)
{
    struct json *j = sink;
    (void)err;
    buffer_free(&j->line);
    free(j);
    return 0;
}

const struct sink_type json_sink = {
    .name = "json",
    .begin = sink_no_begin,
    .hop = sink_no_head,
    .head = sink_no_head,
    .body = sink_no_data,
    .wire = sink_no_data,
    .end = json_end,
    .abandon = sink_no_abandon,
    .flush = sink_no_flush,
    .close = json_close,
};
