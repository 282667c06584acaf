# Packages of other systems than Debian.  make rpm needs root and Debian's rpm;
# make selinux compiles the module with Debian's reference policy.
rpm:
	python3 $(srcdir)/tests/packages/rpm.py --build . $(ARGS)
selinux:
	python3 $(srcdir)/tests/packages/selinux.py --build . $(ARGS)
.PHONY: rpm selinux
