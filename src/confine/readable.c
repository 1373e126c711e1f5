/* What a worker may read, with all links followed: Landlock's rules hold for where a path leads, and Debian's
 * hashed certificate directories are full of links that lead out of them. */
#include "config.h"
#include "confine/pieces.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* So many links into one directory, and the directory itself is covered: a rule costs every worker two calls.
 */
enum { LINKS_FOR_DIRECTORY = 8 };

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

/* Adds `path` (taken over) unless it is covered. */
static int add_take(struct readable *r, char *path)
{
    if (is_covered(r, path)) {
        free(path);
        return 0;
    }
    if (r->count == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 16;
        char **paths = reallocarray(r->paths, cap, sizeof *paths);
        if (!paths) {
            free(path);
            return -1;
        }
        r->paths = paths;
        r->cap = cap;
    }
    r->paths[r->count++] = path;
    return 0;
}

/* A directory that holds nothing hidden: the system's, and open to all. */
static bool is_public(const char *directory)
{
    struct stat st;
    return strcmp(directory, "/") != 0 && stat(directory, &st) == 0 && st.st_uid == 0 &&
           (st.st_mode & (S_IROTH | S_IXOTH | S_IWOTH)) == (S_IROTH | S_IXOTH);
}

static size_t directory_length(const char *path)
{
    return (size_t)(strrchr(path, '/') - path);
}

/* Replaces runs of files of one directory (the list is sorted) by the directory. */
static int add_grouped(struct readable *r, struct readable *links)
{
    for (size_t i = 0, end; i < links->count; i = end) {
        size_t n = directory_length(links->paths[i]);
        for (end = i + 1; end < links->count; end++)
            if (directory_length(links->paths[end]) != n ||
                memcmp(links->paths[end], links->paths[i], n) != 0)
                break;
        if (end - i >= LINKS_FOR_DIRECTORY) {
            char *directory = strndup(links->paths[i], n);
            if (!directory)
                return -1;
            if (n == 0 || !is_public(directory))
                free(directory);
            else if (add_take(r, directory) < 0)
                return -1;
        }
        for (size_t k = i; k < end; k++) {
            char *path = links->paths[k];
            links->paths[k] = NULL;
            if (add_take(r, path) < 0)
                return -1;
        }
    }
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Where one entry of a directory leads, if it is a link that leads to a file. */
static int add_link(struct readable *links, int directory, const char *path, const struct dirent *entry)
{
    struct stat st;
    char full[PATH_MAX];
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
        return 0;
    size_t n = strlen(path), name = strlen(entry->d_name);
    if (n + 1 + name >= sizeof full || fstatat(directory, entry->d_name, &st, 0) < 0 || !S_ISREG(st.st_mode))
        return 0;
    memcpy(full, path, n);
    full[n] = '/';
    memcpy(full + n + 1, entry->d_name, name + 1);
    char *leads = realpath(full, NULL);
    if (!leads)
        return errno == ENOMEM ? -1 : 0;
    return add_take(links, leads);
}

/* The links in a directory that is covered already. */
static int add_links(struct readable *r, const char *path)
{
    struct readable links = {0};
    int result = -1;
    DIR *directory = opendir(path);
    if (!directory)
        return errno == ENOMEM ? -1 : 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (add_link(&links, dirfd(directory), path, entry) < 0)
            goto out;
    if (links.count)
        qsort(links.paths, links.count, sizeof *links.paths, by_text);
    result = add_grouped(r, &links);
out:
    closedir(directory);
    readable_free(&links);
    return result;
}

int readable_collect(struct readable *r, const char *const *given)
{
    *r = (struct readable){0};
    for (; given && *given; given++) {
        struct stat st;
        char *path = realpath(*given, NULL);
        if (!path) {
            if (errno == ENOMEM)
                goto out;
            continue;
        }
        bool directory = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
        char *scanned = directory ? strdup(path) : NULL;
        if (add_take(r, path) < 0 || (directory && !scanned) || (scanned && add_links(r, scanned) < 0)) {
            free(scanned);
            goto out;
        }
        free(scanned);
    }
    return 0;
out:
    readable_free(r);
    return -1;
}

void readable_free(struct readable *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->paths[i]);
    free(r->paths);
    *r = (struct readable){0};
}
