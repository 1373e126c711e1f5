/*
 * How a process gives its rights away, before it touches the first byte from the network. One file a
 * mechanism: user.c (root and capabilities), limits.c, landlock.c, seccomp.c (or none.c where the build has
 * no libseccomp).
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
    const char *const
        *readable;     /* NULL-terminated: files and directories it may still read, links followed */
    bool any_tcp_port; /* false is not used yet: TCP connect stays possible to any port */
};

enum confine_piece {
    CONFINE_NO_NEW_PRIVS,
    CONFINE_DUMPABLE,
    CONFINE_RLIMITS,
    CONFINE_USER,
    CONFINE_LANDLOCK,
    CONFINE_SECCOMP,
    CONFINE_PIECES
};

struct confine_support {
    bool built[CONFINE_PIECES];  /* this build has it */
    bool kernel[CONFINE_PIECES]; /* this kernel offers it */
    int landlock_abi;            /* 0: none */
};

/* What this build and this kernel can do; asks the kernel, changes nothing. */
void confine_probe(struct confine_support *ret);

/* A piece's name for people: "landlock". */
const char *confine_piece_name(enum confine_piece piece);

/* The pieces that are missing here, as text "landlock, seccomp" into `text`; the number of them. */
unsigned confine_missing(const struct confine_support *s, char *text, size_t size);

/* Looks up --user: fills uid and gid. 0, or -1 with a message. */
int confine_user(const char *name, uid_t *ret_uid, gid_t *ret_gid, char *message, size_t size);

/* Confines the calling process, for good. 0; or -1 with a message: something failed that `level` does not
 * forgive (REQUIRE: any missing piece; AUTO: only a piece that is there and fails). OFF: changes the user,
 * drops nothing else. */
int confine_self(const struct confine_options *options, char *message, size_t size);

#endif
