# The command line: one table, read by the parser, --help, --config, the completions and the tests below.
noinst_LIBRARIES += libpfetchoptions.a
libpfetchoptions_a_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS) $(CARES_CFLAGS) $(IDN2_CFLAGS) $(ZLIB_CFLAGS)
libpfetchoptions_a_SOURCES = \
	src/options.c src/options.h \
	src/options_check.c \
	src/options_config.c src/options_config.h \
	src/options_field.c \
	src/options_help.c \
	src/options_parse.h \
	src/options_table.c src/options_table.h \
	src/options_value.c src/options_value.h \
	src/options_version.c \
	src/run.h
