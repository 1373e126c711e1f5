#include "config.h"

#include "confine/filter_rules.h"

struct sock_filter *filter_own_pid(struct sock_filter *code, size_t length)
{
    struct sock_filter *found = NULL;
    for (size_t i = 0; i < length; i++)
        if (code[i].k == FILTER_OWN_PID) {
            if (found || BPF_CLASS(code[i].code) != BPF_JMP || BPF_OP(code[i].code) != BPF_JEQ)
                return NULL;
            found = &code[i];
        }
    return found;
}
