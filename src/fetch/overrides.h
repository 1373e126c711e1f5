/*
 * --resolve and --connect-to: where a connection goes in place of what the name says. Two tables of rules,
 * sorted once; read-only afterwards, so that threads may share one.
 *   1. overrides_new          reads the options
 *   2. overrides_connect_to   host and port that a target's connection is made to
 *   3. overrides_addresses    the addresses of that host and port, in place of a look-up (in this order, as
 * in curl: a --resolve is asked with what --connect-to has made of host and port)
 *   4. overrides_free
 */
#ifndef PFETCH_FETCH_OVERRIDES_H
#define PFETCH_FETCH_OVERRIDES_H

#include <sys/socket.h>
#include "fetch/fetch.h"

struct overrides;

enum { OVERRIDES_ADDRESSES_MAX = 64 }; /* most addresses of one --resolve */

/* Reads both options as curl spells them; the strings are not kept.
 *   resolve     [+]HOST:PORT:ADDR[,ADDR]…  or  -HOST:PORT, which takes an earlier one back; a later rule for
 * the same HOST and PORT replaces an earlier one. A HOST or PORT that is "*" or empty means any; the more
 * exact rule wins (HOST before PORT). connect_to  HOST1:PORT1:HOST2:PORT2; an empty or "*" HOST1 or PORT1
 * means any, an empty or "*" HOST2 or PORT2 leaves it as it is; the first rule that matches is taken. IPv6
 * addresses stand in brackets (behind --resolve's PORT they may stand without). 0 and *ret (release with
 * overrides_free), or -1 with a message for a usage error, kind ERROR_NONE. */
int overrides_new(const struct strings *resolve, const struct strings *connect_to, struct overrides **ret,
                  struct fetch_error *err);
void overrides_free(struct overrides *o);

/* Sets *ret_host (canonical, as in struct target; valid as long as `o` and `host`) and *ret_port to where the
 * connection for `host` and `port` is made to, and returns true if that is another place. */
bool overrides_connect_to(const struct overrides *o, const char *host, uint16_t port, const char **ret_host,
                          uint16_t *ret_port);

/* The addresses that --resolve gives for `host` and `port`, in the order given, `port` filled in; of `family`
 * only, unless it is AF_UNSPEC. Returns their number (at most OVERRIDES_ADDRESSES_MAX, which ret must hold),
 * 0 where a rule has none of this family, or -1 where no rule matches. */
int overrides_addresses(const struct overrides *o, const char *host, uint16_t port, int family,
                        struct sockaddr_storage ret[OVERRIDES_ADDRESSES_MAX]);

#endif
