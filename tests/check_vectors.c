/*
 * The cases of llhttp's own tests of responses (test/response there), retold: what the reader makes of each,
 * and why, where it is another answer than llhttp's. Read whole and cut at every place, as a connection that
 * ends cleanly behind the last byte.
 */
#include <check.h>
#include <stdlib.h>

#include "support/message.h"

static struct guarded page;

struct vector {
    const char *name, *bytes;
    enum verdict verdict;
    const char *said; /* V_DONE: the body; V_BAD_…: a part of the message */
    const char *why;  /* where llhttp says otherwise */
};

#define OK      "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"

static const struct vector samples[] = {
    {"simple response", OK "Header1: Value1\r\nHeader2:\t Value2\r\nContent-Length: 0\r\n\r\n", V_DONE, "",
     NULL},
    {"RTSP response", "RTSP/1.1 200 OK\r\n\r\n", V_BAD_HEAD, "another protocol",
     "llhttp reads other protocols that look like HTTP, too"},
    {"ICE response", "ICE/1.1 200 OK\r\n\r\n", V_BAD_HEAD, "another protocol", "as before"},
    {"invalid response start", "HTTPER/1.1 200 OK\r\n\r\n", V_BAD_HEAD, "does not start with", NULL},
    {"empty body", OK "\r\n", V_DONE, "", NULL},
    {"a redirect with blanks around its length",
     "HTTP/1.1 301 Moved Permanently\r\nLocation: http://www.example.com/\r\n"
     "X-$PrototypeBI-Version: 1.6.0.3\r\nContent-Length:  11  \r\n\r\n<HTML>\n</H>",
     V_DONE, "<HTML>\n</H>", NULL},
    {"a redirect in chunks",
     "HTTP/1.1 301 MovedPermanently\r\nx-amz-id-1: 0GPH\r\np3p: policyref=\"x\",CP=\"CAO DSP \"\r\n"
     "Transfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n0\r\n\r\n",
     V_DONE, "\n", NULL},
    {"no headers and no body", "HTTP/1.1 404 Not Found\r\n\r\n", V_DONE, "", NULL},
    {"no reason phrase", "HTTP/1.1 301\r\n\r\n", V_DONE, "", NULL},
    {"empty reason phrase after space", "HTTP/1.1 200 \r\n\r\n", V_DONE, "", NULL},
    {"no carriage return", "HTTP/1.1 200 OK\nContent-Type: text/html\nConnection: close\n\nthese headers",
     V_DONE, "these headers", "a bare LF is a line end (RFC 9112 2.2); llhttp asks for leniency"},
    {"underscore in header key", OK "Content-Length: 0\r\nDCLK_imp: v7;x;1;0-0;0~okv=;cs=o\r\n\r\n", V_DONE,
     "", NULL},
    {"a field without a value, and one behind it",
     "HTTP/1.0 301 Moved Permanently\r\nPragma: \r\nLocation: http://www.example.fr/\r\nContent-Length: 0\r\n"
     "Connection: keep-alive\r\n\r\n",
     V_DONE, "", NULL},
    {"odd field names",
     OK ".et-Cookie: P=1; path=/\r\n_eep-Alive: timeout=45\r\n_onnection: Keep-Alive\r\n"
        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
     V_DONE, "", NULL},
    {"spaces in header name", OK "en-US Content-Type: text/xml\r\nContent-Length: 16\r\n\r\n<xml>hello</xml>",
     V_BAD_HEAD, "no token: en-US", NULL},
    {"non ASCII in status line",
     "HTTP/1.1 500 Ori\xC3\xABntatieprobleem\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", V_DONE, "",
     NULL},
    {"HTTP version 0.9", "HTTP/0.9 200 OK\r\n\r\n", V_BAD_HEAD, "HTTP/0",
     "0.9 has no head: what claims to be one is no message"},
    {"no Content-Length, no Transfer-Encoding", OK "Content-Type: text/plain\r\n\r\nhello world", V_DONE,
     "hello world", NULL},
    {"response starting with CRLF", "\r\n" OK "Content-Length: 0\r\n\r\n", V_BAD_HEAD, "does not start with",
     "an empty line is tolerated in front of requests only (RFC 9112 2.2); curl takes it for HTTP/0.9"},
    {"safe to finish after empty response", OK "\r\n", V_DONE, "", NULL},
    {"pause at any place", OK "Content-Length: 3\r\n\r\nabc", V_DONE, "abc", NULL},
    {"pause at any chunk", OK "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n", V_DONE,
     "0123456789", NULL},
};

static const struct vector lines[] = {
    {"incomplete HTTP protocol", "HTP/1.1 200 OK\r\n\r\n", V_BAD_HEAD, "does not start with", NULL},
    {"extra digit in HTTP major version", "HTTP/01.1 200 OK\r\n\r\n", V_BAD_HEAD, "HTTP/0", NULL},
    {"extra digit in HTTP major version #2", "HTTP/11.1 200 OK\r\n\r\n", V_BAD_HEAD, "does not start with",
     NULL},
    {"extra digit in HTTP minor version", "HTTP/1.01 200 OK\r\n\r\n", V_BAD_HEAD, "no space behind", NULL},
    {"tab after HTTP version", "HTTP/1.1\t200 OK\r\n\r\n", V_BAD_HEAD, "no space behind", NULL},
    {"CR before response and tab after HTTP version", "\rHTTP/1.1\t200 OK\r\n\r\n", V_BAD_HEAD,
     "does not start with", NULL},
    {"headers separated by CR", OK "Foo: 1\rBar: 2\r\n\r\n", V_BAD_HEAD, "CR without LF", NULL},
    {"invalid HTTP version", "HTTP/5.6 200 OK\r\n\r\n", V_BAD_HEAD, "HTTP/5", NULL},
    {"invalid space after start line", OK " Host: foo\r\n\r\n", V_BAD_HEAD, "starts with a blank", NULL},
    {"extra space between HTTP version and status code", "HTTP/1.1  200 OK\r\n\r\n", V_DONE, "",
     "harmless, and sent"},
    {"extra space between status code and reason", "HTTP/1.1 200  OK\r\n\r\n", V_DONE, "", NULL},
    {"one-digit status code", "HTTP/1.1 2 OK\r\n\r\n", V_BAD_HEAD, "three digits", NULL},
    {"only LFs present and no body", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", V_DONE, "",
     "a bare LF is a line end"},
    {"only LFs present", "HTTP/1.1 200 OK\nFoo: abc\nBar: def\n\nBODY\n", V_DONE, "BODY\n",
     "a bare LF is a line end"},
};

static const struct vector framings[] = {
    {"Proxy-Connection", OK "Content-Length: 11\r\nProxy-Connection: close\r\n\r\nhello world", V_DONE,
     "hello world", NULL},
    {"HTTP/1.0 with keep-alive and EOF-terminated 200 status",
     "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nHTTP/1.0 200 OK", V_DONE, "HTTP/1.0 200 OK", NULL},
    {"HTTP/1.0 with keep-alive and 204 status",
     "HTTP/1.0 204 No content\r\nConnection: keep-alive\r\n\r\nHTTP/1.0 200 OK", V_DONE, "", NULL},
    {"HTTP/1.1 with EOF-terminated 200 status", OK "\r\nHTTP/1.1 200 OK", V_DONE, "HTTP/1.1 200 OK", NULL},
    {"HTTP/1.1 with 204 status", "HTTP/1.1 204 No content\r\n\r\nHTTP/1.1 200 OK", V_DONE, "", NULL},
    {"HTTP/1.1 with keep-alive disabled and 204 status",
     "HTTP/1.1 204 No content\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK", V_DONE, "",
     "what follows is of no message; the connection is closed without a look at it"},
    {"keep-alive disabled, Content-Length, and more",
     OK "Content-Length: 5\r\nConnection: close\r\n\r\n2ad731e3-4dcd-4f70", V_DONE, "2ad73", "as before"},
    {"101 with Upgrade and Content-Length",
     "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: "
     "4\r\n\r\nbody"
     "proto",
     V_BAD_FRAMING, "no upgrade was asked for", "pfetch never asks"},
    {"101 with Upgrade and Transfer-Encoding",
     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nTransfer-Encoding: "
     "chunked\r\n\r\n2\r\nbo\r\n0\r\n\r\n"
     "proto",
     V_BAD_FRAMING, "no upgrade was asked for", "pfetch never asks"},
    {"200 with Upgrade", OK "Connection: upgrade\r\nUpgrade: h2c\r\n\r\nbody", V_DONE, "body", NULL},
    {"200 with Upgrade and Content-Length",
     OK "Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nbody", V_DONE, "body", NULL},
    {"200 with Upgrade and Transfer-Encoding",
     OK "Connection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n",
     V_DONE, "body", NULL},
    {"no Content-Length, but a body", OK "Connection: close\r\n\r\n<?xml?>\n</x>", V_DONE, "<?xml?>\n</x>",
     NULL},
    {"Content-Length-X", OK "Content-Length-X: 0\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n0\r\n\r\n",
     V_DONE, "OK", NULL},
    {"two messages, the second no part of the first", OK "Content-Length: 3\r\n\r\nAAA" OK "\r\n", V_DONE,
     "AAA", NULL},
    {"tabs around Content-Length", OK "Content-Length:\t3\t\r\n\r\nabc", V_DONE, "abc", NULL},
};

static const struct vector transfers[] = {
    {"empty Transfer-Encoding with Content-Length", OK "Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello",
     V_BAD_FRAMING, "Transfer-Encoding is empty", NULL},
    {"trailing space on chunked body",
     OK "Transfer-Encoding: chunked\r\n\r\n25  \r\nThis is the data in the first chunk\r\n\r\n1C\r\n"
        "and this is the second one\r\n\r\n0  \r\n\r\n",
     V_DONE, "This is the data in the first chunk\r\nand this is the second one\r\n",
     "some servers pad their sizes with blanks; nothing can be hidden in them"},
    {"chunked before other transfer-encoding", OK "Transfer-Encoding: chunked, deflate\r\n\r\nWorld",
     V_BAD_FRAMING, "not the last coding", "no reader that skips chunked can tell where the body ends"},
    {"chunked, then identity in another field",
     OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\nWorld", V_BAD_FRAMING,
     "not the last coding", "as before"},
    {"chunkedchunked", OK "Transfer-Encoding: chunkedchunked\r\n\r\n2\r\nOK\r\n0\r\n\r\n", V_BAD_FRAMING,
     "not asked for", "a coding that nobody knows; llhttp hands it over as it is"},
    {"chunk extensions",
     CHUNKED "5;ilovew3;somuchlove=aretheseparametersfor\r\nhello\r\n6;blahblah;blah\r\n world\r\n0\r\n\r\n",
     V_DONE, "hello world", NULL},
    {"no semicolon before chunk extensions", CHUNKED "2 erfrferferf\r\naa\r\n0 rrrr\r\n\r\n", V_BAD_BODY,
     "neither its line end nor an extension", NULL},
    {"no extension after semicolon", CHUNKED "2;\r\naa\r\n0\r\n\r\n", V_DONE, "aa",
     "extensions are dropped unread"},
    {"chunk extensions quoting",
     CHUNKED "5;ilovew3=\"I love; extensions\";x=\"y\";blah;foo=bar\r\nhello\r\n6;b;c\r\n world\r\n0\r\n\r\n",
     V_DONE, "hello world", NULL},
    {"unbalanced chunk extensions quoting",
     CHUNKED "5;ilovew3=\"abc\";somuchlove=\"def; ghi\r\nhello\r\n0\r\n\r\n", V_DONE, "hello",
     "a line end ends them, quoted or not"},
    {"obs-fold after chunked value", OK "Transfer-Encoding: chunked\r\n  abc\r\n\r\n5\r\nWorld\r\n0\r\n\r\n",
     V_BAD_FRAMING, "not asked for: chunked abc", "llhttp hands it over as it is"},
    {"a chunked body that does not end", CHUNKED "5\r\nhello\r\n0\r\n", V_MORE, "hello", NULL},
};

static void check(const struct vector *v)
{
    static struct message whole, cut;
    const unsigned char *bytes = (const unsigned char *)v->bytes;
    size_t len = strlen(v->bytes);
    message_read(&whole, &page, bytes, len, len);
    ck_assert_msg(whole.verdict == v->verdict, "%s: verdict %d, %s", v->name, whole.verdict, whole.error);
    if (v->verdict == V_DONE || v->verdict == V_MORE)
        ck_assert_msg(span_equal(span_make(whole.body, whole.body_len), span_of(v->said)), "%s: body %.*s",
                      v->name, (int)whole.body_len, (const char *)whole.body);
    else
        ck_assert_msg(strstr(whole.error, v->said) != NULL, "%s: %s", v->name, whole.error);
    for (size_t at = 0; at < len; at++) {
        message_read(&cut, &page, bytes, len, at);
        const char *what = message_differs(&whole, &cut);
        ck_assert_msg(!what, "%s: cut at %zu, %s differs", v->name, at, what);
    }
}

#define EACH(name, table)                                                                                    \
    START_TEST(name)                                                                                         \
    {                                                                                                        \
        for (size_t i = 0; i < sizeof(table) / sizeof *(table); i++)                                         \
            check(&(table)[i]);                                                                              \
    }                                                                                                        \
    END_TEST

EACH(sample_responses, samples)
EACH(broken_lines, lines)
EACH(where_messages_end, framings)
EACH(transfer_codings, transfers)

int main(void)
{
    guarded_init(&page, MESSAGE_MAX);
    Suite *s = suite_create("vectors");
    TCase *t = tcase_create("vectors");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, sample_responses);
    tcase_add_test(t, broken_lines);
    tcase_add_test(t, where_messages_end);
    tcase_add_test(t, transfer_codings);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    guarded_free(&page);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
