/* The request's bytes: defaults, -H in its forms, and what stays with the origin that it was meant for. */
#include <check.h>
#include <stdlib.h>

#include "fetch/fetcher.h"

static struct fetch_config config;
static struct get g;
static struct buffer b;

static void setup(void)
{
    config = (struct fetch_config){.agent = "pfetch/1", .keepalive = true};
    g = (struct get){.config = &config};
    buffer_init(&b, 100000);
}

static void aim(const char *first, const char *now)
{
    struct fetch_error err;
    ck_assert_int_eq(target_parse(&g.first, span_of(first), "/", &err), 0);
    ck_assert_int_eq(target_parse(&g.now, span_of(now), "/", &err), 0);
    g.left_origin = !target_same_origin(&g.first, &g.now);
}

static const char *built(bool absolute, const char *authorization)
{
    ck_assert_int_eq(request_build(&b, &g, absolute, authorization), 0);
    ck_assert_int_eq(buffer_terminate(&b), 0);
    return (const char *)b.data;
}

static void teardown(void)
{
    target_free(&g.first);
    target_free(&g.now);
    buffer_free(&b);
}

START_TEST(a_plain_request)
{
    aim("https://a.example/x?y", "https://a.example/x?y");
    ck_assert_str_eq(built(false, NULL),
                     "GET /x?y HTTP/1.1\r\nHost: a.example\r\nUser-Agent: pfetch/1\r\nAccept: */*\r\n\r\n");
}
END_TEST

START_TEST(given_fields_replace_and_remove_defaults)
{
    const char *lines[] = {"user-agent: x", "Accept:", "X-Empty;", "Host: other"};
    config.headers = (struct strings){lines, 4};
    aim("https://a.example:8443/", "https://a.example:8443/");
    ck_assert_str_eq(built(false, NULL),
                     "GET / HTTP/1.1\r\nHost: other\r\nuser-agent: x\r\nX-Empty:\r\n\r\n");
}
END_TEST

START_TEST(credentials_stay_with_their_origin)
{
    const char *lines[] = {"Authorization: Basic eA==", "COOKIE: a=b", "Host: other", "X-Other: y"};
    config.headers = (struct strings){lines, 4};
    aim("https://a.example/", "https://b.example/");
    const char *text = built(false, NULL);
    ck_assert_ptr_null(strstr(text, "Basic"));
    ck_assert_ptr_null(strstr(text, "a=b"));
    ck_assert_ptr_null(strstr(text, "Host: other"));
    ck_assert_ptr_nonnull(strstr(text, "Host: b.example\r\n"));
    ck_assert_ptr_nonnull(strstr(text, "X-Other: y\r\n"));
}
END_TEST

START_TEST(another_port_is_another_origin)
{
    const char *lines[] = {"Authorization: Basic eA=="};
    config.headers = (struct strings){lines, 1};
    aim("https://a.example/", "https://a.example:444/");
    ck_assert_ptr_null(strstr(built(false, NULL), "Basic"));
}
END_TEST

START_TEST(a_proxy_gets_the_absolute_form)
{
    aim("http://a.example/x", "http://a.example/x");
    ck_assert_str_eq(built(true, "Basic eA=="),
                     "GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\nUser-Agent: pfetch/1\r\n"
                     "Accept: */*\r\nProxy-Authorization: Basic eA==\r\n\r\n");
}
END_TEST

START_TEST(without_keepalive_the_server_is_told)
{
    config.keepalive = false;
    aim("https://a.example/", "https://a.example/");
    ck_assert_ptr_nonnull(strstr(built(false, NULL), "Connection: close\r\n"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("request");
    TCase *t = tcase_create("request");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_plain_request);
    tcase_add_test(t, given_fields_replace_and_remove_defaults);
    tcase_add_test(t, credentials_stay_with_their_origin);
    tcase_add_test(t, another_port_is_another_origin);
    tcase_add_test(t, a_proxy_gets_the_absolute_form);
    tcase_add_test(t, without_keepalive_the_server_is_told);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
