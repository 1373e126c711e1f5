/*
 * Whole messages: two bytes say where to cut, the rest is what a server sends. The reader must say the same
 * whole and cut, and not contradict the naive reader. What is longer than the naive reader takes goes to the
 * head's parser only.
 */
#include <stdio.h>
#include <stdlib.h>

#include "support/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_agree(const char *what)
{
    if (!what)
        return;
    fprintf(stderr, "the readers differ in their %s\n", what);
    abort();
}

static void compare(const unsigned char *m, size_t len, size_t cut)
{
    static struct message whole, pieces, naive;
    struct guarded page;
    guarded_init(&page, MESSAGE_MAX);
    message_read(&whole, &page, m, len, len);
    message_read(&pieces, &page, m, len, len ? cut % len : 0);
    message_read_naive(&naive, m, len);
    must_agree(message_differs(&whole, &pieces));
    must_agree(message_differs_from_naive(&whole, &naive));
    guarded_free(&page);
}

static void parse_head(struct span head)
{
    struct response r;
    struct fetch_error err;
    struct framing f;
    size_t used;
    response_init(&r);
    if (response_parse(&r, head, &used, &err) == PARSE_DONE) {
        (void)response_framing(&r, METHOD_CONNECT, &f, &err);
        (void)response_list_has(&r, "Connection", "upgrade");
    }
    response_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t cut = (size_t)data[0] << 8 | data[1];
    if (size - 2 <= MESSAGE_MAX)
        compare(data + 2, size - 2, cut);
    parse_head(span_make(data + 2, size - 2));
    return 0;
}
