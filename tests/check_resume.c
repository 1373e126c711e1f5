#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output/joblog.h"
#include "schedule/occurrences.h"
#include "schedule/resume.h"

static char path[64];

static void setup(void)
{
    strcpy(path, "/tmp/check_resume.XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void teardown(void)
{
    unlink(path);
}

static void journal(const char *target, uint32_t occurrence, enum error_kind kind)
{
    struct joblog *j;
    struct fetch_error err;
    struct report r = {.target = span_of(target), .error = {.kind = kind}};
    ck_assert_int_eq(joblog_open(path, true, &j, &err), 0);
    ck_assert_int_eq(joblog_write(j, &r, occurrence, false, &err), 0);
    ck_assert_int_eq(joblog_close(j, &err), 0);
}

static void append_text(const char *text)
{
    FILE *f = fopen(path, "a");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    fclose(f);
}

static struct resume *load(enum resume_mode mode)
{
    struct resume *r;
    struct fetch_error err;
    ck_assert_msg(resume_load(path, NULL, mode, &r, &err) == 0, "%s", err.message);
    return r;
}

START_TEST(it_holds_target_and_occurrence_and_no_other)
{
    journal("a", 1, ERROR_NONE);
    journal("b", 2, ERROR_DNS);
    struct resume *r = load(RESUME_ALL);
    ck_assert_uint_eq(resume_count(r), 2);
    ck_assert(resume_holds(r, span_of("a"), 1));
    ck_assert(!resume_holds(r, span_of("a"), 2));
    ck_assert(resume_holds(r, span_of("b"), 2));
    ck_assert(!resume_holds(r, span_of("b"), 1));
    ck_assert(!resume_holds(r, span_of("c"), 1));
    resume_free(r);
}
END_TEST

START_TEST(answered_leaves_failures_out_until_they_are_answered)
{
    journal("a", 1, ERROR_NONE);
    journal("b", 1, ERROR_TIMEOUT);
    journal("c", 1, ERROR_TIMEOUT);
    journal("c", 1, ERROR_NONE);
    struct resume *r = load(RESUME_ANSWERED);
    ck_assert(resume_holds(r, span_of("a"), 1));
    ck_assert(!resume_holds(r, span_of("b"), 1));
    ck_assert(resume_holds(r, span_of("c"), 1));
    resume_free(r);
}
END_TEST

START_TEST(damaged_lines_do_not_count_and_are_named)
{
    uint64_t lines[RESUME_DAMAGED_MAX];
    journal("a", 1, ERROR_NONE);
    for (int i = 0; i < 10; i++)
        append_text("damaged\n");
    journal("b", 1, ERROR_NONE);
    struct resume *r = load(RESUME_ALL);
    ck_assert_uint_eq(resume_damaged(r, lines, RESUME_DAMAGED_MAX), 10);
    ck_assert_uint_eq(lines[0], 4);
    ck_assert_uint_eq(lines[7], 11);
    ck_assert_uint_eq(resume_count(r), 2);
    resume_free(r);
}
END_TEST

START_TEST(a_missing_journal_holds_nothing)
{
    unlink(path);
    struct resume *r = load(RESUME_ALL);
    ck_assert_uint_eq(resume_count(r), 0);
    ck_assert(!resume_holds(r, span_of("a"), 1));
    resume_free(r);
}
END_TEST

START_TEST(what_is_no_journal_is_an_error_that_names_it)
{
    struct resume *r;
    struct fetch_error err;
    append_text("a shopping list\n");
    ck_assert_int_eq(resume_load(path, NULL, RESUME_ALL, &r, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_NONE);
    ck_assert_ptr_nonnull(strstr(err.message, path));
}
END_TEST

START_TEST(occurrences_are_counted_by_target)
{
    struct occurrences *o = occurrences_new();
    ck_assert_uint_eq(occurrences_count(o, span_of("a")), 1);
    ck_assert_uint_eq(occurrences_count(o, span_of("b")), 1);
    ck_assert_uint_eq(occurrences_count(o, span_of("a")), 2);
    ck_assert_uint_eq(occurrences_count(o, span_of("")), 1);
    ck_assert_uint_eq(occurrences_count(o, span_of("a")), 3);
    char name[16];
    for (unsigned round = 1; round <= 2; round++)
        for (unsigned i = 0; i < 20000; i++) {
            snprintf(name, sizeof name, "host%u", i);
            ck_assert_uint_eq(occurrences_count(o, span_of(name)), round);
        }
    occurrences_free(o);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("resume");
    TCase *t = tcase_create("resume");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, it_holds_target_and_occurrence_and_no_other);
    tcase_add_test(t, answered_leaves_failures_out_until_they_are_answered);
    tcase_add_test(t, damaged_lines_do_not_count_and_are_named);
    tcase_add_test(t, a_missing_journal_holds_nothing);
    tcase_add_test(t, what_is_no_journal_is_an_error_that_names_it);
    tcase_add_test(t, occurrences_are_counted_by_target);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failures = srunner_ntests_failed(r);
    srunner_free(r);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
