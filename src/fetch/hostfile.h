/* The system's table of hosts (hosts(5)), read once, looked up by hash. Immutable after hostfile_parse. */
#ifndef PFETCH_FETCH_HOSTFILE_H
#define PFETCH_FETCH_HOSTFILE_H

#include "base/span.h"
#include "fetch/address.h"

struct hostfile;

/* Reads lines "address name…"; what follows '#', and lines without a valid address, are passed over. Pure
 * function of `bytes`, which need not outlive it. NULL for lack of memory. */
struct hostfile *hostfile_parse(struct span bytes);

/* Reads `path`; a file that is missing or can't be read is an empty table. NULL for lack of memory. */
struct hostfile *hostfile_load(const char *path);
void hostfile_free(struct hostfile *h);

/* Copies at most `max` addresses of `family` (AF_UNSPEC: both) that `name` has, without regard to case or to
 * a trailing dot, in the file's order, each once. Returns how many. */
size_t hostfile_lookup(const struct hostfile *h, const char *name, int family, struct address *ret,
                       size_t max);

#endif
