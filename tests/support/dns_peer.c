#include "config.h"

#include "support/dns_peer.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TYPE_A = 1, TYPE_AAAA = 28, MESSAGE_MAX = 4096 };

#define MUST(what) ((what) ? (void)0 : must_failed(#what))

static void must_failed(const char *what)
{
    perror(what);
    abort();
}

struct message {
    unsigned char bytes[MESSAGE_MAX];
    size_t len;
};

static void put16(struct message *m, unsigned v)
{
    m->bytes[m->len++] = (unsigned char)(v >> 8);
    m->bytes[m->len++] = (unsigned char)v;
}

/* Reads the question: its name as text and its type. Returns where it ends; 0 for what is none. */
static size_t question_read(const struct message *query, char name[256], unsigned *ret_type)
{
    size_t at = 12, len = 0;
    while (at < query->len && query->bytes[at]) {
        size_t label = query->bytes[at++];
        if (label > 63 || at + label >= query->len || len + label + 2 > 256)
            return 0;
        for (size_t i = 0; i < label; i++)
            name[len++] = (char)tolower(query->bytes[at++]);
        name[len++] = '.';
    }
    name[len ? len - 1 : 0] = 0;
    if (at + 5 > query->len)
        return 0;
    *ret_type = (unsigned)query->bytes[at + 1] << 8 | query->bytes[at + 2];
    return at + 5;
}

static const struct dns_record *zone_find(const struct dns_record *zone, const char *name)
{
    for (; zone->name; zone++)
        if (strcmp(zone->name, name) == 0)
            return zone;
    return NULL;
}

/* Appends the records of the type asked for. Returns how many. */
static unsigned answers_put(struct message *reply, const struct dns_record *record, unsigned type)
{
    char list[1024], *save = NULL;
    unsigned count = 0, size = type == TYPE_A ? 4 : 16;
    snprintf(list, sizeof list, "%s", record->addresses);
    for (char *a = strtok_r(list, " ", &save); a; a = strtok_r(NULL, " ", &save)) {
        unsigned char bytes[16];
        if (inet_pton(type == TYPE_A ? AF_INET : AF_INET6, a, bytes) != 1)
            continue;
        put16(reply, 0xc00c);
        put16(reply, type);
        put16(reply, 1);
        put16(reply, record->ttl >> 16);
        put16(reply, record->ttl & 0xffff);
        put16(reply, size);
        memcpy(reply->bytes + reply->len, bytes, size);
        reply->len += size;
        count++;
    }
    return count;
}

/* The reply to a query; false: none is sent. */
static bool reply_make(struct dns_peer *p, const struct message *query, struct message *reply, bool tcp)
{
    char name[256];
    unsigned type, rcode = 3, count = 0;
    size_t end = query->len > 12 ? question_read(query, name, &type) : 0;
    if (!end)
        return false;
    const struct dns_record *record = zone_find(p->zone, name);
    p->queries++;
    p->over_tcp += tcp;
    if (record && (record->silent || (record->silent6 && type == TYPE_AAAA)))
        return false;
    bool cut = record && record->truncated && !tcp;
    memcpy(reply->bytes, query->bytes, end);
    reply->len = end;
    if (record)
        rcode = (unsigned)(type == TYPE_AAAA ? record->rcode6 : record->rcode);
    if (record && rcode == 0 && !cut && (type == TYPE_A || type == TYPE_AAAA))
        count = answers_put(reply, record, type);
    reply->bytes[2] = (unsigned char)(0x81 | (cut ? 2 : 0));
    reply->bytes[3] = (unsigned char)(0x80 | rcode);
    memset(reply->bytes + 6, 0, 6);
    reply->bytes[7] = (unsigned char)count;
    return true;
}

static void udp_serve(struct dns_peer *p)
{
    struct message query, reply;
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    ssize_t n =
        recvfrom(p->udp, query.bytes, sizeof query.bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
    if (n <= 0)
        return;
    query.len = (size_t)n;
    if (reply_make(p, &query, &reply, false))
        sendto(p->udp, reply.bytes, reply.len, 0, (struct sockaddr *)&from, len);
}

/* Answers on one connection until the other end closes it. */
static void tcp_serve(struct dns_peer *p)
{
    unsigned char head[2];
    struct message query, reply;
    int fd = accept4(p->tcp, NULL, NULL, SOCK_CLOEXEC);
    while (fd >= 0 && recv(fd, head, 2, MSG_WAITALL) == 2) {
        query.len = (size_t)head[0] << 8 | head[1];
        if (query.len > sizeof query.bytes ||
            recv(fd, query.bytes, query.len, MSG_WAITALL) != (ssize_t)query.len)
            break;
        if (!reply_make(p, &query, &reply, true))
            continue;
        head[0] = (unsigned char)(reply.len >> 8);
        head[1] = (unsigned char)reply.len;
        if (send(fd, head, 2, MSG_NOSIGNAL | MSG_MORE) != 2 ||
            send(fd, reply.bytes, reply.len, MSG_NOSIGNAL) != (ssize_t)reply.len)
            break;
    }
    if (fd >= 0)
        close(fd);
}

static void *dns_run(void *arg)
{
    struct dns_peer *p = arg;
    while (!p->stop) {
        struct pollfd fds[2] = {{.fd = p->udp, .events = POLLIN}, {.fd = p->tcp, .events = POLLIN}};
        if (poll(fds, 2, 20) <= 0)
            continue;
        if (fds[0].revents)
            udp_serve(p);
        if (fds[1].revents)
            tcp_serve(p);
    }
    return NULL;
}

void dns_peer_start(struct dns_peer *p, const struct dns_record *zone)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    *p = (struct dns_peer){.zone = zone};
    p->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    p->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(p->udp >= 0 && p->tcp >= 0);
    MUST(bind(p->tcp, (struct sockaddr *)&a, len) == 0);
    MUST(getsockname(p->tcp, (struct sockaddr *)&a, &len) == 0);
    MUST(bind(p->udp, (struct sockaddr *)&a, len) == 0);
    MUST(listen(p->tcp, 8) == 0);
    snprintf(p->servers, sizeof p->servers, "127.0.0.1:%u", ntohs(a.sin_port));
    MUST(pthread_create(&p->thread, NULL, dns_run, p) == 0);
}

void dns_peer_stop(struct dns_peer *p)
{
    p->stop = true;
    pthread_join(p->thread, NULL);
    close(p->udp);
    close(p->tcp);
}
