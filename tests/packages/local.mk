# Packages, built from the tarball, and what becomes of a host that installs
# them.  The latter needs root and, for its first run, the network of apt.
deb:
	python3 $(srcdir)/tests/packages/deb.py --build . $(ARGS)
check-packages:
	python3 $(srcdir)/tests/packages/run.py --build . $(ARGS)
.PHONY: deb check-packages

EXTRA_DIST += packaging tests/packages
