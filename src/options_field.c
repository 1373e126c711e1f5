#include "config.h"

#include "options_parse.h"

#include <stdlib.h>
#include <string.h>

#include "options_value.h"

static void *field(const struct options_parse *p, const struct option_spec *spec)
{
    return (char *)p->o + spec->offset;
}

/* Writes an int, enum or bool. */
static void put_int(const struct options_parse *p, const struct option_spec *spec, int value)
{
    if (spec->size == sizeof(bool))
        *(bool *)field(p, spec) = value != 0;
    else
        memcpy(field(p, spec), &value, sizeof value);
}

static int no_memory(struct options_parse *p)
{
    return option_error_set(&p->error, "out of memory: free some");
}

static int put_string(struct options_parse *p, const struct option_spec *spec, const char *value)
{
    char **at = field(p, spec), *copy = strdup(value);
    if (!copy)
        return no_memory(p);
    free(*at);
    *at = copy;
    return 0;
}

static int put_list(struct options_parse *p, const struct option_spec *spec, const char *value)
{
    struct strings *list = field(p, spec);
    const char **items = reallocarray(list->items, list->count + 1, sizeof *items);
    if (!items)
        return no_memory(p);
    list->items = items;
    items[list->count] = strdup(value);
    if (!items[list->count])
        return no_memory(p);
    list->count++;
    return 0;
}

static int refuse(struct options_parse *p, const struct option_spec *spec, const char *value)
{
    char hint[200];
    value_hint(spec, hint, sizeof hint);
    bool secret = spec->type == OPTION_TEXT; /* a proxy's password has no place on a screen */
    return secret ? option_error_set(&p->error, "--%s: %s", spec->name, hint)
                  : option_error_set(&p->error, "--%s '%.100s': %s", spec->name, value, hint);
}

static int put_header(struct options_parse *p, const struct option_spec *spec, const char *value)
{
    struct fetch_error err;
    error_clear(&err);
    if (fetch_check_header(value, &err) < 0)
        return option_error_set(&p->error, "--%s: %s", spec->name, err.message);
    return put_list(p, spec, value);
}

static int put_workers(struct options_parse *p, const struct option_spec *spec, const char *value)
{
    struct run_options *o = p->o;
    if (!value_numbers(value, spec->min, spec->max, RUN_SWEEP_MAX, o->sweep, &o->sweep_count))
        return refuse(p, spec, value);
    o->workers = o->sweep[0];
    return 0;
}

static int put_modes(struct options_parse *p, const struct option_spec *spec, const char *value)
{
    int modes[OPTION_CHOICES_MAX];
    uint32_t count;
    if (!value_choices(spec->choices, value, 3, modes, &count))
        return refuse(p, spec, value);
    for (uint32_t i = 0; i < count; i++)
        p->o->modes[i] = (enum executor_mode)modes[i];
    p->o->mode = p->o->modes[0];
    p->o->mode_count = count;
    return 0;
}

static bool put_halt(struct run_options *o, const char *value)
{
    struct value_halt halt;
    if (!value_halt(value, &halt))
        return false;
    o->halt = halt.when;
    o->halt_fail = halt.fail;
    o->halt_percent = halt.percent;
    return true;
}

/* Numbers and choices: false if `value` is none of that kind. */
static bool put_number(struct options_parse *p, const struct option_spec *spec, const char *value)
{
    uint64_t number;
    int chosen;
    switch (spec->type) {
    case OPTION_UINT:
        if (!value_uint(value, spec->min, spec->max, &number))
            return false;
        *(uint32_t *)field(p, spec) = (uint32_t)number;
        return true;
    case OPTION_SIZE:
        return value_size(value, spec->min, spec->max, field(p, spec));
    case OPTION_SECONDS:
        return value_seconds(value, spec->min, spec->max, field(p, spec));
    case OPTION_RATE:
        return value_rate(value, field(p, spec));
    case OPTION_SHARD:
        return value_shard(value, &p->o->shard, &p->o->shards);
    case OPTION_HALT:
        return put_halt(p->o, value);
    case OPTION_CHOICE:
        if (!value_choice(spec->choices, value, strlen(value), &chosen))
            return false;
        put_int(p, spec, chosen);
        return true;
    default:
        return false;
    }
}

int options_set_value(struct options_parse *p, const struct option_spec *spec, const char *value)
{
    switch (spec->type) {
    case OPTION_TEXT:
        if (!value_is_text(value) || (spec->min && !*value))
            return refuse(p, spec, value);
        return put_string(p, spec, value);
    case OPTION_URL_PATH:
        return value_is_url_path(value) ? put_string(p, spec, value) : refuse(p, spec, value);
    case OPTION_FILE:
    case OPTION_DIRECTORY:
        return *value ? put_string(p, spec, value) : refuse(p, spec, value);
    case OPTION_LIST:
        return *value ? put_list(p, spec, value) : refuse(p, spec, value);
    case OPTION_HEADER:
        return put_header(p, spec, value);
    case OPTION_WORKERS:
        return put_workers(p, spec, value);
    case OPTION_MODES:
        return put_modes(p, spec, value);
    default:
        return put_number(p, spec, value) ? 0 : refuse(p, spec, value);
    }
}

int options_set_plain(struct options_parse *p, const struct option_spec *spec, bool negated)
{
    switch (spec->type) {
    case OPTION_FLAG:
        put_int(p, spec, (spec->value != 0) != negated);
        return 0;
    case OPTION_CONSTANT:
        put_int(p, spec, spec->value);
        return 0;
    case OPTION_TALLY:
        if (*(uint32_t *)field(p, spec) < UINT32_MAX)
            ++*(uint32_t *)field(p, spec);
        return 0;
    default:
        return -1;
    }
}
