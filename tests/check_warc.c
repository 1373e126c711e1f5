/* --warc, read back by a strict reader: framing, digests, pairs, rotation, resuming behind a torn end. */
#include "config.h"

#include <check.h>
#include <sys/wait.h>
#include <sys/file.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/sha.h>
#include <zlib.h>

#include "output/warc.h"
#include "output/warc_file.h"

enum { RECORDS = 64, HEADER = 2048 };

static struct fetch_error err;
static char dir[32], path[64];

/* The strict reader */

struct record {
    char header[HEADER]; /* with the CRLF of its last line */
    struct span block;
};

struct archive {
    struct buffer bytes; /* inflated */
    struct record records[RECORDS];
    size_t count;
    size_t end_of[RECORDS]; /* in the file */
};

static struct archive archive;

static struct buffer contents(const char *file)
{
    struct buffer b;
    buffer_init(&b, SIZE_MAX);
    int fd = open(file, O_RDONLY);
    ck_assert_msg(fd >= 0, "%s is not there", file);
    for (;;) {
        ck_assert_int_eq(buffer_reserve(&b, 65536), 0);
        ssize_t n = read(fd, b.data + b.len, 65536);
        ck_assert_int_ge(n, 0);
        if (n == 0)
            break;
        b.len += (size_t)n;
    }
    close(fd);
    return b;
}

/* One field's value; exactly `nth` (0 for the first) of that name. */
static const char *field_n(const struct record *r, const char *name, unsigned nth)
{
    static char value[HEADER];
    size_t len = strlen(name);
    for (const char *line = r->header; *line;) {
        const char *end = strstr(line, "\r\n");
        if (strncmp(line, name, len) == 0 && line[len] == ':' && nth-- == 0) {
            snprintf(value, sizeof value, "%.*s", (int)(end - line - (ptrdiff_t)len - 2), line + len + 2);
            return value;
        }
        line = end + 2;
    }
    return NULL;
}

static const char *field(const struct record *r, const char *name)
{
    return field_n(r, name, 0);
}

static const char *sha1_of(struct span v)
{
    static char text[40];
    unsigned char d[SHA_DIGEST_LENGTH + 1] = {0};
    SHA1(v.data, v.len, d);
    strcpy(text, "sha1:");
    for (unsigned i = 0, at = 0; i < 32; i++, at += 5)
        text[5 + i] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(((unsigned)d[at / 8] << 8 | d[at / 8 + 1]) >> (11 - at % 8)) &
                                               31];
    text[37] = 0;
    return text;
}

/* Reads one record from the front of `v`, which must have it whole; the bytes it takes. */
static size_t read_record(struct span v)
{
    static const char *const needed[] = {"WARC-Type",         "WARC-Record-ID", "WARC-Date",
                                         "WARC-Block-Digest", "Content-Type",   "Content-Length"};
    struct record *r = &archive.records[archive.count++];
    ck_assert_uint_le(archive.count, RECORDS);
    ck_assert_uint_gt(v.len, 10);
    ck_assert_mem_eq(v.data, "WARC/1.1\r\n", 10);
    const unsigned char *end = memmem(v.data, v.len, "\r\n\r\n", 4);
    ck_assert_ptr_nonnull(end);
    size_t header = (size_t)(end - v.data) + 2;
    ck_assert_uint_lt(header - 10, HEADER);
    memcpy(r->header, v.data + 10, header - 10);
    r->header[header - 10] = 0;
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        ck_assert_msg(field(r, needed[i]) != NULL, "no %s", needed[i]);
        ck_assert_msg(field_n(r, needed[i], 1) == NULL, "%s twice", needed[i]);
    }
    size_t length = strtoul(field(r, "Content-Length"), NULL, 10);
    ck_assert_uint_le(header + 2 + length + 4, v.len);
    r->block = span_make(v.data + header + 2, length);
    ck_assert_mem_eq(r->block.data + length, "\r\n\r\n", 4);
    ck_assert_str_eq(field(r, "WARC-Block-Digest"), sha1_of(r->block));
    ck_assert_uint_eq(strlen(field(r, "WARC-Record-ID")), 47);
    return header + 2 + length + 4;
}

static void read_plain(const char *file)
{
    buffer_free(&archive.bytes);
    archive.count = 0;
    archive.bytes = contents(file);
    for (size_t at = 0; at < archive.bytes.len;) {
        at += read_record(span_make(archive.bytes.data + at, archive.bytes.len - at));
        archive.end_of[archive.count - 1] = at;
    }
}

/* Each member must be one record, to its last byte. */
static void read_gzip(const char *file)
{
    size_t starts[RECORDS + 1] = {0}, members = 0;
    struct buffer in = contents(file);
    buffer_free(&archive.bytes);
    buffer_init(&archive.bytes, SIZE_MAX);
    z_stream z = {.next_in = in.data, .avail_in = (uInt)in.len};
    while (z.avail_in) {
        int r;
        ck_assert_int_eq(inflateInit2(&z, 31), Z_OK);
        do {
            ck_assert_int_eq(buffer_reserve(&archive.bytes, 65536), 0);
            z.next_out = archive.bytes.data + archive.bytes.len;
            z.avail_out = 65536;
            r = inflate(&z, Z_NO_FLUSH);
            archive.bytes.len += 65536 - z.avail_out;
        } while (r == Z_OK);
        ck_assert_int_eq(r, Z_STREAM_END);
        inflateEnd(&z);
        archive.end_of[members] = in.len - z.avail_in;
        starts[++members] = archive.bytes.len;
    }
    archive.count = 0;
    for (size_t i = 0; i < members; i++)
        ck_assert_uint_eq(read_record(span_make(archive.bytes.data + starts[i], starts[i + 1] - starts[i])),
                          starts[i + 1] - starts[i]);
    buffer_free(&in);
}

static void read_archive(const char *file)
{
    size_t len = strlen(file);
    if (strcmp(file + len - 3, ".gz") == 0)
        read_gzip(file);
    else
        read_plain(file);
}

/* What is written */

static struct fetch_conn conn = {
    .remote_ip = "192.0.2.1", .tls_version = "TLSv1.3", .tls_cipher = "TLS_AES_128_GCM_SHA256", .tls = true};

static const char request[] = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

static struct fetch_head head(const char *url, const char *wire)
{
    return (struct fetch_head){.url = url,
                               .status = 200,
                               .version = "1.1",
                               .wire_request = span_of(request),
                               .wire_response = span_of(wire),
                               .conn = &conn,
                               .started_us = INT64_C(1767225599123456)};
}

static void *open_sink(const char *file, uint64_t max_size, bool resume)
{
    void *sink = NULL;
    int r =
        warc_open(&(struct warc_options){.path = file, .max_size = max_size, .resume = resume}, &sink, &err);
    ck_assert_msg(r == 0, "%s", err.message);
    ck_assert_int_eq(warc_start(sink, &err), 0);
    return sink;
}

static void *begin(void *sink)
{
    struct sink_target target = {.index = 1, .target = span_of("a.example")};
    void *context = NULL;
    ck_assert_int_eq(warc_sink.begin(sink, &target, &context, &err), 0);
    return context;
}

static void wire(void *sink, void *context, const char *data)
{
    ck_assert_int_eq(warc_sink.wire(sink, context, data, strlen(data), &err), 0);
}

static int end(void *sink, void *context, struct report *r)
{
    return warc_sink.end(sink, context, r, true, NULL, &err);
}

static struct report report(const char *payload)
{
    return (struct report){.conn = &conn, .payload_sha1 = payload};
}

static int exchange(void *sink, const char *url, const char *body)
{
    void *context = begin(sink);
    struct fetch_head h = head(url, "HTTP/1.1 200 OK\r\n\r\n");
    struct report r = report("AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH");
    if (warc_sink.head(sink, context, &h, &err) < 0 ||
        warc_sink.wire(sink, context, body, strlen(body), &err) < 0) {
        warc_sink.abandon(sink, context);
        return -1;
    }
    return end(sink, context, &r);
}

static void close_sink(void *sink)
{
    ck_assert_int_eq(warc_sink.close(sink, &err), 0);
}

static void setup(void)
{
    strcpy(dir, "check_warc.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/x.warc", dir);
}

static void teardown(void)
{
    static const char *const names[] = {"x.warc", "x.warc.gz", "x-00001.warc", "x-00002.warc"};
    char file[64];
    buffer_free(&archive.bytes);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(file, sizeof file, "%s/%s", dir, names[i]);
        unlink(file);
    }
    ck_assert_int_eq(rmdir(dir), 0); /* nothing else was left */
}

static void use_gzip(int gzip)
{
    snprintf(path, sizeof path, "%s/x.warc%s", dir, gzip ? ".gz" : "");
}

START_TEST(an_empty_run_is_a_valid_file)
{
    use_gzip(_i);
    close_sink(open_sink(path, 0, false));
    read_archive(path);
    const struct record *r = archive.records;
    ck_assert_uint_eq(archive.count, 1);
    ck_assert_str_eq(field(r, "WARC-Type"), "warcinfo");
    ck_assert_str_eq(field(r, "Content-Type"), "application/warc-fields");
    ck_assert_str_eq(field(r, "WARC-Filename"), _i ? "x.warc.gz" : "x.warc");
    ck_assert_ptr_null(field(r, "WARC-Target-URI"));
    ck_assert_mem_eq(r->block.data, "software: pfetch/", 17);
}
END_TEST

START_TEST(an_exchange_is_two_records)
{
    static const char wire_head[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    char id[100];
    use_gzip(_i);
    void *sink = open_sink(path, 0, false), *context = begin(sink);
    struct fetch_head h = head("https://a.example/", wire_head);
    struct report r = report("AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH");
    ck_assert_int_eq(warc_sink.head(sink, context, &h, &err), 0);
    wire(sink, context, "he");
    wire(sink, context, "llo");
    ck_assert_int_eq(end(sink, context, &r), 0);
    ck_assert_int_eq(warc_sink.flush(sink, true, &err), 0);
    read_archive(path);
    close_sink(sink);
    ck_assert_uint_eq(archive.count, 3);
    const struct record *q = &archive.records[1], *a = &archive.records[2];
    ck_assert_str_eq(field(q, "WARC-Type"), "request");
    ck_assert_str_eq(field(q, "Content-Type"), "application/http;msgtype=request");
    ck_assert(span_equal(q->block, span_of(request)));
    ck_assert_ptr_null(field(q, "WARC-Payload-Digest"));
    ck_assert_str_eq(field(a, "WARC-Type"), "response");
    ck_assert_str_eq(field(a, "Content-Type"), "application/http;msgtype=response");
    ck_assert_uint_eq(a->block.len, strlen(wire_head) + 5);
    ck_assert_mem_eq(a->block.data, wire_head, strlen(wire_head));
    ck_assert_mem_eq(a->block.data + strlen(wire_head), "hello", 5);
    ck_assert_str_eq(field(a, "WARC-Payload-Digest"), "sha1:AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH");
    ck_assert_ptr_null(field(a, "WARC-Truncated"));
    strcpy(id, field(q, "WARC-Record-ID"));
    ck_assert_str_eq(field(a, "WARC-Concurrent-To"), id);
    strcpy(id, field(a, "WARC-Record-ID"));
    ck_assert_str_eq(field(q, "WARC-Concurrent-To"), id);
    strcpy(id, field(&archive.records[0], "WARC-Record-ID"));
    for (int i = 1; i < 3; i++) {
        const struct record *x = &archive.records[i];
        ck_assert_str_eq(field(x, "WARC-Warcinfo-ID"), id);
        ck_assert_str_eq(field(x, "WARC-Date"), "2025-12-31T23:59:59.123456Z");
        ck_assert_str_eq(field(x, "WARC-Target-URI"), "https://a.example/");
        ck_assert_str_eq(field(x, "WARC-IP-Address"), "192.0.2.1");
        ck_assert_str_eq(field_n(x, "WARC-Protocol", 0), "http/1.1");
        ck_assert_str_eq(field_n(x, "WARC-Protocol", 1), "tls/1.3");
        ck_assert_str_eq(field(x, "WARC-Cipher-Suite"), "TLS_AES_128_GCM_SHA256");
    }
}
END_TEST

/* A hop with its body in `wire_body`: what its response record says. */
static const struct record *hop_record(const char *name, const char *value, const char *wire_body,
                                       size_t step)
{
    struct buffer fields;
    void *sink = open_sink(path, 0, false), *context = begin(sink);
    struct fetch_head h = head("https://a.example/", "HTTP/1.1 301 Moved\r\n\r\n");
    struct report r = report("");
    buffer_init(&fields, 1000);
    pack_string(&fields, name);
    pack_string(&fields, value);
    h.status = 301;
    h.fields = buffer_span(&fields);
    h.field_count = 1;
    h.location = "https://b.example/";
    ck_assert_int_eq(warc_sink.hop(sink, context, &h, &err), 0);
    for (size_t at = 0, len = strlen(wire_body); at < len; at += step)
        ck_assert_int_eq(
            warc_sink.wire(sink, context, wire_body + at, len - at < step ? len - at : step, &err), 0);
    h = head("https://b.example/", "HTTP/1.1 200 OK\r\n\r\n");
    ck_assert_int_eq(warc_sink.head(sink, context, &h, &err), 0);
    ck_assert_int_eq(end(sink, context, &r), 0);
    close_sink(sink);
    buffer_free(&fields);
    read_archive(path);
    ck_assert_uint_eq(archive.count, 5);
    ck_assert_str_eq(field(&archive.records[3], "WARC-Target-URI"), "https://b.example/");
    ck_assert_ptr_null(field(&archive.records[4], "WARC-Payload-Digest"));
    return &archive.records[2];
}

START_TEST(a_redirects_payload_is_without_its_chunks)
{
    for (size_t step = 1; step < 30; step += 7) {
        const struct record *r =
            hop_record("Transfer-Encoding", "chunked", "3\r\nhel\r\n2;x\r\nlo\r\n0\r\n\r\n", step);
        ck_assert_str_eq(field(r, "WARC-Payload-Digest"), sha1_of(span_of("hello")));
        ck_assert_ptr_null(field(r, "WARC-Truncated"));
    }
    const struct record *r = hop_record("Content-Length", "0", "", 1);
    ck_assert_str_eq(field(r, "WARC-Payload-Digest"), "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ");
    ck_assert_ptr_null(field(r, "WARC-Truncated"));
    r = hop_record("Server", "x", "until the end", 5);
    ck_assert_str_eq(field(r, "WARC-Payload-Digest"), sha1_of(span_of("until the end")));
    ck_assert_ptr_null(field(r, "WARC-Truncated"));
}
END_TEST

START_TEST(a_redirects_body_may_be_cut_or_broken)
{
    const struct record *r = hop_record("Content-Length", "100", "hello", 2);
    ck_assert_str_eq(field(r, "WARC-Payload-Digest"), sha1_of(span_of("hello")));
    ck_assert_str_eq(field(r, "WARC-Truncated"), "length");
    r = hop_record("Transfer-Encoding", "chunked", "3\r\nhelxx", 2);
    ck_assert_ptr_null(field(r, "WARC-Payload-Digest"));
    r = hop_record("Content-Length", "5, 6", "hello", 2);
    ck_assert_ptr_null(field(r, "WARC-Payload-Digest"));
}
END_TEST

START_TEST(a_cut_body_says_why)
{
    static const struct {
        enum fetch_cut cut;
        enum error_kind kind;
        const char *says;
    } cases[] = {{CUT_LENGTH, ERROR_TOO_LARGE, "length"},
                 {CUT_TIME, ERROR_TIMEOUT, "time"},
                 {CUT_DISCONNECT, ERROR_TRUNCATED, "disconnect"},
                 {CUT_NONE, ERROR_WORKER_DIED, "unspecified"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        void *sink = open_sink(path, 0, false), *context = begin(sink);
        struct fetch_head h = head("https://a.example/", "HTTP/1.1 200 OK\r\n\r\n");
        struct report r = report("");
        r.cut = cases[i].cut;
        r.error.kind = cases[i].kind;
        ck_assert_int_eq(warc_sink.head(sink, context, &h, &err), 0);
        ck_assert_int_eq(warc_sink.end(sink, context, &r, false, NULL, &err), 0);
        close_sink(sink);
        read_archive(path);
        ck_assert_uint_eq(archive.count, 3);
        ck_assert_str_eq(field(&archive.records[2], "WARC-Truncated"), cases[i].says);
    }
}
END_TEST

START_TEST(without_an_answer_there_is_no_record)
{
    void *sink = open_sink(path, 0, false), *context = begin(sink);
    struct report r = report("");
    struct fetch_head h = head("https://a.example/", "HTTP/1.1 200 OK\r\n\r\n");
    r.error.kind = ERROR_DNS;
    ck_assert_int_eq(end(sink, context, &r), 0);
    ck_assert_int_eq(end(sink, NULL, &r), 0);
    context = begin(sink);
    ck_assert_int_eq(warc_sink.head(sink, context, &h, &err), 0);
    warc_sink.abandon(sink, context);
    close_sink(sink);
    read_archive(path);
    ck_assert_uint_eq(archive.count, 1);
}
END_TEST

START_TEST(a_huge_body_and_many_at_once)
{
    enum { PIECES = 40, SIZE = 65536, AT_ONCE = 3 };
    static char piece[SIZE];
    void *contexts[AT_ONCE];
    use_gzip(_i);
    void *sink = open_sink(path, 0, false);
    struct fetch_head h = head("https://a.example/", "HTTP/1.1 200 OK\r\n\r\n");
    struct report r = report("");
    for (int j = 0; j < AT_ONCE; j++) {
        contexts[j] = begin(sink);
        ck_assert_int_eq(warc_sink.head(sink, contexts[j], &h, &err), 0);
    }
    for (int i = 0; i < PIECES * AT_ONCE; i++) {
        memset(piece, 'a' + i, SIZE);
        ck_assert_int_eq(warc_sink.wire(sink, contexts[i % AT_ONCE], piece, SIZE, &err), 0);
    }
    for (int j = 0; j < AT_ONCE; j++)
        ck_assert_int_eq(end(sink, contexts[j], &r), 0);
    close_sink(sink);
    read_archive(path);
    ck_assert_uint_eq(archive.count, 1 + 2 * AT_ONCE);
    for (int j = 0; j < AT_ONCE; j++) {
        struct span block = archive.records[2 + 2 * j].block;
        ck_assert_uint_eq(block.len, 19 + PIECES * SIZE);
        for (size_t i = 0; i < PIECES; i++) {
            ck_assert_uint_eq(block.data[19 + i * SIZE], (unsigned char)('a' + (int)i * AT_ONCE + j));
            ck_assert_uint_eq(block.data[19 + i * SIZE + SIZE - 1],
                              (unsigned char)('a' + (int)i * AT_ONCE + j));
        }
    }
}
END_TEST

START_TEST(nothing_breaks_out_of_a_header)
{
    void *sink = open_sink(path, 0, false), *context = begin(sink);
    struct fetch_conn evil = {
        .remote_ip = "1.2.3.4\r\nX: y", .tls_version = "TLSv1.3 x", .tls_cipher = "A\nB", .tls = true};
    struct fetch_head h = head("https://a/\r\nX: y <z>", "HTTP/1.1 200 OK\r\n\r\n");
    struct report r = report("AA\r\nX: y");
    h.conn = &evil;
    ck_assert_int_eq(warc_sink.head(sink, context, &h, &err), 0);
    ck_assert_int_eq(end(sink, context, &r), 0);
    close_sink(sink);
    read_archive(path);
    const struct record *a = &archive.records[2];
    ck_assert_str_eq(field(a, "WARC-Target-URI"), "https://a/%0D%0AX:%20y%20%3Cz%3E");
    ck_assert_ptr_null(field(a, "X"));
    ck_assert_ptr_null(field(a, "WARC-IP-Address"));
    ck_assert_ptr_null(field(a, "WARC-Cipher-Suite"));
    ck_assert_ptr_null(field(a, "WARC-Payload-Digest"));
    ck_assert_ptr_null(field_n(a, "WARC-Protocol", 1));
}
END_TEST

START_TEST(past_its_size_a_new_file)
{
    char second[64], third[64];
    snprintf(second, sizeof second, "%s/x-00001.warc", dir);
    snprintf(third, sizeof third, "%s/x-00002.warc", dir);
    void *sink = open_sink(path, 1500, false);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(exchange(sink, "https://a.example/", "hello"), 0);
    close_sink(sink);
    read_archive(path);
    ck_assert_uint_eq(archive.count, 3);
    read_archive(second);
    ck_assert_uint_eq(archive.count, 3);
    ck_assert_str_eq(field(&archive.records[0], "WARC-Filename"), "x-00001.warc");
    ck_assert_int_eq(access(third, F_OK), -1);
    sink = open_sink(path, 1 << 20, true); /* goes on in the last there is */
    ck_assert_int_eq(exchange(sink, "https://b.example/", "hello"), 0);
    close_sink(sink);
    read_archive(second);
    ck_assert_uint_eq(archive.count, 5);
    void *none = NULL;
    ck_assert_int_eq(warc_open(&(struct warc_options){.path = path, .max_size = 1 << 20}, &none, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.message, "x-00001.warc: is there from an earlier run"));
    read_archive(path);
    ck_assert_uint_eq(archive.count, 3);
}
END_TEST

static void write_file(const char *file, const void *data, size_t len)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
    close(fd);
}

START_TEST(resumed_behind_the_last_whole_record)
{
    use_gzip(_i);
    void *sink = open_sink(path, 0, false);
    ck_assert_int_eq(exchange(sink, "https://a.example/", "hello"), 0);
    close_sink(sink);
    read_archive(path);
    struct buffer whole = contents(path);
    size_t ends[3];
    memcpy(ends, archive.end_of, sizeof ends);
    ck_assert_uint_eq(ends[2], whole.len);
    for (size_t cut = 0; cut <= whole.len; cut++) {
        size_t kept = cut >= ends[2] ? 3 : cut >= ends[1] ? 2 : cut >= ends[0] ? 1 : 0;
        write_file(path, whole.data, cut);
        sink = open_sink(path, 0, true);
        ck_assert_int_eq(exchange(sink, "https://b.example/", "new"), 0);
        close_sink(sink);
        read_archive(path);
        ck_assert_uint_eq(archive.count, (kept ? kept : 1) + 2);
        const struct record *last = &archive.records[archive.count - 1];
        ck_assert_str_eq(field(last, "WARC-Target-URI"), "https://b.example/");
        if (kept)
            ck_assert_uint_eq(archive.end_of[kept - 1], ends[kept - 1]);
    }
    buffer_free(&whole);
}
END_TEST

static void refused(const void *data, size_t len, const char *says)
{
    void *sink = NULL;
    write_file(path, data, len);
    ck_assert_int_eq(warc_open(&(struct warc_options){.path = path, .resume = true}, &sink, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_NONE);
    ck_assert_msg(strstr(err.message, says) != NULL, "%s", err.message);
    struct buffer now = contents(path);
    ck_assert(span_equal(buffer_span(&now), span_make(data, len)));
    buffer_free(&now);
}

START_TEST(what_is_no_warc_stays_as_it_was)
{
    static const char gzipped[] =
        "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x57\x28"
        "\xcf\x2f\xca\x49\x01\x00\x85\x11\x4a\x0d\x0b\x00\x00\x00"; /* hello world */
    use_gzip(_i);
    refused("h", 1, "is no WARC file");
    refused("hello world, this is text\n", 26, "is no WARC file");
    refused("\0\0\0\0", 4, "is no WARC file");
    if (_i) {
        refused(gzipped, sizeof gzipped - 1, "is no WARC file");
        refused("WARC/1.1\r\n", 10, "is no WARC file");
    } else {
        refused(gzipped, sizeof gzipped - 1, "is no WARC file");
        refused("WARC/1.1\r\nWARC-Type: x\r\n\r\n", 26, "is no WARC file");
        refused("WARC/1.1\r\nContent-Length: 5x\r\n\r\n", 32, "is no WARC file");
        refused("WARC/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx\r\n\r\n", 55, "is no WARC file");
        refused("WARC/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 50, "is no WARC file");
    }
}
END_TEST

START_TEST(a_damaged_warc_stays_as_it_was)
{
    use_gzip(_i);
    void *sink = open_sink(path, 0, false);
    ck_assert_int_eq(exchange(sink, "https://a.example/", "hello"), 0);
    close_sink(sink);
    read_archive(path);
    char says[64];
    snprintf(says, sizeof says, "is damaged at byte %zu", archive.end_of[0]);
    struct buffer whole = contents(path);
    size_t at = archive.end_of[0];
    whole.data[at] ^= 1; /* the second record's first byte */
    refused(whole.data, whole.len, says);
    whole.data[at] ^= 1;
    whole.data[archive.end_of[1] - 1] ^= 1; /* its last */
    refused(whole.data, whole.len, says);
    whole.data[archive.end_of[1] - 1] ^= 1;
    ck_assert_int_eq(buffer_puts(&whole, "x"), 0);
    snprintf(says, sizeof says, "is damaged at byte %zu", archive.end_of[2]);
    refused(whole.data, whole.len, says);
    buffer_free(&whole);
}
END_TEST

START_TEST(what_cannot_be_written_whole_is_taken_back)
{
    static char large[400000];
    struct rlimit was, small;
    use_gzip(_i);
    for (size_t i = 0; i < sizeof large - 1; i++)
        large[i] = (char)('a' + (i * i / 7) % 26 + (i * 2654435761u >> 28) % 3);
    void *sink = open_sink(path, 0, false);
    ck_assert_int_eq(exchange(sink, "https://a.example/", "hello"), 0);
    read_archive(path);
    size_t before = archive.end_of[2];
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &was);
    small = was;
    small.rlim_cur = before + 6000; /* the messages of Check have this limit, too */
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    int r = exchange(sink, "https://b.example/", large);
    setrlimit(RLIMIT_FSIZE, &was);
    ck_assert_int_eq(r, -1);
    ck_assert_int_eq(err.kind, ERROR_OUTPUT);
    ck_assert_ptr_nonnull(strstr(err.message, "File too large"));
    ck_assert_ptr_nonnull(strstr(err.message, path));
    read_archive(path);
    ck_assert_uint_eq(archive.end_of[archive.count - 1], before);
    ck_assert_int_eq(exchange(sink, "https://c.example/", "again"), 0);
    close_sink(sink);
    read_archive(path);
    ck_assert_uint_eq(archive.count, 5);
}
END_TEST

static bool yes(void *arg)
{
    (void)arg;
    return true;
}

/* Whoever reads on behind half a record would take the next one for the rest of it. */
START_TEST(a_pipe_that_was_given_up_gets_nothing_more)
{
    struct warc_file *f;
    static unsigned char big[256 * 1024];
    int wake[2], reader;
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    reader = open(path, O_RDONLY | O_NONBLOCK);
    ck_assert_int_eq(pipe(wake), 0);
    ck_assert_int_eq(write(wake[1], "x", 1), 1);
    ck_assert_int_eq(warc_file_open(path, 0, false, &f, &err), 0);
    warc_file_wake(f, wake[0], yes, NULL);
    ck_assert_int_eq(warc_file_begin(f, &err), 0);
    ck_assert_int_eq(warc_file_put(f, big, sizeof big, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_CANCELLED);
    while (read(reader, big, sizeof big) > 0)
        ;
    ck_assert_int_eq(warc_file_begin(f, &err), 0);
    ck_assert_int_eq(warc_file_put(f, big, 100, &err), 0);
    ck_assert_int_eq(warc_file_end_record(f, &err), 0);
    err.kind = ERROR_NONE;
    ck_assert_int_eq(warc_file_commit(f, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_CANCELLED);
    ck_assert_int_eq(read(reader, big, sizeof big), -1);
    warc_file_close(f);
    close(reader);
    close(wake[0]);
    close(wake[1]);
}
END_TEST

START_TEST(two_runs_do_not_share_a_file)
{
    void *sink = open_sink(path, 0, false), *second = NULL;
    ck_assert_int_eq(exchange(sink, "https://a.example/", "hello"), 0);
    ck_assert_int_eq(warc_open(&(struct warc_options){.path = path}, &second, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.message, "another pfetch writes to it"));
    close_sink(sink);
    read_archive(path);
    ck_assert_uint_eq(archive.count, 3);
}
END_TEST

/* A killed run's last worker, say. */
START_TEST(a_lock_that_is_about_to_go_is_waited_for)
{
    int ready[2];
    char byte;
    close_sink(open_sink(path, 0, false));
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        int fd = open(path, O_RDWR);
        bool held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && write(ready[1], "x", 1) == 1;
        usleep(200 * 1000);
        _exit(held ? 0 : 1);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close_sink(open_sink(path, 0, true));
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    close(ready[0]);
    close(ready[1]);
}
END_TEST

START_TEST(a_place_that_is_none)
{
    void *sink = NULL;
    ck_assert_int_eq(warc_open(&(struct warc_options){.path = "check_warc.none/x.warc"}, &sink, &err), -1);
    ck_assert_str_eq(err.message, "check_warc.none/x.warc: No such file or directory");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("warc");
    TCase *t = tcase_create("warc");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, an_empty_run_is_a_valid_file, 0, 2); /* plain, gzip */
    tcase_add_loop_test(t, an_exchange_is_two_records, 0, 2);   /* plain, gzip */
    tcase_add_test(t, a_redirects_payload_is_without_its_chunks);
    tcase_add_test(t, a_redirects_body_may_be_cut_or_broken);
    tcase_add_test(t, a_cut_body_says_why);
    tcase_add_test(t, without_an_answer_there_is_no_record);
    tcase_add_loop_test(t, a_huge_body_and_many_at_once, 0, 2); /* plain, gzip */
    tcase_add_test(t, nothing_breaks_out_of_a_header);
    tcase_add_test(t, past_its_size_a_new_file);
    tcase_add_loop_test(t, resumed_behind_the_last_whole_record, 0, 2);       /* plain, gzip */
    tcase_add_loop_test(t, what_is_no_warc_stays_as_it_was, 0, 2);            /* plain, gzip */
    tcase_add_loop_test(t, a_damaged_warc_stays_as_it_was, 0, 2);             /* plain, gzip */
    tcase_add_loop_test(t, what_cannot_be_written_whole_is_taken_back, 0, 2); /* plain, gzip */
    tcase_add_test(t, a_pipe_that_was_given_up_gets_nothing_more);
    tcase_add_test(t, two_runs_do_not_share_a_file);
    tcase_add_test(t, a_lock_that_is_about_to_go_is_waited_for);
    tcase_add_test(t, a_place_that_is_none);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
