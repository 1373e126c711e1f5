/*
 * A --config file: each line is read, and its value is tried as every kind of value. What a line names and
 * holds must lie within it, and numbers within their bounds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "options_config.h"
#include "options_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void try_numbers(const char *text)
{
    uint64_t number;
    int64_t ns;
    double rate;
    uint32_t shard, shards, list[RUN_SWEEP_MAX], count;
    struct value_halt halt;
    must(!value_uint(text, 1, 4096, &number) || (number >= 1 && number <= 4096));
    must(!value_size(text, 1, INT64_MAX, &number) || (number >= 1 && number <= INT64_MAX));
    must(!value_seconds(text, 1, INT64_MAX, &ns) || ns >= 1);
    must(!value_rate(text, &rate) || rate > 0);
    must(!value_shard(text, &shard, &shards) || (shard >= 1 && shard <= shards));
    must(!value_halt(text, &halt) || halt.when == HALT_NEVER || halt.fail >= 1);
    must(!value_numbers(text, 1, 4096, RUN_SWEEP_MAX, list, &count) ||
         (count >= 1 && count <= RUN_SWEEP_MAX));
}

static void try_value(const struct option_spec *spec, const char *text)
{
    int chosen, several[OPTION_CHOICES_MAX];
    uint32_t count;
    char hint[200];
    try_numbers(text);
    value_is_text(text);
    value_is_url_path(text);
    if (!spec)
        return;
    value_hint(spec, hint, sizeof hint);
    value_choice(spec->choices, text, strlen(text), &chosen);
    must(!value_choices(spec->choices, text, 3, several, &count) || (count >= 1 && count <= 3));
}

static void try_line(struct span line, struct buffer *value)
{
    struct config_entry entry;
    struct option_error err = {""};
    bool negated;
    enum config_result r = config_line(line, &entry, value, &err);
    must((r == CONFIG_BAD) == (err.text[0] != 0));
    if (r != CONFIG_ENTRY)
        return;
    must(entry.name.data >= line.data && entry.name.data + entry.name.len <= line.data + line.len);
    must(!entry.letter || entry.name.len == 1);
    must(entry.has_value == (entry.value != NULL));
    const char *name = (const char *)entry.name.data;
    const struct option_spec *spec =
        entry.letter ? option_find_letter(*name) : option_find(name, entry.name.len, &negated);
    option_nearest(name, entry.name.len);
    if (entry.has_value)
        try_value(spec, entry.value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer value;
    buffer_init(&value, CONFIG_FILE_MAX);
    while (size) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t len = end ? (size_t)(end - data) : size, step = end ? len + 1 : len;
        try_line(span_make(data, len), &value);
        data += step;
        size -= step;
    }
    buffer_free(&value);
    return 0;
}
