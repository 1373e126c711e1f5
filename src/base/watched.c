#include "config.h"

#include "base/watched.h"

#include <stdatomic.h>
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

static bool by_valgrind(void)
{
    static const char *const tools[] = {"memcheck", "helgrind", "drd", "massif", "dhat"};
    const char *preload = getenv("LD_PRELOAD");
    const char *valgrind = preload ? strstr(preload, "vgpreload_") : NULL;
    for (size_t i = 0; valgrind && i < sizeof tools / sizeof *tools; i++)
        if (strstr(valgrind, tools[i]))
            return true;
    return false;
}

bool watched_memory(void)
{
    static atomic_int known; /* 0: not yet; else 1, or 2 for yes */
    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == 0) {
        answer = SANITIZED || by_valgrind() ? 2 : 1;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == 2;
}
