noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	src/base/buffer.c src/base/buffer.h \
	src/base/deadline.c src/base/deadline.h \
	src/base/escape.c src/base/escape.h \
	src/base/heap.c src/base/heap.h \
	src/base/lru.c src/base/lru.h \
	src/base/pack.c src/base/pack.h \
	src/base/siphash.c src/base/siphash.h \
	src/base/span.h \
	src/base/table.c src/base/table.h \
	src/base/unescape.c src/base/unescape.h

BASE_LIBS = libbase.a

if HAVE_CHECK
check_PROGRAMS += tests/check_buffer
TESTS += tests/check_buffer
tests_check_buffer_SOURCES = tests/check_buffer.c
tests_check_buffer_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_buffer_LDADD = $(BASE_LIBS) $(CHECK_LIBS)
endif
