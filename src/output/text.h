/*
 * -f text: a line a target on standard output, TAB-separated: status (`-` for none), bytes of body, seconds,
 * the target as given, `ok` or `KIND: message`. Control bytes within a field are escaped (escape_text).
 */
#ifndef PFETCH_OUTPUT_TEXT_H
#define PFETCH_OUTPUT_TEXT_H

#include "output/sink.h"

extern const struct sink_type text_sink;

/* A sink for text_sink's functions, released by its close. NULL: no memory. */
void *text_sink_new(void);

#endif
