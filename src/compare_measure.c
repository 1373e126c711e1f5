#include "compare_measure.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "compare_memory.h"

/* Looking at thousands of processes takes time from the run itself: at most one part in SAMPLE_SHARE. */
enum { SAMPLE_SHARE = 50 };
#define SAMPLE_LEAST (20 * NS_PER_MS)
#define SAMPLE_MOST  (2 * NS_PER_SECOND)

static void sample(struct memory_watch *memory, struct measurement *m)
{
    struct memory sum = memory_watch_sum(memory);
    if (sum.pss > m->pss)
        m->pss = sum.pss;
    if (sum.rss > m->rss)
        m->rss = sum.rss;
}

/* ---- In the child ---- */

/* What the program that is started anew finds in its environment: mode, workers, the list's descriptor, that
 * of the count, and where its memory is looked at. */
static const char variable[] = "PFETCH_MEASURED";

enum run_progress measured_progress(const struct run_options *options)
{
    if (options->progress == PROGRESS_DEFAULT)
        return isatty(STDERR_FILENO) ? PROGRESS_ON : PROGRESS_OFF;
    return options->progress;
}

static struct run_options options_of(const struct measured *what, const char *address)
{
    struct run_options o = *what->options;
    o.compare = false;
    o.mode = what->mode;
    o.workers = what->workers;
    o.format = FORMAT_NONE;
    o.order = ORDER_COMPLETION;
    o.output_path = NULL;
    o.progress = measured_progress(what->options);
    o.quiet = true;
    o.measured = true;
    o.input_fd = what->list_fd;
    o.memory_address = address;
    return o;
}

/* The run, and its count up the pipe. */
static int carry_out(const struct measured *what, int up, const char *address)
{
    struct summary summary = {0};
    struct run_options o = options_of(what, address);
    o.ret_summary = &summary;
    memory_watch_tell(address);
    int status = run(&o);
    return write(up, &summary, sizeof summary) == (ssize_t)sizeof summary ? status : EXIT_OUTPUT;
}

bool measured_here(const struct run_options *options, int *ret_status)
{
    struct measured what = {.options = options};
    char address[MEMORY_ADDRESS];
    const char *how = getenv(variable);
    int mode, up;
    if (!how || sscanf(how, "%d %u %d %d %15s", &mode, &what.workers, &what.list_fd, &up, address) != 5)
        return false;
    what.mode = (enum executor_mode)mode;
    fcntl(up, F_SETFD, FD_CLOEXEC);
    *ret_status = carry_out(&what, up, address);
    return true;
}

static void start_anew(const struct measured *what, int up, const char *address)
{
    char how[128];
    snprintf(how, sizeof how, "%d %u %d %d %s", (int)what->mode, what->workers, what->list_fd, up, address);
    fcntl(up, F_SETFD, 0);
    if (what->list_fd >= 0)
        fcntl(what->list_fd, F_SETFD, 0);
    if (setenv(variable, how, 1) == 0)
        execv("/proc/self/exe", what->argv);
}

/* Options that can be read only once, or no /proc: then it goes on as it is. Measuring ends with the
 * measurer. */
static void be_measured(const struct measured *what, int up, const char *address, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_USAGE);
    if (!what->options->read_once)
        start_anew(what, up, address);
    _exit(carry_out(what, up, address));
}

/* ---- Outside ---- */

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* The sampling's own CPU time: on a busy machine it may take long, and not have cost much. */
static int64_t cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * NS_PER_SECOND + t.tv_nsec;
}

/* The run stands still until it has its answer: that time isn't its own. */
static void look_when_asked(struct memory_watch *memory, struct measurement *m)
{
    int64_t since = deadline_now();
    memory_watch_take(memory);
    if (!memory->asked)
        return;
    sample(memory, m);
    m->real -= (double)(deadline_now() - since) / 1e9;
    memory_watch_answer(memory);
}

/* USR1 asks the run for its status, whoever it was sent to. */
static void pass_on(int signals, pid_t pid)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == (ssize_t)sizeof info)
        (void)kill(pid, (int)info.ssi_signo);
}

/* Until the run has ended. */
static void watch(pid_t pid, int pidfd, int signals, struct memory_watch *memory, struct measurement *m)
{
    struct pollfd p[] = {{.fd = pidfd, .events = POLLIN},
                         {.fd = memory->fd, .events = POLLIN},
                         {.fd = signals, .events = POLLIN}};
    int64_t next = 0;
    while (p[0].revents == 0) {
        if (deadline_now() >= next) {
            int64_t cpu = cpu_now();
            sample(memory, m);
            int64_t pause = (cpu_now() - cpu) * SAMPLE_SHARE;
            pause = pause < SAMPLE_LEAST ? SAMPLE_LEAST : pause > SAMPLE_MOST ? SAMPLE_MOST : pause;
            next = deadline_add(deadline_now(), pause);
        }
        if (poll(p, sizeof p / sizeof *p, deadline_poll_ms(next, deadline_now())) <= 0)
            p[0].revents = p[1].revents = p[2].revents = 0;
        if (p[1].revents)
            look_when_asked(memory, m);
        if (p[2].revents)
            pass_on(signals, pid);
    }
}

static int finish(pid_t pid, int up, int64_t since, struct measurement *m)
{
    struct rusage usage;
    int status;
    while (wait4(pid, &status, 0, &usage) < 0)
        if (errno != EINTR)
            return -1;
    m->real += (double)(deadline_now() - since) / 1e9;
    m->user = seconds(usage.ru_utime);
    m->sys = seconds(usage.ru_stime);
    m->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (read(up, &m->summary, sizeof m->summary) != (ssize_t)sizeof m->summary)
        m->status = -1;
    return 0;
}

/* The measured process, with the caller's signals as they were; its number, or -1 with errno. */
static pid_t start(const struct measured *what, const char *address, const int up[2], const sigset_t *before)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, before, NULL);
        close(up[0]);
        be_measured(what, up[1], address, parent);
    }
    return pid;
}

static int measure_with(const struct measured *what, struct memory_watch *memory, int signals,
                        const sigset_t *before, struct measurement *ret)
{
    int up[2];
    if (pipe2(up, O_CLOEXEC) < 0)
        return -1;
    int64_t since = deadline_now();
    pid_t pid = start(what, memory->address, up, before);
    close(up[1]);
    int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pid > 0)
        memory_watch_step_aside();
    if (pidfd >= 0)
        watch(pid, pidfd, signals, memory, ret);
    int r = pid > 0 ? finish(pid, up[0], since, ret) : -1;
    if (pidfd >= 0)
        close(pidfd);
    close(up[0]);
    return r;
}

int measure(const struct measured *what, struct measurement *ret)
{
    struct memory_watch memory;
    sigset_t status, before;
    int r = -1;
    *ret = (struct measurement){.status = -1};
    if (memory_watch_open(&memory) < 0)
        return -1;
    sigemptyset(&status);
    sigaddset(&status, SIGUSR1);
    sigprocmask(SIG_BLOCK, &status, &before);
    int signals = signalfd(-1, &status, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals >= 0) {
        r = measure_with(what, &memory, signals, &before, ret);
        close(signals);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    memory_watch_close(&memory);
    return r;
}
