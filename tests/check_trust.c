#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/ui.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fetch/provider.h"
#include "fetch/trust.h"
#include "support/certs.h"
#include "support/tempdir.h"

static struct tempdir dir;
static struct cert ca, leaf, other;

static void setup(void)
{
    tempdir_init(&dir);
    ck_assert_int_eq(chmod(dir.path, 0755), 0);
    ca = cert_make((struct cert_plan){.name = "Test CA", .authority = true});
    leaf = cert_make((struct cert_plan){.name = "a.test", .alt_names = "DNS:a.test", .issuer = &ca});
    other = cert_make((struct cert_plan){.name = "Other", .authority = true});
    setenv("SSL_CERT_FILE", "", 1);
    setenv("SSL_CERT_DIR", "", 1);
}

static void teardown(void)
{
    cert_free(&other);
    cert_free(&leaf);
    cert_free(&ca);
    tempdir_free(&dir);
}

static bool verifies(const struct trust *t, X509 *cert)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    ck_assert_int_eq(X509_STORE_CTX_init(ctx, trust_store(t), cert, NULL), 1);
    bool ok = X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    return ok;
}

/* Loads trust and says whether the leaf is believed. */
static bool believed(const char *cacert, const char *capath)
{
    struct trust *t;
    struct fetch_error err;
    ck_assert_int_eq(trust_new(NULL, cacert, capath, &t, &err), 0);
    bool ok = verifies(t, leaf.x509);
    trust_free(t);
    return ok;
}

static void refused(const char *cacert, const char *capath, const char *message)
{
    struct trust *t;
    struct fetch_error err;
    error_clear(&err);
    ck_assert_int_eq(trust_new(NULL, cacert, capath, &t, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_NONE);
    ck_assert_msg(strstr(err.message, message), "%s", err.message);
    ck_assert_msg(strstr(err.message, cacert ? cacert : capath), "%s", err.message);
}

START_TEST(a_file_of_certificates_is_believed)
{
    const char *file = tempdir_file(&dir, "ca.pem");
    cert_write(&ca, file, false);
    ck_assert(believed(file, NULL));
}
END_TEST

/* Where the key of each certificate in the store is from. */
static void assert_provider(const struct trust *t, const char *name)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(trust_store(t));
    ck_assert_int_eq(sk_X509_OBJECT_num(objects), 3);
    for (int i = 0; i < 3; i++) {
        const EVP_PKEY *key = X509_get0_pubkey(X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i)));
        ck_assert_str_eq(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key)), name);
    }
}

START_TEST(all_certificates_of_a_file_are_in_the_context)
{
    struct trust *t;
    struct fetch_error err;
    OSSL_LIB_CTX *context = provider_context_new();
    const char *file = tempdir_file(&dir, "three.pem");
    FILE *f = fopen(file, "w");
    for (int i = 0; i < 3; i++) {
        const char *const names[] = {"One", "Two", "Three"};
        struct cert c = cert_make((struct cert_plan){.name = names[i], .authority = true});
        ck_assert_int_eq(PEM_write_X509(f, c.x509), 1);
        cert_free(&c);
    }
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(trust_new(context, file, NULL, &t, &err), 0);
    assert_provider(t, context ? "pfetch-thin" : "default");
    trust_free(t);
    provider_context_free(context);
}
END_TEST

START_TEST(what_is_trusted_need_not_be_a_root)
{
    struct cert middle = cert_make((struct cert_plan){.name = "Middle", .authority = true, .issuer = &ca});
    struct cert end = cert_make((struct cert_plan){.name = "b.test", .issuer = &middle});
    struct trust *t;
    struct fetch_error err;
    const char *file = tempdir_file(&dir, "middle.pem");
    cert_write(&middle, file, false);
    ck_assert_int_eq(trust_new(NULL, file, NULL, &t, &err), 0);
    ck_assert(verifies(t, end.x509));
    trust_free(t);
    cert_free(&end);
    cert_free(&middle);
}
END_TEST

START_TEST(a_hashed_directory_is_believed)
{
    cert_write_hashed(&ca, dir.path);
    ck_assert(believed(NULL, dir.path));
}
END_TEST

START_TEST(a_directory_without_hashed_names_holds_nothing)
{
    cert_write(&ca, tempdir_file(&dir, "ca.pem"), false);
    ck_assert(!believed(NULL, dir.path));
}
END_TEST

START_TEST(a_given_file_replaces_the_systems)
{
    char file[192];
    cert_write_hashed(&ca, dir.path);
    setenv("SSL_CERT_DIR", dir.path, 1);
    ck_assert(believed(NULL, NULL));
    snprintf(file, sizeof file, "%s", tempdir_file(&dir, "other.pem"));
    cert_write(&other, file, false);
    ck_assert(!believed(file, NULL));
}
END_TEST

START_TEST(the_environment_names_a_file)
{
    const char *file = tempdir_file(&dir, "ca.pem");
    cert_write(&ca, file, false);
    setenv("SSL_CERT_FILE", file, 1);
    setenv("SSL_CERT_DIR", "/nonexistent", 1);
    ck_assert(believed(NULL, NULL));
}
END_TEST

START_TEST(a_file_that_is_none_is_refused_by_name)
{
    struct trust *t;
    struct fetch_error err;
    const char *file = tempdir_file(&dir, "no.pem");
    refused(file, NULL, "No such file");
    fclose(fopen(file, "w"));
    refused(file, NULL, "no certificate");
    cert_write_key(&ca, file, NULL);
    refused(file, NULL, "no certificate");
    refused(dir.path, NULL, "is a directory");
    refused(NULL, file, "not a directory");
    refused(NULL, "/nonexistent/dir", "No such file");
    setenv("SSL_CERT_FILE", "/nonexistent/file", 1);
    ck_assert_int_eq(trust_new(NULL, NULL, NULL, &t, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.message, "SSL_CERT_FILE /nonexistent/file"));
}
END_TEST

/* In base64, with `more` bytes of zero behind it; malloc'd. */
static char *encoded(const struct cert *c, int more)
{
    unsigned char *der = NULL, padded[4096] = {0};
    int len = i2d_X509(c->x509, &der);
    ck_assert(len > 0 && len + more < (int)sizeof padded);
    memcpy(padded, der, (size_t)len);
    OPENSSL_free(der);
    char *text = malloc(8192);
    ck_assert(text && EVP_EncodeBlock((unsigned char *)text, padded, len + more) > 0);
    return text;
}

/* That in PEM. */
static char *as_pem(const struct cert *c, int more)
{
    char *base64 = encoded(c, more), *text = calloc(1, 8192);
    strcat(text, "-----BEGIN CERTIFICATE-----\n");
    for (const char *at = base64; *at; at += strnlen(at, 64)) {
        strncat(text, at, 64);
        strcat(text, "\n");
    }
    free(base64);
    return strcat(text, "-----END CERTIFICATE-----\n");
}

/* Writes a file of `count` certificates that nobody asks for, and `more` behind them. */
static const char *file_of(int count, const char *more)
{
    const char *file = tempdir_file(&dir, "bundle.pem");
    FILE *f = fopen(file, "w");
    ck_assert_ptr_nonnull(f);
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(PEM_write_X509(f, other.x509), 1);
    fputs(more, f);
    ck_assert_int_eq(fclose(f), 0);
    return file;
}

/* What is wrong behind good certificates is refused, for what it is, behind few of them and behind many. */
static void damaged(const char *what)
{
    refused(file_of(0, what), NULL, "is damaged (no certificate can be read before that)");
    refused(file_of(1, what), NULL, "is damaged (1 certificate can be read before that)");
    refused(file_of(8, what), NULL, "is damaged (8 certificates can be read before that)");
    refused(file_of(30, what), NULL, "is damaged (30 certificates can be read before that)");
}

START_TEST(a_damaged_file_is_refused_whatever_is_before)
{
    char *pem = as_pem(&ca, 0), *longer = as_pem(&ca, 3), glued[16384], cut[8192];
    snprintf(glued, sizeof glued, "%.*s%s", (int)strlen(pem) - 1, pem, pem);
    snprintf(cut, sizeof cut, "%.*s", (int)strlen(pem) / 2, pem);
    damaged(glued);
    damaged(cut);
    damaged(longer);
    damaged("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
    damaged("-----BEGIN CERTIFICATE-----\nM!A=\n-----END CERTIFICATE-----\n");
    damaged("-----BEGIN CERTIFICATE-----\nMAA=\n-----END X509 CRL-----\n");
    damaged("-----BEGIN PRIVATE KEY-----\nM!A=\n-----END PRIVATE KEY-----\n");
    free(longer);
    free(pem);
}
END_TEST

/* Words for people, an encrypted key, another form of a line's end: with few certificates and with many. */
START_TEST(what_is_between_certificates_does_not_matter)
{
    char *pem = as_pem(&ca, 0), key[4096] = "", text[16384];
    cert_write_key(&ca, tempdir_file(&dir, "key.pem"), "secret");
    FILE *f = fopen(dir.file, "r");
    ck_assert(f && fread(key, 1, sizeof key - 1, f) > 0);
    fclose(f);
    static const char *const before[] = {"", "# A -----BEGIN CERTIFICATE-----\n", "\r\n\r\n"};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        snprintf(text, sizeof text, "%s%s# a word", before[i], pem);
        ck_assert_msg(believed(file_of(0, text), NULL), "%s", text);
        ck_assert_msg(believed(file_of(9, text), NULL), "%s", text);
    }
    for (int count = 0; count < 20; count += 19) {
        snprintf(text, sizeof text, "%s%s%s", key, pem, key);
        ck_assert(believed(file_of(count, text), NULL));
    }
    free(pem);
}
END_TEST

static int asked;

static int note_asked(UI *ui, UI_STRING *string)
{
    asked++;
    return UI_set_result(ui, string, "secret") == 0;
}

START_TEST(nobody_is_asked_for_a_passphrase)
{
    static const char locked[] = "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
                                 "DEK-Info: AES-128-CBC,000102030405060708090A0B0C0D0E0F\n\n"
                                 "MAAAAAAAAAAAAAAAAAAAAA==\n-----END CERTIFICATE-----\n";
    UI_METHOD *method = UI_create_method("note");
    UI_method_set_reader(method, note_asked);
    UI_set_default_method(method);
    damaged(locked);
    FILE *f = fopen(tempdir_file(&dir, "00000001.0"), "w");
    ck_assert(f && fputs(locked, f) >= 0 && fclose(f) == 0);
    ck_assert_int_eq(chmod(dir.path, 0700), 0);
    ck_assert(!believed(NULL, dir.path));
    ck_assert_int_eq(asked, 0);
    UI_set_default_method(UI_OpenSSL());
    UI_destroy_method(method);
}
END_TEST

/* Writes to who opens it first, who has not read yet when the writer is gone. */
static void *write_to_fifo(void *path)
{
    int fd;
    char *pem = as_pem(&ca, 0);
    while ((fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0)
        usleep(500);
    ck_assert_int_eq(write(fd, pem, strlen(pem)), (ssize_t)strlen(pem));
    close(fd);
    free(pem);
    return NULL;
}

START_TEST(a_file_may_be_a_fifo)
{
    pthread_t writer;
    char path[192];
    snprintf(path, sizeof path, "%s", tempdir_file(&dir, "fifo"));
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(pthread_create(&writer, NULL, write_to_fifo, path), 0);
    ck_assert(believed(path, NULL));
    ck_assert_int_eq(pthread_join(writer, NULL), 0);
}
END_TEST

static bool listed(char **paths, const char *path)
{
    for (; *paths; paths++)
        if (strcmp(*paths, path) == 0)
            return true;
    return false;
}

START_TEST(a_worker_may_read_where_the_links_lead)
{
    struct tempdir home;
    struct trust *t;
    struct fetch_error err;
    char link[256];
    tempdir_init(&home);
    ck_assert_int_eq(chmod(home.path, 0755), 0);
    const char *file = tempdir_file(&home, "ca.crt");
    cert_write(&ca, file, false);
    snprintf(link, sizeof link, "%s/%08lx.0", dir.path, X509_subject_name_hash(ca.x509));
    ck_assert_int_eq(symlink(file, link), 0);
    ck_assert_int_eq(trust_new(NULL, NULL, dir.path, &t, &err), 0);
    char **paths = trust_paths(t);
    ck_assert_ptr_nonnull(paths);
    ck_assert(listed(paths, dir.path));
    ck_assert(listed(paths, home.path));
    ck_assert(verifies(t, leaf.x509));
    trust_paths_free(paths);
    trust_free(t);
    tempdir_free(&home);
}
END_TEST

/* As Debian has them: the hash leads to a name beside it, that one elsewhere; here by way of a link to a
 * directory. Loops and links to nowhere are passed over. */
START_TEST(links_are_followed_to_their_end)
{
    struct tempdir home;
    struct trust *t;
    struct fetch_error err;
    char path[400], name[32];
    tempdir_init(&home);
    ck_assert_int_eq(chmod(home.path, 0755), 0);
    cert_write(&ca, tempdir_file(&home, "ca.crt"), false);
    snprintf(path, sizeof path, "%s/away", dir.path);
    ck_assert_int_eq(symlink(home.path, path), 0);
    snprintf(path, sizeof path, "%s/away/../%s/ca.crt", dir.path, strrchr(home.path, '/') + 1);
    ck_assert_int_eq(symlink(path, tempdir_file(&dir, "ca.pem")), 0);
    snprintf(name, sizeof name, "%08lx.0", X509_subject_name_hash(ca.x509));
    ck_assert_int_eq(symlink("ca.pem", tempdir_file(&dir, name)), 0);
    ck_assert_int_eq(symlink("00000001.0", tempdir_file(&dir, "00000001.0")), 0);
    ck_assert_int_eq(symlink("/nonexistent/x", tempdir_file(&dir, "00000002.0")), 0);
    ck_assert_int_eq(trust_new(NULL, NULL, dir.path, &t, &err), 0);
    char **paths = trust_paths(t);
    ck_assert_ptr_nonnull(paths);
    ck_assert_str_eq(paths[0], dir.path);
    ck_assert_str_eq(paths[1], home.path);
    ck_assert_ptr_null(paths[2]);
    ck_assert(verifies(t, leaf.x509));
    trust_paths_free(paths);
    trust_free(t);
    tempdir_free(&home);
}
END_TEST

/* Names that lead to no file give a worker nothing to read; a path as given may be a link itself. */
START_TEST(only_files_count_and_the_directory_may_be_a_link)
{
    struct tempdir home;
    struct trust *t;
    struct fetch_error err;
    char link[256], name[32];
    tempdir_init(&home);
    ck_assert_int_eq(chmod(home.path, 0755), 0);
    snprintf(link, sizeof link, "%s/link", home.path);
    ck_assert_int_eq(symlink(dir.path, link), 0);
    cert_write(&ca, tempdir_file(&dir, "ca.pem"), false);
    snprintf(name, sizeof name, "%08lx.0", X509_subject_name_hash(ca.x509));
    ck_assert_int_eq(symlink("./ca.pem", tempdir_file(&dir, name)), 0);
    ck_assert_int_eq(symlink("/", tempdir_file(&dir, "00000003.0")), 0);
    ck_assert_int_eq(symlink("/dev/null", tempdir_file(&dir, "00000004.0")), 0);
    ck_assert_int_eq(symlink("ca.pem/", tempdir_file(&dir, "00000005.0")), 0);
    ck_assert_int_eq(mkdir(tempdir_file(&dir, "00000006.0"), 0755), 0);
    ck_assert_int_eq(trust_new(NULL, NULL, link, &t, &err), 0);
    char **paths = trust_paths(t);
    ck_assert_ptr_nonnull(paths);
    ck_assert_str_eq(paths[0], link);
    ck_assert_str_eq(paths[1], dir.path);
    ck_assert_ptr_null(paths[2]);
    ck_assert(verifies(t, leaf.x509));
    trust_paths_free(paths);
    trust_free(t);
    (void)unlink(link);
    (void)rmdir(tempdir_file(&dir, "00000006.0"));
    tempdir_free(&home);
}
END_TEST

START_TEST(what_only_root_can_read_is_loaded_at_once)
{
    struct trust *t;
    struct fetch_error err;
    if (geteuid() != 0)
        return;
    cert_write_hashed(&ca, dir.path);
    ck_assert_int_eq(chmod(dir.path, 0700), 0);
    ck_assert_int_eq(trust_new(NULL, NULL, dir.path, &t, &err), 0);
    char **paths = trust_paths(t);
    ck_assert_ptr_null(paths[0]);
    trust_paths_free(paths);
    char name[32];
    snprintf(name, sizeof name, "%08lx.0", X509_subject_name_hash(ca.x509));
    ck_assert_int_eq(unlink(tempdir_file(&dir, name)), 0);
    ck_assert(verifies(t, leaf.x509));
    trust_free(t);
}
END_TEST

/* … and all certificates of each file, of which the first need not be the one that the name is for. */
START_TEST(what_only_root_can_read_may_be_several_in_a_file)
{
    char name[32];
    if (geteuid() != 0)
        return;
    snprintf(name, sizeof name, "%08lx.0", X509_subject_name_hash(ca.x509));
    FILE *f = fopen(tempdir_file(&dir, name), "w");
    ck_assert(f && PEM_write_X509(f, other.x509) && PEM_write_X509(f, ca.x509));
    ck_assert_int_eq(fclose(f), 0);
    ck_assert(believed(NULL, dir.path));
    ck_assert_int_eq(chmod(dir.file, 0600), 0);
    ck_assert(believed(NULL, dir.path));
}
END_TEST

/* Whoever may read the directory, and whether the FIFO has the certificate's name or another one. */
START_TEST(a_fifo_in_a_directory_holds_nobody_up)
{
    char name[32];
    snprintf(name, sizeof name, "%08lx.0", X509_subject_name_hash(ca.x509));
    ck_assert_int_eq(mkfifo(tempdir_file(&dir, name), 0644), 0);
    ck_assert(!believed(NULL, dir.path));
    ck_assert_int_eq(symlink(name, tempdir_file(&dir, "00000001.0")), 0);
    ck_assert_int_eq(chmod(dir.path, 0700), 0);
    ck_assert(!believed(NULL, dir.path));
    ck_assert_int_eq(unlink(tempdir_file(&dir, name)), 0);
    ck_assert_int_eq(mkfifo(tempdir_file(&dir, "00000002.0"), 0644), 0);
    cert_write_hashed(&ca, dir.path);
    ck_assert(believed(NULL, dir.path));
    ck_assert_int_eq(chmod(dir.path, 0755), 0);
    ck_assert(believed(NULL, dir.path));
}
END_TEST

/* The directories are open to all, but not what the links lead to in the end. */
START_TEST(one_file_that_only_root_can_read_is_found_behind_links)
{
    struct trust *t;
    struct fetch_error err;
    char name[32];
    if (geteuid() != 0)
        return;
    const char *file = tempdir_file(&dir, "ca.crt");
    cert_write(&ca, file, false);
    ck_assert_int_eq(chmod(file, 0600), 0);
    ck_assert_int_eq(symlink("ca.crt", tempdir_file(&dir, "ca.pem")), 0);
    snprintf(name, sizeof name, "%08lx.0", X509_subject_name_hash(ca.x509));
    ck_assert_int_eq(symlink("ca.pem", tempdir_file(&dir, name)), 0);
    ck_assert_int_eq(trust_new(NULL, NULL, dir.path, &t, &err), 0);
    ck_assert_int_eq(unlink(tempdir_file(&dir, "ca.crt")), 0);
    ck_assert(verifies(t, leaf.x509));
    trust_free(t);
}
END_TEST

/* Whether where a hashed name leads by so many links is among what a worker may read. */
static bool home_is_found_behind(int links)
{
    struct tempdir home;
    struct trust *t;
    struct fetch_error err;
    char to[400], name[32];
    tempdir_init(&home);
    ck_assert_int_eq(chmod(home.path, 0755), 0);
    cert_write(&ca, tempdir_file(&home, "ca.crt"), false);
    snprintf(to, sizeof to, "%s", home.file);
    for (int i = links; i > 0; i--) {
        snprintf(name, sizeof name, i > 1 ? "link-%d-of-%d" : "0000%02d%02d.0", i, links);
        ck_assert_int_eq(symlink(to, tempdir_file(&dir, name)), 0);
        snprintf(to, sizeof to, "%s", name);
    }
    ck_assert_int_eq(trust_new(NULL, NULL, dir.path, &t, &err), 0);
    char **paths = trust_paths(t);
    bool found = listed(paths, home.path);
    trust_paths_free(paths);
    trust_free(t);
    tempdir_free(&home);
    return found;
}

START_TEST(as_many_links_are_followed_as_the_kernel_does)
{
    ck_assert(home_is_found_behind(1));
    ck_assert(home_is_found_behind(40));
    ck_assert(!home_is_found_behind(41));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("trust");
    TCase *t = tcase_create("trust");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_file_of_certificates_is_believed);
    tcase_add_test(t, all_certificates_of_a_file_are_in_the_context);
    tcase_add_test(t, what_is_trusted_need_not_be_a_root);
    tcase_add_test(t, a_hashed_directory_is_believed);
    tcase_add_test(t, a_directory_without_hashed_names_holds_nothing);
    tcase_add_test(t, a_given_file_replaces_the_systems);
    tcase_add_test(t, the_environment_names_a_file);
    tcase_add_test(t, a_file_that_is_none_is_refused_by_name);
    tcase_add_test(t, a_damaged_file_is_refused_whatever_is_before);
    tcase_add_test(t, what_is_between_certificates_does_not_matter);
    tcase_add_test(t, nobody_is_asked_for_a_passphrase);
    tcase_add_test(t, a_file_may_be_a_fifo);
    tcase_add_test(t, a_worker_may_read_where_the_links_lead);
    tcase_add_test(t, links_are_followed_to_their_end);
    tcase_add_test(t, as_many_links_are_followed_as_the_kernel_does);
    tcase_add_test(t, one_file_that_only_root_can_read_is_found_behind_links);
    tcase_add_test(t, only_files_count_and_the_directory_may_be_a_link);
    tcase_add_test(t, what_only_root_can_read_is_loaded_at_once);
    tcase_add_test(t, what_only_root_can_read_may_be_several_in_a_file);
    tcase_add_test(t, a_fifo_in_a_directory_holds_nobody_up);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
