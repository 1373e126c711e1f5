#include "config.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"

enum { SIZE_MOST = 5000, PAGE = 4096 };

static unsigned char byte_of(size_t size)
{
    return (unsigned char)(size * 37 + 11);
}

static int is_filled(const unsigned char *p, size_t len, unsigned char byte)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] != byte)
            return 0;
    return 1;
}

START_TEST(every_size_is_aligned_and_apart)
{
    static unsigned char *p[SIZE_MOST + 1];
    for (size_t size = 1; size <= SIZE_MOST; size++) {
        p[size] = arena_alloc(size);
        ck_assert_ptr_nonnull(p[size]);
        ck_assert_uint_eq((uintptr_t)p[size] % 16, 0);
        memset(p[size], byte_of(size), size);
    }
    for (size_t size = 1; size <= SIZE_MOST; size++)
        ck_assert_msg(is_filled(p[size], size, byte_of(size)), "size %zu", size);
    for (size_t size = 1; size <= SIZE_MOST; size++)
        arena_free(p[size]);
}
END_TEST

START_TEST(what_is_freed_is_used_again)
{
    for (size_t size = 1; size <= 4000; size += 13) {
        void *one = arena_alloc(size), *two = arena_alloc(size);
        arena_free(one);
        arena_free(two);
        ck_assert_ptr_eq(arena_alloc(size), two);
        ck_assert_ptr_eq(arena_alloc(size), one);
        arena_free(two);
        arena_free(one);
    }
}
END_TEST

START_TEST(realloc_keeps_what_is_there)
{
    for (size_t from = 1; from <= SIZE_MOST; from += 97)
        for (size_t to = 1; to <= 3 * SIZE_MOST; to += 501) {
            unsigned char *p = arena_alloc(from);
            memset(p, byte_of(from), from);
            p = arena_realloc(p, to);
            ck_assert_ptr_nonnull(p);
            ck_assert_uint_eq((uintptr_t)p % 16, 0);
            ck_assert(is_filled(p, from < to ? from : to, byte_of(from)));
            memset(p, 1, to);
            arena_free(p);
        }
}
END_TEST

START_TEST(no_bytes_and_far_too_many)
{
    ck_assert_ptr_null(arena_alloc(0));
    ck_assert_ptr_null(arena_alloc(SIZE_MAX));
    ck_assert_ptr_null(arena_alloc(SIZE_MAX - 15));
    arena_free(NULL);
    unsigned char *p = arena_realloc(NULL, 100);
    ck_assert_ptr_nonnull(p);
    memset(p, 7, 100);
    ck_assert_ptr_null(arena_realloc(p, SIZE_MAX - 3));
    ck_assert(is_filled(p, 100, 7)); /* still the caller's */
    ck_assert_ptr_null(arena_realloc(p, 0));
    ck_assert_ptr_eq(arena_alloc(100), p);
    arena_free(p);
    p = arena_alloc(100000);
    memset(p, 8, 100000);
    ck_assert_ptr_null(arena_realloc(p, SIZE_MAX - 3));
    ck_assert(is_filled(p, 100000, 8));
    arena_free(p);
}
END_TEST

/* The signal that ends a child that does `wrong`, or 0. */
static int ends_by(void (*wrong)(void))
{
    int status;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none);
        wrong();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void free_twice(void)
{
    void *p = arena_alloc(40);
    arena_free(p);
    arena_free(p);
}

static void realloc_freed(void)
{
    void *p = arena_alloc(40);
    arena_free(p);
    (void)arena_realloc(p, 20);
}

static void write_before(void)
{
    unsigned char *volatile p = arena_alloc(40);
    memset(p - 8, 'A', 8);
    arena_free(p);
}

static void write_beyond(void)
{
    unsigned char *volatile p = arena_alloc(40);
    unsigned char *behind = arena_alloc(40);
    while (behind < p || behind - p > 64) { /* until there are two neighbours */
        p = behind;
        behind = arena_alloc(40);
    }
    memset(p, 'A', 64);
    arena_free(behind);
}

START_TEST(misuse_ends_the_process)
{
    ck_assert_int_eq(ends_by(free_twice), SIGABRT);
    ck_assert_int_eq(ends_by(realloc_freed), SIGABRT);
    ck_assert_int_eq(ends_by(write_before), SIGABRT);
    ck_assert_int_eq(ends_by(write_beyond), SIGABRT);
}
END_TEST

START_TEST(a_child_uses_pages_of_its_own)
{
    enum { BLOCKS = 200 };
    void *old[BLOCKS];
    int status;
    for (int i = 0; i < BLOCKS; i++)
        old[i] = arena_alloc(200);
    for (int i = 0; i < BLOCKS; i += 2)
        arena_free(old[i]);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int near = 0;
        arena_fresh(10000);
        for (int i = 0; i < 2 * BLOCKS; i++) {
            uintptr_t page = (uintptr_t)arena_alloc(200) / PAGE;
            for (int j = 0; j < BLOCKS; j++)
                near += (uintptr_t)old[j] / PAGE == page;
        }
        for (int i = 1; i < BLOCKS; i += 2)
            arena_free(old[i]); /* the parent's own are freed as ever */
        _exit(near > 100 ? 100 : near);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    for (int i = 1; i < BLOCKS; i += 2)
        arena_free(old[i]);
}
END_TEST

static uintptr_t page_of(const void *p)
{
    return (uintptr_t)p / PAGE;
}

START_TEST(busy_blocks_lie_together)
{
    enum { BLOCKS = 40 };
    void *busy[BLOCKS];
    uintptr_t pages[BLOCKS];
    size_t count = 0;
    for (int i = 0; i < BLOCKS; i++) {
        void *plain = arena_alloc(56), *more = arena_alloc(3000);
        busy[i] = arena_alloc_busy(56);
        ck_assert_uint_ne(page_of(busy[i]), page_of(plain));
        ck_assert_uint_ne(page_of(busy[i]), page_of(more));
        if (i == 0 || page_of(busy[i]) != page_of(busy[i - 1]))
            pages[count++] = page_of(busy[i]);
    }
    ck_assert_uint_le(count, 2); /* 2,560 bytes */
    arena_free(busy[7]);
    ck_assert_ptr_ne(arena_alloc(56), busy[7]);
    ck_assert_ptr_eq(arena_alloc_busy(50), busy[7]);
    void *grown = arena_realloc(busy[8], 500);
    ck_assert_uint_le(page_of(grown) - pages[0], 8); /* of the same chunk */
    ck_assert_ptr_eq(arena_alloc_busy(56), busy[8]);
    void *large = arena_alloc_busy(100000);
    ck_assert_ptr_nonnull(large);
    arena_free(large);
}
END_TEST

START_TEST(a_child_has_no_busy_blocks_apart)
{
    int status;
    (void)arena_alloc_busy(56);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        arena_fresh(10000);
        char *plain = arena_alloc(56), *busy = arena_alloc_busy(56);
        _exit(busy - plain == 64 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

static void *alloc_in_thread(void *arg)
{
    (void)arg;
    unsigned char *p = arena_alloc(300);
    if (p)
        memset(p, 9, 300);
    return p;
}

static void *free_and_alloc_in_thread(void *arg)
{
    arena_free(arg);
    return alloc_in_thread(NULL);
}

static void *in_thread(void *(*run)(void *), void *arg)
{
    pthread_t thread;
    void *result = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, run, arg), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    return result;
}

START_TEST(a_thread_frees_what_another_had)
{
    unsigned char *p = in_thread(alloc_in_thread, NULL);
    ck_assert_ptr_nonnull(p);
    ck_assert(is_filled(p, 300, 9));
    ck_assert_ptr_eq(in_thread(free_and_alloc_in_thread, p), p);
    arena_free(p);
    ck_assert_ptr_eq(arena_alloc(300), p);
    arena_free(p);
}
END_TEST

START_TEST(what_a_thread_had_is_the_next_ones)
{
    unsigned char *before = in_thread(alloc_in_thread, NULL);
    for (int i = 0; i < 20; i++) {
        unsigned char *p = in_thread(alloc_in_thread, NULL);
        ck_assert_ptr_nonnull(p);
        ck_assert_ptr_ne(p, before);
        ck_assert_uint_lt((uintptr_t)p - (uintptr_t)before, 64 * 1024); /* of the same chunk */
    }
}
END_TEST

enum { THREADS = 4, ROUNDS = 20000, HELD = 64 };

/* What a thread wants to be rid of goes to whoever comes by. */
static void *_Atomic exchange[HELD];

static void *churn(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        seed = seed * 1103515245 + 12345;
        size_t size = 1 + (seed >> 8) % 2000;
        unsigned char *p = arena_alloc(size);
        if (!p)
            return (void *)1;
        memset(p, 1, size);
        arena_free(atomic_exchange(&exchange[(seed >> 4) % HELD], p));
    }
    return NULL;
}

static void *churn_and_pass_on(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        seed = seed * 1103515245 + 12345;
        size_t size = i % 8 ? 1 + (seed >> 8) % 600 : 1 + (seed >> 8) % 70000;
        unsigned char *p = arena_alloc(size);
        if (!p)
            return (void *)1;
        memset(p, (int)(seed >> 3 & 0xff), size);
        unsigned char *q = atomic_exchange(&exchange[(seed >> 4) % HELD], p);
        if (i % 50 == 0)
            arena_pass_on();
        arena_free(q);
    }
    return NULL;
}

/* All threads run `what`, and find nothing wrong. */
static void run_threads(void *(*what)(void *))
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, what, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        ck_assert_int_eq(pthread_join(threads[i], &result), 0);
        ck_assert_ptr_null(result);
    }
    for (int i = 0; i < HELD; i++)
        arena_free(atomic_exchange(&exchange[i], NULL));
}

START_TEST(threads_at_once)
{
    run_threads(churn);
}
END_TEST

enum { PASSED = 50 };

/* Sorts pointers, so that sets of them can be compared. */
static int pointer_order(const void *a, const void *b)
{
    const uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
    return (x > y) - (x < y);
}

/* Frees blocks of `passed` bytes and passes them on, or just allocates as many. */
static void *had[2][PASSED];
static size_t passed;
static pthread_barrier_t passing;

static void *pass_on_in_thread(void *arg)
{
    (void)arg;
    for (int i = 0; i < PASSED; i++)
        had[0][i] = arena_alloc(passed);
    for (int i = 0; i < PASSED; i++)
        arena_free(had[0][i]);
    arena_pass_on();
    (void)pthread_barrier_wait(&passing); /* the other allocates while this thread lives */
    (void)pthread_barrier_wait(&passing);
    return NULL;
}

static void *take_in_thread(void *arg)
{
    (void)arg;
    (void)pthread_barrier_wait(&passing);
    for (int i = 0; i < PASSED; i++)
        had[1][i] = arena_alloc(passed + 5);
    (void)pthread_barrier_wait(&passing);
    return NULL;
}

/* True if the second thread got just what the first had freed. No other test may have freed blocks of the
 * size. */
static bool is_passed_on(size_t size)
{
    passed = size;
    pthread_t threads[2];
    ck_assert_int_eq(pthread_barrier_init(&passing, NULL, 2), 0);
    ck_assert_int_eq(pthread_create(&threads[0], NULL, pass_on_in_thread, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, take_in_thread, NULL), 0);
    ck_assert_int_eq(pthread_join(threads[0], NULL), 0);
    ck_assert_int_eq(pthread_join(threads[1], NULL), 0);
    pthread_barrier_destroy(&passing);
    for (int i = 0; i < 2; i++)
        qsort(had[i], PASSED, sizeof *had[i], pointer_order);
    return memcmp(had[0], had[1], sizeof had[0]) == 0;
}

START_TEST(what_is_passed_on_is_any_threads)
{
    arena_share();
    ck_assert(is_passed_on(2600));
    void *p = arena_alloc(2600);
    arena_free(p);
    arena_pass_on();
    ck_assert_ptr_eq(arena_alloc(2600), p);
}
END_TEST

/* Has a set of its own before the other passes its on, and more than that holds is wanted. */
static void *take_more_in_thread(void *arg)
{
    enum { CHUNK = 32 * 1024 };
    uintptr_t got[PASSED + CHUNK / 2900];
    size_t count = sizeof got / sizeof *got, found = 0;
    (void)arg;
    arena_free(arena_alloc(40));
    (void)pthread_barrier_wait(&passing);
    (void)pthread_barrier_wait(&passing);
    for (size_t i = 0; i < count; i++)
        got[i] = (uintptr_t)arena_alloc(passed);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < PASSED; j++)
            found += got[i] == (uintptr_t)had[0][j];
    (void)pthread_barrier_wait(&passing);
    return (void *)found;
}

static void *pass_on_beside_another(void *arg)
{
    (void)arg;
    (void)pthread_barrier_wait(&passing);
    for (int i = 0; i < PASSED; i++)
        had[0][i] = arena_alloc(passed);
    for (int i = 0; i < PASSED; i++)
        arena_free(had[0][i]);
    arena_pass_on();
    (void)pthread_barrier_wait(&passing);
    (void)pthread_barrier_wait(&passing);
    return NULL;
}

START_TEST(what_others_left_is_used_before_more_is_got)
{
    pthread_t threads[2];
    void *found;
    arena_share();
    passed = 2900;
    ck_assert_int_eq(pthread_barrier_init(&passing, NULL, 2), 0);
    ck_assert_int_eq(pthread_create(&threads[0], NULL, pass_on_beside_another, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, take_more_in_thread, NULL), 0);
    ck_assert_int_eq(pthread_join(threads[0], NULL), 0);
    ck_assert_int_eq(pthread_join(threads[1], &found), 0);
    pthread_barrier_destroy(&passing);
    ck_assert_uint_ge((uintptr_t)found, PASSED - 4); /* so many stay in the set that was left */
}
END_TEST

/* One thread allocates, another frees, again and again: what there is must not grow with the rounds. */
enum { CARRIED = 400, CARRIES = 300, CARRIED_SIZE = 600 };
static void *carried[CARRIED];

static void *carry_in_thread(void *arg)
{
    for (int i = 0; i < CARRIES; i++) {
        for (int k = 0; arg && k < CARRIED; k++)
            carried[k] = arena_alloc(CARRIED_SIZE);
        (void)pthread_barrier_wait(&passing);
        for (int k = 0; !arg && k < CARRIED; k++)
            arena_free(carried[k]);
        (void)pthread_barrier_wait(&passing);
    }
    return NULL;
}

static long resident_pages(void)
{
    long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%ld %ld", &size, &resident), 2);
    (void)fclose(f);
    return resident;
}

START_TEST(what_one_thread_frees_another_has_again)
{
    static char yes;
    pthread_t threads[2];
    arena_share();
    long before = resident_pages();
    ck_assert_int_eq(pthread_barrier_init(&passing, NULL, 2), 0);
    ck_assert_int_eq(pthread_create(&threads[0], NULL, carry_in_thread, &yes), 0);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, carry_in_thread, NULL), 0);
    ck_assert_int_eq(pthread_join(threads[0], NULL), 0);
    ck_assert_int_eq(pthread_join(threads[1], NULL), 0);
    pthread_barrier_destroy(&passing);
    long most = 4L * CARRIED * CARRIED_SIZE / PAGE; /* all rounds would be 75 times that */
    if (!getenv("LD_PRELOAD"))
        ck_assert_int_lt(resident_pages() - before, most + 500);
}
END_TEST

/* What was left first is as good as what was left last: a set that lies deep keeps next to nothing. */
enum { DEEP = 24, BURIALS = 200 };
static pthread_barrier_t rounds;

static void *leave_in_turn(void *arg)
{
    const uintptr_t me = (uintptr_t)arg;
    for (int i = 0; i < BURIALS; i++) {
        if (me > 0)
            arena_free(arena_alloc(40)); /* each but the first has a set */
        (void)pthread_barrier_wait(&rounds);
        for (int k = 0; i > 0 && me == 1 && k < CARRIED; k++)
            arena_free(carried[k]);
        if (me == 1)
            arena_pass_on();
        (void)pthread_barrier_wait(&rounds);
        if (me > 1)
            arena_pass_on(); /* on top of it */
        (void)pthread_barrier_wait(&rounds);
        for (int k = 0; me == 0 && k < CARRIED; k++)
            carried[k] = arena_alloc(CARRIED_SIZE);
        if (me == 0)
            arena_pass_on();
        (void)pthread_barrier_wait(&rounds);
    }
    return NULL;
}

START_TEST(sets_that_lie_deep_keep_next_to_nothing)
{
    pthread_t threads[DEEP + 1];
    arena_share();
    long before = resident_pages();
    ck_assert_int_eq(pthread_barrier_init(&rounds, NULL, DEEP + 1), 0);
    for (uintptr_t i = 0; i <= DEEP; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, leave_in_turn, (void *)i), 0);
    for (int i = 0; i <= DEEP; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&rounds);
    long most = 4L * CARRIED * CARRIED_SIZE / PAGE; /* all rounds would be 50 times that */
    if (!getenv("LD_PRELOAD"))
        ck_assert_int_lt(resident_pages() - before, most + 1000);
}
END_TEST

static void *large_in_thread(void *arg)
{
    arena_free(arg);
    return arena_alloc(16 * 1024);
}

START_TEST(nothing_is_passed_on_unless_it_is_shared)
{
    ck_assert(!is_passed_on(3300));
}
END_TEST

START_TEST(large_blocks_are_kept_for_others)
{
    arena_share();
    unsigned char *p = arena_alloc(16 * 1024), *message = arena_alloc(21848), *ahead = arena_alloc(64 * 1024);
    ck_assert_ptr_nonnull(p);
    memset(p, 3, 16 * 1024);
    ck_assert_ptr_eq(in_thread(large_in_thread, p), p);
    arena_free(message);
    arena_free(ahead);
    ck_assert_ptr_eq(arena_alloc(21000), message);
    ck_assert_ptr_eq(arena_alloc(65 * 1024), ahead);
    memset(p, 4, 16 * 1024);
    ck_assert_ptr_eq(arena_realloc(p, 16 * 1024 + 512), p);
    unsigned char *more = arena_realloc(p, 100000);
    ck_assert_ptr_nonnull(more);
    ck_assert(is_filled(more, 16 * 1024, 4));
    ck_assert_ptr_eq(arena_alloc(16 * 1024), p);
    arena_free(more);
    unsigned char *small = arena_realloc(ahead, 10); /* shrinks where it is */
    ck_assert_ptr_eq(small, ahead);
    arena_free(small);
    ck_assert_ptr_eq(arena_alloc(64 * 1024), ahead);
    arena_free(ahead);
    arena_free(message);
    arena_free(p);
}
END_TEST

START_TEST(a_child_does_not_share)
{
    int status;
    arena_share();
    void *p = arena_alloc(16 * 1024), *q = arena_alloc(300);
    arena_free(p);
    arena_free(q);
    arena_pass_on();
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        arena_fresh(10000);
        void *mine = arena_alloc(300);
        arena_free(mine);
        arena_pass_on();
        bool apart = mine != q && arena_alloc(16 * 1024) != p;
        /* Not by _exit, where valgrind would report what the child has left to its parent as lost. */
        kill(getpid(), apart ? SIGKILL : SIGTERM);
        pause();
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGKILL);
}
END_TEST

START_TEST(threads_share_at_once)
{
    arena_share();
    run_threads(churn_and_pass_on);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("arena");
    TCase *t = tcase_create("arena");
    tcase_add_test(t, every_size_is_aligned_and_apart);
    tcase_add_test(t, what_is_freed_is_used_again);
    tcase_add_test(t, realloc_keeps_what_is_there);
    tcase_add_test(t, no_bytes_and_far_too_many);
    tcase_add_test(t, misuse_ends_the_process);
    tcase_add_test(t, a_child_uses_pages_of_its_own);
    tcase_add_test(t, busy_blocks_lie_together);
    tcase_add_test(t, a_child_has_no_busy_blocks_apart);
    tcase_add_test(t, a_thread_frees_what_another_had);
    tcase_add_test(t, what_a_thread_had_is_the_next_ones);
    tcase_add_test(t, threads_at_once);
    tcase_add_test(t, nothing_is_passed_on_unless_it_is_shared);
    tcase_add_test(t, what_is_passed_on_is_any_threads);
    tcase_add_test(t, what_others_left_is_used_before_more_is_got);
    tcase_add_test(t, what_one_thread_frees_another_has_again);
    tcase_add_test(t, sets_that_lie_deep_keep_next_to_nothing);
    tcase_add_test(t, large_blocks_are_kept_for_others);
    tcase_add_test(t, a_child_does_not_share);
    tcase_add_test(t, threads_share_at_once);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
