# Targets, and what the options say about hosts and addresses: a part of the room.
libfetch_a_SOURCES += \
	src/fetch/host.c src/fetch/host.h \
	src/fetch/path.c src/fetch/path.h \
	src/fetch/overrides.c src/fetch/overrides.h \
	src/fetch/bypass.c src/fetch/bypass.h \
	src/fetch/cidr.c src/fetch/cidr.h \
	src/fetch/proxy.c src/fetch/proxy.h \
	src/fetch/addresses.c src/fetch/addresses.h \
	src/fetch/header.c src/fetch/header.h \
	src/fetch/target.c

if HAVE_CHECK
TARGET_TESTS = \
	tests/check_host \
	tests/check_header \
	tests/check_addresses \
	tests/check_cidr \
	tests/check_proxy \
	tests/check_overrides \
	tests/check_path \
	tests/check_target
check_PROGRAMS += $(TARGET_TESTS)
TESTS += $(TARGET_TESTS)
tests_check_host_SOURCES = tests/check_host.c
tests_check_host_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_host_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_path_SOURCES = tests/check_path.c
tests_check_path_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_path_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_target_SOURCES = tests/check_target.c
tests_check_target_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_target_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_overrides_SOURCES = tests/check_overrides.c
tests_check_overrides_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_overrides_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_proxy_SOURCES = tests/check_proxy.c
tests_check_proxy_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_proxy_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_cidr_SOURCES = tests/check_cidr.c
tests_check_cidr_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_cidr_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_addresses_SOURCES = tests/check_addresses.c
tests_check_addresses_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_addresses_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_header_SOURCES = tests/check_header.c
tests_check_header_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_header_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
endif

check_PROGRAMS += tests/fuzz/fuzz_target
FUZZ_TESTS += tests/fuzz/fuzz_target
tests_fuzz_fuzz_target_SOURCES = tests/fuzz/fuzz_target.c tests/support/sane_target.h $(FUZZ_MAIN)
tests_fuzz_fuzz_target_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_target_LDADD = $(FETCH_LIBS)
EXTRA_DIST += tests/fuzz/corpus/target tests/fuzz/fuzz_target.dict

check_PROGRAMS += tests/fuzz/fuzz_resolve
FUZZ_TESTS += tests/fuzz/fuzz_resolve
tests_fuzz_fuzz_resolve_SOURCES = tests/fuzz/fuzz_resolve.c tests/support/sane_target.h $(FUZZ_MAIN)
tests_fuzz_fuzz_resolve_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_resolve_LDADD = $(FETCH_LIBS)
EXTRA_DIST += tests/fuzz/corpus/resolve tests/fuzz/fuzz_resolve.dict
