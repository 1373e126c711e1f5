# A fuzz target is tests/fuzz/fuzz_STEM.c with LLVMFuzzerTestOneInput and a corpus, tests/fuzz/corpus/STEM. With
# --enable-fuzz (clang) it is linked with libFuzzer; else with replay.c, and is a test that reads its corpus. A room
# adds one so:
#	check_PROGRAMS += tests/fuzz/fuzz_STEM
#	FUZZ_TESTS += tests/fuzz/fuzz_STEM
#	tests_fuzz_fuzz_STEM_SOURCES = tests/fuzz/fuzz_STEM.c $(FUZZ_MAIN)
#	tests_fuzz_fuzz_STEM_LDFLAGS = $(FUZZ_LINK)
#	tests_fuzz_fuzz_STEM_LDADD = …
#	EXTRA_DIST += tests/fuzz/corpus/STEM
FUZZ_TESTS =
if FUZZ
FUZZ_MAIN =
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
else
FUZZ_MAIN = tests/fuzz/replay.c tests/support/guarded.h
FUZZ_LINK = $(AM_LDFLAGS)
TESTS += $(FUZZ_TESTS)
endif
