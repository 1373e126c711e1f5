#include "config.h"

#include "fetch/memory.h"

#include <openssl/crypto.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/watched.h"

/* OpenSSL's functions are the process's. */
static bool installed;

/* Busy objects, while there is one thread and it may fork. The thread's own: where that lies a child writes
 * anyway. */
static _Thread_local bool gathers;

/* What OpenSSL's source files make, for a worker that is forked from here. */
enum kind {
    KIND_QUIET,  /* a worker reads it, if at all */
    KIND_BUSY,   /* a handshake counts references to it, locks it or changes it */
    KIND_METHOD, /* the same; it has a lock, made right after it, that nobody locks */
    KIND_LOCK
};

/* In a version that has other files its objects are just not apart. */
static enum kind kind_of_file(const char *file)
{
    static const struct {
        const char *name;
        enum kind kind;
    } files[] = {{"threads_pthread.c", KIND_LOCK},
                 {"digest.c", KIND_METHOD},
                 {"evp_enc.c", KIND_METHOD},
                 {"keymgmt_meth.c", KIND_METHOD},
                 {"kdf_meth.c", KIND_METHOD},
                 {"mac_meth.c", KIND_METHOD},
                 {"exchange.c", KIND_METHOD},
                 {"signature.c", KIND_METHOD},
                 {"decoder_meth.c", KIND_METHOD},
                 {"cipher_aes.c", KIND_BUSY}, /* of the random generators */
                 {"drbg.c", KIND_BUSY},
                 {"drbg_ctr.c", KIND_BUSY},
                 {"err.c", KIND_BUSY},
                 {"err_blocks.c", KIND_BUSY},
                 {"provider_core.c", KIND_BUSY},
                 {"tasn_new.c", KIND_BUSY}, /* trusted certificates and their keys */
                 {"p_lib.c", KIND_BUSY},
                 {"ec_kmeth.c", KIND_BUSY},
                 {"ssl_lib.c", KIND_BUSY}};
    const char *name = strrchr(file, '/');
    name = name ? name + 1 : file;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(name, files[i].name) == 0)
            return files[i].kind;
    return KIND_QUIET;
}

/* The same, remembered by the string's address: OpenSSL names a file by a constant. */
static enum kind kind_of(const char *file)
{
    enum { SEEN = 512 };
    static uintptr_t seen[SEEN]; /* four times the address, and the kind */
    uintptr_t key = (uintptr_t)file << 2;
    size_t at = (uint32_t)key * UINT32_C(0x9E3779B1) >> 23; /* 9 bits */
    if ((seen[at] & ~(uintptr_t)3) != key)
        seen[at] = key | kind_of_file(file);
    return (enum kind)(seen[at] & 3);
}

static bool is_busy(const char *file)
{
    static enum kind last;
    enum kind kind = kind_of(file);
    bool its_lock = kind == KIND_LOCK && last == KIND_METHOD;
    last = kind;
    return kind != KIND_QUIET && !its_lock;
}

static void *memory_alloc(size_t size, const char *file, int line)
{
    (void)line;
    return gathers && file && is_busy(file) ? arena_alloc_busy(size) : arena_alloc(size);
}

static void *memory_realloc(void *p, size_t size, const char *file, int line)
{
    return p ? arena_realloc(p, size) : memory_alloc(size, file, line);
}

static void memory_free(void *p, const char *file, int line)
{
    (void)file, (void)line;
    arena_free(p);
}

void memory_install(void)
{
    if (watched_memory())
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
