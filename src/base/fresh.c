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

#include "base/processors.h"

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

enum {
    HOLE_MOST = 64 * 1024, /* larger ones are too few to matter */
    HOLE_FINE = 2040,      /* up to here each size of malloc's chunks has its list … */
    HOLE_STEP = 16,        /* … and they are so far apart */
    HOLE_LEAST = 24,
    TOP = 512 * 1024,        /* of heap behind all holes, for a child to start with */
    LARGE = 4 * 1024 * 1024, /* what is larger gets a mapping of its own */
    MANY = 4,                /* processors: more children than the parent can fork keep them busy */
};

/* What is in the holes: never given back, since that's what it is there for. */
struct filling {
    struct filling *next;
};

static struct {
    bool prepared;
    struct filling *fillings;
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

/* Constants, or code: nothing that is written to. */
static bool is_read_only(const ElfW(Phdr) * p)
{
    return p->p_type == PT_LOAD && (p->p_flags & (PF_R | PF_W)) == PF_R && p->p_memsz > 0;
}

/* What begins with the file and is no code is for the dynamic linker, which is done; unless a linker put the
 * constants there as well, and no others are. */
static bool is_for_linker(const struct dl_phdr_info *info, const ElfW(Phdr) * p)
{
    unsigned constants = 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        constants += is_read_only(&info->dlpi_phdr[i]) && !(info->dlpi_phdr[i].p_flags & PF_X);
    return p->p_offset == 0 && !(p->p_flags & PF_X) && constants > 1;
}

/* Writes a byte over itself, whatever the mapping allows; the kernel may refuse that. Other threads may run
 * the code on that page. */
static void make_private(int mem, uintptr_t at)
{
    char byte;
    if (pread(mem, &byte, 1, (off_t)at) == 1)
        (void)!pwrite(mem, &byte, 1, (off_t)at);
}

static int make_pages_private(struct dl_phdr_info *info, size_t size, void *mem)
{
    (void)size;
    for (int i = 0; is_used(info->dlpi_name) && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (is_read_only(p) && !is_for_linker(info, p))
            make_private(*(const int *)mem, info->dlpi_addr + p->p_vaddr);
    }
    return 0;
}

/* Of a mapping that has nothing but pages of its file a fork copies no page table, and the child gets them by
 * faults. With one page of its own the table is copied, for half of what the faults would cost; but by the
 * parent, which forks one child after the other. */
static void hand_on_code(void)
{
    int mem = processors_usable() < MANY ? open("/proc/self/mem", O_RDWR | O_CLOEXEC) : -1;
    if (mem < 0)
        return;
    (void)dl_iterate_phdr(make_pages_private, &mem);
    (void)close(mem);
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
    hand_on_code();
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

void fresh_begin(size_t size)
{
    (void)size;
}

#endif
