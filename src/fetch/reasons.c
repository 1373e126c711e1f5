/* The functions that load one library's texts are there as long as OpenSSL 3 is, but count as deprecated. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "config.h"

#include "fetch/reasons.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/opensslv.h>

#if OPENSSL_VERSION_MAJOR == 3

#include <openssl/cryptoerr_legacy.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

static atomic_bool deferred;

void reasons_defer(void)
{
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL);
    atomic_store_explicit(&deferred, true, memory_order_release);
}

static void load(void)
{
    (void)ERR_load_ERR_strings();
    (void)ERR_load_ASN1_strings();
    (void)ERR_load_BIO_strings();
    (void)ERR_load_BN_strings();
    (void)ERR_load_BUF_strings();
    (void)ERR_load_CONF_strings();
    (void)ERR_load_CRYPTO_strings();
    (void)ERR_load_CT_strings();
    (void)ERR_load_DH_strings();
    (void)ERR_load_DSA_strings();
    (void)ERR_load_EC_strings();
    (void)ERR_load_EVP_strings();
    (void)ERR_load_OBJ_strings();
    (void)ERR_load_OCSP_strings();
    (void)ERR_load_PEM_strings();
    (void)ERR_load_PKCS7_strings();
    (void)ERR_load_RAND_strings();
    (void)ERR_load_RSA_strings();
    (void)ERR_load_X509V3_strings();
    (void)ERR_load_X509_strings();
}

const char *reasons_text(unsigned long error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const char *text = ERR_reason_error_string(error);
    if (text || !atomic_load_explicit(&deferred, memory_order_acquire))
        return text;
    (void)pthread_once(&once, load);
    return ERR_reason_error_string(error);
}

#else

void reasons_defer(void)
{
}

const char *reasons_text(unsigned long error)
{
    return ERR_reason_error_string(error);
}

#endif
