#include "fetch/coding.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/late_library.h"
#include "config.h"
#include "fetch/coding_type.h"
#include "fetch/response.h"

/* Bytes between the codings after which `out` is called though nothing has come out. */
enum { QUIET_MAX = 1024 * 1024 };

/* The codings of this build, and how they are asked for. */
static const struct coding_type *const types[] = {
    &coding_gzip,
    &coding_deflate,
#ifdef HAVE_BROTLI
    &coding_br,
#define ACCEPT_BR ", br"
#else
#define ACCEPT_BR ""
#endif
#ifdef HAVE_ZSTD
    &coding_zstd,
#define ACCEPT_ZSTD ", zstd"
#else
#define ACCEPT_ZSTD ""
#endif
};

/* One coding of the chain. */
struct stage {
    const struct coding_type *type; /* NULL: unknown, fails at its first byte */
    void *state;
    unsigned char *out; /* CODING_PIECE_MAX bytes */
    bool started;       /* it has seen a byte */
    char name[32];      /* as the response spells it, cut */
};

struct coding {
    struct stage stages[CODING_STACK_MAX]; /* in the order in which they are undone */
    size_t count;
    size_t quiet; /* bytes between the codings since `out` was called */
    coding_out *out;
    void *arg;
};

const char *coding_accept(void)
{
    return "gzip, deflate" ACCEPT_BR ACCEPT_ZSTD;
}

int coding_broken(const char *name, const char *why, struct fetch_error *err)
{
    return error_set(err, ERROR_HTTP, PHASE_BODY, "%s stream is broken: %s", name, why);
}

static int type_load(const struct coding_type *type, struct fetch_error *err)
{
    char why[LATE_WHY_MAX];
    if (!type->load || type->load(why))
        return 0;
    return error_set(err, ERROR_HTTP, PHASE_BODY, "the content coding %s can't be undone: %s", type->name,
                     why);
}

int coding_prepare(struct fetch_error *err)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (type_load(types[i], err) < 0)
            return -1;
    return 0;
}

/* --- Making the chain -------------------------------------------------------------------------------------
 */

static const struct coding_type *find_type(struct span name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (span_equal_nocase(name, span_of(types[i]->name)) ||
            (types[i]->alias && span_equal_nocase(name, span_of(types[i]->alias))))
            return types[i];
    return NULL;
}

/* Codings that change nothing; `none` is not registered, but sent. */
static bool is_identity(struct span name)
{
    return span_equal_nocase(name, span_of("identity")) || span_equal_nocase(name, span_of("none"));
}

static int stage_init(struct stage *s, struct span name, struct fetch_error *err)
{
    *s = (struct stage){.type = find_type(name)};
    snprintf(s->name, sizeof s->name, "%.*s",
             (int)(name.len < sizeof s->name ? name.len : sizeof s->name - 1), (const char *)name.data);
    if (!s->type)
        return 0;
    if (type_load(s->type, err) < 0)
        return -1;
    s->state = s->type->open();
    s->out = malloc(CODING_PIECE_MAX);
    if (!s->state || !s->out)
        return coding_broken(s->type->name, "out of memory", err);
    return 0;
}

static void stage_free(struct stage *s)
{
    if (s->state)
        s->type->close(s->state);
    free(s->out);
}

/* Fills `names` in the order of the list; -1 if there are too many. */
static int split_list(struct span list, struct span names[CODING_STACK_MAX], size_t *ret_count,
                      struct fetch_error *err)
{
    struct span name;
    size_t count = 0;
    while (list_next(&list, &name)) {
        if (is_identity(name))
            continue;
        if (count == CODING_STACK_MAX)
            return error_set(err, ERROR_HTTP, PHASE_BODY, "more than %d content codings", CODING_STACK_MAX);
        names[count++] = name;
    }
    *ret_count = count;
    return 0;
}

int coding_new(struct span list, struct coding **ret, struct fetch_error *err)
{
    struct span names[CODING_STACK_MAX];
    size_t count = 0;
    if (split_list(list, names, &count, err) < 0)
        return -1;
    if (count == 0) {
        *ret = NULL;
        return 0;
    }
    struct coding *c = calloc(1, sizeof *c);
    if (!c)
        return error_set(err, ERROR_HTTP, PHASE_BODY, "out of memory for content codings");
    while (c->count < count) {
        struct stage *s = &c->stages[c->count];
        c->count++;
        if (stage_init(s, names[count - c->count], err) < 0) {
            coding_free(c);
            return -1;
        }
    }
    *ret = c;
    return 0;
}

void coding_free(struct coding *c)
{
    for (size_t i = 0; c && i < c->count; i++)
        stage_free(&c->stages[i]);
    free(c);
}

/* --- Decoding ---------------------------------------------------------------------------------------------
 */

/* Bytes that have passed all stages. */
static int deliver(struct coding *c, struct span data)
{
    if (data.len == 0)
        return 0;
    c->quiet = 0;
    return c->out(c->arg, data.data, data.len);
}

/* Counts what moves between the stages, so that the caller hears of a chain that works and yields nothing. */
static int count_quiet(struct coding *c, size_t len)
{
    c->quiet += len;
    if (c->quiet < QUIET_MAX)
        return 0;
    c->quiet = 0;
    return c->out(c->arg, "", 0);
}

/* Puts bytes through stage `i` and those behind it; the depth is that of the chain. */
static int push(struct coding *c, size_t i, struct span in, struct fetch_error *err)
{
    if (i == c->count)
        return deliver(c, in);
    if (in.len == 0)
        return 0;
    struct stage *s = &c->stages[i];
    if (!s->type)
        return error_set(err, ERROR_HTTP, PHASE_BODY, "unknown content coding: %s", s->name);
    s->started = true;
    int r = i ? count_quiet(c, in.len) : 0;
    size_t made = 0;
    do {
        if (r == 0 && s->type->decode(s->state, &in, s->out, CODING_PIECE_MAX, &made, err) < 0)
            return -1;
        if (r == 0)
            r = push(c, i + 1, span_make(s->out, made), err);
    } while (r == 0 && (in.len || made == CODING_PIECE_MAX));
    return r;
}

int coding_decode(struct coding *c, struct span in, coding_out *out, void *arg, struct fetch_error *err)
{
    c->out = out;
    c->arg = arg;
    return push(c, 0, in, err);
}

int coding_finish(struct coding *c, struct fetch_error *err)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct stage *s = &c->stages[i];
        if (s->started && !s->type->complete(s->state))
            return error_set(err, ERROR_HTTP, PHASE_BODY, "%s stream is not complete", s->type->name);
    }
    return 0;
}
