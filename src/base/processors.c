#include "config.h"

#include "base/processors.h"

#include <sched.h>
#include <unistd.h>

unsigned processors_usable(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
#ifdef CPU_COUNT
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        n = CPU_COUNT(&set);
#endif
    return n < 1 ? 1 : (unsigned)n;
}
