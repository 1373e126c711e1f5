#include "executor/protocol.h"

#include <stdio.h>

/* [state][frame]: what the state is afterwards, plus one; 0: refused. */
#define TO(state) (PROTOCOL_##state + 1)
static const unsigned char next_state[PROTOCOL_STATES][FRAME_TYPES] = {
    [PROTOCOL_STARTING] = {[FRAME_READY] = TO(IDLE), [FRAME_NOTE] = TO(FAILED)},
    [PROTOCOL_FAILED] = {0},
    [PROTOCOL_IDLE] = {0},
    [PROTOCOL_BEGUN] =
        {[FRAME_HOP] = TO(HOPS), [FRAME_HEAD] = TO(ANSWER), [FRAME_END] = TO(IDLE), [FRAME_NOTE] = TO(BEGUN)},
    [PROTOCOL_HOPS] = {[FRAME_HOP] = TO(HOPS),
                       [FRAME_WIRE] = TO(HOPS),
                       [FRAME_HEAD] = TO(ANSWER),
                       [FRAME_END] = TO(IDLE),
                       [FRAME_NOTE] = TO(HOPS)},
    [PROTOCOL_ANSWER] = {[FRAME_BODY] = TO(ANSWER),
                         [FRAME_SHARED] = TO(ANSWER),
                         [FRAME_WIRE] = TO(ANSWER),
                         [FRAME_END] = TO(IDLE),
                         [FRAME_NOTE] = TO(ANSWER)},
};

/* Says where in its life a worker was when it sent what it may not. */
static const char *const moments[PROTOCOL_STATES] = {
    [PROTOCOL_STARTING] = "before READY", [PROTOCOL_FAILED] = "after a failed start",
    [PROTOCOL_IDLE] = "after END",        [PROTOCOL_BEGUN] = "before HEAD",
    [PROTOCOL_HOPS] = "before HEAD",      [PROTOCOL_ANSWER] = "after HEAD",
};

bool protocol_allows(const struct protocol *p, enum frame_type type)
{
    if (type == FRAME_NOTE && p->notes >= PROTOCOL_MAX_NOTES)
        return false;
    if (type == FRAME_HOP && p->hops >= PROTOCOL_MAX_HOPS)
        return false;
    return next_state[p->state][type] != 0;
}

bool protocol_check(const struct protocol *p, const struct frame *f, char *why, size_t size)
{
    if (next_state[p->state][f->type] == 0)
        (void)snprintf(why, size, "%s %s", frame_name(f->type), moments[p->state]);
    else if (!protocol_allows(p, f->type))
        (void)snprintf(why, size, "more than %d %s frames",
                       f->type == FRAME_HOP ? PROTOCOL_MAX_HOPS : PROTOCOL_MAX_NOTES, frame_name(f->type));
    else if (f->task != p->task)
        (void)snprintf(why, size, "%s for another task", frame_name(f->type));
    else
        return true;
    return false;
}

void protocol_pass(struct protocol *p, enum frame_type type)
{
    unsigned next = next_state[p->state][type];
    if (next == 0)
        return;
    p->state = (enum protocol_state)(next - 1);
    p->notes += type == FRAME_NOTE;
    p->hops += type == FRAME_HOP;
    if (type == FRAME_END)
        p->task = 0;
}

void protocol_begin(struct protocol *p, uint64_t task)
{
    p->state = PROTOCOL_BEGUN;
    p->task = task;
    p->notes = p->hops = 0;
}
