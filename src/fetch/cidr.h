/*
 * Blocks of IP addresses: 10.0.0.0/8, 2001:db8::/32, or a plain address (RFC 4632, RFC 4291 2.3). An address
 * is a number, so that a block is a range.
 */
#ifndef PFETCH_FETCH_CIDR_H
#define PFETCH_FETCH_CIDR_H

#include <stdbool.h>
#include <sys/socket.h>
#include "base/span.h"

__extension__ typedef unsigned __int128 ip_bits;

struct ip {
    int family; /* AF_INET, AF_INET6 */
    ip_bits bits;
};

struct cidr {
    int family;
    ip_bits first, last;
};

/* Parses a block; bits set behind the prefix are ignored. A block of IPv4-mapped addresses (within
 * ::ffff:0:0/96) is the IPv4 block that it maps. False if it is none. */
bool cidr_parse(struct cidr *ret, struct span text);

/* An address from its text without brackets, or from a socket address; false if it is none. */
bool ip_parse(struct ip *ret, struct span text);
bool ip_from_sockaddr(struct ip *ret, const struct sockaddr *sa);

/* The IPv4 address that an IPv4-mapped one maps; any other as it is. */
struct ip ip_unmapped(struct ip ip);

static inline bool cidr_holds(const struct cidr *block, struct ip ip)
{
    return block->family == ip.family && block->first <= ip.bits && ip.bits <= block->last;
}

#endif
