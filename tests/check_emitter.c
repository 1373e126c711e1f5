/* The pipe form of the emitter: what a task emits, read back from the pipe; small results are one write. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "executor/emitting.h"

static struct emitter e;
static int ends[2];

static void setup(void)
{
    ck_assert_int_eq(pipe2(ends, O_DIRECT | O_NONBLOCK), 0); /* a packet is a write */
    ck_assert_int_eq(emitter_init_pipe(&e, ends[1], 3), 0);
}

static void teardown(void)
{
    emitter_free(&e);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* Reads one packet, at most a page: -1 when there is none. */
static ssize_t packet(unsigned char *into)
{
    return read(ends[0], into, 4096);
}

START_TEST(a_small_result_is_one_write)
{
    unsigned char got[4096], none[4096];
    struct frame f;
    ck_assert_int_eq(emitter_ready(&e), 0);
    ck_assert_int_eq((int)packet(got), FRAME_HEADER);
    emitter_begin(&e, 42);
    ck_assert_int_eq(emitter_head(&e, "head", 4), 0);
    ck_assert_int_eq(emitter_body(&e, "the body", 8), 0);
    ck_assert_int_eq((int)packet(got), -1);
    ck_assert(!emitter_ended(&e));
    ck_assert_int_eq(emitter_end(&e, "end", 3), 0);
    ck_assert(emitter_ended(&e));
    ck_assert_int_eq((int)packet(got), 3 * FRAME_HEADER + 4 + 8 + 3);
    ck_assert_int_eq((int)packet(none), -1);
    ck_assert_int_eq(frame_get(got + FRAME_HEADER + 4, &f), 0);
    ck_assert_int_eq(f.type, FRAME_BODY);
    ck_assert_uint_eq(f.length, 8);
    ck_assert_uint_eq(f.task, 42);
    ck_assert_mem_eq(got + 2 * FRAME_HEADER + 4, "the body", 8);
}
END_TEST

/* Reads the next frame from a plain pipe: its payload into `payload`. */
static struct frame frame_read(unsigned char *payload)
{
    unsigned char header[FRAME_HEADER];
    struct frame f = {0};
    ck_assert_int_eq((int)read(ends[0], header, sizeof header), FRAME_HEADER);
    ck_assert_int_eq(frame_get(header, &f), 0);
    if (f.length)
        ck_assert_int_eq((int)read(ends[0], payload, f.length), (int)f.length);
    return f;
}

/* Pieces of one body join, up to a frame's bound; nothing is lost, doubled or moved, and what stands between
 * two pieces stays there. */
START_TEST(pieces_of_a_body_share_frames)
{
    static unsigned char body[300000], got[sizeof body], piece[FRAME_MAX_BODY];
    size_t sent = 0, at = 0, frames = 0;
    struct frame f;
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (unsigned char)(i * 31 + i / 251);
    (void)close(ends[0]);
    (void)close(ends[1]);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, 1024 * 1024), (int)sizeof body);
    e.fd = ends[1];
    ck_assert_int_eq(emitter_ready(&e), 0);
    emitter_begin(&e, 7);
    ck_assert_int_eq(emitter_head(&e, "head", 4), 0);
    for (size_t n = 1; sent < sizeof body; n = n * 7 % 16411 + 1) {
        size_t len = n < sizeof body - sent ? n : sizeof body - sent;
        ck_assert_int_eq(emitter_body(&e, body + sent, len), 0);
        sent += len;
    }
    ck_assert_int_eq(emitter_note(&e, "between"), 0);
    ck_assert_int_eq(emitter_body(&e, body, 5), 0);
    ck_assert_int_eq(emitter_end(&e, "end", 3), 0);
    ck_assert_int_eq(frame_read(piece).type, FRAME_READY);
    ck_assert_int_eq(frame_read(piece).type, FRAME_HEAD);
    for (f = frame_read(piece); f.type == FRAME_BODY; f = frame_read(piece), frames++) {
        ck_assert_uint_eq(f.task, 7);
        ck_assert_uint_le(f.length, sizeof body - at);
        memcpy(got + at, piece, f.length);
        at += f.length;
    }
    ck_assert_uint_eq(at, sizeof body);
    ck_assert_mem_eq(got, body, sizeof body);
    ck_assert_uint_le(frames, 8);
    ck_assert_int_eq(f.type, FRAME_NOTE);
    f = frame_read(piece);
    ck_assert_int_eq(f.type, FRAME_BODY);
    ck_assert_uint_eq(f.length, 5);
    ck_assert_int_eq(frame_read(piece).type, FRAME_END);
}
END_TEST

/* What a large body's frames say, put together. */
static size_t body_read(unsigned char *into, struct window *pool, size_t *ret_shared)
{
    static unsigned char piece[FRAME_MAX_BODY];
    struct frame f;
    size_t at = 0;
    unsigned char header[FRAME_HEADER];
    *ret_shared = 0;
    for (;;) {
        ck_assert_int_eq((int)read(ends[0], header, sizeof header), FRAME_HEADER);
        ck_assert_int_eq(frame_get(header, &f), 0);
        if (f.type == FRAME_END)
            return at;
        ck_assert_uint_eq(f.task, 7);
        if (f.type == FRAME_SHARED) {
            memcpy(into + at, window_next(pool), f.length);
            *ret_shared += f.length;
        } else {
            ck_assert_int_eq((int)read(ends[0], piece, f.length), (int)f.length);
            memcpy(into + at, piece, f.length);
        }
        at += f.type == FRAME_BODY || f.type == FRAME_SHARED ? f.length : 0;
    }
}

/* The first 64 KB go through the pipe, the rest lies in the window, in the order of the frames; a note in
 * between and a flush close a place that isn't full. The next task begins in the pipe again. */
START_TEST(a_large_body_goes_on_in_the_window)
{
    static unsigned char body[280000], got[sizeof body + 64];
    size_t shared;
    struct window pool;
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (unsigned char)(i * 31 + i / 251);
    (void)close(ends[0]);
    (void)close(ends[1]);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, 1024 * 1024), (int)sizeof body);
    e.fd = ends[1];
    ck_assert(window_open(&e.window, WINDOW_OF_PROCESS));
    pool = e.window;
    ck_assert_int_eq(emitter_ready(&e), 0);
    ck_assert_int_eq((int)read(ends[0], got, FRAME_HEADER), FRAME_HEADER);
    emitter_begin(&e, 7);
    ck_assert_int_eq(emitter_head(&e, "", 0), 0);
    ck_assert_int_eq(emitter_body(&e, body, 100000), 0);
    ck_assert_int_eq(emitter_note(&e, "between"), 0);
    ck_assert_int_eq(emitter_body(&e, body + 100000, 1), 0);
    ck_assert_int_eq(emitter_flush(&e), 0);
    ck_assert_uint_eq(e.window.count, 2); /* told of by now */
    ck_assert_int_eq(emitter_body(&e, body + 100001, sizeof body - 100001 - 50000), 0);
    ck_assert_int_eq(emitter_end(&e, "", 0), 0);
    size_t len = sizeof body - 50000;
    ck_assert_uint_eq(body_read(got, &pool, &shared), len);
    ck_assert_mem_eq(got, body, len);
    ck_assert_uint_eq(shared, len - FRAME_MAX_BODY);
    emitter_begin(&e, 7);
    ck_assert_int_eq(emitter_head(&e, "", 0), 0);
    ck_assert_int_eq(emitter_body(&e, body, 1000), 0);
    ck_assert_int_eq(emitter_end(&e, "", 0), 0);
    ck_assert_uint_eq(body_read(got, &pool, &shared), 1000);
    ck_assert_uint_eq(shared, 0);
    window_close(&e.window);
}
END_TEST

/* The pool, in a thread: counts the bytes of the body up to END, and gives each place back. */
static void *pool_main(void *arg)
{
    struct window *pool = arg;
    static size_t bytes;
    struct frame f;
    bytes = 0;
    do {
        unsigned char header[FRAME_HEADER], payload[64];
        if (read(ends[0], header, sizeof header) != sizeof header || frame_get(header, &f) < 0)
            return NULL;
        if (f.type == FRAME_SHARED) {
            (void)window_next(pool);
            bytes += f.length;
            window_give_back(pool);
            continue;
        }
        bytes += f.type == FRAME_BODY ? f.length : 0;
        for (uint32_t left = f.length; left;) {
            ssize_t n = read(ends[0], payload, left < sizeof payload ? left : sizeof payload);
            if (n <= 0)
                return NULL;
            left -= (uint32_t)n;
        }
    } while (f.type != FRAME_END);
    return &bytes;
}

/* Many places that are closed early: none of them is waited for before the pool was told of it. */
START_TEST(it_never_waits_for_a_place_that_the_pool_does_not_know_of)
{
    static unsigned char body[FRAME_MAX_BODY];
    pthread_t pool;
    void *bytes;
    (void)close(ends[0]);
    (void)close(ends[1]);
    ck_assert_int_eq(pipe(ends), 0);
    e.fd = ends[1];
    ck_assert(window_open(&e.window, WINDOW_OF_PROCESS));
    struct window pools = e.window;
    ck_assert_int_eq(pthread_create(&pool, NULL, pool_main, &pools), 0);
    ck_assert_int_eq(emitter_ready(&e), 0);
    emitter_begin(&e, 7);
    ck_assert_int_eq(emitter_head(&e, "", 0), 0);
    ck_assert_int_eq(emitter_body(&e, body, sizeof body), 0);
    for (int i = 0; i < 5 * WINDOW_PLACES; i++) {
        ck_assert_int_eq(emitter_body(&e, body, 1), 0);
        ck_assert_int_eq(emitter_note(&e, "between"), 0);
    }
    ck_assert_int_eq(emitter_end(&e, "", 0), 0);
    ck_assert_int_eq(pthread_join(pool, &bytes), 0);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(*(size_t *)bytes, sizeof body + 5 * WINDOW_PLACES);
    window_close(&e.window);
}
END_TEST

static void *abandon_main(void *arg)
{
    usleep(20000);
    window_abandon(arg);
    return NULL;
}

/* With all places full (0), or with a free one (1). */
START_TEST(who_is_abandoned_gets_no_place_and_waits_for_none)
{
    static unsigned char body[FRAME_MAX_BODY];
    pthread_t pool;
    int r = 0;
    ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, 4 * FRAME_MAX_BODY), 4 * FRAME_MAX_BODY);
    ck_assert(window_open(&e.window, WINDOW_OF_PROCESS));
    struct window pools = e.window;
    ck_assert_int_eq(emitter_ready(&e), 0);
    emitter_begin(&e, 7);
    ck_assert_int_eq(emitter_head(&e, "", 0), 0);
    ck_assert_int_eq(emitter_body(&e, body, sizeof body), 0);
    if (_i == 1)
        window_abandon(&pools);
    else
        ck_assert_int_eq(pthread_create(&pool, NULL, abandon_main, &pools), 0);
    int places = 0;
    errno = 0;
    while ((r = emitter_body(&e, body, sizeof body)) == 0)
        places++;
    ck_assert_int_eq(r, -1);
    ck_assert_int_eq(errno, EPIPE);
    ck_assert_int_eq(places, _i == 1 ? 0 : WINDOW_PLACES);
    ck_assert(e.dead);
    ck_assert_int_eq(emitter_end(&e, "", 0), -1);
    if (_i == 0)
        ck_assert_int_eq(pthread_join(pool, NULL), 0);
    window_close(&e.window);
}
END_TEST

START_TEST(flush_passes_on_what_was_gathered)
{
    unsigned char got[4096];
    ck_assert_int_eq(emitter_ready(&e), 0);
    (void)packet(got);
    emitter_begin(&e, 1);
    ck_assert_int_eq(emitter_note(&e, "waiting"), 0);
    ck_assert_int_eq(emitter_flush(&e), 0);
    ck_assert_int_eq((int)packet(got), FRAME_HEADER + 7);
    ck_assert_int_eq(emitter_flush(&e), 0);
    ck_assert_int_eq((int)packet(got), -1);
}
END_TEST

START_TEST(a_long_note_is_cut)
{
    unsigned char got[4096];
    char note[3 * FRAME_MAX_NOTE];
    memset(note, 'n', sizeof note);
    note[sizeof note - 1] = 0;
    ck_assert_int_eq(emitter_ready(&e), 0);
    (void)packet(got);
    emitter_begin(&e, 1);
    ck_assert_int_eq(emitter_note(&e, note), 0);
    ck_assert_int_eq(emitter_flush(&e), 0);
    ck_assert_int_eq((int)packet(got), FRAME_HEADER + FRAME_MAX_NOTE);
}
END_TEST

START_TEST(too_large_and_out_of_order_is_refused_and_nothing_is_written)
{
    static unsigned char large[FRAME_MAX_HEAD + 1];
    unsigned char got[4096];
    ck_assert_int_eq(emitter_head(&e, "x", 1), -1); /* before READY */
    ck_assert_int_eq(errno, EPROTO);
    ck_assert_int_eq(emitter_ready(&e), 0);
    ck_assert_int_eq(emitter_ready(&e), -1);
    (void)packet(got);
    ck_assert_int_eq(emitter_end(&e, "", 0), -1); /* without a task */
    emitter_begin(&e, 1);
    ck_assert_int_eq(emitter_head(&e, large, sizeof large), -1);
    ck_assert_int_eq(errno, EMSGSIZE);
    ck_assert_int_eq(emitter_hop(&e, large, sizeof large), -1);
    ck_assert_int_eq(emitter_body(&e, large, 1), -1);
    ck_assert_int_eq(emitter_flush(&e), 0);
    ck_assert_int_eq((int)packet(got), -1);
}
END_TEST

START_TEST(a_reader_that_is_gone_ends_it)
{
    (void)signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(emitter_ready(&e), 0);
    emitter_begin(&e, 1);
    (void)close(ends[0]);
    ck_assert_int_eq(emitter_head(&e, "x", 1), 0); /* gathered */
    ck_assert_int_eq(emitter_flush(&e), -1);
    ck_assert_int_eq(emitter_body(&e, "x", 1), -1);
    ck_assert_int_eq(emitter_end(&e, "x", 1), -1);
    ck_assert_int_eq(errno, EPIPE);
}
END_TEST

START_TEST(it_knows_its_worker_and_has_nothing_to_wake_it_by_itself)
{
    ck_assert_uint_eq(emitter_worker(&e), 3);
    ck_assert_int_eq(emitter_wake_fd(&e), -1);
    ck_assert(!emitter_wake(&e));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("emitter");
    TCase *t = tcase_create("emitter");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_small_result_is_one_write);
    tcase_add_test(t, pieces_of_a_body_share_frames);
    tcase_add_test(t, a_large_body_goes_on_in_the_window);
    tcase_add_loop_test(t, who_is_abandoned_gets_no_place_and_waits_for_none, 0, 2);
    tcase_add_test(t, it_never_waits_for_a_place_that_the_pool_does_not_know_of);
    tcase_add_test(t, flush_passes_on_what_was_gathered);
    tcase_add_test(t, a_long_note_is_cut);
    tcase_add_test(t, too_large_and_out_of_order_is_refused_and_nothing_is_written);
    tcase_add_test(t, a_reader_that_is_gone_ends_it);
    tcase_add_test(t, it_knows_its_worker_and_has_nothing_to_wake_it_by_itself);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
