/*
 * The table of options: each option once. The parser, --help, --config, the completions and the tests of the
 * manual read it. To add an option: a line in options_table.c, a field in struct run_options, a paragraph in
 * man/pfetch.1, and make completions.
 */
#ifndef PFETCH_OPTIONS_TABLE_H
#define PFETCH_OPTIONS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_section {
    SECTION_INPUT,
    SECTION_OUTPUT,
    SECTION_JOURNAL,
    SECTION_POOL,
    SECTION_PACE,
    SECTION_FETCH,
    SECTION_NETWORK,
    SECTION_TRUST,
    SECTION_GENERAL,
    OPTION_SECTIONS
};

enum option_type {
    OPTION_FLAG,      /* bool: `value` by --name, its opposite by --no-name (or --name without its no-) */
    OPTION_CONSTANT,  /* int: becomes `value` */
    OPTION_TALLY,     /* uint32_t: one more each time */
    OPTION_UINT,      /* uint32_t, min to max */
    OPTION_SIZE,      /* uint64_t, bytes, min to max */
    OPTION_SECONDS,   /* int64_t, ns; more than 0 if min is 1 */
    OPTION_CHOICE,    /* int or bool: the value of one of `choices` */
    OPTION_TEXT,      /* char *, no control bytes; not empty if min is 1 */
    OPTION_URL_PATH,  /* char *, a request target in origin form */
    OPTION_FILE,      /* char *, not empty */
    OPTION_DIRECTORY, /* char *, not empty */
    OPTION_LIST,      /* struct strings: one more each time */
    OPTION_HEADER,    /* as LIST, checked by fetch_check_header */
    OPTION_RATE,      /* double, per second */
    OPTION_SHARD,     /* shard and shards */
    OPTION_HALT,      /* halt, halt_fail and halt_percent */
    OPTION_WORKERS,   /* workers, sweep and sweep_count */
    OPTION_MODES,     /* mode, modes and mode_count */
    OPTION_CONFIG,    /* reads a file of options */
    OPTION_HELP,
    OPTION_VERSION
};

enum { OPTION_SPECS_MAX = 96, OPTION_CHOICES_MAX = 4 };

struct option_choice {
    const char *name; /* NULL ends the list */
    int value;
};

struct option_spec {
    const char *name;     /* long name, without dashes */
    char letter;          /* 0: none */
    const char *argument; /* what --help calls it; NULL: takes none */
    enum option_type type;
    enum option_section section;
    size_t offset, size; /* the field in struct run_options; size 0: none, or several */
    int value;
    uint64_t min, max;
    struct option_choice choices[OPTION_CHOICES_MAX + 1];
    const char *preset; /* the default as one would write it; NULL: off, empty, or computed */
    const char *needs;  /* the name of an option without which this one is a mistake; NULL: none */
    const char *help;   /* what it does, in a few words, no full stop */
    const char *brief;  /* the same for --help, default included, where `help` is too long; NULL: it isn't */
};

extern const struct option_spec option_specs[];
extern const size_t option_spec_count; /* at most OPTION_SPECS_MAX */

/* A section's title: "Input". */
const char *option_section_title(enum option_section section);

/* The option with this long name (`len` bytes at `name`), or NULL. *ret_negated: it was spelled as the
 * opposite of an OPTION_FLAG ("no-location", "keepalive"). */
const struct option_spec *option_find(const char *name, size_t len, bool *ret_negated);

/* The option with this letter, or NULL. */
const struct option_spec *option_find_letter(char letter);

/* The option whose name is most like `name` (`len` bytes), or NULL if none is much like it. */
const struct option_spec *option_nearest(const char *name, size_t len);

/* The opposite of an OPTION_FLAG's name, "no-location" or "keepalive"; `size` bytes at `text`. */
void option_opposite(const struct option_spec *spec, char *text, size_t size);

/* True if the option takes a value. */
static inline bool option_takes_value(const struct option_spec *spec)
{
    return spec->argument != NULL;
}

#endif
