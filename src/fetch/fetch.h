/*
 * The fetch: one blocking GET with redirects, under deadlines.
 *   1. fetch_setup        once, before any worker starts: trust, resolver settings, proxies; shared and
 * read-only
 *   2. fetcher_new        once in each worker: its caches (addresses, idle connections, TLS sessions)
 *   3. fetch_get          a target at a time; what it finds is handed to a fetch_sink as it arrives:
 *                         (hop, wire…)*, head, (body | wire)…, and the result is filled in last
 *   4. fetcher_free, fetch_teardown
 */
#ifndef PFETCH_FETCH_FETCH_H
#define PFETCH_FETCH_FETCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "fetch/error.h"
#include "fetch/target.h"

struct strings { /* a list of strings that belong to the caller */
    const char **items;
    size_t count;
};

/* What the user asked for; read-only once fetch_setup has it. Strings belong to the caller and outlive all.
 */
struct fetch_config {
    int64_t timeout;         /* ns, any one socket operation */
    int64_t connect_timeout; /* ns, DNS + connect + TLS; 0: as timeout */
    int64_t max_time;        /* ns, the whole fetch with redirects */
    bool location;           /* follow redirects */
    uint32_t max_redirs;
    bool allow_downgrade;   /* a redirect may lead from https to http */
    bool fail;              /* status >= 400 is ERROR_HTTP_STATUS */
    uint64_t max_size;      /* bytes of delivered body; UINT64_MAX: no limit */
    struct strings headers; /* "Name: value", checked by fetch_check_header */
    const char *agent;      /* User-Agent; "" sends none */
    bool compressed;
    bool keepalive;
    uint32_t idle_connections; /* most idle connections a worker keeps, on an average of threads */
    const char *cacert, *capath, *cert, *key; /* NULL: not given */
    bool insecure;                            /* -k */
    int tls_min;                              /* 0, 0x0303 or 0x0304 */
    struct strings resolve;                   /* HOST:PORT:ADDR[,ADDR] */
    struct strings connect_to;                /* H1:P1:H2:P2 */
    int family;                               /* AF_UNSPEC, AF_INET, AF_INET6 */
    const char *dns_servers;                  /* A[:PORT][,…] or NULL */
    const char *proxy; /* --proxy; NULL: as the environment variables below say; "": none */
    const char *env_https_proxy, *env_http_proxy, *env_all_proxy, *env_no_proxy; /* NULL: not set */
    struct strings deny, allow;                                                  /* CIDR[,CIDR] or @FILE */
    bool want_cert;                                                              /* fill conn.cert */
    bool want_sha256;                                                            /* fill result.sha256 */
    bool want_wire; /* hand up the bytes as they were on the wire, and payload digests */
    bool want_body; /* hand up body bytes; else they are only counted */
    bool verbose;   /* call note */
};

struct fetch_shared;
struct fetcher;

/* Checks the options and loads what all workers share. On success *ret belongs to the caller
 * (fetch_teardown). -1: `err` holds a message for a usage error (what was wrong, what to write instead), kind
 * ERROR_NONE. */
int fetch_setup(const struct fetch_config *config, struct fetch_shared **ret, struct fetch_error *err);
void fetch_teardown(struct fetch_shared *shared);

/* Files and directories that a worker may read after it has confined itself (resolver and trust lookups), as
 * a NULL-terminated list that belongs to `shared`. */
const char *const *fetch_readable_paths(const struct fetch_shared *shared);

/* Makes the first fetch over TLS cheaper in each process that is forked afterwards (tls.h, tls_warm): worth
 * its two milliseconds where many will be. */
void fetch_warm(const struct fetch_shared *shared);

/* Before any worker starts: they are `workers` threads of this process, and so one set of idle connections
 * and TLS sessions is for all of them. (A process may have been taken over by a server, and then what it says
 * about another server's session is worth nothing: processes share none.) 0, or -1 without memory. */
int fetch_share(struct fetch_shared *shared, uint32_t workers);

/* Closes the idle connections that threads share, when all of them have ended. */
void fetch_hang_up(struct fetch_shared *shared);

/* Closes the connections that are kept, for a process that ends: nothing else needs to be released then
 * (memory_may_stay). */
void fetcher_hang_up(struct fetcher *f);

/* A worker's own state; NULL for lack of memory. One thread uses it at a time. */
struct fetcher *fetcher_new(const struct fetch_shared *shared);
void fetcher_free(struct fetcher *f);

/* A parsed certificate as reports show it (X.509, RFC 5280): never changed, and held by references, since few
 * want to know it and it is large. */
struct fetch_cert {
    atomic_uint references;
    char sha256[65];                    /* lower-case hex over the DER form */
    char subject[256], issuer[256];     /* RFC 2253, cut at 255 bytes */
    char not_before[32], not_after[32]; /* RFC 3339, UTC */
    char names[2048]; /* subjectAltName DNS names and IP addresses, joined by '\n', whole names only */
};

/* One more reference; NULL is fine. Returns `cert`. */
struct fetch_cert *fetch_cert_hold(struct fetch_cert *cert);

/* One less; with the last one it is freed. NULL is fine. */
void fetch_cert_release(struct fetch_cert *cert);

/* The connection that a response (or a failure) came over. */
struct fetch_conn {
    char remote_ip[46]; /* "" where there was none */
    uint16_t remote_port;
    bool reused;          /* a kept-alive connection */
    char tls_version[12]; /* "TLSv1.3", "" for clear text or where unknown */
    char tls_cipher[48];  /* "TLS_AES_256_GCM_SHA384" */
    bool tls;             /* TLS was begun: the `tls` object is there */
    bool resumed;
    struct fetch_cert *cert; /* a reference; NULL: none, or not asked for */
};

struct fetch_head {     /* a response's head; for a hop as well */
    const char *url;    /* what was asked */
    int status;         /* 100 to 999 */
    char version[4];    /* "1.1", "1.0" */
    struct span fields; /* pack_bytes name, pack_bytes value, … as received, in order */
    uint32_t field_count;
    struct span wire_request;      /* with want_wire: as sent */
    struct span wire_response;     /* with want_wire: status line to empty line, as received */
    const char *location;          /* hop: the next URL; else NULL */
    const struct fetch_conn *conn; /* of a hop, and with want_wire; else NULL: it comes with the result */
    int64_t started_us;            /* wall clock when this request's fetch began */
};

enum fetch_cut { CUT_NONE, CUT_LENGTH, CUT_TIME, CUT_DISCONNECT }; /* WARC-Truncated */

struct fetch_result {
    struct fetch_error error; /* kind ERROR_NONE: answered */
    char *url;                /* the last one asked; malloc'd; NULL before any */
    int status;               /* 0: none */
    char version[4];
    uint64_t bytes;     /* body bytes delivered */
    uint32_t redirects; /* hops followed */
    struct fetch_conn conn;
    int64_t started_us;
    int64_t ns_dns, ns_connect, ns_tls, ns_first_byte,
        ns_total; /* durations; first_byte and total from the start */
    bool has_retry_after;
    int64_t retry_after;   /* seconds from the answer, 0 or more */
    char sha256[65];       /* "" where not asked or no body */
    char payload_sha1[33]; /* base32 of SHA-1 over the de-chunked, still coded body; "" where not asked */
    enum fetch_cut cut;
};

/* Releases `url` and the certificate of `conn`. */
void fetch_result_free(struct fetch_result *r);

/* Where a fetch hands up what it finds. Every function but `note` and `idle` may be asked to stop the fetch
 * by a return of -1 (the receiver is gone): fetch_get then ends with ERROR_CANCELLED. Pointers are valid
 * during the call. `blocked` time (a slow receiver) counts against no deadline: fetch_get measures the calls
 * itself. */
struct fetch_sink {
    int (*hop)(void *arg, const struct fetch_head *hop);
    int (*head)(void *arg, const struct fetch_head *head);
    int (*body)(void *arg, const void *data, size_t len);
    int (*wire)(void *arg, const void *data,
                size_t len);                   /* after the wire_response of the last hop or head */
    void (*note)(void *arg, const char *text); /* verbose: one step, no newline, <= 1,000 bytes */
    void (*idle)(void *arg);                   /* a wait has begun to last: pass on what is buffered */
    bool (*wake)(void *arg);                   /* wake_fd is readable; true: cancel */
    int wake_fd;                               /* -1: none */
    void *arg;
};

/* Fetches `url` (as target_put_url writes it). Never fails but through ret->error; *ret is always filled and
 * needs fetch_result_free. */
void fetch_get(struct fetcher *f, struct span url, const struct fetch_sink *sink, struct fetch_result *ret);

/* Checks one -H line: "Name: value", a token for a name, no control bytes (RFC 9110 5.5). 0, or -1 with a
 * message. */
int fetch_check_header(const char *line, struct fetch_error *err);

#endif
