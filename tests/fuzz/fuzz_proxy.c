/* A proxy's URL and no_proxy, a line each, as options and environment give them; the third line is a target.
 */
#include "fetch/proxy.h"
#include "support/sane_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES = 3 };

/* Copies up to LINES lines, each ended by a NUL. */
static void split(const uint8_t *data, size_t size, char *lines[LINES])
{
    for (int i = 0; i < LINES; i++) {
        const uint8_t *end = i < LINES - 1 && size ? memchr(data, '\n', size) : NULL;
        size_t len = end ? (size_t)(end - data) : size, step = end ? len + 1 : len;
        lines[i] = strndup((const char *)data, len);
        must(lines[i] != NULL, "memory");
        data += step;
        size -= step;
    }
}

static void check(const struct proxy *p)
{
    must(p->port > 0 && p->host[0] && strlen(p->host) < sizeof p->host, "host and port");
    must(strlen(p->name) < sizeof p->name && !strchr(p->name, '@'), "name");
    for (const char *c = p->authorization; c && *c; c++)
        must(*c >= ' ' && *c < 0x7F, "bytes of the credentials");
}

static void try_settings(const struct fetch_config *config, const struct target *t)
{
    struct proxy_settings *s;
    struct fetch_error err;
    if (proxy_settings_new(config, &s, &err) < 0) {
        must(err.kind == ERROR_NONE && err.message[0], "no reason");
        return;
    }
    const struct proxy *p = t ? proxy_for(s, t) : NULL;
    if (p)
        check(p);
    must(!p || proxy_settings_any(s), "a proxy where there is none");
    proxy_settings_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *lines[LINES];
    struct target t;
    struct fetch_error err;
    split(data, size, lines);
    bool good = target_parse(&t, span_of(lines[2]), "/", &err) == 0;
    struct fetch_config option = {.proxy = lines[0], .env_no_proxy = lines[1]};
    struct fetch_config environment = {
        .env_https_proxy = lines[0], .env_all_proxy = lines[0], .env_no_proxy = lines[1]};
    try_settings(&option, good ? &t : NULL);
    try_settings(&environment, good ? &t : NULL);
    if (good)
        target_free(&t);
    for (int i = 0; i < LINES; i++)
        free(lines[i]);
    return 0;
}
