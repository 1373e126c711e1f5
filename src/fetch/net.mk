
# Connections: names, sockets, trust and TLS.
libfetch_a_SOURCES += \
	src/fetch/address.h \
	src/fetch/certdir.c src/fetch/certdir.h \
	src/fetch/certinfo.c src/fetch/certinfo.h \
	src/fetch/dial.c src/fetch/dial.h \
	src/fetch/dns.c src/fetch/dns.h \
	src/fetch/hostfile.c src/fetch/hostfile.h \
	src/fetch/resolver.c src/fetch/resolver.h \
	src/fetch/sessions.c src/fetch/sessions.h \
	src/fetch/stream.c \
	src/fetch/tls.c src/fetch/tls.h \
	src/fetch/tls_stream.c src/fetch/tls_stream.h \
	src/fetch/trust.c src/fetch/trust.h \
	src/fetch/wait.c
