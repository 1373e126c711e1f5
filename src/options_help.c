#include "config.h"

#include "options.h"

#include <string.h>

#include "options_parse.h"

enum {
    HELP_WIDTH = 79,
    HELP_HALF = 40, /* where a line's second option begins */
    HELP_NAME = 19, /* what a name is padded to, so that short helps stand in line */
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
    const char *preset = s->preset ? s->preset : s->otherwise;
    put_name(s, name, sizeof name);
    return snprintf(text, size, "%-*s %s%s%s%s", HELP_NAME, name, s->help, preset ? " (" : "",
                    preset ? preset : "", preset ? ")" : "");
}

void options_print_help(FILE *out)
{
    char cell[160];
    int at = 0; /* 0: a line begins */
    fputs("Usage: pfetch [OPTION]... [TARGET]...      such as: pfetch --workers 8 < hosts\n"
          "Fetches each target (host, host:port, https://..., http://...) and reports on it.\n",
          out);
    for (size_t i = 0; i < option_spec_count; i++) {
        const struct option_spec *s = &option_specs[i];
        bool opens = i == 0 || s->section != option_specs[i - 1].section;
        int len = put_cell(s, cell, sizeof cell);
        if (opens)
            fprintf(out, "%s%s:\n", at ? "\n" : "", option_section_title(s->section));
        if (opens || at >= HELP_HALF || HELP_HALF + len > HELP_WIDTH) {
            if (at && !opens)
                fputc('\n', out);
            at = fprintf(out, "  %s", cell);
        } else {
            at += fprintf(out, "%*s%s", HELP_HALF - at, "", cell);
        }
    }
    fputs(
        "\nExit: 0 all answered, 1 some failed, 2 usage, 3 output failed, 128+N signal N. See man pfetch.\n",
        out);
}

void options_list(FILE *out)
{
    for (size_t i = 0; i < option_spec_count; i++) {
        const struct option_spec *s = &option_specs[i];
        char letter[2] = {s->letter, 0};
        fprintf(out, "%s\t%s\t%s\t%s\n", s->name, letter, s->argument ? s->argument : "", s->help);
    }
}
