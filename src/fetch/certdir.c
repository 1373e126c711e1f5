#include "config.h"

#include "fetch/certdir.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Follows the links that `path` is, but not those on the way to it. False where the kernel may know better.
 */
static bool follow(char path[PATH_MAX])
{
    char to[PATH_MAX];
    for (int i = 0; i <= LINKS_MOST; i++) {
        ssize_t n = readlink(path, to, sizeof to - 1);
        if (n < 0)
            return errno == EINVAL; /* no link */
        to[n] = 0;
        char *name = strrchr(path, '/') + 1;
        size_t room = (size_t)(path + PATH_MAX - (*to == '/' ? path : name));
        if ((size_t)n >= room)
            return false;
        memcpy(*to == '/' ? path : name, to, (size_t)n + 1);
    }
    return false;
}

/* Leaves the directory of an absolute path, or of one with a directory before its name. */
static void cut_name(char *path)
{
    char *slash = strrchr(path, '/');
    slash[slash == path] = 0;
}

struct scan {
    struct certdir *into;
    char last[PATH_MAX]; /* the directory that was resolved last, as the links have it */
};

/* Looks where one name leads. A link to nowhere is passed over. There may be hundreds, nearly all in one or
 * two directories: so only those are resolved step by step. */
static int entry_scan(struct scan *s, const char *dir, const char *name)
{
    char path[PATH_MAX], real[PATH_MAX];
    struct stat st;
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path || stat(path, &st) < 0)
        return 0;
    if (!(st.st_mode & S_IROTH))
        s->into->readable = false;
    if (!follow(path)) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, name);
        if (!realpath(path, real))
            return 0;
        cut_name(real);
        return home_add(s->into, real);
    }
    cut_name(path);
    if (strcmp(path, s->last) == 0)
        return 0;
    memcpy(s->last, path, strlen(path) + 1);
    return realpath(path, real) ? home_add(s->into, real) : 0;
}

/* Calls `each` for the hashed names in `path`, until one fails. */
static int certdir_each(const char *path, int (*each)(void *arg, const char *dir, const char *name),
                        void *arg)
{
    DIR *dir = opendir(path);
    int result = 0;
    if (!dir)
        return -1;
    for (struct dirent *e; result == 0 && (e = readdir(dir));)
        if (name_is_hashed(e->d_name))
            result = each(arg, path, e->d_name);
    int error = errno;
    closedir(dir);
    errno = error;
    return result;
}

static int scan_each(void *arg, const char *dir, const char *name)
{
    return entry_scan((struct scan *)arg, dir, name);
}

int certdir_scan(struct certdir *ret, const char *path)
{
    char real[PATH_MAX];
    struct scan s = {.into = ret};
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

static int load_each(void *arg, const char *dir, const char *name)
{
    const struct loading *l = arg;
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    X509 *cert = X509_new_ex(l->context, NULL);
    if (cert && PEM_read_X509_AUX(f, &cert, NULL, NULL))
        X509_STORE_add_cert(l->store, cert);
    fclose(f);
    X509_free(cert);
    ERR_clear_error();
    return 0;
}

int certdir_load(X509_STORE *store, OSSL_LIB_CTX *context, const char *path)
{
    struct loading l = {store, context};
    return certdir_each(path, load_each, &l);
}
