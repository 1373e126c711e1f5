/* Frame headers: to the byte as frame.h says, and nothing else is taken for one. */
#include <check.h>
#include <stdlib.h>

#include "executor/frame.h"
#include "support/guarded.h"

START_TEST(a_header_is_laid_out_as_documented)
{
    static const unsigned char want[FRAME_HEADER] = {4,    0,    0,    0,    0x34, 0x12, 0,    0,
                                                     0xEF, 0xCD, 0xAB, 0x89, 0x67, 0x45, 0x23, 0x01};
    struct frame f = {FRAME_HEAD, 0x1234, UINT64_C(0x0123456789ABCDEF)};
    unsigned char got[FRAME_HEADER];
    frame_put(got, &f);
    ck_assert_mem_eq(got, want, sizeof want);
}
END_TEST

START_TEST(what_was_put_is_got_for_every_type_up_to_its_bound)
{
    struct guarded g;
    guarded_init(&g, FRAME_HEADER);
    for (unsigned type = FRAME_TASK; type < FRAME_TYPES; type++) {
        unsigned char bytes[FRAME_HEADER];
        struct frame f = {(enum frame_type)type, frame_bound(type), UINT64_MAX - type}, got;
        frame_put(bytes, &f);
        ck_assert_int_eq(frame_get(guarded_put(&g, bytes, sizeof bytes).data, &got), 0);
        ck_assert_uint_eq(got.type, type);
        ck_assert_uint_eq(got.length, f.length);
        ck_assert_uint_eq(got.task, f.task);
        f.length++;
        frame_put(bytes, &f);
        ck_assert_int_eq(frame_get(bytes, &got), -1);
        f.length = UINT32_MAX;
        frame_put(bytes, &f);
        ck_assert_int_eq(frame_get(bytes, &got), -1);
    }
    guarded_free(&g);
}
END_TEST

START_TEST(unknown_types_and_reserved_bytes_are_refused)
{
    unsigned char bytes[FRAME_HEADER];
    struct frame f = {FRAME_NOTE, 1, 1}, got;
    for (unsigned type = 0; type < 256; type++) {
        frame_put(bytes, &f);
        bytes[0] = (unsigned char)type;
        bytes[4] = type == FRAME_READY ? 0 : 1;
        ck_assert_int_eq(frame_get(bytes, &got), type >= FRAME_TASK && type < FRAME_TYPES ? 0 : -1);
    }
    for (unsigned at = 1; at < 4; at++) {
        frame_put(bytes, &f);
        bytes[at] = 1;
        ck_assert_int_eq(frame_get(bytes, &got), -1);
    }
}
END_TEST

START_TEST(a_body_without_bytes_is_refused)
{
    unsigned char bytes[FRAME_HEADER];
    struct frame got;
    for (unsigned type = FRAME_TASK; type < FRAME_TYPES; type++) {
        struct frame f = {(enum frame_type)type, 0, 1};
        frame_put(bytes, &f);
        ck_assert_int_eq(frame_get(bytes, &got),
                         type == FRAME_BODY || type == FRAME_WIRE || type == FRAME_SHARED ? -1 : 0);
    }
}
END_TEST

START_TEST(bounds_and_names_exist_for_types_only)
{
    ck_assert_uint_eq(frame_bound(FRAME_READY), 0);
    ck_assert_uint_eq(frame_bound(FRAME_NOTE), FRAME_MAX_NOTE);
    ck_assert_uint_eq(frame_bound(0), 0);
    ck_assert_uint_eq(frame_bound(FRAME_TYPES), 0);
    ck_assert_uint_eq(frame_bound(UINT32_MAX), 0);
    ck_assert_str_eq(frame_name(FRAME_WIRE), "WIRE");
    ck_assert_str_eq(frame_name(0), "?");
    ck_assert_str_eq(frame_name(FRAME_TYPES), "?");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("frame");
    TCase *t = tcase_create("frame");
    tcase_add_test(t, a_header_is_laid_out_as_documented);
    tcase_add_test(t, what_was_put_is_got_for_every_type_up_to_its_bound);
    tcase_add_test(t, unknown_types_and_reserved_bytes_are_refused);
    tcase_add_test(t, a_body_without_bytes_is_refused);
    tcase_add_test(t, bounds_and_names_exist_for_types_only);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
