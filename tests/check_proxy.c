/* Proxies: which one, with what credentials, and who is spared. */
#include <check.h>
#include <stdlib.h>

#include "fetch/proxy.h"

static struct proxy_settings *make(const struct fetch_config *c)
{
    struct proxy_settings *s;
    struct fetch_error err;
    int rc = proxy_settings_new(c, &s, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    return s;
}

static const struct proxy *proxy_of(const struct proxy_settings *s, const char *line)
{
    struct target t;
    struct fetch_error err;
    ck_assert_int_eq(target_parse(&t, span_of(line), "/", &err), 0);
    const struct proxy *p = proxy_for(s, &t);
    target_free(&t);
    return p;
}

/* The proxy's name for a line, "-" for none. */
static const char *goes(const struct proxy_settings *s, const char *line)
{
    const struct proxy *p = proxy_of(s, line);
    return p ? p->name : "-";
}

START_TEST(the_option_goes_before_the_environment)
{
    struct fetch_config c = {
        .proxy = "p:1", .env_https_proxy = "q:2", .env_http_proxy = "q:2", .env_all_proxy = "socks5://x"};
    struct proxy_settings *s = make(&c);
    ck_assert_str_eq(goes(s, "https://h/"), "p:1");
    ck_assert_str_eq(goes(s, "http://h/"), "p:1");
    ck_assert(proxy_settings_any(s));
    proxy_settings_free(s);
    c.proxy = "";
    s = make(&c);
    ck_assert_str_eq(goes(s, "https://h/"), "-");
    ck_assert(!proxy_settings_any(s));
    proxy_settings_free(s);
}
END_TEST

START_TEST(the_environment_goes_by_the_targets_scheme)
{
    struct fetch_config c = {
        .env_https_proxy = "a:1", .env_http_proxy = "b:2", .env_all_proxy = "socks5://x"};
    struct proxy_settings *s = make(&c);
    ck_assert_str_eq(goes(s, "h"), "a:1");
    ck_assert_str_eq(goes(s, "http://h"), "b:2");
    proxy_settings_free(s);
    c = (struct fetch_config){.env_https_proxy = "", .env_http_proxy = "b:2", .env_all_proxy = "all:3"};
    s = make(&c);
    ck_assert_str_eq(goes(s, "h"), "all:3");
    ck_assert_str_eq(goes(s, "http://h"), "b:2");
    proxy_settings_free(s);
    c = (struct fetch_config){.env_http_proxy = "b:2"};
    s = make(&c);
    ck_assert_str_eq(goes(s, "h"), "-");
    ck_assert_str_eq(goes(s, "http://h"), "b:2");
    proxy_settings_free(s);
}
END_TEST

static void reads(const char *url, enum target_scheme scheme, const char *name, const char *authorization)
{
    struct fetch_config c = {.proxy = url};
    struct proxy_settings *s = make(&c);
    const struct proxy *p = proxy_of(s, "h");
    ck_assert_int_eq(p->scheme, scheme);
    ck_assert_str_eq(p->name, name);
    if (authorization)
        ck_assert_str_eq(p->authorization, authorization);
    else
        ck_assert_ptr_null(p->authorization);
    proxy_settings_free(s);
}

START_TEST(a_proxy_has_scheme_host_port_and_credentials)
{
    reads("Proxy.example", SCHEME_HTTP, "proxy.example:1080", NULL);
    reads("http://proxy.example/", SCHEME_HTTP, "proxy.example:1080", NULL);
    reads("HTTPS://proxy.example", SCHEME_HTTPS, "proxy.example:443", NULL);
    reads("https://[2001:DB8::1]:8443/x?y#z", SCHEME_HTTPS, "[2001:db8::1]:8443", NULL);
    reads("192.0.2.1:3128", SCHEME_HTTP, "192.0.2.1:3128", NULL);
    reads("http://Aladdin:open%20sesame@p:1", SCHEME_HTTP, "p:1", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    reads("a:b@p", SCHEME_HTTP, "p:1080", "Basic YTpi");
    reads("a@p", SCHEME_HTTP, "p:1080", "Basic YTo=");
    reads("a:b@c%40%zz@p", SCHEME_HTTP, "p:1080", "Basic YTpiQGNAJXp6");
    reads("@p", SCHEME_HTTP, "p:1080", "Basic Og==");
}
END_TEST

static void refuses(const struct fetch_config *c, const char *source, const char *why)
{
    struct proxy_settings *s;
    struct fetch_error err;
    ck_assert_msg(proxy_settings_new(c, &s, &err) == -1, "%s", why);
    ck_assert_int_eq(err.kind, ERROR_NONE);
    ck_assert_msg(strncmp(err.message, source, strlen(source)) == 0, "%s", err.message);
    ck_assert_msg(strstr(err.message, why) != NULL, "%s", err.message);
    ck_assert_msg(strstr(err.message, "secret") == NULL, "%s", err.message);
}

START_TEST(what_is_no_proxy_is_refused_by_its_source)
{
    refuses(&(struct fetch_config){.proxy = "socks5h://u:secret@p"}, "--proxy: ", "SOCKS");
    refuses(&(struct fetch_config){.env_all_proxy = "SOCKS4://p"}, "all_proxy: ", "SOCKS");
    refuses(&(struct fetch_config){.env_https_proxy = "ftp://p"}, "https_proxy: ", "http:// or https://");
    refuses(&(struct fetch_config){.env_http_proxy = "http://"}, "http_proxy: ", "no host");
    refuses(&(struct fetch_config){.proxy = "http://u:secret@p:0/"}, "--proxy: ", "port '0'");
    refuses(&(struct fetch_config){.proxy = "http://u:secret%0d@p"}, "--proxy: ", "control byte");
    refuses(&(struct fetch_config){.proxy = "http://u%00:secret@p"}, "--proxy: ", "control byte");
    refuses(&(struct fetch_config){.proxy = "p q"}, "--proxy: ", "a space");
}
END_TEST

START_TEST(long_credentials_are_refused)
{
    enum { MOST = 2048 };
    char url[MOST + 10];
    struct fetch_config c = {.proxy = url};
    memset(url, 'x', sizeof url);
    memcpy(url + MOST + 1, "@p", 3);
    refuses(&c, "--proxy: ", "too long");
    memcpy(url + MOST, "@p", 3);
    struct proxy_settings *s = make(&c);
    ck_assert_uint_eq(strlen(proxy_of(s, "h")->authorization), 6 + (MOST + 1) / 3 * 4);
    proxy_settings_free(s);
}
END_TEST

/* True if `line` is spared the proxy by the list. */
static bool spared(const char *list, const char *line)
{
    struct fetch_config c = {.proxy = "p:1", .env_no_proxy = list};
    struct proxy_settings *s = make(&c);
    bool r = proxy_of(s, line) == NULL;
    proxy_settings_free(s);
    return r;
}

START_TEST(names_spare_what_lies_below_them)
{
    ck_assert(spared("example.com", "example.com"));
    ck_assert(spared("example.com", "WWW.example.com."));
    ck_assert(spared(".Example.com", "example.com"));
    ck_assert(spared("example.com.", "www.example.com"));
    ck_assert(!spared("example.com", "nonexample.com"));
    ck_assert(!spared("www.example.com", "example.com"));
    ck_assert(!spared("*.example.com", "www.example.com"));
    ck_assert(spared("m\xC3\xBCnchen.example", "xn--mnchen-3ya.example"));
    ck_assert(!spared("", "example.com"));
    ck_assert(!spared(" , ,, ", "example.com"));
}
END_TEST

START_TEST(lists_are_separated_by_commas_or_blanks)
{
    ck_assert(spared("a,b", "b"));
    ck_assert(spared("a b", "b"));
    ck_assert(spared(" a , ,b\tc ", "c"));
    ck_assert(spared("a/b,..,b", "b"));
}
END_TEST

START_TEST(a_lone_asterisk_spares_all)
{
    ck_assert(spared("*", "h"));
    ck_assert(spared(" * ", "192.0.2.1"));
    ck_assert(!spared("*,x", "h"));
    struct fetch_config c = {.env_all_proxy = "socks5://x", .env_no_proxy = "*"};
    struct proxy_settings *s = make(&c);
    ck_assert(!proxy_settings_any(s));
    proxy_settings_free(s);
}
END_TEST

START_TEST(addresses_and_blocks_spare_literals)
{
    ck_assert(spared("192.0.2.0/24", "192.0.2.77:8443"));
    ck_assert(!spared("192.0.2.0/24", "192.0.3.1"));
    ck_assert(spared("192.0.2.1", "192.0.2.1"));
    ck_assert(!spared("2.1", "192.0.2.1"));
    ck_assert(spared("2001:db8::/33", "[2001:db8:7fff::1]"));
    ck_assert(!spared("2001:db8::/33", "[2001:db8:8000::1]"));
    ck_assert(spared("[2001:db8::1]", "[2001:DB8:0::1]"));
    ck_assert(spared("2001:db8::1", "[2001:db8::1]"));
    ck_assert(spared("10.0.0.0/8", "[::ffff:10.1.2.3]"));
    ck_assert(!spared("0.0.0.0/0", "example.com"));
    ck_assert(!spared("10.0.0.0/33", "10.0.0.0"));
}
END_TEST

START_TEST(a_port_confines_an_entry)
{
    ck_assert(spared("example.com:8443", "www.example.com:8443"));
    ck_assert(!spared("example.com:8443", "example.com"));
    ck_assert(spared("example.com:443", "example.com"));
    ck_assert(spared("[::1]:8443", "[::1]:8443"));
    ck_assert(!spared("192.0.2.1:80", "192.0.2.1:81"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("proxy");
    TCase *t = tcase_create("proxy");
    tcase_add_test(t, the_option_goes_before_the_environment);
    tcase_add_test(t, the_environment_goes_by_the_targets_scheme);
    tcase_add_test(t, a_proxy_has_scheme_host_port_and_credentials);
    tcase_add_test(t, what_is_no_proxy_is_refused_by_its_source);
    tcase_add_test(t, long_credentials_are_refused);
    tcase_add_test(t, names_spare_what_lies_below_them);
    tcase_add_test(t, lists_are_separated_by_commas_or_blanks);
    tcase_add_test(t, a_lone_asterisk_spares_all);
    tcase_add_test(t, addresses_and_blocks_spare_literals);
    tcase_add_test(t, a_port_confines_an_entry);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
