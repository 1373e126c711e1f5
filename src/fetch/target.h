/*
 * Targets: what a line of input or a Location field names (RFC 3986, RFC 9110 4.2). Pure functions of bytes.
 */
#ifndef PFETCH_FETCH_TARGET_H
#define PFETCH_FETCH_TARGET_H

#include <stdint.h>
#include "base/buffer.h"
#include "fetch/error.h"
#include "fetch/host.h"

enum { TARGET_LINE_MAX = 8192, TARGET_HOST_MAX = HOST_MAX };

enum target_scheme { SCHEME_HTTPS, SCHEME_HTTP };

struct target {
    enum target_scheme scheme;
    enum target_host kind;
    uint16_t port;                  /* 1 to 65535, the scheme's default filled in */
    char host[TARGET_HOST_MAX + 1]; /* lower-case A-labels, a trailing dot kept as given; an IP literal
                                       without brackets as RFC 5952 writes it */
    char *path; /* request target in origin form: path and query, at least "/"; no fragment */
    bool bare;  /* given without a scheme: --path was used */
};

/* Parses one trimmed line: host, host:port, [v6addr]:port, https://… or http://… (the scheme in any case,
 * just two slashes: RFC 9110 4.2 refuses an empty host). A name is converted by UTS #46 (non-transitional,
 * libidn2). Nothing behind the port's colon means the default port (RFC 3986 3.2.3). `default_path` (origin
 * form) is what a bare host is asked for. Bytes that a URI may not hold but people write (non-ASCII, \ | " <
 * > ^ ` { }) are percent-encoded, dot segments are removed, as curl does; spaces, NUL and control bytes are
 * refused, as are userinfo, other schemes, an empty host, a path behind a bare host, a port out of range,
 * over TARGET_LINE_MAX bytes. On success fills `ret` (release with target_free), returns 0; else -1 with
 * ERROR_INVALID_TARGET. */
int target_parse(struct target *ret, struct span line, const char *default_path, struct fetch_error *err);

/* As target_parse, of what target_put_url wrote: an absolute URL, which may be longer than a line (its path
 * was percent-encoded, or came with a redirect), up to PATH_BYTES_MAX and its host. */
int target_parse_url(struct target *ret, struct span url, struct fetch_error *err);

/* Resolves a reference (a Location field's value) against `base` by RFC 3986 section 5, dot segments removed,
 * fragment dropped. Blanks at its ends are ignored, spaces in it percent-encoded ('+' in a query, as in
 * curl). On success fills `ret` (not `base` itself); else -1 with ERROR_HTTP, PHASE_HEADERS (a scheme other
 * than http and https, userinfo, no valid host, control bytes, a path over PATH_BYTES_MAX …).
 * Whether https may go to http is the caller's question. */
int target_resolve(struct target *ret, const struct target *base, struct span reference,
                   struct fetch_error *err);

/* Releases what `t` holds; zeroed or freed is fine. */
void target_free(struct target *t);

/* Appends the URL: scheme://host[:port]path, IPv6 in brackets, a default port left out. 0 or -1 as
 * buffer_append. target_parse_url of it gives the same target (but for `bare`). */
int target_put_url(struct buffer *b, const struct target *t);

/* Appends host[:port] as the Host field, which is what the URL says (RFC 9110 7.2): brackets for IPv6, a
 * default port left out, a trailing dot kept. */
int target_put_host(struct buffer *b, const struct target *t);

/* True if scheme, host and port are the same (RFC 6454 origin). A trailing dot is a part of the host: where
 * there are search domains, "h" and "h." may be two machines. */
bool target_same_origin(const struct target *a, const struct target *b);

/* The shard, 1 to `count`, of a trimmed line: 1 + the first 8 bytes of SHA-256, big-endian, modulo count,
 * over the lower-case A-label host without port and without one trailing dot, IP literals without brackets as
 * RFC 5952 writes them (IPv4-mapped ones as ::ffff:a.b.c.d). `t` NULL: the line is no target, its bytes
 * count. */
uint32_t target_shard(const struct target *t, struct span line, uint32_t count);

#endif
