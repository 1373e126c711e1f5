/*
 * Whether a certificate is for a name with an underscore in it. No host may be called so (RFC 952), but many
 * are: buckets and blogs whose names their users chose, mostly under a wildcard. OpenSSL, which knows the
 * letters, digits and hyphens of hosts, takes no wildcard for them; all other names are its matter.
 */
#ifndef PFETCH_FETCH_CERTNAME_H
#define PFETCH_FETCH_CERTNAME_H

#include <openssl/x509.h>
#include <stdbool.h>

/* True if this name must be looked for by certname_holds. */
bool certname_is_odd(const char *host);

/* True if one of the DNS names in subjectAltName is `host` (without a trailing dot), or is "*." before what
 * follows the first label of `host`, two labels at least (RFC 9525 6.3). Case does not count. */
bool certname_holds(X509 *cert, const char *host);

#endif
