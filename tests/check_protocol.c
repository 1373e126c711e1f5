/* What may come when. The grammar of frame.h, (HOP WIRE*)* HEAD (BODY | SHARED | WIRE)* END, is written here
 * a second time, as a matcher of letters, and compared with the table over all short sequences. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "executor/protocol.h"

enum { LONGEST = 6 };

static const struct {
    char letter;
    enum frame_type type;
} letters[] = {{'t', FRAME_TASK}, {'r', FRAME_READY}, {'o', FRAME_HOP},
               {'h', FRAME_HEAD}, {'b', FRAME_BODY},  {'w', FRAME_WIRE},
               {'e', FRAME_END},  {'n', FRAME_NOTE},  {'s', FRAME_SHARED}};
enum { LETTERS = sizeof letters / sizeof letters[0] };

/* True if `s` may be the beginning of a task's frames. */
static bool grammar(const char *s)
{
    bool hop = false, head = false;
    for (; *s; s++) {
        switch (*s) {
        case 'n':
            break;
        case 'o':
            if (head)
                return false;
            hop = true;
            break;
        case 'h':
            if (head)
                return false;
            head = true;
            break;
        case 'w':
            if (!hop && !head)
                return false;
            break;
        case 'b':
        case 's':
            if (!head)
                return false;
            break;
        case 'e':
            return s[1] == 0;
        default:
            return false;
        }
    }
    return true;
}

static bool table(const char *s)
{
    struct protocol p = {.state = PROTOCOL_IDLE};
    char why[100];
    protocol_begin(&p, 7);
    for (; *s; s++) {
        struct frame f = {.task = 7};
        for (int i = 0; i < LETTERS; i++)
            if (letters[i].letter == *s)
                f.type = letters[i].type;
        if (!protocol_check(&p, &f, why, sizeof why))
            return false;
        protocol_pass(&p, f.type);
    }
    return true;
}

START_TEST(the_table_says_what_the_grammar_says)
{
    char s[LONGEST + 1];
    unsigned right = 0, all = 0;
    for (unsigned len = 1; len <= LONGEST; len++) {
        unsigned end = 1;
        for (unsigned i = 0; i < len; i++)
            end *= LETTERS;
        for (unsigned n = 0; n < end; n++) {
            unsigned v = n;
            for (unsigned i = 0; i < len; i++, v /= LETTERS)
                s[i] = letters[v % LETTERS].letter;
            s[len] = 0;
            if (grammar(s) != table(s))
                ck_abort_msg("the table and the grammar differ over %s", s);
            right += grammar(s);
            all++;
        }
    }
    ck_assert_uint_gt(right, 1000);
    ck_assert_uint_gt(all, 200000);
}
END_TEST

START_TEST(before_the_first_task_there_is_ready_or_a_reason)
{
    for (unsigned type = FRAME_TASK; type < FRAME_TYPES; type++) {
        struct protocol p = {0};
        bool may = type == FRAME_READY || type == FRAME_NOTE;
        ck_assert_int_eq(protocol_allows(&p, (enum frame_type)type), may);
        if (!may)
            continue;
        protocol_pass(&p, (enum frame_type)type);
        for (unsigned next = FRAME_TASK; next < FRAME_TYPES; next++)
            ck_assert(!protocol_allows(&p, (enum frame_type)next));
    }
}
END_TEST

START_TEST(another_tasks_frame_is_refused_in_words)
{
    struct protocol p = {.state = PROTOCOL_IDLE};
    struct frame f = {FRAME_END, 0, 8};
    char why[100];
    protocol_begin(&p, 7);
    ck_assert(!protocol_check(&p, &f, why, sizeof why));
    ck_assert_str_eq(why, "END for another task");
    f.task = 7;
    ck_assert(protocol_check(&p, &f, why, sizeof why));
    protocol_pass(&p, FRAME_END);
    ck_assert(!protocol_check(&p, &f, why, sizeof why));
    ck_assert_str_eq(why, "END after END");
}
END_TEST

START_TEST(notes_and_hops_of_a_task_are_counted)
{
    struct protocol p = {.state = PROTOCOL_IDLE};
    struct frame note = {FRAME_NOTE, 0, 7}, hop = {FRAME_HOP, 0, 7};
    char why[100];
    protocol_begin(&p, 7);
    for (int i = 0; i < PROTOCOL_MAX_NOTES; i++) {
        ck_assert(protocol_check(&p, &note, why, sizeof why) && protocol_check(&p, &hop, why, sizeof why));
        protocol_pass(&p, FRAME_NOTE);
        protocol_pass(&p, FRAME_HOP);
    }
    ck_assert(!protocol_check(&p, &note, why, sizeof why));
    ck_assert_str_eq(why, "more than 4096 NOTE frames");
    ck_assert(!protocol_check(&p, &hop, why, sizeof why));
    protocol_pass(&p, FRAME_END);
    protocol_begin(&p, 7);
    ck_assert(protocol_check(&p, &note, why, sizeof why));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("protocol");
    TCase *t = tcase_create("protocol");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_table_says_what_the_grammar_says);
    tcase_add_test(t, before_the_first_task_there_is_ready_or_a_reason);
    tcase_add_test(t, another_tasks_frame_is_refused_in_words);
    tcase_add_test(t, notes_and_hops_of_a_task_are_counted);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
