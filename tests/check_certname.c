#include <check.h>

#include "fetch/certname.h"
#include "support/certs.h"

static struct cert c;

static void hold(const char *alt_names)
{
    c = cert_make((struct cert_plan){.name = "my_host.a.test", .alt_names = alt_names});
}

static void let_go(void)
{
    cert_free(&c);
}

START_TEST(odd_is_an_underscore)
{
    ck_assert(certname_is_odd("a_b.test"));
    ck_assert(certname_is_odd("x.a_.test"));
    ck_assert(!certname_is_odd("a-b.test"));
}
END_TEST

START_TEST(names_in_full)
{
    hold("IP:127.0.0.1,DNS:other.test,DNS:My_Host.A.test");
    ck_assert(certname_holds(c.x509, "my_host.a.test"));
    ck_assert(!certname_holds(c.x509, "my_hos.a.test"));
    ck_assert(!certname_holds(c.x509, "my_host.a.test.x"));
    ck_assert(!certname_holds(c.x509, "x.my_host.a.test"));
    let_go();
}
END_TEST

START_TEST(wildcards_for_one_label)
{
    hold("DNS:*.A.test,DNS:*.b_c.test");
    ck_assert(certname_holds(c.x509, "my_host.a.test"));
    ck_assert(certname_holds(c.x509, "_.a.test"));
    ck_assert(certname_holds(c.x509, "x.b_c.test"));
    ck_assert(!certname_holds(c.x509, "x.my_host.a.test"));
    ck_assert(!certname_holds(c.x509, "b_c.test"));
    ck_assert(!certname_holds(c.x509, "my_host.xa.test"));
    ck_assert(!certname_holds(c.x509, "my_host.a.test.x"));
    let_go();
}
END_TEST

START_TEST(other_wildcards_are_none)
{
    hold("DNS:*,DNS:*.test,DNS:my_*.a.test,DNS:*ost.a.test,DNS:*.*.test,DNS:my_host.*.test,DNS:**.a.test,"
         "DNS:.a.test,DNS:*a.test,DNS:*.,DNS:my_host.a.test.,URI:my_host.a.test,email:my_host.a.test");
    ck_assert(!certname_holds(c.x509, "my_host.a.test"));
    ck_assert(!certname_holds(c.x509, "my_host.test"));
    ck_assert(!certname_holds(c.x509, "my_host"));
    let_go();
}
END_TEST

START_TEST(the_common_name_is_none)
{
    hold(NULL);
    ck_assert(!certname_holds(c.x509, "my_host.a.test"));
    let_go();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("certname");
    TCase *t = tcase_create("certname");
    tcase_add_test(t, odd_is_an_underscore);
    tcase_add_test(t, names_in_full);
    tcase_add_test(t, wildcards_for_one_label);
    tcase_add_test(t, other_wildcards_are_none);
    tcase_add_test(t, the_common_name_is_none);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
