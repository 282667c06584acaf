#!/usr/bin/env python3
"""Hours of mixed work against one server, and then: is everything as it was?

    mixed.py --build BUILDDIR [--minutes N | --hours N | --seconds N] [--rate N]
             [--mode foreground|xinetd|...] [--peers PEERSDIR] [--seed N]

Needs root.  It runs in network, mount and process namespaces of its own; what it does
and checks is told in tests/system/soaking.py.  The seed that it prints repeats who asks
for what in which order; when the kernel lets whom run, nothing can repeat.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))

import harness
import soaking

UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
PROGRAMS = ("tftpd", "tftpd-stats", "tests/bench/tftp-load")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("."), metavar="DIR",
                        help="where tftpd and tests/bench/tftp-load were built [.]")
    parser.add_argument("--peers", type=pathlib.Path, metavar="DIR",
                        help="root of the unpacked packages with superservers [build/peers of the sources]")
    parser.add_argument("--mode", choices=harness.MODES, default="foreground",
                        help="how the server is started [foreground]")
    parser.add_argument("--hours", type=float)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--rate", type=float, default=60, help="clients a second, storms aside [60]")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--inside", type=pathlib.Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.build = args.build.resolve()
    here = pathlib.Path(__file__).resolve().parent.parent.parent
    args.peers = (args.peers or here / "build/peers").resolve()
    args.span_s = (args.hours or 0) * 3600 + (args.minutes or 0) * 60 + (args.seconds or 0) or 1800
    return args


def obstacle(args):
    """Why it cannot run here, or None."""
    if os.geteuid() != 0:
        return "needs root: it makes network and mount namespaces (try sudo)"
    for program in PROGRAMS:
        if not (args.build / program).exists():
            return f"{args.build / program} is missing: run make soak"
    if subprocess.run([*UNSHARE, "true"], stdin=subprocess.DEVNULL).returncode != 0:
        return "needs namespaces: a container has to grant CAP_SYS_ADMIN"
    return None


def outside(args):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="simple-tftpd-"))
    folder.chmod(0o755)
    for name in ("bin", "reports"):
        (folder / name).mkdir()
    (folder / "reports").chmod(0o1777)
    for program in PROGRAMS:
        shutil.copy(args.build / program, folder / "bin")
    command = [*UNSHARE, sys.executable, __file__, *sys.argv[1:], "--inside", str(folder),
               "--seed", str(args.seed)]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL).returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def inside(args):
    lane = harness.Lane("soak", args.inside, args.build, args.peers)
    lane.settle_in()
    print(f"soak: {args.span_s:.0f} s, {args.rate:g} clients a second, {args.mode}, seed {args.seed}", flush=True)
    soak = soaking.Soak(lane, args.seed, args.span_s, args.rate, args.mode, tell=say)
    problem = None
    try:
        soak.run()
    except Exception as error:
        traceback.print_exc()
        problem = f"{type(error).__name__}: {error}"
    finally:
        lane.stop_server()
    say(json.dumps(soak.figures(), indent=1))
    used = os.times()
    say(f"processor: {(used.user + used.system) / (time.monotonic() - soak.begun):.2f} of a core for the clients")
    say(f"FAIL {problem}" if problem else "soak: all as it was; each request counted once")
    return 1 if problem else 0


def say(line):
    print(line, flush=True)


def main():
    args = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if args.inside:
        return inside(args)
    problem = obstacle(args)
    if problem:
        print(f"mixed.py: {problem}", file=sys.stderr)
        return 2
    return outside(args)


if __name__ == "__main__":
    sys.exit(main())
