/*
 * Content codings (RFC 9110 8.4.1): gzip (RFC 1952), deflate (RFC 1950, and 1951 as many servers send it), br
 * (RFC 7932), zstd (RFC 8878), stacked up to five deep. No I/O; memory is bounded by the codings' windows and
 * one buffer of 64 KiB for each.
 *   1. coding_new with the values of Content-Encoding (response_join); NULL means that there is nothing to
 * undo
 *   2. coding_decode with the body's bytes as they arrive, in pieces of any size
 *   3. coding_finish at the end of the body
 *   4. coding_free
 * gzip: several members are one content; bytes behind the last one that start no member are an error (as in
 * curl). deflate: told apart by the two bytes of a zlib header. zstd: several frames, skippable ones skipped;
 * a window above 8 MiB is refused (RFC 9659). br: the window is 16 MiB at most. Errors are ERROR_HTTP,
 * PHASE_BODY.
 */
#ifndef PFETCH_FETCH_CODING_H
#define PFETCH_FETCH_CODING_H

#include <stddef.h>
#include "base/span.h"
#include "fetch/error.h"

enum { CODING_STACK_MAX = 5, CODING_PIECE_MAX = 64 * 1024 };

struct coding;

/* The value of Accept-Encoding: the codings that this build can undo. */
const char *coding_accept(void);

/* Loads the libraries of all of them, which coding_new would do when it meets one: for a process that is
 * about to confine itself, and can't afterwards. 0, or -1: one can't be loaded. */
int coding_prepare(struct fetch_error *err);

/* Prepares to undo the codings of a comma list, in the order in which they were applied (the last is undone
 * first). x-gzip is gzip; identity and empty elements are skipped. *ret is NULL if nothing is left, else it
 * belongs to the caller (coding_free). An unknown coding fails only when the first byte of body meets it:
 * with an empty body it doesn't matter (as in curl). 0, or -1 for more than CODING_STACK_MAX codings or lack
 * of memory. */
int coding_new(struct span list, struct coding **ret, struct fetch_error *err);
void coding_free(struct coding *c);

/* Takes decoded bytes, at most CODING_PIECE_MAX at once, and returns 0 to go on or a positive number to stop
 * at once. It is also called with len 0 now and then while much is read between the codings and nothing comes
 * out, so that a deadline can be looked at. */
typedef int coding_out(void *arg, const void *data, size_t len);

/* Undoes the next bytes of the body. 0; -1 with `err` if they are broken; or what `out` returned to stop,
 * with `err` untouched. After anything but 0 only coding_free may follow. */
int coding_decode(struct coding *c, struct span in, coding_out *out, void *arg, struct fetch_error *err);

/* The body is complete. 0, or -1 if a coding's stream is not ("gzip stream is not complete"). A body without
 * a byte is fine. */
int coding_finish(struct coding *c, struct fetch_error *err);

#endif
