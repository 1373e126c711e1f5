/* no_proxy: the hosts that are spared the proxy. Read once, then read-only. */
#ifndef PFETCH_FETCH_BYPASS_H
#define PFETCH_FETCH_BYPASS_H

#include "fetch/target.h"

struct bypass;

/* Reads a list as proxy.h describes it (NULL: empty). NULL for lack of memory; release with bypass_free. */
struct bypass *bypass_new(const char *list);
void bypass_free(struct bypass *b);

/* True if the list is "*". */
bool bypass_all(const struct bypass *b);

/* True if the list holds the target's host. */
bool bypass_holds(const struct bypass *b, const struct target *t);

#endif
