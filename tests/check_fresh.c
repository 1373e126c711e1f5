/* Where a forked child's memory comes from. What malloc does is libc's: where it is another, there is nothing
 * to see. */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fresh.h"
#include "support/within.h"

enum { PIECES = 4000, PIECE = 200, SMALL = 24, HEAP = 256 * 1024, BODY = 1024 * 1024, ROUNDS = 10 };

/* As in fresh.c. */
#if defined __linux__ && defined __GLIBC__ && !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
enum { CAN_PREPARE = 1 };
#else
enum { CAN_PREPARE = 0 };
#endif

static char *pieces[PIECES];
static uintptr_t highest;

static int is_behind(const void *p)
{
    return (uintptr_t)p > highest;
}

/* A heap with a hole behind each piece that stays. */
static void make_holes(void)
{
    for (int i = 0; i < PIECES; i++) {
        pieces[i] = malloc(i % 3 ? PIECE : SMALL);
        ck_assert_ptr_nonnull(pieces[i]);
        if ((uintptr_t)pieces[i] > highest)
            highest = (uintptr_t)pieces[i];
    }
    for (int i = 0; i < PIECES - 1; i += 2)
        free(pieces[i]);
}

/* How many of a child's pieces lie where its parent's are. */
static int pieces_in_holes(void)
{
    int status;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        char *own[100];
        int inside = 0;
        fresh_begin(HEAP);
        for (int i = 0; i < 100; i++) {
            own[i] = malloc(i % 2 ? PIECE : SMALL);
            if (!own[i])
                _exit(255);
            memset(own[i], 1, i % 2 ? PIECE : SMALL);
            inside += !is_behind(own[i]);
        }
        for (int i = 0; i < 100; i++)
            free(own[i]);
        _exit(inside);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(a_child_gets_memory_behind_its_parents)
{
    make_holes();
    int before = pieces_in_holes();
    if (before < 90)
        return; /* this malloc leaves holes alone: a sanitizer's or valgrind's */
    fresh_prepare();
    fresh_prepare();
    ck_assert_int_le(pieces_in_holes(), 5);
    for (int i = 0; i < PIECES; i++) /* what the parent has is as it was */
        if (i % 2 || i == PIECES - 1)
            free(pieces[i]);
}
END_TEST

/* Faults that bodies in memory cost which come one after the other, the first aside. */
static long faults_of_bodies(void)
{
    struct rusage from, to;
    for (int i = 0; i <= ROUNDS; i++) {
        char *volatile body = malloc(BODY);
        ck_assert_ptr_nonnull(body);
        memset(body, 1, BODY);
        free(body);
        if (i == 0)
            getrusage(RUSAGE_SELF, &from);
    }
    getrusage(RUSAGE_SELF, &to);
    return to.ru_minflt - from.ru_minflt;
}

START_TEST(large_buffers_are_still_used_again)
{
    const long most = (long)ROUNDS * BODY / sysconf(_SC_PAGESIZE) / 4;
    long before = faults_of_bodies();
    fresh_prepare();
    if (before < most) /* else this malloc always gives them back */
        ck_assert_int_lt(faults_of_bodies(), most);
}
END_TEST

START_TEST(without_preparation_nothing_is_done)
{
    fresh_begin(HEAP);
    char *p = malloc(PIECE);
    ck_assert_ptr_nonnull(p);
    free(p);
}
END_TEST

/* Constants of the program's own, as code is: read from its file when they are used. */
static const unsigned char constants[1024 * 1024] = {1};

/* Reads a byte of each page that has nothing else in it. */
static unsigned read_constants(void)
{
    unsigned sum = 0;
    for (size_t at = 4096; at < sizeof constants - 4096; at += 4096)
        sum += ((const volatile unsigned char *)constants)[at];
    return sum;
}

/* Faults that a child has in reading them. */
static int faults_of_constants(void)
{
    int status;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct rusage from, to;
        getrusage(RUSAGE_SELF, &from); /* the first call has faults of its own */
        getrusage(RUSAGE_SELF, &from);
        unsigned sum = read_constants();
        getrusage(RUSAGE_SELF, &to);
        long faults = to.ru_minflt - from.ru_minflt + (sum > 0);
        _exit(faults < 255 ? (int)faults : 255);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A system may forbid it even for one's own memory. Code, whose mapping is another than the constants'. */
static int may_write_code(void)
{
    const char *code = (const char *)(uintptr_t)may_write_code;
    int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    int may = mem >= 0 && pwrite(mem, code, 1, (off_t)(uintptr_t)code) == 1;
    if (mem >= 0)
        (void)close(mem);
    return may;
}

START_TEST(a_child_gets_what_its_parent_used_of_its_file)
{
    if (within_one_process() || !use_one_processor()) /* with many it is left to the children */
        return;
    ck_assert_uint_eq(read_constants(), 0);
    int faults = faults_of_constants();
    fresh_prepare();
    /* Else a fault gets more of them, as on ext4 with large folios. Half, since some have other causes: a
     * page may have been reclaimed. Valgrind has too many of its own. */
    if (CAN_PREPARE && faults >= 10 && may_write_code() && !within_valgrind())
        ck_assert_int_le(faults_of_constants(), faults / 2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fresh");
    TCase *t = tcase_create("fresh");
    tcase_add_test(t, without_preparation_nothing_is_done);
    tcase_add_test(t, a_child_gets_memory_behind_its_parents);
    tcase_add_test(t, a_child_gets_what_its_parent_used_of_its_file);
    tcase_add_test(t, large_buffers_are_still_used_again);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
