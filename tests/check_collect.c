/* Frames out of bytes that are cut anywhere: the same items come, nothing is kept that was not allowed. */
#include <check.h>
#include <stdlib.h>

#include "executor/collect.h"
#include "support/guarded.h"

static void put(struct buffer *b, enum frame_type type, uint64_t task, const char *payload)
{
    unsigned char header[FRAME_HEADER];
    struct frame f = {type, (uint32_t)strlen(payload), task};
    frame_put(header, &f);
    ck_assert_int_eq(buffer_append(b, header, sizeof header), 0);
    ck_assert_int_eq(buffer_puts(b, payload), 0);
}

/* A worker's life with two tasks. */
static void life(struct buffer *b)
{
    buffer_init(b, 10000);
    put(b, FRAME_READY, 0, "");
    put(b, FRAME_NOTE, 1, "a note");
    put(b, FRAME_HOP, 1, "a hop");
    put(b, FRAME_WIRE, 1, "wire");
    put(b, FRAME_HEAD, 1, "the head");
    put(b, FRAME_BODY, 1, "body");
    put(b, FRAME_BODY, 1, "body again");
    put(b, FRAME_END, 1, "the end");
    put(b, FRAME_HEAD, 2, "");
    put(b, FRAME_END, 2, "");
}

/* What came, as text: a letter a frame, payloads of one kind joined. */
struct story {
    struct buffer text;
    enum frame_type last;
};

static void tell(struct story *s, const struct collect_item *item)
{
    bool streams = item->type == FRAME_BODY || item->type == FRAME_WIRE;
    if (!streams || s->last != item->type)
        ck_assert_int_eq(buffer_printf(&s->text, "%s:", frame_name(item->type)), 0);
    ck_assert_int_eq(buffer_append(&s->text, item->data.data, item->data.len), 0);
    s->last = item->type;
}

/* Feeds one piece; tasks 1 and 2 begin when their turn comes. */
static enum collect_result feed(struct collect *c, struct span in, struct story *s)
{
    struct collect_item item;
    char why[100];
    enum collect_result r;
    while ((r = collect_next(c, &in, &item, why, sizeof why)) == COLLECT_ITEM) {
        tell(s, &item);
        if (item.type == FRAME_READY || (item.type == FRAME_END && s->text.len < 120))
            protocol_begin(&c->protocol, item.type == FRAME_READY ? 1 : 2);
    }
    ck_assert(r == COLLECT_BAD || in.len == 0);
    return r;
}

static const char whole_story[] =
    "READY:NOTE:a noteHOP:a hopWIRE:wireHEAD:the headBODY:bodybody againEND:the endHEAD:END:";

static void check_story(struct story *s)
{
    ck_assert_int_eq(buffer_terminate(&s->text), 0);
    ck_assert_str_eq((char *)s->text.data, whole_story);
    buffer_free(&s->text);
}

static struct story story_new(void)
{
    struct story s = {.last = FRAME_TYPES};
    buffer_init(&s.text, 1000);
    return s;
}

START_TEST(cut_anywhere_the_same_items_come)
{
    struct buffer b;
    struct guarded g;
    life(&b);
    guarded_init(&g, b.len);
    for (size_t cut = 0; cut <= b.len; cut++) {
        struct collect c;
        struct story s = story_new();
        collect_init(&c);
        ck_assert_int_eq(feed(&c, guarded_put(&g, b.data, cut), &s), COLLECT_MORE);
        ck_assert_int_eq(feed(&c, guarded_put(&g, b.data + cut, b.len - cut), &s), COLLECT_MORE);
        ck_assert_ptr_null(c.part.data); /* nothing is kept when it is done */
        collect_free(&c);
        check_story(&s);
    }
    guarded_free(&g);
    buffer_free(&b);
}
END_TEST

START_TEST(byte_by_byte_the_same_items_come)
{
    struct buffer b;
    struct guarded g;
    struct collect c;
    struct story s = story_new();
    life(&b);
    guarded_init(&g, 1);
    collect_init(&c);
    for (size_t i = 0; i < b.len; i++)
        ck_assert_int_eq(feed(&c, guarded_put(&g, b.data + i, 1), &s), COLLECT_MORE);
    check_story(&s);
    collect_free(&c);
    guarded_free(&g);
    buffer_free(&b);
}
END_TEST

START_TEST(a_body_is_handed_on_in_pieces_and_not_kept)
{
    unsigned char header[FRAME_HEADER];
    static unsigned char payload[FRAME_MAX_BODY];
    struct frame f = {FRAME_BODY, FRAME_MAX_BODY, 1};
    struct collect c;
    struct collect_item item;
    char why[100];
    collect_init(&c);
    c.protocol.state = PROTOCOL_ANSWER;
    c.protocol.task = 1;
    frame_put(header, &f);
    struct span in = span_make(header, sizeof header);
    ck_assert_int_eq(collect_next(&c, &in, &item, why, sizeof why), COLLECT_MORE);
    for (size_t at = 0; at < sizeof payload; at += 1024) {
        in = span_make(payload + at, 1024);
        ck_assert_int_eq(collect_next(&c, &in, &item, why, sizeof why), COLLECT_ITEM);
        ck_assert_ptr_eq(item.data.data, payload + at);
        ck_assert_uint_eq(item.data.len, 1024);
        ck_assert_ptr_null(c.part.data);
    }
    collect_free(&c);
}
END_TEST

static enum collect_result take_shared(struct collect *c, uint32_t length, struct collect_item *ret,
                                       char *why)
{
    unsigned char header[FRAME_HEADER];
    struct frame f = {FRAME_SHARED, length, 1};
    frame_put(header, &f);
    struct span in = span_make(header, sizeof header);
    c->protocol.state = PROTOCOL_ANSWER;
    c->protocol.task = 1;
    return collect_next(c, &in, ret, why, 100);
}

START_TEST(what_is_shared_is_looked_for_in_the_window)
{
    struct window w;
    struct collect c;
    struct collect_item item;
    char why[100];
    ck_assert(window_open(&w, WINDOW_OF_PROCESS));
    struct window worker = w;
    collect_init(&c);
    c.window = &w;
    for (int i = 0; i < 9; i++) { /* it would wait for ever if places were not given back */
        c.shared = 0;
        unsigned char *place = window_place(&worker);
        memset(place, 'a' + i, 10);
        window_filled(&worker);
        ck_assert_int_eq(take_shared(&c, 10, &item, why), COLLECT_ITEM);
        ck_assert_int_eq(item.type, FRAME_BODY);
        ck_assert_ptr_eq(item.data.data, place);
        ck_assert_uint_eq(item.data.len, 10);
        ck_assert_int_eq(item.data.data[9], 'a' + i);
        collect_settle(&c);
    }
    ck_assert_int_eq(take_shared(&c, 0, &item, why), COLLECT_BAD);
    collect_free(&c);
    collect_init(&c);
    c.window = &w;
    ck_assert_int_eq(take_shared(&c, FRAME_MAX_BODY + 1, &item, why), COLLECT_BAD);
    collect_free(&c);
    window_close(&w);
}
END_TEST

/* Else sixteen bytes of the pipe would each stand for 64 KB, and hold up no worker. */
START_TEST(one_read_tells_of_no_more_places_than_there_are)
{
    struct window w;
    struct collect c;
    struct collect_item item;
    char why[100];
    ck_assert(window_open(&w, WINDOW_OF_PROCESS));
    collect_init(&c);
    c.window = &w;
    for (int i = 0; i < WINDOW_PLACES; i++)
        ck_assert_int_eq(take_shared(&c, FRAME_MAX_BODY, &item, why), COLLECT_ITEM);
    ck_assert_int_eq(take_shared(&c, FRAME_MAX_BODY, &item, why), COLLECT_BAD);
    ck_assert_str_eq(why, "more SHARED frames than there are places");
    collect_free(&c);
    window_close(&w);
}
END_TEST

START_TEST(without_a_window_nothing_is_shared)
{
    struct collect c;
    struct collect_item item;
    struct window none = {0};
    char why[100];
    collect_init(&c);
    ck_assert_int_eq(take_shared(&c, 10, &item, why), COLLECT_BAD);
    ck_assert_str_eq(why, "SHARED without a window");
    collect_free(&c);
    collect_init(&c);
    c.window = &none;
    ck_assert_int_eq(take_shared(&c, 10, &item, why), COLLECT_BAD);
    collect_free(&c);
}
END_TEST

START_TEST(a_refused_header_stops_before_its_payload)
{
    struct buffer b;
    struct collect c;
    struct collect_item item;
    char why[100];
    buffer_init(&b, 1000);
    put(&b, FRAME_HEAD, 9, "another's head");
    collect_init(&c);
    protocol_begin(&c.protocol, 1);
    struct span in = buffer_span(&b);
    ck_assert_int_eq(collect_next(&c, &in, &item, why, sizeof why), COLLECT_BAD);
    ck_assert_str_eq(why, "HEAD for another task");
    ck_assert_uint_eq(in.len, strlen("another's head"));
    collect_free(&c);
    buffer_free(&b);
}
END_TEST

START_TEST(a_claimed_length_costs_no_memory)
{
    unsigned char bytes[FRAME_HEADER + 10] = {0};
    struct frame f = {FRAME_HEAD, FRAME_MAX_HEAD, 1};
    struct collect c;
    struct collect_item item;
    char why[100];
    frame_put(bytes, &f);
    collect_init(&c);
    protocol_begin(&c.protocol, 1);
    struct span in = span_make(bytes, sizeof bytes);
    ck_assert_int_eq(collect_next(&c, &in, &item, why, sizeof why), COLLECT_MORE);
    ck_assert_uint_eq(c.part.len, 10);
    ck_assert_uint_le(c.part.cap, 4096);
    collect_free(&c);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("collect");
    TCase *t = tcase_create("collect");
    tcase_add_test(t, cut_anywhere_the_same_items_come);
    tcase_add_test(t, byte_by_byte_the_same_items_come);
    tcase_add_test(t, a_body_is_handed_on_in_pieces_and_not_kept);
    tcase_add_test(t, what_is_shared_is_looked_for_in_the_window);
    tcase_add_test(t, one_read_tells_of_no_more_places_than_there_are);
    tcase_add_test(t, without_a_window_nothing_is_shared);
    tcase_add_test(t, a_refused_header_stops_before_its_payload);
    tcase_add_test(t, a_claimed_length_costs_no_memory);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
