# The end-to-end tests: a topic is a file, and a test of its own to `make check`. They run the program as built
# against the origin, which is built for them.
TEST_EXTENSIONS = .py
PY_LOG_COMPILER = python3
AM_PY_LOG_FLAGS = $(top_srcdir)/tests/e2e/run
AM_TESTS_ENVIRONMENT = \
	PFETCH="$${PFETCH-$(abs_top_builddir)/pfetch}"; export PFETCH; \
	ORIGIN='$(abs_top_builddir)/tests/origin/origin'; export ORIGIN; \
	TOP_SRCDIR='$(abs_top_srcdir)'; export TOP_SRCDIR; \
	CK_DEFAULT_TIMEOUT="$${CK_DEFAULT_TIMEOUT-60}"; export CK_DEFAULT_TIMEOUT;

# The origin: an HTTPS server of the tests' own.
check_PROGRAMS += tests/origin/origin
tests_origin_origin_SOURCES = \
	tests/origin/authority.c tests/origin/authority.h \
	tests/origin/dns.c tests/origin/dns.h \
	tests/origin/journal.c \
	tests/origin/origin.c tests/origin/origin.h \
	tests/origin/proxy.c tests/origin/proxy.h \
	tests/origin/replies.c tests/origin/replies.h \
	tests/origin/request.c \
	tests/origin/source.c tests/origin/source.h \
	tests/origin/steps.c tests/origin/steps.h \
	tests/origin/tlsside.c tests/origin/tlsside.h \
	tests/origin/wire.c tests/origin/wire.h
tests_origin_origin_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(OPENSSL_CFLAGS) $(ZLIB_CFLAGS) $(BROTLI_CFLAGS) $(ZSTD_CFLAGS)
tests_origin_origin_LDADD = libbase.a $(OPENSSL_LIBS) $(ZLIB_LIBS) $(ZSTD_LIBS)
if HAVE_BROTLI
tests_origin_origin_LDADD += -lbrotlienc
endif

E2E_TESTS = \
	tests/e2e/test_basic.py \
	tests/e2e/test_certificates.py \
	tests/e2e/test_compare.py \
	tests/e2e/test_completions.py \
	tests/e2e/test_curl.py \
	tests/e2e/test_descriptors.py \
	tests/e2e/test_directory.py \
	tests/e2e/test_encodings.py \
	tests/e2e/test_formats.py \
	tests/e2e/test_framing.py \
	tests/e2e/test_hostile.py \
	tests/e2e/test_input.py \
	tests/e2e/test_journal.py \
	tests/e2e/test_kill.py \
	tests/e2e/test_kubernetes.py \
	tests/e2e/test_limits.py \
	tests/e2e/test_memory.py \
	tests/e2e/test_names.py \
	tests/e2e/test_order.py \
	tests/e2e/test_outputs.py \
	tests/e2e/test_politeness.py \
	tests/e2e/test_pool.py \
	tests/e2e/test_progress.py \
	tests/e2e/test_proxies.py \
	tests/e2e/test_real_proxies.py \
	tests/e2e/test_redirects.py \
	tests/e2e/test_retries.py \
	tests/e2e/test_sandbox.py \
	tests/e2e/test_servers.py \
	tests/e2e/test_shards.py \
	tests/e2e/test_signals.py \
	tests/e2e/test_ssh.py \
	tests/e2e/test_streaming.py \
	tests/e2e/test_takeover.py \
	tests/e2e/test_timeouts.py \
	tests/e2e/test_tls.py \
	tests/e2e/test_usage.py \
	tests/e2e/test_vectors.py \
	tests/e2e/test_warc.py
TESTS += $(E2E_TESTS)
EXTRA_DIST += $(E2E_TESTS) tests/e2e/run tests/e2e/harness.py tests/e2e/warc_reader.py tests/e2e/warcio_read.mjs tests/e2e/servers.py tests/e2e/takeover.py tests/e2e/pending
EXTRA_DIST += .clang-format .clang-tidy
# By name only (scripts/check slurm, kubernetes, deb): they take programs that start services, npm, or long.
EXTRA_DIST += tests/e2e/test_slurm.py tests/e2e/kubernetes_schema.mjs tests/package/deb
dist_noinst_SCRIPTS += scripts/check scripts/run scripts/format scripts/fuzz scripts/lib.sh

check-units:
	$(MAKE) check TESTS='$(filter tests/check_%,$(TESTS))'

# The longest first, so that none of them is left alone at the end.
E2E_SLOWEST = $(patsubst %,tests/e2e/test_%.py,\
	journal pool signals limits memory takeover hostile timeouts politeness retries encodings servers warc)

check-e2e:
	$(MAKE) check TESTS='$(E2E_SLOWEST) $(filter-out $(E2E_SLOWEST),$(filter tests/e2e/%,$(TESTS)))'

.PHONY: check-units check-e2e
