/* A block of addresses and an address, divided by a newline: a block is a range, and an address is a block of
 * its own. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fetch/cidr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    size_t len = end ? (size_t)(end - data) : size;
    struct span block = span_make(data, len);
    struct span address = end ? span_make(data + len + 1, size - len - 1) : block;
    struct cidr c, own;
    struct ip ip;
    bool is_block = cidr_parse(&c, block), is_address = ip_parse(&ip, address);
    if (is_block && (c.first > c.last || (c.family != AF_INET && c.family != AF_INET6)))
        abort();
    if (is_block && c.family == AF_INET && c.last >> 32 != 0)
        abort();
    if (!is_address)
        return 0;
    struct ip plain = ip_unmapped(ip);
    if (!cidr_parse(&own, address) || !cidr_holds(&own, plain) || own.first != own.last)
        abort();
    if (is_block && cidr_holds(&c, plain) && c.family != plain.family)
        abort();
    return 0;
}
