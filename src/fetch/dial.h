/* Dialling: a TCP connection to the first of several addresses that answers (Happy Eyeballs v2, RFC 8305). */
#ifndef PFETCH_FETCH_DIAL_H
#define PFETCH_FETCH_DIAL_H

#include <netinet/in.h>
#include <sys/socket.h>
#include "fetch/stream.h"

enum { DIAL_ADDRS_MAX = 32, DIAL_TEXT_MAX = 46 };

struct dialled {
    int fd;                       /* connected, nonblocking, close-on-exec, TCP_NODELAY; the caller's */
    struct sockaddr_storage peer; /* whom it leads to */
};

/* Connects to one of `count` (1 to DIAL_ADDRS_MAX; more are left out) addresses, which are in the order of
 * preference: families take turns (section 4), the next attempt starts 250 ms after the last, or at once when
 * one fails (section 5); the first to stand wins and the others are closed. Every attempt together takes no
 * longer than w->phase and w->whole; one attempt no longer than w->timeout, and none takes the others' time.
 * 0; or -1: ERROR_CONNECT (the message names the address that failed and how many were tried), ERROR_TIMEOUT
 * or ERROR_CANCELLED, in PHASE_CONNECT. */
int dial(const struct sockaddr_storage *addrs, size_t count, const struct wait *w, struct dialled *ret,
         struct fetch_error *err);

/* The address without port as text, IPv4-mapped ones as ::ffff:a.b.c.d; "" for another family. Returns
 * `into`. */
const char *dial_address_text(const struct sockaddr_storage *addr, char into[DIAL_TEXT_MAX]);

/* The port, in host order. */
uint16_t dial_address_port(const struct sockaddr_storage *addr);

#endif
