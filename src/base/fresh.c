#include "config.h"

#include "base/fresh.h"

#include <stdlib.h>

/* mallinfo2 came with glibc 2.33. Under sanitizers malloc is another one, without holes of that kind. */
#if defined __linux__ && defined __GLIBC__ && !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
#if __GLIBC_PREREQ(2, 33)
#define HAVE_FRESH
#endif
#endif

#ifdef HAVE_FRESH

#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ /* Linux 5.14 */
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

enum {
    HOLE_MOST = 64 * 1024, /* larger ones are too few to matter */
    HOLE_FINE = 2040,      /* up to here each size of malloc's chunks has its list … */
    HOLE_STEP = 16,        /* … and they are so far apart */
    HOLE_LEAST = 24,
    TOP = 512 * 1024,        /* of heap behind all holes, for a child to start with */
    LARGE = 4 * 1024 * 1024, /* what is larger gets a mapping of its own */
    WINDOW = 64 * 1024,      /* a fault gets the pages around it, as far as the file's are in memory */
    WINDOWS = 512,
};

/* What is in the holes: never given back, since that's what it is there for. */
struct filling {
    struct filling *next;
};

static struct {
    bool prepared;
    struct filling *fillings;
    void *windows[WINDOWS]; /* of code and constants: a page in each that this process has used */
    size_t window_count;
} fresh;

static uintptr_t page_size(void)
{
    return (uintptr_t)sysconf(_SC_PAGESIZE);
}

/* Where the untouched end of the heap begins. */
static uintptr_t heap_top(void)
{
    return (uintptr_t)sbrk(0) - mallinfo2().keepcost;
}

/* Takes all holes that hold `size` bytes, but of at most `most` bytes together: with another malloc than
 * libc's there may be no end of them. Returns what is left of `most`. */
static size_t fill_holes(size_t size, uintptr_t top, size_t most)
{
    struct filling *hole = NULL;
    while (most >= size && (hole = malloc(size)) && (uintptr_t)hole < top) {
        hole->next = fresh.fillings;
        fresh.fillings = hole;
        hole = NULL;
        most -= size;
    }
    /* The last one is the end's first. A small one would go into a cache, a large one goes back to the end.
     */
    void *large = hole ? realloc(hole, HOLE_FINE) : NULL;
    free(large ? large : hole);
    return most;
}

/* Those that a fetch runs through; the program itself has no name. */
static bool is_used(const char *library)
{
    return !*library || strstr(library, "/libc.so") || strstr(library, "/libcrypto.so") ||
           strstr(library, "/libssl.so");
}

/* A page from `from` to `end`, not more than a window, that is in this process's page table, as
 * /proc/self/pagemap tells; the first where that can't be known, 0 if there is none. */
static uintptr_t mapped_page(int pagemap, uintptr_t from, uintptr_t end)
{
    static const uint64_t present = UINT64_C(1) << 63;
    uint64_t entries[WINDOW / 4096]; /* a page is not smaller */
    const uintptr_t page = page_size();
    size_t n = (end - from + page - 1) / page;
    if (pread(pagemap, entries, n * sizeof *entries, (off_t)(from / page * sizeof *entries)) !=
        (ssize_t)(n * sizeof *entries))
        return from;
    while (n > 0 && !(entries[n - 1] & present))
        n--;
    return n > 0 ? from + (n - 1) * page : 0;
}

static int note_windows(struct dl_phdr_info *info, size_t size, void *pagemap)
{
    const uintptr_t page = page_size();
    (void)size;
    for (int i = 0; is_used(info->dlpi_name) && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        /* What begins with the file and is no code is for the dynamic linker, which is done. */
        bool linkers = p->p_offset == 0 && !(p->p_flags & PF_X);
        if (p->p_type != PT_LOAD || p->p_flags & PF_W || linkers)
            continue;
        uintptr_t from = (info->dlpi_addr + p->p_vaddr) & ~(page - 1), next;
        uintptr_t end = info->dlpi_addr + p->p_vaddr + p->p_memsz;
        for (; from < end && fresh.window_count < WINDOWS; from = next) {
            next = (from | (WINDOW - 1)) + 1;
            uintptr_t used = mapped_page(*(const int *)pagemap, from, next < end ? next : end);
            if (used)
                fresh.windows[fresh.window_count++] = (void *)used;
        }
    }
    return 0;
}

void fresh_prepare(void)
{
    if (fresh.prepared)
        return;
    fresh.prepared = true;
    /* Else the end would be given back as soon as it is there. As soon as one of the two is set, libc no
     * longer sets either by what it sees: with the threshold of the start each body in memory would be mapped
     * anew. */
    (void)mallopt(M_TRIM_THRESHOLD, 2 * LARGE);
    (void)mallopt(M_MMAP_THRESHOLD, LARGE);
    (void)mallopt(M_TOP_PAD, TOP);
    uintptr_t top = heap_top();
    size_t most = mallinfo2().fordblks + HOLE_MOST; /* some holes aren't counted there */
    for (size_t size = HOLE_MOST; size > HOLE_FINE; size -= size / 8)
        most = fill_holes(size, top, most);
    for (size_t size = HOLE_FINE; size >= HOLE_LEAST; size -= HOLE_STEP)
        most = fill_holes(size, top, most);
    void *volatile end = malloc(TOP); /* a child shall find it there, and need not ask for one */
    free(end);
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    (void)dl_iterate_phdr(note_windows, &pagemap);
    if (pagemap >= 0)
        (void)close(pagemap);
}

void fresh_code(void)
{
    const size_t page = page_size();
    for (size_t i = 0; i < fresh.window_count; i++)
        (void)madvise(fresh.windows[i], page, MADV_POPULATE_READ);
}

void fresh_begin(size_t size)
{
    if (!fresh.prepared)
        return;
    const uintptr_t page = page_size();
    uintptr_t from = (heap_top() + page - 1) & ~(page - 1), end = (uintptr_t)sbrk(0) & ~(page - 1);
    if (end > from && end - from > size)
        end = from + (size & ~(page - 1));
    if (end > from)
        (void)madvise((void *)from, end - from, MADV_POPULATE_WRITE);
}

#else

void fresh_prepare(void)
{
}

void fresh_code(void)
{
}

void fresh_begin(size_t size)
{
    (void)size;
}

#endif
