#include "config.h"

#include "output/warc_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "base/buffer.h"
#include "output/warc_scan.h"

enum { GATHER = 256 * 1024, GZIP_LEVEL = 4, LOCK_TRIES = 20, LOCK_PAUSE_MS = 50 };

struct warc_file {
    char *path;  /* as given: the first of the files */
    size_t stem; /* bytes of it before the number */
    char *present;
    char *dir;
    uint64_t max_size;
    uint32_t number; /* 0: path itself */
    bool gzip, regular;
    bool unsynced, dir_unsynced;
    int fd;
    uint64_t size;    /* of whole groups */
    uint64_t written; /* bytes of the present group that are in the file */
    struct buffer out;
    z_stream z;
    bool z_ready, in_record;
    bool given_up; /* its reader was not waited for: it may have half a record */
    int wake_fd;   /* -1: none */
    bool (*wake)(void *arg);
    void *wake_arg;
};

static int fail(const char *path, struct fetch_error *err)
{
    return error_set(err, ERROR_OUTPUT, PHASE_NONE, "%s: %s", path, strerror(errno));
}

/* Names */

static bool ends_with(const char *s, size_t len, const char *end)
{
    size_t n = strlen(end);
    return len > n && strcmp(s + len - n, end) == 0;
}

static size_t stem_length(const char *path)
{
    static const char *const ends[] = {".warc.gz", ".warc", ".gz"};
    size_t len = strlen(path);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (ends_with(path, len, ends[i]))
            return len - strlen(ends[i]);
    return len;
}

/* The name of file `number`; NULL: no memory. */
static char *numbered(const struct warc_file *f, uint32_t number)
{
    char *name;
    if (number == 0)
        return strdup(f->path);
    return asprintf(&name, "%.*s-%05u%s", (int)f->stem, f->path, number, f->path + f->stem) < 0 ? NULL : name;
}

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
}

static bool exists(const struct warc_file *f, uint32_t number)
{
    char *name = numbered(f, number);
    bool there = name && access(name, F_OK) == 0;
    free(name);
    return there;
}

/* Opening */

/* A worker that was just forked when its run was killed holds the lock until it is gone, too. */
static int lock(const struct warc_file *f, struct fetch_error *err)
{
    for (int tries = 0; tries < LOCK_TRIES; tries++) {
        if (flock(f->fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            return 0;
        (void)poll(NULL, 0, LOCK_PAUSE_MS);
    }
    return error_set(err, ERROR_NONE, PHASE_NONE, "%s: another pfetch writes to it: name another for --warc",
                     f->present);
}

/* Opens the present file and changes nothing. `keep`: what it has will stay, but for a torn end; else it will
 * be emptied, or if it is a later one, must be new. */
static int open_present(struct warc_file *f, bool keep, struct fetch_error *err)
{
    struct stat st;
    f->size = f->written = 0;
    f->fd = open(f->present, O_RDWR | O_CREAT | O_CLOEXEC | (f->number && !keep ? O_EXCL : 0), 0666);
    if (f->fd < 0 || fstat(f->fd, &st) < 0)
        return fail(f->present, err);
    f->regular = S_ISREG(st.st_mode);
    f->dir_unsynced = f->unsynced = true;
    if (!f->regular)
        return keep ? error_set(err, ERROR_NONE, PHASE_NONE, "%s: is no regular file: --resume needs one",
                                f->present)
                    : 0;
    if (lock(f, err) < 0)
        return -1;
    return keep ? warc_scan(f->fd, f->gzip, f->present, &f->size, err) : 0;
}

int warc_file_start(struct warc_file *f, struct fetch_error *err)
{
    if (!f->regular)
        return 0;
    if (ftruncate(f->fd, (off_t)f->size) < 0 || lseek(f->fd, (off_t)f->size, SEEK_SET) < 0)
        return fail(f->present, err);
    return 0;
}

static int open_first(struct warc_file *f, bool resume, struct fetch_error *err)
{
    if (!resume && f->max_size && exists(f, 1)) {
        char *name = numbered(f, 1);
        error_set(err, ERROR_NONE, PHASE_NONE,
                  "%s: is there from an earlier run: move it away, or go on with --resume",
                  name ? name : f->path);
        free(name);
        return -1;
    }
    while (resume && exists(f, f->number + 1))
        f->number++;
    f->present = numbered(f, f->number);
    if (!f->present)
        return fail(f->path, err);
    return open_present(f, resume, err);
}

static int next_file(struct warc_file *f, struct fetch_error *err)
{
    char *name = numbered(f, f->number + 1);
    if (!name)
        return fail(f->path, err);
    if (warc_file_sync(f, err) < 0) {
        free(name);
        return -1;
    }
    close(f->fd);
    free(f->present);
    f->present = name;
    f->number++;
    return open_present(f, false, err) < 0 ? -1 : warc_file_start(f, err);
}

int warc_file_open(const char *path, uint64_t max_size, bool resume, struct warc_file **ret,
                   struct fetch_error *err)
{
    struct warc_file *f = calloc(1, sizeof *f);
    if (!f)
        return fail(path, err);
    f->fd = f->wake_fd = -1;
    f->max_size = max_size;
    buffer_init(&f->out, SIZE_MAX);
    f->path = strdup(path);
    f->dir = directory_of(path);
    f->stem = stem_length(path);
    f->gzip = ends_with(path, strlen(path), ".gz");
    if (!f->path || !f->dir) {
        errno = ENOMEM;
        fail(path, err);
        goto failed;
    }
    if (f->gzip && deflateInit2(&f->z, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        errno = ENOMEM;
        fail(path, err);
        goto failed;
    }
    f->z_ready = f->gzip;
    if (open_first(f, resume, err) < 0)
        goto failed;
    *ret = f;
    return 0;
failed:
    warc_file_close(f);
    return -1;
}

/* Appending */

void warc_file_wake(struct warc_file *f, int wake_fd, bool (*wake)(void *arg), void *arg)
{
    f->wake_fd = wake_fd;
    f->wake = wake;
    f->wake_arg = arg;
}

/* Waits until a pipe takes bytes, or shows an error, which the next write then gets. */
static int wait_writable(struct warc_file *f, struct fetch_error *err)
{
    struct pollfd fds[2] = {{.fd = f->fd, .events = POLLOUT}, {.fd = f->wake_fd, .events = POLLIN}};
    while (!f->given_up && !fds[0].revents) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return fail(f->present, err);
        f->given_up = fds[1].revents && f->wake(f->wake_arg) && !fds[0].revents;
    }
    return f->given_up ? error_set(err, ERROR_CANCELLED, PHASE_NONE,
                                   "%s: the run ended before it took all output", f->present)
                       : 0;
}

static int write_out(struct warc_file *f, struct fetch_error *err)
{
    size_t done = 0;
    while (done < f->out.len) {
        size_t len = f->out.len - done;
        if (!f->regular && wait_writable(f, err) < 0)
            return -1;
        if (!f->regular && len > PIPE_BUF)
            len = PIPE_BUF;
        ssize_t n = write(f->fd, f->out.data + done, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(f->present, err);
        done += (size_t)n;
        f->written += (uint64_t)n;
    }
    buffer_clear(&f->out);
    return 0;
}

static int no_memory(const struct warc_file *f, struct fetch_error *err)
{
    return error_set(err, ERROR_OUTPUT, PHASE_NONE, "%s: no memory for a record", f->present);
}

/* Compresses `len` bytes; `flush` is Z_FINISH for the member's end. */
static int compress_bytes(struct warc_file *f, const void *data, size_t len, int flush,
                          struct fetch_error *err)
{
    f->z.next_in = (z_const Bytef *)data;
    f->z.avail_in = (uInt)len; /* a piece: far below its range */
    for (;;) {
        if (buffer_reserve(&f->out, GATHER) < 0)
            return no_memory(f, err);
        size_t room = f->out.cap - f->out.len;
        f->z.next_out = f->out.data + f->out.len;
        f->z.avail_out = (uInt)room;
        int r = deflate(&f->z, flush);
        f->out.len += room - f->z.avail_out;
        if (f->out.len >= GATHER && write_out(f, err) < 0)
            return -1;
        if (r == Z_STREAM_END || (flush == Z_NO_FLUSH && f->z.avail_in == 0))
            return 0;
        if (r != Z_OK && r != Z_BUF_ERROR)
            return no_memory(f, err);
    }
}

int warc_file_begin(struct warc_file *f, struct fetch_error *err)
{
    warc_file_cancel(f);
    return f->max_size && f->size >= f->max_size ? next_file(f, err) : 0;
}

int warc_file_put(struct warc_file *f, const void *data, size_t len, struct fetch_error *err)
{
    const unsigned char *p = data;
    f->in_record = true;
    while (len) {
        size_t n = len < GATHER ? len : GATHER;
        if (f->gzip ? compress_bytes(f, p, n, Z_NO_FLUSH, err) < 0 : buffer_append(&f->out, p, n) < 0)
            return f->gzip ? -1 : no_memory(f, err);
        if (f->out.len >= GATHER && write_out(f, err) < 0)
            return -1;
        p += n;
        len -= n;
    }
    return 0;
}

int warc_file_end_record(struct warc_file *f, struct fetch_error *err)
{
    if (f->gzip && compress_bytes(f, NULL, 0, Z_FINISH, err) < 0)
        return -1;
    if (f->gzip && deflateReset(&f->z) != Z_OK)
        return no_memory(f, err);
    f->in_record = false;
    return 0;
}

int warc_file_commit(struct warc_file *f, struct fetch_error *err)
{
    if (write_out(f, err) < 0)
        return -1;
    f->size += f->written;
    f->written = 0;
    f->unsynced = true;
    return 0;
}

void warc_file_cancel(struct warc_file *f)
{
    buffer_clear(&f->out);
    if (f->in_record && f->z_ready)
        (void)deflateReset(&f->z);
    f->in_record = false;
    if (f->written && f->regular && ftruncate(f->fd, (off_t)f->size) == 0)
        (void)lseek(f->fd, (off_t)f->size, SEEK_SET);
    f->written = 0;
}

uint64_t warc_file_size(const struct warc_file *f)
{
    return f->size;
}

const char *warc_file_name(const struct warc_file *f)
{
    const char *slash = strrchr(f->present, '/');
    return slash ? slash + 1 : f->present;
}

const char *warc_file_dir(const struct warc_file *f)
{
    return f->dir;
}

int warc_file_sync(struct warc_file *f, struct fetch_error *err)
{
    if (!f->regular || !f->unsynced)
        return 0;
    if (fdatasync(f->fd) < 0)
        return fail(f->present, err);
    f->unsynced = false;
    if (!f->dir_unsynced)
        return 0;
    int dir = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0) {
        if (fsync(dir) < 0 && errno != EINVAL) {
            close(dir);
            return fail(f->dir, err);
        }
        close(dir);
    }
    f->dir_unsynced = false;
    return 0;
}

void warc_file_close(struct warc_file *f)
{
    if (!f)
        return;
    if (f->fd >= 0) {
        warc_file_cancel(f);
        close(f->fd);
    }
    if (f->z_ready)
        deflateEnd(&f->z);
    buffer_free(&f->out);
    free(f->path);
    free(f->present);
    free(f->dir);
    free(f);
}
