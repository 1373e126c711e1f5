/* A Location field's value: the first line is the base, the rest the reference. */
#include "support/sane_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct target base, t;
    struct fetch_error err;
    const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
    if (!newline)
        return 0;
    size_t n = (size_t)(newline - data);
    if (target_parse(&base, span_make(data, n), "/", &err) < 0)
        return 0;
    if (target_resolve(&t, &base, span_make(newline + 1, size - n - 1), &err) == 0) {
        must(!t.bare, "a redirect to a bare host");
        sane_target(&t);
        target_free(&t);
    } else {
        must((err.kind == ERROR_HTTP || err.kind == ERROR_DENIED) && err.phase == PHASE_HEADERS,
             "what a reference is refused for");
    }
    target_free(&base);
    return 0;
}
