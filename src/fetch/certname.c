#include "fetch/certname.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/span.h"

bool certname_is_odd(const char *host)
{
    return strchr(host, '_') != NULL;
}

/* What follows the first dot; empty where there is none. */
static struct span parent_of(struct span name)
{
    const unsigned char *dot = name.len ? memchr(name.data, '.', name.len) : NULL;
    size_t first = dot ? (size_t)(dot - name.data) + 1 : name.len;
    return span_make(name.data + first, name.len - first);
}

static bool is_for(struct span pattern, struct span host)
{
    struct span parent = parent_of(host);
    if (span_equal_nocase(pattern, host))
        return true;
    if (pattern.len < 2 || memcmp(pattern.data, "*.", 2) != 0 || parent_of(parent).len == 0)
        return false;
    return span_equal_nocase(parent_of(pattern), parent);
}

bool certname_holds(X509 *cert, const char *host)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    bool found = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS)
            continue;
        const ASN1_STRING *text = name->d.dNSName;
        found =
            is_for(span_make(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text)), span_of(host));
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return found;
}
