#include "output/body_sink.h"

#include <stdlib.h>

#include "base/escape.h"
#include "output/format.h"
#include "output/spool.h"

struct bodies {
    void (*complain)(void *arg, struct span line);
    void *arg;
    struct buffer line;
};

void *body_sink_new(void (*complain)(void *arg, struct span line), void *arg)
{
    struct bodies *s = malloc(sizeof *s);
    if (!s)
        return NULL;
    s->complain = complain;
    s->arg = arg;
    buffer_init(&s->line, SIZE_MAX);
    return s;
}

/* The target's context is its slot: it outlives the target. */
static int body_begin(void *sink, const struct sink_target *target, void **ret_context,
                      struct fetch_error *err)
{
    (void)sink, (void)err;
    *ret_context = target->slot;
    return 0;
}

static int body_data(void *sink, void *context, const void *data, size_t len, struct fetch_error *err)
{
    (void)sink;
    return spool_write(context, data, len, err);
}

static int put_complaint(struct buffer *b, const struct report *r, uint64_t streamed)
{
    int bad = buffer_puts(b, "pfetch: ");
    bad |= escape_text(b, r->target);
    bad |= buffer_puts(b, ": ");
    bad |= buffer_puts(b, error_kind_name(r->error.kind));
    bad |= buffer_puts(b, ": ");
    bad |= escape_text(b, span_of(r->error.message));
    if (streamed) {
        bad |= buffer_puts(b, " (after ");
        bad |= format_u64(b, streamed);
        bad |= buffer_puts(b, " bytes of it were written)");
    }
    return bad | buffer_putc(b, '\n');
}

static int body_end(void *sink, void *context, struct report *report, bool final, struct spool_slot *slot,
                    struct fetch_error *err)
{
    struct bodies *s = sink;
    (void)context, (void) final;
    if (report->error.kind == ERROR_NONE)
        return 0;
    spool_rewind(slot);
    buffer_clear(&s->line);
    if (put_complaint(&s->line, report, spool_streamed(slot)) < 0)
        return error_set(err, ERROR_OUTPUT, PHASE_NONE, "no memory for a report");
    s->complain(s->arg, buffer_span(&s->line));
    return 0;
}

static void body_abandon(void *sink, void *context)
{
    (void)sink;
    spool_rewind(context);
}

static int body_close(void *sink, struct fetch_error *err)
{
    struct bodies *s = sink;
    (void)err;
    buffer_free(&s->line);
    free(s);
    return 0;
}

const struct sink_type body_sink = {
    .name = "body",
    .wants_body = true,
    .begin = body_begin,
    .hop = sink_no_head,
    .head = sink_no_head,
    .body = body_data,
    .wire = sink_no_data,
    .end = body_end,
    .abandon = body_abandon,
    .flush = sink_no_flush,
    .close = body_close,
};
