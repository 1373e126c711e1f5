/* Records: what is put comes back, and nothing that a taken-over worker could send instead is believed. */
#include <check.h>
#include <stdlib.h>

#include "record.h"
#include "support/guarded.h"

static struct fetch_conn some_conn(void)
{
    static struct fetch_cert cert = {.references = 1, .subject = "CN=a", .issuer = "CN=b", .names = "a\nb"};
    struct fetch_conn conn = {.remote_ip = "192.0.2.7",
                              .remote_port = 443,
                              .reused = true,
                              .tls_version = "TLSv1.3",
                              .tls_cipher = "TLS_AES_128_GCM_SHA256",
                              .tls = true,
                              .cert = &cert};
    return conn;
}

static void put_some_head(struct buffer *b, const struct fetch_conn *conn)
{
    struct buffer fields;
    buffer_init(&fields, 1000);
    pack_string(&fields, "Server");
    pack_string(&fields, "x\x01y");
    struct fetch_head head = {.url = "https://a/",
                              .status = 302,
                              .version = "1.1",
                              .fields = buffer_span(&fields),
                              .field_count = 1,
                              .wire_response = span_of("HTTP/1.1 302\r\n\r\n"),
                              .location = "https://b/",
                              .conn = conn,
                              .started_us = 17};
    buffer_init(b, 100000);
    ck_assert_int_eq(record_put_head(b, &head), 0);
    buffer_free(&fields);
}

static void put_some_result(struct buffer *b)
{
    struct fetch_result r = {.url = (char *)(uintptr_t) "https://a/",
                             .status = 200,
                             .version = "1.1",
                             .bytes = 12345678901,
                             .conn = some_conn(),
                             .started_us = 5,
                             .ns_total = 9,
                             .has_retry_after = true,
                             .retry_after = 30,
                             .sha256 = "ab",
                             .cut = CUT_TIME};
    error_set(&r.error, ERROR_TIMEOUT, PHASE_BODY, "late");
    buffer_init(b, 100000);
    ck_assert_int_eq(record_put_result(b, &r), 0);
}

START_TEST(a_head_comes_back)
{
    struct buffer b;
    struct fetch_conn conn = some_conn(), got;
    struct fetch_head head;
    put_some_head(&b, &conn);
    ck_assert_int_eq(record_get_head(buffer_span(&b), &head, &got), 0);
    ck_assert_str_eq(head.url, "https://a/");
    ck_assert_str_eq(head.location, "https://b/");
    ck_assert_int_eq(head.status, 302);
    ck_assert_uint_eq(head.field_count, 1);
    ck_assert_ptr_eq(head.conn, &got);
    ck_assert_str_eq(got.cert->names, "a\nb");
    fetch_cert_release(got.cert);
    ck_assert_uint_eq(head.wire_response.len, 16);
    buffer_free(&b);
}
END_TEST

START_TEST(a_result_comes_back)
{
    struct buffer b;
    struct fetch_result r;
    put_some_result(&b);
    ck_assert_int_eq(record_get_result(buffer_span(&b), &r), 0);
    ck_assert_int_eq(r.error.kind, ERROR_TIMEOUT);
    ck_assert_str_eq(r.error.message, "late");
    ck_assert_uint_eq(r.bytes, 12345678901);
    ck_assert_int_eq(r.retry_after, 30);
    ck_assert_int_eq(r.cut, CUT_TIME);
    fetch_result_free(&r);
    buffer_free(&b);
}
END_TEST

START_TEST(a_task_comes_back)
{
    struct buffer b;
    struct record_task task = {span_of("https://a/"), 7}, got;
    buffer_init(&b, 1000);
    ck_assert_int_eq(record_put_task(&b, &task), 0);
    ck_assert_int_eq(record_get_task(buffer_span(&b), &got), 0);
    ck_assert(span_equal(got.url, task.url));
    ck_assert_uint_eq(got.pausable, 7);
    ck_assert_int_eq(record_get_task(span_make(b.data, b.len - 1), &got), -1);
    buffer_free(&b);
}
END_TEST

START_TEST(a_declined_task_is_no_result)
{
    struct buffer b;
    struct fetch_result r;
    buffer_init(&b, 1000);
    ck_assert_int_eq(record_put_declined(&b), 0);
    ck_assert(record_is_declined(buffer_span(&b)));
    ck_assert_int_eq(record_get_result(buffer_span(&b), &r), -1);
    fetch_result_free(&r);
    ck_assert_int_eq(buffer_puts(&b, "x"), 0);
    ck_assert(!record_is_declined(buffer_span(&b)));
    ck_assert(!record_is_declined(span_make(NULL, 0)));
    ck_assert(!record_is_declined(span_of("x")));
    buffer_free(&b);
}
END_TEST

/* Every cut of a good record is a bad one, and no read passes its end. */
START_TEST(cut_records_are_refused)
{
    struct buffer head, result;
    struct fetch_conn conn = some_conn(), got;
    put_some_head(&head, &conn);
    put_some_result(&result);
    struct guarded g;
    guarded_init(&g, 4096);
    for (size_t n = 0; n < head.len; n++) {
        struct fetch_head h;
        ck_assert_int_eq(record_get_head(guarded_put(&g, head.data, n), &h, &got), -1);
        fetch_cert_release(got.cert);
    }
    for (size_t n = 0; n < result.len; n++) {
        struct fetch_result r;
        ck_assert_int_eq(record_get_result(guarded_put(&g, result.data, n), &r), -1);
        fetch_result_free(&r);
    }
    guarded_free(&g);
    buffer_free(&head);
    buffer_free(&result);
}
END_TEST

/* Any one byte changed: refused, or what comes out still holds to its alphabets. */
START_TEST(forged_bytes_never_reach_a_header_line)
{
    struct buffer head;
    struct fetch_conn conn = some_conn(), got;
    put_some_head(&head, &conn);
    for (size_t at = 0; at < head.len; at++) {
        unsigned char was = head.data[at];
        for (unsigned v = 0; v < 256; v++) {
            struct fetch_head h;
            head.data[at] = (unsigned char)v;
            if (record_get_head(buffer_span(&head), &h, &got) == 0) {
                ck_assert_ptr_null(strpbrk(h.url, "\r\n \t"));
                ck_assert(h.status >= 100 && h.status <= 999);
                if (h.conn)
                    ck_assert_ptr_null(strpbrk(h.conn->remote_ip, "\r\n \t"));
            }
            fetch_cert_release(got.cert);
        }
        head.data[at] = was;
    }
    buffer_free(&head);
}
END_TEST

START_TEST(a_wrong_count_of_fields_is_refused)
{
    struct buffer b;
    struct fetch_conn got;
    struct fetch_head head;
    put_some_head(&b, NULL);
    ck_assert_int_eq(record_get_head(buffer_span(&b), &head, &got), 0);
    ck_assert_ptr_null(head.conn);
    size_t at = 4 + 11 + 2 + 4 + 3;
    ck_assert_uint_eq(b.data[at], 1);
    b.data[at] = 2;
    ck_assert_int_eq(record_get_head(buffer_span(&b), &head, &got), -1);
    buffer_free(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("record");
    TCase *t = tcase_create("record");
    tcase_add_test(t, a_head_comes_back);
    tcase_add_test(t, a_result_comes_back);
    tcase_add_test(t, a_task_comes_back);
    tcase_add_test(t, a_declined_task_is_no_result);
    tcase_add_test(t, cut_records_are_refused);
    tcase_add_test(t, forged_bytes_never_reach_a_header_line);
    tcase_add_test(t, a_wrong_count_of_fields_is_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
