/* The way back from escape_text. */
#ifndef PFETCH_BASE_UNESCAPE_H
#define PFETCH_BASE_UNESCAPE_H

#include "base/buffer.h"

/* Appends the bytes that escape_text would write as `v`. 0; -1 with errno EINVAL for an escape that
 * escape_text does not write (then some bytes may have been appended), or as buffer_append. */
int unescape_text(struct buffer *b, struct span v);

#endif
