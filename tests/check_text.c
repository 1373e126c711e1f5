/* -f text: one line a target, whatever it holds. */
#include <check.h>

#include "output/text.h"
#include "support/outputs.h"

static struct outputs out;
static struct fetch_error err;

START_TEST(a_line_each)
{
    struct fetch_conn conn;
    struct buffer packed;
    struct report good = full_report(&conn, &packed);
    void *sink = text_sink_new();
    outputs_begin(&out);
    ck_assert_int_eq(report_through(&out, &text_sink, sink, &good, &err), 0);
    good.status = 404;
    good.bytes = 0;
    ck_assert_int_eq(report_through(&out, &text_sink, sink, &good, &err), 0);
    ck_assert_str_eq(outputs_text(&out), "200\t20480\t12.346\ta.example\tok\n"
                                         "404\t0\t12.346\ta.example\tok\n");
    text_sink.close(sink, &err);
    outputs_end(&out);
    buffer_free(&packed);
}
END_TEST

START_TEST(hostile_fields_stay_in_their_column)
{
    struct fetch_conn conn;
    struct report bad = bad_report(&conn);
    void *sink = text_sink_new();
    outputs_begin(&out);
    ck_assert_int_eq(report_through(&out, &text_sink, sink, &bad, &err), 0);
    ck_assert_str_eq(outputs_text(&out), "-\t0\t0.000\ta\\tb\\n\xC3\xA9\\xFF\t"
                                         "invalid-target: control byte \\x01 in \"it\"\n");
    text_sink.close(sink, &err);
    outputs_end(&out);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("text");
    TCase *t = tcase_create("text");
    tcase_add_test(t, a_line_each);
    tcase_add_test(t, hostile_fields_stay_in_their_column);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
