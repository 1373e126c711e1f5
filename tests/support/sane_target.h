/* What holds of every target, however it came about. For fuzz targets: what does not hold ends the program.
 */
#ifndef PFETCH_TESTS_SANE_TARGET_H
#define PFETCH_TESTS_SANE_TARGET_H

#include <stdio.h>
#include <stdlib.h>

#include "fetch/path.h"
#include "fetch/target.h"

static inline void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static inline void sane_host(const struct target *t)
{
    const char *name = "abcdefghijklmnopqrstuvwxyz0123456789-_.", *address = "0123456789abcdef.:";
    size_t len = strlen(t->host);
    must(len > 0 && len <= 254, "length of the host");
    must(strspn(t->host, t->kind == HOST_NAME ? name : address) == len, "bytes of the host");
    must(strchr(t->host, ':') ? t->kind == HOST_IPV6 : t->kind != HOST_IPV6, "kind of the host");
    must(t->port > 0, "port");
}

static inline void sane_path(const char *path)
{
    size_t len = strlen(path);
    must(path[0] == '/' && len <= PATH_BYTES_MAX, "path");
    for (size_t i = 0; i < len; i++)
        must(path[i] > ' ' && path[i] < 0x7F && !strchr("#\\|\"<>^`{}", path[i]), "bytes of the path");
    for (const char *p = strchr(path, '/'); p && p < path + strcspn(path, "?"); p = strchr(p + 1, '/')) {
        size_t n = strcspn(p + 1, "/?");
        must(!(n == 1 && p[1] == '.') && !(n == 2 && p[1] == '.' && p[2] == '.'), "a dot segment");
    }
}

/* Its URL, read again and resolved as a reference, is the same target. */
static inline void sane_url(const struct target *t)
{
    struct target again, resolved;
    struct fetch_error err;
    struct buffer url, host;
    buffer_init(&url, 100000);
    buffer_init(&host, 300);
    must(target_put_url(&url, t) == 0 && target_put_host(&host, t) == 0, "room for the URL");
    must(target_parse_url(&again, buffer_span(&url), &err) == 0, "the URL is not accepted");
    must(target_resolve(&resolved, t, buffer_span(&url), &err) == 0, "the URL does not resolve");
    must(target_same_origin(t, &again) && strcmp(t->host, again.host) == 0 && t->kind == again.kind,
         "the URL means another host");
    must(strcmp(t->path, again.path) == 0, "the URL means another path");
    must(target_same_origin(t, &resolved) && strcmp(t->path, resolved.path) == 0,
         "the URL resolves elsewhere");
    target_free(&again);
    target_free(&resolved);
    buffer_free(&url);
    buffer_free(&host);
}

static inline void sane_target(const struct target *t)
{
    uint32_t shard = target_shard(t, span_of(NULL), 7);
    must(shard >= 1 && shard <= 7, "shard");
    sane_host(t);
    sane_path(t->path);
    sane_url(t);
}

#endif
