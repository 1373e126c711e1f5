/*
 * The rules of the filter of system calls, and their compilation by libseccomp into a program for the kernel.
 * That takes a millisecond, a tenth of a run with one fetch, and gives the same each time: so the build does
 * it (filter_gen.c), unless it is for another machine than its own.
 */
#ifndef PFETCH_CONFINE_FILTER_RULES_H
#define PFETCH_CONFINE_FILTER_RULES_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

/* A process may signal itself only (abort does), but the filter is compiled before there is a process: this
 * stands for its number until then. Larger than any (2^22). */
#define FILTER_OWN_PID 0x7E57C0DE

/* `build`: not for the kernel that runs now, which may know less. *ret_code: `*ret_length` instructions,
 * malloc'd. Returns 0, or an error number. */
int filter_rules_compile(bool build, struct sock_filter **ret_code, size_t *ret_length);

/* The place where the process's number is to go: exactly one, or the filter is not what it should be (NULL).
 */
struct sock_filter *filter_own_pid(struct sock_filter *code, size_t length);

#endif
