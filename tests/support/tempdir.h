/* A directory for a test's files. For tests only: what fails ends the program. */
#ifndef PFETCH_TESTS_TEMPDIR_H
#define PFETCH_TESTS_TEMPDIR_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tempdir {
    char path[64];
    char file[192]; /* of the last tempdir_file */
};

static inline void tempdir_init(struct tempdir *d)
{
    const char *base = access("/tmp", W_OK) == 0 ? "/tmp" : ".";
    snprintf(d->path, sizeof d->path, "%s/pfetch-test-XXXXXX", base);
    if (!mkdtemp(d->path)) {
        perror("mkdtemp");
        abort();
    }
}

/* The path of `name` in the directory, valid until the next call. */
static inline const char *tempdir_file(struct tempdir *d, const char *name)
{
    snprintf(d->file, sizeof d->file, "%s/%s", d->path, name);
    return d->file;
}

/* Removes the directory and the files in it. */
static inline void tempdir_free(struct tempdir *d)
{
    DIR *dir = opendir(d->path);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(dir), e->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(d->path);
}

#endif
