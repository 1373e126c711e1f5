noinst_LIBRARIES += libconfine.a
libconfine_a_CPPFLAGS = $(AM_CPPFLAGS) $(SECCOMP_CFLAGS)
libconfine_a_SOURCES = \
	src/confine/confine.c src/confine/confine.h \
	src/confine/landlock.c \
	src/confine/limits.c \
	src/confine/pieces.h \
	src/confine/readable.c \
	src/confine/user.c
EXTRA_DIST += src/confine/seccomp.c src/confine/noseccomp.c
# The build picks the file: a filter would kill the runtime of a sanitizer.
if HAVE_SECCOMP
if SANITIZE
libconfine_a_SOURCES += src/confine/noseccomp.c
else
libconfine_a_SOURCES += src/confine/seccomp.c
endif
else
libconfine_a_SOURCES += src/confine/noseccomp.c
endif

CONFINE_LIBS = libconfine.a $(SECCOMP_LIBS)

if HAVE_CHECK
check_PROGRAMS += tests/check_confine
TESTS += tests/check_confine
tests_check_confine_SOURCES = tests/check_confine.c
tests_check_confine_CPPFLAGS = $(CHECK_CPPFLAGS) $(OPENSSL_CFLAGS) $(CARES_CFLAGS)
tests_check_confine_LDADD = $(CONFINE_LIBS) $(OPENSSL_LIBS) $(CARES_LIBS) $(CHECK_LIBS)
endif
