/*
 * What OpenSSL's errors mean, in words. It loads some 2,500 texts when it first looks at its queue of errors,
 * a twentieth of what a run of one fetch computes, though mostly there is no error.
 *   1. reasons_defer   before OpenSSL is used: the texts can wait until one is wanted
 *   2. reasons_text    loads them then
 */
#ifndef PFETCH_FETCH_REASONS_H
#define PFETCH_FETCH_REASONS_H

/* For the whole process (OPENSSL_init_crypto(3)). */
void reasons_defer(void);

/* The reason of an error of ERR_peek_error(3)'s. NULL: OpenSSL has none, or, after reasons_defer, none that
 * can be loaded later: the reasons of providers and decoders alone. May be called by several threads. */
const char *reasons_text(unsigned long error);

#endif
