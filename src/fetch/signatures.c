/* The methods of keys can be set as long as OpenSSL 3 is, but count as deprecated. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "config.h"

#include "fetch/signatures.h"

#include <openssl/opensslv.h>

#if OPENSSL_VERSION_MAJOR == 3 && !defined(OPENSSL_NO_DEPRECATED_3_0)

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fetch/issuers.h"

enum { SEEN = 128, PRINT = sizeof(uint64_t), DIGEST_MAX = 64, SIGNATURE_MAX = 1024 };

typedef int ecdsa_verify_fn(int, const unsigned char *, int, const unsigned char *, int, EC_KEY *);
typedef int rsa_decrypt_fn(int, const unsigned char *, unsigned char *, RSA *, int);

/* What OpenSSL itself does; set once, by signatures_remember. */
static ecdsa_verify_fn *ecdsa_verify;
static rsa_decrypt_fn *rsa_decrypt;

/* What is asked: a signature and the digest that it is of (RSA: none, it comes out), under a key. */
struct question {
    uint64_t print; /* to find it by; anyone can make two that have the same */
    const EC_GROUP *group;
    const EC_POINT *point; /* NULL: an RSA key */
    const BIGNUM *modulus, *exponent;
    int padding;
    const unsigned char *digest, *signature;
    size_t digest_len, signature_len;
};

/* A question that was answered, with copies of all that it is made of. */
struct known {
    uint64_t print;
    uint64_t used; /* the higher, the later; 0: a free place, or a fresh one */
    int curve;
    EC_POINT *point;
    BIGNUM *modulus, *exponent;
    int padding;
    size_t digest_len, signature_len, answer_len;
    unsigned char *bytes; /* digest, signature, answer */
};

/* Threads share this. Who finds it locked doesn't wait: to check a signature is no harm. */
static struct {
    pthread_mutex_t lock;
    uint64_t uses;
    uint64_t seen[SEEN]; /* prints of what was found good once, in a ring */
    size_t seen_at;
    struct known fresh[SIGNATURES_FRESH]; /* the last of these as they are, in a ring */
    size_t fresh_at;
    struct known known[SIGNATURES_KEPT]; /* what was asked again */
} memory = {.lock = PTHREAD_MUTEX_INITIALIZER};
static atomic_ulong recalled;

static bool question_set(struct question *q, const unsigned char *digest, int digest_len,
                         const unsigned char *signature, int signature_len)
{
    uint64_t of_digest = 0, of_signature;
    if ((digest && digest_len < PRINT) || digest_len > DIGEST_MAX || signature_len < PRINT ||
        signature_len > SIGNATURE_MAX)
        return false;
    if (digest)
        memcpy(&of_digest, digest, PRINT);
    memcpy(&of_signature, signature + signature_len - PRINT, PRINT);
    q->print = of_digest ^ of_signature;
    q->digest = digest;
    q->signature = signature;
    q->digest_len = (size_t)digest_len;
    q->signature_len = (size_t)signature_len;
    return true;
}

/* A curve that is spelled out could be one with a generator of its maker's choice: no word about those. */
static bool question_set_ec(struct question *q, const EC_KEY *key)
{
    q->group = EC_KEY_get0_group(key);
    q->point = EC_KEY_get0_public_key(key);
    return q->group && q->point && EC_GROUP_get_curve_name(q->group) != NID_undef &&
           EC_KEY_decoded_from_explicit_params(key) == 0;
}

static bool question_set_rsa(struct question *q, const RSA *key, int padding)
{
    RSA_get0_key(key, &q->modulus, &q->exponent, NULL);
    q->padding = padding;
    return q->modulus && q->exponent;
}

static bool known_has_key(const struct known *k, const struct question *q)
{
    if (q->point)
        return k->point && k->curve == EC_GROUP_get_curve_name(q->group) &&
               EC_POINT_cmp(q->group, k->point, q->point, NULL) == 0;
    return k->modulus && k->exponent && k->padding == q->padding && BN_cmp(k->modulus, q->modulus) == 0 &&
           BN_cmp(k->exponent, q->exponent) == 0;
}

static bool known_is(const struct known *k, const struct question *q)
{
    return k->bytes && k->print == q->print && k->digest_len == q->digest_len &&
           k->signature_len == q->signature_len &&
           (!q->digest || memcmp(k->bytes, q->digest, q->digest_len) == 0) &&
           memcmp(k->bytes + k->digest_len, q->signature, q->signature_len) == 0 && known_has_key(k, q);
}

static void known_clear(struct known *k)
{
    EC_POINT_free(k->point);
    BN_free(k->modulus);
    BN_free(k->exponent);
    OPENSSL_free(k->bytes);
    *k = (struct known){0};
}

/* Fills a free place. Where memory is short it stays free. */
static void known_set(struct known *k, const struct question *q, const unsigned char *answer,
                      size_t answer_len)
{
    k->print = q->print;
    k->padding = q->padding;
    k->digest_len = q->digest_len;
    k->signature_len = q->signature_len;
    k->answer_len = answer_len;
    k->bytes = OPENSSL_malloc(q->digest_len + q->signature_len + answer_len);
    if (q->point) {
        k->curve = EC_GROUP_get_curve_name(q->group);
        k->point = EC_POINT_dup(q->point, q->group);
    } else {
        k->modulus = BN_dup(q->modulus);
        k->exponent = BN_dup(q->exponent);
    }
    if (!k->bytes || !(k->point || (k->modulus && k->exponent))) {
        known_clear(k);
        return;
    }
    if (q->digest)
        memcpy(k->bytes, q->digest, q->digest_len);
    memcpy(k->bytes + q->digest_len, q->signature, q->signature_len);
    if (answer)
        memcpy(k->bytes + q->digest_len + q->signature_len, answer, answer_len);
}

static struct known *find(struct known *those, size_t count, const struct question *q)
{
    for (size_t i = 0; i < count; i++)
        if (known_is(&those[i], q))
            return &those[i];
    return NULL;
}

/* A place among the known ones: free, or of what was not asked for the longest. */
static struct known *known_place(void)
{
    struct known *oldest = memory.known;
    for (size_t i = 1; i < SIGNATURES_KEPT; i++)
        if (memory.known[i].used < oldest->used)
            oldest = &memory.known[i];
    known_clear(oldest);
    return oldest;
}

/* As find, among all; a fresh one is known from now on. */
static struct known *find_any(const struct question *q)
{
    struct known *k = find(memory.known, SIGNATURES_KEPT, q);
    struct known *fresh = k ? NULL : find(memory.fresh, SIGNATURES_FRESH, q);
    if (fresh) {
        k = known_place();
        *k = *fresh;
        *fresh = (struct known){0};
    }
    return k;
}

/* The answer that was given before, in `answer` if there is to be one, and its length; -1: not known. */
static int recall(const struct question *q, unsigned char *answer)
{
    int ret = -1;
    if (pthread_mutex_trylock(&memory.lock) != 0)
        return -1;
    struct known *k = find_any(q);
    if (k) {
        k->used = ++memory.uses;
        ret = (int)k->answer_len;
        if (answer)
            memcpy(answer, k->bytes + k->digest_len + k->signature_len, k->answer_len);
        atomic_fetch_add_explicit(&recalled, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&memory.lock);
    return ret;
}

/* True the second time. Most signatures are a host's own, and never seen again: soon only this is left of
 * them. */
static bool seen_before(uint64_t print)
{
    for (size_t i = 0; i < SEEN; i++)
        if (memory.seen[i] == print)
            return true;
    memory.seen[memory.seen_at++ % SEEN] = print;
    return false;
}

/* Keeps an answer of OpenSSL's: for a while, or, if it has been seen before, among the known ones. */
static void learn(const struct question *q, const unsigned char *answer, size_t answer_len)
{
    if (answer_len > SIGNATURE_MAX || pthread_mutex_trylock(&memory.lock) != 0)
        return;
    if (seen_before(q->print)) {
        struct known *k = find_any(q); /* another thread had the same question meanwhile */
        if (!k)
            known_set(k = known_place(), q, answer, answer_len);
        k->used = k->bytes ? ++memory.uses : 0;
    } else {
        struct known *k = &memory.fresh[memory.fresh_at++ % SIGNATURES_FRESH];
        known_clear(k);
        known_set(k, q, answer, answer_len);
    }
    pthread_mutex_unlock(&memory.lock);
}

/* The methods of keys. */

static int remembering_verify(int type, const unsigned char *digest, int digest_len,
                              const unsigned char *signature, int signature_len, EC_KEY *key)
{
    struct question q = {0};
    bool fit =
        digest && question_set(&q, digest, digest_len, signature, signature_len) && question_set_ec(&q, key);
    if (fit && recall(&q, NULL) >= 0)
        return 1;
    int good = ecdsa_verify(type, digest, digest_len, signature, signature_len, key);
    if (fit && good == 1)
        learn(&q, NULL, 0);
    return good;
}

/* Unlike ECDSA this gives out what was signed, padding taken off or not, and it is for the caller to compare
 * it: the same signature and key make the same of it. */
static int remembering_decrypt(int len, const unsigned char *from, unsigned char *to, RSA *key, int padding)
{
    struct question q = {0};
    bool fit = question_set(&q, NULL, 0, from, len) && question_set_rsa(&q, key, padding);
    int n = fit ? recall(&q, to) : -1;
    if (n >= 0)
        return n;
    n = rsa_decrypt(len, from, to, key, padding);
    if (fit && n > 0)
        learn(&q, to, (size_t)n);
    return n;
}

/* Methods stay for the process's life: keys point to them. */
static bool installed;

static void install(void)
{
    ecdsa_verify_sig_fn *verify_sig = NULL;
    EC_KEY_METHOD *ec = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
    RSA_METHOD *rsa = RSA_meth_dup(RSA_PKCS1_OpenSSL());
    if (ec)
        EC_KEY_METHOD_get_verify(ec, &ecdsa_verify, &verify_sig);
    if (rsa)
        rsa_decrypt = RSA_meth_get_pub_dec(rsa);
    if (!ecdsa_verify || !rsa_decrypt || RSA_meth_set_pub_dec(rsa, remembering_decrypt) != 1) {
        EC_KEY_METHOD_free(ec);
        RSA_meth_free(rsa);
        return;
    }
    EC_KEY_METHOD_set_verify(ec, remembering_verify, issuers_know(verify_sig));
    EC_KEY_set_default_method(ec);
    RSA_set_default_method(rsa);
    installed = true;
}

bool signatures_remember(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, install);
    return installed;
}

unsigned long signatures_recalled(void)
{
    return atomic_load_explicit(&recalled, memory_order_relaxed);
}

size_t signatures_known(void)
{
    size_t count = 0;
    pthread_mutex_lock(&memory.lock);
    for (size_t i = 0; i < SIGNATURES_KEPT; i++)
        count += memory.known[i].bytes != NULL;
    pthread_mutex_unlock(&memory.lock);
    return count;
}

#else

bool signatures_remember(void)
{
    return false;
}

unsigned long signatures_recalled(void)
{
    return 0;
}

size_t signatures_known(void)
{
    return 0;
}

#endif
