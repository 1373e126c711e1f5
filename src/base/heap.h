/*
 * A priority queue without memory of its own (a pairing heap): the nodes sit in the structs of whoever uses
 * it, each in one heap at a time. Adding is O(1), taking the first or any one out O(log n) amortised. A key
 * must not change while its node is in the heap: remove it, change it, add it again.
 */
#ifndef PFETCH_BASE_HEAP_H
#define PFETCH_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

struct heap_node {
    struct heap_node *child; /* its first child */
    struct heap_node *next;  /* its next sibling */
    struct heap_node *prev;  /* its previous sibling, or its parent if it is the first child */
};

/* True if `a` comes before `b`. */
typedef bool heap_before(const struct heap_node *a, const struct heap_node *b);

struct heap {
    struct heap_node *first; /* the least; NULL: empty */
    heap_before *before;
};

/* The struct of type `type` whose member `member` is at `node`. */
#define HEAP_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void heap_init(struct heap *h, heap_before *before)
{
    h->first = NULL;
    h->before = before;
}

/* Adds a node that is in no heap. */
void heap_add(struct heap *h, struct heap_node *node);

/* Takes a node of this heap out. */
void heap_remove(struct heap *h, struct heap_node *node);

#endif
