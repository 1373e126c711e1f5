/* What a worker may read, with the links on the way followed: Landlock's rules hold for where a path leads.
 */
#include "config.h"
#include "confine/pieces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* True if `path` is `top` or below it. */
static bool is_below(const char *path, const char *top)
{
    size_t n = strlen(top);
    return strncmp(path, top, n) == 0 && (path[n] == 0 || path[n] == '/' || (n && top[n - 1] == '/'));
}

static bool is_covered(const struct readable *r, const char *path)
{
    for (size_t i = 0; i < r->count; i++)
        if (is_below(path, r->paths[i]))
            return true;
    return false;
}

static size_t count_given(const char *const *given)
{
    size_t n = 0;
    while (given && given[n])
        n++;
    return n;
}

int readable_collect(struct readable *r, const char *const *given)
{
    size_t most = count_given(given);
    *r = (struct readable){.paths = calloc(most + 1, sizeof *r->paths)};
    if (!r->paths)
        return -1;
    for (size_t i = 0; i < most; i++) {
        char *path = realpath(given[i], NULL);
        if (!path && errno == ENOMEM) {
            readable_free(r);
            return -1;
        }
        if (path && !is_covered(r, path))
            r->paths[r->count++] = path;
        else
            free(path);
    }
    return 0;
}

void readable_free(struct readable *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->paths[i]);
    free(r->paths);
    *r = (struct readable){0};
}
