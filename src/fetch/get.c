/* A whole fetch: the target, its redirects, and the result. */
#include "fetch/fetcher.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { NOTE_MAX = 1000 };

void get_give_back(struct get *g, int64_t since)
{
    int64_t spent = deadline_coarse() - since;
    g->wait.whole = deadline_add(g->wait.whole, spent);
    g->wait.phase = deadline_add(g->wait.phase, spent);
}

void get_note(struct get *g, const char *format, ...)
{
    char text[NOTE_MAX];
    va_list args;
    if (!g->config->verbose || !g->sink->note)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int64_t since = deadline_coarse();
    g->sink->note(g->sink->arg, text);
    get_give_back(g, since);
}

void fetch_result_free(struct fetch_result *r)
{
    free(r->url);
    fetch_cert_release(r->conn.cert);
    r->url = NULL;
    r->conn.cert = NULL;
}

static int set_url(struct get *g, struct fetch_error *err)
{
    struct buffer url;
    buffer_init(&url, 64 * 1024);
    if (target_put_url(&url, &g->now) < 0 || buffer_terminate(&url) < 0) {
        buffer_free(&url);
        return error_set(err, ERROR_HTTP, PHASE_NONE, "the URL is too long");
    }
    free(g->result->url);
    g->result->url = (char *)url.data; /* taken over */
    return 0;
}

/* One request and its answer; a kept-alive connection that turns out to be dead is replaced by a new one,
 * once. */
static enum exchange_end get_hop(struct get *g, struct target *ret_next, struct fetch_error *err)
{
    for (int fresh = 0; fresh < 2; fresh++) {
        struct connection *c;
        if (get_connect(g, fresh, &c, err) < 0)
            return EXCHANGE_FAILED;
        enum exchange_end end = get_exchange(g, c, ret_next, err);
        if (end != EXCHANGE_STALE)
            return end;
        get_note(g, "the kept connection had been closed; trying a new one");
    }
    return EXCHANGE_FAILED; /* a fresh connection is never stale */
}

/* Follows redirects to the end. 0, or -1 with `err`. */
static int get_all(struct get *g, struct fetch_error *err)
{
    for (;;) {
        struct target next = {0};
        if (set_url(g, err) < 0)
            return -1;
        switch (get_hop(g, &next, err)) {
        case EXCHANGE_DONE:
            return 0;
        case EXCHANGE_REDIRECT:
            if (g->now.path != g->first.path)
                target_free(&g->now);
            g->now = next;
            g->left_origin |= !target_same_origin(&g->first, &g->now);
            g->result->redirects++;
            g->result->status = 0;
            g->result->version[0] = 0;
            g->result->has_retry_after = false;
            g->result->payload_sha1[0] = 0;
            g->result->cut = CUT_NONE;
            continue;
        case EXCHANGE_STALE:
        case EXCHANGE_FAILED:
            return -1;
        }
    }
}

static bool wait_wake(void *arg)
{
    struct get *g = arg;
    return g->sink->wake && g->sink->wake(g->sink->arg);
}

static void wait_idle(void *arg)
{
    struct get *g = arg;
    if (!g->sink->idle)
        return;
    int64_t since = deadline_coarse();
    g->sink->idle(g->sink->arg);
    get_give_back(g, since);
}

static void get_begin(struct get *g, struct fetcher *f, const struct fetch_sink *sink,
                      struct fetch_result *ret)
{
    *ret = (struct fetch_result){.started_us = wall_now_us()};
    *g = (struct get){
        .f = f,
        .config = &f->shared->config,
        .sink = sink,
        .result = ret,
        .start = deadline_now(),
    };
    g->wait = (struct wait){
        .timeout = g->config->timeout,
        .phase = DEADLINE_NEVER,
        .whole = deadline_add(g->start, g->config->max_time),
        .wake_fd = sink->wake_fd,
        .wake = wait_wake,
        .idle = wait_idle,
        .arg = g,
    };
}

void fetch_get(struct fetcher *f, struct span url, const struct fetch_sink *sink, struct fetch_result *ret)
{
    struct get g;
    struct fetch_error err;
    error_clear(&err);
    get_begin(&g, f, sink, ret);
    if (target_parse_url(&g.first, url, &err) == 0) {
        g.now = g.first;
        if (get_all(&g, &err) < 0)
            ret->error = err;
        if (g.now.path != g.first.path)
            target_free(&g.now);
        target_free(&g.first);
    } else {
        ret->error = err;
    }
    ret->ns_total = deadline_now() - g.start;
}
