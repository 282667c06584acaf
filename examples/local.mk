# Installed as they lie here, for their READMEs tell to copy from there.
exampledocdir = $(docdir)
nobase_dist_exampledoc_DATA = \
	examples/firmware-lab/README.md examples/firmware-lab/tftpd.conf \
	examples/phones/README.md examples/phones/tftpd.conf \
	examples/phones/files/000000000000.cfg \
	examples/phones/files/SEP001122334455.cnf.xml \
	examples/phones/files/XMLDefault.cnf.xml \
	examples/phones/files/site.cfg \
	examples/phones/files/y000000000028.cfg \
	examples/pxe/README.md examples/pxe/tftpd.conf \
	examples/pxe/boot.ipxe examples/pxe/dnsmasq.conf \
	examples/pxe/grub/grub.cfg examples/pxe/pxelinux.cfg/default \
	examples/router-backup/README.md examples/router-backup/tftpd.conf \
	examples/router-backup/prune.sh
