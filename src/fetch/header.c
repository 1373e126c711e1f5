#include "fetch/header.h"

#include "fetch/fetch.h"

/* RFC 9110 5.6.2. */
static bool is_token_byte(unsigned char c)
{
    unsigned char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static size_t token_length(struct span v)
{
    size_t n = 0;
    while (n < v.len && is_token_byte(v.data[n]))
        n++;
    return n;
}

enum header_form header_split(const char *line, struct span *ret_name, struct span *ret_value)
{
    struct span v = span_of(line);
    size_t n = token_length(v);
    *ret_name = span_make(v.data, n);
    *ret_value = n < v.len ? span_trim(span_make(v.data + n + 1, v.len - n - 1)) : span_make(v.data + n, 0);
    if (ret_value->len)
        return HEADER_SET;
    return n < v.len && v.data[n] == ';' ? HEADER_EMPTY : HEADER_REMOVE;
}

static int refuse(struct fetch_error *err, struct span line, const char *why)
{
    return error_set(err, ERROR_NONE, PHASE_NONE, "header '%.*s': %s; write 'Name: value'", HOST_QUOTE(line),
                     why);
}

/* A fetch sends no body, and a server would wait for one, or take the next request for it. */
static bool frames_a_body(struct span name)
{
    return span_equal_nocase(name, span_of("Content-Length")) ||
           span_equal_nocase(name, span_of("Transfer-Encoding"));
}

int fetch_check_header(const char *line, struct fetch_error *err)
{
    struct span v = span_of(line), name, value;
    size_t n = token_length(v);
    if (n == 0)
        return refuse(err, v, "it does not start with a name");
    if (n == v.len)
        return refuse(err, v, "there is no ':'");
    if (v.data[n] != ':' && v.data[n] != ';')
        return error_set(err, ERROR_NONE, PHASE_NONE,
                         "header '%.*s': byte %zu can be in no name; write 'Name: value'", HOST_QUOTE(v),
                         n + 1);
    enum header_form form = header_split(line, &name, &value);
    if (v.data[n] == ';' && form == HEADER_SET)
        return refuse(err, v, "behind ';', which stands for an empty value, is something");
    for (size_t i = n; i < v.len; i++)
        if ((v.data[i] < 0x20 && v.data[i] != '\t') || v.data[i] == 0x7F)
            return error_set(err, ERROR_NONE, PHASE_NONE, "header '%.*s': control byte 0x%02x in the value",
                             HOST_QUOTE(name), v.data[i]);
    if (form != HEADER_REMOVE && frames_a_body(name))
        return error_set(err, ERROR_NONE, PHASE_NONE, "header '%.*s': a fetch sends no body; leave it out",
                         HOST_QUOTE(name));
    return 0;
}
