/* The functions for points and methods of keys stay as long as OpenSSL 3 does, but some count as deprecated.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "config.h"

#include "fetch/issuers.h"

#include <openssl/opensslv.h>

#if OPENSSL_VERSION_MAJOR == 3 && !defined(OPENSSL_NO_DEPRECATED_3_0)

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* From this version on OpenSSL has quick code for P-384 itself. */
#define QUICK_SINCE 0x30200000L

enum { CANDIDATES = 8 };

/* A key, and its multiples: those of the base point of a group that is P-384 but for that. */
struct issuer {
    EC_GROUP *multiples;
};

/* A key that may be met again. */
struct candidate {
    EC_POINT *point; /* NULL: a free place */
    unsigned met;
    unsigned long last; /* the higher, the later */
};

/* Issuers are added, and stay: whoever reads `count` may use all before it. */
static struct {
    pthread_mutex_t lock; /* of all but what atomics guard; who finds it locked goes on without */
    EC_GROUP *base;       /* P-384 with multiples of its own base point */
    struct issuer issuers[ISSUERS_KEPT];
    atomic_uint count;
    struct candidate candidates[CANDIDATES];
    unsigned long turn;
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

static ecdsa_verify_sig_fn *verify_sig; /* OpenSSL's */
static atomic_ulong helped;

/* A curve that is spelled out could have another base point. */
static bool key_fits(const EC_KEY *key)
{
    const EC_GROUP *group = key ? EC_KEY_get0_group(key) : NULL;
    return group && EC_KEY_get0_public_key(key) && EC_GROUP_get_curve_name(group) == NID_secp384r1 &&
           EC_KEY_decoded_from_explicit_params(key) == 0;
}

static const struct issuer *issuer_find(const EC_POINT *point)
{
    unsigned count = atomic_load_explicit(&known.count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++) {
        const EC_GROUP *g = known.issuers[i].multiples;
        if (EC_POINT_cmp(g, EC_GROUP_get0_generator(g), point, NULL) == 0)
            return &known.issuers[i];
    }
    return NULL;
}

/* P-384 with multiples of `point`, or, if that is NULL, of its base point. */
static EC_GROUP *multiples_new(const EC_POINT *point)
{
    EC_GROUP *g = EC_GROUP_new_by_curve_name(NID_secp384r1);
    if (g &&
        (!point ||
         EC_GROUP_set_generator(g, point, EC_GROUP_get0_order(g), EC_GROUP_get0_cofactor(g)) == 1) &&
        EC_GROUP_precompute_mult(g, NULL) == 1 && EC_GROUP_have_precompute_mult(g) == 1)
        return g;
    EC_GROUP_free(g);
    return NULL;
}

/* Signatures. */

struct numbers {
    BN_CTX *ctx;
    BIGNUM *u1, *u2, *x;
    EC_POINT *one, *other;
};

/* u1 and u2 of FIPS 186-5, 6.4.2: the digest and r by the inverse of s. False: the signature is bad, or
 * memory is short. */
static bool numbers_set(struct numbers *n, const unsigned char *digest, int digest_len,
                        const ECDSA_SIG *signature)
{
    const BIGNUM *order = EC_GROUP_get0_order(known.base), *r = ECDSA_SIG_get0_r(signature),
                 *s = ECDSA_SIG_get0_s(signature);
    int bytes = BN_num_bytes(order); /* whole bytes: a longer digest is cut to that */
    if (BN_is_zero(r) || BN_is_negative(r) || BN_ucmp(r, order) >= 0 || BN_is_zero(s) || BN_is_negative(s) ||
        BN_ucmp(s, order) >= 0)
        return false;
    return BN_bin2bn(digest, digest_len < bytes ? digest_len : bytes, n->u1) &&
           BN_mod_inverse(n->x, s, order, n->ctx) && BN_mod_mul(n->u1, n->u1, n->x, order, n->ctx) &&
           BN_mod_mul(n->u2, r, n->x, order, n->ctx);
}

/* `factor` times the base point of `g`, by its multiples. OpenSSL uses these where there are other points,
 * too: the point at infinity, once, adds nothing. (Without one it works as for a secret factor, four times as
 * long.) */
static bool multiply(const EC_GROUP *g, EC_POINT *ret, const BIGNUM *factor, BN_CTX *ctx)
{
    EC_POINT *nothing = EC_POINT_new(g);
    const EC_POINT *points[] = {nothing};
    const BIGNUM *factors[] = {BN_value_one()};
    bool done = nothing && EC_POINT_set_to_infinity(g, nothing) == 1 &&
                EC_POINTs_mul(g, ret, factor, 1, points, factors, ctx) == 1;
    EC_POINT_free(nothing);
    return done;
}

/* True if the point's x is the signature's r, modulo the order. */
static bool numbers_agree(struct numbers *n, const EC_GROUP *multiples, const ECDSA_SIG *signature)
{
    return multiply(known.base, n->one, n->u1, n->ctx) && multiply(multiples, n->other, n->u2, n->ctx) &&
           EC_POINT_add(known.base, n->one, n->one, n->other, n->ctx) == 1 &&
           EC_POINT_is_at_infinity(known.base, n->one) == 0 &&
           EC_POINT_get_affine_coordinates(known.base, n->one, n->x, NULL, n->ctx) == 1 &&
           BN_nnmod(n->x, n->x, EC_GROUP_get0_order(known.base), n->ctx) &&
           BN_cmp(n->x, ECDSA_SIG_get0_r(signature)) == 0;
}

/* True if the signature is good; else nothing is known. */
static bool issuer_signed(const struct issuer *issuer, const unsigned char *digest, int digest_len,
                          const ECDSA_SIG *signature)
{
    struct numbers n = {.ctx = BN_CTX_new()};
    bool good = false;
    if (!n.ctx)
        return false;
    BN_CTX_start(n.ctx);
    n.u1 = BN_CTX_get(n.ctx);
    n.u2 = BN_CTX_get(n.ctx);
    n.x = BN_CTX_get(n.ctx); /* NULL if one before it was */
    n.one = EC_POINT_new(known.base);
    n.other = EC_POINT_new(known.base);
    ERR_set_mark();
    if (n.x && n.one && n.other && numbers_set(&n, digest, digest_len, signature))
        good = numbers_agree(&n, issuer->multiples, signature);
    ERR_pop_to_mark();
    EC_POINT_free(n.one);
    EC_POINT_free(n.other);
    BN_CTX_end(n.ctx);
    BN_CTX_free(n.ctx);
    return good;
}

/* Meeting keys. */

/* The place of `point`, or of the key that was not met the longest, which makes way. */
static struct candidate *candidate_place(const EC_GROUP *group, const EC_POINT *point)
{
    struct candidate *place = known.candidates;
    for (size_t i = 0; i < CANDIDATES; i++) {
        struct candidate *c = &known.candidates[i];
        if (c->point && EC_POINT_cmp(group, c->point, point, NULL) == 0)
            return c;
        if (c->last < place->last)
            place = c;
    }
    EC_POINT_free(place->point);
    *place = (struct candidate){.point = EC_POINT_dup(point, group)};
    return place;
}

static void issuer_add(struct candidate *c)
{
    unsigned count = atomic_load_explicit(&known.count, memory_order_relaxed);
    if (!known.base)
        known.base = multiples_new(NULL);
    EC_GROUP *multiples = known.base && !issuer_find(c->point) ? multiples_new(c->point) : NULL;
    if (multiples) {
        known.issuers[count].multiples = multiples;
        atomic_store_explicit(&known.count, count + 1, memory_order_release);
    }
    EC_POINT_free(c->point);
    *c = (struct candidate){0};
}

/* A signature under `key` was good. */
static void issuer_met(const EC_KEY *key)
{
    if (atomic_load_explicit(&known.count, memory_order_relaxed) == ISSUERS_KEPT ||
        pthread_mutex_trylock(&known.lock) != 0)
        return;
    ERR_set_mark();
    struct candidate *c = candidate_place(EC_KEY_get0_group(key), EC_KEY_get0_public_key(key));
    c->last = ++known.turn;
    if (c->point && ++c->met == ISSUERS_MET &&
        atomic_load_explicit(&known.count, memory_order_relaxed) < ISSUERS_KEPT)
        issuer_add(c);
    ERR_pop_to_mark();
    pthread_mutex_unlock(&known.lock);
}

static int knowing_verify_sig(const unsigned char *digest, int digest_len, const ECDSA_SIG *signature,
                              EC_KEY *key)
{
    bool fits = digest && digest_len > 0 && signature && key_fits(key);
    const struct issuer *issuer = fits ? issuer_find(EC_KEY_get0_public_key(key)) : NULL;
    if (issuer && issuer_signed(issuer, digest, digest_len, signature)) {
        atomic_fetch_add_explicit(&helped, 1, memory_order_relaxed);
        return 1;
    }
    int good = verify_sig(digest, digest_len, signature, key);
    if (fits && !issuer && good == 1)
        issuer_met(key);
    return good;
}

ecdsa_verify_sig_fn *issuers_know(ecdsa_verify_sig_fn *openssl)
{
    verify_sig = openssl;
    return openssl && OpenSSL_version_num() < QUICK_SINCE ? knowing_verify_sig : openssl;
}

unsigned long issuers_helped(void)
{
    return atomic_load_explicit(&helped, memory_order_relaxed);
}

#else

ecdsa_verify_sig_fn *issuers_know(ecdsa_verify_sig_fn *openssl)
{
    return openssl;
}

unsigned long issuers_helped(void)
{
    return 0;
}

#endif
