noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	src/base/arena.c src/base/arena.h \
	src/base/buffer.c src/base/buffer.h \
	src/base/deadline.c src/base/deadline.h \
	src/base/escape.c src/base/escape.h \
	src/base/fresh.c src/base/fresh.h \
	src/base/heap.c src/base/heap.h \
	src/base/late_library.c src/base/late_library.h \
	src/base/lru.c src/base/lru.h \
	src/base/nofork.c src/base/nofork.h \
	src/base/pack.c src/base/pack.h \
	src/base/processors.c src/base/processors.h \
	src/base/siphash.c src/base/siphash.h \
	src/base/span.h \
	src/base/table.c src/base/table.h \
	src/base/unescape.c src/base/unescape.h \
	src/base/watched.c src/base/watched.h

BASE_LIBS = libbase.a

if HAVE_CHECK
check_PROGRAMS += tests/check_arena
TESTS += tests/check_arena
tests_check_arena_SOURCES = tests/check_arena.c
tests_check_arena_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_arena_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_buffer
TESTS += tests/check_buffer
tests_check_buffer_SOURCES = tests/check_buffer.c
tests_check_buffer_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_buffer_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_deadline
TESTS += tests/check_deadline
tests_check_deadline_SOURCES = tests/check_deadline.c
tests_check_deadline_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_deadline_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_escape
TESTS += tests/check_escape
tests_check_escape_SOURCES = tests/check_escape.c
tests_check_escape_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_escape_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_fresh
TESTS += tests/check_fresh
tests_check_fresh_SOURCES = tests/check_fresh.c
tests_check_fresh_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_fresh_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_heap
TESTS += tests/check_heap
tests_check_heap_SOURCES = tests/check_heap.c
tests_check_heap_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_heap_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_lru
TESTS += tests/check_lru
tests_check_lru_SOURCES = tests/check_lru.c
tests_check_lru_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_lru_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_nofork
TESTS += tests/check_nofork
tests_check_nofork_SOURCES = tests/check_nofork.c
tests_check_nofork_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_nofork_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_pack
TESTS += tests/check_pack
tests_check_pack_SOURCES = tests/check_pack.c
tests_check_pack_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_pack_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_late_library
TESTS += tests/check_late_library
tests_check_late_library_SOURCES = tests/check_late_library.c
tests_check_late_library_CPPFLAGS = $(CHECK_CPPFLAGS) $(ZLIB_CFLAGS)
tests_check_late_library_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_processors
TESTS += tests/check_processors
tests_check_processors_SOURCES = tests/check_processors.c
tests_check_processors_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_processors_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_siphash
TESTS += tests/check_siphash
tests_check_siphash_SOURCES = tests/check_siphash.c
tests_check_siphash_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_siphash_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_table
TESTS += tests/check_table
tests_check_table_SOURCES = tests/check_table.c
tests_check_table_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_table_LDADD = $(BASE_LIBS) $(CHECK_LIBS)
endif
