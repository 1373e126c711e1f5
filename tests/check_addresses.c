/* --deny and --allow: what the lists hold, from arguments and files, and who gets through. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fetch/addresses.h"

static struct addresses *make(const char *one, const char *two)
{
    const char *items[] = {one, two};
    struct strings arguments = {items, two ? 2 : 1};
    struct addresses *list;
    struct fetch_error err;
    int rc = addresses_new("--deny", &arguments, &list, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    return list;
}

static struct sockaddr_storage address(const char *text)
{
    struct sockaddr_storage s = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&s;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&s;
    bool six = strchr(text, ':') != NULL;
    s.ss_family = six ? AF_INET6 : AF_INET;
    ck_assert_int_eq(inet_pton(s.ss_family, text, six ? (void *)&in6->sin6_addr : (void *)&in->sin_addr), 1);
    return s;
}

static bool holds(const struct addresses *list, const char *text)
{
    struct sockaddr_storage s = address(text);
    return addresses_hold(list, (struct sockaddr *)&s);
}

static bool permits(const struct addresses *deny, const struct addresses *allow, const char *text)
{
    struct sockaddr_storage s = address(text);
    return addresses_permit(deny, allow, (struct sockaddr *)&s);
}

START_TEST(a_list_holds_all_its_blocks)
{
    struct addresses *l = make("10.0.0.0/8, 192.0.2.1,2001:db8::/32", "10.1.0.0/16,11.0.0.0/8");
    ck_assert(holds(l, "10.0.0.0"));
    ck_assert(holds(l, "10.1.2.3"));
    ck_assert(holds(l, "10.255.0.0"));
    ck_assert(holds(l, "11.255.255.255"));
    ck_assert(holds(l, "192.0.2.1"));
    ck_assert(holds(l, "2001:db8:ffff::1"));
    ck_assert(!holds(l, "9.255.255.255"));
    ck_assert(!holds(l, "12.0.0.0"));
    ck_assert(!holds(l, "192.0.2.0"));
    ck_assert(!holds(l, "2001:db9::"));
    addresses_free(l);
}
END_TEST

START_TEST(a_mapped_address_is_checked_as_both)
{
    struct addresses *four = make("10.0.0.0/8", NULL), *six = make("::/0", NULL);
    ck_assert(holds(four, "::ffff:10.0.0.1"));
    ck_assert(!holds(four, "::ffff:11.0.0.1"));
    ck_assert(!holds(four, "::10.0.0.1"));
    ck_assert(holds(six, "::ffff:10.0.0.1"));
    ck_assert(!holds(six, "10.0.0.1"));
    addresses_free(four);
    addresses_free(six);
}
END_TEST

START_TEST(the_unspecified_address_is_loopback_too)
{
    struct addresses *l = make("127.0.0.0/8,::1", NULL);
    ck_assert(holds(l, "0.0.0.0"));
    ck_assert(holds(l, "::"));
    ck_assert(holds(l, "::ffff:0.0.0.0"));
    ck_assert(!holds(l, "0.0.0.1"));
    addresses_free(l);
    l = make("0.0.0.0/8", NULL);
    ck_assert(holds(l, "0.0.0.0"));
    ck_assert(!holds(l, "127.0.0.1"));
    addresses_free(l);
}
END_TEST

START_TEST(deny_goes_before_allow)
{
    struct addresses *deny = make("10.1.0.0/16", NULL), *allow = make("10.0.0.0/8", NULL);
    ck_assert(permits(NULL, NULL, "192.0.2.1"));
    ck_assert(permits(deny, NULL, "192.0.2.1"));
    ck_assert(!permits(deny, NULL, "10.1.0.0"));
    ck_assert(!permits(deny, NULL, "::ffff:10.1.0.0"));
    ck_assert(permits(deny, allow, "10.2.0.0"));
    ck_assert(permits(deny, allow, "::ffff:10.2.0.0"));
    ck_assert(!permits(deny, allow, "10.1.0.0"));
    ck_assert(!permits(deny, allow, "192.0.2.1"));
    ck_assert(!permits(NULL, allow, "2001:db8::1"));
    addresses_free(deny);
    addresses_free(allow);
}
END_TEST

START_TEST(allow_goes_by_where_a_connection_leads)
{
    struct addresses *six = make("::/0", NULL), *zero = make("0.0.0.0", NULL);
    struct sockaddr other = {.sa_family = AF_UNIX};
    ck_assert(permits(NULL, six, "2001:db8::1"));
    ck_assert(!permits(NULL, six, "::ffff:10.0.0.1"));
    ck_assert(!permits(NULL, zero, "0.0.0.0"));
    ck_assert(!addresses_permit(NULL, six, &other));
    ck_assert(!addresses_permit(six, NULL, &other));
    ck_assert(addresses_permit(NULL, NULL, &other));
    addresses_free(six);
    addresses_free(zero);
}
END_TEST

static void refuses(const char *argument, const char *message)
{
    const char *items[] = {"10.0.0.0/8", argument};
    struct strings arguments = {items, 2};
    struct addresses *list;
    struct fetch_error err;
    ck_assert_int_eq(addresses_new("--allow", &arguments, &list, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_NONE);
    ck_assert_msg(strstr(err.message, message) == err.message, "%s", err.message);
}

START_TEST(what_is_no_block_is_named)
{
    refuses("", "--allow: '' is no address block; write for example 10.0.0.0/8");
    refuses("192.0.2.1,10.0.0.0/33", "--allow: '10.0.0.0/33' is no address block");
    refuses("10.0.0.0/8,", "--allow: '' is no");
    refuses("localhost", "--allow: 'localhost' is no");
    refuses("@/nonexistent/list", "--allow: cannot read /nonexistent/list: No such file or directory");
    refuses("@/", "--allow: cannot read /: Is a directory");
    refuses("@/dev/null", "--allow: /dev/null holds no address block");
}
END_TEST

/* Writes a file, whose name behind an '@' is left in `argument`. */
static void write_file(char argument[32], const char *text)
{
    snprintf(argument, 32, "@/tmp/check_addresses.XXXXXX");
    int fd = mkstemp(argument + 1);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq((int)write(fd, text, strlen(text)), (int)strlen(text));
    close(fd);
}

START_TEST(a_file_has_a_block_a_line)
{
    char argument[32];
    write_file(argument, "# private\r\n10.0.0.0/8 # all of it\r\n\n \t\n 2001:db8::1\t\n192.0.2.0/24");
    struct addresses *l = make(argument, "198.51.100.1");
    unlink(argument + 1);
    ck_assert(holds(l, "10.1.1.1"));
    ck_assert(holds(l, "2001:db8::1"));
    ck_assert(holds(l, "192.0.2.255"));
    ck_assert(holds(l, "198.51.100.1"));
    ck_assert(!holds(l, "2001:db8::"));
    addresses_free(l);
}
END_TEST

START_TEST(a_bad_line_is_named_by_file_and_number)
{
    char argument[32], want[100];
    write_file(argument, "# private\n10.0.0.0/8\n\n10.0.0.0/8,11.0.0.0/8\n");
    snprintf(want, sizeof want, "--allow: %s:4: '10.0.0.0/8,11.0.0.0/8' is no", argument + 1);
    refuses(argument, want);
    unlink(argument + 1);
}
END_TEST

START_TEST(many_blocks_are_all_found)
{
    enum { BLOCKS = 100000 };
    char *text = malloc(BLOCKS * 20), *at = text;
    for (unsigned i = 0; i < BLOCKS; i++) {
        unsigned a = i * 7919 % BLOCKS; /* in no order */
        at += sprintf(at, "%s%u.%u.%u.0/25", i ? "," : "", a >> 16, a >> 8 & 255, a & 255);
    }
    struct addresses *l = make(text, NULL);
    free(text);
    for (unsigned a = 0; a < BLOCKS; a++) {
        char ip[20];
        snprintf(ip, sizeof ip, "%u.%u.%u.127", a >> 16, a >> 8 & 255, a & 255);
        ck_assert(holds(l, ip));
        snprintf(ip, sizeof ip, "%u.%u.%u.128", a >> 16, a >> 8 & 255, a & 255);
        ck_assert(!holds(l, ip));
    }
    addresses_free(l);
}
END_TEST

START_TEST(no_arguments_are_no_list)
{
    struct addresses *l;
    struct fetch_error err;
    struct strings none = {NULL, 0};
    ck_assert_int_eq(addresses_new("--deny", &none, &l, &err), 0);
    ck_assert_ptr_null(l);
    addresses_free(l);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("addresses");
    TCase *t = tcase_create("addresses");
    tcase_add_test(t, a_list_holds_all_its_blocks);
    tcase_add_test(t, a_mapped_address_is_checked_as_both);
    tcase_add_test(t, the_unspecified_address_is_loopback_too);
    tcase_add_test(t, deny_goes_before_allow);
    tcase_add_test(t, allow_goes_by_where_a_connection_leads);
    tcase_add_test(t, what_is_no_block_is_named);
    tcase_add_test(t, a_file_has_a_block_a_line);
    tcase_add_test(t, a_bad_line_is_named_by_file_and_number);
    tcase_add_test(t, many_blocks_are_all_found);
    tcase_add_test(t, no_arguments_are_no_list);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
