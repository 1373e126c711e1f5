/*
 * The head of a response: status line and fields (RFC 9112 sections 2 to 6). A pure function of bytes: it
 * does no I/O, keeps no pointer into its input and gives the same result wherever the bytes are cut.
 *   1. response_init
 *   2. response_parse with all bytes of the head so far, again as more arrive, until it says DONE or BAD
 *   3. interim (response_is_interim)? response_reset and on to the next head, behind the bytes used
 *   4. response_framing says how the body ends; response_field and its kin look fields up
 *   5. response_free
 * Tolerated: a bare LF as line end, obs-fold (one space takes its place), any reason phrase (none, no space
 * before it, 8-bit and control bytes), several spaces after the version, control bytes but NUL and CR in a
 * value (RFC 9110 5.5 lets a recipient keep them). Refused, with the rule broken in the message: anything in
 * front of "HTTP/1.0" or "HTTP/1.1", empty lines included, as early as the first byte that can't belong to
 * them; a status that is not three digits from 100 to 999; bare CR and NUL; blanks before a colon; names that
 * are no tokens; a line without a colon; a first field line that starts with a blank; heads over 256 KiB or
 * 1,000 fields.
 */
#ifndef PFETCH_FETCH_RESPONSE_H
#define PFETCH_FETCH_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/pack.h"
#include "fetch/error.h"

enum parse_result {
    PARSE_MORE, /* all is well so far, more bytes are needed */
    PARSE_DONE, /* complete */
    PARSE_BAD   /* `err` says which rule was broken */
};

enum { RESPONSE_HEAD_MAX = 256 * 1024, RESPONSE_FIELDS_MAX = 1000, RESPONSE_INTERIM_MAX = 32 };

enum response_state {
    RESPONSE_STATUS_LINE, /* waits for the end of the status line */
    RESPONSE_FIRST_FIELD, /* the line behind it, which can't be a folded one */
    RESPONSE_FIELDS,
    RESPONSE_COMPLETE,
    RESPONSE_FAILED
};

struct response {
    int status;           /* 100 to 999 */
    int minor;            /* HTTP/1.x: 0 or 1 */
    char version[4];      /* "1.0" or "1.1" */
    struct buffer fields; /* pack_bytes name, pack_bytes value, … in order; values trimmed */
    uint32_t field_count;
    /* the parser's own */
    enum response_state state;
    size_t line;     /* offset of the line at hand */
    size_t scanned;  /* no LF from `line` to here */
    size_t value_at; /* where in `fields` the length of the last value stands */
};

/* An empty one. */
void response_init(struct response *r);

/* Releases the memory; as after response_init. */
void response_free(struct response *r);

/* As after response_init, keeping the memory: for the head behind an interim one. */
void response_reset(struct response *r);

/* Goes on parsing. `bytes` is the head from its first byte on, as far as it has arrived; at each call the
 * same bytes with new ones behind them (they may have moved). What was looked at is not looked at again.
 * DONE: the head ends after *ret_used bytes, the body (or the next head) starts there. BAD: ERROR_HTTP,
 * PHASE_HEADERS. *ret_used is set by DONE only. After DONE and BAD only response_reset and response_free may
 * follow. */
enum parse_result response_parse(struct response *r, struct span bytes, size_t *ret_used,
                                 struct fetch_error *err);

/* True for a tchar (RFC 9110 5.6.2): what field names are made of. */
bool token_char(unsigned char c);

/* True for 1xx but 101: another head follows. The caller counts them (RESPONSE_INTERIM_MAX). 101 is refused
 * by response_framing. */
bool response_is_interim(const struct response *r);

/* The value of the first field called `name` (ASCII case ignored), a view into r->fields. */
bool response_field(const struct response *r, const char *name, struct span *ret_value);

/* Walks over all fields called `name`: begin with `struct unpack at = response_begin(r)`, then
 * `while (response_next(&at, name, &value))`. */
struct unpack response_begin(const struct response *r);
bool response_next(struct unpack *at, const char *name, struct span *ret_value);

/* Appends the values of all fields called `name`, joined by ", " (RFC 9110 5.3). 0 or -1 as buffer_append. */
int response_join(const struct response *r, const char *name, struct buffer *into);

/* True if `item` is an element of the comma lists in all fields called `name` (ASCII case ignored), as in
 * Connection: close. */
bool response_list_has(const struct response *r, const char *name, const char *item);

/* Takes the next element off a comma list: blanks and empty elements are skipped. False at its end. A comma
 * within a quoted string ends an element too: for lists of tokens. */
bool list_next(struct span *list, struct span *ret_item);

enum request_method { METHOD_GET, METHOD_CONNECT };

enum framing_kind {
    FRAMING_NONE,    /* no body */
    FRAMING_LENGTH,  /* `length` bytes */
    FRAMING_CHUNKED, /* RFC 9112 7.1 */
    FRAMING_CLOSE    /* until the connection ends */
};

struct framing {
    enum framing_kind kind;
    uint64_t length; /* FRAMING_LENGTH; at most INT64_MAX */
    bool reusable;   /* the connection may be kept once the message is complete */
};

/*
 * How the body ends (RFC 9112 6.3, in its order):
 *   1. CONNECT and 2xx: no body, the connection is the tunnel now (reusable is true).
 *   2. 1xx, 204, 304: no body whatever the fields say. 101 is refused: nobody asked for an upgrade.
 *   3. Transfer-Encoding: chunked, over any Content-Length. Refused: chunked twice or not last, an empty
 * list, and every other coding, since none is ever asked for; `identity` counts as absent.
 *   4. Content-Length: digits up to INT64_MAX; several fields or a comma list of equal ones are one. Refused:
 *      unequal, empty, signed or too large ones.
 *   5. Otherwise until the connection ends.
 * reusable: HTTP/1.1 without Connection: close, or HTTP/1.0 with Connection: keep-alive. Never where the
 * sender contradicts itself: Transfer-Encoding beside Content-Length, in HTTP/1.0, or `identity`; or an
 * answer without a body that announces one (204 with a length, 204 or 304 with Transfer-Encoding or a broken
 * length). 0 and *ret, or -1 with ERROR_HTTP, PHASE_HEADERS.
 */
int response_framing(const struct response *r, enum request_method method, struct framing *ret,
                     struct fetch_error *err);

#endif
