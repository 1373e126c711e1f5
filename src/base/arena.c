#include "config.h"

#include "base/arena.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/watched.h"

enum {
    STEP = 16,      /* what blocks are a multiple of, their heads included */
    FINE = 1024,    /* up to here each multiple is a class; above, there are four to a power of two */
    COARSE = 8,     /* classes above */
    LARGEST = 4096, /* block; what is larger is malloc's */
    CLASSES = FINE / STEP + COARSE + 1,
    LARGE = CLASSES, /* the class of malloc's; behind it those of large blocks that are kept */
    LAST = LARGE + 4,
    KINDS = 2,
    LEAST = 2,         /* class: a free block holds two pointers */
    KIND = 0x80,       /* the busy kind's bit, beside the class */
    CHUNK = 32 * 1024, /* got from the kernel at once */
    PAGE = 4096,
};

/* What a head says beside kind and class: in use, or free. */
#define USED UINT64_C(0x5f8d3a6e71c2b400)
#define FREE UINT64_C(0xa0c4f2197e5d6800)

/* Blocks lie at 8 beyond a multiple of 16, so that what follows the head is aligned. */
struct block {
    uint64_t head;
    struct block *next;  /* of a free one; else what is in it begins here */
    struct block *batch; /* of one that leads a batch: the next batch */
};
enum { HEAD = offsetof(struct block, next) };

/* Blocks of one kind. */
struct stock {
    struct block *free[CLASSES];
    uint8_t count[CLASSES]; /* of those, from the time on when there were several threads */
    char *at, *end;         /* what is left of the newest chunk */
};

struct arena {
    struct stock of[KINDS]; /* plain, busy */
    bool eager;             /* gets the pages of its chunks at once */
    bool apart;             /* busy blocks lie apart */
    struct arena *next;     /* of those without a thread */
};

static _Thread_local struct arena *mine;
static struct arena first = {.eager = true, .apart = true}; /* the first thread's */
static struct arena *orphans = &first; /* the last that was left; guarded, as all below */
static bool key_made;
static pthread_key_t key; /* for the end of threads */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Free blocks for all threads, once there are several, in batches, those of large ones of one block. A look
 * whether there are any needs no lock. */
static bool shares;
static struct depot {
    pthread_mutex_t lock;
    _Atomic(struct block *) first;
} depots[LAST + 1] = {[0 ... LAST] = {.lock = PTHREAD_MUTEX_INITIALIZER}};

/* Blocks to a batch. A set has at most two of each class, so that what one thread frees and another allocates
 * does not pile up. */
static const uint8_t batch_of[CLASSES] = {
    [LEAST... 4] = 32, [5 ... 8] = 16, [9 ... 16] = 8, [17 ... 32] = 4, [33 ... CLASSES - 1] = 2};

/* What large blocks are kept for, by their size with head: a TLS connection's buffers for a message and a
 * record, and for what is read ahead. */
static const struct {
    size_t least, most;
} kept[LAST - LARGE] = {
    {6 * 1024, 8 * 1024}, {14 * 1024, 17 * 1024}, {20 * 1024, 24 * 1024}, {60 * 1024, 66 * 1024}};

/* --- which arena --- */

/* What the thread has is the next one's that wants any: the last first, for most of it is in a cache still.
 */
static void leave(void)
{
    struct arena *a = mine;
    pthread_mutex_lock(&lock);
    mine = NULL;
    a->next = orphans;
    orphans = a;
    pthread_mutex_unlock(&lock);
}

static void leave_at_end(void *arg)
{
    (void)arg;
    if (mine)
        leave();
}

static struct arena *find_arena(void)
{
    struct arena *a = NULL;
    pthread_mutex_lock(&lock);
    if (key_made || (key_made = pthread_key_create(&key, leave_at_end) == 0)) {
        a = orphans ? orphans : calloc(1, sizeof *a);
        orphans = orphans ? orphans->next : NULL;
    }
    pthread_mutex_unlock(&lock);
    /* If the key's value can't be set, it stays behind at the thread's end: lost, not wrong. */
    if (a)
        (void)pthread_setspecific(key, a);
    return mine = a;
}

/* --- blocks --- */

/* The class of a block of `size` bytes, its head included; *ret_size is what blocks of the class have. */
static unsigned class_of(size_t size, size_t *ret_size)
{
    if (size <= FINE) {
        unsigned c = size <= LEAST * STEP ? LEAST : (unsigned)((size + STEP - 1) / STEP);
        *ret_size = (size_t)c * STEP;
        return c;
    }
    unsigned c = FINE / STEP;
    size_t most = FINE, step = FINE / 4;
    while (most < size) {
        if (most == 2 * (size_t)FINE)
            step *= 2;
        most += step;
        c++;
    }
    *ret_size = most;
    return c;
}

static size_t class_room(unsigned c)
{
    if (c > LARGE)
        return kept[c - LARGE - 1].most - STEP;
    size_t size = (size_t)c * STEP;
    for (size_t step = FINE / 4, at = FINE / STEP; at < c; at++) {
        if (at == FINE / STEP)
            size = FINE;
        if (size == 2 * (size_t)FINE)
            step *= 2;
        size += step;
    }
    return size - HEAD;
}

static bool chunk_take(struct stock *s, size_t size, bool eager)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | (eager ? MAP_POPULATE : 0);
    char *chunk = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (chunk == MAP_FAILED)
        return false;
    s->at = chunk + HEAD;
    s->end = chunk + size;
    /* cppcheck-suppress memleak ; the arena has it, and keeps it */
    return true;
}

static struct block *carve(struct stock *s, size_t size, bool eager)
{
    if ((size_t)(s->end - s->at) < size && !chunk_take(s, CHUNK, eager))
        return NULL;
    struct block *b = (struct block *)(void *)s->at;
    s->at += size;
    return b;
}

/* Takes a batch, or a large block. */
static struct block *depot_take(unsigned c)
{
    struct depot *d = &depots[c];
    if (!atomic_load_explicit(&d->first, memory_order_relaxed))
        return NULL;
    pthread_mutex_lock(&d->lock);
    struct block *b = atomic_load_explicit(&d->first, memory_order_relaxed);
    if (b)
        atomic_store_explicit(&d->first, b->batch, memory_order_relaxed);
    pthread_mutex_unlock(&d->lock);
    return b;
}

static void depot_put(unsigned c, struct block *batch)
{
    struct depot *d = &depots[c];
    pthread_mutex_lock(&d->lock);
    batch->batch = atomic_load_explicit(&d->first, memory_order_relaxed);
    atomic_store_explicit(&d->first, batch, memory_order_relaxed);
    pthread_mutex_unlock(&d->lock);
}

/* The set has two batches: the one that was freed first goes to the depot, the other is in a cache still. */
static void spill(struct stock *s, unsigned c)
{
    struct block *last = s->free[c];
    for (unsigned n = batch_of[c]; n > 1; n--)
        last = last->next;
    depot_put(c, last->next);
    last->next = NULL;
    s->count[c] = batch_of[c];
}

/* The class of a large block; *ret_size is what blocks of the class have. */
static unsigned large_class_of(size_t size, size_t *ret_size)
{
    *ret_size = size;
    for (unsigned i = 0; shares && i < LAST - LARGE; i++)
        if (size >= kept[i].least && size <= kept[i].most) {
            *ret_size = kept[i].most;
            return LARGE + 1 + i;
        }
    return LARGE;
}

static void *large_alloc(size_t size)
{
    if (size > SIZE_MAX - STEP)
        return NULL;
    size_t whole;
    unsigned c = large_class_of(size + STEP, &whole);
    struct block *b = c == LARGE ? NULL : depot_take(c);
    if (!b) {
        b = malloc(whole);
        if (!b)
            return NULL;
        b = (struct block *)(void *)((char *)b + HEAD);
    }
    b->head = USED | c;
    return &b->next;
}

static struct block *head_of(void *p)
{
    return (struct block *)(void *)((char *)p - HEAD);
}

static struct block *block_of(void *p)
{
    struct block *b = head_of(p);
    if (b->head < USED || (b->head & ~(uint64_t)KIND) > (USED | LAST))
        abort();
    return b;
}

static unsigned class_in(const struct block *b)
{
    return (unsigned)(b->head & (KIND - 1));
}

/* A free block of the set, which has one. */
static inline struct block *stock_take(struct stock *s, unsigned c)
{
    struct block *b = s->free[c];
    s->free[c] = b->next;
    if (s->count[c] > 0)
        s->count[c]--;
    return b;
}

/* `common`: others might want it. */
static inline void stock_put(struct stock *s, unsigned c, struct block *b, bool common)
{
    b->next = s->free[c];
    s->free[c] = b;
    if (shares && common && ++s->count[c] == 2 * batch_of[c])
        spill(s, c);
}

/* `kind`: 0, or KIND for a busy one. */
static __attribute__((noinline)) void *alloc_kind(size_t size, unsigned kind)
{
    if (size > LARGEST - HEAD)
        return large_alloc(size);
    struct arena *a = mine ? mine : find_arena();
    if (!a || size == 0)
        return NULL;
    size_t whole;
    unsigned c = class_of(size + HEAD, &whole);
    if (kind && !a->apart)
        kind = 0;
    struct stock *s = &a->of[kind != 0];
    struct block *b = s->free[c];
    if (!b && shares && !kind && (b = s->free[c] = depot_take(c)))
        s->count[c] = batch_of[c];
    b = b ? stock_take(s, c) : carve(s, whole, a->eager);
    if (!b)
        return NULL;
    b->head = USED | kind | c;
    return &b->next;
}

void *arena_alloc(size_t size)
{
    struct arena *a = mine;
    if (!a || size - 1 >= FINE - HEAD)
        return alloc_kind(size, 0);
    size_t whole;
    unsigned c = class_of(size + HEAD, &whole);
    if (!a->of[0].free[c])
        return alloc_kind(size, 0);
    struct block *b = stock_take(&a->of[0], c); /* nearly always */
    b->head = USED | c;
    return &b->next;
}

void *arena_alloc_busy(size_t size)
{
    return alloc_kind(size, KIND);
}

/* A block of any kind, or what is none. */
static __attribute__((noinline)) void free_any(void *p)
{
    struct block *b = block_of(p);
    unsigned c = class_in(b);
    const bool was_busy = b->head & KIND;
    b->head = FREE | c;
    if (c == LARGE ||
        (c > LARGE && !shares)) { /* a child's: its depots' locks may be held by nobody for ever */
        free((char *)b - HEAD);
        return;
    }
    if (c > LARGE) {
        depot_put(c, b);
        return;
    }
    struct arena *a = mine ? mine : find_arena();
    if (!a)
        return; /* no memory for the list: lost, not wrong */
    const bool busy = was_busy && a->apart;
    stock_put(&a->of[busy], c, b, !busy);
}

void arena_free(void *p)
{
    if (!p)
        return;
    struct block *b = head_of(p);
    struct arena *a = mine;
    uint64_t c = b->head - USED;
    if (c >= CLASSES || !a) {
        free_any(p);
        return;
    }
    b->head = FREE | c;
    stock_put(&a->of[0], (unsigned)c, b, true); /* nearly always */
}

static void *large_realloc(struct block *b, size_t size)
{
    char *again = size <= SIZE_MAX - STEP ? realloc((char *)b - HEAD, size + STEP) : NULL;
    return again ? again + STEP : NULL;
}

void *arena_realloc(void *p, size_t size)
{
    if (!p)
        return arena_alloc(size);
    if (size == 0) {
        arena_free(p);
        return NULL;
    }
    struct block *b = block_of(p);
    unsigned c = class_in(b);
    if (c == LARGE)
        return large_realloc(b, size);
    size_t room = class_room(c);
    if (size <= room)
        return p;
    void *more = alloc_kind(size, (unsigned)(b->head & KIND));
    if (more) {
        memcpy(more, p, room);
        arena_free(p);
    }
    return more;
}

void arena_share(void)
{
    shares = true;
}

void arena_pass_on(void)
{
    if (shares && mine)
        leave();
}

/* Its head lies in the new memory as well: to write to the parent's would copy that. */
static bool arena_begin(size_t size)
{
    struct stock s = {0};
    if (!chunk_take(&s, (size + PAGE - 1) / PAGE * PAGE, true))
        return false;
    struct arena *a = (struct arena *)(void *)(s.at - HEAD);
    size_t head = (sizeof *a + STEP - 1) / STEP * STEP;
    s.at += head;
    a->of[0] = s;
    a->eager = true;
    mine = a;
    return true;
}

void arena_fresh(size_t size)
{
    if (shares) { /* else not even the same is written */
        for (unsigned c = 0; c <= LAST; c++)
            atomic_store_explicit(&depots[c].first, NULL, memory_order_relaxed);
        shares = false;
    }
    if (arena_begin(size > PAGE ? size : PAGE))
        return;
    struct arena *a = mine ? mine : find_arena();
    if (!a)
        return;
    memset(a->of, 0, sizeof a->of);
    a->eager = true;
    a->apart = false;
}
