#include "config.h"

#include "options.h"

#include <string.h>

#include "options_parse.h"

enum {
    HELP_WIDTH = 80,
    HELP_HALF = 41, /* where a line's second option begins */
    HELP_NAME = 20, /* what a name is padded to, so that helps stand in line */
};

/* "-w, --workers N", "--deny CIDR[,CIDR]|@FILE", "-f, --format text|json|body|none" */
static void put_name(const struct option_spec *s, char *text, size_t size)
{
    size_t used = 0;
    if (s->letter)
        used = (size_t)snprintf(text, size, "-%c, ", s->letter);
    used += (size_t)snprintf(text + used, size - used, "--%s", s->name);
    if (!s->argument)
        return;
    used += (size_t)snprintf(text + used, size - used, " ");
    if (!s->choices[0].name) {
        snprintf(text + used, size - used, "%s", s->argument);
        return;
    }
    for (const struct option_choice *c = s->choices; c->name; c++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", c == s->choices ? "" : "|", c->name);
}

/* An option as --help shows it: its name, a few words, its default. The number of bytes. */
static int put_cell(const struct option_spec *s, char *text, size_t size)
{
    char name[96];
    put_name(s, name, sizeof name);
    const char *gap = strlen(name) < HELP_NAME ? "" : "  ";
    if (s->brief || !s->preset)
        return snprintf(text, size, "%-*s%s%s", HELP_NAME, name, gap, s->brief ? s->brief : s->help);
    return snprintf(text, size, "%-*s%s%s (%s)", HELP_NAME, name, gap, s->help, s->preset);
}

void options_print_help(FILE *out)
{
    char cell[160];
    int at = 0; /* 0: a line begins */
    fputs("Usage: pfetch [OPTION]... [TARGET]...     such as: pfetch --workers 8 < hosts\n"
          "Fetches targets (host, host:port, https://..., http://...), a report for each.\n",
          out);
    for (size_t i = 0; i < option_spec_count; i++) {
        const struct option_spec *s = &option_specs[i];
        bool opens = i == 0 || s->section != option_specs[i - 1].section;
        int len = put_cell(s, cell, sizeof cell);
        if (opens)
            fprintf(out, "%s%s:\n", at ? "\n" : "", option_section_title(s->section));
        if (opens || at > HELP_HALF - 2 || HELP_HALF + len > HELP_WIDTH) {
            if (at && !opens)
                fputc('\n', out);
            at = fprintf(out, "  %s", cell);
        } else {
            at += fprintf(out, "%*s%s", HELP_HALF - at, "", cell);
        }
    }
    fputs("\nExit: 0 all answered, 1 some failed, 2 usage, 3 output, 128+N signal; man pfetch\n", out);
}

void options_list(FILE *out)
{
    for (size_t i = 0; i < option_spec_count; i++) {
        const struct option_spec *s = &option_specs[i];
        char letter[2] = {s->letter, 0};
        fprintf(out, "%s\t%s\t%s\t%s\n", s->name, letter, s->argument ? s->argument : "", s->help);
    }
}
