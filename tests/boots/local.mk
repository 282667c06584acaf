# Real firmware and boot loaders under QEMU; not part of the check.  Status 77
# of run.py: something is missing, it said what.
boots: $(sbin_PROGRAMS) $(bin_PROGRAMS)
	python3 $(srcdir)/tests/boots/run.py --build . $(ARGS) || test $$? = 77
.PHONY: boots

EXTRA_DIST += tests/boots/bios.py tests/boots/holder.py \
	tests/boots/machine.py tests/boots/net.py tests/boots/run.py \
	tests/boots/uboot.py tests/boots/uefi.py
