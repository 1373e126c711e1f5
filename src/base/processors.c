#include "config.h"

#include "base/processors.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE = PATH_MAX + 256 /* of /proc/self/cgroup: a path, and the names of controllers */ };

unsigned processors_usable(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
#ifdef CPU_COUNT
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        n = CPU_COUNT(&set);
#endif
    return n < 1 ? 1 : (unsigned)n;
}

/* --- control groups --- */

/* Reads the numbers of a file below a group's directory; how many there were. */
static int read_numbers(const char *mount, const char *hierarchy, const char *group, const char *file,
                        long long *ret_first, long long *ret_second)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s%s%s/%s", mount, hierarchy, group, file), found = 0;
    FILE *f = n > 0 && n < (int)sizeof path ? fopen(path, "re") : NULL;
    if (f) {
        found = fscanf(f, "%lld %lld", ret_first, ret_second);
        (void)fclose(f);
    }
    return found;
}

/* Of one group; UINT_MAX: none. "max" and -1 are none, too. */
static unsigned group_limit(const char *mount, const char *group, bool v2)
{
    long long quota = -1, period = 0, none;
    if (v2)
        (void)read_numbers(mount, "", group, "cpu.max", &quota, &period);
    else if (read_numbers(mount, "/cpu", group, "cpu.cfs_quota_us", &quota, &none) == 1)
        (void)read_numbers(mount, "/cpu", group, "cpu.cfs_period_us", &period, &none);
    if (quota <= 0 || period <= 0)
        return UINT_MAX;
    long long n = quota / period + (quota % period != 0);
    return n < UINT_MAX ? (unsigned)n : UINT_MAX;
}

/* Of a group and those above it. In a container its path may be the host's, of which the last step alone, the
 * mount's root, is there. */
static unsigned path_limit(const char *mount, char *group, bool v2)
{
    unsigned least = UINT_MAX;
    for (;;) {
        unsigned limit = group_limit(mount, group, v2);
        least = limit < least ? limit : least;
        char *slash = strrchr(group, '/');
        if (!slash)
            return least;
        *slash = 0;
    }
}

static bool has_name(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, len) == 0 && (at[len] == 0 || at[len] == ','))
            return true;
    }
    return false;
}

/* "0::/group" is version 2's line, "4:cpu,cpuacct:/group" one of version 1's. */
static unsigned line_limit(const char *mount, char *line)
{
    line[strcspn(line, "\n")] = 0;
    char *names = strchr(line, ':'), *group = names ? strchr(names + 1, ':') : NULL;
    if (!group)
        return UINT_MAX;
    *names++ = 0;
    *group++ = 0;
    while (strncmp(group, "/..", 3) == 0 && (group[3] == '/' || group[3] == 0))
        group += 3; /* a group outside of what this namespace sees: its mount's root is all there is */
    bool v2 = strcmp(line, "0") == 0 && !*names;
    return v2 || has_name(names, "cpu") ? path_limit(mount, group, v2) : UINT_MAX;
}

unsigned processors_limit(const char *groups, const char *mount)
{
    char line[LINE];
    unsigned least = UINT_MAX;
    FILE *f = fopen(groups, "re");
    bool begins = true; /* a line; the rest of one that is too long is none */
    while (f && fgets(line, sizeof line, f)) {
        bool ends = strchr(line, '\n') != NULL;
        unsigned limit = begins ? line_limit(mount, line) : UINT_MAX;
        least = limit < least ? limit : least;
        begins = ends;
    }
    if (f)
        (void)fclose(f);
    return least < UINT_MAX ? least : 0;
}

unsigned processors_granted(void)
{
    unsigned usable = processors_usable(), limit = processors_limit("/proc/self/cgroup", "/sys/fs/cgroup");
    return limit > 0 && limit < usable ? limit : usable;
}
