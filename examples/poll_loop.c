/*
 * poll_loop: a program with a poll loop of its own that gives work to a pool of threads. It reads numbers
 * from standard input, counts the primes below each in a worker, and goes on reading while they are counted:
 * one loop waits for input and for results.
 *
 *     cc poll_loop.c -o poll_loop $(pkg-config --cflags --libs libpfetch)
 *     seq 100000 1000 120000 | ./poll_loop
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <pfetch/executor.h>

/* --- in a worker --- */

static bool is_prime(unsigned long n)
{
    for (unsigned long d = 2; d * d <= n; d++)
        if (n % d == 0)
            return false;
    return n >= 2;
}

/* The task is a number as text. Now and then it looks whether it has been cancelled. */
static void primes_task(void *state, const void *task, size_t len, struct emitter *out)
{
    char text[64];
    unsigned long primes = 0;
    (void)state;
    (void)snprintf(text, sizeof text, "%.*s", (int)len, (const char *)task);
    unsigned long below = strtoul(text, NULL, 10);
    for (unsigned long n = 2; n < below; n++) {
        primes += is_prime(n);
        if (n % 1024 == 0 && emitter_wake(out))
            break;
    }
    int length = snprintf(text, sizeof text, "%lu primes below %lu", primes, below);
    (void)emitter_end(out, text, (size_t)length);
}

/* --- the program --- */

struct program {
    struct executor *x;
    char line[4096]; /* input that no task has been made of yet */
    size_t have;
    bool ended;
    uint64_t tasks;
};

static void on_event(void *arg, const struct executor_event *event)
{
    (void)arg;
    if (event->type == EXECUTOR_END || event->type == EXECUTOR_LOST || event->type == EXECUTOR_WARNING)
        printf("%.*s\n", (int)event->len, (const char *)event->data);
}

/* Makes tasks of whole lines while the pool takes them. */
static void submit_lines(struct program *p)
{
    char *end;
    while (executor_room(p->x) > 0 && (end = memchr(p->line, '\n', p->have)) != NULL) {
        size_t len = (size_t)(end - p->line);
        struct executor_submission s = {.task = ++p->tasks, .data = p->line, .len = len, .limit = INT64_MAX};
        if (executor_submit(p->x, &s) < 0)
            perror("poll_loop: submit");
        p->have -= len + 1;
        memmove(p->line, end + 1, p->have);
    }
}

/* There are lines that the pool has no room for yet. */
static bool is_full(const struct program *p)
{
    return p->have == sizeof p->line && memchr(p->line, '\n', p->have) != NULL;
}

static void read_input(struct program *p)
{
    if (p->have == sizeof p->line) {
        fprintf(stderr, "poll_loop: a line is too long\n");
        p->have = 0;
    }
    ssize_t n = read(STDIN_FILENO, p->line + p->have, sizeof p->line - p->have);
    if (n > 0)
        p->have += (size_t)n;
    else
        p->ended = true;
}

/* How long poll(2) may wait, in ms, before the executor has to be asked. */
static int wait_ms(const struct executor *x)
{
    struct timespec ts;
    int64_t due = executor_deadline(x);
    if (due == INT64_MAX)
        return -1;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    int64_t left = (due - ((int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec)) / 1000000 + 1;
    return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static void loop(struct program *p)
{
    while (!p->ended || p->have || executor_pending(p->x) > 0) {
        struct pollfd fds[] = {{.fd = executor_fd(p->x), .events = POLLIN},
                               {.fd = p->ended || is_full(p) ? -1 : STDIN_FILENO, .events = POLLIN}};
        if (poll(fds, 2, wait_ms(p->x)) < 0 && errno != EINTR)
            return;
        if (fds[1].revents)
            read_input(p);
        if (p->ended && p->have && p->have < sizeof p->line && p->line[p->have - 1] != '\n')
            p->line[p->have++] = '\n'; /* the last line needs none */
        if (executor_poll(p->x, 0, on_event, p) < 0)
            return;
        submit_lines(p);
    }
}

int main(void)
{
    struct program p = {0};
    struct executor_options options = EXECUTOR_OPTIONS_INIT;
    char message[128];
    options.mode = EXECUTOR_THREAD;
    options.max_workers = 4;
    options.task = primes_task;
    p.x = executor_new(&options, message, sizeof message);
    if (!p.x) {
        fprintf(stderr, "poll_loop: %s\n", message);
        return 2;
    }
    loop(&p);
    (void)executor_shutdown(p.x, EXECUTOR_WAIT, INT64_MAX, on_event, &p);
    executor_free(p.x);
    return 0;
}
