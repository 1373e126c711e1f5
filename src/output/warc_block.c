#include "output/warc_block.h"

#include <unistd.h>

#include "output/scratch.h"
#include "output/warc.h"

int warc_block_init(struct warc_block *b, struct warc_store *store, struct fetch_error *err)
{
    *b = (struct warc_block){.store = store, .file = -1};
    buffer_init(&b->bytes, SIZE_MAX);
    b->sha1 = EVP_MD_CTX_new();
    if (!b->sha1 || EVP_DigestInit_ex(b->sha1, store->sha1, NULL) != 1)
        return error_set(err, ERROR_OUTPUT, PHASE_NONE, "no memory for a WARC record");
    return 0;
}

static void drop_bytes(struct warc_block *b)
{
    b->store->memory -= b->bytes.cap;
    buffer_free(&b->bytes);
}

void warc_block_free(struct warc_block *b)
{
    if (!b->store)
        return;
    drop_bytes(b);
    EVP_MD_CTX_free(b->sha1);
    if (b->file >= 0)
        close(b->file);
    *b = (struct warc_block){.file = -1};
}

static int spill(struct warc_block *b, struct fetch_error *err)
{
    if (b->file < 0)
        b->file = scratch_open(b->store->dir, err);
    if (b->file < 0 || scratch_write(b->file, b->file_len, b->bytes.data, b->bytes.len, err) < 0)
        return -1;
    b->file_len += b->bytes.len;
    drop_bytes(b);
    return 0;
}

int warc_block_add(struct warc_block *b, const void *data, size_t len, struct fetch_error *err)
{
    size_t cap = b->bytes.cap;
    if (EVP_DigestUpdate(b->sha1, data, len) != 1 || buffer_append(&b->bytes, data, len) < 0)
        return error_set(err, ERROR_OUTPUT, PHASE_NONE, "no memory for a WARC record");
    b->store->memory += b->bytes.cap - cap;
    bool large = b->bytes.len > WARC_BLOCK_MAX || b->store->memory > WARC_MEMORY_MAX;
    return large ? spill(b, err) : 0;
}

uint64_t warc_block_len(const struct warc_block *b)
{
    return b->file_len + b->bytes.len;
}

void warc_digest_text(EVP_MD_CTX *sha1, char ret_text[WARC_DIGEST + 1])
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    EVP_DigestFinal_ex(sha1, digest, NULL);
    for (size_t i = 0; i < WARC_DIGEST; i++) { /* 20 bytes are 32 groups of 5 bits */
        unsigned at = (unsigned)(i * 5), pair = (unsigned)digest[at / 8] << 8 | digest[at / 8 + 1];
        ret_text[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[pair >> (11 - at % 8) & 31];
    }
    ret_text[WARC_DIGEST] = 0;
}

void warc_block_digest(struct warc_block *b, char ret_text[WARC_DIGEST + 1])
{
    warc_digest_text(b->sha1, ret_text);
}

int warc_block_read(const struct warc_block *b,
                    int (*take)(void *arg, const void *data, size_t len, struct fetch_error *err), void *arg,
                    struct fetch_error *err)
{
    if (b->file >= 0 && scratch_read(b->file, b->file_len, take, arg, err) < 0)
        return -1;
    return b->bytes.len ? take(arg, b->bytes.data, b->bytes.len, err) : 0;
}
