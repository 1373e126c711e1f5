# Connections: names, sockets, trust and TLS.
libfetch_a_SOURCES += \
	src/fetch/certinfo.h \
	src/fetch/dial.h \
	src/fetch/resolver.h \
	src/fetch/sessions.h \
	src/fetch/tls.h \
	src/fetch/trust.h
