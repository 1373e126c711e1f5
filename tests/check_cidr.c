/* Address blocks: what they hold, and what is none. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "fetch/cidr.h"
#include "support/guarded.h"

static struct cidr block(const char *text)
{
    struct guarded g;
    struct cidr b;
    guarded_init(&g, 100);
    ck_assert_msg(cidr_parse(&b, guarded_puts(&g, text)), "%s", text);
    guarded_free(&g);
    return b;
}

static bool holds(const char *text, const char *address)
{
    struct cidr b = block(text);
    struct ip ip;
    ck_assert(ip_parse(&ip, span_of(address)));
    return cidr_holds(&b, ip);
}

START_TEST(a_block_holds_its_first_and_last_address)
{
    ck_assert(holds("10.0.0.0/8", "10.0.0.0"));
    ck_assert(holds("10.0.0.0/8", "10.255.255.255"));
    ck_assert(!holds("10.0.0.0/8", "9.255.255.255"));
    ck_assert(!holds("10.0.0.0/8", "11.0.0.0"));
    ck_assert(holds("192.0.2.77/31", "192.0.2.76"));
    ck_assert(!holds("192.0.2.77/31", "192.0.2.78"));
    ck_assert(holds("2001:db8::/127", "2001:db8::1"));
    ck_assert(!holds("2001:db8::/127", "2001:db8::2"));
    ck_assert(holds("2001:db8:8000::1/33", "2001:db8:ffff::"));
    ck_assert(!holds("2001:db8:8000::1/33", "2001:db8:7fff::"));
}
END_TEST

START_TEST(a_plain_address_holds_itself)
{
    ck_assert(holds("192.0.2.1", "192.0.2.1"));
    ck_assert(!holds("192.0.2.1", "192.0.2.2"));
    ck_assert(holds("::1", "0:0::1"));
    ck_assert(!holds("::1", "::2"));
}
END_TEST

START_TEST(a_prefix_of_none_holds_its_family)
{
    ck_assert(holds("0.0.0.0/0", "255.255.255.255"));
    ck_assert(holds("1.2.3.4/0", "0.0.0.0"));
    ck_assert(holds("::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
    ck_assert(!holds("::/0", "192.0.2.1"));
    ck_assert(!holds("0.0.0.0/0", "::"));
}
END_TEST

START_TEST(mapped_blocks_are_ipv4_blocks)
{
    ck_assert(holds("::ffff:10.0.0.0/104", "10.9.9.9"));
    ck_assert(!holds("::ffff:10.0.0.0/104", "11.0.0.0"));
    ck_assert(holds("::ffff:0:0/96", "255.255.255.255"));
    ck_assert(holds("::ffff:192.0.2.1", "192.0.2.1"));
    ck_assert(!holds("::ffff:0:0/95", "192.0.2.1"));
    ck_assert(holds("::ffff:0:0/95", "::ffff:192.0.2.1"));
}
END_TEST

START_TEST(what_is_no_block_is_refused)
{
    static const char *const texts[] = {"",
                                        "/8",
                                        "10.0.0.0/",
                                        "10.0.0.0/33",
                                        "10.0.0.0/-1",
                                        "10.0.0.0/8x",
                                        "10.0.0.0/8/8",
                                        "10.0.0/8",
                                        "10/8",
                                        "::/129",
                                        "::/0129",
                                        "[::1]",
                                        "name",
                                        "10.0.0.0/ 8",
                                        "::1%lo",
                                        "256.0.0.0",
                                        "1:2:3:4:5:6:7:8:9/64",
                                        "10.0.0.0/4294967304",
                                        "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/128"};
    struct guarded g;
    struct cidr b;
    guarded_init(&g, 100);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_msg(!cidr_parse(&b, guarded_puts(&g, texts[i])), "%s", texts[i]);
    guarded_free(&g);
}
END_TEST

START_TEST(socket_addresses_are_numbers)
{
    struct ip ip;
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr other = {.sa_family = AF_UNIX};
    inet_pton(AF_INET, "192.0.2.1", &in.sin_addr);
    inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr);
    ck_assert(ip_from_sockaddr(&ip, (struct sockaddr *)&in));
    ck_assert(ip.family == AF_INET && ip.bits == 0xC0000201);
    ck_assert(ip_from_sockaddr(&ip, (struct sockaddr *)&in6));
    ck_assert(ip.family == AF_INET6 && ip.bits == ((ip_bits)0xFFFF << 32 | 0xC0000201));
    ip = ip_unmapped(ip);
    ck_assert(ip.family == AF_INET && ip.bits == 0xC0000201);
    ck_assert(!ip_from_sockaddr(&ip, &other));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cidr");
    TCase *t = tcase_create("cidr");
    tcase_add_test(t, a_block_holds_its_first_and_last_address);
    tcase_add_test(t, a_plain_address_holds_itself);
    tcase_add_test(t, a_prefix_of_none_holds_its_family);
    tcase_add_test(t, mapped_blocks_are_ipv4_blocks);
    tcase_add_test(t, what_is_no_block_is_refused);
    tcase_add_test(t, socket_addresses_are_numbers);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
