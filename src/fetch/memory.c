#include "config.h"

#include "fetch/memory.h"

#include <openssl/crypto.h>

#include "base/arena.h"

static void *memory_alloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return arena_alloc(size);
}

static void *memory_realloc(void *p, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return arena_realloc(p, size);
}

static void memory_free(void *p, const char *file, int line)
{
    (void)file, (void)line;
    arena_free(p);
}

/* OpenSSL's functions are the process's. */
static bool installed;

void memory_install(void)
{
    if (!arena_wanted())
        return;
    if (CRYPTO_set_mem_functions(memory_alloc, memory_realloc, memory_free) == 1)
        installed = true;
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

bool memory_may_stay(void)
{
    return installed;
}

void memory_fresh(size_t size)
{
    if (installed)
        arena_fresh(size);
}
