/*
 * The body of a response, freed from its framing (RFC 9112 sections 6 and 7). Pure: bytes in, views of body
 * bytes out, nothing copied or allocated.
 *   1. body_init with what response_framing said
 *   2. body_decode with the bytes at hand (also when there are none yet: a body may be complete from the
 * start), again with the rest while it uses some, until it says DONE or BAD
 *   3. body_eof if the connection ends before
 *      for (;;) {
 *          r = body_decode(&b, in, &used, &data, &err);      … BAD: stop
 *          hand over `data`; drop `used` bytes from `in`      (in.len > 0 after DONE: the connection is
 * poisoned) if (r == PARSE_MORE && in.len == 0) read more      (end of the connection: body_eof)
 *      }
 * Tolerated: a bare LF for CRLF (behind a chunk's data only if its size line ended so too), blanks behind a
 * chunk size. Refused: sizes over 16 hex digits or 63 bits, chunk extensions over 16 KiB in the whole
 * message, trailers over 64 KiB (line ends not counted) or 100 fields or that are no fields, chunk data not
 * followed by a line end, NUL and bare CR in any line. Trailers are checked and dropped.
 */
#ifndef PFETCH_FETCH_BODY_H
#define PFETCH_FETCH_BODY_H

#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"
#include "fetch/error.h"
#include "fetch/response.h"

enum { BODY_EXTENSIONS_MAX = 16 * 1024, BODY_TRAILERS_MAX = 64 * 1024, BODY_TRAILER_FIELDS_MAX = 100 };

enum body_state {
    BODY_DATA,          /* FRAMING_LENGTH and FRAMING_CLOSE: bytes */
    BODY_SIZE,          /* hex digits of a chunk's size */
    BODY_SIZE_BLANK,    /* blanks behind them */
    BODY_EXTENSION,     /* ; and what follows it */
    BODY_SIZE_LF,       /* the LF of the size line, after its CR */
    BODY_CHUNK,         /* bytes of a chunk */
    BODY_CHUNK_CR,      /* CR or LF behind them */
    BODY_CHUNK_LF,      /* LF after that CR */
    BODY_TRAILER_FIRST, /* start of the line behind the last chunk */
    BODY_TRAILER,       /* start of a later line */
    BODY_TRAILER_NAME,  /* a field's name */
    BODY_TRAILER_VALUE, /* its value */
    BODY_TRAILER_LF,    /* LF after a CR that ends a field line */
    BODY_LAST_LF,       /* LF after the CR of the empty line */
    BODY_COMPLETE,
    BODY_FAILED
};

struct body {
    enum body_state state;
    enum framing_kind kind;
    uint64_t length;        /* FRAMING_LENGTH: of the whole body */
    uint64_t left;          /* bytes left of the body (FRAMING_LENGTH) or of the chunk */
    uint64_t received;      /* body bytes handed over so far */
    uint32_t digits;        /* of the chunk size at hand */
    bool bare;              /* its line ended in a bare LF */
    uint32_t extensions;    /* bytes of chunk extensions so far */
    uint32_t trailer_bytes; /* bytes of trailers so far */
    uint32_t trailers;      /* fields in them */
};

/* The start of a body. Nothing to free. */
void body_init(struct body *b, const struct framing *framing);

/* Goes on with the bytes at the front of `in`. MORE and DONE set *ret_used (how many were used up) and
 * *ret_data (a view into `in` of body bytes, often empty). MORE with *ret_used < in.len: call again with the
 * rest. DONE: the message is complete and what is left of `in` does not belong to it; it may come at the
 * first call, with nothing used. BAD: ERROR_HTTP, PHASE_BODY; all data before it has been handed over by
 * earlier calls. */
enum parse_result body_decode(struct body *b, struct span in, size_t *ret_used, struct span *ret_data,
                              struct fetch_error *err);

/* The connection has ended; `clean` says that it was its proper end (close_notify, or FIN in clear text). 0
 * if that completes the message (FRAMING_CLOSE and clean, or complete before), else -1 with ERROR_TRUNCATED,
 * PHASE_BODY and how many bytes of how many came. */
int body_eof(struct body *b, bool clean, struct fetch_error *err);

#endif
