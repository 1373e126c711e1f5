/* The head of a response: what is read, what is refused and why, and how its body ends. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "fetch/response.h"
#include "support/guarded.h"

static struct guarded page;

/* What came of a head. */
struct outcome {
    enum parse_result result;
    size_t used;
    struct response r;
    struct fetch_error err;
};

static struct outcome parse_whole(struct span head)
{
    struct outcome o = {.result = PARSE_MORE};
    response_init(&o.r);
    o.result = response_parse(&o.r, guarded_put(&page, head.data, head.len), &o.used, &o.err);
    return o;
}

/* Each prefix, as if the bytes came one by one; of what is very long, every 997th. */
static struct outcome parse_dribble(struct span head)
{
    struct outcome o = {.result = PARSE_MORE};
    response_init(&o.r);
    size_t step = head.len > 8192 ? 997 : 1, n = 0;
    for (; n < head.len && o.result == PARSE_MORE; n += step)
        o.result = response_parse(&o.r, guarded_put(&page, head.data, n), &o.used, &o.err);
    if (o.result == PARSE_MORE)
        o.result = response_parse(&o.r, guarded_put(&page, head.data, head.len), &o.used, &o.err);
    return o;
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
    ck_assert_int_eq(a->result, b->result);
    if (a->result == PARSE_BAD)
        ck_assert_str_eq(a->err.message, b->err.message);
    if (a->result != PARSE_DONE)
        return;
    ck_assert_uint_eq(a->used, b->used);
    ck_assert_int_eq(a->r.status, b->r.status);
    ck_assert_str_eq(a->r.version, b->r.version);
    ck_assert_uint_eq(a->r.field_count, b->r.field_count);
    ck_assert(span_equal(buffer_span(&a->r.fields), buffer_span(&b->r.fields)));
}

/* Whole and byte by byte; both must agree. The caller frees o.r. */
static struct outcome parse(struct span head)
{
    struct outcome whole = parse_whole(head), dribble = parse_dribble(head);
    assert_same(&whole, &dribble);
    response_free(&dribble.r);
    return whole;
}

static void assert_bad(struct span head, const char *message)
{
    struct outcome o = parse(head);
    ck_assert_int_eq(o.result, PARSE_BAD);
    ck_assert_int_eq(o.err.kind, ERROR_HTTP);
    ck_assert_int_eq(o.err.phase, PHASE_HEADERS);
    ck_assert_msg(strstr(o.err.message, message), "\"%s\" does not say \"%s\"", o.err.message, message);
    response_free(&o.r);
}

/* A good head; what follows it is not its own. */
static struct outcome assert_good(const char *head)
{
    char text[2048];
    snprintf(text, sizeof text, "%sHTTP/1.1 body", head);
    struct outcome o = parse(span_of(text));
    ck_assert_msg(o.result == PARSE_DONE, "%s: %s", head, o.result == PARSE_BAD ? o.err.message : "more");
    ck_assert_uint_eq(o.used, strlen(head));
    return o;
}

static void assert_value(const struct response *r, const char *name, const char *expected)
{
    struct span value;
    ck_assert(response_field(r, name, &value));
    ck_assert_msg(span_equal(value, span_of(expected)), "%.*s", (int)value.len, (const char *)value.data);
}

START_TEST(a_head_and_its_fields)
{
    struct outcome o = assert_good("HTTP/1.1 404 Not Found\r\nServer:  x \t\r\nset-cookie: a\r\nEmpty:\r\n"
                                   "Set-Cookie:b\r\n\r\n");
    ck_assert_int_eq(o.r.status, 404);
    ck_assert_int_eq(o.r.minor, 1);
    ck_assert_str_eq(o.r.version, "1.1");
    ck_assert_uint_eq(o.r.field_count, 4);
    assert_value(&o.r, "SERVER", "x");
    assert_value(&o.r, "Set-Cookie", "a");
    assert_value(&o.r, "empty", "");
    struct span value;
    ck_assert(!response_field(&o.r, "Cookie", &value));
    struct unpack at = response_begin(&o.r);
    ck_assert(response_next(&at, "set-cookie", &value) && value.data[0] == 'a');
    ck_assert(response_next(&at, "set-cookie", &value) && value.data[0] == 'b');
    ck_assert(!response_next(&at, "set-cookie", &value));
    struct buffer b;
    buffer_init(&b, 100);
    ck_assert_int_eq(response_join(&o.r, "Set-Cookie", &b), 0);
    ck_assert(span_equal(buffer_span(&b), span_of("a, b")));
    buffer_free(&b);
    response_free(&o.r);
}
END_TEST

START_TEST(status_lines_that_are_tolerated)
{
    static const char *const heads[] = {
        "HTTP/1.1 200\r\n\r\n",       "HTTP/1.1 200 \r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n",    "HTTP/1.1 200 Ori\xEBnt\r\n\r\n",
        "HTTP/1.1   200  OK\r\n\r\n", "HTTP/1.1 200 \x01\x7F\r\n\r\n",
        "HTTP/1.1 200 OK\n\n",        "HTTP/1.1 200 OK\n\r\n",
        "HTTP/1.1 200 OK\r\n\n",
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct outcome o = assert_good(heads[i]);
        ck_assert_int_eq(o.r.status, 200);
        response_free(&o.r);
    }
}
END_TEST

START_TEST(status_of_any_three_digits)
{
    struct outcome o = assert_good("HTTP/1.0 100 Continue\r\n\r\n");
    ck_assert(response_is_interim(&o.r));
    response_reset(&o.r);
    o = assert_good("HTTP/1.1 999 Odd\r\n\r\n");
    ck_assert_int_eq(o.r.status, 999);
    ck_assert(!response_is_interim(&o.r));
}
END_TEST

START_TEST(status_lines_that_are_refused)
{
    static const char *const lines[] = {
        "HTTP/1.1 20",    "HTTP/1.1 2000 OK", "HTTP/1.1 099", "HTTP/1.1 -20 OK", "HTTP/1.1 20X",
        "HTTP/1.1 200OK", "HTTP/1.1 200\tOK", "HTTP/1.1  ",   "HTTP/1.1 2 00",   "HTTP/1.1 0200",
    };
    char text[100];
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        snprintf(text, sizeof text, "%s\r\n\r\n", lines[i]);
        assert_bad(span_of(text), "three digits");
    }
    assert_bad(span_of("HTTP/1.1\r\n\r\n"), "no space behind");
    assert_bad(span_of("HTTP/1.1\t200 OK\r\n\r\n"), "no space behind");
    assert_bad(span_of("HTTP/1.1200 OK\r\n\r\n"), "no space behind");
}
END_TEST

/* The first byte that can't belong to HTTP/1.x is enough. */
START_TEST(another_protocol_is_refused_at_once)
{
    assert_bad(span_of("<"), "does not start with");
    assert_bad(span_of("http"), "does not start with");
    assert_bad(span_of("\r"), "does not start with");
    assert_bad(span_of(" HTTP/1.1 200"), "does not start with");
    assert_bad(span_of("HTTQ"), "does not start with");
    assert_bad(span_of("HTTP/2"), "HTTP/2");
    assert_bad(span_of("HTTP/0.9 200 OK"), "HTTP/0");
    assert_bad(span_make("\0\0\x12\x04\0\0\0\0\0", 9), "does not start with");
    assert_bad(span_of("HTTP/1.2"), "neither 1.0 nor 1.1");
    assert_bad(span_of("PRI * HTTP/2.0"), "does not start with");
    struct outcome o = parse(span_of("HTTP/1."));
    ck_assert_int_eq(o.result, PARSE_MORE);
}
END_TEST

START_TEST(token_characters_are_those_of_the_rfc)
{
    static const char tchars[] = "!#$%&'*+-.^_`|~0123456789"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (int c = 0; c < 256; c++)
        ck_assert_msg(token_char((unsigned char)c) == (c && strchr(tchars, c)), "character %d", c);
}
END_TEST

START_TEST(folds_become_one_space)
{
    struct outcome o = assert_good(
        "HTTP/1.1 200 OK\r\nA: one\r\n \t two \r\n\tthree\r\nB:\r\n  x\r\n \r\nC: y\r\n \r\n\r\n");
    ck_assert_uint_eq(o.r.field_count, 3);
    assert_value(&o.r, "A", "one two three");
    assert_value(&o.r, "B", "x");
    assert_value(&o.r, "C", "y");
    response_free(&o.r);
}
END_TEST

START_TEST(values_keep_odd_bytes)
{
    struct outcome o = assert_good("HTTP/1.1 200 OK\r\nA: \xFF\x01:\x7F\tb\r\n\r\n");
    assert_value(&o.r, "A", "\xFF\x01:\x7F\tb");
    response_free(&o.r);
}
END_TEST

START_TEST(field_lines_that_are_refused)
{
    static const struct {
        const char *line, *message;
    } cases[] = {
        {" A: b\r\n", "first field line starts with a blank"},
        {"\tA: b\r\n", "first field line starts with a blank"},
        {"A : b\r\n", "blank before the colon"},
        {"A\t: b\r\n", "blank before the colon"},
        {"no colon\r\n", "without a colon"},
        {": b\r\n", "without a name"},
        {"A b: c\r\n", "no token"},
        {"A\xE4: c\r\n", "no token"},
        {"A(: c\r\n", "no token"},
        {"A\x01: c\r\n", "no token"},
        {"{: c\r\n", "no token"},
        {"A: b\rc\r\n", "CR without LF"},
        {"A: b\r\r\n", "CR without LF"},
        {"\rA: b\r\n", "CR without LF"},
        {"A: b\r\n c\rd\r\n", "CR without LF"},
    };
    char text[200];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%s\r\n", cases[i].line);
        assert_bad(span_of(text), cases[i].message);
    }
    assert_bad(span_of("HTTP/1.1 200 O\rK\r\n\r\n"), "CR without LF");
    static const char nul[] = "HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n";
    assert_bad(span_make(nul, sizeof nul - 1), "NUL");
    static const char nul_status[] = "HTTP/1.1 200 \0\r\n\r\n";
    assert_bad(span_make(nul_status, sizeof nul_status - 1), "NUL");
}
END_TEST

START_TEST(every_byte_that_a_name_may_hold)
{
    for (int c = 1; c < 256; c++) {
        char text[64];
        int n = snprintf(text, sizeof text, "HTTP/1.1 200 OK\nA%cA: b\n\n", c);
        struct outcome o = parse(span_make(text, (size_t)n));
        bool good = c < 128 && strchr("!#$%&'*+-.^_`|~0123456789:"
                                      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                      c);
        ck_assert_msg((o.result == PARSE_DONE) == good, "byte %d", c);
        response_free(&o.r);
    }
}
END_TEST

static struct buffer many_fields(int count)
{
    struct buffer b;
    buffer_init(&b, 1 << 20);
    ck_assert_int_eq(buffer_puts(&b, "HTTP/1.1 200 OK\r\n"), 0);
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(buffer_puts(&b, "a:\n"), 0);
    ck_assert_int_eq(buffer_puts(&b, "\r\n"), 0);
    return b;
}

START_TEST(a_thousand_fields_and_no_more)
{
    struct buffer b = many_fields(1000);
    struct outcome o = parse(buffer_span(&b));
    ck_assert_int_eq(o.result, PARSE_DONE);
    ck_assert_uint_eq(o.r.field_count, 1000);
    response_free(&o.r);
    buffer_free(&b);
    b = many_fields(1001);
    assert_bad(buffer_span(&b), "more than 1000 fields");
    buffer_free(&b);
}
END_TEST

/* A head of exactly `size` bytes. */
static struct buffer large_head(size_t size)
{
    struct buffer b;
    buffer_init(&b, 1 << 20);
    ck_assert_int_eq(buffer_puts(&b, "HTTP/1.1 200 OK\r\nA: "), 0);
    while (b.len < size - 4)
        ck_assert_int_eq(buffer_putc(&b, 'x'), 0);
    ck_assert_int_eq(buffer_puts(&b, "\r\n\r\n"), 0);
    return b;
}

START_TEST(a_head_of_256_kib_and_no_more)
{
    struct buffer b = large_head(RESPONSE_HEAD_MAX);
    struct outcome o = parse_whole(buffer_span(&b));
    ck_assert_int_eq(o.result, PARSE_DONE);
    ck_assert_uint_eq(o.used, RESPONSE_HEAD_MAX);
    response_free(&o.r);
    buffer_free(&b);
    b = large_head(RESPONSE_HEAD_MAX + 1);
    assert_bad(buffer_span(&b), "larger than 262144");
    buffer_free(&b);
}
END_TEST

START_TEST(a_fold_can_not_outgrow_the_fields)
{
    struct buffer b;
    buffer_init(&b, RESPONSE_HEAD_MAX);
    ck_assert_int_eq(buffer_puts(&b, "HTTP/1.1 200 OK\nA:\n"), 0);
    while (b.len + 4 <= RESPONSE_HEAD_MAX)
        ck_assert_int_eq(buffer_puts(&b, " x\n"), 0);
    ck_assert_int_eq(buffer_putc(&b, '\n'), 0);
    struct outcome o = parse_whole(buffer_span(&b));
    ck_assert_int_eq(o.result, PARSE_DONE);
    response_free(&o.r);
    buffer_free(&b);
}
END_TEST

START_TEST(interim_responses_are_told_apart)
{
    struct outcome o = assert_good("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    ck_assert(response_is_interim(&o.r));
    response_reset(&o.r);
    ck_assert_uint_eq(o.r.field_count, 0);
    size_t used;
    struct span next = guarded_puts(&page, "HTTP/1.1 204 No Content\r\n\r\n");
    ck_assert_int_eq(response_parse(&o.r, next, &used, &o.err), PARSE_DONE);
    ck_assert_int_eq(o.r.status, 204);
    response_free(&o.r);
    o = assert_good("HTTP/1.1 101 Switching\r\n\r\n");
    ck_assert(!response_is_interim(&o.r));
}
END_TEST

START_TEST(comma_lists)
{
    struct outcome o =
        assert_good("HTTP/1.1 200 OK\r\nConnection: , foo ,\r\nConnection: Keep-Alive,CLOSE\r\n\r\n");
    ck_assert(response_list_has(&o.r, "connection", "close"));
    ck_assert(response_list_has(&o.r, "connection", "foo"));
    ck_assert(!response_list_has(&o.r, "connection", ""));
    ck_assert(!response_list_has(&o.r, "connection", "clos"));
    response_free(&o.r);
}
END_TEST

/* --- Framing ----------------------------------------------------------------------------------------------
 */

static int frame(const char *status_and_fields, enum request_method method, struct framing *ret,
                 struct fetch_error *err)
{
    char text[1024];
    snprintf(text, sizeof text, "HTTP/1.%s\r\n", status_and_fields);
    struct outcome o = assert_good(text);
    int r = response_framing(&o.r, method, ret, err);
    response_free(&o.r);
    return r;
}

START_TEST(how_a_body_ends)
{
    static const struct {
        const char *head;
        enum framing_kind kind;
        uint64_t length;
        bool reusable;
    } cases[] = {
        {"1 200 OK\r\n", FRAMING_CLOSE, 0, false},
        {"1 200 OK\r\nContent-Length: 5\r\n", FRAMING_LENGTH, 5, true},
        {"1 200 OK\r\nContent-Length: 0\r\n", FRAMING_LENGTH, 0, true},
        {"1 200 OK\r\nContent-Length: 0005\r\n", FRAMING_LENGTH, 5, true},
        {"1 200 OK\r\nContent-Length: 5, 5\r\n", FRAMING_LENGTH, 5, true},
        {"1 200 OK\r\nContent-Length: 5\r\ncontent-length: 5\r\n", FRAMING_LENGTH, 5, true},
        {"1 200 OK\r\nContent-Length: 9223372036854775807\r\n", FRAMING_LENGTH, INT64_MAX, true},
        {"1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n", FRAMING_LENGTH, 5, false},
        {"0 200 OK\r\nContent-Length: 5\r\n", FRAMING_LENGTH, 5, false},
        {"0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n", FRAMING_LENGTH, 5, true},
        {"0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive, close\r\n", FRAMING_LENGTH, 5, false},
        {"0 200 OK\r\nConnection: keep-alive\r\n", FRAMING_CLOSE, 0, false},
        {"1 200 OK\r\nTransfer-Encoding: Chunked\r\n", FRAMING_CHUNKED, 0, true},
        {"1 200 OK\r\nTransfer-Encoding: , chunked,\r\n", FRAMING_CHUNKED, 0, true},
        {"1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", FRAMING_CHUNKED, 0, false},
        {"1 200 OK\r\nContent-Length: 5, 6\r\nTransfer-Encoding: chunked\r\n", FRAMING_CHUNKED, 0, false},
        {"1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: x, close\r\n", FRAMING_CHUNKED, 0, false},
        {"0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n", FRAMING_CHUNKED, 0, false},
        {"1 200 OK\r\nTransfer-Encoding: identity\r\n", FRAMING_CLOSE, 0, false},
        {"1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n", FRAMING_CLOSE, 0, false},
        {"1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: x\r\n", FRAMING_CLOSE, 0, false},
        {"1 200 OK\r\nTransfer-Encoding: identity, chunked\r\n", FRAMING_CHUNKED, 0, true},
        {"1 204 No\r\n", FRAMING_NONE, 0, true},
        {"1 204 No\r\nContent-Length: 0\r\n", FRAMING_NONE, 0, true},
        {"1 204 No\r\nContent-Length: 5\r\n", FRAMING_NONE, 0, false},
        {"1 204 No\r\nTransfer-Encoding: chunked\r\n", FRAMING_NONE, 0, false},
        {"1 304 Not\r\nContent-Length: 5\r\n", FRAMING_NONE, 0, true},
        {"1 304 Not\r\nContent-Length: 5, 6\r\n", FRAMING_NONE, 0, false},
        {"1 304 Not\r\nTransfer-Encoding: gzip\r\n", FRAMING_NONE, 0, false},
        {"1 100 Go\r\nContent-Length: 5\r\n", FRAMING_NONE, 0, false},
        {"1 205 Reset\r\nContent-Length: 5\r\n", FRAMING_LENGTH, 5, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct framing f;
        struct fetch_error err;
        ck_assert_msg(frame(cases[i].head, METHOD_GET, &f, &err) == 0, "%s", cases[i].head);
        ck_assert_msg(f.kind == cases[i].kind, "%s: kind %d", cases[i].head, f.kind);
        ck_assert_uint_eq(f.length, cases[i].length);
        ck_assert_msg(f.reusable == cases[i].reusable, "%s: reusable %d", cases[i].head, f.reusable);
    }
}
END_TEST

START_TEST(framings_that_are_refused)
{
    static const struct {
        const char *head, *message;
    } cases[] = {
        {"1 200 OK\r\nContent-Length: 5, 7\r\n", "Content-Length given twice: 5, 7"},
        {"1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n", "Content-Length given twice: 5, 7"},
        {"1 200 OK\r\nContent-Length: +5\r\n", "no number: +5"},
        {"1 200 OK\r\nContent-Length: -5\r\n", "no number: -5"},
        {"1 200 OK\r\nContent-Length: 5 5\r\n", "no number: 5 5"},
        {"1 200 OK\r\nContent-Length: 0x5\r\n", "no number"},
        {"1 200 OK\r\nContent-Length: 5\r\n 5\r\n", "no number: 5 5"},
        {"1 200 OK\r\nContent-Length:\r\n", "is empty"},
        {"1 200 OK\r\nContent-Length: 5,\r\n", "is empty"},
        {"1 200 OK\r\nContent-Length: ,5\r\n", "is empty"},
        {"1 200 OK\r\nContent-Length: 9223372036854775808\r\n", "too large"},
        {"1 200 OK\r\nContent-Length: 99999999999999999999999\r\n", "too large"},
        {"1 200 OK\r\nTransfer-Encoding:\r\n", "Transfer-Encoding is empty"},
        {"1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n", "chunked given twice"},
        {"1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "chunked given twice"},
        {"1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n", "not the last coding"},
        {"1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n", "not the last coding, but: gzip"},
        {"1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n", "not asked for: gzip"},
        {"1 200 OK\r\nTransfer-Encoding: chunked;q=1\r\n", "not asked for: chunked;q=1"},
        {"1 200 OK\r\nTransfer-Encoding: xchunked\r\n", "not asked for"},
        {"1 101 Switching\r\n", "no upgrade was asked for"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct framing f;
        struct fetch_error err;
        ck_assert_msg(frame(cases[i].head, METHOD_GET, &f, &err) < 0, "%s", cases[i].head);
        ck_assert_int_eq(err.kind, ERROR_HTTP);
        ck_assert_int_eq(err.phase, PHASE_HEADERS);
        ck_assert_msg(strstr(err.message, cases[i].message), "%s: %s", cases[i].head, err.message);
    }
}
END_TEST

START_TEST(connect_leaves_a_tunnel)
{
    struct framing f;
    struct fetch_error err;
    ck_assert_int_eq(
        frame("0 200 Yes\r\nContent-Length: 5, 6\r\nTransfer-Encoding: x\r\n", METHOD_CONNECT, &f, &err), 0);
    ck_assert_int_eq(f.kind, FRAMING_NONE);
    ck_assert(f.reusable);
    ck_assert_int_eq(frame("1 407 No\r\nContent-Length: 5\r\n", METHOD_CONNECT, &f, &err), 0);
    ck_assert_int_eq(f.kind, FRAMING_LENGTH);
}
END_TEST

int main(void)
{
    guarded_init(&page, 1 << 20);
    Suite *s = suite_create("response");
    TCase *t = tcase_create("response");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_head_and_its_fields);
    tcase_add_test(t, status_lines_that_are_tolerated);
    tcase_add_test(t, status_of_any_three_digits);
    tcase_add_test(t, status_lines_that_are_refused);
    tcase_add_test(t, another_protocol_is_refused_at_once);
    tcase_add_test(t, token_characters_are_those_of_the_rfc);
    tcase_add_test(t, folds_become_one_space);
    tcase_add_test(t, values_keep_odd_bytes);
    tcase_add_test(t, field_lines_that_are_refused);
    tcase_add_test(t, every_byte_that_a_name_may_hold);
    tcase_add_test(t, a_thousand_fields_and_no_more);
    tcase_add_test(t, a_head_of_256_kib_and_no_more);
    tcase_add_test(t, a_fold_can_not_outgrow_the_fields);
    tcase_add_test(t, interim_responses_are_told_apart);
    tcase_add_test(t, comma_lists);
    tcase_add_test(t, how_a_body_ends);
    tcase_add_test(t, framings_that_are_refused);
    tcase_add_test(t, connect_leaves_a_tunnel);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    guarded_free(&page);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
