/* --resolve and --connect-to: each line is tried as either, then all that were accepted together; what they
 * lead to must be a host and a port. */
#include "fetch/overrides.h"
#include "support/sane_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RULES_MAX = 16 };

struct rules {
    const char *items[RULES_MAX];
    size_t count;
};

static void add_if_good(struct rules *rules, bool resolve, const char *line)
{
    const char *one[] = {line};
    struct strings some = {one, 1}, none = {NULL, 0};
    struct overrides *o;
    struct fetch_error err;
    if (overrides_new(resolve ? &some : &none, resolve ? &none : &some, &o, &err) < 0) {
        must(err.kind == ERROR_NONE && err.message[0], "no reason");
        return;
    }
    overrides_free(o);
    if (rules->count < RULES_MAX)
        rules->items[rules->count++] = line;
}

static void ask(const struct overrides *o, const char *host, uint16_t port)
{
    struct sockaddr_storage addresses[OVERRIDES_ADDRESSES_MAX];
    uint16_t to_port = 0;
    const char *to = NULL;
    bool moved = overrides_connect_to(o, host, port, &to, &to_port);
    must(!moved || (to && *to && to_port > 0), "where to");
    int n = overrides_addresses(o, moved ? to : host, moved ? to_port : port, AF_UNSPEC, addresses);
    must(n >= -1 && n <= OVERRIDES_ADDRESSES_MAX, "number of addresses");
    for (int i = 0; i < n; i++)
        must(addresses[i].ss_family == AF_INET || addresses[i].ss_family == AF_INET6, "family");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rules resolve = {{NULL}, 0}, connect_to = {{NULL}, 0};
    struct overrides *o;
    struct fetch_error err;
    char *all = strndup((const char *)data, size), *rest = all, *line;
    must(all != NULL, "memory");
    while ((line = strsep(&rest, "\n"))) {
        add_if_good(&resolve, true, line);
        add_if_good(&connect_to, false, line);
    }
    struct strings a = {resolve.items, resolve.count}, b = {connect_to.items, connect_to.count};
    if (overrides_new(&a, &b, &o, &err) == 0) {
        ask(o, "a.test", 443);
        ask(o, "127.0.0.1", 80);
        ask(o, "::1", 8443);
        overrides_free(o);
    }
    free(all);
    return 0;
}
