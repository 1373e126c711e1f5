/* The journal as a file: opening, appending, reading it whole. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "output/joblog.h"

static const char magic[] = "# pfetch joblog 1\n";
static const char header[] =
    "# pfetch joblog 1\n# start\tseconds\tstatus\tbytes\terror\texit\toccurrence\ttarget\tcrc32\n";

enum {
    MAGIC_LEN = sizeof magic - 1,
    HEADER_LEN = sizeof header - 1,
    READ_CHUNK = 128 * 1024,
    OPEN_TRIES = 8
};

struct joblog {
    int fd;
    bool regular;
    off_t size; /* regular: bytes that hold, whatever a failed write left behind them */
    char *path;
    struct buffer line;
};

static int refuse(const char *path, const char *why, struct fetch_error *err)
{
    return error_set(err, ERROR_NONE, PHASE_NONE, "%s: %s", path, why);
}

static int unwritable(const char *path, struct fetch_error *err)
{
    return error_set(err, ERROR_OUTPUT, PHASE_NONE, "%s: %s", path, strerror(errno));
}

static ssize_t read_at(int fd, void *data, size_t len, off_t at)
{
    ssize_t n;
    do
        n = pread(fd, data, len, at);
    while (n < 0 && errno == EINTR);
    return n;
}

enum what { FRESH, JOURNAL, FOREIGN };

/* What a file is, by its first bytes. A run killed while it wrote the header leaves a part of it: as good as
 * empty. */
static enum what recognise(int fd)
{
    char start[HEADER_LEN];
    ssize_t n = read_at(fd, start, sizeof start, 0);
    if (n < 0)
        return FOREIGN;
    if (n >= MAGIC_LEN)
        return memcmp(start, magic, MAGIC_LEN) == 0 ? JOURNAL : FOREIGN;
    return memcmp(start, magic, (size_t)n) == 0 ? FRESH : FOREIGN;
}

static const char no_journal[] =
    "is no pfetch journal (and was left as it is); name another file for --joblog";
static const char another[] = "another process writes this journal; wait for its end, or write another name";

/* Appending. */

/* Writes all of it with one call, or nothing of it stays. */
static int append(struct joblog *j, const void *data, size_t len, bool sync, struct fetch_error *err)
{
    ssize_t n;
    do
        n = write(j->fd, data, len);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return unwritable(j->path, err);
    if ((size_t)n < len) {
        errno = ENOSPC;
        unwritable(j->path, err);
        /* Should this fail too, the torn line is recognised by its checksum. */
        int cut = j->regular ? ftruncate(j->fd, j->size) : 0;
        (void)cut;
        return -1;
    }
    j->size += (off_t)len;
    return sync && j->regular && fdatasync(j->fd) < 0 ? unwritable(j->path, err) : 0;
}

/* Where the last line begins (behind the last newline); -1: it can't be read. */
static off_t find_tail(int fd, off_t size)
{
    unsigned char chunk[4096];
    for (off_t end = size; end > 0;) {
        size_t len = end < (off_t)sizeof chunk ? (size_t)end : sizeof chunk;
        ssize_t n = read_at(fd, chunk, len, end - (off_t)len);
        if (n != (ssize_t)len)
            return -1;
        const unsigned char *newline = memrchr(chunk, '\n', len);
        if (newline)
            return end - (off_t)len + (newline - chunk) + 1;
        end -= (off_t)len;
    }
    return 0;
}

/* True if the last line, without a newline, is whole all the same. */
static bool tail_is_whole(int fd, off_t from, off_t size)
{
    struct buffer target;
    struct joblog_entry entry;
    size_t len = (size_t)(size - from);
    bool whole = false;
    if (len > JOBLOG_LINE_MAX)
        return false;
    unsigned char *line = malloc(len);
    buffer_init(&target, JOBLOG_LINE_MAX);
    if (line && read_at(fd, line, len, from) == (ssize_t)len)
        whole = joblog_get(span_make(line, len), &target, &entry) == JOBLOG_ENTRY;
    free(line);
    buffer_free(&target);
    return whole;
}

/* Makes the journal end with a newline: by one, or by cutting a torn line. */
static int mend_tail(struct joblog *j, struct fetch_error *err)
{
    off_t tail = find_tail(j->fd, j->size);
    if (tail < 0)
        return unwritable(j->path, err);
    if (tail == j->size)
        return 0;
    if (tail_is_whole(j->fd, tail, j->size))
        return append(j, "\n", 1, false, err);
    if (ftruncate(j->fd, tail) < 0)
        return unwritable(j->path, err);
    j->size = tail;
    return 0;
}

/* One writer at a time: two would journal the same targets. Children don't inherit this kind of lock; the
 * process loses it when it closes any descriptor of the file. */
static int lock(struct joblog *j, struct fetch_error *err)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(j->fd, F_SETLK, &whole) == 0 || (errno != EACCES && errno != EAGAIN))
        return 0;
    return refuse(j->path, another, err);
}

/* Keeps the journal that is there as PATH~, and begins a new one at PATH. */
static int set_aside(struct joblog *j, struct fetch_error *err)
{
    char *old = NULL, *real = realpath(j->path, NULL);
    int result = -1, fd = -1;
    if (!real || asprintf(&old, "%s~", real) < 0) {
        old = NULL;
        unwritable(j->path, err);
        goto out;
    }
    if (rename(real, old) < 0 ||
        (fd = open(real, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666)) < 0) {
        unwritable(j->path, err);
        goto out;
    }
    close(j->fd);
    j->fd = fd;
    j->size = 0;
    result = lock(j, err);
out:
    free(real);
    free(old);
    return result;
}

/* Makes an existing file fit to be appended to. */
static int take_up(struct joblog *j, bool resume, struct fetch_error *err)
{
    switch (recognise(j->fd)) {
    case FOREIGN:
        return refuse(j->path, no_journal, err);
    case FRESH:
        if (j->size && ftruncate(j->fd, 0) < 0)
            return unwritable(j->path, err);
        j->size = 0;
        break;
    case JOURNAL:
        if (resume)
            return mend_tail(j, err);
        if (j->size > HEADER_LEN)
            return set_aside(j, err) < 0 ? -1 : append(j, header, HEADER_LEN, false, err);
        return mend_tail(j, err);
    }
    return append(j, header, HEADER_LEN, false, err);
}

/* True if the file that was opened is the one that has the name: while its lock was waited for, another run
 * may have set it aside. */
static bool is_named(const struct joblog *j)
{
    struct stat here, there;
    return fstat(j->fd, &here) < 0 || stat(j->path, &there) < 0 ||
           (here.st_dev == there.st_dev && here.st_ino == there.st_ino);
}

/* Opens the file and locks it, if it is one. */
static int open_locked(struct joblog *j, struct stat *ret_st, struct fetch_error *err)
{
    for (int i = 0; i < OPEN_TRIES; i++) {
        if (j->fd >= 0)
            close(j->fd);
        j->fd = open(j->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
        if (j->fd < 0 || fstat(j->fd, ret_st) < 0)
            return unwritable(j->path, err);
        if (S_ISREG(ret_st->st_mode) && lock(j, err) < 0)
            return -1;
        if (fstat(j->fd, ret_st) == 0 && is_named(j))
            return 0;
    }
    return refuse(j->path, another, err);
}

static int open_file(struct joblog *j, bool resume, struct fetch_error *err)
{
    struct stat st = {0};
    if (open_locked(j, &st, err) < 0)
        return -1;
    j->regular = S_ISREG(st.st_mode);
    j->size = st.st_size;
    if (j->regular)
        return take_up(j, resume, err);
    if (resume || S_ISDIR(st.st_mode))
        return refuse(j->path, no_journal, err);
    j->size = 0;
    return append(j, header, HEADER_LEN, false, err);
}

int joblog_open(const char *path, bool resume, struct joblog **ret, struct fetch_error *err)
{
    struct joblog *j = calloc(1, sizeof *j);
    if (!j || !(j->path = strdup(path))) {
        free(j);
        return refuse(path, strerror(ENOMEM), err);
    }
    j->fd = -1;
    buffer_init(&j->line, JOBLOG_LINE_MAX);
    if (open_file(j, resume, err) < 0) {
        struct fetch_error ignored;
        joblog_close(j, &ignored);
        return -1;
    }
    *ret = j;
    return 0;
}

int joblog_write(struct joblog *j, const struct report *report, uint32_t occurrence, bool sync,
                 struct fetch_error *err)
{
    buffer_clear(&j->line);
    if (joblog_put(&j->line, report, occurrence) < 0)
        return unwritable(j->path, err);
    return append(j, j->line.data, j->line.len, sync, err);
}

bool joblog_may_wait(const struct joblog *j)
{
    return !j->regular;
}

int joblog_close(struct joblog *j, struct fetch_error *err)
{
    int result = 0;
    if (!j)
        return 0;
    if (j->fd >= 0 && close(j->fd) < 0 && errno != EINTR)
        result = unwritable(j->path, err);
    buffer_free(&j->line);
    free(j->path);
    free(j);
    return result;
}

/* Reading. */

struct scan {
    const struct joblog_reader *reader;
    struct buffer target;
    unsigned char *chunk;
    size_t used;    /* bytes of the chunk that are not read yet */
    bool too_long;  /* the line began in an earlier chunk and is longer than any */
    uint64_t lines; /* whole ones so far */
};

static void scan_line(struct scan *s, struct span line, bool last)
{
    struct joblog_entry entry;
    s->lines++;
    enum joblog_line kind = s->too_long ? JOBLOG_DAMAGED : joblog_get(line, &s->target, &entry);
    if (kind == JOBLOG_ENTRY)
        s->reader->entry(s->reader->arg, &entry);
    else if (kind == JOBLOG_DAMAGED && !last)
        s->reader->damaged(s->reader->arg, s->lines);
    s->too_long = false;
}

/* Reads the whole lines in the chunk and moves the rest to its front. */
static void scan_chunk(struct scan *s)
{
    size_t at = 0;
    const unsigned char *newline;
    while (at < s->used && (newline = memchr(s->chunk + at, '\n', s->used - at))) {
        size_t end = (size_t)(newline - s->chunk);
        scan_line(s, span_make(s->chunk + at, end - at), false);
        at = end + 1;
    }
    s->used -= at;
    memmove(s->chunk, s->chunk + at, s->used);
    if (s->used == READ_CHUNK || s->too_long) {
        s->too_long = true;
        s->used = 0;
    }
}

static int scan_file(int fd, struct scan *s)
{
    off_t at = 0;
    ssize_t n;
    while ((n = read_at(fd, s->chunk + s->used, READ_CHUNK - s->used, at)) > 0) {
        at += n;
        s->used += (size_t)n;
        scan_chunk(s);
    }
    if (n == 0 && s->used && !s->too_long)
        scan_line(s, span_make(s->chunk, s->used), true);
    return n < 0 ? -1 : 0;
}

static int read_file(int fd, const char *path, const struct joblog_reader *reader, struct fetch_error *err)
{
    struct scan s = {.reader = reader};
    struct stat st;
    int result = -1;
    buffer_init(&s.target, JOBLOG_LINE_MAX);
    s.chunk = malloc(READ_CHUNK);
    if (!s.chunk)
        refuse(path, strerror(ENOMEM), err);
    else if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || recognise(fd) == FOREIGN)
        refuse(path, no_journal, err);
    else if (scan_file(fd, &s) < 0)
        refuse(path, strerror(errno), err);
    else
        result = 0;
    free(s.chunk);
    buffer_free(&s.target);
    return result;
}

int joblog_read(const char *path, const struct joblog_reader *reader, struct fetch_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? 0 : refuse(path, strerror(errno), err);
    int result = read_file(fd, path, reader, err);
    close(fd);
    return result;
}

int joblog_read_open(const struct joblog *j, const struct joblog_reader *reader, struct fetch_error *err)
{
    return read_file(j->fd, j->path, reader, err);
}
