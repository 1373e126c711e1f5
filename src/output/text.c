#include "output/text.h"

#include <stdlib.h>

#include "base/escape.h"
#include "output/format.h"
#include "output/spool.h"

struct text {
    struct buffer line; /* kept from report to report */
};

void *text_sink_new(void)
{
    struct text *t = malloc(sizeof *t);
    if (t)
        buffer_init(&t->line, SIZE_MAX);
    return t;
}

static int put_outcome(struct buffer *b, const struct fetch_error *e)
{
    if (buffer_puts(b, error_kind_name(e->kind)) < 0)
        return -1;
    if (e->kind == ERROR_NONE)
        return 0;
    return buffer_puts(b, ": ") < 0 ? -1 : escape_text(b, span_of(e->message));
}

static int put_line(struct buffer *b, const struct report *r)
{
    int bad = r->status ? format_u64(b, (uint64_t)r->status) : buffer_putc(b, '-');
    bad |= buffer_putc(b, '\t');
    bad |= format_u64(b, r->bytes);
    bad |= buffer_putc(b, '\t');
    bad |= format_seconds(b, r->ns_total, 3);
    bad |= buffer_putc(b, '\t');
    bad |= escape_text(b, r->target);
    bad |= buffer_putc(b, '\t');
    bad |= put_outcome(b, &r->error);
    bad |= buffer_putc(b, '\n');
    return bad;
}

static int text_end(void *sink, void *context, struct report *report, bool final, struct spool_slot *slot,
                    struct fetch_error *err)
{
    struct text *t = sink;
    (void)context, (void) final;
    buffer_clear(&t->line);
    if (put_line(&t->line, report) < 0)
        return error_set(err, ERROR_OUTPUT, PHASE_NONE, "no memory for a report");
    return spool_write(slot, t->line.data, t->line.len, err);
}

static int text_close(void *sink, struct fetch_error *err)
{
    struct text *t = sink;
    (void)err;
    buffer_free(&t->line);
    free(t);
    return 0;
}

const struct sink_type text_sink = {
    .name = "text",
    .begin = sink_no_begin,
    .hop = sink_no_head,
    .head = sink_no_head,
    .body = sink_no_data,
    .wire = sink_no_data,
    .end = text_end,
    .abandon = sink_no_abandon,
    .flush = sink_no_flush,
    .close = text_close,
};
