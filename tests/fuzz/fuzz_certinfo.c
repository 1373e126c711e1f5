/* A server's certificate in DER, as reports show it: bounded, without bytes that no name has, and the same
 * each time. */
#include <stdio.h>
#include <stdlib.h>

#include "fetch/certinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SHOWN = 5 };

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static void check(const struct fetch_cert *cert)
{
    must(cert && strlen(cert->sha256) == 64, "digest");
    must(strlen(cert->subject) < sizeof cert->subject && strlen(cert->issuer) < sizeof cert->issuer,
         "length");
    for (const char *p = cert->names; *p; p++)
        must(*p == '\n' || (*p > ' ' && *p < 0x7F), "a name's bytes");
    must(strspn(cert->not_before, "0123456789-:TZ") == strlen(cert->not_before), "start");
    must(strspn(cert->not_after, "0123456789-:TZ") == strlen(cert->not_after), "end");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned char *p = data;
    X509 *x509 = d2i_X509(NULL, &p, (long)size);
    struct buffer names;
    if (!x509)
        return 0;
    struct fetch_cert *cert = certinfo_new(x509), *again = certinfo_new(x509);
    check(cert);
    must(again != NULL, "memory");
    must(memcmp(cert, again, sizeof *cert) == 0, "not the same twice");
    buffer_init(&names, 1 << 16);
    must(certinfo_put_names(&names, x509, SHOWN) == 0, "room for the names");
    buffer_free(&names);
    fetch_cert_release(cert);
    fetch_cert_release(again);
    X509_free(x509);
    return 0;
}
