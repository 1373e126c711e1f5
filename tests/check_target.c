/* Targets and redirects: what a line means, what it is refused for, and that nothing is read behind it. */
#include <check.h>
#include <stdlib.h>

#include "fetch/path.h"
#include "fetch/target.h"
#include "support/guarded.h"

/* Parses in front of the protected page. */
static int parse(struct target *ret, const char *line, const char *path, struct fetch_error *err)
{
    struct guarded g;
    guarded_init(&g, 70000);
    error_clear(err);
    int r = target_parse(ret, guarded_puts(&g, line), path, err);
    guarded_free(&g);
    return r;
}

static void url_of(struct buffer *b, const struct target *t)
{
    buffer_init(b, 1 << 20);
    ck_assert_int_eq(target_put_url(b, t), 0);
    ck_assert_int_eq(buffer_terminate(b), 0);
}

/* What the URL says, read again, is the same. */
static void check_again(const struct target *t, const struct buffer *url)
{
    struct target again;
    struct fetch_error err;
    ck_assert_msg(target_parse_url(&again, buffer_span(url), &err) == 0, "%s: %s", url->data, err.message);
    ck_assert_str_eq(again.host, t->host);
    ck_assert_str_eq(again.path, t->path);
    ck_assert_int_eq(again.scheme, t->scheme);
    ck_assert_int_eq(again.kind, t->kind);
    ck_assert_int_eq(again.port, t->port);
    ck_assert(!again.bare);
    target_free(&again);
}

static void accepts(const char *line, const char *want)
{
    struct target t;
    struct fetch_error err;
    struct buffer url;
    ck_assert_msg(parse(&t, line, "/", &err) == 0, "%s: %s", line, err.message);
    url_of(&url, &t);
    ck_assert_msg(strcmp((char *)url.data, want) == 0, "%s: %s, not %s", line, url.data, want);
    check_again(&t, &url);
    buffer_free(&url);
    target_free(&t);
}

static void refuses(const char *line, const char *why)
{
    struct target t;
    struct fetch_error err;
    ck_assert_msg(parse(&t, line, "/", &err) == -1, "%s was accepted", line);
    ck_assert_int_eq(err.kind, ERROR_INVALID_TARGET);
    ck_assert_msg(strstr(err.message, why) != NULL, "%s: %s", line, err.message);
}

START_TEST(bare_hosts_mean_https)
{
    accepts("example.com", "https://example.com/");
    accepts("EXAMPLE.com:8443", "https://example.com:8443/");
    accepts("example.com:443", "https://example.com/");
    accepts("example.com:", "https://example.com/");
    accepts("localhost", "https://localhost/");
    accepts("https", "https://https/");
    accepts("https:8443", "https://https:8443/");
    accepts("http:80", "https://http:80/");
    accepts("_dmarc.a-b.example.", "https://_dmarc.a-b.example./");
    accepts("192.0.2.7:8080", "https://192.0.2.7:8080/");
    accepts("[2001:DB8:0:0::1]:8443", "https://[2001:db8::1]:8443/");
    accepts("[::1]", "https://[::1]/");
}
END_TEST

START_TEST(urls_keep_their_path_and_lose_their_fragment)
{
    accepts("https://example.com", "https://example.com/");
    accepts("HTTPS://Example.COM/A/b?C=d#frag", "https://example.com/A/b?C=d");
    accepts("http://h:80/", "http://h/");
    accepts("http://h:443/", "http://h:443/");
    accepts("https://h:/x", "https://h/x");
    accepts("https://h:00443/x", "https://h/x");
    accepts("https://h?x=1", "https://h/?x=1");
    accepts("https://h#f", "https://h/");
    accepts("https://h/#?x", "https://h/");
    accepts("https://h//a///b", "https://h//a///b");
    accepts("https://h/a/./b/../c", "https://h/a/c");
    accepts("https://h/../../x?/../y", "https://h/x?/../y");
    accepts("https://h/%7Euser/%2e%2E/%zz", "https://h/%7Euser/%2e%2E/%zz");
    accepts("https://[::ffff:192.0.2.1]/", "https://[::ffff:192.0.2.1]/");
}
END_TEST

START_TEST(bytes_that_a_uri_may_not_hold_are_encoded)
{
    accepts("https://h/\xC3\xA9?q=\xC3\xA9", "https://h/%c3%a9?q=%c3%a9");
    accepts("https://h/a|b\"<c>^`{d}\\e", "https://h/a%7cb%22%3cc%3e%5e%60%7bd%7d%5ce");
    accepts("https://h/\xFF\x80", "https://h/%ff%80");
    accepts("https://h/[x]'()*,;=:@!$&+~", "https://h/[x]'()*,;=:@!$&+~");
}
END_TEST

START_TEST(international_names_become_a_labels)
{
    accepts("m\xC3\xBCnchen.example", "https://xn--mnchen-3ya.example/");
    accepts("https://stra\xC3\x9F"
            "e.de/",
            "https://xn--strae-oqa.de/");
    accepts("\xE4\xBE\x8B\xE3\x80\x82\xE3\x83\x86\xE3\x82\xB9\xE3\x83\x88:8443",
            "https://xn--fsq.xn--zckzah:8443/");
    accepts("XN--MNCHEN-3YA.example", "https://xn--mnchen-3ya.example/");
    accepts("\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97.0.0.1", "https://127.0.0.1/");
    accepts("m\xC3\xBCnchen.example.", "https://xn--mnchen-3ya.example./");
    refuses("b\xC3", "no valid international host name");
    refuses("\xC2\xAD.example", "in");
    refuses("a\xEF\xBC\x85"
            "41.example",
            "'%'");
}
END_TEST

START_TEST(the_default_path_is_for_bare_hosts)
{
    struct target t;
    struct fetch_error err;
    ck_assert_int_eq(parse(&t, "h:1", "/robots.txt", &err), 0);
    ck_assert(t.bare);
    ck_assert_str_eq(t.path, "/robots.txt");
    target_free(&t);
    ck_assert_int_eq(parse(&t, "https://h", "/robots.txt", &err), 0);
    ck_assert(!t.bare);
    ck_assert_str_eq(t.path, "/");
    target_free(&t);
}
END_TEST

START_TEST(lines_that_are_no_target_are_refused)
{
    refuses("", "empty");
    refuses("a b", "a space at byte 2");
    refuses("a\tb", "a TAB at byte 2");
    refuses("https://h/\x01", "control byte 0x01 at byte 11");
    refuses("h\x7F", "control byte 0x7f");
    refuses("ftp://example.com/", "scheme 'ftp' is not supported");
    refuses("mailto:a@example.com", "user name");
    refuses("https://user:secret@h/", "user name");
    refuses("user@h", "user name");
    refuses("https://", "no host");
    refuses("https:///path", "no host");
    refuses("https://:443/", "no host");
    refuses("https:/h", "two slashes");
    refuses("http:h", "two slashes");
    refuses("https:", "two slashes");
    refuses("://h", "no host");
    refuses(":80", "no host");
    refuses("/path", "no host");
    refuses("//h", "no host");
    refuses("example.com/path", "write https://example.com/path");
    refuses("example.com?q", "write https://example.com?q");
    refuses("example.com#f", "'#'");
    refuses(".", "no host");
    refuses("https://h\\@evil.example/", "'@'");
    refuses("h\\x", "'\\'");
    refuses("h%41", "percent-encoded");
    refuses("a*b.example", "'*'");
}
END_TEST

START_TEST(ports_out_of_range_are_refused)
{
    refuses("h:0", "port '0' is not from 1 to 65535");
    refuses("h:65536", "65535");
    refuses("h:99999999999999999999", "65535");
    refuses("h:-1", "port '-1' is not a number");
    refuses("h:8o", "port '8o' is not a number");
    refuses("https://h:x/", "port 'x'");
    refuses("h:1:2", "more than one ':'");
    accepts("h:65535", "https://h:65535/");
    accepts("h:1", "https://h:1/");
}
END_TEST

START_TEST(a_nul_byte_is_refused)
{
    struct target t;
    struct fetch_error err;
    ck_assert_int_eq(target_parse(&t, span_make("a\0b", 3), "/", &err), -1);
    ck_assert_str_eq(err.message, "a NUL byte at byte 2");
    ck_assert_int_eq(target_parse(&t, span_make("https://h/\0", 11), "/", &err), -1);
    ck_assert_str_eq(err.message, "a NUL byte at byte 11");
}
END_TEST

START_TEST(a_line_may_have_8192_bytes)
{
    static char line[TARGET_LINE_MAX + 2];
    struct target t;
    struct fetch_error err;
    struct buffer url;
    memset(line, 0xE4, sizeof line - 1);
    memcpy(line, "https://h/", 10);
    ck_assert_int_eq(parse(&t, line, "/", &err), -1);
    ck_assert_str_eq(err.message, "8193 bytes long; at most 8192");
    line[TARGET_LINE_MAX] = 0;
    ck_assert_int_eq(parse(&t, line, "/", &err), 0);
    ck_assert_uint_eq(strlen(t.path), 1 + 3 * (TARGET_LINE_MAX - 10));
    url_of(&url, &t);
    check_again(&t, &url);
    buffer_free(&url);
    target_free(&t);
}
END_TEST

static const char *const cut_lines[] = {
    "https://user@example.com:8443/a/../b?c#d",  "[2001:db8::1]:8443", "m\xC3\xBCnchen.example:80",
    "https://[::ffff:192.0.2.1]:1/%41|\xC3\xA9", "192.0.2.1:65535",
};

START_TEST(no_cut_line_reads_beyond_its_end)
{
    struct guarded g;
    guarded_init(&g, 100);
    for (size_t i = 0; i < sizeof cut_lines / sizeof *cut_lines; i++)
        for (size_t n = 0; n <= strlen(cut_lines[i]); n++) {
            struct target t;
            struct fetch_error err;
            if (target_parse(&t, guarded_put(&g, cut_lines[i], n), "/", &err) == 0)
                target_free(&t);
        }
    guarded_free(&g);
}
END_TEST

/* References. */

static int resolve(struct target *ret, const char *base, const char *reference, struct fetch_error *err)
{
    struct target b;
    struct guarded g;
    guarded_init(&g, 300000);
    ck_assert_int_eq(target_parse(&b, span_of(base), "/", err), 0);
    int r = target_resolve(ret, &b, guarded_puts(&g, reference), err);
    target_free(&b);
    guarded_free(&g);
    return r;
}

static void leads(const char *base, const char *reference, const char *want)
{
    struct target t;
    struct fetch_error err;
    struct buffer url;
    ck_assert_msg(resolve(&t, base, reference, &err) == 0, "%s: %s", reference, err.message);
    url_of(&url, &t);
    ck_assert_msg(strcmp((char *)url.data, want) == 0, "%s: %s, not %s", reference, url.data, want);
    check_again(&t, &url);
    buffer_free(&url);
    target_free(&t);
}

static void leads_nowhere(const char *reference, const char *why)
{
    struct target t;
    struct fetch_error err;
    ck_assert_msg(resolve(&t, "https://h/", reference, &err) == -1, "%s was accepted", reference);
    ck_assert(err.kind == (strstr(err.message, "scheme") ? ERROR_DENIED : ERROR_HTTP) ||
              (err.kind == ERROR_HTTP && strstr(err.message, "behind the scheme")));
    ck_assert_int_eq(err.phase, PHASE_HEADERS);
    ck_assert_msg(strncmp(err.message, "bad Location: ", 14) == 0, "%s", err.message);
    ck_assert_msg(strstr(err.message, why) != NULL, "%s: %s", reference, err.message);
}

/* RFC 3986 5.4, fragments dropped, of http scheme. */
static const struct {
    const char *reference, *path;
} rfc3986[] = {
    {"g", "/b/c/g"},
    {"./g", "/b/c/g"},
    {"g/", "/b/c/g/"},
    {"/g", "/g"},
    {"?y", "/b/c/d;p?y"},
    {"g?y", "/b/c/g?y"},
    {"#s", "/b/c/d;p?q"},
    {"g#s", "/b/c/g"},
    {"g?y#s", "/b/c/g?y"},
    {";x", "/b/c/;x"},
    {"g;x", "/b/c/g;x"},
    {"g;x?y#s", "/b/c/g;x?y"},
    {"", "/b/c/d;p?q"},
    {".", "/b/c/"},
    {"./", "/b/c/"},
    {"..", "/b/"},
    {"../", "/b/"},
    {"../g", "/b/g"},
    {"../..", "/"},
    {"../../", "/"},
    {"../../g", "/g"},
    {"../../../g", "/g"},
    {"../../../../g", "/g"},
    {"/./g", "/g"},
    {"/../g", "/g"},
    {"g.", "/b/c/g."},
    {".g", "/b/c/.g"},
    {"g..", "/b/c/g.."},
    {"..g", "/b/c/..g"},
    {"./../g", "/b/g"},
    {"./g/.", "/b/c/g/"},
    {"g/./h", "/b/c/g/h"},
    {"g/../h", "/b/c/h"},
    {"g;x=1/./y", "/b/c/g;x=1/y"},
    {"g;x=1/../y", "/b/c/y"},
    {"g?y/./x", "/b/c/g?y/./x"},
    {"g?y/../x", "/b/c/g?y/../x"},
    {"g#s/./x", "/b/c/g"},
    {"g#s/../x", "/b/c/g"},
};

START_TEST(references_resolve_as_in_rfc_3986)
{
    for (size_t i = 0; i < sizeof rfc3986 / sizeof *rfc3986; i++) {
        char want[64];
        snprintf(want, sizeof want, "http://a%s", rfc3986[i].path);
        leads("http://a/b/c/d;p?q", rfc3986[i].reference, want);
    }
    leads("http://a/b/c/d;p?q", "//g", "http://g/");
    leads("http://a/b/c/d;p?q", "//g?y", "http://g/?y");
}
END_TEST

START_TEST(references_may_name_another_origin)
{
    leads("https://h:8443/x", "http://other/y", "http://other/y");
    leads("http://h:8080/x", "HTTPS://Other.example:443", "https://other.example/");
    leads("https://h:8443/x", "//other/y", "https://other/y");
    leads("http://h:8080/x", "//[::1]:80/y", "http://[::1]/y");
    leads("https://h:8443/x", "/y", "https://h:8443/y");
    leads("https://h./x", "y", "https://h./y");
    leads("https://h/x", "//m\xC3\xBCnchen.example", "https://xn--mnchen-3ya.example/");
}
END_TEST

START_TEST(references_are_made_fit_to_send)
{
    leads("https://h/a/b", "../m o o.html?name=d a niel  ", "https://h/m%20o%20o.html?name=d+a+niel");
    leads("https://h/a", " /b\t", "https://h/b");
    leads("https://h/a", "/\\evil.example/", "https://h/%5cevil.example/");
    leads("https://h/a", "\xC3\xA9#\xC3\xA9", "https://h/%c3%a9");
    leads("https://h/a?b", "", "https://h/a?b");
}
END_TEST

START_TEST(references_that_lead_nowhere_are_refused)
{
    leads_nowhere("ftp://h/", "scheme 'ftp'");
    leads_nowhere("javascript:alert(1)", "scheme 'javascript'");
    leads_nowhere("file:///etc/passwd", "scheme 'file'");
    leads_nowhere("localhost:8080/x", "scheme 'localhost'");
    leads_nowhere("http:path", "no host");
    leads_nowhere("https:///h/", "no host");
    leads_nowhere("//", "no host");
    leads_nowhere("https://user:pass@h/", "'@'");
    leads_nowhere("https://good.example\\@evil.example/", "'@'");
    leads_nowhere("https://a b/", "a space in the host");
    leads_nowhere("https://h:0/", "port");
    leads_nowhere("/a\rb", "control byte 0x0d");
    leads_nowhere("https://1.2.3/", "IPv4");
}
END_TEST

START_TEST(a_path_grows_no_longer_than_its_cap)
{
    char *reference = malloc(PATH_BYTES_MAX + 3);
    struct target t;
    struct fetch_error err;
    memset(reference, 'x', PATH_BYTES_MAX + 2);
    reference[0] = '/';
    reference[PATH_BYTES_MAX + 2] = 0;
    leads_nowhere(reference, "longer than 65536 bytes");
    reference[PATH_BYTES_MAX + 1] = 0;
    leads_nowhere(reference, "longer than 65536 bytes");
    reference[PATH_BYTES_MAX] = 0;
    ck_assert_int_eq(resolve(&t, "https://h/", reference, &err), 0);
    ck_assert_uint_eq(strlen(t.path), PATH_BYTES_MAX);
    target_free(&t);
    free(reference);
}
END_TEST

/* What is made of a target. */

static void host_field(const char *line, const char *want)
{
    struct target t;
    struct fetch_error err;
    struct buffer b;
    buffer_init(&b, 300);
    ck_assert_int_eq(parse(&t, line, "/", &err), 0);
    ck_assert_int_eq(target_put_host(&b, &t), 0);
    ck_assert_int_eq(buffer_terminate(&b), 0);
    ck_assert_str_eq((char *)b.data, want);
    buffer_free(&b);
    target_free(&t);
}

START_TEST(the_host_field_has_no_default_port)
{
    host_field("Example.com", "example.com");
    host_field("https://example.com.:443/", "example.com.");
    host_field("http://example.com.:443/", "example.com.:443");
    host_field("[::1]:8443", "[::1]:8443");
    host_field("[::1]", "[::1]");
}
END_TEST

static bool same(const char *one, const char *other)
{
    struct target a, b;
    struct fetch_error err;
    ck_assert_int_eq(parse(&a, one, "/", &err), 0);
    ck_assert_int_eq(parse(&b, other, "/", &err), 0);
    bool r = target_same_origin(&a, &b);
    target_free(&a);
    target_free(&b);
    return r;
}

START_TEST(an_origin_is_scheme_host_and_port)
{
    ck_assert(same("https://h/a", "https://H:443/b"));
    ck_assert(same("https://h./a", "https://H.:443/b"));
    ck_assert(!same("https://h/", "https://h./"));
    ck_assert(!same("https://h/", "http://h/"));
    ck_assert(!same("https://h/", "http://h:443/"));
    ck_assert(!same("https://h/", "https://h:8443/"));
    ck_assert(!same("https://h/", "https://www.h/"));
}
END_TEST

/* The figures were computed with Python's hashlib. */
START_TEST(a_shard_is_the_hash_of_the_host)
{
    static const struct {
        const char *line;
        uint32_t of_7, of_4096;
    } shards[] = {
        {"Example.COM.:8443", 6, 2470},
        {"https://example.com/x", 6, 2470},
        {"[2001:DB8:0:0::1]", 6, 398},
        {"[::ffff:c000:201]:8443", 7, 2383},
        {"[::1.2.3.4]", 2, 30},
        {"192.0.2.1", 7, 860},
        {"xn--mnchen-3ya.example", 5, 1823},
        {"m\xC3\xBCnchen.example", 5, 1823},
        {"no target", 6, 2860},
        {"ftp://h/", 1, 851},
    };
    for (size_t i = 0; i < sizeof shards / sizeof *shards; i++) {
        struct target t;
        struct fetch_error err;
        struct span line = span_of(shards[i].line);
        bool valid = target_parse(&t, line, "/", &err) == 0;
        ck_assert_uint_eq(target_shard(valid ? &t : NULL, line, 7), shards[i].of_7);
        ck_assert_uint_eq(target_shard(valid ? &t : NULL, line, 4096), shards[i].of_4096);
        if (valid)
            target_free(&t);
    }
}
END_TEST

static TCase *lines(void)
{
    TCase *t = tcase_create("lines");
    tcase_add_test(t, bare_hosts_mean_https);
    tcase_add_test(t, urls_keep_their_path_and_lose_their_fragment);
    tcase_add_test(t, bytes_that_a_uri_may_not_hold_are_encoded);
    tcase_add_test(t, international_names_become_a_labels);
    tcase_add_test(t, the_default_path_is_for_bare_hosts);
    tcase_add_test(t, lines_that_are_no_target_are_refused);
    tcase_add_test(t, ports_out_of_range_are_refused);
    tcase_add_test(t, a_nul_byte_is_refused);
    tcase_add_test(t, a_line_may_have_8192_bytes);
    tcase_add_test(t, no_cut_line_reads_beyond_its_end);
    return t;
}

static TCase *references(void)
{
    TCase *t = tcase_create("references");
    tcase_add_test(t, references_resolve_as_in_rfc_3986);
    tcase_add_test(t, references_may_name_another_origin);
    tcase_add_test(t, references_are_made_fit_to_send);
    tcase_add_test(t, references_that_lead_nowhere_are_refused);
    tcase_add_test(t, a_path_grows_no_longer_than_its_cap);
    return t;
}

static TCase *uses(void)
{
    TCase *t = tcase_create("uses");
    tcase_add_test(t, the_host_field_has_no_default_port);
    tcase_add_test(t, an_origin_is_scheme_host_and_port);
    tcase_add_test(t, a_shard_is_the_hash_of_the_host);
    return t;
}

int main(void)
{
    Suite *s = suite_create("target");
    suite_add_tcase(s, lines());
    suite_add_tcase(s, references());
    suite_add_tcase(s, uses());
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
