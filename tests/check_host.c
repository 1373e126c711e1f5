/* Hosts, addresses and ports: the canonical form, and what is refused. */
#include <check.h>
#include <stdlib.h>

#include "fetch/host.h"
#include "support/guarded.h"

static struct guarded page;

static void setup(void)
{
    guarded_init(&page, 2000);
}

static void teardown(void)
{
    guarded_free(&page);
}

static void accepts(const char *text, const char *want, enum target_host kind, uint16_t port)
{
    struct host h;
    struct fetch_error err;
    ck_assert_msg(host_parse(&h, guarded_puts(&page, text), &err) == 0, "%s: %s", text, err.message);
    ck_assert_str_eq(h.text, want);
    ck_assert_int_eq(h.kind, kind);
    ck_assert_uint_eq(h.port, port);
}

static void refuses(const char *text, const char *why)
{
    struct host h;
    struct fetch_error err;
    ck_assert_msg(host_parse(&h, guarded_puts(&page, text), &err) == -1, "%s was accepted", text);
    ck_assert_int_eq(err.kind, ERROR_INVALID_TARGET);
    ck_assert_msg(strstr(err.message, why) != NULL, "%s: %s", text, err.message);
}

START_TEST(ipv4_is_four_decimal_numbers)
{
    accepts("192.0.2.1", "192.0.2.1", HOST_IPV4, 0);
    accepts("0.0.0.0:80", "0.0.0.0", HOST_IPV4, 80);
    refuses("1.2.3", "no IPv4 address");
    refuses("256.1.1.1", "no IPv4 address");
    refuses("0x7f.1", "no IPv4 address");
    refuses("0x7f000001", "no IPv4 address");
    refuses("2130706433", "no IPv4 address");
    refuses("127.0.0.01", "no IPv4 address");
    refuses("127.0.0.1.", "no IPv4 address");
    refuses("1.2.3.4.5", "no IPv4 address");
    refuses("example.1", "no IPv4 address");
    refuses("example.0x", "no IPv4 address");
    refuses("example.0XaF", "no IPv4 address");
}
END_TEST

START_TEST(names_that_only_look_like_numbers_pass)
{
    accepts("1.2.3.4.example", "1.2.3.4.example", HOST_NAME, 0);
    accepts("0xg", "0xg", HOST_NAME, 0);
    accepts("1e3", "1e3", HOST_NAME, 0);
    accepts("3com.com", "3com.com", HOST_NAME, 0);
    accepts("-a_.b-", "-a_.b-", HOST_NAME, 0);
    accepts("r3---sn-abc.example", "r3---sn-abc.example", HOST_NAME, 0);
}
END_TEST

START_TEST(ipv6_is_written_as_in_rfc_5952)
{
    accepts("[2001:0DB8:0:0:8:800:200C:417A]:1", "2001:db8::8:800:200c:417a", HOST_IPV6, 1);
    accepts("[1:0:0:2:0:0:0:3]", "1:0:0:2::3", HOST_IPV6, 0);
    accepts("[1:0:2:3:4:5:6:7]", "1:0:2:3:4:5:6:7", HOST_IPV6, 0);
    accepts("[::FFFF:1.2.3.4]", "::ffff:1.2.3.4", HOST_IPV6, 0);
    accepts("[::ffff:102:304]", "::ffff:1.2.3.4", HOST_IPV6, 0);
    accepts("[::1.2.3.4]", "::102:304", HOST_IPV6, 0);
    accepts("[::1:0]", "::1:0", HOST_IPV6, 0);
    accepts("[::5]", "::5", HOST_IPV6, 0);
    accepts("[::]", "::", HOST_IPV6, 0);
}
END_TEST

START_TEST(broken_ipv6_is_refused)
{
    refuses("::1", "write [::1]");
    refuses("2001:db8::1:443", "write [2001:db8::1:443]");
    refuses("[::1", "'[' without ']'");
    refuses("[::1]x", "behind ']'");
    refuses("[::1]443", "behind ']'");
    refuses("[fe80::1%eth0]", "zone");
    refuses("[fe80::1%25eth0]", "zone");
    refuses("[]", "no IPv6 address");
    refuses("[1.2.3.4]", "no IPv6 address");
    refuses("[example.com]", "no IPv6 address");
    refuses("[1:2:3:4:5:6:7:8:9]", "no IPv6 address");
    refuses("[::1::]", "no IPv6 address");
    refuses("[[::1]]", "behind ']'");
    refuses("a[::1]", "more than one ':'");
    refuses("]", "']'");
}
END_TEST

START_TEST(labels_and_names_have_their_lengths)
{
    char name[300];
    struct host h;
    struct fetch_error err;
    memset(name, 'a', sizeof name);
    name[63] = '.';
    name[64] = 'b';
    name[65] = 0;
    ck_assert_int_eq(host_parse_name(&h, guarded_puts(&page, name), &err), 0);
    name[63] = 'a';
    name[64] = 0;
    refuses(name, "a label of 64 bytes");
    for (size_t i = 0; i < 300; i++)
        name[i] = i % 50 == 49 ? '.' : 'a';
    name[253] = 0;
    ck_assert_int_eq(host_parse_name(&h, guarded_puts(&page, name), &err), 0);
    ck_assert_uint_eq(strlen(h.text), 253);
    name[253] = '.';
    name[254] = 0;
    ck_assert_int_eq(host_parse_name(&h, guarded_puts(&page, name), &err), 0);
    ck_assert_uint_eq(strlen(h.text), 254);
    name[253] = 'a';
    refuses(name, "a host of 254 bytes");
}
END_TEST

START_TEST(empty_labels_are_refused)
{
    refuses("", "no host");
    refuses(".", "no host");
    refuses("a..b", "an empty label");
    refuses(".a", "an empty label");
    refuses("a..", "an empty label");
    refuses("\xE3\x80\x82", "");
}
END_TEST

START_TEST(bytes_that_no_name_has_are_refused)
{
    for (int c = 0; c < 0x80; c++) {
        char name[3] = {'a', (char)c, 'b'};
        struct host h;
        struct fetch_error err;
        bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                    c == '_' || c == '.';
        ck_assert_int_eq(host_parse_name(&h, guarded_put(&page, name, 3), &err), fine ? 0 : -1);
    }
}
END_TEST

START_TEST(long_and_broken_international_names_are_refused)
{
    char name[1500];
    memset(name, 0, sizeof name);
    for (size_t i = 0; i + 2 < sizeof name; i += 2)
        memcpy(name + i, "\xC3\xA9", 2);
    refuses(name, "bytes");
    name[900] = 0;
    refuses(name, "international");
    refuses("\xED\xA0\x80.example", "international");
    refuses("\xFF", "international");
}
END_TEST

/* UTS #46 takes them, and curl; IDNA 2008 alone does not. */
START_TEST(symbols_are_letters_of_names)
{
    accepts("\xE2\x98\x83.net", "xn--n3h.net", HOST_NAME, 0);
    accepts("i\xE2\x9D\xA4\xEF\xB8\x8F.ws:80", "xn--i-7iq.ws", HOST_NAME, 80);
    accepts("\xF0\x9F\x98\x80.example.", "xn--e28h.example.", HOST_NAME, 0);
    refuses("\xE2\x98\x83\xC3\x9F.net", "international"); /* not what would be another host in 2003 */
    refuses("\xE2\x98\x83\xE2\x80\x8D.net", "international");
    refuses("\xEE\x80\x80.net", "international"); /* private use, unassigned, a mark of direction, */
    refuses("\xCD\xB8.net", "international");     /* a replacement, a line separator, "1." in one */
    refuses("a\xE2\x80\x8E.net", "international");
    refuses("\xEF\xBF\xBD.net", "international");
    refuses("a\xE2\x80\xA8.net", "international");
    refuses("\xE2\x92\x88.net", "international");
}
END_TEST

START_TEST(a_host_alone_has_no_port)
{
    struct host h;
    struct fetch_error err;
    ck_assert_int_eq(host_parse_alone(&h, guarded_puts(&page, "::1"), &err), 0);
    ck_assert_str_eq(h.text, "::1");
    ck_assert_int_eq(host_parse_alone(&h, guarded_puts(&page, "[0::1]"), &err), 0);
    ck_assert_str_eq(h.text, "::1");
    ck_assert_int_eq(host_parse_alone(&h, guarded_puts(&page, "H"), &err), 0);
    ck_assert_str_eq(h.text, "h");
    ck_assert_int_eq(host_parse_alone(&h, guarded_puts(&page, "h:1"), &err), -1);
    ck_assert_int_eq(host_parse_alone(&h, span_of(NULL), &err), -1);
}
END_TEST

START_TEST(a_quote_is_cut_before_a_sequence)
{
    char text[100];
    memset(text, 'a', sizeof text);
    ck_assert_int_eq(host_quote_length(guarded_put(&page, text, 64)), 64);
    ck_assert_int_eq(host_quote_length(guarded_put(&page, text, 65)), 64);
    text[62] = '\xE4';
    text[63] = '\xBE';
    text[64] = '\x8B';
    ck_assert_int_eq(host_quote_length(guarded_put(&page, text, 65)), 62);
    memset(text, 0x80, sizeof text);
    ck_assert_int_eq(host_quote_length(guarded_put(&page, text, 100)), 61);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("host");
    TCase *t = tcase_create("host");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, ipv4_is_four_decimal_numbers);
    tcase_add_test(t, names_that_only_look_like_numbers_pass);
    tcase_add_test(t, ipv6_is_written_as_in_rfc_5952);
    tcase_add_test(t, broken_ipv6_is_refused);
    tcase_add_test(t, labels_and_names_have_their_lengths);
    tcase_add_test(t, empty_labels_are_refused);
    tcase_add_test(t, bytes_that_no_name_has_are_refused);
    tcase_add_test(t, long_and_broken_international_names_are_refused);
    tcase_add_test(t, symbols_are_letters_of_names);
    tcase_add_test(t, a_host_alone_has_no_port);
    tcase_add_test(t, a_quote_is_cut_before_a_sequence);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
