# The dashboard in a real browser; not part of the check.
browser: tftpd-status
	python3 $(srcdir)/tests/browser/run.py --build . $(ARGS)
.PHONY: browser

EXTRA_DIST += tests/browser/cdp.py tests/browser/run.py
