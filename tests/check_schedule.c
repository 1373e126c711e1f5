#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/deadline.h"
#include "schedule/schedule.h"

/* Options without any limit that a test does not set. */
static struct schedule_options plain(void)
{
    return (struct schedule_options){.waiting_max = 1000, .window_max = 1000, .retry_delay = NS_PER_SECOND};
}

static void item_init(struct schedule_item *item, uint64_t index, const char *host, uint64_t hash)
{
    *item = (struct schedule_item){.index = index, .host = span_of(host), .host_hash = hash};
}

static void add(struct schedule *s, struct schedule_item *item, uint64_t index, const char *host)
{
    item_init(item, index, host, 1);
    ck_assert_int_eq(schedule_add(s, item, 0), 0);
}

static struct schedule_item *next(struct schedule *s, int64_t now, size_t idle)
{
    int64_t when;
    return schedule_next(s, now, idle, NULL, NULL, &when);
}

static const struct schedule_outcome good = {.retry_after = -1};
static const struct schedule_outcome failed = {.retryable = true, .retry_after = -1};

START_TEST(targets_start_in_input_order_and_end_once)
{
    struct schedule_options o = plain();
    struct schedule *s = schedule_new(&o);
    struct schedule_item items[3];
    for (uint64_t i = 0; i < 3; i++)
        add(s, &items[i], i + 1, "a");
    ck_assert_uint_eq(schedule_waiting(s), 3);
    for (size_t i = 0; i < 3; i++)
        ck_assert_ptr_eq(next(s, 5, 1), &items[i]);
    ck_assert_ptr_null(next(s, 5, 1));
    ck_assert_uint_eq(schedule_started(s), 3);
    ck_assert_uint_eq(schedule_hosts(s), 1);
    for (size_t i = 0; i < 3; i++) {
        ck_assert(schedule_ended(s, &items[i], &good, 6));
        ck_assert_uint_eq(items[i].attempts, 1);
    }
    ck_assert_uint_eq(schedule_started(s), 0);
    ck_assert_uint_eq(schedule_hosts(s), 0);
    schedule_free(s);
}
END_TEST

START_TEST(a_retry_waits_for_its_backoff_and_comes_before_newer_targets)
{
    struct schedule_options o = plain();
    o.retries = 1;
    struct schedule *s = schedule_new(&o);
    struct schedule_item a, b;
    int64_t when;
    add(s, &a, 1, "a");
    ck_assert_ptr_eq(next(s, 0, 1), &a);
    ck_assert(schedule_would_retry(s, &a, &failed));
    ck_assert(!schedule_would_retry(s, &a, &good));
    ck_assert(!schedule_ended(s, &a, &failed, 100));
    ck_assert_uint_eq(schedule_retrying(s), 1);
    ck_assert_uint_eq(schedule_waiting(s), 1);
    ck_assert_ptr_null(schedule_next(s, 200, 1, NULL, NULL, &when));
    ck_assert_int_ge(when, 100 + NS_PER_SECOND * 3 / 4);
    ck_assert_int_le(when, 100 + NS_PER_SECOND * 5 / 4);
    add(s, &b, 2, "b");
    ck_assert_ptr_eq(next(s, when, 1), &a);
    ck_assert_int_eq(a.due, when);
    ck_assert_ptr_eq(next(s, when, 1), &b);
    ck_assert(!schedule_would_retry(s, &a, &failed));
    ck_assert(schedule_ended(s, &a, &failed, when));
    ck_assert_uint_eq(a.attempts, 2);
    ck_assert(schedule_ended(s, &b, &good, when));
    schedule_free(s);
}
END_TEST

START_TEST(retry_after_pauses_the_whole_host_even_without_retries)
{
    struct schedule_options o = plain();
    o.retry_after_max = 300 * NS_PER_SECOND;
    struct schedule *s = schedule_new(&o);
    struct schedule_item a, b, c;
    int64_t when;
    add(s, &a, 1, "slow");
    add(s, &b, 2, "slow");
    add(s, &c, 3, "other");
    ck_assert_ptr_eq(next(s, 0, 2), &a);
    struct schedule_outcome busy = {
        .retryable = true, .retry_after = 3600 * NS_PER_SECOND, .pause_host = true};
    ck_assert(schedule_ended(s, &a, &busy, 1000));
    ck_assert_ptr_eq(next(s, 1000, 2), &c);
    ck_assert_ptr_null(schedule_next(s, 1000, 2, NULL, NULL, &when));
    ck_assert_int_eq(when, 1000 + 300 * NS_PER_SECOND);
    ck_assert_ptr_null(next(s, when - 1, 2));
    ck_assert_ptr_eq(next(s, when, 2), &b);
    schedule_free(s);
}
END_TEST

START_TEST(a_paused_host_is_remembered_without_targets_and_forgotten_after)
{
    struct schedule_options o = plain();
    o.retry_after_max = 300 * NS_PER_SECOND;
    struct schedule *s = schedule_new(&o);
    struct schedule_item a, b, c;
    int64_t when;
    struct schedule_outcome busy = {.retry_after = 10, .pause_host = true};
    add(s, &a, 1, "slow");
    ck_assert_ptr_eq(next(s, 0, 1), &a);
    ck_assert(schedule_ended(s, &a, &busy, 0));
    ck_assert_uint_eq(schedule_hosts(s), 1);
    add(s, &b, 2, "slow");
    ck_assert_ptr_null(schedule_next(s, 5, 1, NULL, NULL, &when));
    ck_assert_int_eq(when, 10);
    ck_assert_ptr_eq(next(s, 10, 1), &b);
    ck_assert(schedule_ended(s, &b, &busy, 10));
    add(s, &c, 3, "other");
    ck_assert_ptr_eq(next(s, 20, 1), &c);
    ck_assert_uint_eq(schedule_hosts(s), 1);
    schedule_free(s);
}
END_TEST

START_TEST(per_host_is_exact_and_does_not_stop_other_hosts)
{
    struct schedule_options o = plain();
    o.per_host = 2;
    struct schedule *s = schedule_new(&o);
    struct schedule_item a[4], b;
    for (uint64_t i = 0; i < 4; i++)
        add(s, &a[i], i + 1, "a");
    add(s, &b, 5, "b");
    ck_assert_ptr_eq(next(s, 0, 9), &a[0]);
    ck_assert_ptr_eq(next(s, 0, 9), &a[1]);
    ck_assert_ptr_eq(next(s, 0, 9), &b);
    ck_assert_ptr_null(next(s, 0, 9));
    ck_assert(schedule_ended(s, &a[1], &good, 1));
    ck_assert_ptr_eq(next(s, 1, 9), &a[2]);
    ck_assert_ptr_null(next(s, 1, 9));
    schedule_unstart(s, &a[2], 2);
    ck_assert_uint_eq(a[2].attempts, 0);
    ck_assert_ptr_eq(next(s, 2, 9), &a[2]);
    ck_assert_ptr_null(next(s, 2, 9));
    schedule_free(s);
}
END_TEST

START_TEST(per_host_delay_counts_from_start_to_start)
{
    struct schedule_options o = plain();
    o.per_host_delay = 100;
    struct schedule *s = schedule_new(&o);
    struct schedule_item a[3];
    int64_t when;
    for (uint64_t i = 0; i < 3; i++)
        add(s, &a[i], i + 1, "a");
    ck_assert_ptr_eq(next(s, -40, 9), &a[0]);
    ck_assert_ptr_null(schedule_next(s, 70, 9, NULL, NULL, &when)); /* its worker is not ready yet */
    ck_assert_int_eq(when, INT64_MAX);
    schedule_begun(s, &a[0], 70);
    ck_assert_ptr_null(schedule_next(s, 169, 9, NULL, NULL, &when));
    ck_assert_int_eq(when, 170);
    ck_assert_ptr_eq(next(s, 200, 9), &a[1]);
    schedule_unstart(s, &a[1], 201);
    ck_assert_ptr_eq(next(s, 201, 9), &a[1]);
    schedule_begun(s, &a[1], 205);
    schedule_begun(s, &a[1], 210); /* by another worker */
    schedule_begun(s, &a[0], 290); /* too late to matter */
    ck_assert_ptr_null(schedule_next(s, 309, 9, NULL, NULL, &when));
    ck_assert_int_eq(when, 310);
    schedule_free(s);
}
END_TEST

/* A try that ends before it began, with its worker, was perhaps one all the same. */
START_TEST(the_delay_counts_from_the_end_of_what_never_began)
{
    struct schedule_options o = plain();
    o.per_host_delay = 100;
    struct schedule *s = schedule_new(&o);
    struct schedule_item a[2];
    int64_t when;
    for (uint64_t i = 0; i < 2; i++)
        add(s, &a[i], i + 1, "a");
    ck_assert_ptr_eq(next(s, 0, 9), &a[0]);
    ck_assert(schedule_ended(s, &a[0], &good, 30));
    ck_assert_ptr_null(schedule_next(s, 129, 9, NULL, NULL, &when));
    ck_assert_int_eq(when, 130);
    ck_assert_ptr_eq(next(s, 130, 9), &a[1]);
    schedule_free(s);
}
END_TEST

START_TEST(the_rate_holds_back_all_hosts)
{
    struct schedule_options o = plain();
    o.rate = 10;
    struct schedule *s = schedule_new(&o);
    struct schedule_item a[3];
    int64_t when;
    char name[3][2] = {"a", "b", "c"};
    for (uint64_t i = 0; i < 3; i++)
        add(s, &a[i], i + 1, name[i]);
    ck_assert_ptr_eq(next(s, 0, 9), &a[0]);
    ck_assert_ptr_null(schedule_next(s, 1, 9, NULL, NULL, &when));
    ck_assert_int_eq(when, NS_PER_SECOND / 10);
    ck_assert_ptr_eq(next(s, when, 9), &a[1]);
    schedule_free(s);
}
END_TEST

START_TEST(room_is_bounded_by_what_waits_and_by_the_window)
{
    struct schedule_options o = plain();
    o.input_order = true;
    o.waiting_max = 4;
    o.window_max = 6;
    struct schedule *s = schedule_new(&o);
    struct schedule_item a[6];
    ck_assert_uint_eq(schedule_room(s), 4);
    for (uint64_t i = 0; i < 4; i++)
        add(s, &a[i], i + 1, "a");
    ck_assert_uint_eq(schedule_room(s), 0);
    ck_assert_ptr_eq(next(s, 0, 9), &a[0]);
    ck_assert_ptr_eq(next(s, 0, 9), &a[1]);
    ck_assert_ptr_eq(next(s, 0, 9), &a[2]);
    ck_assert_uint_eq(schedule_room(s), 2);
    schedule_skip(s);
    ck_assert_uint_eq(schedule_room(s), 1);
    ck_assert(schedule_ended(s, &a[1], &good, 0));
    ck_assert_uint_eq(schedule_room(s), 1);
    ck_assert(schedule_ended(s, &a[0], &good, 0));
    ck_assert_uint_eq(schedule_room(s), 3);
    schedule_free(s);
}
END_TEST

START_TEST(drain_hands_out_what_waits_oldest_first)
{
    struct schedule_options o = plain();
    o.retries = 1;
    struct schedule *s = schedule_new(&o);
    struct schedule_item a[4];
    for (uint64_t i = 0; i < 4; i++)
        add(s, &a[i], i + 1, "a");
    ck_assert_ptr_eq(next(s, 0, 9), &a[0]);
    ck_assert_ptr_eq(next(s, 0, 9), &a[1]);
    ck_assert(!schedule_ended(s, &a[1], &failed, 0));
    ck_assert_ptr_eq(schedule_drain(s), &a[1]);
    ck_assert_ptr_eq(schedule_drain(s), &a[2]);
    ck_assert(!schedule_ended(s, &a[0], &failed, 0));
    ck_assert_ptr_eq(schedule_drain(s), &a[0]);
    ck_assert_ptr_eq(schedule_drain(s), &a[3]);
    ck_assert_ptr_null(schedule_drain(s));
    ck_assert_uint_eq(schedule_waiting(s) + schedule_started(s) + schedule_retrying(s), 0);
    ck_assert_uint_eq(schedule_hosts(s), 0);
    schedule_free(s);
}
END_TEST

START_TEST(input_order_keeps_the_last_worker_for_the_oldest)
{
    struct schedule_options o = plain();
    o.input_order = true;
    o.retries = 1;
    struct schedule *s = schedule_new(&o);
    struct schedule_item a, b, c;
    int64_t when;
    add(s, &a, 1, "a");
    add(s, &b, 2, "b");
    add(s, &c, 3, "c");
    ck_assert_ptr_eq(next(s, 0, 1), &a);
    ck_assert(!schedule_ended(s, &a, &failed, 0));
    ck_assert_ptr_null(schedule_next(s, 1, 1, NULL, NULL, &when));
    ck_assert_int_eq(when, a.not_before);
    ck_assert_ptr_eq(next(s, 1, 2), &b);
    ck_assert_ptr_null(next(s, 1, 1));
    ck_assert_ptr_eq(next(s, when, 1), &a);
    ck_assert_ptr_eq(next(s, when, 1), &c);
    schedule_free(s);
}
END_TEST

static bool odd_hashes_fit(void *arg, const struct schedule_item *item)
{
    ++*(unsigned *)arg;
    return item->host_hash % 2 == 1;
}

START_TEST(a_busy_worker_of_many_targets_is_asked_once)
{
    enum { MANY = 1000 };
    struct schedule_options o = plain();
    o.affinity = 2;
    struct schedule *s = schedule_new(&o);
    struct schedule_item *items = calloc(MANY, sizeof *items);
    char(*names)[16] = calloc(MANY, sizeof *names);
    unsigned asked = 0;
    int64_t when;
    ck_assert(items && names);
    for (uint64_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "h%" PRIu64, i);
        item_init(&items[i], i + 1, names[i], i < MANY - 1 ? 2 : 3);
        ck_assert_int_eq(schedule_add(s, &items[i], 0), 0);
    }
    ck_assert_ptr_eq(schedule_next(s, 0, 1, odd_hashes_fit, &asked, &when), &items[MANY - 1]);
    ck_assert_uint_eq(asked, 2);
    ck_assert_ptr_null(schedule_next(s, 1, 1, odd_hashes_fit, &asked, &when));
    ck_assert_uint_eq(asked, 2);
    ck_assert_int_gt(when, 1);
    ck_assert_int_le(when, 10 * NS_PER_MS);
    ck_assert_ptr_null(schedule_next(s, when, 1, odd_hashes_fit, &asked, &when));
    ck_assert_uint_eq(asked, 3);
    ck_assert_ptr_eq(schedule_next(s, when, 1, NULL, NULL, &when), &items[0]);
    schedule_free(s);
    free(items);
    free(names);
}
END_TEST

/* A world in which a big result holds its worker until all older targets are done, as with -f body: whatever
 * the limits, it must come to its end. */

enum { WORLD_TARGETS = 300, WORLD_WORKERS = 4 };

struct world {
    struct schedule *s;
    struct schedule_item items[WORLD_TARGETS];
    char hosts[8][4];
    bool done[WORLD_TARGETS], blocked[WORLD_TARGETS];
    struct schedule_item *worker[WORLD_WORKERS];
    size_t read, first_unfinished;
};

static bool world_fits(void *arg, const struct schedule_item *item)
{
    struct world *w = arg;
    return !w->worker[item->host_hash % WORLD_WORKERS];
}

static size_t world_idle(const struct world *w)
{
    size_t idle = 0;
    for (size_t i = 0; i < WORLD_WORKERS; i++)
        idle += !w->worker[i];
    return idle;
}

static void world_read(struct world *w, int64_t now)
{
    while (w->read < WORLD_TARGETS && schedule_room(w->s)) {
        struct schedule_item *item = &w->items[w->read];
        unsigned host = (unsigned)rand() % 8;
        item_init(item, ++w->read, w->hosts[host], host + 1);
        ck_assert_int_eq(schedule_add(w->s, item, now), 0);
    }
}

static void world_place(struct world *w, struct schedule_item *item, bool affinity)
{
    size_t at = item->host_hash % WORLD_WORKERS;
    if (!affinity || w->worker[at])
        for (at = 0; w->worker[at];)
            at++;
    w->worker[at] = item;
}

/* Ends one running try by chance, or finds it blocked behind an older one. */
static void world_run(struct world *w, int64_t now)
{
    for (size_t i = 0; i < WORLD_WORKERS; i++) {
        struct schedule_item *item = w->worker[i];
        if (!item || rand() % 2)
            continue;
        size_t n = item->index - 1;
        if (!w->blocked[n] && rand() % 3 == 0) {
            w->worker[i] = NULL;
            struct schedule_outcome o = {.retryable = true, .retry_after = rand() % 4 ? -1 : 1000};
            o.pause_host = o.retry_after > 0;
            w->done[n] = schedule_ended(w->s, item, &o, now);
        } else if (n != w->first_unfinished && (w->blocked[n] || rand() % 2)) {
            w->blocked[n] = true;
            schedule_begun(w->s, item, now);
        } else {
            w->worker[i] = NULL;
            ck_assert(schedule_ended(w->s, item, &good, now));
            w->done[n] = true;
        }
        while (w->first_unfinished < WORLD_TARGETS && w->done[w->first_unfinished])
            w->first_unfinished++;
    }
}

START_TEST(input_order_never_deadlocks)
{
    for (unsigned seed = 0; seed < 400; seed++) {
        struct world *w = calloc(1, sizeof *w);
        struct schedule_options o = plain();
        bool affinity = seed % 2;
        ck_assert_ptr_nonnull(w);
        srand(seed);
        for (unsigned i = 0; i < 8; i++)
            snprintf(w->hosts[i], sizeof w->hosts[i], "h%u", i);
        o.input_order = true;
        o.window_max = 20;
        o.waiting_max = 10;
        o.retries = 3;
        o.retry_delay = 2000;
        o.retry_after_max = 5000;
        o.per_host = seed / 2 % 3;
        o.per_host_delay = seed / 6 % 2 ? 500 : 0;
        o.affinity = affinity ? WORLD_WORKERS : 0;
        w->s = schedule_new(&o);
        int64_t now = 0, when;
        unsigned still = 0;
        while (w->first_unfinished < WORLD_TARGETS) {
            struct schedule_item *item;
            size_t idle, before = w->first_unfinished;
            world_read(w, now);
            while ((idle = world_idle(w)) && (item = schedule_next(w->s, now, idle, world_fits, w, &when))) {
                world_place(w, item, affinity);
                if (rand() % 4)
                    schedule_begun(w->s, item, now);
            }
            world_run(w, now);
            now += 100;
            still = w->first_unfinished == before ? still + 1 : 0;
            ck_assert_msg(still < 100000, "seed %u stands still at target %zu", seed, w->first_unfinished);
        }
        ck_assert_uint_eq(schedule_waiting(w->s) + schedule_started(w->s), 0);
        schedule_free(w->s);
        free(w);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("schedule");
    TCase *t = tcase_create("schedule");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, targets_start_in_input_order_and_end_once);
    tcase_add_test(t, a_retry_waits_for_its_backoff_and_comes_before_newer_targets);
    tcase_add_test(t, retry_after_pauses_the_whole_host_even_without_retries);
    tcase_add_test(t, a_paused_host_is_remembered_without_targets_and_forgotten_after);
    tcase_add_test(t, per_host_is_exact_and_does_not_stop_other_hosts);
    tcase_add_test(t, per_host_delay_counts_from_start_to_start);
    tcase_add_test(t, the_delay_counts_from_the_end_of_what_never_began);
    tcase_add_test(t, the_rate_holds_back_all_hosts);
    tcase_add_test(t, room_is_bounded_by_what_waits_and_by_the_window);
    tcase_add_test(t, drain_hands_out_what_waits_oldest_first);
    tcase_add_test(t, input_order_keeps_the_last_worker_for_the_oldest);
    tcase_add_test(t, a_busy_worker_of_many_targets_is_asked_once);
    tcase_add_test(t, input_order_never_deadlocks);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failures = srunner_ntests_failed(r);
    srunner_free(r);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
