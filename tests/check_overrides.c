/* --resolve and --connect-to: which rule is taken, and what is no rule. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "fetch/overrides.h"

static struct strings list(const char **items)
{
    struct strings s = {items, 0};
    while (items[s.count])
        s.count++;
    return s;
}

static struct overrides *make(const char **resolve, const char **connect_to)
{
    struct overrides *o;
    struct fetch_error err;
    struct strings r = list(resolve), c = list(connect_to);
    int rc = overrides_new(&r, &c, &o, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    return o;
}

static const char *none[] = {NULL};

/* The addresses as text, joined by blanks; "-" where no rule matches. */
static const char *addresses(const struct overrides *o, const char *host, uint16_t port, int family)
{
    static char text[4000];
    struct sockaddr_storage found[OVERRIDES_ADDRESSES_MAX];
    int n = overrides_addresses(o, host, port, family, found);
    size_t used = 0;
    text[0] = 0;
    if (n < 0)
        return "-";
    for (int i = 0; i < n; i++) {
        char ip[INET6_ADDRSTRLEN];
        struct sockaddr_in *in = (struct sockaddr_in *)&found[i];
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&found[i];
        bool four = in->sin_family == AF_INET;
        inet_ntop(in->sin_family, four ? (void *)&in->sin_addr : (void *)&in6->sin6_addr, ip, sizeof ip);
        ck_assert_uint_eq(ntohs(four ? in->sin_port : in6->sin6_port), port);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? " " : "", ip);
    }
    return text;
}

static const char *connects(const struct overrides *o, const char *host, uint16_t port)
{
    static char text[400];
    const char *to;
    uint16_t to_port;
    bool moved = overrides_connect_to(o, host, port, &to, &to_port);
    snprintf(text, sizeof text, "%s %s %u", moved ? "to" : "as", to, (unsigned)to_port);
    return text;
}

START_TEST(a_resolve_gives_its_addresses_in_order)
{
    const char *resolve[] = {"Example.COM:443:192.0.2.1,[2001:db8::1],::2",
                             "+m\xC3\xBCnchen.example:8443:192.0.2.9", "[::1]:443:192.0.2.3", NULL};
    struct overrides *o = make(resolve, none);
    ck_assert_str_eq(addresses(o, "example.com", 443, AF_UNSPEC), "192.0.2.1 2001:db8::1 ::2");
    ck_assert_str_eq(addresses(o, "example.com.", 443, AF_INET), "192.0.2.1");
    ck_assert_str_eq(addresses(o, "example.com", 443, AF_INET6), "2001:db8::1 ::2");
    ck_assert_str_eq(addresses(o, "example.com", 80, AF_UNSPEC), "-");
    ck_assert_str_eq(addresses(o, "www.example.com", 443, AF_UNSPEC), "-");
    ck_assert_str_eq(addresses(o, "xn--mnchen-3ya.example", 8443, AF_UNSPEC), "192.0.2.9");
    ck_assert_str_eq(addresses(o, "xn--mnchen-3ya.example", 8443, AF_INET6), "");
    ck_assert_str_eq(addresses(o, "::1", 443, AF_UNSPEC), "192.0.2.3");
    overrides_free(o);
}
END_TEST

START_TEST(the_more_exact_resolve_is_taken)
{
    const char *resolve[] = {"*:443:10.0.0.3", "h:*:10.0.0.2", "h:443:10.0.0.1", ":*:10.0.0.4", NULL};
    struct overrides *o = make(resolve, none);
    ck_assert_str_eq(addresses(o, "h", 443, AF_UNSPEC), "10.0.0.1");
    ck_assert_str_eq(addresses(o, "h", 80, AF_UNSPEC), "10.0.0.2");
    ck_assert_str_eq(addresses(o, "i", 443, AF_UNSPEC), "10.0.0.3");
    ck_assert_str_eq(addresses(o, "i", 80, AF_UNSPEC), "10.0.0.4");
    overrides_free(o);
}
END_TEST

START_TEST(a_later_resolve_replaces_an_earlier_one)
{
    const char *resolve[] = {"h:1:10.0.0.1", "H.:1:10.0.0.2", "i:1:10.0.0.3", "-i:1", "j:1:10.0.0.4",
                             "-j:1",         "j:1:10.0.0.5",  "-k:1",         NULL};
    struct overrides *o = make(resolve, none);
    ck_assert_str_eq(addresses(o, "h", 1, AF_UNSPEC), "10.0.0.2");
    ck_assert_str_eq(addresses(o, "i", 1, AF_UNSPEC), "-");
    ck_assert_str_eq(addresses(o, "j", 1, AF_UNSPEC), "10.0.0.5");
    ck_assert_str_eq(addresses(o, "k", 1, AF_UNSPEC), "-");
    overrides_free(o);
}
END_TEST

START_TEST(the_first_connect_to_that_matches_is_taken)
{
    const char *connect_to[] = {"a:443:b:8443", "a:443:c:1",    "d::e:",   "d:1:f:2",
                                "::g:9",        "a:80:never:1", "*:*:*:*", NULL};
    struct overrides *o = make(none, connect_to);
    ck_assert_str_eq(connects(o, "A.", 443), "to b 8443");
    ck_assert_str_eq(connects(o, "d", 1), "to e 1");
    ck_assert_str_eq(connects(o, "a", 80), "to g 9");
    ck_assert_str_eq(connects(o, "x", 7), "to g 9");
    overrides_free(o);
}
END_TEST

START_TEST(empty_fields_of_connect_to_leave_things_as_they_are)
{
    const char *connect_to[] = {"a:1::", "a:1:*:2", "[::1]:443:[2001:DB8::9]:", "b:*:192.0.2.1:5", NULL};
    struct overrides *o = make(none, connect_to);
    ck_assert_str_eq(connects(o, "a", 1), "to a 2");
    ck_assert_str_eq(connects(o, "::1", 443), "to 2001:db8::9 443");
    ck_assert_str_eq(connects(o, "b", 443), "to 192.0.2.1 5");
    ck_assert_str_eq(connects(o, "c", 443), "as c 443");
    overrides_free(o);
}
END_TEST

static void refuses(bool resolve, const char *text, const char *why)
{
    const char *items[] = {"h:1:192.0.2.1", text, NULL}, *others[] = {"h:1:i:2", text, NULL};
    struct strings one = list(resolve ? items : others), empty = list(none);
    struct overrides *o;
    struct fetch_error err;
    int rc = overrides_new(resolve ? &one : &empty, resolve ? &empty : &one, &o, &err);
    ck_assert_msg(rc == -1, "%s was accepted", text);
    ck_assert_int_eq(err.kind, ERROR_NONE);
    ck_assert_msg(strstr(err.message, why) != NULL, "%s: %s", text, err.message);
    ck_assert_msg(
        strstr(err.message, resolve ? "write HOST:PORT:ADDR[,ADDR]" : "write HOST1:PORT1:HOST2:PORT2"), "%s",
        err.message);
}

START_TEST(what_is_no_resolve_is_refused)
{
    refuses(true, "", "':' is missing");
    refuses(true, "h", "':' is missing");
    refuses(true, "h:443", "':' is missing");
    refuses(true, "h:443:", "IP addresses");
    refuses(true, "h:443:name", "IP addresses");
    refuses(true, "h:443:192.0.2.1,", "IP addresses");
    refuses(true, "h:443:192.0.2.1,,192.0.2.2", "IP addresses");
    refuses(true, "h:0:192.0.2.1", "port '0'");
    refuses(true, "h:x:192.0.2.1", "port 'x'");
    refuses(true, "h h:1:192.0.2.1", "a space");
    refuses(true, "[::1:1:192.0.2.1", "':' is missing");
    refuses(true, "-h", "':' is missing");
}
END_TEST

START_TEST(what_is_no_connect_to_is_refused)
{
    refuses(false, "a:1:b", "':' is missing");
    refuses(false, "a:1:b:2:3", "too many");
    refuses(false, "a:1:b:2:", "too many");
    refuses(false, "a:1:b::", "too many");
    refuses(false, "a:99999:b:2", "port '99999'");
    refuses(false, "a:1:b c:2", "a space");
    refuses(false, "a:1:[::1:2", "':' is missing");
}
END_TEST

START_TEST(thousands_of_rules_are_all_found)
{
    enum { RULES = 5000 };
    static char texts[RULES][64];
    static const char *items[RULES + 1];
    for (int i = 0; i < RULES; i++) {
        snprintf(texts[i], sizeof texts[i], "host-%d.example:443:10.0.%d.%d", i, i / 256, i % 256);
        items[i] = texts[i];
    }
    struct overrides *o = make(items, none);
    for (int i = 0; i < RULES; i++) {
        char host[64], want[64];
        snprintf(host, sizeof host, "host-%d.example", i);
        snprintf(want, sizeof want, "10.0.%d.%d", i / 256, i % 256);
        ck_assert_str_eq(addresses(o, host, 443, AF_UNSPEC), want);
    }
    overrides_free(o);
}
END_TEST

START_TEST(without_rules_nothing_matches)
{
    struct overrides *o;
    struct fetch_error err;
    ck_assert_int_eq(overrides_new(NULL, NULL, &o, &err), 0);
    ck_assert_str_eq(connects(o, "c", 443), "as c 443");
    ck_assert_str_eq(addresses(o, "c", 443, AF_UNSPEC), "-");
    overrides_free(o);
    overrides_free(NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("overrides");
    TCase *t = tcase_create("overrides");
    tcase_add_test(t, a_resolve_gives_its_addresses_in_order);
    tcase_add_test(t, the_more_exact_resolve_is_taken);
    tcase_add_test(t, a_later_resolve_replaces_an_earlier_one);
    tcase_add_test(t, the_first_connect_to_that_matches_is_taken);
    tcase_add_test(t, empty_fields_of_connect_to_leave_things_as_they_are);
    tcase_add_test(t, what_is_no_resolve_is_refused);
    tcase_add_test(t, what_is_no_connect_to_is_refused);
    tcase_add_test(t, thousands_of_rules_are_all_found);
    tcase_add_test(t, without_rules_nothing_matches);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
