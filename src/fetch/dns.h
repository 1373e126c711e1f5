/*
 * The DNS through c-ares: a query for a whole name (search domains are the resolver's matter), waited for
 * under the fetch's deadlines.
 *   1. dns_settings_new   once: reads resolv.conf; read-only, shared
 *   2. dns_new            in each worker, at the first query: opens the random device, and no other file
 *   3. dns_query          a name at a time
 */
#ifndef PFETCH_FETCH_DNS_H
#define PFETCH_FETCH_DNS_H

#include "fetch/address.h"
#include "fetch/stream.h"

struct dns_settings;
struct dns;

/* `servers`: A[:PORT][,…] in place of resolv.conf's; NULL: those. On success *ret is the caller's; -1: `err`
 * holds a message for a usage error, kind ERROR_NONE. */
int dns_settings_new(const char *servers, struct dns_settings **ret, struct fetch_error *err);
void dns_settings_free(struct dns_settings *s);

/* The search domains (resolv.conf(5)), `count` of them, and how many dots let a name be tried as it is first.
 */
const char *const *dns_search(const struct dns_settings *s, size_t *ret_count, int *ret_ndots);

/* A channel whose tries together take no longer than `budget` ns. NULL for lack of memory. */
struct dns *dns_new(const struct dns_settings *s, int64_t budget);
void dns_free(struct dns *d);

struct dns_answer {
    struct address *addrs; /* the caller's room; the families take turns, each in RFC 6724's order */
    size_t max, count;
    int64_t ttl; /* seconds, the least of all */
};

/* Asks for the addresses of `name` in `family`; those of one family wait for the others half a second only. 0
 * with answer->count >= 1; or -1: ERROR_DNS (final where there is no such name, or no address), ERROR_TIMEOUT
 * (`deadline` or the fetch's) or ERROR_CANCELLED. */
int dns_query(struct dns *d, const char *name, int family, const struct wait *w, int64_t deadline,
              struct dns_answer *answer, struct fetch_error *err);

#endif
