#include "output/spool.h"

#include <stdlib.h>

#include "base/buffer.h"

enum {
    SLOT_COST = 512,      /* what a slot is taken to cost beside its bytes, its owner included */
    KEPT_SLOTS = 64,      /* dead slots kept for the next ones, with buffers … */
    KEPT_CAP = 32 * 1024, /* … of at most so many bytes */
    SLACK = 4096,         /* a waiting slot gives back more unused memory than this */
    LOW_WATER = SPOOL_TOTAL_MAX / 4 * 3
};

struct spool_slot {
    struct spool *spool;
    void *owner;
    struct spool_slot *next, *prev;
    bool finished; /* whole; waits for its turn */
    bool held;     /* the caller was told to stop … */
    bool resumed;  /* … and is to be told to go on */
    struct buffer bytes;
    size_t counted; /* its part of spool->total */
    uint64_t streamed;
    uint64_t end; /* once sent: the writer's count at its last byte */
};

struct list {
    struct spool_slot *first, *last;
};

struct spool {
    struct spool_options options;
    struct list slots; /* open ones in the order of opening; input order: finished ones too */
    struct list ready; /* completion order: finished ones behind the one that streams */
    struct list sent;  /* with the writer */
    struct spool_slot *live;
    struct spool_slot *cursor; /* of the walk that calls resume; stepped on when its slot goes */
    struct spool_slot *kept;   /* dead ones, linked by next */
    size_t kept_count, pending, sent_count, held_count, resumed_count;
    size_t total; /* bytes of memory, the live slot's aside */
    bool telling; /* `delivered` is being called */
};

/* Lists and memory */

static void list_append(struct list *l, struct spool_slot *slot)
{
    slot->next = NULL;
    slot->prev = l->last;
    if (l->last)
        l->last->next = slot;
    else
        l->first = slot;
    l->last = slot;
}

static void list_remove(struct list *l, struct spool_slot *slot)
{
    if (slot->spool->cursor == slot)
        slot->spool->cursor = slot->next;
    if (slot->prev)
        slot->prev->next = slot->next;
    else
        l->first = slot->next;
    if (slot->next)
        slot->next->prev = slot->prev;
    else
        l->last = slot->prev;
}

/* Brings spool->total up to date with what the slot holds now. */
static void recount(struct spool_slot *slot)
{
    struct spool *s = slot->spool;
    size_t now = SLOT_COST + (s->live == slot ? 0 : slot->bytes.cap);
    s->total = s->total - slot->counted + now;
    slot->counted = now;
}

static void drop_bytes(struct spool_slot *slot)
{
    if (slot->bytes.cap > KEPT_CAP)
        buffer_free(&slot->bytes);
    buffer_clear(&slot->bytes);
    recount(slot);
}

/* A finished slot that waits keeps no more than it needs. */
static void trim(struct spool_slot *slot)
{
    struct buffer *b = &slot->bytes;
    if (b->cap - b->len <= SLACK || b->len == 0)
        return;
    unsigned char *data = realloc(b->data, b->len);
    if (data) {
        b->data = data;
        b->cap = b->len;
        recount(slot);
    }
}

static void slot_free(struct spool_slot *slot)
{
    buffer_free(&slot->bytes);
    free(slot);
}

static void slot_bury(struct spool_slot *slot)
{
    struct spool *s = slot->spool;
    s->pending--;
    s->total -= slot->counted;
    slot->counted = 0;
    if (s->kept_count == KEPT_SLOTS) {
        slot_free(slot);
        return;
    }
    slot->next = s->kept;
    s->kept = slot;
    s->kept_count++;
}

/* Holding */

static void hold(struct spool_slot *slot)
{
    if (slot->held)
        return;
    slot->held = true;
    slot->spool->held_count++;
    if (slot->resumed) /* it was not told yet */
        slot->spool->resumed_count--;
    slot->resumed = false;
}

/* `tell`: the caller is to hear of it. */
static void unhold(struct spool_slot *slot, bool tell)
{
    if (slot->held)
        slot->spool->held_count--;
    if (slot->held && tell && !slot->resumed) {
        slot->resumed = true;
        slot->spool->resumed_count++;
    } else if (slot->resumed && !tell) {
        slot->resumed = false;
        slot->spool->resumed_count--;
    }
    slot->held = false;
}

/* Sending */

static int take_piece(void *arg, const void *data, size_t len, struct fetch_error *err)
{
    struct spool_slot *slot = arg;
    if (writer_put(slot->spool->options.writer, data, len, err) < 0)
        return -1;
    slot->streamed += len;
    return 0;
}

/* Passes what the slot has to the writer. */
static int stream_out(struct spool_slot *slot, struct fetch_error *err)
{
    if (slot->bytes.len && take_piece(slot, slot->bytes.data, slot->bytes.len, err) < 0)
        return -1;
    drop_bytes(slot);
    return 0;
}

static int make_live(struct spool_slot *slot, struct fetch_error *err)
{
    slot->spool->live = slot;
    unhold(slot, true);
    recount(slot);
    return slot->bytes.len > SPOOL_SLOT_MAX ? stream_out(slot, err) : 0;
}

static void end_live(struct spool *s)
{
    struct spool_slot *was = s->live;
    s->live = NULL;
    recount(was);
}

/* A finished slot whose turn has come, taken out of `from`. */
static int send_slot(struct spool_slot *slot, struct list *from, struct fetch_error *err)
{
    struct spool *s = slot->spool;
    if (stream_out(slot, err) < 0)
        return -1;
    if (s->live == slot)
        end_live(s);
    list_remove(from, slot);
    list_append(&s->sent, slot);
    s->sent_count++;
    slot->end = writer_taken(s->options.writer);
    return 0;
}

/* Input order: all that are finished at the front go out, the next becomes live. */
static int advance(struct spool *s, struct fetch_error *err)
{
    while (s->slots.first && s->slots.first->finished)
        if (send_slot(s->slots.first, &s->slots, err) < 0)
            return -1;
    return s->slots.first && s->live != s->slots.first ? make_live(s->slots.first, err) : 0;
}

/* Completion order: the held slot that should go on now that none is live. The oldest that has outgrown its
 * share, else the largest. */
static struct spool_slot *next_live(const struct spool *s)
{
    struct spool_slot *best = NULL;
    for (struct spool_slot *i = s->slots.first; i; i = i->next) {
        if (!i->held)
            continue;
        if (i->bytes.len > SPOOL_SLOT_MAX)
            return i;
        if (!best || i->bytes.len > best->bytes.len)
            best = i;
    }
    return best;
}

static int choose_live(struct spool *s, struct fetch_error *err)
{
    struct spool_slot *slot = s->held_count && !s->live ? next_live(s) : NULL;
    return slot ? make_live(slot, err) : 0;
}

/* Completion order: nobody streams any more; what has waited goes out. */
static int live_ended(struct spool *s, struct fetch_error *err)
{
    while (s->ready.first)
        if (send_slot(s->ready.first, &s->ready, err) < 0)
            return -1;
    return choose_live(s, err);
}

/* Lets go on whom the state of things allows to. */
static int settle(struct spool *s, struct fetch_error *err)
{
    if (!s->options.input_order && choose_live(s, err) < 0)
        return -1;
    if (s->held_count && s->total <= LOW_WATER)
        for (struct spool_slot *i = s->slots.first; i; i = i->next)
            if (i->held && i->bytes.len <= SPOOL_SLOT_MAX)
                unhold(i, true);
    return 0;
}

/* The functions of the header */

struct spool *spool_new(const struct spool_options *options)
{
    struct spool *s = calloc(1, sizeof *s);
    if (s)
        s->options = *options;
    return s;
}

struct spool_slot *spool_open(struct spool *s, void *owner)
{
    struct spool_slot *slot = s->kept;
    struct buffer bytes;
    buffer_init(&bytes, SIZE_MAX);
    if (slot) {
        s->kept = slot->next;
        s->kept_count--;
        bytes = slot->bytes;
    } else {
        slot = malloc(sizeof *slot);
        if (!slot)
            return NULL;
    }
    *slot = (struct spool_slot){.spool = s, .owner = owner, .bytes = bytes};
    list_append(&s->slots, slot);
    s->pending++;
    if (s->options.input_order && s->slots.first == slot)
        s->live = slot;
    recount(slot);
    return slot;
}

/* The slot has passed its share or the cap. */
static int outgrown(struct spool_slot *slot, struct fetch_error *err)
{
    struct spool *s = slot->spool;
    bool large = slot->bytes.len > SPOOL_SLOT_MAX;
    if (!s->options.input_order) {
        /* One that was made live by the cap and has not streamed gives way to one that can stream. */
        if (large && s->live && s->live->streamed == 0)
            end_live(s);
        if (!s->live)
            return make_live(slot, err);
    }
    hold(slot);
    return 0;
}

int spool_write(struct spool_slot *slot, const void *data, size_t len, struct fetch_error *err)
{
    struct spool *s = slot->spool;
    if (s->live == slot && slot->streamed)
        return take_piece(slot, data, len, err);
    size_t cap = slot->bytes.cap;
    if (buffer_append(&slot->bytes, data, len) < 0)
        return error_set(err, ERROR_OUTPUT, PHASE_NONE, "no memory for %zu bytes of output", len);
    if (slot->bytes.cap != cap)
        recount(slot);
    bool large = slot->bytes.len > SPOOL_SLOT_MAX;
    if (s->live == slot)
        return large ? stream_out(slot, err) : 0;
    return large || s->total > SPOOL_TOTAL_MAX ? outgrown(slot, err) : 0;
}

bool spool_held(const struct spool_slot *slot)
{
    return slot->held;
}

uint64_t spool_streamed(const struct spool_slot *slot)
{
    return slot->streamed;
}

void spool_rewind(struct spool_slot *slot)
{
    struct spool *s = slot->spool;
    unhold(slot, false);
    if (s->live == slot && !s->options.input_order && slot->streamed == 0)
        end_live(s);
    buffer_free(&slot->bytes); /* it may wait for long, with many others */
    recount(slot);
}

int spool_finish(struct spool_slot *slot, struct fetch_error *err)
{
    struct spool *s = slot->spool;
    unhold(slot, false);
    slot->finished = true;
    if (s->options.input_order) {
        trim(slot);
        return slot == s->slots.first ? advance(s, err) : 0;
    }
    bool was_live = s->live == slot;
    if (!was_live && s->live && s->live->streamed) {
        trim(slot);
        list_remove(&s->slots, slot);
        list_append(&s->ready, slot);
        return 0;
    }
    if (send_slot(slot, &s->slots, err) < 0)
        return -1;
    return was_live ? live_ended(s, err) : 0;
}

/* Whoever is told may flush; the rest are told by the loop that tells him. */
static void call_delivered(struct spool *s)
{
    if (s->telling)
        return;
    s->telling = true;
    while (s->sent.first && s->sent.first->end <= writer_written(s->options.writer)) {
        struct spool_slot *slot = s->sent.first;
        void *owner = slot->owner;
        list_remove(&s->sent, slot);
        s->sent_count--;
        slot_bury(slot);
        if (s->options.delivered)
            s->options.delivered(s->options.arg, owner);
    }
    s->telling = false;
}

static void call_resume(struct spool *s)
{
    s->cursor = s->slots.first;
    while (s->cursor && s->resumed_count) {
        struct spool_slot *slot = s->cursor;
        s->cursor = slot->next;
        if (!slot->resumed)
            continue;
        slot->resumed = false;
        s->resumed_count--;
        if (s->options.resume)
            s->options.resume(s->options.arg, slot->owner);
    }
    s->cursor = NULL;
}

int spool_flush(struct spool *s, bool sync, struct fetch_error *err)
{
    int r = settle(s, err) < 0 || writer_flush(s->options.writer, sync, err) < 0 ? -1 : 0;
    call_delivered(s); /* what left before a failure has left */
    if (r == 0)
        call_resume(s);
    return r;
}

bool spool_flush_due(const struct spool *s)
{
    return s->sent_count >= SPOOL_SENT_MAX;
}

size_t spool_pending(const struct spool *s)
{
    return s->pending;
}

bool spool_full(const struct spool *s)
{
    return s->total >= SPOOL_TOTAL_MAX;
}

void *spool_oldest(const struct spool *s)
{
    return s->slots.first ? s->slots.first->owner : NULL;
}

static void free_all(struct spool_slot *slot)
{
    while (slot) {
        struct spool_slot *next = slot->next;
        slot_free(slot);
        slot = next;
    }
}

void spool_free(struct spool *s)
{
    if (!s)
        return;
    free_all(s->slots.first);
    free_all(s->ready.first);
    free_all(s->sent.first);
    free_all(s->kept);
    free(s);
}
