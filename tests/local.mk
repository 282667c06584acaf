# make check: the unit tests, one CUnit program a module.  The system tests
# need peers and namespaces: ./quickstart check runs them.
UNIT_TESTS = \
	tests/unit/t-access \
	tests/unit/t-aggregate \
	tests/unit/t-append \
	tests/unit/t-bootlog \
	tests/unit/t-board \
	tests/unit/t-bulkio \
	tests/unit/t-calendar \
	tests/unit/t-callfilter \
	tests/unit/t-callgate \
	tests/unit/t-check \
	tests/unit/t-cidr \
	tests/unit/t-conf \
	tests/unit/t-engine \
	tests/unit/t-fileio \
	tests/unit/t-filter \
	tests/unit/t-hints \
	tests/unit/t-hist \
	tests/unit/t-idbook \
	tests/unit/t-jsonl \
	tests/unit/t-landlock \
	tests/unit/t-launch \
	tests/unit/t-ledger \
	tests/unit/t-live \
	tests/unit/t-livetab \
	tests/unit/t-logread \
	tests/unit/t-maprules \
	tests/unit/t-memory \
	tests/unit/t-missing \
	tests/unit/t-near \
	tests/unit/t-neighbour \
	tests/unit/t-netascii \
	tests/unit/t-netio \
	tests/unit/t-oneport \
	tests/unit/t-nomemory \
	tests/unit/t-options \
	tests/unit/t-outcome \
	tests/unit/t-pace \
	tests/unit/t-packet \
	tests/unit/t-pathname \
	tests/unit/t-patience \
	tests/unit/t-probe \
	tests/unit/t-process \
	tests/unit/t-prometheus \
	tests/unit/t-readahead \
	tests/unit/t-queue \
	tests/unit/t-resolve \
	tests/unit/t-rollup \
	tests/unit/t-roster \
	tests/unit/t-scan \
	tests/unit/t-seen \
	tests/unit/t-shm \
	tests/unit/t-sketch \
	tests/unit/t-slow \
	tests/unit/t-snmp \
	tests/unit/t-table \
	tests/unit/t-text \
	tests/unit/t-translog \
	tests/unit/t-verify \
	tests/unit/t-watch \
	tests/unit/t-when

EXTRA_DIST = autogen.sh tests/unit/pure.sh tests/unit/valgrind.supp
dist_check_SCRIPTS = tests/unit/pure.sh
AM_TESTS_ENVIRONMENT = NM='$(NM)'; export NM;
TESTS = tests/unit/pure.sh

if HAVE_CUNIT
check_PROGRAMS = $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif

UNIT_LIBS = libpolicy.a librecord.a libos.a libcore.a \
	$(CUNIT_LIBS) $(LIBCAP_LIBS) $(LIBCONFUSE_LIBS) $(LIBSECCOMP_LIBS)
UNIT_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)

tests_unit_t_engine_SOURCES = tests/unit/t-engine.c tests/unit/t.h
tests_unit_t_engine_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_engine_LDADD = $(UNIT_LIBS)
tests_unit_t_queue_SOURCES = tests/unit/t-queue.c tests/unit/t.h \
	include/daemon/queue.h src/daemon/queue.c
tests_unit_t_queue_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_queue_LDADD = $(UNIT_LIBS)
tests_unit_t_seen_SOURCES = tests/unit/t-seen.c tests/unit/t.h \
	include/daemon/seen.h src/daemon/seen.c
tests_unit_t_seen_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_seen_LDADD = $(CUNIT_LIBS)
tests_unit_t_jsonl_SOURCES = tests/unit/t-jsonl.c tests/unit/t.h
tests_unit_t_jsonl_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_jsonl_LDADD = $(STATS_LIBS)
tests_unit_t_netascii_SOURCES = tests/unit/t-netascii.c tests/unit/t.h
tests_unit_t_netascii_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_netascii_LDADD = $(UNIT_LIBS)
tests_unit_t_nomemory_SOURCES = tests/unit/t-nomemory.c tests/unit/t.h
tests_unit_t_nomemory_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_nomemory_LDADD = $(UNIT_LIBS)
tests_unit_t_nomemory_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc \
	-Wl,--wrap=reallocarray -Wl,--wrap=strdup -Wl,--wrap=strndup \
	-Wl,--wrap=fmemopen
tests_unit_t_options_SOURCES = tests/unit/t-options.c tests/unit/t.h
tests_unit_t_options_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_options_LDADD = $(UNIT_LIBS)
tests_unit_t_outcome_SOURCES = tests/unit/t-outcome.c tests/unit/t.h
tests_unit_t_outcome_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_outcome_LDADD = $(UNIT_LIBS)
tests_unit_t_pace_SOURCES = tests/unit/t-pace.c tests/unit/t.h
tests_unit_t_pace_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_pace_LDADD = $(UNIT_LIBS)
tests_unit_t_packet_SOURCES = tests/unit/t-packet.c tests/unit/t.h
tests_unit_t_packet_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_packet_LDADD = $(UNIT_LIBS)
tests_unit_t_pathname_SOURCES = tests/unit/t-pathname.c tests/unit/t.h
tests_unit_t_pathname_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_pathname_LDADD = $(UNIT_LIBS)
tests_unit_t_translog_SOURCES = tests/unit/t-translog.c tests/unit/t.h
tests_unit_t_translog_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_translog_LDADD = $(STATS_LIBS)

STATS_LIBS = libstats.a librecord.a libos.a libcore.a $(ZLIB_LIBS) $(CUNIT_LIBS)
tests_unit_t_aggregate_SOURCES = tests/unit/t-aggregate.c tests/unit/t.h
tests_unit_t_aggregate_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_aggregate_LDADD = $(STATS_LIBS)
tests_unit_t_calendar_SOURCES = tests/unit/t-calendar.c tests/unit/t.h
tests_unit_t_calendar_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_calendar_LDADD = $(STATS_LIBS)
tests_unit_t_filter_SOURCES = tests/unit/t-filter.c tests/unit/t.h
tests_unit_t_filter_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_filter_LDADD = $(STATS_LIBS)
tests_unit_t_check_SOURCES = tests/unit/t-check.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_check_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_check_LDADD = $(STATS_LIBS)
tests_unit_t_probe_SOURCES = tests/unit/t-probe.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_probe_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_probe_LDADD = $(STATS_LIBS)
tests_unit_t_hist_SOURCES = tests/unit/t-hist.c tests/unit/t.h
tests_unit_t_hist_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_hist_LDADD = $(STATS_LIBS)
tests_unit_t_bootlog_SOURCES = tests/unit/t-bootlog.c tests/unit/t.h \
	tests/unit/t-report.h
tests_unit_t_bootlog_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_bootlog_LDADD = $(STATS_LIBS)
tests_unit_t_hints_SOURCES = tests/unit/t-hints.c tests/unit/t.h \
	tests/unit/t-report.h
tests_unit_t_hints_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_hints_LDADD = $(STATS_LIBS)
tests_unit_t_idbook_SOURCES = tests/unit/t-idbook.c tests/unit/t.h
tests_unit_t_idbook_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_idbook_LDADD = $(STATS_LIBS)
tests_unit_t_missing_SOURCES = tests/unit/t-missing.c tests/unit/t.h \
	tests/unit/t-report.h
tests_unit_t_missing_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_missing_LDADD = $(STATS_LIBS)
tests_unit_t_near_SOURCES = tests/unit/t-near.c tests/unit/t.h
tests_unit_t_near_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_near_LDADD = $(STATS_LIBS)
tests_unit_t_sketch_SOURCES = tests/unit/t-sketch.c tests/unit/t.h
tests_unit_t_sketch_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_sketch_LDADD = $(STATS_LIBS)
tests_unit_t_slow_SOURCES = tests/unit/t-slow.c tests/unit/t.h \
	tests/unit/t-report.h
tests_unit_t_slow_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_slow_LDADD = $(STATS_LIBS)
tests_unit_t_verify_SOURCES = tests/unit/t-verify.c tests/unit/t.h \
	tests/unit/t-report.h
tests_unit_t_verify_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_verify_LDADD = $(STATS_LIBS)
tests_unit_t_ledger_SOURCES = tests/unit/t-ledger.c tests/unit/t.h
tests_unit_t_ledger_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_ledger_LDADD = $(STATS_LIBS)
tests_unit_t_board_SOURCES = tests/unit/t-board.c tests/unit/t.h \
	tests/unit/t-lives.h tests/unit/t-work.h
tests_unit_t_board_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_board_LDADD = $(STATS_LIBS)
tests_unit_t_livetab_SOURCES = tests/unit/t-livetab.c tests/unit/t.h \
	tests/unit/t-lives.h tests/unit/t-work.h
tests_unit_t_livetab_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_livetab_LDADD = $(STATS_LIBS)
tests_unit_t_roster_SOURCES = tests/unit/t-roster.c tests/unit/t.h \
	tests/unit/t-lives.h tests/unit/t-work.h
tests_unit_t_roster_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_roster_LDADD = $(STATS_LIBS)
tests_unit_t_logread_SOURCES = tests/unit/t-logread.c tests/unit/t.h
tests_unit_t_logread_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_logread_LDADD = $(STATS_LIBS)
tests_unit_t_scan_SOURCES = tests/unit/t-scan.c tests/unit/t.h
tests_unit_t_scan_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_scan_LDADD = $(STATS_LIBS)
tests_unit_t_table_SOURCES = tests/unit/t-table.c tests/unit/t.h
tests_unit_t_table_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_table_LDADD = $(STATS_LIBS)
tests_unit_t_prometheus_SOURCES = tests/unit/t-prometheus.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_prometheus_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_prometheus_LDADD = $(STATS_LIBS)
tests_unit_t_snmp_SOURCES = tests/unit/t-snmp.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_snmp_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_snmp_LDADD = $(STATS_LIBS)
tests_unit_t_rollup_SOURCES = tests/unit/t-rollup.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_rollup_CFLAGS = $(UNIT_CFLAGS) $(ZLIB_CFLAGS)
tests_unit_t_rollup_LDADD = $(STATS_LIBS)
tests_unit_t_text_SOURCES = tests/unit/t-text.c tests/unit/t.h
tests_unit_t_text_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_text_LDADD = $(STATS_LIBS)
tests_unit_t_when_SOURCES = tests/unit/t-when.c tests/unit/t.h
tests_unit_t_when_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_when_LDADD = $(STATS_LIBS)

tests_unit_t_access_SOURCES = tests/unit/t-access.c tests/unit/t.h
tests_unit_t_access_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_access_LDADD = $(UNIT_LIBS)
tests_unit_t_cidr_SOURCES = tests/unit/t-cidr.c tests/unit/t.h
tests_unit_t_cidr_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_cidr_LDADD = $(UNIT_LIBS)
tests_unit_t_maprules_SOURCES = tests/unit/t-maprules.c tests/unit/t.h
tests_unit_t_maprules_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_maprules_LDADD = $(UNIT_LIBS)
tests_unit_t_patience_SOURCES = tests/unit/t-patience.c tests/unit/t.h
tests_unit_t_patience_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_patience_LDADD = $(UNIT_LIBS)
tests_unit_t_append_SOURCES = tests/unit/t-append.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_append_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_append_LDADD = $(UNIT_LIBS)
tests_unit_t_bulkio_SOURCES = tests/unit/t-bulkio.c tests/unit/t.h \
	tests/unit/t-work.h tests/unit/t-net.h
tests_unit_t_bulkio_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_bulkio_LDADD = $(UNIT_LIBS)
tests_unit_t_callfilter_SOURCES = tests/unit/t-callfilter.c tests/unit/bpf.h \
	tests/unit/t.h tests/unit/t-work.h
tests_unit_t_callfilter_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_callfilter_LDADD = $(UNIT_LIBS)
tests_unit_t_callgate_SOURCES = tests/unit/t-callgate.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_callgate_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_callgate_LDADD = $(UNIT_LIBS)
tests_unit_t_conf_SOURCES = tests/unit/t-conf.c tests/unit/t.h
tests_unit_t_conf_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_conf_LDADD = $(UNIT_LIBS)
tests_unit_t_fileio_SOURCES = tests/unit/t-fileio.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_fileio_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_fileio_LDADD = $(UNIT_LIBS)
tests_unit_t_fileio_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=callgate_openat -Wl,--wrap=callgate_renameat2
tests_unit_t_landlock_SOURCES = tests/unit/t-landlock.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_landlock_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_landlock_LDADD = $(UNIT_LIBS)
tests_unit_t_launch_SOURCES = tests/unit/t-launch.c tests/unit/t.h \
	tests/unit/t-work.h tests/unit/t-net.h
tests_unit_t_launch_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_launch_LDADD = $(UNIT_LIBS)
tests_unit_t_live_SOURCES = tests/unit/t-live.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_live_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_live_LDADD = $(UNIT_LIBS)
tests_unit_t_memory_SOURCES = tests/unit/t-memory.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_memory_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_memory_LDADD = $(UNIT_LIBS)
tests_unit_t_neighbour_SOURCES = tests/unit/t-neighbour.c tests/unit/t.h \
	tests/unit/t-work.h tests/unit/t-net.h
tests_unit_t_neighbour_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_neighbour_LDADD = $(UNIT_LIBS)
tests_unit_t_netio_SOURCES = tests/unit/t-netio.c tests/unit/t.h \
	tests/unit/t-work.h tests/unit/t-net.h
tests_unit_t_netio_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_netio_LDADD = $(UNIT_LIBS)
tests_unit_t_oneport_SOURCES = tests/unit/t-oneport.c tests/unit/t.h \
	tests/unit/t-work.h tests/unit/t-net.h
tests_unit_t_oneport_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_oneport_LDADD = $(UNIT_LIBS)
tests_unit_t_oneport_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=callgate_connect
tests_unit_t_process_SOURCES = tests/unit/t-process.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_process_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_process_LDADD = $(UNIT_LIBS)
tests_unit_t_readahead_SOURCES = tests/unit/t-readahead.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_readahead_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_readahead_LDADD = $(UNIT_LIBS)
tests_unit_t_resolve_SOURCES = tests/unit/t-resolve.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_resolve_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_resolve_LDADD = $(UNIT_LIBS)
tests_unit_t_shm_SOURCES = tests/unit/t-shm.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_shm_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_shm_LDADD = $(UNIT_LIBS)
tests_unit_t_watch_SOURCES = tests/unit/t-watch.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_watch_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_watch_LDADD = $(UNIT_LIBS)

# tftpd-status
if HAVE_HTTP
STATUS_LIBS = libstatus.a $(STATS_LIBS)
UNIT_TESTS += tests/unit/t-effective tests/unit/t-query
tests_unit_t_effective_SOURCES = tests/unit/t-effective.c tests/unit/t.h
tests_unit_t_effective_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_effective_LDADD = $(STATUS_LIBS)
tests_unit_t_query_SOURCES = tests/unit/t-query.c tests/unit/t.h
tests_unit_t_query_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_query_LDADD = $(STATUS_LIBS)
UNIT_TESTS += tests/unit/t-auth tests/unit/t-diff
tests_unit_t_auth_SOURCES = tests/unit/t-auth.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_auth_CFLAGS = $(UNIT_CFLAGS) $(CRYPT_CFLAGS)
tests_unit_t_auth_LDADD = $(STATUS_LIBS) $(CRYPT_LIBS)
tests_unit_t_diff_SOURCES = tests/unit/t-diff.c tests/unit/t.h
tests_unit_t_diff_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_diff_LDADD = $(STATUS_LIBS)
UNIT_TESTS += tests/unit/t-chart tests/unit/t-html tests/unit/t-page-cache
tests_unit_t_chart_SOURCES = tests/unit/t-chart.c tests/unit/t.h
tests_unit_t_chart_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_chart_LDADD = $(STATUS_LIBS)
tests_unit_t_html_SOURCES = tests/unit/t-html.c tests/unit/t.h
tests_unit_t_html_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_html_LDADD = $(STATUS_LIBS)
tests_unit_t_page_cache_SOURCES = tests/unit/t-page-cache.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_page_cache_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_page_cache_LDADD = $(STATUS_LIBS)
UNIT_TESTS += tests/unit/t-ask tests/unit/t-front tests/unit/t-head
tests_unit_t_ask_SOURCES = tests/unit/t-ask.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_ask_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_ask_LDADD = $(STATUS_LIBS)
tests_unit_t_front_SOURCES = tests/unit/t-front.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_front_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_front_LDADD = $(STATUS_LIBS) $(MICROHTTPD_LIBS)
tests_unit_t_front_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_mono_us \
	-Wl,--wrap=epoll_wait -Wl,--wrap=poll -Wl,--wrap=select
tests_unit_t_head_SOURCES = tests/unit/t-head.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_head_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_head_LDADD = $(STATUS_LIBS) $(MICROHTTPD_LIBS)
UNIT_TESTS += tests/unit/t-walls
tests_unit_t_walls_SOURCES = tests/unit/t-walls.c tests/unit/t.h \
	tests/unit/t-work.h
tests_unit_t_walls_CFLAGS = $(UNIT_CFLAGS)
tests_unit_t_walls_LDADD = $(STATUS_LIBS) $(LIBSECCOMP_LIBS)
tests_unit_t_walls_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=walls_calls_front
endif
