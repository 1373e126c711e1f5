#include "compare_measure.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/deadline.h"

/* Looking at thousands of processes takes time from the run itself: at most one part in SAMPLE_SHARE. */
enum { SAMPLE_SHARE = 50, ROLLUP_MAX = 4096 };
#define SAMPLE_LEAST (20 * NS_PER_MS)
#define SAMPLE_MOST  (2 * NS_PER_SECOND)

/* ---- Memory, from /proc ---- */

struct memory {
    uint64_t pss, rss; /* bytes */
};

static uint64_t kilobytes_after(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

static int read_file(const char *path, char *into, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t len = 0;
    ssize_t n;
    while (len < size - 1 && (n = read(fd, into + len, size - 1 - len)) > 0)
        len += (size_t)n;
    close(fd);
    into[len] = 0;
    return 0;
}

static void add_process(long pid, struct memory *sum)
{
    char path[64], text[ROLLUP_MAX];
    snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", pid);
    if (read_file(path, text, sizeof text) < 0)
        return;
    sum->pss += kilobytes_after(text, "\nPss:");
    sum->rss += kilobytes_after(text, "\nRss:");
}

/* The workers are the run's children; they have none of their own. */
static void add_children(pid_t pid, struct memory *sum)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *f = fopen(path, "re");
    long child;
    if (!f)
        return;
    while (fscanf(f, "%ld", &child) == 1)
        add_process(child, sum);
    fclose(f);
}

static void sample(pid_t pid, struct measurement *m)
{
    struct memory sum = {0};
    add_process(pid, &sum);
    add_children(pid, &sum);
    if (sum.pss > m->pss)
        m->pss = sum.pss;
    if (sum.rss > m->rss)
        m->rss = sum.rss;
}

/* ---- The run ---- */

/* The child: the run, its count up the pipe. Measuring ends with the measurer. */
static void carry_out(const struct run_options *options, int up, pid_t parent)
{
    struct summary summary = {0};
    struct run_options o = *options;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_USAGE);
    o.ret_summary = &summary;
    int status = run(&o);
    if (write(up, &summary, sizeof summary) != (ssize_t)sizeof summary)
        status = EXIT_OUTPUT;
    _exit(status);
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void watch(pid_t pid, int pidfd, struct measurement *m)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    int64_t pause = 0;
    while (poll(&p, 1, (int)(pause / NS_PER_MS)) <= 0 || p.revents == 0) {
        int64_t since = deadline_now();
        sample(pid, m);
        pause = (deadline_now() - since) * SAMPLE_SHARE;
        pause = pause < SAMPLE_LEAST ? SAMPLE_LEAST : pause > SAMPLE_MOST ? SAMPLE_MOST : pause;
    }
}

static int finish(pid_t pid, int up, int64_t since, struct measurement *m)
{
    struct rusage usage;
    int status;
    while (wait4(pid, &status, 0, &usage) < 0)
        if (errno != EINTR)
            return -1;
    m->real = (double)(deadline_now() - since) / 1e9;
    m->user = seconds(usage.ru_utime);
    m->sys = seconds(usage.ru_stime);
    m->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (read(up, &m->summary, sizeof m->summary) != (ssize_t)sizeof m->summary)
        m->status = -1;
    return 0;
}

int measure(const struct run_options *options, struct measurement *ret)
{
    int up[2];
    pid_t parent = getpid();
    *ret = (struct measurement){.status = -1};
    if (pipe2(up, O_CLOEXEC) < 0)
        return -1;
    int64_t since = deadline_now();
    pid_t pid = fork();
    if (pid == 0) {
        close(up[0]);
        carry_out(options, up[1], parent);
    }
    close(up[1]);
    int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pidfd >= 0)
        watch(pid, pidfd, ret);
    int r = pid > 0 ? finish(pid, up[0], since, ret) : -1;
    if (pidfd >= 0)
        close(pidfd);
    close(up[0]);
    return r;
}
