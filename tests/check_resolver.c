#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fetch/dial.h"
#include "fetch/resolver.h"
#include "support/dns_peer.h"
#include "support/waits.h"

static const struct dns_record zone[] = {
    {.name = "both.test", .addresses = "192.0.2.1 2001:db8::1", .ttl = 300},
    {.name = "four.test", .addresses = "192.0.2.4 192.0.2.5", .ttl = 300},
    {.name = "six.test", .addresses = "2001:db8::6", .ttl = 300},
    {.name = "short.test", .addresses = "192.0.2.7", .ttl = 0},
    {.name = "empty.test", .addresses = ""},
    {.name = "broken.test", .addresses = "", .rcode = 2, .rcode6 = 2},
    {.name = "refused.test", .addresses = "", .rcode = 5, .rcode6 = 5},
    {.name = "half4.test", .addresses = "", .rcode = 2},
    {.name = "half6.test", .addresses = "", .rcode6 = 2},
    {.name = "lame6.test", .addresses = "192.0.2.8", .ttl = 300, .rcode6 = 2},
    {.name = "big.test", .addresses = "192.0.2.9", .ttl = 300, .truncated = true},
    {.name = "silent.test", .addresses = "", .silent = true},
    {.name = "mute6.test", .addresses = "192.0.2.10", .ttl = 300, .silent6 = true},
    {.name = "www.corp.test", .addresses = "192.0.2.20", .ttl = 300},
    {.name = "a.b.corp.test", .addresses = "192.0.2.21", .ttl = 300},
    {.name = "broken.corp.test", .addresses = "", .rcode = 2, .rcode6 = 2},
    {.name = NULL},
};

static struct dns_peer server;
static struct resolver_settings *settings;
static struct resolver *resolver;
static struct fetch_error err;

static void begin(const char *servers, int family)
{
    int result = resolver_settings_new(servers, family, &settings, &err);
    ck_assert_msg(result == 0, "%s", err.message);
    resolver = resolver_new(settings);
    ck_assert_ptr_nonnull(resolver);
}

static void setup(void)
{
    unsetenv("LOCALDOMAIN");
    unsetenv("RES_OPTIONS");
    dns_peer_start(&server, zone);
}

static void teardown(void)
{
    resolver_free(resolver);
    resolver_settings_free(settings);
    dns_peer_stop(&server);
}

/* Looks up and writes the addresses with blanks between, sorted as they came. */
static const char *lookup(const char *host)
{
    static char text[1024];
    char one[DIAL_TEXT_MAX];
    struct sockaddr_storage addrs[RESOLVER_ADDRS_MAX];
    size_t count = 0, len = 0;
    struct wait w = wait_long();
    text[0] = 0;
    if (resolver_lookup(resolver, host, 443, &w, addrs, RESOLVER_ADDRS_MAX, &count, &err) < 0)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(dial_address_port(&addrs[i]), 443);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i ? " " : "",
                                dial_address_text(&addrs[i], one));
    }
    return text;
}

static void fails(const char *host, bool final)
{
    const char *found = lookup(host);
    ck_assert_msg(!found, "%s: %s", host, found);
    ck_assert_msg(err.kind == ERROR_DNS, "%s: %s", host, err.message);
    ck_assert_int_eq(err.phase, PHASE_DNS);
    ck_assert_msg(err.final == final, "%s: %s", host, err.message);
    ck_assert_int_eq(error_retryable(&err), !final);
}

START_TEST(names_have_the_addresses_of_both_families)
{
    begin(server.servers, AF_UNSPEC);
    const char *found = lookup("both.test");
    ck_assert_ptr_nonnull(found);
    ck_assert_ptr_nonnull(strstr(found, "192.0.2.1"));
    ck_assert_ptr_nonnull(strstr(found, "2001:db8::1"));
    ck_assert_str_eq(lookup("four.test"), "192.0.2.4 192.0.2.5");
    ck_assert_str_eq(lookup("six.test."), "2001:db8::6");
}
END_TEST

START_TEST(a_family_that_is_asked_for_is_the_only_one)
{
    begin(server.servers, AF_INET);
    ck_assert_str_eq(lookup("both.test"), "192.0.2.1");
    fails("six.test", true);
    ck_assert_str_eq(lookup("localhost"), "127.0.0.1");
    ck_assert_str_eq(lookup("192.0.2.99"), "192.0.2.99");
    fails("2001:db8::99", true);
}
END_TEST

START_TEST(literals_and_localhost_ask_nobody)
{
    begin(server.servers, AF_UNSPEC);
    ck_assert_str_eq(lookup("192.0.2.99"), "192.0.2.99");
    ck_assert_str_eq(lookup("2001:db8::99"), "2001:db8::99");
    ck_assert_ptr_nonnull(strstr(lookup("localhost"), "127.0.0.1"));
    ck_assert_str_eq(lookup("some.localhost"), "::1 127.0.0.1");
    ck_assert_str_eq(lookup("other.localhost."), "::1 127.0.0.1");
    ck_assert_uint_eq(server.queries, 0);
    fails("notlocalhost", true);
}
END_TEST

START_TEST(a_name_without_an_address_is_final)
{
    begin(server.servers, AF_UNSPEC);
    fails("missing.test", true);
    ck_assert_ptr_nonnull(strstr(err.message, "no such name: missing.test"));
    fails("empty.test", true);
    fails("no..name.test", true);
}
END_TEST

START_TEST(a_failure_of_the_resolver_may_pass)
{
    begin(server.servers, AF_UNSPEC);
    fails("broken.test", false);
    ck_assert_ptr_nonnull(strstr(err.message, "SERVFAIL"));
    fails("refused.test", false);
    ck_assert_ptr_nonnull(strstr(err.message, "REFUSED"));
    fails("half4.test", false);
    fails("half6.test", false);
    ck_assert_str_eq(lookup("lame6.test"), "192.0.2.8");
}
END_TEST

START_TEST(silence_ends_with_the_deadline_or_before)
{
    struct sockaddr_storage addr;
    size_t count;
    begin(server.servers, AF_UNSPEC);
    struct wait w = wait_ms(50);
    ck_assert_int_eq(resolver_lookup(resolver, "silent.test", 443, &w, &addr, 1, &count, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_TIMEOUT);
    ck_assert_int_eq(err.phase, PHASE_DNS);
    ck_assert_int_eq(resolver_lookup(resolver, "silent.test", 443, &w, &addr, 1, &count, &err), -1);
    w = wait_long();
    ck_assert_int_eq(resolver_lookup(resolver, "silent.test", 443, &w, &addr, 1, &count, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_DNS);
    ck_assert(!err.final);
    ck_assert_str_eq(lookup("four.test"), "192.0.2.4 192.0.2.5");
}
END_TEST

/* Some servers never answer a question for AAAA; it would be asked three times before it is given up. */
START_TEST(one_family_does_not_wait_for_the_other_for_ever)
{
    begin(server.servers, AF_UNSPEC);
    ck_assert_str_eq(lookup("mute6.test"), "192.0.2.10");
    ck_assert_uint_lt(server.queries, 4);
    ck_assert_str_eq(lookup("four.test"), "192.0.2.4 192.0.2.5");
}
END_TEST

static bool cancel(void *arg)
{
    (void)arg;
    return true;
}

START_TEST(a_lookup_can_be_cancelled)
{
    struct sockaddr_storage addr;
    size_t count;
    int fds[2];
    begin(server.servers, AF_UNSPEC);
    struct wait w = wait_long();
    ck_assert_int_eq(pipe(fds), 0);
    close(fds[1]);
    w.wake_fd = fds[0];
    w.wake = cancel;
    ck_assert_int_eq(resolver_lookup(resolver, "silent.test", 443, &w, &addr, 1, &count, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_CANCELLED);
}
END_TEST

START_TEST(a_truncated_answer_is_asked_for_over_tcp)
{
    begin(server.servers, AF_INET);
    ck_assert_str_eq(lookup("big.test"), "192.0.2.9");
    ck_assert_uint_ge(server.over_tcp, 1);
}
END_TEST

START_TEST(a_name_is_asked_for_once)
{
    begin(server.servers, AF_UNSPEC);
    for (int i = 0; i < 5; i++) {
        ck_assert_ptr_nonnull(lookup("both.test"));
        ck_assert_str_eq(lookup("short.test"), "192.0.2.7");
    }
    ck_assert_uint_eq(server.queries, 4);
}
END_TEST

START_TEST(search_domains_are_for_names_with_few_dots)
{
    setenv("LOCALDOMAIN", "corp.test other.test", 1);
    begin(server.servers, AF_INET);
    ck_assert_str_eq(lookup("www"), "192.0.2.20");
    ck_assert_str_eq(lookup("a.b"), "192.0.2.21");
    fails("www.", true);
    fails("missing", true);
    ck_assert_ptr_nonnull(strstr(err.message, "missing"));
    fails("broken", false);
    unsigned before = server.queries;
    ck_assert_str_eq(lookup("four.test"), "192.0.2.4 192.0.2.5");
    ck_assert_uint_eq(server.queries - before, 1);
}
END_TEST

START_TEST(ndots_puts_search_domains_first)
{
    setenv("LOCALDOMAIN", "corp.test", 1);
    setenv("RES_OPTIONS", "ndots:2", 1);
    begin(server.servers, AF_INET);
    ck_assert_str_eq(lookup("a.b"), "192.0.2.21");
    ck_assert_uint_eq(server.queries, 1);
    ck_assert_str_eq(lookup("four.test"), "192.0.2.4 192.0.2.5");
    ck_assert_uint_eq(server.queries, 3);
}
END_TEST

START_TEST(the_next_server_is_asked_when_one_is_dead)
{
    char servers[64];
    snprintf(servers, sizeof servers, "127.0.0.1:1,%s", server.servers);
    begin(servers, AF_INET);
    ck_assert_str_eq(lookup("four.test"), "192.0.2.4 192.0.2.5");
}
END_TEST

START_TEST(bad_servers_are_refused)
{
    static const char *const bad[] = {
        "",     "example.test", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3.4:x", "1.2.3.4:",      "[1.2.3.4]:53",
        "[::1", "[::1]x",       "1.2.3.4,",  ",1.2.3.4",      "1.2.3.4 ",  "1.2.3.4:53:54", NULL};
    static const char *const good[] = {"1.2.3.4", "1.2.3.4:53",          "[::1]:5353", "[::1]",
                                       "::1",     "1.2.3.4,::1,[::2]:5", NULL};
    for (size_t i = 0; bad[i]; i++) {
        ck_assert_msg(resolver_settings_new(bad[i], AF_UNSPEC, &settings, &err) == -1, "%s", bad[i]);
        ck_assert_int_eq(err.kind, ERROR_NONE);
        ck_assert_ptr_nonnull(strstr(err.message, "--dns-servers"));
    }
    for (size_t i = 0; good[i]; i++) {
        ck_assert_msg(resolver_settings_new(good[i], AF_UNSPEC, &settings, &err) == 0, "%s", good[i]);
        resolver_settings_free(settings);
    }
    begin(server.servers, AF_UNSPEC);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("resolver");
    TCase *t = tcase_create("resolver");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, names_have_the_addresses_of_both_families);
    tcase_add_test(t, a_family_that_is_asked_for_is_the_only_one);
    tcase_add_test(t, literals_and_localhost_ask_nobody);
    tcase_add_test(t, a_name_without_an_address_is_final);
    tcase_add_test(t, a_failure_of_the_resolver_may_pass);
    tcase_add_test(t, silence_ends_with_the_deadline_or_before);
    tcase_add_test(t, one_family_does_not_wait_for_the_other_for_ever);
    tcase_add_test(t, a_lookup_can_be_cancelled);
    tcase_add_test(t, a_truncated_answer_is_asked_for_over_tcp);
    tcase_add_test(t, a_name_is_asked_for_once);
    tcase_add_test(t, search_domains_are_for_names_with_few_dots);
    tcase_add_test(t, ndots_puts_search_domains_first);
    tcase_add_test(t, the_next_server_is_asked_when_one_is_dead);
    tcase_add_test(t, bad_servers_are_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
