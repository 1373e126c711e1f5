noinst_LIBRARIES += liboutput.a
liboutput_a_SOURCES = \
	src/output/body_sink.c src/output/body_sink.h \
	src/output/format.c src/output/format.h \
	src/output/json.c src/output/json.h \
	src/output/report.h \
	src/output/scratch.c src/output/scratch.h \
	src/output/sink.c src/output/sink.h \
	src/output/spool.c src/output/spool.h \
	src/output/text.c src/output/text.h \
	src/output/writer.c src/output/writer.h

OUTPUT_LIBS = liboutput.a

if HAVE_CHECK
check_PROGRAMS += tests/check_writer
TESTS += tests/check_writer
tests_check_writer_SOURCES = tests/check_writer.c
tests_check_writer_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_writer_LDADD = $(OUTPUT_LIBS) $(FETCH_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_spool
TESTS += tests/check_spool
tests_check_spool_SOURCES = tests/check_spool.c
tests_check_spool_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_spool_LDADD = $(OUTPUT_LIBS) $(FETCH_LIBS) $(CHECK_LIBS)
endif
