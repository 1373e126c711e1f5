/* Sets of slots, against a plain array of booleans. */
#include <check.h>
#include <stdlib.h>

#include "executor/slots.h"

static int naive_next(const bool *in, unsigned from)
{
    for (unsigned i = 0; i < SLOTS_MAX; i++)
        if (in[(from + i) % SLOTS_MAX])
            return (int)((from + i) % SLOTS_MAX);
    return -1;
}

START_TEST(the_next_in_turn_is_the_one_a_walk_would_find)
{
    static bool in[SLOTS_MAX];
    struct slots set = {0};
    size_t count = 0;
    srand(5);
    for (int step = 0; step < 20000; step++) {
        unsigned s = (unsigned)rand() % SLOTS_MAX, from = (unsigned)rand() % (SLOTS_MAX + 1);
        bool put = rand() % 100 < (step / 5000 % 2 ? 2 : 60); /* full at times, and nearly empty */
        if (rand() % 20 == 0)
            s = (s & 1) ? SLOTS_MAX - 1 : 0;
        count = count + (put && !in[s]) - (!put && in[s]);
        in[s] = put;
        slots_set(&set, s, put);
        ck_assert_uint_eq(set.count, count);
        ck_assert_int_eq(slots_has(&set, s), put);
        ck_assert_int_eq(slots_next(&set, from), naive_next(in, from % SLOTS_MAX));
    }
}
END_TEST

START_TEST(an_empty_set_has_no_next)
{
    struct slots set = {0};
    ck_assert_int_eq(slots_next(&set, 0), -1);
    slots_set(&set, 4095, true);
    ck_assert_int_eq(slots_next(&set, 0), 4095);
    ck_assert_int_eq(slots_next(&set, 4095), 4095);
    slots_set(&set, 4095, false);
    slots_set(&set, 4095, false);
    ck_assert_uint_eq(set.count, 0);
    ck_assert_int_eq(slots_next(&set, 4095), -1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("slots");
    TCase *t = tcase_create("slots");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_next_in_turn_is_the_one_a_walk_would_find);
    tcase_add_test(t, an_empty_set_has_no_next);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
