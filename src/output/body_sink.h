/*
 * -f body: the bodies on standard output, one after the other, and a line on standard error for each target
 * that failed: "pfetch: TARGET: KIND: message". A body up to SPOOL_SLOT_MAX is written only when it is whole;
 * of a larger one that breaks, what was written stays, and the line says so.
 */
#ifndef PFETCH_OUTPUT_BODY_SINK_H
#define PFETCH_OUTPUT_BODY_SINK_H

#include "output/sink.h"

extern const struct sink_type body_sink;

/* A sink for body_sink's functions, released by its close. `complain` gets each failure's line, with its
 * newline, fit to print. NULL: no memory. */
void *body_sink_new(void (*complain)(void *arg, struct span line), void *arg);

#endif
