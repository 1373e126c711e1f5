/*
 * Hostile bytes made fit to print. Both functions append to a buffer and fail (-1) only as buffer_append.
 */
#ifndef PFETCH_BASE_ESCAPE_H
#define PFETCH_BASE_ESCAPE_H

#include "base/buffer.h"

/* For a terminal or a TAB-separated field: \t \n \r \\ by name, other control bytes (C0, DEL), C1 controls
 * and bytes that are not valid UTF-8 as \xHH. Valid UTF-8 passes. */
int escape_text(struct buffer *b, struct span v);

/* A JSON string (RFC 8259) with its quotes. Bytes that are not valid UTF-8 become U+FFFD, one for each byte.
 */
int escape_json(struct buffer *b, struct span v);

/* The bytes of the valid UTF-8 sequence (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF) at the
 * start of `v`: 1 to 4, or 0 if there is none. */
size_t utf8_sequence(struct span v);

#endif
