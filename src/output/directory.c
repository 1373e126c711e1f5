#include "config.h"

#include "output/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/sha.h>

#include "output/directory_run.h"

enum { TELLING_MAX = 120, DIGEST_BYTES = 16, RECENT = 1024, FULL_NAME = DIRECTORY_NAME_MAX + 16 };

struct recent { /* where the search for a free ~N goes on */
    uint64_t name_hash;
    uint32_t next;
};

struct directory {
    char *path;
    bool keep, sync;
    int fd;
    struct directory_run run;
    bool changed;             /* since the directory was last synced */
    uint64_t files;           /* temporary names given out */
    char name[FULL_NAME + 1]; /* what report->file points to */
    struct recent recent[RECENT];
};

struct file { /* a target's context */
    int fd;   /* -1: nothing written yet */
    uint64_t number;
    uint32_t occurrence;
};

/* Names */

static bool is_plain(unsigned char c, bool upper)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           (upper && c >= 'A' && c <= 'Z');
}

/* True for a target that can be its own file's name. */
static bool names_itself(struct span t)
{
    if (t.len == 0 || t.len > DIRECTORY_NAME_MAX || !is_plain(t.data[0], false) || t.data[0] == '.' ||
        t.data[0] == '-')
        return false;
    for (size_t i = 0; i < t.len; i++)
        if (!is_plain(t.data[i], false) && t.data[i] != '_')
            return false;
    return true;
}

static struct span without_scheme(struct span t)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < 2; i++) {
        struct span s = span_of(schemes[i]);
        if (t.len >= s.len && span_equal_nocase(span_make(t.data, s.len), s))
            return span_make(t.data + s.len, t.len - s.len);
    }
    return t;
}

void directory_name(char ret_name[DIRECTORY_NAME_MAX + 1], struct span target)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    size_t n = 0;
    if (names_itself(target)) {
        memcpy(ret_name, target.data, target.len);
        ret_name[target.len] = 0;
        return;
    }
    struct span t = without_scheme(target);
    for (size_t i = 0; i < t.len && n < TELLING_MAX; i++) {
        unsigned char c = t.data[i];
        bool first = (n == 0 || (n == 1 && ret_name[0] == '_')) && (c == '.' || c == '-');
        if (is_plain(c, true) && !first)
            ret_name[n++] = (char)c;
        else if (n == 0 || ret_name[n - 1] != '_')
            ret_name[n++] = '_';
    }
    SHA256(target.data, target.len, digest);
    ret_name[n++] = '~';
    for (size_t i = 0; i < DIGEST_BYTES; i++, n += 2)
        snprintf(ret_name + n, 3, "%02x", digest[i]);
}

/* The sink's own */

static int fail(const struct directory *d, const char *name, struct fetch_error *err)
{
    int error = errno;
    return error_set(err, ERROR_OUTPUT, PHASE_NONE, "%s%s%s: %s", d->path, name ? "/" : "", name ? name : "",
                     strerror(error));
}

static void directory_free(struct directory *d)
{
    directory_run_leave(&d->run);
    if (d->fd >= 0)
        close(d->fd);
    free(d->path);
    free(d);
}

void *directory_sink_new(const struct directory_options *options, struct fetch_error *err)
{
    struct directory *d = calloc(1, sizeof *d);
    char *path = strdup(options->path);
    if (!d || !path) {
        error_set(err, ERROR_OUTPUT, PHASE_NONE, "%s: no memory", options->path);
        free(path);
        free(d);
        return NULL;
    }
    d->path = path;
    d->run.lock = -1;
    d->sync = options->sync;
    if (mkdir(d->path, 0777) < 0 && errno != EEXIST) {
        d->fd = -1;
        goto failed;
    }
    d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->fd < 0 || directory_run_enter(&d->run, d->fd) < 0)
        goto failed;
    d->keep = options->keep || d->run.others;
    return d;
failed:
    fail(d, NULL, err);
    directory_free(d);
    return NULL;
}

static int directory_begin(void *sink, const struct sink_target *target, void **ret_context,
                           struct fetch_error *err)
{
    struct directory *d = sink;
    struct file *f = malloc(sizeof *f);
    if (!f)
        return error_set(err, ERROR_OUTPUT, PHASE_NONE, "%s: no memory", d->path);
    *f = (struct file){.fd = -1, .occurrence = target->occurrence};
    *ret_context = f;
    return 0;
}

static int open_temporary(struct directory *d, struct file *f, struct fetch_error *err)
{
    char name[DIRECTORY_RUN_NAME];
    directory_run_temporary(&d->run, ++d->files, name);
    f->fd = openat(d->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (f->fd < 0) /* what has the name is not ours to remove */
        return fail(d, name, err);
    f->number = d->files;
    return 0;
}

static int fail_temporary(const struct directory *d, const struct file *f, struct fetch_error *err)
{
    char name[DIRECTORY_RUN_NAME];
    int error = errno;
    directory_run_temporary(&d->run, f->number, name);
    errno = error;
    return fail(d, name, err);
}

static int directory_body(void *sink, void *context, const void *data, size_t len, struct fetch_error *err)
{
    struct directory *d = sink;
    struct file *f = context;
    const unsigned char *p = data;
    if (f->fd < 0 && open_temporary(d, f, err) < 0)
        return -1;
    while (len) {
        ssize_t n = write(f->fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_temporary(d, f, err);
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Giving the file its name */

/* As rename, but not over a file that is there (EEXIST). */
static int rename_new(int dir, const char *from, const char *to)
{
    if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (linkat(dir, from, dir, to, 0) < 0)
        return -1;
    return unlinkat(dir, from, 0);
}

/* True if `name` may be replaced: it is older than the run. */
static bool is_of_before(const struct directory *d, const char *name)
{
    struct stat st;
    const struct timespec *b = &d->run.before;
    if (d->keep || fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return false;
    return st.st_ctim.tv_sec < b->tv_sec ||
           (st.st_ctim.tv_sec == b->tv_sec && st.st_ctim.tv_nsec < b->tv_nsec);
}

/* Should the clock step back, this run's files stay newer than its beginning. */
static void note_time(struct directory *d, const char *name)
{
    struct stat st;
    struct timespec *b = &d->run.before;
    if (fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        (st.st_ctim.tv_sec < b->tv_sec ||
         (st.st_ctim.tv_sec == b->tv_sec && st.st_ctim.tv_nsec < b->tv_nsec)))
        *b = st.st_ctim;
}

static void put_name(struct directory *d, const char *base, uint32_t occurrence)
{
    if (occurrence < 2)
        snprintf(d->name, sizeof d->name, "%s", base);
    else
        snprintf(d->name, sizeof d->name, "%s~%u", base, occurrence);
}

static uint64_t name_hash(const char *name)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a: a miss only costs a longer search */
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return h;
}

/* The first free name of `base`, base~2 …; d->name is then set. 0, or -1 with errno. */
static int take_free_name(struct directory *d, const char *temporary, const char *base)
{
    uint64_t hash = name_hash(base);
    struct recent *r = &d->recent[hash % RECENT];
    uint32_t n = r->name_hash == hash && r->next ? r->next : 1;
    for (; n < UINT32_MAX; n++) {
        put_name(d, base, n);
        if (rename_new(d->fd, temporary, d->name) == 0)
            break;
        if (errno != EEXIST)
            return -1;
        if (is_of_before(d, d->name)) {
            if (renameat(d->fd, temporary, d->fd, d->name) < 0)
                return -1;
            break;
        }
    }
    *r = (struct recent){hash, n + 1};
    return 0;
}

static int place(struct directory *d, const struct file *f, struct span target)
{
    char base[DIRECTORY_NAME_MAX + 1], temporary[DIRECTORY_RUN_NAME];
    directory_name(base, target);
    directory_run_temporary(&d->run, f->number, temporary);
    put_name(d, base, f->occurrence);
    if (f->occurrence ? renameat(d->fd, temporary, d->fd, d->name) < 0
                      : take_free_name(d, temporary, base) < 0)
        return -1;
    if (!f->occurrence)
        note_time(d, d->name);
    d->changed = true;
    return 0;
}

static void discard(struct directory *d, struct file *f)
{
    char name[DIRECTORY_RUN_NAME];
    if (!f)
        return;
    if (f->number) {
        directory_run_temporary(&d->run, f->number, name);
        unlinkat(d->fd, name, 0);
    }
    if (f->fd >= 0)
        close(f->fd);
    free(f);
}

/* All of it written (and on disk), then named. */
static int complete(struct directory *d, struct file *f, struct report *report, struct fetch_error *err)
{
    if (f->fd < 0 && open_temporary(d, f, err) < 0)
        return -1;
    if (d->sync && fsync(f->fd) < 0)
        return fail_temporary(d, f, err);
    int closed = close(f->fd);
    f->fd = -1;
    if (closed < 0 && errno != EINTR)
        return fail_temporary(d, f, err);
    if (place(d, f, report->target) < 0)
        return fail(d, d->name, err);
    f->number = 0;
    report->file = d->name;
    return 0;
}

static int directory_end(void *sink, void *context, struct report *report, bool final,
                         struct spool_slot *slot, struct fetch_error *err)
{
    struct directory *d = sink;
    struct file *f = context;
    (void) final, (void)slot;
    report->file = NULL;
    int r = f && report->error.kind == ERROR_NONE ? complete(d, f, report, err) : 0;
    discard(d, f);
    return r;
}

static void directory_abandon(void *sink, void *context)
{
    discard(sink, context);
}

static int directory_flush(void *sink, bool sync, struct fetch_error *err)
{
    struct directory *d = sink;
    if (!sync || !d->changed)
        return 0;
    if (fsync(d->fd) < 0 && errno != EINVAL)
        return fail(d, NULL, err);
    d->changed = false;
    return 0;
}

static int directory_close(void *sink, struct fetch_error *err)
{
    (void)err;
    directory_free(sink);
    return 0;
}

const struct sink_type directory_sink = {
    .name = "directory",
    .wants_body = true,
    .begin = directory_begin,
    .hop = sink_no_head,
    .head = sink_no_head,
    .body = directory_body,
    .wire = sink_no_data,
    .end = directory_end,
    .abandon = directory_abandon,
    .flush = directory_flush,
    .close = directory_close,
};
