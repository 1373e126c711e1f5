#include "config.h"

#include "executor/pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *text_new(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return text;
}

static void hand_over(struct executor *x, enum executor_event_type type, uint64_t task, unsigned worker,
                      struct span data)
{
    struct executor_event event = {
        .type = type, .task = task, .worker = worker, .data = data.data, .len = data.len};
    x->events++;
    x->handler(x->handler_arg, &event);
}

void pool_emit(struct executor *x, enum executor_event_type type, uint64_t task, unsigned worker,
               struct span data)
{
    news_tell(x);
    hand_over(x, type, task, worker, data);
}

void pool_finish(struct executor *x, struct task *task, enum executor_event_type type, unsigned worker,
                 struct span data)
{
    uint64_t id = task->id;
    task_free(&x->tasks, task);
    hand_over(x, type, id, worker, data);
}

void news_add(struct executor *x, struct task *task, enum task_news news, unsigned worker, const char *text)
{
    bool listed = task->news != NEWS_NONE;
    task->news = news;
    task->news_worker = worker;
    if (text && !task->news_text)
        task->news_text = strdup(text);
    if (listed)
        return;
    task->news_next = NULL;
    if (x->news)
        x->news_last->news_next = task;
    else
        x->news = task;
    x->news_last = task;
}

void news_warn(struct executor *x, const char *text)
{
    char *copy = x->warning_count < sizeof x->warnings / sizeof x->warnings[0] ? strdup(text) : NULL;
    if (copy)
        x->warnings[x->warning_count++] = copy;
}

static void tell_warnings(struct executor *x)
{
    while (x->warning_count) {
        char *text = x->warnings[0];
        x->warning_count--;
        memmove(x->warnings, x->warnings + 1, x->warning_count * sizeof x->warnings[0]);
        hand_over(x, EXECUTOR_WARNING, 0, 0, span_of(text));
        free(text);
    }
}

static void tell_end(struct executor *x, struct task *task, enum executor_event_type type)
{
    uint64_t id = task->id;
    unsigned worker = task->news_worker;
    char *text = task->news_text;
    task->news_text = NULL;
    task_free(&x->tasks, task);
    hand_over(x, type, id, worker, span_of(text));
    free(text);
}

void news_tell(struct executor *x)
{
    if (x->warning_count)
        tell_warnings(x);
    while (x->news) {
        struct task *task = x->news;
        enum task_news news = task->news;
        x->news = task->news_next;
        task->news = NEWS_NONE;
        if (news == NEWS_STARTED)
            hand_over(x, EXECUTOR_STARTED, task->id, task->news_worker, span_make(NULL, 0));
        else
            tell_end(x, task, news == NEWS_LOST ? EXECUTOR_LOST : EXECUTOR_CANCELLED);
    }
}
