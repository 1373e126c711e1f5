#ifndef PFETCH_BASE_WATCHED_H
#define PFETCH_BASE_WATCHED_H

#include <stdbool.h>

/* True where a tool looks after each piece of malloc's: under AddressSanitizer and its like, and valgrind.
 * Memory that is taken from malloc whole, and handed out in pieces, would hide from it what it looks for. The
 * answer stays what it was at first, whatever becomes of the environment. */
bool watched_memory(void);

#endif
