#include "config.h"

#include "base/watched.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED true
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

bool watched_memory(void)
{
    static const char *const tools[] = {"memcheck", "helgrind", "drd", "massif", "dhat"};
    const char *preload = getenv("LD_PRELOAD");
    const char *valgrind = preload ? strstr(preload, "vgpreload_") : NULL;
    for (size_t i = 0; valgrind && i < sizeof tools / sizeof *tools; i++)
        if (strstr(valgrind, tools[i]))
            return true;
    return SANITIZED;
}
