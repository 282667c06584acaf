#!/usr/bin/env python3
"""The packages on a fresh Debian, and then a real systemd: make check-packages.

    run.py --build BUILDDIR [--only TEXT] [--no-systemd]

Builds the packages (deb.py), makes a minbase root (root.py: minutes the first
time, kept in BUILDDIR/packages), runs the scenes of debscenes.py, each in a copy
of the root, and starts systemd.py, which boots one.  Needs root and Debian;
the network only until the root exists.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(1, str(pathlib.Path(__file__).resolve().parent.parent / "system"))

import deb
import debscenes
import root
from harness import Failure

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = {"debootstrap": "debootstrap", "curl": "curl", "ip": "iproute2", "unshare": "util-linux"}
SYSTEMD_SECONDS = 1300      # its layer, and then all of its scenes


class Context:
    """What a scene is given."""

    def __init__(self, build):
        self.build, self.src = build, HERE.parent.parent
        deb.need_programs(PROGRAMS)
        self.debs, self.base = deb.debs(build), root.root_prepare(build)
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def run_scene(context, name, function):
    """True if it passed."""
    begin, problem = time.monotonic(), ""
    context.notes.clear()
    try:
        function(context)
    except Failure as error:
        problem = str(error)
    except Exception:
        problem = traceback.format_exc()
    print(f"{'FAIL' if problem else 'ok  '} {name} ({time.monotonic() - begin:.1f} s)", flush=True)
    for line in problem.splitlines() + context.notes:
        print(f"     {line}", flush=True)
    return not problem


def run_systemd(context, only):
    """(passed, failed) of systemd.py's scenes."""
    command = [sys.executable, HERE / "systemd.py", "--build", context.build,
               "--debs", context.build / "packages/debs"]
    if only:
        command += ["--only", only]
    begin = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               text=True)
    try:
        out, _ = process.communicate(timeout=SYSTEMD_SECONDS)
    finally:
        root.end(process, [process.pid])
    lines = out.splitlines()
    print("\n".join(lines[:-1]), flush=True)
    words = lines[-1].split() if lines else []
    if len(words) == 4 and words[1] == "passed," and words[3] == "failed":
        print(f"systemd: {time.monotonic() - begin:.0f} s", flush=True)
        return int(words[0]), int(words[2])
    print(f"FAIL systemd.py ended with status {process.returncode} and did not tell its count")
    return 0, 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True, type=pathlib.Path, metavar="BUILDDIR")
    parser.add_argument("--only", metavar="TEXT", default="", help="scenes whose name contains TEXT")
    parser.add_argument("--no-systemd", action="store_true", help="leave systemd.py out")
    args = parser.parse_args()
    if os.geteuid() != 0:
        print("make check-packages needs root: it makes a root of its own and mounts", file=sys.stderr)
        return 2
    root.leave_on_signals()
    try:
        root.own_mounts()
        context = Context(args.build.resolve())
    except root.Missing as error:
        print(f"make check-packages: {error}", file=sys.stderr)
        return 2
    results = [run_scene(context, name, function) for name, function in debscenes.SCENES if args.only in name]
    passed, failed = results.count(True), results.count(False)
    if not args.no_systemd:
        more = run_systemd(context, args.only)
        passed, failed = passed + more[0], failed + more[1]
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
