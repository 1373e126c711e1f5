#include "fetch/bypass.h"

#include <stdlib.h>

#include "fetch/cidr.h"

struct entry {
    char *name; /* lower-case A-labels without dots at the ends; NULL: a block */
    struct cidr block;
    uint16_t port; /* 0: any */
};

struct bypass {
    bool all;
    struct entry *entries;
    size_t count;
};

static bool is_separator(unsigned char c)
{
    return c == ',' || c == ' ' || c == '\t';
}

/* Takes the next item off the list, empty at its end. */
static struct span take_item(struct span *list)
{
    size_t start = 0;
    while (start < list->len && is_separator(list->data[start]))
        start++;
    size_t end = start;
    while (end < list->len && !is_separator(list->data[end]))
        end++;
    struct span item = span_make(list->data + start, end - start);
    *list = span_make(list->data + end, list->len - end);
    return item;
}

/* False for lack of memory; what is no host stays out of the list. */
static bool add_host(struct bypass *b, struct span item)
{
    struct host h;
    struct fetch_error ignored;
    struct entry *e = &b->entries[b->count];
    if (item.len > 1 && item.data[0] == '.')
        item = span_make(item.data + 1, item.len - 1);
    if (host_parse(&h, item, &ignored) < 0 && host_parse_alone(&h, item, &ignored) < 0)
        return true;
    e->port = h.port;
    if (h.kind != HOST_NAME) {
        b->count += cidr_parse(&e->block, span_of(h.text));
        return true;
    }
    struct span name = host_undotted(h.text);
    e->name = strndup((const char *)name.data, name.len);
    if (!e->name)
        return false;
    b->count++;
    return true;
}

struct bypass *bypass_new(const char *list)
{
    struct span left = span_trim(span_of(list ? list : ""));
    struct bypass *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->all = left.len == 1 && left.data[0] == '*';
    b->entries = calloc(left.len / 2 + 1, sizeof *b->entries); /* an item and its separator are two bytes */
    if (!b->entries) {
        bypass_free(b);
        return NULL;
    }
    for (struct span item = take_item(&left); item.len; item = take_item(&left)) {
        if (memchr(item.data, '/', item.len)) {
            b->count += cidr_parse(&b->entries[b->count].block, item);
        } else if (!add_host(b, item)) {
            bypass_free(b);
            return NULL;
        }
    }
    return b;
}

void bypass_free(struct bypass *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->count; i++)
        free(b->entries[i].name);
    free(b->entries);
    free(b);
}

bool bypass_all(const struct bypass *b)
{
    return b->all;
}

/* example.com holds example.com and www.example.com, but not nonexample.com. */
static bool name_holds(struct span name, struct span host)
{
    if (host.len < name.len)
        return false;
    size_t more = host.len - name.len;
    return span_equal(name, span_make(host.data + more, name.len)) &&
           (more == 0 || host.data[more - 1] == '.');
}

bool bypass_holds(const struct bypass *b, const struct target *t)
{
    struct ip ip;
    bool address = t->kind != HOST_NAME && ip_parse(&ip, span_of(t->host));
    if (b->all)
        return true;
    if (address)
        ip = ip_unmapped(ip);
    for (size_t i = 0; i < b->count; i++) {
        const struct entry *e = &b->entries[i];
        if (e->port && e->port != t->port)
            continue;
        if (e->name ? !address && name_holds(span_of(e->name), host_undotted(t->host))
                    : address && cidr_holds(&e->block, ip))
            return true;
    }
    return false;
}
