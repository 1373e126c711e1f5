#include "outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output/body_sink.h"
#include "output/directory.h"
#include "output/json.h"
#include "output/text.h"
#include "output/warc.h"
#include "signals.h"

struct outputs {
    const struct run_options *run;
    struct writer *writer; /* standard output or -o FILE */
    int fd;                /* of -o FILE, the writer's; -1: none */
    void *warc;            /* its sink; NULL: none */
    struct spool *spool;
    const struct sink_type *types[OUTPUTS_MAX]; /* files and archives first, the format last */
    void *sinks[OUTPUTS_MAX];
    size_t count;
    void (*delivered)(void *arg, void *owner);
    void *arg;
};

/* ---- Opening ---- */

static int cannot(struct fetch_error *err, const char *path, const char *what)
{
    return error_set(err, ERROR_OUTPUT, PHASE_NONE, "%s: %s: %s", path, what, strerror(errno));
}

/* A last line without its newline was being written when the last run was killed: it is cut off. */
static int cut_torn_line(int fd)
{
    char block[4096];
    off_t end = lseek(fd, 0, SEEK_END), at = end;
    while (at > 0) {
        off_t from = at > (off_t)sizeof block ? at - (off_t)sizeof block : 0;
        ssize_t n = pread(fd, block, (size_t)(at - from), from);
        if (n <= 0)
            return -1;
        const char *newline = memrchr(block, '\n', (size_t)n);
        if (newline) {
            at = from + (newline - block) + 1;
            break;
        }
        at = from;
    }
    return at == end ? 0 : ftruncate(fd, at);
}

static int open_file(const struct run_options *o, int *ret_fd, struct fetch_error *err)
{
    struct stat st;
    bool other = stat(o->output_path, &st) == 0 && !S_ISREG(st.st_mode);
    bool append =
        (o->resume || o->resume_failed) && !other; /* for reading, too: where its last line begins */
    signals_let_kill(); /* a FIFO waits for its reader: not so when it is opened for reading as well */
    *ret_fd = open(o->output_path, (append ? O_RDWR : O_WRONLY) | O_CREAT | O_CLOEXEC, 0666);
    int error = errno;
    signals_hold();
    errno = error;
    return *ret_fd < 0 ? cannot(err, o->output_path, "can't be opened for writing") : 0;
}

/* The file is emptied, or its torn last line cut off. */
static int start_file(const struct outputs *o, struct fetch_error *err)
{
    bool append = o->run->resume || o->run->resume_failed;
    struct stat st;
    if (o->fd < 0 || fstat(o->fd, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    if (append && (cut_torn_line(o->fd) < 0 || lseek(o->fd, 0, SEEK_END) < 0))
        return cannot(err, o->run->output_path, "can't be appended to");
    if (!append && ftruncate(o->fd, 0) < 0)
        return cannot(err, o->run->output_path, "can't be emptied");
    return 0;
}

static int open_writer(struct outputs *o, const struct outputs_options *options, struct fetch_error *err)
{
    struct writer_options w = {
        .fd = STDOUT_FILENO,
        .name = "standard output",
        .wake_fd = options->wake_fd,
        .wake = options->wake,
        .writing = options->writing,
        .arg = options->arg,
    };
    if (o->run->output_path && strcmp(o->run->output_path, "-") != 0) {
        if (open_file(o->run, &w.fd, err) < 0)
            return -1;
        o->fd = w.fd;
        w.owned = true;
        w.name = o->run->output_path;
    }
    o->writer = writer_new(&w);
    return o->writer ? 0 : error_set(err, ERROR_OUTPUT, PHASE_NONE, "out of memory");
}

static int open_spool(struct outputs *o, const struct outputs_options *options, struct fetch_error *err)
{
    const struct spool_options s = {
        .writer = o->writer,
        .input_order =
            o->run->order == ORDER_INPUT || (o->run->order == ORDER_DEFAULT && o->run->format == FORMAT_BODY),
        .resume = options->resume,
        .delivered = options->delivered,
        .arg = options->arg,
    };
    o->spool = spool_new(&s);
    return o->spool ? 0 : error_set(err, ERROR_OUTPUT, PHASE_NONE, "out of memory");
}

static int add(struct outputs *o, const struct sink_type *type, void *sink, struct fetch_error *err)
{
    if (!sink)
        return error_set(err, ERROR_OUTPUT, PHASE_NONE, "out of memory");
    o->types[o->count] = type;
    o->sinks[o->count++] = sink;
    return 0;
}

static int open_sinks(struct outputs *o, const struct outputs_options *options, struct fetch_error *err)
{
    const struct run_options *run = o->run;
    void *sink;
    if (run->output_dir) {
        const struct directory_options directory = {
            .path = run->output_dir, .keep = run->resume || run->resume_failed, .sync = run->sync};
        sink = directory_sink_new(&directory, err);
        if (!sink || add(o, &directory_sink, sink, err) < 0)
            return -1;
    }
    if (run->warc_path) {
        const struct warc_options warc = {.path = run->warc_path,
                                          .max_size = run->warc_max_size,
                                          .resume = run->resume || run->resume_failed,
                                          .wake_fd = options->wake_fd,
                                          .wake = options->wake,
                                          .arg = options->arg};
        if (warc_open(&warc, &sink, err) < 0 || add(o, &warc_sink, sink, err) < 0)
            return -1;
        o->warc = sink;
    }
    switch (run->format) {
    case FORMAT_TEXT:
        return add(o, &text_sink, text_sink_new(), err);
    case FORMAT_JSON:
        return add(o, &json_sink, json_sink_new(run->output_dir != NULL, run->fetch.want_sha256), err);
    case FORMAT_BODY:
        return add(o, &body_sink, body_sink_new(options->complain, options->arg), err);
    case FORMAT_NONE:
        return 0;
    }
    return 0;
}

int outputs_open(const struct outputs_options *options, struct outputs **ret, struct fetch_error *err)
{
    struct outputs *o = calloc(1, sizeof *o);
    struct fetch_error ignored;
    if (!o)
        return error_set(err, ERROR_OUTPUT, PHASE_NONE, "out of memory");
    o->fd = -1;
    o->run = options->run;
    o->delivered = options->delivered;
    o->arg = options->arg;
    if (open_writer(o, options, err) < 0 || open_spool(o, options, err) < 0 ||
        (!o->run->dry_run && open_sinks(o, options, err) < 0)) {
        (void)outputs_close(o, &ignored);
        return -1;
    }
    *ret = o;
    return 0;
}

int outputs_start(struct outputs *o, struct fetch_error *err)
{
    if (start_file(o, err) < 0)
        return -1;
    return o->warc ? warc_start(o->warc, err) : 0;
}

bool outputs_want_body(const struct outputs *o)
{
    for (size_t i = 0; i < o->count; i++)
        if (o->types[i]->wants_body)
            return true;
    return false;
}

bool outputs_want_wire(const struct outputs *o)
{
    for (size_t i = 0; i < o->count; i++)
        if (o->types[i]->wants_wire)
            return true;
    return false;
}

/* ---- One target ---- */

int outputs_place(struct outputs *o, struct outputs_job *j, void *owner, struct fetch_error *err)
{
    if (j->slot || o->run->format == FORMAT_NONE)
        return 0;
    j->slot = spool_open(o->spool, owner);
    return j->slot ? 0 : error_set(err, ERROR_OUTPUT, PHASE_NONE, "out of memory");
}

int outputs_begin(struct outputs *o, struct outputs_job *j, const struct sink_target *target, bool keepers,
                  struct fetch_error *err)
{
    struct sink_target t = *target;
    int r = 0;
    t.slot = j->slot;
    j->begun = true;
    for (size_t i = 0; i < o->count; i++) {
        if (j->open[i] || (keepers && !o->types[i]->keeps_tries))
            continue;
        if (o->types[i]->begin(o->sinks[i], &t, &j->contexts[i], err) < 0)
            r = -1;
        else
            j->open[i] = true;
    }
    return r;
}

int outputs_hop(struct outputs *o, struct outputs_job *j, const struct fetch_head *hop,
                struct fetch_error *err)
{
    int r = 0;
    for (size_t i = 0; i < o->count; i++)
        if (j->open[i] && o->types[i]->hop && o->types[i]->hop(o->sinks[i], j->contexts[i], hop, err) < 0)
            r = -1;
    return r;
}

int outputs_head(struct outputs *o, struct outputs_job *j, const struct fetch_head *head,
                 struct fetch_error *err)
{
    int r = 0;
    for (size_t i = 0; i < o->count; i++)
        if (j->open[i] && o->types[i]->head && o->types[i]->head(o->sinks[i], j->contexts[i], head, err) < 0)
            r = -1;
    return r;
}

int outputs_body(struct outputs *o, struct outputs_job *j, const void *data, size_t len,
                 struct fetch_error *err)
{
    int r = 0;
    for (size_t i = 0; i < o->count; i++)
        if (j->open[i] && o->types[i]->wants_body &&
            o->types[i]->body(o->sinks[i], j->contexts[i], data, len, err) < 0)
            r = -1;
    return r;
}

int outputs_wire(struct outputs *o, struct outputs_job *j, const void *data, size_t len,
                 struct fetch_error *err)
{
    int r = 0;
    for (size_t i = 0; i < o->count; i++)
        if (j->open[i] && o->types[i]->wants_wire &&
            o->types[i]->wire(o->sinks[i], j->contexts[i], data, len, err) < 0)
            r = -1;
    return r;
}

static void forget(struct outputs *o, struct outputs_job *j, size_t i)
{
    if (j->open[i] && o->types[i]->abandon)
        o->types[i]->abandon(o->sinks[i], j->contexts[i]);
    j->open[i] = false;
    j->contexts[i] = NULL;
}

int outputs_abandon(struct outputs *o, struct outputs_job *j, struct report *report, struct fetch_error *err)
{
    int r = 0;
    for (size_t i = 0; i < o->count; i++) {
        if (j->open[i] && o->types[i]->keeps_tries) {
            if (o->types[i]->end(o->sinks[i], j->contexts[i], report, false, j->slot, err) < 0)
                r = -1;
            j->open[i] = false;
            j->contexts[i] = NULL;
        } else {
            forget(o, j, i);
        }
    }
    j->begun = false;
    return r;
}

int outputs_end(struct outputs *o, struct outputs_job *j, struct report *report, struct fetch_error *err)
{
    int r = 0;
    for (size_t i = 0; i < o->count; i++) {
        struct fetch_error failed;
        void *context = j->open[i] ? j->contexts[i] : NULL;
        int ended = o->types[i]->end(o->sinks[i], context, report, true, j->slot, &failed);
        j->open[i] = false;
        j->contexts[i] = NULL;
        if (ended == 0)
            continue;
        /* ERROR_OUTPUT, or ERROR_CANCELLED where the run ended first: it was not delivered. */
        r = -1;
        *err = report->error = failed;
    }
    j->begun = false;
    return r;
}

int outputs_finish(struct outputs *o, struct outputs_job *j, void *owner, struct fetch_error *err)
{
    struct spool_slot *slot = j->slot;
    j->slot = NULL;
    if (slot)
        return spool_finish(slot, err);
    o->delivered(o->arg, owner);
    return 0;
}

int outputs_flush(struct outputs *o, bool sync, struct fetch_error *err)
{
    for (size_t i = 0; i < o->count; i++)
        if (o->types[i]->flush && o->types[i]->flush(o->sinks[i], sync, err) < 0)
            return -1;
    return spool_flush(o->spool, sync, err);
}

bool outputs_flush_due(const struct outputs *o)
{
    return o->spool && spool_flush_due(o->spool);
}

bool outputs_full(const struct outputs *o)
{
    return spool_full(o->spool);
}

int outputs_print(struct outputs *o, struct span line, struct fetch_error *err)
{
    return writer_put(o->writer, line.data, line.len, err) < 0 || writer_put(o->writer, "\n", 1, err) < 0 ? -1
                                                                                                          : 0;
}

bool outputs_broken_pipe(const struct outputs *o)
{
    return writer_broken_pipe(o->writer);
}

int outputs_close(struct outputs *o, struct fetch_error *err)
{
    struct fetch_error failed;
    int r = 0;
    if (!o)
        return 0;
    if (o->spool && (spool_flush(o->spool, false, err) < 0 || writer_flush(o->writer, false, err) < 0))
        r = -1;
    for (size_t i = 0; i < o->count; i++)
        if (o->types[i]->close && o->types[i]->close(o->sinks[i], &failed) < 0 && r == 0) {
            *err = failed;
            r = -1;
        }
    spool_free(o->spool);
    writer_free(o->writer);
    free(o);
    return r;
}
