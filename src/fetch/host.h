/*
 * Hosts and authorities as people and URIs write them (RFC 3986 3.2, UTS #46, WHATWG URL 3.5). Pure functions
 * of bytes; all messages are left in `err` with ERROR_INVALID_TARGET, which a caller may change to its own
 * kind.
 */
#ifndef PFETCH_FETCH_HOST_H
#define PFETCH_FETCH_HOST_H

#include <stdint.h>
#include "base/span.h"
#include "fetch/error.h"

enum { HOST_MAX = 255 };

enum target_host { HOST_NAME, HOST_IPV4, HOST_IPV6 };

struct host {
    char text[HOST_MAX + 1]; /* lower-case A-labels, a trailing dot kept; an IP literal without brackets in
                                its canonical form (RFC 5952, IPv4-mapped as ::ffff:a.b.c.d) */
    enum target_host kind;
    uint16_t port; /* 0: none was given (nothing, or nothing behind the colon) */
};

/* Loads the library for names beyond ASCII, which is else done when the first of them is met: for a process
 * that is about to confine itself, and can't afterwards. 0, or -1: it can't be loaded, and such names will be
 * refused. */
int host_prepare(struct fetch_error *err);

/* libidn2's version, or NULL where it can't be loaded. */
const char *host_idn_version(void);

/* Parses host[:port] or [v6addr][:port]: no userinfo, no percent-encoding, no zone identifier. 0, or -1 with
 * a message that says what is wrong. */
int host_parse(struct host *ret, struct span authority, struct fetch_error *err);

/* Parses a host without a port and without brackets: a name or an IPv4 address. A name may have one trailing
 * dot; labels are 1 to 63 bytes, the whole at most 253 without that dot. A name whose last label is a number
 * must be a dotted-quad IPv4 address, else it is refused. ret->port is 0. As host_parse. */
int host_parse_name(struct host *ret, struct span name, struct fetch_error *err);

/* Parses an IPv6 address without its brackets (RFC 4291 2.2). ret->port is 0. As host_parse. */
int host_parse_ipv6(struct host *ret, struct span address, struct fetch_error *err);

/* Parses a host that stands alone, without a port: a name, an IPv4 address, or an IPv6 address with or
 * without brackets. As host_parse. */
int host_parse_alone(struct host *ret, struct span text, struct fetch_error *err);

/* Parses a port, 1 to 65535, in decimal digits. 0, or -1 with a message. */
int host_parse_port(uint16_t *ret, struct span digits, struct fetch_error *err);

/* The text without one trailing dot. */
static inline struct span host_undotted(const char *text)
{
    struct span v = span_of(text);
    if (v.len && v.data[v.len - 1] == '.')
        v.len--;
    return v;
}

/* For messages: "%.*s" of at most 64 bytes of `v`, cut before a UTF-8 sequence that does not fit. */
#define HOST_QUOTE(v) host_quote_length(v), (const char *)(v).data
int host_quote_length(struct span v);

#endif
