# The engine in a simulated world: make check runs the scenarios and 5,000
# seeds, make sim a million (or SEEDS=) on all processors.
if HAVE_CUNIT
check_PROGRAMS += tests/sim/tftp-sim
else
check_PROGRAMS = tests/sim/tftp-sim
endif
TESTS += tests/sim/tftp-sim

tests_sim_tftp_sim_SOURCES = tests/sim/sim.c \
	tests/sim/client.h	tests/sim/client.c \
	tests/sim/disk.h	tests/sim/disk.c \
	tests/sim/net.h		tests/sim/net.c \
	tests/sim/plan.h	tests/sim/plan.c \
	tests/sim/scenario.h	tests/sim/scenario.c \
	tests/sim/server.h	tests/sim/server.c \
	tests/sim/tally.h	tests/sim/tally.c \
	tests/sim/watch.h	tests/sim/watch.c \
	tests/sim/world.h	tests/sim/world.c \
	tests/sim/reader.c	tests/sim/writer.c	tests/sim/ring.c \
	tests/sim/rng.h
tests_sim_tftp_sim_LDADD = libcore.a

SEEDS = 1000000
sim: tests/sim/tftp-sim$(EXEEXT)
	tests/sim/tftp-sim$(EXEEXT) --seeds $(SEEDS) --jobs "`nproc`"
.PHONY: sim
