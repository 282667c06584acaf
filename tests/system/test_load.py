"""The server under load: a thousand at once, many in a row, a huge file, and what a
block costs in system calls.

The clients are tests/bench/tftp-load, for a client in Python would be what is measured.
"""

import collections
import ctypes
import functools
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import threading
import time

from harness import (SERVICE_USER, Failure, Tail, check, check_equal, children,
                     descendants, descriptors_of, run, status_of, until)

SMALL = 2048
SMALL_OPTIONS = ("--blksize", 1428, "--addresses")
MANY = int(os.environ.get("TFTPD_LOAD_TRANSFERS", "100000"))     # a soak may ask for more
TABLE = pathlib.Path("/run/tftpd/live")
FREE = 0                        # of enum live_state
HUGE = (4 << 30) + 70000        # with blocks of 65464 it has 65610 of them
LIBC = ctypes.CDLL(None, use_errno=True)


# How much is in use.

class Usage:
    """What keeper and dispatcher hold."""

    def __init__(self, server):
        self.keeper = server.keeper()
        self.dispatchers = server.dispatchers()
        family = [self.keeper, *self.dispatchers]
        self.descriptors = [sorted(kind_of(link) for link in descriptors_of(pid).values())
                            for pid in family]
        self.waiting = [len(children(pid, spares=True)) for pid in self.dispatchers]
        self.slots = slots_in_use()
        self.resident = sum(int(status_of(pid)["VmRSS"].split()[0]) for pid in family)

    def held(self):
        return {"keeper": self.keeper, "dispatchers": self.dispatchers,
                "descriptors": self.descriptors, "children": self.waiting, "slots": self.slots}


def kind_of(link):
    """socket:[4711] is a socket."""
    return re.sub(r":\[\d+\]", "", link)


def slots_in_use():
    """How many slots of the live table are in which state, the free ones aside."""
    with open(TABLE, "rb") as file:
        _, slots, page = struct.unpack("=QII", file.read(16))
        states = collections.Counter()
        for slot in range(1, slots + 1):
            states[struct.unpack("=I", os.pread(file.fileno(), 4, slot * page))[0]] += 1
    if states[FREE] == 0:
        raise KeyError(f"no slot is free: {states}")
    del states[FREE]
    return dict(states)


def usage(server):
    """As soon as it is the same twice: a process that has ended is still seen for a moment."""
    seen = []

    def is_stable():
        try:
            seen.append(Usage(server))
        except (OSError, KeyError, struct.error):
            return False            # a server that has only just started
        return len(seen) > 1 and seen[-1].dispatchers and seen[-1].held() == seen[-2].held()

    until(is_stable, 10, "keeper and dispatcher are at rest")
    return seen[-1]


def check_held(server, before, what):
    """Processes, descriptors and slots as before; the last processes may still be dying."""
    after = []

    def is_back():
        after.append(usage(server))
        return after[-1].held() == before.held()

    try:
        until(is_back, 10 * server.lane.slowness, "")
    except Failure:
        check_equal(after[-1].held(), before.held(), f"held after {what}")
    return after[-1]


def check_released(lane, server, before, what):
    """All as before, memory within a tenth."""
    found, most = check_held(server, before, what).resident, before.resident * 1.1
    lane.note(f"{what}: keeper and dispatcher have {found} kB, before {before.resident} kB")
    check(found <= most or lane.instrumented, f"{found} kB after {what}, {before.resident} before")


# Loads.

def check_load(lane, tail, name, clients, total, *options):
    """So many transfers, all well; each leaves one start and one end."""
    tail.look()
    result = lane.load("--clients", clients, "--total", total, "--verify", *options, name, ends=total)
    check_equal((result["ok"], result["failed"], result["verify_errors"]), (total, 0, 0),
                f"transfers that went well, failed, were wrong: {result}")
    ids = {"start": [], "transfer": []}

    def all_ended():
        for record in tail.look():
            if record.get("file") == name:
                ids[record["event"]].append(record["id"])
                check(record.get("outcome", "complete") == "complete", f"{record}")
        return len(ids["transfer"]) >= total

    until(all_ended, 10 * lane.slowness, f"{total} end records")
    check_equal((len(ids["start"]), len(set(ids["start"]))), (total, total), "starts, different ones")
    check(sorted(ids["start"]) == sorted(ids["transfer"]),
          f"{len(ids['start'])} starts and {len(ids['transfer'])} ends do not match")
    return result


def at_rest(lane, clients, tail):
    """A fresh server that has served so many at once: each slot's page of the table was
    touched, so that its memory is what it will be."""
    server = lane.serve(fresh=True)
    fresh = usage(server)
    lane.make_content("load-small", SMALL)
    check_load(lane, tail, "load-small", clients, clients, *SMALL_OPTIONS)
    check_held(server, fresh, "the first storm")
    return server, usage(server)


def thousand_at_once(lane):
    """As many as max-transfers allows; whatever one of them forgets to give back shows."""
    clients, size = (40, 256 << 10) if lane.quick else (1000, 4 << 20)
    tail = Tail(lane.log)
    server, before = at_rest(lane, clients, tail)
    lane.make_content("load-large", size)
    result = check_load(lane, tail, "load-large", clients, clients, "--blksize", 1428,
                        "--windowsize", 8, "--size", size, "--addresses")
    check_released(lane, server, before, f"{clients} at once of {size >> 10} kB in "
                                         f"{result['seconds']:.1f} s")


def many_in_a_row(lane):
    clients, many = (20, 1600 // lane.slowness) if lane.quick else (50, MANY)
    tail = Tail(lane.log)
    server, before = at_rest(lane, 40 if lane.quick else 1000, tail)
    result = check_load(lane, tail, "load-small", clients, many, *SMALL_OPTIONS)
    check_released(lane, server, before, f"{many} of {SMALL} bytes in {result['seconds']:.1f} s")


def many_uploads(lane):
    """A name each, so that all are stored."""
    clients, size = (20, 64 << 10) if lane.quick else (200, 1 << 20)
    server = lane.serve(fresh=True)
    before = usage(server)
    result = lane.load("--op", "write", "--clients", clients, "--size", size, "--verify", "--gso",
                       "--blksize", 1428, "--windowsize", 16, "load-up-%d", ends=None)
    check_equal((result["ok"], result["failed"]), (clients, 0), f"uploads: {result}")
    wanted = lane.make_content("load-up-wanted", size).read_bytes()
    for number in range(clients):
        lane.ledger.note(f"load-up-{number}")
        stored = lane.root / f"load-up-{number}"
        check(stored.read_bytes() == wanted, f"{stored.name} has other content")
        stored.unlink()
    check_equal(lane.hidden(), [], "hidden files")
    check_released(lane, server, before, f"{clients} uploads of {size >> 10} kB in "
                                         f"{result['seconds']:.1f} s")


def small_rings(lane):
    """A network card that holds 16 packets loses the end of each larger window: the server
    has to find a pace, or each window costs a timeout."""
    lane.serve()
    size = (1 if lane.quick else 4) << 20
    lane.make_content("ring", size)
    for window, ring, drain_us in ((16, 8, 50), (32, 16, 20), (64, 16, 20)):
        result = lane.load("--verify", "--size", size, "--blksize", 1428, "--windowsize", window,
                           "--ring", ring, "--drain-us", drain_us, "--deadline", 20, "ring")
        lane.note(f"windowsize {window}, a ring of {ring}: {result['seconds']:.2f} s")
        check_equal((result["ok"], result["verify_errors"]), (1, 0), f"windowsize {window}: {result}")
        check(result["seconds"] <= 5 * lane.slowness, f"windowsize {window}: {result['seconds']} s")


# A huge file.

def huge_file(lane):
    """Beyond 4 GiB and beyond block 65535, there and back, within 40 s."""
    begin = time.monotonic()
    options = ("--sparse", "--verify", "--size", HUGE, "--blksize", 65464, "--windowsize", 8)
    source = lane.make_content("huge", HUGE, sparse=True)
    place = lane.root / "huge-up"
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=5g,mode=755", "tmpfs", place)
    shutil.chown(place, SERVICE_USER, SERVICE_USER)
    lane.serve("-s", "-c", "--max-upload", "5G", lane.root)
    read = lane.load(*options, "--tsize", "huge")
    check_equal((read["ok"], read["verify_errors"], read["bytes"]), (1, 0, HUGE), f"read: {read}")
    eater = Eater(lane, source, place)
    eater.start()
    write = lane.load("--op", "write", "--gso", *options, "huge-up/image")
    eater.finish(place / "image")
    check_equal((write["ok"], write["failed"]), (1, 0), f"upload: {write}")
    took = time.monotonic() - begin
    lane.note(f"{HUGE} bytes: read {read['seconds']:.1f} s, upload {write['seconds']:.1f} s; "
              f"{took:.1f} s in all; at most {eater.most >> 20} MB were stored at a time")
    for record in lane.log.ends(file="huge") + lane.log.ends(file="huge-up/image"):
        check_equal((record["outcome"], record["bytes"], record["blocks"]),
                    ("complete", HUGE, HUGE // 65464 + 1), "an end record")
    check(took <= 40 * lane.slowness, f"it took {took:.1f} s")


class Eater(threading.Thread):
    """Eats an upload while it grows, so that it needs no 4 GiB of memory or disk: what is
    there is compared, and becomes a hole."""

    CHUNK = 16 << 20

    def __init__(self, lane, source, place):
        super().__init__(daemon=True)
        self.lane, self.place = lane, place
        self.source = os.open(source, os.O_RDONLY)
        self.file, self.at, self.most, self.trouble = None, 0, 0, None
        self.is_over = threading.Event()

    def run(self):
        try:
            hidden = until(lambda: self.lane.hidden(self.place), 20, "the hidden file")[0]
            self.file = os.open(hidden, os.O_RDWR)
            # Not up to its end: there it is just being written.
            while not self.is_over.wait(0.005):
                while os.fstat(self.file).st_size - self.at > 2 * self.CHUNK:
                    self.eat()
        except (OSError, AssertionError) as error:
            self.trouble = error

    def eat(self):
        self.compare(self.at)
        self.most = max(self.most, os.fstat(self.file).st_blocks * 512)
        how = 3                 # FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE
        if LIBC.fallocate(self.file, how, ctypes.c_int64(self.at), ctypes.c_int64(self.CHUNK)) != 0:
            raise OSError(ctypes.get_errno(), "fallocate")
        self.at += self.CHUNK

    def compare(self, at):
        found, wanted = (os.pread(fd, self.CHUNK, at) for fd in (self.file, self.source))
        check(found == wanted, f"other bytes were stored between {at} and {at + self.CHUNK}")

    def finish(self, path):
        """The rest, and that nothing was written over what had been eaten."""
        self.is_over.set()
        self.join(20)
        check(self.trouble is None, f"while it was stored: {self.trouble}")
        check_equal((path.stat().st_ino, path.stat().st_size), (os.fstat(self.file).st_ino, HUGE),
                    "the stored file, and its size")
        check(os.lseek(self.file, 0, os.SEEK_DATA) >= self.at, "something was written twice")
        for at in range(self.at, HUGE, self.CHUNK):
            self.compare(at)
        os.close(self.file)
        os.close(self.source)
        path.unlink()


# System calls.

TRACED = 16 << 20
TRACED_BLKSIZE = 1428


class Trace:
    """strace, attached to the server and all that it forks; a file of calls a process."""

    def __init__(self, lane, server):
        program = shutil.which("strace")
        check(program, "no program 'strace' (package strace)")
        self.folder = lane.scratch / f"calls-{lane.count()}"
        self.folder.mkdir()
        server.dispatcher()
        family = sorted({server.keeper()} | descendants(server.keeper()))
        attach = [word for pid in family for word in ("-p", str(pid))]
        self.strace = subprocess.Popen([program, "-f", "-ff", "-qq", "-o", self.folder / "calls", *attach],
                                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: all(status_of(pid)["TracerPid"] != "0"
                          for pid in {server.keeper()} | descendants(server.keeper())),
              10, "strace has attached itself")

    def calls(self, pid):
        """name -> how often that process called it."""
        lines = (self.folder / f"calls.{pid}").read_text(errors="replace").splitlines()
        return collections.Counter(line.partition("(")[0] for line in lines
                                   if re.match(r"[a-z_0-9]+\(", line))

    def end(self):
        self.strace.send_signal(signal.SIGINT)
        self.strace.wait(10)


def system_calls(op, window, most, lane):
    """The whole process counts, from its fork or its waking to its end.  A machine that
    lets the client wait makes timeouts, and those calls: so the best of three."""
    blocks, best = TRACED // TRACED_BLKSIZE + 1, None
    lane.make_content("traced", TRACED)
    for _ in range(3):
        calls = traced(lane, op, window)
        if best is None or calls.total() < best.total():
            best = calls
        if best.total() / blocks <= most:
            break
    share, often = best.total() / blocks, ", ".join(f"{n} {name}" for name, n in best.most_common(6))
    lane.note(f"{op}, windowsize {window}: {share:.3f} system calls a block ({often})")
    check(share <= most, f"{share:.3f} system calls a block, not {most}: {dict(best.most_common(12))}")


def traced(lane, op, window):
    server = lane.serve(fresh=True)
    usage(server)               # who is still being forked would not be traced
    trace = Trace(lane, server)
    tail = Tail(lane.log)
    try:
        name = f"traced-up-{lane.count()}" if op == "write" else "traced"
        result = lane.load("--op", op, "--size", TRACED, "--verify", "--blksize", TRACED_BLKSIZE,
                           "--windowsize", window, name)
        check_equal((result["ok"], result["failed"]), (1, 0), f"{op}: {result}")
        record = until(lambda: [r for r in tail.look() if r["event"] == "transfer"], 5,
                       "the end record")[0]
        # An upload's process dallies, and is gone then.
        until(lambda: not pathlib.Path(f"/proc/{record['pid']}").exists(), 10, "the process has ended")
    finally:
        trace.end()
    if op == "write":
        (lane.root / name).unlink()
    return trace.calls(record["pid"])


def tests(mode):
    return {"stress": LOAD_TESTS, "single": SINGLE_TESTS, "calls": CALL_TESTS}[mode]


LOAD_TESTS = (
    ("1000 reads at once leave nothing behind", thousand_at_once, True),
    (f"{MANY} reads, 50 at a time, leave nothing behind", many_in_a_row, True),
    ("200 uploads at once leave nothing behind", many_uploads, True),
)

SINGLE_TESTS = (
    ("a small ring in the client's card makes the server slow down", small_rings, True),
    ("a file beyond 4 GiB and block 65535 is equal, both ways", huge_file, False),
)

CALL_TESTS = tuple(
    (f"{'a read' if op == 'read' else 'an upload'} with windowsize {window} "
     f"makes {most} system calls a block at most",
     functools.partial(system_calls, op, window, most), False)
    for op, window, most in (("read", 1, 2.05), ("read", 16, 0.15),
                             ("write", 1, 2.2), ("write", 16, 1.2)))
