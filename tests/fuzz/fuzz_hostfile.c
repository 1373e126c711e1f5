/* A table of hosts: each word of it is looked up; what is found is of the family asked for. */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>

#include "fetch/hostfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 4, WORD_MAX = 300 };

static void look_up(const struct hostfile *h, const char *word)
{
    struct address all[MOST], four[MOST], six[MOST];
    size_t n = hostfile_lookup(h, word, AF_UNSPEC, all, MOST);
    size_t n4 = hostfile_lookup(h, word, AF_INET, four, MOST);
    size_t n6 = hostfile_lookup(h, word, AF_INET6, six, MOST);
    if (n > MOST || n4 > MOST || n6 > MOST || n > n4 + n6 || (n < MOST && n != n4 + n6))
        abort();
    for (size_t i = 0; i < n4; i++)
        if (four[i].family != AF_INET)
            abort();
    for (size_t i = 0; i < n6; i++)
        if (six[i].family != AF_INET6)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hostfile *h = hostfile_parse(span_make(data, size));
    char word[WORD_MAX + 1];
    size_t len = 0;
    if (!h)
        abort();
    for (size_t i = 0; i <= size; i++) {
        bool part = i < size && data[i] && !isspace(data[i]);
        if (part && len < WORD_MAX)
            word[len++] = (char)data[i];
        if (part)
            continue;
        word[len] = 0;
        if (len)
            look_up(h, word);
        len = 0;
    }
    hostfile_free(h);
    return 0;
}
