/*
 * A reply said in raw bytes, as steps separated by ';' or newlines, each NAME or NAME:ARGUMENT, with %HH in
 * the arguments for any byte: send:BYTES          sends them                      wait:MS        pauses
 *   drip:MS:BYTES       sends one byte each MS          repeat:N:BYTES sends them N times
 *   raw:BYTES           sends them beneath TLS
 *   pattern:N           sends N bytes of the pattern    zeros:N        sends N zero bytes
 *   read                reads the next request          await          waits for the peer to end (two
 * minutes) close               ends with close_notify and FIN  abrupt         ends with FIN alone reset ends
 * with RST                   shut           FIN, and goes on reading keep                takes the next
 * request as any other At the end of the steps the connection is closed, unless the last is keep.
 */
#ifndef ORIGIN_STEPS_H
#define ORIGIN_STEPS_H

#include "origin.h"

/* Carries out the steps in `text` (changed in place). True if the connection goes on with the next request.
 */
bool steps_run(struct conn *c, char *text);

/* Undoes %HH in place; returns the length, since there may be NULs. */
size_t percent_decode(char *text);

#endif
