/* An IP address without a port, small enough to be kept by the hundred. */
#ifndef PFETCH_FETCH_ADDRESS_H
#define PFETCH_FETCH_ADDRESS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

struct address {
    uint8_t family;          /* AF_INET or AF_INET6 */
    unsigned char bytes[16]; /* in network order; the first 4 for AF_INET, the others 0 */
};

/* Reads an IP literal without brackets. False if it is none. */
static inline bool address_parse(struct address *ret, const char *text)
{
    struct address a = {.family = AF_INET};
    if (inet_pton(AF_INET, text, a.bytes) != 1) {
        a.family = AF_INET6;
        if (inet_pton(AF_INET6, text, a.bytes) != 1)
            return false;
    }
    *ret = a;
    return true;
}

/* The address in a sockaddr of AF_INET or AF_INET6. */
static inline struct address address_of(const struct sockaddr *from)
{
    struct address a = {.family = (uint8_t)from->sa_family};
    if (from->sa_family == AF_INET)
        memcpy(a.bytes, &((const struct sockaddr_in *)from)->sin_addr, 4);
    else
        memcpy(a.bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
    return a;
}

/* The sockaddr of `a` with `port` (host order). */
static inline void address_put(struct sockaddr_storage *ret, const struct address *a, uint16_t port)
{
    memset(ret, 0, sizeof *ret);
    ret->ss_family = a->family;
    if (a->family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)ret;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, a->bytes, 4);
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
        in6->sin6_port = htons(port);
        memcpy(&in6->sin6_addr, a->bytes, 16);
    }
}

static inline bool address_equal(const struct address *a, const struct address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* True if `family` (AF_UNSPEC: any) is the address's. */
static inline bool address_is(const struct address *a, int family)
{
    return family == AF_UNSPEC || family == a->family;
}

#endif
