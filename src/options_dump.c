/*
 * Not installed: writes the table of options in the form that is asked for: list, bash, zsh or fish.
 * completions/ is made with it (make completions).
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "options.h"
#include "options_table.h"

static const char *const heading = "generated from src/options_table.c: see CONTRIBUTING.md\n";

/* bash: names, and what may follow an option. */

static void bash_values(const struct option_spec *s)
{
    if (!s->argument)
        return;
    printf("    --%s", s->name);
    if (s->letter)
        printf(" | -%c", s->letter);
    printf(")\n        ");
    if (s->choices[0].name) {
        printf("mapfile -t COMPREPLY < <(compgen -W \"");
        for (const struct option_choice *c = s->choices; c->name; c++)
            printf("%s%s", c == s->choices ? "" : " ", c->name);
        printf("\" -- \"$cur\")\n");
    } else if (s->type == OPTION_FILE || s->type == OPTION_CONFIG) {
        printf("compopt -o default\n");
    } else if (s->type == OPTION_DIRECTORY) {
        printf("compopt -o dirnames\n");
    } else if (strcmp(s->name, "user") == 0) {
        printf("mapfile -t COMPREPLY < <(compgen -u -- \"$cur\")\n");
    } else {
        printf(":\n");
    }
    printf("        return\n        ;;\n");
}

static void put_bash(void)
{
    printf("# bash completion for pfetch; %s", heading);
    printf("# shellcheck shell=bash\n\n_pfetch()\n{\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
           "    COMPREPLY=()\n"
           "    # --name=value comes as three words.\n"
           "    if [[ $cur == = ]]; then\n"
           "        cur=\n"
           "    elif [[ $prev == = ]] && ((COMP_CWORD > 1)); then\n"
           "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
           "    fi\n"
           "    case $prev in\n");
    for (size_t i = 0; i < option_spec_count; i++)
        bash_values(&option_specs[i]);
    printf("    esac\n    if [[ $cur == -* ]]; then\n        mapfile -t COMPREPLY < <(compgen -W \"");
    for (size_t i = 0; i < option_spec_count; i++)
        printf("%s--%s", i ? " " : "", option_specs[i].name);
    printf("\" -- \"$cur\")\n    else\n        mapfile -t COMPREPLY < <(compgen -A hostname -- \"$cur\")\n   "
           " fi\n}\n\n"
           "complete -F _pfetch pfetch\n");
}

/* zsh: one line an option for _arguments. */

/* Text within single quotes, where [ ] : and \ mean something to _arguments. */
static void zsh_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            printf("'\\''");
        else if (strchr("[]:\\", *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void zsh_action(const struct option_spec *s)
{
    if (!s->argument)
        return;
    putchar(':');
    zsh_text(s->argument);
    putchar(':');
    if (s->choices[0].name) {
        putchar('(');
        for (const struct option_choice *c = s->choices; c->name; c++)
            printf("%s%s", c == s->choices ? "" : " ", c->name);
        putchar(')');
    } else if (s->type == OPTION_FILE || s->type == OPTION_CONFIG) {
        printf("_files");
    } else if (s->type == OPTION_DIRECTORY) {
        printf("_files -/");
    } else if (strcmp(s->name, "user") == 0) {
        printf("_users");
    }
}

static bool is_repeatable(const struct option_spec *s)
{
    return s->type == OPTION_LIST || s->type == OPTION_HEADER || s->type == OPTION_TALLY ||
           s->type == OPTION_CONFIG;
}

static void zsh_line(const struct option_spec *s, const char *dashes, const char *name)
{
    const char *joined = !s->argument          ? ""
                         : strlen(dashes) == 2 ? "="
                                               : "+"; /* the value may follow at once */
    printf("    '%s%s%s%s[", is_repeatable(s) ? "*" : "", dashes, name, joined);
    zsh_text(s->help);
    putchar(']');
    zsh_action(s);
    printf("' \\\n");
}

static void put_zsh(void)
{
    printf("#compdef pfetch\n# %s\n_arguments -s -S \\\n", heading);
    for (size_t i = 0; i < option_spec_count; i++) {
        const struct option_spec *s = &option_specs[i];
        char letter[2] = {s->letter, 0};
        if (s->letter)
            zsh_line(s, "-", letter);
        zsh_line(s, "--", s->name);
    }
    printf("    '*:target:_hosts'\n");
}

/* fish: a command an option. */

static void fish_text(const char *text)
{
    for (; *text; text++)
        printf(strchr("'\\", *text) ? "\\%c" : "%c", *text);
}

static void put_fish(void)
{
    printf("# fish completion for pfetch; %s", heading);
    printf("complete -c pfetch -f -a '(__fish_print_hostnames)'\n");
    for (size_t i = 0; i < option_spec_count; i++) {
        const struct option_spec *s = &option_specs[i];
        bool files = s->type == OPTION_FILE || s->type == OPTION_CONFIG;
        printf("complete -c pfetch -l %s", s->name);
        if (s->letter)
            printf(" -s %c", s->letter);
        if (s->argument)
            printf(files ? " -r -F" : " -x");
        if (s->choices[0].name) {
            printf(" -a '");
            for (const struct option_choice *c = s->choices; c->name; c++)
                printf("%s%s", c == s->choices ? "" : " ", c->name);
            printf("'");
        } else if (s->type == OPTION_DIRECTORY) {
            printf(" -a '(__fish_complete_directories)'");
        } else if (strcmp(s->name, "user") == 0) {
            printf(" -a '(__fish_complete_users)'");
        }
        printf(" -d '");
        fish_text(s->help);
        printf("'\n");
    }
}

int main(int argc, char **argv)
{
    const char *form = argc == 2 ? argv[1] : "";
    if (strcmp(form, "list") == 0)
        options_list(stdout);
    else if (strcmp(form, "bash") == 0)
        put_bash();
    else if (strcmp(form, "zsh") == 0)
        put_zsh();
    else if (strcmp(form, "fish") == 0)
        put_fish();
    else
        return fputs("usage: options_dump list|bash|zsh|fish\n", stderr), 2;
    return fflush(stdout) == 0 ? 0 : 1;
}
