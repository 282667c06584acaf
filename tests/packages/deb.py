#!/usr/bin/env python3
"""The Debian packages, from the tarball: make deb.

    deb.py --build BUILDDIR [--twice] [--no-lintian]

Runs `make dist` in BUILDDIR, unpacks the tarball below BUILDDIR/packages, puts
packaging/debian beside the sources as debian/ and builds.  The packages are then
in BUILDDIR/packages/debs, and lintian has looked at them.  They are built again
only when the tarball has changed.  --twice builds them once more, elsewhere and
as somebody else would, and compares: the packages must be the same bytes, and so
must the tarball that the second tree makes.

As a module, for the tests: debs(build) and build_version().
"""

import argparse
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True

from root import Missing, call

NAMES = ("simple-tftpd", "simple-tftpd-stats", "simple-tftpd-status")
PROGRAMS = {"dpkg-buildpackage": "dpkg-dev", "dh": "debhelper", "dh_apparmor": "dh-apparmor",
            "lintian": "lintian", "xz": "xz-utils", "dh_autoreconf": "dh-autoreconf"}
BUILDING = 900              # seconds
# Unit tests are what `make check` is for.
OPTIONS = "nocheck noautodbgsym parallel=2"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def need_programs(more=None):
    """Says in one line what is to be installed; more: {program: package}."""
    wanted = PROGRAMS | (more or {})
    missing = sorted({package for program, package in wanted.items() if not shutil.which(program)})
    if missing:
        raise Missing(f"missing Debian packages: apt-get install {' '.join(missing)}")


def make_tarball(tree, umask=0o022, **environment):
    """`make dist` in a configured tree; returns the tarball."""
    told = call("make", "-s", "-C", tree, "dist", seconds=300, umask=umask, env={**os.environ, **environment})
    found = sorted(tree.glob("simple-tftpd-*.tar.xz"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise RuntimeError(f"make dist left no tarball:\n{told}")
    return found[-1]


def unpack(tarball, folder):
    """The source package's tree, in a fresh folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    call("tar", "-C", folder, "-xf", tarball)
    tree, = folder.iterdir()
    shutil.copytree(tree / "packaging/debian", tree / "debian")
    return tree


def need_build_depends(tree):
    done = subprocess.run(["dpkg-checkbuilddeps", "-Pnocheck"], cwd=tree, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    if done.returncode != 0:
        names = re.sub(r"\s*\([^)]*\)", "", done.stderr.rpartition("dependencies:")[2])
        raise Missing(f"missing Debian packages: apt-get install {' '.join(names.split())}")


def build_tree(tree, *, umask=0o022, **environment):
    """dpkg-buildpackage; returns {name: path of the .deb}."""
    need_build_depends(tree)
    env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    env |= {"DEB_BUILD_OPTIONS": OPTIONS, "DEB_BUILD_PROFILES": "nocheck", **environment}
    env.pop("SOURCE_DATE_EPOCH", None)
    log = tree.parent / "build.log"
    with open(log, "wb") as out:
        done = subprocess.run(["dpkg-buildpackage", "-us", "-uc", "-b"], cwd=tree, stdin=subprocess.DEVNULL,
                              stdout=out, stderr=out, timeout=BUILDING, env=env, umask=umask)
    if done.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-40:])
        raise RuntimeError(f"dpkg-buildpackage failed, see {log}, which ends:\n{tail}")
    return by_name(tree.parent)


def by_name(folder):
    return {path.name.partition("_")[0]: path for path in sorted(folder.glob("*.deb"))}


def debs(build):
    """{name: path} of the packages of this tree; they are built if they are not there."""
    need_programs()
    folder = pathlib.Path(build).resolve() / "packages"
    tarball = make_tarball(folder.parent)
    kept, mark = folder / "debs", folder / "debs.stamp"
    if mark.exists() and mark.read_text() == sha256(tarball) and len(by_name(kept)) == len(NAMES):
        return by_name(kept)
    mark.unlink(missing_ok=True)
    built = build_tree(unpack(tarball, folder / "deb"))
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    for path in (*built.values(), *(folder / "deb").glob("*.changes"), *(folder / "deb").glob("*.buildinfo")):
        shutil.copy(path, kept)
    mark.write_text(sha256(tarball))
    return by_name(kept)


def build_again(build):
    """A second build as another user's would be: elsewhere, later, with another umask, language
    and time zone.  Returns ({name: path}, tarball that this tree makes)."""
    folder = pathlib.Path(build).resolve() / "packages"
    tarball, = (folder.parent / path.name for path in folder.parent.glob("simple-tftpd-*.tar.xz"))
    tree = unpack(tarball, folder / "again/in-a-deeper-folder")
    built = build_tree(tree, umask=0o077, LC_ALL="C", TZ="Pacific/Auckland")
    return built, make_tarball(tree, umask=0o077, LC_ALL="C", TZ="Pacific/Auckland")


def build_version(build, version):
    """The same packages under a higher version, for an upgrade; the tree of debs() is used again."""
    folder = pathlib.Path(build).resolve() / "packages"
    kept = folder / f"debs-{version}"
    stamp = (folder / "debs.stamp").read_text()
    if (kept / "stamp").exists() and (kept / "stamp").read_text() == stamp:
        return by_name(kept)
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    for name, path in by_name(folder / "debs").items():
        stage = kept / f"{name}.tree"
        call("dpkg-deb", "--raw-extract", path, stage)
        control = stage / "DEBIAN/control"
        old = re.search(r"(?m)^Version: (.*)$", control.read_text()).group(1)
        text = control.read_text().replace(f"Version: {old}", f"Version: {version}")
        control.write_text(text.replace(f"(= {old})", f"(= {version})"))
        call("dpkg-deb", "--root-owner-group", "--build", stage, kept / f"{name}_{version}.deb")
        shutil.rmtree(stage)
    (kept / "stamp").write_text(stamp)
    return by_name(kept)


def lintian(build):
    """Its complaints, "" if there are none."""
    changes, = (pathlib.Path(build).resolve() / "packages/debs").glob("*.changes")
    done = subprocess.run(["lintian", "--allow-root", "-i", "-E", "--pedantic", "--fail-on", "error,warning",
                           str(changes)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=300)
    return done.stdout if done.returncode != 0 or re.search(r"(?m)^[EWIPX]:", done.stdout) else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True, type=pathlib.Path, metavar="BUILDDIR")
    parser.add_argument("--twice", action="store_true", help="build again elsewhere and compare")
    parser.add_argument("--no-lintian", action="store_true")
    args = parser.parse_args()
    try:
        built = debs(args.build)
    except Missing as error:
        print(f"make deb: {error}", file=sys.stderr)
        return 2
    for name, path in built.items():
        print(f"{path}  {path.stat().st_size // 1024} KiB  sha256 {sha256(path)}")
    complaints = "" if args.no_lintian else lintian(args.build)
    print(complaints or "lintian has no complaint", file=sys.stderr if complaints else sys.stdout)
    if args.twice:
        again, tarball = build_again(args.build)
        for name, path in built.items():
            if sha256(path) != sha256(again[name]):
                print(f"{name}: not the same when it is built again", file=sys.stderr)
                complaints = "different"
        if sha256(tarball) != sha256(args.build / tarball.name):
            print(f"{tarball.name}: not the same when it is made again", file=sys.stderr)
            complaints = "different"
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
