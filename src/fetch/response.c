#include "fetch/response.h"

/* How much of an offending line a message shows. */
enum { SHOWN = 60 };

void response_init(struct response *r)
{
    *r = (struct response){.state = RESPONSE_STATUS_LINE};
    /* A stored field is its line without colon, blanks and line end, and two lengths. */
    buffer_init(&r->fields, RESPONSE_HEAD_MAX + 8 * (size_t)RESPONSE_FIELDS_MAX);
}

void response_free(struct response *r)
{
    buffer_free(&r->fields);
    response_init(r);
}

void response_reset(struct response *r)
{
    struct buffer keep = r->fields;
    response_init(r);
    r->fields = keep;
    buffer_clear(&r->fields);
}

/* A bit for each character, since all names of all fields go through here. */
bool token_char(unsigned char c)
{
    static const uint32_t tchar[] = {
        0,          /* controls */
        0x03FF6CFA, /* ! # $ % & ' * + - . 0-9 */
        0xC7FFFFFE, /* A-Z ^ _ */
        0x57FFFFFF  /* ` a-z | ~ */
    };
    return c < 0x80 && (tchar[c / 32] >> c % 32 & 1);
}

/* --- The parser -------------------------------------------------------------------------------------------
 */

static int shown(struct span v)
{
    return v.len < SHOWN ? (int)v.len : SHOWN;
}

/* Refuses a line, showing its beginning. */
static int refuse(struct fetch_error *err, const char *what, struct span line)
{
    return error_set(err, ERROR_HTTP, PHASE_HEADERS, "%s: %.*s", what, shown(line), (const char *)line.data);
}

/* Looks at the first bytes as soon as they are there, so that another protocol isn't waited for in vain. */
static int check_version(struct span head, struct fetch_error *err)
{
    static const char expected[] = "HTTP/1.";
    size_t n = sizeof expected - 1;
    for (size_t i = 0; i < n && i < head.len; i++) {
        unsigned char c = head.data[i];
        if (c == (unsigned char)expected[i])
            continue;
        if (i == 5 && c >= '0' && c <= '9')
            return error_set(err, ERROR_HTTP, PHASE_HEADERS, "answer in HTTP/%c, only HTTP/1.x was offered",
                             c);
        return error_set(err, ERROR_HTTP, PHASE_HEADERS,
                         "answer does not start with HTTP/1. (HTTP/0.9, or another protocol)");
    }
    if (head.len > n && head.data[n] != '0' && head.data[n] != '1')
        return error_set(err, ERROR_HTTP, PHASE_HEADERS, "HTTP version is neither 1.0 nor 1.1");
    return 0;
}

/* HTTP/1.x SP+ 3DIGIT [ SP reason ] (RFC 9112 4). */
static int parse_status_line(struct response *r, struct span line, struct fetch_error *err)
{
    const size_t version = 8;
    size_t i = version;
    while (i < line.len && line.data[i] == ' ')
        i++;
    if (i == version)
        return refuse(err, "no space behind the HTTP version", line);
    int status = 0;
    size_t digits = 0;
    for (; i < line.len && line.data[i] >= '0' && line.data[i] <= '9' && digits < 4; i++, digits++)
        status = status * 10 + (line.data[i] - '0');
    if (digits != 3 || status < 100 || (i < line.len && line.data[i] != ' '))
        return refuse(err, "status is not three digits from 100 to 999", line);
    r->status = status;
    r->minor = line.data[7] - '0';
    memcpy(r->version, line.data + 5, 3);
    r->version[3] = 0;
    return 0;
}

/* Writes the length of the last field's value, which may have grown by a fold, into its place. */
static void settle_value(struct response *r)
{
    size_t len = r->fields.len - r->value_at - 4;
    for (size_t i = 0; i < 4; i++)
        r->fields.data[r->value_at + i] = (unsigned char)(len >> (8 * i));
}

static int out_of_memory(struct fetch_error *err)
{
    return error_set(err, ERROR_HTTP, PHASE_HEADERS, "out of memory for the response's fields");
}

static int parse_field(struct response *r, struct span line, struct fetch_error *err)
{
    const unsigned char *colon = memchr(line.data, ':', line.len);
    if (!colon)
        return refuse(err, "field line without a colon", line);
    struct span name = span_make(line.data, (size_t)(colon - line.data));
    struct span value = span_trim(span_make(colon + 1, line.len - name.len - 1));
    if (name.len == 0)
        return refuse(err, "field without a name", line);
    if (name.data[name.len - 1] == ' ' || name.data[name.len - 1] == '\t')
        return refuse(err, "blank before the colon of a field", line);
    for (size_t i = 0; i < name.len; i++)
        if (!token_char(name.data[i]))
            return refuse(err, "field name is no token", line);
    if (r->field_count == RESPONSE_FIELDS_MAX)
        return error_set(err, ERROR_HTTP, PHASE_HEADERS, "more than %d fields", RESPONSE_FIELDS_MAX);
    if (pack_bytes(&r->fields, name) < 0)
        return out_of_memory(err);
    r->value_at = r->fields.len;
    if (pack_bytes(&r->fields, value) < 0)
        return out_of_memory(err);
    r->field_count++;
    return 0;
}

/* obs-fold (RFC 9112 5.2): the line goes on with the value before it. */
static int parse_fold(struct response *r, struct span line, struct fetch_error *err)
{
    struct span more = span_trim(line);
    if (r->state == RESPONSE_FIRST_FIELD)
        return refuse(err, "the first field line starts with a blank", line);
    if (more.len == 0)
        return 0;
    bool empty = r->fields.len == r->value_at + 4;
    if ((!empty && buffer_putc(&r->fields, ' ') < 0) || buffer_append(&r->fields, more.data, more.len) < 0)
        return out_of_memory(err);
    settle_value(r);
    return 0;
}

/* One line without its line end. */
static int parse_line(struct response *r, struct span line, struct fetch_error *err)
{
    if (line.len && memchr(line.data, 0, line.len))
        return refuse(err, "NUL in the head", line);
    if (line.len && memchr(line.data, '\r', line.len))
        return error_set(err, ERROR_HTTP, PHASE_HEADERS, "CR without LF in the head");
    if (r->state == RESPONSE_STATUS_LINE) {
        if (parse_status_line(r, line, err) < 0)
            return -1;
        r->state = RESPONSE_FIRST_FIELD;
        return 0;
    }
    if (line.len == 0) {
        r->state = RESPONSE_COMPLETE;
        return 0;
    }
    bool blank = line.data[0] == ' ' || line.data[0] == '\t';
    if ((blank ? parse_fold(r, line, err) : parse_field(r, line, err)) < 0)
        return -1;
    r->state = RESPONSE_FIELDS;
    return 0;
}

/* Takes the next line, if it is there: 1, or 0 for more, or -1. */
static int next_line(struct response *r, struct span bytes, struct fetch_error *err)
{
    size_t seen = bytes.len < RESPONSE_HEAD_MAX ? bytes.len : RESPONSE_HEAD_MAX;
    const unsigned char *lf =
        seen > r->scanned ? memchr(bytes.data + r->scanned, '\n', seen - r->scanned) : NULL;
    if (!lf) {
        r->scanned = seen;
        if (seen == RESPONSE_HEAD_MAX)
            return error_set(err, ERROR_HTTP, PHASE_HEADERS, "head is larger than %d bytes",
                             RESPONSE_HEAD_MAX);
        return 0;
    }
    struct span line = span_make(bytes.data + r->line, (size_t)(lf - bytes.data) - r->line);
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    r->line = r->scanned = (size_t)(lf - bytes.data) + 1;
    return parse_line(r, line, err) < 0 ? -1 : 1;
}

enum parse_result response_parse(struct response *r, struct span bytes, size_t *ret_used,
                                 struct fetch_error *err)
{
    int more = 1;
    if (r->state == RESPONSE_FAILED)
        more = error_set(err, ERROR_HTTP, PHASE_HEADERS, "head is broken");
    else if (r->state == RESPONSE_STATUS_LINE && check_version(bytes, err) < 0)
        more = -1;
    while (more > 0 && r->state != RESPONSE_COMPLETE)
        more = next_line(r, bytes, err);
    if (more < 0) {
        r->state = RESPONSE_FAILED;
        return PARSE_BAD;
    }
    if (r->state != RESPONSE_COMPLETE)
        return PARSE_MORE;
    *ret_used = r->line;
    return PARSE_DONE;
}

bool response_is_interim(const struct response *r)
{
    return r->status >= 100 && r->status <= 199 && r->status != 101;
}

/* --- Fields -----------------------------------------------------------------------------------------------
 */

struct unpack response_begin(const struct response *r)
{
    return unpack_begin(buffer_span(&r->fields));
}

bool response_next(struct unpack *at, const char *name, struct span *ret_value)
{
    struct span wanted = span_of(name);
    while (at->left.len && !at->bad) {
        struct span found = unpack_bytes(at, SIZE_MAX);
        struct span value = unpack_bytes(at, SIZE_MAX);
        if (!at->bad && span_equal_nocase(found, wanted)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

bool response_field(const struct response *r, const char *name, struct span *ret_value)
{
    struct unpack at = response_begin(r);
    return response_next(&at, name, ret_value);
}

int response_join(const struct response *r, const char *name, struct buffer *into)
{
    struct unpack at = response_begin(r);
    struct span value;
    for (bool first = true; response_next(&at, name, &value); first = false)
        if ((!first && buffer_puts(into, ", ") < 0) || buffer_append(into, value.data, value.len) < 0)
            return -1;
    return 0;
}

/* Splits at the next comma: true and the trimmed element, which may be empty; false when `rest` is used up.
 * rest->data NULL marks the end, so that an empty element behind the last comma is seen. */
static bool split_comma(struct span *rest, struct span *ret_item)
{
    if (!rest->data)
        return false;
    const unsigned char *comma = rest->len ? memchr(rest->data, ',', rest->len) : NULL;
    size_t n = comma ? (size_t)(comma - rest->data) : rest->len;
    *ret_item = span_trim(span_make(rest->data, n));
    *rest = comma ? span_make(comma + 1, rest->len - n - 1) : span_make(NULL, 0);
    return true;
}

bool list_next(struct span *list, struct span *ret_item)
{
    struct span item;
    while (split_comma(list, &item))
        if (item.len) {
            *ret_item = item;
            return true;
        }
    return false;
}

bool response_list_has(const struct response *r, const char *name, const char *item)
{
    struct unpack at = response_begin(r);
    struct span value, element;
    while (response_next(&at, name, &value))
        while (list_next(&value, &element))
            if (span_equal_nocase(element, span_of(item)))
                return true;
    return false;
}

/* --- Framing ----------------------------------------------------------------------------------------------
 */

/* What Transfer-Encoding says. */
struct transfer {
    bool present;
    bool chunked;
};

static int add_transfer_coding(struct transfer *t, struct span coding, struct fetch_error *err)
{
    bool chunked = span_equal_nocase(coding, span_of("chunked"));
    if (chunked && t->chunked)
        return error_set(err, ERROR_HTTP, PHASE_HEADERS, "Transfer-Encoding: chunked given twice");
    if (t->chunked)
        return refuse(err, "Transfer-Encoding: chunked is not the last coding, but", coding);
    if (!chunked && !span_equal_nocase(coding, span_of("identity")))
        return refuse(err, "Transfer-Encoding that was not asked for", coding);
    t->chunked = chunked;
    return 0;
}

static int transfer_encoding(const struct response *r, struct transfer *ret, struct fetch_error *err)
{
    struct unpack at = response_begin(r);
    struct span value, coding;
    bool any = false;
    *ret = (struct transfer){false, false};
    while (response_next(&at, "Transfer-Encoding", &value)) {
        ret->present = true;
        while (list_next(&value, &coding)) {
            any = true;
            if (add_transfer_coding(ret, coding, err) < 0)
                return -1;
        }
    }
    if (ret->present && !any)
        return error_set(err, ERROR_HTTP, PHASE_HEADERS, "Transfer-Encoding is empty");
    return 0;
}

/* 1*DIGIT up to INT64_MAX (RFC 9110 8.6). */
static int parse_length(struct span v, uint64_t *ret, struct fetch_error *err)
{
    uint64_t n = 0;
    if (v.len == 0)
        return error_set(err, ERROR_HTTP, PHASE_HEADERS, "Content-Length is empty");
    for (size_t i = 0; i < v.len; i++) {
        if (v.data[i] < '0' || v.data[i] > '9')
            return refuse(err, "Content-Length is no number", v);
        unsigned digit = v.data[i] - (unsigned)'0';
        if (n > ((uint64_t)INT64_MAX - digit) / 10)
            return refuse(err, "Content-Length is too large", v);
        n = n * 10 + digit;
    }
    *ret = n;
    return 0;
}

/* The one length that all Content-Length fields agree on; *ret_present false if there is none. */
static int content_length(const struct response *r, bool *ret_present, uint64_t *ret, struct fetch_error *err)
{
    struct unpack at = response_begin(r);
    struct span value, item;
    bool present = false;
    uint64_t length = 0, other = 0;
    while (response_next(&at, "Content-Length", &value)) {
        while (split_comma(&value, &item)) {
            if (parse_length(item, &other, err) < 0)
                return -1;
            if (present && other != length)
                return error_set(err, ERROR_HTTP, PHASE_HEADERS, "Content-Length given twice: %llu, %llu",
                                 (unsigned long long)length, (unsigned long long)other);
            present = true;
            length = other;
        }
    }
    *ret_present = present;
    *ret = length;
    return 0;
}

/* Whether the sender means to keep the connection (RFC 9112 9.3). */
static bool persistent(const struct response *r)
{
    if (response_list_has(r, "Connection", "close"))
        return false;
    return r->minor >= 1 || response_list_has(r, "Connection", "keep-alive");
}

/* A bodyless answer whose fields speak of a body: some senders then send it, in front of the next answer. */
static bool announces_body(const struct response *r)
{
    struct fetch_error ignored;
    struct span value;
    bool present = false;
    uint64_t length = 0;
    if (response_field(r, "Transfer-Encoding", &value) || content_length(r, &present, &length, &ignored) < 0)
        return true;
    return present && length > 0 && r->status != 304;
}

static int framing_with_body(const struct response *r, struct framing *ret, struct fetch_error *err)
{
    struct transfer transfer = {false, false};
    struct span value;
    bool has_length = false;
    uint64_t length = 0;
    if (transfer_encoding(r, &transfer, err) < 0)
        return -1;
    if (transfer.chunked) {
        bool sound = r->minor >= 1 && !response_field(r, "Content-Length", &value);
        *ret = (struct framing){FRAMING_CHUNKED, 0, sound && persistent(r)};
        return 0;
    }
    /* A transfer coding other than chunked, were it only "identity", leaves the end to the connection. */
    if (!transfer.present && content_length(r, &has_length, &length, err) < 0)
        return -1;
    if (has_length)
        *ret = (struct framing){FRAMING_LENGTH, length, persistent(r)};
    else
        *ret = (struct framing){FRAMING_CLOSE, 0, false};
    return 0;
}

int response_framing(const struct response *r, enum request_method method, struct framing *ret,
                     struct fetch_error *err)
{
    if (r->status == 101)
        return error_set(err, ERROR_HTTP, PHASE_HEADERS,
                         "101 (Switching Protocols), but no upgrade was asked for");
    if (method == METHOD_CONNECT && r->status >= 200 && r->status <= 299) {
        *ret = (struct framing){FRAMING_NONE, 0, true};
        return 0;
    }
    if (r->status < 200 || r->status == 204 || r->status == 304) {
        *ret = (struct framing){FRAMING_NONE, 0, persistent(r) && !announces_body(r)};
        return 0;
    }
    return framing_with_body(r, ret, err);
}
