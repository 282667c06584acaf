# Fuzzing.  Each target is one file; make check builds them with replay.c in
# place of libFuzzer.
#
# make fuzz-replay: the inputs that make-corpus.py makes, and mutations of
# them that one number decides.
#
# make fuzz: search with clang's libFuzzer, each target for FUZZ_SECONDS, or
# FUZZ_RUNS times.  FUZZ_ONLY=request,engine are two of them.  What it finds
# stays in fuzz/ of the build directory, and is where it goes on next time;
# make distclean leaves it there.
FUZZ_TARGETS = \
	tests/fuzz/fuzz-config \
	tests/fuzz/fuzz-engine \
	tests/fuzz/fuzz-logread \
	tests/fuzz/fuzz-logwrite \
	tests/fuzz/fuzz-map \
	tests/fuzz/fuzz-netascii \
	tests/fuzz/fuzz-options \
	tests/fuzz/fuzz-pathname \
	tests/fuzz/fuzz-request
if HAVE_HTTP
FUZZ_TARGETS += tests/fuzz/fuzz-http
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/http.c
tests_fuzz_fuzz_http_LDADD = $(FUZZ_MAIN) libstatus.a $(FUZZ_STATS) \
	$(MICROHTTPD_LIBS)
endif
check_PROGRAMS += $(FUZZ_TARGETS)
check_LIBRARIES = tests/fuzz/libreplay.a
tests_fuzz_libreplay_a_SOURCES = tests/fuzz/replay.c tests/fuzz/fuzz.h

# libFuzzer, where it is linked, has its main() before this one.
FUZZ_MAIN = tests/fuzz/libreplay.a
FUZZ_STATS = $(FUZZ_MAIN) libstats.a librecord.a libos.a libcore.a $(ZLIB_LIBS)
FUZZ_POLICY = $(FUZZ_MAIN) libpolicy.a libcore.a $(LIBCONFUSE_LIBS)

tests_fuzz_fuzz_config_SOURCES = tests/fuzz/config.c
tests_fuzz_fuzz_config_LDADD = $(FUZZ_POLICY)
tests_fuzz_fuzz_engine_SOURCES = tests/fuzz/engine.c \
	tests/sim/client.c tests/sim/disk.c tests/sim/net.c tests/sim/plan.c \
	tests/sim/reader.c tests/sim/server.c tests/sim/watch.c \
	tests/sim/world.c tests/sim/writer.c
tests_fuzz_fuzz_engine_LDADD = $(FUZZ_MAIN) libcore.a
tests_fuzz_fuzz_logread_SOURCES = tests/fuzz/logread.c tests/fuzz/json_check.h
tests_fuzz_fuzz_logread_LDADD = $(FUZZ_STATS)
tests_fuzz_fuzz_logwrite_SOURCES = tests/fuzz/logwrite.c \
	tests/fuzz/json_check.h
tests_fuzz_fuzz_logwrite_LDADD = $(FUZZ_STATS)
tests_fuzz_fuzz_map_SOURCES = tests/fuzz/map.c
tests_fuzz_fuzz_map_LDADD = $(FUZZ_POLICY)
tests_fuzz_fuzz_netascii_SOURCES = tests/fuzz/netascii.c
tests_fuzz_fuzz_netascii_LDADD = $(FUZZ_MAIN) libcore.a
tests_fuzz_fuzz_options_SOURCES = tests/fuzz/options.c
tests_fuzz_fuzz_options_LDADD = $(FUZZ_MAIN) libcore.a
tests_fuzz_fuzz_pathname_SOURCES = tests/fuzz/pathname.c
tests_fuzz_fuzz_pathname_LDADD = $(FUZZ_MAIN) libcore.a
tests_fuzz_fuzz_request_SOURCES = tests/fuzz/request.c
tests_fuzz_fuzz_request_LDADD = $(FUZZ_MAIN) libcore.a

FUZZ_MUTATIONS = 20000
FUZZ_SEED = 1
fuzz-replay: $(FUZZ_TARGETS)
	python3 $(srcdir)/tests/fuzz/make-corpus.py fuzz/seeds $(srcdir)
	for target in $(FUZZ_TARGETS); do \
		$$target -m $(FUZZ_MUTATIONS) -s $(FUZZ_SEED) \
			fuzz/seeds/$${target##*fuzz-} || exit 1; \
	done

FUZZ_SECONDS = 60
FUZZ_RUNS = 0
FUZZ_ONLY =
FUZZ_CFLAGS = -O2 -g -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -fno-sanitize-coverage=trace-cmp \
	-fsanitize-coverage-allowlist=$(abs_top_srcdir)/tests/fuzz/covered.txt
fuzz:
	$(MKDIR_P) fuzz/build
	cd fuzz/build && { test -e config.status || \
		$(abs_top_srcdir)/configure -q --enable-instrumented \
		CC=clang CFLAGS='$(FUZZ_CFLAGS)'; }
	$(MAKE) -C fuzz/build HARDEN_CFLAGS= HARDEN_LDFLAGS= \
		LDFLAGS=-fsanitize=fuzzer $(FUZZ_TARGETS)
	python3 $(srcdir)/tests/fuzz/make-corpus.py fuzz/seeds $(srcdir)
	python3 $(srcdir)/tests/fuzz/run.py --build fuzz/build/tests/fuzz \
		--work fuzz --seconds $(FUZZ_SECONDS) --runs $(FUZZ_RUNS) \
		--only '$(FUZZ_ONLY)'
.PHONY: fuzz fuzz-replay

EXTRA_DIST += tests/fuzz/covered.txt tests/fuzz/make-corpus.py \
	tests/fuzz/run.py
