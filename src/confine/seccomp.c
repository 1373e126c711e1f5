/* The filter of system calls: compiled before there are workers, by the build or in the parent, and installed
 * by each worker with a plain system call. */
#include "config.h"
#include "confine/pieces.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/filter_rules.h"

struct filter {
    struct sock_filter *code;
    size_t length; /* instructions */
};

bool filter_built(void)
{
    return true;
}

bool filter_possible(void)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

#ifdef FILTER_AT_BUILD

static int compile(struct filter *f)
{
    static const struct sock_filter built[] = {
#include "confine/filter_code.h"
    };
    f->code = malloc(sizeof built);
    if (!f->code)
        return ENOMEM;
    memcpy(f->code, built, sizeof built);
    f->length = sizeof built / sizeof *built;
    return 0;
}

#else

static int compile(struct filter *f)
{
    return filter_rules_compile(false, &f->code, &f->length);
}

#endif

int filter_compile(struct filter **ret, char *message, size_t size)
{
    struct filter *f = calloc(1, sizeof *f);
    int error = f ? compile(f) : ENOMEM;
    if (!error && !filter_own_pid(f->code, f->length))
        error = EBADMSG;
    if (error) {
        filter_free(f);
        errno = error;
        return confine_failed("seccomp", message, size);
    }
    *ret = f;
    return 0;
}

enum { FEW = 512 };

int filter_install(const struct filter *f, char *message, size_t size)
{
    /* A copy, and mostly on the stack: to write to the parent's would copy the page that it is on. */
    struct sock_filter few[FEW], *code = f->length <= FEW ? few : malloc(f->length * sizeof *code);
    if (!code)
        return confine_failed("seccomp", message, size);
    memcpy(code, f->code, f->length * sizeof *code);
    struct sock_fprog program = {(unsigned short)f->length, code};
    struct sock_filter *pid = filter_own_pid(code, f->length);
    long result = -1;
    if (pid) {
        pid->k = (uint32_t)getpid();
        result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    } else {
        errno = EBADMSG;
    }
    if (result < 0)
        (void)confine_failed("seccomp", message, size);
    if (code != few)
        free(code);
    return result < 0 ? -1 : 0;
}

void filter_free(struct filter *f)
{
    if (f)
        free(f->code);
    free(f);
}
