#include "executor/tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int task_table_init(struct task_table *t, size_t expected)
{
    size_t size = 16;
    while (size < expected)
        size *= 2;
    t->memory = (struct nofork){0};
    t->buckets = nofork_map(size * sizeof(struct task *));
    t->mask = size - 1;
    t->count = 0;
    return t->buckets ? 0 : -1;
}

static void task_delete(struct task_table *t, struct task *task)
{
    free(task->news_text);
    nofork_free(&t->memory, task);
}

void task_table_free(struct task_table *t)
{
    for (size_t i = 0; t->buckets && i <= t->mask; i++) {
        for (struct task *task = t->buckets[i], *next; task; task = next) {
            next = task->same_bucket;
            task_delete(t, task);
        }
    }
    nofork_unmap(t->buckets, t->buckets ? (t->mask + 1) * sizeof(struct task *) : 0);
    t->buckets = NULL;
    nofork_close(&t->memory);
}

/* Ids are mostly counted up; the multiplication keeps other habits from one bucket. */
static struct task **bucket_of(const struct task_table *t, uint64_t id)
{
    return &t->buckets[(id * UINT64_C(0x9E3779B97F4A7C15) >> 32) & t->mask];
}

struct task *task_find(const struct task_table *t, uint64_t id)
{
    struct task *task = *bucket_of(t, id);
    while (task && task->id != id)
        task = task->same_bucket;
    return task;
}

struct task *task_new(struct task_table *t, uint64_t id, const void *data, size_t len)
{
    if (task_find(t, id)) {
        errno = EINVAL;
        return NULL;
    }
    struct task *task = nofork_alloc(&t->memory, sizeof *task + len);
    if (!task)
        return NULL;
    task->id = id;
    task->len = len;
    if (len)
        memcpy(task->data, data, len);
    struct task **bucket = bucket_of(t, id);
    task->same_bucket = *bucket;
    *bucket = task;
    t->count++;
    return task;
}

void task_free(struct task_table *t, struct task *task)
{
    struct task **at = bucket_of(t, task->id);
    while (*at != task)
        at = &(*at)->same_bucket;
    *at = task->same_bucket;
    t->count--;
    task_unlist(task);
    task_delete(t, task);
}

void task_unlist(struct task *task)
{
    struct task_list *list = task->list;
    if (!list)
        return;
    *(task->before ? &task->before->after : &list->first) = task->after;
    *(task->after ? &task->after->before : &list->last) = task->before;
    task->before = task->after = NULL;
    task->list = NULL;
    list->count--;
}

void task_append(struct task_list *list, struct task *task)
{
    task_unlist(task);
    task->list = list;
    task->before = list->last;
    *(list->last ? &list->last->after : &list->first) = task;
    list->last = task;
    list->count++;
}

void task_prepend(struct task_list *list, struct task *task)
{
    task_unlist(task);
    task->list = list;
    task->after = list->first;
    *(list->first ? &list->first->before : &list->last) = task;
    list->first = task;
    list->count++;
}
