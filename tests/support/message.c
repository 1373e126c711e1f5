#include "support/message.h"

static void message_clear(struct message *res)
{
    res->verdict = V_MORE;
    res->used = res->body_len = 0;
    res->status = res->interim = 0;
    res->fields = 0;
    res->version[0] = res->names[0] = res->error[0] = 0;
    res->framing = (struct framing){FRAMING_NONE, 0, false};
}

static void note_head(struct message *res, const struct response *r)
{
    struct unpack at = response_begin(r);
    char *to = res->names;
    res->status = r->status;
    res->fields = r->field_count;
    memcpy(res->version, r->version, sizeof res->version);
    while (at.left.len) {
        struct span name = unpack_bytes(&at, SIZE_MAX), value = unpack_bytes(&at, SIZE_MAX);
        memcpy(to, name.data, name.len);
        to[name.len] = '=';
        memcpy(to + name.len + 1, value.data, value.len);
        to += name.len + 1 + value.len;
        *to++ = '\n';
    }
    *to = 0;
}

/* Reads the head from the first `first` bytes, or from all; the offset behind it, or 0. */
static size_t read_head(struct message *res, const unsigned char *m, size_t len, size_t first,
                        struct guarded *page, struct response *r)
{
    struct fetch_error err;
    size_t used = 0;
    enum parse_result p = response_parse(r, guarded_put(page, m, first), &used, &err);
    if (p == PARSE_MORE)
        p = response_parse(r, guarded_put(page, m, len), &used, &err);
    if (p == PARSE_DONE)
        return used;
    res->verdict = p == PARSE_BAD ? V_BAD_HEAD : V_MORE;
    if (p == PARSE_BAD)
        memcpy(res->error, err.message, sizeof res->error);
    return 0;
}

/* Puts one piece of the body through; false when the body is over, well or not. */
static bool read_body(struct message *res, struct body *b, const unsigned char *m, size_t len,
                      struct guarded *page)
{
    struct span in = guarded_put(page, m, len), data;
    struct fetch_error err;
    enum parse_result p;
    size_t used;
    do {
        p = body_decode(b, in, &used, &data, &err);
        if (p == PARSE_BAD) {
            res->verdict = V_BAD_BODY;
            memcpy(res->error, err.message, sizeof res->error);
            return false;
        }
        if (data.len)
            memcpy(res->body + res->body_len, data.data, data.len);
        res->body_len += data.len;
        res->used += used;
        in.data += used;
        in.len -= used;
    } while (p == PARSE_MORE && in.len);
    res->verdict = p == PARSE_DONE ? V_DONE : V_MORE;
    return p == PARSE_MORE;
}

/* The head that counts, behind those of interim responses: the offset behind it, or 0. */
static size_t read_final_head(struct message *res, const unsigned char *m, size_t len, size_t cut,
                              struct guarded *page, struct response *r)
{
    size_t at = 0, used;
    while ((used = read_head(res, m + at, len - at, cut > at ? cut - at : 0, page, r)) > 0) {
        at += used;
        if (!response_is_interim(r))
            return at;
        if (++res->interim > RESPONSE_INTERIM_MAX) {
            res->verdict = V_BAD_HEAD;
            return 0;
        }
        response_reset(r);
    }
    return 0;
}

void message_read(struct message *res, struct guarded *page, const unsigned char *m, size_t len, size_t cut)
{
    struct response r;
    struct fetch_error err;
    message_clear(res);
    response_init(&r);
    size_t head = read_final_head(res, m, len, cut, page, &r);
    if (head == 0)
        goto out;
    note_head(res, &r);
    if (response_framing(&r, METHOD_GET, &res->framing, &err) < 0) {
        res->verdict = V_BAD_FRAMING;
        memcpy(res->error, err.message, sizeof res->error);
        goto out;
    }
    struct body b;
    body_init(&b, &res->framing);
    res->used = head;
    if (cut < head)
        cut = head;
    if (read_body(res, &b, m + head, cut - head, page) && read_body(res, &b, m + cut, len - cut, page) &&
        body_eof(&b, true, &err) == 0)
        res->verdict = V_DONE;
out:
    response_free(&r);
}

static const char *content_differs(const struct message *a, const struct message *b)
{
    if (a->interim != b->interim)
        return "interim responses";
    if (a->status != b->status || strcmp(a->version, b->version) != 0)
        return "status line";
    if (a->fields != b->fields || strcmp(a->names, b->names) != 0)
        return "fields";
    if (a->framing.kind != b->framing.kind || a->framing.length != b->framing.length)
        return "framing";
    if (a->framing.reusable != b->framing.reusable)
        return "reusable";
    if (a->body_len != b->body_len || memcmp(a->body, b->body, a->body_len) != 0)
        return "body";
    return NULL;
}

const char *message_differs(const struct message *a, const struct message *b)
{
    if (a->verdict != b->verdict)
        return "verdict";
    if (strcmp(a->error, b->error) != 0)
        return "error";
    if (a->verdict != V_BAD_BODY && a->used != b->used)
        return "used";
    return content_differs(a, b);
}

const char *message_differs_from_naive(const struct message *a, const struct message *naive)
{
    if (naive->verdict == V_MORE && (a->verdict == V_BAD_HEAD || a->verdict == V_BAD_BODY))
        return NULL;
    if (a->verdict != naive->verdict)
        return "verdict";
    if (a->verdict != V_DONE)
        return NULL;
    return a->used != naive->used ? "used" : content_differs(a, naive);
}
