# make bench: speed beside the peers and beside a bare socket.
# make load, make many: many transfers, and then is everything as it was?
# make soak: the same of mixed work for HOURS=, MINUTES= (30) or SECONDS=;
# ARGS='--mode xinetd' and others under a superserver of build/peers.
# All need root and python3; ARGS= passes options, N= is the number of
# transfers of make many.  make all and make check build none of it.
# make bench-stats: how fast a log is read; ARGS=--full, 10 million records.
# make bench-status: what a request by HTTP costs beside a log of 1 GB.
BENCH_TOOLS = tests/bench/tftp-load tests/bench/tftp-limit \
	tests/bench/bench-stats-log
EXTRA_PROGRAMS = $(BENCH_TOOLS)

# Without the hardening: a yardstick has no need of it.
BENCH_CFLAGS = -std=gnu11 $(WARN_CFLAGS)
tests_bench_tftp_load_SOURCES = \
	tests/bench/client.c \
	tests/bench/content.c tests/bench/content.h \
	tests/bench/load.c tests/bench/load.h \
	tests/bench/options.c \
	tests/bench/result.c \
	tests/bench/wire.c
tests_bench_tftp_load_CFLAGS = $(BENCH_CFLAGS)
tests_bench_tftp_limit_SOURCES = tests/bench/limit.c
tests_bench_tftp_limit_CFLAGS = $(BENCH_CFLAGS)
tests_bench_bench_stats_log_SOURCES = tests/bench/bench-stats-log.c
tests_bench_bench_stats_log_CFLAGS = $(BENCH_CFLAGS)
tests_bench_bench_stats_log_LDADD = librecord.a libcore.a

bench: $(sbin_PROGRAMS) $(BENCH_TOOLS)
	python3 $(srcdir)/tests/bench/bench.py --build . $(ARGS)
load: $(sbin_PROGRAMS) $(BENCH_TOOLS)
	python3 $(srcdir)/tests/bench/soak.py load --build . $(ARGS)
many: $(sbin_PROGRAMS) $(BENCH_TOOLS)
	python3 $(srcdir)/tests/bench/soak.py many --build . \
		--total $(N) $(ARGS)
soak: $(sbin_PROGRAMS) $(bin_PROGRAMS) $(BENCH_TOOLS)
	python3 $(srcdir)/tests/bench/mixed.py --build . \
		--hours $(or $(HOURS),0) --seconds $(or $(SECONDS),0) \
		--minutes $(or $(MINUTES),$(if $(HOURS)$(SECONDS),0,30)) $(ARGS)
bench-stats: tftpd-stats$(EXEEXT) tests/bench/bench-stats-log$(EXEEXT)
	python3 $(srcdir)/tests/bench/bench-stats.py --build . $(ARGS)
bench-status: tftpd-status$(EXEEXT) tests/bench/bench-stats-log$(EXEEXT)
	python3 $(srcdir)/tests/bench/bench-status.py --build . $(ARGS)
N = 100000
# Another local.mk has the recipe of clean-local.
clean-local: clean-bench
clean-bench:
	rm -f $(BENCH_TOOLS)
.PHONY: bench bench-stats bench-status clean-bench load many soak

EXTRA_DIST += doc/performance.md \
	tests/bench/bench.py tests/bench/bench-stats.py \
	tests/bench/bench-status.py \
	tests/bench/extras.py tests/bench/lane.py tests/bench/mixed.py \
	tests/bench/report.py tests/bench/rows.py tests/bench/servers.py \
	tests/bench/soak.py
