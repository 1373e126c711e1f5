/*
 * The signals of a run, as a descriptor: INT, TERM, HUP and USR1 are blocked and read from it, PIPE is
 * ignored. A timer lies beside them, so that whoever waits anywhere (a blocked output, a fetch in serial
 * mode) has one descriptor to poll.
 */
#ifndef PFETCH_SIGNALS_H
#define PFETCH_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct signals {
    int fd; /* epoll: to be polled */
    int signal_fd;
    int timer_fd;
    sigset_t before;
    struct sigaction pipe_before, status_before;
};

/* Takes the signals over. HUP stays ignored where it was (nohup). 0, or -1 with errno. */
int signals_open(struct signals *s);

/* Gives them back as they were. */
void signals_close(struct signals *s);

enum signals_event { SIGNALS_NONE, SIGNALS_STOP, SIGNALS_STATUS, SIGNALS_TIMER };

/* The next thing that has come; never waits. STOP: *ret_signal is INT, TERM or HUP, and the same and the
 * others now end the process at once when they come again. */
enum signals_event signals_next(struct signals *s, int *ret_signal);

/* From now on INT, TERM and HUP end the process by their default action, at once; its workers follow it. */
void signals_let_kill(void);

/* The opposite: they are read from the descriptor again. Around what may wait and can't be polled, the
 * opening of a FIFO. */
void signals_hold(void);

/* The timer: first at `first` (CLOCK_MONOTONIC ns), then every `interval` ns (0: once). INT64_MAX: off. */
void signals_timer(struct signals *s, int64_t first, int64_t interval);

#endif
