/* A line in pieces: however it is cut, it comes out as if it had come whole. */
#include <check.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "line.h"
#include "support/guarded.h"

static struct line line;

static void setup(void)
{
    line_init(&line, false);
}

static void teardown(void)
{
    line_free(&line);
}

/* Feeds `v` in pieces of `size` bytes that each lie before the protected page. */
static void feed(struct span v, size_t size)
{
    struct guarded g;
    guarded_init(&g, size);
    for (size_t at = 0; at < v.len; at += size) {
        size_t n = v.len - at < size ? v.len - at : size;
        ck_assert_int_eq(line_add(&line, guarded_put(&g, v.data + at, n)), 0);
    }
    guarded_free(&g);
}

static void gives(const char *bytes, const char *want)
{
    for (size_t size = 1; size <= strlen(bytes) + 1; size++) {
        struct line_text t;
        feed(span_of(bytes), size);
        int r = line_end(&line, &t);
        ck_assert_int_eq(r, want ? 1 : 0);
        if (!want)
            continue;
        ck_assert(!t.too_long);
        ck_assert(span_equal(t.text, span_of(want)));
    }
}

START_TEST(blanks_at_the_ends_go)
{
    gives("host", "host");
    gives(" \t host \t", "host");
    gives("host\r", "host");
    gives("host \r \r", "host");
    gives("a  b\r c", "a  b\r c");
    gives("\rhost", "\rhost");
}
END_TEST

START_TEST(comments_and_empty_lines_do_not_count)
{
    gives("", NULL);
    gives(" \t \r", NULL);
    gives("\r", NULL);
    gives("#", NULL);
    gives(" \t# host", NULL);
    gives("h#", "h#");
}
END_TEST

START_TEST(plain_lines_have_no_comments)
{
    struct line_text t;
    line.plain = true;
    feed(span_of("#x"), 1);
    ck_assert_int_eq(line_end(&line, &t), 1);
    ck_assert(span_equal(t.text, span_of("#x")));
}
END_TEST

START_TEST(a_nul_byte_stays)
{
    struct line_text t;
    feed(span_make("a\0b\0", 4), 1);
    ck_assert_int_eq(line_end(&line, &t), 1);
    ck_assert(span_equal(t.text, span_make("a\0b\0", 4)));
}
END_TEST

/* Some bytes with runs of blanks among them, `len` of them trimmed, and `blanks` at each end. */
static unsigned char *make(size_t len, size_t blanks)
{
    unsigned char *v = malloc(len + 2 * blanks);
    for (size_t i = 0; i < len + 2 * blanks; i++) {
        bool outside = i < blanks || i >= blanks + len, blank = outside || i % 97 < 40;
        v[i] = (unsigned char)(blank ? " \t\r"[i % (outside ? 2 : 3)] : (int)(i % 256));
    }
    for (size_t i = 0; i < len; i++)
        if (v[blanks + i] == '\n')
            v[blanks + i] = 'n';
    v[blanks] = 'a';
    v[blanks + len - 1] = 'z';
    return v;
}

static void check_long(size_t len, size_t blanks, size_t size)
{
    unsigned char *v = make(len, blanks), want[32];
    struct line_text t;
    SHA256(v + blanks, len, want);
    feed(span_make(v, len + 2 * blanks), size);
    ck_assert_int_eq(line_end(&line, &t), 1);
    ck_assert_int_eq(t.too_long, len > TARGET_LINE_MAX);
    if (t.too_long) {
        ck_assert_mem_eq(t.sha256, want, 32);
        ck_assert_uint_le(t.text.len, 256);
        ck_assert_uint_ge(t.text.len, 253);
    } else {
        ck_assert_uint_eq(t.text.len, len);
    }
    ck_assert_mem_eq(t.text.data, v + blanks, t.text.len);
    free(v);
}

START_TEST(long_lines_are_hashed_without_the_blanks_at_their_ends)
{
    static const size_t sizes[] = {1, 7, 100, 4096, 8192, 8193, 100000};
    static const size_t lengths[] = {2, 8190, 8191, 8192, 8193, 8194, 12345, 60000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++) {
            check_long(lengths[j], 0, sizes[i]);
            check_long(lengths[j], 3, sizes[i]);
            check_long(lengths[j], 9000, sizes[i]);
        }
}
END_TEST

static void cuts(size_t at, const char *sequence, size_t want)
{
    static char v[9000];
    struct line_text t;
    memset(v, 'a', sizeof v);
    for (size_t i = 0; sequence[i]; i++)
        v[at + i] = sequence[i];
    feed(span_make(v, sizeof v), 5000);
    ck_assert_int_eq(line_end(&line, &t), 1);
    ck_assert(t.too_long);
    ck_assert_uint_eq(t.text.len, want);
}

START_TEST(the_cut_spares_utf8_sequences)
{
    cuts(0, "", 256);
    cuts(255, "\xC3\xA9", 255);
    cuts(254, "\xC3\xA9", 256);
    cuts(254, "\xE4\xBE\x8B", 254);
    cuts(253, "\xF0\x9F\x98\x80", 253);
    cuts(252, "\xF0\x9F\x98\x80", 256);
    cuts(250, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", 256);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("line");
    TCase *t = tcase_create("line");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, blanks_at_the_ends_go);
    tcase_add_test(t, comments_and_empty_lines_do_not_count);
    tcase_add_test(t, plain_lines_have_no_comments);
    tcase_add_test(t, a_nul_byte_stays);
    tcase_add_test(t, long_lines_are_hashed_without_the_blanks_at_their_ends);
    tcase_add_test(t, the_cut_spares_utf8_sequences);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
