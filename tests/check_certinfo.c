#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "fetch/certinfo.h"
#include "support/certs.h"

START_TEST(shows_what_the_certificate_says)
{
    struct cert ca = cert_make((struct cert_plan){.name = "Test CA", .authority = true});
    struct cert c =
        cert_make((struct cert_plan){.name = "a.test",
                                     .alt_names = "DNS:a.test,IP:192.0.2.1,IP:2001:db8::1,email:x@y.test",
                                     .issuer = &ca});
    struct fetch_cert *info = certinfo_new(c.x509);
    ck_assert_ptr_nonnull(info);
    ck_assert_str_eq(info->subject, "CN=a.test");
    ck_assert_str_eq(info->issuer, "CN=Test CA");
    ck_assert_str_eq(info->names, "a.test\n192.0.2.1\n2001:db8::1");
    ck_assert_uint_eq(strlen(info->sha256), 64);
    ck_assert_uint_eq(strspn(info->sha256, "0123456789abcdef"), 64);
    ck_assert_uint_eq(strlen(info->not_before), strlen("2026-01-01T00:00:00Z"));
    ck_assert_int_eq(info->not_after[10], 'T');
    ck_assert_int_eq(info->not_after[19], 'Z');
    ck_assert_ptr_eq(fetch_cert_hold(info), info);
    fetch_cert_release(info);
    ck_assert_str_eq(info->subject, "CN=a.test"); /* one reference is left */
    fetch_cert_release(info);
    cert_free(&c);
    cert_free(&ca);
}
END_TEST

START_TEST(keeps_whole_names_only)
{
    static char many[40000];
    size_t len = 0;
    for (int i = 0; i < 500; i++)
        len += (size_t)snprintf(many + len, sizeof many - len, "%sDNS:a-rather-long-name-%04d.example.test",
                                i ? "," : "", i);
    struct cert c = cert_make((struct cert_plan){.name = "many", .alt_names = many});
    struct fetch_cert *info = certinfo_new(c.x509);
    ck_assert_ptr_nonnull(info);
    len = strlen(info->names);
    ck_assert_uint_lt(len, sizeof info->names);
    ck_assert_uint_gt(len, sizeof info->names - 64);
    ck_assert_str_eq(info->names + len - strlen(".example.test"), ".example.test");
    fetch_cert_release(info);
    cert_free(&c);
}
END_TEST

START_TEST(a_missing_certificate_is_absent)
{
    ck_assert_ptr_null(certinfo_new(NULL));
    ck_assert_ptr_null(fetch_cert_hold(NULL));
    fetch_cert_release(NULL);
}
END_TEST

static void put_names(const struct cert_plan plan, unsigned most, const char *expected)
{
    struct buffer b;
    struct cert c = cert_make(plan);
    buffer_init(&b, 4096);
    ck_assert_int_eq(certinfo_put_names(&b, c.x509, most), 0);
    ck_assert_int_eq(buffer_terminate(&b), 0);
    ck_assert_str_eq((const char *)b.data, expected);
    buffer_free(&b);
    cert_free(&c);
}

START_TEST(names_for_people_are_a_few)
{
    put_names((struct cert_plan){.name = "x", .alt_names = "DNS:a,DNS:b,IP:127.0.0.1"}, 3, "a, b, 127.0.0.1");
    put_names((struct cert_plan){.name = "x", .alt_names = "DNS:a,DNS:b,DNS:c,DNS:d"}, 2, "a, b, …");
    put_names((struct cert_plan){.name = "only.test"}, 2,
              "no host (its common name only.test does not count)");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("certinfo");
    TCase *t = tcase_create("certinfo");
    tcase_add_test(t, shows_what_the_certificate_says);
    tcase_add_test(t, keeps_whole_names_only);
    tcase_add_test(t, a_missing_certificate_is_absent);
    tcase_add_test(t, names_for_people_are_a_few);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
