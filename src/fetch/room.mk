noinst_LIBRARIES += libfetch.a
libfetch_a_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS) $(CARES_CFLAGS) $(IDN2_CFLAGS) $(ZLIB_CFLAGS) $(BROTLI_CFLAGS) $(ZSTD_CFLAGS)
libfetch_a_SOURCES = \
	src/fetch/error.c src/fetch/error.h \
	src/fetch/fetch.h \
	src/fetch/stream.h \
	src/fetch/target.h
include src/fetch/reader.mk
include src/fetch/target.mk
include src/fetch/net.mk

# What a unit test of this room links with.
FETCH_LIBS = libfetch.a libbase.a $(OPENSSL_LIBS) $(CARES_LIBS) $(ZLIB_LIBS)

if HAVE_CHECK
check_PROGRAMS += tests/check_error
TESTS += tests/check_error
tests_check_error_SOURCES = tests/check_error.c
tests_check_error_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_error_LDADD = libfetch.a $(BASE_LIBS) $(CHECK_LIBS)
endif
include src/fetch/get.mk
include src/fetch/fuzz.mk
