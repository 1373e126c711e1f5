#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fetch/dial.h"
#include "support/peer.h"
#include "support/waits.h"

static void serve_nothing(int fd, void *arg)
{
    (void)arg;
    peer_wait_end(fd);
}

/* A listener whose queue is full, so that a connection to it gets no answer. */
struct silent {
    int listener, fill[8];
    struct sockaddr_storage addr;
};

static void silent_start(struct silent *p, int family)
{
    struct sockaddr_storage a = peer_refused(family);
    socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    int one = 1;
    p->listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    ck_assert_int_eq(bind(p->listener, (struct sockaddr *)&a, len), 0);
    ck_assert_int_eq(listen(p->listener, 0), 0);
    for (int i = 0; i < 8; i++) {
        p->fill[i] = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        ck_assert(connect(p->fill[i], (struct sockaddr *)&a, len) == 0 || errno == EINPROGRESS);
    }
    usleep(20000);
    p->addr = a;
}

static void silent_stop(struct silent *p)
{
    close(p->listener);
    for (int i = 0; i < 8; i++)
        close(p->fill[i]);
}

/* True if this system lets a connection to `p` wait (some answer at once whatever the queue). */
static bool silent_works(struct silent *p)
{
    int fd = socket(p->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t len = p->addr.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    ck_assert(connect(fd, (struct sockaddr *)&p->addr, len) == 0 || errno == EINPROGRESS);
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    bool waits = poll(&poll_fd, 1, 50) == 0;
    close(fd);
    return waits;
}

START_TEST(connects_to_the_one_that_answers)
{
    struct peer p;
    struct dialled d;
    struct fetch_error err;
    int one = 0;
    socklen_t len = sizeof one;
    struct wait w = wait_long();
    peer_start(&p, AF_INET, serve_nothing, NULL);
    struct sockaddr_storage addrs[] = {peer_refused(AF_INET), peer_refused(AF_INET), p.addr};
    ck_assert_int_eq(dial(addrs, 3, &w, &d, &err), 0);
    ck_assert_uint_eq(dial_address_port(&d.peer), p.port);
    ck_assert_int_eq(fcntl(d.fd, F_GETFD), FD_CLOEXEC);
    ck_assert(fcntl(d.fd, F_GETFL) & O_NONBLOCK);
    ck_assert_int_eq(getsockopt(d.fd, IPPROTO_TCP, TCP_NODELAY, &one, &len), 0);
    ck_assert_int_ne(one, 0);
    close(d.fd);
    peer_stop(&p);
}
END_TEST

START_TEST(a_refusal_names_the_address_and_how_many_were_tried)
{
    struct dialled d;
    struct fetch_error err;
    char port[32];
    struct wait w = wait_long();
    struct sockaddr_storage addrs[] = {peer_refused(AF_INET), peer_refused(AF_INET)};
    ck_assert_int_eq(dial(addrs, 2, &w, &d, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_CONNECT);
    ck_assert_int_eq(err.phase, PHASE_CONNECT);
    snprintf(port, sizeof port, "127.0.0.1 port %u", dial_address_port(&addrs[1]));
    ck_assert_ptr_nonnull(strstr(err.message, "connection refused"));
    ck_assert_ptr_nonnull(strstr(err.message, port));
    ck_assert_ptr_nonnull(strstr(err.message, "2 addresses"));
}
END_TEST

START_TEST(a_silent_address_does_not_keep_the_next_one_waiting)
{
    struct silent first;
    struct peer p;
    struct dialled d;
    struct fetch_error err;
    struct wait w = wait_long();
    silent_start(&first, AF_INET);
    peer_start(&p, AF_INET, serve_nothing, NULL);
    struct sockaddr_storage addrs[] = {first.addr, p.addr};
    ck_assert_int_eq(dial(addrs, 2, &w, &d, &err), 0);
    if (silent_works(&first))
        ck_assert_uint_eq(dial_address_port(&d.peer), p.port);
    close(d.fd);
    peer_stop(&p);
    silent_stop(&first);
}
END_TEST

START_TEST(silence_everywhere_times_out)
{
    struct silent only;
    struct dialled d;
    struct fetch_error err;
    struct wait w = wait_ms(60);
    silent_start(&only, AF_INET);
    struct sockaddr_storage addrs[] = {only.addr, only.addr};
    if (silent_works(&only)) {
        ck_assert_int_eq(dial(addrs, 2, &w, &d, &err), -1);
        ck_assert_int_eq(err.kind, ERROR_TIMEOUT);
        ck_assert_int_eq(err.phase, PHASE_CONNECT);
        ck_assert_ptr_nonnull(strstr(err.message, "(--timeout)"));
        ck_assert_ptr_nonnull(strstr(err.message, "127.0.0.1"));
        w.phase = deadline_add(deadline_now(), 30 * NS_PER_MS);
        ck_assert_int_eq(dial(addrs, 2, &w, &d, &err), -1);
        ck_assert_ptr_nonnull(strstr(err.message, "(--connect-timeout)"));
    }
    silent_stop(&only);
}
END_TEST

START_TEST(both_families_are_tried)
{
    struct peer p;
    struct dialled d;
    struct fetch_error err;
    struct wait w = wait_long();
    peer_start(&p, AF_INET, serve_nothing, NULL);
    struct sockaddr_storage six = peer_refused(AF_INET6);
    struct sockaddr_storage addrs[] = {six, six, six, p.addr};
    ck_assert_int_eq(dial(addrs, 4, &w, &d, &err), 0);
    ck_assert_int_eq(d.peer.ss_family, AF_INET);
    close(d.fd);
    peer_stop(&p);
}
END_TEST

START_TEST(leaves_no_descriptor_behind)
{
    struct peer p;
    struct dialled d;
    struct fetch_error err;
    struct wait w = wait_long();
    peer_start(&p, AF_INET, serve_nothing, NULL);
    struct sockaddr_storage good[] = {peer_refused(AF_INET), p.addr};
    int before = dup(0);
    close(before);
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(dial(good, 2, &w, &d, &err), 0);
        close(d.fd);
        ck_assert_int_eq(dial(good, 1, &w, &d, &err), -1);
    }
    peer_stop(&p);
    int after = dup(0);
    ck_assert_int_le(after, before);
    close(after);
}
END_TEST

START_TEST(no_descriptor_left_is_a_failed_connection)
{
    struct dialled d;
    struct fetch_error err;
    struct rlimit limit;
    struct wait w = wait_long();
    struct sockaddr_storage addr = peer_refused(AF_INET);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit none = {(rlim_t)dup(0), limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    while (dup(0) >= 0)
        ;
    ck_assert_int_eq(dial(&addr, 1, &w, &d, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_CONNECT);
    setrlimit(RLIMIT_NOFILE, &limit);
}
END_TEST

START_TEST(addresses_are_written_as_people_know_them)
{
    char text[DIAL_TEXT_MAX];
    struct sockaddr_storage none = {.ss_family = AF_UNIX};
    struct sockaddr_storage six = peer_refused(AF_INET6);
    ck_assert_str_eq(dial_address_text(&six, text), "::1");
    ck_assert_str_eq(dial_address_text(&none, text), "");
    ck_assert_uint_eq(dial_address_port(&none), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dial");
    TCase *t = tcase_create("dial");
    tcase_add_test(t, connects_to_the_one_that_answers);
    tcase_add_test(t, a_refusal_names_the_address_and_how_many_were_tried);
    tcase_add_test(t, a_silent_address_does_not_keep_the_next_one_waiting);
    tcase_add_test(t, silence_everywhere_times_out);
    tcase_add_test(t, both_families_are_tried);
    tcase_add_test(t, leaves_no_descriptor_behind);
    tcase_add_test(t, no_descriptor_left_is_a_failed_connection);
    tcase_add_test(t, addresses_are_written_as_people_know_them);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
