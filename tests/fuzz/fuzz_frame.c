/*
 * What the pool makes of a worker's bytes. The first byte says how the rest is cut: whole and in pieces it
 * must come to the same items, all of them within what the protocol allows, and nothing more is kept than
 * came.
 */
#include <stdio.h>
#include <stdlib.h>

#include "executor/collect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    uint64_t digest; /* of types and bytes, however a body was cut */
    uint64_t bytes;
    unsigned ends;
    bool bad;
};

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static void digest(struct outcome *o, struct span v, unsigned char type)
{
    for (size_t i = 0; i < v.len; i++)
        o->digest = (o->digest ^ v.data[i] ^ (uint64_t)type << 8) * UINT64_C(0x100000001B3);
    o->bytes += v.len;
}

static void take(struct outcome *o, struct collect *c, const struct collect_item *item)
{
    bool streams = item->type == FRAME_BODY || item->type == FRAME_WIRE;
    must(item->type > FRAME_TASK && item->type < FRAME_TYPES, "a type that is none");
    must(item->data.len <= frame_bound(item->type), "longer than its bound");
    must(!streams || item->data.len > 0, "an empty piece");
    digest(o, item->data, (unsigned char)item->type);
    if (!streams)
        digest(o, span_of("|"), (unsigned char)item->type);
    if (item->type == FRAME_END)
        o->ends++;
    if (c->protocol.state == PROTOCOL_IDLE) /* as the pool does: tasks 1, 2, … */
        protocol_begin(&c->protocol, o->ends + 1);
}

/* The worker's, as if it had just started. */
static struct window *window(void)
{
    static struct window w;
    must(w.base || window_open(&w, WINDOW_OF_PROCESS), "no window");
    w.count = 0;
    return &w;
}

static struct outcome collect_all(struct span all, size_t piece)
{
    struct outcome o = {0};
    struct collect c;
    char why[128] = "";
    collect_init(&c);
    c.window = window();
    for (size_t at = 0; at < all.len && !o.bad; at += piece) {
        struct span in = span_make(all.data + at, all.len - at < piece ? all.len - at : piece);
        struct collect_item item;
        enum collect_result r;
        while ((r = collect_next(&c, &in, &item, why, sizeof why)) == COLLECT_ITEM)
            take(&o, &c, &item);
        o.bad = r == COLLECT_BAD;
        must(o.bad || in.len == 0, "bytes left over");
        must(c.part.len <= all.len, "kept more than came");
        must(!o.bad || why[0], "no reason");
    }
    collect_free(&c);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct span all = span_make(data + 1, size - 1);
    struct outcome whole = collect_all(all, all.len ? all.len : 1);
    struct outcome cut = collect_all(all, 1 + data[0] % 64);
    must(whole.bad == cut.bad, "bad in one cut only");
    must(whole.digest == cut.digest && whole.bytes == cut.bytes && whole.ends == cut.ends, "other items");
    return 0;
}
