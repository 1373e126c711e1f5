#include "fetch/certinfo.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_TEXT_MAX = 256 };

/* The SHA-256 over the DER form, as hex. */
static void cert_digest(char ret[65], X509 *cert)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    ret[0] = 0;
    if (!X509_digest(cert, EVP_sha256(), md, &len) || len != 32)
        return;
    for (unsigned i = 0; i < len; i++)
        snprintf(ret + 2 * i, 3, "%02x", md[i]);
}

/* A distinguished name by RFC 2253, cut to fit. */
static void name_text(char *ret, size_t size, const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int n = 0;
    if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
        n = BIO_read(bio, ret, (int)size - 1);
    ret[n > 0 ? n : 0] = 0;
    BIO_free(bio);
}

/* A point in time by RFC 3339, UTC; "" for what is none. */
static void time_text(char *ret, size_t size, const ASN1_TIME *at)
{
    struct tm tm;
    char text[96]; /* as long as six numbers can be, which they are not */
    ret[0] = 0;
    if (ASN1_TIME_to_tm(at, &tm)) { /* strftime would look for the time zone */
        snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        snprintf(ret, size, "%.*s", (int)size - 1, text);
    }
}

/* A name of subjectAltName as text; false for the kinds that name no host, and for bytes that no name has. */
static bool alt_name_text(char ret[NAME_TEXT_MAX], const GENERAL_NAME *alt)
{
    if (alt->type != GEN_DNS && alt->type != GEN_IPADD)
        return false;
    const ASN1_STRING *value = alt->type == GEN_DNS ? alt->d.dNSName : alt->d.iPAddress;
    const unsigned char *data = ASN1_STRING_get0_data(value);
    int len = ASN1_STRING_length(value);
    if (alt->type == GEN_IPADD && (len == 4 || len == 16))
        return inet_ntop(len == 4 ? AF_INET : AF_INET6, data, ret, NAME_TEXT_MAX) != NULL;
    if (alt->type != GEN_DNS || len <= 0 || len >= NAME_TEXT_MAX)
        return false;
    for (int i = 0; i < len; i++)
        if (data[i] <= ' ' || data[i] >= 0x7f)
            return false;
    memcpy(ret, data, (size_t)len);
    ret[len] = 0;
    return true;
}

/* Joins the names by '\n', as many whole ones as fit. */
static void alt_names_join(char *ret, size_t size, X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    char text[NAME_TEXT_MAX];
    size_t used = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        if (!alt_name_text(text, sk_GENERAL_NAME_value(names, i)))
            continue;
        size_t len = strlen(text);
        if (used + 1 + len >= size)
            break;
        if (used)
            ret[used++] = '\n';
        memcpy(ret + used, text, len);
        used += len;
    }
    ret[used] = 0;
    GENERAL_NAMES_free(names);
}

struct fetch_cert *fetch_cert_hold(struct fetch_cert *cert)
{
    if (cert)
        atomic_fetch_add_explicit(&cert->references, 1, memory_order_relaxed);
    return cert;
}

void fetch_cert_release(struct fetch_cert *cert)
{
    if (cert && atomic_fetch_sub_explicit(&cert->references, 1, memory_order_acq_rel) == 1)
        free(cert);
}

void certinfo_subject(char ret[CERTINFO_SUBJECT], X509 *cert)
{
    name_text(ret, CERTINFO_SUBJECT, X509_get_subject_name(cert));
    ERR_clear_error();
}

struct fetch_cert *certinfo_new(X509 *cert)
{
    struct fetch_cert *ret = cert ? calloc(1, sizeof *ret) : NULL;
    if (!ret)
        return NULL;
    ret->references = 1;
    cert_digest(ret->sha256, cert);
    name_text(ret->subject, sizeof ret->subject, X509_get_subject_name(cert));
    name_text(ret->issuer, sizeof ret->issuer, X509_get_issuer_name(cert));
    time_text(ret->not_before, sizeof ret->not_before, X509_get0_notBefore(cert));
    time_text(ret->not_after, sizeof ret->not_after, X509_get0_notAfter(cert));
    alt_names_join(ret->names, sizeof ret->names, cert);
    ERR_clear_error();
    return ret;
}

/* A certificate that names no host, and what could be taken for the name of one. */
static int put_no_names(struct buffer *b, const X509_NAME *subject)
{
    char text[NAME_TEXT_MAX];
    if (X509_NAME_get_text_by_NID(subject, NID_commonName, text, sizeof text) <= 0)
        return buffer_puts(b, "no host");
    return buffer_printf(b, "no host (its common name %s does not count)", text);
}

int certinfo_put_names(struct buffer *b, X509 *cert, unsigned most)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    char text[NAME_TEXT_MAX];
    unsigned put = 0;
    int result = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && put <= most && result == 0; i++) {
        if (!alt_name_text(text, sk_GENERAL_NAME_value(names, i)))
            continue;
        result = buffer_printf(b, "%s%s", put ? ", " : "", put < most ? text : "…");
        put++;
    }
    GENERAL_NAMES_free(names);
    if (put == 0 && result == 0)
        result = put_no_names(b, X509_get_subject_name(cert));
    ERR_clear_error();
    return result;
}
