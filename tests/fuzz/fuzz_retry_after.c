/* Retry-After: a number or a date, never negative, and the same from where the clock stands. */
#include <stdint.h>
#include <stdlib.h>

#include "fetch/retry_after.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { NOW = 1700000000, LATER = 5 };
    int64_t first, second;
    struct span value = span_make(data, size);
    int a = retry_after_parse(value, NOW, &first), b = retry_after_parse(value, NOW + LATER, &second);
    if (a != b)
        abort();
    if (a == 0 && (first < 0 || second < 0 || second > first || first - second > LATER))
        abort();
    return 0;
}
