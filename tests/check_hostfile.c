#include <check.h>

#include "fetch/hostfile.h"
#include "support/guarded.h"

static const char example[] = "# the usual ones\n"
                              "127.0.0.1\tlocalhost loghost\r\n"
                              "::1 localhost ip6-localhost # and a comment\n"
                              "\n"
                              "   192.0.2.1   Www.Example.TEST  www\n"
                              "192.0.2.1 www\n"
                              "192.0.2.2 www #other\n"
                              "300.1.1.1 bad\n"
                              "fe80::1%eth0 scoped\n"
                              "192.0.2.3\n"
                              "192.0.2.4 last";

static size_t lookup(const struct hostfile *h, const char *name, int family, struct address *ret)
{
    return hostfile_lookup(h, name, family, ret, 8);
}

static bool is(const struct address *a, const char *text)
{
    struct address b;
    ck_assert(address_parse(&b, text));
    return address_equal(a, &b);
}

START_TEST(finds_names_in_the_files_order)
{
    struct address a[8];
    struct hostfile *h = hostfile_parse(span_of(example));
    ck_assert_uint_eq(lookup(h, "localhost", AF_UNSPEC, a), 2);
    ck_assert(is(&a[0], "127.0.0.1"));
    ck_assert(is(&a[1], "::1"));
    ck_assert_uint_eq(lookup(h, "www", AF_UNSPEC, a), 2);
    ck_assert(is(&a[0], "192.0.2.1"));
    ck_assert(is(&a[1], "192.0.2.2"));
    ck_assert_uint_eq(lookup(h, "last", AF_UNSPEC, a), 1);
    hostfile_free(h);
}
END_TEST

START_TEST(minds_neither_case_nor_a_trailing_dot)
{
    struct address a[8];
    struct hostfile *h = hostfile_parse(span_of(example));
    ck_assert_uint_eq(lookup(h, "www.example.test", AF_UNSPEC, a), 1);
    ck_assert_uint_eq(lookup(h, "www.example.test.", AF_UNSPEC, a), 1);
    ck_assert_uint_eq(lookup(h, "WWW.EXAMPLE.TEST", AF_UNSPEC, a), 1);
    ck_assert_uint_eq(lookup(h, "example.test", AF_UNSPEC, a), 0);
    ck_assert_uint_eq(lookup(h, "", AF_UNSPEC, a), 0);
    ck_assert_uint_eq(lookup(h, ".", AF_UNSPEC, a), 0);
    hostfile_free(h);
}
END_TEST

START_TEST(gives_the_family_that_is_asked_for)
{
    struct address a[8];
    struct hostfile *h = hostfile_parse(span_of(example));
    ck_assert_uint_eq(lookup(h, "localhost", AF_INET, a), 1);
    ck_assert(is(&a[0], "127.0.0.1"));
    ck_assert_uint_eq(lookup(h, "localhost", AF_INET6, a), 1);
    ck_assert(is(&a[0], "::1"));
    ck_assert_uint_eq(lookup(h, "loghost", AF_INET6, a), 0);
    hostfile_free(h);
}
END_TEST

START_TEST(passes_over_comments_and_lines_without_an_address)
{
    struct address a[8];
    struct hostfile *h = hostfile_parse(span_of(example));
    ck_assert_uint_eq(lookup(h, "bad", AF_UNSPEC, a), 0);
    ck_assert_uint_eq(lookup(h, "scoped", AF_UNSPEC, a), 0);
    ck_assert_uint_eq(lookup(h, "and", AF_UNSPEC, a), 0);
    ck_assert_uint_eq(lookup(h, "#other", AF_UNSPEC, a), 0);
    hostfile_free(h);
}
END_TEST

START_TEST(stops_at_the_callers_room)
{
    struct address a[8];
    struct hostfile *h = hostfile_parse(span_of("192.0.2.1 x\n192.0.2.2 x\n192.0.2.3 x\n"));
    ck_assert_uint_eq(hostfile_lookup(h, "x", AF_UNSPEC, a, 2), 2);
    hostfile_free(h);
}
END_TEST

START_TEST(reads_no_byte_beyond_the_end)
{
    struct guarded g;
    struct address a[8];
    guarded_init(&g, sizeof example);
    for (size_t n = 0; n < sizeof example; n++) {
        struct hostfile *h = hostfile_parse(guarded_put(&g, example, n));
        ck_assert_ptr_nonnull(h);
        lookup(h, "localhost", AF_UNSPEC, a);
        hostfile_free(h);
    }
    guarded_free(&g);
}
END_TEST

START_TEST(a_missing_file_is_an_empty_table)
{
    struct address a[8];
    struct hostfile *h = hostfile_load("/nonexistent/hosts");
    ck_assert_ptr_nonnull(h);
    ck_assert_uint_eq(lookup(h, "localhost", AF_UNSPEC, a), 0);
    hostfile_free(h);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hostfile");
    TCase *t = tcase_create("hostfile");
    tcase_add_test(t, finds_names_in_the_files_order);
    tcase_add_test(t, minds_neither_case_nor_a_trailing_dot);
    tcase_add_test(t, gives_the_family_that_is_asked_for);
    tcase_add_test(t, passes_over_comments_and_lines_without_an_address);
    tcase_add_test(t, stops_at_the_callers_room);
    tcase_add_test(t, reads_no_byte_beyond_the_end);
    tcase_add_test(t, a_missing_file_is_an_empty_table);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
