/*
 * Whole messages, for tests: what a reader says of one, by the reader of src/fetch and by a second one that
 * was written to be plain. The naive reader has the whole message, copies each line, and looks at it with the
 * C library's string functions; of an unfinished line it says nothing.
 */
#ifndef PFETCH_TESTS_MESSAGE_H
#define PFETCH_TESTS_MESSAGE_H

#include "fetch/body.h"
#include "fetch/response.h"
#include "support/guarded.h"

enum { MESSAGE_MAX = 2048 };

enum verdict { V_MORE, V_BAD_HEAD, V_BAD_FRAMING, V_BAD_BODY, V_DONE };

struct message {
    enum verdict verdict;
    size_t used;
    int interim; /* responses in front of the one that counts */
    int status;
    char version[4];
    uint32_t fields;
    char names[MESSAGE_MAX * 2]; /* name=value\n … */
    struct framing framing;
    unsigned char body[MESSAGE_MAX];
    size_t body_len;
    char error[ERROR_MESSAGE_MAX]; /* "" from the naive reader */
};

/* Reads interim responses and then the message in the `len` (at most MESSAGE_MAX) bytes of a connection that
 * then ends, in two pieces, the first of `cut` bytes, each in front of the protected page. */
void message_read(struct message *res, struct guarded *page, const unsigned char *m, size_t len, size_t cut);

/* The naive reader. */
void message_read_naive(struct message *res, const unsigned char *m, size_t len);

/* NULL, or in what the two differ; both of the reader. */
const char *message_differs(const struct message *a, const struct message *b);

/* NULL, or in what the reader's differs from the naive one's. An unfinished line the reader may refuse early.
 */
const char *message_differs_from_naive(const struct message *a, const struct message *naive);

#endif
