#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "support/message.h"

struct naive {
    const unsigned char *m;
    size_t len, at;
    char line[MESSAGE_MAX + 1]; /* the last line, a copy without its end */
    char *name[RESPONSE_FIELDS_MAX], *value[RESPONSE_FIELDS_MAX];
    int count;
};

/* The next line: 1, or 0 if it has no end, or -1 if it holds what no line may. */
static int naive_line(struct naive *n)
{
    const unsigned char *lf = memchr(n->m + n->at, '\n', n->len - n->at);
    if (!lf)
        return 0;
    size_t len = (size_t)(lf - (n->m + n->at));
    memcpy(n->line, n->m + n->at, len);
    n->at += len + 1;
    if (len && n->line[len - 1] == '\r')
        len--;
    n->line[len] = 0;
    return strlen(n->line) != len || strchr(n->line, '\r') ? -1 : 1;
}

static char *trimmed_copy(const char *s)
{
    s += strspn(s, " \t");
    char *copy = strdup(s);
    size_t len = strlen(copy);
    while (len && strchr(" \t", copy[len - 1]))
        copy[--len] = 0;
    return copy;
}

static bool naive_token(const char *s, size_t len)
{
    return len &&
           strspn(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") >= len;
}

static bool naive_status(struct naive *n, struct message *res)
{
    const char *s = n->line;
    if (strncmp(s, "HTTP/1.0 ", 9) != 0 && strncmp(s, "HTTP/1.1 ", 9) != 0)
        return false;
    snprintf(res->version, sizeof res->version, "%.3s", s + 5);
    s += 8 + strspn(s + 8, " ");
    if (strspn(s, "0123456789") != 3 || s[0] == '0' || (s[3] && s[3] != ' '))
        return false;
    res->status = (int)strtol(s, NULL, 10);
    return true;
}

static bool naive_field(struct naive *n)
{
    char *s = n->line, *colon = strchr(s, ':');
    if (*s == ' ' || *s == '\t') {
        char *more = trimmed_copy(s), *joined;
        if (n->count == 0 || asprintf(&joined, "%s%s%s", n->value[n->count - 1],
                                      *n->value[n->count - 1] && *more ? " " : "", more) < 0) {
            free(more);
            return false;
        }
        free(more);
        free(n->value[n->count - 1]);
        n->value[n->count - 1] = joined;
        return true;
    }
    if (!colon || !naive_token(s, (size_t)(colon - s)) || n->count == RESPONSE_FIELDS_MAX)
        return false;
    n->name[n->count] = strndup(s, (size_t)(colon - s));
    n->value[n->count] = trimmed_copy(colon + 1);
    n->count++;
    return true;
}

static void naive_forget(struct naive *n)
{
    while (n->count > 0) {
        n->count--;
        free(n->name[n->count]);
        free(n->value[n->count]);
    }
}

static enum verdict naive_one_head(struct naive *n, struct message *res)
{
    for (int lines = 0;; lines++) {
        int r = naive_line(n);
        if (r <= 0)
            return r ? V_BAD_HEAD : V_MORE;
        if (lines && !n->line[0])
            break;
        if (!(lines ? naive_field(n) : naive_status(n, res)))
            return V_BAD_HEAD;
    }
    return V_DONE;
}

static enum verdict naive_head(struct naive *n, struct message *res)
{
    enum verdict v;
    while ((v = naive_one_head(n, res)) == V_DONE && res->status / 100 == 1 && res->status != 101) {
        if (++res->interim > RESPONSE_INTERIM_MAX)
            return V_BAD_HEAD;
        naive_forget(n);
    }
    if (v != V_DONE)
        return v;
    res->fields = (uint32_t)n->count;
    for (int i = 0; i < n->count; i++)
        sprintf(res->names + strlen(res->names), "%s=%s\n", n->name[i], n->value[i]);
    return V_DONE;
}

/* All values of a field with a comma in front of each; "" if there is none. */
static void naive_values(const struct naive *n, const char *name, char *into)
{
    *into = 0;
    for (int i = 0; i < n->count; i++)
        if (!strcasecmp(n->name[i], name))
            sprintf(into + strlen(into), ",%s", n->value[i]);
}

static bool naive_has(const struct naive *n, const char *name, const char *item)
{
    char values[MESSAGE_MAX * 2], *rest = values, *one;
    bool found = false;
    naive_values(n, name, values);
    while ((one = strsep(&rest, ","))) {
        char *t = trimmed_copy(one);
        found |= !strcasecmp(t, item);
        free(t);
    }
    return found;
}

/* -1 none, -2 broken. */
static long long naive_length(const struct naive *n)
{
    char values[MESSAGE_MAX * 2], *rest = values + 1, *one;
    long long length = -1;
    naive_values(n, "content-length", values);
    if (!values[0])
        return -1;
    while ((one = strsep(&rest, ","))) {
        char *t = trimmed_copy(one);
        size_t digits = strspn(t, "0123456789");
        size_t zeros = strspn(t, "0");
        unsigned long long u = strtoull(t, NULL, 10);
        long long v = digits && !t[digits] && digits - zeros <= 19 && u <= INT64_MAX ? (long long)u : -2;
        if (length != -1 && v != length)
            v = -2;
        free(t);
        if ((length = v) == -2)
            return -2;
    }
    return length;
}

/* 'c' chunked, 'i' identity only, '-' none, '!' refused. */
static char naive_transfer(const struct naive *n)
{
    char values[MESSAGE_MAX * 2], *rest = values, *one, result = '!';
    naive_values(n, "transfer-encoding", values);
    if (!values[0])
        return '-';
    while ((one = strsep(&rest, ","))) {
        char *t = trimmed_copy(one);
        bool skip = !*t, chunked = !strcasecmp(t, "chunked"), identity = !strcasecmp(t, "identity");
        free(t);
        if (skip)
            continue;
        if (result == 'c' || (!chunked && !identity))
            return '!';
        result = chunked ? 'c' : 'i';
    }
    return result;
}

static bool naive_framing(const struct naive *n, struct message *res)
{
    long long length = naive_length(n);
    char transfer = naive_transfer(n);
    bool old = !strcmp(res->version, "1.0");
    bool keep = !naive_has(n, "connection", "close") && (!old || naive_has(n, "connection", "keep-alive"));
    struct framing *f = &res->framing;
    if (res->status == 101)
        return false;
    if (res->status < 200 || res->status == 204 || res->status == 304) {
        *f = (struct framing){FRAMING_NONE, 0, keep && transfer == '-' && length != -2};
        f->reusable &= length <= 0 || res->status == 304;
        return true;
    }
    if (transfer == '!' || (transfer == '-' && length == -2))
        return false;
    if (transfer == 'c')
        *f = (struct framing){FRAMING_CHUNKED, 0, keep && !old && length == -1};
    else if (transfer == '-' && length >= 0)
        *f = (struct framing){FRAMING_LENGTH, (uint64_t)length, keep};
    else
        *f = (struct framing){FRAMING_CLOSE, 0, false};
    return true;
}

/* `n` bytes of body; false if there are fewer. */
static bool naive_take(struct naive *n, struct message *res, size_t count)
{
    size_t have = n->len - n->at < count ? n->len - n->at : count;
    memcpy(res->body + res->body_len, n->m + n->at, have);
    res->body_len += have;
    n->at += have;
    return have == count;
}

static enum verdict naive_trailers(struct naive *n)
{
    for (int lines = 0, fields = 0;; lines++) {
        int r = naive_line(n);
        if (r <= 0)
            return r ? V_BAD_BODY : V_MORE;
        if (!n->line[0])
            return V_DONE;
        char *colon = strchr(n->line, ':');
        bool fold = lines && strchr(" \t", n->line[0]);
        if (!fold && (!colon || !naive_token(n->line, (size_t)(colon - n->line))))
            return V_BAD_BODY;
        if (!fold && ++fields > BODY_TRAILER_FIELDS_MAX)
            return V_BAD_BODY;
    }
}

static enum verdict naive_chunks(struct naive *n, struct message *res)
{
    for (;;) {
        int r = naive_line(n);
        if (r <= 0)
            return r ? V_BAD_BODY : V_MORE;
        bool bare = n->at < 2 || n->m[n->at - 2] != '\r';
        size_t digits = strspn(n->line, "0123456789abcdefABCDEF");
        const char *behind = n->line + digits + strspn(n->line + digits, " \t");
        unsigned long long size = strtoull(n->line, NULL, 16);
        if (digits == 0 || digits > 16 || size > INT64_MAX || (*behind && *behind != ';'))
            return V_BAD_BODY;
        if (size == 0)
            return naive_trailers(n);
        if (!naive_take(n, res, size))
            return V_MORE;
        size_t left = n->len - n->at;
        if (left >= 2 && !memcmp(n->m + n->at, "\r\n", 2))
            n->at += 2;
        else if (left >= 1 && n->m[n->at] == '\n' && bare)
            n->at += 1;
        else
            return left == 0 || (left == 1 && n->m[n->at] == '\r') ? V_MORE : V_BAD_BODY;
    }
}

void message_read_naive(struct message *res, const unsigned char *m, size_t len)
{
    struct naive *n = calloc(1, sizeof *n);
    n->m = m;
    n->len = len;
    memset(res, 0, sizeof *res);
    res->verdict = naive_head(n, res);
    if (res->verdict == V_DONE && !naive_framing(n, res))
        res->verdict = V_BAD_FRAMING;
    if (res->verdict == V_DONE && res->framing.kind == FRAMING_LENGTH)
        res->verdict = naive_take(n, res, res->framing.length) ? V_DONE : V_MORE;
    if (res->verdict == V_DONE && res->framing.kind == FRAMING_CLOSE)
        naive_take(n, res, n->len - n->at);
    if (res->verdict == V_DONE && res->framing.kind == FRAMING_CHUNKED)
        res->verdict = naive_chunks(n, res);
    res->used = n->at;
    naive_forget(n);
    free(n);
}
