/*
 * The command line. One table (name, letter, argument, bounds, default, help) feeds the parser, --help,
 * --config, the completions and the check against the manual.
 */
#ifndef PFETCH_OPTIONS_H
#define PFETCH_OPTIONS_H

#include <stdio.h>
#include "run.h"

enum options_result { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_USAGE };

/* Fills `ret` from the command line, the --config files and the environment. OPTIONS_DONE: --help or
 * --version was printed to standard output. OPTIONS_USAGE: one line on standard error said what was wrong and
 * what to write instead. Strings point into argv or live until options_free. */
enum options_result options_parse(int argc, char **argv, struct run_options *ret);

/* The same, with --help and --version to `out` and the usage error to `err`. */
enum options_result options_read(int argc, char **argv, struct run_options *ret, FILE *out, FILE *err);

/* Releases what options_parse filled in; to be called after each of its results. Safe to call again. */
void options_free(struct run_options *options);

/* For tests and generators: every option, a line each, "name<TAB>letter<TAB>argument<TAB>help"; letter and
 * argument are empty where there is none. */
void options_list(FILE *out);

#endif
