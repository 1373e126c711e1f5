#include "compare_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ROLLUP_MAX = 4096, FIRST_ROOM = 16, ASK_SECONDS = 10 };

/* ---- From workers to the measurer ---- */

/* The kernel names the socket: a NUL and some hexadecimal digits, in no file system. */
int memory_watch_open(struct memory_watch *watch)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t len = sizeof name;
    int on = 1;
    *watch = (struct memory_watch){.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (watch->fd < 0)
        return -1;
    if (setsockopt(watch->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 &&
        bind(watch->fd, (struct sockaddr *)&name, sizeof name.sun_family) == 0 &&
        getsockname(watch->fd, (struct sockaddr *)&name, &len) == 0 &&
        len - sizeof name.sun_family <= MEMORY_ADDRESS) {
        memcpy(watch->address, name.sun_path + 1, MEMORY_ADDRESS - 1);
        return 0;
    }
    memory_watch_close(watch);
    return -1;
}

static socklen_t address_of(const char *address, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t len = strnlen(address, MEMORY_ADDRESS - 1);
    memcpy(ret->sun_path + 1, address, len);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
}

/* A message of one byte that carries one descriptor. */
struct parcel {
    struct iovec iov;
    char byte;
    union {
        char room[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;
};

static struct msghdr parcel_message(struct parcel *p)
{
    memset(p, 0, sizeof *p);
    p->iov = (struct iovec){.iov_base = &p->byte, .iov_len = 1};
    return (struct msghdr){.msg_iov = &p->iov,
                           .msg_iovlen = 1,
                           .msg_control = p->control.room,
                           .msg_controllen = sizeof p->control.room};
}

void memory_watch_tell(const char *address)
{
    struct sockaddr_un to;
    struct parcel parcel;
    struct msghdr m = parcel_message(&parcel);
    int rollup = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    m.msg_namelen = address_of(address, &to);
    m.msg_name = &to;
    m.msg_controllen = CMSG_SPACE(sizeof(int));
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &rollup, sizeof rollup);
    if (rollup >= 0 && fd >= 0)
        while (sendmsg(fd, &m, MSG_NOSIGNAL) < 0 && errno == EINTR)
            ;
    if (rollup >= 0)
        close(rollup);
    if (fd >= 0)
        close(fd);
}

void memory_watch_ask(const char *address)
{
    struct sockaddr_un to, own = {.sun_family = AF_UNIX};
    const struct timeval limit = {.tv_sec = ASK_SECONDS};
    char byte = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t len = address_of(address, &to);
    if (bind(fd, (struct sockaddr *)&own, sizeof own.sun_family) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
        sendto(fd, &byte, 1, MSG_NOSIGNAL, (struct sockaddr *)&to, len) == 1)
        while (recv(fd, &byte, 1, 0) < 0 && errno == EINTR)
            ;
    close(fd);
}

void memory_watch_answer(struct memory_watch *watch)
{
    char byte = 0;
    watch->asked = false;
    (void)sendto(watch->fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&watch->asker,
                 watch->asker_len);
}

static int keep(struct memory_watch *watch, int rollup)
{
    if (watch->count == watch->room) {
        size_t room = watch->room ? watch->room * 2 : FIRST_ROOM;
        int *more = realloc(watch->rollups, room * sizeof *more);
        if (!more) {
            close(rollup);
            return -1;
        }
        watch->rollups = more;
        watch->room = room;
    }
    watch->rollups[watch->count++] = rollup;
    return 0;
}

/* Anybody can write to such a socket: only what our own user sent is kept. */
static bool take_one(struct memory_watch *watch)
{
    struct parcel parcel;
    struct sockaddr_un from;
    struct msghdr m = parcel_message(&parcel);
    int rollup = -1;
    bool ours = false;
    m.msg_name = &from;
    m.msg_namelen = sizeof from;
    if (recvmsg(watch->fd, &m, MSG_CMSG_CLOEXEC) < 0)
        return errno == EINTR;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        struct ucred sender;
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
            memcpy(&rollup, CMSG_DATA(c), sizeof rollup);
        if (c->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&sender, CMSG_DATA(c), sizeof sender);
            ours = sender.uid == getuid();
        }
    }
    if (rollup >= 0 && ours)
        (void)keep(watch, rollup);
    else if (rollup >= 0)
        close(rollup);
    else if (ours) {
        watch->asked = true;
        watch->asker = from;
        watch->asker_len = m.msg_namelen;
    }
    return true;
}

void memory_watch_take(struct memory_watch *watch)
{
    while (take_one(watch))
        ;
}

void memory_watch_close(struct memory_watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        close(watch->rollups[i]);
    free(watch->rollups);
    if (watch->fd >= 0)
        close(watch->fd);
    *watch = (struct memory_watch){.fd = -1};
}

/* ---- Out of the picture ---- */

/* A mapping of /proc/self/smaps. */
struct mapping {
    uintptr_t start, end;
    bool of_file; /* read only */
    bool own;     /* it has pages that are no longer the file's: relocations */
};

static void let_go(const struct mapping *m)
{
    if (m->of_file && !m->own)
        (void)madvise((void *)m->start, m->end - m->start, MADV_DONTNEED);
}

void memory_watch_step_aside(void)
{
    struct mapping m = {0};
    char line[4608], mode[5];
    uintptr_t start, end;
    unsigned long kb;
    FILE *f = fopen("/proc/self/smaps", "re");
    if (!f)
        return;
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &start, &end, mode) == 3) {
            let_go(&m);
            m = (struct mapping){start, end, mode[1] == '-' && strchr(line, '/'), false};
        } else if (sscanf(line, "Anonymous: %lu", &kb) == 1 || sscanf(line, "Swap: %lu", &kb) == 1) {
            m.own |= kb > 0;
        }
    }
    let_go(&m);
    fclose(f);
}

/* ---- Reading ---- */

static uint64_t bytes_after(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

/* False: the process has ended. */
static bool read_rollup(int fd, char text[ROLLUP_MAX])
{
    ssize_t n = pread(fd, text, ROLLUP_MAX - 1, 0);
    text[n > 0 ? n : 0] = 0;
    return n > 0;
}

struct memory memory_watch_sum(struct memory_watch *watch)
{
    struct memory sum = {0};
    char text[ROLLUP_MAX];
    for (size_t i = 0; i < watch->count;) {
        if (!read_rollup(watch->rollups[i], text)) {
            close(watch->rollups[i]);
            watch->rollups[i] = watch->rollups[--watch->count];
            continue;
        }
        sum.pss += bytes_after(text, "\nPss:");
        sum.rss += bytes_after(text, "\nRss:");
        i++;
    }
    return sum;
}
