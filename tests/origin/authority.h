/*
 * The certificates of the origin: a root, an intermediate, and a leaf for any name, made when it is asked
 * for. What is wrong with a leaf is chosen by a word of the name's first label; the table is in authority.c.
 * The root, client certificates and others' roots are written to a directory at the start:
 *   ca.pem           the root                       other.pem       a root that signed nothing here but
 * "untrusted" intermediate.pem the intermediate               capath/         the root under its hash
 *   client.pem, client.key                          a client certificate of the root
 *   stranger.pem, stranger.key                      one of the other root
 *   server.pem, server.key                          chain and key for localhost, 127.0.0.1 and ::1
 */
#ifndef ORIGIN_AUTHORITY_H
#define ORIGIN_AUTHORITY_H

#include <openssl/ssl.h>
#include <openssl/x509.h>

struct authority;

/* Makes the keys and roots and writes the files; NULL (said on standard error) when it cannot. */
struct authority *authority_new(const char *dir);

/* Gives `ssl` a chain for `name`; `words` says what is wrong with it (the first label, or an extra port's).
 * An empty name gets the addresses of this machine. 0, or -1. */
int authority_dress(struct authority *a, SSL *ssl, const char *name, const char *words);

/* The root, for verifying clients. Stays the authority's. */
X509 *authority_root(struct authority *a);

/* True if the words of `label`, separated by '-', hold `word`. */
int label_has(const char *label, const char *word);

#endif
