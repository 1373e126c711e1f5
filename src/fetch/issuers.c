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
    EC_GROUP *multiples; /* NULL: a free place */
    atomic_ulong used;   /* by `turn` */
};

/* A key that may be met again. */
struct candidate {
    EC_POINT *point; /* NULL: a free place */
    unsigned met;
    unsigned long last; /* by `turn` */
};

static struct {
    pthread_rwlock_t lock; /* who finds it taken goes on without */
    EC_GROUP *base;        /* P-384 with multiples of its own base point; it is there where an issuer is */
    struct issuer issuers[ISSUERS_KEPT];
    struct candidate candidates[CANDIDATES];
    bool failed;       /* multiples can't be made */
    atomic_ulong turn; /* counts signatures */
} known = {.lock = PTHREAD_RWLOCK_INITIALIZER};

static ecdsa_verify_sig_fn *verify_sig; /* OpenSSL's */
static atomic_ulong helped;
static _Thread_local OSSL_LIB_CTX *library;

static unsigned long turn_next(void)
{
    return atomic_fetch_add_explicit(&known.turn, 1, memory_order_relaxed) + 1;
}

/* A curve that is spelled out could have another base point. */
static bool key_fits(const EC_KEY *key)
{
    const EC_GROUP *group = key ? EC_KEY_get0_group(key) : NULL;
    return group && EC_KEY_get0_public_key(key) && EC_GROUP_get_curve_name(group) == NID_secp384r1 &&
           EC_KEY_decoded_from_explicit_params(key) == 0;
}

static bool same_point(const EC_POINT *one, const EC_POINT *other)
{
    return EC_POINT_cmp(known.base, one, other, NULL) == 0;
}

/* Under the lock. */
static struct issuer *issuer_find(const EC_KEY *key)
{
    if (!known.base ||
        !same_point(EC_GROUP_get0_generator(EC_KEY_get0_group(key)), EC_GROUP_get0_generator(known.base)))
        return NULL;
    for (size_t i = 0; i < ISSUERS_KEPT; i++) {
        struct issuer *issuer = &known.issuers[i];
        if (issuer->multiples &&
            same_point(EC_GROUP_get0_generator(issuer->multiples), EC_KEY_get0_public_key(key)))
            return issuer;
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
    struct numbers n = {.ctx = BN_CTX_new_ex(library)};
    bool good = false;
    if (!n.ctx)
        return false;
    BN_CTX_start(n.ctx);
    n.u1 = BN_CTX_get(n.ctx);
    n.u2 = BN_CTX_get(n.ctx);
    n.x = BN_CTX_get(n.ctx); /* NULL if one before it was */
    n.one = EC_POINT_new(known.base);
    n.other = EC_POINT_new(known.base);
    if (n.x && n.one && n.other && numbers_set(&n, digest, digest_len, signature))
        good = numbers_agree(&n, issuer->multiples, signature);
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

/* A place that is free, or whose key was not met for long; NULL: there is none. */
static struct issuer *issuer_place(void)
{
    struct issuer *oldest = known.issuers;
    for (size_t i = 0; i < ISSUERS_KEPT; i++) {
        struct issuer *issuer = &known.issuers[i];
        if (!issuer->multiples)
            return issuer;
        if (atomic_load_explicit(&issuer->used, memory_order_relaxed) <
            atomic_load_explicit(&oldest->used, memory_order_relaxed))
            oldest = issuer;
    }
    unsigned long age = atomic_load_explicit(&known.turn, memory_order_relaxed) -
                        atomic_load_explicit(&oldest->used, memory_order_relaxed);
    return age > ISSUERS_STALE ? oldest : NULL;
}

static void issuer_add(struct candidate *c)
{
    struct issuer *place = issuer_place();
    if (!place)
        return;
    if (!known.base)
        known.base = multiples_new(NULL);
    EC_GROUP *multiples = known.base ? multiples_new(c->point) : NULL;
    if (multiples) {
        EC_GROUP_free(place->multiples);
        place->multiples = multiples;
        atomic_store_explicit(&place->used, c->last, memory_order_relaxed);
    } else {
        known.failed = true;
    }
    EC_POINT_free(c->point);
    *c = (struct candidate){0};
}

/* A signature under `key`, which is no issuer, was good. */
static void issuer_met(const EC_KEY *key)
{
    if (pthread_rwlock_trywrlock(&known.lock) != 0)
        return;
    if (!known.failed && !issuer_find(key)) {
        struct candidate *c = candidate_place(EC_KEY_get0_group(key), EC_KEY_get0_public_key(key));
        c->last = turn_next();
        c->met++;
        if (c->point && c->met >= ISSUERS_MET)
            issuer_add(c);
    }
    pthread_rwlock_unlock(&known.lock);
}

/* True if an issuer's multiples say that the signature is good. *ret_known: the key is an issuer's. */
static bool issuers_say(const unsigned char *digest, int digest_len, const ECDSA_SIG *signature,
                        const EC_KEY *key, bool *ret_known)
{
    if (pthread_rwlock_tryrdlock(&known.lock) != 0)
        return false;
    struct issuer *issuer = issuer_find(key);
    bool good = issuer && issuer_signed(issuer, digest, digest_len, signature);
    if (good)
        atomic_store_explicit(&issuer->used, turn_next(), memory_order_relaxed);
    *ret_known = issuer != NULL;
    pthread_rwlock_unlock(&known.lock);
    return good;
}

static int knowing_verify_sig(const unsigned char *digest, int digest_len, const ECDSA_SIG *signature,
                              EC_KEY *key)
{
    bool fits = digest && digest_len > 0 && signature && key_fits(key), is_known = false;
    ERR_set_mark();
    bool said = fits && issuers_say(digest, digest_len, signature, key, &is_known);
    ERR_pop_to_mark();
    if (said) {
        atomic_fetch_add_explicit(&helped, 1, memory_order_relaxed);
        return 1;
    }
    int good = verify_sig(digest, digest_len, signature, key);
    if (fits && !is_known && good == 1) {
        ERR_set_mark();
        issuer_met(key);
        ERR_pop_to_mark();
    }
    return good;
}

ecdsa_verify_sig_fn *issuers_know(ecdsa_verify_sig_fn *openssl)
{
    verify_sig = openssl;
    return openssl && OpenSSL_version_num() < QUICK_SINCE ? knowing_verify_sig : openssl;
}

void issuers_library(OSSL_LIB_CTX *of)
{
    library = of;
}

unsigned long issuers_helped(void)
{
    return atomic_load_explicit(&helped, memory_order_relaxed);
}

#else

void issuers_library(OSSL_LIB_CTX *library)
{
    (void)library;
}

unsigned long issuers_helped(void)
{
    return 0;
}

#endif
