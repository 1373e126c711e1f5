#include "config.h"

#include "fetch/trust.h"

#include <errno.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fetch/bundle.h"
#include "fetch/certdir.h"
#include "fetch/certfile.h"

enum {
    TRUST_DIRS_MAX = 32,
    PARSED_AT_ONCE = 8, /* certificates in a file of which the rest waits until a chain names it */
};

/* A directory that is looked into when a chain asks for it. */
struct trust_dir {
    char *path;
    bool scanned; /* `scan` says what is in it */
    struct certdir scan;
};

struct trust {
    OSSL_LIB_CTX *context;
    X509_STORE *store;
    struct bundle *bundle; /* a large file; NULL: none */
    struct trust_dir dirs[TRUST_DIRS_MAX];
    size_t dir_count;
};

/* Where a file or directory was named, for messages: "--cacert" or "SSL_CERT_FILE"; NULL for a default,
 * which may be missing. */
struct source {
    const char *option;
    const char *path;
};

/* Takes a file of many certificates as a source for the store. False: it is to be loaded. */
static bool trust_index_file(struct trust *t, const char *path)
{
    if (bundle_read(path, &t->bundle) < 0)
        return false;
    if (bundle_count(t->bundle) > PARSED_AT_ONCE && bundle_attach(t->bundle, t->store, t->context) == 0)
        return true;
    bundle_free(t->bundle);
    t->bundle = NULL;
    return false;
}

static int file_unreadable(struct source from, struct fetch_error *err)
{
    return error_set(err, ERROR_NONE, PHASE_NONE, "%s %s cannot be read: %s",
                     from.option ? from.option : "trust file", from.path, strerror(errno));
}

/* For a file that is damaged behind `count` certificates. */
static int file_damaged(struct source from, size_t count, struct fetch_error *err)
{
    char good[40] = "no certificate";
    if (count > 0)
        snprintf(good, sizeof good, "%zu certificate%s", count, count == 1 ? "" : "s");
    return error_set(
        err, ERROR_NONE, PHASE_NONE,
        "%s %s is damaged (%s can be read before that): get it anew, or take out what is damaged",
        from.option, from.path, good);
}

/* Loads all certificates of a file; of a default one, those that can be had. */
static int trust_load_all(struct trust *t, struct source from, struct fetch_error *err)
{
    size_t count;
    FILE *f = fopen(from.path, "re");
    if (!f)
        return from.option ? file_unreadable(from, err) : 0;
    int result = certfile_load(f, t->store, t->context, &count);
    fclose(f);
    if (!from.option || (result == 0 && count > 0))
        return 0;
    if (result < 0)
        return file_damaged(from, count, err);
    return error_set(err, ERROR_NONE, PHASE_NONE, "%s %s holds no certificate in PEM form", from.option,
                     from.path);
}

/* Loads a file of PEM certificates. */
static int trust_load_file(struct trust *t, struct source from, struct fetch_error *err)
{
    if (!from.option && access(from.path, R_OK) < 0)
        return 0;
    struct stat st;
    if (access(from.path, R_OK) < 0 || stat(from.path, &st) < 0)
        return file_unreadable(from, err);
    if (S_ISDIR(st.st_mode))
        return error_set(
            err, ERROR_NONE, PHASE_NONE,
            "%s %s is a directory; a directory of certificates is given by --capath or SSL_CERT_DIR",
            from.option ? from.option : "trust file", from.path);
    /* A FIFO can be opened only once: whoever writes there is gone then. */
    if (S_ISREG(st.st_mode) && trust_index_file(t, from.path))
        return 0;
    return trust_load_all(t, from, err);
}

static bool dir_scan(struct trust_dir *d)
{
    return d->scanned || (d->scanned = certdir_scan(&d->scan, d->path) == 0);
}

static void dir_free(struct trust_dir *d)
{
    if (d->scanned)
        certdir_free(&d->scan);
    free(d->path);
    *d = (struct trust_dir){0};
}

/* True if it can't be looked into later: an unprivileged worker could not read what this process can, or
 * OpenSSL would wait for the writer of a FIFO. */
static bool dir_wants_loading(struct trust_dir *d)
{
    return dir_scan(d) && (d->scan.waits || (geteuid() == 0 && !d->scan.readable));
}

/* One directory: to be looked into later, or loaded whole. 1, or 0 where a default isn't there. */
static int trust_add_dir(struct trust *t, const char *option, const char *path, struct fetch_error *err)
{
    struct stat st;
    bool there = stat(path, &st) == 0;
    if (!there || !S_ISDIR(st.st_mode)) {
        if (!option)
            return 0;
        return error_set(err, ERROR_NONE, PHASE_NONE, "%s %s: %s", option, path,
                         there ? "not a directory" : strerror(errno));
    }
    struct trust_dir d = {.path = strdup(path)};
    if (!d.path)
        return error_set(err, ERROR_NONE, PHASE_NONE, "out of memory");
    if (dir_wants_loading(&d)) {
        dir_free(&d);
        if (certdir_load(t->store, t->context, path) == 0)
            return 1;
        return error_set(err, ERROR_NONE, PHASE_NONE, "%s %s cannot be read: %s",
                         option ? option : "trust directory", path, strerror(errno));
    }
    if (t->dir_count == TRUST_DIRS_MAX) {
        dir_free(&d);
        return error_set(err, ERROR_NONE, PHASE_NONE, "more than %d directories of certificates",
                         TRUST_DIRS_MAX);
    }
    t->dirs[t->dir_count++] = d;
    X509_LOOKUP *lookup = X509_STORE_add_lookup(t->store, X509_LOOKUP_hash_dir());
    if (!lookup || !X509_LOOKUP_add_dir(lookup, path, X509_FILETYPE_PEM))
        return error_set(err, ERROR_NONE, PHASE_NONE, "out of memory");
    return 1;
}

/* A list of directories, with ':' between them. How many there are. */
static int trust_add_dirs(struct trust *t, struct source from, struct fetch_error *err)
{
    char *list = strdup(from.path), *save = NULL;
    int count = list ? 0 : error_set(err, ERROR_NONE, PHASE_NONE, "out of memory");
    for (char *p = list ? strtok_r(list, ":", &save) : NULL; p && count >= 0;
         p = strtok_r(NULL, ":", &save)) {
        int found = trust_add_dir(t, from.option, p, err);
        count = found < 0 ? -1 : count + found;
    }
    free(list);
    return count;
}

/* What an environment variable names, or else OpenSSL's default. */
static struct source source_system(const char *variable, const char *fallback, bool lenient)
{
    const char *value = secure_getenv(variable);
    if (value && *value)
        return (struct source){lenient ? NULL : variable, value};
    return (struct source){NULL, fallback};
}

static int trust_load(struct trust *t, const char *cacert, const char *capath, struct fetch_error *err)
{
    struct source file = {"--cacert", cacert}, dirs = {"--capath", capath};
    if (!cacert && !capath) {
        file = source_system(X509_get_default_cert_file_env(), X509_get_default_cert_file(), false);
        dirs = source_system(X509_get_default_cert_dir_env(), X509_get_default_cert_dir(), true);
    }
    if (file.path && trust_load_file(t, file, err) < 0)
        return -1;
    int found = dirs.path ? trust_add_dirs(t, dirs, err) : 0;
    /* The variable may name directories that this system doesn't have, but not such ones alone. */
    if (found == 0 && dirs.path && !file.option && dirs.path != X509_get_default_cert_dir())
        return error_set(err, ERROR_NONE, PHASE_NONE, "%s %s: no such directory",
                         X509_get_default_cert_dir_env(), dirs.path);
    return found < 0 ? -1 : 0;
}

int trust_new(OSSL_LIB_CTX *context, const char *cacert, const char *capath, struct trust **ret,
              struct fetch_error *err)
{
    struct trust *t = calloc(1, sizeof *t);
    if (t)
        t->store = X509_STORE_new();
    if (!t || !t->store) {
        trust_free(t);
        return error_set(err, ERROR_NONE, PHASE_NONE, "out of memory");
    }
    t->context = context;
    /* As curl does: what the user trusts need not be a root. */
    X509_STORE_set_flags(t->store, X509_V_FLAG_PARTIAL_CHAIN);
    if (trust_load(t, cacert, capath, err) < 0) {
        trust_free(t);
        return -1;
    }
    *ret = t;
    return 0;
}

void trust_free(struct trust *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->dir_count; i++)
        dir_free(&t->dirs[i]);
    X509_STORE_free(t->store);
    bundle_free(t->bundle);
    free(t);
}

X509_STORE *trust_store(const struct trust *t)
{
    return t->store;
}

/* Appends a copy of `path`, unless it is there; a NULL stays behind it. */
static int paths_add(char ***paths, size_t *count, const char *path)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp((*paths)[i], path) == 0)
            return 0;
    char **more = reallocarray(*paths, *count + 2, sizeof *more);
    if (!more)
        return -1;
    *paths = more;
    more[*count] = strdup(path);
    more[*count + 1] = NULL;
    return more[(*count)++] ? 0 : -1;
}

/* The directory itself and where its links lead. */
static int paths_add_dir(char ***paths, size_t *count, struct trust_dir *d)
{
    int result = paths_add(paths, count, d->path);
    if (result < 0 || !dir_scan(d))
        return result;
    for (size_t i = 0; i < d->scan.count && result == 0; i++)
        result = paths_add(paths, count, d->scan.homes[i]);
    return result;
}

char **trust_paths(struct trust *t)
{
    size_t count = 0;
    char **paths = calloc(1, sizeof *paths);
    for (size_t i = 0; paths && i < t->dir_count; i++)
        if (paths_add_dir(&paths, &count, &t->dirs[i]) < 0) {
            trust_paths_free(paths);
            return NULL;
        }
    return paths;
}

void trust_paths_free(char **paths)
{
    for (char **p = paths; p && *p; p++)
        free(*p);
    free(paths);
}
