#include "fetch/target.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "fetch/path.h"

enum { PORT_HTTPS = 443, PORT_HTTP = 80 };

static int bad(struct fetch_error *err, const char *message)
{
    return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE, "%s", message);
}

static uint16_t default_port(enum target_scheme scheme)
{
    return scheme == SCHEME_HTTPS ? PORT_HTTPS : PORT_HTTP;
}

static struct span from(struct span v, size_t at)
{
    return span_make(v.data + at, v.len - at);
}

/* Bytes. */

static int refuse_byte(unsigned char c, size_t at, struct fetch_error *err)
{
    const char *name = c == 0 ? "a NUL byte" : c == ' ' ? "a space" : c == '\t' ? "a TAB" : NULL;
    if (name)
        return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE, "%s at byte %zu", name, at + 1);
    return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE, "control byte 0x%02x at byte %zu", c, at + 1);
}

/* No control bytes, and no spaces unless they are `spaces_pass`ed on to be encoded. */
static int check_bytes(struct span v, bool spaces_pass, struct fetch_error *err)
{
    for (size_t i = 0; i < v.len; i++) {
        unsigned char c = v.data[i];
        if ((c <= ' ' || c == 0x7F) && !(c == ' ' && spaces_pass))
            return refuse_byte(c, i, err);
    }
    return 0;
}

/* Parts. */

/* The length of a scheme (RFC 3986 3.1) before a colon, 0 if `v` starts with none. */
static size_t scheme_length(struct span v)
{
    for (size_t i = 0; i < v.len; i++) {
        unsigned char c = ascii_lower(v.data[i]);
        bool letter = c >= 'a' && c <= 'z';
        bool later = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (c == ':')
            return i;
        if (!letter && !(i > 0 && later))
            return 0;
    }
    return 0;
}

static bool starts(struct span v, const char *with)
{
    size_t n = strlen(with);
    return v.len >= n && memcmp(v.data, with, n) == 0;
}

static bool scheme_named(struct span name, enum target_scheme *ret)
{
    bool https = span_equal_nocase(name, span_of("https"));
    if (!https && !span_equal_nocase(name, span_of("http")))
        return false;
    *ret = https ? SCHEME_HTTPS : SCHEME_HTTP;
    return true;
}

/* The bytes up to the first / ? or #. */
static size_t authority_length(struct span v)
{
    size_t n = 0;
    while (n < v.len && v.data[n] != '/' && v.data[n] != '?' && v.data[n] != '#')
        n++;
    return n;
}

static int set_host(struct target *t, struct span authority, struct fetch_error *err)
{
    struct host h;
    if (host_parse(&h, authority, err) < 0)
        return -1;
    memcpy(t->host, h.text, sizeof t->host);
    t->kind = h.kind;
    t->port = h.port ? h.port : default_port(t->scheme);
    return 0;
}

/* Takes the path that was put into `b` (or failed to be), and the buffer's memory with it. */
static int take_path(struct target *t, struct buffer *b, int put, struct fetch_error *err)
{
    if (put < 0 || buffer_terminate(b) < 0) {
        bool large = errno == EMSGSIZE;
        buffer_free(b);
        return large ? error_set(err, ERROR_INVALID_TARGET, PHASE_NONE,
                                 "a path longer than %d bytes, percent-encoded", PATH_BYTES_MAX)
                     : bad(err, "out of memory");
    }
    t->path = (char *)b->data;
    return 0;
}

static int set_path(struct target *t, struct span given, struct fetch_error *err)
{
    struct buffer b;
    buffer_init(&b, PATH_BYTES_MAX + 1);
    return take_path(t, &b, path_put(&b, given), err);
}

/* What follows "scheme://". */
static int set_rest(struct target *t, struct span rest, struct fetch_error *err)
{
    size_t n = authority_length(rest);
    if (set_host(t, span_make(rest.data, n), err) < 0)
        return -1;
    return set_path(t, from(rest, n), err);
}

/* Lines. */

static int refuse_scheme(struct span name, struct fetch_error *err)
{
    return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE,
                     "scheme '%.*s' is not supported; only https:// and http:// are", HOST_QUOTE(name));
}

/* "https:host" or "https:/host": a slip, told from the host:port that it looks like by what follows. */
static bool is_slip(struct span line, size_t scheme)
{
    enum target_scheme ignored;
    if (!scheme || !scheme_named(span_make(line.data, scheme), &ignored))
        return false;
    return line.len == scheme + 1 || line.data[scheme + 1] < '0' || line.data[scheme + 1] > '9';
}

static int refuse_bare_path(struct span line, size_t host, struct fetch_error *err)
{
    if (line.data[host] == '#')
        return bad(err, "'#' behind a host without a scheme");
    if (host == 0)
        return bad(err, "no host: a target is host, host:port or https://host/path");
    return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE, "a path needs a scheme: write https://%.*s%s",
                     HOST_QUOTE(line), line.len > (size_t)host_quote_length(line) ? "..." : "");
}

static int set_bare(struct target *t, struct span line, const char *default_path, struct fetch_error *err)
{
    size_t n = authority_length(line);
    t->scheme = SCHEME_HTTPS;
    t->bare = true;
    if (set_host(t, span_make(line.data, n), err) < 0)
        return -1;
    if (n < line.len)
        return refuse_bare_path(line, n, err);
    return set_path(t, span_of(default_path), err);
}

static int parse(struct target *ret, struct span line, const char *default_path, struct fetch_error *err)
{
    struct target t = {0};
    size_t scheme = scheme_length(line);
    if (check_bytes(line, false, err) < 0)
        return -1;
    if (scheme && starts(from(line, scheme), "://")) {
        struct span name = span_make(line.data, scheme);
        if (!scheme_named(name, &t.scheme))
            return refuse_scheme(name, err);
        if (set_rest(&t, from(line, scheme + 3), err) < 0)
            return -1;
    } else if (is_slip(line, scheme)) {
        return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE, "write %.*s:// with two slashes", (int)scheme,
                         (const char *)line.data);
    } else if (!default_path) {
        return bad(err, "no absolute URL");
    } else if (set_bare(&t, line, default_path, err) < 0) {
        return -1;
    }
    *ret = t;
    return 0;
}

int target_parse(struct target *ret, struct span line, const char *default_path, struct fetch_error *err)
{
    if (line.len == 0)
        return bad(err, "empty: a target is host, host:port or https://host/path");
    if (line.len > TARGET_LINE_MAX)
        return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE, "%zu bytes long; at most %d", line.len,
                         TARGET_LINE_MAX);
    return parse(ret, line, default_path ? default_path : "/", err);
}

int target_parse_url(struct target *ret, struct span url, struct fetch_error *err)
{
    if (url.len == 0)
        return bad(err, "empty URL");
    if (url.len > TARGET_LINE_MAX + PATH_BYTES_MAX)
        return bad(err, "URL too long");
    return parse(ret, url, NULL, err);
}

/* References. */

static int resolve_path(struct target *t, const struct target *base, struct span reference,
                        struct fetch_error *err)
{
    struct buffer b;
    t->scheme = base->scheme;
    t->kind = base->kind;
    t->port = base->port;
    memcpy(t->host, base->host, sizeof t->host);
    buffer_init(&b, PATH_BYTES_MAX + 1);
    return take_path(t, &b, path_resolve(&b, span_of(base->path), reference), err);
}

/* RFC 3986 5.2.2. */
static int resolve(struct target *t, const struct target *base, struct span reference,
                   struct fetch_error *err)
{
    size_t scheme = scheme_length(reference);
    if (check_bytes(reference, true, err) < 0)
        return -1;
    t->scheme = base->scheme;
    if (scheme) {
        struct span name = span_make(reference.data, scheme);
        if (!scheme_named(name, &t->scheme)) {
            (void)refuse_scheme(name, err);
            err->kind = ERROR_DENIED; /* a valid reference, to where we don't go */
            return -1;
        }
        if (!starts(from(reference, scheme), "://"))
            return bad(err, "no host behind the scheme");
        return set_rest(t, from(reference, scheme + 3), err);
    }
    if (starts(reference, "//"))
        return set_rest(t, from(reference, 2), err);
    return resolve_path(t, base, reference, err);
}

int target_resolve(struct target *ret, const struct target *base, struct span reference,
                   struct fetch_error *err)
{
    struct target t = {0};
    struct fetch_error why;
    reference = span_trim(reference.data ? reference : span_of(""));
    if (resolve(&t, base, reference, &why) == 0) {
        *ret = t;
        return 0;
    }
    enum error_kind kind = why.kind == ERROR_DENIED ? ERROR_DENIED : ERROR_HTTP;
    return error_set(err, kind, PHASE_HEADERS, "bad Location: %s", why.message);
}

void target_free(struct target *t)
{
    if (!t)
        return;
    free(t->path);
    t->path = NULL;
}

/* Output. */

static int put_port(struct buffer *b, const struct target *t)
{
    if (t->port == default_port(t->scheme))
        return 0;
    return buffer_putc(b, ':') < 0 ? -1 : buffer_put_decimal(b, t->port, 1);
}

static int put_bracketed(struct buffer *b, struct span host, enum target_host kind)
{
    if (kind != HOST_IPV6)
        return buffer_append(b, host.data, host.len);
    return buffer_putc(b, '[') < 0 || buffer_append(b, host.data, host.len) < 0 || buffer_putc(b, ']') < 0
               ? -1
               : 0;
}

int target_put_url(struct buffer *b, const struct target *t)
{
    if (buffer_puts(b, t->scheme == SCHEME_HTTPS ? "https://" : "http://") < 0)
        return -1;
    if (put_bracketed(b, span_of(t->host), t->kind) < 0 || put_port(b, t) < 0)
        return -1;
    return buffer_puts(b, t->path);
}

int target_put_host(struct buffer *b, const struct target *t)
{
    return put_bracketed(b, span_of(t->host), t->kind) < 0 || put_port(b, t) < 0 ? -1 : 0;
}

/* Comparison. */

bool target_same_origin(const struct target *a, const struct target *b)
{
    return a->scheme == b->scheme && a->port == b->port && strcmp(a->host, b->host) == 0;
}

uint32_t target_shard(const struct target *t, struct span line, uint32_t count)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct span v = t ? host_undotted(t->host) : line;
    uint64_t first = 0;
    SHA256(v.len ? v.data : (const unsigned char *)"", v.len, digest);
    for (int i = 0; i < 8; i++)
        first = first << 8 | digest[i];
    return count ? (uint32_t)(1 + first % count) : 1;
}
