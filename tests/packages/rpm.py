#!/usr/bin/env python3
"""The RPMs, from the tarball, with Debian's rpm: make rpm.

    rpm.py --build BUILDDIR [--no-check]

Builds packaging/rpm/simple-tftpd.spec below BUILDDIR/packages/rpm, the unit tests
with it, looks at what is in the packages, what they need and run, and at rpmlint.
Then it installs them on top of a copy of this machine that costs nothing (an
overlay in namespaces of its own), fetches a file from the server that is there
then, upgrades and removes them.  Needs root.  Fedora's macros, which Debian's rpm
has not, stand below; that the packages install on Fedora itself is not shown.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

from deb import make_tarball
from root import Missing, call

PROGRAMS = {"rpmbuild": "rpm", "rpmlint": "rpmlint", "xz": "xz-utils", "curl": "curl", "unshare": "util-linux"}
BUILDING = 900              # seconds
UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")

# What Fedora's redhat-rpm-config and systemd-rpm-macros say, where it differs.
MACROS = r"""
%dist .test
%_libdir /usr/lib
%_docdir /usr/share/doc
%_sharedstatedir /var/lib
%_unitdir /usr/lib/systemd/system
%_sysusersdir /usr/lib/sysusers.d
%_tmpfilesdir /usr/lib/tmpfiles.d
%debug_package %{nil}
%_build_id_links none
%systemd_requires Requires(post): systemd
%systemd_post() if [ $1 -eq 1 ] && [ -x /usr/lib/systemd/systemd-update-helper ]; then \
    /usr/lib/systemd/systemd-update-helper install-system-units %{?*} || : \
fi
%systemd_preun() if [ $1 -eq 0 ] && [ -x /usr/lib/systemd/systemd-update-helper ]; then \
    /usr/lib/systemd/systemd-update-helper remove-system-units %{?*} || : \
fi
%systemd_postun() :
"""

COMPLETIONS = "/usr/share/bash-completion/completions"
FILES = {
    "simple-tftpd": {
        "/etc/tftpd.conf", "/etc/logrotate.d/tftpd", "/etc/xinetd.d/tftp", "/usr/sbin/tftpd",
        "/usr/lib/systemd/system/tftpd.service", "/usr/lib/systemd/system/tftpd.socket",
        "/usr/lib/sysusers.d/tftpd.conf", "/usr/lib/tmpfiles.d/tftpd.conf", f"{COMPLETIONS}/tftpd.bash",
        "/usr/share/man/man5/tftpd.conf.5", "/usr/share/man/man5/tftpd-log.5",
        "/usr/share/man/man8/tftpd.8simple", "/var/lib/tftpboot", "/var/lib/tftpd", "/var/log/tftpd",
        "/var/log/tftpd/transfers.jsonl", "/run/tftpd"},
    "simple-tftpd-stats": {
        "/usr/bin/tftpd-stats", f"{COMPLETIONS}/tftpd-stats.bash", "/usr/share/man/man1/tftpd-stats.1"},
    "simple-tftpd-status": {
        "/etc/xinetd.d/tftpd-status", "/usr/sbin/tftpd-status",
        "/usr/lib/systemd/system/tftpd-status.socket", "/usr/lib/systemd/system/tftpd-status@.service",
        "/usr/lib/sysusers.d/tftpd-status.conf", "/usr/lib/tmpfiles.d/tftpd-status.conf",
        f"{COMPLETIONS}/tftpd-status.bash", "/usr/share/man/man8/tftpd-status.8", "/var/lib/tftpd-status"},
}
LIBRARIES = {
    "simple-tftpd": {"libc", "libcap", "libconfuse", "libseccomp"},
    "simple-tftpd-stats": {"libc", "libz"},
    "simple-tftpd-status": {"libc", "libz", "libmicrohttpd", "libcrypt", "libseccomp"},
}
CONFIGURATION = {
    "simple-tftpd": {"/etc/tftpd.conf", "/etc/logrotate.d/tftpd", "/etc/xinetd.d/tftp"},
    "simple-tftpd-stats": set(),
    "simple-tftpd-status": {"/etc/xinetd.d/tftpd-status"},
}
UNITS = {"simple-tftpd": "tftpd.socket", "simple-tftpd-status": "tftpd-status.socket"}
# Meant so, or said of this build and of Debian's rpm only.
LINT = """Filters = [
    "requires-on-release", "postin-without-ghost-file-creation", "only-non-binary-in-usr-lib",
    "non-standard-dir-perm /var/lib/tftpd-status", "incoherent-logrotate-file", "invalid-license ISC",
    "bad-manual-page-folder .*tftpd.conf.5", "non-standard-[ug]id", "spelling-error", "invalid-url",
    "manpage-not-compressed", "no-buildroot-tag", "one-line-command-in-%postun",
    "incoherent-version-in-changelog", "unstripped-binary-or-object", "no-signature", "no-packager-tag",
    "no-group-tag", "no-manual-page-for-binary",
]
"""


def need_programs():
    missing = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if missing:
        raise Missing(f"missing Debian packages: apt-get install {' '.join(missing)}")


def check(condition, text):
    if not condition:
        raise RuntimeError(text)


def same(found, wanted, what):
    check(set(found) == set(wanted), f"{what}: missing {sorted(set(wanted) - set(found))}, "
                                     f"too much {sorted(set(found) - set(wanted))}")


# Building.

def build_packages(build, with_check=True):
    """{name: path of the .rpm}."""
    tarball, top = make_tarball(build), build / "packages/rpm"
    shutil.rmtree(top, ignore_errors=True)
    for folder in ("SOURCES", "SPECS"):
        (top / folder).mkdir(parents=True)
    shutil.copy(tarball, top / "SOURCES")
    call("tar", "-C", top / "SPECS", "--strip-components=3", "--wildcards", "-xf", tarball,
         "*/packaging/rpm/simple-tftpd.spec")
    (top / "macros").write_text(MACROS)
    env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    log = top / "build.log"
    with open(log, "wb") as out:
        done = subprocess.run(
            ["rpmbuild", "-bb", "--nodeps", f"--load={top}/macros", "--define", f"_topdir {top}",
             "--define", "_smp_mflags -j2", *([] if with_check else ["--without", "check"]),
             top / "SPECS/simple-tftpd.spec"],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=BUILDING, env=env)
    text = log.read_text(errors="replace")
    check(done.returncode == 0, f"rpmbuild failed, see {log}, which ends:\n" + "\n".join(text.splitlines()[-40:]))
    check("warning: Installed (but unpackaged)" not in text, f"files in no package, see {log}")
    found = {re.sub(r"-[^-]+-[^-]+$", "", path.stem): path for path in (top / "RPMS").glob("*/*.rpm")}
    same(found, FILES, "packages")
    return found


# Looking.

def query(path, *how):
    return subprocess.run(["rpm", "-qp", *how, str(path)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=True).stdout


def look_at(name, path, version):
    check(query(path, "--qf", "%{VERSION}") == version, f"{name}: its version is not that of the tarball")
    docs = f"/usr/share/doc/{name}"
    # Fedora's rpmbuild compresses manuals, Debian's does not.
    files = [line.removesuffix(".gz") for line in query(path, "-l").splitlines()]
    same([f for f in files if not f.startswith((docs + "/", "/usr/share/licenses/")) and f != docs],
         FILES[name], f"files of {name}")
    check(any(f.startswith(docs + "/") for f in files), f"{name} has no documents")
    same(query(path, "--configfiles").split(), CONFIGURATION[name], f"configuration of {name}")
    needs = query(path, "--requires").splitlines()
    same({re.match(r"lib[a-z]+", line)[0] for line in needs if re.match(r"lib.*\.so", line)} - {"ld", "libm"},
         LIBRARIES[name], f"libraries of {name}")
    scripts = query(path, "--scripts")
    for word in ("enable", "start ", "restart"):
        check(word not in scripts, f"{name}: a script has the word {word!r}:\n{scripts}")
    unit = UNITS.get(name)
    check(not unit or f"install-system-units {unit}" in scripts, f"{name}: {unit} is no preset:\n{scripts}")
    check(unit or not scripts, f"{name} needs no script:\n{scripts}")


def lint(packages, spec):
    """rpmlint's errors and warnings, but for those of LINT."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as conf:
        conf.write(LINT)
        conf.flush()
        done = subprocess.run(["rpmlint", "-c", conf.name, str(spec), *map(str, packages)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=300)
    return "\n".join(line for line in done.stdout.splitlines() if re.search(r": [EW]: ", line))


# Installing, in namespaces of our own.

def lower_folder(place):
    """This machine, and what is written is written elsewhere; returns it mounted."""
    call("mount", "--make-rprivate", "/")
    call("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place)
    for part in ("upper", "work", "root"):
        (place / part).mkdir()
    root = place / "root"
    call("mount", "-t", "overlay", "-o", f"lowerdir=/,upperdir={place}/upper,workdir={place}/work", "overlay", root)
    for folder in ("proc", "dev"):
        call("mount", "--rbind", f"/{folder}", root / folder)
    for folder in ("run", "var/log", "var/lib/rpm", "srv"):
        (root / folder).mkdir(exist_ok=True)
        call("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", root / folder)
    call("ip", "link", "set", "lo", "up")
    return root


def rpm(root, *words):
    told = call("rpm", "--root", root, "--nodeps", *words)
    check("scriptlet failed" not in told, told)


def serve_from(root):
    """A file by the server that was installed, and what its log says of it."""
    (root / "var/lib/tftpboot/hello").write_text("hello\n")
    server = subprocess.Popen(["chroot", root, "/usr/sbin/tftpd", "-L", "-a", "127.0.0.1:69",
                               "-f", "/etc/tftpd.conf"], stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while ":0045 " not in pathlib.Path("/proc/net/udp").read_text():
            check(server.poll() is None and time.monotonic() < deadline, "the server does not listen")
            time.sleep(0.02)
        told = call("curl", "-sS", "--max-time", "10", "tftp://127.0.0.1/hello")
        check(told == "hello\n", f"what was fetched is {told!r}")
    finally:
        server.terminate()
        status = server.wait(40)
    check(status == 0, f"the server's status is {status}")
    told = call("chroot", root, "/usr/bin/tftpd-stats", "log", "--csv", "--outcome", "complete")
    check("hello" in told, f"tftpd-stats does not know of it: {told!r}")


def install(packages, place):
    root = lower_folder(place)
    for user in ("tftpd", "tftpd-status"):
        subprocess.run(["chroot", root, "userdel", user], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rpm(root, "-i", *packages.values())
    passwd = (root / "etc/passwd").read_text()
    for user in ("tftpd", "tftpd-status"):
        check(re.search(rf"(?m)^{user}:", passwd), f"no user {user}")
    serve_from(root)
    conf = root / "etc/tftpd.conf"
    conf.write_text(conf.read_text() + "linger = 7\n")
    rpm(root, "-U", "--force", *packages.values())
    check(conf.read_text().endswith("linger = 7\n"), "the upgrade has changed the configuration")
    serve_from(root)
    rpm(root, "-e", *packages)
    left = [path for files in FILES.values() for path in files
            if (root / path[1:]).is_file() and not path.startswith("/var/log/")]
    check(not left, f"left behind: {left}")
    check((root / "etc/tftpd.conf.rpmsave").exists(), "the changed configuration is gone")
    check((root / "var/lib/tftpboot/hello").exists(), "a served file is gone")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True, type=pathlib.Path, metavar="BUILDDIR")
    parser.add_argument("--no-check", action="store_true", help="without the unit tests")
    parser.add_argument("--install", nargs="+", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--place", type=pathlib.Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.build = args.build.resolve()
    if args.install:
        install(dict(zip(FILES, args.install)), args.place)
        return 0
    try:
        need_programs()
        check(os.geteuid() == 0, "the installation is tried by root only")
        packages = build_packages(args.build, not args.no_check)
        version = re.search(r"simple-tftpd-(.*)\.tar", make_tarball(args.build).name)[1]
        for name, path in packages.items():
            look_at(name, path, version)
            print(f"{path}  {path.stat().st_size // 1024} KiB")
        complaints = lint(packages.values(), args.build / "packages/rpm/SPECS/simple-tftpd.spec")
        check(not complaints, f"rpmlint:\n{complaints}")
        with tempfile.TemporaryDirectory(prefix="simple-tftpd-rpm-") as place:
            call(*UNSHARE, sys.executable, __file__, "--build", args.build, "--place", place,
                 "--install", *(packages[name] for name in FILES), seconds=300)
    except Missing as error:
        print(f"make rpm: {error}", file=sys.stderr)
        return 2
    except RuntimeError as error:
        print(f"make rpm: {error}", file=sys.stderr)
        return 1
    print("installed, served a file, upgraded, removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
