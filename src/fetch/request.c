#include "fetch/coding.h"
#include "fetch/fetcher.h"
#include "fetch/header.h"

/* Fields that tell who the user is: they stay with the origin that they were meant for. */
static bool is_for_first_origin_only(struct span name)
{
    static const char *const names[] = {"Authorization", "Cookie", "Proxy-Authorization", "Host"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (span_equal_nocase(name, span_of(names[i])))
            return true;
    return false;
}

/* True if a -H line speaks of this field for this request, to set it or to leave it out. */
static bool is_given(const struct get *g, const char *name)
{
    for (size_t i = 0; i < g->config->headers.count; i++) {
        struct span given, value;
        (void)header_split(g->config->headers.items[i], &given, &value);
        if (!span_equal_nocase(given, span_of(name)))
            continue;
        if (!is_for_first_origin_only(given) || !g->left_origin)
            return true;
    }
    return false;
}

bool request_says_close(const struct get *g)
{
    for (size_t i = 0; i < g->config->headers.count; i++) {
        struct span name, value, option;
        (void)header_split(g->config->headers.items[i], &name, &value);
        if (!span_equal_nocase(name, span_of("Connection")))
            continue;
        while (list_next(&value, &option))
            if (span_equal_nocase(option, span_of("close")))
                return true;
    }
    return false;
}

static int put_field(struct buffer *b, const char *name, const char *value)
{
    return buffer_puts(b, name) < 0 || buffer_puts(b, ": ") < 0 || buffer_puts(b, value) < 0 ||
                   buffer_puts(b, "\r\n") < 0
               ? -1
               : 0;
}

static int put_request_line(struct buffer *b, const struct target *t, bool absolute)
{
    return buffer_puts(b, "GET ") < 0 || (absolute ? target_put_url(b, t) : buffer_puts(b, t->path)) < 0 ||
                   buffer_puts(b, " HTTP/1.1\r\n") < 0
               ? -1
               : 0;
}

static bool is_host(struct span name)
{
    return span_equal_nocase(name, span_of("Host"));
}

/* The lines of -H: those for Host, or the others. */
static int put_given(struct buffer *b, const struct get *g, bool host)
{
    for (size_t i = 0; i < g->config->headers.count; i++) {
        struct span name, value;
        enum header_form form = header_split(g->config->headers.items[i], &name, &value);
        if (form == HEADER_REMOVE || is_host(name) != host ||
            (g->left_origin && is_for_first_origin_only(name)))
            continue;
        if (buffer_append(b, name.data, name.len) < 0 || buffer_puts(b, value.len ? ": " : ":") < 0 ||
            buffer_append(b, value.data, value.len) < 0 || buffer_puts(b, "\r\n") < 0)
            return -1;
    }
    return 0;
}

/* The first line, whoever gave it (RFC 9110 section 7.2). */
static int put_host(struct buffer *b, const struct get *g)
{
    if (is_given(g, "Host"))
        return put_given(b, g, true);
    return buffer_puts(b, "Host: ") < 0 || target_put_host(b, &g->now) < 0 || buffer_puts(b, "\r\n") < 0 ? -1
                                                                                                         : 0;
}

static int put_default(struct buffer *b, const struct get *g, const char *name, const char *value)
{
    return is_given(g, name) ? 0 : put_field(b, name, value);
}

int request_build(struct buffer *b, const struct get *g, bool absolute, const char *authorization)
{
    const struct fetch_config *c = g->config;
    buffer_clear(b);
    if (put_request_line(b, &g->now, absolute) < 0 || put_host(b, g) < 0)
        return -1;
    if (*c->agent && put_default(b, g, "User-Agent", c->agent) < 0)
        return -1;
    if (put_default(b, g, "Accept", "*/*") < 0)
        return -1;
    if (c->compressed && put_default(b, g, "Accept-Encoding", coding_accept()) < 0)
        return -1;
    if (authorization && put_field(b, "Proxy-Authorization", authorization) < 0)
        return -1;
    if (!c->keepalive && put_default(b, g, "Connection", "close") < 0)
        return -1;
    return put_given(b, g, false) < 0 || buffer_puts(b, "\r\n") < 0 ? -1 : 0;
}
