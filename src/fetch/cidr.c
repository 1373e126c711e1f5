#include "fetch/cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>

/* ::ffff:0:0 */
#define MAPPED ((ip_bits)0xFFFF << 32)

static ip_bits from_bytes(const unsigned char *bytes, size_t len)
{
    ip_bits v = 0;
    for (size_t i = 0; i < len; i++)
        v = v << 8 | bytes[i];
    return v;
}

bool ip_parse(struct ip *ret, struct span text)
{
    char copy[INET6_ADDRSTRLEN];
    unsigned char bytes[16];
    if (text.len == 0 || text.len >= sizeof copy || memchr(text.data, 0, text.len))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    int family = strchr(copy, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(family, copy, bytes) != 1)
        return false;
    ret->family = family;
    ret->bits = from_bytes(bytes, family == AF_INET ? 4 : 16);
    return true;
}

bool ip_from_sockaddr(struct ip *ret, const struct sockaddr *sa)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    ret->family = sa->sa_family;
    if (sa->sa_family == AF_INET) {
        memcpy(&in, sa, sizeof in);
        ret->bits = ntohl(in.sin_addr.s_addr);
        return true;
    }
    if (sa->sa_family == AF_INET6) {
        memcpy(&in6, sa, sizeof in6);
        ret->bits = from_bytes(in6.sin6_addr.s6_addr, 16);
        return true;
    }
    return false;
}

struct ip ip_unmapped(struct ip ip)
{
    if (ip.family == AF_INET6 && ip.bits >> 32 == MAPPED >> 32)
        ip = (struct ip){AF_INET, ip.bits & UINT32_MAX};
    return ip;
}

static bool parse_length(struct span digits, unsigned most, unsigned *ret)
{
    unsigned v = 0;
    if (digits.len == 0 || digits.len > 3)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        v = v * 10 + (unsigned)(digits.data[i] - '0');
    }
    *ret = v;
    return v <= most;
}

bool cidr_parse(struct cidr *ret, struct span text)
{
    struct ip ip;
    const unsigned char *slash = text.len ? memchr(text.data, '/', text.len) : NULL;
    size_t n = slash ? (size_t)(slash - text.data) : text.len;
    if (!ip_parse(&ip, span_make(text.data, n)))
        return false;
    unsigned width = ip.family == AF_INET ? 32 : 128, length = width;
    if (slash && !parse_length(span_make(slash + 1, text.len - n - 1), width, &length))
        return false;
    if (ip.family == AF_INET6 && length >= 96 && ip_unmapped(ip).family == AF_INET) {
        ip = ip_unmapped(ip);
        width = 32;
        length -= 96;
    }
    ip_bits host = length == 0 ? ~(ip_bits)0 : ((ip_bits)1 << (width - length)) - 1;
    if (length == 0 && width == 32)
        host = UINT32_MAX;
    *ret = (struct cidr){ip.family, ip.bits & ~host, ip.bits | host};
    return true;
}
