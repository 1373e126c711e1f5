/* Content codings: whole and in pieces, broken, unfinished, stacked, and bombs. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <zlib.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "base/buffer.h"
#include "fetch/coding.h"
#include "support/guarded.h"

#define HELLO "hello, hello, hello, hello and hello again"

static struct guarded page;

struct received {
    struct buffer data;
    uint64_t total;
    uint64_t stop_at; /* bytes after which to stop; 0: never */
    unsigned quiet;   /* calls without a byte */
    size_t largest;   /* piece */
    bool drop;        /* count only */
};

static int receive(void *arg, const void *data, size_t len)
{
    struct received *r = arg;
    r->quiet += len == 0;
    r->total += len;
    if (len > r->largest)
        r->largest = len;
    if (!r->drop)
        ck_assert_int_eq(buffer_append(&r->data, data, len), 0);
    return r->stop_at && r->total >= r->stop_at ? 7 : 0;
}

/* Decodes all of `in` in pieces of `size` bytes, and finishes; what coding_decode or coding_finish returned.
 */
static int decode_pieces(const char *codings, struct span in, size_t size, struct received *r,
                         struct fetch_error *err)
{
    struct coding *c;
    ck_assert_int_eq(coding_new(span_of(codings), &c, err), 0);
    ck_assert_ptr_nonnull(c);
    int result = 0;
    for (size_t at = 0; at < in.len && result == 0; at += size) {
        size_t n = in.len - at < size ? in.len - at : size;
        result = coding_decode(c, guarded_put(&page, in.data + at, n), receive, r, err);
    }
    if (result == 0)
        result = coding_finish(c, err);
    coding_free(c);
    return result;
}

static struct received received(void)
{
    struct received r = {.total = 0};
    buffer_init(&r.data, 1 << 20);
    return r;
}

static void assert_decodes(const char *codings, struct span in, struct span expected)
{
    for (size_t size = 1; size <= in.len + 1; size = size < 5 ? size + 1 : size * 2 + 1) {
        struct received r = received();
        struct fetch_error err;
        int result = decode_pieces(codings, in, size > in.len && in.len ? in.len : size, &r, &err);
        ck_assert_msg(result == 0, "%s: %s", codings, result ? err.message : "");
        ck_assert_msg(span_equal(buffer_span(&r.data), expected), "%s in pieces of %zu", codings, size);
        buffer_free(&r.data);
    }
}

static void assert_fails(const char *codings, struct span in, const char *message)
{
    for (size_t size = 1; size <= in.len + 1; size = size < 5 ? size + 1 : size * 2 + 1) {
        struct received r = received();
        struct fetch_error err;
        ck_assert_int_eq(decode_pieces(codings, in, size, &r, &err), -1);
        ck_assert_int_eq(err.kind, ERROR_HTTP);
        ck_assert_int_eq(err.phase, PHASE_BODY);
        ck_assert_msg(strstr(err.message, message), "\"%s\" does not say \"%s\"", err.message, message);
        buffer_free(&r.data);
    }
}

/* --- Encoders ---------------------------------------------------------------------------------------------
 */

/* windowBits: 31 gzip, 15 zlib, -15 raw deflate. The caller frees it. */
static struct buffer deflated(int window_bits, struct span in)
{
    struct buffer b;
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in.data, .avail_in = (uInt)in.len};
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    buffer_init(&b, 16 << 20);
    ck_assert_int_eq(buffer_reserve(&b, deflateBound(&z, in.len)), 0);
    z.next_out = b.data;
    z.avail_out = (uInt)b.cap;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    b.len = z.total_out;
    deflateEnd(&z);
    return b;
}

enum { GZIP = 31, ZLIB = 15, RAW = -15 };

static struct span zeros(size_t n)
{
    static unsigned char bytes[8 << 20];
    ck_assert_uint_le(n, sizeof bytes);
    return span_make(bytes, n);
}

/* --- gzip and deflate -------------------------------------------------------------------------------------
 */

START_TEST(gzip_and_its_members)
{
    struct buffer b = deflated(GZIP, span_of("hello, "));
    assert_decodes("gzip", buffer_span(&b), span_of("hello, "));
    assert_decodes("X-GZIP", buffer_span(&b), span_of("hello, "));
    struct buffer second = deflated(GZIP, span_of("")), third = deflated(GZIP, span_of("world"));
    ck_assert_int_eq(buffer_append(&b, second.data, second.len), 0);
    ck_assert_int_eq(buffer_append(&b, third.data, third.len), 0);
    assert_decodes("gzip", buffer_span(&b), span_of("hello, world"));
    ck_assert_int_eq(buffer_putc(&b, 0), 0);
    assert_fails("gzip", buffer_span(&b), "no further member");
    b.data[b.len - 1] = 0x1F;
    assert_fails("gzip", buffer_span(&b), "gzip stream is not complete");
    ck_assert_int_eq(buffer_putc(&b, 0x8C), 0);
    assert_fails("gzip", buffer_span(&b), "gzip stream is broken");
    buffer_free(&b);
    buffer_free(&second);
    buffer_free(&third);
}
END_TEST

START_TEST(gzip_header_with_all_fields)
{
    struct buffer b = deflated(RAW, span_of(HELLO)), g;
    buffer_init(&g, 1000);
    ck_assert_int_eq(buffer_append(&g, "\x1F\x8B\x08\x1C\0\0\0\0\0\x03\x02\0xyname\0comment\0", 27), 0);
    ck_assert_int_eq(buffer_append(&g, b.data, b.len), 0);
    uint32_t tail[2] = {(uint32_t)crc32(0, (const Bytef *)HELLO, sizeof HELLO - 1), sizeof HELLO - 1};
    ck_assert_int_eq(buffer_append(&g, tail, 8), 0);
    assert_decodes("gzip", buffer_span(&g), span_of(HELLO));
    g.data[g.len - 8] ^= 1;
    assert_fails("gzip", buffer_span(&g), "incorrect data check");
    buffer_free(&b);
    buffer_free(&g);
}
END_TEST

START_TEST(deflate_with_and_without_zlib_header)
{
    static const int forms[] = {ZLIB, RAW};
    for (int i = 0; i < 2; i++) {
        struct buffer b = deflated(forms[i], span_of(HELLO)), e = deflated(forms[i], span_of(""));
        assert_decodes("deflate", buffer_span(&b), span_of(HELLO));
        assert_decodes("deflate", buffer_span(&e), span_of(""));
        ck_assert_int_eq(buffer_putc(&b, 0), 0);
        assert_fails("deflate", buffer_span(&b), "bytes behind its end");
        ck_assert_int_eq(buffer_putc(&e, 0), 0);
        assert_fails("deflate", buffer_span(&e), "bytes behind its end");
        buffer_free(&b);
        buffer_free(&e);
    }
    assert_fails("deflate", span_make("\x78", 1), "deflate stream is not complete");
    assert_fails("deflate", span_make("\x78\xBB\0\0\0\0", 6), "dictionary");
    assert_fails("deflate", span_make("\x1F\x8B\x08\0", 4), "deflate stream is broken");
    /* raw, a stored block of one byte: literally what a zlib header never looks like */
    assert_decodes("deflate", span_make("\x01\x01\0\xFE\xFFx", 6), span_of("x"));
}
END_TEST

/* --- br and zstd ------------------------------------------------------------------------------------------
 */

#ifdef HAVE_BROTLI
static const char br_hello[] =
    "\x1B\x29\x00\xF8\xC5\x6D\x6C\x5D\xF9\xDE\x23\x28\x38\xA4\x72\x90\x52\xE6\xA9\x04\xD8\x78"
    "\xCD\xF6\x84\xA0\x33\x01";
static const char br_4_million[] = "\x9B\xFF\x08\x3D\xF8\x27\x00\xE2\xB1\x40\x20\x17\xA0\x07";

START_TEST(br)
{
    assert_decodes("br", span_make(br_hello, sizeof br_hello - 1), span_of(HELLO));
    assert_decodes("br", span_of("\x06"), span_of(""));
    assert_fails("br", span_of("\x06x"), "bytes behind its end");
    assert_fails("br", span_make(br_hello, sizeof br_hello - 2), "br stream is not complete");
    assert_fails("br", span_of("\xFF\xFF\xFF\xFF"), "br stream is broken");
    struct received r = received();
    struct fetch_error err;
    r.drop = true;
    ck_assert_int_eq(decode_pieces("br", span_make(br_4_million, sizeof br_4_million - 1), 100, &r, &err), 0);
    ck_assert_uint_eq(r.total, 4000000);
    ck_assert_uint_le(r.largest, CODING_PIECE_MAX);
}
END_TEST
#endif

#ifdef HAVE_ZSTD
static struct buffer zstd_frame(struct span in)
{
    struct buffer b;
    buffer_init(&b, 1 << 20);
    ck_assert_int_eq(buffer_reserve(&b, ZSTD_compressBound(in.len)), 0);
    b.len = ZSTD_compress(b.data, b.cap, in.data, in.len, 3);
    ck_assert(!ZSTD_isError(b.len));
    return b;
}

START_TEST(zstd_frames)
{
    static const char skipped[] = "\x5A\x2A\x4D\x18\x03\0\0\0abc\x50\x2A\x4D\x18\0\0\0\0";
    struct buffer b = zstd_frame(span_of(HELLO)), e = zstd_frame(span_of(""));
    assert_decodes("zstd", buffer_span(&b), span_of(HELLO));
    assert_decodes("zstd", buffer_span(&e), span_of(""));
    assert_fails("zstd", span_make(b.data, b.len - 1), "zstd stream is not complete");
    assert_fails("zstd", span_make(b.data, 3), "zstd stream is not complete");
    ck_assert_int_eq(buffer_append(&e, skipped, sizeof skipped - 1), 0);
    ck_assert_int_eq(buffer_append(&e, b.data, b.len), 0);
    ck_assert_int_eq(buffer_append(&e, skipped, sizeof skipped - 1), 0);
    assert_decodes("zstd", buffer_span(&e), span_of(HELLO));
    ck_assert_int_eq(buffer_putc(&e, 'x'), 0);
    assert_fails("zstd", buffer_span(&e), "zstd stream is not complete");
    ck_assert_int_eq(buffer_puts(&e, "yzz"), 0);
    assert_fails("zstd", buffer_span(&e), "no frame where one should start");
    assert_fails("zstd", span_make("\x27\xB5\x2F\xFD\0\0\0\0\0", 9), "no frame where"); /* an older format */
    b.data[b.len - 3] ^= 0xFF;
    assert_fails("zstd", buffer_span(&b), "zstd stream is broken");
    buffer_free(&b);
    buffer_free(&e);
}
END_TEST

START_TEST(zstd_window_of_8_mib_and_no_more)
{
    assert_decodes("zstd", span_make("\x28\xB5\x2F\xFD\0\x68\x01\0\0", 9), span_of(""));
    assert_fails("zstd", span_make("\x28\xB5\x2F\xFD\0\x69\x01\0\0", 9), "window is larger than 8 MiB");
    assert_fails("zstd", span_make("\x28\xB5\x2F\xFD\0\x70\x01\0\0", 9), "window is larger than 8 MiB");
    /* a single segment of 8 MiB and one byte */
    assert_fails("zstd", span_make("\x28\xB5\x2F\xFD\xA0\x01\0\x80\0\x01\0\0", 12),
                 "window is larger than 8 MiB");
}
END_TEST

/* A frame to be skipped yields nothing, however long; the receiver is asked all the same. */
START_TEST(a_chain_without_output_is_heard_of)
{
    struct buffer skip;
    buffer_init(&skip, 9 << 20);
    ck_assert_int_eq(buffer_append(&skip, "\x50\x2A\x4D\x18\0\0\x80\0", 8), 0);
    ck_assert_int_eq(buffer_append(&skip, zeros(8 << 20).data, 8 << 20), 0);
    struct buffer b = deflated(GZIP, buffer_span(&skip));
    struct received r = received();
    struct fetch_error err;
    ck_assert_int_eq(decode_pieces("zstd, gzip", buffer_span(&b), 4096, &r, &err), 0);
    ck_assert_uint_eq(r.total, 0);
    ck_assert_uint_ge(r.quiet, 2);
    buffer_free(&skip);
    buffer_free(&b);
}
END_TEST
#endif

/* --- Lists ------------------------------------------------------------------------------------------------
 */

START_TEST(what_is_asked_for)
{
    const char *accept = coding_accept();
    ck_assert_ptr_eq(strstr(accept, "gzip, deflate"), accept);
#ifdef HAVE_BROTLI
    ck_assert_ptr_nonnull(strstr(accept, ", br"));
#endif
#ifdef HAVE_ZSTD
    ck_assert_ptr_nonnull(strstr(accept, ", zstd"));
#endif
}
END_TEST

START_TEST(nothing_to_undo)
{
    static const char *const lists[] = {"", " ", "identity", "Identity, none", " , ,"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct fetch_error err;
        struct coding *c = (struct coding *)&err;
        ck_assert_int_eq(coding_new(span_of(lists[i]), &c, &err), 0);
        ck_assert_ptr_null(c);
    }
    coding_free(NULL);
}
END_TEST

START_TEST(stacks_are_undone_last_first)
{
    struct buffer a = deflated(RAW, span_of(HELLO)), b = deflated(GZIP, buffer_span(&a));
    assert_decodes("deflate, identity,, gzip", buffer_span(&b), span_of(HELLO));
    assert_fails("gzip, deflate", buffer_span(&b), "stream is broken");
    for (int i = 0; i < 3; i++) {
        struct buffer c = deflated(GZIP, buffer_span(&b));
        buffer_free(&b);
        b = c;
    }
    assert_decodes("deflate, gzip, gzip, gzip, gzip", buffer_span(&b), span_of(HELLO));
    struct coding *c;
    struct fetch_error err;
    ck_assert_int_eq(coding_new(span_of("gzip,gzip,gzip,gzip,gzip,gzip"), &c, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_HTTP);
    ck_assert_msg(strstr(err.message, "more than 5"), "%s", err.message);
    buffer_free(&a);
    buffer_free(&b);
}
END_TEST

START_TEST(an_inner_stream_that_is_not_complete)
{
    struct buffer a = deflated(ZLIB, span_of(HELLO));
    struct buffer b = deflated(GZIP, span_make(a.data, a.len - 1));
    assert_fails("deflate, gzip", buffer_span(&b), "deflate stream is not complete");
    buffer_free(&a);
    buffer_free(&b);
}
END_TEST

START_TEST(an_unknown_coding_fails_at_the_first_byte)
{
    assert_fails("compress", span_of("x"), "unknown content coding: compress");
    assert_fails("gzip, a-name-that-is-longer-than-all-others", span_of("x"),
                 "unknown content coding: a-name-that");
    assert_decodes("compress", span_of(""), span_of(""));
}
END_TEST

START_TEST(an_empty_body_needs_no_stream)
{
    static const char *const lists[] = {"gzip", "deflate", "br", "zstd", "gzip, br"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        assert_decodes(lists[i], span_of(""), span_of(""));
    struct buffer b = deflated(GZIP, span_of(""));
    assert_decodes("deflate, gzip", buffer_span(&b), span_of(""));
    buffer_free(&b);
}
END_TEST

/* --- Bombs ------------------------------------------------------------------------------------------------
 */

START_TEST(a_bomb_comes_in_small_pieces_and_stops_when_told)
{
    struct buffer a = deflated(GZIP, zeros(8 << 20)), b = deflated(GZIP, buffer_span(&a));
    struct received r = received();
    struct fetch_error err = {.kind = ERROR_NONE};
    r.drop = true;
    ck_assert_int_eq(decode_pieces("gzip, gzip", buffer_span(&b), b.len, &r, &err), 0);
    ck_assert_uint_eq(r.total, 8 << 20);
    ck_assert_uint_le(r.largest, CODING_PIECE_MAX);
    r.total = 0;
    r.stop_at = 1 << 20;
    ck_assert_int_eq(decode_pieces("gzip, gzip", buffer_span(&b), b.len, &r, &err), 7);
    ck_assert_uint_le(r.total, (1 << 20) + CODING_PIECE_MAX);
    ck_assert_int_eq(err.kind, ERROR_NONE);
    buffer_free(&a);
    buffer_free(&b);
}
END_TEST

START_TEST(output_of_exactly_one_piece)
{
    for (size_t n = CODING_PIECE_MAX - 1; n <= CODING_PIECE_MAX + 1; n++) {
        struct buffer g = deflated(GZIP, zeros(n)), d = deflated(RAW, zeros(n));
        assert_decodes("gzip", buffer_span(&g), zeros(n));
        assert_decodes("deflate", buffer_span(&d), zeros(n));
#ifdef HAVE_ZSTD
        struct buffer z = zstd_frame(zeros(n));
        assert_decodes("zstd", buffer_span(&z), zeros(n));
        buffer_free(&z);
#endif
        buffer_free(&g);
        buffer_free(&d);
    }
}
END_TEST

int main(void)
{
    guarded_init(&page, 1 << 20);
    Suite *s = suite_create("coding");
    TCase *t = tcase_create("coding");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, gzip_and_its_members);
    tcase_add_test(t, gzip_header_with_all_fields);
    tcase_add_test(t, deflate_with_and_without_zlib_header);
#ifdef HAVE_BROTLI
    tcase_add_test(t, br);
#endif
#ifdef HAVE_ZSTD
    tcase_add_test(t, zstd_frames);
    tcase_add_test(t, zstd_window_of_8_mib_and_no_more);
    tcase_add_test(t, a_chain_without_output_is_heard_of);
#endif
    tcase_add_test(t, what_is_asked_for);
    tcase_add_test(t, nothing_to_undo);
    tcase_add_test(t, stacks_are_undone_last_first);
    tcase_add_test(t, an_inner_stream_that_is_not_complete);
    tcase_add_test(t, an_unknown_coding_fails_at_the_first_byte);
    tcase_add_test(t, an_empty_body_needs_no_stream);
    tcase_add_test(t, a_bomb_comes_in_small_pieces_and_stops_when_told);
    tcase_add_test(t, output_of_exactly_one_piece);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    guarded_free(&page);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
