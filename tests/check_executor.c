/* The executor in its three modes, with tasks that are no fetches: every task gets exactly one end, results
 * stream, and nothing is left behind. What kills workers is in check_executor_faults.c. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "support/pool_tasks.h"

static struct executor_options options_of(enum executor_mode mode, unsigned workers)
{
    struct executor_options o = EXECUTOR_OPTIONS_INIT;
    o.mode = mode;
    o.max_workers = workers;
    o.task = test_task;
    return o;
}

static void echo_many(enum executor_mode mode, unsigned workers, unsigned tasks)
{
    unsigned before = descriptors_open();
    struct ledger *l = ledger_new();
    struct executor_options o = options_of(mode, workers);
    pool_open(l, &o);
    for (unsigned id = 1; id <= tasks; id++) {
        char text[64];
        snprintf(text, sizeof text, "echo this is %u", id);
        pool_submit(l, id, text);
    }
    pool_close(l);
    ledger_complete(l, 1, tasks);
    for (unsigned id = 1; id <= tasks; id++) {
        char text[64];
        snprintf(text, sizeof text, "this is %u", id);
        ck_assert_str_eq(l->of[id].text, text);
        ck_assert_uint_ge(l->of[id].started, 1);
        ck_assert_uint_eq(l->of[id].heads, 1);
        ck_assert_uint_eq(l->of[id].notes, 1);
        ck_assert_uint_ge(l->of[id].worker, 1);
        ck_assert_uint_le(l->of[id].worker, workers);
    }
    ck_assert_uint_eq(l->warnings, 0);
    ck_assert_uint_eq(descriptors_open(), before);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    free(l);
}

START_TEST(every_task_ends_once_with_its_own_result)
{
    echo_many((enum executor_mode)_i, 8, 3000);
    echo_many((enum executor_mode)_i, 1, 100);
}
END_TEST

static unsigned long peak_kib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (unsigned long)u.ru_maxrss;
}

START_TEST(a_body_of_100_mib_streams_through_little_memory)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 2);
    pool_open(l, &o);
    pool_submit(l, 1, "big 1000");
    pool_drain(l);
    unsigned long before = peak_kib();
    pool_submit(l, 2, "big 104857600");
    pool_submit(l, 3, "big 65537");
    pool_close(l);
    ledger_complete(l, 1, 3);
    ck_assert_uint_eq(l->of[1].body, 1000);
    ck_assert_uint_eq(l->of[2].body, 104857600);
    ck_assert_uint_eq(l->of[3].body, 65537);
    ck_assert_uint_lt(peak_kib() - before, 8192);
    free(l);
}
END_TEST

START_TEST(a_task_without_its_end_is_lost)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 2);
    pool_open(l, &o);
    pool_submit(l, 1, "noend");
    pool_submit(l, 2, "echo fine");
    pool_drain(l);
    pool_submit(l, 3, "echo fine");
    pool_close(l);
    ledger_complete(l, 1, 3);
    ck_assert_uint_eq(l->of[1].lost, 1);
    ck_assert_ptr_nonnull(strstr(l->of[1].text, "broke the protocol"));
    ck_assert_uint_eq(l->of[2].ends + l->of[3].ends, 2);
    free(l);
}
END_TEST

static void orderly_task(void *state, const void *task, size_t len, struct emitter *out)
{
    (void)state, (void)task, (void)len;
    int wrong = emitter_body(out, "x", 1) == 0;
    wrong += emitter_wire(out, "x", 1) == 0;
    wrong += emitter_hop(out, "h", 1) != 0;
    wrong += emitter_wire(out, "wire", 4) != 0;
    wrong += emitter_body(out, "x", 1) == 0;
    wrong += emitter_head(out, "h", 1) != 0;
    wrong += emitter_head(out, "h", 1) == 0;
    wrong += emitter_hop(out, "h", 1) == 0;
    wrong += emitter_body(out, "", 0) != 0;
    wrong += emitter_wire(out, "wire", 4) != 0;
    char *big = calloc(1, FRAME_MAX_END + 1);
    wrong += emitter_end(out, big, FRAME_MAX_END + 1) == 0;
    free(big);
    (void)emitter_end(out, wrong ? "wrong" : "right", 5);
    (void)emitter_head(out, "h", 1);
    (void)emitter_end(out, "second", 6);
}

START_TEST(the_emitter_refuses_what_breaks_the_order)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 1);
    o.task = orderly_task;
    pool_open(l, &o);
    pool_submit(l, 1, "");
    pool_submit(l, 2, "");
    pool_close(l);
    ledger_complete(l, 1, 2);
    ck_assert_str_eq(l->of[1].text, "right");
    ck_assert_str_eq(l->of[2].text, "right");
    ck_assert_uint_eq(l->of[1].wire, 8);
    free(l);
}
END_TEST

static void long_task(void *state, const void *task, size_t len, struct emitter *out)
{
    const unsigned char *p = task;
    bool right = true;
    (void)state;
    for (size_t i = 0; i < len; i++)
        right &= p[i] == body_byte(i);
    char text[64];
    snprintf(text, sizeof text, "%zu %s", len, right ? "right" : "wrong");
    (void)emitter_end(out, text, strlen(text));
}

START_TEST(a_task_of_any_size_arrives_whole)
{
    static const size_t sizes[] = {0, 1, 4079, 4080, 4081, 8176, 20000, 65535, 65536};
    enum { SIZES = sizeof sizes / sizeof sizes[0], TASKS = 200 };
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 3);
    o.task = long_task;
    pool_open(l, &o);
    unsigned char *data = malloc(FRAME_MAX_TASK + 1);
    for (size_t i = 0; i <= FRAME_MAX_TASK; i++)
        data[i] = body_byte(i);
    for (unsigned id = 1; id <= TASKS; id++) {
        struct executor_submission s = {
            .task = id, .data = data, .len = sizes[id % SIZES], .limit = INT64_MAX};
        pool_until(l, executor_room(l->x) > 0);
        ck_assert_int_eq(executor_submit(l->x, &s), 0);
    }
    struct executor_submission over = {.task = 999, .data = data, .len = FRAME_MAX_TASK + 1};
    ck_assert_int_eq(executor_submit(l->x, &over), -1);
    ck_assert_int_eq(errno, EINVAL);
    pool_close(l);
    ledger_complete(l, 1, TASKS);
    for (unsigned id = 1; id <= TASKS; id++) {
        char text[64];
        snprintf(text, sizeof text, "%zu right", sizes[id % SIZES]);
        ck_assert_str_eq(l->of[id].text, text);
    }
    free(data);
    free(l);
}
END_TEST

START_TEST(a_full_pool_refuses_and_a_finished_one_takes_again)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 2);
    pool_open(l, &o);
    struct executor_submission s = {.data = "sleep 10", .len = 8, .limit = INT64_MAX};
    unsigned most = o.mode == EXECUTOR_SERIAL ? 1 : 4;
    unsigned taken = 0;
    for (s.task = 1; s.task <= most; s.task++) {
        taken += executor_submit(l->x, &s) == 0;
        if (o.mode != EXECUTOR_SERIAL && s.task == 2)
            ck_assert_uint_eq(executor_idle(l->x), 0);
    }
    ck_assert_uint_eq(taken, most);
    ck_assert_uint_eq(executor_room(l->x), 0);
    ck_assert_int_eq(executor_submit(l->x, &s), -1);
    ck_assert_int_eq(errno, EAGAIN);
    pool_drain(l);
    s.task = 1; /* an id may be used again */
    l->of[1] = (struct entry){0};
    ck_assert_int_eq(executor_submit(l->x, &s), 0);
    ck_assert_int_eq(executor_submit(l->x, &s), -1);
    pool_close(l);
    ledger_complete(l, 1, most);
    free(l);
}
END_TEST

START_TEST(a_task_that_waits_behind_a_slow_one_moves_to_an_idle_worker)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 2);
    pool_open(l, &o);
    pool_submit(l, 1, "sleep 3000");
    pool_submit(l, 2, "sleep 50");
    pool_submit(l, 3, "slot"); /* behind the slow one */
    pool_submit(l, 4, "slot");
    pool_close(l);
    ledger_complete(l, 1, 4);
    ck_assert_uint_eq(l->of[1].order, 4);
    ck_assert_uint_ne(l->of[3].worker,
                      l->of[1].worker); /* which of the two it is depends on who began first */
    ck_assert_uint_ne(l->of[4].worker, l->of[1].worker);
    free(l);
}
END_TEST

/* An idle worker leaves its turn to what the caller may submit now; a caller that sleeps until the deadline
 * instead must be told to come back at once, or the task would stay behind the slow one. */
START_TEST(idle_workers_take_what_lies_behind_others_at_the_next_look)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 2);
    pool_open(l, &o);
    pool_submit(l, 1, "sleep 2000");
    pool_submit(l, 2, "sleep 1");
    pool_submit(l, 3, "slot");
    pool_submit(l, 4, "slot");
    while (!(l->of[2].ends && (l->of[3].ends || l->of[4].ends)))
        ck_assert_int_ge(executor_poll(l->x, -1, ledger_note, l), 0);
    bool left = !(l->of[3].ends && l->of[4].ends);
    ck_assert(!left || executor_idle(l->x) == 0 || executor_deadline(l->x) <= deadline_now());
    for (int i = 0; left && i < 100; i++) {
        (void)executor_poll(l->x, 10, ledger_note, l);
        left = !(l->of[3].ends && l->of[4].ends);
    }
    ck_assert_uint_eq(l->of[1].ends, 0);
    ck_assert(!left);
    pool_close(l);
    free(l);
}
END_TEST

START_TEST(idle_workers_get_work_in_turn)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 4);
    unsigned tasks_of[5] = {0};
    pool_open(l, &o);
    for (unsigned id = 1; id <= 400; id++)
        pool_submit(l, id, "sleep 1");
    pool_close(l);
    for (unsigned id = 1; id <= 400; id++)
        tasks_of[l->of[id].worker]++;
    for (unsigned w = 1; w <= 4; w++)
        ck_assert_uint_ge(tasks_of[w], 5); /* some start late on a busy machine */
    free(l);
}
END_TEST

/* A worker that is replaced leaves room while the other is at a long task, for less than it takes to count as
 * slow: nothing more happens by itself, and still the task behind that one gets a worker in time. */
START_TEST(a_task_that_waits_behind_a_slow_one_gets_a_replaced_worker)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 2);
    o.max_tasks_per_worker = 2;
    pool_open(l, &o);
    pool_submit(l, 1, "sleep 4000");
    pool_submit(l, 2, "sleep 1");
    pool_submit(l, 3, "slot");
    pool_submit(l, 4, "slot");
    pool_close(l);
    ledger_complete(l, 1, 4);
    ck_assert_uint_eq(l->of[1].order, 4);
    free(l);
}
END_TEST

/* The first few are busy and their places ahead taken: still each task gets a worker of its own. */
START_TEST(as_many_tasks_run_at_once_as_there_are_workers)
{
    enum { WORKERS = 150 };
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, WORKERS);
    meeting_open();
    pool_open(l, &o);
    for (unsigned id = 1; id <= WORKERS; id++)
        pool_submit(l, id, "meet 150");
    pool_close(l);
    ledger_complete(l, 1, WORKERS);
    for (unsigned id = 1; id <= WORKERS; id++)
        ck_assert_str_eq(l->of[id].text, "met");
    free(l);
}
END_TEST

/* Idle ones go, as many as are too many, and come again when there is work. */
START_TEST(a_trimmed_pool_has_as_many_workers_as_it_needs)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 6);
    meeting_open();
    pool_open(l, &o);
    for (unsigned id = 1; id <= 6; id++)
        pool_submit(l, id, "meet 6");
    pool_drain(l);
    ck_assert_uint_eq(executor_workers(l->x), 6);
    uint64_t started = executor_workers_started(l->x);
    pool_submit(l, 7, "sleep 100");
    pool_submit(l, 8, "sleep 100");
    executor_trim(l->x, 3);
    pool_drain(l);
    pool_until(l, executor_workers(l->x) <= 3);
    ck_assert_uint_eq(executor_workers(l->x), 3);
    executor_trim(l->x, 3);
    ck_assert_uint_eq(executor_workers(l->x), 3);
    for (unsigned id = 9; id <= 14; id++)
        pool_submit(l, id, "meet 12");
    pool_drain(l);
    ck_assert_uint_eq(executor_workers_started(l->x), started + 3);
    executor_trim(l->x, 0);
    pool_submit(l, 15, "sleep 1");
    pool_close(l);
    ledger_complete(l, 1, 15);
    free(l);
}
END_TEST

START_TEST(one_task_needs_one_worker)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 1000);
    pool_open(l, &o);
    for (unsigned id = 1; id <= 5; id++) {
        pool_submit(l, id, "slot");
        pool_drain(l);
    }
    ck_assert_uint_eq(executor_workers_started(l->x), 1);
    pool_close(l);
    free(l);
}
END_TEST

/* Each task gets the worker that it was promised, in turn; and what more the pool has taken comes behind, in
 * turn as well. */
START_TEST(workers_start_at_the_next_look_and_get_their_tasks_in_turn)
{
    enum { WORKERS = 4 }; /* no more could be started, and get what the first are slow to take */
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, WORKERS);
    pool_open(l, &o);
    unsigned many = (unsigned)executor_idle(l->x);
    for (unsigned id = 1; id <= 2 * many; id++)
        pool_submit(l, id, id <= many ? "sleep 1000" : "slot");
    ck_assert_uint_eq(executor_workers(l->x), 0);
    ck_assert_uint_eq(executor_room(l->x), 0);
    ck_assert_int_le(executor_deadline(l->x), deadline_now());
    pool_until(l, executor_workers(l->x) >= many);
    pool_close(l);
    for (unsigned id = 1; id <= many; id++)
        ck_assert_uint_eq(l->of[id].worker, id);
    ledger_complete(l, 1, 2 * many);
    free(l);
}
END_TEST

START_TEST(a_task_is_cancelled_before_its_worker_starts)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 3);
    pool_open(l, &o);
    for (unsigned id = 1; id <= 3; id++)
        pool_submit(l, id, "slot");
    ck_assert_int_eq(executor_cancel(l->x, 2, false), 0);
    ck_assert_uint_eq(executor_idle(l->x), 1);
    pool_drain(l);
    ck_assert_uint_eq(l->of[2].cancelled, 1);
    ck_assert_uint_eq(l->of[2].started, 0);
    ck_assert_uint_eq(executor_workers_started(l->x), 2);
    for (unsigned id = 4; id <= 6; id++)
        pool_submit(l, id, "sleep 100");
    ck_assert_int_eq(executor_shutdown(l->x, EXECUTOR_CANCEL, deadline_now(), ledger_note, l), 0);
    ledger_complete(l, 1, 6);
    ck_assert_uint_eq(executor_workers_started(l->x), 2);
    executor_free(l->x);
    free(l);
}
END_TEST

START_TEST(equal_affinity_goes_to_an_equal_worker)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 4);
    pool_open(l, &o);
    for (unsigned id = 1; id <= 300; id++) {
        struct executor_submission s = {
            .task = id, .data = "slot", .len = 4, .affinity = 1 + id % 7, .limit = INT64_MAX};
        pool_until(l, executor_has_room_for(l->x, s.affinity));
        ck_assert_int_eq(executor_submit(l->x, &s), 0);
    }
    pool_close(l);
    ledger_complete(l, 1, 300);
    for (unsigned id = 1; id <= 300; id++) {
        ck_assert_int_eq(atoi(l->of[id].text), (int)(1 + (1 + id % 7) % 4));
        ck_assert_uint_eq(l->of[id].worker, 1 + (1 + id % 7) % 4);
    }
    free(l);
}
END_TEST

START_TEST(a_full_affinity_queue_refuses)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 4);
    unsigned taken = 0;
    pool_open(l, &o);
    struct executor_submission s = {.data = "sleep 50", .len = 8, .affinity = 2, .limit = INT64_MAX};
    for (s.task = 1; s.task <= 20 && executor_submit(l->x, &s) == 0; s.task++)
        taken++;
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert(!executor_has_room_for(l->x, 2));
    ck_assert(!executor_idle_for(l->x, 2));
    ck_assert(executor_idle_for(l->x, 1));
    ck_assert(executor_has_room_for(l->x, 1));
    ck_assert_uint_ge(taken, 5);
    ck_assert_uint_le(taken, 8);
    ck_assert_uint_eq(executor_workers(l->x), 1);
    pool_close(l);
    ledger_complete(l, 1, taken);
    free(l);
}
END_TEST

START_TEST(a_held_task_waits_in_its_pipe_and_goes_on)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 2);
    pool_open(l, &o);
    l->hold_after = 1;
    pool_submit(l, 1, "big 20000000");
    pool_until(l, l->of[1].body);
    size_t before = l->of[1].body;
    struct executor_worker_info st;
    ck_assert(executor_worker_status(l->x, l->of[1].worker, &st));
    ck_assert(st.held);
    ck_assert_uint_eq(st.task, 1);
    for (unsigned id = 2; id <= 20; id++)
        pool_submit(l, id, "echo meanwhile");
    pool_until(l, executor_pending(l->x) <= 1);
    ck_assert_int_eq(executor_poll(l->x, 20, ledger_note, l), 0);
    ck_assert_uint_eq(l->of[1].body, before);
    executor_hold(l->x, 1, false);
    pool_close(l);
    ledger_complete(l, 1, 20);
    ck_assert_uint_eq(l->of[1].body, 20000000);
    free(l);
}
END_TEST

START_TEST(a_waiting_task_is_cancelled_a_running_one_only_by_killing)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 1);
    pool_open(l, &o);
    pool_submit(l, 1, "sleep 100");
    pool_until(l, l->of[1].started);
    pool_submit(l, 2, "echo never");
    ck_assert_int_eq(executor_cancel(l->x, 2, false), 0);
    ck_assert_int_eq(executor_cancel(l->x, 2, false), -1);
    ck_assert_int_eq(executor_cancel(l->x, 77, false), -1);
    ck_assert_int_eq(errno, ESRCH);
    ck_assert_int_eq(executor_cancel(l->x, 1, false), -1);
    ck_assert_int_eq(errno, EBUSY);
    pool_drain(l);
    ck_assert_uint_eq(l->of[1].ends, 1);
    ck_assert_uint_eq(l->of[2].cancelled, 1);
    ck_assert_uint_eq(l->of[2].started, 0);
    pool_close(l);
    ledger_complete(l, 1, 2);
    free(l);
}
END_TEST

/* Also where it lies in the worker's pipe already, with another of the worker's own behind it. */
START_TEST(a_cancelled_task_with_affinity_never_runs)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 1);
    pool_open(l, &o);
    for (unsigned id = 1; id <= 4; id++) {
        struct executor_submission s = {.task = id, .affinity = 7, .limit = INT64_MAX};
        s.data = id == 1 ? "sleep 100" : "slot";
        s.len = strlen(s.data);
        ck_assert_int_eq(executor_submit(l->x, &s), 0);
        while (id == 1 && !l->of[1].started)
            ck_assert_int_ge(executor_poll(l->x, -1, ledger_note, l), 0);
    }
    ck_assert_int_eq(executor_cancel(l->x, 2, false), 0);
    ck_assert_int_eq(executor_cancel(l->x, 3, false), 0);
    pool_drain(l);
    for (unsigned id = 1; id <= 4; id++) {
        bool cancelled = id == 2 || id == 3;
        ck_assert_uint_eq(l->of[id].cancelled, cancelled);
        ck_assert_uint_eq(l->of[id].started, !cancelled);
        ck_assert_uint_eq(l->of[id].ends, !cancelled);
    }
    pool_close(l);
    free(l);
}
END_TEST

START_TEST(shutdown_cancels_what_waits_and_ends_what_runs)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 3);
    const char *text = o.mode == EXECUTOR_PROCESS ? "hang" : "wait";
    pool_open(l, &o);
    for (unsigned id = 1; id <= 6; id++)
        pool_submit(l, id, text);
    pool_until(l, l->of[3].started);
    int64_t soon = deadline_now() + 50 * NS_PER_MS;
    ck_assert_int_eq(executor_shutdown(l->x, EXECUTOR_CANCEL, soon, ledger_note, l), 0);
    ck_assert_uint_eq(executor_workers(l->x), 0);
    ledger_complete(l, 1, 6);
    for (unsigned id = 1; id <= 6; id++)
        ck_assert(l->of[id].cancelled || (o.mode == EXECUTOR_THREAD && !strcmp(l->of[id].text, "asked")));
    struct executor_submission s = {.task = 9, .limit = INT64_MAX};
    ck_assert_int_eq(executor_submit(l->x, &s), -1);
    ck_assert_int_eq(errno, ESHUTDOWN);
    executor_free(l->x);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    free(l);
}
END_TEST

/* Also who waits for room for a large body. */
START_TEST(free_ends_all_at_once)
{
    unsigned before = descriptors_open();
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 3);
    pool_open(l, &o);
    pool_submit(l, 1, o.mode == EXECUTOR_PROCESS ? "hang" : "wait");
    l->hold_after = 2;
    pool_submit(l, 2, "big 50000000");
    pool_submit(l, 3, "echo x");
    pool_until(l, l->of[2].body);
    task_sleep(50); /* until there is none */
    executor_free(l->x);
    executor_free(NULL);
    ck_assert_uint_eq(descriptors_open(), before);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    free(l);
}
END_TEST

static void *no_initializer(void *arg, unsigned worker, char *message, size_t size)
{
    (void)arg;
    snprintf(message, size, "no licence for %s", worker ? "any" : "none");
    return NULL;
}

START_TEST(an_initializer_that_fails_is_told_and_nothing_hangs)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 3);
    o.initializer = no_initializer;
    pool_open(l, &o);
    for (unsigned id = 1; id <= 10; id++)
        pool_submit(l, id, "echo x");
    pool_close(l);
    ledger_complete(l, 1, 10);
    for (unsigned id = 1; id <= 10; id++) {
        ck_assert_uint_eq(l->of[id].lost, 1);
        ck_assert_ptr_nonnull(strstr(l->of[id].text, "no licence for any"));
    }
    ck_assert_uint_eq(l->warnings, 1);
    ck_assert_ptr_nonnull(strstr(l->warning, "no licence for any"));
    free(l);
}
END_TEST

struct counters {
    unsigned made, ended;
};

static void *counting_initializer(void *arg, unsigned worker, char *message, size_t size)
{
    (void)worker, (void)message, (void)size;
    struct counters *c = arg;
    __atomic_add_fetch(&c->made, 1, __ATOMIC_SEQ_CST);
    return c;
}

static void counting_finalizer(void *state)
{
    struct counters *c = state;
    __atomic_add_fetch(&c->ended, 1, __ATOMIC_SEQ_CST);
}

START_TEST(state_is_made_and_ended_once_a_worker)
{
    struct counters c = {0};
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 3);
    o.initializer = counting_initializer;
    o.finalizer = counting_finalizer;
    o.arg = &c;
    pool_open(l, &o);
    for (unsigned id = 1; id <= 50; id++)
        pool_submit(l, id, "sleep 1");
    pool_close(l);
    ledger_complete(l, 1, 50);
    ck_assert_uint_eq(c.made, o.mode == EXECUTOR_SERIAL ? 1 : 3);
    ck_assert_uint_eq(c.ended, c.made);
    free(l);
}
END_TEST

static unsigned char prepared, not_yet;

static bool note_preparation(void *arg)
{
    if (not_yet > 0) {
        not_yet--;
        return false;
    }
    ++*(unsigned char *)arg;
    return true;
}

/* A pool that prepares before its worker number `from`. *ret is a task that tells whether a worker's parent
 * had done it. */
static struct ledger *preparing_pool(struct executor_options *o, unsigned from, char ret[32])
{
    struct ledger *l = ledger_new();
    prepared = 0;
    o->prepare_from = from;
    o->prepare = note_preparation;
    o->prepare_arg = &prepared;
    snprintf(ret, 32, "peek %llx", (unsigned long long)(uintptr_t)&prepared);
    pool_open(l, o);
    return l;
}

/* Ends the pool, whose tasks 1 to `last` must have found it done from `first` on. */
static void preparing_pool_ends(struct ledger *l, unsigned first, unsigned last)
{
    pool_close(l);
    for (unsigned id = 1; id <= last; id++)
        ck_assert_str_eq(l->of[id].text, id >= first ? "1" : "0");
    free(l);
}

/* Those from the third worker on find what it left, whichever way they were started. */
START_TEST(what_is_prepared_once_is_shared_by_later_workers)
{
    enum { LAST = 6 };
    char text[32];
    struct executor_options o = options_of((enum executor_mode)_i, 2);
    o.max_tasks_per_worker = 1;
    struct ledger *l = preparing_pool(&o, 3, text);
    for (unsigned id = 1; id <= LAST; id++) {
        struct executor_submission s = {
            .task = id, .data = text, .len = strlen(text), .affinity = id >= 3, .limit = INT64_MAX};
        ck_assert_int_eq(executor_submit(l->x, &s), 0);
        pool_drain(l);
    }
    ck_assert_uint_eq(prepared, _i == EXECUTOR_PROCESS);
    preparing_pool_ends(l, prepared ? 3 : LAST + 1, LAST);
}
END_TEST

/* Several that start together need what is prepared before the first of them. */
START_TEST(what_is_prepared_comes_before_all_that_start_together)
{
    char text[32];
    struct executor_options o = options_of(EXECUTOR_PROCESS, 4);
    struct ledger *l = preparing_pool(&o, 4, text);
    for (unsigned id = 1; id <= 4; id++)
        pool_submit(l, id, text);
    ck_assert_uint_eq(prepared, 0);
    preparing_pool_ends(l, 1, 4);
    ck_assert_uint_eq(prepared, 1);
}
END_TEST

START_TEST(what_is_not_prepared_yet_is_tried_again)
{
    char text[32];
    struct executor_options o = options_of(EXECUTOR_PROCESS, 1);
    o.max_tasks_per_worker = 1;
    struct ledger *l = preparing_pool(&o, 1, text);
    not_yet = 2;
    for (unsigned id = 1; id <= 5; id++) {
        pool_submit(l, id, text);
        pool_drain(l);
    }
    preparing_pool_ends(l, 3, 5);
    ck_assert_uint_eq(prepared, 1);
}
END_TEST

START_TEST(bad_options_are_refused_in_words)
{
    char message[100] = "";
    struct executor_options o = options_of(EXECUTOR_PROCESS, 0);
    ck_assert_ptr_null(executor_new(&o, message, sizeof message));
    ck_assert_ptr_nonnull(strstr(message, "max_workers"));
    o = options_of(EXECUTOR_THREAD, EXECUTOR_MAX_WORKERS + 1);
    ck_assert_ptr_null(executor_new(&o, message, sizeof message));
    o = options_of((enum executor_mode)7, 1);
    ck_assert_ptr_null(executor_new(&o, message, sizeof message));
    o = options_of(EXECUTOR_PROCESS, 1);
    o.size = 1;
    ck_assert_ptr_null(executor_new(&o, message, sizeof message));
    o = options_of(EXECUTOR_PROCESS, 1);
    o.task = NULL;
    ck_assert_ptr_null(executor_new(&o, message, sizeof message));
}
END_TEST

/* What the caller waits for beside the pool ends a wait, and holds up no shutdown though nobody takes it out.
 */
START_TEST(a_readable_wake_descriptor_ends_the_wait)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 2);
    int wake[2];
    ck_assert_int_eq(pipe(wake), 0);
    o.wake_fd = wake[0];
    pool_open(l, &o);
    pool_submit(l, 1, "sleep 1500");
    pool_until(l, l->of[1].started);
    ck_assert_int_eq((int)write(wake[1], "x", 1), 1);
    ck_assert_int_eq(executor_poll(l->x, -1, ledger_note, l), 0);
    ck_assert_uint_eq(executor_pending(l->x), 1);
    ck_assert_int_eq(executor_shutdown(l->x, EXECUTOR_WAIT, DEADLINE_NEVER, ledger_note, l), 0);
    executor_free(l->x);
    ledger_complete(l, 1, 1);
    (void)close(wake[0]);
    (void)close(wake[1]);
    free(l);
}
END_TEST

START_TEST(the_descriptor_serves_another_poll_loop)
{
    struct ledger *l = ledger_new();
    struct executor_options o = options_of((enum executor_mode)_i, 4);
    pool_open(l, &o);
    unsigned submitted = 0;
    while (submitted < 200 || executor_pending(l->x)) {
        struct executor_submission s = {.task = submitted + 1, .data = "slot", .len = 4, .limit = INT64_MAX};
        while (submitted < 200 && executor_room(l->x)) {
            s.task = ++submitted;
            ck_assert_int_eq(executor_submit(l->x, &s), 0);
        }
        struct pollfd p = {.fd = executor_fd(l->x), .events = POLLIN};
        int n = poll(&p, 1, deadline_poll_ms(executor_deadline(l->x), deadline_now()));
        ck_assert_int_ge(n, 0);
        ck_assert_int_ge(executor_poll(l->x, 0, ledger_note, l), 0);
    }
    pool_close(l);
    ledger_complete(l, 1, 200);
    free(l);
}
END_TEST

static void add_all_modes(TCase *t)
{
    tcase_add_loop_test(t, every_task_ends_once_with_its_own_result, 0, 3);
    tcase_add_loop_test(t, a_body_of_100_mib_streams_through_little_memory, 0, 3);
    tcase_add_loop_test(t, a_task_without_its_end_is_lost, 0, 3);
    tcase_add_loop_test(t, the_emitter_refuses_what_breaks_the_order, 0, 3);
    tcase_add_loop_test(t, a_task_of_any_size_arrives_whole, 0, 3);
    tcase_add_loop_test(t, a_full_pool_refuses_and_a_finished_one_takes_again, 0, 3);
    tcase_add_loop_test(t, an_initializer_that_fails_is_told_and_nothing_hangs, 0, 3);
    tcase_add_loop_test(t, the_descriptor_serves_another_poll_loop, 0, 3);
    tcase_add_loop_test(t, a_readable_wake_descriptor_ends_the_wait, 0, 2);
    tcase_add_loop_test(t, free_ends_all_at_once, 0, 2);
    tcase_add_test(t, bad_options_are_refused_in_words);
}

/* Where there are workers. */
static void add_pool_modes(TCase *t)
{
    tcase_add_loop_test(t, a_task_that_waits_behind_a_slow_one_moves_to_an_idle_worker, 0, 2);
    tcase_add_loop_test(t, idle_workers_take_what_lies_behind_others_at_the_next_look, 0, 2);
    tcase_add_loop_test(t, idle_workers_get_work_in_turn, 0, 2);
    tcase_add_loop_test(t, a_task_that_waits_behind_a_slow_one_gets_a_replaced_worker, 0, 2);
    tcase_add_loop_test(t, as_many_tasks_run_at_once_as_there_are_workers, 0, 2);
    tcase_add_loop_test(t, a_trimmed_pool_has_as_many_workers_as_it_needs, 0, 2);
    tcase_add_loop_test(t, one_task_needs_one_worker, 0, 2);
    tcase_add_loop_test(t, workers_start_at_the_next_look_and_get_their_tasks_in_turn, 0, 2);
    tcase_add_loop_test(t, a_task_is_cancelled_before_its_worker_starts, 0, 2);
    tcase_add_loop_test(t, equal_affinity_goes_to_an_equal_worker, 0, 2);
    tcase_add_loop_test(t, a_full_affinity_queue_refuses, 0, 2);
    tcase_add_loop_test(t, a_held_task_waits_in_its_pipe_and_goes_on, 0, 2);
    tcase_add_loop_test(t, a_waiting_task_is_cancelled_a_running_one_only_by_killing, 0, 2);
    tcase_add_loop_test(t, a_cancelled_task_with_affinity_never_runs, 0, 2);
    tcase_add_loop_test(t, shutdown_cancels_what_waits_and_ends_what_runs, 0, 2);
    tcase_add_loop_test(t, what_is_prepared_once_is_shared_by_later_workers, 0, 3);
    tcase_add_test(t, what_is_prepared_comes_before_all_that_start_together);
    tcase_add_test(t, what_is_not_prepared_yet_is_tried_again);
    tcase_add_loop_test(t, state_is_made_and_ended_once_a_worker, 1, 3);
}

int main(void)
{
    Suite *s = suite_create("executor");
    TCase *t = tcase_create("executor");
    tcase_set_timeout(t, 120);
    add_all_modes(t);
    add_pool_modes(t);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
