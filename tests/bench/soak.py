#!/usr/bin/env python3
"""Many transfers, and then: is everything as it was?

    soak.py load|many --build BUILDDIR [--total N] [--clients N] ...

load: 1,000 transfers of 4 MB at once, windowsize 8.  many: 100,000 of 2 KB, 50
at once; mixed.py has what real clients do.  Every byte is compared; each transfer must have one start and one end
in the log; afterwards the server must have no more descriptors, children and
used slots than before, and not use a tenth more memory.

As a module, for tests that start a server of their own: census(), wait_quiet(),
differences() and log_problems().
"""

import argparse
import collections
import dataclasses
import json
import os
import pathlib
import sys
import time

sys.dont_write_bytecode = True

import lane as place
import servers

KINDS = {
    "load": dict(total=1000, clients=1000, size=4 << 20, blksize=1428, windowsize=8),
    "many": dict(total=100_000, clients=50, size=2048, blksize=512, windowsize=1),
}
PAGE = 4096                 # of the live table
GROWTH = 1.10               # of memory that is no leak yet
QUIET = 15                  # seconds for the last transfers to be gone
STILL = 0.5                 # seconds without a change


# The server's state.

@dataclasses.dataclass
class Census:
    """What the keeper and the dispatchers hold."""

    descriptors: dict       # "keeper", "dispatcher" -> how many
    children: int           # processes below a dispatcher, waiting ones and zombies too
    slots: int              # of the live table that are not free
    locks: int              # on the live table
    rss_kb: int             # keeper and dispatchers


def children_of(pid):
    found = []
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in path.read_text().split()]
    return found


def rss_kb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def descriptors(pids):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


def used_slots(live):
    """A page each, behind the header's; a slot begins with its state, and 0 is free."""
    table = live.read_bytes()
    return sum(table[at:at + 4] != bytes(4) for at in range(PAGE, len(table), PAGE))


def locks_on(live):
    """/proc/locks names a file by its inode."""
    inode = live.stat().st_ino
    lines = pathlib.Path("/proc/locks").read_text().splitlines()
    return sum(f":{inode} " in line and " POSIX " in line for line in lines)


def census(keeper, live="/run/tftpd/live"):
    dispatchers = children_of(keeper)
    return Census(
        descriptors={"keeper": descriptors([keeper]), "dispatcher": descriptors(dispatchers)},
        children=sum(len(children_of(pid)) for pid in dispatchers),
        slots=used_slots(pathlib.Path(live)),
        locks=locks_on(pathlib.Path(live)),
        rss_kb=rss_kb(keeper) + sum(rss_kb(pid) for pid in dispatchers))


def wait_quiet(keeper, live="/run/tftpd/live", seconds=QUIET, like=None):
    """The census once nothing moves any more; with like: once it is as it was then.
    After a time, what it is then."""
    deadline, still_since, last = time.monotonic() + seconds, time.monotonic(), None
    while time.monotonic() < deadline:
        now = census(keeper, live)
        if now != last:
            still_since, last = time.monotonic(), now
        if like is not None and not differences(like, now):
            break
        if like is None and time.monotonic() - still_since > STILL:
            break
        time.sleep(0.05)
    return last


def differences(before, after):
    """In words, what was not given back."""
    found = []
    for who, count in after.descriptors.items():
        if count != before.descriptors[who]:
            found.append(f"{who}: {count} descriptors, {before.descriptors[who]} before")
    for what in ("children", "slots", "locks"):
        was, is_now = getattr(before, what), getattr(after, what)
        if is_now > was:
            found.append(f"{what}: {is_now}, {was} before")
    if after.rss_kb > before.rss_kb * GROWTH:
        found.append(f"memory grew from {before.rss_kb} to {after.rss_kb} KiB")
    return found


# The log.

def read_log(path, offset=0):
    """The records from that byte on."""
    with open(path, "rb") as log:
        log.seek(offset)
        for line in log:
            yield json.loads(line)


def log_problems(records, total):
    """In words: are there total transfers, each with one start and one end, complete?"""
    starts, ends, outcomes = (collections.Counter() for _ in range(3))
    others = []
    for record in records:
        if record["event"] == "start":
            starts[record["id"]] += 1
        elif record["event"] == "transfer":
            ends[record["id"]] += 1
            outcomes[record["outcome"]] += 1
            if record["outcome"] != "complete":
                others.append(record)
    found = []
    if sum(ends.values()) != total:
        found.append(f"{sum(ends.values())} ends in the log, not {total}")
    if starts != ends or any(count != 1 for count in ends.values()):
        lost = [id for id in starts.keys() | ends.keys()
                if starts[id] != 1 or ends[id] != 1]
        found.append(f"{len(lost)} transfers without one start and one end, as {lost[:3]}")
    if set(outcomes) != {"complete"}:
        found.append(f"outcomes: {dict(outcomes)}, as {others[:1]}")
    return found


# The run.

class Soak:
    def __init__(self, args):
        self.args = args
        self.lane = place.Lane(args.inside, args.group, args.build, args.build)
        self.server = servers.Ours(self.lane, 0)

    def run(self):
        self.lane.settle_in()
        self.lane.make("file", self.args.size)
        self.lane.make("warm", 2048)
        with self.server:
            self.server.start()
            problems = self.load()
        for problem in problems:
            print(f"FAIL {problem}")
        print(f"{self.args.kind}: {len(problems)} problems")
        return 1 if problems else 0

    def load(self):
        keeper = self.server.process.pid
        fresh = wait_quiet(keeper)
        # each slot and each buffer is used once before memory is looked at
        self.client("warm", 2048, self.args.clients, self.args.clients)
        warm, offset = wait_quiet(keeper, like=fresh, seconds=2), self.lane.log.stat().st_size
        before = dataclasses.replace(fresh, rss_kb=warm.rss_kb)
        result = self.client("file", self.args.size, self.args.clients, self.args.total)
        after = wait_quiet(keeper, like=before)
        self.tell(result, before, after)
        problems = differences(before, after)
        if result["ok"] != self.args.total:
            problems.append(f"{result['failed']} transfers failed: {result['errors']}")
        return problems + log_problems(read_log(self.lane.log, offset), self.args.total)

    def client(self, name, size, clients, total):
        return self.lane.client(
            self.server, name, "--clients", clients, "--total", total, "--size", size,
            "--blksize", self.args.blksize, "--windowsize", self.args.windowsize, "--tsize",
            "--addresses", "--verify", "--deadline", self.args.deadline)

    def tell(self, result, before, after):
        print(f"{result['ok']} of {self.args.total} complete, {result['verify_errors']} wrong, "
              f"{result['asked_twice']} asked twice, {result['seconds']:.1f} s, "
              f"{result['mb_per_s']:.0f} MB/s, first reply p50 "
              f"{result['first_reply_us']['p50'] / 1000:.2f} ms, "
              f"p99 {result['first_reply_us']['p99'] / 1000:.2f} ms")
        for name, state in (("before", before), ("after", after)):
            print(f"{name}: descriptors {state.descriptors}, children {state.children}, "
                  f"slots {state.slots}, locks {state.locks}, memory {state.rss_kb} KiB")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("."), metavar="DIR",
                        help="where tftpd and tests/bench/tftp-load were built [.]")
    for name in ("total", "clients", "size", "blksize", "windowsize"):
        parser.add_argument(f"--{name}", type=int, metavar="N")
    parser.add_argument("--deadline", type=int, default=1200, metavar="S",
                        help="seconds that end it")
    parser.add_argument("--inside", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--group", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.build = args.build.resolve()
    for name, value in KINDS[args.kind].items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    return args


def main():
    args = parse_arguments()
    if args.inside:
        return Soak(args).run()
    problem = place.obstacle(args.build)
    if problem:
        print(f"soak.py: {problem}", file=sys.stderr)
        return 2
    return place.run_inside(__file__, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
