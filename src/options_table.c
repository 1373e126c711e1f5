#include "config.h"

#include "options_table.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "run.h"

/* Where an option's value goes. */
#define AT(field)                                                                                            \
    .offset = offsetof(struct run_options, field), .size = sizeof(((struct run_options *)NULL)->field)

#define FLAG(field) .type = OPTION_FLAG, .value = true, AT(field)

/* The longest time that can be asked for, ns: some 31 years, so that sums of a few of them fit. */
#define SECONDS_MAX (UINT64_C(1000000000) * UINT64_C(1000000000))
#define SIZE_MOST   ((uint64_t)INT64_MAX)

const struct option_spec option_specs[] = {
    {.name = "input",
     .letter = 'i',
     .argument = "FILE",
     .type = OPTION_FILE,
     .section = SECTION_INPUT,
     AT(input_path),
     .help = "targets from FILE"},
    {.name = "path",
     .argument = "PATH",
     .type = OPTION_URL_PATH,
     .section = SECTION_INPUT,
     AT(path),
     .preset = "/",
     .help = "for bare hosts"},
    {.name = "shard",
     .argument = "I/N",
     .type = OPTION_SHARD,
     .section = SECTION_INPUT,
     .help = "only part I of N"},
    {.name = "dry-run", .section = SECTION_INPUT, FLAG(dry_run), .help = "print targets only"},

    {.name = "format",
     .letter = 'f',
     .argument = "FORMAT",
     .type = OPTION_CHOICE,
     .section = SECTION_OUTPUT,
     AT(format),
     .preset = "text",
     .choices = {{"text", FORMAT_TEXT}, {"json", FORMAT_JSON}, {"body", FORMAT_BODY}, {"none", FORMAT_NONE}},
     .help = "of standard output"},
    {.name = "output",
     .letter = 'o',
     .argument = "FILE",
     .type = OPTION_FILE,
     .section = SECTION_OUTPUT,
     AT(output_path),
     .help = "write to FILE"},
    {.name = "output-dir",
     .letter = 'd',
     .argument = "DIR",
     .type = OPTION_DIRECTORY,
     .section = SECTION_OUTPUT,
     AT(output_dir),
     .help = "each body a file in DIR"},
    {.name = "order",
     .argument = "ORDER",
     .type = OPTION_CHOICE,
     .section = SECTION_OUTPUT,
     AT(order),
     .otherwise = "completion",
     .choices = {{"input", ORDER_INPUT}, {"completion", ORDER_COMPLETION}},
     .help = "of reports"},
    {.name = "hash",
     .argument = "sha256",
     .type = OPTION_CHOICE,
     .section = SECTION_OUTPUT,
     AT(fetch.want_sha256),
     .choices = {{"sha256", true}},
     .help = "digests in JSON"},
    {.name = "warc",
     .argument = "FILE",
     .type = OPTION_FILE,
     .section = SECTION_OUTPUT,
     AT(warc_path),
     .help = "a WARC/1.1 archive too"},
    {.name = "warc-max-size",
     .argument = "SIZE",
     .type = OPTION_SIZE,
     .min = 1,
     .max = SIZE_MOST,
     .section = SECTION_OUTPUT,
     AT(warc_max_size),
     .needs = "warc",
     .help = "a new file past it"},
    {.name = "progress",
     .type = OPTION_CONSTANT,
     .value = PROGRESS_ON,
     .section = SECTION_OUTPUT,
     AT(progress),
     .help = "a progress line"},
    {.name = "no-progress",
     .type = OPTION_CONSTANT,
     .value = PROGRESS_OFF,
     .section = SECTION_OUTPUT,
     AT(progress),
     .help = "none"},
    {.name = "quiet", .letter = 'q', .section = SECTION_OUTPUT, FLAG(quiet), .help = "no summary"},
    {.name = "verbose",
     .letter = 'v',
     .type = OPTION_TALLY,
     .section = SECTION_OUTPUT,
     AT(verbose),
     .help = "say each step"},

    {.name = "joblog",
     .argument = "FILE",
     .type = OPTION_FILE,
     .section = SECTION_JOURNAL,
     AT(joblog_path),
     .help = "journal of what is done"},
    {.name = "sync", .section = SECTION_JOURNAL, FLAG(sync), .needs = "joblog", .help = "on disk first"},
    {.name = "resume",
     .section = SECTION_JOURNAL,
     FLAG(resume),
     .needs = "joblog",
     .help = "skip what it holds"},
    {.name = "resume-failed",
     .section = SECTION_JOURNAL,
     FLAG(resume_failed),
     .needs = "joblog",
     .help = "but fetch failed ones again"},

    {.name = "workers",
     .letter = 'w',
     .argument = "N",
     .type = OPTION_WORKERS,
     .min = 1,
     .max = EXECUTOR_MAX_WORKERS,
     .section = SECTION_POOL,
     .otherwise = "CPUs + 4, at most 32",
     .help = "how many"},
    {.name = "mode",
     .letter = 'm',
     .argument = "MODE",
     .type = OPTION_MODES,
     .section = SECTION_POOL,
     .preset = "process",
     .choices = {{"process", EXECUTOR_PROCESS}, {"thread", EXECUTOR_THREAD}, {"serial", EXECUTOR_SERIAL}},
     .help = "what a worker is"},
    {.name = "dispatch",
     .argument = "HOW",
     .type = OPTION_CHOICE,
     .section = SECTION_POOL,
     AT(affinity),
     .preset = "round-robin",
     .choices = {{"round-robin", false}, {"affinity", true}},
     .help = "how targets are dealt out"},
    {.name = "max-tasks-per-worker",
     .argument = "N",
     .type = OPTION_UINT,
     .min = 1,
     .max = UINT32_MAX,
     .section = SECTION_POOL,
     AT(max_tasks_per_worker),
     .help = "then replace it"},
    {.name = "sandbox",
     .argument = "HOW",
     .type = OPTION_CHOICE,
     .section = SECTION_POOL,
     AT(sandbox),
     .preset = "auto",
     .choices = {{"auto", CONFINE_AUTO}, {"require", CONFINE_REQUIRE}, {"off", CONFINE_OFF}},
     .help = "confine workers"},
    {.name = "user",
     .argument = "NAME",
     .type = OPTION_TEXT,
     .min = 1,
     .section = SECTION_POOL,
     AT(user),
     .otherwise = "nobody",
     .help = "root's workers"},
    {.name = "compare", .section = SECTION_POOL, FLAG(compare), .help = "try all modes, print a table"},
    {.name = "compare-rounds",
     .argument = "N",
     .type = OPTION_UINT,
     .min = 1,
     .max = 1000,
     .section = SECTION_POOL,
     AT(compare_rounds),
     .preset = "1",
     .needs = "compare",
     .help = "for medians"},
    {.name = "plot",
     .argument = "FILE.svg",
     .type = OPTION_FILE,
     .section = SECTION_POOL,
     AT(plot_path),
     .needs = "compare",
     .help = "draw the table"},

    {.name = "retry",
     .argument = "N",
     .type = OPTION_UINT,
     .max = 1000,
     .section = SECTION_PACE,
     AT(retries),
     .preset = "0",
     .help = "tries after the first"},
    {.name = "retry-delay",
     .argument = "S",
     .type = OPTION_SECONDS,
     .max = SECONDS_MAX,
     .section = SECTION_PACE,
     AT(retry_delay),
     .preset = "1",
     .help = "first backoff"},
    {.name = "rate",
     .argument = "N/s",
     .type = OPTION_RATE,
     .section = SECTION_PACE,
     AT(rate),
     .help = "starts a second (/m, /h)"},
    {.name = "per-host",
     .argument = "N",
     .type = OPTION_UINT,
     .min = 1,
     .max = EXECUTOR_MAX_WORKERS,
     .section = SECTION_PACE,
     AT(per_host),
     .help = "at once to a host"},
    {.name = "per-host-delay",
     .argument = "S",
     .type = OPTION_SECONDS,
     .max = SECONDS_MAX,
     .section = SECTION_PACE,
     AT(per_host_delay),
     .preset = "0",
     .help = "between starts"},
    {.name = "halt",
     .argument = "WHEN",
     .type = OPTION_HALT,
     .section = SECTION_PACE,
     .help = "soon,fail=N now,fail=N N%"},
    {.name = "exit-zero", .section = SECTION_PACE, FLAG(exit_zero), .help = "failures exit 0 too"},

    {.name = "timeout",
     .letter = 't',
     .argument = "S",
     .type = OPTION_SECONDS,
     .min = 1,
     .max = SECONDS_MAX,
     .section = SECTION_FETCH,
     AT(fetch.timeout),
     .preset = "10",
     .help = "for one wait"},
    {.name = "connect-timeout",
     .argument = "S",
     .type = OPTION_SECONDS,
     .min = 1,
     .max = SECONDS_MAX,
     .section = SECTION_FETCH,
     AT(fetch.connect_timeout),
     .otherwise = "timeout",
     .help = "DNS to TLS"},
    {.name = "max-time",
     .argument = "S",
     .type = OPTION_SECONDS,
     .min = 1,
     .max = SECONDS_MAX,
     .section = SECTION_FETCH,
     AT(fetch.max_time),
     .preset = "60",
     .help = "for one try"},
    {.name = "max-size",
     .argument = "SIZE",
     .type = OPTION_SIZE,
     .min = 1,
     .max = SIZE_MOST,
     .section = SECTION_FETCH,
     AT(fetch.max_size),
     .help = "of a body (K, M, G)"},
    {.name = "location",
     .letter = 'L',
     .section = SECTION_FETCH,
     FLAG(fetch.location),
     .help = "follow redirects"},
    {.name = "max-redirs",
     .argument = "N",
     .type = OPTION_UINT,
     .max = 1000,
     .section = SECTION_FETCH,
     AT(fetch.max_redirs),
     .preset = "10",
     .help = "at most"},
    {.name = "allow-downgrade",
     .section = SECTION_FETCH,
     FLAG(fetch.allow_downgrade),
     .help = "https to http"},
    {.name = "fail", .section = SECTION_FETCH, FLAG(fetch.fail), .help = "status >= 400 fails"},
    {.name = "header",
     .letter = 'H',
     .argument = "'N: V'",
     .type = OPTION_HEADER,
     .section = SECTION_FETCH,
     AT(fetch.headers),
     .help = "a header line"},
    {.name = "user-agent",
     .letter = 'A',
     .argument = "NAME",
     .type = OPTION_TEXT,
     .section = SECTION_FETCH,
     AT(fetch.agent),
     .preset = PACKAGE_NAME "/" PACKAGE_VERSION,
     .help = "agent"},
    {.name = "compressed", .section = SECTION_FETCH, FLAG(fetch.compressed), .help = "gzip, br, zstd"},
    {.name = "no-keepalive",
     .type = OPTION_FLAG,
     .value = false,
     .section = SECTION_FETCH,
     AT(fetch.keepalive),
     .help = "always connect"},

    {.name = "resolve",
     .argument = "HOST:PORT:ADDR[,ADDR]",
     .type = OPTION_LIST,
     .section = SECTION_NETWORK,
     AT(fetch.resolve),
     .help = "addresses of a host; * for any"},
    {.name = "connect-to",
     .argument = "H1:P1:H2:P2",
     .type = OPTION_LIST,
     .section = SECTION_NETWORK,
     AT(fetch.connect_to),
     .help = "connect to H2:P2 for H1:P1"},
    {.name = "ipv4",
     .letter = '4',
     .type = OPTION_CONSTANT,
     .value = AF_INET,
     .section = SECTION_NETWORK,
     AT(fetch.family),
     .help = "IPv4 only"},
    {.name = "ipv6",
     .letter = '6',
     .type = OPTION_CONSTANT,
     .value = AF_INET6,
     .section = SECTION_NETWORK,
     AT(fetch.family),
     .help = "IPv6 only"},
    {.name = "dns-servers",
     .argument = "A[:PORT][,...]",
     .type = OPTION_TEXT,
     .section = SECTION_NETWORK,
     AT(fetch.dns_servers),
     .help = "ask these resolvers"},
    {.name = "proxy",
     .argument = "URL",
     .type = OPTION_TEXT,
     .section = SECTION_NETWORK,
     AT(fetch.proxy),
     .help = "http:// or https:// proxy"},
    {.name = "deny",
     .argument = "CIDR[,CIDR]|@FILE",
     .type = OPTION_LIST,
     .section = SECTION_NETWORK,
     AT(fetch.deny),
     .help = "addresses never connected to"},
    {.name = "allow",
     .argument = "CIDR[,CIDR]|@FILE",
     .type = OPTION_LIST,
     .section = SECTION_NETWORK,
     AT(fetch.allow),
     .help = "the only addresses connected to"},

    {.name = "cacert",
     .argument = "FILE",
     .type = OPTION_FILE,
     .section = SECTION_TRUST,
     AT(fetch.cacert),
     .help = "trust these"},
    {.name = "capath",
     .argument = "DIR",
     .type = OPTION_DIRECTORY,
     .section = SECTION_TRUST,
     AT(fetch.capath),
     .help = "a hashed directory"},
    {.name = "cert",
     .argument = "FILE",
     .type = OPTION_FILE,
     .section = SECTION_TRUST,
     AT(fetch.cert),
     .help = "client certificate"},
    {.name = "key",
     .argument = "FILE",
     .type = OPTION_FILE,
     .section = SECTION_TRUST,
     AT(fetch.key),
     .needs = "cert",
     .help = "its private key"},
    {.name = "insecure",
     .letter = 'k',
     .section = SECTION_TRUST,
     FLAG(fetch.insecure),
     .help = "verify nothing"},
    {.name = "tls-min",
     .argument = "1.2|1.3",
     .type = OPTION_CHOICE,
     .section = SECTION_TRUST,
     AT(fetch.tls_min),
     .choices = {{"1.2", 0x0303}, {"1.3", 0x0304}},
     .help = "oldest TLS"},

    {.name = "config",
     .argument = "FILE",
     .type = OPTION_CONFIG,
     .section = SECTION_GENERAL,
     .help = "options from FILE"},
    {.name = "help", .letter = 'h', .type = OPTION_HELP, .section = SECTION_GENERAL, .help = "this text"},
    {.name = "version",
     .letter = 'V',
     .type = OPTION_VERSION,
     .section = SECTION_GENERAL,
     .help = "versions and features"},
};

const size_t option_spec_count = sizeof option_specs / sizeof *option_specs;

_Static_assert(sizeof option_specs / sizeof *option_specs <= OPTION_SPECS_MAX, "OPTION_SPECS_MAX");

const char *option_section_title(enum option_section section)
{
    static const char *const titles[OPTION_SECTIONS] = {
        [SECTION_INPUT] = "Input",     [SECTION_OUTPUT] = "Output",     [SECTION_JOURNAL] = "Journal",
        [SECTION_POOL] = "Workers",    [SECTION_PACE] = "Pace and end", [SECTION_FETCH] = "Fetching",
        [SECTION_NETWORK] = "Network", [SECTION_TRUST] = "TLS",         [SECTION_GENERAL] = "General",
    };
    return titles[section];
}

void option_opposite(const struct option_spec *spec, char *text, size_t size)
{
    if (strncmp(spec->name, "no-", 3) == 0)
        snprintf(text, size, "%s", spec->name + 3);
    else
        snprintf(text, size, "no-%s", spec->name);
}

const struct option_spec *option_find(const char *name, size_t len, bool *ret_negated)
{
    for (size_t i = 0; i < option_spec_count; i++) {
        const struct option_spec *s = &option_specs[i];
        char opposite[64] = "";
        if (s->type == OPTION_FLAG)
            option_opposite(s, opposite, sizeof opposite);
        bool same = strlen(s->name) == len && memcmp(s->name, name, len) == 0;
        if (same || (len > 0 && strlen(opposite) == len && memcmp(opposite, name, len) == 0)) {
            *ret_negated = !same;
            return s;
        }
    }
    return NULL;
}

const struct option_spec *option_find_letter(char letter)
{
    for (size_t i = 0; letter && i < option_spec_count; i++)
        if (option_specs[i].letter == letter)
            return &option_specs[i];
    return NULL;
}

/* Edits (insert, delete, replace, swap of neighbours) that lead from `a` to `b`, both shorter than 32. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned rows[3][33];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    for (unsigned j = 0; j <= b_len; j++)
        last[j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        row[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        unsigned *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[b_len];
}

const struct option_spec *option_nearest(const char *name, size_t len)
{
    const struct option_spec *nearest = NULL;
    unsigned least = (unsigned)(len < 32 ? len / 3 + 1 : 0); /* further away is no likeness */
    if (least > 3)
        least = 3;
    for (size_t i = 0; i < option_spec_count && len < 32; i++) {
        unsigned d = distance(name, len, option_specs[i].name, strlen(option_specs[i].name));
        if (d < least || (d == least && !nearest)) {
            least = d;
            nearest = &option_specs[i];
        }
    }
    return nearest;
}
