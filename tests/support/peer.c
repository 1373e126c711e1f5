#include "config.h"

#include "support/peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MUST(what) ((what) ? (void)0 : must_failed(#what))

static void must_failed(const char *what)
{
    perror(what);
    abort();
}

/* A socket that is bound to a free port on loopback. */
static int loopback_bind(int family, struct sockaddr_storage *ret)
{
    union {
        struct sockaddr_storage storage;
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } a = {.storage = {.ss_family = (sa_family_t)family}};
    socklen_t len = family == AF_INET ? sizeof a.in : sizeof a.in6;
    if (family == AF_INET)
        a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        a.in6.sin6_addr = in6addr_loopback;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(fd >= 0);
    MUST(bind(fd, &a.any, len) == 0);
    MUST(getsockname(fd, &a.any, &len) == 0);
    *ret = a.storage;
    return fd;
}

static void peer_hold(struct peer *p, int fd)
{
    pthread_mutex_lock(&p->lock);
    p->fd = fd;
    if (fd >= 0 && p->stop)
        shutdown(fd, SHUT_RDWR);
    pthread_mutex_unlock(&p->lock);
}

static void *peer_run(void *arg)
{
    struct peer *p = arg;
    while (!p->stop) {
        struct pollfd poll_fd = {.fd = p->listener, .events = POLLIN};
        poll(&poll_fd, 1, 20);
        int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        p->connections++;
        peer_hold(p, fd);
        p->serve(fd, p->arg);
        peer_hold(p, -1);
        close(fd);
    }
    return NULL;
}

void peer_start(struct peer *p, int family, void (*serve)(int fd, void *arg), void *arg)
{
    sigset_t pipe_set, old;
    *p = (struct peer){.fd = -1, .serve = serve, .arg = arg};
    p->listener = loopback_bind(family, &p->addr);
    p->port = ntohs(family == AF_INET ? ((struct sockaddr_in *)&p->addr)->sin_port
                                      : ((struct sockaddr_in6 *)&p->addr)->sin6_port);
    MUST(listen(p->listener, 64) == 0);
    MUST(fcntl(p->listener, F_SETFL, O_NONBLOCK) == 0);
    pthread_mutex_init(&p->lock, NULL);
    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
    MUST(pthread_create(&p->thread, NULL, peer_run, p) == 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void peer_stop(struct peer *p)
{
    p->stop = true;
    pthread_mutex_lock(&p->lock);
    if (p->fd >= 0)
        shutdown(p->fd, SHUT_RDWR);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    close(p->listener);
}

void peer_reset(int fd)
{
    struct linger linger = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

void peer_wait_end(int fd)
{
    char bytes[4096];
    while (read(fd, bytes, sizeof bytes) > 0)
        ;
}

struct sockaddr_storage peer_refused(int family)
{
    struct sockaddr_storage a;
    close(loopback_bind(family, &a));
    return a;
}
