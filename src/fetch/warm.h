/*
 * A TLS server in memory, for one handshake before workers are forked: what OpenSSL makes at the first
 * handshake of a process (methods it fetches, tables, caches) is then there for all of them, instead of being
 * made in each. Its certificate and key are known to everyone; only the store made here trusts them, and no
 * other connection ever sees it.
 */
#ifndef PFETCH_FETCH_WARM_H
#define PFETCH_FETCH_WARM_H

#include <openssl/types.h>
#include "fetch/stream.h"

#define WARM_HOST "warm.invalid" /* a name that never resolves (RFC 2606) */

/* A stream whose other end is the server: it answers whatever is sent with WARM_ANSWER bytes. NULL if it
 * can't be set up. `context` outlives it. */
struct stream *warm_server(OSSL_LIB_CTX *context);
enum { WARM_ANSWER = 1000 };

/* A store that trusts that server, and nobody else; NULL if it can't be set up. X509_STORE_free. */
X509_STORE *warm_trust(OSSL_LIB_CTX *context);

#endif
