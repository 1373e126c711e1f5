/* Where a forked child's memory comes from. What malloc does is libc's: where it is another, there is nothing
 * to see. */
#include "config.h"

#include <check.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fresh.h"

enum { PIECES = 4000, PIECE = 200, SMALL = 24, HEAP = 256 * 1024, BODY = 1024 * 1024, ROUNDS = 10 };

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

/* Reads a byte of each page of libc's code. */
static int read_code(struct dl_phdr_info *info, size_t size, void *ret_sum)
{
    (void)size;
    for (int i = 0; strstr(info->dlpi_name, "/libc.so") && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        const volatile unsigned char *code = (const unsigned char *)info->dlpi_addr + p->p_vaddr;
        for (size_t at = 0; p->p_type == PT_LOAD && (p->p_flags & PF_X) && at < p->p_memsz; at += 4096)
            *(unsigned *)ret_sum += code[at];
    }
    return 0;
}

/* Faults that a child has in reading it. */
static int faults_of_code(bool in_advance)
{
    int status;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct rusage from, to;
        unsigned sum = 0;
        if (in_advance)
            fresh_code();
        getrusage(RUSAGE_SELF, &from);
        (void)dl_iterate_phdr(read_code, &sum);
        getrusage(RUSAGE_SELF, &to);
        _exit((int)(to.ru_minflt - from.ru_minflt < 255 ? to.ru_minflt - from.ru_minflt : 255));
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(a_child_gets_the_code_that_its_parent_used)
{
    unsigned sum = 0;
    (void)dl_iterate_phdr(read_code, &sum);
    fresh_prepare();
    int without = faults_of_code(false);
    if (without >= 10) /* else a fork copies such pages, or there is no libc of that name */
        ck_assert_int_le(faults_of_code(true), without / 4);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fresh");
    TCase *t = tcase_create("fresh");
    tcase_add_test(t, without_preparation_nothing_is_done);
    tcase_add_test(t, a_child_gets_memory_behind_its_parents);
    tcase_add_test(t, a_child_gets_the_code_that_its_parent_used);
    tcase_add_test(t, large_buffers_are_still_used_again);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
