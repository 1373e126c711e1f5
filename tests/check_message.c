/*
 * Whole messages, head and body, cut at every place: the result is the same wherever the bytes are split, and
 * it is what a second, naive reader says.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/message.h"

enum { MESSAGES = 8000 };

static struct guarded page;

/* --- Generated messages: mostly good, always the same ----------------------------------------------------
 */

struct generator {
    uint64_t state;
    unsigned char m[MESSAGE_MAX];
    size_t len;
    const char *eol;
};

/* xorshift64*, 0 to n - 1 */
static unsigned pick(struct generator *g, unsigned n)
{
    g->state ^= g->state >> 12;
    g->state ^= g->state << 25;
    g->state ^= g->state >> 27;
    return (unsigned)((g->state * UINT64_C(2685821657736338717)) >> 33) % n;
}

static void put(struct generator *g, const char *s)
{
    size_t n = strlen(s);
    ck_assert_uint_le(g->len + n, sizeof g->m);
    for (size_t i = 0; i < n; i++) /* '@' stands for NUL */
        g->m[g->len++] = s[i] == '@' ? 0 : (unsigned char)s[i];
}

/* A line end: nearly always the message's own. */
static void put_eol(struct generator *g)
{
    put(g, pick(g, 40) ? g->eol : "\n");
}

#define PICK(g, table) (table)[pick(g, sizeof(table) / sizeof *(table))]

static void put_line(struct generator *g, const char *s)
{
    put(g, s);
    put_eol(g);
}

/* Some have one interim response in front, a few have about as many as are read. */
static void put_interim(struct generator *g)
{
    static const char *const heads[] = {"HTTP/1.1 100 Continue", "HTTP/1.1 103 Early Hints", "HTTP/1.0 199",
                                        "HTTP/1.1 102"};
    static const char *const fields[] = {"Link: </x>", "Content-Length: 5", " folded",
                                         "Transfer-Encoding: chunked"};
    unsigned count = pick(g, 8) ? 0 : pick(g, 6) ? 1 : RESPONSE_INTERIM_MAX - 1 + pick(g, 3);
    for (unsigned i = 0; i < count; i++) {
        put_line(g, count > 1 ? "HTTP/1.1 100 C" : PICK(g, heads));
        if (count == 1 && pick(g, 2))
            put_line(g, PICK(g, fields));
        put_eol(g);
    }
}

static void put_head(struct generator *g)
{
    static const char *const status[] = {
        "HTTP/1.1 200 OK",       "HTTP/1.1 200 OK",    "HTTP/1.1 200",     "HTTP/1.0 200 ",
        "HTTP/1.1 404 Not \xE4", "HTTP/1.1 204 No",    "HTTP/1.1 304 Not", "HTTP/1.1 100 Go",
        "HTTP/1.1 101 Up",       "HTTP/1.1   500  X",  "HTTP/1.1 99",      "HTTP/1.2 200 OK",
        "HTTP/1.1 200X",         "HTTP/1.0 302 Found",
    };
    static const char *const fields[] = {
        "Server: x",
        "A:",
        "B: \t c \t",
        "Set-Cookie: a=b",
        " folded",
        "\t",
        "Connection: close",
        "Connection: x,close",
        "Connection: keep-alive",
        "X-\x7F: a",
        "a b: c",
        "X : y",
        "none",
        "X-N: a@b",
        ": v",
        "X-V: \x01\xFF",
        "Date: now",
    };
    put_line(g, PICK(g, status));
    put_line(g, "Host: a");
    for (unsigned i = pick(g, 4); i > 0; i--)
        put_line(g, fields[pick(g, pick(g, 6) ? 9 : sizeof fields / sizeof fields[0])]);
}

static void put_chunks(struct generator *g)
{
    static const char *const behind[] = {"",  "",   "",    ";a=b", " ; c", " ", ";", "\t;x=\"y;z\"",
                                         ",", " 1", ";a@b"};
    static const char *const last[] = {"0", "0", "000", "0;x", "0 ", "00000000000000000"};
    static const char *const trailers[] = {"",   "",       "",         "A: b",   "A: b\r\n c",
                                           " x", "a b: c", "A:\r\nB:", "A: b@c", "A:\nB:\nC: d\nE:\nF: g"};
    for (unsigned i = pick(g, 4); i > 0; i--) {
        char line[64];
        unsigned size = 1 + pick(g, 20);
        snprintf(line, sizeof line, "%0*x%s", pick(g, 2) ? 1 : 3, size, PICK(g, behind));
        put_line(g, line);
        for (unsigned j = 0; j < size; j++)
            put(g, pick(g, 5) ? "d" : "\n");
        put_eol(g);
    }
    put_line(g, PICK(g, last));
    const char *trailer = PICK(g, trailers);
    if (*trailer)
        put_line(g, trailer);
    for (unsigned i = pick(g, 40) ? 0 : BODY_TRAILER_FIELDS_MAX - 1 + pick(g, 3); i > 0; i--)
        put_line(g, "T:");
    put_eol(g);
}

static void put_framing_and_body(struct generator *g)
{
    static const char *const lengths[] = {
        "5", "0", "11", "5, 5", "5,7", "-5", "+5", "", "5,", "99999999999999999999", "9223372036854775807"};
    static const char *const codings[] = {
        "chunked",          "chunked",       "Chunked", "identity, chunked", "identity",
        "chunked, chunked", "gzip, chunked", ",",       "chunked, x",        "chunked, identity"};
    char line[128];
    unsigned form = pick(g, 10);
    if (form < 5) {
        snprintf(line, sizeof line, "Content-Length: %s",
                 lengths[pick(g, pick(g, 3) ? 3 : sizeof lengths / sizeof lengths[0])]);
        put_line(g, line);
    }
    if (form >= 4 && form < 9) {
        snprintf(line, sizeof line, "Transfer-Encoding: %s",
                 codings[pick(g, pick(g, 3) ? 3 : sizeof codings / sizeof codings[0])]);
        put_line(g, line);
    }
    put_eol(g);
    if (form >= 4 && form < 9)
        put_chunks(g);
    else
        put(g, pick(g, 2) ? "hello" : "hello world");
    if (!pick(g, 4))
        put(g, "HTTP/1.1 200 OK\r\n");
}

/* Changes some bytes, or cuts the end off. */
static void mutate(struct generator *g)
{
    static const unsigned char odd[] = {0, '\r', '\n', ' ', '\t', ':', ';', ',', '0', 'f', 0x7F, 0x80, 0xFF};
    for (unsigned i = pick(g, 3); i > 0; i--) {
        size_t at = pick(g, (unsigned)g->len);
        switch (pick(g, 3)) {
        case 0:
            g->m[at] = PICK(g, odd);
            break;
        case 1:
            memmove(g->m + at, g->m + at + 1, --g->len - at);
            break;
        default:
            memmove(g->m + at + 1, g->m + at, g->len++ - at);
            g->m[at] = PICK(g, odd);
        }
    }
    if (!pick(g, 6))
        g->len = pick(g, (unsigned)g->len + 1);
}

static void generate(struct generator *g)
{
    g->len = 0;
    g->eol = pick(g, 4) ? "\r\n" : "\n";
    put_interim(g);
    put_head(g);
    put_framing_and_body(g);
    if (pick(g, 2))
        mutate(g);
}

/* --- The tests --------------------------------------------------------------------------------------------
 */

static void report(const struct generator *g, size_t cut, const char *what)
{
    for (size_t i = 0; i < g->len; i++)
        fprintf(stderr,
                g->m[i] >= 32 && g->m[i] < 127 ? "%c"
                : g->m[i] == '\n'              ? "\\n\n"
                                               : "\\x%02X",
                g->m[i]);
    ck_abort_msg("they differ in their %s; cut at %zu of %zu", what, cut, g->len);
}

START_TEST(same_result_wherever_the_bytes_are_split)
{
    static struct generator g;
    static struct message whole, naive, cut;
    unsigned verdicts[V_DONE + 1] = {0};
    const char *what;
    g.state = 20240229;
    for (int i = 0; i < MESSAGES; i++) {
        generate(&g);
        message_read(&whole, &page, g.m, g.len, g.len);
        message_read_naive(&naive, g.m, g.len);
        if ((what = message_differs_from_naive(&whole, &naive)))
            report(&g, g.len, what);
        for (size_t at = 0; at < g.len; at++) {
            message_read(&cut, &page, g.m, g.len, at);
            if ((what = message_differs(&whole, &cut)))
                report(&g, at, what);
        }
        verdicts[whole.verdict]++;
    }
    /* Each kind of end is met often enough to mean something. */
    for (int v = 0; v <= V_DONE; v++)
        ck_assert_msg(verdicts[v] > MESSAGES / 50, "only %u of verdict %d", verdicts[v], v);
}
END_TEST

int main(void)
{
    guarded_init(&page, MESSAGE_MAX);
    Suite *s = suite_create("message");
    TCase *t = tcase_create("message");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, same_result_wherever_the_bytes_are_split);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    guarded_free(&page);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
