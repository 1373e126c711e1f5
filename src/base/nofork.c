#include "config.h"

#include "base/nofork.h"

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/watched.h"

enum {
    LEAST = 64,            /* the first class */
    SMALL_MOST = 8 * 1024, /* pieces in small chunks */
    SMALL_CHUNK = 64 * 1024,
    LARGE_CHUNK = 512 * 1024
};

/* What a head says beside the chunk or, for a mapping of its own, the size. */
#define USED UINT64_C(0x6b1f94d25ce83a07)
#define FREE UINT64_C(0xd40e7a8153b62cf9)
#define SOLE UINT64_C(0x19c7e03bd6a8f542)

struct nofork_piece {
    uint64_t mark;
    union {
        struct nofork_chunk *chunk;
        size_t size; /* head included */
    } of;
    alignas(max_align_t) struct nofork_piece *next; /* of a free one; else what is in it begins here */
};
enum { HEAD = offsetof(struct nofork_piece, next) };

/* The mark of this piece with that in `of`: neither of the two can be written over alone. */
static uint64_t sealed(uint64_t mark, const struct nofork_piece *p, uint64_t of)
{
    return mark ^ of ^ (uint64_t)(uintptr_t)p;
}

struct nofork_chunk {
    struct nofork_chunk *next, *prev; /* among those of its class with room, or the spare ones */
    struct nofork_piece *free;
    unsigned class, used;
    size_t piece;                        /* its size */
    alignas(max_align_t) char *at, *end; /* what was never used */
};

/* --- whole pages --- */

void *nofork_map(size_t size)
{
    if (watched_memory())
        return calloc(1, size);
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    (void)madvise(p, size, MADV_DONTFORK); /* else children get it */
    return p;
}

void nofork_unmap(void *p, size_t size)
{
    if (watched_memory())
        free(p);
    else if (p)
        (void)munmap(p, size);
}

/* --- pieces --- */

/* The class of a piece of `size` bytes, head included; *ret_size is what pieces of the class have. */
static unsigned class_of(size_t size, size_t *ret_size)
{
    unsigned class = 0;
    size_t most = LEAST, step = LEAST / 4;
    while (most < size) {
        most += step;
        if (++class % 4 == 0)
            step *= 2;
    }
    *ret_size = most;
    return class;
}

static bool is_large(size_t piece)
{
    return piece > SMALL_MOST;
}

static size_t chunk_size(size_t piece)
{
    return is_large(piece) ? LARGE_CHUNK : SMALL_CHUNK;
}

static void list_in(struct nofork_chunk **list, struct nofork_chunk *c)
{
    c->prev = NULL;
    c->next = *list;
    if (c->next)
        c->next->prev = c;
    *list = c;
}

static void list_out(struct nofork_chunk **list, struct nofork_chunk *c)
{
    *(c->prev ? &c->prev->next : list) = c->next;
    if (c->next)
        c->next->prev = c->prev;
}

/* A chunk with room for pieces of that size. */
static struct nofork_chunk *chunk_new(struct nofork *n, unsigned class, size_t piece)
{
    bool large = is_large(piece);
    struct nofork_chunk *c = n->spare[large];
    if (c) {
        list_out(&n->spare[large], c);
        n->spares[large]--;
    } else if (!(c = nofork_map(chunk_size(piece)))) {
        return NULL;
    }
    c->class = class;
    c->piece = piece;
    c->used = 0;
    c->free = NULL;
    c->at = (char *)(c + 1);
    c->end = (char *)c + chunk_size(piece);
    list_in(&n->roomy[class], c);
    return c;
}

static bool has_room(const struct nofork_chunk *c)
{
    return c->free || (size_t)(c->end - c->at) >= c->piece;
}

static void chunk_emptied(struct nofork *n, struct nofork_chunk *c)
{
    bool large = is_large(c->piece);
    list_out(&n->roomy[c->class], c);
    if (n->spares[large] < NOFORK_SPARES) {
        list_in(&n->spare[large], c);
        n->spares[large]++;
    } else {
        nofork_unmap(c, chunk_size(c->piece));
    }
}

/* The chunk's next piece; it may have been used before. */
static struct nofork_piece *take(struct nofork_chunk *c)
{
    struct nofork_piece *p = c->free;
    if (p && p->mark != sealed(FREE, p, (uintptr_t)p->of.chunk))
        abort();
    if (p) {
        c->free = p->next;
    } else {
        p = (struct nofork_piece *)(void *)c->at;
        c->at += c->piece;
    }
    p->mark = sealed(USED, p, (uintptr_t)c);
    p->of.chunk = c;
    c->used++;
    return p;
}

static void *alloc_sole(size_t size)
{
    struct nofork_piece *p = nofork_map(size);
    if (!p)
        return NULL;
    p->mark = sealed(SOLE, p, size);
    p->of.size = size;
    return &p->next;
}

void *nofork_alloc(struct nofork *n, size_t size)
{
    if (watched_memory())
        return calloc(1, size);
    if (size > NOFORK_LARGEST - HEAD) {
        if (size <= SIZE_MAX - HEAD)
            return alloc_sole(HEAD + size);
        errno = ENOMEM;
        return NULL;
    }
    size_t piece;
    unsigned class = class_of(HEAD + size, &piece);
    struct nofork_chunk *c = n->roomy[class];
    if (!c && !(c = chunk_new(n, class, piece)))
        return NULL;
    struct nofork_piece *p = take(c);
    if (!has_room(c))
        list_out(&n->roomy[class], c);
    memset(&p->next, 0, size);
    return &p->next;
}

void nofork_free(struct nofork *n, void *p)
{
    if (watched_memory()) {
        free(p);
        return;
    }
    if (!p)
        return;
    struct nofork_piece *piece = (struct nofork_piece *)(void *)((char *)p - HEAD);
    if (piece->mark == sealed(SOLE, piece, piece->of.size)) {
        nofork_unmap(piece, piece->of.size);
        return;
    }
    if (piece->mark != sealed(USED, piece, (uintptr_t)piece->of.chunk))
        abort();
    struct nofork_chunk *c = piece->of.chunk;
    if (!has_room(c))
        list_in(&n->roomy[c->class], c);
    piece->mark = sealed(FREE, piece, (uintptr_t)c);
    piece->next = c->free;
    c->free = piece;
    if (--c->used == 0)
        chunk_emptied(n, c);
}

void nofork_close(struct nofork *n)
{
    static const size_t sizes[] = {SMALL_CHUNK, LARGE_CHUNK};
    for (unsigned large = 0; large < 2; large++)
        while (n->spare[large]) {
            struct nofork_chunk *c = n->spare[large];
            list_out(&n->spare[large], c);
            nofork_unmap(c, sizes[large]);
        }
    *n = (struct nofork){0};
}
