#include "config.h" /* memmem, memrchr */

#include "fetch/proxy.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "fetch/bypass.h"

enum {
    PORT_PROXY = 1080, /* curl's default for http:// */
    PORT_PROXY_TLS = 443,
    USERINFO_MAX = 2048
};

struct proxy_settings {
    struct proxy *https, *http; /* for targets of that scheme; may be the same */
    struct bypass *bypass;
};

/* `source` is the option or variable, for messages that must not show a password. */
static int refuse(struct fetch_error *err, const char *source, const char *why)
{
    return error_set(err, ERROR_NONE, PHASE_NONE, "%s: %s; write http://[user:password@]host[:port]", source,
                     why);
}

static int out_of_memory(struct fetch_error *err)
{
    return error_set(err, ERROR_NONE, PHASE_NONE, "out of memory");
}

/* Credentials. */

static int hex_value(unsigned char c)
{
    c = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes; a '%' without two digits stays. Returns the length, or -1 for control bytes. */
static int decode(struct span v, unsigned char *into)
{
    int n = 0;
    for (size_t i = 0; i < v.len; i++) {
        unsigned char c = v.data[i];
        int high = i + 2 < v.len ? hex_value(v.data[i + 1]) : -1,
            low = high < 0 ? -1 : hex_value(v.data[i + 2]);
        if (c == '%' && low >= 0) {
            c = (unsigned char)(high << 4 | low);
            i += 2;
        }
        if (c < 0x20 || c == 0x7F)
            return -1;
        into[n++] = c;
    }
    return n;
}

/* RFC 7617: base64 of user:password. */
static char *basic(const unsigned char *userpass, int len)
{
    static const char scheme[] = "Basic ";
    size_t before = sizeof scheme - 1;
    char *value = malloc(before + 4 * ((size_t)len + 2) / 3 + 4);
    if (!value)
        return NULL;
    memcpy(value, scheme, before);
    EVP_EncodeBlock((unsigned char *)value + before, userpass, len);
    return value;
}

static int set_credentials(struct proxy *p, struct span userinfo, const char *source, struct fetch_error *err)
{
    unsigned char plain[USERINFO_MAX + 2];
    if (userinfo.len > USERINFO_MAX)
        return refuse(err, source, "user and password are too long");
    const unsigned char *colon = userinfo.len ? memchr(userinfo.data, ':', userinfo.len) : NULL;
    size_t user = colon ? (size_t)(colon - userinfo.data) : userinfo.len;
    size_t rest = colon ? user + 1 : user;
    int n = decode(span_make(userinfo.data, user), plain), m;
    if (n < 0)
        return refuse(err, source, "a control byte in the user name");
    plain[n++] = ':';
    m = decode(span_make(userinfo.data + rest, userinfo.len - rest), plain + n);
    if (m < 0)
        return refuse(err, source, "a control byte in the password");
    p->authorization = basic(plain, n + m);
    OPENSSL_cleanse(plain, sizeof plain);
    return p->authorization ? 0 : out_of_memory(err);
}

/* Proxies. */

static void proxy_free(struct proxy *p)
{
    if (!p)
        return;
    if (p->authorization)
        OPENSSL_cleanse(p->authorization, strlen(p->authorization));
    free(p->authorization);
    free(p);
}

/* Takes scheme:// off; without one it is http. */
static int take_scheme(struct proxy *p, struct span *url, const char *source, struct fetch_error *err)
{
    const unsigned char *mark = url->len >= 3 ? memmem(url->data, url->len, "://", 3) : NULL;
    p->scheme = SCHEME_HTTP;
    if (!mark)
        return 0;
    struct span name = span_make(url->data, (size_t)(mark - url->data));
    if (name.len >= 5 && span_equal_nocase(span_make(name.data, 5), span_of("socks")))
        return refuse(err, source, "SOCKS proxies are not supported");
    if (span_equal_nocase(name, span_of("https")))
        p->scheme = SCHEME_HTTPS;
    else if (!span_equal_nocase(name, span_of("http")))
        return refuse(err, source, "a proxy is http:// or https://");
    *url = span_make(mark + 3, url->len - name.len - 3);
    return 0;
}

static int fill(struct proxy *p, struct span url, const char *source, struct fetch_error *err)
{
    struct host h;
    struct fetch_error why;
    size_t n = 0;
    if (take_scheme(p, &url, source, err) < 0)
        return -1;
    while (n < url.len && url.data[n] != '/' && url.data[n] != '?' && url.data[n] != '#')
        n++;
    struct span authority = span_make(url.data, n);
    const unsigned char *at = n ? memrchr(authority.data, '@', n) : NULL;
    if (at) {
        size_t info = (size_t)(at - authority.data);
        if (set_credentials(p, span_make(authority.data, info), source, err) < 0)
            return -1;
        authority = span_make(at + 1, n - info - 1);
    }
    if (host_parse(&h, authority, &why) < 0)
        return refuse(err, source, why.message);
    memcpy(p->host, h.text, sizeof p->host);
    p->kind = h.kind;
    p->port = h.port ? h.port : p->scheme == SCHEME_HTTPS ? PORT_PROXY_TLS : PORT_PROXY;
    snprintf(p->name, sizeof p->name, h.kind == HOST_IPV6 ? "[%s]:%u" : "%s:%u", p->host, (unsigned)p->port);
    return 0;
}

static int proxy_new(const char *url, const char *source, struct proxy **ret, struct fetch_error *err)
{
    struct proxy *p = calloc(1, sizeof *p);
    if (!p)
        return out_of_memory(err);
    if (fill(p, span_trim(span_of(url)), source, err) < 0) {
        proxy_free(p);
        return -1;
    }
    *ret = p;
    return 0;
}

/* Settings. */

static bool is_set(const char *value)
{
    return value && *value;
}

static int from_environment(struct proxy_settings *s, const struct fetch_config *c, struct fetch_error *err)
{
    const char *all = c->env_all_proxy, *https = c->env_https_proxy, *http = c->env_http_proxy;
    if (bypass_all(s->bypass))
        return 0;
    if (is_set(https) ? proxy_new(https, "https_proxy", &s->https, err) < 0
                      : is_set(all) && proxy_new(all, "all_proxy", &s->https, err) < 0)
        return -1;
    if (is_set(http) ? proxy_new(http, "http_proxy", &s->http, err) < 0
                     : is_set(all) && proxy_new(all, "all_proxy", &s->http, err) < 0)
        return -1;
    return 0;
}

/* A name that is left out, since it can't be read, would be fetched through the proxy. */
static int check_names(const char *list, struct fetch_error *err)
{
    struct fetch_error why;
    for (const char *p = list ? list : ""; *p; p++)
        if ((unsigned char)*p >= 0x80)
            return host_prepare(&why) < 0
                       ? error_set(err, ERROR_NONE, PHASE_NONE, "no_proxy: %s", why.message)
                       : 0;
    return 0;
}

int proxy_settings_new(const struct fetch_config *config, struct proxy_settings **ret,
                       struct fetch_error *err)
{
    int r = 0;
    struct proxy_settings *s = calloc(1, sizeof *s);
    if (!s)
        return out_of_memory(err);
    s->bypass = bypass_new(config->env_no_proxy);
    if (!s->bypass) {
        r = out_of_memory(err);
    } else if (check_names(config->env_no_proxy, err) < 0) {
        r = -1;
    } else if (!config->proxy) {
        r = from_environment(s, config, err);
    } else if (*config->proxy) {
        r = proxy_new(config->proxy, "--proxy", &s->https, err);
        s->http = s->https;
    }
    if (r < 0) {
        proxy_settings_free(s);
        return -1;
    }
    *ret = s;
    return 0;
}

void proxy_settings_free(struct proxy_settings *s)
{
    if (!s)
        return;
    if (s->http != s->https)
        proxy_free(s->http);
    proxy_free(s->https);
    bypass_free(s->bypass);
    free(s);
}

const struct proxy *proxy_for(const struct proxy_settings *s, const struct target *t)
{
    const struct proxy *p = t->scheme == SCHEME_HTTPS ? s->https : s->http;
    return p && !bypass_holds(s->bypass, t) ? p : NULL;
}

bool proxy_settings_any(const struct proxy_settings *s)
{
    return (s->https || s->http) && !bypass_all(s->bypass);
}
