/*
 * The tasks that have not ended: found by id, and each in at most one list, which says where it waits.
 */
#ifndef PFETCH_EXECUTOR_TASKS_H
#define PFETCH_EXECUTOR_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/nofork.h"

struct worker;
struct task_list;

/* What is still to be told about a task at the next executor_poll. */
enum task_news { NEWS_NONE, NEWS_STARTED, NEWS_CANCELLED, NEWS_LOST };

struct task {
    uint64_t id;
    uint64_t affinity;
    int64_t limit;
    struct worker *worker; /* that has it, as current or ahead; NULL: waits in the pool */
    bool in_pipe;          /* its record may still lie in that worker's jobs pipe */
    bool cancelled;        /* to be killed as soon as it runs */
    bool held;             /* … to be held again as soon as another worker has it */
    unsigned told;         /* STARTED has been told with this slot; 0: not yet */
    unsigned returned;     /* workers that died before they began it */
    enum task_news news;
    unsigned news_worker;
    char *news_text; /* NEWS_LOST: why; owned */
    struct task *news_next;
    struct task_list *list;
    struct task *before, *after; /* in `list` */
    struct task *behind;         /* sent ahead to the same worker, after this one */
    struct task *same_bucket;
    size_t len;
    unsigned char data[];
};

struct task_list {
    struct task *first, *last;
    size_t count;
};

struct task_table {
    struct nofork memory; /* of the tasks */
    struct task **buckets;
    size_t mask;
    size_t count;
};

/* A table for about `expected` tasks. 0, or -1 with errno ENOMEM. */
int task_table_init(struct task_table *t, size_t expected);

/* Frees the table and every task in it. */
void task_table_free(struct task_table *t);

/* A new task of the table, its bytes copied. NULL with errno EINVAL (the id is in use) or ENOMEM. */
struct task *task_new(struct task_table *t, uint64_t id, const void *data, size_t len);

/* The task with this id, or NULL. */
struct task *task_find(const struct task_table *t, uint64_t id);

/* Takes it out of the table and its list, and frees it. */
void task_free(struct task_table *t, struct task *task);

/* Moves a task to the end or the front of a list, or out of the one it is in. */
void task_append(struct task_list *list, struct task *task);
void task_prepend(struct task_list *list, struct task *task);
void task_unlist(struct task *task);

#endif
