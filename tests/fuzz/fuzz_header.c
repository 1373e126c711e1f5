/* A line of -H: what is accepted can be split, and nothing that ends a line is in it. */
#include <stdint.h>
#include <stdlib.h>

#include "fetch/fetch.h"
#include "fetch/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = strndup((const char *)data, size);
    struct fetch_error err;
    struct span name, value;
    must(line != NULL);
    if (fetch_check_header(line, &err) == 0) {
        enum header_form form = header_split(line, &name, &value);
        must(name.len > 0 && (value.len > 0) == (form == HEADER_SET));
        for (size_t i = 0; i < value.len; i++)
            must(value.data[i] >= ' ' || value.data[i] == '\t');
        for (size_t i = 0; i < name.len; i++)
            must(name.data[i] > ' ' && name.data[i] < 0x7F && name.data[i] != ':');
    } else {
        must(err.message[0] != 0);
    }
    free(line);
    return 0;
}
