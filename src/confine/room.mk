noinst_LIBRARIES += libconfine.a
libconfine_a_CPPFLAGS = $(AM_CPPFLAGS) $(SECCOMP_CFLAGS)
libconfine_a_SOURCES = \
	src/confine/confine.c src/confine/confine.h \
	src/confine/landlock.c \
	src/confine/limits.c \
	src/confine/pieces.h \
	src/confine/readable.c \
	src/confine/user.c
EXTRA_DIST += src/confine/noseccomp.c src/confine/seccomp.c src/confine/filter_gen.c src/confine/filter_pid.c \
	src/confine/filter_rules.c src/confine/filter_rules.h
CONFINE_LIBS = libconfine.a
# The build picks the files: a filter would kill the runtime of a sanitizer.
if SECCOMP_FILTER
libconfine_a_SOURCES += src/confine/seccomp.c src/confine/filter_pid.c src/confine/filter_rules.h
if FILTER_AT_BUILD
libconfine_a_CPPFLAGS += -DFILTER_AT_BUILD -I$(builddir)/src
noinst_PROGRAMS += src/confine/filter_gen
src_confine_filter_gen_SOURCES = src/confine/filter_gen.c src/confine/filter_pid.c src/confine/filter_rules.c
src_confine_filter_gen_CPPFLAGS = $(AM_CPPFLAGS) $(SECCOMP_CFLAGS)
src_confine_filter_gen_LDADD = $(SECCOMP_LIBS)
src/confine/libconfine_a-seccomp.$(OBJEXT): src/confine/filter_code.h
src/confine/filter_code.h: src/confine/filter_gen$(EXEEXT)
	$(AM_V_GEN)src/confine/filter_gen$(EXEEXT) > $@.new && mv $@.new $@
CLEANFILES += src/confine/filter_code.h src/confine/filter_code.h.new
else
libconfine_a_SOURCES += src/confine/filter_rules.c
CONFINE_LIBS += $(SECCOMP_LIBS)
endif
else
libconfine_a_SOURCES += src/confine/noseccomp.c
endif

if HAVE_CHECK
check_PROGRAMS += tests/check_confine
TESTS += tests/check_confine
tests_check_confine_SOURCES = tests/check_confine.c
tests_check_confine_CPPFLAGS = $(CHECK_CPPFLAGS) $(OPENSSL_CFLAGS) $(CARES_CFLAGS)
tests_check_confine_LDADD = $(CONFINE_LIBS) $(OPENSSL_LIBS) $(CARES_LIBS) $(CHECK_LIBS)
endif
