/* What a worker may read, with all links followed: Landlock's rules hold for where a path leads, and Debian's
 * hashed certificate directories are full of links that lead out of them. */
#include "config.h"
#include "confine/pieces.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* So many links into one directory, and the directory itself is covered: a rule costs every worker two calls.
 */
enum { LINKS_FOR_DIRECTORY = 8, DEPTH_MAX = 3 };

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

static int append_take(struct readable *r, char *path)
{
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

/* Adds `path` (taken over) unless it is covered. */
static int add_take(struct readable *r, char *path)
{
    if (!is_covered(r, path))
        return append_take(r, path);
    free(path);
    return 0;
}

/* A directory that holds nothing hidden: the system's, and open to all. */
static bool is_public(const char *directory)
{
    struct stat st;
    return strcmp(directory, "/") != 0 && stat(directory, &st) == 0 && S_ISDIR(st.st_mode) &&
           st.st_uid == 0 && (st.st_mode & (S_IROTH | S_IXOTH | S_IWOTH)) == (S_IROTH | S_IXOTH);
}

/* What a link says, as an absolute path; NULL: nothing to follow (a name in the same directory, which is an
 * entry of its own, or no link), with errno ENOMEM: no memory. */
static char *read_link(int directory, const char *path, const struct dirent *entry)
{
    char says[PATH_MAX], *full;
    errno = 0;
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
        return NULL;
    ssize_t n = readlinkat(directory, entry->d_name, says, sizeof says - 1);
    if (n <= 0)
        return NULL;
    says[n] = 0;
    errno = 0;
    if (says[0] == '/')
        return strdup(says);
    if (!strchr(says, '/') || asprintf(&full, "%s/%s", path, says) < 0)
        return NULL;
    return full;
}

/* Adds where one link leads, if that is a file. */
static int add_file(struct readable *r, const char *link)
{
    struct stat st;
    char *leads = realpath(link, NULL);
    if (!leads)
        return errno == ENOMEM ? -1 : 0;
    if (stat(leads, &st) == 0 && S_ISREG(st.st_mode))
        return add_take(r, leads);
    free(leads);
    return 0;
}

static int add_links(struct readable *r, const char *path, int depth);

/* Adds a directory into which many links lead. 1: it may not be covered as a whole. */
static int add_directory(struct readable *r, const char *link, size_t length, int depth)
{
    int result = 1;
    char *name = strndup(link, length), *leads = name ? realpath(name, NULL) : NULL, *kept = NULL;
    if (leads && is_public(leads))
        result = (kept = strdup(leads)) && add_take(r, kept) == 0 ? add_links(r, leads, depth + 1) : -1;
    free(name);
    free(leads);
    return result;
}

static size_t directory_length(const char *path)
{
    return (size_t)(strrchr(path, '/') - path);
}

/* The links that begin at `links`, sorted, up to the first of another directory. */
static size_t group_length(char *const *links, size_t count)
{
    size_t n = directory_length(links[0]), end = 1;
    while (end < count && directory_length(links[end]) == n && memcmp(links[end], links[0], n) == 0)
        end++;
    return end;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int follow(struct readable *r, struct readable *links, int depth)
{
    if (links->count)
        qsort(links->paths, links->count, sizeof *links->paths, by_text);
    for (size_t i = 0, n; i < links->count; i += n) {
        char **group = links->paths + i;
        n = group_length(group, links->count - i);
        int result = 1;
        if (n >= LINKS_FOR_DIRECTORY && depth < DEPTH_MAX)
            result = add_directory(r, group[0], directory_length(group[0]), depth);
        for (size_t k = 0; result == 1 && k < n; k++)
            if (add_file(r, group[k]) < 0)
                result = -1;
        if (result < 0)
            return -1;
    }
    return 0;
}

/* Where the links in a directory lead, which is covered itself. */
static int add_links(struct readable *r, const char *path, int depth)
{
    struct readable links = {0};
    int result = -1;
    DIR *directory = opendir(path);
    if (!directory)
        return errno == ENOMEM ? -1 : 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        char *says = read_link(dirfd(directory), path, entry);
        if ((!says && errno == ENOMEM) || (says && append_take(&links, says) < 0))
            goto out;
    }
    result = follow(r, &links, depth);
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
        if (add_take(r, path) < 0 || (directory && !scanned) || (scanned && add_links(r, scanned, 0) < 0)) {
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
