#include "options_table.h"

#include <stdio.h>
#include <string.h>

void option_opposite(const struct option_spec *spec, char *text, size_t size)
{
    if (strncmp(spec->name, "no-", 3) == 0)
        snprintf(text, size, "%s", spec->name + 3);
    else
        snprintf(text, size, "no-%s", spec->name);
}

const struct option_spec *option_find(const char *name, size_t len, bool *ret_negated)
{
    for (size_t i = 0; i < option_spec_count; i++) {
        const struct option_spec *s = &option_specs[i];
        char opposite[64] = "";
        if (s->type == OPTION_FLAG)
            option_opposite(s, opposite, sizeof opposite);
        bool same = strlen(s->name) == len && memcmp(s->name, name, len) == 0;
        if (same || (len > 0 && strlen(opposite) == len && memcmp(opposite, name, len) == 0)) {
            *ret_negated = !same;
            return s;
        }
    }
    return NULL;
}

const struct option_spec *option_find_letter(char letter)
{
    for (size_t i = 0; letter && i < option_spec_count; i++)
        if (option_specs[i].letter == letter)
            return &option_specs[i];
    return NULL;
}

/* Edits (insert, delete, replace, swap of neighbours) that lead from `a` to `b`, both shorter than 32. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned rows[3][33];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    for (unsigned j = 0; j <= b_len; j++)
        last[j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        row[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        unsigned *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[b_len];
}

const struct option_spec *option_nearest(const char *name, size_t len)
{
    const struct option_spec *nearest = NULL;
    unsigned least = (unsigned)(len < 32 ? len / 3 + 1 : 0); /* further away is no likeness */
    if (least > 3)
        least = 3;
    for (size_t i = 0; i < option_spec_count && len < 32; i++) {
        unsigned d = distance(name, len, option_specs[i].name, strlen(option_specs[i].name));
        if (d < least || (d == least && !nearest)) {
            least = d;
            nearest = &option_specs[i];
        }
    }
    return nearest;
}
