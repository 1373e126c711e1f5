#include "config.h"

#include "executor/window.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "executor/frame.h"

#ifndef SYS_futex
#define SYS_futex SYS_futex_time64 /* where time has 64 bits only; there is no timeout here */
#endif

enum { HEAD = 4096, SIZE = HEAD + WINDOW_PLACES * FRAME_MAX_BODY };

/* In front of the places. Only the worker believes what is in it. */
struct control {
    _Atomic uint32_t done;      /* places that the pool has dealt with; more when it is abandoned */
    _Atomic uint32_t abandoned; /* set before that */
    _Atomic uint32_t waits;     /* the worker does, for the next */
};

static struct control *control(const struct window *w)
{
    return (struct control *)(void *)w->base;
}

static unsigned char *place(const struct window *w)
{
    return w->base + HEAD + (size_t)(w->count % WINDOW_PLACES) * FRAME_MAX_BODY;
}

bool window_open(struct window *w, enum window_kind kind)
{
    int sharing = kind == WINDOW_OF_PROCESS ? MAP_SHARED : MAP_PRIVATE;
    void *base = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return false;
    w->base = base;
    w->count = 0;
    if (window_part(w) == 0)
        return true;
    window_close(w);
    return false;
}

void window_lend(struct window *w)
{
    if (w->base && madvise(w->base, SIZE, MADV_DOFORK) < 0)
        window_close(w);
}

int window_part(const struct window *w)
{
    return w->base ? madvise(w->base, SIZE, MADV_DONTFORK) : 0;
}

void window_close(struct window *w)
{
    if (w->base)
        (void)munmap(w->base, SIZE);
    w->base = NULL;
}

/* Either the worker sees the new count, or the pool sees that it waits (all are sequentially consistent, and
 * futex(2) compares again). */
static void count_one(struct control *c)
{
    (void)atomic_fetch_add(&c->done, 1);
    if (atomic_load(&c->waits))
        (void)syscall(SYS_futex, &c->done, FUTEX_WAKE, 1, NULL, NULL, 0);
}

unsigned char *window_place(struct window *w)
{
    struct control *c = control(w);
    for (;;) {
        uint32_t done = atomic_load(&c->done);
        if (atomic_load(&c->abandoned))
            return NULL;
        if (w->count - done < WINDOW_PLACES)
            return place(w);
        atomic_store(&c->waits, 1);
        (void)syscall(SYS_futex, &c->done, FUTEX_WAIT, done, NULL, NULL, 0);
        atomic_store(&c->waits, 0);
    }
}

void window_filled(struct window *w)
{
    w->count++;
}

const unsigned char *window_next(struct window *w)
{
    const unsigned char *p = place(w);
    w->count++;
    return p;
}

void window_give_back(struct window *w)
{
    count_one(control(w));
}

void window_abandon(struct window *w)
{
    if (!w->base)
        return;
    atomic_store(&control(w)->abandoned, 1);
    count_one(control(w)); /* whoever waits looks again */
}
