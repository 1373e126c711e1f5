#include "config.h"

#include "fetch/provider.h"

#include <stddef.h>

#ifdef ENABLE_THIN_PROVIDER

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "fetch/eckeys.h"
#include "fetch/hkdf.h"
#include "fetch/keyshare.h"

#define THIN_NAME "pfetch-thin"

/* From this version on OpenSSL keeps its chains of decoders. */
#define DECODERS_KEPT_SINCE 0x30200000L

/* What is handed on of an operation: algorithms by their first name and, where `needs` says so, a word of
 * their properties. An operation that isn't here is handed on as it is. */
struct choice {
    int operation;
    const char *needs;
    const char *const *names; /* NULL at the end */
};

static const char *const keys_read[] = {"RSA", "RSA-PSS", "EC", "ED25519", "ED448", NULL};
static const char *const keys_known[] = {"RSA",    "RSA-PSS", "EC", "ED25519", "ED448",
                                         "X25519", "X448",    "DH", "HMAC",    NULL};
/* All that a TLS 1.2 or 1.3 cipher suite of OpenSSL's names. */
static const char *const ciphers[] = {"AES-256-GCM",
                                      "AES-128-GCM",
                                      "AES-256-CCM",
                                      "AES-128-CCM",
                                      "ChaCha20-Poly1305",
                                      "AES-256-CBC",
                                      "AES-128-CBC",
                                      "AES-256-ECB",
                                      "AES-256-CTR",
                                      "AES-128-CBC-HMAC-SHA1",
                                      "AES-256-CBC-HMAC-SHA1",
                                      "AES-128-CBC-HMAC-SHA256",
                                      "AES-256-CBC-HMAC-SHA256",
                                      "ARIA-256-GCM",
                                      "ARIA-128-GCM",
                                      "CAMELLIA-256-CBC",
                                      "CAMELLIA-128-CBC",
                                      "DES-EDE3-CBC",
                                      "NULL",
                                      NULL};
/* What certificates are signed with and named by, what handshakes hash, and what ED448 needs. */
static const char *const digests[] = {
    "SHA1",     "SHA2-224", "SHA2-256", "SHA2-384",  "SHA2-512", "SHA2-512/224", "SHA2-512/256", "SHA3-224",
    "SHA3-256", "SHA3-384", "SHA3-512", "SHAKE-256", "MD5",      "MD5-SHA1",     "RIPEMD-160",   NULL};
static const char *const signatures[] = {"RSA", "ED25519", "ED448", "ECDSA", "HMAC", NULL};
static const char *const exchanges[] = {"DH", "ECDH", "X25519", "X448", NULL};
static const char *const derivations[] = {"TLS1-PRF", "HKDF", "TLS13-KDF", NULL};
static const char *const macs[] = {"HMAC", NULL};
static const char *const encryptions[] = {"RSA", NULL}; /* the key exchange of old */
static const char *const random_numbers[] = {"CTR-DRBG", "SEED-SRC", NULL};
static const char *const nothing[] = {NULL};

static const struct choice choices[] = {
    {OSSL_OP_DECODER, "structure=SubjectPublicKeyInfo", keys_read},
    {OSSL_OP_KEYMGMT, "", keys_known},
    {OSSL_OP_CIPHER, "", ciphers},
    {OSSL_OP_DIGEST, "", digests},
    {OSSL_OP_SIGNATURE, "", signatures},
    {OSSL_OP_KEYEXCH, "", exchanges},
    {OSSL_OP_KDF, "", derivations},
    {OSSL_OP_MAC, "", macs},
    {OSSL_OP_ASYM_CIPHER, "", encryptions},
    {OSSL_OP_RAND, "", random_numbers},
    {OSSL_OP_KEM, "", nothing},
    {OSSL_OP_ENCODER, "", nothing},
    {OSSL_OP_STORE, "", nothing},
};
enum { CHOICES = sizeof choices / sizeof *choices, CHOSEN_MAX = 24 };

/* What all contexts share: the default provider's functions, and what was chosen from its algorithms. Made
 * once, read-only from then on; all of it points into libcrypto. */
static struct {
    bool usable;
    OSSL_FUNC_provider_query_operation_fn *query;
    OSSL_FUNC_provider_gettable_params_fn *gettable_params;
    OSSL_FUNC_provider_get_params_fn *get_params;
    OSSL_FUNC_provider_get_capabilities_fn *get_capabilities;
    OSSL_ALGORITHM chosen[CHOICES][CHOSEN_MAX + 1];
} thin;

/* Held while a context is made; guards `thin` until it is read-only, and `making`. */
static pthread_mutex_t thin_lock = PTHREAD_MUTEX_INITIALIZER;
static void *making; /* the default provider's own context, for thin_init */

/* True if `name` is the first of `names` ("EC:id-ecPublicKey:1.2.840.10045.2.1"). */
static bool name_is_first(const char *names, const char *name)
{
    size_t n = strlen(name);
    return strncmp(names, name, n) == 0 && (names[n] == 0 || names[n] == ':');
}

static bool choice_takes(const struct choice *c, const OSSL_ALGORITHM *a)
{
    if (!strstr(a->property_definition, c->needs))
        return false;
    for (const char *const *name = c->names; *name; name++)
        if (name_is_first(a->algorithm_names, *name))
            return true;
    return false;
}

/* Copies what is taken of one operation. False: the provider is not as we know it. */
static bool choose(const struct choice *c, OSSL_ALGORITHM chosen[CHOSEN_MAX + 1], void *context)
{
    int no_cache = 0;
    size_t n = 0;
    const OSSL_ALGORITHM *all = thin.query(context, c->operation, &no_cache);
    for (const OSSL_ALGORITHM *a = all; a && a->algorithm_names; a++)
        if (choice_takes(c, a)) {
            if (n == CHOSEN_MAX)
                return false;
            chosen[n++] = *a;
        }
    return all && !no_cache && (n > 0 || !*c->names);
}

static OSSL_ALGORITHM *chosen_find(int operation, const char *name)
{
    for (size_t i = 0; i < CHOICES; i++)
        for (OSSL_ALGORITHM *a = thin.chosen[i]; choices[i].operation == operation && a->algorithm_names; a++)
            if (name_is_first(a->algorithm_names, name))
                return a;
    return NULL;
}

/* What costs most of what is left. Where a function isn't as it is known, it stays as it is. */
static void wrap_some(void)
{
    OSSL_ALGORITHM *decoder = chosen_find(OSSL_OP_DECODER, "EC"), *keys = chosen_find(OSSL_OP_KEYMGMT, "EC"),
                   *shares = chosen_find(OSSL_OP_KEYMGMT, "X25519"),
                   *exchange = chosen_find(OSSL_OP_KEYEXCH, "X25519"),
                   *derivation = chosen_find(OSSL_OP_KDF, "TLS13-KDF");
    if (decoder && keys)
        (void)eckeys_wrap(decoder, keys);
    if (derivation)
        (void)hkdf_wrap(derivation);
    if (shares && exchange)
        (void)keyshare_wrap(shares, exchange);
}

/* Takes from the default provider what `thin` holds. */
static bool thin_take(const OSSL_PROVIDER *base)
{
    for (const OSSL_DISPATCH *d = OSSL_PROVIDER_get0_dispatch(base); d && d->function_id; d++)
        switch (d->function_id) {
        case OSSL_FUNC_PROVIDER_QUERY_OPERATION:
            thin.query = OSSL_FUNC_provider_query_operation(d);
            break;
        case OSSL_FUNC_PROVIDER_GETTABLE_PARAMS:
            thin.gettable_params = OSSL_FUNC_provider_gettable_params(d);
            break;
        case OSSL_FUNC_PROVIDER_GET_PARAMS:
            thin.get_params = OSSL_FUNC_provider_get_params(d);
            break;
        case OSSL_FUNC_PROVIDER_GET_CAPABILITIES:
            thin.get_capabilities = OSSL_FUNC_provider_get_capabilities(d);
            break;
        case OSSL_FUNC_PROVIDER_UNQUERY_OPERATION: /* its tables would not be constant */
            return false;
        default:
            break;
        }
    if (!thin.query || !thin.gettable_params || !thin.get_params || !thin.get_capabilities)
        return false;
    for (size_t i = 0; i < CHOICES; i++)
        if (!choose(&choices[i], thin.chosen[i], OSSL_PROVIDER_get0_provider_ctx(base)))
            return false;
    wrap_some();
    return thin.usable = true;
}

/* The provider's functions. Its context is the default provider's. */

static const OSSL_ALGORITHM *thin_query(void *context, int operation, int *no_cache)
{
    *no_cache = 0;
    for (size_t i = 0; i < CHOICES; i++)
        if (choices[i].operation == operation)
            return thin.chosen[i];
    return thin.query(context, operation, no_cache);
}

static const OSSL_PARAM *thin_gettable_params(void *context)
{
    return thin.gettable_params(context);
}

static int thin_get_params(void *context, OSSL_PARAM *params)
{
    return thin.get_params(context, params);
}

static int thin_get_capabilities(void *context, const char *capability, OSSL_CALLBACK *callback, void *arg)
{
    return thin.get_capabilities(context, capability, callback, arg);
}

static void thin_teardown(void *context)
{
    eckeys_end(context); /* the context itself is the default provider's to release */
}

/* A function as OSSL_DISPATCH has it, whatever its type. */
#define DISPATCH(number, function)                                                                           \
    {                                                                                                        \
        number, (void (*)(void))(function)                                                                   \
    }

static int thin_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core, const OSSL_DISPATCH **ret,
                     void **ret_context)
{
    static const OSSL_DISPATCH functions[] = {
        DISPATCH(OSSL_FUNC_PROVIDER_TEARDOWN, thin_teardown),
        DISPATCH(OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, thin_gettable_params),
        DISPATCH(OSSL_FUNC_PROVIDER_GET_PARAMS, thin_get_params),
        DISPATCH(OSSL_FUNC_PROVIDER_QUERY_OPERATION, thin_query),
        DISPATCH(OSSL_FUNC_PROVIDER_GET_CAPABILITIES, thin_get_capabilities),
        {0, NULL},
    };
    (void)handle;
    if (making)
        eckeys_begin(making, core);
    *ret = functions;
    *ret_context = making;
    return making != NULL;
}

/* Puts the thin provider into `context`. The default provider is loaded first, for its functions and their
 * context, and then put out of use: OpenSSL keeps it, since others may still need its services, until the
 * whole context is freed. So what the functions fetch in turn comes from the thin provider as well. */
static bool context_fill(OSSL_LIB_CTX *context)
{
    OSSL_PROVIDER *base = OSSL_PROVIDER_load(context, "default"), *ours = NULL;
    if (base && (thin.usable || thin_take(base))) {
        making = OSSL_PROVIDER_get0_provider_ctx(base);
        ours = OSSL_PROVIDER_add_builtin(context, THIN_NAME, thin_init)
                   ? OSSL_PROVIDER_load(context, THIN_NAME)
                   : NULL;
        if (ours)
            keyshare_begin(making, context);
        making = NULL;
    }
    if (base)
        OSSL_PROVIDER_unload(base);
    return ours != NULL;
}

/* Which context. */

static int provider_is_other(OSSL_PROVIDER *provider, void *arg)
{
    if (strcmp(OSSL_PROVIDER_get0_name(provider), "default") != 0)
        *(bool *)arg = true;
    return 1;
}

/* True if nobody has chosen providers, or what they have to be. */
static bool providers_are_default(void)
{
    bool other = false;
    OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
    OSSL_PROVIDER_do_all(NULL, provider_is_other, &other);
    return !other && !EVP_default_properties_is_fips_enabled(NULL);
}

OSSL_LIB_CTX *provider_context_new(void)
{
    if (OpenSSL_version_num() >= DECODERS_KEPT_SINCE || !providers_are_default())
        return NULL;
    OSSL_LIB_CTX *context = OSSL_LIB_CTX_new();
    pthread_mutex_lock(&thin_lock);
    bool filled = context && context_fill(context);
    pthread_mutex_unlock(&thin_lock);
    if (filled)
        return context;
    OSSL_LIB_CTX_free(context);
    ERR_clear_error();
    return NULL;
}

static int provider_keep(OSSL_PROVIDER *provider, void *arg)
{
    *(OSSL_PROVIDER **)arg = provider;
    return 1;
}

void provider_context_free(OSSL_LIB_CTX *context)
{
    OSSL_PROVIDER *ours = NULL; /* the only one that is active; it is not freed with the context */
    keyshare_end(context);
    if (context)
        OSSL_PROVIDER_do_all(context, provider_keep, &ours);
    if (ours)
        OSSL_PROVIDER_unload(ours);
    OSSL_LIB_CTX_free(context);
}

#else

#include <stddef.h>

OSSL_LIB_CTX *provider_context_new(void)
{
    return NULL;
}

void provider_context_free(OSSL_LIB_CTX *context)
{
    (void)context;
}

#endif
