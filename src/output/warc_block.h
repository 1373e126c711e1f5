/*
 * The block of a WARC record while it grows: digested as it comes, in memory first and then in a scratch
 * file, since the record's header, which stands before it, needs its length and its digest.
 */
#ifndef PFETCH_OUTPUT_WARC_BLOCK_H
#define PFETCH_OUTPUT_WARC_BLOCK_H

#include <openssl/evp.h>

#include "base/buffer.h"
#include "fetch/error.h"

enum { WARC_DIGEST = 32 }; /* characters of SHA-1 in base32 (RFC 4648) */

struct warc_store { /* what all blocks of a sink share */
    const char *dir;
    EVP_MD *sha1;
    size_t memory;
};

struct warc_block {
    struct warc_store *store;
    EVP_MD_CTX *sha1;
    struct buffer bytes;
    int file; /* what came before `bytes`; -1: none */
    uint64_t file_len;
};

/* An empty block. 0, or -1 with ERROR_OUTPUT: no memory. warc_block_free is due in both cases. */
int warc_block_init(struct warc_block *b, struct warc_store *store, struct fetch_error *err);
void warc_block_free(struct warc_block *b);

/* Appends. 0, or -1 with ERROR_OUTPUT. */
int warc_block_add(struct warc_block *b, const void *data, size_t len, struct fetch_error *err);

uint64_t warc_block_len(const struct warc_block *b);

/* The digest of all of it, in base32; nothing may be added after that. */
void warc_block_digest(struct warc_block *b, char ret_text[WARC_DIGEST + 1]);

/* Hands all of it to `take`. 0, or -1 as `take` said or with ERROR_OUTPUT. */
int warc_block_read(const struct warc_block *b,
                    int (*take)(void *arg, const void *data, size_t len, struct fetch_error *err), void *arg,
                    struct fetch_error *err);

/* SHA-1 in base32. Ends `sha1`. */
void warc_digest_text(EVP_MD_CTX *sha1, char ret_text[WARC_DIGEST + 1]);

#endif
