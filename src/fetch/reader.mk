# What a response is read with: head, body, content codings. A part of the room.
libfetch_a_SOURCES += \
	src/fetch/body.c src/fetch/body.h \
	src/fetch/coding.c src/fetch/coding.h \
	src/fetch/coding_type.h \
	src/fetch/coding_zlib.c \
	src/fetch/response.c src/fetch/response.h
if HAVE_BROTLI
libfetch_a_SOURCES += src/fetch/coding_br.c
endif
if HAVE_ZSTD
libfetch_a_SOURCES += src/fetch/coding_zstd.c
endif

include tests/fuzz/fuzz.mk

MESSAGE_SOURCES = tests/support/message.c tests/support/message.h tests/support/naive.c tests/support/guarded.h

READER_FUZZ = tests/fuzz/fuzz_response tests/fuzz/fuzz_body tests/fuzz/fuzz_coding
check_PROGRAMS += $(READER_FUZZ)
FUZZ_TESTS += $(READER_FUZZ)
tests_fuzz_fuzz_response_SOURCES = tests/fuzz/fuzz_response.c $(MESSAGE_SOURCES) $(FUZZ_MAIN)
tests_fuzz_fuzz_response_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_response_LDADD = $(FETCH_LIBS)
tests_fuzz_fuzz_body_SOURCES = tests/fuzz/fuzz_body.c $(FUZZ_MAIN)
tests_fuzz_fuzz_body_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_body_LDADD = $(FETCH_LIBS)
tests_fuzz_fuzz_coding_SOURCES = tests/fuzz/fuzz_coding.c $(FUZZ_MAIN)
tests_fuzz_fuzz_coding_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_coding_LDADD = $(FETCH_LIBS)
EXTRA_DIST += \
	tests/fuzz/corpus/response tests/fuzz/fuzz_response.dict \
	tests/fuzz/corpus/body tests/fuzz/fuzz_body.dict \
	tests/fuzz/corpus/coding tests/fuzz/fuzz_coding.dict \
	tests/fuzz/replay.c

if HAVE_CHECK
READER_TESTS = tests/check_response tests/check_body tests/check_message tests/check_vectors tests/check_coding
check_PROGRAMS += $(READER_TESTS)
TESTS += $(READER_TESTS)
tests_check_response_SOURCES = tests/check_response.c
tests_check_response_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_response_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_body_SOURCES = tests/check_body.c
tests_check_body_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_body_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_message_SOURCES = tests/check_message.c $(MESSAGE_SOURCES)
tests_check_message_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_message_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_vectors_SOURCES = tests/check_vectors.c $(MESSAGE_SOURCES)
tests_check_vectors_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_vectors_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_coding_SOURCES = tests/check_coding.c
tests_check_coding_CPPFLAGS = $(CHECK_CPPFLAGS) $(ZLIB_CFLAGS) $(ZSTD_CFLAGS)
tests_check_coding_LDADD = $(FETCH_LIBS) $(ZSTD_LIBS) $(CHECK_LIBS)
endif
