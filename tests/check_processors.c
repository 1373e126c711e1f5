#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/processors.h"
#include "support/tempdir.h"
#include "support/within.h"

START_TEST(those_count_that_this_thread_may_use)
{
    ck_assert_uint_ge(processors_usable(), 1);
    ck_assert_uint_le(processors_usable(), (unsigned)sysconf(_SC_NPROCESSORS_CONF));
    ck_assert_uint_ge(processors_granted(), 1);
    ck_assert_uint_le(processors_granted(), processors_usable());
    if (within_one_process() || !use_one_processor())
        return;
    ck_assert_uint_eq(processors_usable(), 1);
    ck_assert_uint_eq(processors_granted(), 1);
}
END_TEST

/* What `groups` has for /proc/self/cgroup, the files under /sys/fs/cgroup (their contents behind a blank),
 * and the limit. */
static const struct {
    const char *groups;
    const char *files[4];
    unsigned limit;
} cases[] = {
    {"", {NULL}, 0},
    {"0::/\n", {NULL}, 0},
    {"0::/\n", {"cpu.max max 100000"}, 0},
    {"0::/\n", {"cpu.max 200000 100000"}, 2},
    {"0::/\n", {"cpu.max 150000 100000"}, 2},
    {"0::/\n", {"cpu.max 1000 100000"}, 1},
    {"0::/\n", {"cpu.max 9223372036854775807 1"}, 0},
    {"0::/\n", {"cpu.max 0 100000"}, 0},
    {"0::/\n", {"cpu.max 100000 0"}, 0},
    {"0::/\n", {"cpu.max -5 100000"}, 0},
    {"0::/\n", {"cpu.max"}, 0},
    {"0::/a/b\n", {"a/b/cpu.max 500000 100000", "a/cpu.max max 100000"}, 5},
    {"0::/a/b\n", {"a/b/cpu.max max 100000", "a/cpu.max 300000 100000"}, 3},
    {"0::/a/b\n", {"a/b/cpu.max 500000 100000", "a/cpu.max 300000 100000"}, 3},
    {"0::/of/the/host\n", {"cpu.max 300000 100000"}, 3},
    {"0::/a\n", {"a/b/cpu.max 500000 100000"}, 0},
    {"2:cpu,cpuacct:/a\n0::/\n", {"cpu/a/cpu.cfs_quota_us 250000", "cpu/a/cpu.cfs_period_us 50000"}, 5},
    {"2:cpuacct,cpu:/x\n", {"cpu/cpu.cfs_quota_us 40000", "cpu/cpu.cfs_period_us 50000"}, 1},
    {"2:cpu:/\n", {"cpu/cpu.cfs_quota_us -1", "cpu/cpu.cfs_period_us 50000"}, 0},
    {"2:cpu:/\n", {"cpu/cpu.cfs_quota_us 40000"}, 0},
    {"2:cpuset,cpuacct:/\n", {"cpu/cpu.cfs_quota_us 40000", "cpu/cpu.cfs_period_us 50000"}, 0},
    {"2:cpu:/\n0::/\n",
     {"cpu/cpu.cfs_quota_us 400000", "cpu/cpu.cfs_period_us 50000", "cpu.max 600000 100000"},
     6},
    {"0::/../a\n", {"a/cpu.max 600000 100000", "cpu.max 900000 100000"}, 6},
    {"0::/../../a\n", {"cpu.max 900000 100000"}, 9},
    {"0::/..\n", {"cpu.max 900000 100000"}, 9},
    {"nonsense\n:\n0:\n::\n0::\n", {"cpu.max 600000 100000"}, 6},
};

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(the_rest_of_a_long_line_is_no_line)
{
    struct tempdir d;
    tempdir_init(&d);
    write_file(tempdir_file(&d, "cpu.max"), "100000 100000\n");
    for (size_t len = 4000; len < 9000; len++) {
        FILE *f = fopen(tempdir_file(&d, "cgroup"), "w");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_eq(fprintf(f, "7:pids:/%0*d0::/\n", (int)len, 0), (int)len + 13);
        ck_assert_int_eq(fclose(f), 0);
        char groups[200];
        snprintf(groups, sizeof groups, "%s/cgroup", d.path);
        ck_assert_uint_eq(processors_limit(groups, d.path), 0);
        if (len == 4500)
            len = 8000;
    }
    tempdir_free(&d);
}
END_TEST

START_TEST(a_groups_time_is_a_limit)
{
    static const char *const folders[] = {"", "/a", "/a/b", "/cpu", "/cpu/a"};
    enum { FOLDERS = sizeof folders / sizeof *folders };
    struct tempdir d;
    char path[FOLDERS][200], file[400];
    tempdir_init(&d);
    for (unsigned i = 0; i < FOLDERS; i++) {
        snprintf(path[i], sizeof path[i], "%s/fs%s", d.path, folders[i]);
        ck_assert_int_eq(mkdir(path[i], 0700), 0);
    }
    write_file(tempdir_file(&d, "cgroup"), cases[_i].groups);
    for (unsigned i = 0; i < 4 && cases[_i].files[i]; i++) {
        const char *text = strchr(cases[_i].files[i], ' ');
        size_t len = text ? (size_t)(text - cases[_i].files[i]) : strlen(cases[_i].files[i]);
        snprintf(file, sizeof file, "%s/%.*s", path[0], (int)len, cases[_i].files[i]);
        write_file(file, text ? text + 1 : "");
    }
    ck_assert_uint_eq(processors_limit(tempdir_file(&d, "cgroup"), path[0]), cases[_i].limit);
    ck_assert_uint_eq(processors_limit(tempdir_file(&d, "absent"), path[0]), 0);
    for (unsigned i = 0; i < 4 && cases[_i].files[i]; i++) {
        size_t len = strcspn(cases[_i].files[i], " ");
        snprintf(file, sizeof file, "%s/%.*s", path[0], (int)len, cases[_i].files[i]);
        ck_assert_int_eq(unlink(file), 0);
    }
    for (unsigned i = FOLDERS; i-- > 0;)
        ck_assert_int_eq(rmdir(path[i]), 0);
    tempdir_free(&d);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("processors");
    TCase *t = tcase_create("processors");
    tcase_add_test(t, those_count_that_this_thread_may_use);
    tcase_add_test(t, the_rest_of_a_long_line_is_no_line);
    tcase_add_loop_test(t, a_groups_time_is_a_limit, 0, (int)(sizeof cases / sizeof *cases));
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
