#include "executor/frame.h"

#include <endian.h>
#include <string.h>

uint32_t frame_bound(unsigned type)
{
    static const uint32_t bounds[FRAME_TYPES] = {
        [FRAME_TASK] = FRAME_MAX_TASK,   [FRAME_READY] = 0,
        [FRAME_HOP] = FRAME_MAX_HEAD,    [FRAME_HEAD] = FRAME_MAX_HEAD,
        [FRAME_BODY] = FRAME_MAX_BODY,   [FRAME_WIRE] = FRAME_MAX_BODY,
        [FRAME_END] = FRAME_MAX_END,     [FRAME_NOTE] = FRAME_MAX_NOTE,
        [FRAME_SHARED] = FRAME_MAX_BODY,
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
        [FRAME_SHARED] = "SHARED",
    };
    return names[type < FRAME_TYPES ? type : 0];
}

void frame_put(unsigned char into[FRAME_HEADER], const struct frame *f)
{
    into[0] = (unsigned char)f->type;
    into[1] = into[2] = into[3] = 0;
    uint32_t length = htole32(f->length);
    uint64_t task = htole64(f->task);
    memcpy(into + 4, &length, sizeof length);
    memcpy(into + 8, &task, sizeof task);
}

int frame_get(const unsigned char from[FRAME_HEADER], struct frame *ret_frame)
{
    unsigned type = from[0];
    uint32_t length;
    uint64_t task;
    memcpy(&length, from + 4, sizeof length);
    memcpy(&task, from + 8, sizeof task);
    length = le32toh(length);
    if (type == 0 || type >= FRAME_TYPES || from[1] || from[2] || from[3])
        return -1;
    if (length > frame_bound(type))
        return -1;
    if (length == 0 && (type == FRAME_BODY || type == FRAME_WIRE || type == FRAME_SHARED))
        return -1;
    ret_frame->type = (enum frame_type)type;
    ret_frame->length = length;
    ret_frame->task = le64toh(task);
    return 0;
}
