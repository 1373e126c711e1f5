/* Memory that a worker shares with the pool. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor/frame.h"
#include "executor/window.h"

enum { ROUNDS = 500 };

static struct window w;
static int ends[2];

static void setup(void)
{
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert(window_open(&w, WINDOW_OF_PROCESS));
}

static void teardown(void)
{
    window_close(&w);
    window_close(&w); /* of none */
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* The worker: fills place after place, and says so. */
_Noreturn static void fill(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        unsigned char *place = window_place(&w);
        memset(place, i, FRAME_MAX_BODY);
        window_filled(&w);
        if (write(ends[1], "x", 1) != 1)
            _exit(1);
    }
    _exit(0);
}

static pid_t worker(void)
{
    window_lend(&w);
    pid_t pid = fork();
    if (pid == 0)
        fill();
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(window_part(&w), 0);
    return pid;
}

static void told(void)
{
    char byte;
    ck_assert_int_eq((int)read(ends[0], &byte, 1), 1);
}

START_TEST(what_the_worker_fills_the_pool_reads_in_turn)
{
    pid_t pid = worker();
    for (int i = 0; i < ROUNDS; i++) {
        told();
        const unsigned char *place = window_next(&w);
        ck_assert_int_eq(place[0], (unsigned char)i);
        ck_assert_int_eq(place[FRAME_MAX_BODY - 1], (unsigned char)i);
        window_give_back(&w);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* True if the worker says something within a moment. */
static bool more(void)
{
    struct pollfd p = {.fd = ends[0], .events = POLLIN};
    return poll(&p, 1, 200) == 1;
}

START_TEST(a_worker_waits_until_a_place_is_given_back)
{
    pid_t pid = worker();
    for (int i = 0; i < WINDOW_PLACES; i++)
        told();
    ck_assert(!more());
    (void)window_next(&w);
    ck_assert(!more()); /* it is being read */
    window_give_back(&w);
    told();
    ck_assert(!more());
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}
END_TEST

/* Places are counted beyond what the count can hold. */
START_TEST(the_count_may_wrap)
{
    struct window pool = w;
    for (uint32_t i = 0; i < 2; i++) {
        unsigned char *place = window_place(&w);
        ck_assert_ptr_eq(place, window_next(&pool));
        window_filled(&w);
        window_give_back(&pool);
    }
    w.count = pool.count = UINT32_MAX; /* and so many were given back */
    uint32_t done = UINT32_MAX;
    memcpy(w.base, &done, sizeof done);
    unsigned char *last = window_place(&w);
    ck_assert_ptr_eq(last, window_next(&pool));
    window_filled(&w);
    window_give_back(&pool);
    unsigned char *first = window_place(&w);
    ck_assert_ptr_eq(first, window_next(&pool));
    ck_assert_ptr_ne(first, last);
    ck_assert_uint_eq(w.count, 0);
}
END_TEST

/* True if a child that is forked now has it. */
static bool inherited(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(msync(w.base, 4096, MS_ASYNC) == 0 ? 1 : errno == ENOMEM ? 0 : 2);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 1;
}

START_TEST(only_the_child_that_it_is_lent_to_inherits_it)
{
    ck_assert(!inherited());
    window_lend(&w);
    ck_assert(inherited());
    ck_assert_int_eq(window_part(&w), 0);
    ck_assert(!inherited());
    struct window none = {0};
    window_lend(&none);
    ck_assert_int_eq(window_part(&none), 0);
}
END_TEST

/* Not even with one that another thread forks just before it is kept from children. */
START_TEST(a_threads_window_is_shared_with_no_child)
{
    struct window own;
    int status;
    ck_assert(window_open(&own, WINDOW_OF_THREAD));
    window_lend(&own);
    unsigned char *place = window_place(&own);
    place[0] = 1;
    pid_t pid = fork();
    if (pid == 0) {
        place[0] = 2;
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(place[0], 1);
    window_close(&own);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("window");
    TCase *t = tcase_create("window");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_the_worker_fills_the_pool_reads_in_turn);
    tcase_add_test(t, a_worker_waits_until_a_place_is_given_back);
    tcase_add_test(t, the_count_may_wrap);
    tcase_add_test(t, only_the_child_that_it_is_lent_to_inherits_it);
    tcase_add_test(t, a_threads_window_is_shared_with_no_child);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
