/*
 * -f json: a JSON object a line (RFC 8259) on standard output for each target, its fields in the order that
 * the manual names them. Always valid, whatever bytes a target or a header has: those that are not UTF-8
 * become U+FFFD.
 */
#ifndef PFETCH_OUTPUT_JSON_H
#define PFETCH_OUTPUT_JSON_H

#include "output/sink.h"

extern const struct sink_type json_sink;

/* A sink for json_sink's functions, released by its close. `with_file`: `file` is there (null for a target
 * without one); `with_sha256`: `sha256` is (null where no body was delivered). NULL: no memory. */
void *json_sink_new(bool with_file, bool with_sha256);

#endif
