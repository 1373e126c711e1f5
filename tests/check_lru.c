#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/lru.h"

struct thing {
    struct lru_entry entry;
    int *released;
};

static void thing_release(struct lru_entry *e)
{
    ++*((struct thing *)e)->released;
    free(e);
}

static void thing_add(struct lru *l, const char *key, int *released)
{
    struct thing *t = calloc(1, sizeof *t);
    ck_assert_ptr_nonnull(t);
    t->released = released;
    ck_assert_int_eq(lru_add(l, key, &t->entry), 0);
}

START_TEST(finds_what_was_added)
{
    int released = 0;
    struct lru *l = lru_new(3, thing_release);
    thing_add(l, "a", &released);
    thing_add(l, "b", &released);
    ck_assert_str_eq(lru_find(l, "a")->key, "a");
    ck_assert_str_eq(lru_find(l, "b")->key, "b");
    ck_assert_ptr_null(lru_find(l, "c"));
    ck_assert_uint_eq(lru_count(l), 2);
    lru_free(l);
    ck_assert_int_eq(released, 2);
}
END_TEST

START_TEST(pushes_out_the_least_recently_used)
{
    int released = 0;
    struct lru *l = lru_new(3, thing_release);
    thing_add(l, "a", &released);
    thing_add(l, "b", &released);
    thing_add(l, "c", &released);
    ck_assert_ptr_nonnull(lru_find(l, "a"));
    thing_add(l, "d", &released);
    ck_assert_int_eq(released, 1);
    ck_assert_ptr_null(lru_find(l, "b"));
    ck_assert_ptr_nonnull(lru_find(l, "a"));
    ck_assert_ptr_nonnull(lru_find(l, "c"));
    ck_assert_ptr_nonnull(lru_find(l, "d"));
    lru_free(l);
}
END_TEST

START_TEST(removes_from_any_place)
{
    int released = 0;
    char key[16];
    struct lru *l = lru_new(100, thing_release);
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "%d", i);
        thing_add(l, key, &released);
    }
    for (int i = 0; i < 100; i += 3) {
        snprintf(key, sizeof key, "%d", i);
        lru_remove(l, lru_find(l, key));
    }
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "%d", i);
        ck_assert_int_eq(lru_find(l, key) != NULL, i % 3 != 0);
    }
    ck_assert_int_eq(released, 34);
    lru_free(l);
    ck_assert_int_eq(released, 100);
}
END_TEST

START_TEST(holds_no_more_than_its_bound)
{
    int released = 0;
    char key[16];
    struct lru *l = lru_new(256, thing_release);
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof key, "%d", i);
        thing_add(l, key, &released);
        ck_assert_uint_le(lru_count(l), 256);
    }
    ck_assert_int_eq(released, 100000 - 256);
    lru_free(l);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lru");
    TCase *t = tcase_create("lru");
    tcase_add_test(t, finds_what_was_added);
    tcase_add_test(t, pushes_out_the_least_recently_used);
    tcase_add_test(t, removes_from_any_place);
    tcase_add_test(t, holds_no_more_than_its_bound);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
