/*
 * How a process gives its rights away, before it touches the first byte from the network. One file a
 * mechanism: user.c (root and capabilities), limits.c, landlock.c, seccomp.c (noseccomp.c where the build has
 * no libseccomp, or a sanitizer that a filter would kill).
 *
 *   1. confine_prepare     once, in the parent, before the workers start: asks the kernel, follows the links
 *                          of what may be read, compiles the filter. A requirement that can't be met shows
 *                          here
 *      confine_children    there as well, if it likes: what its children then need not do each
 *   2. confine_self        in each worker process, single-threaded, before its first byte: for good
 *   3. confine_release   in the parent
 *
 * What a confined process has left: the descriptors it holds, TCP and UDP over IPv4 and IPv6 (no listening),
 * and reading the files it was told of. seccomp can't see where a socket leads and Landlock has no rules for
 * UDP or for addresses: --deny is kept by the worker's own code, not by its confinement.
 */
#ifndef PFETCH_CONFINE_CONFINE_H
#define PFETCH_CONFINE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum confine_level { CONFINE_AUTO, CONFINE_REQUIRE, CONFINE_OFF };

struct confine_options {
    enum confine_level level;
    bool change_user; /* become uid and gid (when started as root) */
    uid_t uid;
    gid_t gid;
    const char *const *readable; /* NULL-terminated: files and directories it may still read, the links on the
                                    way to them followed; where links in a directory lead has to be in the
                                    list as well. What does not exist is left out */
};

enum confine_piece {
    CONFINE_NO_NEW_PRIVS,
    CONFINE_DUMPABLE,
    CONFINE_RLIMITS,
    CONFINE_USER, /* giving up root and all capabilities */
    CONFINE_LANDLOCK,
    CONFINE_SECCOMP,
    CONFINE_PIECES
};

struct confine_support {
    bool built[CONFINE_PIECES];  /* this build has it */
    bool kernel[CONFINE_PIECES]; /* this kernel offers it to this process */
    int landlock_abi;            /* 0: none */
};

/* What this build and this kernel can do; asks the kernel, changes nothing. */
void confine_probe(struct confine_support *ret);

/* A piece's name for people: "landlock". */
const char *confine_piece_name(enum confine_piece piece);

/* The pieces that are missing here, as text "landlock, seccomp" into `text`; the number of them. */
unsigned confine_missing(const struct confine_support *s, char *text, size_t size);

/* Looks up --user, a name or a number: fills uid and gid (its primary group). 0, or -1 with a message. */
int confine_user(const char *name, uid_t *ret_uid, gid_t *ret_gid, char *message, size_t size);

struct confine_plan;

/* Prepares what all workers share; the options are copied. 0; or -1 with a message: no memory, or level
 * REQUIRE and a piece is missing. */
int confine_prepare(const struct confine_options *options, struct confine_plan **ret_plan, char *message,
                    size_t size);

/* Empties the ambient and the bounding set of capabilities of the calling thread, which its children begin
 * with: 41 calls, that each of them would have to make. What this process may do stays; but a program that it
 * executes as root would have no capabilities. Where it may not, nothing changes: confine_self sees to it in
 * any case. */
void confine_children(void);

/* Releases it. NULL is fine. */
void confine_release(struct confine_plan *plan);

/* Confines the calling process, for good, with the pieces that are there. 0; or -1 with a message: one of
 * them failed, and the process must end. OFF: changes the user, drops nothing else. PDEATHSIG, which a change
 * of user clears, is set again; should the parent have ended meanwhile, that is a failure. */
int confine_self(const struct confine_plan *plan, char *message, size_t size);

#endif
