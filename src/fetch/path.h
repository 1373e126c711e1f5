/*
 * The path and query of a URL in origin form (RFC 9112 3.2.1): made fit to send, and merged with references.
 * Pure functions of bytes.
 */
#ifndef PFETCH_FETCH_PATH_H
#define PFETCH_FETCH_PATH_H

#include "base/buffer.h"

enum { PATH_BYTES_MAX = 65536 }; /* longest path and query, percent-encoded */

/* Appends `given` (path and query, a fragment is dropped) in origin form: a '/' is put before what does not
 * start with one, dot segments are removed from the path (RFC 3986 5.2.4), and bytes that a URI may not hold
 * are percent-encoded, in lower case as curl does: non-ASCII and control bytes, \ | " < > ^ ` { }, and
 * spaces, which in a query become '+'. What is percent-encoded already stays as it is. 0 or -1 as
 * buffer_append; on failure `b` may hold a part. */
int path_put(struct buffer *b, struct span given);

/* Appends what `reference` (a path, query or both, no scheme, no authority) leads to from `base` (origin
 * form) by RFC 3986 5.2.2, as path_put does. As path_put. */
int path_resolve(struct buffer *b, struct span base, struct span reference);

#endif
