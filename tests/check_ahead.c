/* Tasks that are sent ahead: how many, that they are taken back where another worker is free, and that each
 * ends once whatever happens to the worker in whose pipe they lie. */
#include <errno.h>
#include <fcntl.h>

#include "support/pool_tasks.h"

enum { AHEAD = 8, TRIES = 200 };

static struct executor_options options_of(enum executor_mode mode, unsigned workers)
{
    struct executor_options o = EXECUTOR_OPTIONS_INIT;
    o.mode = mode;
    o.max_workers = workers;
    o.task = test_task;
    return o;
}

/* Submits until the pool refuses, for any worker or for one. Returns the last id. */
static unsigned fill(struct ledger *l, unsigned id, const char *text, uint64_t affinity)
{
    struct executor_submission s = {
        .data = text, .len = strlen(text), .affinity = affinity, .limit = INT64_MAX};
    for (s.task = id; executor_submit(l->x, &s) == 0; s.task++)
        ck_assert_uint_lt(s.task, LEDGER_TASKS - 1);
    ck_assert_int_eq(errno, EAGAIN);
    return (unsigned)s.task - 1;
}

static void submit(struct ledger *l, unsigned id, const char *text, uint64_t affinity)
{
    struct executor_submission s = {
        .task = id, .data = text, .len = strlen(text), .affinity = affinity, .limit = INT64_MAX};
    ck_assert_int_eq(executor_submit(l->x, &s), 0);
}

/* The ledger's first `most` entries are as new. */
static void forget(struct ledger *l, unsigned most)
{
    memset(&l->of[1], 0, most * sizeof l->of[1]);
    l->finals = 0;
}

/* A pool of one worker with `first` at work and as many of `behind` in its pipe as a quick worker gets. On a
 * busy machine a task that does nothing may count as slow: then once more. Returns the last id. */
static unsigned fill_deep(struct ledger *l, const char *first, const char *behind, uint64_t affinity)
{
    for (int i = 0; i < TRIES; i++) {
        for (unsigned id = 1; id <= 3; id++) { /* what is there together with READY tells nothing */
            submit(l, id, "slot", affinity);
            pool_drain(l);
        }
        forget(l, AHEAD + 8);
        submit(l, 1, first, affinity);
        unsigned last = fill(l, 2, behind, affinity);
        if (last > AHEAD)
            return last;
        pool_drain(l);
        forget(l, AHEAD + 8);
    }
    ck_abort_msg("not one task was quick");
}

START_TEST(more_wait_in_a_pipe_once_tasks_are_quick)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 1);
    pool_open(l, &o);
    submit(l, 1, "sleep 30", 0);
    ck_assert_uint_eq(fill(l, 2, "sleep 30", 0), 2);
    pool_drain(l);
    submit(l, 3, "sleep 30", 0);
    ck_assert_uint_eq(fill(l, 4, "sleep 30", 0), 4);
    pool_drain(l);
    ledger_complete(l, 1, 4);
    forget(l, 4);
    unsigned last = fill_deep(l, "sleep 30", "slot", 0);
    ck_assert_uint_eq(last, 1 + AHEAD);
    pool_close(l);
    ledger_complete(l, 1, last);
    for (unsigned id = 1; id <= last; id++)
        ck_assert_uint_eq(l->of[id].order, id);
    free(l);
}
END_TEST

START_TEST(nothing_waits_behind_a_slow_task_while_a_worker_is_idle)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 2);
    unsigned last = 0;
    pool_open(l, &o);
    for (int i = 0; i < TRIES && last < 10; i++) {
        forget(l, 40);
        for (unsigned id = 21; id <= 30; id++)
            pool_submit(l, id, "slot");
        pool_drain(l);
        forget(l, 40);
        submit(l, 1, "sleep 700", 0);
        last = fill(l, 2, "slot", 0);
        if (last < 10)
            pool_drain(l);
    }
    ck_assert_uint_ge(last, 10);
    pool_close(l);
    ledger_complete(l, 1, last);
    ck_assert_uint_eq(l->of[1].order, last);
    free(l);
}
END_TEST

START_TEST(a_death_costs_nothing_that_lies_behind)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of(EXECUTOR_PROCESS, 1);
    pool_open(l, &o);
    unsigned last = fill_deep(l, "sleep 100", "slot", _i ? 7 : 0);
    (void)executor_kill(l->x, 1, "enough");
    pool_close(l);
    ledger_complete(l, 1, last);
    for (unsigned id = 1; id <= last; id++)
        ck_assert_uint_eq(l->of[id].ends, 1);
    for (unsigned id = 3; id <= last; id++)
        ck_assert_uint_gt(l->of[id].order, l->of[id - 1].order);
    free(l);
}
END_TEST

/* One that died by itself loses its task, and no other. */
START_TEST(a_crash_costs_one_task)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of(EXECUTOR_PROCESS, 1);
    pool_open(l, &o);
    unsigned last = fill_deep(l, "nap 100", "slot", _i ? 7 : 0);
    pool_until(l, l->of[1].notes);
    struct executor_worker_info st;
    ck_assert(executor_worker_status(l->x, 1, &st));
    ck_assert_int_eq(kill(st.pid, SIGKILL), 0);
    pool_close(l);
    ledger_complete(l, 1, last);
    ck_assert_uint_eq(l->of[1].lost, 1);
    for (unsigned id = 2; id <= last; id++)
        ck_assert_uint_eq(l->of[id].ends, 1);
    free(l);
}
END_TEST

/* One that took all its records out of the pipe can have begun one of them beside its task; the others are no
 * worse off for it. */
START_TEST(a_worker_that_swallows_its_pipe_costs_two_tasks)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of(EXECUTOR_PROCESS, 1);
    pool_open(l, &o);
    unsigned last = fill_deep(l, "swallow", "slot", 0);
    pool_close(l);
    ledger_complete(l, 1, last);
    ck_assert_uint_eq(l->of[1].lost, 1);
    ck_assert_uint_eq(l->of[2].lost, 1);
    for (unsigned id = 3; id <= last; id++)
        ck_assert_uint_eq(l->of[id].ends, 1);
    free(l);
}
END_TEST

START_TEST(what_is_cancelled_in_the_pipe_never_runs)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)(_i % 2), 1);
    pool_open(l, &o);
    unsigned last = fill_deep(l, "nap 100", "slot", _i >= 2 ? 7 : 0);
    pool_until(l, l->of[1].notes);
    for (unsigned id = 2; id <= last; id += 3)
        ck_assert_int_eq(executor_cancel(l->x, id, false), 0);
    ck_assert_int_eq(executor_cancel(l->x, 2, false), -1);
    ck_assert_int_eq(executor_cancel(l->x, 1, false), -1);
    ck_assert_int_eq(errno, EBUSY);
    pool_close(l);
    ledger_complete(l, 1, last);
    for (unsigned id = 1; id <= last; id++) {
        bool cancelled = id % 3 == 2;
        ck_assert_uint_eq(l->of[id].cancelled, cancelled);
        ck_assert_uint_eq(l->of[id].ends, !cancelled);
        ck_assert_uint_eq(l->of[id].started, !cancelled);
        if (id % 3 == 1 && id > 1) /* those before what was cancelled go back in their order */
            ck_assert_uint_gt(l->of[id].order, l->of[id - 1].order);
    }
    free(l);
}
END_TEST

/* The one at work too, as long as it has not even taken its record: here its process is stopped. */
START_TEST(what_a_stopped_worker_has_not_taken_is_cancelled)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of(EXECUTOR_PROCESS, 1);
    struct executor_worker_info st;
    pool_open(l, &o);
    submit(l, 1, "slot", 0);
    pool_drain(l);
    forget(l, 4);
    ck_assert(executor_worker_status(l->x, 1, &st));
    ck_assert_int_eq(kill(st.pid, SIGSTOP), 0);
    task_sleep(20);
    submit(l, 1, "slot", 0);
    unsigned last = fill(l, 2, "slot", 0);
    ck_assert_int_eq(executor_cancel(l->x, last, false), 0);
    ck_assert_int_eq(kill(st.pid, SIGCONT), 0);
    pool_close(l);
    ledger_complete(l, 1, last);
    for (unsigned id = 1; id <= last; id++) {
        ck_assert_uint_eq(l->of[id].cancelled, id == last);
        ck_assert_uint_eq(l->of[id].ends, id != last);
    }
    free(l);
}
END_TEST

START_TEST(a_shutdown_cancels_all_that_lies_in_pipes)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)(_i % 2), 1);
    pool_open(l, &o);
    unsigned last = fill_deep(l, "nap 200", "slot", _i >= 2 ? 7 : 0);
    pool_until(l, l->of[1].notes);
    ck_assert_int_eq(executor_shutdown(l->x, EXECUTOR_CANCEL, DEADLINE_NEVER, ledger_note, l), 0);
    executor_free(l->x);
    ledger_complete(l, 1, last);
    ck_assert_uint_eq(l->of[1].ends, 1);
    for (unsigned id = 2; id <= last; id++)
        ck_assert_uint_eq(l->of[id].cancelled, 1);
    free(l);
}
END_TEST

START_TEST(a_killing_shutdown_ends_all_that_lies_in_pipes)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of(EXECUTOR_PROCESS, 1);
    pool_open(l, &o);
    unsigned last = fill_deep(l, "nap 5000", "slot", 0);
    pool_until(l, l->of[1].notes);
    ck_assert_int_eq(executor_shutdown(l->x, EXECUTOR_CANCEL, deadline_now(), ledger_note, l), 0);
    executor_free(l->x);
    ledger_complete(l, 1, last);
    for (unsigned id = 1; id <= last; id++)
        ck_assert_uint_eq(l->of[id].cancelled, 1);
    free(l);
}
END_TEST

/* Between a worker's end and its burial nothing can be taken back from it, and nobody waits for that. */
START_TEST(a_shutdown_meets_a_worker_that_dies)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of(EXECUTOR_PROCESS, 1);
    pool_open(l, &o);
    unsigned last = fill_deep(l, "nap 100", "slot", _i ? 7 : 0);
    pool_until(l, l->of[1].notes);
    ck_assert_int_eq(executor_kill(l->x, 1, "enough"), 0);
    ck_assert_int_eq(executor_shutdown(l->x, EXECUTOR_CANCEL, DEADLINE_NEVER, ledger_note, l), 0);
    executor_free(l->x);
    ledger_complete(l, 1, last);
    ck_assert_uint_eq(l->of[1].lost, 1);
    for (unsigned id = 2; id <= last; id++)
        ck_assert_uint_eq(l->of[id].lost, 0);
    free(l);
}
END_TEST

/* All workers always have something to do, and one task is slow: what lies behind it goes to the others. */
START_TEST(nothing_waits_long_behind_a_slow_task_of_a_full_pool)
{
    enum { LAST = 8000, SLOW = 400 };
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 3);
    unsigned before = 0; /* tasks that were submitted before the slow one ended */
    pool_open(l, &o);
    for (unsigned id = 1; id <= LAST && !l->of[SLOW].ends; id++) {
        pool_submit(l, id, id == SLOW ? "nap 1000" : "sleep 1");
        before = l->of[SLOW].ends ? before : id;
    }
    ck_assert_uint_ge(before, SLOW + 100);
    for (unsigned id = SLOW + 1; id < SLOW + 3 * (1 + AHEAD); id++) {
        ck_assert_uint_eq(l->of[id].ends, 1);
        ck_assert_uint_lt(l->of[id].order, l->of[SLOW].order);
    }
    pool_close(l);
    free(l);
}
END_TEST

/* What was killed for its task's sake may have ended others, of which nobody read: they are not done again.
 */
START_TEST(what_a_killed_worker_may_have_done_is_lost)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of(EXECUTOR_PROCESS, 1);
    pool_open(l, &o);
    unsigned last = fill_deep(l, "nap 50", "slot", 0);
    pool_until(l, l->of[1].notes);
    task_sleep(300); /* all are done now */
    ck_assert_int_eq(executor_cancel(l->x, 1, true), 0);
    pool_close(l);
    ledger_complete(l, 1, last);
    ck_assert_uint_eq(l->of[1].cancelled, 1);
    for (unsigned id = 2; id <= last; id++)
        ck_assert_uint_eq(l->of[id].lost, 1);
    free(l);
}
END_TEST

/* A worker that is stopped has taken nothing: neither its task nor what lies behind. */
static void stop_idle_worker(struct ledger *l, struct executor_worker_info *ret_st)
{
    for (unsigned id = 1; id <= 3; id++) {
        submit(l, id, "slot", 0);
        pool_drain(l);
    }
    forget(l, 4);
    ck_assert(executor_worker_status(l->x, 1, ret_st));
    ck_assert_int_eq(kill(ret_st->pid, SIGSTOP), 0);
    task_sleep(20);
}

START_TEST(what_nobody_has_is_not_started)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of(EXECUTOR_PROCESS, 1);
    struct executor_worker_info st;
    pool_open(l, &o);
    stop_idle_worker(l, &st);
    submit(l, 1, "slot", 0);
    unsigned last = fill(l, 2, "slot", 0), started = 0;
    ck_assert_int_eq(executor_cancel(l->x, last, false), 0);
    ck_assert_int_ge(executor_poll(l->x, 0, ledger_note, l), 0);
    for (unsigned id = 1; id <= last; id++)
        started += l->of[id].started;
    ck_assert_uint_le(started, 2); /* the one that was current, and the one that is */
    ck_assert_int_eq(kill(st.pid, SIGCONT), 0);
    pool_close(l);
    ledger_complete(l, 1, last);
    free(l);
}
END_TEST

/* A task may be held before its worker has taken it, and come to another: the hold goes with it, and does not
 * stay with the worker. */
START_TEST(a_hold_goes_with_its_task)
{
    enum { TASKS = 6 };
    struct ledger *l = ledger_new();
    struct executor_options o = options_of(EXECUTOR_PROCESS, 2);
    struct executor_worker_info st;
    pool_open(l, &o);
    submit(l, 1, "sleep 20", 0);
    submit(l, 2, "sleep 20", 0); /* so that there are two workers */
    pool_drain(l);
    stop_idle_worker(l, &st);
    for (unsigned id = 1; id <= TASKS && executor_room(l->x) > 0; id++)
        submit(l, id, id <= 2 ? "big 1000" : "slot", 0);
    ck_assert(executor_worker_status(l->x, 1, &st));
    uint64_t held = st.task;
    ck_assert(held == 1 || held == 2);
    executor_hold(l->x, held, true);
    pool_until(l, l->of[held].worker == 2); /* the other one takes it over */
    ck_assert_int_eq(kill(st.pid, SIGCONT), 0);
    pool_until(l, executor_pending(l->x) == 1);
    for (int i = 0; i < 5; i++)
        ck_assert_int_ge(executor_poll(l->x, 20, ledger_note, l), 0);
    ck_assert_uint_eq(l->of[held].body, 0);
    executor_hold(l->x, held, false);
    pool_close(l);
    ledger_complete(l, 1, 2);
    ck_assert_uint_eq(l->of[held].body, 1000);
    free(l);
}
END_TEST

/* Makes all jobs pipes of this process as small as they get: a packet. */
static void shrink_jobs_pipes(void)
{
    for (int fd = 3; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFL);
        if (flags >= 0 && (flags & O_ACCMODE) == O_WRONLY && flags & O_DIRECT)
            ck_assert_int_gt(fcntl(fd, F_SETPIPE_SZ, 4096), 0);
    }
}

START_TEST(a_small_pipe_holds_what_it_holds)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 1);
    unsigned last = 0, full = 0;
    pool_open(l, &o);
    submit(l, 1, "slot", 0);
    pool_drain(l);
    shrink_jobs_pipes();
    for (int i = 0; i < 20; i++) {
        forget(l, 20);
        submit(l, 1, "sleep 20", 0);
        pool_until(l, l->of[1].started);
        last = fill(l, 2, "slot", 0);
        ck_assert_uint_le(last, 3);
        full += last == 3; /* the pipe turned out to be full, and one waits in the pool */
        pool_drain(l);
        ledger_complete(l, 1, last);
        for (unsigned id = 1; id <= last; id++)
            ck_assert_uint_eq(l->of[id].ends, 1);
    }
    ck_assert_uint_le(full, 1);
    pool_close(l);
    free(l);
}
END_TEST

/* --- all at once --- */

static unsigned next_random(unsigned *state)
{
    *state = *state * 1103515245 + 12345;
    return *state >> 16 & 0x7fff;
}

static const char *random_task(unsigned *state, enum executor_mode mode)
{
    unsigned r = next_random(state) % 100;
    if (r < 3)
        return "sleep 15";
    if (r < 6)
        return "sleep 3";
    if (r < 8 && mode == EXECUTOR_PROCESS)
        return r == 6 ? "kill" : "exit 3";
    return r < 12 ? "big 300000" : "echo fine";
}

/* Tasks that are quick, slow, deadly, with affinity or without, and some are cancelled in any state. */
START_TEST(each_of_many_ends_once)
{
    enum { TASKS = 4000 };
    unsigned state = 1 + (unsigned)_i;
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)(_i % 2), 3);
    o.max_tasks_per_worker = _i % 4 >= 2 ? 50 : 0;
    pool_open(l, &o);
    for (unsigned id = 1; id <= TASKS; id++) {
        uint64_t affinity = next_random(&state) % 3 == 0 ? 1 + next_random(&state) % 5 : 0;
        pool_until(l, executor_has_room_for(l->x, affinity));
        submit(l, id, random_task(&state, o.mode), affinity);
        if (next_random(&state) % 8 == 0)
            (void)executor_cancel(l->x, id - next_random(&state) % (id < 30 ? id : 30),
                                  next_random(&state) % 8 == 0);
    }
    pool_close(l);
    ledger_complete(l, 1, TASKS);
    unsigned ended = 0;
    for (unsigned id = 1; id <= TASKS; id++)
        ended += l->of[id].ends;
    ck_assert_uint_gt(ended, TASKS / 2);
    free(l);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ahead");
    TCase *t = tcase_create("ahead");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, more_wait_in_a_pipe_once_tasks_are_quick, 0, 2);
    tcase_add_loop_test(t, nothing_waits_behind_a_slow_task_while_a_worker_is_idle, 0, 2);
    tcase_add_loop_test(t, a_death_costs_nothing_that_lies_behind, 0, 2);
    tcase_add_loop_test(t, a_crash_costs_one_task, 0, 2);
    tcase_add_test(t, a_worker_that_swallows_its_pipe_costs_two_tasks);
    tcase_add_loop_test(t, what_is_cancelled_in_the_pipe_never_runs, 0, 4);
    tcase_add_test(t, what_a_stopped_worker_has_not_taken_is_cancelled);
    tcase_add_loop_test(t, a_shutdown_cancels_all_that_lies_in_pipes, 0, 4);
    tcase_add_test(t, a_killing_shutdown_ends_all_that_lies_in_pipes);
    tcase_add_loop_test(t, a_shutdown_meets_a_worker_that_dies, 0, 2);
    tcase_add_loop_test(t, nothing_waits_long_behind_a_slow_task_of_a_full_pool, 0, 2);
    tcase_add_test(t, what_a_killed_worker_may_have_done_is_lost);
    tcase_add_test(t, what_nobody_has_is_not_started);
    tcase_add_test(t, a_hold_goes_with_its_task);
    tcase_add_loop_test(t, a_small_pipe_holds_what_it_holds, 0, 2);
    tcase_add_loop_test(t, each_of_many_ends_once, 0, 8);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
