#include "config.h"

#include "fetch/host.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/late_library.h"

static struct {
    __typeof__(idn2_check_version) *check_version;
    __typeof__(idn2_lookup_u8) *lookup_u8;
    __typeof__(idn2_strerror) *strerror;
    __typeof__(idn2_free) *free;
} idn2;

static const struct late_function idn2_functions[] = {
    {"idn2_check_version", &idn2.check_version},
    {"idn2_lookup_u8", &idn2.lookup_u8},
    {"idn2_strerror", &idn2.strerror},
    {"idn2_free", &idn2.free},
};

static struct late_library idn2_library = {.file = IDN2_SONAME,
                                           .functions = idn2_functions,
                                           .count = sizeof idn2_functions / sizeof idn2_functions[0]};

enum { LABEL_MAX = 63, NAME_MAX_BYTES = 253, QUOTE_MAX = 64 };

static int bad(struct fetch_error *err, const char *message)
{
    return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE, "%s", message);
}

int host_quote_length(struct span v)
{
    if (v.len <= QUOTE_MAX)
        return (int)v.len;
    size_t n = QUOTE_MAX;
    while (n > QUOTE_MAX - 3 && (v.data[n] & 0xC0) == 0x80)
        n--;
    return (int)n;
}

int host_prepare(struct fetch_error *err)
{
    char why[LATE_WHY_MAX];
    if (late_library_load(&idn2_library, why))
        return 0;
    return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE, "international host names can't be converted: %s",
                     why);
}

const char *host_idn_version(void)
{
    struct fetch_error err;
    return host_prepare(&err) == 0 ? idn2.check_version(NULL) : NULL;
}

/* Ports. */

int host_parse_port(uint16_t *ret, struct span digits, struct fetch_error *err)
{
    uint32_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE, "port '%.*s' is not a number",
                             HOST_QUOTE(digits));
        value = value * 10 + (uint32_t)(digits.data[i] - '0');
        if (value > UINT16_MAX)
            value = UINT16_MAX + 1; /* stays too large whatever follows */
    }
    if (value == 0 || value > UINT16_MAX)
        return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE, "port '%.*s' is not from 1 to 65535",
                         HOST_QUOTE(digits));
    *ret = (uint16_t)value;
    return 0;
}

/* Names. */

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(unsigned char c)
{
    c = ascii_lower(c);
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_name_byte(unsigned char c)
{
    return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '-' || c == '_';
}

/* Some would read a last label of digits, or 0x and hexadecimal digits, as an address (WHATWG URL, "ends in a
 * number"); no such top-level domain exists. */
static bool is_number(struct span label)
{
    bool hex = label.len >= 2 && label.data[0] == '0' && ascii_lower(label.data[1]) == 'x';
    for (size_t i = hex ? 2 : 0; i < label.len; i++)
        if (hex ? !is_hex(label.data[i]) : !is_digit(label.data[i]))
            return false;
    return label.len > 0;
}

static int bad_byte(struct span name, size_t at, struct fetch_error *err)
{
    unsigned char c = name.data[at];
    if (c == '%')
        return bad(err, "'%' in the host: write the name itself, not percent-encoded");
    if (c == ' ')
        return bad(err, "a space in the host");
    if (c < 0x20 || c >= 0x7F)
        return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE, "byte 0x%02x in the host", c);
    return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE, "'%c' in the host '%.*s'", c, HOST_QUOTE(name));
}

/* Checks a name of ASCII bytes (no trailing dot); *ret_last is its last label. */
static int check_labels(struct span name, struct span *ret_last, struct fetch_error *err)
{
    size_t start = 0;
    for (size_t i = 0; i <= name.len; i++) {
        if (i < name.len && name.data[i] != '.') {
            if (!is_name_byte(name.data[i]))
                return bad_byte(name, i, err);
            continue;
        }
        if (i == start)
            return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE, "an empty label in the host '%.*s'",
                             HOST_QUOTE(name));
        if (i - start > LABEL_MAX)
            return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE,
                             "a label of %zu bytes in the host; at most 63", i - start);
        *ret_last = span_make(name.data + start, i - start);
        start = i + 1;
    }
    return 0;
}

static int set_ipv4(struct host *ret, struct span name, struct fetch_error *err)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr a;
    if (name.len < sizeof text) {
        memcpy(text, name.data, name.len);
        text[name.len] = 0;
        if (inet_pton(AF_INET, text, &a) == 1 && inet_ntop(AF_INET, &a, ret->text, sizeof ret->text)) {
            ret->kind = HOST_IPV4;
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE,
                     "'%.*s' is no IPv4 address: write four numbers from 0 to 255, as in 192.0.2.1",
                     HOST_QUOTE(name));
}

/* A name in ASCII, perhaps with a trailing dot. */
static int set_ascii(struct host *ret, struct span name, struct fetch_error *err)
{
    struct span body = name, last = {0};
    if (body.len && body.data[body.len - 1] == '.')
        body.len--;
    if (body.len == 0)
        return bad(err, "no host");
    if (check_labels(body, &last, err) < 0)
        return -1;
    if (is_number(last))
        return set_ipv4(ret, name, err);
    if (body.len > NAME_MAX_BYTES)
        return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE, "a host of %zu bytes; at most 253", body.len);
    for (size_t i = 0; i < name.len; i++)
        ret->text[i] = (char)ascii_lower(name.data[i]);
    ret->text[name.len] = 0;
    ret->kind = HOST_NAME;
    return 0;
}

/* True if the name has a character that transitional processing would change: sharp s, final sigma and the
 * joiners (UTS #46 section 2.3). */
static bool has_deviation(const uint8_t *text)
{
    static const char *const deviations[] = {"\xC3\x9F", "\xE1\xBA\x9E", "\xCF\x82", "\xE2\x80\x8C",
                                             "\xE2\x80\x8D"};
    for (size_t i = 0; i < sizeof deviations / sizeof *deviations; i++)
        if (strstr((const char *)text, deviations[i]))
            return true;
    return false;
}

/* UTS #46, non-transitional. The library then also keeps to IDNA 2008, which has no symbols, though such
 * names are in use; by its transitional way it takes them, with the same result where there is no deviation.
 */
static int to_ascii(const uint8_t *text, uint8_t **ret)
{
    int rc = idn2.lookup_u8(text, ret, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
    if (rc == IDN2_DISALLOWED && !has_deviation(text) &&
        idn2.lookup_u8(text, ret, IDN2_TRANSITIONAL | IDN2_NFC_INPUT) == IDN2_OK)
        return IDN2_OK;
    return rc;
}

/* A name with bytes beyond ASCII, by UTS #46. What comes out is checked like any other name, since mapping
 * can bring forth dots, digits and worse (a full-width percent sign). */
static int set_international(struct host *ret, struct span name, struct fetch_error *err)
{
    uint8_t text[HOST_MAX * 4 + 1], *ascii = NULL;
    if (name.len >= sizeof text)
        return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE,
                         "a host of %zu bytes; at most 253 as A-labels", name.len);
    if (memchr(name.data, 0, name.len))
        return bad(err, "a NUL byte in the host");
    if (host_prepare(err) < 0)
        return -1;
    memcpy(text, name.data, name.len);
    text[name.len] = 0;
    int rc = to_ascii(text, &ascii);
    if (rc != IDN2_OK)
        return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE,
                         "'%.*s' is no valid international host name: %s", HOST_QUOTE(name),
                         idn2.strerror(rc));
    int r = set_ascii(ret, span_of((const char *)ascii), err);
    idn2.free(ascii);
    return r;
}

int host_parse_name(struct host *ret, struct span name, struct fetch_error *err)
{
    struct host h = {.port = 0};
    bool ascii = true;
    for (size_t i = 0; i < name.len && ascii; i++)
        ascii = name.data[i] < 0x80;
    if ((ascii ? set_ascii(&h, name, err) : set_international(&h, name, err)) < 0)
        return -1;
    *ret = h;
    return 0;
}

/* IPv6 addresses. */

static void put_ipv6(char *text, size_t size, const struct in6_addr *a)
{
    const uint8_t *b = a->s6_addr;
    inet_ntop(AF_INET6, a, text, (socklen_t)size);
    /* inet_ntop writes ::/96 with a dotted tail, which the deprecated IPv4-compatible addresses don't merit;
     * RFC 5952 section 5 leaves it to prefixes that are known to embed an IPv4 address. */
    if (IN6_IS_ADDR_V4COMPAT(a) && (b[12] || b[13]))
        snprintf(text, size, "::%x:%x", (unsigned)(b[12] << 8 | b[13]), (unsigned)(b[14] << 8 | b[15]));
}

int host_parse_ipv6(struct host *ret, struct span address, struct fetch_error *err)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr a;
    struct host h = {.kind = HOST_IPV6};
    if (address.len && memchr(address.data, '%', address.len))
        return bad(err, "an IPv6 zone identifier ('%'): leave it out, only global addresses can be targets");
    if (address.len && address.len < sizeof text && !memchr(address.data, 0, address.len)) {
        memcpy(text, address.data, address.len);
        text[address.len] = 0;
        if (inet_pton(AF_INET6, text, &a) == 1) {
            put_ipv6(h.text, sizeof h.text, &a);
            *ret = h;
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE, "'%.*s' is no IPv6 address", HOST_QUOTE(address));
}

/* Authorities. */

static int refuse_colons(struct span text, struct fetch_error *err)
{
    struct host h;
    struct fetch_error ignored;
    if (host_parse_ipv6(&h, text, &ignored) == 0)
        return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE,
                         "an IPv6 address without brackets: write [%.*s]", HOST_QUOTE(text));
    return error_set(err, ERROR_INVALID_TARGET, PHASE_NONE, "more than one ':' in '%.*s'", HOST_QUOTE(text));
}

/* Splits at the colon before the port; *ret_port is empty where there is none. `text` is not empty. */
static int split(struct span text, struct span *ret_host, struct span *ret_port, struct fetch_error *err)
{
    const unsigned char *end = text.data + text.len, *colon, *from = text.data;
    *ret_port = span_make(end, 0);
    if (text.data[0] == '[') {
        const unsigned char *close = memchr(text.data, ']', text.len);
        if (!close)
            return bad(err, "'[' without ']'");
        if (close + 1 < end && close[1] != ':')
            return bad(err, "behind ']' may stand only ':' and a port");
        from = close;
    }
    colon = memchr(from, ':', (size_t)(end - from));
    if (colon && memchr(colon + 1, ':', (size_t)(end - colon) - 1))
        return refuse_colons(text, err);
    *ret_host = colon ? span_make(text.data, (size_t)(colon - text.data)) : text;
    if (colon)
        *ret_port = span_make(colon + 1, (size_t)(end - colon) - 1);
    return 0;
}

static bool bracketed(struct span text)
{
    return text.len >= 2 && text.data[0] == '[' && text.data[text.len - 1] == ']';
}

int host_parse(struct host *ret, struct span authority, struct fetch_error *err)
{
    struct span name = {0}, digits = {0};
    struct host h;
    uint16_t port = 0;
    if (authority.len == 0)
        return bad(err, "no host");
    if (memchr(authority.data, '@', authority.len))
        return bad(err, "a user name or password ('@') is not accepted in a target");
    if (split(authority, &name, &digits, err) < 0)
        return -1;
    if ((bracketed(name) ? host_parse_ipv6(&h, span_make(name.data + 1, name.len - 2), err)
                         : host_parse_name(&h, name, err)) < 0)
        return -1;
    if (digits.len && host_parse_port(&port, digits, err) < 0)
        return -1;
    h.port = port;
    *ret = h;
    return 0;
}

int host_parse_alone(struct host *ret, struct span text, struct fetch_error *err)
{
    if (bracketed(text))
        return host_parse_ipv6(ret, span_make(text.data + 1, text.len - 2), err);
    if (text.len && memchr(text.data, ':', text.len))
        return host_parse_ipv6(ret, text, err);
    return host_parse_name(ret, text, err);
}
