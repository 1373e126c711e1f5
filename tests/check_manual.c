/* The manual against the tables: every option, default, error kind, phase, JSON field and exit status is
 * there. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "fetch/error.h"
#include "options_table.h"

/* The manual's source, read once. */
static struct buffer manual;

static void read_manual(void)
{
    const char *top = getenv("TOP_SRCDIR");
    char path[4096], chunk[4096];
    size_t n;
    snprintf(path, sizeof path, "%s/man/pfetch.1", top ? top : ".");
    FILE *f = fopen(path, "re");
    ck_assert_msg(f != NULL, "%s can't be read", path);
    buffer_init(&manual, 1024 * 1024);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        ck_assert_int_eq(buffer_append(&manual, chunk, n), 0);
    fclose(f);
    ck_assert_int_eq(buffer_terminate(&manual), 0);
}

static void free_manual(void)
{
    buffer_free(&manual);
}

/* The place in the manual of a line that starts with ".It" and has `word` as a whole word. NULL: none. */
static const char *item(const char *word)
{
    size_t len = strlen(word);
    for (const char *line = (char *)manual.data; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *end = strchr(line, '\n');
        if (strncmp(line, ".It ", 4) != 0 || !end)
            continue;
        for (const char *at = line; (at = strstr(at, word)) != NULL && at < end; at++)
            if (at[-1] == ' ' && (at[len] == ' ' || at[len] == '\n'))
                return line;
    }
    return NULL;
}

/* The bytes from one item to the next. */
static size_t item_length(const char *from)
{
    const char *next = strstr(from + 1, "\n.It "), *section = strstr(from + 1, "\n.S");
    size_t rest = strlen(from), until = next ? (size_t)(next - from) : rest;
    return section && (size_t)(section - from) < until ? (size_t)(section - from) : until;
}

static bool item_has(const char *from, const char *text)
{
    const char *at = strstr(from, text);
    return at && at < from + item_length(from);
}

START_TEST(every_option_has_its_item)
{
    for (size_t i = 0; i < option_spec_count; i++) {
        const struct option_spec *s = &option_specs[i];
        char name[80];
        snprintf(name, sizeof name, "Fl -%s", s->name);
        const char *at = item(name);
        ck_assert_msg(at != NULL, "no item for --%s", s->name);
        if (!s->letter)
            continue;
        snprintf(name, sizeof name, ".It Fl %c , Fl -%s", s->letter, s->name);
        ck_assert_msg(strncmp(at, name, strlen(name)) == 0, "no -%c with --%s", s->letter, s->name);
    }
}
END_TEST

START_TEST(defaults_choices_and_needs_are_named)
{
    for (size_t i = 0; i < option_spec_count; i++) {
        const struct option_spec *s = &option_specs[i];
        char name[80];
        snprintf(name, sizeof name, "Fl -%s", s->name);
        const char *at = item(name);
        ck_assert_ptr_nonnull(at);
        ck_assert_msg(!s->preset || (item_has(at, s->preset) && item_has(at, "efault")),
                      "--%s: no default %s", s->name, s->preset);
        for (const struct option_choice *c = s->choices; c->name; c++)
            ck_assert_msg(item_has(at, c->name), "--%s: no %s", s->name, c->name);
        snprintf(name, sizeof name, "Fl -%s", s->needs ? s->needs : "");
        ck_assert_msg(!s->needs || s->type == OPTION_SIZE || item_has(at, name), "--%s: no %s", s->name,
                      name);
    }
}
END_TEST

START_TEST(no_item_is_for_an_option_that_is_none)
{
    for (const char *at = (char *)manual.data; (at = strstr(at, ".It Fl ")) != NULL; at++) {
        size_t len = strcspn(at, "\n");
        const char *dash = strstr(at, "Fl -");
        ck_assert_ptr_nonnull(dash);
        bool negated;
        const char *name = dash + 4;
        ck_assert_msg(option_find(name, strcspn(name, " \n"), &negated) && !negated, "%.*s", (int)len, at);
    }
}
END_TEST

START_TEST(every_error_kind_and_phase_is_explained)
{
    for (int k = ERROR_NONE + 1; k < ERROR_KINDS; k++) {
        char name[64];
        snprintf(name, sizeof name, "Cm %s", error_kind_name((enum error_kind)k));
        ck_assert_msg(item(name) != NULL, "no item for %s", name);
    }
    const char *phases = strstr((char *)manual.data, "The phase says where it happened");
    ck_assert_ptr_nonnull(phases);
    for (int k = PHASE_NONE + 1; k < PHASES; k++) {
        char name[64];
        snprintf(name, sizeof name, ".Cm %s", error_phase_name((enum error_phase)k));
        const char *at = strstr(phases, name);
        ck_assert_msg(at != NULL && at - phases < 400, "no phase %s", name);
    }
}
END_TEST

START_TEST(every_json_field_is_explained)
{
    static const char *const fields[] = {
        "schema",  "index",     "started",  "target", "url",    "status",     "http_version", "bytes",
        "error",   "redirects", "attempts", "worker", "reused", "remote_ip",  "tls",          "time",
        "headers", "file",      "sha256",   "queue",  "dns",    "first_byte", "total"};
    static const char *const inner[] = {
        "remote_port", "kind",  "phase",      "message",   "version", "cipher",  "resumed", "cert", "subject",
        "issuer",      "names", "not_before", "not_after", "spread",  "speedup", "pss",     "rss",  "rounds"};
    char name[64];
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        snprintf(name, sizeof name, "Cm %s", fields[i]);
        ck_assert_msg(item(name) != NULL, "no item for %s", name);
    }
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        ck_assert_msg(strstr((char *)manual.data, inner[i]) != NULL, "no %s", inner[i]);
}
END_TEST

START_TEST(every_exit_status_and_signal_is_explained)
{
    static const char *const items[] = {"Li 0",       "Li 1",       "Li 2",      "Li 3",
                                        "Li 128+N",   "Dv SIGINT",  "SIGTERM",   "SIGHUP",
                                        "Dv SIGPIPE", "Dv SIGUSR1", "Dv SIGTSTP"};
    for (size_t i = 0; i < sizeof items / sizeof *items; i++)
        ck_assert_msg(item(items[i]) != NULL, "no item for %s", items[i]);
}
END_TEST

START_TEST(the_first_example_is_the_first_command)
{
    const char *examples = strstr((char *)manual.data, "\n.Sh EXAMPLES\n");
    ck_assert_ptr_nonnull(examples);
    const char *first = strstr(examples, "\n.Dl ");
    ck_assert_ptr_nonnull(first);
    ck_assert_int_eq(strncmp(first, "\n.Dl pfetch --workers 8 < hosts\n", 32), 0);
    ck_assert_ptr_nonnull(strstr((char *)manual.data, "\n.Sh PROCESSES AGAINST THREADS\n"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("manual");
    TCase *t = tcase_create("manual");
    tcase_add_checked_fixture(t, read_manual, free_manual);
    tcase_add_test(t, every_option_has_its_item);
    tcase_add_test(t, defaults_choices_and_needs_are_named);
    tcase_add_test(t, no_item_is_for_an_option_that_is_none);
    tcase_add_test(t, every_error_kind_and_phase_is_explained);
    tcase_add_test(t, every_json_field_is_explained);
    tcase_add_test(t, every_exit_status_and_signal_is_explained);
    tcase_add_test(t, the_first_example_is_the_first_command);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
