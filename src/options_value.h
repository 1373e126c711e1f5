/*
 * The values of options: text in, value out. Strict: a number has digits and nothing else, no sign, no
 * blanks, no overflow; nothing depends on the locale. All are pure, and return true, or false and leave the
 * result alone.
 */
#ifndef PFETCH_OPTIONS_VALUE_H
#define PFETCH_OPTIONS_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options_table.h"
#include "run.h"

/* A decimal number, `min` to `max`. */
bool value_uint(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/* Bytes: a decimal number, K, M or G behind it in either case (times 1024, 1024^2, 1024^3), `min` to `max`.
 */
bool value_size(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/* Seconds with or without a fraction ("10", "0.5", ".5"), as ns, cut to whole ones; `min` to `max` ns. */
bool value_seconds(const char *text, uint64_t min, uint64_t max, int64_t *ret_ns);

/* "N/s", "N/m" or "N/h", N more than 0 and with or without a fraction: starts per second. */
bool value_rate(const char *text, double *ret);

/* "I/N", 1 <= I <= N. */
bool value_shard(const char *text, uint32_t *ret_shard, uint32_t *ret_shards);

struct value_halt {
    enum run_halt when;
    uint64_t fail;
    bool percent;
};

/* "soon,fail=N", "now,fail=N", each also with N%, "N%" (soon) or "never"; as GNU parallel's --halt. */
bool value_halt(const char *text, struct value_halt *ret);

/* Comma-separated numbers, `min` to `max` each, at most `most` of them, none twice. */
bool value_numbers(const char *text, uint64_t min, uint64_t max, size_t most, uint32_t *ret,
                   uint32_t *ret_count);

/* The value of the choice that `text` (`len` bytes) names. */
bool value_choice(const struct option_choice *choices, const char *text, size_t len, int *ret);

/* Comma-separated choices, at most `most`, none twice. */
bool value_choices(const struct option_choice *choices, const char *text, size_t most, int *ret,
                   uint32_t *ret_count);

/* No control bytes (C0 but TAB, DEL). */
bool value_is_text(const char *text);

/* A request target in origin form (RFC 9112 3.2.1): starts with '/', printable ASCII, no space, no '#'. */
bool value_is_url_path(const char *text);

/* What to write for this option, for a message: "write a whole number from 1 to 4096". */
void value_hint(const struct option_spec *spec, char *text, size_t size);

#endif
