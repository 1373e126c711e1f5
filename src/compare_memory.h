/*
 * The memory of a measured run, looked at from outside. A worker that has confined itself can't be looked at
 * by its parent's user any more, so each process opens its own smaps_rollup before that and sends the
 * descriptor to the measurer, who reads it as often as it likes.
 *   1. memory_watch_open    the measurer, before the run is made
 *   2. memory_watch_step_aside  the measurer, when the run has been made
 *   3. memory_watch_tell    the run's process, and each worker process before it confines itself
 *   4. memory_watch_take    the measurer, whenever watch->fd is readable
 *   5. memory_watch_sum     as often as wanted; those that have ended are dropped
 *   6. memory_watch_ask     the run, when its work is done and its workers still have all they took
 *   7. memory_watch_answer  the measurer, who has looked
 *   8. memory_watch_close
 */
#ifndef PFETCH_COMPARE_MEMORY_H
#define PFETCH_COMPARE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

enum { MEMORY_ADDRESS = 16 };

struct memory_watch {
    int fd;                       /* where workers' descriptors come in; close-on-exec */
    char address[MEMORY_ADDRESS]; /* for memory_watch_tell: a name of the kernel's choice */
    int *rollups;
    size_t count, room;
    bool asked; /* the run waits for memory_watch_answer … */
    struct sockaddr_un asker;
    socklen_t asker_len; /* … here */
};

struct memory {
    uint64_t pss, rss; /* bytes */
};

/* 0, or -1 with errno. */
int memory_watch_open(struct memory_watch *watch);

/* The measurer shares its program and libraries with the run, and PSS divides what is shared: lets go of all
 * of it that comes back from its file when it is used again. */
void memory_watch_step_aside(void);

/* In the process that is to be looked at. Does nothing where it can't: the run goes on without. */
void memory_watch_tell(const char *address);

/* Waits until the measurer has looked. Does nothing where there is none. */
void memory_watch_ask(const char *address);
void memory_watch_answer(struct memory_watch *watch);

/* Takes what has come in; watch->asked tells a question. */
void memory_watch_take(struct memory_watch *watch);

/* The memory of all of them together. */
struct memory memory_watch_sum(struct memory_watch *watch);

void memory_watch_close(struct memory_watch *watch);

#endif
