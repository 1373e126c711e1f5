#include "config.h"
#define OPENSSL_SUPPRESS_DEPRECATED

#include "fetch/hkdf.h"

#if defined(ENABLE_THIN_PROVIDER) && !defined(OPENSSL_NO_DEPRECATED_3_0)

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <stddef.h>
#include <string.h>

enum { FUNCTIONS_MAX = 16, DIGEST_MAX = SHA384_DIGEST_LENGTH, BLOCK_MAX = SHA512_CBLOCK, LENGTH_MAX = 255 };

/* The functions that are wrapped, and the table of ours. Read-only once hkdf_wrap is through. */
static struct {
    OSSL_FUNC_kdf_newctx_fn *newctx;
    OSSL_FUNC_kdf_freectx_fn *freectx;
    OSSL_FUNC_kdf_derive_fn *derive;
    OSSL_FUNC_kdf_set_ctx_params_fn *set_ctx_params;
    OSSL_FUNC_kdf_get_ctx_params_fn *get_ctx_params;
    OSSL_DISPATCH table[FUNCTIONS_MAX + 1];
} wrapped;

/* Digests. */

union state {
    SHA256_CTX sha256;
    SHA512_CTX sha512;
};

static void sha256_begin(union state *s)
{
    SHA256_Init(&s->sha256);
}

static void sha256_add(union state *s, const void *data, size_t len)
{
    SHA256_Update(&s->sha256, data, len);
}

static void sha256_end(union state *s, unsigned char *out)
{
    SHA256_Final(out, &s->sha256);
}

static void sha384_begin(union state *s)
{
    SHA384_Init(&s->sha512);
}

static void sha384_add(union state *s, const void *data, size_t len)
{
    SHA384_Update(&s->sha512, data, len);
}

static void sha384_end(union state *s, unsigned char *out)
{
    SHA384_Final(out, &s->sha512);
}

struct digest {
    const char *name, *alias; /* as EVP_MD_get0_name gives it, and as people write it */
    size_t size, block;       /* bytes of a result, and of what is hashed at a time */
    void (*begin)(union state *);
    void (*add)(union state *, const void *, size_t);
    void (*end)(union state *, unsigned char *);
};

/* Those of TLS 1.3's cipher suites (RFC 8446, B.4). */
static const struct digest digests[] = {
    {"SHA2-256", "SHA256", SHA256_DIGEST_LENGTH, SHA256_CBLOCK, sha256_begin, sha256_add, sha256_end},
    {"SHA2-384", "SHA384", SHA384_DIGEST_LENGTH, SHA512_CBLOCK, sha384_begin, sha384_add, sha384_end},
};

static bool name_is(const char *name, const char *data, size_t len)
{
    return strlen(name) == len && memcmp(name, data, len) == 0;
}

static const struct digest *digest_find(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof digests / sizeof *digests; i++)
        if (name_is(digests[i].name, name, len) || name_is(digests[i].alias, name, len))
            return &digests[i];
    return NULL;
}

struct bytes {
    const unsigned char *data;
    size_t len;
};

/* HMAC (RFC 2104) of some pieces one after the other; `key` is no longer than a block. */
static void hmac(const struct digest *d, struct bytes key, const struct bytes *pieces, size_t n,
                 unsigned char *out)
{
    union state state;
    unsigned char pad[BLOCK_MAX];
    for (size_t i = 0; i < d->block; i++)
        pad[i] = (unsigned char)((i < key.len ? key.data[i] : 0) ^ 0x36);
    d->begin(&state);
    d->add(&state, pad, d->block);
    for (size_t i = 0; i < n; i++)
        d->add(&state, pieces[i].data, pieces[i].len);
    d->end(&state, out);
    for (size_t i = 0; i < d->block; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    d->begin(&state);
    d->add(&state, pad, d->block);
    d->add(&state, out, d->size);
    d->end(&state, out);
    OPENSSL_cleanse(pad, sizeof pad);
    OPENSSL_cleanse(&state, sizeof state);
}

/* Derivations. */

/* What a derivation is asked for; what is absent has NULL. */
struct request {
    const struct digest *digest;
    int mode;
    struct bytes key, salt, prefix, label, data;
};

/* HKDF-Expand-Label (RFC 8446, 7.1) of no more than a digest gives at once, which is HMAC of this and a 1
 * (RFC 5869, 2.3). The caller has looked at all lengths. */
static void expand_label(const struct request *r, struct bytes secret, struct bytes context,
                         unsigned char *out, size_t len)
{
    unsigned char all[DIGEST_MAX];
    const unsigned char head[] = {(unsigned char)(len >> 8), (unsigned char)len,
                                  (unsigned char)(r->prefix.len + r->label.len)};
    const unsigned char context_len = (unsigned char)context.len, counter = 1;
    const struct bytes pieces[] = {{head, sizeof head}, r->prefix, r->label,
                                   {&context_len, 1},   context,   {&counter, 1}};
    hmac(r->digest, secret, pieces, sizeof pieces / sizeof *pieces, all);
    memcpy(out, all, len);
    OPENSSL_cleanse(all, sizeof all);
}

/* HKDF-Extract of the next secret of the schedule, with what Derive-Secret(., "derived", "") gives as salt.
 */
static void extract_next(const struct request *r, unsigned char *out)
{
    static const unsigned char zeros[DIGEST_MAX];
    unsigned char derived[DIGEST_MAX], empty[DIGEST_MAX];
    size_t size = r->digest->size;
    struct bytes salt = {zeros, 0}, key = r->key.data ? r->key : (struct bytes){zeros, size};
    if (r->salt.data) {
        union state state;
        r->digest->begin(&state);
        r->digest->end(&state, empty);
        expand_label(r, r->salt, (struct bytes){empty, size}, derived, size);
        salt = (struct bytes){derived, size};
    }
    hmac(r->digest, salt, &key, 1, out);
    OPENSSL_cleanse(derived, sizeof derived);
}

/* True if it can be done here. */
static bool request_is_ours(const struct request *r, size_t len)
{
    if (!r->digest || r->prefix.len > LENGTH_MAX || r->label.len > LENGTH_MAX - r->prefix.len ||
        r->data.len > LENGTH_MAX || !r->label.data)
        return false;
    if (r->mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY)
        return r->key.data && r->key.len <= r->digest->block && !r->salt.data && len > 0 &&
               len <= r->digest->size;
    return r->mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY && len == r->digest->size && !r->data.data &&
           (!r->salt.data || r->salt.len == len);
}

/* Notes one parameter; false: it is none that is known here, or came before. */
static bool request_take(struct request *r, const OSSL_PARAM *p)
{
    static const struct {
        const char *key;
        size_t at;
    } octets[] = {
        {OSSL_KDF_PARAM_KEY, offsetof(struct request, key)},
        {OSSL_KDF_PARAM_SALT, offsetof(struct request, salt)},
        {OSSL_KDF_PARAM_PREFIX, offsetof(struct request, prefix)},
        {OSSL_KDF_PARAM_LABEL, offsetof(struct request, label)},
        {OSSL_KDF_PARAM_DATA, offsetof(struct request, data)},
    };
    if (strcmp(p->key, OSSL_KDF_PARAM_MODE) == 0)
        return p->data_type == OSSL_PARAM_INTEGER && OSSL_PARAM_get_int(p, &r->mode);
    if (strcmp(p->key, OSSL_KDF_PARAM_DIGEST) == 0)
        return !r->digest && p->data_type == OSSL_PARAM_UTF8_STRING && p->data &&
               (r->digest = digest_find(p->data, p->data_size));
    for (size_t i = 0; i < sizeof octets / sizeof *octets; i++)
        if (strcmp(p->key, octets[i].key) == 0) {
            struct bytes *field = (struct bytes *)(void *)((char *)r + octets[i].at);
            bool first = !field->data;
            *field = (struct bytes){p->data, p->data_size};
            return first && p->data && p->data_type == OSSL_PARAM_OCTET_STRING;
        }
    return false;
}

/* True if it was done, into `out`. */
static bool derive_here(unsigned char *out, size_t len, const OSSL_PARAM *p)
{
    struct request r = {.mode = -1};
    for (; p && p->key; p++)
        if (!request_take(&r, p))
            return false;
    if (!request_is_ours(&r, len))
        return false;
    if (r.mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY)
        expand_label(&r, r.key, r.data, out, len);
    else
        extract_next(&r, out);
    return true;
}

/* The algorithm's functions. */

/* A derivation's context. The wrapped functions' own is made when it is needed: for what was set beforehand,
 * and for what can't be done here. */
struct context {
    void *provider, *inner;
};

static void *context_inner(struct context *c)
{
    if (!c->inner)
        c->inner = wrapped.newctx(c->provider);
    return c->inner;
}

static void *kdf_newctx(void *provider)
{
    struct context *c = OPENSSL_malloc(sizeof *c);
    if (c)
        *c = (struct context){.provider = provider};
    return c;
}

static void kdf_freectx(void *ctx)
{
    struct context *c = ctx;
    if (c && c->inner)
        wrapped.freectx(c->inner);
    OPENSSL_free(c);
}

static void kdf_reset(void *ctx)
{
    struct context *c = ctx;
    if (c->inner)
        wrapped.freectx(c->inner);
    c->inner = NULL;
}

static int kdf_derive(void *ctx, unsigned char *out, size_t len, const OSSL_PARAM params[])
{
    struct context *c = ctx;
    if (!c->inner && derive_here(out, len, params))
        return 1;
    return context_inner(c) ? wrapped.derive(c->inner, out, len, params) : 0;
}

static int kdf_set_ctx_params(void *ctx, const OSSL_PARAM params[])
{
    struct context *c = ctx;
    return context_inner(c) ? wrapped.set_ctx_params(c->inner, params) : 0;
}

static int kdf_get_ctx_params(void *ctx, OSSL_PARAM params[])
{
    struct context *c = ctx;
    return context_inner(c) ? wrapped.get_ctx_params(c->inner, params) : 0;
}

/* A function as OSSL_DISPATCH has it, whatever its type. */
#define FUNCTION(f) ((void (*)(void))(f))

/* Takes one function. False: one that we do not know, which may want the context itself. */
static bool wrap(OSSL_DISPATCH *d)
{
    switch (d->function_id) {
    case OSSL_FUNC_KDF_NEWCTX:
        wrapped.newctx = OSSL_FUNC_kdf_newctx(d);
        d->function = FUNCTION(kdf_newctx);
        return true;
    case OSSL_FUNC_KDF_FREECTX:
        wrapped.freectx = OSSL_FUNC_kdf_freectx(d);
        d->function = FUNCTION(kdf_freectx);
        return true;
    case OSSL_FUNC_KDF_RESET:
        d->function = FUNCTION(kdf_reset);
        return true;
    case OSSL_FUNC_KDF_DERIVE:
        wrapped.derive = OSSL_FUNC_kdf_derive(d);
        d->function = FUNCTION(kdf_derive);
        return true;
    case OSSL_FUNC_KDF_SET_CTX_PARAMS:
        wrapped.set_ctx_params = OSSL_FUNC_kdf_set_ctx_params(d);
        d->function = FUNCTION(kdf_set_ctx_params);
        return true;
    case OSSL_FUNC_KDF_GET_CTX_PARAMS:
        wrapped.get_ctx_params = OSSL_FUNC_kdf_get_ctx_params(d);
        d->function = FUNCTION(kdf_get_ctx_params);
        return true;
    case OSSL_FUNC_KDF_SETTABLE_CTX_PARAMS: /* in all that are known these look at no context */
    case OSSL_FUNC_KDF_GETTABLE_CTX_PARAMS:
        return true;
    default:
        return false;
    }
}

bool hkdf_wrap(OSSL_ALGORITHM *derivation)
{
    size_t n = 0;
    for (const OSSL_DISPATCH *d = derivation->implementation; d->function_id; d++) {
        if (n == FUNCTIONS_MAX)
            return false;
        wrapped.table[n] = *d;
        if (!wrap(&wrapped.table[n++]))
            return false;
    }
    if (!wrapped.newctx || !wrapped.freectx || !wrapped.derive || !wrapped.set_ctx_params ||
        !wrapped.get_ctx_params)
        return false;
    derivation->implementation = wrapped.table;
    return true;
}

#else

#include <stddef.h>

bool hkdf_wrap(OSSL_ALGORITHM *derivation)
{
    (void)derivation;
    return false;
}

#endif
