/*
 * --config FILE: options, one a line, in the spelling of curl's -K:
 *
 *     # a comment
 *     workers = 8          name and value, with a blank, '=' or ':' between
 *     header "X-A: b c"    quotes around blanks; \\ \" \t \n \r \v within
 *     --timeout 2.5        as on the command line, too
 *     -w 8
 *     location
 */
#ifndef PFETCH_OPTIONS_CONFIG_H
#define PFETCH_OPTIONS_CONFIG_H

#include <stdbool.h>

#include "base/buffer.h"

enum { CONFIG_FILE_MAX = 1024 * 1024, CONFIG_DEPTH_MAX = 5 };

/* What was wrong, for a person; one line. */
struct option_error {
    char text[1024];
};

/* Fills `err` and returns -1. */
__attribute__((format(printf, 2, 3))) int option_error_set(struct option_error *err, const char *format, ...);

struct config_entry {
    struct span name; /* without dashes; points into the line */
    bool letter;      /* spelled with one dash: `name` is one letter */
    bool has_value;
    const char *value; /* points into the buffer given to config_line; NULL without value */
};

enum config_result { CONFIG_ENTRY, CONFIG_BLANK, CONFIG_BAD };

/* Reads one line, without its newline. A value is written to `value` (emptied first). CONFIG_BAD: `err` says
 * what to write. Touches nothing but its arguments. */
enum config_result config_line(struct span line, struct config_entry *ret, struct buffer *value,
                               struct option_error *err);

/* Called for each entry; 0, or -1 with `err`, which ends the reading. */
typedef int config_take(void *arg, const struct config_entry *entry, struct option_error *err);

/* Reads the file at `path` ("-": standard input) and hands each entry to `take`, in order. 0, or -1 with
 * `err`, in which "FILE:LINE: " stands in front. */
int config_read(const char *path, config_take *take, void *arg, struct option_error *err);

#endif
