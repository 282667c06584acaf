# Tools that make faults.  tftpd-force tries what the walls forbid; the system
# tests need it, so make check builds it.
check_PROGRAMS += tests/faults/tftpd-force

FAULT_CFLAGS = -std=gnu11 $(WARN_CFLAGS)
tests_faults_tftpd_force_SOURCES = tests/faults/force.c
nodist_tests_faults_tftpd_force_SOURCES = tests/faults/calls.inc
tests_faults_tftpd_force_CFLAGS = $(FAULT_CFLAGS)

# The names of all system calls that the C library's headers know.
tests/faults/calls.inc: Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && echo '#include <sys/syscall.h>' | \
		$(CC) $(CPPFLAGS) $(CFLAGS) -E -dM - | sed -n \
		's/^#define SYS_\([a-z0-9_]*\) .*/{ "\1", SYS_\1 },/p' >$@
tests/faults/tftpd_force-force.$(OBJEXT): tests/faults/calls.inc
MOSTLYCLEANFILES = tests/faults/calls.inc

# The time of day, moved by a test: a library for LD_PRELOAD.
check_DATA = tests/faults/faketime.so
tests/faults/faketime.so: tests/faults/faketime.c
	$(AM_V_CCLD)$(MKDIR_P) $(@D) && $(CC) -std=gnu11 -D_GNU_SOURCE \
		$(WARN_CFLAGS) -O2 -fPIC -shared -o $@ \
		$(srcdir)/tests/faults/faketime.c
EXTRA_DIST += tests/faults/faketime.c
MOSTLYCLEANFILES += tests/faults/faketime.so

# The n-th call of a living server fails; make faults tries all that make check
# takes a sample of.  FAULTS= names some of them.
check_PROGRAMS += tests/faults/tftpd-failnth
tests_faults_tftpd_failnth_SOURCES = tests/faults/failnth.c
tests_faults_tftpd_failnth_CFLAGS = $(FAULT_CFLAGS)

FAULTS = faults-
FAULT_TOOLS = tests/faults/tftpd-failnth tests/faults/tftpd-force \
	tests/bench/tftp-load
faults: $(sbin_PROGRAMS) $(bin_PROGRAMS) $(FAULT_TOOLS) $(check_DATA)
	python3 $(srcdir)/tests/system/run.py --build . --full \
		--peers "$${PEERS:-$(abs_top_srcdir)/build/peers}" --only $(FAULTS) $(ARGS)
.PHONY: faults
