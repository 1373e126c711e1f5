#include "fetch/resolver.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/lru.h"
#include "fetch/dns.h"
#include "fetch/hostfile.h"

enum {
    CACHE_NAMES = 256,
    CACHE_ADDRS = 16,       /* of a name */
    CACHE_SECONDS_MIN = 5,  /* so that many targets on one host ask once, whatever its TTL */
    CACHE_SECONDS_MAX = 60, /* so that a long run sees a change */
    NAME_MAX_BYTES = 254,   /* 253 and a trailing dot */
};

struct resolver_settings {
    struct hostfile *hosts;
    struct dns_settings *dns;
    int family;
};

struct resolver {
    const struct resolver_settings *settings;
    struct lru *cache;
    struct dns *dns; /* NULL before the first name that needs it */
};

struct cached {
    struct lru_entry lru;
    int64_t until; /* on CLOCK_MONOTONIC */
    uint8_t count;
    struct address addrs[];
};

/* What a lookup finds. */
struct found {
    struct address addrs[RESOLVER_ADDRS_MAX];
    size_t count;
};

/* Settings. */

int resolver_settings_new(const char *dns_servers, int family, struct resolver_settings **ret,
                          struct fetch_error *err)
{
    struct resolver_settings *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, ERROR_NONE, PHASE_NONE, "out of memory");
    s->family = family;
    s->hosts = hostfile_load("/etc/hosts");
    int result = s->hosts ? dns_settings_new(dns_servers, &s->dns, err)
                          : error_set(err, ERROR_NONE, PHASE_NONE, "out of memory");
    if (result < 0) {
        resolver_settings_free(s);
        return -1;
    }
    *ret = s;
    return 0;
}

void resolver_settings_free(struct resolver_settings *s)
{
    if (!s)
        return;
    hostfile_free(s->hosts);
    dns_settings_free(s->dns);
    free(s);
}

const char *const *resolver_paths(void)
{
    static const char *const paths[] = {"/dev/urandom", NULL};
    return paths;
}

/* A worker's resolver. */

static void cached_release(struct lru_entry *e)
{
    free(e);
}

struct resolver *resolver_new(const struct resolver_settings *settings)
{
    struct resolver *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->settings = settings;
    r->cache = lru_new(CACHE_NAMES, cached_release);
    if (!r->cache) {
        free(r);
        return NULL;
    }
    return r;
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    dns_free(r->dns);
    lru_free(r->cache);
    free(r);
}

/* The cache. */

static bool cache_get(struct resolver *r, const char *host, struct found *ret)
{
    struct cached *e = (struct cached *)lru_find(r->cache, host);
    if (!e)
        return false;
    if (deadline_now() >= e->until) {
        lru_remove(r->cache, &e->lru);
        return false;
    }
    ret->count = e->count;
    memcpy(ret->addrs, e->addrs, e->count * sizeof *e->addrs);
    return true;
}

/* Keeps what was found; without memory it is not kept. */
static void cache_put(struct resolver *r, const char *host, const struct found *found, int64_t ttl)
{
    size_t count = found->count < CACHE_ADDRS ? found->count : CACHE_ADDRS;
    struct cached *e = calloc(1, sizeof *e + count * sizeof *e->addrs);
    if (!e)
        return;
    ttl = ttl < CACHE_SECONDS_MIN ? CACHE_SECONDS_MIN : ttl > CACHE_SECONDS_MAX ? CACHE_SECONDS_MAX : ttl;
    e->until = deadline_add(deadline_now(), ttl * NS_PER_SECOND);
    e->count = (uint8_t)count;
    memcpy(e->addrs, found->addrs, count * sizeof *e->addrs);
    if (lru_add(r->cache, host, &e->lru) < 0)
        free(e);
}

/* What needs no question to anybody. */

/* True for "localhost" and names under it (RFC 6761 section 6.3). */
static bool name_is_localhost(const char *host)
{
    struct span name = span_of(host), word = span_of("localhost");
    if (name.len && name.data[name.len - 1] == '.')
        name.len--;
    if (name.len < word.len)
        return false;
    struct span tail = span_make(name.data + (name.len - word.len), word.len);
    return span_equal_nocase(tail, word) && (name.len == word.len || tail.data[-1] == '.');
}

static void loopback_put(int family, struct found *ret)
{
    static const struct address loopback[] = {{AF_INET6, {[15] = 1}}, {AF_INET, {127, 0, 0, 1}}};
    for (size_t i = 0; i < 2; i++)
        if (address_is(&loopback[i], family))
            ret->addrs[ret->count++] = loopback[i];
}

/* A literal, hosts(5) or localhost. 1: found; 0: the DNS must be asked; -1 with `err`. */
static int find_locally(const struct resolver_settings *s, const char *host, struct found *ret,
                        struct fetch_error *err)
{
    if (address_parse(&ret->addrs[0], host)) {
        ret->count = 1;
        if (address_is(&ret->addrs[0], s->family))
            return 1;
        error_set(err, ERROR_DNS, PHASE_DNS, "%s is no %s address", host,
                  s->family == AF_INET ? "IPv4" : "IPv6");
        err->final = true;
        return -1;
    }
    ret->count = hostfile_lookup(s->hosts, host, s->family, ret->addrs, RESOLVER_ADDRS_MAX);
    if (ret->count == 0 && name_is_localhost(host))
        loopback_put(s->family, ret);
    return ret->count > 0;
}

/* The DNS, with the search domains (resolv.conf(5)). */

struct search {
    struct resolver *r;
    const struct wait *w;
    int64_t deadline;
    struct found *found;
    int64_t ttl;
    bool failed; /* some name got no answer, so that what is missing may yet exist */
};

/* Asks for host or host.domain. As dns_query. */
static int search_try(struct search *s, const char *host, const char *domain, struct fetch_error *err)
{
    char name[NAME_MAX_BYTES + 1];
    struct dns_answer answer = {.addrs = s->found->addrs, .max = RESOLVER_ADDRS_MAX};
    if (snprintf(name, sizeof name, "%s%s%s", host, domain ? "." : "", domain ? domain : "") >=
        (int)sizeof name) {
        error_set(err, ERROR_DNS, PHASE_DNS, "the name is too long: %.64s…", host);
        err->final = true;
        return -1;
    }
    if (dns_query(s->r->dns, name, s->r->settings->family, s->w, s->deadline, &answer, err) < 0) {
        s->failed = s->failed || !err->final;
        return -1;
    }
    s->found->count = answer.count;
    s->ttl = answer.ttl;
    return 0;
}

/* True if the search should go on: the last try ended without an address, and the time is not up. */
static bool search_goes_on(const struct fetch_error *err)
{
    return err->kind == ERROR_DNS;
}

static int search_domains(struct search *s, const char *host, struct fetch_error *err)
{
    size_t count, dots = 0;
    int ndots;
    const char *const *domains = dns_search(s->r->settings->dns, &count, &ndots);
    size_t len = strlen(host);
    for (const char *p = host; *p; p++)
        dots += *p == '.';
    if (count == 0 || (len > 0 && host[len - 1] == '.'))
        return search_try(s, host, NULL, err);
    bool first = dots >= (size_t)(ndots > 0 ? ndots : 0);
    struct fetch_error own;
    if (first && (search_try(s, host, NULL, err) == 0 || !search_goes_on(err)))
        return s->found->count > 0 ? 0 : -1;
    own = *err;
    for (size_t i = 0; i < count; i++)
        if (search_try(s, host, domains[i], err) == 0)
            return 0;
        else if (!search_goes_on(err))
            return -1;
    if (!first)
        return search_try(s, host, NULL, err);
    *err = own; /* what the name itself met tells more than what the last domain did */
    return -1;
}

static int find_in_dns(struct resolver *r, const char *host, const struct wait *w, struct found *ret,
                       struct fetch_error *err)
{
    int64_t now = deadline_now();
    struct search s = {.r = r, .w = w, .deadline = wait_deadline(w, now), .found = ret};
    if (!r->dns)
        r->dns = dns_new(r->settings->dns, s.deadline == DEADLINE_NEVER ? s.deadline : s.deadline - now);
    if (!r->dns)
        return error_set(err, ERROR_DNS, PHASE_DNS, "the resolver cannot be set up");
    if (search_domains(&s, host, err) < 0) {
        if (s.failed)
            err->final = false;
        return -1;
    }
    cache_put(r, host, ret, s.ttl);
    return 0;
}

int resolver_lookup(struct resolver *r, const char *host, uint16_t port, const struct wait *w,
                    struct sockaddr_storage *addrs, size_t max, size_t *ret_count, struct fetch_error *err)
{
    struct found found = {.count = 0};
    int local = cache_get(r, host, &found) ? 1 : find_locally(r->settings, host, &found, err);
    if (local < 0 || (local == 0 && find_in_dns(r, host, w, &found, err) < 0))
        return -1;
    size_t count = found.count < max ? found.count : max;
    for (size_t i = 0; i < count; i++)
        address_put(&addrs[i], &found.addrs[i], port);
    *ret_count = count;
    return 0;
}
