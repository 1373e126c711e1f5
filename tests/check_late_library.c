#include "base/late_library.h"

#include <check.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

static __typeof__(crc32) *checksum;
static __typeof__(zlibVersion) *version;
static const struct late_function some[] = {{"crc32", &checksum}, {"zlibVersion", &version}};
static const struct late_function too_many[] = {{"zlibVersion", &version}, {"no_such_function", &checksum}};

static struct late_library of(const char *file, const struct late_function functions[2])
{
    return (struct late_library){.file = file, .functions = functions, .count = 2};
}

START_TEST(functions_can_be_called_once_it_is_loaded)
{
    char why[LATE_WHY_MAX] = "";
    struct late_library l = of("libz.so.1", some);
    ck_assert(late_library_load(&l, why));
    ck_assert_ptr_nonnull(version());
    ck_assert_uint_eq(checksum(0, (const Bytef *)"123456789", 9), 0xCBF43926);
    checksum = NULL;
    ck_assert(late_library_load(&l, why)); /* nothing is done */
    ck_assert_ptr_null(checksum);
    ck_assert_str_eq(why, "");
}
END_TEST

START_TEST(what_is_missing_is_named)
{
    char why[LATE_WHY_MAX] = "";
    struct late_library none = of("libpfetch-none.so.7", some), less = of("libz.so.1", too_many);
    for (int i = 0; i < 2; i++) {
        ck_assert(!late_library_load(&none, why));
        ck_assert_ptr_nonnull(strstr(why, "libpfetch-none.so.7"));
        ck_assert(!late_library_load(&less, why));
        ck_assert_str_eq(why, "libz.so.1 has no no_such_function");
    }
}
END_TEST

START_TEST(a_long_name_is_cut)
{
    char why[LATE_WHY_MAX + 1], name[3 * LATE_WHY_MAX];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = 0;
    memset(why, '!', sizeof why);
    struct late_library l = of(name, some);
    ck_assert(!late_library_load(&l, why));
    ck_assert_uint_eq(strlen(why), LATE_WHY_MAX - 1);
    ck_assert_int_eq(why[LATE_WHY_MAX], '!');
}
END_TEST

/* Once settled, what was loaded before goes on, and nothing else is loaded. */
START_TEST(a_settled_process_loads_nothing)
{
    char why[LATE_WHY_MAX] = "";
    struct late_library before = of("libz.so.1", some), after = of("libz.so.1", some);
    int status;
    ck_assert(late_library_load(&before, why));
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        late_libraries_settle();
        bool first = late_library_load(&before, why), second = late_library_load(&after, why);
        _exit(first && !second && strstr(why, "libz.so.1 was not loaded before") ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert(late_library_load(&after, why));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("late_library");
    TCase *t = tcase_create("late_library");
    tcase_add_test(t, functions_can_be_called_once_it_is_loaded);
    tcase_add_test(t, what_is_missing_is_named);
    tcase_add_test(t, a_long_name_is_cut);
    tcase_add_test(t, a_settled_process_loads_nothing);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
