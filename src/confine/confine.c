#include "config.h"
#include "confine/confine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "confine/pieces.h"

struct confine_plan {
    enum confine_level level;
    bool change_user;
    uid_t uid;
    gid_t gid;
    bool has[CONFINE_PIECES]; /* built and offered */
    struct readable readable;
    struct filter *filter; /* NULL unless has[CONFINE_SECCOMP] */
};

int confine_failed(const char *what, char *message, size_t size)
{
    snprintf(message, size, "%s: %s", what, strerror(errno));
    return -1;
}

/* valgrind runs on system calls of its own, which no filter for pfetch knows, and knows none of Landlock's.
 */
static bool under_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return preload && strstr(preload, "vgpreload_");
}

void confine_probe(struct confine_support *ret)
{
    *ret = (struct confine_support){0};
    for (unsigned i = 0; i < CONFINE_PIECES; i++)
        ret->built[i] = ret->kernel[i] = true;
    ret->built[CONFINE_SECCOMP] = filter_built();
    ret->kernel[CONFINE_SECCOMP] = !under_valgrind() && filter_possible();
    ret->landlock_abi = under_valgrind() ? 0 : landlock_version();
    ret->kernel[CONFINE_LANDLOCK] = ret->landlock_abi > 0;
    ret->kernel[CONFINE_NO_NEW_PRIVS] = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) >= 0;
    ret->kernel[CONFINE_USER] = user_possible();
}

const char *confine_piece_name(enum confine_piece piece)
{
    static const char *const names[CONFINE_PIECES] = {
        [CONFINE_NO_NEW_PRIVS] = "no_new_privs", [CONFINE_DUMPABLE] = "dumpable",
        [CONFINE_RLIMITS] = "rlimits",           [CONFINE_USER] = "user",
        [CONFINE_LANDLOCK] = "landlock",         [CONFINE_SECCOMP] = "seccomp",
    };
    return piece < CONFINE_PIECES ? names[piece] : "unknown";
}

unsigned confine_missing(const struct confine_support *s, char *text, size_t size)
{
    unsigned missing = 0;
    size_t used = 0;
    if (size)
        text[0] = 0;
    for (unsigned i = 0; i < CONFINE_PIECES; i++) {
        if (s->built[i] && s->kernel[i])
            continue;
        if (used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", missing ? ", " : "",
                                     confine_piece_name((enum confine_piece)i));
        missing++;
    }
    return missing;
}

/* The plan's pieces, from what is here and what is asked for. */
static int choose_pieces(struct confine_plan *plan, char *message, size_t size)
{
    struct confine_support support;
    char missing[128];
    confine_probe(&support);
    if (confine_missing(&support, missing, sizeof missing) && plan->level == CONFINE_REQUIRE) {
        snprintf(message, size, "this system can't confine workers as required, missing: %s", missing);
        return -1;
    }
    for (unsigned i = 0; i < CONFINE_PIECES; i++)
        plan->has[i] = support.built[i] && support.kernel[i];
    return 0;
}

int confine_prepare(const struct confine_options *options, struct confine_plan **ret_plan, char *message,
                    size_t size)
{
    struct confine_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return confine_failed("sandbox", message, size);
    plan->level = options->level;
    plan->change_user = options->change_user;
    plan->uid = options->uid;
    plan->gid = options->gid;
    if (choose_pieces(plan, message, size) < 0)
        goto out;
    if (plan->level != CONFINE_OFF) {
        if (plan->has[CONFINE_LANDLOCK] && readable_collect(&plan->readable, options->readable) < 0) {
            confine_failed("sandbox", message, size);
            goto out;
        }
        if (plan->has[CONFINE_SECCOMP] && filter_compile(&plan->filter, message, size) < 0)
            goto out;
    }
    *ret_plan = plan;
    return 0;
out:
    confine_release(plan);
    return -1;
}

void confine_children(void)
{
    user_drop_for_exec();
}

void confine_release(struct confine_plan *plan)
{
    if (!plan)
        return;
    readable_free(&plan->readable);
    filter_free(plan->filter);
    free(plan);
}

/* Becomes the user; keeps the signal for the parent's death, which the kernel forgets with the old one. */
static int change_user(const struct confine_plan *plan, char *message, size_t size)
{
    int signal_at_death = 0;
    pid_t parent = getppid();
    if (!plan->change_user || !plan->has[CONFINE_USER])
        return 0;
    (void)prctl(PR_GET_PDEATHSIG, &signal_at_death, 0, 0, 0);
    if (user_change(plan->uid, plan->gid, message, size) < 0)
        return -1;
    if (signal_at_death == 0)
        return 0;
    if (prctl(PR_SET_PDEATHSIG, (unsigned long)signal_at_death, 0, 0, 0) < 0)
        return confine_failed("PDEATHSIG", message, size);
    if (getppid() != parent) {
        snprintf(message, size, "the parent has ended");
        return -1;
    }
    return 0;
}

int confine_self(const struct confine_plan *plan, char *message, size_t size)
{
    if (plan->level != CONFINE_OFF || plan->change_user)
        user_drop_for_exec(); /* first, for it takes a capability */
    if (change_user(plan, message, size) < 0)
        return -1;
    if (plan->level == CONFINE_OFF)
        return 0;
    if (user_drop_capabilities(message, size) < 0)
        return -1;
    if (plan->has[CONFINE_NO_NEW_PRIVS] && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return confine_failed("no_new_privs", message, size);
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return confine_failed("dumpable", message, size);
    if (limits_lower(message, size) < 0)
        return -1;
    if (plan->has[CONFINE_LANDLOCK] && landlock_restrict(&plan->readable, message, size) < 0)
        return -1;
    return plan->filter ? filter_install(plan->filter, message, size) : 0;
}
