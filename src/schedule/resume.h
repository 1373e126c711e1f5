/*
 * What a journal holds as done (--resume, --resume-failed), by target and occurrence. Only hashes are kept:
 * 20 to 30 bytes a line of the journal.
 */
#ifndef PFETCH_SCHEDULE_RESUME_H
#define PFETCH_SCHEDULE_RESUME_H

#include "fetch/error.h"

enum resume_mode {
    RESUME_ALL,     /* --resume: whatever the journal holds */
    RESUME_ANSWERED /* --resume-failed: what it holds without an error */
};

struct resume;

struct joblog;

/* Reads the journal: the one that is open, or, where that is NULL, the file (one that is not there holds
 * nothing). On success *ret is the caller's (resume_free).
 * -1: `err`, kind ERROR_NONE: no journal, can't be read, no memory. */
int resume_load(const char *path, const struct joblog *open, enum resume_mode mode, struct resume **ret,
                struct fetch_error *err);

/* True if it holds this occurrence (1: the first) of the target, spelled as it was journalled. */
bool resume_holds(const struct resume *r, struct span target, uint32_t occurrence);

/* How many it holds. */
uint64_t resume_count(const struct resume *r);

/* The damaged lines, which did not count: how many, and the numbers of the first `most` of them into
 * `ret_lines`. */
enum { RESUME_DAMAGED_MAX = 8 };
uint64_t resume_damaged(const struct resume *r, uint64_t *ret_lines, size_t most);

void resume_free(struct resume *r);

#endif
