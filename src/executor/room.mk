noinst_LIBRARIES += libexecutor.a
libexecutor_a_SOURCES = \
	src/executor/collect.c src/executor/collect.h \
	src/executor/dispatch.c \
	src/executor/emitter.c src/executor/emitter.h src/executor/emitting.h \
	src/executor/executor.c src/executor/executor.h \
	src/executor/frame.c src/executor/frame.h \
	src/executor/news.c \
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
	src/executor/worker.c src/executor/worker.h

EXECUTOR_LIBS = libexecutor.a $(BASE_LIBS)


if HAVE_CHECK
check_PROGRAMS += tests/check_executor
TESTS += tests/check_executor
tests_check_executor_SOURCES = tests/check_executor.c tests/support/pool_tasks.h
tests_check_executor_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_executor_LDADD = $(EXECUTOR_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_executor_faults
TESTS += tests/check_executor_faults
tests_check_executor_faults_SOURCES = tests/check_executor_faults.c tests/support/pool_tasks.h
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

check_PROGRAMS += tests/check_frame
TESTS += tests/check_frame
tests_check_frame_SOURCES = tests/check_frame.c
tests_check_frame_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_frame_LDADD = $(EXECUTOR_LIBS) $(CHECK_LIBS)

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
endif

check_PROGRAMS += tests/fuzz/fuzz_frame
FUZZ_TESTS += tests/fuzz/fuzz_frame
tests_fuzz_fuzz_frame_SOURCES = tests/fuzz/fuzz_frame.c $(FUZZ_MAIN)
tests_fuzz_fuzz_frame_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_frame_LDADD = $(EXECUTOR_LIBS)
EXTRA_DIST += tests/fuzz/corpus/frame
