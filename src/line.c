#include "line.h"

#include <openssl/evp.h>

#include "output/report.h"

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}

/* The bytes of `v` up to the last that is no blank or CR. */
static size_t trimmed_length(struct span v)
{
    size_t n = v.len;
    while (n && (is_blank(v.data[n - 1]) || v.data[n - 1] == '\r'))
        n--;
    return n;
}

static struct span skip_blanks(struct span v)
{
    while (v.len && is_blank(v.data[0])) {
        v.data++;
        v.len--;
    }
    return v;
}

struct span line_trim(struct span v)
{
    v.len = trimmed_length(v);
    return skip_blanks(v);
}

void line_init(struct line *l, bool plain)
{
    l->kind = LINE_NOTHING;
    l->plain = plain;
    l->bytes = l->len = 0;
    l->all = l->trimmed = NULL;
    l->hashing = l->behind = false;
}

void line_free(struct line *l)
{
    EVP_MD_CTX_free(l->all);
    EVP_MD_CTX_free(l->trimmed);
    line_init(l, l->plain);
}

/* Which blanks are the line's last is known at its end only; they may be more than fit into memory. So what
 * is hashed runs ahead, and a copy stays behind at the last byte that counts. At most one copy a call. */
static int hash(struct line *l, struct span v)
{
    size_t n = trimmed_length(v);
    if (n) {
        if (!EVP_DigestUpdate(l->all, v.data, n))
            return -1;
        l->behind = false;
    }
    if (n == v.len)
        return 0;
    if (!l->behind && !EVP_MD_CTX_copy_ex(l->trimmed, l->all))
        return -1;
    l->behind = true;
    return EVP_DigestUpdate(l->all, v.data + n, v.len - n) ? 0 : -1;
}

static int hash_begin(struct line *l)
{
    if (!l->all)
        l->all = EVP_MD_CTX_new();
    if (!l->trimmed)
        l->trimmed = EVP_MD_CTX_new();
    if (!l->all || !l->trimmed || !EVP_DigestInit_ex(l->all, EVP_sha256(), NULL))
        return -1;
    l->hashing = true;
    l->behind = false;
    return hash(l, span_make(l->head, (size_t)l->bytes));
}

int line_add(struct line *l, struct span v)
{
    if (l->kind == LINE_NOTHING) {
        v = skip_blanks(v);
        if (v.len == 0)
            return 0;
        l->kind = v.data[0] == '#' && !l->plain ? LINE_COMMENT : LINE_TEXT;
    }
    if (l->kind == LINE_COMMENT || v.len == 0)
        return 0;
    if (!l->hashing && v.len > sizeof l->head - l->bytes && hash_begin(l) < 0)
        return -1;
    if (l->hashing && hash(l, v) < 0)
        return -1;
    if (l->bytes < sizeof l->head) {
        size_t room = sizeof l->head - (size_t)l->bytes;
        memcpy(l->head + l->bytes, v.data, v.len < room ? v.len : room);
    }
    size_t n = trimmed_length(v);
    if (n)
        l->len = l->bytes + n;
    l->bytes += v.len;
    return 0;
}

/* REPORT_TARGET_CUT, or less where that would cut a UTF-8 sequence. */
static size_t cut_length(const unsigned char *head)
{
    for (size_t n = REPORT_TARGET_CUT; n > REPORT_TARGET_CUT - 4; n--)
        if ((head[n] & 0xC0) != 0x80)
            return n;
    return REPORT_TARGET_CUT; /* no UTF-8 anyway */
}

int line_end(struct line *l, struct line_text *ret)
{
    bool counts = l->kind == LINE_TEXT && l->len > 0, long_one = l->len > TARGET_LINE_MAX;
    int r = counts ? 1 : 0;
    if (counts) {
        ret->too_long = long_one;
        ret->text = span_make(l->head, long_one ? cut_length(l->head) : (size_t)l->len);
        if (long_one && !EVP_DigestFinal_ex(l->behind ? l->trimmed : l->all, ret->sha256, NULL))
            r = -1;
    }
    l->kind = LINE_NOTHING;
    l->bytes = l->len = 0;
    l->hashing = l->behind = false;
    return r;
}
