/*
 * What the parts of the command line's reader share while it reads. Nothing outside src/options*.c needs
 * this.
 */
#ifndef PFETCH_OPTIONS_PARSE_H
#define PFETCH_OPTIONS_PARSE_H

#include <stdio.h>

#include "options_config.h"
#include "options_table.h"
#include "run.h"

struct options_parse {
    struct run_options *o;
    bool given[OPTION_SPECS_MAX]; /* by place in option_specs */
    bool done;                    /* --help or --version was printed */
    bool stdin_read;              /* --config - has read standard input to its end */
    unsigned depth;               /* of --config in --config */
    FILE *out;                    /* for --help and --version */
    struct option_error error;
};

/* Sets the option's field from `value`. 0, or -1 with p->error. options_field.c */
int options_set_value(struct options_parse *p, const struct option_spec *spec, const char *value);

/* The same for an option without value; `negated`: the opposite of a flag. */
int options_set_plain(struct options_parse *p, const struct option_spec *spec, bool negated);

/* True if the option with this long name was given. */
bool options_given(const struct options_parse *p, const char *name);

/* Looks at what options mean together: 0, or -1 with p->error. options_check.c */
int options_check(struct options_parse *p);

/* To `out`; options_help.c */
void options_print_help(FILE *out);
void options_print_version(FILE *out);

#endif
