noinst_LIBRARIES += libschedule.a
libschedule_a_SOURCES = \
	src/schedule/backoff.c src/schedule/backoff.h \
	src/schedule/hosts.c src/schedule/hosts.h \
	src/schedule/occurrences.c src/schedule/occurrences.h \
	src/schedule/rate.c src/schedule/rate.h \
	src/schedule/resume.c src/schedule/resume.h \
	src/schedule/schedule.c src/schedule/schedule.h

# resume reads the journal, which output writes.
SCHEDULE_LIBS = libschedule.a $(OUTPUT_LIBS)

if HAVE_CHECK
schedule_checks = tests/check_schedule tests/check_backoff tests/check_rate tests/check_hosts \
	tests/check_resume
check_PROGRAMS += $(schedule_checks)
TESTS += $(schedule_checks)
tests_check_schedule_SOURCES = tests/check_schedule.c
tests_check_schedule_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_schedule_LDADD = $(SCHEDULE_LIBS) $(CHECK_LIBS)
tests_check_backoff_SOURCES = tests/check_backoff.c
tests_check_backoff_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_backoff_LDADD = $(SCHEDULE_LIBS) $(CHECK_LIBS)
tests_check_rate_SOURCES = tests/check_rate.c
tests_check_rate_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_rate_LDADD = $(SCHEDULE_LIBS) $(CHECK_LIBS)
tests_check_hosts_SOURCES = tests/check_hosts.c
tests_check_hosts_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_hosts_LDADD = $(SCHEDULE_LIBS) $(CHECK_LIBS)
tests_check_resume_SOURCES = tests/check_resume.c
tests_check_resume_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_resume_LDADD = $(SCHEDULE_LIBS) $(CHECK_LIBS)
endif
