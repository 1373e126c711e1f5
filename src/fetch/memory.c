#include "config.h"

#include "fetch/memory.h"

#include <openssl/crypto.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"

/* OpenSSL's functions are the process's. */
static bool installed;
static bool gathers; /* busy objects, while there is one thread and it may fork */

/* The objects that a handshake only counts references to or locks, by the source file of OpenSSL's that makes
 * them: methods of algorithms, locks, random generators, the error queue, trusted certificates and their
 * keys. In a version that has other files they are just not apart. */
static bool makes_busy(const char *file)
{
    static const char *const names[] = {
        "threads_pthread.c", "digest.c",    "evp_enc.c",      "keymgmt_meth.c", "kdf_meth.c", "mac_meth.c",
        "exchange.c",        "signature.c", "decoder_meth.c", "drbg.c",         "drbg_ctr.c", "err.c",
        "err_blocks.c",      "tasn_new.c",  "p_lib.c",        "ec_kmeth.c",     "ssl_lib.c"};
    const char *name = strrchr(file, '/');
    name = name ? name + 1 : file;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* The same, remembered by the string's address: OpenSSL names a file by a constant. */
static bool is_busy(const char *file)
{
    enum { SEEN = 512 };
    static uintptr_t seen[SEEN]; /* twice the address, and 1 if it is */
    uintptr_t twice = (uintptr_t)file << 1;
    size_t at = (uint32_t)twice * UINT32_C(0x9E3779B1) >> 23; /* 9 bits */
    if (seen[at] >> 1 << 1 != twice)
        seen[at] = twice | makes_busy(file);
    return seen[at] & 1;
}

static void *memory_alloc(size_t size, const char *file, int line)
{
    (void)line;
    return gathers && file && is_busy(file) ? arena_alloc_busy(size) : arena_alloc(size);
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

void memory_install(void)
{
    if (!arena_wanted())
        return;
    if (CRYPTO_set_mem_functions(memory_alloc, memory_realloc, memory_free) == 1)
        installed = gathers = true;
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

bool memory_may_stay(void)
{
    return installed;
}

void memory_spread(void)
{
    gathers = false;
    if (installed)
        arena_share();
}

void memory_pass_on(void)
{
    if (installed)
        arena_pass_on();
}

void memory_fresh(size_t size)
{
    gathers = false;
    if (installed)
        arena_fresh(size);
}
