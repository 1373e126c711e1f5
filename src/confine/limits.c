/* Resource limits: what a worker that was taken over, or fed a bomb, could still waste. */
#include "config.h"
#include "confine/pieces.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Address space beyond what the process has mapped already (it begins with its parent's): connections,
 * decoders and parsers need a small part of it; who needs more has gone bad, and fails alone. */
static const rlim_t address_space = 512UL * 1024 * 1024;

static const struct {
    __rlimit_resource_t resource;
    rlim_t most;
    const char *name;
} limits[] = {
    {RLIMIT_CORE, 0, "RLIMIT_CORE"},         /* keys and cookies stay out of core files */
    {RLIMIT_NPROC, 0, "RLIMIT_NPROC"},       /* no forks; counted by user, checked at fork */
    {RLIMIT_FSIZE, 0, "RLIMIT_FSIZE"},       /* results go through a pipe, which it does not concern */
    {RLIMIT_MEMLOCK, 0, "RLIMIT_MEMLOCK"},   /* */
    {RLIMIT_MSGQUEUE, 0, "RLIMIT_MSGQUEUE"}, /* */
    {RLIMIT_RTPRIO, 0, "RLIMIT_RTPRIO"},     /* */
    {RLIMIT_NOFILE, 256, "RLIMIT_NOFILE"},   /* two pipes, idle connections, the resolver's sockets */
};

/* Sets both limits to `most`, unless they are lower already; only the soft one where the hard one is refused
 * (valgrind needs some descriptors itself). */
static int lower(__rlimit_resource_t resource, rlim_t most)
{
    struct rlimit now;
    if (getrlimit(resource, &now) < 0)
        return -1;
    if (now.rlim_max > most)
        now.rlim_max = most;
    if (now.rlim_cur > now.rlim_max)
        now.rlim_cur = now.rlim_max;
    if (setrlimit(resource, &now) == 0)
        return 0;
    rlim_t soft = now.rlim_cur;
    if (errno != EPERM || getrlimit(resource, &now) < 0)
        return -1;
    now.rlim_cur = soft;
    return setrlimit(resource, &now);
}

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1 /* their shadow memory is larger than any limit */
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Bytes of address space in use; 0: not known. */
static rlim_t mapped_bytes(void)
{
    char text[64];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = 0;
    return strtoul(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE);
}

int limits_lower(char *message, size_t size)
{
    rlim_t mapped = SANITIZED ? 0 : mapped_bytes();
    if (mapped && lower(RLIMIT_AS, mapped + address_space) < 0)
        return confine_failed("RLIMIT_AS", message, size);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (lower(limits[i].resource, limits[i].most) < 0)
            return confine_failed(limits[i].name, message, size);
    return 0;
}
