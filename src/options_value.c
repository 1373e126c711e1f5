#include "options_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads digits at *text and moves it behind them. False: there are none, or they pass `max` (at least 9). */
static bool take_digits(const char **text, uint64_t max, uint64_t *ret)
{
    const char *at = *text;
    uint64_t value = 0;
    for (; is_digit(*at); at++) {
        unsigned digit = (unsigned)(*at - '0');
        if (value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (at == *text)
        return false;
    *text = at;
    *ret = value;
    return true;
}

bool value_uint(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
    uint64_t value;
    if (!take_digits(&text, UINT64_MAX, &value) || *text || value < min || value > max)
        return false;
    *ret = value;
    return true;
}

bool value_size(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
    uint64_t value;
    unsigned shift = 0;
    if (!take_digits(&text, UINT64_MAX, &value))
        return false;
    switch (*text) {
    case 'G':
    case 'g':
        shift += 10; /* fall through */
    case 'M':
    case 'm':
        shift += 10; /* fall through */
    case 'K':
    case 'k':
        shift += 10;
        text++;
        break;
    }
    if (*text || value > max >> shift || value << shift < min)
        return false;
    *ret = value << shift;
    return true;
}

/* Reads a decimal fraction at *text in billionths, moves it behind; further digits are dropped. At least one
 * digit before or after the point. */
static bool take_billionths(const char **text, uint64_t most_whole, uint64_t *ret)
{
    const char *at = *text;
    uint64_t whole = 0, part = 0, unit = 100000000;
    bool some = is_digit(*at);
    if (some && !take_digits(&at, most_whole, &whole))
        return false;
    if (*at == '.') {
        for (at++; is_digit(*at); at++, unit /= 10, some = true)
            part += unit * (unsigned)(*at - '0');
    }
    if (!some)
        return false;
    *text = at;
    *ret = whole * UINT64_C(1000000000) + part;
    return true;
}

bool value_seconds(const char *text, uint64_t min, uint64_t max, int64_t *ret_ns)
{
    uint64_t ns;
    if (!take_billionths(&text, UINT64_C(9000000000), &ns) || *text || ns < min || ns > max)
        return false;
    *ret_ns = (int64_t)ns;
    return true;
}

bool value_rate(const char *text, double *ret)
{
    uint64_t billionths;
    double per;
    if (!take_billionths(&text, UINT64_C(1000000000), &billionths) || billionths == 0 || *text++ != '/')
        return false;
    if (*text == 's')
        per = 1;
    else if (*text == 'm')
        per = 60;
    else if (*text == 'h')
        per = 3600;
    else
        return false;
    if (text[1])
        return false;
    *ret = (double)billionths / 1e9 / per;
    return true;
}

bool value_shard(const char *text, uint32_t *ret_shard, uint32_t *ret_shards)
{
    uint64_t shard, shards;
    if (!take_digits(&text, UINT32_MAX, &shard) || *text++ != '/')
        return false;
    if (!take_digits(&text, UINT32_MAX, &shards) || *text || shard < 1 || shard > shards)
        return false;
    *ret_shard = (uint32_t)shard;
    *ret_shards = (uint32_t)shards;
    return true;
}

bool value_halt(const char *text, struct value_halt *ret)
{
    struct value_halt halt = {HALT_SOON, 0, false};
    bool short_form = is_digit(*text);
    if (strcmp(text, "never") == 0) {
        halt.when = HALT_NEVER;
        *ret = halt;
        return true;
    }
    if (strncmp(text, "soon,fail=", 10) == 0) {
        text += 10;
    } else if (strncmp(text, "now,fail=", 9) == 0) {
        halt.when = HALT_NOW;
        text += 9;
    } else if (!short_form) {
        return false;
    }
    if (!take_digits(&text, UINT64_MAX, &halt.fail) || halt.fail < 1)
        return false;
    if (*text == '%') {
        halt.percent = true;
        text++;
    }
    if (*text || (halt.percent && halt.fail > 100) || (short_form && !halt.percent))
        return false;
    *ret = halt;
    return true;
}

bool value_numbers(const char *text, uint64_t min, uint64_t max, size_t most, uint32_t *ret,
                   uint32_t *ret_count)
{
    uint32_t found[RUN_SWEEP_MAX] = {0}, count = 0;
    for (;; text++) {
        uint64_t value;
        if (count >= most || count >= RUN_SWEEP_MAX || !take_digits(&text, UINT32_MAX, &value) ||
            value < min || value > max)
            return false;
        for (uint32_t i = 0; i < count; i++)
            if (found[i] == value)
                return false;
        found[count++] = (uint32_t)value;
        if (*text != ',')
            break;
    }
    if (*text)
        return false;
    memcpy(ret, found, count * sizeof *found);
    *ret_count = count;
    return true;
}

bool value_choice(const struct option_choice *choices, const char *text, size_t len, int *ret)
{
    for (; choices->name; choices++)
        if (strlen(choices->name) == len && memcmp(choices->name, text, len) == 0) {
            *ret = choices->value;
            return true;
        }
    return false;
}

bool value_choices(const struct option_choice *choices, const char *text, size_t most, int *ret,
                   uint32_t *ret_count)
{
    int found[OPTION_CHOICES_MAX];
    uint32_t count = 0;
    for (;; text++) {
        size_t len = strcspn(text, ",");
        if (count >= most || count >= OPTION_CHOICES_MAX || !value_choice(choices, text, len, &found[count]))
            return false;
        for (uint32_t i = 0; i < count; i++)
            if (found[i] == found[count])
                return false;
        count++;
        text += len;
        if (!*text)
            break;
    }
    memcpy(ret, found, count * sizeof *found);
    *ret_count = count;
    return true;
}

bool value_is_text(const char *text)
{
    for (; *text; text++)
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
            return false;
    return true;
}

bool value_is_url_path(const char *text)
{
    if (*text != '/')
        return false;
    for (; *text; text++)
        if (*text <= ' ' || *text == 0x7f || (unsigned char)*text >= 0x80 || *text == '#')
            return false;
    return true;
}

/* "text, json, body or none" */
static void name_choices(const struct option_choice *choices, char *text, size_t size)
{
    size_t used = 0;
    for (; choices->name && used < size; choices++) {
        const char *between = !choices[1].name ? "" : choices[2].name ? ", " : " or ";
        used += (size_t)snprintf(text + used, size - used, "%s%s", choices->name, between);
    }
}

void value_hint(const struct option_spec *spec, char *text, size_t size)
{
    char names[128] = "";
    switch (spec->type) {
    case OPTION_UINT:
        snprintf(text, size, "write a whole number from %" PRIu64 " to %" PRIu64, spec->min, spec->max);
        break;
    case OPTION_SIZE:
        snprintf(text, size,
                 "write a number of bytes from %" PRIu64 ", with K, M or G behind it if you like: 500K",
                 spec->min);
        break;
    case OPTION_SECONDS:
        snprintf(text, size, "write seconds, %s, such as 10 or 0.5", spec->min ? "more than 0" : "0 or more");
        break;
    case OPTION_CHOICE:
    case OPTION_MODES:
        name_choices(spec->choices, names, sizeof names);
        snprintf(text, size, "write %s%s", names,
                 spec->type == OPTION_MODES ? ", or with --compare a list, such as thread,process" : "");
        break;
    case OPTION_WORKERS:
        snprintf(text, size,
                 "write a number from %" PRIu64 " to %" PRIu64
                 ", or with --compare up to %d different ones, such as 1,2,4,8",
                 spec->min, spec->max, RUN_SWEEP_MAX);
        break;
    case OPTION_RATE:
        snprintf(text, size, "write a number and its unit, such as 10/s, 90/m or 1000/h");
        break;
    case OPTION_SHARD:
        snprintf(text, size, "write I/N, I from 1 to N, such as 2/8");
        break;
    case OPTION_HALT:
        snprintf(text, size,
                 "write soon,fail=N or now,fail=N, N a number or a percentage, such as "
                 "soon,fail=10%%");
        break;
    case OPTION_URL_PATH:
        snprintf(text, size,
                 "write a path that starts with /, other than printable ASCII percent-encoded, "
                 "such as /robots.txt");
        break;
    case OPTION_TEXT:
        snprintf(text, size, "write %stext without control characters", spec->min ? "a name, " : "");
        break;
    default:
        snprintf(text, size, "write --%s %s", spec->name, spec->argument ? spec->argument : "");
    }
}
