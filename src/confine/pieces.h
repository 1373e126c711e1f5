/* What the files of this room know of each other: a mechanism a file, joined by confine.c. Each function
 * returns 0, or -1 with a message for people. */
#ifndef PFETCH_CONFINE_PIECES_H
#define PFETCH_CONFINE_PIECES_H

#include "confine/confine.h"

/* Fills `message` with "WHAT: reason of errno" and returns -1. */
int confine_failed(const char *what, char *message, size_t size);

/* user.c: true if this process is not root, or may become another user. */
bool user_possible(void);

/* Becomes uid and gid, without supplementary groups. */
int user_change(uid_t uid, gid_t gid, char *message, size_t size);

/* Empties the calling thread's ambient and bounding sets, as far as it may: what an exec could gain from. */
void user_drop_for_exec(void);

/* Empties all other capability sets. */
int user_drop_capabilities(char *message, size_t size);

/* limits.c: lowers the resource limits. */
int limits_lower(char *message, size_t size);

/* readable.c: the given paths without links in them. */
struct readable {
    char **paths;
    size_t count;
};

/* Collects them. -1: no memory (nothing is left allocated). */
int readable_collect(struct readable *r, const char *const *given);
void readable_free(struct readable *r);

/* landlock.c: the kernel's ABI version, 0: none. */
int landlock_version(void);

/* No file but reading those in `r`, and no TCP bind. Needs no_new_privs. */
int landlock_restrict(const struct readable *r, char *message, size_t size);

/* seccomp.c or noseccomp.c: the filter. */
struct filter;
bool filter_built(void);
bool filter_possible(void);
int filter_compile(struct filter **ret, char *message, size_t size);
int filter_install(const struct filter *f, char *message, size_t size);
void filter_free(struct filter *f);

#endif
