#include "record.h"

#include <stdlib.h>

enum { DECLINED = 0xDC };

enum { URL_MAX = 64 * 1024, WIRE_MAX = 320 * 1024, FIELDS_MAX = 320 * 1024, FIELD_COUNT_MAX = 2000 };

/* ---- Alphabets ---- */

/* True if `v` is non-empty and has no control byte, blank or byte over 0x7E: fit for a header line of a WARC
 * file. */
static bool is_visible(struct span v)
{
    for (size_t i = 0; i < v.len; i++)
        if (v.data[i] <= 0x20 || v.data[i] >= 0x7F)
            return false;
    return v.len > 0;
}

static void check_visible_or_empty(struct unpack *u, const char *s)
{
    if (*s && !is_visible(span_of(s)))
        u->bad = true;
}

/* A text sent with its NUL, so that it can be used in place. An empty one is NULL. */
static int put_text(struct buffer *b, const char *s)
{
    return pack_bytes(b, span_make(s, s ? strlen(s) + 1 : 0));
}

static const char *get_url(struct unpack *u)
{
    struct span v = unpack_bytes(u, URL_MAX);
    if (v.len == 0)
        return NULL;
    if (v.data[v.len - 1] != 0 || !is_visible(span_make(v.data, v.len - 1))) {
        u->bad = true;
        return NULL;
    }
    return (const char *)v.data;
}

/* "1.1": a digit, a dot, a digit; or empty. */
static void get_version(struct unpack *u, char into[4])
{
    unpack_string(u, into, 4);
    bool digits = into[0] >= '0' && into[0] <= '9' && into[1] == '.' && into[2] >= '0' && into[2] <= '9';
    if (into[0] && !digits)
        u->bad = true;
}

static int get_status(struct unpack *u, bool may_be_none)
{
    unsigned status = unpack_u16(u);
    if (!(status >= 100 && status <= 999) && !(may_be_none && status == 0))
        u->bad = true;
    return (int)status;
}

/* A duration or point in time that is not negative. */
static int64_t get_time(struct unpack *u)
{
    uint64_t v = unpack_u64(u);
    if (v > INT64_MAX)
        u->bad = true;
    return u->bad ? 0 : (int64_t)v;
}

static bool get_bool(struct unpack *u)
{
    unsigned v = unpack_u8(u);
    if (v > 1)
        u->bad = true;
    return v == 1;
}

/* ---- Task ---- */

int record_put_task(struct buffer *b, const struct record_task *task)
{
    return pack_bytes(b, task->url) < 0 || pack_u64(b, task->pausable) < 0 ? -1 : 0;
}

int record_get_task(struct span bytes, struct record_task *ret)
{
    struct unpack u = unpack_begin(bytes);
    ret->url = unpack_bytes(&u, URL_MAX);
    ret->pausable = unpack_u64(&u);
    return unpack_complete(&u) ? 0 : -1;
}

int record_put_declined(struct buffer *b)
{
    return pack_u8(b, DECLINED);
}

bool record_is_declined(struct span bytes)
{
    return bytes.len == 1 && bytes.data[0] == DECLINED;
}

/* ---- Connection ---- */

static int put_cert(struct buffer *b, const struct fetch_cert *cert)
{
    if (pack_u8(b, cert != NULL) < 0)
        return -1;
    if (!cert)
        return 0;
    return pack_string(b, cert->sha256) < 0 || pack_string(b, cert->subject) < 0 ||
                   pack_string(b, cert->issuer) < 0 || pack_string(b, cert->not_before) < 0 ||
                   pack_string(b, cert->not_after) < 0 || pack_string(b, cert->names) < 0
               ? -1
               : 0;
}

/* Without memory for it the record counts as bad. */
static struct fetch_cert *get_cert(struct unpack *u)
{
    if (!get_bool(u))
        return NULL;
    struct fetch_cert *cert = calloc(1, sizeof *cert);
    if (!cert) {
        u->bad = true;
        return NULL;
    }
    cert->references = 1;
    unpack_string(u, cert->sha256, sizeof cert->sha256);
    unpack_string(u, cert->subject, sizeof cert->subject);
    unpack_string(u, cert->issuer, sizeof cert->issuer);
    unpack_string(u, cert->not_before, sizeof cert->not_before);
    unpack_string(u, cert->not_after, sizeof cert->not_after);
    unpack_string(u, cert->names, sizeof cert->names);
    return cert;
}

static int put_conn(struct buffer *b, const struct fetch_conn *conn)
{
    return pack_string(b, conn->remote_ip) < 0 || pack_u16(b, conn->remote_port) < 0 ||
                   pack_u8(b, conn->reused) < 0 || pack_u8(b, conn->tls) < 0 ||
                   pack_u8(b, conn->resumed) < 0 || pack_string(b, conn->tls_version) < 0 ||
                   pack_string(b, conn->tls_cipher) < 0 || put_cert(b, conn->cert) < 0
               ? -1
               : 0;
}

static void get_conn(struct unpack *u, struct fetch_conn *conn)
{
    unpack_string(u, conn->remote_ip, sizeof conn->remote_ip);
    conn->remote_port = unpack_u16(u);
    conn->reused = get_bool(u);
    conn->tls = get_bool(u);
    conn->resumed = get_bool(u);
    unpack_string(u, conn->tls_version, sizeof conn->tls_version);
    unpack_string(u, conn->tls_cipher, sizeof conn->tls_cipher);
    conn->cert = get_cert(u);
    check_visible_or_empty(u, conn->remote_ip);
    check_visible_or_empty(u, conn->tls_version);
    check_visible_or_empty(u, conn->tls_cipher);
}

/* ---- Head ---- */

int record_put_head(struct buffer *b, const struct fetch_head *head)
{
    if (put_text(b, head->url) < 0 || pack_u16(b, (uint16_t)head->status) < 0 ||
        pack_string(b, head->version) < 0 || pack_u32(b, head->field_count) < 0 ||
        pack_bytes(b, head->fields) < 0 || pack_bytes(b, head->wire_request) < 0 ||
        pack_bytes(b, head->wire_response) < 0 || put_text(b, head->location) < 0 ||
        pack_u64(b, (uint64_t)head->started_us) < 0 || pack_u8(b, head->conn != NULL) < 0)
        return -1;
    return head->conn ? put_conn(b, head->conn) : 0;
}

/* The fields must be just as many pairs as were counted, to the last byte. */
static void check_fields(struct unpack *u, struct span fields, uint32_t count)
{
    struct unpack f = unpack_begin(fields);
    for (uint32_t i = 0; i < count && !f.bad; i++) {
        (void)unpack_bytes(&f, FIELDS_MAX);
        (void)unpack_bytes(&f, FIELDS_MAX);
    }
    if (!unpack_complete(&f))
        u->bad = true;
}

int record_get_head(struct span bytes, struct fetch_head *ret, struct fetch_conn *conn)
{
    struct unpack u = unpack_begin(bytes);
    *ret = (struct fetch_head){0};
    *conn = (struct fetch_conn){0};
    ret->url = get_url(&u);
    ret->status = get_status(&u, false);
    get_version(&u, ret->version);
    ret->field_count = unpack_u32(&u);
    ret->fields = unpack_bytes(&u, FIELDS_MAX);
    ret->wire_request = unpack_bytes(&u, WIRE_MAX);
    ret->wire_response = unpack_bytes(&u, WIRE_MAX);
    ret->location = get_url(&u);
    ret->started_us = get_time(&u);
    if (get_bool(&u)) {
        get_conn(&u, conn);
        ret->conn = conn;
    }
    if (ret->field_count > FIELD_COUNT_MAX || !ret->url)
        u.bad = true;
    if (!u.bad)
        check_fields(&u, ret->fields, ret->field_count);
    return unpack_complete(&u) ? 0 : -1;
}

/* ---- Result ---- */

int record_put_result(struct buffer *b, const struct fetch_result *r)
{
    const int64_t times[] = {r->started_us,    r->ns_dns,   r->ns_connect, r->ns_tls,
                             r->ns_first_byte, r->ns_total, r->retry_after};
    if (error_put(b, &r->error) < 0 || put_text(b, r->url) < 0 || pack_u16(b, (uint16_t)r->status) < 0 ||
        pack_string(b, r->version) < 0 || pack_u64(b, r->bytes) < 0 || pack_u32(b, r->redirects) < 0 ||
        put_conn(b, &r->conn) < 0)
        return -1;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (pack_u64(b, (uint64_t)(times[i] < 0 ? 0 : times[i])) < 0)
            return -1;
    return pack_u8(b, r->has_retry_after) < 0 || pack_string(b, r->sha256) < 0 ||
                   pack_string(b, r->payload_sha1) < 0 || pack_u8(b, (uint8_t)r->cut) < 0
               ? -1
               : 0;
}

static enum fetch_cut get_cut(struct unpack *u)
{
    unsigned cut = unpack_u8(u);
    if (cut > CUT_DISCONNECT)
        u->bad = true;
    return u->bad ? CUT_NONE : (enum fetch_cut)cut;
}

int record_get_result(struct span bytes, struct fetch_result *ret)
{
    struct unpack u = unpack_begin(bytes);
    *ret = (struct fetch_result){0};
    error_get(&u, &ret->error);
    const char *url = get_url(&u);
    ret->status = get_status(&u, true);
    get_version(&u, ret->version);
    ret->bytes = unpack_u64(&u);
    ret->redirects = unpack_u32(&u);
    get_conn(&u, &ret->conn);
    ret->started_us = get_time(&u);
    ret->ns_dns = get_time(&u);
    ret->ns_connect = get_time(&u);
    ret->ns_tls = get_time(&u);
    ret->ns_first_byte = get_time(&u);
    ret->ns_total = get_time(&u);
    ret->retry_after = get_time(&u);
    ret->has_retry_after = get_bool(&u);
    unpack_string(&u, ret->sha256, sizeof ret->sha256);
    unpack_string(&u, ret->payload_sha1, sizeof ret->payload_sha1);
    check_visible_or_empty(&u, ret->sha256);
    check_visible_or_empty(&u, ret->payload_sha1);
    ret->cut = get_cut(&u);
    if (!unpack_complete(&u))
        return -1;
    ret->url = url ? strdup(url) : NULL;
    return url && !ret->url ? -1 : 0;
}
