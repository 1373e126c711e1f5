#include "config.h"

#include "options_parse.h"

#include <ares.h>
#include <openssl/crypto.h>
#include <zlib.h>

#include "confine/confine.h"
#include "fetch/host.h"

#ifdef HAVE_BROTLI
#define WITH_BROTLI '+'
#else
#define WITH_BROTLI '-'
#endif
#ifdef HAVE_ZSTD
#define WITH_ZSTD '+'
#else
#define WITH_ZSTD '-'
#endif
#ifdef ENABLE_THIN_PROVIDER
#define WITH_THIN_PROVIDER '+'
#else
#define WITH_THIN_PROVIDER '-'
#endif

/* What this build and this kernel can do together, a word a piece. */
static void print_sandbox(FILE *out, const struct confine_support *support)
{
    fputs("sandbox here:", out);
    for (int i = 0; i < CONFINE_PIECES; i++) {
        enum confine_piece piece = (enum confine_piece)i;
        bool works = support->built[piece] && support->kernel[piece];
        fprintf(out, " %c%s", works ? '+' : '-', confine_piece_name(piece));
        if (works && piece == CONFINE_LANDLOCK)
            fprintf(out, "(ABI %d)", support->landlock_abi);
        else if (!works)
            fprintf(out, "(%s)", support->built[piece] ? "not in this kernel" : "not in this build");
    }
    fputc('\n', out);
}

void options_print_version(FILE *out)
{
    struct confine_support support;
    confine_probe(&support);
    fprintf(out, "%s %s\n", PACKAGE_NAME, PACKAGE_VERSION);
    const char *idn2 = host_idn_version();
    fprintf(out, "%s, c-ares %s, libidn2 %s, zlib %s\n", OpenSSL_version(OPENSSL_VERSION), ares_version(NULL),
            idn2 ? idn2 : "(missing)", zlibVersion());
    fprintf(out, "features: %cbrotli %czstd %cseccomp %cthin-provider\n", WITH_BROTLI, WITH_ZSTD,
            support.built[CONFINE_SECCOMP] ? '+' : '-', WITH_THIN_PROVIDER);
    print_sandbox(out, &support);
}
