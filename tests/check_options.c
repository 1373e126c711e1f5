/* The command line: what it takes, what it refuses with one line that says what to write, and its defaults.
 */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "options.h"
#include "options_table.h"

enum { WORDS_MAX = 64 };

struct reading {
    enum options_result result;
    struct run_options o;
    char *argv[WORDS_MAX + 1], *out, *err;
};

/* Reads a command line, its words NULL-terminated behind "pfetch". */
static void read_words(struct reading *r, const char *const *words)
{
    size_t out_size, err_size;
    int argc = 0;
    memset(r, 0, sizeof *r);
    r->argv[argc++] = strdup("pfetch");
    for (; *words; words++)
        r->argv[argc++] = strdup(*words);
    FILE *out = open_memstream(&r->out, &out_size), *err = open_memstream(&r->err, &err_size);
    r->result = options_read(argc, r->argv, &r->o, out, err);
    fclose(out);
    fclose(err);
}

static void reading_free(struct reading *r)
{
    options_free(&r->o);
    for (char **a = r->argv; *a; a++)
        free(*a);
    free(r->out);
    free(r->err);
}

#define READ(r, ...) read_words(r, (const char *const[]){__VA_ARGS__, NULL})

/* The words are a usage error: one line that starts with "pfetch: " and holds `part`. */
static void refuse_words(const char *part, const char *const *words)
{
    struct reading r;
    read_words(&r, words);
    ck_assert_msg(r.result == OPTIONS_USAGE, "'%s …' was taken", words[0]);
    ck_assert_msg(strncmp(r.err, "pfetch: ", 8) == 0, "%s", r.err);
    ck_assert_msg(strchr(r.err, '\n') == r.err + strlen(r.err) - 1, "not one line: %s", r.err);
    ck_assert_msg(strstr(r.err, part) != NULL, "no '%s' in: %s", part, r.err);
    ck_assert_str_eq(r.out, "");
    reading_free(&r);
}

#define REFUSE(part, ...) refuse_words(part, (const char *const[]){__VA_ARGS__, NULL})

static void take_words(const char *const *words)
{
    struct reading r;
    read_words(&r, words);
    ck_assert_msg(r.result == OPTIONS_RUN, "%s", r.err);
    ck_assert_str_eq(r.err, "");
    reading_free(&r);
}

#define TAKE(...) take_words((const char *const[]){__VA_ARGS__, NULL})

static void clear_environment(void)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "http_proxy",
                                        "HTTP_PROXY",  "all_proxy",   "ALL_PROXY",
                                        "no_proxy",    "NO_PROXY",    "POSIXLY_CORRECT"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}

START_TEST(defaults_are_those_of_the_manual)
{
    struct reading r;
    READ(&r, "example.com");
    ck_assert_int_eq(r.result, OPTIONS_RUN);
    ck_assert_uint_eq(r.o.operand_count, 1);
    ck_assert_str_eq(r.o.operands[0], "example.com");
    ck_assert_ptr_null(r.o.input_path);
    ck_assert_str_eq(r.o.path, "/");
    ck_assert_uint_eq(r.o.shards, 0);
    ck_assert_int_eq(r.o.format, FORMAT_TEXT);
    ck_assert_int_eq(r.o.order, ORDER_DEFAULT);
    ck_assert_int_eq(r.o.progress, PROGRESS_DEFAULT);
    ck_assert_int_eq(r.o.mode, EXECUTOR_PROCESS);
    ck_assert_uint_eq(r.o.mode_count, 0);
    ck_assert(r.o.workers >= 5 && r.o.workers <= 32);
    ck_assert(r.o.sweep_count == 1 && r.o.sweep[0] == r.o.workers);
    ck_assert(!r.o.affinity && r.o.max_tasks_per_worker == 0 && r.o.user == NULL);
    ck_assert_int_eq(r.o.sandbox, CONFINE_AUTO);
    ck_assert_uint_eq(r.o.compare_rounds, 1);
    ck_assert_uint_eq(r.o.retries, 0);
    ck_assert_int_eq(r.o.retry_delay, INT64_C(1000000000));
    ck_assert_int_eq(r.o.per_host_delay, 0);
    ck_assert_int_eq(r.o.halt, HALT_NEVER);
    ck_assert_int_eq(r.o.fetch.timeout, INT64_C(10000000000));
    ck_assert_int_eq(r.o.fetch.connect_timeout, 0);
    ck_assert_int_eq(r.o.fetch.max_time, INT64_C(60000000000));
    ck_assert(!r.o.fetch.location && r.o.fetch.max_redirs == 10);
    ck_assert(r.o.fetch.max_size == UINT64_MAX);
    ck_assert_str_eq(r.o.fetch.agent, PACKAGE_NAME "/" PACKAGE_VERSION);
    ck_assert(r.o.fetch.keepalive && !r.o.fetch.compressed && !r.o.fetch.insecure && !r.o.fetch.fail);
    ck_assert_int_eq(r.o.fetch.family, AF_UNSPEC);
    ck_assert_ptr_null(r.o.fetch.proxy);
    ck_assert(!r.o.fetch.want_sha256);
    reading_free(&r);
}
END_TEST

START_TEST(options_reach_their_fields)
{
    struct reading r;
    READ(&r, "-w", "8", "-mthread", "-f", "json", "-o", "out", "-d", "dir", "--warc=a.warc.gz",
         "--warc-max-size", "1G", "--order", "input", "--no-progress", "-q", "-vv", "--hash", "sha256",
         "--path", "/robots.txt", "--shard", "2/8", "--dry-run", "--dispatch", "affinity",
         "--max-tasks-per-worker", "100", "--sandbox", "off", "--joblog", "j", "--resume", "--sync", "a",
         "-i-");
    ck_assert_msg(r.result == OPTIONS_RUN, "%s", r.err);
    ck_assert(r.o.workers == 8 && r.o.mode == EXECUTOR_THREAD && r.o.format == FORMAT_JSON);
    ck_assert_str_eq(r.o.output_path, "out");
    ck_assert_str_eq(r.o.output_dir, "dir");
    ck_assert_str_eq(r.o.warc_path, "a.warc.gz");
    ck_assert(r.o.warc_max_size == UINT64_C(1) << 30 && r.o.order == ORDER_INPUT);
    ck_assert(r.o.progress == PROGRESS_OFF && r.o.quiet && r.o.verbose == 2 && r.o.fetch.verbose);
    ck_assert(r.o.fetch.want_sha256 && r.o.shard == 2 && r.o.shards == 8 && r.o.dry_run);
    ck_assert_str_eq(r.o.path, "/robots.txt");
    ck_assert(r.o.affinity && r.o.max_tasks_per_worker == 100 && r.o.sandbox == CONFINE_OFF);
    ck_assert_str_eq(r.o.joblog_path, "j");
    ck_assert(r.o.resume && r.o.sync && !r.o.resume_failed);
    reading_free(&r);
}
END_TEST

START_TEST(fetch_options_reach_their_fields)
{
    struct reading r;
    READ(&r, "-t", "1.5", "--connect-timeout", "2", "--max-time", "3", "-L", "--max-redirs", "4",
         "--allow-downgrade", "--retry", "5", "--retry-delay", "0.25", "--fail", "--max-size", "6K", "-H",
         "X-A: b", "-H", "X-B: c", "-A", "", "--compressed", "--no-keepalive", "--cacert", "ca", "--capath",
         "cp", "-k", "--cert", "ce", "--key", "ke", "--tls-min", "1.3", "--resolve", "a:443:127.0.0.1",
         "--connect-to", "a:1:b:2", "-6", "--dns-servers", "127.0.0.1:53", "--proxy", "", "--rate", "30/m",
         "--per-host", "7", "--per-host-delay", "0.5", "--deny", "10.0.0.0/8", "--allow", "@f", "--halt",
         "now,fail=5%", "--exit-zero", "a");
    ck_assert_msg(r.result == OPTIONS_RUN, "%s", r.err);
    const struct fetch_config *f = &r.o.fetch;
    ck_assert(f->timeout == 1500000000 && f->connect_timeout == 2000000000);
    ck_assert(f->max_time == 3000000000 && f->location && f->max_redirs == 4 && f->allow_downgrade);
    ck_assert(r.o.retries == 5 && r.o.retry_delay == 250000000 && f->fail && f->max_size == 6144);
    ck_assert_uint_eq(f->headers.count, 2);
    ck_assert_str_eq(f->headers.items[1], "X-B: c");
    ck_assert_str_eq(f->agent, "");
    ck_assert(f->compressed && !f->keepalive && f->insecure && f->tls_min == 0x0304);
    ck_assert(f->resolve.count == 1 && f->connect_to.count == 1 && f->family == AF_INET6);
    ck_assert_str_eq(f->proxy, "");
    ck_assert_double_eq_tol(r.o.rate, 0.5, 1e-9);
    ck_assert(r.o.per_host == 7 && r.o.per_host_delay == 500000000);
    ck_assert(f->deny.count == 1 && f->allow.count == 1);
    ck_assert(r.o.halt == HALT_NOW && r.o.halt_fail == 5 && r.o.halt_percent && r.o.exit_zero);
    reading_free(&r);
}
END_TEST

START_TEST(options_and_operands_mix_until_two_dashes)
{
    struct reading r;
    READ(&r, "a", "-w", "3", "b", "--", "-c", "--workers");
    ck_assert_int_eq(r.result, OPTIONS_RUN);
    ck_assert_uint_eq(r.o.operand_count, 4);
    ck_assert_str_eq(r.o.operands[0], "a");
    ck_assert_str_eq(r.o.operands[1], "b");
    ck_assert_str_eq(r.o.operands[2], "-c");
    ck_assert_str_eq(r.o.operands[3], "--workers");
    reading_free(&r);
}
END_TEST

START_TEST(the_last_of_two_wins_and_flags_can_be_taken_back)
{
    struct reading r;
    READ(&r, "-4", "-6", "-w1", "-w2", "--progress", "--no-progress", "-L", "--no-location", "--no-keepalive",
         "--keepalive", "-o", "x", "-o", "-", "a");
    ck_assert_int_eq(r.result, OPTIONS_RUN);
    ck_assert(r.o.fetch.family == AF_INET6 && r.o.workers == 2 && r.o.progress == PROGRESS_OFF);
    ck_assert(!r.o.fetch.location && r.o.fetch.keepalive);
    ck_assert_ptr_null(r.o.output_path);
    reading_free(&r);
    TAKE("--resume", "--no-resume", "a");
}
END_TEST

START_TEST(a_bad_spelling_is_told_the_right_one)
{
    REFUSE("unknown option --wrokers: did you mean --workers?", "--wrokers", "8", "a");
    REFUSE("did you mean --compressed?", "--compresed", "a");
    REFUSE("unknown option --xyzzy: see pfetch --help", "--xyzzy", "a");
    REFUSE("unknown option -Z", "-Z", "a");
    REFUSE("unknown option -Z", "-qZ", "a");
    REFUSE("ambiguous: write --output or --output-dir", "--outp", "x", "a");
    REFUSE("--quiet takes no value", "--quiet=1", "a");
    REFUSE("--workers needs a value: write --workers N", "a", "--workers");
    REFUSE("--workers needs a value", "a", "-w");
    REFUSE("\\n", "--a\nb", "a");
    TAKE("--work", "8", "a");
}
END_TEST

START_TEST(values_out_of_bounds_are_refused)
{
    REFUSE("--workers '0': write a number from 1 to 4096", "-w", "0", "a");
    REFUSE("from 1 to 4096", "-w", "4097", "a");
    REFUSE("need --compare", "-w", "1,2", "a");
    REFUSE("write process, thread or serial", "-m", "fibre", "a");
    REFUSE("need --compare", "-m", "thread,process", "a");
    REFUSE("more than 0", "-t", "0", "a");
    REFUSE("more than 0", "--max-time", "0", "a");
    REFUSE("0 or more", "--retry-delay", "-1", "a");
    REFUSE("K, M or G", "--max-size", "10KB", "a");
    REFUSE("10/s", "--rate", "10", "a");
    REFUSE("I from 1 to N", "--shard", "9/8", "a");
    REFUSE("write text, json, body or none", "-f", "xml", "a");
    REFUSE("write sha256", "--hash", "md5", "a");
    REFUSE("write 1.2 or 1.3", "--tls-min", "1.1", "a");
    REFUSE("soon,fail=10%", "--halt", "3", "a");
    REFUSE("/robots.txt", "--path", "robots.txt", "a");
    REFUSE("--header", "-H", "no colon", "a");
    REFUSE("--header", "-H", "X: a\r\nY: b", "a");
    REFUSE("control characters", "-A", "a\nb", "a");
    REFUSE("--output", "-o", "", "a");
    REFUSE("from 0 to 1000", "--retry", "1e3", "a");
}
END_TEST

START_TEST(options_that_contradict_each_other_are_refused)
{
    REFUSE("--resume needs --joblog: add --joblog FILE", "--resume", "a");
    REFUSE("needs --joblog", "--resume-failed", "a");
    REFUSE("needs --joblog", "--sync", "a");
    REFUSE("needs --warc", "--warc-max-size", "1G", "a");
    REFUSE("needs --compare", "--plot", "x.svg", "a");
    REFUSE("needs --compare", "--compare-rounds", "3", "a");
    REFUSE("needs --cert", "--key", "k", "a");
    TAKE("--cert", "c", "a");
    REFUSE("-f body -o FILE", "--joblog", "j", "--resume", "-f", "body", "-o", "x", "a");
    TAKE("--joblog", "j", "--resume", "-f", "body", "a");
    REFUSE("only processes", "--sandbox", "require", "-m", "thread", "a");
    REFUSE("only processes", "--sandbox", "require", "-m", "serial", "a");
    REFUSE("only processes", "--sandbox", "require", "--compare", "a");
    REFUSE("only processes", "--sandbox", "require", "--compare", "-m", "process,thread", "a");
    TAKE("--sandbox", "require", "--compare", "-m", "process", "a");
    REFUSE("--proxy", "--deny", "10.0.0.0/8", "--proxy", "http://p:1", "a");
    REFUSE("--proxy", "--allow", "10.0.0.0/8", "--proxy", "http://p:1", "a");
    TAKE("--deny", "10.0.0.0/8", "--proxy", "", "a");
    REFUSE("name two files", "-o", "x", "--joblog", "x", "a");
    TAKE("-o", "/dev/null", "--joblog", "/dev/null", "a");
    REFUSE("--dry-run", "--compare", "--dry-run", "a");
    REFUSE("--output-dir", "--compare", "-d", "x", "a");
    REFUSE("--warc", "--compare", "--warc", "x.warc", "a");
    REFUSE("table", "--compare", "-f", "body", "a");
    REFUSE("only processes", "--user", "nobody", "-m", "thread", "a");
}
END_TEST

START_TEST(only_root_may_name_a_user)
{
    if (geteuid() == 0) {
        TAKE("--user", "nobody", "a");
        ck_assert_int_eq(seteuid(65534), 0);
        REFUSE("only root", "--user", "nobody", "a");
        ck_assert_int_eq(seteuid(0), 0);
    } else {
        REFUSE("only root", "--user", "nobody", "a");
    }
}
END_TEST

START_TEST(a_terminal_is_no_list)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0 || grantpt(terminal) < 0 || unlockpt(terminal) < 0)
        return; /* no terminals here */
    int slave = open(ptsname(terminal), O_RDWR | O_NOCTTY), saved = dup(STDIN_FILENO);
    ck_assert_int_ge(slave, 0);
    ck_assert_int_eq(dup2(slave, STDIN_FILENO), STDIN_FILENO);
    REFUSE("no targets: write", "-q");
    TAKE("-q", "a");
    TAKE("-i", "list");
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    TAKE("-q");
    dup2(saved, STDIN_FILENO);
    close(null);
    close(saved);
    close(slave);
    close(terminal);
}
END_TEST

START_TEST(comparisons_take_lists)
{
    struct reading r;
    READ(&r, "--compare", "-w", "1,2,4", "-m", "thread,process", "--compare-rounds", "5", "--plot", "p.svg",
         "a");
    ck_assert_int_eq(r.result, OPTIONS_RUN);
    ck_assert(r.o.compare && r.o.sweep_count == 3 && r.o.sweep[2] == 4 && r.o.workers == 1);
    ck_assert(r.o.mode_count == 2 && r.o.modes[0] == EXECUTOR_THREAD && r.o.modes[1] == EXECUTOR_PROCESS);
    ck_assert(r.o.mode == EXECUTOR_THREAD && r.o.compare_rounds == 5);
    reading_free(&r);
}
END_TEST

START_TEST(proxies_come_from_the_environment)
{
    struct reading r;
    clear_environment();
    setenv("HTTPS_PROXY", "http://upper", 1);
    setenv("HTTP_PROXY", "http://cgi", 1);
    setenv("ALL_PROXY", "http://all", 1);
    setenv("NO_PROXY", "a,b", 1);
    READ(&r, "a");
    ck_assert_str_eq(r.o.fetch.env_https_proxy, "http://upper");
    ck_assert_ptr_null(r.o.fetch.env_http_proxy);
    ck_assert_str_eq(r.o.fetch.env_all_proxy, "http://all");
    ck_assert_str_eq(r.o.fetch.env_no_proxy, "a,b");
    reading_free(&r);
    setenv("https_proxy", "http://lower", 1);
    setenv("http_proxy", "http://plain", 1);
    setenv("no_proxy", "", 1);
    READ(&r, "a");
    ck_assert_str_eq(r.o.fetch.env_https_proxy, "http://lower");
    ck_assert_str_eq(r.o.fetch.env_http_proxy, "http://plain");
    ck_assert_str_eq(r.o.fetch.env_no_proxy, "a,b");
    reading_free(&r);
    clear_environment();
}
END_TEST

/* A file that holds `text`; the name is malloc'd. */
static char *write_file(const char *text)
{
    char *path = strdup("/tmp/check_options.XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

static void drop_file(char *path)
{
    unlink(path);
    free(path);
}

START_TEST(a_config_file_counts_at_its_place)
{
    struct reading r;
    char *path = write_file("# ours\nworkers = 7\n--timeout 2.5\nlocation\nheader \"X-A: b c\"\n-m thread\n");
    READ(&r, "-w", "3", "--config", path, "a");
    ck_assert_msg(r.result == OPTIONS_RUN, "%s", r.err);
    ck_assert(r.o.workers == 7 && r.o.fetch.timeout == 2500000000 && r.o.fetch.location);
    ck_assert(r.o.mode == EXECUTOR_THREAD && r.o.fetch.headers.count == 1);
    reading_free(&r);
    READ(&r, "--config", path, "-w", "3", "--no-location", "-H", "X-B: c", "a");
    ck_assert(r.result == OPTIONS_RUN && r.o.workers == 3 && !r.o.fetch.location);
    ck_assert_uint_eq(r.o.fetch.headers.count, 2);
    ck_assert_str_eq(r.o.fetch.headers.items[0], "X-A: b c");
    reading_free(&r);
    drop_file(path);
}
END_TEST

START_TEST(mistakes_in_a_config_file_name_file_and_line)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"workers 8\n\nworkers nine\n", ":3: --workers 'nine': write a number"},
        {"wrokers 8\n", ":1: unknown option wrokers: did you mean --workers?"},
        {"url = https://a/\n", ":1: targets don't go here"},
        {"workers\n", ":1: --workers needs a value"},
        {"quiet yes\n", ":1: --quiet takes no value"},
        {"-Z\n", ":1: unknown option -Z"},
        {"H = x\n", ":1: unknown option H: a letter has one dash, -H"},
        {"header X: y\n", ":1: there is more behind the value"},
        {"work 8\n", ":1: unknown option work"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = write_file(cases[i].text), part[200];
        snprintf(part, sizeof part, "pfetch: %s%s", path, cases[i].part);
        REFUSE(part, "--config", path, "a");
        drop_file(path);
    }
    REFUSE("/nonexistent/file: No such file", "--config", "/nonexistent/file", "a");
}
END_TEST

START_TEST(config_files_nest_to_an_end)
{
    char text[100], *path = write_file("");
    FILE *f = fopen(path, "w");
    snprintf(text, sizeof text, "config = %s\n", path);
    fputs(text, f);
    fclose(f);
    REFUSE("within each other", "--config", path, "a");
    char *inner = write_file("workers 9\n");
    f = fopen(path, "w");
    fprintf(f, "config = %s\n", inner);
    fclose(f);
    struct reading r;
    READ(&r, "--config", path, "a");
    ck_assert(r.result == OPTIONS_RUN && r.o.workers == 9);
    reading_free(&r);
    drop_file(inner);
    drop_file(path);
}
END_TEST

START_TEST(passwords_are_not_printed)
{
    struct reading r;
    READ(&r, "--proxy", "http://u:secret\n@p", "a");
    ck_assert_int_eq(r.result, OPTIONS_USAGE);
    ck_assert_ptr_null(strstr(r.err, "secret"));
    reading_free(&r);
}
END_TEST

START_TEST(help_shows_every_option_on_two_screens)
{
    struct reading r;
    READ(&r, "-h");
    ck_assert_int_eq(r.result, OPTIONS_DONE);
    size_t lines = 0;
    for (const char *at = r.out, *end; *at; at = end + 1, lines++) {
        end = strchr(at, '\n');
        ck_assert_msg(end != NULL && end - at <= 80, "too wide: %.*s", (int)(end - at), at);
    }
    ck_assert_msg(lines <= 48, "%zu lines", lines);
    for (size_t i = 0; i < option_spec_count; i++) {
        const struct option_spec *spec = &option_specs[i];
        char name[64], letter[5] = {'-', spec->letter, ',', ' ', 0};
        snprintf(name, sizeof name, "  %s--%s ", spec->letter ? letter : "", spec->name);
        ck_assert_msg(strstr(r.out, name) != NULL, "--help lacks %s", name);
    }
    for (int s = 0; s < OPTION_SECTIONS; s++)
        ck_assert_ptr_nonnull(strstr(r.out, option_section_title((enum option_section)s)));
    reading_free(&r);
}
END_TEST

START_TEST(version_names_what_it_is_built_of)
{
    struct reading r;
    READ(&r, "--version");
    ck_assert_int_eq(r.result, OPTIONS_DONE);
    ck_assert(
        strncmp(r.out, PACKAGE_NAME " " PACKAGE_VERSION "\n", strlen(PACKAGE_NAME PACKAGE_VERSION) + 2) == 0);
    static const char *const parts[] = {"\nOpenSSL 3", "c-ares 1",      "libidn2 2",
                                        "zlib 1",      "brotli",        "zstd",
                                        "seccomp",     "thin-provider", "\nsandbox here: "};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ck_assert_msg(strstr(r.out, parts[i]) != NULL, "no %s in %s", parts[i], r.out);
    reading_free(&r);
}
END_TEST

START_TEST(the_table_is_sound)
{
    for (size_t i = 0; i < option_spec_count; i++) {
        const struct option_spec *s = &option_specs[i];
        bool negated = true;
        ck_assert_msg(option_find(s->name, strlen(s->name), &negated) == s && !negated, "%s twice", s->name);
        ck_assert_msg(!s->letter || option_find_letter(s->letter) == s, "-%c twice", s->letter);
        ck_assert_msg(s->help != NULL && strpbrk(s->help, "\t\n") == NULL, "%s: help", s->name);
        ck_assert_msg(!s->needs || option_find(s->needs, strlen(s->needs), &negated), "%s: needs", s->name);
        ck_assert_msg(!s->preset || option_takes_value(s), "%s: preset", s->name);
    }
}
END_TEST

START_TEST(the_list_has_a_line_an_option)
{
    char *text;
    size_t size, lines = 0;
    FILE *f = open_memstream(&text, &size);
    options_list(f);
    fclose(f);
    for (const char *at = text; *at; at = strchr(at, '\n') + 1)
        lines++;
    ck_assert_uint_eq(lines, option_spec_count);
    ck_assert_ptr_nonnull(strstr(text, "workers\tw\tN\tnumber of workers\n"));
    ck_assert_ptr_nonnull(strstr(text, "resume\t\t\t"));
    free(text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("options");
    TCase *t = tcase_create("options");
    clear_environment();
    tcase_add_test(t, defaults_are_those_of_the_manual);
    tcase_add_test(t, options_reach_their_fields);
    tcase_add_test(t, fetch_options_reach_their_fields);
    tcase_add_test(t, options_and_operands_mix_until_two_dashes);
    tcase_add_test(t, the_last_of_two_wins_and_flags_can_be_taken_back);
    tcase_add_test(t, a_bad_spelling_is_told_the_right_one);
    tcase_add_test(t, values_out_of_bounds_are_refused);
    tcase_add_test(t, options_that_contradict_each_other_are_refused);
    tcase_add_test(t, only_root_may_name_a_user);
    tcase_add_test(t, a_terminal_is_no_list);
    tcase_add_test(t, comparisons_take_lists);
    tcase_add_test(t, proxies_come_from_the_environment);
    tcase_add_test(t, a_config_file_counts_at_its_place);
    tcase_add_test(t, mistakes_in_a_config_file_name_file_and_line);
    tcase_add_test(t, config_files_nest_to_an_end);
    tcase_add_test(t, passwords_are_not_printed);
    tcase_add_test(t, help_shows_every_option_on_two_screens);
    tcase_add_test(t, version_names_what_it_is_built_of);
    tcase_add_test(t, the_table_is_sound);
    tcase_add_test(t, the_list_has_a_line_an_option);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
