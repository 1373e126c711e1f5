/* The end of a WARC that is to be resumed, plain or gzip: whatever the file holds, the scan ends within it,
 * and what it takes for whole is whole again when the rest is cut off. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "output/warc_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fetch_error err;
    int fd = memfd_create("fuzz_warc_scan", MFD_CLOEXEC);
    if (fd < 0 || (size && write(fd, data, size) != (ssize_t)size))
        abort();
    for (int gzip = 0; gzip < 2; gzip++) {
        uint64_t end = 0, again = 0;
        if (warc_scan(fd, gzip, "x", &end, &err) < 0)
            continue;
        if (end > size || ftruncate(fd, (off_t)end) < 0)
            abort();
        if (warc_scan(fd, gzip, "x", &again, &err) < 0 || again != end)
            abort();
    }
    close(fd);
    return 0;
}
