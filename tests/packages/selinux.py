#!/usr/bin/env python3
"""The SELinux module: make selinux.

    selinux.py --build BUILDDIR [--link]

Compiles packaging/selinux with the reference policy's Makefile and asks the labels
that come out for each file and folder of simple-tftpd, as installed by Debian's
packages and by the RPMs.  --link (a minute) puts the module into a whole policy,
Debian's, in a folder: there is no name in it that a policy does not know.  What the
rules allow is not tried: that needs a kernel that enforces them.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True

from root import Missing, call

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "packaging/selinux"
MAKEFILE = pathlib.Path("/usr/share/selinux/devel/Makefile")
PROGRAMS = {"checkmodule": "checkpolicy", "semodule_package": "semodule-utils", "make": "make"}
LABELS = {
    "/usr/sbin/tftpd": "tftpd_exec_t", "/usr/bin/tftpd": "tftpd_exec_t", "/usr/bin/tftpd-stats": None,
    "/usr/sbin/tftpd-status": None, "/etc/tftpd.conf": "tftpd_etc_t", "/etc/tftpd/maps": "tftpd_etc_t",
    "/etc/tftpd.conf.rpmsave": None, "/var/log/tftpd": "tftpd_log_t",
    "/var/log/tftpd/transfers.jsonl.1": "tftpd_log_t", "/var/lib/tftpd": "tftpd_var_lib_t",
    "/var/lib/tftpd/good.conf": "tftpd_var_lib_t", "/var/lib/tftpd-status": None,
    "/run/tftpd/live": "tftpd_var_run_t", "/srv/tftp": "tftpdir_rw_t", "/srv/tftp/pxe/x": "tftpdir_rw_t",
    "/srv/tftpboot": None,
}
# The reference policy calls two types otherwise than Fedora's.
DEBIAN = {"tftpd_etc_t": "tftpd_conf_t", "tftpd_var_run_t": "tftpd_runtime_t"}


def need_programs(link):
    wanted = dict(PROGRAMS, **({"semodule": "policycoreutils"} if link else {}))
    missing = {package for program, package in wanted.items() if not shutil.which(program)}
    if not MAKEFILE.exists():
        missing.add("selinux-policy-dev")
    if missing:
        raise Missing(f"missing Debian packages: apt-get install {' '.join(sorted(missing))}")


def compile_in(folder, names):
    """The module, with other names for types, as packages of it are made; returns it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in SOURCE.glob("simple-tftpd.*"):
        text = path.read_text()
        for ours, theirs in names.items():
            text = re.sub(rf"\b{ours}\b", theirs, text)
        (folder / path.name).write_text(text)
    told = call("make", "-f", MAKEFILE, "simple-tftpd.pp", cwd=folder, seconds=120)
    if re.search(r"warning|error", told, re.I):
        raise RuntimeError(told)
    return folder / "simple-tftpd.pp"


def labels_of(package):
    """[(pattern, type)] of a module."""
    call("semodule_unpackage", package, package.with_suffix(".mod"), package.with_suffix(".labels"))
    found = []
    for line in package.with_suffix(".labels").read_text().splitlines():
        fields = line.split()
        if fields and not line.startswith("#"):
            found.append((fields[0], fields[-1].split(":")[2]))
    return found


def check_labels(package):
    labels = labels_of(package)
    for path, wanted in LABELS.items():
        found = [label for pattern, label in labels if re.fullmatch(pattern, path)]
        if found != ([wanted] if wanted else []):
            raise RuntimeError(f"{path} is {found}, not {wanted}")
    return len(LABELS)


def link(package, folder):
    """The module in Debian's policy; semodule complains about what does not fit."""
    (folder / "deb").mkdir()
    call("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", "selinux-policy-default",
         cwd=folder / "deb", seconds=120)
    call("dpkg", "-x", *(folder / "deb").glob("*.deb"), folder / "policy")
    store = folder / "store"
    (store / "var/lib/selinux/default").mkdir(parents=True)
    shutil.copytree(folder / "policy/etc", store / "etc")
    call("semodule", "-p", store, "-s", "default", "-N", "-n", "-i",
         *sorted((folder / "policy/usr/share/selinux/default").glob("*.pp.bz2")), "-i", package, seconds=400)
    if not list((store / "etc/selinux/default/policy").glob("policy.*")):
        raise RuntimeError("semodule made no policy")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True, type=pathlib.Path, metavar="BUILDDIR")
    parser.add_argument("--link", action="store_true", help="link it into a whole policy, too")
    args = parser.parse_args()
    folder = args.build.resolve() / "packages/selinux"
    try:
        need_programs(args.link)
        count = check_labels(compile_in(folder / "fedora", {}))
        print(f"compiled; {count} paths have the label that they should have")
        if args.link:
            link(compile_in(folder / "debian", DEBIAN), folder / "debian")
            print("linked into Debian's policy")
    except Missing as error:
        print(f"make selinux: {error}", file=sys.stderr)
        return 2
    except (RuntimeError, subprocess.SubprocessError) as error:
        print(f"make selinux: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
