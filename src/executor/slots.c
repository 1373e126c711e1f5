#include "executor/slots.h"

void slots_set(struct slots *set, unsigned s, bool in)
{
    uint64_t bit = UINT64_C(1) << s % 64;
    uint64_t *word = &set->words[s / 64];
    if (slots_has(set, s) == in)
        return;
    *word ^= bit;
    if (in)
        set->count++;
    else
        set->count--;
    if (*word)
        set->used |= UINT64_C(1) << s / 64;
    else
        set->used &= ~(UINT64_C(1) << s / 64);
}

/* The lowest set bit at or above `from`, or -1. */
static int bit_from(uint64_t word, unsigned from)
{
    if (from >= 64)
        return -1;
    word &= ~UINT64_C(0) << from;
    return word ? __builtin_ctzll(word) : -1;
}

int slots_next(const struct slots *set, unsigned from)
{
    if (set->used == 0)
        return -1;
    from %= SLOTS_MAX;
    unsigned w = from / 64;
    int bit = bit_from(set->words[w], from % 64);
    if (bit < 0) {
        int word = bit_from(set->used, w + 1);
        if (word < 0)
            word = bit_from(set->used, 0);
        w = (unsigned)word;
        bit = bit_from(set->words[w], 0);
    }
    return (int)(w * 64) + bit;
}
