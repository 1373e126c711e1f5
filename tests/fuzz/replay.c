/*
 * What stands in for libFuzzer where there is none: gives each file of a corpus to the fuzz target, in front
 * of a protected page. fuzz_STEM             the target's own corpus, $TOP_SRCDIR/tests/fuzz/corpus/STEM
 *   fuzz_STEM PATH…       these files and directories
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "support/guarded.h"

enum { INPUT_MAX = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    static unsigned char input[INPUT_MAX];
    struct guarded page;
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    size_t len = fread(input, 1, sizeof input, f);
    fclose(f);
    fprintf(stderr, "%s\n", path); /* the last line names the input that killed the program */
    guarded_init(&page, len);
    struct span in = guarded_put(&page, input, len);
    (void)LLVMFuzzerTestOneInput(in.data, in.len);
    guarded_free(&page);
    return 1;
}

/* How many files were replayed. */
static int replay(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;
    if (!dir)
        return replay_file(path);
    for (const struct dirent *e; (e = readdir(dir));) {
        char *file;
        if (e->d_name[0] == '.')
            continue;
        if (asprintf(&file, "%s/%s", path, e->d_name) < 0)
            abort();
        count += replay_file(file);
        free(file);
    }
    closedir(dir);
    return count;
}

static int replay_own(const char *program)
{
    const char *top = getenv("TOP_SRCDIR"), *base = strrchr(program, '/');
    char *path;
    base = base ? base + 1 : program;
    if (strncmp(base, "fuzz_", 5) == 0)
        base += 5;
    if (asprintf(&path, "%s/tests/fuzz/corpus/%s", top ? top : ".", base) < 0)
        abort();
    int count = replay(path);
    free(path);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    if (argc < 2)
        count = replay_own(argv[0]);
    for (int i = 1; i < argc; i++)
        count += replay(argv[i]);
    printf("%d inputs\n", count);
    return count ? EXIT_SUCCESS : EXIT_FAILURE;
}
