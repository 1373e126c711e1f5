# The pool, twice: as an archive for pfetch itself, and as libpfetch for others.
EXECUTOR_SOURCES = \
	src/executor/collect.c src/executor/collect.h \
	src/executor/dispatch.c \
	src/executor/emitter.c src/executor/emitter.h src/executor/emitting.h \
	src/executor/executor.c src/executor/executor.h \
	src/executor/forker.c src/executor/forker.h \
	src/executor/frame.c src/executor/frame.h \
	src/executor/news.c \
	src/executor/pace.c src/executor/pace.h \
	src/executor/pool.h \
	src/executor/process.c \
	src/executor/protocol.c src/executor/protocol.h \
	src/executor/results.c \
	src/executor/roster.c \
	src/executor/serial.c \
	src/executor/shutdown.c \
	src/executor/slots.c src/executor/slots.h \
	src/executor/tasks.c src/executor/tasks.h \
	src/executor/thread.c \
	src/executor/watch.c src/executor/watch.h \
	src/executor/window.c src/executor/window.h \
	src/executor/worker.c src/executor/worker.h

noinst_LIBRARIES += libexecutor.a
libexecutor_a_SOURCES = $(EXECUTOR_SOURCES)

lib_LTLIBRARIES += libpfetch.la
libpfetch_la_SOURCES = $(EXECUTOR_SOURCES) \
	src/base/buffer.c src/base/buffer.h \
	src/base/deadline.c src/base/deadline.h \
	src/base/nofork.c src/base/nofork.h \
	src/base/processors.c src/base/processors.h \
	src/base/span.h \
	src/base/watched.c src/base/watched.h
libpfetch_la_CFLAGS = $(AM_CFLAGS) -fvisibility=default
libpfetch_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(srcdir)/src/executor/libpfetch.map
EXTRA_libpfetch_la_DEPENDENCIES = src/executor/libpfetch.map
EXTRA_DIST += src/executor/libpfetch.map
pfetchincludedir = $(includedir)/pfetch
pfetchinclude_HEADERS = src/executor/executor.h src/executor/emitter.h
pkgconfigdir = $(libdir)/pkgconfig
nodist_pkgconfig_DATA = libpfetch.pc
dist_man_MANS += man/pfetch.3

# The examples include the headers as they are installed.
EXAMPLE_INCLUDES = include/pfetch/executor.h include/pfetch/emitter.h
include/pfetch/executor.h: src/executor/executor.h
	@$(MKDIR_P) include/pfetch && cp $(srcdir)/src/executor/executor.h $@
include/pfetch/emitter.h: src/executor/emitter.h
	@$(MKDIR_P) include/pfetch && cp $(srcdir)/src/executor/emitter.h $@
CLEANFILES += $(EXAMPLE_INCLUDES)
examplesdir = $(docdir)/examples
dist_examples_DATA = examples/hash_files.c examples/poll_loop.c
check_PROGRAMS += examples/hash_files examples/poll_loop
examples_hash_files_SOURCES = examples/hash_files.c
examples_hash_files_CPPFLAGS = -Iinclude -D_GNU_SOURCE $(OPENSSL_CFLAGS)
examples_hash_files_LDADD = libpfetch.la $(OPENSSL_LIBS)
examples_poll_loop_SOURCES = examples/poll_loop.c
examples_poll_loop_CPPFLAGS = -Iinclude -D_GNU_SOURCE
examples_poll_loop_LDADD = libpfetch.la
examples/hash_files-hash_files.$(OBJEXT) examples/poll_loop-poll_loop.$(OBJEXT): $(EXAMPLE_INCLUDES)
TESTS += tests/check_library.sh tests/check_install.sh
dist_noinst_SCRIPTS += tests/check_library.sh tests/check_install.sh
EXTRA_DIST += tests/outside/outside.c tests/libpfetch.abi

# The library's interface as abidw(1) sees it; tests/check_library.sh compares. For every change on purpose.
abi: libpfetch.la $(EXAMPLE_INCLUDES)
	TOP_SRCDIR='$(abs_top_srcdir)' $(srcdir)/tests/check_library.sh --abi > $(srcdir)/tests/libpfetch.abi
.PHONY: abi

EXECUTOR_LIBS = libexecutor.a $(BASE_LIBS)


if HAVE_CHECK
check_PROGRAMS += tests/check_executor
TESTS += tests/check_executor
tests_check_executor_SOURCES = tests/check_executor.c tests/support/pool_tasks.h
tests_check_executor_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_executor_LDADD = $(EXECUTOR_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_ahead
TESTS += tests/check_ahead
tests_check_ahead_SOURCES = tests/check_ahead.c tests/support/pool_tasks.h
tests_check_ahead_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_ahead_LDADD = $(EXECUTOR_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_executor_faults
TESTS += tests/check_executor_faults
tests_check_executor_faults_SOURCES = tests/check_executor_faults.c tests/support/forbid.h tests/support/pool_tasks.h tests/support/within.h
tests_check_executor_faults_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_executor_faults_LDADD = $(EXECUTOR_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/check_collect
TESTS += tests/check_collect
tests_check_collect_SOURCES = tests/check_collect.c
tests_check_collect_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_collect_LDADD = $(EXECUTOR_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_emitter
TESTS += tests/check_emitter
tests_check_emitter_SOURCES = tests/check_emitter.c
tests_check_emitter_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_emitter_LDADD = $(EXECUTOR_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_forker
TESTS += tests/check_forker
tests_check_forker_SOURCES = tests/check_forker.c tests/support/forbid.h tests/support/within.h
tests_check_forker_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_forker_LDADD = $(EXECUTOR_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_frame
TESTS += tests/check_frame
tests_check_frame_SOURCES = tests/check_frame.c
tests_check_frame_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_frame_LDADD = $(EXECUTOR_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_pace
TESTS += tests/check_pace
tests_check_pace_SOURCES = tests/check_pace.c tests/support/pool_tasks.h tests/support/within.h
tests_check_pace_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_pace_LDADD = $(EXECUTOR_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_protocol
TESTS += tests/check_protocol
tests_check_protocol_SOURCES = tests/check_protocol.c
tests_check_protocol_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_protocol_LDADD = $(EXECUTOR_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_slots
TESTS += tests/check_slots
tests_check_slots_SOURCES = tests/check_slots.c
tests_check_slots_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_slots_LDADD = $(EXECUTOR_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_window
TESTS += tests/check_window
tests_check_window_SOURCES = tests/check_window.c
tests_check_window_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_window_LDADD = $(EXECUTOR_LIBS) $(CHECK_LIBS)
endif

check_PROGRAMS += tests/fuzz/fuzz_frame
FUZZ_TESTS += tests/fuzz/fuzz_frame
tests_fuzz_fuzz_frame_SOURCES = tests/fuzz/fuzz_frame.c $(FUZZ_MAIN)
tests_fuzz_fuzz_frame_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_frame_LDADD = $(EXECUTOR_LIBS)
EXTRA_DIST += tests/fuzz/corpus/frame
