/* Memory that children don't get. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/nofork.h"
#include "base/watched.h"

enum { PIECES = 3000 };

static bool all_zero(const unsigned char *p, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (p[i] != 0)
            return false;
    return true;
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
    struct nofork n;
    if (watched_memory()) /* there they do */
        return;
    nofork_init(&n);
    unsigned char *map = nofork_map(100000), *piece = nofork_alloc(&n, 100),
                  *large = nofork_alloc(&n, NOFORK_LARGEST), *common = malloc(100);
    ck_assert(map && piece && large && common);
    map[99999] = piece[99] = large[0] = common[99] = 0x5a;
    ck_assert_int_eq(reading_ends_by(common + 99), 0);
    ck_assert_int_eq(reading_ends_by(map + 99999), SIGSEGV);
    ck_assert_int_eq(reading_ends_by(piece + 99), SIGSEGV);
    ck_assert_int_eq(reading_ends_by(large), SIGSEGV);
    ck_assert_uint_eq(map[99999], 0x5a);
    free(common);
    nofork_free(&n, large);
    nofork_free(&n, piece);
    nofork_close(&n);
    nofork_unmap(map, 100000);
}
END_TEST

START_TEST(pieces_are_zero_aligned_and_apart)
{
    struct nofork n;
    unsigned char **pieces = calloc(PIECES, sizeof *pieces);
    size_t *sizes = calloc(PIECES, sizeof *sizes);
    uint32_t chance = 7;
    ck_assert(pieces && sizes);
    nofork_init(&n);
    for (unsigned round = 0; round < 20000; round++) {
        chance = chance * 1664525 + 1013904223;
        unsigned i = (chance >> 8) % PIECES;
        if (pieces[i]) {
            for (size_t at = 0; at < sizes[i]; at++)
                ck_assert_uint_eq(pieces[i][at], i % 251 + 1);
            nofork_free(&n, pieces[i]);
            pieces[i] = NULL;
            continue;
        }
        sizes[i] = (chance >> 4) % (i % 50 ? 700 : 9000);
        pieces[i] = nofork_alloc(&n, sizes[i]);
        ck_assert_ptr_nonnull(pieces[i]);
        ck_assert_uint_eq((uintptr_t)pieces[i] % 16, 0);
        ck_assert(all_zero(pieces[i], sizes[i]));
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

START_TEST(what_is_freed_is_used_again)
{
    struct nofork n;
    nofork_init(&n);
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
    struct nofork n;
    if (watched_memory()) /* AddressSanitizer has its own word for it */
        return;
    nofork_init(&n);
    const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        errno = 0;
        ck_assert_ptr_null(nofork_alloc(&n, sizes[i]));
        ck_assert_int_eq(errno, ENOMEM);
    }
    nofork_close(&n);
}
END_TEST

START_TEST(a_piece_freed_twice_ends_the_process)
{
    int status;
    struct nofork n;
    if (watched_memory())
        return;
    nofork_init(&n);
    pid_t pid = fork();
    if (pid == 0) {
        void *p = nofork_alloc(&n, 10);
        nofork_free(&n, p);
        nofork_free(&n, p);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    nofork_close(&n);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nofork");
    TCase *t = tcase_create("nofork");
    tcase_add_test(t, children_have_none_of_it);
    tcase_add_test(t, pieces_are_zero_aligned_and_apart);
    tcase_add_test(t, what_is_freed_is_used_again);
    tcase_add_test(t, what_is_too_large_is_refused);
    tcase_add_test(t, a_piece_freed_twice_ends_the_process);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
