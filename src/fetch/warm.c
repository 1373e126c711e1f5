#include "config.h"

#include "fetch/warm.h"

#include <limits.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>

/* What servers mostly have: a P-256 leaf, signed by an RSA authority. */
static const char authority_pem[] = "-----BEGIN CERTIFICATE-----\n"
                                    "MIID8DCCAligAwIBAgIUFbR3FiRtaUOheey/WNHSVwsk88swDQYJKoZIhvcNAQEL\n"
                                    "BQAwDzENMAsGA1UEAwwEd2FybTAgFw0yNjExMjYwMTQwMDhaGA85OTY2MTEwMTAx\n"
                                    "NDAwOFowDzENMAsGA1UEAwwEd2FybTCCAaIwDQYJKoZIhvcNAQEBBQADggGPADCC\n"
                                    "AYoCggGBAK45ATaKVS1Xqo6mnj/R9sow2iSw0ePVjkw4uuleGRGp3vpHEmoAovkf\n"
                                    "alceWtMqfQc/o3OFXb8Un+kb67CvgcRChxJ1ne9lZX3Mz3SYEq6UU5BMJ9uocyje\n"
                                    "Cy6rxXxa6/ya/FYlunXc21WVap0w8jB8FyRiD3AgkkQWXas31qy88ogCspAwnCKN\n"
                                    "X9vahAevGVM4Amft0yyM5FV+MyNqwVHG6OAJekQ/Rajxe2VmUYzUV4T6eWIN84ef\n"
                                    "VOdxAxnJuBgwH8Qcr/Ky/haAVaZht3z59n/7SR0zJ4fHaMS44OxiNBXBYPUoNp96\n"
                                    "/YSDQr7Z/7YpGswd959vba3otBzkx1MuUmEeV5HafJnCkOOEj5fwQCWgJGPyqapq\n"
                                    "wemU9sYcxpKKc8DMx3ytCkgPfXv2qsDytFHl765D+SvOUJ3RNzcuCI4MoDFuFIni\n"
                                    "ujcm/3B9KV2JiLAniKe+7Ack1wzSXuIASwFVi4/vIRY9YBg9gseHl/FcC78HQIdj\n"
                                    "yMVw46pYBwIDAQABo0IwQDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIB\n"
                                    "BjAdBgNVHQ4EFgQUUrPgCdUjA9K6n8rEoHWeJv+NfSswDQYJKoZIhvcNAQELBQAD\n"
                                    "ggGBADpZQlVHEGvVXUuAK2NK4iZxkZkdOVVnJDtX5vz1uHBC5qeSIcz4O2TaT0Km\n"
                                    "N4lc4pzMB1vQY+qtrRpzOk1JrJpliA8C/BfViH9uuty8cWL/Ef2eVG2/vHdKHERI\n"
                                    "akOChpH+N8k70guNtzjxhic2+IcPEPKm8hCBd8Mn26YY2v+XOsNRR7OIhTdOznQB\n"
                                    "RpKNd6XLaOY9lc4JcyGRCUbLAJp7EpSOQ2up5RrbqRlxFvDxGv/flQ9WwuT88QZa\n"
                                    "raxZyV5lm3tbU32IZ+plx89LlsgvOuWUcvjQrAxecV5RTEypv6JNXj0/h+bEo/XM\n"
                                    "uusDktv3kJoxfXYIVTpNjTil3DetICD7B92KOAaxFiGnR5CNjKPXj8J+sxMnx3vD\n"
                                    "IeED00xxaJhFR0pCSsJy/UGBuALiUErI3fhEewQ4YGwFSbhkWEQGg/sRx9RPgKVS\n"
                                    "MwW/vbA0Ig9DtMqTDaaygS6KFc4Ud7Dvlk7ttG8Ca1wpbtxtsG0Yjo1EDEoMoyP3\n"
                                    "FicYlA==\n"
                                    "-----END CERTIFICATE-----\n";

static const char leaf_pem[] = "-----BEGIN CERTIFICATE-----\n"
                               "MIIC+zCCAWOgAwIBAgIUB5rM6oFSFmJreM0peC++ig0ya/8wDQYJKoZIhvcNAQEL\n"
                               "BQAwDzENMAsGA1UEAwwEd2FybTAgFw0yNjExMjYwMTQwMDlaGA85OTY2MTEwMTAx\n"
                               "NDAwOVowFzEVMBMGA1UEAwwMd2FybS5pbnZhbGlkMFkwEwYHKoZIzj0CAQYIKoZI\n"
                               "zj0DAQcDQgAEotL/UCJ0XTGJ8ZeX8pAKY4ZxIPsOC7ndBh3a5qkZFcV41rqGPQxz\n"
                               "iIOs1i1ihIzLLNu9Q23EQDCCbVB2JQlF/qOBjzCBjDAMBgNVHRMBAf8EAjAAMA4G\n"
                               "A1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcDATAdBgNVHQ4EFgQU1Hgb\n"
                               "9PCcW5NStZ0gcwt2tGi9i0swHwYDVR0jBBgwFoAUUrPgCdUjA9K6n8rEoHWeJv+N\n"
                               "fSswFwYDVR0RBBAwDoIMd2FybS5pbnZhbGlkMA0GCSqGSIb3DQEBCwUAA4IBgQB9\n"
                               "wL922VwatmdpayoIKORtzEiWYcMdTo58QIpGcUzeK6rMeLWfTWG9eedGC2ujp2Rg\n"
                               "LqPt5Wq9PsH4lVg9hgYzlLTOvmZNIRdbm4n01YL9TcQD1WQuvelV0ShuKMHQhx7Q\n"
                               "yWyJDImn8GKIwhEtSTw7Z+yaJ65GWcInjcKwAiKB0HhCjNWrc66sIBB7Kq1RKID7\n"
                               "a7qCegxkfsi704XMNGW9nIO6zsa/xilpoumE3R0dlwoZ1kKmGzhaWRPTEMwwp7Kj\n"
                               "8Ekt5o5gToICZJdsFsZMKoE3lTwFL3QIVK4jMm07pwV7Ec0j0n2npHZGrAGu3UXE\n"
                               "qqb819BnoaN4MXjnLEFmoMKPxuJBFZ2hF+IM5921v62VM8KwS+MIkqZ2vWEIInOO\n"
                               "0mi6lwETDsr6eEKQQTDUsTj/0cTC/umCWFVzzApk3jf9MOS498oiJkr7ha1wDTBX\n"
                               "x9NV7YpirexcWZ4ELALqPQOL9U7dO6T8quEyMrxvMcCct95EJsEIzn5z3uQZrTM=\n"
                               "-----END CERTIFICATE-----\n";

/* The leaf's key, which is no secret. */
static const unsigned char leaf_public[] = {
    0x04, 0xa2, 0xd2, 0xff, 0x50, 0x22, 0x74, 0x5d, 0x31, 0x89, 0xf1, 0x97, 0x97, 0xf2, 0x90, 0x0a, 0x63,
    0x86, 0x71, 0x20, 0xfb, 0x0e, 0x0b, 0xb9, 0xdd, 0x06, 0x1d, 0xda, 0xe6, 0xa9, 0x19, 0x15, 0xc5, 0x78,
    0xd6, 0xba, 0x86, 0x3d, 0x0c, 0x73, 0x88, 0x83, 0xac, 0xd6, 0x2d, 0x62, 0x84, 0x8c, 0xcb, 0x2c, 0xdb,
    0xbd, 0x43, 0x6d, 0xc4, 0x40, 0x30, 0x82, 0x6d, 0x50, 0x76, 0x25, 0x09, 0x45, 0xfe,
};
static const unsigned char leaf_private[] = {
    0x89, 0xb4, 0x59, 0x5e, 0x10, 0x27, 0x44, 0x49, 0x2f, 0xc2, 0x81, 0x92, 0xdf, 0x74, 0x79, 0x80,
    0xf3, 0x48, 0x57, 0x28, 0xe8, 0x5e, 0x1a, 0xf8, 0xd0, 0x32, 0x66, 0x7d, 0x28, 0xa4, 0xf2, 0xd7,
};

static X509 *certificate(OSSL_LIB_CTX *context, const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = bio ? X509_new_ex(context, NULL) : NULL;
    if (cert && !PEM_read_bio_X509(bio, &cert, NULL, NULL)) {
        X509_free(cert);
        cert = NULL;
    }
    BIO_free(bio);
    return cert;
}

X509_STORE *warm_trust(OSSL_LIB_CTX *context)
{
    X509 *authority = certificate(context, authority_pem);
    X509_STORE *store = authority ? X509_STORE_new() : NULL;
    if (store && (X509_STORE_add_cert(store, authority) != 1 ||
                  X509_STORE_set_flags(store, X509_V_FLAG_NO_CHECK_TIME) != 1)) {
        X509_STORE_free(store);
        store = NULL;
    }
    X509_free(authority);
    return store;
}

/* Put together from its numbers: the thin provider reads no private keys. */
static EVP_PKEY *leaf_key(OSSL_LIB_CTX *context)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(context, "EC", NULL);
    BIGNUM *number = BN_bin2bn(leaf_private, sizeof leaf_private, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    if (ctx && number && build &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, leaf_public, sizeof leaf_public) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number))
        params = OSSL_PARAM_BLD_to_param(build);
    if (!params || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
        key = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(number);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static SSL_CTX *server_settings(OSSL_LIB_CTX *context)
{
    SSL_CTX *settings = SSL_CTX_new_ex(context, NULL, TLS_server_method());
    X509 *leaf = certificate(context, leaf_pem);
    EVP_PKEY *key = leaf_key(context);
    if (settings && !(leaf && key && SSL_CTX_use_certificate(settings, leaf) == 1 &&
                      SSL_CTX_use_PrivateKey(settings, key) == 1)) {
        SSL_CTX_free(settings);
        settings = NULL;
    }
    EVP_PKEY_free(key);
    X509_free(leaf);
    return settings;
}

/* The stream. */

struct warm {
    struct stream base;
    SSL *ssl;
    BIO *in, *out; /* what the client sent; what it is to be sent; the SSL's */
};

/* As far as the server comes with what has arrived. */
static void serve(struct warm *w)
{
    static const unsigned char answer[WARM_ANSWER];
    char request[256];
    if (SSL_do_handshake(w->ssl) == 1 && SSL_read(w->ssl, request, sizeof request) > 0)
        (void)SSL_write(w->ssl, answer, sizeof answer);
}

static ptrdiff_t warm_read(struct stream *s, void *into, size_t size, const struct wait *wait,
                           enum error_phase phase, struct fetch_error *err)
{
    struct warm *w = (struct warm *)s;
    (void)wait, (void)phase, (void)err;
    if (BIO_pending(w->out) == 0)
        serve(w);
    int n = BIO_read(w->out, into, size < INT_MAX ? (int)size : INT_MAX);
    return n > 0 ? n : STREAM_EOF;
}

static ptrdiff_t warm_write(struct stream *s, const void *data, size_t len, const struct wait *wait,
                            enum error_phase phase, struct fetch_error *err)
{
    struct warm *w = (struct warm *)s;
    (void)wait;
    int n = BIO_write(w->in, data, len < INT_MAX ? (int)len : INT_MAX);
    return n > 0 ? n : error_set(err, ERROR_TRUNCATED, phase, "out of memory");
}

static bool warm_usable(struct stream *s)
{
    (void)s;
    return true;
}

static void warm_close(struct stream *s)
{
    struct warm *w = (struct warm *)s;
    SSL_free(w->ssl);
    free(w);
}

static const struct stream_type warm_type = {
    .read = warm_read,
    .write = warm_write,
    .usable = warm_usable,
    .close = warm_close,
};

struct stream *warm_server(OSSL_LIB_CTX *context)
{
    struct warm *w = calloc(1, sizeof *w);
    SSL_CTX *settings = w ? server_settings(context) : NULL;
    SSL *ssl = settings ? SSL_new(settings) : NULL;
    BIO *in = ssl ? BIO_new(BIO_s_mem()) : NULL, *out = ssl ? BIO_new(BIO_s_mem()) : NULL;
    SSL_CTX_free(settings); /* the SSL has its own reference */
    if (!in || !out) {
        BIO_free(in);
        BIO_free(out);
        SSL_free(ssl);
        free(w);
        return NULL;
    }
    SSL_set_bio(ssl, in, out);
    SSL_set_accept_state(ssl);
    *w = (struct warm){{.type = &warm_type, .fd = -1}, ssl, in, out};
    return &w->base;
}
