
# Connections: names, sockets, trust and TLS.
libfetch_a_SOURCES += \
	src/fetch/address.h \
	src/fetch/bundle.c src/fetch/bundle.h \
	src/fetch/certdir.c src/fetch/certdir.h \
	src/fetch/certfile.c src/fetch/certfile.h \
	src/fetch/certinfo.c src/fetch/certinfo.h \
	src/fetch/certname.c src/fetch/certname.h \
	src/fetch/dial.c src/fetch/dial.h \
	src/fetch/dns.c src/fetch/dns.h \
	src/fetch/eckeys.c src/fetch/eckeys.h \
	src/fetch/hkdf.c src/fetch/hkdf.h \
	src/fetch/hostfile.c src/fetch/hostfile.h \
	src/fetch/issuers.c src/fetch/issuers.h \
	src/fetch/keyshare.c src/fetch/keyshare.h \
	src/fetch/memory.c src/fetch/memory.h \
	src/fetch/provider.c src/fetch/provider.h \
	src/fetch/reasons.c src/fetch/reasons.h \
	src/fetch/resolver.c src/fetch/resolver.h \
	src/fetch/sessions.c src/fetch/sessions.h \
	src/fetch/signatures.c src/fetch/signatures.h \
	src/fetch/stream.c \
	src/fetch/tls.c src/fetch/tls.h \
	src/fetch/tls_stream.c src/fetch/tls_stream.h \
	src/fetch/trust.c src/fetch/trust.h \
	src/fetch/wait.c \
	src/fetch/warm.c src/fetch/warm.h

if HAVE_CHECK
NET_TESTS = \
	tests/check_bundle \
	tests/check_certinfo \
	tests/check_certname \
	tests/check_dial \
	tests/check_eckeys \
	tests/check_hkdf \
	tests/check_hostfile \
	tests/check_issuers \
	tests/check_keyshare \
	tests/check_memory \
	tests/check_provider \
	tests/check_reasons \
	tests/check_resolver \
	tests/check_sessions \
	tests/check_signatures \
	tests/check_stream \
	tests/check_tls \
	tests/check_tls_stream \
	tests/check_trust
check_PROGRAMS += $(NET_TESTS)
TESTS += $(NET_TESTS)
tests_check_bundle_SOURCES = tests/check_bundle.c tests/support/certs.c
tests_check_bundle_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_bundle_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_certinfo_SOURCES = tests/check_certinfo.c tests/support/certs.c
tests_check_certinfo_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_certinfo_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_certname_SOURCES = tests/check_certname.c tests/support/certs.c
tests_check_certname_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_certname_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_dial_SOURCES = tests/check_dial.c tests/support/peer.c
tests_check_dial_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_dial_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_eckeys_SOURCES = tests/check_eckeys.c
tests_check_eckeys_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_eckeys_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_hkdf_SOURCES = tests/check_hkdf.c
tests_check_hkdf_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_hkdf_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_hostfile_SOURCES = tests/check_hostfile.c
tests_check_hostfile_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_hostfile_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_issuers_SOURCES = tests/check_issuers.c
tests_check_issuers_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_issuers_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_keyshare_SOURCES = tests/check_keyshare.c
tests_check_keyshare_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_keyshare_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_memory_SOURCES = tests/check_memory.c
tests_check_memory_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_memory_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_provider_SOURCES = tests/check_provider.c
tests_check_provider_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_provider_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_reasons_SOURCES = tests/check_reasons.c
tests_check_reasons_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_reasons_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_resolver_SOURCES = tests/check_resolver.c tests/support/dns_peer.c
tests_check_resolver_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_resolver_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_sessions_SOURCES = tests/check_sessions.c
tests_check_sessions_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_sessions_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_signatures_SOURCES = tests/check_signatures.c
tests_check_signatures_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_signatures_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_stream_SOURCES = tests/check_stream.c
tests_check_stream_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_stream_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_tls_SOURCES = tests/check_tls.c tests/support/certs.c tests/support/peer.c tests/support/tls_peer.c
tests_check_tls_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_tls_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_tls_stream_SOURCES = tests/check_tls_stream.c tests/support/certs.c tests/support/peer.c tests/support/tls_peer.c
tests_check_tls_stream_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_tls_stream_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_trust_SOURCES = tests/check_trust.c tests/support/certs.c
tests_check_trust_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_trust_LDADD = $(FETCH_LIBS) $(CHECK_LIBS)
endif

EXTRA_DIST += \
	tests/support/certs.h \
	tests/support/dns_peer.h \
	tests/support/peer.h \
	tests/support/tempdir.h \
	tests/support/tls_peer.h \
	tests/support/tls_try.h \
	tests/support/waits.h
