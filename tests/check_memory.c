/* Where OpenSSL's objects lie, by the file that makes them: the tests ask as OpenSSL does. */
#include "config.h"

#include <check.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/watched.h"
#include "fetch/memory.h"

enum { OBJECTS = 64, METHOD = 240, LOCK = 56, QUIET = 900, PAGE = 4096 };

static uintptr_t page_of(const void *p)
{
    return (uintptr_t)p / PAGE;
}

static void *make(size_t size, const char *file)
{
    void *p = CRYPTO_malloc(size, file, 1);
    ck_assert_ptr_nonnull(p);
    return p;
}

/* Makes objects of two files in turn; returns how many of the first share a page with one of the second. */
static int mixed(size_t size, const char *file, size_t other_size, const char *other)
{
    void *own[OBJECTS], *others[OBJECTS];
    int n = 0;
    for (int i = 0; i < OBJECTS; i++) {
        own[i] = make(size, file);
        others[i] = make(other_size, other);
    }
    for (int i = 0; i < OBJECTS; i++) {
        bool shared = false;
        for (int j = 0; j < OBJECTS; j++)
            shared |= page_of(own[i]) == page_of(others[j]);
        n += shared;
    }
    return n;
}

START_TEST(what_a_handshake_writes_to_lies_apart)
{
    ck_assert_int_eq(mixed(METHOD, "crypto/evp/digest.c", QUIET, "crypto/objects/o_names.c"), 0);
    ck_assert_int_eq(mixed(LOCK, "crypto/threads_pthread.c", QUIET, "crypto/objects/o_names.c"), 0);
    ck_assert_int_eq(mixed(METHOD, "digest.c", METHOD, "crypto/rand/../drbg.c"), OBJECTS);
    ck_assert_int_eq(mixed(QUIET, "crypto/x/a.c", QUIET, "crypto/x/b.c"), OBJECTS);
}
END_TEST

/* Of pairs that are made one after the other, how many share a page: a boundary may come between two. */
static int pairs_on_a_page(void *(*first)(void), void *(*second)(void))
{
    int n = 0;
    for (int i = 0; i < OBJECTS; i++) {
        uintptr_t page = page_of(first());
        n += page == page_of(second());
    }
    return n;
}

static void *method(void)
{
    return make(METHOD, "crypto/evp/digest.c");
}

static void *lock(void)
{
    return make(LOCK, "crypto/threads_pthread.c");
}

static void *store(void)
{
    return make(METHOD, "crypto/x509/x509_lu.c");
}

static void *text(void)
{
    return CRYPTO_realloc(NULL, METHOD, "crypto/err/err_blocks.c", 1);
}

static void *other_text(void)
{
    return CRYPTO_realloc(NULL, METHOD, "crypto/x/a.c", 1);
}

/* A lock that no method has. */
static void *quiet_then_lock(void)
{
    (void)store();
    return lock();
}

START_TEST(a_methods_own_lock_does_not)
{
    ck_assert_int_eq(pairs_on_a_page(method, lock), 0);
    ck_assert_int_gt(pairs_on_a_page(method, quiet_then_lock), OBJECTS / 2);
}
END_TEST

START_TEST(what_grows_from_nothing_does)
{
    ck_assert_int_gt(pairs_on_a_page(method, text), OBJECTS / 2);
    ck_assert_int_eq(pairs_on_a_page(method, other_text), 0);
}
END_TEST

static void *mix_in_thread(void *arg)
{
    *(int *)arg = mixed(METHOD, "crypto/evp/digest.c", METHOD, "crypto/x/a.c");
    return NULL;
}

START_TEST(nothing_lies_apart_in_threads_and_in_children)
{
    pthread_t thread;
    int status, n = 0;
    ck_assert_int_eq(pthread_create(&thread, NULL, mix_in_thread, &n), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(n, OBJECTS);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        memory_fresh(32 * 1024);
        _exit(mixed(METHOD, "crypto/evp/digest.c", METHOD, "crypto/x/a.c"));
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(WEXITSTATUS(status), OBJECTS);
}
END_TEST

int main(void)
{
    if (watched_memory())
        return 77; /* under sanitizers and valgrind objects come from malloc */
    memory_install();
    Suite *s = suite_create("memory");
    TCase *t = tcase_create("memory");
    tcase_add_test(t, what_a_handshake_writes_to_lies_apart);
    tcase_add_test(t, a_methods_own_lock_does_not);
    tcase_add_test(t, what_grows_from_nothing_does);
    tcase_add_test(t, nothing_lies_apart_in_threads_and_in_children);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
