/*
 * OpenSSL's library context for all that a TLS client does.
 *
 * Up to OpenSSL 3.1 each public key of each certificate is read by a chain of decoders that is built anew,
 * from all decoders and key types of the provider: a third of a handshake's instructions. So we have a
 * context of our own with a thin provider in it: it hands on the default provider's operations as they are,
 * and of each kind only the algorithms that a TLS client can come to need (no DSA: TLS 1.3 has none, nor do
 * hosts of today). That is also less for hostile bytes to reach. openssl.cnf stays in force: its TLS settings
 * hold for all contexts, and where it (or the environment) chose providers, the plain context is used.
 *   1. provider_context_new   before anything is loaded in it
 *   2. …_new_ex, …_ex         of OpenSSL take what it returned: keys and certificates of one context are of
 *                             little use in another
 *   3. provider_context_free  after all of them
 */
#ifndef PFETCH_FETCH_PROVIDER_H
#define PFETCH_FETCH_PROVIDER_H

#include <openssl/types.h>

/* A context with the thin provider; NULL: the plain context (which NULL stands for in OpenSSL) is to be used,
 * because this OpenSSL or its configuration wants it, or something failed. provider_context_free. */
OSSL_LIB_CTX *provider_context_new(void);

/* NULL is fine. */
void provider_context_free(OSSL_LIB_CTX *context);

#endif
