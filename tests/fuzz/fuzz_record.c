/*
 * What a worker puts into its frames: the first byte says which record the rest is. What is accepted holds to
 * its alphabets, and when it is put again, it is read as the same.
 */
#include <stdio.h>
#include <stdlib.h>

#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORD_MAX = 4 << 20 };

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

/* Fit for a line of a report or archive as it stands. */
static void must_be_visible(const char *s, const char *what)
{
    for (; *s; s++)
        must(*s > 0x20 && *s < 0x7F, what);
}

static void check_conn(const struct fetch_conn *conn)
{
    must_be_visible(conn->remote_ip, "address");
    must_be_visible(conn->tls_version, "version of TLS");
    must_be_visible(conn->tls_cipher, "cipher");
    must(!conn->cert || strlen(conn->cert->names) < sizeof conn->cert->names, "end of the names");
}

static void try_head(struct span bytes)
{
    struct fetch_head head, again;
    struct fetch_conn conn, conn_again;
    struct buffer b;
    if (record_get_head(bytes, &head, &conn) < 0) {
        fetch_cert_release(conn.cert);
        return;
    }
    must_be_visible(head.url, "URL");
    if (head.location)
        must_be_visible(head.location, "location");
    must(head.status >= 100 && head.status <= 999, "status");
    if (head.conn)
        check_conn(head.conn);
    struct unpack u = unpack_begin(head.fields);
    for (uint32_t i = 0; i < 2 * head.field_count; i++)
        (void)unpack_bytes(&u, SIZE_MAX);
    must(unpack_complete(&u), "count of fields");
    buffer_init(&b, RECORD_MAX);
    must(record_put_head(&b, &head) == 0 && record_get_head(buffer_span(&b), &again, &conn_again) == 0,
         "it is not read again");
    must(strcmp(head.url, again.url) == 0 && head.status == again.status &&
             span_equal(head.fields, again.fields) && span_equal(head.wire_response, again.wire_response) &&
             !head.conn == !again.conn,
         "it is read as another");
    fetch_cert_release(conn.cert);
    fetch_cert_release(conn_again.cert);
    buffer_free(&b);
}

static void try_result(struct span bytes)
{
    struct fetch_result r, again;
    struct buffer b;
    if (record_get_result(bytes, &r) == 0) {
        if (r.url)
            must_be_visible(r.url, "URL");
        must_be_visible(r.sha256, "digest");
        must_be_visible(r.payload_sha1, "payload's digest");
        must(r.status == 0 || (r.status >= 100 && r.status <= 999), "status");
        must(r.ns_total >= 0 && r.started_us >= 0 && r.retry_after >= 0, "a time");
        must(strlen(r.error.message) < sizeof r.error.message, "end of the message");
        check_conn(&r.conn);
        buffer_init(&b, RECORD_MAX);
        must(record_put_result(&b, &r) == 0 && record_get_result(buffer_span(&b), &again) == 0,
             "it is not read again");
        must(r.bytes == again.bytes && r.error.kind == again.error.kind && r.cut == again.cut &&
                 strcmp(r.error.message, again.error.message) == 0,
             "it is read as another");
        fetch_result_free(&again);
        buffer_free(&b);
    }
    fetch_result_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record_task task;
    struct span bytes;
    if (size < 1)
        return 0;
    bytes = span_make(data + 1, size - 1);
    switch (data[0] % 3) {
    case 0:
        if (record_get_task(bytes, &task) == 0)
            must(task.url.len < bytes.len, "a task longer than its record");
        break;
    case 1:
        try_head(bytes);
        break;
    default:
        try_result(bytes);
    }
    return 0;
}
