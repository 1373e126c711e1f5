# One run: joins the rooms.
noinst_LIBRARIES += libpfetchrun.a
libpfetchrun_a_SOURCES = \
	src/job.c src/job.h \
	src/outputs.c src/outputs.h \
	src/record.c src/record.h \
	src/run.c src/run.h \
	src/run_events.c \
	src/run_say.c \
	src/run_setup.c \
	src/run_state.h \
	src/signals.c src/signals.h \
	src/summary.c src/summary.h \
	src/task.c src/task.h \
	src/compare.c src/compare.h \
	src/compare_memory.c src/compare_memory.h \
	src/compare_measure.c src/compare_measure.h \
	src/compare_plot.c src/compare_plot.h

bin_PROGRAMS += pfetch
pfetch_SOURCES = src/main.c
pfetch_LDADD = libpfetchoptions.a libpfetchrun.a libinput.a $(SCHEDULE_LIBS) libexecutor.a $(CONFINE_LIBS) $(BASE_LIBS)

if HAVE_CHECK
check_PROGRAMS += tests/check_record tests/check_summary
TESTS += tests/check_record tests/check_summary
tests_check_record_SOURCES = tests/check_record.c
tests_check_record_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_record_LDADD = libpfetchrun.a $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_summary_SOURCES = tests/check_summary.c
tests_check_summary_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_summary_LDADD = libpfetchrun.a $(FETCH_LIBS) $(CHECK_LIBS)
endif

check_PROGRAMS += tests/fuzz/fuzz_record
FUZZ_TESTS += tests/fuzz/fuzz_record
tests_fuzz_fuzz_record_SOURCES = tests/fuzz/fuzz_record.c $(FUZZ_MAIN)
tests_fuzz_fuzz_record_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_record_LDADD = libpfetchrun.a $(FETCH_LIBS)
EXTRA_DIST += tests/fuzz/corpus/record
