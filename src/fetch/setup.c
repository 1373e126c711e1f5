/* What all workers share, made once before any of them starts; and a worker's own state. */
#include "fetch/fetcher.h"

#include <stdlib.h>
#include <string.h>

#include "fetch/coding.h"
#include "fetch/host.h"
#include "fetch/trust.h"

enum { IN_MAX = 512 * 1024, REQUEST_MAX = 512 * 1024, SESSIONS_MAX = 512 };
enum { SESSIONS_MAX_SHARED = 8 * SESSIONS_MAX };

static int setup_network(struct fetch_shared *s, struct fetch_error *err)
{
    const struct fetch_config *c = &s->config;
    return resolver_settings_new(c->dns_servers, c->family, &s->resolver, err) < 0 ||
                   overrides_new(&c->resolve, &c->connect_to, &s->overrides, err) < 0 ||
                   proxy_settings_new(c, &s->proxies, err) < 0
               ? -1
               : 0;
}

static int setup_addresses(struct fetch_shared *s, struct fetch_error *err)
{
    const struct fetch_config *c = &s->config;
    if (c->deny.count > 0 && addresses_new("--deny", &c->deny, &s->deny, err) < 0)
        return -1;
    if (c->allow.count > 0 && addresses_new("--allow", &c->allow, &s->allow, err) < 0)
        return -1;
    if ((s->deny || s->allow) && proxy_settings_any(s->proxies))
        return error_set(
            err, ERROR_NONE, PHASE_NONE,
            "--deny and --allow can't be kept through a proxy: leave them out, or the proxy (--proxy '')");
    return 0;
}

static int setup_tls(struct fetch_shared *s, struct fetch_error *err)
{
    const struct fetch_config *c = &s->config;
    const struct tls_options options = {
        .cacert = c->cacert,
        .capath = c->capath,
        .cert = c->cert,
        .key = c->key,
        .insecure = c->insecure,
        .min_version = c->tls_min,
        .want_sessions = c->keepalive,
    };
    return tls_client_new(&options, &s->tls, err);
}

static size_t count_paths(const char *const *paths)
{
    size_t n = 0;
    while (paths[n])
        n++;
    return n;
}

static int setup_readable(struct fetch_shared *s, struct fetch_error *err)
{
    const char *const *resolvers = resolver_paths();
    size_t n = count_paths(resolvers), trusted;
    s->trusted = tls_client_paths(s->tls);
    if (!s->trusted)
        return error_set(err, ERROR_NONE, PHASE_NONE, "out of memory");
    trusted = count_paths((const char *const *)s->trusted);
    s->readable = calloc(n + trusted + 1, sizeof *s->readable);
    if (!s->readable)
        return error_set(err, ERROR_NONE, PHASE_NONE, "out of memory");
    memcpy(s->readable, resolvers, n * sizeof *s->readable);
    for (size_t i = 0; i < trusted; i++)
        s->readable[n + i] = s->trusted[i];
    return 0;
}

/* What workers may meet, and can't load themselves once they are confined. */
static int setup_libraries(const struct fetch_shared *s, struct fetch_error *err)
{
    if ((s->config.location && host_prepare(err) < 0) || (s->config.compressed && coding_prepare(err) < 0)) {
        err->kind = ERROR_NONE;
        err->phase = PHASE_NONE;
        return -1;
    }
    return 0;
}

int fetch_setup(const struct fetch_config *config, struct fetch_shared **ret, struct fetch_error *err)
{
    struct fetch_shared *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, ERROR_NONE, PHASE_NONE, "out of memory");
    s->config = *config;
    if (setup_network(s, err) < 0 || setup_addresses(s, err) < 0 || setup_tls(s, err) < 0 ||
        setup_readable(s, err) < 0 || setup_libraries(s, err) < 0) {
        fetch_teardown(s);
        return -1;
    }
    *ret = s;
    return 0;
}

void fetch_teardown(struct fetch_shared *s)
{
    if (!s)
        return;
    idle_free(s->idle);
    sessions_free(s->sessions);
    resolver_settings_free(s->resolver);
    overrides_free(s->overrides);
    proxy_settings_free(s->proxies);
    addresses_free(s->deny);
    addresses_free(s->allow);
    tls_client_free(s->tls);
    free(s->readable);
    trust_paths_free(s->trusted);
    free(s);
}

const char *const *fetch_readable_paths(const struct fetch_shared *s)
{
    return s->readable;
}

void fetch_warm(const struct fetch_shared *s)
{
    (void)tls_warm(s->tls);
}

static uint32_t idle_most(const struct fetch_config *config)
{
    return config->keepalive ? config->idle_connections : 0;
}

int fetch_share(struct fetch_shared *s, uint32_t workers)
{
    s->sessions = sessions_new(SESSIONS_MAX_SHARED);
    s->idle = idle_new(idle_most(&s->config), workers);
    return s->sessions && s->idle ? 0 : -1;
}

void fetch_hang_up(struct fetch_shared *s)
{
    idle_free(s->idle);
    s->idle = NULL;
}

struct fetcher *fetcher_new(const struct fetch_shared *shared)
{
    struct fetcher *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->shared = shared;
    buffer_init(&f->in, IN_MAX);
    buffer_init(&f->request, REQUEST_MAX);
    response_init(&f->response);
    f->resolver = resolver_new(shared->resolver);
    f->sessions = shared->sessions ? shared->sessions : sessions_new(SESSIONS_MAX);
    f->idle = shared->idle ? shared->idle : idle_new(idle_most(&shared->config), 1);
    if (f->resolver && f->sessions && f->idle)
        return f;
    fetcher_free(f);
    return NULL;
}

void fetcher_hang_up(struct fetcher *f)
{
    idle_free(f->idle);
    f->idle = NULL;
}

void fetcher_free(struct fetcher *f)
{
    if (!f)
        return;
    if (f->idle != f->shared->idle)
        idle_free(f->idle);
    resolver_free(f->resolver);
    if (f->sessions != f->shared->sessions)
        sessions_free(f->sessions);
    response_free(&f->response);
    buffer_free(&f->in);
    buffer_free(&f->request);
    free(f);
}
