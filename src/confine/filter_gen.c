/* Run by the build: writes the filter of system calls as the initializer of an array of struct sock_filter.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "confine/filter_rules.h"

int main(void)
{
    struct sock_filter *code;
    size_t length;
    int error = filter_rules_compile(true, &code, &length);
    if (error) {
        fprintf(stderr, "the system call filter could not be compiled: %s\n", strerror(error));
        return EXIT_FAILURE;
    }
    if (!filter_own_pid(code, length)) {
        fprintf(stderr, "the system call filter has no single place for the process's number\n");
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < length; i++)
        printf("{%u, %u, %u, UINT32_C(%" PRIu32 ")},\n", code[i].code, code[i].jt, code[i].jf, code[i].k);
    free(code);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
