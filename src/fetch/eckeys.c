#include "config.h"

#include "fetch/eckeys.h"

#ifdef ENABLE_THIN_PROVIDER

#include <openssl/bio.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

enum { PREFIX_MAX = 27, POINT_MAX = 97, SPKI_MAX = PREFIX_MAX + POINT_MAX, FUNCTIONS_MAX = 16 };

/* A curve, and how every SubjectPublicKeyInfo with an uncompressed point on it begins: two SEQUENCEs, the
 * OIDs id-ecPublicKey and the curve's, and the BIT STRING's head. The last byte is the point's form. */
struct curve {
    const char *name;
    size_t prefix_len, len; /* without and with the point */
    unsigned char prefix[PREFIX_MAX];
};

static const struct curve curves[] = {
    {"prime256v1", 26, 91, {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                            0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                            0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04}},
    {"secp384r1", 23, 120, {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
                            0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04}},
};
enum { CURVES = sizeof curves / sizeof *curves };

/* The functions that are wrapped, and the table of ours. Read-only once eckeys_wrap is through. */
static struct {
    bool wrapped;
    OSSL_FUNC_decoder_newctx_fn *newctx;
    OSSL_FUNC_decoder_freectx_fn *freectx;
    OSSL_FUNC_decoder_decode_fn *decode;
    OSSL_FUNC_decoder_export_object_fn *export_object;
    OSSL_FUNC_keymgmt_new_fn *key_new;
    OSSL_FUNC_keymgmt_free_fn *key_free;
    OSSL_FUNC_keymgmt_import_fn *key_import;
    OSSL_FUNC_keymgmt_dup_fn *key_dup;
    OSSL_FUNC_keymgmt_set_params_fn *key_set_params;
    OSSL_DISPATCH table[FUNCTIONS_MAX + 1];
} ec;

/* The context whose keys are read quicker, and its keys without a point; NULL: not needed yet. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    void *context;
    void *empty[CURVES];
    OSSL_FUNC_BIO_read_ex_fn *read;
    OSSL_FUNC_BIO_ctrl_fn *ctrl;
} known;

/* A decoder: the wrapped one's, and the context that it is of. */
struct decoder {
    void *inner, *context;
};

/* Keys. */

static void *empty_make(void *context, const struct curve *c)
{
    char name[16];
    void *key = ec.key_new(context);
    OPENSSL_strlcpy(name, c->name, sizeof name);
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, strlen(name)),
                           OSSL_PARAM_END};
    if (key && !ec.key_import(key, OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS, params)) {
        ec.key_free(key);
        return NULL;
    }
    return key;
}

/* A key with the point that `spki` has; NULL: it is for the decoder that is wrapped, to read or to refuse. */
static void *key_read(void *context, const struct curve *c, unsigned char *spki)
{
    void **empty = &known.empty[c - curves];
    pthread_mutex_lock(&lock);
    if (!*empty)
        *empty = empty_make(context, c);
    pthread_mutex_unlock(&lock);
    void *key = *empty ? ec.key_dup(*empty, OSSL_KEYMGMT_SELECT_ALL) : NULL;
    OSSL_PARAM params[] = {OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, spki + c->prefix_len,
                                                   c->len - c->prefix_len),
                           OSSL_PARAM_END};
    if (key && !ec.key_set_params(key, params)) {
        ec.key_free(key);
        return NULL;
    }
    return key;
}

/* Hands `key` on as a decoder does. True: it was taken. */
static int key_give(void *key, OSSL_CALLBACK *callback, void *arg)
{
    int type = OSSL_OBJECT_PKEY;
    char name[] = "EC";
    OSSL_PARAM params[] = {OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &type),
                           OSSL_PARAM_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, name, sizeof name - 1),
                           OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &key, sizeof key),
                           OSSL_PARAM_END};
    int taken = callback(params, arg);
    ec.key_free(key); /* NULL where it was taken */
    return taken;
}

/* The decoder's functions. */

static void *decoder_newctx(void *context)
{
    struct decoder *d = OPENSSL_malloc(sizeof *d);
    void *inner = d ? ec.newctx(context) : NULL;
    if (!inner) {
        OPENSSL_free(d);
        return NULL;
    }
    *d = (struct decoder){.inner = inner, .context = context};
    return d;
}

static void decoder_freectx(void *ctx)
{
    struct decoder *d = ctx;
    if (d)
        ec.freectx(d->inner);
    OPENSSL_free(d);
}

static int decoder_export_object(void *ctx, const void *reference, size_t size, OSSL_CALLBACK *callback,
                                 void *arg)
{
    struct decoder *d = ctx;
    return ec.export_object(d->inner, reference, size, callback, arg);
}

static const struct curve *curve_of_length(long len)
{
    for (size_t i = 0; i < CURVES; i++)
        if ((long)curves[i].len == len)
            return &curves[i];
    return NULL;
}

/* Reads what is left of `bio` as a key on `c`; NULL: it is where it was, and something else. */
static void *bio_read_key(void *context, const struct curve *c, OSSL_CORE_BIO *bio)
{
    unsigned char spki[SPKI_MAX];
    size_t n = 0;
    void *key = NULL;
    int at = known.ctrl(bio, BIO_C_FILE_TELL, 0, NULL);
    if (at < 0)
        return NULL;
    if (known.read(bio, spki, c->len, &n) && n == c->len && memcmp(spki, c->prefix, c->prefix_len + 1) == 0)
        key = key_read(context, c, spki);
    if (!key)
        (void)known.ctrl(bio, BIO_C_FILE_SEEK, at, NULL);
    return key;
}

static int decoder_decode(void *ctx, OSSL_CORE_BIO *bio, int selection, OSSL_CALLBACK *callback, void *arg,
                          OSSL_PASSPHRASE_CALLBACK *passphrase, void *passphrase_arg)
{
    struct decoder *d = ctx;
    const struct curve *c = NULL;
    pthread_mutex_lock(&lock);
    bool ours = known.context == d->context;
    pthread_mutex_unlock(&lock);
    if (ours && (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY))
        c = curve_of_length(known.ctrl(bio, BIO_CTRL_PENDING, 0, NULL));
    void *key = c ? bio_read_key(d->context, c, bio) : NULL;
    return key ? key_give(key, callback, arg)
               : ec.decode(d->inner, bio, selection, callback, arg, passphrase, passphrase_arg);
}

/* A function as OSSL_DISPATCH has it, whatever its type. */
#define FUNCTION(f) ((void (*)(void))(f))

/* Takes one function of the decoder. False: one that we do not know, which may want the decoder itself. */
static bool wrap(OSSL_DISPATCH *d)
{
    switch (d->function_id) {
    case OSSL_FUNC_DECODER_NEWCTX:
        ec.newctx = OSSL_FUNC_decoder_newctx(d);
        d->function = FUNCTION(decoder_newctx);
        return true;
    case OSSL_FUNC_DECODER_FREECTX:
        ec.freectx = OSSL_FUNC_decoder_freectx(d);
        d->function = FUNCTION(decoder_freectx);
        return true;
    case OSSL_FUNC_DECODER_DECODE:
        ec.decode = OSSL_FUNC_decoder_decode(d);
        d->function = FUNCTION(decoder_decode);
        return true;
    case OSSL_FUNC_DECODER_EXPORT_OBJECT:
        ec.export_object = OSSL_FUNC_decoder_export_object(d);
        d->function = FUNCTION(decoder_export_object);
        return true;
    case OSSL_FUNC_DECODER_GET_PARAMS: /* these don't */
    case OSSL_FUNC_DECODER_GETTABLE_PARAMS:
    case OSSL_FUNC_DECODER_DOES_SELECTION:
        return true;
    default:
        return false;
    }
}

static void keys_take(const OSSL_DISPATCH *d)
{
    for (; d->function_id; d++)
        switch (d->function_id) {
        case OSSL_FUNC_KEYMGMT_NEW:
            ec.key_new = OSSL_FUNC_keymgmt_new(d);
            break;
        case OSSL_FUNC_KEYMGMT_FREE:
            ec.key_free = OSSL_FUNC_keymgmt_free(d);
            break;
        case OSSL_FUNC_KEYMGMT_IMPORT:
            ec.key_import = OSSL_FUNC_keymgmt_import(d);
            break;
        case OSSL_FUNC_KEYMGMT_DUP:
            ec.key_dup = OSSL_FUNC_keymgmt_dup(d);
            break;
        case OSSL_FUNC_KEYMGMT_SET_PARAMS:
            ec.key_set_params = OSSL_FUNC_keymgmt_set_params(d);
            break;
        default:
            break;
        }
}

bool eckeys_wrap(OSSL_ALGORITHM *decoder, const OSSL_ALGORITHM *keys)
{
    size_t n = 0;
    for (const OSSL_DISPATCH *d = decoder->implementation; d->function_id; d++) {
        if (n == FUNCTIONS_MAX)
            return false;
        ec.table[n] = *d;
        if (!wrap(&ec.table[n++]))
            return false;
    }
    keys_take(keys->implementation);
    if (!ec.newctx || !ec.freectx || !ec.decode || !ec.export_object || !ec.key_new || !ec.key_free ||
        !ec.key_import || !ec.key_dup || !ec.key_set_params)
        return false;
    decoder->implementation = ec.table;
    return ec.wrapped = true;
}

/* The context. */

void eckeys_begin(void *context, const OSSL_DISPATCH *core)
{
    OSSL_FUNC_BIO_read_ex_fn *read = NULL;
    OSSL_FUNC_BIO_ctrl_fn *ctrl = NULL;
    for (; core->function_id; core++)
        if (core->function_id == OSSL_FUNC_BIO_READ_EX)
            read = OSSL_FUNC_BIO_read_ex(core);
        else if (core->function_id == OSSL_FUNC_BIO_CTRL)
            ctrl = OSSL_FUNC_BIO_ctrl(core);
    pthread_mutex_lock(&lock);
    if (!known.context && read && ctrl && ec.wrapped) {
        known.context = context;
        known.read = read;
        known.ctrl = ctrl;
    }
    pthread_mutex_unlock(&lock);
}

void eckeys_end(const void *context)
{
    pthread_mutex_lock(&lock);
    if (context && known.context == context) {
        for (size_t i = 0; i < CURVES; i++) {
            ec.key_free(known.empty[i]);
            known.empty[i] = NULL;
        }
        known.context = NULL;
    }
    pthread_mutex_unlock(&lock);
}

#endif
