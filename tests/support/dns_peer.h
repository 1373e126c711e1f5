/* A DNS server in a thread, over UDP and TCP, that answers as its zone says. For tests only. */
#ifndef PFETCH_TESTS_DNS_PEER_H
#define PFETCH_TESTS_DNS_PEER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Answers with NXDOMAIN are not in the zone. An answer without addresses of the family asked for is empty. */
struct dns_record {
    const char *name;      /* lower-case; NULL ends the zone */
    const char *addresses; /* with blanks between; "" none */
    uint32_t ttl;
    int rcode, rcode6; /* 0, 2 SERVFAIL, 5 REFUSED; for A and for AAAA */
    bool silent;       /* no answer at all */
    bool silent6;      /* none for AAAA */
    bool truncated;    /* the answer over UDP is cut: to be asked again over TCP */
};

struct dns_peer {
    char servers[32];     /* for --dns-servers */
    atomic_uint queries;  /* until now */
    atomic_uint over_tcp; /* of these */
    const struct dns_record *zone;
    int udp, tcp;
    atomic_bool stop;
    pthread_t thread;
};

void dns_peer_start(struct dns_peer *p, const struct dns_record *zone);
void dns_peer_stop(struct dns_peer *p);

#endif
