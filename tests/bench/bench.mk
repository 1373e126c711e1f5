# What scripts/bench stands on; nothing here is built by `make` or `make check`, but by it.
EXTRA_PROGRAMS = tests/bench/bare tests/bench/late tests/bench/leaves

tests_bench_bare_SOURCES = tests/bench/bare.c
tests_bench_bare_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(OPENSSL_CFLAGS)
tests_bench_bare_LDADD = $(OPENSSL_LIBS) -lpthread

tests_bench_late_SOURCES = tests/bench/late.c
tests_bench_late_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(OPENSSL_CFLAGS)
tests_bench_late_LDADD = $(OPENSSL_LIBS)

tests_bench_leaves_SOURCES = tests/bench/leaves.c
tests_bench_leaves_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(OPENSSL_CFLAGS)
tests_bench_leaves_LDADD = $(OPENSSL_LIBS)

CLEANFILES += tests/bench/bare tests/bench/late tests/bench/leaves tests/bench/gofetch
EXTRA_DIST += docs/PERFORMANCE.md \
	tests/bench/clients.py tests/bench/gofetch.go tests/bench/lab.py tests/bench/measure.py tests/bench/pool.py \
	tests/bench/report.py tests/bench/rows.py tests/bench/servers.py
dist_noinst_SCRIPTS += scripts/bench
TESTS += tests/check_instructions.sh
EXTRA_DIST += tests/bench/instructions.json
dist_noinst_SCRIPTS += scripts/instructions tests/check_instructions.sh
