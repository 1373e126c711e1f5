/* Root and capabilities: how a worker becomes nobody. */
#include "config.h"
#include "confine/pieces.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LOOKUP_MAX = 1 << 20 };

/* A lookup whose buffer grows until the entry fits. 0: *ret holds uid and gid; else an errno value, ENOENT
 * for no such user. */
static int lookup(const char *name, uid_t number, uid_t *ret_uid, gid_t *ret_gid)
{
    int error = ERANGE;
    for (size_t size = 1024; error == ERANGE && size <= LOOKUP_MAX; size *= 4) {
        struct passwd entry, *found = NULL;
        char *buffer = malloc(size);
        if (!buffer)
            return ENOMEM;
        error = name ? getpwnam_r(name, &entry, buffer, size, &found)
                     : getpwuid_r(number, &entry, buffer, size, &found);
        if (error == 0 && found) {
            *ret_uid = entry.pw_uid;
            *ret_gid = entry.pw_gid;
        } else if (error == 0) {
            error = ENOENT;
        }
        free(buffer);
    }
    return error;
}

int confine_user(const char *name, uid_t *ret_uid, gid_t *ret_gid, char *message, size_t size)
{
    int error = lookup(name, 0, ret_uid, ret_gid);
    char *end;
    errno = 0;
    unsigned long number = strtoul(name, &end, 10);
    if (error && name[0] >= '0' && name[0] <= '9' && *end == 0 && errno == 0 && number < (uid_t)-1)
        error = lookup(NULL, (uid_t)number, ret_uid, ret_gid);
    if (error == 0)
        return 0;
    if (error == ENOENT)
        snprintf(message, size, "there is no user %s", name);
    else
        snprintf(message, size, "user %s: %s", name, strerror(error));
    return -1;
}

/* In a user namespace that its maker may not give groups to, setgroups is refused for ever. */
static bool setgroups_denied(void)
{
    char text[8] = "";
    int fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    return n >= 4 && memcmp(text, "deny", 4) == 0;
}

bool user_possible(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    const uint32_t need = 1U << CAP_SETUID | 1U << CAP_SETGID;
    if (geteuid() != 0)
        return true;
    return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & need) == need &&
           !setgroups_denied();
}

/* To look costs a tenth of a drop, which makes new credentials; a worker finds none left. */
void user_drop_for_exec(void)
{
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (unsigned long cap = 0;; cap++)
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 0 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            return; /* that was the last; or one may not drop them, and has no use for them either */
}

int user_change(uid_t uid, gid_t gid, char *message, size_t size)
{
    if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        return confine_failed("keepcaps", message, size);
    if (setgroups(0, NULL) < 0)
        return confine_failed("setgroups", message, size);
    if (setresgid(gid, gid, gid) < 0)
        return confine_failed("setresgid", message, size);
    if (setresuid(uid, uid, uid) < 0)
        return confine_failed("setresuid", message, size);
    if (uid != 0 && setresuid(0, 0, 0) == 0) {
        snprintf(message, size, "root could not be given up");
        return -1;
    }
    return 0;
}

int user_drop_capabilities(char *message, size_t size)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (syscall(SYS_capset, &header, none) < 0)
        return confine_failed("capset", message, size);
    return 0;
}
