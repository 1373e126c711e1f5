#include "config.h"

#include "options_parse.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool options_given(const struct options_parse *p, const char *name)
{
    bool negated;
    const struct option_spec *spec = option_find(name, strlen(name), &negated);
    return spec && p->given[spec - option_specs];
}

/* Options that mean nothing without another one. */
static int check_needs(struct options_parse *p)
{
    for (size_t i = 0; i < option_spec_count; i++) {
        const struct option_spec *spec = &option_specs[i];
        bool negated;
        if (!p->given[i] || !spec->needs || options_given(p, spec->needs))
            continue;
        const struct option_spec *other = option_find(spec->needs, strlen(spec->needs), &negated);
        return option_error_set(&p->error, "--%s needs --%s: add --%s%s%s", spec->name, other->name,
                                other->name, other->argument ? " " : "",
                                other->argument ? other->argument : "");
    }
    return 0;
}

static int check_input(struct options_parse *p)
{
    const struct run_options *o = p->o;
    if (o->operand_count || o->input_path)
        return 0;
    if (p->stdin_read)
        return option_error_set(
            &p->error, "--config - has read standard input: name the targets, or their list with -i");
    if (!options_given(p, "input") && isatty(STDIN_FILENO))
        return option_error_set(&p->error,
                                "no targets: write pfetch TARGET..., pfetch -i FILE or pfetch < FILE "
                                "(see pfetch --help)");
    return 0;
}

static bool is_same_file(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0 && strncmp(a, "/dev/", 5) != 0;
}

/* One file for two purposes would be overwritten. */
static int check_files(struct options_parse *p)
{
    const struct run_options *o = p->o;
    const struct {
        const char *option, *path;
    } files[] = {{"input", o->input_path},
                 {"output", o->output_path},
                 {"warc", o->warc_path},
                 {"joblog", o->joblog_path},
                 {"plot", o->plot_path}};
    size_t count = sizeof files / sizeof *files;
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (is_same_file(files[i].path, files[j].path))
                return option_error_set(&p->error, "--%s and --%s are both '%.100s': name two files",
                                        files[i].option, files[j].option, files[i].path);
    if ((o->resume || o->resume_failed) && o->output_path && o->format == FORMAT_BODY)
        return option_error_set(&p->error,
                                "--resume can't go on in a file of bodies (-f body -o FILE): write "
                                "-d DIR, or -f json -o FILE");
    return 0;
}

static bool has_mode(const struct run_options *o, enum executor_mode mode)
{
    for (uint32_t i = 0; i < o->mode_count; i++)
        if (o->modes[i] == mode)
            return true;
    return o->mode_count == 0 && (o->compare || o->mode == mode);
}

static int check_pool(struct options_parse *p)
{
    const struct run_options *o = p->o;
    if (!o->compare && o->sweep_count > 1)
        return option_error_set(&p->error, "several numbers of --workers need --compare: write one number");
    if (!o->compare && o->mode_count > 1)
        return option_error_set(&p->error, "several modes need --compare: write one --mode");
    if (o->sandbox == CONFINE_REQUIRE && (has_mode(o, EXECUTOR_THREAD) || has_mode(o, EXECUTOR_SERIAL)))
        return option_error_set(&p->error, "--sandbox require: only processes can be confined: write --mode "
                                           "process, or --sandbox auto");
    if (o->user && !has_mode(o, EXECUTOR_PROCESS))
        return option_error_set(&p->error,
                                "--user: only processes can become another user: write --mode process");
    if (o->user && geteuid() != 0)
        return option_error_set(&p->error, "--user: only root can become another user: leave it out, workers "
                                           "run as you");
    return 0;
}

static int check_compare(struct options_parse *p)
{
    const struct run_options *o = p->o;
    static const char *const refused[] = {"dry-run", "joblog", "output-dir", "warc"};
    if (!o->compare)
        return 0;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (options_given(p, refused[i]))
            return option_error_set(&p->error,
                                    "--compare fetches the list several times, which --%s does not "
                                    "go with: leave one of them out",
                                    refused[i]);
    if (o->format == FORMAT_BODY || o->format == FORMAT_NONE)
        return option_error_set(&p->error,
                                "--compare prints a table: write -f text, or -f json for a line a row");
    return 0;
}

static int check_network(struct options_parse *p)
{
    const struct fetch_config *f = &p->o->fetch;
    if (f->proxy && *f->proxy && (f->deny.count || f->allow.count))
        return option_error_set(&p->error,
                                "--%s could not be kept behind a proxy, which looks names up "
                                "itself: leave out --proxy, or write --proxy ''",
                                f->deny.count ? "deny" : "allow");
    return 0;
}

int options_check(struct options_parse *p)
{
    if (check_needs(p) < 0 || check_pool(p) < 0 || check_compare(p) < 0 || check_files(p) < 0 ||
        check_network(p) < 0)
        return -1;
    return check_input(p);
}
