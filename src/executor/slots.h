/*
 * A set of worker slots that finds the next member in turn without a walk over all workers: a bit for each
 * slot, and a bit above for each word that is not empty. A struct of zeros is the empty set.
 */
#ifndef PFETCH_EXECUTOR_SLOTS_H
#define PFETCH_EXECUTOR_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SLOTS_MAX = 64 * 64 };

struct slots {
    uint64_t used; /* bit w: words[w] is not 0 */
    uint64_t words[64];
    size_t count; /* members */
};

/* Adds slot `s` (below SLOTS_MAX), or takes it out. */
void slots_set(struct slots *set, unsigned s, bool in);

static inline bool slots_has(const struct slots *set, unsigned s)
{
    return set->words[s / 64] >> s % 64 & 1;
}

/* The first member from `from` on, going round to 0 at the end; -1: the set is empty. */
int slots_next(const struct slots *set, unsigned from);

#endif
