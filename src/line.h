/*
 * One line of input that arrives in pieces, kept in constant memory however long it is.
 *   1. line_init
 *   2. line_add…    its bytes without the newline
 *   3. line_end     what it was; then again from 2.
 *   4. line_free
 */
#ifndef PFETCH_LINE_H
#define PFETCH_LINE_H

#include <stdint.h>
#include "base/span.h"
#include "fetch/target.h"

enum line_kind {
    LINE_NOTHING, /* no byte yet but blanks */
    LINE_COMMENT,
    LINE_TEXT
};

struct evp_md_ctx_st;

struct line {
    enum line_kind kind;
    bool plain;     /* '#' starts no comment */
    uint64_t bytes; /* all since the first that is no blank */
    uint64_t len;   /* of these, up to the last that is no blank or CR */
    struct evp_md_ctx_st *all,
        *trimmed; /* SHA-256 of `bytes` bytes, of `len`; made for the first long line */
    bool hashing; /* they are in use */
    bool behind;  /* `trimmed` is: blanks at the end have gone into `all` only */
    unsigned char head[TARGET_LINE_MAX]; /* the first bytes */
};

/* What came of a line. */
struct line_text {
    struct span text; /* trimmed; over TARGET_LINE_MAX bytes: the first REPORT_TARGET_CUT or up to 3 less, so
                         that no UTF-8 sequence is cut; valid until the next line_add */
    bool too_long;
    unsigned char sha256[32]; /* too_long: of all its bytes, trimmed */
};

/* `plain`: a line that starts with '#' is no comment. */
void line_init(struct line *l, bool plain);
void line_free(struct line *l);

/* True once a byte has come that is no blank. */
static inline bool line_begun(const struct line *l)
{
    return l->kind != LINE_NOTHING;
}

/* Adds bytes that hold no newline. 0, or -1 for lack of memory. */
int line_add(struct line *l, struct span v);

/* Ends the line: 1 and *ret if it counts, 0 for a comment or an empty line, -1 for lack of memory. */
int line_end(struct line *l, struct line_text *ret);

/* `v` without blanks at both ends and CR at the end. */
struct span line_trim(struct span v);

#endif
