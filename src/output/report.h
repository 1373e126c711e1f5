/*
 * A report: all that is said of one target at its end, whatever form it is written in. Pointers belong to
 * whoever made it and are valid during the call that it is passed to.
 */
#ifndef PFETCH_OUTPUT_REPORT_H
#define PFETCH_OUTPUT_REPORT_H

#include "fetch/fetch.h"

enum { REPORT_TARGET_MAX = 8192, REPORT_TARGET_CUT = 256 };

struct report {
    uint64_t index; /* 1-based position in the input */
    struct span
        target; /* the line as given, trimmed; cut to REPORT_TARGET_CUT bytes and "…" where it was too long */
    int64_t started_us;  /* wall clock, microseconds */
    struct span url;     /* the last one asked; empty: null in JSON */
    int status;          /* 0: none */
    const char *version; /* "1.1"; "" for none */
    uint64_t bytes;      /* body bytes delivered */
    struct fetch_error error;
    struct span redirects; /* pack_bytes url, … the URLs that were redirected to, in order */
    uint32_t redirect_count;
    uint32_t attempts;             /* 0: never tried */
    unsigned worker;               /* 0: none had it */
    const struct fetch_conn *conn; /* never NULL */
    int64_t ns_queue, ns_dns, ns_connect, ns_tls, ns_first_byte, ns_total;
    struct span fields; /* pack_bytes name, pack_bytes value, … */
    uint32_t field_count;
    const char *sha256; /* "" where not asked */
    const char *payload_sha1;
    enum fetch_cut cut;
    const char *file; /* with -d: the file's name under DIR; NULL: none */
};

#endif
