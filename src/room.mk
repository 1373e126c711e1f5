# The command line: one table, read by the parser, --help, --config, the completions and the tests below.
noinst_LIBRARIES += libpfetchoptions.a
libpfetchoptions_a_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS) $(CARES_CFLAGS) $(ZLIB_CFLAGS)
libpfetchoptions_a_SOURCES = \
	src/options.c src/options.h \
	src/options_check.c \
	src/options_config.c src/options_config.h \
	src/options_field.c \
	src/options_find.c \
	src/options_help.c \
	src/options_parse.h \
	src/options_table.c src/options_table.h \
	src/options_value.c src/options_value.h \
	src/options_version.c \
	src/run.h

# Writes the table in other forms. Not installed.
check_PROGRAMS += src/options_dump
src_options_dump_SOURCES = src/options_dump.c
src_options_dump_LDADD = libpfetchoptions.a libbase.a

completions: src/options_dump
	src/options_dump bash > $(srcdir)/completions/pfetch.bash
	src/options_dump zsh > $(srcdir)/completions/_pfetch
	src/options_dump fish > $(srcdir)/completions/pfetch.fish
.PHONY: completions

bashcompletionsdir = $(datadir)/bash-completion/completions
zshcompletionsdir = $(datadir)/zsh/site-functions
fishcompletionsdir = $(datadir)/fish/vendor_completions.d
dist_bashcompletions_DATA = completions/pfetch.bash
dist_zshcompletions_DATA = completions/_pfetch
dist_fishcompletions_DATA = completions/pfetch.fish

dist_man_MANS += man/pfetch.1
EXTRA_DIST += CONTRIBUTING.md SECURITY.md docs/SCALE.md docs/TESTING.md

# Recipes for more than one machine, installed beside the library's examples.
dist_examples_SCRIPTS = examples/ssh-parallel.sh examples/slurm-array.sh
dist_examples_DATA += examples/kubernetes-job.yaml

TESTS += tests/check_completions.sh tests/check_manual.sh
dist_noinst_SCRIPTS += tests/check_completions.sh tests/check_manual.sh

if HAVE_CHECK
OPTIONS_TESTS = tests/check_options tests/check_options_value tests/check_options_config tests/check_manual
check_PROGRAMS += $(OPTIONS_TESTS)
TESTS += $(OPTIONS_TESTS)
tests_check_options_SOURCES = tests/check_options.c
tests_check_options_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_options_LDADD = libpfetchoptions.a $(CONFINE_LIBS) $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_options_value_SOURCES = tests/check_options_value.c
tests_check_options_value_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_options_value_LDADD = libpfetchoptions.a $(BASE_LIBS) $(CHECK_LIBS)
tests_check_options_config_SOURCES = tests/check_options_config.c
tests_check_options_config_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_options_config_LDADD = libpfetchoptions.a $(BASE_LIBS) $(CHECK_LIBS)
tests_check_manual_SOURCES = tests/check_manual.c
tests_check_manual_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_manual_LDADD = libpfetchoptions.a libfetch.a $(BASE_LIBS) $(CHECK_LIBS)
endif

check_PROGRAMS += tests/fuzz/fuzz_options_config
FUZZ_TESTS += tests/fuzz/fuzz_options_config
tests_fuzz_fuzz_options_config_SOURCES = tests/fuzz/fuzz_options_config.c $(FUZZ_MAIN)
tests_fuzz_fuzz_options_config_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_options_config_LDADD = libpfetchoptions.a libbase.a
EXTRA_DIST += tests/fuzz/corpus/options_config tests/fuzz/fuzz_options_config.dict

# The list of targets.
noinst_LIBRARIES += libinput.a
libinput_a_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS)
libinput_a_SOURCES = \
	src/input.c src/input.h \
	src/line.c src/line.h

if HAVE_CHECK
check_PROGRAMS += tests/check_input tests/check_line
TESTS += tests/check_input tests/check_line
tests_check_input_SOURCES = tests/check_input.c
tests_check_input_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_input_LDADD = libinput.a $(FETCH_LIBS) $(CHECK_LIBS)
tests_check_line_SOURCES = tests/check_line.c
tests_check_line_CPPFLAGS = $(CHECK_CPPFLAGS)
tests_check_line_LDADD = libinput.a $(FETCH_LIBS) $(CHECK_LIBS)
endif

check_PROGRAMS += tests/fuzz/fuzz_line
FUZZ_TESTS += tests/fuzz/fuzz_line
tests_fuzz_fuzz_line_SOURCES = tests/fuzz/fuzz_line.c $(FUZZ_MAIN)
tests_fuzz_fuzz_line_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_line_LDADD = libinput.a $(FETCH_LIBS)
EXTRA_DIST += tests/fuzz/corpus/line
include src/run.mk
