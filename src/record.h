/*
 * What pfetch puts into the executor's frames: the task, a response's head (or a hop), the result. Each _put_
 * has its _get_ beside it. Getting trusts nothing: a worker may have been taken over, so every length is
 * checked against the bytes, every number against its range and every text that is later printed raw (URLs,
 * addresses, digests) against its alphabet.
 */
#ifndef PFETCH_RECORD_H
#define PFETCH_RECORD_H

#include "base/pack.h"
#include "fetch/fetch.h"

struct record_task {
    struct span url;   /* what to fetch */
    uint64_t pausable; /* a number that stands for its host: the worker gives the task back if that one asked
                          for a pause meanwhile; 0: it is fetched whatever was asked */
};

/* 0 or -1 as buffer_append. */
int record_put_task(struct buffer *b, const struct record_task *task);
/* Fills `ret` with a view into `bytes`. 0, or -1 for bytes that are no task: `ret` is undefined then. */
int record_get_task(struct span bytes, struct record_task *ret);

/* In place of a result: the task was not begun, for its host asked for a pause after it was sent. 0 or -1. */
int record_put_declined(struct buffer *b);
bool record_is_declined(struct span bytes);

/* A hop or head. `conn` is sent where head->conn is not NULL. */
int record_put_head(struct buffer *b, const struct fetch_head *head);
/* Fills `ret` with views into `bytes`; ret->conn is `conn`, filled, or NULL where none was sent. 0, or -1:
 * `ret` is then undefined. In any case conn->cert is to be released. */
int record_get_head(struct span bytes, struct fetch_head *ret, struct fetch_conn *conn);

int record_put_result(struct buffer *b, const struct fetch_result *result);
/* Fills `ret`: release with fetch_result_free, also after a failure. 0 or -1. */
int record_get_result(struct span bytes, struct fetch_result *ret);

#endif
