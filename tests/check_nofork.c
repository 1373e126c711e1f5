/* Memory that children don't get. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/nofork.h"
#include "base/watched.h"

enum { PIECES = 3000 };

static bool all_are(const unsigned char *p, size_t size, unsigned char value)
{
    for (size_t i = 0; i < size; i++)
        if (p[i] != value)
            return false;
    return true;
}

static long resident_kb(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%*d %ld", &pages), 1);
    (void)fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* The signal that ends a child which reads there; 0: it can. */
static int reading_ends_by(const void *p)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        const struct rlimit none = {0};
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(SIGSEGV, SIG_DFL);
        _exit(*(const volatile unsigned char *)p == 0x5a ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

START_TEST(children_have_none_of_it)
{
    struct nofork n = {0};
    if (watched_memory()) /* there they do */
        return;
    unsigned char *map = nofork_map(100000), *piece = nofork_alloc(&n, 100),
                  *large = nofork_alloc(&n, NOFORK_LARGEST), *small = nofork_alloc(&n, 0),
                  *common = malloc(100);
    ck_assert(map && piece && large && small && common);
    map[99999] = piece[99] = large[0] = common[99] = 0x5a;
    ck_assert_int_eq(reading_ends_by(common + 99), 0);
    ck_assert_int_eq(reading_ends_by(map + 99999), SIGSEGV);
    ck_assert_int_eq(reading_ends_by(piece + 99), SIGSEGV);
    ck_assert_int_eq(reading_ends_by(large), SIGSEGV);
    ck_assert_uint_eq(map[99999], 0x5a);
    free(common);
    nofork_free(&n, large);
    nofork_free(&n, small);
    nofork_free(&n, piece);
    nofork_close(&n);
    nofork_unmap(map, 100000);
}
END_TEST

START_TEST(pieces_are_zero_aligned_and_apart)
{
    struct nofork n = {0};
    unsigned char **pieces = calloc(PIECES, sizeof *pieces);
    size_t *sizes = calloc(PIECES, sizeof *sizes);
    uint32_t chance = 7;
    ck_assert(pieces && sizes);
    for (unsigned round = 0; round < 20000; round++) {
        chance = chance * 1664525 + 1013904223;
        unsigned i = (chance >> 8) % PIECES;
        if (pieces[i]) {
            ck_assert(all_are(pieces[i], sizes[i], (unsigned char)(i % 251 + 1)));
            nofork_free(&n, pieces[i]);
            pieces[i] = NULL;
            continue;
        }
        sizes[i] = (chance >> 4) % (i % 50 ? 700 : i % 100 ? 9000 : 300000);
        pieces[i] = nofork_alloc(&n, sizes[i]);
        ck_assert_ptr_nonnull(pieces[i]);
        ck_assert_uint_eq((uintptr_t)pieces[i] % 16, 0);
        ck_assert(all_are(pieces[i], sizes[i], 0));
        memset(pieces[i], (int)(i % 251 + 1), sizes[i]);
    }
    for (unsigned i = 0; i < PIECES; i++)
        nofork_free(&n, pieces[i]);
    nofork_close(&n);
    nofork_close(&n);
    free(pieces);
    free(sizes);
}
END_TEST

/* As jobs do: many live, the oldest goes when a new one comes, and what comes is larger and larger. */
START_TEST(sizes_that_shift_leave_nothing_behind)
{
    enum { LIVE = 4096 };
    struct nofork n = {0};
    void **pieces = calloc(LIVE, sizeof *pieces);
    ck_assert_ptr_nonnull(pieces);
    long before = resident_kb();
    for (size_t size = 100; size <= 4000; size += 50)
        for (unsigned i = 0; i < LIVE; i++) {
            nofork_free(&n, pieces[i]);
            pieces[i] = nofork_alloc(&n, size);
            ck_assert_ptr_nonnull(pieces[i]);
            memset(pieces[i], 1, size);
        }
    if (!watched_memory())
        ck_assert_int_lt(resident_kb() - before, LIVE * 4 * 3 / 2);
    for (unsigned i = 0; i < LIVE; i++)
        nofork_free(&n, pieces[i]);
    if (!watched_memory())
        ck_assert_int_lt(resident_kb() - before, 2048);
    nofork_close(&n);
    free(pieces);
}
END_TEST

/* Calls of the kernel for each would cost more than a task. */
START_TEST(one_after_the_other_takes_no_faults)
{
    struct nofork n = {0};
    struct rusage before, after;
    if (watched_memory())
        return;
    for (unsigned i = 0; i < 2000; i++) {
        if (i == 100)
            (void)getrusage(RUSAGE_SELF, &before);
        void *a = nofork_alloc(&n, 100 + i % 50 * 1000), *b = nofork_alloc(&n, 60000),
             *c = nofork_alloc(&n, 300);
        ck_assert(a && b && c);
        memset(b, 1, 60000);
        nofork_free(&n, a);
        nofork_free(&n, c);
        nofork_free(&n, b);
    }
    (void)getrusage(RUSAGE_SELF, &after);
    ck_assert_int_lt(after.ru_minflt - before.ru_minflt, 500);
    nofork_close(&n);
}
END_TEST

START_TEST(what_is_freed_is_used_again)
{
    struct nofork n = {0};
    void *first = nofork_alloc(&n, 200);
    for (unsigned i = 0; i < 1000; i++) {
        nofork_free(&n, first);
        void *again = nofork_alloc(&n, 190);
        ck_assert(watched_memory() || again == first);
        first = again;
    }
    nofork_free(&n, first);
    nofork_free(&n, NULL);
    nofork_close(&n);
}
END_TEST

START_TEST(what_is_too_large_is_refused)
{
    struct nofork n = {0};
    if (watched_memory()) /* AddressSanitizer has its own word for it */
        return;
    const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX - 16, SIZE_MAX / 2};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        errno = 0;
        ck_assert_ptr_null(nofork_alloc(&n, sizes[i]));
        ck_assert_int_eq(errno, ENOMEM);
    }
    nofork_close(&n);
}
END_TEST

static long mapped_kb(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(f);
    (void)setvbuf(f, NULL, _IONBF, 0); /* no memory for it, whose size is looked at */
    ck_assert_int_eq(fscanf(f, "%ld", &pages), 1);
    (void)fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Holes are filled, a mapping goes whole, and at the end nothing is left. */
START_TEST(all_is_given_back)
{
    enum { LIVE = 8192, ALONE = 131072 };
    static unsigned char *p[LIVE];
    struct nofork n = {0};
    if (watched_memory())
        return;
    (void)mapped_kb();
    long before = mapped_kb();
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < LIVE; i++)
            ck_assert_ptr_nonnull(p[i] = nofork_alloc(&n, i % 32 ? 200 : 9000));
        long full = mapped_kb();
        for (unsigned i = 0; i < LIVE; i++)
            if (i / 3 % 2) {
                nofork_free(&n, p[i]);
                p[i] = NULL;
            }
        for (unsigned i = 0; i < LIVE; i++)
            if (!p[i])
                ck_assert_ptr_nonnull(p[i] = nofork_alloc(&n, i % 32 ? 200 : 9000));
        ck_assert_int_le(mapped_kb(), full);
        for (unsigned i = 0; i < LIVE; i++)
            nofork_free(&n, p[i]);
        ck_assert_int_le(mapped_kb() - before, NOFORK_SPARES * (64 + 512));
        for (size_t size = ALONE - 20; size <= ALONE; size++) {
            unsigned char *a = nofork_alloc(&n, size), *b = nofork_alloc(&n, size);
            ck_assert(a && b);
            memset(a, 1, size);
            memset(b, 2, size);
            ck_assert(all_are(a, size, 1) && all_are(b, size, 2));
            nofork_free(&n, a);
            nofork_free(&n, b);
        }
        nofork_close(&n);
        ck_assert_int_eq(mapped_kb(), before);
    }
}
END_TEST

static void free_twice(struct nofork *n)
{
    void *p = nofork_alloc(n, 10);
    nofork_free(n, p);
    nofork_free(n, p);
}

static void overwrite(struct nofork *n, size_t size, int where, bool freed)
{
    char *p = nofork_alloc(n, size), *other = nofork_alloc(n, 10);
    (void)other; /* else the chunk would begin anew */
    if (freed)
        nofork_free(n, p);
    p[where] ^= 0x40;
    if (freed)
        (void)nofork_alloc(n, size);
    else
        nofork_free(n, p);
}

START_TEST(a_head_written_over_ends_the_process)
{
    static const struct {
        size_t size;
        int where;
        bool freed;
    } heads[] = {
        {48, -16, false}, {48, -8, false}, {48, -16, true}, {200000, -16, false}, {200000, -8, false}};
    struct nofork n = {0};
    int status;
    if (watched_memory())
        return;
    pid_t pid = fork();
    if (pid == 0) {
        if (_i == 0)
            free_twice(&n);
        else
            overwrite(&n, heads[_i - 1].size, heads[_i - 1].where, heads[_i - 1].freed);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nofork");
    TCase *t = tcase_create("nofork");
    tcase_add_test(t, children_have_none_of_it);
    tcase_add_test(t, pieces_are_zero_aligned_and_apart);
    tcase_add_test(t, sizes_that_shift_leave_nothing_behind);
    tcase_add_test(t, one_after_the_other_takes_no_faults);
    tcase_add_test(t, what_is_freed_is_used_again);
    tcase_add_test(t, what_is_too_large_is_refused);
    tcase_add_test(t, all_is_given_back);
    tcase_add_loop_test(t, a_head_written_over_ends_the_process, 0, 6);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
