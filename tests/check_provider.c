#include "config.h"

#include <check.h>
#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fetch/provider.h"

static OSSL_LIB_CTX *context;

static void setup(void)
{
    context = provider_context_new();
}

static void teardown(void)
{
    provider_context_free(context);
}

#ifdef ENABLE_THIN_PROVIDER
enum { BUILT = true };
#else
enum { BUILT = false };
#endif

/* Where the plain context is right, there is nothing of ours to look at. */
static bool is_thin(void)
{
    bool expected = BUILT && OpenSSL_version_num() < 0x30200000L;
    ck_assert_int_eq(context != NULL, expected);
    return expected;
}

static EVP_PKEY *key_make(const char *type, const char *curve)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
    if (curve)
        ck_assert_int_eq(EVP_PKEY_CTX_set_group_name(ctx, curve), 1);
    ck_assert_int_eq(EVP_PKEY_generate(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* A certificate with that key, read anew in `in`. */
static X509 *cert_with(EVP_PKEY *key, OSSL_LIB_CTX *in)
{
    unsigned char *der = NULL;
    X509 *cert = X509_new(), *again = X509_new_ex(in, NULL);
    bool own_digest = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");
    X509_set_version(cert, 2);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    ck_assert_int_gt(X509_sign(cert, key, own_digest ? NULL : EVP_sha256()), 0);
    int len = i2d_X509(cert, &der);
    const unsigned char *at = der;
    ck_assert_int_gt(len, 0);
    ck_assert_ptr_nonnull(d2i_X509(&again, &at, len));
    X509_free(cert);
    OPENSSL_free(der);
    return again;
}

START_TEST(test_keys)
{
    static const struct {
        const char *type, *curve;
    } kinds[] = {{"RSA", NULL},   {"RSA-PSS", NULL}, {"EC", "P-256"}, {"EC", "P-384"},
                 {"EC", "P-521"}, {"ED25519", NULL}, {"ED448", NULL}};
    EVP_PKEY *key = key_make(kinds[_i].type, kinds[_i].curve);
    X509 *cert = cert_with(key, context);
    EVP_PKEY *read = X509_get0_pubkey(cert);
    ck_assert_msg(read != NULL, "%s", kinds[_i].type);
    ck_assert(EVP_PKEY_is_a(read, kinds[_i].type));
    ck_assert_int_eq(X509_verify(cert, read), 1);
    /* The last byte of a certificate is its signature's. */
    ASN1_BIT_STRING *signature;
    X509_get0_signature((const ASN1_BIT_STRING **)&signature, NULL, cert);
    signature->data[signature->length - 1] ^= 1;
    X509 *forged = X509_dup(cert);
    ck_assert_int_ne(X509_verify(forged, read), 1);
    X509_free(forged);
    X509_free(cert);
    EVP_PKEY_free(key);
}
END_TEST

static void decoder_count(OSSL_DECODER *decoder, void *arg)
{
    (void)decoder;
    ++*(int *)arg;
}

START_TEST(test_thin)
{
    int decoders = 0;
    if (!is_thin())
        return;
    OSSL_DECODER_do_all_provided(context, decoder_count, &decoders);
    ck_assert_int_eq(decoders, 5);
    ck_assert_ptr_null(EVP_KEYMGMT_fetch(context, "SM2", NULL));
    ck_assert_ptr_null(EVP_CIPHER_fetch(context, "AES-128-OCB", NULL));
    ck_assert(OSSL_PROVIDER_available(context, "pfetch-thin"));
    ck_assert(!OSSL_PROVIDER_available(context, "default"));
}
END_TEST

/* Settings of a TLS client in one context, as text. */
static void settings(OSSL_LIB_CTX *in, char *text, size_t size)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(in, NULL, TLS_client_method());
    ck_assert_ptr_nonnull(ctx);
    STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(ctx);
    size_t used = (size_t)snprintf(
        text, size, "level %d, versions %ld to %ld, options %llx:", SSL_CTX_get_security_level(ctx),
        (long)SSL_CTX_get_min_proto_version(ctx), (long)SSL_CTX_get_max_proto_version(ctx),
        (unsigned long long)SSL_CTX_get_options(ctx));
    for (int i = 0; i < sk_SSL_CIPHER_num(list) && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, " %s",
                                 SSL_CIPHER_get_name(sk_SSL_CIPHER_value(list, i)));
    ck_assert_uint_lt(used, size);
    SSL_CTX_free(ctx);
}

START_TEST(test_same_settings)
{
    char plain[8192], ours[8192];
    settings(NULL, plain, sizeof plain);
    settings(context, ours, sizeof ours);
    ck_assert_str_eq(ours, plain);
}
END_TEST

/* A ClientHello; its length shows whether the same groups, signatures and extensions are offered. */
static long hello_length(OSSL_LIB_CTX *in)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(in, NULL, TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    BIO *from = BIO_new(BIO_s_mem()), *to = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, from, to);
    ck_assert_int_ne(SSL_connect(ssl), 1);
    long len = BIO_pending(to);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return len;
}

START_TEST(test_same_hello)
{
    /* But for DSA's signatures, of two bytes each, with SHA-2 and SHA-1. */
    long plain = hello_length(NULL), less = plain - hello_length(context);
    ck_assert_int_gt(plain, 100);
    ck_assert_msg(less == 0 || (is_thin() && less % 2 == 0 && less <= 2 * 5), "%ld bytes less", less);
}
END_TEST

static void *random_in_thread(void *arg)
{
    unsigned char *into = arg;
    ck_assert_int_eq(RAND_bytes_ex(context, into, 16, 0), 1);
    return NULL;
}

START_TEST(test_random)
{
    /* Two processes, and two threads, never draw the same. */
    unsigned char bytes[4][16];
    int fds[2], status;
    pthread_t thread;
    ck_assert_int_eq(RAND_bytes_ex(context, bytes[0], 16, 0), 1);
    ck_assert_int_eq(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int drawn = RAND_bytes_ex(context, bytes[0], 16, 0);
        _exit(drawn == 1 && write(fds[1], bytes[0], 16) == 16 ? 0 : 1);
    }
    ck_assert_int_eq(RAND_bytes_ex(context, bytes[1], 16, 0), 1);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(read(fds[0], bytes[2], 16), 16);
    ck_assert_int_eq(pthread_create(&thread, NULL, random_in_thread, bytes[3]), 0);
    pthread_join(thread, NULL);
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < i; k++)
            ck_assert_mem_ne(bytes[i], bytes[k], 16);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

START_TEST(test_several)
{
    /* Each run has its own; one can go before another. */
    OSSL_LIB_CTX *second = provider_context_new();
    ck_assert_int_eq(second != NULL, context != NULL);
    EVP_PKEY *key = key_make("ED25519", NULL);
    X509 *cert = cert_with(key, context), *other = cert_with(key, second);
    ck_assert_int_eq(X509_verify(other, X509_get0_pubkey(other)), 1);
    X509_free(other);
    provider_context_free(second);
    ck_assert_int_eq(X509_verify(cert, X509_get0_pubkey(cert)), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(test_other_providers)
{
    /* Whoever has loaded another provider wants it to be asked. */
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        OSSL_LIB_CTX *plain = OSSL_PROVIDER_load(NULL, "base") ? provider_context_new() : NULL;
        _exit(plain == NULL ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("provider");
    TCase *t = tcase_create("provider");
    suite_add_tcase(s, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_keys, 0, 7);
    tcase_add_test(t, test_thin);
    tcase_add_test(t, test_same_settings);
    tcase_add_test(t, test_same_hello);
    tcase_add_test(t, test_random);
    tcase_add_test(t, test_several);
    tcase_add_test(t, test_other_providers);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
