#include "config.h"

#include "fetch/certfile.h"

#include <openssl/err.h>
#include <openssl/pem.h>

/* A certificate that says it is encrypted is damaged; without this OpenSSL would ask at the terminal. */
static int no_passphrase(char *into, int size, int writing, void *arg)
{
    (void)into, (void)size, (void)writing, (void)arg;
    return -1;
}

/* As X509_load_cert_file_ex, which gives the context to the first of them only (OpenSSL 3.0). */
int certfile_load(FILE *f, X509_STORE *store, OSSL_LIB_CTX *context, size_t *ret_count)
{
    X509 *cert;
    size_t count = 0;
    while ((cert = X509_new_ex(context, NULL)) && PEM_read_X509_AUX(f, &cert, no_passphrase, NULL) &&
           X509_STORE_add_cert(store, cert)) {
        X509_free(cert);
        count++;
    }
    X509_free(cert);
    unsigned long error = ERR_peek_last_error();
    ERR_clear_error();
    *ret_count = count;
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE ? 0 : -1;
}
