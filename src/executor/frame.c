#include "executor/frame.h"

uint32_t frame_bound(unsigned type)
{
    static const uint32_t bounds[FRAME_TYPES] = {
        [FRAME_TASK] = FRAME_MAX_TASK, [FRAME_READY] = 0,
        [FRAME_HOP] = FRAME_MAX_HEAD,  [FRAME_HEAD] = FRAME_MAX_HEAD,
        [FRAME_BODY] = FRAME_MAX_BODY, [FRAME_WIRE] = FRAME_MAX_BODY,
        [FRAME_END] = FRAME_MAX_END,   [FRAME_NOTE] = FRAME_MAX_NOTE,
    };
    return type < FRAME_TYPES ? bounds[type] : 0;
}

const char *frame_name(unsigned type)
{
    static const char *const names[FRAME_TYPES] = {
        [0] = "?",
        [FRAME_TASK] = "TASK",
        [FRAME_READY] = "READY",
        [FRAME_HOP] = "HOP",
        [FRAME_HEAD] = "HEAD",
        [FRAME_BODY] = "BODY",
        [FRAME_WIRE] = "WIRE",
        [FRAME_END] = "END",
        [FRAME_NOTE] = "NOTE",
    };
    return names[type < FRAME_TYPES ? type : 0];
}

static void put_le(unsigned char *into, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        into[i] = (unsigned char)(v >> (8 * i));
}

static uint64_t get_le(const unsigned char *from, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)from[i] << (8 * i);
    return v;
}

void frame_put(unsigned char into[FRAME_HEADER], const struct frame *f)
{
    into[0] = (unsigned char)f->type;
    into[1] = into[2] = into[3] = 0;
    put_le(into + 4, f->length, 4);
    put_le(into + 8, f->task, 8);
}

int frame_get(const unsigned char from[FRAME_HEADER], struct frame *ret_frame)
{
    unsigned type = from[0];
    uint32_t length = (uint32_t)get_le(from + 4, 4);
    if (type == 0 || type >= FRAME_TYPES || from[1] || from[2] || from[3])
        return -1;
    if (length > frame_bound(type))
        return -1;
    if (length == 0 && (type == FRAME_BODY || type == FRAME_WIRE))
        return -1;
    ret_frame->type = (enum frame_type)type;
    ret_frame->length = length;
    ret_frame->task = get_le(from + 8, 8);
    return 0;
}
