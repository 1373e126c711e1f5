#include "config.h"

#include <check.h>
#include <unistd.h>

#include "base/processors.h"
#include "support/within.h"

START_TEST(those_count_that_this_thread_may_use)
{
    ck_assert_uint_ge(processors_usable(), 1);
    ck_assert_uint_le(processors_usable(), (unsigned)sysconf(_SC_NPROCESSORS_CONF));
    if (within_one_process() || !use_one_processor())
        return;
    ck_assert_uint_eq(processors_usable(), 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("processors");
    TCase *t = tcase_create("processors");
    tcase_add_test(t, those_count_that_this_thread_may_use);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
