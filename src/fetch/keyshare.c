#include "config.h"

#include "fetch/keyshare.h"

#ifdef ENABLE_THIN_PROVIDER

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

enum { KEY_LEN = 32, FUNCTIONS_MAX = 40 };

/* The functions that are wrapped or called, and the table of ours. Read-only once keyshare_wrap is through.
 */
static struct {
    bool wrapped;
    OSSL_FUNC_keymgmt_new_fn *key_new;
    OSSL_FUNC_keymgmt_free_fn *key_free;
    OSSL_FUNC_keymgmt_import_fn *key_import;
    OSSL_FUNC_keymgmt_gen_init_fn *gen_init;
    OSSL_FUNC_keymgmt_gen_set_params_fn *gen_set_params;
    OSSL_FUNC_keymgmt_gen_fn *gen;
    OSSL_FUNC_keymgmt_gen_cleanup_fn *gen_cleanup;
    OSSL_FUNC_keyexch_newctx_fn *newctx;
    OSSL_FUNC_keyexch_init_fn *init;
    OSSL_FUNC_keyexch_set_peer_fn *set_peer;
    OSSL_FUNC_keyexch_derive_fn *derive;
    OSSL_FUNC_keyexch_freectx_fn *freectx;
    OSSL_DISPATCH table[FUNCTIONS_MAX + 1];
} x25519;

/* The context whose keys are made quicker. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const void *known_provider;
static OSSL_LIB_CTX *known_library;

/* What makes keys: the wrapped functions' own, and what is needed beside it. */
struct generator {
    void *inner, *provider;
    OSSL_LIB_CTX *library; /* NULL: the wrapped functions make the key */
};

/* A key pair of these halves, or NULL. */
static void *key_make(void *provider, unsigned char private[KEY_LEN], unsigned char public[KEY_LEN])
{
    void *key = x25519.key_new(provider);
    OSSL_PARAM params[] = {OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, private, KEY_LEN),
                           OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, public, KEY_LEN), OSSL_PARAM_END};
    if (key && x25519.key_import(key, OSSL_KEYMGMT_SELECT_KEYPAIR, params))
        return key;
    x25519.key_free(key);
    return NULL;
}

/* The secret that `key`'s private half shares with its public half. */
static bool key_multiply(void *provider, void *key, unsigned char ret[KEY_LEN])
{
    size_t len = KEY_LEN;
    void *exchange = x25519.newctx(provider);
    bool done = exchange && x25519.init(exchange, key, NULL) && x25519.set_peer(exchange, key) &&
                x25519.derive(exchange, ret, &len, KEY_LEN) && len == KEY_LEN;
    if (exchange)
        x25519.freectx(exchange);
    return done;
}

/* A new key pair; NULL: it couldn't be made. */
static void *pair_new(const struct generator *g)
{
    unsigned char private[KEY_LEN], public[KEY_LEN], base[KEY_LEN] = {9};
    void *half = NULL, *pair = NULL;
    ERR_set_mark();
    if (RAND_priv_bytes_ex(g->library, private, KEY_LEN, 0) > 0) {
        private[0] &= 248; /* RFC 7748, 5: a multiple of the cofactor, of a fixed length */
        private[KEY_LEN - 1] = (unsigned char)((private[KEY_LEN - 1] & 127) | 64);
        half = key_make(g->provider, private, base);
    }
    if (half && key_multiply(g->provider, half, public))
        pair = key_make(g->provider, private, public);
    x25519.key_free(half);
    OPENSSL_cleanse(private, sizeof private);
    ERR_pop_to_mark(); /* where it failed, the wrapped functions say so */
    return pair;
}

/* The algorithm's functions. */

static void *generator_init(void *provider, int selection, const OSSL_PARAM params[])
{
    struct generator *g = OPENSSL_malloc(sizeof *g);
    void *inner = g ? x25519.gen_init(provider, selection, params) : NULL;
    if (!inner) {
        OPENSSL_free(g);
        return NULL;
    }
    *g = (struct generator){.inner = inner, .provider = provider};
    pthread_mutex_lock(&lock);
    if (provider == known_provider &&
        (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == OSSL_KEYMGMT_SELECT_KEYPAIR)
        g->library = known_library;
    pthread_mutex_unlock(&lock);
    return g;
}

static int generator_set_params(void *ctx, const OSSL_PARAM params[])
{
    struct generator *g = ctx;
    return x25519.gen_set_params(g->inner, params);
}

static void *generator_gen(void *ctx, OSSL_CALLBACK *callback, void *arg)
{
    struct generator *g = ctx;
    void *key = g->library ? pair_new(g) : NULL;
    return key ? key : x25519.gen(g->inner, callback, arg);
}

static void generator_cleanup(void *ctx)
{
    struct generator *g = ctx;
    if (g)
        x25519.gen_cleanup(g->inner);
    OPENSSL_free(g);
}

/* A function as OSSL_DISPATCH has it, whatever its type. */
#define FUNCTION(f) ((void (*)(void))(f))

/* Takes one function of the keys'. False: one that we do not know, which may want what makes keys. */
static bool wrap(OSSL_DISPATCH *d)
{
    switch (d->function_id) {
    case OSSL_FUNC_KEYMGMT_NEW:
        x25519.key_new = OSSL_FUNC_keymgmt_new(d);
        return true;
    case OSSL_FUNC_KEYMGMT_FREE:
        x25519.key_free = OSSL_FUNC_keymgmt_free(d);
        return true;
    case OSSL_FUNC_KEYMGMT_IMPORT:
        x25519.key_import = OSSL_FUNC_keymgmt_import(d);
        return true;
    case OSSL_FUNC_KEYMGMT_GEN_INIT:
        x25519.gen_init = OSSL_FUNC_keymgmt_gen_init(d);
        d->function = FUNCTION(generator_init);
        return true;
    case OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS:
        x25519.gen_set_params = OSSL_FUNC_keymgmt_gen_set_params(d);
        d->function = FUNCTION(generator_set_params);
        return true;
    case OSSL_FUNC_KEYMGMT_GEN:
        x25519.gen = OSSL_FUNC_keymgmt_gen(d);
        d->function = FUNCTION(generator_gen);
        return true;
    case OSSL_FUNC_KEYMGMT_GEN_CLEANUP:
        x25519.gen_cleanup = OSSL_FUNC_keymgmt_gen_cleanup(d);
        d->function = FUNCTION(generator_cleanup);
        return true;
    case OSSL_FUNC_KEYMGMT_GET_PARAMS: /* these want keys */
    case OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS:
    case OSSL_FUNC_KEYMGMT_SET_PARAMS:
    case OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS:
    case OSSL_FUNC_KEYMGMT_HAS:
    case OSSL_FUNC_KEYMGMT_MATCH:
    case OSSL_FUNC_KEYMGMT_VALIDATE:
    case OSSL_FUNC_KEYMGMT_IMPORT_TYPES:
    case OSSL_FUNC_KEYMGMT_EXPORT:
    case OSSL_FUNC_KEYMGMT_EXPORT_TYPES:
    case OSSL_FUNC_KEYMGMT_LOAD:
    case OSSL_FUNC_KEYMGMT_DUP:
    case OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS: /* and in all that are known this one nothing */
        return true;
    default:
        return false;
    }
}

static void exchange_take(const OSSL_DISPATCH *d)
{
    for (; d->function_id; d++)
        switch (d->function_id) {
        case OSSL_FUNC_KEYEXCH_NEWCTX:
            x25519.newctx = OSSL_FUNC_keyexch_newctx(d);
            break;
        case OSSL_FUNC_KEYEXCH_INIT:
            x25519.init = OSSL_FUNC_keyexch_init(d);
            break;
        case OSSL_FUNC_KEYEXCH_SET_PEER:
            x25519.set_peer = OSSL_FUNC_keyexch_set_peer(d);
            break;
        case OSSL_FUNC_KEYEXCH_DERIVE:
            x25519.derive = OSSL_FUNC_keyexch_derive(d);
            break;
        case OSSL_FUNC_KEYEXCH_FREECTX:
            x25519.freectx = OSSL_FUNC_keyexch_freectx(d);
            break;
        default:
            break;
        }
}

bool keyshare_wrap(OSSL_ALGORITHM *keys, const OSSL_ALGORITHM *exchange)
{
    size_t n = 0;
    for (const OSSL_DISPATCH *d = keys->implementation; d->function_id; d++) {
        if (n == FUNCTIONS_MAX)
            return false;
        x25519.table[n] = *d;
        if (!wrap(&x25519.table[n++]))
            return false;
    }
    exchange_take(exchange->implementation);
    if (!x25519.key_new || !x25519.key_free || !x25519.key_import || !x25519.gen_init ||
        !x25519.gen_set_params || !x25519.gen || !x25519.gen_cleanup || !x25519.newctx || !x25519.init ||
        !x25519.set_peer || !x25519.derive || !x25519.freectx)
        return false;
    keys->implementation = x25519.table;
    return x25519.wrapped = true;
}

/* The context. */

void keyshare_begin(const void *provider, OSSL_LIB_CTX *library)
{
    pthread_mutex_lock(&lock);
    if (!known_provider && x25519.wrapped) {
        known_provider = provider;
        known_library = library;
    }
    pthread_mutex_unlock(&lock);
}

void keyshare_end(const OSSL_LIB_CTX *library)
{
    pthread_mutex_lock(&lock);
    if (library && known_library == library) {
        known_provider = NULL;
        known_library = NULL;
    }
    pthread_mutex_unlock(&lock);
}

#endif
