/*
 * pfetch: reads the command line, carries the run out, and ends with its status.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compare.h"
#include "compare_measure.h"
#include "options.h"
#include "run.h"

/* With 0, 1 or 2 closed, the next file opened would take their place, and reports end in it. What fills the
 * gap can't be used: reading from it, or writing to it, fails as it would have. */
static int fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return -1;
    return 0;
}

/* A parent that ignores SIGCHLD would take our workers' ends from us. A file that may not grow any more is an
 * output that fails, and no reason to die; nor is somebody who asks how it goes, before the run or after it.
 * SIGHUP, SIGINT and SIGQUIT stay as they came: ignored under nohup, and in a shell's background. */
static void restore_signals(void)
{
    struct sigaction fresh = {.sa_handler = SIG_DFL}, ignored = {.sa_handler = SIG_IGN};
    sigaction(SIGCHLD, &fresh, NULL);
    sigaction(SIGXFSZ, &ignored, NULL);
    sigaction(SIGUSR1, &ignored, NULL);
}

/* Who fetches a list waits for its end, not for one answer. As a batch process (sched(7)), and its workers
 * after it, pfetch does not take the processor from another, of its own or of others, whenever something
 * arrives: there are fewer switches, and whoever sits at the machine goes first. A policy that somebody chose
 * for it stays. */
static void become_batch(void)
{
    const struct sched_param none = {0};
    if (sched_getscheduler(0) == SCHED_OTHER)
        (void)sched_setscheduler(0, SCHED_BATCH, &none);
}

/* --help and --version count only if they could be written. */
static int finish_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_OK;
    fprintf(stderr, "pfetch: standard output: %s\n", strerror(errno));
    return EXIT_OUTPUT;
}

int main(int argc, char **argv)
{
    struct run_options options;
    int status = EXIT_USAGE;
    if (fill_standard_descriptors() < 0)
        return EXIT_USAGE;
    restore_signals();
    become_batch();
    switch (options_parse(argc, argv, &options)) {
    case OPTIONS_RUN:
        if (!options.compare)
            status = run(&options);
        else if (!measured_here(&options, &status))
            status = compare(&options, argv);
        break;
    case OPTIONS_DONE:
        status = finish_output();
        break;
    case OPTIONS_USAGE:
        status = EXIT_USAGE;
        break;
    }
    options_free(&options);
    return status;
}
