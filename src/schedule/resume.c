#include "schedule/resume.h"

#include <stdlib.h>
#include "base/table.h"
#include "output/joblog.h"

struct resume {
    enum resume_mode mode;
    struct siphash_key key;
    struct table done;
    bool no_memory;
    uint64_t damaged, damaged_lines[RESUME_DAMAGED_MAX];
};

static struct hash128 key_of(const struct resume *r, struct span target, uint32_t occurrence)
{
    struct hash128 key = siphash128(r->key, target);
    key.low += occurrence * UINT64_C(0x9e3779b97f4a7c15);
    key.high ^= occurrence;
    return key;
}

static void take_entry(void *arg, const struct joblog_entry *entry)
{
    struct resume *r = arg;
    if (r->mode == RESUME_ANSWERED && entry->kind != ERROR_NONE)
        return;
    if (!table_put(&r->done, key_of(r, entry->target, entry->occurrence)))
        r->no_memory = true;
}

static void take_damaged(void *arg, uint64_t line)
{
    struct resume *r = arg;
    if (r->damaged < RESUME_DAMAGED_MAX)
        r->damaged_lines[r->damaged] = line;
    r->damaged++;
}

int resume_load(const char *path, const struct joblog *open, enum resume_mode mode, struct resume **ret,
                struct fetch_error *err)
{
    struct resume *r = calloc(1, sizeof *r);
    if (!r)
        return error_set(err, ERROR_NONE, PHASE_NONE, "%s: out of memory", path);
    r->mode = mode;
    r->key = siphash_key_random();
    table_init(&r->done, 128, false);
    struct joblog_reader reader = {take_entry, take_damaged, r};
    int result = open ? joblog_read_open(open, &reader, err) : joblog_read(path, &reader, err);
    if (result == 0 && r->no_memory)
        result = error_set(err, ERROR_NONE, PHASE_NONE, "%s: out of memory", path);
    if (result < 0)
        resume_free(r);
    else
        *ret = r;
    return result;
}

bool resume_holds(const struct resume *r, struct span target, uint32_t occurrence)
{
    return table_has(&r->done, key_of(r, target, occurrence));
}

uint64_t resume_count(const struct resume *r)
{
    return r->done.count;
}

uint64_t resume_damaged(const struct resume *r, uint64_t *ret_lines, size_t most)
{
    for (size_t i = 0; i < most && i < RESUME_DAMAGED_MAX && i < r->damaged; i++)
        ret_lines[i] = r->damaged_lines[i];
    return r->damaged;
}

void resume_free(struct resume *r)
{
    if (r)
        table_free(&r->done);
    free(r);
}
