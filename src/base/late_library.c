#include "base/late_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool settled;

static bool set_pointers(const struct late_library *l, void *handle, char *why)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct late_function *f = &l->functions[i];
        void *found = dlsym(handle, f->name);
        if (!found) {
            (void)snprintf(why, LATE_WHY_MAX, "%s has no %s", l->file, f->name);
            return false;
        }
        memcpy(f->pointer, &found, sizeof found); /* a pointer to a function has room in it (dlsym(3)) */
    }
    return true;
}

static bool load(const struct late_library *l, char *why)
{
    if (settled) {
        (void)snprintf(why, LATE_WHY_MAX, "%s was not loaded before the process was confined", l->file);
        return false;
    }
    void *handle = dlopen(l->file, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *said = dlerror();
        (void)snprintf(why, LATE_WHY_MAX, "%s", said ? said : l->file);
        return false;
    }
    bool good = set_pointers(l, handle, why);
    if (!good)
        (void)dlclose(handle);
    return good;
}

bool late_library_load(struct late_library *l, char *why)
{
    (void)pthread_mutex_lock(&lock);
    bool good = l->loaded = l->loaded || load(l, why);
    (void)pthread_mutex_unlock(&lock);
    return good;
}

void late_libraries_settle(void)
{
    (void)pthread_mutex_lock(&lock);
    settled = true;
    (void)pthread_mutex_unlock(&lock);
}
