#include "config.h"

#include "options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/processors.h"
#include "options_parse.h"
#include "options_value.h"

/* Defaults. */

static uint32_t default_workers(void)
{
    unsigned cpus = processors_usable();
    return cpus > 28 ? 32 : cpus + 4;
}

/* A variable that is set and not empty, of two spellings; curl's precedence. */
static const char *environment(const char *name, const char *other)
{
    const char *value = getenv(name);
    if ((!value || !*value) && other)
        value = getenv(other);
    return value && *value ? value : NULL;
}

static int set_defaults(struct options_parse *p)
{
    struct run_options *o = p->o;
    memset(o, 0, sizeof *o);
    o->workers = o->sweep[0] = default_workers();
    o->sweep_count = 1;
    o->fetch.max_size = UINT64_MAX;
    o->fetch.keepalive = true;
    o->fetch.idle_connections = 8;
    o->fetch.env_https_proxy = environment("https_proxy", "HTTPS_PROXY");
    o->fetch.env_http_proxy = environment("http_proxy", NULL); /* upper case is a CGI's "Proxy:" field */
    o->fetch.env_all_proxy = environment("all_proxy", "ALL_PROXY");
    o->fetch.env_no_proxy = environment("no_proxy", "NO_PROXY");
    for (size_t i = 0; i < option_spec_count; i++)
        if (option_specs[i].preset && options_set_value(p, &option_specs[i], option_specs[i].preset) < 0)
            return -1;
    o->mode_count = 0; /* none was asked for: --compare takes all */
    return 0;
}

/* One option, from the command line or a file. */

static int read_config(struct options_parse *p, const char *path);

static int apply(struct options_parse *p, const struct option_spec *spec, bool negated, const char *value)
{
    p->given[spec - option_specs] = !negated;
    switch (spec->type) {
    case OPTION_CONFIG:
        return read_config(p, value);
    case OPTION_HELP:
        options_print_help(p->out);
        p->done = true;
        return 0;
    case OPTION_VERSION:
        options_print_version(p->out);
        p->done = true;
        return 0;
    default:
        return option_takes_value(spec) ? options_set_value(p, spec, value)
                                        : options_set_plain(p, spec, negated);
    }
}

static int unknown(struct options_parse *p, const char *dashes, struct span name)
{
    const struct option_spec *nearest = option_nearest((const char *)name.data, name.len);
    int len = name.len > 100 ? 100 : (int)name.len;
    if (name.len == 1 && option_find_letter((char)name.data[0])) /* in a file */
        return option_error_set(&p->error, "unknown option %s%c: a letter has one dash, -%c", dashes,
                                name.data[0], name.data[0]);
    if (nearest)
        return option_error_set(&p->error, "unknown option %s%.*s: did you mean --%s?", dashes, len,
                                (const char *)name.data, nearest->name);
    return option_error_set(&p->error, "unknown option %s%.*s: see pfetch --help", dashes, len,
                            (const char *)name.data);
}

static int value_missing(struct options_parse *p, const struct option_spec *spec)
{
    return option_error_set(&p->error, "--%s needs a value: write --%s %s", spec->name, spec->name,
                            spec->argument);
}

static int value_unwanted(struct options_parse *p, const struct option_spec *spec)
{
    return option_error_set(&p->error, "--%s takes no value: write it alone", spec->name);
}

static int take_entry(void *arg, const struct config_entry *entry, struct option_error *err)
{
    struct options_parse *p = arg;
    bool negated = false;
    const struct option_spec *spec =
        entry->letter ? option_find_letter((char)entry->name.data[0])
                      : option_find((const char *)entry->name.data, entry->name.len, &negated);
    int ret;
    if (!spec && span_equal(entry->name, span_of("url")))
        ret = option_error_set(&p->error, "targets don't go here: put them in a list and write input = LIST");
    else if (!spec)
        ret = unknown(p, entry->letter ? "-" : "", entry->name);
    else if (option_takes_value(spec) && !entry->has_value)
        ret = value_missing(p, spec);
    else if (!option_takes_value(spec) && entry->has_value)
        ret = value_unwanted(p, spec);
    else
        ret = apply(p, spec, negated, entry->value);
    *err = p->error;
    return ret;
}

/* False for standard input, a pipe, and what isn't there: it can't be read again. */
static bool is_regular(const char *path)
{
    struct stat st;
    return strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int read_config(struct options_parse *p, const char *path)
{
    if (p->depth == CONFIG_DEPTH_MAX)
        return option_error_set(&p->error,
                                "--config %.100s: more than %d files within each other: name it on "
                                "the command line",
                                path, CONFIG_DEPTH_MAX);
    struct option_error err = {""};
    p->depth++;
    p->stdin_read = p->stdin_read || strcmp(path, "-") == 0;
    p->o->read_once = p->o->read_once || !is_regular(path);
    int ret = config_read(path, take_entry, p, &err);
    p->depth--;
    return ret < 0 ? option_error_set(&p->error, "%s", err.text) : 0;
}

/* The command line: getopt_long, its tables built from ours. */

enum { LONG_BASE = 256 }; /* long options' values: LONG_BASE + 2 * place + negated */

struct getopt_tables {
    struct option longs[2 * OPTION_SPECS_MAX + 1];
    char shorts[2 * OPTION_SPECS_MAX + 2];
    char opposites[OPTION_SPECS_MAX][32];
};

static void add_long(struct getopt_tables *t, size_t *n, const char *name, bool value, size_t val)
{
    t->longs[(*n)++] = (struct option){name, value ? required_argument : no_argument, NULL, (int)val};
}

static void build_tables(struct getopt_tables *t)
{
    size_t longs = 0, shorts = 0;
    t->shorts[shorts++] = ':'; /* tell a missing value from an unknown option */
    for (size_t i = 0; i < option_spec_count; i++) {
        const struct option_spec *s = &option_specs[i];
        add_long(t, &longs, s->name, option_takes_value(s), LONG_BASE + 2 * i);
        if (s->type == OPTION_FLAG) {
            option_opposite(s, t->opposites[i], sizeof t->opposites[i]);
            add_long(t, &longs, t->opposites[i], false, LONG_BASE + 2 * i + 1);
        }
        if (s->letter)
            t->shorts[shorts++] = s->letter;
        if (s->letter && option_takes_value(s))
            t->shorts[shorts++] = ':';
    }
    t->shorts[shorts] = 0;
    t->longs[longs] = (struct option){NULL, 0, NULL, 0};
}

/* An unknown long option, or the beginning of several. */
static int unknown_long(struct options_parse *p, const char *word)
{
    struct span name = span_make(word + 2, strcspn(word + 2, "="));
    const char *first = NULL;
    for (size_t i = 0; i < option_spec_count && name.len; i++) {
        const char *other = option_specs[i].name;
        if (strncmp(other, (const char *)name.data, name.len) != 0)
            continue;
        if (first)
            return option_error_set(&p->error, "--%.*s is ambiguous: write --%s or --%s", (int)name.len,
                                    (const char *)name.data, first, other);
        first = other;
    }
    return unknown(p, "--", name);
}

static const struct option_spec *spec_of(int val, bool *ret_negated)
{
    *ret_negated = val >= LONG_BASE && (val - LONG_BASE) % 2;
    return val >= LONG_BASE ? &option_specs[(val - LONG_BASE) / 2] : option_find_letter((char)val);
}

/* What getopt returned as '?' or ':'. */
static int bad_option(struct options_parse *p, int result, char **argv)
{
    bool negated;
    const struct option_spec *spec = optopt ? spec_of(optopt, &negated) : NULL;
    if (spec)
        return result == ':' ? value_missing(p, spec) : value_unwanted(p, spec);
    if (optopt == 0)
        return unknown_long(p, argv[optind - 1]);
    char letter = (char)optopt;
    return option_error_set(&p->error, "unknown option -%c: see pfetch --help", letter);
}

static int read_arguments(struct options_parse *p, int argc, char **argv)
{
    struct getopt_tables tables;
    build_tables(&tables);
    opterr = 0;
    optind = 0; /* glibc: start anew */
    for (int r; !p->done && (r = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1;) {
        bool negated;
        if (r == '?' || r == ':')
            return bad_option(p, r, argv);
        const struct option_spec *spec = spec_of(r, &negated);
        if (apply(p, spec, negated, optarg) < 0)
            return -1;
    }
    if (argc > optind) {
        p->o->operands = argv + optind;
        p->o->operand_count = (size_t)(argc - optind);
    }
    return 0;
}

/* "-" as a file is standard input or output, which is what NULL means. */
static void drop_dash(const char **path)
{
    if (*path && strcmp(*path, "-") == 0) {
        free((char *)*path);
        *path = NULL;
    }
}

static void print_error(const struct options_parse *p, FILE *err)
{
    struct buffer line;
    buffer_init(&line, 8 * sizeof p->error.text);
    if (escape_text(&line, span_of(p->error.text)) == 0 && buffer_terminate(&line) == 0)
        fprintf(err, "pfetch: %s\n", (char *)line.data);
    buffer_free(&line);
}

enum options_result options_read(int argc, char **argv, struct run_options *ret, FILE *out, FILE *err)
{
    struct options_parse p = {.o = ret, .out = out};
    int r = set_defaults(&p);
    if (r == 0)
        r = read_arguments(&p, argc, argv);
    if (r == 0 && p.done)
        return OPTIONS_DONE;
    if (r == 0) {
        drop_dash(&ret->input_path);
        drop_dash(&ret->output_path);
        ret->fetch.verbose = ret->verbose > 0;
        r = options_check(&p);
    }
    if (r < 0)
        print_error(&p, err);
    return r < 0 ? OPTIONS_USAGE : OPTIONS_RUN;
}

enum options_result options_parse(int argc, char **argv, struct run_options *ret)
{
    return options_read(argc, argv, ret, stdout, stderr);
}

void options_free(struct run_options *options)
{
    for (size_t i = 0; i < option_spec_count; i++) {
        const struct option_spec *spec = &option_specs[i];
        void *at = (char *)options + spec->offset;
        struct strings *list = at;
        switch (spec->type) {
        case OPTION_TEXT:
        case OPTION_URL_PATH:
        case OPTION_FILE:
        case OPTION_DIRECTORY:
            free(*(char **)at);
            break;
        case OPTION_LIST:
        case OPTION_HEADER:
            for (size_t k = 0; k < list->count; k++)
                free((char *)list->items[k]);
            free(list->items);
            break;
        default:
            break;
        }
    }
    memset(options, 0, sizeof *options);
}
