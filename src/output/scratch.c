#include "config.h"

#include "output/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECE = 128 * 1024 };

static int fail(const char *what, struct fetch_error *err)
{
    return error_set(err, ERROR_OUTPUT, PHASE_NONE, "temporary file%s%s: %s", what ? " in " : "",
                     what ? what : "", strerror(errno));
}

/* For file systems without O_TMPFILE: a name that is there for a moment only. */
static int open_and_unlink(const char *dir)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/.pfetch-XXXXXX", dir);
    if (n < 0 || (size_t)n >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static int open_in(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
        fd = open_and_unlink(dir);
    return fd;
}

int scratch_open(const char *dir, struct fetch_error *err)
{
    const char *env = getenv("TMPDIR");
    const char *const places[] = {dir ? dir : env, dir ? NULL : "/var/tmp", dir ? NULL : "/tmp"};
    const char *last = NULL;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (!places[i] || !*places[i])
            continue;
        last = places[i];
        int fd = open_in(last);
        if (fd >= 0)
            return fd;
    }
    return fail(last, err);
}

int scratch_write(int fd, uint64_t offset, const void *data, size_t len, struct fetch_error *err)
{
    const unsigned char *p = data;
    while (len) {
        ssize_t n = pwrite(fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(NULL, err);
        p += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

int scratch_read(int fd, uint64_t len,
                 int (*take)(void *arg, const void *data, size_t size, struct fetch_error *err), void *arg,
                 struct fetch_error *err)
{
    unsigned char *piece = malloc(PIECE);
    int r = piece ? 0 : fail(NULL, err);
    uint64_t at = 0;
    while (r == 0 && at < len) {
        ssize_t n = pread(fd, piece, len - at < PIECE ? (size_t)(len - at) : PIECE, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (n == 0)
                errno = EIO;
            r = fail(NULL, err);
            break;
        }
        at += (uint64_t)n;
        r = take(arg, piece, (size_t)n, err);
    }
    free(piece);
    return r;
}
