/* The spool: nothing interleaves, nothing is lost, somebody can always go on. */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "output/spool.h"

enum { MOST = 300, NOTES = 8 * MOST, KB = 1024, MB = 1024 * 1024 };

static struct fetch_error err;

/* A spool on a file, and what its callbacks said. */
struct world {
    struct spool *spool;
    struct writer *writer;
    int fd;
    char delivered[NOTES], resumed[NOTES]; /* owners, a letter or number each, joined by blanks */
};

static void note(char *list, const char *owner)
{
    if (strlen(list) + strlen(owner) + 2 <= NOTES) {
        strcat(list, owner);
        strcat(list, " ");
    }
}

static void on_resume(void *arg, void *owner)
{
    note(((struct world *)arg)->resumed, owner);
}

static void on_delivered(void *arg, void *owner)
{
    note(((struct world *)arg)->delivered, owner);
}

static void begin(struct world *w, bool input_order)
{
    char name[] = "check_spool.XXXXXX";
    *w = (struct world){.fd = mkstemp(name)};
    unlink(name);
    w->writer = writer_new(
        &(struct writer_options){.fd = w->fd, .owned = true, .name = "standard output", .wake_fd = -1});
    w->spool = spool_new(&(struct spool_options){.writer = w->writer,
                                                 .input_order = input_order,
                                                 .resume = on_resume,
                                                 .delivered = on_delivered,
                                                 .arg = w});
}

static void end(struct world *w)
{
    spool_free(w->spool);
    writer_free(w->writer);
}

static void put(struct spool_slot *slot, char c, size_t len)
{
    static char bytes[64 * KB];
    memset(bytes, c, sizeof bytes);
    while (len) {
        size_t n = len < sizeof bytes ? len : sizeof bytes;
        ck_assert_int_eq(spool_write(slot, bytes, n, &err), 0);
        len -= n;
    }
}

static void flush(struct world *w)
{
    ck_assert_int_eq(spool_flush(w->spool, false, &err), 0);
}

static void finish(struct spool_slot *slot)
{
    ck_assert_int_eq(spool_finish(slot, &err), 0);
}

/* What has been written, as runs: "a3 b2000". */
static const char *runs(struct world *w)
{
    static char text[4096];
    static unsigned char bytes[64 * KB];
    off_t at = 0;
    ssize_t n;
    int c = -1;
    size_t len = 0;
    text[0] = 0;
    while ((n = pread(w->fd, bytes, sizeof bytes, at)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (bytes[i] != c && c >= 0) {
                sprintf(text + strlen(text), "%c%zu ", c, len);
                len = 0;
            }
            c = bytes[i];
            len++;
        }
        at += n;
    }
    if (c >= 0)
        sprintf(text + strlen(text), "%c%zu", c, len);
    return text;
}

START_TEST(completion_order_is_the_order_of_finishing)
{
    struct world w;
    begin(&w, false);
    struct spool_slot *a = spool_open(w.spool, "a"), *b = spool_open(w.spool, "b");
    put(a, 'a', 5);
    put(b, 'b', 7);
    put(a, 'a', 1);
    finish(b);
    flush(&w);
    ck_assert_str_eq(w.delivered, "b ");
    ck_assert_str_eq(spool_oldest(w.spool), "a");
    finish(a);
    ck_assert_uint_eq(spool_pending(w.spool), 1);
    flush(&w);
    ck_assert_str_eq(w.delivered, "b a ");
    ck_assert_str_eq(runs(&w), "b7 a6");
    ck_assert_uint_eq(spool_pending(w.spool), 0);
    ck_assert_ptr_null(spool_oldest(w.spool));
    end(&w);
}
END_TEST

START_TEST(input_order_is_the_order_of_opening)
{
    struct world w;
    begin(&w, true);
    struct spool_slot *a = spool_open(w.spool, "a"), *b = spool_open(w.spool, "b"),
                      *c = spool_open(w.spool, "c");
    put(c, 'c', 3);
    finish(c);
    put(b, 'b', 2);
    finish(b);
    flush(&w);
    ck_assert_str_eq(w.delivered, "");
    ck_assert_str_eq(runs(&w), "");
    put(a, 'a', 1);
    finish(a);
    flush(&w);
    ck_assert_str_eq(w.delivered, "a b c ");
    ck_assert_str_eq(runs(&w), "a1 b2 c3");
    end(&w);
}
END_TEST

START_TEST(a_small_slot_is_written_only_when_whole)
{
    for (int order = 0; order < 2; order++) {
        struct world w;
        begin(&w, order);
        struct spool_slot *a = spool_open(w.spool, "a");
        put(a, 'a', MB);
        flush(&w);
        ck_assert_str_eq(runs(&w), "");
        ck_assert(!spool_held(a));
        spool_rewind(a);
        put(a, 'x', 2);
        finish(a);
        flush(&w);
        ck_assert_str_eq(runs(&w), "x2");
        end(&w);
    }
}
END_TEST

START_TEST(a_large_slot_streams_and_keeps_others_back)
{
    struct world w;
    begin(&w, false);
    struct spool_slot *a = spool_open(w.spool, "a"), *b = spool_open(w.spool, "b"),
                      *c = spool_open(w.spool, "c");
    put(b, 'b', MB + 1);
    flush(&w);
    ck_assert_str_eq(runs(&w), "b1048577");
    ck_assert_uint_eq(spool_streamed(b), MB + 1);
    put(a, 'a', MB + 64 * KB);
    ck_assert(spool_held(a));
    ck_assert(!spool_held(b));
    put(c, 'c', 9);
    finish(c);
    put(b, 'b', 3 * MB);
    flush(&w);
    ck_assert_str_eq(runs(&w), "b4194305");
    ck_assert_str_eq(w.delivered, "");
    ck_assert_str_eq(w.resumed, "");
    spool_rewind(b); /* what streamed stays */
    ck_assert_uint_eq(spool_streamed(b), 4 * MB + 1);
    finish(b);
    flush(&w);
    ck_assert_str_eq(w.delivered, "b c ");
    ck_assert_str_eq(w.resumed, "a ");
    ck_assert(!spool_held(a));
    ck_assert_str_eq(runs(&w), "b4194305 c9 a1114112");
    put(a, 'a', 8);
    finish(a);
    flush(&w);
    ck_assert_str_eq(runs(&w), "b4194305 c9 a1114120");
    end(&w);
}
END_TEST

START_TEST(in_input_order_the_oldest_is_never_held)
{
    struct world w;
    begin(&w, true);
    struct spool_slot *a = spool_open(w.spool, "a"), *b = spool_open(w.spool, "b"),
                      *c = spool_open(w.spool, "c");
    put(b, 'b', 2 * MB);
    put(c, 'c', 2 * MB);
    ck_assert(spool_held(b) && spool_held(c));
    put(a, 'a', 3 * MB);
    ck_assert(!spool_held(a));
    finish(a);
    flush(&w);
    ck_assert_str_eq(w.resumed, "b ");
    ck_assert_str_eq(runs(&w), "a3145728 b2097152");
    finish(b);
    flush(&w);
    ck_assert_str_eq(w.resumed, "b c ");
    finish(c);
    flush(&w);
    ck_assert_str_eq(w.delivered, "a b c ");
    end(&w);
}
END_TEST

/* Many half-done slots reach the cap, none of them large: one goes on, and when it is done the next. */
START_TEST(the_cap_always_leaves_one_that_moves)
{
    for (int order = 0; order < 2; order++) {
        static char names[MOST][8];
        static struct spool_slot *slots[MOST];
        struct world w;
        begin(&w, order);
        size_t left = MOST;
        for (int i = 0; i < MOST; i++) {
            sprintf(names[i], "%d", i);
            slots[i] = spool_open(w.spool, names[i]);
        }
        for (int i = 0; i < MOST; i++)
            put(slots[i], 'x', 512 * KB);
        ck_assert(spool_full(w.spool));
        while (left) {
            flush(&w);
            int i = 0;
            while (i < MOST && (!slots[i] || spool_held(slots[i])))
                i++;
            ck_assert_msg(i < MOST, "%zu slots are left and all are held", left);
            put(slots[i], 'x', 64 * KB);
            if (spool_held(slots[i]))
                continue;
            finish(slots[i]);
            slots[i] = NULL;
            left--;
        }
        flush(&w);
        ck_assert(!spool_full(w.spool));
        ck_assert_uint_eq(spool_pending(w.spool), 0);
        ck_assert_uint_eq(writer_written(w.writer) % (64 * KB), 0);
        end(&w);
    }
}
END_TEST

/* The one that the cap made live fails and waits for a retry: another must take its place. */
START_TEST(a_rewound_live_slot_gives_way)
{
    static char names[MOST][8];
    struct spool_slot *slots[MOST];
    struct world w;
    begin(&w, false);
    int live = -1;
    for (int i = 0; i < MOST; i++) {
        sprintf(names[i], "%d", i);
        slots[i] = spool_open(w.spool, names[i]);
        put(slots[i], 'x', MB);
        if (!spool_held(slots[i]))
            live = i;
    }
    ck_assert_int_gt(live, 0);
    flush(&w);
    ck_assert_str_eq(w.resumed, "");
    spool_rewind(slots[live]);
    flush(&w);
    ck_assert_str_ne(w.resumed, "");
    end(&w);
}
END_TEST

START_TEST(a_slot_that_can_stream_displaces_one_that_does_not)
{
    static char names[MOST][8];
    struct spool_slot *slots[MOST];
    struct world w;
    begin(&w, false);
    for (int i = 0; i < MOST; i++) {
        sprintf(names[i], "%d", i);
        slots[i] = spool_open(w.spool, names[i]);
        put(slots[i], 'x', 512 * KB);
    }
    put(slots[3], 'y', MB);
    ck_assert_uint_gt(spool_streamed(slots[3]), MB);
    finish(slots[3]);
    flush(&w);
    ck_assert_str_eq(w.delivered, "3 ");
    end(&w);
}
END_TEST

/* Reports that wait for the oldest are memory too. */
START_TEST(waiting_reports_make_it_full)
{
    struct world w;
    begin(&w, true);
    struct spool_slot *a = spool_open(w.spool, "a");
    size_t n = 0;
    while (!spool_full(w.spool)) {
        struct spool_slot *slot = spool_open(w.spool, "x");
        put(slot, 'x', 500);
        finish(slot);
        flush(&w);
        n++;
    }
    ck_assert_uint_lt(n, SPOOL_TOTAL_MAX / 512);
    ck_assert_uint_gt(n, SPOOL_TOTAL_MAX / 4096);
    finish(a);
    flush(&w);
    ck_assert_uint_eq(writer_written(w.writer), 500 * n);
    ck_assert(!spool_full(w.spool));
    end(&w);
}
END_TEST

/* Slots of targets that wait for a retry may be many; should they make it full, none would ever be tried. */
START_TEST(rewound_slots_do_not_make_it_full)
{
    struct world w;
    begin(&w, false);
    for (int i = 0; i < 4096; i++) {
        struct spool_slot *slot = spool_open(w.spool, "x");
        put(slot, 'x', 20 * KB);
        spool_rewind(slot);
        ck_assert_msg(!spool_full(w.spool), "%d rewound slots make it full", i + 1);
    }
    end(&w);
}
END_TEST

struct reentry {
    struct world world;
    struct spool_slot *held;
    int opened;
};

static void open_more(void *arg, void *owner)
{
    struct reentry *r = arg;
    (void)owner;
    if (r->opened++ >= 5)
        return;
    struct spool_slot *slot = spool_open(r->world.spool, "more");
    put(slot, 'm', 10);
    finish(slot);
    flush(&r->world);
}

static void finish_it(void *arg, void *owner)
{
    struct reentry *r = arg;
    (void)owner;
    finish(r->held);
    flush(&r->world);
}

START_TEST(many_that_wait_for_a_flush_make_it_due)
{
    struct world w;
    begin(&w, false);
    for (int i = 0; i < SPOOL_SENT_MAX; i++) {
        ck_assert(!spool_flush_due(w.spool));
        struct spool_slot *slot = spool_open(w.spool, "x");
        put(slot, 'x', 1);
        finish(slot);
    }
    ck_assert(spool_flush_due(w.spool));
    ck_assert_str_eq(w.delivered, "");
    flush(&w);
    ck_assert(!spool_flush_due(w.spool));
    ck_assert_uint_eq(strlen(w.delivered), 2 * SPOOL_SENT_MAX);
    end(&w);
}
END_TEST

START_TEST(callbacks_may_use_the_spool)
{
    struct reentry r;
    begin(&r.world, false);
    spool_free(r.world.spool);
    r.opened = 0;
    r.world.spool = spool_new(&(struct spool_options){
        .writer = r.world.writer, .resume = finish_it, .delivered = open_more, .arg = &r});
    struct spool_slot *a = spool_open(r.world.spool, "a");
    r.held = spool_open(r.world.spool, "b");
    put(a, 'a', 2 * MB);
    put(r.held, 'b', 2 * MB);
    finish(a);
    flush(&r.world);
    flush(&r.world);
    ck_assert_uint_eq(spool_pending(r.world.spool), 0);
    ck_assert_int_ge(r.opened, 6);
    end(&r.world);
}
END_TEST

struct flusher {
    struct world world;
    unsigned told, depth, deepest;
};

static void flush_again(void *arg, void *owner)
{
    struct flusher *f = arg;
    (void)owner;
    f->told++;
    f->depth++;
    if (f->depth > f->deepest)
        f->deepest = f->depth;
    ck_assert_int_eq(spool_flush(f->world.spool, true, &err), 0);
    f->depth--;
}

/* However many were delivered at once: the stack does not grow with them. */
START_TEST(who_is_told_may_flush)
{
    struct flusher f = {.told = 0};
    begin(&f.world, true);
    spool_free(f.world.spool);
    f.world.spool = spool_new(&(struct spool_options){
        .writer = f.world.writer, .input_order = true, .delivered = flush_again, .arg = &f});
    for (int i = 0; i < 20; i++) {
        struct spool_slot *slot = spool_open(f.world.spool, "x");
        put(slot, 'x', 10);
        finish(slot);
    }
    flush(&f.world);
    ck_assert_uint_eq(f.told, 20);
    ck_assert_uint_eq(f.deepest, 1);
    end(&f.world);
}
END_TEST

/* A pipe of one page, which nobody reads. */
static bool give_up(void *arg)
{
    (void)arg;
    return true;
}

START_TEST(what_left_before_a_failure_is_delivered)
{
    struct world w;
    int fds[2], wake[2];
    begin(&w, false);
    end(&w);
    ck_assert(pipe(fds) == 0 && pipe(wake) == 0 && write(wake[1], "!", 1) == 1);
    ck_assert_int_ge(fcntl(fds[1], F_SETPIPE_SZ, 4096), 4096);
    w.writer = writer_new(&(struct writer_options){
        .fd = fds[1], .owned = true, .name = "standard output", .wake_fd = wake[0], .wake = give_up});
    w.spool = spool_new(&(struct spool_options){.writer = w.writer, .delivered = on_delivered, .arg = &w});
    for (int i = 0; i < 4; i++) {
        static char *const names[] = {"a", "b", "c", "d"};
        struct spool_slot *slot = spool_open(w.spool, names[i]);
        put(slot, *names[i], 1500);
        finish(slot);
    }
    ck_assert_int_eq(spool_flush(w.spool, false, &err), -1);
    ck_assert_int_eq(err.kind, ERROR_CANCELLED);
    ck_assert_str_eq(w.delivered, "a b ");
    end(&w);
    close(fds[0]);
    close(wake[0]);
    close(wake[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("spool");
    TCase *t = tcase_create("spool");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, completion_order_is_the_order_of_finishing);
    tcase_add_test(t, input_order_is_the_order_of_opening);
    tcase_add_test(t, a_small_slot_is_written_only_when_whole);
    tcase_add_test(t, a_large_slot_streams_and_keeps_others_back);
    tcase_add_test(t, in_input_order_the_oldest_is_never_held);
    tcase_add_test(t, the_cap_always_leaves_one_that_moves);
    tcase_add_test(t, a_rewound_live_slot_gives_way);
    tcase_add_test(t, a_slot_that_can_stream_displaces_one_that_does_not);
    tcase_add_test(t, waiting_reports_make_it_full);
    tcase_add_test(t, rewound_slots_do_not_make_it_full);
    tcase_add_test(t, many_that_wait_for_a_flush_make_it_due);
    tcase_add_test(t, callbacks_may_use_the_spool);
    tcase_add_test(t, who_is_told_may_flush);
    tcase_add_test(t, what_left_before_a_failure_is_delivered);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
