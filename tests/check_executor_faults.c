/* Whatever happens to workers, each task gets exactly one end: workers are killed, stopped, crash, hang, lie,
 * or cannot be started. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/watched.h"
#include "executor/emitting.h"
#include "support/forbid.h"
#include "support/pool_tasks.h"
#include "support/within.h"

/* ThreadSanitizer has a thread of its own in each process, and RLIMIT_NPROC counts threads. */
#if defined(__SANITIZE_THREAD__)
#define HAS_THREADS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_THREADS 1
#endif
#endif
#ifndef HAS_THREADS
#define HAS_THREADS 0
#endif

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef UNDER_ADDRESS_SANITIZER
#define UNDER_ADDRESS_SANITIZER 0
#endif

static struct executor_options process_options(unsigned workers)
{
    struct executor_options o = EXECUTOR_OPTIONS_INIT;
    o.max_workers = workers;
    o.task = test_task;
    return o;
}

static void no_children(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

/* --- a worker's own doing --- */

static const struct {
    const char *task;
    const char *reason;
} deaths[] = {{"abort", "killed by signal 6"},
              {"exit 3", "exited with status 3"},
              {"exit 0", "exited with status 0"},
              {"kill", "killed by signal 9 (Killed)"}};

START_TEST(a_death_costs_its_one_task_and_says_why)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(3);
    pool_open(l, &o);
    for (unsigned id = 1; id <= 90; id++)
        pool_submit(l, id, id % 9 == 5 ? deaths[_i].task : "echo fine");
    pool_close(l);
    ledger_complete(l, 1, 90);
    for (unsigned id = 1; id <= 90; id++) {
        ck_assert_uint_eq(l->of[id].lost, id % 9 == 5);
        if (id % 9 == 5)
            ck_assert_ptr_nonnull(strstr(l->of[id].text, deaths[_i].reason));
        else
            ck_assert_str_eq(l->of[id].text, "fine");
    }
    no_children();
    free(l);
}
END_TEST

static const struct {
    const char *name;
    const char *reason;
} forgeries[] = {{"other-task", "END for another task"}, {"too-long", "a header that is none"},
                 {"no-type", "a header that is none"},   {"order", "BODY before HEAD"},
                 {"two-heads", "HEAD after HEAD"},       {"second-end", "END after END"},
                 {"ready", "READY before HEAD"},         {"task", "TASK before HEAD"},
                 {"noise", "a header that is none"},     {"notes", "more than 4096 NOTE"}};

START_TEST(a_worker_that_lies_is_killed_and_told)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(2);
    o.send_ahead = false;
    pool_open(l, &o);
    for (unsigned id = 1; id <= 30; id++) {
        char text[64] = "echo fine";
        if (id == 10)
            snprintf(text, sizeof text, "forge %s %u", forgeries[_i].name, id);
        pool_submit(l, id, text);
    }
    pool_close(l);
    ledger_complete(l, 1, 30);
    bool ended = !strcmp(forgeries[_i].name, "second-end"); /* the first was right; the second is no task's */
    ck_assert_uint_eq(l->of[10].lost, !ended);
    ck_assert_ptr_nonnull(strstr(ended ? "END after END" : l->of[10].text, forgeries[_i].reason));
    if (!ended)
        ck_assert_ptr_nonnull(strstr(l->of[10].text, "broke the protocol"));
    for (unsigned id = 1; id <= 30; id++)
        ck_assert(id == 10 || !strcmp(l->of[id].text, "fine"));
    free(l);
}
END_TEST

/* The pool looks into the jobs pipe of a busy worker (to take a task back) and of a dead one. */
START_TEST(a_worker_that_tampers_with_its_jobs_pipe_stops_nobody)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(2);
    pool_open(l, &o);
    pool_submit(l, 1, "block 500");
    pool_until(l, l->of[1].heads);
    for (unsigned id = 2; id <= 30; id++)
        pool_submit(l, id, "echo fine");
    pool_close(l);
    ledger_complete(l, 1, 30);
    ck_assert_uint_eq(l->of[1].lost, 1);
    for (unsigned id = 2; id <= 30; id++)
        ck_assert_str_eq(l->of[id].text, "fine");
    free(l);
}
END_TEST

START_TEST(a_worker_found_out_at_an_end_costs_no_other_task)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(1);
    pool_open(l, &o);
    l->distrust_at = 10;
    l->distrusted = -1;
    for (unsigned id = 1; id <= 30; id++)
        pool_submit(l, id, id == 11 ? "sleep 200" : "echo fine");
    pool_drain(l);
    ck_assert_uint_eq(executor_workers_started(l->x), 2);
    pool_close(l);
    ledger_complete(l, 1, 30);
    ck_assert_int_eq(l->distrusted, 0);
    for (unsigned id = 1; id <= 30; id++)
        ck_assert_uint_eq(l->of[id].ends, 1);
    no_children();
    free(l);
}
END_TEST

START_TEST(only_a_worker_process_can_be_killed)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(1);
    pool_open(l, &o);
    ck_assert_int_eq(executor_kill(l->x, 1, "none"), -1);
    ck_assert_int_eq(errno, ESRCH);
    ck_assert_int_eq(executor_kill(l->x, 2, "none"), -1);
    ck_assert_int_eq(errno, ESRCH);
    pool_close(l);
    o.mode = EXECUTOR_THREAD;
    pool_open(l, &o);
    ck_assert_int_eq(executor_kill(l->x, 1, "none"), -1);
    ck_assert_int_eq(errno, EBUSY);
    pool_close(l);
    free(l);
}
END_TEST

START_TEST(a_task_that_hangs_is_ended_at_its_limit)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(2);
    pool_open(l, &o);
    pool_submit_limit(l, 1, "hang", 100 * NS_PER_MS);
    pool_submit_limit(l, 2, "sleep 20", 5 * NS_PER_SECOND);
    pool_submit_limit(l, 3, "echo behind it", 5 * NS_PER_SECOND);
    pool_close(l);
    ledger_complete(l, 1, 3);
    ck_assert_uint_eq(l->of[1].lost, 1);
    ck_assert_ptr_nonnull(strstr(l->of[1].text, "hung"));
    ck_assert_uint_eq(l->of[2].ends + l->of[3].ends, 2);
    free(l);
}
END_TEST

/* After a frame that is none it goes on, as long as somebody seems to listen. */
static void broken_task(void *state, const void *data, size_t len, struct emitter *out)
{
    static unsigned char piece[FRAME_MAX_BODY];
    unsigned char nonsense[FRAME_HEADER];
    (void)state, (void)data, (void)len;
    (void)emitter_head(out, "", 0);
    (void)emitter_body(out, piece, sizeof piece);
    (void)emitter_flush(out);
    memset(nonsense, 0xff, sizeof nonsense);
    (void)!write(out->fd, nonsense, sizeof nonsense);
    while (emitter_body(out, piece, sizeof piece) == 0)
        ;
}

/* Nobody takes its body any more, and there is no room in its window. */
START_TEST(a_thread_that_is_given_up_in_a_large_body_goes_all_the_same)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(2);
    o.mode = EXECUTOR_THREAD;
    o.task = broken_task;
    pool_open(l, &o);
    pool_submit(l, 1, "");
    pool_close(l);
    ck_assert_uint_eq(l->of[1].lost, 1);
    ck_assert_ptr_nonnull(strstr(l->of[1].text, "broke the protocol"));
    free(l);
}
END_TEST

/* The second is ready later than its task's limit, but sooner than that behind the first. */
static void *slow_initializer(void *arg, unsigned worker, char *message, size_t size)
{
    static int state;
    (void)arg;
    (void)message;
    (void)size;
    usleep(worker == 1 ? 2500 * 1000 : 4500 * 1000);
    return &state;
}

START_TEST(a_slow_start_is_no_hung_task_while_others_become_ready)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(2);
    o.initializer = slow_initializer;
    o.send_ahead = false;
    pool_open(l, &o);
    pool_submit_limit(l, 1, "sleep 4000", 60 * NS_PER_SECOND);
    pool_submit_limit(l, 2, "echo fine", 4 * NS_PER_SECOND);
    pool_close(l);
    ledger_complete(l, 1, 2);
    ck_assert_uint_eq(l->of[1].lost + l->of[2].lost, 0);
    ck_assert_uint_eq(l->of[2].ends, 1);
    free(l);
}
END_TEST

static void *hanging_initializer(void *arg, unsigned worker, char *message, size_t size)
{
    (void)arg;
    (void)worker;
    (void)message;
    (void)size;
    task_sleep(600000);
    return NULL;
}

START_TEST(a_worker_that_hangs_at_its_start_is_ended_as_well)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(1);
    o.initializer = hanging_initializer;
    pool_open(l, &o);
    pool_submit_limit(l, 1, "echo never", 50 * NS_PER_MS);
    pool_close(l);
    ledger_complete(l, 1, 1);
    ck_assert_uint_eq(l->of[1].lost, 1);
    ck_assert_ptr_nonnull(strstr(l->of[1].text, "hung"));
    no_children();
    free(l);
}
END_TEST

/* --- what is done to it --- */

START_TEST(cancelling_a_running_task_kills_its_process)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(1);
    pool_open(l, &o);
    pool_submit(l, 1, "hang");
    pool_submit(l, 2, "echo after it");
    pool_until(l, l->of[1].started);
    ck_assert_int_eq(executor_cancel(l->x, 1, true), 0);
    pool_close(l);
    ledger_complete(l, 1, 2);
    ck_assert_uint_eq(l->of[1].cancelled, 1);
    ck_assert_str_eq(l->of[2].text, "after it");
    free(l);
}
END_TEST

/* Sends `sig` to a worker picked at random; the next number of a simple generator is kept in *seed. */
static void signal_one(struct executor *x, unsigned workers, int sig, uint64_t *seed)
{
    struct executor_worker_info st;
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    if (executor_worker_status(x, 1 + (unsigned)(*seed >> 33) % workers, &st) && st.pid > 0)
        (void)kill(st.pid, sig);
}

START_TEST(each_task_ends_once_under_random_kills)
{
    enum { WORKERS = 8, TASKS = 4000 };
    unsigned before = descriptors_open();
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(WORKERS);
    uint64_t seed = 17;
    pool_open(l, &o);
    for (unsigned id = 1; id <= TASKS; id++) {
        char text[64];
        if (id % 3)
            snprintf(text, sizeof text, "echo %u", id);
        else
            snprintf(text, sizeof text, "big %u", 1000 * (id % 100));
        pool_submit(l, id, text);
        if (id % 7 == 0)
            signal_one(l->x, WORKERS, SIGKILL, &seed);
    }
    uint64_t started = executor_workers_started(l->x);
    pool_close(l);
    ledger_complete(l, 1, TASKS);
    unsigned lost = 0;
    for (unsigned id = 1; id <= TASKS; id++) {
        lost += l->of[id].lost;
        if (l->of[id].ends && id % 3 == 0)
            ck_assert_uint_eq(l->of[id].body, 1000 * (id % 100));
        else if (l->of[id].ends)
            ck_assert_int_eq(atoi(l->of[id].text), (int)id);
    }
    ck_assert_uint_le(lost, started);
    ck_assert_uint_gt(started, WORKERS);
    ck_assert_uint_eq(descriptors_open(), before);
    no_children();
    free(l);
}
END_TEST

START_TEST(a_stopped_worker_is_replaced_and_one_that_goes_on_is_not)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(2);
    struct executor_worker_info st;
    o.stopped_grace = 300 * NS_PER_MS;
    pool_open(l, &o);
    pool_submit(l, 1, "hang");
    pool_submit(l, 2, "sleep 1500");
    pool_until(l, l->of[1].notes && l->of[2].started);
    ck_assert(executor_worker_status(l->x, l->of[2].worker, &st));
    ck_assert_int_eq(kill(st.pid, SIGSTOP), 0);
    ck_assert_int_eq(kill(st.pid, SIGCONT), 0);
    ck_assert(executor_worker_status(l->x, l->of[1].worker, &st));
    ck_assert_int_eq(kill(st.pid, SIGSTOP), 0);
    pool_submit(l, 3, "echo behind");
    pool_close(l);
    ledger_complete(l, 1, 3);
    ck_assert_uint_eq(l->of[1].lost, 1);
    ck_assert_ptr_nonnull(strstr(l->of[1].text, "stopped for"));
    ck_assert_uint_eq(l->of[2].ends, 1);
    ck_assert_uint_eq(l->of[3].ends, 1);
    free(l);
}
END_TEST

START_TEST(an_idle_worker_that_is_stopped_loses_no_task_and_delays_no_end)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(2);
    struct executor_worker_info st;
    o.stopped_grace = 300 * NS_PER_MS;
    pool_open(l, &o);
    pool_submit(l, 1, "sleep 20");
    pool_submit(l, 2, "sleep 20");
    pool_drain(l);
    for (unsigned w = 1; w <= 2; w++) {
        ck_assert(executor_worker_status(l->x, w, &st));
        ck_assert_int_eq(kill(st.pid, SIGSTOP), 0);
    }
    pool_submit(l, 3, "echo in spite of it");
    pool_drain(l);
    ck_assert_str_eq(l->of[3].text, "in spite of it");
    pool_close(l);
    ledger_complete(l, 1, 3);
    no_children();
    free(l);
}
END_TEST

START_TEST(a_worker_dies_while_it_is_held)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(1);
    struct executor_worker_info st;
    pool_open(l, &o);
    l->hold_after = 1;
    pool_submit(l, 1, "big 20000000");
    pool_until(l, l->of[1].body);
    ck_assert(executor_worker_status(l->x, 1, &st));
    ck_assert_int_eq(executor_poll(l->x, 200, ledger_note, l), 0); /* it fills its pipe meanwhile */
    ck_assert_int_eq(kill(st.pid, SIGKILL), 0);
    ck_assert_int_eq(executor_poll(l->x, 50, ledger_note, l), 0);
    size_t before = l->of[1].body;
    executor_hold(l->x, 1, false);
    pool_close(l);
    ledger_complete(l, 1, 1);
    ck_assert_uint_eq(l->of[1].lost, 1);
    ck_assert_uint_gt(l->of[1].body, before); /* what lay in the pipe still came */
    no_children();
    free(l);
}
END_TEST

START_TEST(time_in_which_nobody_looks_does_not_count)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(1);
    pool_open(l, &o);
    l->hold_after = 1;
    pool_submit_limit(l, 1, "big 2000000", 2 * NS_PER_SECOND);
    pool_until(l, l->of[1].body);
    for (int i = 0; i < 25; i++) /* held */
        ck_assert_int_eq(executor_poll(l->x, 100, ledger_note, l), 0);
    executor_hold(l->x, 1, false);
    pool_drain(l);
    ck_assert_uint_eq(l->of[1].ends, 1);
    pool_submit_limit(l, 2, "sleep 200", 1500 * NS_PER_MS);
    ck_assert_int_ge(executor_poll(l->x, 0, ledger_note, l), 0);
    task_sleep(2500); /* the caller is elsewhere */
    pool_close(l);
    ledger_complete(l, 1, 2);
    ck_assert_uint_eq(l->of[2].ends, 1);
    free(l);
}
END_TEST

START_TEST(time_in_which_a_task_is_held_does_not_count)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(1);
    pool_open(l, &o);
    pool_submit_limit(l, 1, "sleep 2300", 1700 * NS_PER_MS);
    while (!l->of[1].started)
        ck_assert_int_ge(executor_poll(l->x, -1, ledger_note, l), 0);
    executor_hold(l->x, 1, true);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(executor_poll(l->x, 100, ledger_note, l), 0);
    executor_hold(l->x, 1, false);
    pool_close(l);
    ledger_complete(l, 1, 1);
    ck_assert_uint_eq(l->of[1].ends, 1);
    free(l);
}
END_TEST

/* With nothing but held tasks there is no need to call. */
START_TEST(time_in_which_a_task_is_held_and_nobody_looks_does_not_count)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(1);
    pool_open(l, &o);
    l->hold_after = 1;
    pool_submit_limit(l, 1, "big 2000000", 1500 * NS_PER_MS);
    pool_until(l, l->of[1].body);
    while (executor_deadline(l->x) != INT64_MAX)
        ck_assert_int_ge(executor_poll(l->x, 100, ledger_note, l), 0);
    task_sleep(2500);
    executor_hold(l->x, 1, false);
    pool_close(l);
    ledger_complete(l, 1, 1);
    ck_assert_msg(l->of[1].lost == 0, "%s", l->of[1].text);
    free(l);
}
END_TEST

/* ^Z stops all of it; when it goes on the caller may be the first. */
START_TEST(a_pool_that_was_stopped_with_its_caller_blames_nobody)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(1);
    struct executor_worker_info st;
    pool_open(l, &o);
    pool_submit_limit(l, 1, "sleep 500", 2500 * NS_PER_MS);
    while (!l->of[1].started)
        ck_assert_int_ge(executor_poll(l->x, -1, ledger_note, l), 0);
    ck_assert(executor_worker_status(l->x, 1, &st));
    ck_assert_int_eq(kill(st.pid, SIGSTOP), 0);
    task_sleep(2800);
    ck_assert_int_ge(executor_poll(l->x, 0, ledger_note, l), 0);
    ck_assert_int_eq(kill(st.pid, SIGCONT), 0);
    pool_close(l);
    ledger_complete(l, 1, 1);
    ck_assert_uint_eq(l->of[1].ends, 1);
    free(l);
}
END_TEST

/* The caller was told that it need not call before something happens, and stayed away for long. */
START_TEST(a_task_does_not_pay_for_the_time_before_it)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(1);
    pool_open(l, &o);
    pool_submit(l, 1, "echo fine");
    pool_drain(l);
    task_sleep(1100); /* until workers are looked at for the last time */
    ck_assert_int_ge(executor_poll(l->x, 0, ledger_note, l), 0);
    task_sleep(1600);
    pool_submit_limit(l, 2, "echo fine", 1500 * NS_PER_MS);
    pool_close(l);
    ledger_complete(l, 1, 2);
    ck_assert_msg(l->of[2].lost == 0, "%s", l->of[2].text);
    free(l);
}
END_TEST

/* … and once it has given a task it stays away too, while the task can't get rid of its results. */
START_TEST(a_task_does_not_pay_for_the_time_before_the_next_call)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(1);
    pool_open(l, &o);
    pool_submit(l, 1, "echo fine");
    pool_drain(l);
    task_sleep(1100); /* until workers are looked at for the last time */
    ck_assert_int_ge(executor_poll(l->x, 0, ledger_note, l), 0);
    pool_submit_limit(l, 2, "big 2000000", 1500 * NS_PER_MS);
    task_sleep(2500);
    pool_close(l);
    ledger_complete(l, 1, 2);
    ck_assert_msg(l->of[2].lost == 0, "%s", l->of[2].text);
    free(l);
}
END_TEST

START_TEST(a_worker_is_replaced_after_its_tasks)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(2);
    o.max_tasks_per_worker = 5;
    pool_open(l, &o);
    for (unsigned id = 1; id <= 100; id++)
        pool_submit(l, id, "pid");
    uint64_t started = executor_workers_started(l->x);
    pool_close(l);
    ledger_complete(l, 1, 100);
    ck_assert_uint_ge(started, 18);
    for (unsigned id = 1; id <= 100; id++) {
        unsigned same = 0;
        ck_assert_uint_eq(l->of[id].ends, 1);
        for (unsigned other = 1; other <= 100; other++)
            same += !strcmp(l->of[id].text, l->of[other].text);
        ck_assert_uint_le(same, 5);
    }
    ck_assert_uint_eq(l->warnings, 0);
    no_children();
    free(l);
}
END_TEST

/* A place that becomes free is news to a caller who waits for room, however long another's task takes. */
START_TEST(a_freed_place_ends_a_poll)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(2);
    o.max_tasks_per_worker = 1;
    pool_open(l, &o);
    pool_submit(l, 1, "sleep 20000");
    pool_submit(l, 2, "pid");
    pool_until(l, l->of[2].ends);
    pool_until(l, executor_room(l->x) > 0);
    ck_assert_uint_eq(l->of[1].ends, 0);
    pool_end(l, EXECUTOR_CANCEL, deadline_now());
    free(l);
}
END_TEST

/* The same without any task left. */
START_TEST(a_freed_place_is_told_when_nothing_runs)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(1);
    o.max_tasks_per_worker = 1;
    pool_open(l, &o);
    pool_submit(l, 1, "pid");
    pool_until(l, l->of[1].ends);
    int told = executor_room(l->x) > 0;
    while (!told && executor_room(l->x) == 0)
        told = executor_poll(l->x, -1, ledger_note, l);
    ck_assert_int_gt(told, 0);
    pool_close(l);
    free(l);
}
END_TEST

START_TEST(a_worker_holds_its_two_pipes_and_nothing_else)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(3);
    int kept = open("/dev/null", O_RDONLY); /* not close-on-exec, and inherited */
    ck_assert_int_ge(fcntl(kept, F_DUPFD, 700), 700);
    pool_open(l, &o);
    for (unsigned id = 1; id <= 6; id++)
        pool_submit(l, id, "fds");
    pool_close(l);
    for (unsigned id = 1; id <= 6; id++)
        ck_assert_str_eq(l->of[id].text, "0 1 2 3 4");
    free(l);
}
END_TEST

/* What a worker that was taken over may look at: the pool, and the tasks of others, are not there. */
START_TEST(a_worker_has_none_of_the_pools_memory)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(2);
    char text[40], common[] = "x";
    pool_open(l, &o);
    snprintf(text, sizeof text, "peek %llx", (unsigned long long)(uintptr_t)common);
    pool_submit(l, 1, text);
    snprintf(text, sizeof text, "peek %llx", (unsigned long long)(uintptr_t)l->x);
    pool_submit(l, 2, text);
    pool_close(l);
    ck_assert_str_eq(l->of[1].text, "1");
    if (!watched_memory())
        ck_assert_msg(strstr(l->of[2].text, "killed by signal 11") != NULL, "%s", l->of[2].text);
    free(l);
}
END_TEST

static unsigned count_threads(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        (void)closedir(d);
    return n;
}

/* From the 129th on a thread forks; where it can't be had (1), or can't be reached (2), the caller's does. */
START_TEST(one_of_many_workers_holds_nothing_else_either)
{
    enum { WORKERS = 150, FEW = 100 };
    static const unsigned calls[] = {0, SYS_unshare, SYS_sendmsg};
    if (HAS_THREADS || within_valgrind() || (_i > 0 && forbid(calls[_i], SECCOMP_RET_ERRNO | EPERM) < 0))
        return;
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(WORKERS);
    meeting_open();
    pool_open(l, &o);
    for (unsigned id = 1; id <= FEW; id++)
        pool_submit(l, id, "meet 150");
    pool_until(l, executor_workers(l->x) == FEW);
    ck_assert_uint_eq(count_threads(), 1);
    for (unsigned id = FEW + 1; id <= WORKERS; id++)
        pool_submit(l, id, "meet 150");
    pool_drain(l);
    ck_assert_uint_eq(count_threads(), _i == 1 ? 1 : 2);
    for (unsigned id = WORKERS + 1; id <= 2 * WORKERS; id++)
        pool_submit(l, id, "fds");
    pool_close(l);
    for (int ms = 0; ms < 3000 && count_threads() > 1;
         ms++) /* it is listed a little longer than it can be joined */
        task_sleep(1);
    ck_assert_uint_eq(count_threads(), 1);
    ck_assert_uint_eq(l->warnings, 0);
    for (unsigned id = 1; id <= WORKERS; id++)
        ck_assert_str_eq(l->of[id].text, "met");
    for (unsigned id = WORKERS + 1; id <= 2 * WORKERS; id++)
        ck_assert_str_eq(l->of[id].text, "0 1 2 3 4");
    free(l);
}
END_TEST

/* Its own, and not that of a worker before it; with many workers none. */
START_TEST(a_worker_has_one_window_where_workers_are_few)
{
    struct ledger *l = ledger_new();
    bool few = _i == 0;
    struct executor_options o = process_options(few ? 3 : 65);
    pool_open(l, &o);
    for (unsigned id = 1; id <= 6; id++)
        pool_submit(l, id, "windows");
    pool_close(l);
    for (unsigned id = 1; id <= 6; id++)
        ck_assert_str_eq(l->of[id].text, few ? "1" : "0");
    free(l);
}
END_TEST

START_TEST(signals_for_the_group_do_not_reach_workers)
{
    static const int signals[] = {SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2};
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(1);
    struct executor_worker_info st;
    pool_open(l, &o);
    pool_submit(l, 1, "sleep 100");
    pool_until(l, l->of[1].started);
    ck_assert(executor_worker_status(l->x, 1, &st));
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        ck_assert_int_eq(kill(st.pid, signals[i]), 0);
    pool_close(l);
    ck_assert_uint_eq(l->of[1].ends, 1);
    free(l);
}
END_TEST

/* --- when workers cannot be started --- */

/* Runs `tasks` that sleep, so that processors are idle and more workers wanted; returns the ledger. */
static struct ledger *run_sleepers(unsigned workers, unsigned tasks, enum executor_mode mode)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(workers);
    o.mode = mode;
    pool_open(l, &o);
    for (unsigned id = 1; id <= tasks; id++)
        pool_submit(l, id, "sleep 20");
    pool_close(l);
    ledger_complete(l, 1, tasks);
    return l;
}

START_TEST(a_pool_that_can_not_be_made_closes_nothing)
{
    struct executor_options o = process_options(4);
    char message[100] = "";
    int zero = open("/dev/null", O_RDONLY);
    if (zero > 0)
        (void)dup2(zero, 0);
    o.wake_fd = open("/proc/self/exe", O_RDONLY); /* epoll refuses it */
    ck_assert_int_gt(o.wake_fd, 0);
    ck_assert_ptr_null(executor_new(&o, message, sizeof message));
    ck_assert_ptr_nonnull(strstr(message, "could not be made"));
    ck_assert_int_ge(fcntl(0, F_GETFD), 0);
}
END_TEST

START_TEST(few_descriptors_mean_fewer_workers_and_a_warning)
{
    struct rlimit before, limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = 40;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    struct ledger *l = run_sleepers(64, 300, (enum executor_mode)_i);
    for (unsigned id = 1; id <= 300; id++)
        ck_assert_uint_eq(l->of[id].ends, 1);
    ck_assert_uint_eq(l->warnings, 1);
    ck_assert_ptr_nonnull(strstr(l->warning, "of 64 workers could be started"));
    free(l);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}
END_TEST

/* A user whom no other process has, not even one of the same test elsewhere: its processes are counted. */
static void become_nobody_else(void)
{
    unsigned id = 100000 + (unsigned)getpid();
    ck_assert_int_eq(setresgid(id, id, id), 0);
    ck_assert_int_eq(setresuid(id, id, id), 0);
}

START_TEST(a_user_without_processes_left_gets_an_error_and_no_hang)
{
    if (geteuid() != 0)
        return; /* the limit of an ordinary user would count what else that user runs */
    struct rlimit limit, before;
    ck_assert_int_eq(getrlimit(RLIMIT_NPROC, &before), 0);
    limit = before;
    limit.rlim_cur = 0;
    ck_assert_int_eq(setgroups(0, NULL), 0);
    become_nobody_else();
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &limit), 0);
    struct ledger *l = run_sleepers(4, 500, (enum executor_mode)_i);
    for (unsigned id = 1; id <= 500; id++) {
        ck_assert_uint_eq(l->of[id].lost, 1);
        ck_assert_str_eq(l->of[id].text, "no worker could be started");
    }
    ck_assert_uint_eq(l->warnings, 1);
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &before), 0); /* a leak checker may want a process */
    free(l);
}
END_TEST

START_TEST(few_processes_mean_fewer_workers)
{
    if (geteuid() != 0)
        return;
    struct rlimit limit = {4, 4};
    ck_assert_int_eq(setgroups(0, NULL), 0);
    become_nobody_else();
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &limit), 0);
    struct ledger *l = run_sleepers(32, 200, (enum executor_mode)_i);
    for (unsigned id = 1; id <= 200; id++) {
        ck_assert_uint_eq(l->of[id].ends, 1);
        ck_assert_uint_le(l->of[id].worker, 4);
    }
    ck_assert_uint_eq(l->warnings, 1);
    free(l);
}
END_TEST

/* A thread forks, and the next is on its way when one can't be started: for lack of processes (0), of which
 * that thread is one, or of descriptors (1). */
START_TEST(one_of_many_that_can_not_be_started_is_told)
{
    enum { WORKERS = 300, MOST = 150, MEET = 140, TASKS = 900 };
    if (geteuid() != 0 || HAS_THREADS || within_valgrind())
        return;
    struct rlimit before;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit processes = {MOST + 2, MOST + 2}, files = {4 * MOST + 20, before.rlim_max};
    ck_assert_int_eq(setgroups(0, NULL), 0);
    become_nobody_else();
    ck_assert_int_eq(setrlimit(_i ? RLIMIT_NOFILE : RLIMIT_NPROC, _i ? &files : &processes), 0);
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(WORKERS);
    unsigned most = 0, told = 0;
    meeting_open();
    pool_open(l, &o);
    for (unsigned id = 1; id <= TASKS; id++)
        pool_submit(l, id, id <= MEET ? "meet 140" : "sleep 20");
    pool_close(l);
    ledger_complete(l, 1, TASKS);
    for (unsigned id = 1; id <= TASKS; id++) {
        ck_assert_uint_eq(l->of[id].ends, 1);
        most = l->of[id].worker > most ? l->of[id].worker : most;
    }
    ck_assert_uint_eq(l->warnings, 1);
    ck_assert_int_eq(sscanf(l->warning, "only %u of 300 workers could be started", &told), 1);
    ck_assert_uint_eq(told, most);
    if (_i == 0)
        ck_assert_uint_eq(told, MOST);
    else
        ck_assert_uint_gt(told, MOST - 10);
    free(l);
}
END_TEST

/* Not for leak checkers, which want to see all of /proc. A plain user does not see the processes of others,
 * nor workers that gave up being looked into. The workers that there are have ended a task, or never will. */
START_TEST(a_pool_grows_where_proc_tells_nothing)
{
    enum { WORKERS = 40 };
    const unsigned first = _i ? 8 : 0;
    if (within_one_process() || UNDER_ADDRESS_SANITIZER || within_valgrind() || geteuid() != 0 ||
        unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("proc", "/proc", "proc", 0, "hidepid=2") < 0)
        return;
    ck_assert_int_eq(setgroups(0, NULL), 0);
    become_nobody_else();
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(WORKERS);
    meeting_open();
    pool_open(l, &o);
    for (unsigned id = 1; id <= first; id++)
        pool_submit(l, id, "sleep 1");
    pool_drain(l);
    for (unsigned id = first + 1; id <= first + WORKERS; id++)
        pool_submit(l, id, "meet 40");
    pool_close(l);
    for (unsigned id = first + 1; id <= first + WORKERS; id++)
        ck_assert_str_eq(l->of[id].text, "met");
    free(l);
}
END_TEST

/* How many descriptors fit into the table as it is; 0 where that isn't told. */
static unsigned table_size(void)
{
    unsigned size = 0;
    char line[256];
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "FDSize: %u", &size) == 1)
            break;
    if (f)
        (void)fclose(f);
    return size;
}

/* The kernel lets each thread wait that makes a shared table grow. */
START_TEST(threads_find_room_for_their_descriptors)
{
    enum { WORKERS = 300 };
    struct rlimit before, limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = limit.rlim_cur < 3000 ? limit.rlim_cur : 3000;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    unsigned size = table_size();
    if (size == 0 || size > 1024 || limit.rlim_cur < 3000)
        return;
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(WORKERS);
    o.mode = EXECUTOR_THREAD;
    pool_open(l, &o);
    ck_assert_uint_ge(table_size(), executor_descriptors(EXECUTOR_THREAD, WORKERS));
    pool_close(l);
    o.max_workers = 1000; /* more than may be open: as many as that */
    pool_open(l, &o);
    ck_assert_uint_ge(table_size(), 2999);
    pool_close(l);
    free(l);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}
END_TEST

/* A user who may have two processes opens a pool: task 1 runs, and for task 2 no worker can be started. */
static void open_with_one_worker(struct ledger *l, const struct executor_options *o, const struct rlimit *two)
{
    ck_assert_int_eq(setgroups(0, NULL), 0);
    become_nobody_else();
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, two), 0);
    pool_open(l, o);
    pool_submit(l, 1, "sleep 20000");
    pool_submit(l, 2, "pid");
    pool_until(l, l->of[1].started); /* or the worker might take the second while the first is taken back */
    pool_until(l, executor_room(l->x) == 0);
}

/* Room that comes with time alone is news as well: the one worker that there is may be long at its task. */
START_TEST(a_failed_start_is_tried_again_while_a_task_runs)
{
    if (geteuid() != 0 || HAS_THREADS)
        return;
    struct rlimit before, limit;
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(4);
    ck_assert_int_eq(getrlimit(RLIMIT_NPROC, &before), 0);
    limit = before;
    limit.rlim_cur = 2;
    open_with_one_worker(l, &o, &limit);
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &before), 0);
    pool_until(l, executor_room(l->x) > 0);
    ck_assert_uint_eq(l->of[1].ends, 0);
    pool_submit(l, 3, "pid");
    pool_until(l, l->of[2].ends && l->of[3].ends);
    ck_assert_uint_eq(l->of[1].ends, 0);
    pool_end(l, EXECUTOR_CANCEL, deadline_now());
    free(l);
}
END_TEST

/* Rather an error than a hang, though there have been workers. */
START_TEST(tasks_are_lost_when_no_worker_can_be_started_any_more)
{
    enum { TASKS = 4 };
    if (geteuid() != 0 || HAS_THREADS)
        return;
    struct rlimit limit = {1, 1};
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(3);
    o.max_tasks_per_worker = 1;
    ck_assert_int_eq(setgroups(0, NULL), 0);
    become_nobody_else();
    pool_open(l, &o);
    pool_submit(l, 1, "pid");
    pool_drain(l);
    pool_until(l, executor_workers(l->x) == 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &limit), 0);
    for (unsigned id = 2; id < 2 + TASKS && executor_room(l->x) > 0; id++)
        pool_submit(l, id, "pid");
    pool_close(l);
    ck_assert_uint_eq(l->of[1].ends, 1);
    ck_assert_uint_eq(l->of[2].lost, 1);
    ck_assert_uint_eq(l->of[3].lost, 1);
    ck_assert_uint_eq(l->of[4].lost, 1);
    free(l);
}
END_TEST

/* After a failed start one is tried before more are promised. */
START_TEST(trouble_with_starting_leaves_room_for_one)
{
    if (geteuid() != 0 || HAS_THREADS)
        return;
    struct rlimit limit = {2, 2};
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(6);
    open_with_one_worker(l, &o, &limit);
    ck_assert_int_eq(executor_cancel(l->x, 2, false), 0);
    pool_until(l, executor_idle(l->x) > 0);
    ck_assert_uint_eq(executor_idle(l->x), 1);
    pool_end(l, EXECUTOR_CANCEL, deadline_now());
    free(l);
}
END_TEST

/* --- the parent's end --- */

/* A pool in a process of its own, all workers busy; reports their ids through `up`, then waits to be killed.
 */
__attribute__((noreturn)) static void doomed_pool(int up)
{
    struct ledger *l = ledger_new();
    struct executor_options o = process_options(4);
    struct executor_worker_info st;
    pool_open(l, &o);
    for (unsigned id = 1; id <= 4; id++)
        pool_submit(l, id, id % 2 ? "hang" : "big 1000000000");
    while (!l->of[1].started || !l->of[2].started || !l->of[3].started || !l->of[4].started)
        (void)executor_poll(l->x, -1, ledger_note, l);
    for (unsigned w = 1; w <= 4; w++) {
        if (!executor_worker_status(l->x, w, &st) || write(up, &st.pid, sizeof st.pid) < 0)
            _exit(1);
    }
    for (;;)
        (void)pause();
}

START_TEST(no_worker_outlives_a_parent_that_is_killed)
{
    int up[2], status;
    int pids[4];
    ck_assert_int_eq(pipe2(up, O_CLOEXEC), 0);
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* the orphans come to us, so their end shows */
    pid_t parent = fork();
    if (parent == 0)
        doomed_pool(up[1]);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq((int)read(up[0], &pids[i], sizeof pids[i]), (int)sizeof pids[i]);
    ck_assert_int_eq(kill(parent, SIGKILL), 0);
    for (unsigned gone = 0; gone < 5; gone++) {
        ck_assert_int_gt(waitpid(-1, &status, 0), 0); /* killed, or the pipe broke first */
        ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
    }
    no_children();
}
END_TEST

/* LeakSanitizer can't look into children that have run out of processes or are killed, and fails them. */
enum { SKIPPED = 77 };

int main(void)
{
    if (UNDER_ADDRESS_SANITIZER)
        return SKIPPED;
    Suite *s = suite_create("executor faults");
    TCase *t = tcase_create("executor faults");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, a_death_costs_its_one_task_and_says_why, 0, sizeof deaths / sizeof deaths[0]);
    tcase_add_loop_test(t, a_worker_that_lies_is_killed_and_told, 0, sizeof forgeries / sizeof forgeries[0]);
    tcase_add_test(t, a_worker_that_tampers_with_its_jobs_pipe_stops_nobody);
    tcase_add_test(t, a_worker_found_out_at_an_end_costs_no_other_task);
    tcase_add_test(t, only_a_worker_process_can_be_killed);
    tcase_add_test(t, a_task_that_hangs_is_ended_at_its_limit);
    tcase_add_test(t, a_thread_that_is_given_up_in_a_large_body_goes_all_the_same);
    tcase_add_test(t, a_slow_start_is_no_hung_task_while_others_become_ready);
    tcase_add_test(t, a_worker_that_hangs_at_its_start_is_ended_as_well);
    tcase_add_test(t, cancelling_a_running_task_kills_its_process);
    tcase_add_test(t, each_task_ends_once_under_random_kills);
    tcase_add_test(t, a_stopped_worker_is_replaced_and_one_that_goes_on_is_not);
    tcase_add_test(t, an_idle_worker_that_is_stopped_loses_no_task_and_delays_no_end);
    tcase_add_test(t, a_worker_dies_while_it_is_held);
    tcase_add_test(t, time_in_which_nobody_looks_does_not_count);
    tcase_add_test(t, time_in_which_a_task_is_held_does_not_count);
    tcase_add_test(t, time_in_which_a_task_is_held_and_nobody_looks_does_not_count);
    tcase_add_test(t, a_pool_that_was_stopped_with_its_caller_blames_nobody);
    tcase_add_test(t, a_task_does_not_pay_for_the_time_before_it);
    tcase_add_test(t, a_task_does_not_pay_for_the_time_before_the_next_call);
    tcase_add_test(t, a_worker_is_replaced_after_its_tasks);
    tcase_add_test(t, a_freed_place_ends_a_poll);
    tcase_add_test(t, a_freed_place_is_told_when_nothing_runs);
    tcase_add_test(t, a_worker_has_none_of_the_pools_memory);
    tcase_add_test(t, a_worker_holds_its_two_pipes_and_nothing_else);
    tcase_add_loop_test(t, one_of_many_workers_holds_nothing_else_either, 0, 3);
    tcase_add_loop_test(t, a_worker_has_one_window_where_workers_are_few, 0, 2);
    tcase_add_test(t, signals_for_the_group_do_not_reach_workers);
    tcase_add_test(t, a_pool_that_can_not_be_made_closes_nothing);
    tcase_add_loop_test(t, few_descriptors_mean_fewer_workers_and_a_warning, 0, 2);
    tcase_add_loop_test(t, a_user_without_processes_left_gets_an_error_and_no_hang, 0, 2);
    tcase_add_test(t, a_failed_start_is_tried_again_while_a_task_runs);
    tcase_add_test(t, tasks_are_lost_when_no_worker_can_be_started_any_more);
    tcase_add_test(t, trouble_with_starting_leaves_room_for_one);
    tcase_add_loop_test(t, few_processes_mean_fewer_workers, 0, 2);
    tcase_add_loop_test(t, one_of_many_that_can_not_be_started_is_told, 0, 2);
    tcase_add_loop_test(t, a_pool_grows_where_proc_tells_nothing, 0, 2);
    tcase_add_test(t, threads_find_room_for_their_descriptors);
    tcase_add_test(t, no_worker_outlives_a_parent_that_is_killed);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
