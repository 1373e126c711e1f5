noinst_LIBRARIES += liboutput.a
liboutput_a_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS) $(ZLIB_CFLAGS)
liboutput_a_SOURCES = \
	src/output/body_sink.c src/output/body_sink.h \
	src/output/directory.c src/output/directory.h \
	src/output/directory_run.c src/output/directory_run.h \
	src/output/format.c src/output/format.h \
	src/output/joblog.c src/output/joblog.h \
	src/output/joblog_file.c \
	src/output/json.c src/output/json.h \
	src/output/progress.c src/output/progress.h \
	src/output/report.h \
	src/output/scratch.c src/output/scratch.h \
	src/output/sink.c src/output/sink.h \
	src/output/spool.c src/output/spool.h \
	src/output/text.c src/output/text.h \
	src/output/warc.c src/output/warc.h \
	src/output/warc_block.c src/output/warc_block.h \
	src/output/warc_file.c src/output/warc_file.h \
	src/output/warc_record.c src/output/warc_record.h \
	src/output/warc_scan.c src/output/warc_scan.h \
	src/output/writer.c src/output/writer.h

# What a unit test of this room links with.
OUTPUT_LIBS = liboutput.a $(FETCH_LIBS)

if HAVE_CHECK
check_PROGRAMS += tests/check_body_sink
TESTS += tests/check_body_sink
tests_check_body_sink_SOURCES = tests/check_body_sink.c tests/support/outputs.h
tests_check_body_sink_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_body_sink_LDADD = $(OUTPUT_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_directory
TESTS += tests/check_directory
tests_check_directory_SOURCES = tests/check_directory.c tests/support/outputs.h
tests_check_directory_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_directory_LDADD = $(OUTPUT_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_format
TESTS += tests/check_format
tests_check_format_SOURCES = tests/check_format.c
tests_check_format_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_format_LDADD = $(OUTPUT_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_joblog
TESTS += tests/check_joblog
tests_check_joblog_SOURCES = tests/check_joblog.c
tests_check_joblog_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_joblog_LDADD = $(OUTPUT_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_json
TESTS += tests/check_json
tests_check_json_SOURCES = tests/check_json.c tests/support/outputs.h
tests_check_json_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_json_LDADD = $(OUTPUT_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_progress
TESTS += tests/check_progress
tests_check_progress_SOURCES = tests/check_progress.c
tests_check_progress_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_progress_LDADD = $(OUTPUT_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_spool
TESTS += tests/check_spool
tests_check_spool_SOURCES = tests/check_spool.c
tests_check_spool_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_spool_LDADD = $(OUTPUT_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_text
TESTS += tests/check_text
tests_check_text_SOURCES = tests/check_text.c tests/support/outputs.h
tests_check_text_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_text_LDADD = $(OUTPUT_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_warc
TESTS += tests/check_warc
tests_check_warc_SOURCES = tests/check_warc.c
tests_check_warc_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_warc_LDADD = $(OUTPUT_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/check_writer
TESTS += tests/check_writer
tests_check_writer_SOURCES = tests/check_writer.c
tests_check_writer_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_writer_LDADD = $(OUTPUT_LIBS) $(CHECK_LIBS)
endif

check_PROGRAMS += tests/fuzz/fuzz_joblog
FUZZ_TESTS += tests/fuzz/fuzz_joblog
tests_fuzz_fuzz_joblog_SOURCES = tests/fuzz/fuzz_joblog.c $(FUZZ_MAIN)
tests_fuzz_fuzz_joblog_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_joblog_LDADD = $(OUTPUT_LIBS)
EXTRA_DIST += tests/fuzz/corpus/joblog

check_PROGRAMS += tests/fuzz/fuzz_warc_scan
FUZZ_TESTS += tests/fuzz/fuzz_warc_scan
tests_fuzz_fuzz_warc_scan_SOURCES = tests/fuzz/fuzz_warc_scan.c $(FUZZ_MAIN)
tests_fuzz_fuzz_warc_scan_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_warc_scan_LDADD = $(OUTPUT_LIBS)
EXTRA_DIST += tests/fuzz/corpus/warc_scan
