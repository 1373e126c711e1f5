#include "config.h" /* strchrnul, reallocarray */

#include "fetch/addresses.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fetch/cidr.h"

struct addresses {
    struct cidr *blocks; /* sorted by family and first address, none overlapping another once all are read */
    size_t count, room;
};

/* Where a block stands, for messages. */
struct place {
    const char *option, *file; /* file NULL: the option's argument */
    size_t line;
};

static int out_of_memory(struct fetch_error *err)
{
    return error_set(err, ERROR_NONE, PHASE_NONE, "out of memory");
}

/* Reading. */

static int refuse(const struct place *at, struct span text, struct fetch_error *err)
{
    static const char form[] = "is no address block; write for example 10.0.0.0/8 or 2001:db8::/32";
    if (at->file)
        return error_set(err, ERROR_NONE, PHASE_NONE, "%s: %s:%zu: '%.*s' %s", at->option, at->file, at->line,
                         HOST_QUOTE(text), form);
    return error_set(err, ERROR_NONE, PHASE_NONE, "%s: '%.*s' %s", at->option, HOST_QUOTE(text), form);
}

static int add(struct addresses *list, struct span text, const struct place *at, struct fetch_error *err)
{
    struct cidr block;
    if (!cidr_parse(&block, text))
        return refuse(at, text, err);
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 16;
        struct cidr *blocks = reallocarray(list->blocks, room, sizeof *blocks);
        if (!blocks)
            return out_of_memory(err);
        list->blocks = blocks;
        list->room = room;
    }
    list->blocks[list->count++] = block;
    return 0;
}

static int read_argument(struct addresses *list, const char *text, const struct place *at,
                         struct fetch_error *err)
{
    for (const char *from = text;;) {
        const char *comma = strchrnul(from, ',');
        if (add(list, span_trim(span_make(from, (size_t)(comma - from))), at, err) < 0)
            return -1;
        if (!*comma)
            return 0;
        from = comma + 1;
    }
}

/* A line without its end, blanks and comment. */
static struct span clean(struct span v)
{
    const unsigned char *comment = v.len ? memchr(v.data, '#', v.len) : NULL;
    if (comment)
        v.len = (size_t)(comment - v.data);
    while (v.len && (v.data[v.len - 1] == '\n' || v.data[v.len - 1] == '\r'))
        v.len--;
    return span_trim(v);
}

static int read_lines(struct addresses *list, FILE *f, struct place *at, struct fetch_error *err)
{
    char *line = NULL;
    size_t size = 0, before = list->count;
    ssize_t n;
    int r = 0;
    while (r == 0 && (n = getline(&line, &size, f)) >= 0) {
        struct span text = clean(span_make(line, (size_t)n));
        at->line++;
        if (text.len)
            r = add(list, text, at, err);
    }
    int e = errno;
    free(line);
    if (r < 0)
        return -1;
    if (!feof(f))
        return error_set(err, ERROR_NONE, PHASE_NONE, "%s: cannot read %s: %s", at->option, at->file,
                         strerror(e));
    if (list->count == before)
        return error_set(err, ERROR_NONE, PHASE_NONE, "%s: %s holds no address block", at->option, at->file);
    return 0;
}

static int read_file(struct addresses *list, struct place *at, struct fetch_error *err)
{
    FILE *f = fopen(at->file, "re");
    if (!f)
        return error_set(err, ERROR_NONE, PHASE_NONE, "%s: cannot read %s: %s", at->option, at->file,
                         strerror(errno));
    int r = read_lines(list, f, at, err);
    fclose(f);
    return r;
}

/* Sorting. */

static int compare(const void *one, const void *other)
{
    const struct cidr *a = one, *b = other;
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return (a->first > b->first) - (a->first < b->first);
}

/* Sorts, and joins blocks that overlap. */
static void settle(struct addresses *list)
{
    size_t kept = 0;
    if (list->count)
        qsort(list->blocks, list->count, sizeof *list->blocks, compare);
    for (size_t i = 0; i < list->count; i++) {
        const struct cidr *b = &list->blocks[i];
        struct cidr *last = kept ? &list->blocks[kept - 1] : NULL;
        if (last && last->family == b->family && b->first <= last->last) {
            if (b->last > last->last)
                last->last = b->last;
        } else {
            list->blocks[kept++] = *b;
        }
    }
    list->count = kept;
}

int addresses_new(const char *option, const struct strings *arguments, struct addresses **ret,
                  struct fetch_error *err)
{
    struct addresses *list = NULL;
    if (arguments && arguments->count) {
        list = calloc(1, sizeof *list);
        if (!list)
            return out_of_memory(err);
        for (size_t i = 0; i < arguments->count; i++) {
            const char *text = arguments->items[i];
            struct place at = {option, *text == '@' ? text + 1 : NULL, 0};
            if ((at.file ? read_file(list, &at, err) : read_argument(list, text, &at, err)) < 0) {
                addresses_free(list);
                return -1;
            }
        }
        settle(list);
    }
    *ret = list;
    return 0;
}

void addresses_free(struct addresses *list)
{
    if (!list)
        return;
    free(list->blocks);
    free(list);
}

/* Look-ups. */

static bool find(const struct addresses *list, struct ip ip)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct cidr *b = &list->blocks[mid];
        if (cidr_holds(b, ip))
            return true;
        if (b->family < ip.family || (b->family == ip.family && b->last < ip.bits))
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

/* Where Linux sends what is sent to `ip`. */
static struct ip led_to(struct ip ip)
{
    ip = ip_unmapped(ip);
    if (ip.bits == 0)
        ip.bits = ip.family == AF_INET ? 0x7F000001 : 1;
    return ip;
}

static bool holds(const struct addresses *list, struct ip ip)
{
    return find(list, ip) || find(list, ip_unmapped(ip)) || find(list, led_to(ip));
}

bool addresses_hold(const struct addresses *list, const struct sockaddr *sa)
{
    struct ip ip;
    return ip_from_sockaddr(&ip, sa) && holds(list, ip);
}

bool addresses_permit(const struct addresses *deny, const struct addresses *allow, const struct sockaddr *sa)
{
    struct ip ip;
    if (!deny && !allow)
        return true;
    if (!ip_from_sockaddr(&ip, sa))
        return false;
    return !(deny && holds(deny, ip)) && (!allow || find(allow, led_to(ip)));
}
