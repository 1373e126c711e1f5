#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "schedule/hosts.h"

enum { MANY = 2000 };

struct named {
    struct schedule_item item;
    char name[24];
};

static void named_init(struct named *n, uint64_t index, const char *name)
{
    *n = (struct named){.item = {.index = index, .host_hash = 1}};
    snprintf(n->name, sizeof n->name, "%s", name);
    n->item.host = span_of(n->name);
}

static void ready(struct hosts *hosts, struct named *n, int64_t now)
{
    ck_assert_int_eq(hosts_enter(hosts, &n->item, now), 0);
    n->item.state = SCHEDULE_READY;
    hosts_add_ready(hosts, &n->item, now);
}

static void finish(struct hosts *hosts, struct named *n, int64_t now)
{
    n->item.state = SCHEDULE_OUTSIDE;
    hosts_end(hosts, &n->item, false, now);
    hosts_leave(hosts, &n->item, now);
}

START_TEST(a_host_without_targets_is_forgotten)
{
    struct schedule_options o = {.per_host = 1};
    struct hosts hosts;
    struct named n;
    char name[16];
    ck_assert_int_eq(hosts_init(&hosts, &o), 0);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "host%u", i);
        named_init(&n, i, name);
        ready(&hosts, &n, 0);
        ck_assert_ptr_eq(hosts_first(&hosts, 0, NULL, NULL), &n.item);
        hosts_start(&hosts, &n.item, 0);
        ck_assert_ptr_null(hosts_first(&hosts, 0, NULL, NULL));
        finish(&hosts, &n, 0);
    }
    ck_assert_uint_eq(hosts.count, 0);
    ck_assert_uint_eq(hosts.ready, 0);
    hosts_free(&hosts);
}
END_TEST

START_TEST(many_hosts_are_told_apart)
{
    struct schedule_options o = {.per_host = 1};
    struct hosts hosts;
    struct named *n = calloc(MANY, sizeof *n);
    char name[16];
    ck_assert_ptr_nonnull(n);
    ck_assert_int_eq(hosts_init(&hosts, &o), 0);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "host%u", i / 2);
        named_init(&n[i], i, name);
        ready(&hosts, &n[i], 0);
    }
    ck_assert_uint_eq(hosts.count, MANY / 2);
    for (unsigned i = 0; i < MANY; i += 2) {
        ck_assert_ptr_eq(hosts_first(&hosts, 0, NULL, NULL), &n[i].item);
        hosts_start(&hosts, &n[i].item, 0);
    }
    ck_assert_ptr_null(hosts_first(&hosts, 0, NULL, NULL));
    hosts_free(&hosts);
    free(n);
}
END_TEST

START_TEST(resting_hosts_are_bounded_and_the_soonest_goes_first)
{
    struct schedule_options o = {0};
    struct hosts hosts;
    struct named n;
    char name[24];
    ck_assert_int_eq(hosts_init(&hosts, &o), 0);
    for (unsigned i = 0; i < HOSTS_RESTING_MAX + 10; i++) {
        snprintf(name, sizeof name, "host%u", i);
        named_init(&n, i, name);
        ready(&hosts, &n, 0);
        hosts_start(&hosts, &n.item, 0);
        hosts_pause(&hosts, &n.item, 1000 + i, 0);
        finish(&hosts, &n, 0);
    }
    ck_assert_uint_eq(hosts.count, HOSTS_RESTING_MAX);
    named_init(&n, 1, "host9");
    ready(&hosts, &n, 0);
    ck_assert_ptr_eq(hosts_first(&hosts, 0, NULL, NULL), &n.item);
    hosts_start(&hosts, &n.item, 0);
    finish(&hosts, &n, 0);
    named_init(&n, 1, "host10");
    ready(&hosts, &n, 0);
    ck_assert_ptr_null(hosts_first(&hosts, 0, NULL, NULL));
    ck_assert_int_eq(hosts_when(&hosts), 1010);
    hosts_advance(&hosts, 1010);
    ck_assert_ptr_eq(hosts_first(&hosts, 1010, NULL, NULL), &n.item);
    hosts_advance(&hosts, INT64_MAX);
    ck_assert_uint_eq(hosts.count, 1);
    hosts_free(&hosts);
}
END_TEST

START_TEST(in_order_the_last_place_is_for_the_oldest)
{
    struct schedule_options o = {.per_host = 2, .input_order = true};
    struct hosts hosts;
    struct named n[3];
    int64_t when;
    ck_assert_int_eq(hosts_init(&hosts, &o), 0);
    for (unsigned i = 0; i < 3; i++) {
        named_init(&n[i], i, "h");
        ready(&hosts, &n[i], 0);
    }
    hosts_start(&hosts, &n[0].item, 0);
    n[0].item.state = SCHEDULE_RETRYING;
    hosts_end(&hosts, &n[0].item, false, 0);
    ck_assert_ptr_eq(hosts_first(&hosts, 0, NULL, NULL), &n[1].item);
    hosts_start(&hosts, &n[1].item, 0);
    ck_assert_ptr_null(hosts_first(&hosts, 0, NULL, NULL));
    ck_assert(!hosts_may_start(&hosts, &n[2].item, 0, &when));
    ck_assert_int_eq(when, INT64_MAX);
    n[0].item.state = SCHEDULE_READY;
    hosts_add_ready(&hosts, &n[0].item, 0);
    ck_assert_ptr_eq(hosts_first(&hosts, 0, NULL, NULL), &n[0].item);
    ck_assert(hosts_may_start(&hosts, &n[0].item, 0, &when));
    hosts_free(&hosts);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hosts");
    TCase *t = tcase_create("hosts");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_host_without_targets_is_forgotten);
    tcase_add_test(t, many_hosts_are_told_apart);
    tcase_add_test(t, resting_hosts_are_bounded_and_the_soonest_goes_first);
    tcase_add_test(t, in_order_the_last_place_is_for_the_oldest);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failures = srunner_ntests_failed(r);
    srunner_free(r);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
