/*
 * Which proxy a target goes through: --proxy, or the environment in curl's spelling and precedence, and
 * no_proxy.
 *   1. proxy_settings_new   reads all of it; read-only afterwards, so that threads may share it
 *   2. proxy_for            asked for each target, at each hop
 *   3. proxy_settings_free
 */
#ifndef PFETCH_FETCH_PROXY_H
#define PFETCH_FETCH_PROXY_H

#include "fetch/fetch.h"

struct proxy {
    enum target_scheme scheme; /* SCHEME_HTTPS: TLS to the proxy itself */
    enum target_host kind;     /* of host */
    char host[HOST_MAX + 1];   /* canonical, as in struct target */
    uint16_t port;
    char name[HOST_MAX + 10]; /* host:port for messages, IPv6 in brackets, never the credentials */
    char *authorization;      /* value of Proxy-Authorization ("Basic …", RFC 7617), or NULL */
};

struct proxy_settings;

/* Reads config->proxy and config->env_*; the strings are not kept. As in curl 7.88:
 *   - proxy is for all targets, "" for none; where it is NULL, https targets go by env_https_proxy, http ones
 * by env_http_proxy, and either by env_all_proxy where its own is not set; set but empty is not set;
 *   - without a scheme a proxy is http://; ports default to 1080 and, for https://, 443; user and password
 * are percent-decoded;
 *   - env_no_proxy (also with --proxy) is "*", or names, addresses and blocks (10.0.0.0/8) separated by
 * commas or blanks: a name also stands for all names below it, with or without a leading dot. Beyond curl,
 * ":port" behind a name or address ([v6]:port) confines it to that port. What is none of these matches
 * nothing. 0 and *ret (release with proxy_settings_free), or -1 with a message for a usage error that names
 * the option or variable, kind ERROR_NONE. Variables that no target would go by are not looked at. */
int proxy_settings_new(const struct fetch_config *config, struct proxy_settings **ret,
                       struct fetch_error *err);
void proxy_settings_free(struct proxy_settings *s);

/* The proxy that `t` goes through, or NULL: none. Belongs to the settings. */
const struct proxy *proxy_for(const struct proxy_settings *s, const struct target *t);

/* True if some target might go through a proxy (--deny could then not be kept). */
bool proxy_settings_any(const struct proxy_settings *s);

#endif
