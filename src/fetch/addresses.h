/*
 * --deny and --allow: lists of address blocks, checked for each address before it is connected to.
 *   1. addresses_new      reads the option's arguments; read-only afterwards, so that threads may share it
 *   2. addresses_permit   asked for each address of each hop and try
 *   3. addresses_free
 */
#ifndef PFETCH_FETCH_ADDRESSES_H
#define PFETCH_FETCH_ADDRESSES_H

#include <sys/socket.h>
#include "fetch/fetch.h"

struct addresses;

/* Reads `arguments`, each CIDR[,CIDR] or @FILE: one block a line, what follows a '#' is a comment, empty
 * lines are skipped. A block is 10.0.0.0/8, 2001:db8::/32, or a plain address; bits behind the prefix are
 * ignored. `option`
 * ("--deny") is for messages. 0 and *ret (release with addresses_free; NULL where there are no arguments), or
 * -1 with a message for a usage error that names the bad block, or file and line, kind ERROR_NONE. A file
 * without a block is one. */
int addresses_new(const char *option, const struct strings *arguments, struct addresses **ret,
                  struct fetch_error *err);
void addresses_free(struct addresses *list);

/* True if the list holds the address: an IPv4-mapped IPv6 address as it is or as the IPv4 address that it
 * maps, and 0.0.0.0 and :: also as 127.0.0.1 and ::1, which Linux connects them to. */
bool addresses_hold(const struct addresses *list, const struct sockaddr *sa);

/* True if `sa` may be connected to: `deny` (NULL: empty) does not hold it, and `allow` (NULL: all) holds
 * where the connection would lead: an IPv4-mapped address counts as IPv4 only, so that --allow ::/0 lets no
 * IPv4 through. Families other than IPv4 and IPv6 are not permitted where there is a list. */
bool addresses_permit(const struct addresses *deny, const struct addresses *allow, const struct sockaddr *sa);

#endif
