#include "schedule/hosts.h"

#include <stdlib.h>
#include "base/deadline.h"

enum { HOSTS_FIRST_BUCKETS = 64 };

/* How long a worker without room is not asked about again, unless one of its tries ends before. */
static const int64_t parked_for = 10 * NS_PER_MS;

enum place { NOWHERE, OPEN, TIMED, RESTING };

struct schedule_host {
    struct schedule_host *chain; /* in its bucket */
    uint64_t hash;
    struct heap_node node;
    enum place place;
    uint64_t first_index;                    /* OPEN: the key, the index of its first ready target */
    int64_t opens;                           /* TIMED, RESTING: the key */
    struct heap ready;                       /* targets by index */
    struct schedule_item *oldest, *youngest; /* unfinished targets */
    struct schedule_item *last_started;
    uint32_t running;
    int64_t next_start, next_start_before; /* the delay between two starts, and as it was before the last;
                                              never: while the last has not begun */
    int64_t paused_until;
    struct hosts_group *group;
    size_t len;
    unsigned char name[];
};

struct hosts_group {
    struct heap_node node;
    bool in_open, parked;
    uint64_t first_index; /* the key */
    struct heap hosts;    /* open ones */
};

/* The orders of the heaps. */

static bool item_before(const struct heap_node *a, const struct heap_node *b)
{
    return HEAP_ENTRY(a, struct schedule_item, node)->index <
           HEAP_ENTRY(b, struct schedule_item, node)->index;
}

static bool host_before(const struct heap_node *a, const struct heap_node *b)
{
    return HEAP_ENTRY(a, struct schedule_host, node)->first_index <
           HEAP_ENTRY(b, struct schedule_host, node)->first_index;
}

static bool host_opens_before(const struct heap_node *a, const struct heap_node *b)
{
    return HEAP_ENTRY(a, struct schedule_host, node)->opens <
           HEAP_ENTRY(b, struct schedule_host, node)->opens;
}

static bool group_before(const struct heap_node *a, const struct heap_node *b)
{
    return HEAP_ENTRY(a, struct hosts_group, node)->first_index <
           HEAP_ENTRY(b, struct hosts_group, node)->first_index;
}

static struct schedule_host *first_host(const struct heap *heap)
{
    return heap->first ? HEAP_ENTRY(heap->first, struct schedule_host, node) : NULL;
}

static struct schedule_item *first_ready(const struct schedule_host *h)
{
    return h->ready.first ? HEAP_ENTRY(h->ready.first, struct schedule_item, node) : NULL;
}

/* Groups: one for each worker that hosts are given to. */

/* Puts the group where its hosts say it belongs. */
static void group_update(struct hosts *hosts, struct hosts_group *g)
{
    if (g->in_open)
        heap_remove(&hosts->open, &g->node);
    struct schedule_host *first = first_host(&g->hosts);
    g->in_open = first && !g->parked;
    if (g->in_open) {
        g->first_index = first->first_index;
        heap_add(&hosts->open, &g->node);
    }
}

static void group_park(struct hosts *hosts, struct hosts_group *g, int64_t now)
{
    g->parked = true;
    if (hosts->parked_count++ == 0)
        hosts->parked_until = deadline_add(now, parked_for);
    group_update(hosts, g);
}

static void group_unpark(struct hosts *hosts, struct hosts_group *g)
{
    if (!g->parked)
        return;
    g->parked = false;
    hosts->parked_count--;
    group_update(hosts, g);
}

/* The table of hosts. */

static struct schedule_host **bucket_of(const struct hosts *hosts, uint64_t hash)
{
    return &hosts->buckets[hash & (hosts->bucket_count - 1)];
}

/* Doubles the buckets when the chains grow; without memory for it they just stay long. */
static void table_grow(struct hosts *hosts)
{
    if (hosts->count < hosts->bucket_count)
        return;
    struct schedule_host **old = hosts->buckets, **more = calloc(hosts->bucket_count * 2, sizeof *more);
    if (!more)
        return;
    size_t old_count = hosts->bucket_count;
    hosts->buckets = more;
    hosts->bucket_count *= 2;
    for (size_t i = 0; i < old_count; i++)
        for (struct schedule_host *h = old[i], *next; h; h = next) {
            next = h->chain;
            h->chain = *bucket_of(hosts, h->hash);
            *bucket_of(hosts, h->hash) = h;
        }
    free(old);
}

static struct schedule_host *table_find(const struct hosts *hosts, uint64_t hash, struct span name)
{
    for (struct schedule_host *h = *bucket_of(hosts, hash); h; h = h->chain)
        if (h->hash == hash && span_equal(span_make(h->name, h->len), name))
            return h;
    return NULL;
}

static struct schedule_host *table_add(struct hosts *hosts, uint64_t hash, const struct schedule_item *item)
{
    struct schedule_host *h = nofork_alloc(&hosts->memory, sizeof *h + item->host.len);
    if (!h)
        return NULL;
    h->hash = hash;
    h->next_start = h->paused_until = INT64_MIN;
    h->group = &hosts->groups[item->host_hash % hosts->group_count];
    h->len = item->host.len;
    if (h->len)
        memcpy(h->name, item->host.data, h->len);
    heap_init(&h->ready, item_before);
    table_grow(hosts);
    h->chain = *bucket_of(hosts, hash);
    *bucket_of(hosts, hash) = h;
    hosts->count++;
    return h;
}

static void table_remove(struct hosts *hosts, struct schedule_host *host)
{
    struct schedule_host **link = bucket_of(hosts, host->hash);
    while (*link != host)
        link = &(*link)->chain;
    *link = host->chain;
    hosts->count--;
    nofork_free(&hosts->memory, host);
}

/* Where a host stands. */

static struct heap *heap_of(struct hosts *hosts, const struct schedule_host *h)
{
    return h->place == OPEN ? &h->group->hosts : h->place == TIMED ? &hosts->timed : &hosts->resting;
}

static void host_take_out(struct hosts *hosts, struct schedule_host *h)
{
    if (h->place == NOWHERE)
        return;
    heap_remove(heap_of(hosts, h), &h->node);
    if (h->place == OPEN)
        group_update(hosts, h->group);
    if (h->place == RESTING)
        hosts->resting_count--;
    h->place = NOWHERE;
}

static void host_put(struct hosts *hosts, struct schedule_host *h, enum place place)
{
    h->place = place;
    heap_add(heap_of(hosts, h), &h->node);
    if (place == OPEN)
        group_update(hosts, h->group);
    if (place == RESTING && ++hosts->resting_count > HOSTS_RESTING_MAX) {
        struct schedule_host *soonest = first_host(&hosts->resting);
        host_take_out(hosts, soonest);
        table_remove(hosts, soonest);
    }
}

static bool has_place(const struct hosts *hosts, const struct schedule_host *h,
                      const struct schedule_item *item)
{
    if (hosts->per_host == 0)
        return true;
    if (h->running >= hosts->per_host)
        return false;
    bool last = hosts->per_host - h->running == 1;
    return !last || !hosts->keep_place || item == h->oldest || h->oldest->state == SCHEDULE_STARTED;
}

static int64_t opens_at(const struct schedule_host *h)
{
    return h->next_start > h->paused_until ? h->next_start : h->paused_until;
}

/* Puts the host where it belongs after any change; may release it. */
static void host_update(struct hosts *hosts, struct schedule_host *h, int64_t now)
{
    host_take_out(hosts, h);
    struct schedule_item *item = first_ready(h);
    h->opens = opens_at(h);
    if (!h->oldest && h->opens <= now)
        table_remove(hosts, h);
    else if (!h->oldest)
        host_put(hosts, h, RESTING);
    else if (!item || !has_place(hosts, h, item))
        return;
    else if (h->opens > now)
        host_put(hosts, h, TIMED);
    else {
        h->first_index = item->index;
        host_put(hosts, h, OPEN);
    }
}

/* The door. */

int hosts_init(struct hosts *hosts, const struct schedule_options *options)
{
    *hosts = (struct hosts){.per_host = options->per_host,
                            .delay = options->per_host_delay,
                            .keep_place = options->input_order,
                            .key = siphash_key_random(),
                            .bucket_count = HOSTS_FIRST_BUCKETS,
                            .group_count = options->affinity ? options->affinity : 1};
    hosts->buckets = calloc(hosts->bucket_count, sizeof(struct schedule_host *));
    hosts->groups = calloc(hosts->group_count, sizeof *hosts->groups);
    heap_init(&hosts->open, group_before);
    heap_init(&hosts->timed, host_opens_before);
    heap_init(&hosts->resting, host_opens_before);
    if (!hosts->buckets || !hosts->groups) {
        hosts_free(hosts);
        return -1;
    }
    for (uint32_t i = 0; i < hosts->group_count; i++)
        heap_init(&hosts->groups[i].hosts, host_before);
    return 0;
}

void hosts_free(struct hosts *hosts)
{
    for (size_t i = 0; hosts->buckets && i < hosts->bucket_count; i++)
        for (struct schedule_host *h = hosts->buckets[i], *next; h; h = next) {
            next = h->chain;
            nofork_free(&hosts->memory, h);
        }
    free(hosts->buckets);
    free(hosts->groups);
    nofork_close(&hosts->memory);
    *hosts = (struct hosts){0};
}

int hosts_enter(struct hosts *hosts, struct schedule_item *item, int64_t now)
{
    uint64_t hash = siphash64(hosts->key, item->host);
    struct schedule_host *h = table_find(hosts, hash, item->host);
    if (!h)
        h = table_add(hosts, hash, item);
    if (!h)
        return -1;
    item->in_host = h;
    item->host_older = h->youngest;
    item->host_younger = NULL;
    if (h->youngest)
        h->youngest->host_younger = item;
    else
        h->oldest = item;
    h->youngest = item;
    host_update(hosts, h, now);
    return 0;
}

void hosts_leave(struct hosts *hosts, struct schedule_item *item, int64_t now)
{
    struct schedule_host *h = item->in_host;
    if (item->host_older)
        item->host_older->host_younger = item->host_younger;
    else
        h->oldest = item->host_younger;
    if (item->host_younger)
        item->host_younger->host_older = item->host_older;
    else
        h->youngest = item->host_older;
    if (h->last_started == item)
        h->last_started = NULL;
    item->in_host = NULL;
    host_update(hosts, h, now);
}

void hosts_add_ready(struct hosts *hosts, struct schedule_item *item, int64_t now)
{
    heap_add(&item->in_host->ready, &item->node);
    hosts->ready++;
    host_update(hosts, item->in_host, now);
}

void hosts_remove_ready(struct hosts *hosts, struct schedule_item *item, int64_t now)
{
    heap_remove(&item->in_host->ready, &item->node);
    hosts->ready--;
    host_update(hosts, item->in_host, now);
}

void hosts_start(struct hosts *hosts, struct schedule_item *item, int64_t now)
{
    struct schedule_host *h = item->in_host;
    h->running++;
    h->last_started = item;
    h->next_start_before = h->next_start;
    if (hosts->delay > 0)
        h->next_start = DEADLINE_NEVER;
    item->state = SCHEDULE_STARTED;
    hosts_remove_ready(hosts, item, now);
}

void hosts_begun(struct hosts *hosts, struct schedule_item *item, int64_t now)
{
    struct schedule_host *h = item->in_host;
    if (hosts->delay == 0 || h->last_started != item)
        return;
    h->next_start = deadline_add(now, hosts->delay);
    host_update(hosts, h, now);
}

void hosts_end(struct hosts *hosts, struct schedule_item *item, bool undone, int64_t now)
{
    struct schedule_host *h = item->in_host;
    h->running--;
    if (undone && h->last_started == item)
        h->next_start = h->next_start_before;
    else if (h->next_start == DEADLINE_NEVER && h->last_started == item)
        h->next_start = deadline_add(now, hosts->delay);
    group_unpark(hosts, h->group);
    host_update(hosts, h, now);
}

void hosts_pause(struct hosts *hosts, struct schedule_item *item, int64_t until, int64_t now)
{
    struct schedule_host *h = item->in_host;
    if (until > h->paused_until)
        h->paused_until = until;
    host_update(hosts, h, now);
}

void hosts_advance(struct hosts *hosts, int64_t now)
{
    struct schedule_host *h;
    while ((h = first_host(&hosts->timed)) && h->opens <= now)
        host_update(hosts, h, now);
    while ((h = first_host(&hosts->resting)) && h->opens <= now)
        host_update(hosts, h, now);
    if (hosts->parked_count == 0 || now < hosts->parked_until)
        return;
    for (uint32_t i = 0; i < hosts->group_count; i++)
        group_unpark(hosts, &hosts->groups[i]);
}

struct schedule_item *hosts_first(struct hosts *hosts, int64_t now, schedule_fits *fits, void *arg)
{
    while (hosts->open.first) {
        struct hosts_group *g = HEAP_ENTRY(hosts->open.first, struct hosts_group, node);
        struct schedule_item *item = first_ready(first_host(&g->hosts));
        if (!fits || fits(arg, item))
            return item;
        group_park(hosts, g, now);
    }
    return NULL;
}

bool hosts_may_start(const struct hosts *hosts, const struct schedule_item *item, int64_t now,
                     int64_t *ret_when)
{
    const struct schedule_host *h = item->in_host;
    int64_t opens = opens_at(h);
    *ret_when = INT64_MAX;
    if (!has_place(hosts, h, item))
        return false;
    if (opens > now)
        *ret_when = opens;
    return opens <= now;
}

int64_t hosts_when(const struct hosts *hosts)
{
    int64_t when = hosts->parked_count ? hosts->parked_until : INT64_MAX;
    const struct schedule_host *h = first_host(&hosts->timed);
    return h ? deadline_min(when, h->opens) : when;
}
