/*
 * The list of targets, read as a stream: operands, a file or a descriptor, a line at a time, in constant
 * memory whatever the length of a line.
 */
#ifndef PFETCH_INPUT_H
#define PFETCH_INPUT_H

#include <stdint.h>
#include "fetch/error.h"

struct input;

/* From the command line's operands, each one target; the strings stay the caller's. */
struct input *input_from_operands(char *const *operands, size_t count);

/* From a descriptor (closed by input_free if `owned`). `name` is for messages. Its flags are not changed; a
 * descriptor that can be polled is read only when poll says so. */
struct input *input_from_fd(int fd, bool owned, const char *name);

enum input_result {
    INPUT_LINE,  /* a line that counts */
    INPUT_AGAIN, /* none yet: poll input_fd */
    INPUT_END,
    INPUT_FAILED /* err says why: a read error */
};

struct input_line {
    uint64_t index;   /* 1-based over the lines that count: empty lines and comments have no number */
    struct span text; /* trimmed (blanks, CR); over TARGET_LINE_MAX bytes: the first REPORT_TARGET_CUT bytes
                         and too_long; valid until the next call */
    bool too_long;
    unsigned char sha256_of_all[32]; /* for too_long lines: of the whole trimmed line, for its shard */
};

/* The next line that counts. Reads at most once per call when the descriptor can be polled; `wait`: block
 * until there is something. */
enum input_result input_next(struct input *in, bool wait, struct input_line *ret_line,
                             struct fetch_error *err);

/* The descriptor to poll, or -1 when reading never waits (a regular file, operands). */
int input_fd(const struct input *in);

/* For the ETA: bytes read so far, and the size of all, -1 where unknown (a pipe). Operands: counted as one
 * byte each. */
uint64_t input_position(const struct input *in);
int64_t input_size(const struct input *in);

void input_free(struct input *in);

#endif
