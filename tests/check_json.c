/* -f json: every field, in order, and valid whatever the bytes. */
#include <check.h>

#include "output/json.h"
#include "support/outputs.h"

static struct outputs out;
static struct fetch_error err;

static const char *json(bool with_file, bool with_sha256, struct report *report)
{
    void *sink = json_sink_new(with_file, with_sha256);
    outputs_begin(&out);
    ck_assert_int_eq(report_through(&out, &json_sink, sink, report, &err), 0);
    const char *text = outputs_text(&out);
    ck_assert_int_eq(json_sink.close(sink, &err), 0);
    outputs_end(&out);
    return text;
}

START_TEST(a_full_report)
{
    struct fetch_conn conn;
    struct buffer packed;
    struct report r = full_report(&conn, &packed);
    ck_assert_str_eq(
        json(false, false, &r),
        "{\"schema\":1,\"index\":17,\"started\":\"2025-12-31T23:59:59.123456Z\",\"target\":\"a.example\","
        "\"url\":\"https://b.example/x\",\"status\":200,\"http_version\":\"1.1\",\"bytes\":20480,"
        "\"error\":null,\"redirects\":[\"https://a.example/\",\"https://b.example/\"],\"attempts\":1,"
        "\"worker\":3,\"reused\":false,\"remote_ip\":\"192.0.2.7\",\"remote_port\":443,"
        "\"tls\":{\"version\":\"TLSv1.3\",\"cipher\":\"TLS_AES_128_GCM_SHA256\",\"resumed\":true,"
        "\"cert\":{\"sha256\":\"00ff\",\"subject\":\"CN=\\\"x\\\"\",\"issuer\":\"CN=ca\","
        "\"names\":[\"a.example\",\"*.b.example\"],\"not_before\":\"2026-01-01T00:00:00Z\","
        "\"not_after\":\"2027-01-01T00:00:00Z\"}},"
        "\"time\":{\"queue\":0.000001,\"dns\":0.002000,\"connect\":0.003000,\"tls\":0.040001,"
        "\"first_byte\":0.050000,\"total\":12.345679},"
        "\"headers\":[[\"Server\",\"x\xEF\xBF\xBDy\"],[\"Empty\",\"\"]]}\n");
    buffer_free(&packed);
}
END_TEST

START_TEST(a_bad_line)
{
    struct fetch_conn conn;
    struct report r = bad_report(&conn);
    ck_assert_str_eq(json(false, false, &r),
                     "{\"schema\":1,\"index\":1,\"started\":\"1970-01-01T00:00:00.000001Z\","
                     "\"target\":\"a\\tb\\n\xC3\xA9\xEF\xBF\xBD\",\"url\":null,\"status\":null,"
                     "\"http_version\":null,\"bytes\":0,\"error\":{\"kind\":\"invalid-target\","
                     "\"phase\":null,\"message\":\"control byte \\u0001 in \\\"it\\\"\"},\"redirects\":[],"
                     "\"attempts\":0,\"worker\":null,\"reused\":false,\"remote_ip\":null,"
                     "\"remote_port\":null,\"tls\":null,\"time\":{\"queue\":0.000000,\"dns\":0.000000,"
                     "\"connect\":0.000000,\"tls\":0.000000,\"first_byte\":0.000000,\"total\":0.000000},"
                     "\"headers\":[]}\n");
}
END_TEST

START_TEST(a_handshake_that_failed)
{
    struct fetch_conn conn;
    struct report r = bad_report(&conn);
    conn = (struct fetch_conn){.remote_ip = "::1", .remote_port = 8443, .tls = true};
    error_set(&r.error, ERROR_CERTIFICATE, PHASE_TLS, "self-signed");
    const char *text = json(false, false, &r);
    ck_assert_ptr_nonnull(strstr(text, "\"phase\":\"tls\""));
    ck_assert_ptr_nonnull(
        strstr(text, "\"tls\":{\"version\":null,\"cipher\":null,\"resumed\":false,\"cert\":null}"));
    conn.cert = &(struct fetch_cert){.references = 1};
    ck_assert_ptr_nonnull(strstr(json(false, false, &r), "\"cert\":{\"sha256\":null,\"subject\":\"\","
                                                         "\"issuer\":\"\",\"names\":[],"
                                                         "\"not_before\":null,\"not_after\":null}}"));
}
END_TEST

START_TEST(file_and_sha256_are_there_when_asked_for)
{
    struct fetch_conn conn;
    struct report r = bad_report(&conn);
    ck_assert_ptr_nonnull(strstr(json(true, true, &r), "\"headers\":[],\"sha256\":null,\"file\":null}\n"));
    r.file = "a.example";
    r.sha256 = "e3b0";
    ck_assert_ptr_nonnull(
        strstr(json(true, true, &r), "\"headers\":[],\"sha256\":\"e3b0\",\"file\":\"a.example\"}\n"));
}
END_TEST

START_TEST(a_start_that_is_not_known_is_now)
{
    struct fetch_conn conn;
    struct report r = bad_report(&conn);
    r.started_us = 0;
    ck_assert_ptr_nonnull(strstr(json(false, false, &r), "\"started\":\"20"));
}
END_TEST

/* The fields come from a worker, which may have been taken over. */
START_TEST(broken_fields_are_cut)
{
    struct fetch_conn conn;
    struct buffer packed;
    struct report r = full_report(&conn, &packed);
    r.field_count = 1000;
    r.redirect_count = 1000;
    r.fields.len -= 2;
    const char *text = json(false, false, &r);
    ck_assert_ptr_nonnull(strstr(text, "\"headers\":[[\"Server\",\"x\xEF\xBF\xBDy\"]]}\n"));
    ck_assert_ptr_nonnull(strstr(text, "\"redirects\":[\"https://a.example/\",\"https://b.example/\"],"));
    buffer_free(&packed);
}
END_TEST

/* Whatever text a server, or a worker that was taken over, has a say in. */
START_TEST(every_text_is_escaped)
{
    static const char evil[] = "E\"\n\x1b\\";
    struct fetch_conn conn;
    struct buffer packed, more;
    struct report r = full_report(&conn, &packed);
    char *const texts[] = {conn.remote_ip,        conn.tls_version,    conn.tls_cipher,
                           conn.cert->sha256,     conn.cert->subject,  conn.cert->issuer,
                           conn.cert->not_before, conn.cert->not_after};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        memcpy(texts[i], evil, sizeof evil);
    memcpy(conn.cert->names, "E\"\x1b", 4);
    buffer_init(&more, 1000);
    pack_string(&more, evil);
    pack_string(&more, evil);
    r.redirects = r.fields = buffer_span(&more);
    r.field_count = 1;
    r.target = r.url = span_of(evil);
    r.version = r.sha256 = r.file = evil;
    error_set(&r.error, ERROR_TLS, PHASE_TLS, "%s", evil);
    const char *text = json(true, true, &r);
    size_t found = 0;
    for (const char *p = text; (p = strstr(p, "E\\\"")); p++)
        found++;
    ck_assert_uint_eq(found, 19);
    ck_assert_ptr_null(strstr(text, "E\""));
    for (const char *p = text; *p; p++)
        ck_assert_msg((unsigned char)*p >= 0x20 || (*p == '\n' && p[1] == 0), "byte %zu", (size_t)(p - text));
    buffer_free(&packed);
    buffer_free(&more);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("json");
    TCase *t = tcase_create("json");
    tcase_add_test(t, a_full_report);
    tcase_add_test(t, a_bad_line);
    tcase_add_test(t, every_text_is_escaped);
    tcase_add_test(t, a_handshake_that_failed);
    tcase_add_test(t, file_and_sha256_are_there_when_asked_for);
    tcase_add_test(t, a_start_that_is_not_known_is_now);
    tcase_add_test(t, broken_fields_are_cut);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
