/* When a pool has workers enough. That it gets all that it may have is in check_executor.c, and where /proc
 * tells nothing in check_executor_faults.c. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/processors.h"
#include "executor/pace.h"
#include "support/pool_tasks.h"
#include "support/within.h"

/* What a meeting comes to when its workers are let go. */
enum { RELEASED = 1000000 };

START_TEST(workers_that_wait_for_servers_leave_processors_idle)
{
    ck_assert(!pace_is_full(2, 0, 0, 2));
    ck_assert(!pace_is_full(2, 0.5, 0.5, 2));
    ck_assert(!pace_is_full(2, 2, 0.25, 2));
    ck_assert(!pace_is_full(64, 64, 12, 64));
}
END_TEST

START_TEST(workers_that_want_a_quarter_more_than_there_is_do_not)
{
    ck_assert(pace_is_full(2, 1.1, 1.4, 2));
    ck_assert(pace_is_full(1, 1, 0.25, 1));
    ck_assert(pace_is_full(64, 60, 20, 64));
}
END_TEST

START_TEST(where_others_keep_the_processors_waiting_says_nothing)
{
    ck_assert(!pace_is_full(2, 0.3, 8, 2));
    ck_assert(!pace_is_full(64, 20, 500, 64));
}
END_TEST

START_TEST(where_none_is_idle_less_is_enough)
{
    ck_assert(pace_is_full(2, 0.9, 0.6, 0));
    ck_assert(pace_is_full(2, 0.9, 0.6, 0.2));
    ck_assert(pace_is_full(64, 48, 0, 6));
    ck_assert(!pace_is_full(2, 0.9, 0.6, 0.3));
    ck_assert(!pace_is_full(2, 0.9, 0.5, 0));
    ck_assert(!pace_is_full(2, 0.6, 1.8, 0));
}
END_TEST

START_TEST(a_pool_that_wants_little_doubles)
{
    ck_assert_uint_eq(pace_growth(2, 8, 0), 8);
    ck_assert_uint_eq(pace_growth(2, 8, 0.001), 8);
    ck_assert_uint_eq(pace_growth(2, 256, 0.9), 256);
    ck_assert_uint_eq(pace_growth(64, 128, 1e-300), 128);
}
END_TEST

START_TEST(a_pool_that_wants_much_grows_to_what_there_is)
{
    ck_assert_uint_eq(pace_growth(4, 100, 2.5), 60);
    ck_assert_uint_eq(pace_growth(2, 30, 1.25), 18);
}
END_TEST

START_TEST(a_pool_grows_by_a_quarter_or_as_many_as_processors)
{
    ck_assert_uint_eq(pace_growth(2, 400, 2.4), 100);
    ck_assert_uint_eq(pace_growth(2, 400, 1.999), 100);
    ck_assert_uint_eq(pace_growth(2, 8, 2.4), 2);
    ck_assert_uint_eq(pace_growth(2, 1, 0), 2);
    ck_assert_uint_eq(pace_growth(64, 8, 0.1), 64);
    ck_assert_uint_eq(pace_growth(2, 400, 1e300), 100);
}
END_TEST

START_TEST(first_tasks_that_sleep_let_a_pool_double)
{
    ck_assert_uint_eq(pace_first_growth(2, 4, 0), 4);
    ck_assert_uint_eq(pace_first_growth(2, 4, 1), 4);
    ck_assert_uint_eq(pace_first_growth(64, 128, 0.001), 128);
}
END_TEST

START_TEST(first_tasks_that_want_the_processors_hold_a_pool_up)
{
    ck_assert_uint_eq(pace_first_growth(2, 4, 2), 0);
    ck_assert_uint_eq(pace_first_growth(2, 400, 1e300), 0);
    ck_assert_uint_eq(pace_first_growth(1, 1, 1), 0);
}
END_TEST

START_TEST(many_are_not_started_at_once)
{
    ck_assert_uint_eq(pace_first_growth(2, 1000, 0), 16);
    ck_assert_uint_eq(pace_first_growth(64, 4000, 0), 512);
}
END_TEST

START_TEST(a_state_is_what_stands_behind_the_name)
{
    ck_assert(pace_wants_processor("12 (pfetch) R 1 12 12 0 -1"));
    ck_assert(pace_wants_processor("12 (a) S (b) R 1"));
    ck_assert(pace_wants_processor("12 () R"));
    ck_assert(!pace_wants_processor("12 (pfetch) S 1 12 12 0 -1"));
    ck_assert(!pace_wants_processor("12 (a) R (b) D 1"));
    ck_assert(!pace_wants_processor("12 (pfetch) T 1"));
    ck_assert(!pace_wants_processor("12 (pfetch) Z 1"));
    ck_assert(!pace_wants_processor("12 (pfetch)"));
    ck_assert(!pace_wants_processor("12 (pfe"));
    ck_assert(!pace_wants_processor(""));
}
END_TEST

START_TEST(looking_takes_little_of_the_time)
{
    ck_assert_int_eq(pace_gap(10000000, 0), 10000000);
    ck_assert_int_eq(pace_gap(10000000, 100000), 10000000);
    ck_assert_int_eq(pace_gap(10000000, 500000), 32000000);
}
END_TEST

START_TEST(a_dear_look_puts_off_the_next_for_a_tenth_of_a_second_at_most)
{
    ck_assert_int_eq(pace_gap(10000000, 10000000), 100000000);
    ck_assert_int_eq(pace_gap(10000000, INT64_MAX), 100000000);
    ck_assert_int_eq(pace_gap(10000000, -1), 10000000);
}
END_TEST

/* A pool as one of the pace's tests wants it: `mode` and what its workers have done before. */
enum before { NOTHING, ONE_TASK, A_TASK_EACH };

static struct ledger *paced_pool(unsigned workers, enum executor_mode mode, enum before before,
                                 unsigned *ret_few)
{
    unsigned cpus = processors_granted(), few = cpus > 2 ? 2 * cpus : 4;
    unsigned count = before == A_TASK_EACH ? few : before == ONE_TASK;
    char text[20];
    struct ledger *l = ledger_new();
    struct executor_options o = EXECUTOR_OPTIONS_INIT;
    o.mode = mode;
    o.max_workers = few + workers;
    o.task = test_task;
    meeting_open();
    pool_open(l, &o);
    (void)snprintf(text, sizeof text, "meet %u", count);
    for (unsigned id = 1; id <= count; id++)
        pool_submit(l, id, text);
    pool_drain(l);
    atomic_store(meeting, 0);
    *ret_few = few;
    return l;
}

/* How many workers there are after `ns` of as many such tasks as the pool takes, behind that of `id`; each
 * fifth is the other. */
static unsigned workers_after(struct ledger *l, unsigned *id, const char *task, const char *fifth, int64_t ns)
{
    int64_t until = deadline_add(deadline_now(), ns);
    while (deadline_now() < until && *id < LEDGER_TASKS) {
        while (*id < LEDGER_TASKS && executor_room(l->x) > 0) {
            ++*id;
            pool_submit(l, *id, *id % 5 == 0 ? fifth : task);
        }
        ck_assert_int_ge(executor_poll(l->x, 20, ledger_note, l), 0);
    }
    return (unsigned)executor_workers(l->x);
}

/* Some keep the processors busy, and wait for the others. */
static void grow_past(enum executor_mode mode, enum before before, bool all)
{
    unsigned few, meet = 2 * processors_granted() + 60;
    char watching[20], meeting_all[20];
    struct ledger *l = paced_pool(meet, mode, before, &few);
    unsigned id = few, busy = all ? few : processors_granted();
    (void)snprintf(watching, sizeof watching, "watch %u", meet);
    (void)snprintf(meeting_all, sizeof meeting_all, "meet %u", meet);
    while (id < few + busy)
        pool_submit(l, ++id, watching);
    while (id < few + busy + meet)
        pool_submit(l, ++id, meeting_all);
    pool_close(l);
    for (id = few + 1; id <= few + busy + meet; id++)
        ck_assert_str_eq(l->of[id].text, "met");
    free(l);
}

START_TEST(a_pool_grows_past_workers_that_keep_all_processors)
{
    grow_past((enum executor_mode)(_i % 2), (enum before)(_i / 2), false);
}
END_TEST

/* That is how it is for all that have ended a task. */
START_TEST(a_pool_grows_past_its_first_workers_that_all_compute)
{
    grow_past((enum executor_mode)_i, A_TASK_EACH, true);
}
END_TEST

/* Four of five compute for long: each worker more makes the others wait. */
START_TEST(a_pool_of_computing_workers_stays_small)
{
    unsigned few, most = 24 * processors_granted();
    struct ledger *l = paced_pool(most + 300, (enum executor_mode)(_i % 2), (enum before)(_i / 2), &few);
    unsigned id = few, workers = workers_after(l, &id, "watch 10000", "meet 10000", NS_PER_SECOND);
    ck_assert_uint_ge(workers, few);
    ck_assert_uint_le(workers, few + most);
    atomic_store(meeting, 10000);
    pool_close(l);
    free(l);
}
END_TEST

/* What tasks wanted that have ended counts, where they are short; beside some that compute for long, too. */
START_TEST(a_pool_grows_by_what_its_workers_wanted)
{
    enum { MORE = 20 };
    const char *const task = _i < 2 ? "sleep 20" : "sleep 80";
    unsigned few, busy = _i < 2 ? 0 : processors_granted();
    struct ledger *l = paced_pool(MORE, (enum executor_mode)(_i % 2), A_TASK_EACH, &few);
    unsigned id = few;
    while (busy-- > 0)
        pool_submit(l, ++id, "watch 1");
    while (workers_after(l, &id, task, task, NS_PER_SECOND / 10) < few + MORE)
        ck_assert_uint_lt(id, LEDGER_TASKS);
    atomic_store(meeting, 1);
    pool_close(l);
    free(l);
}
END_TEST

START_TEST(a_pool_of_short_computing_tasks_stays_small)
{
    unsigned few, most = 24 * processors_granted();
    struct ledger *l = paced_pool(most + 300, (enum executor_mode)_i, A_TASK_EACH, &few);
    unsigned id = few;
    ck_assert_uint_le(workers_after(l, &id, "spin 20", "spin 20", NS_PER_SECOND), few + most);
    pool_close(l);
    free(l);
}
END_TEST

/* That nothing can be opened for a while is no reason not to look any more. */
START_TEST(a_pool_without_descriptors_looks_again_later)
{
    unsigned few, id, most = 24 * processors_granted();
    struct rlimit before, none;
    struct ledger *l = paced_pool(most + 300, EXECUTOR_PROCESS, A_TASK_EACH, &few);
    id = few;
    ck_assert_uint_ge(workers_after(l, &id, "watch 1", "watch 1", NS_PER_SECOND / 5), few);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    (void)workers_after(l, &id, "watch 1", "watch 1", NS_PER_SECOND / 2);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_uint_le(workers_after(l, &id, "watch 1", "watch 1", NS_PER_SECOND), few + most);
    atomic_store(meeting, 1);
    pool_close(l);
    free(l);
}
END_TEST

/* Of a worker that goes when it is let go. */
static void leave_slowly(void *state)
{
    (void)state;
    while (atomic_load(meeting) < RELEASED)
        task_sleep(3);
}

/* A pool that has `grown` workers, all of which have met. */
static struct ledger *grown_pool(struct executor_options *o, unsigned grown)
{
    struct ledger *l = ledger_new();
    char text[20];
    o->task = test_task;
    meeting_open();
    pool_open(l, o);
    (void)snprintf(text, sizeof text, "meet %u", grown);
    for (unsigned id = 1; id <= grown; id++)
        pool_submit(l, id, text);
    pool_drain(l);
    return l;
}

START_TEST(whoever_leaves_makes_room_at_once)
{
    unsigned count = 2 * processors_granted() + 20;
    struct executor_options o = EXECUTOR_OPTIONS_INIT;
    o.mode = (enum executor_mode)_i;
    o.max_workers = 3 * count;
    o.max_tasks_per_worker = 1;
    o.finalizer = leave_slowly;
    struct ledger *l = grown_pool(&o, count);
    ck_assert_uint_eq(executor_workers(l->x), count);
    ck_assert_uint_ge(executor_room(l->x), count);
    atomic_store(meeting, RELEASED);
    pool_close(l);
    free(l);
}
END_TEST

START_TEST(whoever_is_dismissed_does_not)
{
    enum { STAY = 4 };
    unsigned cpus = processors_granted(), few = cpus > 2 ? 2 * cpus : 4;
    struct executor_options o = EXECUTOR_OPTIONS_INIT;
    o.mode = (enum executor_mode)_i;
    o.max_workers = few + 300;
    struct ledger *l = grown_pool(&o, few + 20);
    executor_trim(l->x, STAY);
    while (executor_workers(l->x) > STAY)
        ck_assert_int_ge(executor_poll(l->x, 20, ledger_note, l), 0);
    ck_assert_uint_le(executor_room(l->x), few);
    pool_close(l);
    free(l);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pace");
    TCase *t = tcase_create("full");
    tcase_add_test(t, workers_that_wait_for_servers_leave_processors_idle);
    tcase_add_test(t, workers_that_want_a_quarter_more_than_there_is_do_not);
    tcase_add_test(t, where_others_keep_the_processors_waiting_says_nothing);
    tcase_add_test(t, where_none_is_idle_less_is_enough);
    suite_add_tcase(s, t);
    t = tcase_create("growth");
    tcase_add_test(t, a_pool_that_wants_little_doubles);
    tcase_add_test(t, a_pool_that_wants_much_grows_to_what_there_is);
    tcase_add_test(t, a_pool_grows_by_a_quarter_or_as_many_as_processors);
    suite_add_tcase(s, t);
    t = tcase_create("looks");
    tcase_add_test(t, first_tasks_that_sleep_let_a_pool_double);
    tcase_add_test(t, first_tasks_that_want_the_processors_hold_a_pool_up);
    tcase_add_test(t, many_are_not_started_at_once);
    tcase_add_test(t, a_state_is_what_stands_behind_the_name);
    tcase_add_test(t, looking_takes_little_of_the_time);
    tcase_add_test(t, a_dear_look_puts_off_the_next_for_a_tenth_of_a_second_at_most);
    suite_add_tcase(s, t);
    if (!within_valgrind()) {
        t = tcase_create("pools"); /* of workers that compute beside each other */
        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, a_pool_grows_past_workers_that_keep_all_processors, 0, 2 * (A_TASK_EACH + 1));
        tcase_add_loop_test(t, a_pool_grows_past_its_first_workers_that_all_compute, 0, 2);
        tcase_add_loop_test(t, a_pool_of_computing_workers_stays_small, 0, 2 * (A_TASK_EACH + 1));
        tcase_add_loop_test(t, a_pool_grows_by_what_its_workers_wanted, 0, 4);
        tcase_add_loop_test(t, a_pool_of_short_computing_tasks_stays_small, 0, 2);
        tcase_add_test(t, a_pool_without_descriptors_looks_again_later);
        tcase_add_loop_test(t, whoever_leaves_makes_room_at_once, 0, 2);
        tcase_add_loop_test(t, whoever_is_dismissed_does_not, 0, 2);
        suite_add_tcase(s, t);
    }
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
