/*
 * Names to addresses: /etc/hosts, localhost (RFC 6761) and the DNS through c-ares, under the fetch's
 * deadlines.
 *   1. resolver_settings_new   once, before any worker: reads hosts and resolv.conf; shared, read-only
 *   2. resolver_new            one in each worker; opens nothing before the first name that needs the DNS
 *   3. resolver_lookup         a name at a time; a small cache is behind it
 *   4. resolver_free, resolver_settings_free
 * After step 1 only the random device is opened, and IPv4 and IPv6 sockets (resolver_paths).
 */
#ifndef PFETCH_FETCH_RESOLVER_H
#define PFETCH_FETCH_RESOLVER_H

#include <netinet/in.h>
#include <sys/socket.h>
#include "fetch/stream.h"

enum { RESOLVER_ADDRS_MAX = 32 };

struct resolver_settings;
struct resolver;

/* Reads the system's configuration. `dns_servers`: A[:PORT][,…], IPv6 as [v6]:port or bare, in place of
 * resolv.conf's servers; NULL: those. `family`: AF_UNSPEC, AF_INET or AF_INET6. On success *ret belongs to
 * the caller. -1: `err` holds a message for a usage error, kind ERROR_NONE. */
int resolver_settings_new(const char *dns_servers, int family, struct resolver_settings **ret,
                          struct fetch_error *err);
void resolver_settings_free(struct resolver_settings *settings);

/* The files that a worker opens when it resolves; a static NULL-terminated list. */
const char *const *resolver_paths(void);

/* A worker's resolver; NULL for lack of memory. `settings` must outlive it. One thread uses it at a time. */
struct resolver *resolver_new(const struct resolver_settings *settings);
void resolver_free(struct resolver *r);

/* Finds the addresses of `host` (lower-case A-labels, perhaps with a trailing dot: then no search domains; or
 * an IP literal without brackets), at most `max` of them, in the order of RFC 6724, each with `port`.
 * 0 with *ret_count >= 1; or -1: ERROR_DNS (final where the name has no address; not where no server gave an
 * answer), ERROR_TIMEOUT or ERROR_CANCELLED, all in PHASE_DNS. */
int resolver_lookup(struct resolver *r, const char *host, uint16_t port, const struct wait *w,
                    struct sockaddr_storage *addrs, size_t max, size_t *ret_count, struct fetch_error *err);

#endif
