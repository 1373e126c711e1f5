/* -f body: bodies whole, failures on standard error. */
#include <check.h>

#include "output/body_sink.h"
#include "support/outputs.h"

static struct outputs out;
static struct fetch_error err;
static char complaints[1000];
static void *sink;

static void complain(void *arg, struct span line)
{
    ck_assert_ptr_eq(arg, &out);
    strncat(complaints, (const char *)line.data, line.len);
}

static void setup(void)
{
    complaints[0] = 0;
    outputs_begin(&out);
    sink = body_sink_new(complain, &out);
}

static void teardown(void)
{
    ck_assert_int_eq(body_sink.close(sink, &err), 0);
    outputs_end(&out);
}

static void *begin(struct spool_slot *slot)
{
    void *context = NULL;
    struct sink_target target = {.index = 1, .target = span_of("a"), .slot = slot};
    ck_assert_int_eq(body_sink.begin(sink, &target, &context, &err), 0);
    return context;
}

START_TEST(a_body_is_written_at_its_end)
{
    struct fetch_conn conn;
    struct report r = bad_report(&conn);
    struct spool_slot *slot = spool_open(out.spool, NULL);
    void *context = begin(slot);
    error_clear(&r.error);
    ck_assert_int_eq(body_sink.body(sink, context, "hel", 3, &err), 0);
    ck_assert_int_eq(body_sink.body(sink, context, "lo\n", 3, &err), 0);
    ck_assert_str_eq(outputs_text(&out), "");
    ck_assert_int_eq(body_sink.end(sink, context, &r, true, slot, &err), 0);
    ck_assert_int_eq(spool_finish(slot, &err), 0);
    ck_assert_str_eq(outputs_text(&out), "hello\n");
    ck_assert_str_eq(complaints, "");
}
END_TEST

START_TEST(a_failure_leaves_nothing_but_a_line)
{
    struct fetch_conn conn;
    struct report r = bad_report(&conn);
    struct spool_slot *slot = spool_open(out.spool, NULL);
    void *context = begin(slot);
    ck_assert_int_eq(body_sink.body(sink, context, "hello", 5, &err), 0);
    ck_assert_int_eq(body_sink.end(sink, context, &r, true, slot, &err), 0);
    ck_assert_int_eq(spool_finish(slot, &err), 0);
    ck_assert_str_eq(outputs_text(&out), "");
    ck_assert_str_eq(complaints,
                     "pfetch: a\\tb\\n\xC3\xA9\\xFF: invalid-target: control byte \\x01 in \"it\"\n");
}
END_TEST

START_TEST(a_line_that_never_began_has_its_line)
{
    struct fetch_conn conn;
    struct report r = bad_report(&conn);
    ck_assert_int_eq(report_through(&out, &body_sink, sink, &r, &err), 0);
    ck_assert_str_eq(outputs_text(&out), "");
    ck_assert_ptr_nonnull(strstr(complaints, "invalid-target"));
}
END_TEST

START_TEST(an_abandoned_try_leaves_nothing)
{
    struct fetch_conn conn;
    struct report r = bad_report(&conn);
    struct spool_slot *slot = spool_open(out.spool, NULL);
    void *context = begin(slot);
    error_clear(&r.error);
    ck_assert_int_eq(body_sink.body(sink, context, "first", 5, &err), 0);
    body_sink.abandon(sink, context);
    context = begin(slot);
    ck_assert_int_eq(body_sink.body(sink, context, "second", 6, &err), 0);
    ck_assert_int_eq(body_sink.end(sink, context, &r, true, slot, &err), 0);
    ck_assert_int_eq(spool_finish(slot, &err), 0);
    ck_assert_str_eq(outputs_text(&out), "second");
}
END_TEST

START_TEST(a_large_body_that_breaks_says_how_much_was_written)
{
    struct fetch_conn conn;
    struct report r = bad_report(&conn);
    struct spool_slot *slot = spool_open(out.spool, NULL);
    void *context = begin(slot);
    static char bytes[65536];
    r.target = span_of("a.example");
    error_set(&r.error, ERROR_TRUNCATED, PHASE_BODY, "reset");
    for (int i = 0; i < 17; i++)
        ck_assert_int_eq(body_sink.body(sink, context, bytes, sizeof bytes, &err), 0);
    ck_assert_int_eq(body_sink.end(sink, context, &r, true, slot, &err), 0);
    ck_assert_int_eq(spool_finish(slot, &err), 0);
    ck_assert_str_eq(complaints,
                     "pfetch: a.example: truncated: reset (after 1114112 bytes of it were written)\n");
    outputs_text(&out);
    ck_assert_uint_eq(writer_written(out.writer), 1114112);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("body_sink");
    TCase *t = tcase_create("body_sink");
    tcase_add_test(t, a_body_is_written_at_its_end);
    tcase_add_test(t, a_failure_leaves_nothing_but_a_line);
    tcase_add_test(t, a_line_that_never_began_has_its_line);
    tcase_add_test(t, an_abandoned_try_leaves_nothing);
    tcase_add_test(t, a_large_body_that_breaks_says_how_much_was_written);
    tcase_add_checked_fixture(t, setup, teardown);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
