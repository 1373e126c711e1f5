noinst_LIBRARIES += libfetch.a
libfetch_a_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS) $(CARES_CFLAGS) $(IDN2_CFLAGS) $(ZLIB_CFLAGS) $(BROTLI_CFLAGS) $(ZSTD_CFLAGS)
libfetch_a_SOURCES = \
	src/fetch/body.c src/fetch/body.h \
	src/fetch/coding.c src/fetch/coding.h src/fetch/coding_type.h src/fetch/coding_zlib.c \
	src/fetch/error.c src/fetch/error.h \
	src/fetch/fetch.h \
	src/fetch/response.c src/fetch/response.h \
	src/fetch/stream.h \
	src/fetch/target.h
include src/fetch/target.mk
include src/fetch/net.mk

if HAVE_BROTLI
libfetch_a_SOURCES += src/fetch/coding_br.c
endif
if HAVE_ZSTD
libfetch_a_SOURCES += src/fetch/coding_zstd.c
endif

# What a unit test of this room links with.
FETCH_LIBS = libfetch.a libbase.a $(OPENSSL_LIBS) $(CARES_LIBS) $(IDN2_LIBS) $(ZLIB_LIBS) $(BROTLI_LIBS) $(ZSTD_LIBS)

EXTRA_DIST += tests/support/guarded.h

if HAVE_CHECK
check_PROGRAMS += tests/check_response tests/check_body tests/check_message tests/check_coding
TESTS += tests/check_response tests/check_body tests/check_message tests/check_coding
tests_check_response_SOURCES = tests/check_response.c
tests_check_response_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_response_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_body_SOURCES = tests/check_body.c
tests_check_body_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_body_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_message_SOURCES = tests/check_message.c tests/support/message.c tests/support/message.h tests/support/naive.c
tests_check_message_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_message_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_coding_SOURCES = tests/check_coding.c
tests_check_coding_CPPFLAGS = $(CHECK_CPPFLAGS) $(ZLIB_CFLAGS) $(ZSTD_CFLAGS)
tests_check_coding_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
endif
