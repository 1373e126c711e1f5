#include "config.h"

#include "base/nofork.h"

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/watched.h"

enum { CHUNK = 64 * 1024 };

/* What a head says beside the size. */
#define USED UINT64_C(0x6b1f94d25ce83a07)
#define FREE UINT64_C(0xd40e7a8153b62cf9)

struct nofork_piece {
    uint64_t mark;
    size_t size;                                    /* head included */
    alignas(max_align_t) struct nofork_piece *next; /* of a free one; else what is in it begins here */
};
enum { HEAD = offsetof(struct nofork_piece, next) };

struct nofork_chunk {
    alignas(max_align_t) struct nofork_chunk *next;
};

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

/* The next `size` bytes of the newest chunk, or the first of a new one. What was left is never used. */
static struct nofork_piece *carve(struct nofork *n, size_t size)
{
    if ((size_t)(n->end - n->at) < size) {
        struct nofork_chunk *chunk = nofork_map(CHUNK);
        if (!chunk)
            return NULL;
        chunk->next = n->chunks;
        n->chunks = chunk;
        n->at = (char *)(chunk + 1);
        n->end = (char *)chunk + CHUNK;
    }
    struct nofork_piece *piece = (struct nofork_piece *)(void *)n->at;
    n->at += size;
    return piece;
}

void nofork_init(struct nofork *n)
{
    *n = (struct nofork){.watched = watched_memory()};
}

void *nofork_alloc(struct nofork *n, size_t size)
{
    if (n->watched)
        return calloc(1, size);
    if (size > SIZE_MAX - HEAD - NOFORK_STEP) {
        errno = ENOMEM;
        return NULL;
    }
    size_t whole = (HEAD + size + NOFORK_STEP - 1) / NOFORK_STEP * NOFORK_STEP;
    struct nofork_piece **list = whole <= NOFORK_LARGEST ? &n->free[whole / NOFORK_STEP - 1] : NULL;
    struct nofork_piece *piece = list ? *list : nofork_map(whole);
    if (piece && list) {
        if (piece->mark != FREE)
            abort();
        *list = piece->next;
        memset(&piece->next, 0, whole - HEAD);
    } else if (list) {
        piece = carve(n, whole);
    }
    if (!piece)
        return NULL;
    piece->mark = USED;
    piece->size = whole;
    return &piece->next;
}

void nofork_free(struct nofork *n, void *p)
{
    if (!p)
        return;
    if (n->watched) {
        free(p);
        return;
    }
    struct nofork_piece *piece = (struct nofork_piece *)(void *)((char *)p - HEAD);
    if (piece->mark != USED)
        abort();
    if (piece->size > NOFORK_LARGEST) {
        nofork_unmap(piece, piece->size);
        return;
    }
    struct nofork_piece **list = &n->free[piece->size / NOFORK_STEP - 1];
    piece->mark = FREE;
    piece->next = *list;
    *list = piece;
}

void nofork_close(struct nofork *n)
{
    while (n->chunks) {
        struct nofork_chunk *chunk = n->chunks;
        n->chunks = chunk->next;
        nofork_unmap(chunk, CHUNK);
    }
    nofork_init(n);
}
