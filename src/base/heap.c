#include "base/heap.h"

/* Joins two trees; either may be NULL. */
static struct heap_node *join(const struct heap *h, struct heap_node *a, struct heap_node *b)
{
    if (!a || !b)
        return a ? a : b;
    if (h->before(b, a)) {
        struct heap_node *other = a;
        a = b;
        b = other;
    }
    b->prev = a;
    b->next = a->child;
    if (b->next)
        b->next->prev = b;
    a->child = b;
    return a;
}

/* Joins a list of siblings into one tree: in pairs from the left, then those from the right, which is what
 * makes the cost logarithmic. Loops, since a list may be as long as the heap. */
static struct heap_node *join_siblings(const struct heap *h, struct heap_node *list)
{
    struct heap_node *pairs = NULL, *tree = NULL;
    while (list) {
        struct heap_node *a = list, *b = a->next;
        list = b ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b)
            b->next = b->prev = NULL;
        a = join(h, a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs) {
        struct heap_node *a = pairs;
        pairs = a->next;
        a->next = NULL;
        tree = join(h, tree, a);
    }
    return tree;
}

void heap_add(struct heap *h, struct heap_node *node)
{
    *node = (struct heap_node){0};
    h->first = join(h, h->first, node);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    if (node != h->first) {
        if (node->prev->child == node)
            node->prev->child = node->next;
        else
            node->prev->next = node->next;
        if (node->next)
            node->next->prev = node->prev;
    }
    struct heap_node *rest = join_siblings(h, node->child);
    h->first = node == h->first ? rest : join(h, h->first, rest);
    *node = (struct heap_node){0};
}
