#include <check.h>
#include <stdlib.h>

#include "base/siphash.h"
#include "support/guarded.h"

/* The authors' key: bytes 0 to 15; their messages: bytes 0, 1, 2 … */
static const struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

START_TEST(hashes_are_the_authors)
{
    static const unsigned char bytes[15] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    struct guarded g;
    guarded_init(&g, 100);
    ck_assert_uint_eq(siphash64(key, guarded_put(&g, bytes, 0)), 0x726fdb47dd0e0e31);
    ck_assert_uint_eq(siphash64(key, guarded_put(&g, bytes, 15)), 0xa129ca6149be45e5);
    struct hash128 h = siphash128(key, guarded_put(&g, bytes, 0));
    ck_assert_uint_eq(h.low, 0xe6a825ba047f81a3);
    ck_assert_uint_eq(h.high, 0x930255c71472f66d);
    guarded_free(&g);
}
END_TEST

START_TEST(every_length_and_every_byte_counts)
{
    unsigned char bytes[40] = {0};
    struct guarded g;
    guarded_init(&g, 100);
    for (size_t len = 0; len < sizeof bytes; len++) {
        uint64_t before = siphash64(key, guarded_put(&g, bytes, len));
        ck_assert_uint_ne(before, siphash64(key, guarded_put(&g, bytes, len + 1)));
        for (size_t i = 0; i < len; i++) {
            bytes[i] = 1;
            ck_assert_uint_ne(before, siphash64(key, guarded_put(&g, bytes, len)));
            bytes[i] = 0;
        }
    }
    guarded_free(&g);
}
END_TEST

START_TEST(random_keys_differ)
{
    struct siphash_key a = siphash_key_random(), b = siphash_key_random();
    ck_assert(a.k0 != b.k0 || a.k1 != b.k1);
    ck_assert_uint_ne(siphash64(a, span_of("x")), siphash64(b, span_of("x")));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("siphash");
    TCase *t = tcase_create("siphash");
    tcase_add_test(t, hashes_are_the_authors);
    tcase_add_test(t, every_length_and_every_byte_counts);
    tcase_add_test(t, random_keys_differ);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failures = srunner_ntests_failed(r);
    srunner_free(r);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
