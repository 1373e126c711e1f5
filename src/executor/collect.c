#include "executor/collect.h"

#include <stdio.h>

void collect_init(struct collect *c)
{
    memset(c, 0, sizeof *c);
    buffer_init(&c->part, FRAME_MAX_HEAD);
}

void collect_settle(struct collect *c)
{
    if (c->looks)
        window_give_back(c->window);
    c->looks = false;
    if (c->have == 0 && c->part.data)
        buffer_free(&c->part);
}

void collect_free(struct collect *c)
{
    buffer_free(&c->part);
}

static struct span take(struct span *in, size_t n)
{
    struct span taken = span_make(in->data, n);
    in->data += n;
    in->len -= n;
    return taken;
}

static size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

/* A place is given back after the read that told of it, so that no read can tell of more than there are. */
static bool may_share(struct collect *c, char *why, size_t size)
{
    if (!c->window || !c->window->base)
        (void)snprintf(why, size, "SHARED without a window");
    else if (c->shared++ >= WINDOW_PLACES)
        (void)snprintf(why, size, "more SHARED frames than there are places");
    else
        return true;
    return false;
}

/* Completes the header and checks it. */
static enum collect_result take_header(struct collect *c, struct span *in, char *why, size_t size)
{
    struct span piece = take(in, at_most(in->len, FRAME_HEADER - c->have));
    if (piece.len)
        memcpy(c->header + c->have, piece.data, piece.len);
    c->have += piece.len;
    if (c->have < FRAME_HEADER)
        return COLLECT_MORE;
    if (frame_get(c->header, &c->frame) < 0) {
        (void)snprintf(why, size, "a header that is none (type %u)", c->header[0]);
        return COLLECT_BAD;
    }
    if (!protocol_check(&c->protocol, &c->frame, why, size))
        return COLLECT_BAD;
    if (c->frame.type == FRAME_SHARED && !may_share(c, why, size))
        return COLLECT_BAD;
    c->left = c->frame.length;
    return COLLECT_ITEM;
}

static void complete(struct collect *c)
{
    c->have = 0;
    protocol_pass(&c->protocol, c->frame.type);
}

/* BODY and WIRE: what is there is an item. */
static enum collect_result take_piece(struct collect *c, struct span *in, struct collect_item *ret_item)
{
    size_t n = at_most(in->len, c->left);
    if (n == 0)
        return COLLECT_MORE;
    ret_item->data = take(in, n);
    c->left -= (uint32_t)n;
    if (c->left == 0)
        complete(c);
    return COLLECT_ITEM;
}

/* SHARED: nothing more is to come. */
static enum collect_result take_shared(struct collect *c, struct collect_item *ret_item)
{
    ret_item->type = FRAME_BODY;
    ret_item->data = span_make(window_next(c->window), c->frame.length);
    c->looks = true;
    c->left = 0;
    complete(c);
    return COLLECT_ITEM;
}

/* The others: an item when whole; seldom is it cut, so it seldom needs to be kept. */
static enum collect_result take_whole(struct collect *c, struct span *in, struct collect_item *ret_item,
                                      char *why, size_t size)
{
    size_t n = at_most(in->len, c->left);
    bool kept = c->part.len > 0 || n < c->left;
    struct span piece = take(in, n);
    if (kept && n && buffer_append(&c->part, piece.data, n) < 0) {
        (void)snprintf(why, size, "no memory for its %s", frame_name(c->frame.type));
        return COLLECT_BAD;
    }
    c->left -= (uint32_t)n;
    if (c->left > 0)
        return COLLECT_MORE;
    ret_item->data = kept ? buffer_span(&c->part) : piece;
    complete(c);
    return COLLECT_ITEM;
}

enum collect_result collect_next(struct collect *c, struct span *in, struct collect_item *ret_item, char *why,
                                 size_t size)
{
    collect_settle(c);
    if (c->have < FRAME_HEADER) {
        enum collect_result r = take_header(c, in, why, size);
        if (r != COLLECT_ITEM)
            return r;
    }
    if (c->frame.type == FRAME_SHARED)
        return take_shared(c, ret_item);
    ret_item->type = c->frame.type;
    if (c->frame.type == FRAME_BODY || c->frame.type == FRAME_WIRE)
        return take_piece(c, in, ret_item);
    return take_whole(c, in, ret_item, why, size);
}
