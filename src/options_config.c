#include "options_config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int option_error_set(struct option_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return -1;
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}

static void skip(struct span *v, size_t n)
{
    v->data += n;
    v->len -= n;
}

/* Takes the name off the front of `line`, and what stands between it and its value. */
static void take_name(struct span *line, struct config_entry *ret)
{
    bool dashes = line->len >= 2 && line->data[0] == '-' && line->data[1] == '-';
    ret->letter = !dashes && line->len >= 2 && line->data[0] == '-';
    skip(line, dashes ? 2 : ret->letter ? 1 : 0);
    size_t len = 0;
    while (len < line->len && !is_blank(line->data[len]) && line->data[len] != '=' &&
           (dashes || line->data[len] != ':'))
        len++;
    if (ret->letter)
        len = 1;
    ret->name = span_make(line->data, len);
    skip(line, len);
    *line = span_trim(*line);
    if (!ret->letter && line->len && (line->data[0] == '=' || (!dashes && line->data[0] == ':'))) {
        skip(line, 1);
        *line = span_trim(*line);
    }
}

static unsigned char unescape(unsigned char c)
{
    switch (c) {
    case 't':
        return '\t';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 'v':
        return '\v';
    default:
        return c;
    }
}

/* Takes a value in quotes off the front of `rest`. */
static int take_quoted(struct span *rest, struct buffer *value, struct option_error *err)
{
    size_t i = 1;
    for (; i < rest->len && rest->data[i] != '"'; i++) {
        unsigned char c = rest->data[i];
        if (c == '\\' && i + 1 < rest->len)
            c = unescape(rest->data[++i]);
        if (buffer_putc(value, c) < 0)
            return option_error_set(err, "the value is too long: shorten it");
    }
    if (i == rest->len)
        return option_error_set(err, "the quotes are not closed: write \" at the end of the value");
    skip(rest, i + 1);
    return 0;
}

/* Takes a value without quotes off the front of `rest`. */
static int take_plain(struct span *rest, struct buffer *value, struct option_error *err)
{
    size_t len = 0;
    while (len < rest->len && !is_blank(rest->data[len]))
        len++;
    if (buffer_append(value, rest->data, len) < 0)
        return option_error_set(err, "the value is too long: shorten it");
    skip(rest, len);
    return 0;
}

enum config_result config_line(struct span line, struct config_entry *ret, struct buffer *value,
                               struct option_error *err)
{
    if (line.len && memchr(line.data, 0, line.len)) {
        option_error_set(err, "there is a NUL byte: write plain text, an option a line");
        return CONFIG_BAD;
    }
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    line = span_trim(line);
    if (line.len == 0 || line.data[0] == '#')
        return CONFIG_BLANK;
    take_name(&line, ret);
    buffer_clear(value);
    ret->has_value = line.len > 0 && line.data[0] != '#';
    ret->value = NULL;
    if (!ret->has_value)
        return CONFIG_ENTRY;
    if ((line.data[0] == '"' ? take_quoted(&line, value, err) : take_plain(&line, value, err)) < 0)
        return CONFIG_BAD;
    line = span_trim(line);
    if (line.len && line.data[0] != '#') {
        option_error_set(err, "there is more behind the value: put quotes around a value with blanks");
        return CONFIG_BAD;
    }
    if (buffer_terminate(value) < 0) {
        option_error_set(err, "the value is too long: shorten it");
        return CONFIG_BAD;
    }
    ret->value = (const char *)value->data;
    return CONFIG_ENTRY;
}

/* The whole file into `all`, which knows its limit. */
static int read_all(const char *path, struct buffer *all, struct option_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "re");
    if (!f)
        return option_error_set(err, "--config %s: %s: name a file that can be read", path, strerror(errno));
    unsigned char chunk[4096];
    int ret = 0;
    size_t n;
    while (ret == 0 && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
        if (buffer_append(all, chunk, n) < 0)
            ret = option_error_set(err, "--config %s: more than %d bytes: targets go to -i FILE", path,
                                   CONFIG_FILE_MAX);
    if (ret == 0 && ferror(f))
        ret = option_error_set(err, "--config %s: %s: name a file that can be read", path, strerror(errno));
    if (!standard)
        fclose(f);
    return ret;
}

/* Some editors put a byte order mark in front of a file. */
static void skip_mark(struct span *text)
{
    struct span mark = span_of("\xEF\xBB\xBF");
    if (text->len >= mark.len && memcmp(text->data, mark.data, mark.len) == 0)
        skip(text, mark.len);
}

/* Puts "FILE:LINE: " in front of what `err` says. */
static int at_line(struct option_error *err, const char *path, unsigned line)
{
    struct option_error inner = *err;
    return option_error_set(err, "%.200s:%u: %.800s", strcmp(path, "-") == 0 ? "standard input" : path, line,
                            inner.text);
}

int config_read(const char *path, config_take *take, void *arg, struct option_error *err)
{
    struct buffer all, value;
    buffer_init(&all, CONFIG_FILE_MAX);
    buffer_init(&value, CONFIG_FILE_MAX);
    int ret = read_all(path, &all, err);
    struct span left = buffer_span(&all);
    skip_mark(&left);
    for (unsigned line = 1; ret == 0 && left.len; line++) {
        const unsigned char *end = memchr(left.data, '\n', left.len);
        size_t len = end ? (size_t)(end - left.data) : left.len;
        struct config_entry entry;
        enum config_result r = config_line(span_make(left.data, len), &entry, &value, err);
        if (r == CONFIG_BAD || (r == CONFIG_ENTRY && take(arg, &entry, err) < 0))
            ret = at_line(err, path, line);
        skip(&left, end ? len + 1 : len);
    }
    buffer_free(&value);
    buffer_free(&all);
    return ret;
}
