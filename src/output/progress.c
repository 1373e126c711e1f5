#include "config.h"

#include "output/progress.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/deadline.h"
#include "output/format.h"

enum { DEFAULT_WIDTH = 80, LINE_MAX_BYTES = 4096, FIELD_MAX = 64 };

static const int64_t terminal_interval = NS_PER_SECOND / 10, plain_interval = NS_PER_SECOND,
                     rate_window = 5 * NS_PER_SECOND;

/* What is shown */

bool progress_total(const struct progress_state *s, uint64_t *ret_total, bool *ret_exact)
{
    *ret_exact = s->input_ended;
    if (s->input_ended) {
        *ret_total = s->read;
        return true;
    }
    if (s->size <= 0 || s->position == 0 || s->read == 0)
        return false;
    double total = (double)s->read * (double)s->size / (double)s->position;
    *ret_total = total > (double)s->read && total < 1e18 ? (uint64_t)total : s->read;
    return true;
}

static double rate_of(const struct progress_state *s)
{
    if (s->rate >= 0)
        return s->rate;
    return s->elapsed > 0 ? (double)s->done * (double)NS_PER_SECOND / (double)s->elapsed : 0;
}

enum field { FIELD_DONE, FIELD_FAILED, FIELD_RATE, FIELD_BYTES, FIELD_ETA, FIELDS };

/* The first to be left out first. */
static const enum field expendable[] = {FIELD_BYTES, FIELD_RATE, FIELD_ETA, FIELD_FAILED};

typedef char fields_text[FIELDS][FIELD_MAX];

static void put_eta(char *into, double seconds)
{
    uint64_t t = seconds < 0 ? 0 : seconds > 1e9 ? UINT64_C(1000000000) : (uint64_t)(seconds + 0.5);
    unsigned long long h = t / 3600, m = t / 60 % 60, sec = t % 60;
    if (h)
        snprintf(into, FIELD_MAX, "ETA %llu:%02llu:%02llu", h, m, sec);
    else
        snprintf(into, FIELD_MAX, "ETA %llu:%02llu", m, sec);
}

static void put_bytes(char *into, uint64_t bytes)
{
    struct buffer b;
    buffer_init(&b, FIELD_MAX);
    into[0] = 0;
    if (format_bytes(&b, bytes) == 0 && buffer_terminate(&b) == 0)
        snprintf(into, FIELD_MAX, "%s", (const char *)b.data);
    buffer_free(&b);
}

/* A field that has nothing to say is empty. */
static void put_fields(fields_text into, const struct progress_state *s)
{
    uint64_t total;
    bool exact;
    bool known = progress_total(s, &total, &exact);
    double rate = rate_of(s);
    memset(into, 0, sizeof(fields_text));
    if (known)
        snprintf(into[FIELD_DONE], FIELD_MAX, "%llu/%s%llu", (unsigned long long)s->done, exact ? "" : "~",
                 (unsigned long long)total);
    else
        snprintf(into[FIELD_DONE], FIELD_MAX, "%llu", (unsigned long long)s->done);
    snprintf(into[FIELD_FAILED], FIELD_MAX, "%llu failed", (unsigned long long)s->failed);
    snprintf(into[FIELD_RATE], FIELD_MAX, rate < 9.95 ? "%.1f/s" : "%.0f/s", rate);
    put_bytes(into[FIELD_BYTES], s->bytes);
    if (known && rate > 0 && total > s->done)
        put_eta(into[FIELD_ETA], (double)(total - s->done) / rate);
}

static size_t fields_width(fields_text fields)
{
    size_t width = 0;
    for (size_t i = 0; i < FIELDS; i++)
        if (fields[i][0])
            width += strlen(fields[i]) + (width ? 2 : 0);
    return width;
}

int progress_format(struct buffer *b, const struct progress_state *s, size_t width, bool colour)
{
    fields_text fields;
    put_fields(fields, s);
    for (size_t i = 0; i < sizeof expendable / sizeof expendable[0] && fields_width(fields) > width; i++)
        fields[expendable[i]][0] = 0;
    if (width < FIELD_MAX)
        fields[FIELD_DONE][width] = 0;
    int bad = 0;
    for (size_t i = 0; i < FIELDS; i++) {
        bool red = colour && i == FIELD_FAILED && s->failed;
        if (!fields[i][0])
            continue;
        bad |= i ? buffer_puts(b, "  ") : 0;
        bad |= red ? buffer_puts(b, "\033[31m") : 0;
        bad |= buffer_puts(b, fields[i]);
        bad |= red ? buffer_puts(b, "\033[0m") : 0;
    }
    return bad;
}

int status_format(struct buffer *b, const struct progress_state *s)
{
    fields_text fields;
    put_fields(fields, s);
    return buffer_printf(b, "%s targets done, %s, %llu in flight, %s, %s, %.1f s%s%s", fields[FIELD_DONE],
                         fields[FIELD_FAILED], (unsigned long long)s->in_flight, fields[FIELD_RATE],
                         fields[FIELD_BYTES], (double)s->elapsed / (double)NS_PER_SECOND,
                         fields[FIELD_ETA][0] ? ", " : "", fields[FIELD_ETA]);
}

/* Where it is shown */

struct progress {
    int fd;
    bool terminal;
    bool ansi; /* the terminal knows how to clear a line */
    bool colour;
    bool shown;
    size_t shown_width; /* columns of the line on the terminal */
    struct progress_state last;
    bool have_last;
    int64_t due;
    double rate; /* follows the last seconds */
    int64_t sampled_at;
    uint64_t sampled_done;
};

struct progress *progress_new(int fd)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    struct progress *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->fd = fd;
    p->terminal = isatty(fd);
    p->ansi = p->terminal && term && *term && strcmp(term, "dumb") != 0;
    p->colour = p->ansi && !(no_color && *no_color);
    p->rate = -1;
    return p;
}

static size_t terminal_width(const struct progress *p)
{
    struct winsize size;
    size_t width = ioctl(p->fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : DEFAULT_WIDTH;
    return width > 1 ? width - 1 : 1; /* the last column would wrap */
}

/* Only what is taken without a wait; only in the foreground. */
static void write_now(const struct progress *p, const struct buffer *b)
{
    struct pollfd fd = {.fd = p->fd, .events = POLLOUT};
    if (poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT))
        (void)!write(p->fd, b->data, b->len);
}

static bool in_background(const struct progress *p)
{
    pid_t foreground = p->terminal ? tcgetpgrp(p->fd) : -1;
    return foreground > 0 && foreground != getpgrp();
}

/* Back to the first column, with the line empty. */
static int put_clear(const struct progress *p, struct buffer *b)
{
    if (p->ansi)
        return buffer_puts(b, "\r\033[K");
    int bad = buffer_putc(b, '\r');
    for (size_t i = 0; i < p->shown_width; i++)
        bad |= buffer_putc(b, ' ');
    return bad | buffer_putc(b, '\r');
}

static void show_on_terminal(struct progress *p)
{
    struct buffer b, plain;
    size_t width = terminal_width(p);
    if (in_background(p))
        return;
    buffer_init(&b, LINE_MAX_BYTES);
    buffer_init(&plain, LINE_MAX_BYTES);
    if (progress_format(&plain, &p->last, width, false) == 0 && (!p->shown || put_clear(p, &b) == 0) &&
        progress_format(&b, &p->last, width, p->colour) == 0) {
        write_now(p, &b);
        p->shown = true;
        p->shown_width = plain.len;
    }
    buffer_free(&plain);
    buffer_free(&b);
}

static void print_line(struct progress *p)
{
    struct buffer b;
    buffer_init(&b, LINE_MAX_BYTES);
    if (buffer_puts(&b, "pfetch: ") == 0 && status_format(&b, &p->last) == 0 && buffer_putc(&b, '\n') == 0)
        write_now(p, &b);
    buffer_free(&b);
}

/* An average in which what is longer ago counts less. */
static void follow_rate(struct progress *p, const struct progress_state *s, int64_t now)
{
    int64_t since = now - p->sampled_at;
    if (p->sampled_at && since > 0) {
        double current = (double)(s->done - p->sampled_done) * (double)NS_PER_SECOND / (double)since;
        double weight = (double)since / (double)rate_window;
        /* In the first seconds all that there is counts. */
        double least = s->elapsed > 0 ? (double)since / (double)s->elapsed : 1;
        weight = weight < least ? least : weight;
        p->rate = p->rate < 0 || weight >= 1 ? current : p->rate + (current - p->rate) * weight;
    }
    p->sampled_at = now;
    p->sampled_done = s->done;
}

void progress_draw(struct progress *p, const struct progress_state *s, int64_t now)
{
    if (now < p->due)
        return;
    follow_rate(p, s, now);
    p->last = *s;
    p->last.rate = p->rate;
    p->have_last = true;
    p->due = deadline_add(now, p->terminal ? terminal_interval : plain_interval);
    if (p->terminal)
        show_on_terminal(p);
    else
        print_line(p);
}

int64_t progress_due(const struct progress *p)
{
    return p->due;
}

void progress_hide(struct progress *p)
{
    struct buffer b;
    if (!p || !p->shown)
        return;
    buffer_init(&b, LINE_MAX_BYTES);
    if (put_clear(p, &b) == 0)
        write_now(p, &b);
    buffer_free(&b);
    p->shown = false;
}

void progress_show(struct progress *p)
{
    if (p && p->terminal && p->have_last && !p->shown)
        show_on_terminal(p);
}

void progress_free(struct progress *p)
{
    if (!p)
        return;
    progress_hide(p);
    free(p);
}
