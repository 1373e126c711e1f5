/*
 * Tasks that are no fetches, for the tests of the executor, and a ledger of what came of each.
 *   1. ledger_init
 *   2. ledger_run(&l, x, …) or executor_poll(x, …, ledger_note, &l)
 *   3. look at l.of[id]
 * A task is text: "echo WORDS", "big BYTES", "sleep MS", "nap MS" (and a note before it), "spin MS"
 * (computes), "hang", "abort", "exit STATUS", "kill", "noend", "block MS", "meet COUNT" (until so many are
 * there), "watch COUNT" (computes until then, and is none of them), "slot", "pid", "wait" (until it is asked
 * to end), "fds", "windows" (how many it has), "peek ADDRESS" (reads a byte there), "swallow" (what is in its
 * jobs pipe, and dies), "forge NAME" (bytes of its own straight into the pipe).
 */
#ifndef PFETCH_TESTS_POOL_TASKS_H
#define PFETCH_TESTS_POOL_TASKS_H

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "executor/executor.h"
#include "executor/frame.h"
#include "executor/window.h"

enum { LEDGER_TASKS = 8192, LEDGER_TEXT = 128, FORGED_PIPE = 4, JOBS_PIPE = 3 };

struct entry {
    unsigned started, hops, heads, notes, ends, lost, cancelled;
    size_t body, wire;      /* bytes */
    bool wrong;             /* a body byte was not what the task made, or the order was broken */
    unsigned worker;        /* that said the last */
    unsigned order;         /* when it ended: 1 is the first */
    char text[LEDGER_TEXT]; /* of the end, or why it was lost */
};

struct ledger {
    struct entry of[LEDGER_TASKS + 1];
    unsigned finals, warnings;
    char warning[LEDGER_TEXT];
    uint64_t hold_after;  /* task to be held at its first BODY, 0: none */
    uint64_t distrust_at; /* task at whose END its worker is killed, 0: none */
    int distrusted;       /* what that call returned */
    struct executor *x;
};

/* --- the tasks --- */

static inline void task_sleep(int ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};
    while (nanosleep(&ts, &ts) < 0)
        ;
}

static inline unsigned char body_byte(size_t at)
{
    return (unsigned char)(at * 31 + at / 251);
}

static inline void task_big(size_t size, struct emitter *out)
{
    enum { PIECE = 100000 };
    unsigned char *piece = malloc(PIECE);
    (void)emitter_head(out, "big", 3);
    for (size_t at = 0; at < size;) {
        size_t n = size - at < PIECE ? size - at : PIECE;
        for (size_t i = 0; i < n; i++)
            piece[i] = body_byte(at + i);
        if (emitter_body(out, piece, n) < 0)
            break;
        at += n;
    }
    free(piece);
    (void)emitter_end(out, "done", 4);
}

/* One descriptor a word, as "0 1 2 3 4". */
static inline void task_fds(struct emitter *out)
{
    char text[LEDGER_TEXT] = "";
    for (int fd = 0; fd < 1024; fd++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (access(path, F_OK) == 0 && strlen(text) + 8 < sizeof text)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d", *text ? " " : "", fd);
    }
    (void)emitter_end(out, text, strlen(text));
}

static inline void task_windows(struct emitter *out)
{
    FILE *f = fopen("/proc/self/maps", "re");
    unsigned long from, to, count = 0;
    char line[512], text[LEDGER_TEXT];
    while (f && fgets(line, sizeof line, f))
        count += sscanf(line, "%lx-%lx rw-s", &from, &to) == 2 && strstr(line, "rw-s") &&
                 to - from == 4096 + WINDOW_PLACES * FRAME_MAX_BODY;
    if (f)
        (void)fclose(f);
    snprintf(text, sizeof text, "%lu", count);
    (void)emitter_end(out, text, strlen(text));
}

static inline void forge(unsigned type, uint32_t length, uint64_t task, size_t payload)
{
    unsigned char bytes[FRAME_HEADER + 4096] = {0};
    struct frame f = {(enum frame_type)type, length, task};
    frame_put(bytes, &f);
    size_t all = FRAME_HEADER + payload;
    if (write(FORGED_PIPE, bytes, all) != (ssize_t)all)
        _exit(9);
}

/* What a worker that was taken over might write. `id` is its true task. */
static inline void task_forge(const char *name, uint64_t id)
{
    if (!strcmp(name, "other-task"))
        forge(FRAME_END, 4, id + 1, 4);
    else if (!strcmp(name, "too-long"))
        forge(FRAME_HEAD, 0x7fffffff, id, 0);
    else if (!strcmp(name, "no-type"))
        forge(77, 0, id, 0);
    else if (!strcmp(name, "order"))
        forge(FRAME_BODY, 4, id, 4);
    else if (!strcmp(name, "two-heads")) {
        forge(FRAME_HEAD, 4, id, 4);
        forge(FRAME_HEAD, 4, id, 4);
    } else if (!strcmp(name, "second-end")) {
        forge(FRAME_END, 0, id, 0);
        forge(FRAME_END, 0, id, 0);
    } else if (!strcmp(name, "ready"))
        forge(FRAME_READY, 0, 0, 0);
    else if (!strcmp(name, "task"))
        forge(FRAME_TASK, 0, id, 0);
    else if (!strcmp(name, "noise"))
        for (;;) {
            unsigned char noise[999];
            memset(noise, 0xA5, sizeof noise);
            if (write(FORGED_PIPE, noise, sizeof noise) < 0)
                _exit(9);
        }
    else
        for (;;) /* notes */
            forge(FRAME_NOTE, 1, id, 1);
    task_sleep(60000);
}

static inline void task_wait(struct emitter *out)
{
    struct pollfd p = {.fd = emitter_wake_fd(out), .events = POLLIN};
    while (poll(&p, 1, 60000) <= 0 || !emitter_wake(out))
        ;
    (void)emitter_end(out, "asked", 5);
}

static inline void task_peek(const char *address, struct emitter *out)
{
    const volatile unsigned char *p = (const unsigned char *)(uintptr_t)strtoull(address, NULL, 16);
    char text[8];
    int n = snprintf(text, sizeof text, "%u", *p > 0);
    (void)emitter_end(out, text, (size_t)n);
}

static inline void task_number(struct emitter *out, long v)
{
    char text[LEDGER_TEXT];
    snprintf(text, sizeof text, "%ld", v);
    (void)emitter_end(out, text, strlen(text));
}

/* Shared with forked workers. To be called before the pool is made, for "meet". */
static atomic_uint *meeting;

static inline void meeting_open(void)
{
    meeting = mmap(NULL, sizeof *meeting, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(meeting, MAP_FAILED);
}

static inline void task_meet(unsigned count, struct emitter *out)
{
    int64_t until = deadline_add(deadline_now(), 60 * NS_PER_SECOND);
    atomic_fetch_add(meeting, 1);
    while (deadline_now() < until && atomic_load(meeting) < count)
        task_sleep(3);
    const char *end = atomic_load(meeting) < count ? "alone" : "met";
    (void)emitter_end(out, end, strlen(end));
}

static inline void task_watch(unsigned count, struct emitter *out)
{
    int64_t until = deadline_add(deadline_now(), 60 * NS_PER_SECOND);
    while (deadline_now() < until && atomic_load(meeting) < count)
        ;
    const char *end = atomic_load(meeting) < count ? "alone" : "met";
    (void)emitter_end(out, end, strlen(end));
}

static inline void task_spin(int ms, struct emitter *out)
{
    int64_t until = deadline_add(deadline_now(), ms * NS_PER_MS);
    while (deadline_now() < until)
        ;
    (void)emitter_end(out, "spun", 4);
}

static inline void test_task(void *state, const void *task, size_t len, struct emitter *out)
{
    char text[LEDGER_TEXT];
    (void)state;
    snprintf(text, sizeof text, "%.*s", (int)len, (const char *)task);
    char *arg = strchr(text, ' ');
    if (arg)
        *arg++ = 0;
    long number = arg ? atol(arg) : 0;
    if (!strcmp(text, "echo")) {
        (void)emitter_head(out, "head", 4);
        (void)emitter_note(out, "a note");
        (void)emitter_end(out, arg, strlen(arg));
    } else if (!strcmp(text, "big"))
        task_big((size_t)number, out);
    else if (!strcmp(text, "sleep")) {
        task_sleep((int)number);
        (void)emitter_end(out, "slept", 5);
    } else if (!strcmp(text, "nap")) {
        (void)emitter_note(out, "napping");
        (void)emitter_flush(out);
        task_sleep((int)number);
        (void)emitter_end(out, "napped", 6);
    } else if (!strcmp(text,
                       "hang")) { /* the note tells that it was begun: before, it could be given to another */
        (void)emitter_note(out, "hangs");
        (void)emitter_flush(out);
        task_sleep(600000);
    } else if (!strcmp(text, "abort"))
        abort();
    else if (!strcmp(text, "exit"))
        _exit((int)number);
    else if (!strcmp(text, "kill"))
        kill(getpid(), SIGKILL);
    else if (!strcmp(text, "slot"))
        task_number(out, (long)emitter_worker(out));
    else if (!strcmp(text, "pid"))
        task_number(out, (long)getpid());
    else if (!strcmp(text, "meet"))
        task_meet((unsigned)number, out);
    else if (!strcmp(text, "watch"))
        task_watch((unsigned)number, out);
    else if (!strcmp(text, "spin"))
        task_spin((int)number, out);
    else if (!strcmp(text, "wait"))
        task_wait(out);
    else if (!strcmp(text, "fds"))
        task_fds(out);
    else if (!strcmp(text, "peek"))
        task_peek(arg, out);
    else if (!strcmp(text, "windows"))
        task_windows(out);
    else if (!strcmp(text, "block")) { /* makes its end of the jobs pipe wait for bytes */
        if (fcntl(JOBS_PIPE, F_SETFL, 0) < 0)
            _exit(9);
        (void)emitter_head(out, "head", 4);
        (void)emitter_flush(out);
        task_sleep((int)number);
        abort();
    } else if (!strcmp(text, "swallow")) {
        char record[4096];
        (void)emitter_head(out, "head", 4);
        (void)emitter_flush(out);
        task_sleep(100);
        while (read(JOBS_PIPE, record, sizeof record) > 0)
            ;
        abort();
    } else if (!strcmp(text, "forge")) {
        char *id = strchr(arg, ' ');
        *id++ = 0;
        task_forge(arg, strtoull(id, NULL, 10));
    }
}

/* --- the ledger --- */

static inline void ledger_body(struct entry *e, const struct executor_event *ev)
{
    const unsigned char *p = ev->data;
    for (size_t i = 0; i < ev->len; i++)
        e->wrong |= p[i] != body_byte(e->body + i);
    e->wrong |= e->heads != 1;
    e->body += ev->len;
}

static inline void ledger_note(void *arg, const struct executor_event *ev)
{
    struct ledger *l = arg;
    ck_assert_uint_le(ev->task, LEDGER_TASKS);
    struct entry *e = &l->of[ev->task];
    e->wrong |= ev->task && e->ends + e->lost + e->cancelled > 0;
    e->wrong |=
        ev->type != EXECUTOR_STARTED && ev->worker && ev->type < EXECUTOR_LOST && ev->worker != e->worker;
    e->worker = ev->worker;
    switch (ev->type) {
    case EXECUTOR_STARTED:
        e->started++;
        return;
    case EXECUTOR_HOP:
        e->hops++;
        return;
    case EXECUTOR_HEAD:
        e->heads++;
        return;
    case EXECUTOR_BODY:
        ledger_body(e, ev);
        if (l->hold_after == ev->task) {
            l->hold_after = 0;
            executor_hold(l->x, ev->task, true);
        }
        return;
    case EXECUTOR_WIRE:
        e->wire += ev->len;
        return;
    case EXECUTOR_NOTE:
        e->notes++;
        return;
    case EXECUTOR_WARNING:
        l->warnings++;
        snprintf(l->warning, sizeof l->warning, "%.*s", (int)ev->len, (const char *)ev->data);
        return;
    case EXECUTOR_END:
        e->ends++;
        if (l->distrust_at == ev->task) {
            task_sleep(100); /* it takes its next task meanwhile */
            l->distrusted = executor_kill(l->x, ev->worker, "its end was a lie");
        }
        break;
    case EXECUTOR_LOST:
        e->lost++;
        break;
    case EXECUTOR_CANCELLED:
        e->cancelled++;
        break;
    }
    e->order = ++l->finals;
    snprintf(e->text, sizeof e->text, "%.*s", (int)ev->len, ev->len ? (const char *)ev->data : "");
}

static inline struct ledger *ledger_new(void)
{
    struct ledger *l = calloc(1, sizeof *l);
    ck_assert_ptr_nonnull(l);
    return l;
}

static inline struct executor *pool_open(struct ledger *l, const struct executor_options *o)
{
    char message[200];
    struct executor *x = executor_new(o, message, sizeof message);
    ck_assert_msg(x != NULL, "%s", x ? "" : message);
    l->x = x;
    return x;
}

/* Polls until the condition holds. */
#define pool_until(l, condition)                                                                             \
    while (!(condition))                                                                                     \
    ck_assert_int_ge(executor_poll((l)->x, -1, ledger_note, (l)), 0)

/* Submits text as task `id`; polls while there is no room. */
static inline void pool_submit_limit(struct ledger *l, uint64_t id, const char *text, int64_t limit)
{
    struct executor_submission s = {.task = id, .data = text, .len = strlen(text), .limit = limit};
    pool_until(l, executor_room(l->x) > 0);
    ck_assert_int_eq(executor_submit(l->x, &s), 0);
}

static inline void pool_submit(struct ledger *l, uint64_t id, const char *text)
{
    pool_submit_limit(l, id, text, INT64_MAX);
}

static inline void pool_drain(struct ledger *l)
{
    pool_until(l, executor_pending(l->x) == 0);
}

/* Ends the pool and looks that it left nothing behind. */
static inline void pool_end(struct ledger *l, enum executor_shutdown_how how, int64_t deadline)
{
    ck_assert_int_eq(executor_shutdown(l->x, how, deadline, ledger_note, l), 0);
    ck_assert_uint_eq(executor_workers(l->x), 0);
    ck_assert_uint_eq(executor_pending(l->x), 0);
    executor_free(l->x);
    l->x = NULL;
}

static inline void pool_close(struct ledger *l)
{
    pool_end(l, EXECUTOR_WAIT, DEADLINE_NEVER);
}

/* Exactly one final event each, and nothing after it. */
static inline void ledger_complete(const struct ledger *l, uint64_t first, uint64_t last)
{
    for (uint64_t id = first; id <= last; id++) {
        const struct entry *e = &l->of[id];
        ck_assert_msg(e->ends + e->lost + e->cancelled == 1, "task %d has %u ends, %u lost, %u cancelled",
                      (int)id, e->ends, e->lost, e->cancelled);
        ck_assert_msg(!e->wrong, "task %d has wrong bytes or a wrong order", (int)id);
    }
}

/* Open descriptors of this process. */
static inline unsigned descriptors_open(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

#endif
