#include "config.h"

#include "output/directory_run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static const char prefix[] = ".pfetch-";

enum { PREFIX = sizeof prefix - 1, ID_END = PREFIX + DIRECTORY_RUN_ID };

static void lock_name(char into[DIRECTORY_RUN_NAME], const char *id)
{
    snprintf(into, DIRECTORY_RUN_NAME, "%s%.*s.lock", prefix, DIRECTORY_RUN_ID, id);
}

void directory_run_temporary(const struct directory_run *run, uint64_t number,
                             char ret_name[DIRECTORY_RUN_NAME])
{
    snprintf(ret_name, DIRECTORY_RUN_NAME, "%s%s-%" PRIu64 ".tmp", prefix, run->id, number);
}

/* What a name is. */
enum kind { KIND_OTHER, KIND_LOCK, KIND_TEMPORARY };

static enum kind name_kind(const char *name)
{
    if (strncmp(name, prefix, PREFIX) != 0 || strspn(name + PREFIX, "0123456789abcdef") != DIRECTORY_RUN_ID)
        return KIND_OTHER;
    const char *rest = name + ID_END;
    if (strcmp(rest, ".lock") == 0)
        return KIND_LOCK;
    if (*rest != '-')
        return KIND_OTHER;
    size_t digits = strspn(rest + 1, "0123456789");
    return digits && strcmp(rest + 1 + digits, ".tmp") == 0 ? KIND_TEMPORARY : KIND_OTHER;
}

static bool is_alive(int dir, const char *id)
{
    char name[DIRECTORY_RUN_NAME];
    lock_name(name, id);
    int fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno != ENOENT;
    bool alive = flock(fd, LOCK_EX | LOCK_NB) < 0;
    close(fd);
    return alive;
}

/* Removes the files of one kind of all dead runs. */
static void sweep(struct directory_run *run, DIR *entries, enum kind kind)
{
    char last[DIRECTORY_RUN_ID + 1] = "";
    bool alive = false;
    rewinddir(entries);
    for (const struct dirent *e; (e = readdir(entries));) {
        if (name_kind(e->d_name) != kind || memcmp(e->d_name + PREFIX, run->id, DIRECTORY_RUN_ID) == 0)
            continue;
        if (memcmp(last, e->d_name + PREFIX, DIRECTORY_RUN_ID) != 0) {
            memcpy(last, e->d_name + PREFIX, DIRECTORY_RUN_ID);
            alive = is_alive(run->dir, last);
        }
        if (alive)
            run->others = true;
        else
            unlinkat(run->dir, e->d_name, 0);
    }
}

/* Files first: as long as one is there, its run's lock is. */
static void clean_up(struct directory_run *run)
{
    int fd = openat(run->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (!entries) {
        if (fd >= 0)
            close(fd);
        return;
    }
    sweep(run, entries, KIND_TEMPORARY);
    sweep(run, entries, KIND_LOCK);
    closedir(entries);
}

static int make_id(char id[DIRECTORY_RUN_ID + 1])
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return -1;
    snprintf(id, DIRECTORY_RUN_ID + 1, "%016" PRIx64, random);
    return 0;
}

/* One try: 1 if the lock is ours, 0 if another run swept the file away before it was locked, -1 with errno.
 */
static int make_lock(struct directory_run *run)
{
    char name[DIRECTORY_RUN_NAME];
    struct stat st;
    if (make_id(run->id) < 0)
        return -1;
    lock_name(name, run->id);
    run->lock = openat(run->dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (run->lock < 0)
        return errno == EEXIST ? 0 : -1;
    (void)flock(run->lock, LOCK_EX); /* where there are no locks, leftovers stay */
    if (fstat(run->lock, &st) == 0 && st.st_nlink > 0) {
        run->before = st.st_ctim;
        return 1;
    }
    close(run->lock);
    run->lock = -1;
    return 0;
}

int directory_run_enter(struct directory_run *run, int dir)
{
    int r;
    *run = (struct directory_run){.dir = dir, .lock = -1};
    while ((r = make_lock(run)) == 0)
        continue;
    if (r < 0)
        return -1;
    clean_up(run);
    return 0;
}

void directory_run_leave(struct directory_run *run)
{
    char name[DIRECTORY_RUN_NAME];
    if (run->lock < 0)
        return;
    lock_name(name, run->id);
    unlinkat(run->dir, name, 0);
    close(run->lock);
    run->lock = -1;
}
