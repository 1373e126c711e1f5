# The fetch itself: connections, exchanges, redirects.
libfetch_a_SOURCES += \
	src/fetch/connect.c \
	src/fetch/exchange.c \
	src/fetch/fetcher.h \
	src/fetch/get.c \
	src/fetch/idle.c src/fetch/idle.h \
	src/fetch/request.c \
	src/fetch/retry_after.c src/fetch/retry_after.h \
	src/fetch/setup.c

if HAVE_CHECK
check_PROGRAMS += tests/check_idle tests/check_request tests/check_retry_after
TESTS += tests/check_idle tests/check_request tests/check_retry_after
tests_check_idle_SOURCES = tests/check_idle.c
tests_check_idle_CPPFLAGS = $(CHECK_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_check_idle_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_request_SOURCES = tests/check_request.c
tests_check_request_CPPFLAGS = $(CHECK_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_check_request_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_retry_after_SOURCES = tests/check_retry_after.c
tests_check_retry_after_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_retry_after_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
endif
