/*
 * What can go wrong with a target: one plain value that crosses pipes and threads as it is, and one table of
 * kinds that feeds the reports, the summary and the check of the manual.
 */
#ifndef PFETCH_FETCH_ERROR_H
#define PFETCH_FETCH_ERROR_H

#include <stdbool.h>
#include "base/pack.h"

enum error_kind {
    ERROR_NONE,
    ERROR_INVALID_TARGET,     /* the line is no target */
    ERROR_DNS,                /* the name has no address, or no resolver answered */
    ERROR_CONNECT,            /* no TCP connection */
    ERROR_TIMEOUT,            /* --timeout, --connect-timeout or --max-time passed; the phase says where */
    ERROR_TLS,                /* the handshake failed, its EOF or reset included */
    ERROR_CERTIFICATE,        /* the handshake failed because verification did */
    ERROR_HTTP,               /* bytes that are no valid message */
    ERROR_TRUNCATED,          /* the connection ended after the request and before the whole message */
    ERROR_TOO_LARGE,          /* more than --max-size */
    ERROR_TOO_MANY_REDIRECTS, /* more than --max-redirs */
    ERROR_PROXY,              /* the proxy's fault */
    ERROR_HTTP_STATUS,        /* --fail and a status >= 400 */
    ERROR_DENIED,             /* --deny or --allow, or a redirect that is refused */
    ERROR_WORKER_DIED,        /* the worker ended, hung or broke the protocol */
    ERROR_CANCELLED,          /* a signal or --halt */
    ERROR_OUTPUT,             /* the result could not be written */
    ERROR_KINDS
};

enum error_phase {
    PHASE_NONE,
    PHASE_DNS,
    PHASE_CONNECT,
    PHASE_PROXY,
    PHASE_TLS,
    PHASE_SEND,
    PHASE_HEADERS,
    PHASE_BODY,
    PHASES
};

enum { ERROR_MESSAGE_MAX = 400 };

struct fetch_error {
    enum error_kind kind;
    enum error_phase phase;
    bool final; /* not retried though its kind is retryable (a name that does not exist, a proxy's refusal) */
    char message[ERROR_MESSAGE_MAX]; /* for people; may hold bytes from the network: escape before printing */
};

/* No error. */
static inline void error_clear(struct fetch_error *err)
{
    err->kind = ERROR_NONE;
    err->phase = PHASE_NONE;
    err->final = false;
    err->message[0] = 0;
}

/* Fills `err` (cut at ERROR_MESSAGE_MAX - 1 bytes) and returns -1, so that a failing function can return it.
 */
__attribute__((format(printf, 4, 5))) int error_set(struct fetch_error *err, enum error_kind kind,
                                                    enum error_phase phase, const char *format, ...);

/* The kind's name as reports spell it ("invalid-target"); "ok" for ERROR_NONE. Never NULL. */
const char *error_kind_name(enum error_kind kind);

/* True if --retry tries it again (timeouts, DNS and connect failures, a proxy's ones, dead workers), unless
 * err->final. */
bool error_retryable(const struct fetch_error *err);

/* A status that --retry tries again (408, 429, 500, 502, 503, 504). */
bool status_retryable(int status);

/* The phase's name as reports spell it ("dns"), or NULL for PHASE_NONE. */
const char *error_phase_name(enum error_phase phase);

/* Encodes and decodes one. A kind or phase out of range is bad. */
int error_put(struct buffer *b, const struct fetch_error *err);
void error_get(struct unpack *u, struct fetch_error *ret_err);

#endif
