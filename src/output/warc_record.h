/*
 * The headers of WARC records (WARC/1.1, ISO 28500:2017). Values may come from a worker that has been taken
 * over: none can end its line.
 */
#ifndef PFETCH_OUTPUT_WARC_RECORD_H
#define PFETCH_OUTPUT_WARC_RECORD_H

#include "base/buffer.h"
#include "fetch/fetch.h"

enum { WARC_ID = sizeof "<urn:uuid:00000000-0000-0000-0000-000000000000>" };

struct warc_ids { /* random bytes for record identifiers, fetched many at a time */
    unsigned char random[1024];
    size_t left;
};

/* A new identifier (UUID version 4) as WARC-Record-ID has it. 0, or -1 with ERROR_OUTPUT. */
int warc_id(struct warc_ids *ids, char ret_id[WARC_ID], struct fetch_error *err);

/* What the records of one exchange have in common: WARC-Date, WARC-Target-URI, WARC-IP-Address,
 * WARC-Protocol, WARC-Cipher-Suite. 0 or -1 as buffer_append. */
int warc_put_common(struct buffer *b, const struct fetch_head *head);

/* WARC-Date, of microseconds since 1970; 0: now. 0 or -1 as buffer_append. */
int warc_put_date(struct buffer *b, int64_t us);

struct warc_record { /* a record's header; NULL or empty strings are left out */
    const char *type, *id;
    struct span common; /* as warc_put_common wrote it */
    const char *concurrent_to, *warcinfo, *truncated, *block_digest, *payload_digest, *filename;
    const char *content_type;
    uint64_t length;
};

/* From "WARC/1.1" to the empty line. 0 or -1 as buffer_append. */
int warc_put_header(struct buffer *b, const struct warc_record *r);

#endif
