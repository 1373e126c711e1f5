/* Certificates as reports show them, and names for people. All that is copied is bounded; it comes from a
 * stranger and is escaped by who prints it. */
#ifndef PFETCH_FETCH_CERTINFO_H
#define PFETCH_FETCH_CERTINFO_H

#include <openssl/x509.h>
#include "base/buffer.h"
#include "fetch/fetch.h"

enum { CERTINFO_SUBJECT = sizeof((struct fetch_cert *)0)->subject };

/* What reports show of `cert`; the reference belongs to the caller. A field that can't be shown (a time that
 * is none) is "". NULL for NULL, and without memory. */
struct fetch_cert *certinfo_new(X509 *cert);

/* The subject of `cert` as reports show it. */
void certinfo_subject(char ret[CERTINFO_SUBJECT], X509 *cert);

/* Appends the names that `cert` is for (DNS names and addresses of subjectAltName), at most `most` of them,
 * joined by ", " and followed by ", …" when there are more; without any, "no host", and the common name,
 * which is no name of a host (RFC 9525 2). As buffer_append. */
int certinfo_put_names(struct buffer *b, X509 *cert, unsigned most);

#endif
