# Fuzz targets of this room beside those of the reader and of targets.
FETCH_FUZZ = \
	tests/fuzz/fuzz_certinfo \
	tests/fuzz/fuzz_cidr \
	tests/fuzz/fuzz_exchange \
	tests/fuzz/fuzz_header \
	tests/fuzz/fuzz_hostfile \
	tests/fuzz/fuzz_overrides \
	tests/fuzz/fuzz_proxy \
	tests/fuzz/fuzz_retry_after
check_PROGRAMS += $(FETCH_FUZZ)
FUZZ_TESTS += $(FETCH_FUZZ)
tests_fuzz_fuzz_certinfo_SOURCES = tests/fuzz/fuzz_certinfo.c $(FUZZ_MAIN)
tests_fuzz_fuzz_certinfo_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_fuzz_fuzz_certinfo_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_certinfo_LDADD = $(FETCH_LIBS)
tests_fuzz_fuzz_cidr_SOURCES = tests/fuzz/fuzz_cidr.c $(FUZZ_MAIN)
tests_fuzz_fuzz_cidr_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_cidr_LDADD = $(FETCH_LIBS)
tests_fuzz_fuzz_exchange_SOURCES = tests/fuzz/fuzz_exchange.c tests/support/sane_target.h $(FUZZ_MAIN)
tests_fuzz_fuzz_exchange_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS)
tests_fuzz_fuzz_exchange_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_exchange_LDADD = $(FETCH_LIBS)
tests_fuzz_fuzz_header_SOURCES = tests/fuzz/fuzz_header.c $(FUZZ_MAIN)
tests_fuzz_fuzz_header_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_header_LDADD = $(FETCH_LIBS)
tests_fuzz_fuzz_hostfile_SOURCES = tests/fuzz/fuzz_hostfile.c $(FUZZ_MAIN)
tests_fuzz_fuzz_hostfile_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_hostfile_LDADD = $(FETCH_LIBS)
tests_fuzz_fuzz_overrides_SOURCES = tests/fuzz/fuzz_overrides.c tests/support/sane_target.h $(FUZZ_MAIN)
tests_fuzz_fuzz_overrides_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_overrides_LDADD = $(FETCH_LIBS)
tests_fuzz_fuzz_proxy_SOURCES = tests/fuzz/fuzz_proxy.c tests/support/sane_target.h $(FUZZ_MAIN)
tests_fuzz_fuzz_proxy_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_proxy_LDADD = $(FETCH_LIBS)
tests_fuzz_fuzz_retry_after_SOURCES = tests/fuzz/fuzz_retry_after.c $(FUZZ_MAIN)
tests_fuzz_fuzz_retry_after_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_retry_after_LDADD = $(FETCH_LIBS)
EXTRA_DIST += \
	tests/fuzz/corpus/certinfo \
	tests/fuzz/corpus/cidr \
	tests/fuzz/corpus/exchange tests/fuzz/fuzz_exchange.dict \
	tests/fuzz/corpus/header \
	tests/fuzz/corpus/hostfile \
	tests/fuzz/corpus/overrides \
	tests/fuzz/corpus/proxy \
	tests/fuzz/corpus/retry_after
