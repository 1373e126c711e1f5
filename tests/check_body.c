/* The body's framing: lengths, chunks, extensions, trailers, and ends that come too early. */
#include <check.h>
#include <stdlib.h>

#include "fetch/body.h"
#include "support/guarded.h"

static struct guarded page;

struct outcome {
    enum parse_result result;
    size_t used;
    struct buffer data;
    struct body body;
    struct fetch_error err;
};

/* Puts one piece through, as the caller's loop does. */
static void feed(struct outcome *o, const void *piece, size_t len)
{
    struct span in = guarded_put(&page, piece, len), data;
    size_t used;
    do {
        o->result = body_decode(&o->body, in, &used, &data, &o->err);
        if (o->result == PARSE_BAD)
            return;
        if (used > in.len || buffer_append(&o->data, data.data, data.len) < 0)
            ck_abort_msg("used %zu of %zu", used, in.len);
        o->used += used;
        in.data += used;
        in.len -= used;
    } while (o->result == PARSE_MORE && in.len);
}

static struct outcome begin(const struct framing *f)
{
    struct outcome o = {.result = PARSE_MORE};
    buffer_init(&o.data, 1 << 20);
    body_init(&o.body, f);
    return o;
}

/* In pieces of `size` bytes; with an empty one first, as nothing may have arrived yet. */
static struct outcome decode_pieces(const struct framing *f, struct span in, size_t size)
{
    struct outcome o = begin(f);
    feed(&o, NULL, 0);
    for (size_t at = 0; at < in.len && o.result == PARSE_MORE; at += size)
        feed(&o, in.data + at, in.len - at < size ? in.len - at : size);
    return o;
}

/* Whole, and in pieces of 1 to 7 bytes: all must agree. The caller frees o.data. */
static struct outcome decode(struct framing f, struct span in)
{
    struct outcome whole = decode_pieces(&f, in, in.len ? in.len : 1);
    for (size_t size = 1; size < 8; size++) {
        struct outcome o = decode_pieces(&f, in, size);
        ck_assert_int_eq(o.result, whole.result);
        ck_assert(span_equal(buffer_span(&o.data), buffer_span(&whole.data)));
        if (o.result == PARSE_BAD)
            ck_assert_str_eq(o.err.message, whole.err.message);
        else
            ck_assert_uint_eq(o.used, whole.used);
        buffer_free(&o.data);
    }
    return whole;
}

static const struct framing chunked = {FRAMING_CHUNKED, 0, true};

static struct framing length(uint64_t n)
{
    struct framing f = {FRAMING_LENGTH, n, true};
    return f;
}

/* DONE after all of `in` but its last `rest` bytes, with `expected` as the body. */
static void assert_body(struct framing f, struct span in, size_t rest, const char *expected)
{
    struct outcome o = decode(f, in);
    ck_assert_msg(o.result == PARSE_DONE, "%s", o.result == PARSE_BAD ? o.err.message : "more");
    ck_assert_uint_eq(o.used, in.len - rest);
    ck_assert(span_equal(buffer_span(&o.data), span_of(expected)));
    ck_assert_uint_eq(o.body.received, o.data.len);
    ck_assert_int_eq(body_eof(&o.body, false, &o.err), 0);
    buffer_free(&o.data);
}

static void assert_bad(struct span in, const char *message)
{
    struct outcome o = decode(chunked, in);
    ck_assert_msg(o.result == PARSE_BAD, "%.*s", (int)in.len, (const char *)in.data);
    ck_assert_int_eq(o.err.kind, ERROR_HTTP);
    ck_assert_int_eq(o.err.phase, PHASE_BODY);
    ck_assert_msg(strstr(o.err.message, message), "\"%s\" does not say \"%s\"", o.err.message, message);
    buffer_free(&o.data);
}

START_TEST(bodies_of_known_length)
{
    assert_body((struct framing){FRAMING_NONE, 0, true}, span_of("next"), 4, "");
    assert_body(length(0), span_of("next"), 4, "");
    assert_body(length(0), span_of(""), 0, "");
    assert_body(length(5), span_of("hello"), 0, "hello");
    assert_body(length(5), span_of("helloHTTP/1.1 200"), 12, "hello");
}
END_TEST

START_TEST(chunked_bodies)
{
    static const struct {
        const char *in;
        const char *body;
    } cases[] = {
        {"5\r\nhello\r\n0\r\n\r\n", "hello"},
        {"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"},
        {"0\r\n\r\n", ""},
        {"0000000000000005\r\nhello\r\n000\r\n\r\n", "hello"},
        {"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"},
        {"5\nhello\n0\n\n", "hello"},
        {"5\nhello\r\n0\n\r\n", "hello"},
        {"5 \t\r\nhello\r\n0 \r\n\r\n", "hello"},
        {"5;a=b;c=\"d;e\"\r\nhello\r\n0;x\r\n\r\n", "hello"},
        {"5 ; a = b\r\nhello\r\n0\r\n\r\n", "hello"},
        {"5;\r\nhello\r\n0\r\n\r\n", "hello"},
        {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n"},
        {"5\r\nhello\r\n0\r\nA: b\r\nc:\r\n\r\n", "hello"},
        {"5\r\nhello\r\n0\nA: \xFF\n folded\n\n", "hello"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        assert_body(chunked, span_of(cases[i].in), 0, cases[i].body);
        snprintf(text, sizeof text, "%s0\r\n\r\n", cases[i].in);
        assert_body(chunked, span_of(text), 5, cases[i].body);
    }
}
END_TEST

START_TEST(chunk_sizes_that_are_refused)
{
    assert_bad(span_of("\r\n"), "no hex number");
    assert_bad(span_of(";a\r\n"), "no hex number");
    assert_bad(span_of(" 5\r\n"), "no hex number");
    assert_bad(span_of("-5\r\n"), "no hex number");
    assert_bad(span_of("+5\r\n"), "no hex number");
    assert_bad(span_of("g\r\n"), "no hex number");
    assert_bad(span_of("0x5\r\n"), "neither its line end");
    assert_bad(span_of("5g\r\n"), "neither its line end");
    assert_bad(span_of("5 5\r\n"), "neither its line end");
    assert_bad(span_make("5\0\r\n", 4), "neither its line end");
    assert_bad(span_of("5,a\r\n"), "neither its line end");
    assert_bad(span_of("5\rhello"), "CR without LF");
    assert_bad(span_of("5;a\rb\r\n"), "CR without LF");
    assert_bad(span_make("5;a\0\r\n", 6), "NUL");
    assert_bad(span_of("8000000000000000\r\n"), "63 bits");
    assert_bad(span_of("ffffffffffffffff\r\n"), "63 bits");
    assert_bad(span_of("00000000000000005\r\n"), "16 digits");
    assert_bad(span_of("5\r\nhelloo\r\n0\r\n\r\n"), "not of the size");
    assert_bad(span_of("5\r\nhell\r\n0\r\n\r\n"), "not of the size");
    assert_bad(span_of("5\r\nhello\n0\r\n\r\n"), "not of the size");
    assert_bad(span_of("5\r\nhello\r0\r\n\r\n"), "CR without LF");
    struct outcome o = decode(chunked, span_of("7fffffffffffffff\r\nx"));
    ck_assert_int_eq(o.result, PARSE_MORE);
    buffer_free(&o.data);
}
END_TEST

START_TEST(what_came_before_a_broken_chunk_was_handed_over)
{
    struct outcome o = decode(chunked, span_of("5\r\nhello\r\nx"));
    ck_assert_int_eq(o.result, PARSE_BAD);
    ck_assert(span_equal(buffer_span(&o.data), span_of("hello")));
    buffer_free(&o.data);
}
END_TEST

START_TEST(trailers_that_are_refused)
{
    assert_bad(span_of("0\r\n a: b\r\n\r\n"), "starts with a blank");
    assert_bad(span_of("0\r\na : b\r\n\r\n"), "blank before the colon");
    assert_bad(span_of("0\r\nab\r\n\r\n"), "without a colon");
    assert_bad(span_of("0\r\nab\n\n"), "without a colon");
    assert_bad(span_of("0\r\n: b\r\n\r\n"), "no token");
    assert_bad(span_of("0\r\na(: b\r\n\r\n"), "no token");
    assert_bad(span_of("0\r\na: b\rc\r\n\r\n"), "CR without LF");
    assert_bad(span_of("0\r\n\rx"), "CR without LF");
    assert_bad(span_make("0\r\na: \0\r\n\r\n", 11), "NUL");
}
END_TEST

static struct buffer repeat(const char *before, const char *what, int count, const char *behind)
{
    struct buffer b;
    buffer_init(&b, 1 << 20);
    ck_assert_int_eq(buffer_puts(&b, before), 0);
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(buffer_puts(&b, what), 0);
    ck_assert_int_eq(buffer_puts(&b, behind), 0);
    return b;
}

/* `count` times `what` is just allowed, once more is not. */
static void assert_limit(const char *before, const char *what, int count, const char *behind,
                         const char *message)
{
    struct buffer b = repeat(before, what, count, behind);
    struct outcome o = decode(chunked, buffer_span(&b));
    ck_assert_msg(o.result == PARSE_DONE, "%s", message);
    buffer_free(&o.data);
    buffer_free(&b);
    b = repeat(before, what, count + 1, behind);
    assert_bad(buffer_span(&b), message);
    buffer_free(&b);
}

START_TEST(extensions_and_trailers_are_bounded)
{
    assert_limit("0;", "x", BODY_EXTENSIONS_MAX - 1, "\r\n\r\n", "extensions are larger");
    assert_limit("0", " ", BODY_EXTENSIONS_MAX, "\r\n\r\n", "extensions are larger");
    assert_limit("", "1;2\r\nx\r\n", BODY_EXTENSIONS_MAX / 2, "0\r\n\r\n", "extensions are larger");
    assert_limit("0\r\n", "a:b\r\n", BODY_TRAILER_FIELDS_MAX, "\r\n", "more than 100");
    assert_limit("0\r\na:", "x", BODY_TRAILERS_MAX - 2, "\r\n\r\n", "trailers are larger");
    assert_limit("0\r\na:\r\n", "\tx\n", BODY_TRAILERS_MAX / 2 - 1, "\r\n", "trailers are larger");
}
END_TEST

static void assert_truncated(struct framing f, const char *in, bool clean, const char *message)
{
    struct outcome o = decode(f, span_of(in));
    ck_assert_int_eq(o.result, PARSE_MORE);
    ck_assert_int_eq(body_eof(&o.body, clean, &o.err), -1);
    ck_assert_int_eq(o.err.kind, ERROR_TRUNCATED);
    ck_assert_int_eq(o.err.phase, PHASE_BODY);
    ck_assert_msg(strstr(o.err.message, message), "\"%s\" does not say \"%s\"", o.err.message, message);
    buffer_free(&o.data);
}

START_TEST(ends_that_come_too_early)
{
    assert_truncated(length(10), "", true, "after 0 of 10 body bytes");
    assert_truncated(length(10), "hello", true, "connection ended after 5 of 10 body bytes");
    assert_truncated(length(10), "hello", false, "connection broke off after 5 of 10 body bytes");
    assert_truncated(chunked, "5\r\nhel", true, "after 3 body bytes, before the last chunk");
    assert_truncated(chunked, "5\r\nhello\r\n", true, "after 5 body bytes, before the last chunk");
    assert_truncated(chunked, "0\r\na: b\r\n", true, "trailers");
    assert_truncated(chunked, "0\r\n", true, "trailers");
    assert_truncated((struct framing){FRAMING_CLOSE, 0, false}, "hello", false, "after 5 body bytes");
}
END_TEST

START_TEST(a_clean_close_ends_a_body_without_length)
{
    struct outcome o = decode((struct framing){FRAMING_CLOSE, 0, false}, span_of("hello"));
    ck_assert_int_eq(o.result, PARSE_MORE);
    ck_assert_int_eq(body_eof(&o.body, true, &o.err), 0);
    ck_assert(span_equal(buffer_span(&o.data), span_of("hello")));
    buffer_free(&o.data);
}
END_TEST

int main(void)
{
    guarded_init(&page, 1 << 20);
    Suite *s = suite_create("body");
    TCase *t = tcase_create("body");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, bodies_of_known_length);
    tcase_add_test(t, chunked_bodies);
    tcase_add_test(t, chunk_sizes_that_are_refused);
    tcase_add_test(t, what_came_before_a_broken_chunk_was_handed_over);
    tcase_add_test(t, trailers_that_are_refused);
    tcase_add_test(t, extensions_and_trailers_are_bounded);
    tcase_add_test(t, ends_that_come_too_early);
    tcase_add_test(t, a_clean_close_ends_a_body_without_length);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    guarded_free(&page);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
