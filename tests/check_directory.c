/* -d: each body in a file of its own, whatever the target says, and nothing half-done under a final name. */
#include "config.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "output/directory.h"
#include "support/outputs.h"

static struct fetch_error err;
static char path[32];
static void *sink;

static void open_sink(bool keep, bool sync)
{
    sink = directory_sink_new(&(struct directory_options){.path = path, .keep = keep, .sync = sync}, &err);
    ck_assert_msg(sink != NULL, "%s", err.message);
}

static void close_sink(void)
{
    ck_assert_int_eq(directory_sink.close(sink, &err), 0);
    sink = NULL;
}

static void setup(void)
{
    strcpy(path, "check_directory.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    ck_assert_int_eq(rmdir(path), 0); /* the sink makes it */
    open_sink(false, false);
}

/* The names in the directory that do not start with a dot (or all), and how many. */
static int list(bool hidden, char names[][256], int most)
{
    int n = 0;
    DIR *d = opendir(path);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && (hidden || e->d_name[0] != '.')) {
            ck_assert_int_lt(n, most);
            strcpy(names[n++], e->d_name);
        }
    if (d)
        closedir(d);
    return n;
}

static void teardown(void)
{
    char names[100][256], file[300];
    if (sink)
        close_sink();
    for (int i = list(true, names, 100); i-- > 0;) {
        snprintf(file, sizeof file, "%s/%s", path, names[i]);
        if (unlink(file) < 0)
            rmdir(file);
    }
    rmdir(path);
}

static const char *content(const char *name)
{
    static char text[100];
    char file[300];
    snprintf(file, sizeof file, "%s/%s", path, name);
    int fd = open(file, O_RDONLY);
    ck_assert_msg(fd >= 0, "%s is not there", file);
    ssize_t n = read(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    close(fd);
    return text;
}

static void *begin(const char *target, uint32_t occurrence)
{
    void *context = NULL;
    struct sink_target t = {.index = 1, .target = span_of(target), .occurrence = occurrence};
    ck_assert_int_eq(directory_sink.begin(sink, &t, &context, &err), 0);
    return context;
}

/* A whole target; the name of its file, NULL for none. */
static const char *fetch(const char *target, uint32_t occurrence, const char *body, enum error_kind kind)
{
    struct report r = {.target = span_of(target), .error = {.kind = kind}, .file = "left over"};
    void *context = begin(target, occurrence);
    if (*body)
        ck_assert_int_eq(directory_sink.body(sink, context, body, strlen(body), &err), 0);
    ck_assert_int_eq(directory_sink.end(sink, context, &r, true, NULL, &err), 0);
    ck_assert_int_eq(directory_sink.flush(sink, true, &err), 0);
    return r.file;
}

static const char *name_of(const char *target)
{
    static char name[DIRECTORY_NAME_MAX + 1];
    directory_name(name, span_of(target));
    return name;
}

START_TEST(plain_targets_name_themselves)
{
    char host[202];
    ck_assert_str_eq(name_of("www.example-1.com"), "www.example-1.com");
    ck_assert_str_eq(name_of("_a"), "_a~34fb716034edaa881d9e64134f6c40f2");
    memset(host, 'a', sizeof host);
    host[200] = 0;
    ck_assert_str_eq(name_of(host), host);
    host[200] = 'a';
    host[201] = 0;
    ck_assert_uint_eq(strlen(name_of(host)), 120 + 1 + 32);
}
END_TEST

START_TEST(other_targets_are_told_and_digested)
{
    ck_assert_mem_eq(name_of("https://a.example/x/y?z=1"), "a.example_x_y_z_1~", 18);
    ck_assert_mem_eq(name_of("HTTP://A.example:8443"), "A.example_8443~", 15);
    ck_assert_mem_eq(name_of("../../etc/passwd"), "_etc_passwd~", 12);
    ck_assert_mem_eq(name_of(".."), "_~", 2);
    ck_assert_mem_eq(name_of("-rf"), "_rf~", 4);
    ck_assert_mem_eq(name_of("[::1]:8443"), "_1_8443~", 8);
    ck_assert_mem_eq(name_of("b\xC3\xBC"
                             "cher.example"),
                     "b_cher.example~", 15);
    ck_assert_mem_eq(name_of(""), "~e3b0c44298fc1c149afbf4c8996fb924", 33);
    ck_assert_str_eq(name_of("hello world"), "hello_world~b94d27b9934d3e08a52e52d7da7dabfa");
}
END_TEST

START_TEST(no_two_targets_share_a_name)
{
    static const char *const targets[] = {"a.example",          "A.example",         "https://a.example",
                                          "https://a.example/", "http://a.example/", "a.example/",
                                          "a.example:443",      "a.example~2",       "a.example_2",
                                          "a_example",          " a.example",        "a.example "};
    char names[12][DIRECTORY_NAME_MAX + 1];
    for (int i = 0; i < 12; i++) {
        strcpy(names[i], name_of(targets[i]));
        for (int j = 0; j < i; j++)
            ck_assert_msg(strcasecmp(names[i], names[j]) != 0, "%s and %s", targets[i], targets[j]);
    }
}
END_TEST

START_TEST(every_name_is_one_that_is_safe)
{
    char name[DIRECTORY_NAME_MAX + 1];
    unsigned char target[3];
    for (unsigned i = 0; i < 256; i++) {
        memset(target, (int)i, sizeof target);
        directory_name(name, span_make(target, sizeof target));
        ck_assert_int_ne(name[0], '.');
        ck_assert_int_ne(name[0], '-');
        ck_assert_uint_eq(strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-~"),
                          strlen(name));
    }
}
END_TEST

START_TEST(a_body_is_there_when_it_is_complete)
{
    char names[10][256];
    struct report r = {.target = span_of("a.example")};
    void *context = begin("a.example", 0);
    ck_assert_int_eq(directory_sink.body(sink, context, "hel", 3, &err), 0);
    ck_assert_int_eq(directory_sink.body(sink, context, "lo", 2, &err), 0);
    ck_assert_int_eq(list(false, names, 10), 0);
    ck_assert_int_eq(directory_sink.end(sink, context, &r, true, NULL, &err), 0);
    ck_assert_str_eq(r.file, "a.example");
    ck_assert_str_eq(content("a.example"), "hello");
    ck_assert_str_eq(fetch("empty.example", 0, "", ERROR_NONE), "empty.example");
    ck_assert_str_eq(content("empty.example"), "");
    close_sink();
    ck_assert_int_eq(list(true, names, 10), 2);
}
END_TEST

START_TEST(failures_and_abandoned_tries_leave_nothing)
{
    char names[10][256];
    ck_assert_ptr_null(fetch("a.example", 1, "half", ERROR_TRUNCATED));
    ck_assert_ptr_null(fetch("a.example", 1, "", ERROR_DNS));
    void *context = begin("a.example", 1);
    ck_assert_int_eq(directory_sink.body(sink, context, "half", 4, &err), 0);
    directory_sink.abandon(sink, context);
    struct report r = {.target = span_of("x"), .error = {.kind = ERROR_INVALID_TARGET}, .file = "x"};
    ck_assert_int_eq(directory_sink.end(sink, NULL, &r, true, NULL, &err), 0);
    ck_assert_ptr_null(r.file);
    close_sink();
    ck_assert_int_eq(list(true, names, 10), 0);
}
END_TEST

START_TEST(equal_targets_get_files_of_their_own)
{
    ck_assert_str_eq(fetch("a.example", 0, "1", ERROR_NONE), "a.example");
    ck_assert_str_eq(fetch("a.example", 0, "2", ERROR_NONE), "a.example~2");
    ck_assert_str_eq(fetch("b.example", 0, "b", ERROR_NONE), "b.example");
    ck_assert_str_eq(fetch("a.example", 0, "3", ERROR_NONE), "a.example~3");
    ck_assert_str_eq(content("a.example"), "1");
    ck_assert_str_eq(content("a.example~2"), "2");
}
END_TEST

START_TEST(counted_occurrences_have_their_place)
{
    ck_assert_str_eq(fetch("a.example", 2, "two", ERROR_NONE), "a.example~2");
    ck_assert_str_eq(fetch("a.example", 1, "one", ERROR_NONE), "a.example");
    ck_assert_str_eq(fetch("a.example", 1, "one again", ERROR_NONE), "a.example");
    ck_assert_str_eq(content("a.example"), "one again");
    ck_assert_str_eq(content("a.example~2"), "two");
}
END_TEST

START_TEST(an_older_run_is_replaced_or_kept)
{
    fetch("a.example", 0, "old", ERROR_NONE);
    close_sink();
    usleep(20000); /* the file system's clock is coarse */
    open_sink(false, true);
    ck_assert_str_eq(fetch("a.example", 0, "new", ERROR_NONE), "a.example");
    ck_assert_str_eq(content("a.example"), "new");
    close_sink();
    usleep(20000);
    open_sink(true, false);
    ck_assert_str_eq(fetch("a.example", 0, "newer", ERROR_NONE), "a.example~2");
    ck_assert_str_eq(content("a.example"), "new");
}
END_TEST

START_TEST(a_directory_in_the_way)
{
    char file[64];
    snprintf(file, sizeof file, "%s/a.example", path);
    ck_assert_int_eq(mkdir(file, 0700), 0);
    ck_assert_str_eq(fetch("a.example", 0, "x", ERROR_NONE), "a.example~2");
}
END_TEST

START_TEST(a_link_in_the_way_is_not_followed)
{
    char link[64], names[10][256];
    snprintf(link, sizeof link, "%s/a.example", path);
    ck_assert_int_eq(symlink("../check_directory.outside", link), 0);
    ck_assert_str_eq(fetch("a.example", 1, "x", ERROR_NONE), "a.example");
    struct stat st;
    ck_assert_int_eq(lstat(link, &st), 0);
    ck_assert(S_ISREG(st.st_mode));
    ck_assert_int_eq(access("check_directory.outside", F_OK), -1);
    ck_assert_int_eq(list(false, names, 10), 1);
}
END_TEST

static void touch(const char *name)
{
    char file[128];
    snprintf(file, sizeof file, "%s/%s", path, name);
    int fd = open(file, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static bool is_there(const char *name)
{
    char file[128];
    snprintf(file, sizeof file, "%s/%s", path, name);
    return access(file, F_OK) == 0;
}

START_TEST(leftovers_of_a_killed_run_are_removed)
{
    static const char *const kept[] = {".pfetch-0123456789abcdef-.tmp", ".pfetch-0123456789abcdef-1.tmp.x",
                                       ".pfetch-0123456789abcdeg-1.tmp", ".pfetch-12-1.tmp",
                                       "pfetch-0123456789abcdef-1.tmp"};
    close_sink();
    touch(".pfetch-0123456789abcdef.lock");
    touch(".pfetch-0123456789abcdef-17.tmp");
    touch(".pfetch-0123456789abcdee-1.tmp");
    for (int i = 0; i < 5; i++)
        touch(kept[i]);
    open_sink(false, false);
    ck_assert(!is_there(".pfetch-0123456789abcdef.lock"));
    ck_assert(!is_there(".pfetch-0123456789abcdef-17.tmp"));
    ck_assert(!is_there(".pfetch-0123456789abcdee-1.tmp"));
    for (int i = 0; i < 5; i++)
        ck_assert_msg(is_there(kept[i]), "%s", kept[i]);
}
END_TEST

START_TEST(a_run_that_lives_is_left_alone)
{
    fetch("a.example", 0, "first", ERROR_NONE);
    void *first = sink, *context = begin("b.example", 0);
    ck_assert_int_eq(directory_sink.body(first, context, "x", 1, &err), 0);
    usleep(20000);
    open_sink(false, false);
    ck_assert_str_eq(fetch("a.example", 0, "second", ERROR_NONE), "a.example~2");
    close_sink();
    sink = first;
    struct report r = {.target = span_of("b.example")};
    ck_assert_int_eq(directory_sink.end(sink, context, &r, true, NULL, &err), 0);
    ck_assert_str_eq(r.file, "b.example");
}
END_TEST

START_TEST(failures_name_the_place)
{
    char long_name[300];
    ck_assert_ptr_null(
        directory_sink_new(&(struct directory_options){.path = "check_directory.none/x"}, &err));
    ck_assert_int_eq(err.kind, ERROR_OUTPUT);
    ck_assert_str_eq(err.message, "check_directory.none/x: No such file or directory");
    ck_assert_ptr_null(directory_sink_new(&(struct directory_options){.path = "/dev/null"}, &err));
    ck_assert_str_eq(err.message, "/dev/null: Not a directory");
    char file[64];
    snprintf(file, sizeof file, "%s/a.example", path);
    ck_assert_int_eq(mkdir(file, 0700), 0);
    struct report r = {.target = span_of("a.example")};
    void *context = begin("a.example", 1);
    ck_assert_int_eq(directory_sink.end(sink, context, &r, true, NULL, &err), -1);
    snprintf(long_name, sizeof long_name, "%s/a.example: Is a directory", path);
    ck_assert_str_eq(err.message, long_name);
    ck_assert_ptr_null(r.file);
}
END_TEST

/* What another user put where a body is about to be written is neither followed, nor written, nor removed. */
START_TEST(a_temporary_name_that_is_taken_is_an_error)
{
    char names[4][256], temporary[300], victim[64], target[80];
    struct stat st;
    ck_assert_int_eq(list(true, names, 4), 1); /* the lock, ".pfetch-ID.lock" */
    snprintf(victim, sizeof victim, "%s.victim", path);
    snprintf(target, sizeof target, "../%s", victim);
    for (int i = 1; i <= 2; i++) {
        snprintf(temporary, sizeof temporary, "%s/%.*s-%d.tmp", path, (int)(strlen(names[0]) - 5), names[0],
                 i);
        int fd = open(i == 1 ? victim : temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
        ck_assert(fd >= 0 && write(fd, "mine", 4) == 4 && close(fd) == 0);
        ck_assert(i == 2 || symlink(target, temporary) == 0);
        void *context = begin("a.example", 0);
        ck_assert_int_eq(directory_sink.body(sink, context, "theirs", 6, &err), -1);
        ck_assert_int_eq(err.kind, ERROR_OUTPUT);
        directory_sink.abandon(sink, context);
        ck_assert(stat(temporary, &st) == 0 && st.st_size == 4);
        ck_assert_int_eq(unlink(temporary), 0);
    }
    ck_assert_int_eq(unlink(victim), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("directory");
    TCase *t = tcase_create("directory");
    tcase_add_test(t, plain_targets_name_themselves);
    tcase_add_test(t, other_targets_are_told_and_digested);
    tcase_add_test(t, no_two_targets_share_a_name);
    tcase_add_test(t, every_name_is_one_that_is_safe);
    tcase_add_test(t, a_body_is_there_when_it_is_complete);
    tcase_add_test(t, failures_and_abandoned_tries_leave_nothing);
    tcase_add_test(t, equal_targets_get_files_of_their_own);
    tcase_add_test(t, counted_occurrences_have_their_place);
    tcase_add_test(t, an_older_run_is_replaced_or_kept);
    tcase_add_test(t, a_directory_in_the_way);
    tcase_add_test(t, a_link_in_the_way_is_not_followed);
    tcase_add_test(t, leftovers_of_a_killed_run_are_removed);
    tcase_add_test(t, a_run_that_lives_is_left_alone);
    tcase_add_test(t, failures_name_the_place);
    tcase_add_test(t, a_temporary_name_that_is_taken_is_an_error);
    tcase_add_checked_fixture(t, setup, teardown);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
