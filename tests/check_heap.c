#include <check.h>
#include <stdlib.h>

#include "base/heap.h"

enum { MANY = 3000 };

struct number {
    struct heap_node node;
    int value;
    bool in;
};

static bool smaller(const struct heap_node *a, const struct heap_node *b)
{
    return HEAP_ENTRY(a, struct number, node)->value < HEAP_ENTRY(b, struct number, node)->value;
}

static int take_first(struct heap *h)
{
    struct number *n = HEAP_ENTRY(h->first, struct number, node);
    heap_remove(h, h->first);
    n->in = false;
    return n->value;
}

START_TEST(they_come_out_in_order)
{
    static struct number numbers[MANY];
    struct heap h;
    heap_init(&h, smaller);
    for (int i = 0; i < MANY; i++) {
        numbers[i].value = i * 7919 % MANY;
        heap_add(&h, &numbers[i].node);
    }
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(take_first(&h), i);
    ck_assert_ptr_null(h.first);
}
END_TEST

START_TEST(any_one_can_be_taken_out)
{
    static struct number numbers[200];
    struct heap h;
    srand(1);
    heap_init(&h, smaller);
    for (int step = 0; step < 20000; step++) {
        struct number *n = &numbers[rand() % 200];
        if (n->in) {
            heap_remove(&h, &n->node);
        } else {
            n->value = rand() % 100;
            heap_add(&h, &n->node);
        }
        n->in = !n->in;
        int least = 1000;
        for (int i = 0; i < 200; i++)
            if (numbers[i].in && numbers[i].value < least)
                least = numbers[i].value;
        ck_assert_int_eq(h.first ? HEAP_ENTRY(h.first, struct number, node)->value : 1000, least);
    }
}
END_TEST

START_TEST(a_sorted_million_does_not_recurse)
{
    enum { MILLION = 1000000 };
    struct number *numbers = calloc(MILLION, sizeof *numbers);
    struct heap h;
    ck_assert_ptr_nonnull(numbers);
    heap_init(&h, smaller);
    for (int i = 0; i < MILLION; i++) {
        numbers[i].value = i;
        heap_add(&h, &numbers[i].node);
    }
    for (int i = 0; i < MILLION; i++)
        ck_assert_int_eq(take_first(&h), i);
    free(numbers);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("heap");
    TCase *t = tcase_create("heap");
    tcase_add_test(t, they_come_out_in_order);
    tcase_add_test(t, any_one_can_be_taken_out);
    tcase_add_test(t, a_sorted_million_does_not_recurse);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failures = srunner_ntests_failed(r);
    srunner_free(r);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
