#include "fetch/overrides.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "fetch/host.h"

struct address {
    int family;
    struct in6_addr bytes; /* the first four for AF_INET */
};

/* One --resolve or --connect-to. */
struct rule {
    char *host;    /* canonical, without a trailing dot; "" is any */
    uint16_t port; /* 0 is any */
    size_t order;  /* its place among the options */

    struct address *addresses; /* --resolve */
    size_t count;
    bool removed; /* "-HOST:PORT" */

    char *to_host;    /* --connect-to; NULL leaves it */
    uint16_t to_port; /* 0 leaves it */
};

struct table {
    struct rule *rules;
    size_t count;
};

struct overrides {
    struct table resolve, connect_to;
};

/* What an option's text is read with: what is left of it, and how messages call it. */
struct reading {
    const char *text;
    struct span left;
    const char *option, *form;
    struct fetch_error *err;
};

static int refuse(const struct reading *r, const char *why)
{
    return error_set(r->err, ERROR_NONE, PHASE_NONE, "%s '%.*s': %s; write %s", r->option,
                     HOST_QUOTE(span_of(r->text)), why, r->form);
}

static int out_of_memory(struct fetch_error *err)
{
    return error_set(err, ERROR_NONE, PHASE_NONE, "out of memory");
}

/* Fields. */

static void skip(struct span *v, size_t n)
{
    v->data += n;
    v->len -= n;
}

/* Takes the bytes up to the next colon, those in brackets aside, and the colon; false where there is none and
 * `last` does not allow it. The last field takes all that is left. */
static bool take_field(struct reading *r, bool last, struct span *ret)
{
    size_t n = 0;
    if (r->left.len && r->left.data[0] == '[')
        while (n < r->left.len && r->left.data[n] != ']')
            n++;
    while (n < r->left.len && (last || r->left.data[n] != ':'))
        n++;
    if (n == r->left.len && !last)
        return false;
    *ret = span_make(r->left.data, n);
    skip(&r->left, last ? n : n + 1);
    return true;
}

static bool is_any(struct span v)
{
    return v.len == 0 || (v.len == 1 && v.data[0] == '*');
}

static char *copy(struct span v)
{
    char *s = malloc(v.len + 1);
    if (!s)
        return NULL;
    if (v.len)
        memcpy(s, v.data, v.len);
    s[v.len] = 0;
    return s;
}

/* A host in its canonical form, "" for any. */
static int read_host(const struct reading *r, struct span field, char **ret)
{
    struct host h = {.text = ""};
    struct fetch_error why;
    if (!is_any(field) && host_parse_alone(&h, field, &why) < 0)
        return refuse(r, why.message);
    *ret = copy(host_undotted(h.text));
    return *ret ? 0 : out_of_memory(r->err);
}

static int read_port(const struct reading *r, struct span field, uint16_t *ret)
{
    struct fetch_error why;
    if (is_any(field)) {
        *ret = 0;
        return 0;
    }
    return host_parse_port(ret, field, &why) < 0 ? refuse(r, why.message) : 0;
}

/* --resolve. */

static int read_address(const struct reading *r, struct span text, struct address *ret)
{
    struct host h;
    struct fetch_error why;
    if (host_parse_alone(&h, span_trim(text), &why) < 0 || h.kind == HOST_NAME)
        return refuse(r, "behind the port stand IP addresses");
    ret->family = h.kind == HOST_IPV4 ? AF_INET : AF_INET6;
    return inet_pton(ret->family, h.text, &ret->bytes) == 1 ? 0 : refuse(r, "no IP address");
}

static int read_addresses(struct reading *r, struct rule *rule)
{
    size_t most = 1;
    for (size_t i = 0; i < r->left.len; i++)
        most += r->left.data[i] == ',';
    if (most > OVERRIDES_ADDRESSES_MAX)
        return refuse(r, "more than 64 addresses");
    rule->addresses = calloc(most, sizeof *rule->addresses);
    if (!rule->addresses)
        return out_of_memory(r->err);
    for (bool more = true; more;) {
        const unsigned char *comma = r->left.len ? memchr(r->left.data, ',', r->left.len) : NULL;
        size_t n = comma ? (size_t)(comma - r->left.data) : r->left.len;
        if (read_address(r, span_make(r->left.data, n), &rule->addresses[rule->count]) < 0)
            return -1;
        rule->count++;
        more = comma != NULL;
        skip(&r->left, more ? n + 1 : n);
    }
    return 0;
}

static int read_resolve(const char *text, struct rule *rule, struct fetch_error *err)
{
    struct reading r = {text, span_of(text), "--resolve", "HOST:PORT:ADDR[,ADDR]", err};
    struct span host, port;
    if (r.left.len && (r.left.data[0] == '+' || r.left.data[0] == '-')) {
        rule->removed = r.left.data[0] == '-';
        skip(&r.left, 1);
    }
    if (!take_field(&r, false, &host) || !take_field(&r, rule->removed, &port))
        return refuse(&r, "a ':' is missing");
    if (read_host(&r, host, &rule->host) < 0 || read_port(&r, port, &rule->port) < 0)
        return -1;
    return rule->removed ? 0 : read_addresses(&r, rule);
}

/* --connect-to. */

static int read_connect_to(const char *text, struct rule *rule, struct fetch_error *err)
{
    struct reading r = {text, span_of(text), "--connect-to", "HOST1:PORT1:HOST2:PORT2", err};
    struct span host, port, to_host, to_port;
    if (!take_field(&r, false, &host) || !take_field(&r, false, &port) || !take_field(&r, false, &to_host) ||
        !take_field(&r, true, &to_port))
        return refuse(&r, "a ':' is missing");
    if (to_port.len && memchr(to_port.data, ':', to_port.len))
        return refuse(&r, "there is a ':' too many");
    if (read_host(&r, host, &rule->host) < 0 || read_port(&r, port, &rule->port) < 0 ||
        read_port(&r, to_port, &rule->to_port) < 0)
        return -1;
    return is_any(to_host) ? 0 : read_host(&r, to_host, &rule->to_host);
}

/* Tables. */

/* What a rule is found by. */
struct key {
    const char *host;
    uint16_t port;
};

static int compare_keys(struct key a, struct key b)
{
    int c = strcmp(a.host, b.host);
    return c ? c : (a.port > b.port) - (a.port < b.port);
}

static struct key key_of(const struct rule *rule)
{
    return (struct key){rule->host, rule->port};
}

static int compare_rules(const void *one, const void *other)
{
    const struct rule *a = one, *b = other;
    int c = compare_keys(key_of(a), key_of(b));
    return c ? c : (a->order > b->order) - (a->order < b->order);
}

static int compare_search(const void *one, const void *other)
{
    return compare_keys(*(const struct key *)one, key_of(other));
}

static void rule_free(struct rule *rule)
{
    free(rule->host);
    free(rule->addresses);
    free(rule->to_host);
}

/* Keeps one rule for each host and port: the last of --resolve, the first of --connect-to. */
static void sort(struct table *t, bool keep_last)
{
    size_t kept = 0;
    if (t->count)
        qsort(t->rules, t->count, sizeof *t->rules, compare_rules);
    for (size_t i = 0; i < t->count; i++) {
        bool repeated = kept && compare_keys(key_of(&t->rules[kept - 1]), key_of(&t->rules[i])) == 0;
        if (!repeated) {
            t->rules[kept++] = t->rules[i];
        } else if (keep_last) {
            rule_free(&t->rules[kept - 1]);
            t->rules[kept - 1] = t->rules[i];
        } else {
            rule_free(&t->rules[i]);
        }
    }
    t->count = kept;
}

static int table_read(struct table *t, const struct strings *from,
                      int (*read)(const char *text, struct rule *rule, struct fetch_error *err),
                      struct fetch_error *err)
{
    if (!from || from->count == 0)
        return 0;
    t->rules = calloc(from->count, sizeof *t->rules);
    if (!t->rules)
        return out_of_memory(err);
    for (size_t i = 0; i < from->count; i++) {
        struct rule *rule = &t->rules[t->count++];
        rule->order = i;
        if (read(from->items[i], rule, err) < 0)
            return -1;
        if (read == read_connect_to && !rule->to_host && !rule->to_port) {
            /* It leads nowhere else: the next one that matches is asked, as in curl. */
            rule_free(rule);
            *rule = (struct rule){0};
            t->count--;
        }
    }
    return 0;
}

static void table_free(struct table *t)
{
    for (size_t i = 0; i < t->count; i++)
        rule_free(&t->rules[i]);
    free(t->rules);
}

static const struct rule *table_find(const struct table *t, const char *host, uint16_t port)
{
    struct key key = {host, port};
    return t->count ? bsearch(&key, t->rules, t->count, sizeof *t->rules, compare_search) : NULL;
}

/* Fills in the rules that match: with host and port, host, port, none of them named. */
static void table_match(const struct table *t, const char *host, uint16_t port, const struct rule *ret[4])
{
    char name[HOST_MAX + 1];
    struct span v = host_undotted(host);
    size_t n = v.len < sizeof name ? v.len : sizeof name - 1;
    for (size_t i = 0; i < n; i++)
        name[i] = (char)ascii_lower(v.data[i]);
    name[n] = 0;
    ret[0] = table_find(t, name, port);
    ret[1] = table_find(t, name, 0);
    ret[2] = table_find(t, "", port);
    ret[3] = table_find(t, "", 0);
}

int overrides_new(const struct strings *resolve, const struct strings *connect_to, struct overrides **ret,
                  struct fetch_error *err)
{
    struct overrides *o = calloc(1, sizeof *o);
    if (!o)
        return out_of_memory(err);
    if (table_read(&o->resolve, resolve, read_resolve, err) < 0 ||
        table_read(&o->connect_to, connect_to, read_connect_to, err) < 0) {
        overrides_free(o);
        return -1;
    }
    sort(&o->resolve, true);
    sort(&o->connect_to, false);
    *ret = o;
    return 0;
}

void overrides_free(struct overrides *o)
{
    if (!o)
        return;
    table_free(&o->resolve);
    table_free(&o->connect_to);
    free(o);
}

/* Look-ups. */

bool overrides_connect_to(const struct overrides *o, const char *host, uint16_t port, const char **ret_host,
                          uint16_t *ret_port)
{
    const struct rule *found[4], *first = NULL;
    *ret_host = host;
    *ret_port = port;
    if (o->connect_to.count == 0)
        return false;
    table_match(&o->connect_to, host, port, found);
    for (int i = 0; i < 4; i++)
        if (found[i] && (!first || found[i]->order < first->order))
            first = found[i];
    if (!first)
        return false;
    if (first->to_host)
        *ret_host = first->to_host;
    if (first->to_port)
        *ret_port = first->to_port;
    return true;
}

static void put_sockaddr(struct sockaddr_storage *ret, const struct address *a, uint16_t port)
{
    memset(ret, 0, sizeof *ret);
    if (a->family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)ret;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, &a->bytes, sizeof in->sin_addr);
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        in6->sin6_addr = a->bytes;
    }
}

int overrides_addresses(const struct overrides *o, const char *host, uint16_t port, int family,
                        struct sockaddr_storage ret[OVERRIDES_ADDRESSES_MAX])
{
    const struct rule *found[4], *rule = NULL;
    int n = 0;
    if (o->resolve.count == 0)
        return -1;
    table_match(&o->resolve, host, port, found);
    for (int i = 0; i < 4 && !rule; i++)
        if (found[i] && !found[i]->removed)
            rule = found[i];
    if (!rule)
        return -1;
    for (size_t i = 0; i < rule->count; i++)
        if (family == AF_UNSPEC || family == rule->addresses[i].family)
            put_sockaddr(&ret[n++], &rule->addresses[i], port);
    return n;
}
