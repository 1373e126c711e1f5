/* Header lines as -H takes them, in curl's three forms. fetch_check_header (fetch.h) accepts what this can
 * read. */
#ifndef PFETCH_FETCH_HEADER_H
#define PFETCH_FETCH_HEADER_H

#include "base/span.h"

enum header_form {
    HEADER_SET,    /* "Name: value": sent, in place of one that pfetch would send by itself */
    HEADER_EMPTY,  /* "Name;": sent without a value */
    HEADER_REMOVE, /* "Name:": what pfetch would send by itself is left out */
};

/* Splits a line that fetch_check_header has accepted; *ret_value is trimmed, and empty but for HEADER_SET.
 * Both are views into `line`. */
enum header_form header_split(const char *line, struct span *ret_name, struct span *ret_value);

#endif
