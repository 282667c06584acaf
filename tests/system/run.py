#!/usr/bin/env python3
"""System tests: the real tftpd under real superservers with real clients.

    run.py --build BUILDDIR --peers PEERSDIR [--quick] [--only NAME] [-v]

Needs root, for each group of tests runs in a lane: network, mounts and
processes of its own (unshare), so that port 69, /srv/tftp, /run and /var/log
are the test's and nothing on this machine is touched.

How it works: this program prepares a folder, then starts itself once a lane
under unshare; a lane runs its tests one after the other and reports each as a
line of JSON.  Loads that would disturb others run alone, the rest side by side.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.dont_write_bytecode = True

import harness
import closing
import test_access
import test_address
import test_api
import test_changes
import test_check
import test_clients
import test_commands
import test_config
import test_confinement
import test_denial
import test_disks
import test_documents
import test_examples
import test_forged
import test_hardening
import test_health
import test_http
import test_install
import test_kills
import test_lifecycle
import test_live
import test_load
import test_loops
import test_manage
import test_maps
import test_metrics
import test_names
import test_network
import test_nth
import test_oneport
import test_options
import test_orders
import test_page
import test_pool
import test_prometheus
import test_recovery
import test_reload
import test_requests
import test_rubbish
import test_silence
import test_snmp
import test_soak
import test_stats
import test_status
import test_storm
import test_superservers
import test_torn
import test_truth
import test_uploads
import test_windows


class Group:
    """A lane's worth of tests; mode is given to modules that have several."""

    def __init__(self, name, module, mode=None, alone=False, seconds=140, http=False):
        self.name, self.module, self.mode = name, module, mode
        self.alone, self.seconds, self.http = alone, seconds, http

    def tests(self, quick):
        table = self.module.tests(self.mode) if self.mode else self.module.TESTS
        return [(name, function) for name, function, is_quick in table if is_quick or not quick]


# The order is the order of starting: who waits longest starts first.
GROUPS = (
    Group("storm-xinetd", test_storm, "xinetd", alone=True),
    Group("storm-inetd", test_storm, "inetd", alone=True),
    Group("storm-activate", test_storm, "activate-inetd", alone=True),
    Group("superserver-xinetd", test_superservers, "Xinetd", alone=True),
    Group("superserver-inetd", test_superservers, "OpenbsdInetd", alone=True),
    Group("superserver-inetutils", test_superservers, "InetutilsInetd", alone=True),
    Group("superserver-busybox", test_superservers, "BusyboxInetd", alone=True),
    Group("superserver-udpsvd", test_superservers, "Udpsvd", alone=True),
    Group("superserver-connected", test_superservers, "BusyboxUdpsvd", alone=True),
    Group("stress", test_load, "stress", alone=True, seconds=300),
    Group("single", test_load, "single", alone=True),
    Group("calls", test_load, "calls", alone=True),
    Group("losses", test_windows, "losses", alone=True),
    Group("faults-forged", test_forged, alone=True),
    # The long ones first: what is short fills the gaps at the end.
    Group("metrics", test_metrics, seconds=300),
    Group("reload", test_reload),
    Group("health", test_health),
    Group("soak", test_soak),
    Group("maps", test_maps),
    Group("prometheus", test_prometheus, http=True),
    Group("answers", test_api, "answers", http=True),
    Group("oneport", test_oneport),
    Group("lifecycle", test_lifecycle),
    Group("sizes", test_windows, "sizes"),
    Group("silence", test_silence),
    Group("faults-nth-uploads", test_nth, "uploads"),
    Group("faults-nth-reads", test_nth, "reads"),
    Group("faults-nth-dispatcher", test_nth, "dispatcher"),
    Group("faults-nth-walls", test_nth, "walls"),
    Group("faults-kills", test_kills, "random"),
    Group("faults-kills-calls", test_kills, "calls"),
    Group("faults-stops", test_kills, "stops"),
    Group("faults-disks", test_disks),
    Group("faults-changes", test_changes),
    Group("faults-network", test_network),
    Group("faults-rubbish", test_rubbish),
    Group("faults-loops", test_loops),
    Group("clients-xinetd", test_clients, "xinetd"),
    Group("clients-inetd", test_clients, "inetd"),
    Group("clients-activate-inetd", test_clients, "activate-inetd"),
    Group("clients-activate-fds", test_clients, "activate-fds"),
    Group("clients-foreground", test_clients, "foreground"),
    Group("denial-uploads", test_denial, "uploads", seconds=300),
    Group("denial-readonly", test_denial, "readonly"),
    Group("denial-roots", test_denial, "roots"),
    Group("denial-oneport", test_denial, "oneport"),
    Group("denial-walls", test_denial, "walls"),
    Group("recovery", test_recovery),
    Group("orders", test_orders),
    Group("pool", test_pool),
    Group("options", test_options),
    Group("truth", test_truth),
    Group("requests", test_requests),
    Group("uploads", test_uploads),
    Group("names", test_names),
    Group("config", test_config),
    Group("access", test_access),
    Group("confinement-xinetd", test_confinement, "xinetd"),
    Group("confinement-foreground", test_confinement, "foreground"),
    Group("address", test_address),
    Group("api", test_api, "api", http=True),
    Group("torn", test_torn),
    Group("live", test_live),
    Group("stats", test_stats),
    Group("status", test_status, http=True),
    Group("http", test_http, http=True),
    Group("manage", test_manage, http=True),
    Group("page", test_page, http=True),
    Group("snmp", test_snmp),
    Group("install", test_install),
    Group("documents", test_documents, http=True),
    Group("examples", test_examples),
    Group("hardening", test_hardening),
    Group("commands", test_commands),
    Group("check", test_check),
)

UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
SIDE_BY_SIDE = 4
LONGEST_TEST = 100          # seconds; a test that takes longer hangs
FULL = 60                   # times as long as usual may it take with --full

VALGRIND = """#!/bin/sh
exec valgrind -q --vgdb=no --leak-check=full --show-leak-kinds=definite,indirect,possible \\
    --log-file={folder}/reports/valgrind.%p {folder}/bin/tftpd.real "$@"
"""


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True, type=pathlib.Path, metavar="BUILDDIR",
                        help="where tftpd and tftpd-stats were built")
    parser.add_argument("--peers", required=True, type=pathlib.Path, metavar="PEERSDIR",
                        help="root of the unpacked packages with superservers and clients")
    parser.add_argument("--quick", action="store_true",
                        help="the short ones only, patiently: for sanitizers and valgrind")
    parser.add_argument("--only", metavar="NAME", default="",
                        help="groups and tests whose name contains NAME; =NAME: that group alone")
    parser.add_argument("--full", action="store_true",
                        help="all faults, kills and so on, where usually a sample is taken: make faults")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32),
                        help="what samples are taken by; it is told")
    parser.add_argument("--valgrind", action="store_true",
                        help="run tftpd under valgrind (of an instrumented build)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs")
    parser.add_argument("-v", "--verbose", action="store_true", help="show tracebacks and logs")
    parser.add_argument("--lane", help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--instrumented", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.build, args.peers = args.build.resolve(), args.peers.resolve()
    return args


# The outer program.

def main():
    args = parse_arguments()
    if args.lane:
        return lane_main(args)
    problem = obstacle(args)
    if problem:
        print(problem, file=sys.stderr)
        return 2
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="simple-tftpd-"))
    scratch.chmod(0o755)
    try:
        return Suite(args, scratch).run()
    finally:
        if args.keep:
            print(f"kept: {scratch}")
        else:
            shutil.rmtree(scratch, ignore_errors=True)


def obstacle(args):
    """Why the tests cannot run here, or None."""
    if os.geteuid() != 0:
        return "system tests need root: they make network and mount namespaces (try sudo)"
    for program in ("tftpd", "tftpd-stats"):
        if not (args.build / program).exists():
            return f"{args.build / program} is missing: build first"
    if subprocess.run([*UNSHARE, "true"], stdin=subprocess.DEVNULL).returncode != 0:
        return "system tests need namespaces: a container has to grant CAP_SYS_ADMIN"
    return None


class Suite:
    def __init__(self, args, scratch):
        self.args, self.scratch = args, scratch
        self.lock, self.passed, self.failed, self.left_out = threading.Lock(), 0, 0, 0
        self.lanes = []

    def run(self):
        begin = time.monotonic()
        self.ask_version()
        chosen = [g for g in GROUPS if self.wanted(g)]
        if not (self.args.build / "tftpd-status").exists():
            for group in chosen:
                if group.http:
                    self.left_out += 1
                    print(f"left out: {group.name}: there is no tftpd-status (--without-http)", flush=True)
            chosen = [g for g in chosen if not g.http]
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        try:
            for group in chosen:
                if group.alone:
                    self.run_lane(group)
            with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
                list(pool.map(self.run_lane, [g for g in chosen if not g.alone]))
            if not self.args.only:
                self.check_whole_run()
        finally:
            for lane in self.lanes:
                lane.kill()
        print(f"{time.monotonic() - begin:.0f} s")
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed + self.left_out else 0

    def wanted(self, group):
        return bool(select(group, self.args))

    def ask_version(self):
        version = subprocess.run([self.args.build / "tftpd", "-V"], stdin=subprocess.DEVNULL,
                                 capture_output=True, timeout=30)
        self.args.instrumented = b"instrumented" in version.stdout + version.stderr

    def prepare(self, folder):
        """A lane's folder: programs where anybody may reach them, and a place for the
        reports of sanitizers and valgrind, where the service user may write."""
        (folder / "bin").mkdir(parents=True)
        (folder / "reports").mkdir()
        (folder / "reports").chmod(0o1777)
        for program in ("tftpd", "tftpd-stats", "tftpd-status", "tests/bench/tftp-load",
                        "tests/faults/tftpd-failnth"):
            if (self.args.build / program).exists():
                shutil.copy(self.args.build / program, folder / "bin")
        if self.args.valgrind:
            tftpd = folder / "bin/tftpd"
            tftpd.rename(folder / "bin/tftpd.real")
            tftpd.write_text(VALGRIND.format(folder=folder))
            tftpd.chmod(0o755)

    def run_lane(self, group):
        """One lane, started and listened to until its end."""
        folder = self.scratch / group.name
        self.prepare(folder)
        command = [*UNSHARE, sys.executable, __file__, "--lane", group.name,
                   "--scratch", str(folder), "--build", str(self.args.build),
                   "--peers", str(self.args.peers), "--only", self.args.only,
                   "--seed", str(self.args.seed)]
        for flag in ("quick", "full", "instrumented", "verbose", "valgrind"):
            if getattr(self.args, flag):
                command.append(f"--{flag}")
        lane = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                text=True)
        self.lanes.append(lane)
        timer = threading.Timer(group.seconds * (4 if self.args.valgrind else FULL if self.args.full else 1),
                                lane.kill)
        timer.start()
        told = 0
        for line in lane.stdout:
            if self.report(group, line):
                told += 1
        status = lane.wait()
        timer.cancel()
        if status != 0 or not told:
            self.say(group, f"the lane ended with status {status}", False, 0, "")

    def report(self, group, line):
        try:
            result = json.loads(line)
        except ValueError:
            print(f"{group.name}: {line.rstrip()}", flush=True)
            return False
        self.say(group, **result)
        return True

    def say(self, group, test, ok, seconds, detail):
        with self.lock:
            if ok:
                self.passed += 1
            else:
                self.failed += 1
            print(f"{'ok  ' if ok else 'FAIL'} {group.name}: {test} ({seconds:.1f} s)", flush=True)
            for text in detail.splitlines():
                print(f"     {text}", flush=True)

    def check_whole_run(self):
        """All lanes' logs together, as an administrator with many files has them."""
        begin, detail = time.monotonic(), ""
        logs = sorted(self.scratch.glob("*/transfers.jsonl"))
        try:
            closing.summary_agrees(self.args.build / "tftpd-stats", logs)
        except Exception as error:
            detail = str(error)
        self.say(Group("whole run", None), "tftpd-stats counts all logs as they are",
                 not detail, time.monotonic() - begin, detail)


def select(group, args):
    """The tests of a group that were asked for."""
    if args.only.startswith("="):
        return group.tests(args.quick) if group.name == args.only[1:] else []
    return [(name, function) for name, function in group.tests(args.quick)
            if args.only in group.name or args.only in name]


# Inside a lane.

def lane_main(args):
    group = next(g for g in GROUPS if g.name == args.lane)
    lane = harness.Lane(group.name, args.scratch, args.build, args.peers,
                        args.quick, args.instrumented, args.verbose, args.valgrind)
    lane.full, lane.seed = args.full, args.seed
    lane.settle_in()
    signal.signal(signal.SIGALRM, give_up)
    for name, function in select(group, args):
        run_test(lane, name, function)
    for name, function in closing.TESTS:
        run_test(lane, name, function)
    return 0


def give_up(*_):
    raise harness.Failure(f"took longer than {LONGEST_TEST} s")


def run_test(lane, name, function):
    begin, detail = time.monotonic(), ""
    signal.alarm(LONGEST_TEST * (FULL if lane.full else 1))
    try:
        function(lane)
    except Exception as error:
        detail = story(lane, error)
    finally:
        signal.alarm(0)
        lane.close_peers()
    print(json.dumps({"test": name, "ok": not detail, "seconds": time.monotonic() - begin,
                      "detail": detail}), flush=True)


def story(lane, error):
    """What is shown of a failure."""
    if lane.verbose or not isinstance(error, AssertionError):
        lines = [traceback.format_exc().rstrip()]
    else:
        where = traceback.extract_tb(error.__traceback__)
        place = next((f for f in reversed(where) if "/test_" in f.filename), where[-1])
        lines = [f"{os.path.basename(place.filename)}:{place.lineno}: {error}"]
    if lane.server is not None:
        lines.append(f"server ({lane.server.mode}): {lane.server.tail()}")
    lines += [f"syslog: {line}" for line in lane.syslog[-5:]]
    log = lane.log.lines()[-(20 if lane.verbose else 3):]
    lines += [f"log: {line.decode(errors='replace').rstrip()[:600]}" for line in log]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
