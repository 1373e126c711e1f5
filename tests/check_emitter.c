/* The pipe form of the emitter: what a task emits, read back from the pipe; small results are one write. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
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
