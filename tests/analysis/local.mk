# What looks at the code, or at all of a run, rather than at one thing that it
# does.  The builds that this needs are below this one: ./asan, ./msan, ...
analyze: config.h
	python3 $(srcdir)/tests/analysis/analyze.py --src $(srcdir) $(ARGS) -- \
		-std=gnu11 $(DEFS) -I. $(AM_CPPFLAGS) $(CPPFLAGS) \
		$(LIBCAP_CFLAGS) $(LIBCONFUSE_CFLAGS) $(LIBSECCOMP_CFLAGS)

asan msan memcheck coverage:
	$(SHELL) $(srcdir)/tests/analysis/run.sh $@ $(abs_top_srcdir) $(PEERS)
.PHONY: analyze asan msan memcheck coverage

EXTRA_DIST += tests/analysis/EXCEPTIONS tests/analysis/analyze.py \
	tests/analysis/coverage.py tests/analysis/coverage_exit.c \
	tests/analysis/memcheck.py tests/analysis/msan_calls.c \
	tests/analysis/run.sh
distclean-local:
	rm -rf asan msan memcheck coverage packages
