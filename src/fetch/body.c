#include "fetch/body.h"

#include <inttypes.h>

/* Leading zeros included; then 16 digits and 63 bits, whichever comes first. */
enum { DIGITS_MAX = 16 };

void body_init(struct body *b, const struct framing *framing)
{
    *b = (struct body){.kind = framing->kind};
    switch (framing->kind) {
    case FRAMING_NONE:
        b->state = BODY_COMPLETE;
        break;
    case FRAMING_LENGTH:
        b->length = b->left = framing->length;
        b->state = framing->length ? BODY_DATA : BODY_COMPLETE;
        break;
    case FRAMING_CHUNKED:
        b->state = BODY_SIZE;
        break;
    case FRAMING_CLOSE:
        b->left = UINT64_MAX;
        b->state = BODY_DATA;
        break;
    }
}

static int refuse(struct fetch_error *err, const char *what)
{
    return error_set(err, ERROR_HTTP, PHASE_BODY, "%s", what);
}

/* --- Chunk sizes and extensions (RFC 9112 7.1) ------------------------------------------------------------
 */

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The size line ended in a bare LF: on to the chunk's bytes, or to the trailers behind the last chunk. */
static void end_bare_line(struct body *b)
{
    b->bare = true;
    b->state = b->left ? BODY_CHUNK : BODY_TRAILER_FIRST;
}

static int end_of_size(struct body *b, unsigned char c, struct fetch_error *err)
{
    switch (c) {
    case '\r':
        b->state = BODY_SIZE_LF;
        return 0;
    case '\n':
        end_bare_line(b);
        return 0;
    case ' ':
    case '\t':
        b->state = BODY_SIZE_BLANK;
        break;
    case ';':
        b->state = BODY_EXTENSION;
        break;
    default:
        return refuse(err, "chunk size is followed by neither its line end nor an extension");
    }
    if (++b->extensions > BODY_EXTENSIONS_MAX)
        return refuse(err, "chunk extensions are larger than 16 KiB");
    return 0;
}

static int step_size(struct body *b, unsigned char c, struct fetch_error *err)
{
    int digit = hex_digit(c);
    if (digit < 0 && b->digits == 0)
        return refuse(err, "chunk size is no hex number");
    if (digit < 0)
        return end_of_size(b, c, err);
    b->bare = false;
    if (++b->digits > DIGITS_MAX || b->left > (uint64_t)INT64_MAX >> 4)
        return refuse(err, "chunk size is larger than 63 bits or has more than 16 digits");
    b->left = b->left << 4 | (unsigned)digit;
    return 0;
}

static int step_extension(struct body *b, unsigned char c, struct fetch_error *err)
{
    if (c == '\r')
        b->state = BODY_SIZE_LF;
    else if (c == '\n')
        end_bare_line(b);
    else if (c == 0)
        return refuse(err, "NUL in a chunk extension");
    else if (++b->extensions > BODY_EXTENSIONS_MAX)
        return refuse(err, "chunk extensions are larger than 16 KiB");
    return 0;
}

/* --- Trailers (RFC 9112 7.1.2) ----------------------------------------------------------------------------
 */

/* The first byte of a line behind the last chunk. */
static int step_trailer_start(struct body *b, unsigned char c, struct fetch_error *err)
{
    if (c == '\r') {
        b->state = BODY_LAST_LF;
    } else if (c == '\n') {
        b->state = BODY_COMPLETE;
    } else if (c == ' ' || c == '\t') {
        if (b->state == BODY_TRAILER_FIRST)
            return refuse(err, "the first trailer line starts with a blank");
        b->state = BODY_TRAILER_VALUE; /* obs-fold */
    } else if (!token_char(c)) {
        return refuse(err, "trailer name is no token");
    } else if (++b->trailers > BODY_TRAILER_FIELDS_MAX) {
        return refuse(err, "more than 100 trailer fields");
    } else {
        b->state = BODY_TRAILER_NAME;
    }
    return 0;
}

static int step_trailer_name(struct body *b, unsigned char c, struct fetch_error *err)
{
    if (c == ':')
        b->state = BODY_TRAILER_VALUE;
    else if (c == ' ' || c == '\t')
        return refuse(err, "blank before the colon of a trailer");
    else if (c == '\r' || c == '\n')
        return refuse(err, "trailer line without a colon");
    else if (!token_char(c))
        return refuse(err, "trailer name is no token");
    return 0;
}

static int step_trailer_value(struct body *b, unsigned char c, struct fetch_error *err)
{
    if (c == '\r')
        b->state = BODY_TRAILER_LF;
    else if (c == '\n')
        b->state = BODY_TRAILER;
    else if (c == 0)
        return refuse(err, "NUL in a trailer");
    return 0;
}

/* Line ends count for nothing. */
static int count_trailer(struct body *b, struct fetch_error *err)
{
    if (b->state != BODY_TRAILER_NAME && b->state != BODY_TRAILER_VALUE)
        return 0;
    if (++b->trailer_bytes > BODY_TRAILERS_MAX)
        return refuse(err, "trailers are larger than 64 KiB");
    return 0;
}

/* --- The machine ------------------------------------------------------------------------------------------
 */

/* A state that waits for the LF behind a CR. */
static int step_lf(struct body *b, unsigned char c, enum body_state next, struct fetch_error *err)
{
    if (c != '\n')
        return refuse(err, "CR without LF in the chunked framing");
    b->state = next;
    return 0;
}

/* Behind the bytes of a chunk. A bare LF will do only where the size line had one too: else a chunk that is a
 * byte short of its size, whose CR was taken for data, would pass. */
static int step_chunk_end(struct body *b, unsigned char c, struct fetch_error *err)
{
    if (c == '\r') {
        b->state = BODY_CHUNK_LF;
        return 0;
    }
    if (c != '\n' || !b->bare)
        return refuse(err, "chunk is not of the size that it says");
    b->state = BODY_SIZE;
    b->digits = 0;
    return 0;
}

/* One byte of the framing of chunks. */
static int step(struct body *b, unsigned char c, struct fetch_error *err)
{
    switch (b->state) {
    case BODY_SIZE:
        return step_size(b, c, err);
    case BODY_SIZE_BLANK:
        return end_of_size(b, c, err);
    case BODY_EXTENSION:
        return step_extension(b, c, err);
    case BODY_SIZE_LF:
        return step_lf(b, c, b->left ? BODY_CHUNK : BODY_TRAILER_FIRST, err);
    case BODY_CHUNK_CR:
        return step_chunk_end(b, c, err);
    case BODY_CHUNK_LF:
        b->digits = 0;
        return step_lf(b, c, BODY_SIZE, err);
    case BODY_TRAILER_FIRST:
    case BODY_TRAILER:
        return step_trailer_start(b, c, err) < 0 ? -1 : count_trailer(b, err);
    case BODY_TRAILER_NAME:
        return step_trailer_name(b, c, err) < 0 ? -1 : count_trailer(b, err);
    case BODY_TRAILER_VALUE:
        return step_trailer_value(b, c, err) < 0 ? -1 : count_trailer(b, err);
    case BODY_TRAILER_LF:
        return step_lf(b, c, BODY_TRAILER, err);
    case BODY_LAST_LF:
        return step_lf(b, c, BODY_COMPLETE, err);
    case BODY_DATA:
    case BODY_CHUNK:
    case BODY_COMPLETE:
    case BODY_FAILED:
        break;
    }
    return refuse(err, "body is broken");
}

/* Takes what belongs to the body or the chunk off the front of `in`. */
static struct span take_data(struct body *b, struct span in)
{
    size_t n = b->left < in.len ? (size_t)b->left : in.len;
    b->received += n;
    if (b->kind != FRAMING_CLOSE) /* whose `left` is without end */
        b->left -= n;
    if (b->left == 0)
        b->state = b->state == BODY_CHUNK ? BODY_CHUNK_CR : BODY_COMPLETE;
    return span_make(in.data, n);
}

enum parse_result body_decode(struct body *b, struct span in, size_t *ret_used, struct span *ret_data,
                              struct fetch_error *err)
{
    struct span data = span_make(in.data, 0);
    size_t used = 0;
    while (used < in.len && data.len == 0 && b->state != BODY_COMPLETE) {
        if (b->state == BODY_DATA || b->state == BODY_CHUNK) {
            data = take_data(b, span_make(in.data + used, in.len - used));
            used += data.len;
        } else if (step(b, in.data[used++], err) < 0) {
            b->state = BODY_FAILED;
            return PARSE_BAD;
        }
    }
    *ret_used = used;
    *ret_data = data;
    return b->state == BODY_COMPLETE ? PARSE_DONE : PARSE_MORE;
}

int body_eof(struct body *b, bool clean, struct fetch_error *err)
{
    if (b->state == BODY_COMPLETE || (clean && b->kind == FRAMING_CLOSE && b->state == BODY_DATA)) {
        b->state = BODY_COMPLETE;
        return 0;
    }
    const char *how = clean ? "connection ended" : "connection broke off";
    if (b->kind == FRAMING_LENGTH)
        return error_set(err, ERROR_TRUNCATED, PHASE_BODY, "%s after %" PRIu64 " of %" PRIu64 " body bytes",
                         how, b->received, b->length);
    if (b->kind == FRAMING_CHUNKED)
        return error_set(err, ERROR_TRUNCATED, PHASE_BODY,
                         "%s after %" PRIu64 " body bytes, before the last chunk%s", how, b->received,
                         b->state >= BODY_TRAILER_FIRST ? "'s trailers ended" : "");
    return error_set(err, ERROR_TRUNCATED, PHASE_BODY,
                     "%s after %" PRIu64 " body bytes, whose end only a proper close could tell", how,
                     b->received);
}
