#include "input.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/nofork.h"
#include "line.h"

enum { INPUT_BLOCK = 65536 };

static const unsigned char BOM[] = {0xEF, 0xBB, 0xBF};

enum input_state {
    INPUT_BEGUN,   /* the next bytes may be a byte order mark */
    INPUT_READING, /* past that */
    INPUT_ENDED,
    INPUT_BROKEN
};

struct input {
    char *const *operands;
    size_t operand_count, operand_next;

    int fd;
    bool owned, waits; /* closed at the end; can be polled */
    char *name;        /* NULL: operands */
    enum input_state state;
    size_t bom;          /* bytes of the mark seen */
    size_t pos, end;     /* what of `block` is not taken yet */
    uint64_t start, got; /* the descriptor's offset at the beginning; bytes read */
    int64_t size;        /* of a regular file, else -1 */

    uint64_t index; /* of the last line that counted */
    struct line line;
    struct line_text text;
    unsigned char block[INPUT_BLOCK];
};

static struct input *input_new(bool plain)
{
    struct input *in = nofork_map(sizeof *in); /* its pages are touched as they are used */
    if (!in)
        return NULL;
    line_init(&in->line, plain);
    in->fd = -1;
    in->size = -1;
    return in;
}

struct input *input_from_operands(char *const *operands, size_t count)
{
    struct input *in = input_new(true);
    if (!in)
        return NULL;
    in->operands = operands;
    in->operand_count = count;
    in->size = (int64_t)count;
    return in;
}

/* What epoll refuses (regular files, /dev/null) never waits. */
static bool can_wait(int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        return true;
    bool r = epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 || errno != EPERM;
    close(epoll);
    return r;
}

struct input *input_from_fd(int fd, bool owned, const char *name)
{
    struct stat st;
    struct input *in = input_new(false);
    if (!in)
        return NULL;
    in->name = strdup(name);
    if (!in->name) {
        nofork_unmap(in, sizeof *in);
        return NULL;
    }
    in->fd = fd;
    in->owned = owned;
    in->waits = can_wait(fd);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        off_t at = lseek(fd, 0, SEEK_CUR);
        in->start = at > 0 ? (uint64_t)at : 0;
        in->size = st.st_size;
    }
    return in;
}

void input_free(struct input *in)
{
    if (!in)
        return;
    if (in->owned)
        close(in->fd);
    line_free(&in->line);
    free(in->name);
    nofork_unmap(in, sizeof *in);
}

/* Reading. */

enum fill { FILL_SOME, FILL_END, FILL_NONE_YET, FILL_FAILED };

static enum fill read_failed(const struct input *in, struct fetch_error *err)
{
    error_set(err, ERROR_NONE, PHASE_NONE, "cannot read %s: %s", in->name, strerror(errno));
    return FILL_FAILED;
}

/* One read, once poll says that there is something; `wait` for that. */
static enum fill fill(struct input *in, bool wait, struct fetch_error *err)
{
    struct pollfd p = {.fd = in->fd, .events = POLLIN};
    for (;;) {
        int ready = in->waits ? poll(&p, 1, wait ? -1 : 0) : 1;
        if (ready == 0)
            return FILL_NONE_YET;
        ssize_t n = ready < 0 ? -1 : read(in->fd, in->block, sizeof in->block);
        if (n >= 0) {
            in->pos = 0;
            in->end = (size_t)n;
            in->got += (uint64_t)n;
            return n ? FILL_SOME : FILL_END;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return read_failed(in, err);
        in->waits = true; /* somebody made it non-blocking, and another reader was quicker */
        if (!wait)
            return FILL_NONE_YET;
    }
}

/* Takes a byte order mark off the beginning, whose bytes may come one by one; what only began like one
 * belongs to the first line. */
static int skip_bom(struct input *in)
{
    while (in->bom < sizeof BOM && in->pos < in->end && in->block[in->pos] == BOM[in->bom]) {
        in->pos++;
        in->bom++;
    }
    if (in->bom < sizeof BOM && in->pos == in->end && in->state == INPUT_BEGUN)
        return 0;
    if (in->state == INPUT_BEGUN)
        in->state = INPUT_READING;
    return in->bom < sizeof BOM ? line_add(&in->line, span_make(BOM, in->bom)) : 0;
}

/* Lines. */

static int finish_line(struct input *in, struct input_line *ret)
{
    int r = line_end(&in->line, &in->text);
    if (r <= 0)
        return r;
    ret->index = ++in->index;
    ret->text = in->text.text;
    ret->too_long = in->text.too_long;
    if (ret->too_long)
        memcpy(ret->sha256_of_all, in->text.sha256, sizeof ret->sha256_of_all);
    return 1;
}

/* A line that lies in the block as a whole, and needs no copy. As finish_line. */
static int whole_line(struct input *in, struct span v, struct input_line *ret)
{
    struct span text = line_trim(v);
    if (text.len > TARGET_LINE_MAX)
        return line_add(&in->line, v) < 0 ? -1 : finish_line(in, ret);
    if (text.len == 0 || text.data[0] == '#')
        return 0;
    ret->index = ++in->index;
    ret->text = text;
    ret->too_long = false;
    return 1;
}

/* Takes lines off the block up to one that counts: 1 and *ret, 0 if it holds no more, -1 for lack of memory.
 */
static int take_line(struct input *in, struct input_line *ret)
{
    int r = 0;
    while (r == 0 && in->pos < in->end) {
        const unsigned char *from = in->block + in->pos;
        const unsigned char *newline = memchr(from, '\n', in->end - in->pos);
        struct span v = span_make(from, newline ? (size_t)(newline - from) : in->end - in->pos);
        in->pos += v.len + (newline ? 1 : 0);
        if (newline && !line_begun(&in->line))
            r = whole_line(in, v, ret);
        else if (line_add(&in->line, v) < 0)
            r = -1;
        else if (newline)
            r = finish_line(in, ret);
    }
    return r;
}

static int operand_line(struct input *in, struct input_line *ret)
{
    const char *operand = in->operands[in->operand_next++];
    if (line_add(&in->line, span_of(operand)) < 0)
        return -1;
    int r = finish_line(in, ret);
    if (r)
        return r;
    /* An empty one is no target either, but it was given, and gets its report. */
    ret->index = ++in->index;
    ret->text = span_of("");
    ret->too_long = false;
    return 1;
}

static enum input_result broken(struct input *in, struct fetch_error *err)
{
    in->state = INPUT_BROKEN;
    error_set(err, ERROR_NONE, PHASE_NONE, "out of memory");
    return INPUT_FAILED;
}

static enum input_result next_operand(struct input *in, struct input_line *ret, struct fetch_error *err)
{
    if (in->operand_next == in->operand_count)
        return INPUT_END;
    return operand_line(in, ret) < 0 ? broken(in, err) : INPUT_LINE;
}

/* The end of the input: the last line needs no newline. */
static enum input_result end(struct input *in, struct input_line *ret, struct fetch_error *err)
{
    bool begun = in->state == INPUT_BEGUN;
    in->state = INPUT_ENDED;
    in->pos = in->end = 0;
    if (begun && skip_bom(in) < 0)
        return broken(in, err);
    int r = finish_line(in, ret);
    return r < 0 ? broken(in, err) : r ? INPUT_LINE : INPUT_END;
}

enum input_result input_next(struct input *in, bool wait, struct input_line *ret_line,
                             struct fetch_error *err)
{
    bool asked = false;
    if (!in->name)
        return next_operand(in, ret_line, err);
    for (;;) {
        if (in->state == INPUT_ENDED)
            return INPUT_END;
        if (in->state == INPUT_BROKEN)
            return broken(in, err);
        if (in->state == INPUT_BEGUN && skip_bom(in) < 0)
            return broken(in, err);
        int r = in->state == INPUT_READING ? take_line(in, ret_line) : 0;
        if (r)
            return r < 0 ? broken(in, err) : INPUT_LINE;
        if (asked && in->waits && !wait)
            return INPUT_AGAIN;
        asked = true;
        enum fill filled = fill(in, wait, err);
        if (filled == FILL_NONE_YET)
            return INPUT_AGAIN;
        if (filled == FILL_FAILED)
            return INPUT_FAILED;
        if (filled == FILL_END)
            return end(in, ret_line, err);
    }
}

int input_fd(const struct input *in)
{
    return in->waits ? in->fd : -1;
}

uint64_t input_position(const struct input *in)
{
    return !in->name ? in->operand_next : in->start + in->got - (in->end - in->pos);
}

int64_t input_size(const struct input *in)
{
    return in->size;
}
