/* For the tests of sinks: a standard output to look at, and a report with everything in it. */
#ifndef PFETCH_TESTS_OUTPUTS_H
#define PFETCH_TESTS_OUTPUTS_H

#include <stdlib.h>
#include <unistd.h>

#include "output/report.h"
#include "output/sink.h"
#include "output/spool.h"

struct outputs {
    struct writer *writer;
    struct spool *spool;
    int fd;
    char text[65536]; /* outputs_text */
};

static inline void outputs_begin(struct outputs *o)
{
    char name[] = "check_output.XXXXXX";
    o->fd = mkstemp(name);
    unlink(name);
    o->writer = writer_new(
        &(struct writer_options){.fd = o->fd, .owned = true, .name = "standard output", .wake_fd = -1});
    o->spool = spool_new(&(struct spool_options){.writer = o->writer});
}

/* What has been written so far. */
static inline const char *outputs_text(struct outputs *o)
{
    struct fetch_error err;
    if (spool_flush(o->spool, false, &err) < 0)
        return "the flush failed";
    ssize_t n = pread(o->fd, o->text, sizeof o->text - 1, 0);
    o->text[n > 0 ? n : 0] = 0;
    return o->text;
}

static inline void outputs_end(struct outputs *o)
{
    spool_free(o->spool);
    writer_free(o->writer);
}

/* A report of a target that was answered; `conn` and `packed` hold what it points to. */
static inline struct report full_report(struct fetch_conn *conn, struct buffer *packed)
{
    static struct fetch_cert cert;
    cert = (struct fetch_cert){.references = 1,
                               .sha256 = "00ff",
                               .subject = "CN=\"x\"",
                               .issuer = "CN=ca",
                               .not_before = "2026-01-01T00:00:00Z",
                               .not_after = "2027-01-01T00:00:00Z",
                               .names = "a.example\n*.b.example"};
    *conn = (struct fetch_conn){.remote_ip = "192.0.2.7",
                                .remote_port = 443,
                                .tls_version = "TLSv1.3",
                                .tls_cipher = "TLS_AES_128_GCM_SHA256",
                                .tls = true,
                                .resumed = true,
                                .cert = &cert};
    buffer_init(packed, 1000);
    pack_string(packed, "Server");
    pack_string(packed, "x\xFFy");
    pack_string(packed, "Empty");
    pack_string(packed, "");
    size_t fields = packed->len;
    pack_string(packed, "https://a.example/");
    pack_string(packed, "https://b.example/");
    return (struct report){.index = 17,
                           .target = span_of("a.example"),
                           .started_us = INT64_C(1767225599123456),
                           .url = span_of("https://b.example/x"),
                           .status = 200,
                           .version = "1.1",
                           .bytes = 20480,
                           .redirects = span_make(packed->data + fields, packed->len - fields),
                           .redirect_count = 2,
                           .attempts = 1,
                           .worker = 3,
                           .conn = conn,
                           .ns_queue = 1000,
                           .ns_dns = 2000000,
                           .ns_connect = 3000400,
                           .ns_tls = 40000600,
                           .ns_first_byte = 50000000,
                           .ns_total = INT64_C(12345678901),
                           .fields = span_make(packed->data, fields),
                           .field_count = 2,
                           .sha256 = "",
                           .payload_sha1 = ""};
}

/* A report of a line that was no target. */
static inline struct report bad_report(struct fetch_conn *conn)
{
    *conn = (struct fetch_conn){.remote_ip = ""};
    struct report r = {.index = 1,
                       .target = span_of("a\tb\n\xC3\xA9\xFF"),
                       .started_us = 1,
                       .version = "",
                       .conn = conn,
                       .sha256 = "",
                       .payload_sha1 = ""};
    error_set(&r.error, ERROR_INVALID_TARGET, PHASE_NONE, "control byte \x01 in \"it\"");
    return r;
}

/* Runs a target that never began through a sink, and the slot to its end. */
static inline int report_through(struct outputs *o, const struct sink_type *type, void *sink,
                                 struct report *report, struct fetch_error *err)
{
    struct spool_slot *slot = spool_open(o->spool, NULL);
    return type->end(sink, NULL, report, true, slot, err) < 0 ? -1 : spool_finish(slot, err);
}

#endif
