#include "fetch/error.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name;
    bool retryable;
} kinds[ERROR_KINDS] = {
    [ERROR_NONE] = {"ok", false},
    [ERROR_INVALID_TARGET] = {"invalid-target", false},
    [ERROR_DNS] = {"dns", true},
    [ERROR_CONNECT] = {"connect", true},
    [ERROR_TIMEOUT] = {"timeout", true},
    [ERROR_TLS] = {"tls", false},
    [ERROR_CERTIFICATE] = {"certificate", false},
    [ERROR_HTTP] = {"http", false},
    [ERROR_TRUNCATED] = {"truncated", false},
    [ERROR_TOO_LARGE] = {"too-large", false},
    [ERROR_TOO_MANY_REDIRECTS] = {"too-many-redirects", false},
    [ERROR_PROXY] = {"proxy", true},
    [ERROR_HTTP_STATUS] = {"http-status", false},
    [ERROR_DENIED] = {"denied", false},
    [ERROR_WORKER_DIED] = {"worker-died", true},
    [ERROR_CANCELLED] = {"cancelled", false},
    [ERROR_OUTPUT] = {"output", false},
};

static const char *const phases[PHASES] = {
    [PHASE_DNS] = "dns",   [PHASE_CONNECT] = "connect", [PHASE_PROXY] = "proxy", [PHASE_TLS] = "tls",
    [PHASE_SEND] = "send", [PHASE_HEADERS] = "headers", [PHASE_BODY] = "body",
};

int error_set(struct fetch_error *err, enum error_kind kind, enum error_phase phase, const char *format, ...)
{
    va_list args;
    err->kind = kind;
    err->phase = phase;
    err->final = false;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return -1;
}

const char *error_kind_name(enum error_kind kind)
{
    return kind < ERROR_KINDS ? kinds[kind].name : "unknown";
}

bool error_retryable(const struct fetch_error *err)
{
    return err->kind < ERROR_KINDS && kinds[err->kind].retryable && !err->final;
}

bool status_retryable(int status)
{
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

const char *error_phase_name(enum error_phase phase)
{
    return phase < PHASES ? phases[phase] : NULL;
}

int error_put(struct buffer *b, const struct fetch_error *err)
{
    return pack_u8(b, (uint8_t)err->kind) < 0 || pack_u8(b, (uint8_t)err->phase) < 0 ||
                   pack_u8(b, err->final) < 0 || pack_string(b, err->message) < 0
               ? -1
               : 0;
}

void error_get(struct unpack *u, struct fetch_error *ret_err)
{
    unsigned kind = unpack_u8(u), phase = unpack_u8(u);
    ret_err->final = unpack_u8(u) != 0;
    unpack_string(u, ret_err->message, sizeof ret_err->message);
    if (kind >= ERROR_KINDS || phase >= PHASES)
        u->bad = true;
    ret_err->kind = u->bad ? ERROR_NONE : (enum error_kind)kind;
    ret_err->phase = u->bad ? PHASE_NONE : (enum error_phase)phase;
}
