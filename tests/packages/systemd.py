#!/usr/bin/env python3
"""Real systemd: the units, installed as users install them, on a booted Debian.

    systemd.py --build BUILDDIR [--debs DIR] [--root DIR] [--only TEXT] [-v]

Boots a Debian with systemd as first process (machine.py) and runs the scenes of
scenes_*.py in it, one after the other.  What is installed:
the packages of DIR, or without --debs what `make install` of BUILDDIR installs, which
has to be configured with --prefix=/usr --sysconfdir=/etc --localstatedir=/var.  The
root is that of root.py, or --root.

Needs root.  Ends with status 0 when all scenes passed, 1 when one failed, and 2 when
they cannot run here, with a line that says why.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(1, str(pathlib.Path(__file__).resolve().parent.parent / "system"))

import harness
import machine
import root
import scenes_documents
import scenes_status
import scenes_tftpd
import world

# What the machine has besides a minimal Debian.
PACKAGES = ("systemd", "systemd-sysv", "iproute2", "logrotate", "libcap2", "libconfuse2", "libseccomp2",
            "libmicrohttpd12", "zlib1g", "libcrypt1")
UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
LONGEST = 90                # seconds for a scene
WHOLE = 900                 # for all of them, with the boots


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", required=True, type=pathlib.Path, metavar="BUILDDIR")
    parser.add_argument("--debs", type=pathlib.Path, metavar="DIR", help="install the packages that lie there")
    parser.add_argument("--root", metavar="DIR[:DIR]", help="a Debian with systemd, the top layer first, "
                        "instead of our own")
    parser.add_argument("--only", default="", metavar="TEXT", help="scenes whose name contains TEXT")
    parser.add_argument("-v", "--verbose", action="store_true", help="show tracebacks and more of the journal")
    parser.add_argument("--inside", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--lower", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.build = args.build.resolve()
    args.debs = args.debs and args.debs.resolve()
    return args


def main():
    args = parse_arguments()
    if args.inside:
        return inside(args)
    if os.geteuid() != 0:
        return give_up("real systemd needs root: it makes namespaces and mounts (try sudo)")
    if subprocess.run([*UNSHARE, "--cgroup", "true"], stdin=subprocess.DEVNULL).returncode != 0:
        return give_up("real systemd needs namespaces: a container has to grant CAP_SYS_ADMIN")
    try:
        lower = args.root or root_with_systemd(args.build)
    except root.Missing as missing:
        return give_up(str(missing))
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="simple-tftpd-systemd-"))
    root.leave_on_signals()
    # Whoever ends us, the machine ends with us.
    command = ["setpriv", "--pdeathsig", "KILL", *UNSHARE, sys.executable, __file__, *sys.argv[1:],
               "--inside", str(scratch), "--lower", str(lower)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        return process.wait(WHOLE)
    except subprocess.TimeoutExpired:
        print(f"FAIL took longer than {WHOLE} s\n0 passed, 1 failed")
        return 1
    finally:
        # Of itself it removes its cgroups; one that hangs takes all with it: it has our
        # process namespace.
        root.end(process, harness.children(process.pid))
        shutil.rmtree(scratch, ignore_errors=True)


def give_up(text):
    print(f"systemd.py: {text}", file=sys.stderr)
    return 2


def root_with_systemd(build):
    """root.py mounts, which is for a process of its own: nothing may stay mounted."""
    done = subprocess.run([sys.executable, "-c", LAYER, str(build), *PACKAGES], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, cwd=pathlib.Path(__file__).parent)
    if done.returncode != 0:
        raise root.Missing("the Debian to boot could not be made")
    return done.stdout.decode().strip().splitlines()[-1]


LAYER = """
import sys
sys.dont_write_bytecode = True
import root
root.own_mounts()
build, packages = sys.argv[1], tuple(sys.argv[2:])
base = root.root_prepare(build)
print(root.root_layer(build, base, "systemd", packages), base, sep=":")
"""


# Inside: network, mounts and processes of our own.

def inside(args):
    scratch = args.inside
    root.leave_on_signals()
    harness.run("mount", "--make-rprivate", "/")
    harness.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", scratch)
    begin, passed, failed = time.monotonic(), 0, 0
    signal.signal(signal.SIGALRM, took_too_long)
    place = machine.Machine(args.lower.split(":"), scratch / "machine")
    here = world.World(place, scratch, args)
    try:
        for name, function in (*scenes_tftpd.SCENES, *scenes_status.SCENES, *scenes_documents.SCENES,
                               *scenes_tftpd.LAST):
            always = name.startswith("boot:")
            if not always and args.only not in name:
                continue
            detail, seconds = run_scene(here, name, function)
            passed, failed = passed + (not detail), failed + bool(detail)
            print(f"{'FAIL' if detail else 'ok  '} systemd: {name} ({seconds:.1f} s)", flush=True)
            for line in detail.splitlines():
                print(f"     {line}", flush=True)
            if detail and always:
                break
    finally:
        signal.alarm(0)
        place.throw_away()
    print(f"{time.monotonic() - begin:.0f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def took_too_long(*_):
    raise harness.Failure(f"took longer than {LONGEST} s")


def run_scene(here, name, function):
    begin, detail = time.monotonic(), ""
    signal.alarm(LONGEST)
    try:
        here.begin(name)
        function(here)
    except Exception as error:
        signal.alarm(30)
        detail = story(here, error)
    finally:
        signal.alarm(0)
        here.close_peers()
    return detail, time.monotonic() - begin


def story(here, error):
    """What is shown of a failure."""
    if here.verbose or not isinstance(error, AssertionError):
        lines = [traceback.format_exc().rstrip()]
    else:
        where = traceback.extract_tb(error.__traceback__)
        place = next((f for f in reversed(where) if "/scenes_" in f.filename), where[-1])
        lines = [f"{os.path.basename(place.filename)}:{place.lineno}: {error}"]
    try:
        lines_of_it = "40" if here.verbose else "8"
        journal = here.machine.journal("-u", "tftpd*", "--lines", lines_of_it, "-o", "short-precise")
        lines += [f"journal: {line}" for line in journal.splitlines()]
        lines += [f"log: {json.dumps(record)[:500]}" for record in here.log.records()[-3:]]
    except Exception as other:
        lines.append(f"and no journal: {other}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
