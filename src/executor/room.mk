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
endif
