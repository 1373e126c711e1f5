/*
 * The inside of a fetch, shared by the files it is written in: setup.c (what all workers share, a worker's
 * own state), connect.c (from a target to a stream), exchange.c (a request and its response), get.c
 * (redirects and the result).
 */
#ifndef PFETCH_FETCH_FETCHER_H
#define PFETCH_FETCH_FETCHER_H

#include "base/buffer.h"
#include "fetch/addresses.h"
#include "fetch/dial.h"
#include "fetch/fetch.h"
#include "fetch/idle.h"
#include "fetch/overrides.h"
#include "fetch/proxy.h"
#include "fetch/resolver.h"
#include "fetch/response.h"
#include "fetch/sessions.h"
#include "fetch/stream.h"
#include "fetch/tls.h"

enum { READ_SIZE = 32 * 1024, ADDRESSES_MAX = OVERRIDES_ADDRESSES_MAX };

struct fetch_shared {
    struct fetch_config config;
    struct resolver_settings *resolver;
    struct tls_client *tls;
    struct overrides *overrides;
    struct addresses *deny, *allow; /* NULL: not given */
    struct proxy_settings *proxies;
    struct sessions *sessions; /* of all workers, if they are threads; else NULL, and each has its own … */
    struct idle *idle;         /* … as of these */
    char **trusted;            /* what verification may still read */
    const char **readable;     /* for fetch_readable_paths; NULL-terminated */
};

struct fetcher {
    const struct fetch_shared *shared;
    struct resolver *resolver;
    struct sessions *sessions;
    struct idle *idle;
    struct buffer in;      /* bytes read and not yet used; empty between fetches */
    struct buffer request; /* the request at hand */
    struct response response;
};

/* One fetch under way. */
struct get {
    struct fetcher *f;
    const struct fetch_config *config;
    const struct fetch_sink *sink;
    struct wait wait;
    struct fetch_result *result;
    struct target first, now; /* what was asked for, and what is asked at present */
    int64_t start;            /* ns */
    bool left_origin;         /* a redirect has led to another origin: credentials are not sent any more */
    bool gone;                /* the sink wants no more */
};

/* Verbose: one step. */
__attribute__((format(printf, 2, 3))) void get_note(struct get *g, const char *format, ...);

/* The time from `since` (by deadline_coarse) until now was the receiver's: it counts against no deadline. */
void get_give_back(struct get *g, int64_t since);

/* connect.c: a connection to `g->now`, kept alive from before (unless `fresh`) or new. *ret_connection
 * belongs to the caller (connection_free or idle_put). Fills g->result->conn and its times. 0, or -1 with
 * `err`. */
int get_connect(struct get *g, bool fresh, struct connection **ret_connection, struct fetch_error *err);

/* How an exchange ended. */
enum exchange_end {
    EXCHANGE_DONE,     /* answered; the body has been handed over */
    EXCHANGE_REDIRECT, /* a hop has been handed over; *ret_next is where to */
    EXCHANGE_STALE,    /* a kept-alive connection died before a byte of response: try a new one */
    EXCHANGE_FAILED
};

/* exchange.c: sends the request for g->now over `c` (taken) and handles its response. */
enum exchange_end get_exchange(struct get *g, struct connection *c, struct target *ret_next,
                               struct fetch_error *err);

/* request.c: the bytes of the request for g->now. `absolute`: for a proxy, `authorization` its credentials
 * (may be NULL). */
int request_build(struct buffer *b, const struct get *g, bool absolute, const char *authorization);

/* True if a -H line says that the connection ends with the answer: nothing may be asked over it then (RFC
 * 9112 9.6). */
bool request_says_close(const struct get *g);

#endif
