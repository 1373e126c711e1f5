/* A build without libseccomp, or with a sanitizer whose runtime the filter would kill. */
#include "config.h"
#include "confine/pieces.h"

bool filter_built(void)
{
    return false;
}

bool filter_possible(void)
{
    return false;
}

int filter_compile(struct filter **ret, char *message, size_t size)
{
    (void)message;
    (void)size;
    *ret = NULL;
    return 0;
}

int filter_install(const struct filter *f, char *message, size_t size)
{
    (void)f;
    (void)message;
    (void)size;
    return 0;
}

void filter_free(struct filter *f)
{
    (void)f;
}
