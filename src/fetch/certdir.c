#include "config.h"

#include "fetch/certdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fetch/certfile.h"

enum { LINKS_MOST = 40 }; /* as Linux follows */

/* True for "0123abcd.0": eight hex digits, a dot, a number. */
static bool name_is_hashed(const char *name)
{
    return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && name[9] &&
           name[9 + strspn(name + 9, "0123456789")] == 0;
}

/* True if any user can come to `dir`: an absolute path without links. */
static bool dir_reachable(const char *dir)
{
    char path[PATH_MAX];
    struct stat st;
    if (snprintf(path, sizeof path, "%s", dir) >= (int)sizeof path)
        return false;
    for (char *end = path + strlen(path); end > path; end = strrchr(path, '/')) {
        *end = 0;
        if (*path && (stat(path, &st) < 0 || !(st.st_mode & S_IXOTH)))
            return false;
    }
    return true;
}

/* Adds a real directory, if it is new. */
static int home_add(struct certdir *d, const char *dir)
{
    for (size_t i = d->count; i-- > 0;)
        if (strcmp(d->homes[i], dir) == 0)
            return 0;
    char **homes = reallocarray(d->homes, d->count + 1, sizeof *homes);
    if (!homes)
        return -1;
    d->homes = homes;
    homes[d->count] = strdup(dir);
    if (!homes[d->count])
        return -1;
    d->count++;
    d->readable = d->readable && dir_reachable(dir);
    return 0;
}

struct scan {
    struct certdir *into;
    const char *dir;     /* as given … */
    int fd;              /* … and open; names that are no absolute paths are looked for in it */
    char last[PATH_MAX]; /* the directory that was resolved last, as the links have it; empty: this one */
    bool any;            /* `last` means something */
};

/* Replaces a link by where it leads: an absolute path, or one from the link's directory. False: too long. */
static bool replace_link(char path[PATH_MAX], const char *to)
{
    char *slash = strrchr(path, '/'), *from = *to == '/' || !slash ? path : slash + 1;
    size_t len = strlen(to), room = (size_t)(path + PATH_MAX - from);
    if (len >= room)
        return false;
    memcpy(from, to, len + 1);
    return true;
}

/* Follows the links that `path` is, but not those on the way to it. `link`: it is known to be one. 1, 0: it
 * leads nowhere, or -1: the kernel may know better. */
static int follow(const struct scan *s, char path[PATH_MAX], bool link, struct stat *st)
{
    char to[PATH_MAX];
    for (int i = 0; i <= LINKS_MOST; i++, link = false) {
        if (!link && fstatat(s->fd, path, st, AT_SYMLINK_NOFOLLOW) < 0)
            return 0;
        if (!link && !S_ISLNK(st->st_mode))
            return 1;
        ssize_t n = readlinkat(s->fd, path, to, sizeof to - 1);
        if (n <= 0)
            return 0;
        to[n] = 0;
        if (!replace_link(path, to))
            return -1;
    }
    return -1;
}

/* Leaves the directory of a path; nothing, if it has none. */
static void cut_name(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash)
        slash[slash == path] = 0;
    else
        *path = 0;
}

/* Adds the real directory of `path`, whose name is cut off already, or of one that has it. */
static int add_directory_of(struct scan *s, const char *path, bool with_name)
{
    char full[PATH_MAX], real[PATH_MAX];
    int n = *path == '/' ? snprintf(full, sizeof full, "%s", path)
                         : snprintf(full, sizeof full, "%s%s%s", s->dir, *path ? "/" : "", path);
    if (n < 0 || (size_t)n >= sizeof full || !realpath(full, real))
        return 0;
    if (with_name)
        cut_name(real);
    return home_add(s->into, real);
}

/* Looks where one name leads. A link to nowhere is passed over. There may be hundreds, nearly all in one or
 * two directories: so only those are resolved step by step. */
static int entry_scan(struct scan *s, const struct dirent *entry)
{
    char path[PATH_MAX];
    struct stat st = {0};
    const char *name = entry->d_name;
    if (snprintf(path, sizeof path, "%s", name) >= (int)sizeof path)
        return 0;
    int leads = follow(s, path, entry->d_type == DT_LNK, &st);
    if (leads < 0 && fstatat(s->fd, name, &st, 0) < 0)
        leads = 0;
    if (leads != 0 && S_ISFIFO(st.st_mode))
        s->into->waits = true;
    if (leads == 0 || !S_ISREG(st.st_mode))
        return 0;
    if (!(st.st_mode & S_IROTH))
        s->into->readable = false;
    if (leads < 0)
        return add_directory_of(s, name, true);
    cut_name(path);
    if (s->any && strcmp(path, s->last) == 0)
        return 0;
    memcpy(s->last, path, strlen(path) + 1);
    s->any = true;
    return add_directory_of(s, path, false);
}

/* Calls `each` for the hashed names in the directory `path`, which is open as `fd` meanwhile, until one
 * fails. */
static int certdir_each(const char *path, int (*each)(void *arg, int fd, const struct dirent *entry),
                        void *arg)
{
    DIR *dir = opendir(path);
    int result = 0;
    if (!dir)
        return -1;
    for (struct dirent *e; result == 0 && (e = readdir(dir));)
        if (name_is_hashed(e->d_name))
            result = each(arg, dirfd(dir), e);
    int error = errno;
    closedir(dir);
    errno = error;
    return result;
}

static int scan_each(void *arg, int fd, const struct dirent *entry)
{
    struct scan *s = arg;
    s->fd = fd;
    return entry_scan(s, entry);
}

int certdir_scan(struct certdir *ret, const char *path)
{
    char real[PATH_MAX];
    struct scan s = {.into = ret, .dir = path};
    *ret = (struct certdir){.readable = true};
    if (!realpath(path, real))
        return -1;
    ret->readable = dir_reachable(real);
    if (certdir_each(path, scan_each, &s) < 0) {
        certdir_free(ret);
        return -1;
    }
    return 0;
}

void certdir_free(struct certdir *d)
{
    for (size_t i = 0; i < d->count; i++)
        free(d->homes[i]);
    free(d->homes);
    *d = (struct certdir){0};
}

struct loading {
    X509_STORE *store;
    OSSL_LIB_CTX *context;
};

/* Opens a regular file, and never waits for what is none. NULL: it is none, or can't be opened. */
static FILE *file_open(int dir, const char *name)
{
    struct stat st;
    int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    FILE *f = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fdopen(fd, "r") : NULL;
    if (!f && fd >= 0)
        (void)close(fd);
    return f;
}

static int load_each(void *arg, int dir, const struct dirent *entry)
{
    const struct loading *l = arg;
    size_t count;
    FILE *f = file_open(dir, entry->d_name);
    if (!f)
        return 0;
    (void)certfile_load(f, l->store, l->context, &count);
    fclose(f);
    return 0;
}

int certdir_load(X509_STORE *store, OSSL_LIB_CTX *context, const char *path)
{
    struct loading l = {store, context};
    return certdir_each(path, load_each, &l);
}
