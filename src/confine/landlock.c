/* Landlock (Linux 5.13): files by where they are, TCP ports, and what lies outside of the process. By system
 * call, since neither libc nor all kernels' headers have it whole. */
#include "config.h"
#include "confine/pieces.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444 /* the same on every architecture */
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

enum { CREATE_RULESET_VERSION = 1, RULE_PATH_BENEATH = 1 };

enum {
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    NET_BIND_TCP = 1 << 0,
    SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0,
    SCOPE_SIGNAL = 1 << 1,
};

struct ruleset_attr { /* the kernel's, as far as ABI 6 */
    uint64_t handled_fs;
    uint64_t handled_net; /* from ABI 4 on */
    uint64_t scoped;      /* from ABI 6 on */
};

struct path_beneath_attr {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

int landlock_version(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    return abi > 0 ? (int)abi : 0;
}

/* Everything that this ABI can forbid, but connecting: any port may be a target's. */
static int create_ruleset(int abi)
{
    /* ABI 1: execute, write, read file, read dir, remove, make (13 rights); 2: refer; 3: truncate; 5: ioctl
     * on devices. */
    unsigned rights = abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13;
    size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
    struct ruleset_attr attr = {.handled_fs = (UINT64_C(1) << rights) - 1,
                                .handled_net = NET_BIND_TCP,
                                .scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL};
    return (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
}

/* Allows reading one path. What this user can't reach, or is gone by now, needs no rule. */
static int allow_reading(int ruleset, const char *path)
{
    struct stat st;
    int result = 0, fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -1 : 0;
    if (fstat(fd, &st) == 0) {
        struct path_beneath_attr rule = {.allowed = FS_READ_FILE, .parent_fd = fd};
        if (S_ISDIR(st.st_mode))
            rule.allowed |= FS_READ_DIR;
        result = (int)syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0);
    }
    close(fd);
    return result;
}

int landlock_restrict(const struct readable *r, char *message, size_t size)
{
    int ruleset = create_ruleset(landlock_version()), result = -1;
    if (ruleset < 0)
        return confine_failed("landlock_create_ruleset", message, size);
    for (size_t i = 0; i < r->count; i++)
        if (allow_reading(ruleset, r->paths[i]) < 0) {
            confine_failed("landlock_add_rule", message, size);
            goto out;
        }
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0) {
        confine_failed("landlock_restrict_self", message, size);
        goto out;
    }
    result = 0;
out:
    close(ruleset);
    return result;
}
