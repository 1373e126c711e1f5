#include "config.h"

#include "output/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/buffer.h"

enum { GATHER = 64 * 1024, MEMORY_DEVICES = 1 };

/* How bytes get into the descriptor without a wait outside of poll. */
enum way {
    WAY_PLAIN,  /* a regular file, /dev/null: write does not wait for a reader */
    WAY_NOWAIT, /* a pipe or terminal opened anew with O_NONBLOCK: the shared description keeps its flags */
    WAY_PIECES, /* one that could not be opened anew: at most PIPE_BUF bytes after poll */
    WAY_SOCKET  /* MSG_DONTWAIT */
};

struct writer {
    struct writer_options options;
    char *name;
    enum way way;
    int fd; /* options.fd, or its own for WAY_NOWAIT */
    struct buffer gathered;
    uint64_t written;
    bool broken_pipe;
    bool failed;
    struct fetch_error failure;
};

/* Which way a descriptor takes */

/* The same pipe or terminal with flags of its own; -1 where that can't be (no /proc, another user's). */
static int open_anew(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_DIRECT)) /* packet mode would be lost */
        return -1;
    char path[sizeof "/proc/self/fd/-2147483648"];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int anew = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (anew < 0)
        return -1;
    struct stat a, b;
    if (fstat(fd, &a) < 0 || fstat(anew, &b) < 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino) {
        close(anew);
        return -1;
    }
    return anew;
}

static void choose_way(struct writer *w)
{
    struct stat st;
    w->fd = w->options.fd;
    w->way = WAY_PIECES;
    if (fstat(w->fd, &st) < 0)
        return;
    if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) ||
        (S_ISCHR(st.st_mode) && major(st.st_rdev) == MEMORY_DEVICES)) {
        w->way = WAY_PLAIN;
    } else if (S_ISSOCK(st.st_mode)) {
        w->way = WAY_SOCKET;
    } else {
        int anew = open_anew(w->fd);
        if (anew >= 0) {
            w->fd = anew;
            w->way = WAY_NOWAIT;
        }
    }
}

struct writer *writer_new(const struct writer_options *options)
{
    struct writer *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->name = strdup(options->name);
    if (!w->name) {
        free(w);
        return NULL;
    }
    w->options = *options;
    buffer_init(&w->gathered, GATHER);
    choose_way(w);
    return w;
}

/* Writing */

static int fail(struct writer *w, int error, struct fetch_error *err)
{
    w->failed = true;
    w->broken_pipe = error == EPIPE;
    error_set(&w->failure, ERROR_OUTPUT, PHASE_NONE, "%s: %s", w->name, strerror(error));
    *err = w->failure;
    return -1;
}

static int cancelled(struct writer *w, struct fetch_error *err)
{
    w->failed = true;
    error_set(&w->failure, ERROR_CANCELLED, PHASE_NONE, "%s: the run ended before it took all output",
              w->name);
    *err = w->failure;
    return -1;
}

/* Waits until the descriptor takes bytes (or shows an error, which the next write then gets). */
static int wait_writable(struct writer *w, struct fetch_error *err)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = w->fd, .events = POLLOUT},
                                {.fd = w->options.wake_fd, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return fail(w, errno, err);
        }
        if (fds[1].revents && w->options.wake && w->options.wake(w->options.arg))
            return cancelled(w, err);
        if (fds[0].revents & POLLNVAL)
            return fail(w, EBADF, err);
        if (fds[0].revents)
            return 0;
    }
}

/* One write; how many bytes it took, or -1 with errno. */
static ssize_t write_some(struct writer *w, const unsigned char *data, size_t len)
{
    switch (w->way) {
    case WAY_SOCKET:
        return send(w->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    case WAY_PIECES:
        return write(w->fd, data, len < PIPE_BUF ? len : PIPE_BUF);
    default:
        return write(w->fd, data, len);
    }
}

static int write_pieces(struct writer *w, const unsigned char *data, size_t len, struct fetch_error *err)
{
    while (len) {
        if (w->way == WAY_PIECES && wait_writable(w, err) < 0)
            return -1;
        ssize_t n = write_some(w, data, len);
        if (n >= 0) {
            data += n;
            len -= (size_t)n;
            w->written += (uint64_t)n;
        } else if (errno == EAGAIN) {
            if (wait_writable(w, err) < 0)
                return -1;
        } else if (errno != EINTR) {
            return fail(w, errno, err);
        }
    }
    return 0;
}

static int write_all(struct writer *w, const unsigned char *data, size_t len, struct fetch_error *err)
{
    if (len == 0)
        return 0;
    bool seen = w->options.writing && w->way != WAY_PLAIN;
    if (seen)
        w->options.writing(w->options.arg, true);
    int r = write_pieces(w, data, len, err);
    if (seen)
        w->options.writing(w->options.arg, false);
    return r;
}

static int write_gathered(struct writer *w, struct fetch_error *err)
{
    uint64_t before = w->written;
    int r = write_all(w, w->gathered.data, w->gathered.len, err);
    buffer_consume(&w->gathered, (size_t)(w->written - before));
    return r;
}

int writer_put(struct writer *w, const void *data, size_t len, struct fetch_error *err)
{
    if (w->failed) {
        *err = w->failure;
        return -1;
    }
    bool direct = len >= GATHER / 2;
    if ((direct || len > GATHER - w->gathered.len) && write_gathered(w, err) < 0)
        return -1;
    if (direct)
        return write_all(w, data, len, err);
    if (buffer_append(&w->gathered, data, len) < 0)
        return fail(w, ENOMEM, err);
    return 0;
}

int writer_flush(struct writer *w, bool sync, struct fetch_error *err)
{
    if (w->failed) {
        *err = w->failure;
        return -1;
    }
    if (write_gathered(w, err) < 0)
        return -1;
    if (sync && w->way == WAY_PLAIN && fdatasync(w->fd) < 0 && errno != EINVAL && errno != EROFS &&
        errno != ENOTSUP)
        return fail(w, errno, err);
    return 0;
}

uint64_t writer_taken(const struct writer *w)
{
    return w->written + w->gathered.len;
}

uint64_t writer_written(const struct writer *w)
{
    return w->written;
}

bool writer_broken_pipe(const struct writer *w)
{
    return w->broken_pipe;
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    if (w->fd != w->options.fd)
        close(w->fd);
    if (w->options.owned)
        close(w->options.fd);
    buffer_free(&w->gathered);
    free(w->name);
    free(w);
}
