/* A line of input, and the same bytes as a URL: what is accepted must be sane and mean the same when read
 * again. */
#include "support/sane_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct target t;
    struct fetch_error err;
    struct span line = span_make(data, size);
    if (target_parse(&t, line, "/a?b", &err) == 0) {
        sane_target(&t);
        must(!t.bare || strcmp(t.path, "/a?b") == 0, "a bare host's path");
        target_free(&t);
    } else {
        must(err.kind == ERROR_INVALID_TARGET && err.message[0], "what a line is refused for");
        must(target_shard(NULL, line, 1) == 1, "shard");
    }
    if (target_parse_url(&t, line, &err) == 0) {
        sane_target(&t);
        target_free(&t);
    }
    return 0;
}
