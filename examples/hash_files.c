/*
 * hash_files FILE...: SHA-256 of each file, computed by a pool of four processes, as sha256sum(1) prints it.
 * A file that cannot be read, and one whose worker died, costs nothing but its own line.
 *
 *     cc hash_files.c -o hash_files $(pkg-config --cflags --libs libpfetch libcrypto)
 */
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pfetch/executor.h>

/* --- in a worker --- */

/* The file's digest as text: 0, or -1 with errno. */
static int hash_file(const char *name, char *text)
{
    unsigned char block[64 * 1024], digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    size_t n;
    FILE *f = fopen(name, "rb");
    if (!f)
        return -1;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    (void)EVP_DigestInit_ex(md, EVP_sha256(), NULL);
    while ((n = fread(block, 1, sizeof block, f)) > 0)
        (void)EVP_DigestUpdate(md, block, n);
    int failed = ferror(f) ? errno : 0;
    (void)EVP_DigestFinal_ex(md, digest, &len);
    EVP_MD_CTX_free(md);
    (void)fclose(f);
    for (unsigned i = 0; i < len; i++)
        (void)sprintf(text + 2 * (size_t)i, "%02x", digest[i]);
    errno = failed;
    return failed ? -1 : 0;
}

/* The task is a file name; its end is the digest, or it is preceded by a note. */
static void hash_task(void *state, const void *task, size_t len, struct emitter *out)
{
    char text[2 * EVP_MAX_MD_SIZE + 1] = "";
    char *name = strndup(task, len);
    (void)state;
    if (!name || hash_file(name, text) < 0) {
        (void)emitter_note(out, strerror(errno));
        (void)emitter_end(out, "", 0);
    } else {
        (void)emitter_end(out, text, strlen(text));
    }
    free(name);
}

/* --- in the caller --- */

struct hashes {
    char **names; /* task n is names[n - 1] */
    int status;
};

static void on_event(void *arg, const struct executor_event *event)
{
    struct hashes *h = arg;
    const char *name = event->task ? h->names[event->task - 1] : "hash_files";
    switch (event->type) {
    case EXECUTOR_END:
        if (event->len)
            printf("%.*s  %s\n", (int)event->len, (const char *)event->data, name);
        break;
    case EXECUTOR_NOTE:
    case EXECUTOR_LOST:
    case EXECUTOR_WARNING:
        fprintf(stderr, "%s: %.*s\n", name, (int)event->len, (const char *)event->data);
        h->status = 1;
        break;
    default:
        break;
    }
}

int main(int argc, char **argv)
{
    struct hashes h = {argv + 1, 0};
    struct executor_options options = EXECUTOR_OPTIONS_INIT;
    char message[128];
    options.max_workers = 4;
    options.task = hash_task;
    struct executor *x = executor_new(&options, message, sizeof message);
    if (!x) {
        fprintf(stderr, "hash_files: %s\n", message);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        struct executor_submission s = {
            .task = (uint64_t)i, .data = argv[i], .len = strlen(argv[i]), .limit = INT64_MAX};
        while (executor_room(x) == 0) /* results come while there is more to submit */
            if (executor_poll(x, -1, on_event, &h) < 0)
                break;
        if (executor_submit(x, &s) < 0) {
            fprintf(stderr, "hash_files: %s: %s\n", argv[i], strerror(errno));
            h.status = 1;
        }
    }
    if (executor_shutdown(x, EXECUTOR_WAIT, INT64_MAX, on_event, &h) < 0)
        h.status = 2;
    executor_free(x);
    return h.status;
}
