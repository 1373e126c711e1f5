/*
 * The other end of a connection: a thread that listens on loopback and handles one connection after the
 * other. For tests only: what fails ends the program.
 *   1. peer_start(&p, AF_INET, serve, arg)   p.port is where it listens
 *   2. peer_stop(&p)                         ends the thread; a connection in hand is shut down
 */
#ifndef PFETCH_TESTS_PEER_H
#define PFETCH_TESTS_PEER_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct peer {
    uint16_t port;
    struct sockaddr_storage addr; /* where it listens */
    atomic_uint connections;      /* accepted until now */

    int listener;
    pthread_mutex_t lock; /* of fd */
    int fd;               /* in hand; -1: none */
    void (*serve)(int fd, void *arg);
    void *arg;
    atomic_bool stop;
    pthread_t thread;
};

/* Starts the thread; `serve` gets each connection, blocking, and leaves the descriptor open. SIGPIPE is
 * blocked in it. */
void peer_start(struct peer *p, int family, void (*serve)(int fd, void *arg), void *arg);
void peer_stop(struct peer *p);

/* For `serve`: closes so that the other end gets a reset. */
void peer_reset(int fd);

/* For `serve`: waits until the other end closes or peer_stop is called. */
void peer_wait_end(int fd);

/* A port on loopback where nothing listens: connections to it are refused. */
struct sockaddr_storage peer_refused(int family);

#endif
