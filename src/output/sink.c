#include "output/sink.h"

int sink_no_begin(void *sink, const struct sink_target *target, void **ret_context, struct fetch_error *err)
{
    (void)sink, (void)target, (void)err;
    *ret_context = NULL;
    return 0;
}

int sink_no_head(void *sink, void *context, const struct fetch_head *head, struct fetch_error *err)
{
    (void)sink, (void)context, (void)head, (void)err;
    return 0;
}

int sink_no_data(void *sink, void *context, const void *data, size_t len, struct fetch_error *err)
{
    (void)sink, (void)context, (void)data, (void)len, (void)err;
    return 0;
}

void sink_no_abandon(void *sink, void *context)
{
    (void)sink, (void)context;
}

int sink_no_flush(void *sink, bool sync, struct fetch_error *err)
{
    (void)sink, (void)sync, (void)err;
    return 0;
}
