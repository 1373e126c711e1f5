#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/idle.h"

/* ---- Connections that only count how many of them are open ---- */

static atomic_int open_now;

static bool usable(struct stream *s)
{
    return s->fd == 0;
}

static void closed(struct stream *s)
{
    open_now--;
    free(s);
}

static const struct stream_type counted = {.usable = usable, .close = closed};

static struct connection *connection(int host)
{
    struct connection *c = calloc(1, sizeof *c);
    ck_assert_ptr_nonnull(c);
    c->stream = calloc(1, sizeof *c->stream);
    ck_assert_ptr_nonnull(c->stream);
    c->stream->type = &counted;
    snprintf(c->key, sizeof c->key, "https://h%d:443", host);
    open_now++;
    return c;
}

/* One fetch from this host. True: over a connection that was kept. */
static bool fetch(struct idle *i, int host)
{
    char key[CONNECTION_KEY_MAX];
    snprintf(key, sizeof key, "https://h%d:443", host);
    struct connection *c = idle_take(i, key);
    bool kept = c;
    idle_put(i, kept ? c : connection(host));
    return kept;
}

START_TEST(it_keeps_few_while_no_host_comes_back)
{
    struct idle *i = idle_new(16, 1);
    for (int host = 0; host < 1000; host++) {
        ck_assert(!fetch(i, host));
        ck_assert_int_le(open_now, 6);
    }
    ck_assert(fetch(i, 999));
    ck_assert(fetch(i, 994));
    idle_free(i);
    ck_assert_int_eq(open_now, 0);
}
END_TEST

START_TEST(it_keeps_as_many_as_come_back)
{
    struct idle *i = idle_new(16, 1);
    for (int hosts = 7; hosts <= 16; hosts++) {
        for (int warm = 0; warm < 4 * hosts; warm++)
            (void)fetch(i, warm % hosts);
        for (int host = 0; host < 3 * hosts; host++)
            ck_assert_msg(fetch(i, host % hosts), "host %d of %d was not kept", host % hosts, hosts);
        ck_assert_int_le(open_now, 16);
    }
    idle_free(i);
    ck_assert_int_eq(open_now, 0);
}
END_TEST

START_TEST(it_keeps_as_many_for_several_threads)
{
    /* Nearly all that are allowed: each host comes back when most others have gone. */
    enum { HOSTS = 250 };
    struct idle *i = idle_new(16, 16);
    for (int warm = 0; warm < 3 * HOSTS; warm++)
        (void)fetch(i, warm % HOSTS);
    for (int host = 0; host < HOSTS; host++)
        ck_assert_msg(fetch(i, host), "host %d was not kept", host);
    idle_free(i);
    ck_assert_int_eq(open_now, 0);
}
END_TEST

START_TEST(it_keeps_no_more_than_allowed)
{
    struct idle *none = idle_new(0, 1), *two = idle_new(2, 1), *eight = idle_new(8, 1);
    ck_assert(!fetch(none, 1) && !fetch(none, 1));
    ck_assert_int_eq(open_now, 0);
    for (int n = 0; n < 60; n++) {
        (void)fetch(two, n % 3);
        ck_assert_int_le(open_now, 2);
    }
    idle_free(two);
    for (int n = 0; n < 200; n++) {
        (void)fetch(eight, n % 9);
        ck_assert_int_le(open_now, 8);
    }
    idle_free(eight);
    idle_free(none);
    ck_assert_int_eq(open_now, 0);
}
END_TEST

START_TEST(a_dead_connection_is_closed_and_not_given)
{
    struct idle *i = idle_new(16, 1);
    struct connection *c = connection(1);
    c->stream->fd = -1;
    idle_put(i, c);
    ck_assert_ptr_null(idle_take(i, "https://h1:443"));
    ck_assert_int_eq(open_now, 0);
    idle_free(i);
    idle_free(NULL);
}
END_TEST

enum { THREADS = 4, ROUNDS = 5000 };

static void *fetch_in_turn(void *arg)
{
    struct idle *i = arg;
    for (int n = 0; n < ROUNDS; n++) {
        char key[CONNECTION_KEY_MAX];
        snprintf(key, sizeof key, "https://h%d:443", n % 3);
        struct connection *c = idle_take(i, key);
        if (c && (strcmp(c->key, key) != 0 || c->info.remote_port++ != 0))
            return (void *)1; /* another's, or another has it too */
        if (c)
            c->info.remote_port = 0;
        else
            c = connection(n % 3);
        idle_put(i, c);
    }
    return NULL;
}

START_TEST(threads_share_what_is_kept)
{
    pthread_t threads[THREADS];
    struct idle *i = idle_new(8, THREADS);
    for (int n = 0; n < THREADS; n++)
        ck_assert_int_eq(pthread_create(&threads[n], NULL, fetch_in_turn, i), 0);
    for (int n = 0; n < THREADS; n++) {
        void *result;
        ck_assert_int_eq(pthread_join(threads[n], &result), 0);
        ck_assert_ptr_null(result);
    }
    ck_assert_int_ge(open_now, 3);
    ck_assert_int_le(open_now, 3 * THREADS); /* none more than were wanted at once */
    idle_free(i);
    ck_assert_int_eq(open_now, 0);
}
END_TEST

START_TEST(there_is_a_most_for_many_workers)
{
    struct idle *i = idle_new(64, 60000);
    for (int host = 0; host < 2 * IDLE_MOST; host++)
        (void)fetch(i, host);
    ck_assert_int_le(open_now, IDLE_MOST);
    idle_free(i);
    ck_assert_int_eq(open_now, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("idle");
    TCase *tests = tcase_create("idle");
    tcase_add_test(tests, it_keeps_few_while_no_host_comes_back);
    tcase_add_test(tests, it_keeps_as_many_as_come_back);
    tcase_add_test(tests, it_keeps_as_many_for_several_threads);
    tcase_add_test(tests, it_keeps_no_more_than_allowed);
    tcase_add_test(tests, a_dead_connection_is_closed_and_not_given);
    tcase_add_test(tests, threads_share_what_is_kept);
    tcase_add_test(tests, there_is_a_most_for_many_workers);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
