"""Hours of everything at once, and is all as it was?

    Soak(lane, seed, seconds).run()     # raises Failure; tells figures by tell()

One server, and clients of every kind by a random sequence: reads of many sizes and
options, uploads, probes, misses, those who abort, vanish, fall silent or say all twice,
rubbish, storms.  Meanwhile its configuration is changed, broken and mended, its log is
rotated and packed, transfers and dispatchers are killed.  How each client has to end is
known before it asks; the log is counted as it grows and once more from its files at the
end.  Every few minutes nobody asks for a moment, and what the server holds is compared
with what it held at first.
"""

import collections
import dataclasses
import gzip
import json
import os
import pathlib
import random
import re
import resource
import signal
import subprocess
import time

import mix
import recount
import tftp
from faulting import COMPLETE, REFUSED, Crowd, hidden_files, slots_in_use
from harness import (LOG, Failure, bytes_of, check, check_equal, children, descriptors_of,
                     kill, listeners, until)
from settings import Conf, TABLE, header

GIVE_UP = 5                 # seconds, of the server
AT_ONCE = 96                # clients that are in the midst of it
LATEST = 60                 # seconds in which each client has its end record
LOST = 20                   # seconds after which a dispatcher that was killed has lost the request
QUIET = 60                  # seconds until nothing runs any more
GROWTH, SLACK_KB = 1.10, 200    # of memory that is no leak yet; 200 KiB is noise of pages
STORM = 500
MAX_UPLOAD = 200_000
DISTURBED, REPEATED = "disturbed", "repeated"
UNIQUE_NET = "127.119.0.0/16"

# Seconds between two of each, on the average: of a long run and of a short one.
PERIODS = {"kill a transfer": (8, 0.9), "kill a dispatcher": (75, 6), "configure": (20, 2), "rotate": (45, 4),
           "storm": (40, 6), "scrape": (15, 2), "look": (180, 3600)}
SHORT = 120                 # seconds that are a short run

SIZES = (0, 1, 511, 512, 513, 1428, 4096, 10_000, 30_000, 70_000, 300_000, 1_500_000)
BLKSIZES = (8, 128, 511, 512, 1024, 1428, 1456, 1468, 4096, 8192, 16384)
WINDOWS = (1, 1, 2, 4, 8, 16, 64)
FLIGHT = 64 << 10           # bytes that fit a client's socket at once

LINES = f"""root = {{"/srv/tftp"}}
log = "{LOG.with_name('soak.jsonl')}"
create = yes
overwrite = yes
deny-files = {{"*.key"}}
deny-clients = {{"127.118.0.0/16"}}
max-upload = {MAX_UPLOAD}
min-free = 0
give-up = {GIVE_UP}s
client "{UNIQUE_NET}" {{
	upload-names = unique
}}
"""


# The log, over all its rotations.

class Records:
    """Each transfer counted once, whatever file its records stand in."""

    def __init__(self, path):
        self.path = path
        self.offsets = {}                       # inode -> bytes that were read
        self.open, self.ids = {}, set()         # id -> start; ids that have ended
        self.early = {}                         # id -> crashed end whose start was not read yet
        self.started = self.lines = 0
        self.counts = collections.Counter()     # (op, outcome) -> ends
        self.sums = collections.Counter()       # (op, key) -> sum over ends
        self.files = collections.Counter()      # names of storms -> ends
        self.notices = collections.Counter()
        self.problems = []

    def paths(self):
        """The oldest first."""
        numbered = [(int(re.search(r"\.(\d+)(\.gz)?$", str(path))[1]), path)
                    for path in self.path.parent.glob(self.path.name + ".*")]
        return [path for _, path in sorted(numbered, reverse=True)] + [self.path] * self.path.exists()

    def look(self):
        """Read on; yields the ends."""
        for path in self.paths():
            if path.suffix == ".gz":
                continue                        # packed when it had been read
            with open(path, "rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                if file.seek(0, os.SEEK_END) == self.offsets.get(inode, 0):
                    continue
                file.seek(self.offsets.get(inode, 0))
                text = file.read()
            text = text[:text.rfind(b"\n") + 1]
            self.offsets[inode] = self.offsets.get(inode, 0) + len(text)
            for line in text.splitlines():
                record = self.take(line)
                if record is not None:
                    yield record

    def read_all(self):
        """From the beginning, packed files too."""
        for path in self.paths():
            with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
                for line in file:
                    self.take(line.rstrip(b"\n"))
        return self

    def take(self, line):
        """Counts a line; returns the record if it is an end."""
        self.lines += 1
        record = json.loads(line)
        if record["event"] == "notice":
            self.notices[record["message"].partition(":")[0]] += 1
            return None
        ident = record["id"]
        if record["event"] == "start":
            if ident in self.open or ident in self.ids:
                self.problems.append(f"a second start, or one after the end: {record}")
            self.started += 1
            self.open[ident] = record
            early = self.early.pop(ident, None)
            return self.end(early) if early else None
        if record["outcome"] == "crashed" and ident not in self.open:
            if ident not in self.ids:
                self.early[ident] = record      # it counts only if it had been accepted
            return None
        if ident in self.ids:
            self.problems.append(f"a second end: {record}")
            return None
        return self.end(record)

    def end(self, record):
        op = record.get("op", "unknown")
        start = self.open.pop(record["id"], record)
        # A crashed end has the pid of who wrote it.
        record["ran_as"] = start["pid"]
        self.ids.add(record["id"])
        self.counts[op, record["outcome"]] += 1
        for key in ("bytes", "packets_sent", "packets_received", "retransmits", "timeouts", "duplicates"):
            self.sums[op, key] += record.get(key, 0)
        if record.get("file", "").startswith("storm-"):
            self.files[record["file"]] += 1
        return record

    def outcomes(self):
        found = collections.Counter()
        for (_, outcome), count in self.counts.items():
            found[outcome] += count
        return dict(found.most_common())

    def same_as(self, other):
        """In words, where two counts differ."""
        return [f"{what}: {getattr(self, what)}, not {getattr(other, what)}"
                for what in ("lines", "started", "counts", "sums", "problems")
                if getattr(self, what) != getattr(other, what)] + ["other ids"] * (self.ids != other.ids)


# What the server holds.

@dataclasses.dataclass
class Held:
    keeper: int
    memory: dict            # "keeper", "dispatcher" -> (rss, pss, private) in KiB
    descriptors: dict
    processes: int          # all of them, spare ones too
    slots: int
    locks: int
    hidden: int

    def shown(self):
        parts = [f"{who} {rss}/{pss}/{private} KiB" for who, (rss, pss, private) in self.memory.items()]
        parts.append("descriptors " + "+".join(str(n) for n in self.descriptors.values()))
        return ", ".join(parts) + (f", processes {self.processes}, slots {self.slots}, locks {self.locks}, "
                                   f"hidden {self.hidden}")


def memory_kb(pid):
    found = collections.Counter()
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        key, value = line.split()[:2]
        found[key] = int(value)
    return found["Rss:"], found["Pss:"], found["Private_Dirty:"] + found["Private_Clean:"]


def held(server):
    """None while an old dispatcher has not ended."""
    keeper, dispatchers = server.keeper(), server.dispatchers()
    if keeper is None or len(dispatchers) != 1:
        return None
    family = {"keeper": keeper, "dispatcher": dispatchers[0]}
    inode = os.stat(TABLE).st_ino
    locks = [line for line in pathlib.Path("/proc/locks").read_text().splitlines()
             if f":{inode} " in line and " POSIX " in line]
    return Held(keeper, {who: memory_kb(pid) for who, pid in family.items()},
                {who: len(descriptors_of(pid)) for who, pid in family.items()},
                2 + len(children(dispatchers[0], spares=True)), len(slots_in_use()), len(locks),
                len(hidden_files(server.lane)))


# Clients of a bulk, made by tftp-load.

class Bulk:
    """One run of tftp-load, beside all others."""

    def __init__(self, soak, number, clients, size, options, op=tftp.READ):
        lane = soak.lane
        self.lane, self.op, self.clients, self.size = lane, op, clients, size
        self.name = f"storm-{number}"
        self.is_disturbed, self.begun = False, time.monotonic()
        self.source = lane.make_content(f"bulk-{size}", size)
        if op == tftp.READ:
            os.link(self.source, lane.root / self.name)
        command = [lane.load_program(), "--server", "127.0.0.1:69", "--clients", clients, "--size", size,
                   "--addresses", "--verify", "--give-up", 2 * GIVE_UP, "--deadline", 60, "--op", op, *options,
                   self.name + "-%d" * (op == tftp.WRITE)]
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, env=lane.environment())

    def judge(self, records, changed):
        """After its end and those of its transfers; in words, what is wrong.  changed: see
        Soak.is_in_change()."""
        told = json.loads(self.process.communicate()[0])
        ends = sum(count for name, count in records.files.items()
                   if name == self.name or name.startswith(self.name + "-"))
        most = told["requests"] if changed > self.begun else self.clients
        found = []
        if told["verify_errors"] or told["failed"] > (self.clients if self.is_disturbed else 0):
            found.append(f"{self.name}: {told}")
        if ends < told["ok"] or (not self.is_disturbed and not self.clients <= ends <= most):
            found.append(f"{self.name}: {ends} ends of {self.clients}: {told}")
        (self.lane.root / self.name).unlink(missing_ok=True)
        for path in self.lane.root.glob(f"{self.name}-*"):
            if path.read_bytes() != self.source.read_bytes():
                found.append(f"{path.name} has other content")
            path.unlink()
        return found


# The run.

class Stage:
    """What an Actor asks of a lane; ports and addresses come again only after hours."""

    def __init__(self, slowness):
        self.slowness, self.number = slowness, 0

    def count(self):
        self.number += 1
        return self.number % 50_000

    def address(self, net=None):
        n = self.number
        return f"127.{net or 20 + n // 60_000 % 90}.{n // 250 % 240}.{n % 250 + 1}"


class Soak:
    """seconds    of work, before the last look
    rate       clients a second, storms aside
    mode       of harness.MODES
    tell       takes a line to be shown
    """

    def __init__(self, lane, seed, seconds, rate=60, mode="foreground", tell=print):
        self.lane, self.rng, self.seconds, self.rate, self.mode, self.tell = \
            lane, random.Random(seed), seconds, rate, mode, tell
        self.stage, self.crowd = Stage(lane.slowness), Crowd()
        # An Actor's scene is who has a lane.
        self.scene = type("Scene", (), {"lane": self.stage})
        self.records = Records(LOG.with_name("soak.jsonl"))
        self.waiting = {}                           # (client, port) -> actor
        self.past = collections.OrderedDict()       # the same of those that were judged -> why not quite
        self.bulk, self.bulks, self.rubbish = None, 0, collections.deque()
        self.killed, self.kills = set(), collections.Counter()
        self.done, self.problems = collections.Counter(), []
        self.told, self.scrapes, self.rotations, self.configured = {}, 0, 0, 0
        # When a new dispatcher was due, and seconds until it reads alone; see is_in_change().
        self.changed, self.settling, self.doubled = 0.0, 5 * lane.slowness, 0
        self.is_broken, self.changes, self.breaks = False, 0, 0
        self.first = self.last = None
        self.short = seconds <= SHORT

    def run(self):
        # A descriptor for each client that waits for its end record.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.prepare()
        self.begun = time.monotonic()
        try:
            self.compare()
            self.work()
            self.compare()
            self.check_counters()
        finally:
            if self.bulk is not None:
                self.bulk.process.kill()
                self.bulk.process.wait()
        self.lane.stop_server()
        self.check_log()

    def prepare(self):
        lane = self.lane
        self.files = {b"size-%d" % size: bytes_of(size, size) for size in SIZES}
        self.files[b"text"] = b"a line\nand another\r\n" * 300
        for name, content in self.files.items():
            lane.file(name.decode(), content)
        lane.file("secret.key", b"x")
        lane.file("private", b"x", mode=0o600)
        self.names = [b"config-%d" % n for n in range(24)]
        self.stored = {name: {None} for name in self.names}     # what may stand there
        lane.stop_server()
        self.conf = Conf(lane)
        self.conf.forget_good_copy()
        self.write(1468)
        lane.serve("-f", self.conf.path, mode=self.mode, fresh=True)

    def write(self, blksize):
        self.conf.edit(*LINES.splitlines(), f"max-blksize = {blksize}")

    def period(self, what):
        return PERIODS[what][self.short] * (0.5 + self.rng.random())

    def work(self):
        acts = {"kill a transfer": self.kill_transfer, "kill a dispatcher": self.kill_dispatcher,
                "configure": self.configure, "rotate": self.rotate, "storm": self.storm, "scrape": self.scrape,
                "look": self.compare}
        now = time.monotonic()
        end, next_client = now + self.seconds, now
        due = {what: now + self.period(what) for what in acts}
        while time.monotonic() < end:
            now = time.monotonic()
            for what, act in acts.items():
                if now >= due[what]:
                    act()
                    now = time.monotonic()
                    due[what] = now + self.period(what)
            # Whoever could not ask in time does not ask later.
            next_client = max(next_client, now - 0.5)
            while next_client <= now and len(self.crowd.running) < AT_ONCE:
                self.add()
                next_client += self.rng.expovariate(self.rate)
            self.turn()

    def turn(self):
        """A moment of all that runs."""
        self.crowd.turn(0.02)
        for actor in self.crowd.running.values():
            actor.asked_again |= actor.tid is None and actor.repeats > 0
        for record in self.records.look():
            self.take_end(record)
        now = time.monotonic()
        for key in [key for key, actor in self.waiting.items()
                    if actor.result and (actor.ends or self.is_lost(actor, now))]:
            self.judge(key, self.waiting.pop(key))
        if self.bulk is not None and self.bulk.process.poll() is not None and not self.open_bulk():
            self.problems += self.bulk.judge(self.records, self.changed + self.settling)
            self.bulk = None
        while self.rubbish and time.monotonic() - self.rubbish[0][0] > 3:
            self.check_unanswered(self.rubbish.popleft()[1])
        self.check_problems()

    def is_lost(self, actor, now):
        """Its request went with the dispatcher that had read it, and was not repeated."""
        return actor.is_disturbed and now - actor.begun > LOST * self.lane.slowness

    def open_bulk(self):
        return any(start["file"].startswith(self.bulk.name) for start in self.records.open.values())

    def check_problems(self):
        now = time.monotonic()
        late = [actor for actor in self.waiting.values() if now - actor.begun > LATEST * self.lane.slowness]
        self.problems += [f"{shown(actor)}: no end after {LATEST} s" for actor in late[:3]]
        self.problems += self.records.problems
        check(not self.problems, "\n".join(map(str, self.problems[:10])))
        check(self.lane.server is None or self.lane.server.is_running(), "the server is gone")

    # Clients.

    def add(self):
        kinds = (
            (self.read, 40), (self.text, 3), (self.probe, 10), (self.miss, 12), (self.refuse, 5), (self.twice, 5),
            (self.leave, 9), (self.sleep, 1), (self.mute, 2), (self.upload, 7), (self.upload_unique, 7),
            (self.upload_ends_early, 3), (self.throw_rubbish, 3))
        kind = self.rng.choices([k for k, _ in kinds], [weight for _, weight in kinds])[0]
        kind()

    def act(self, row, **marks):
        kind, how = row
        actor = kind(self.scene, resend=3.0 * self.stage.slowness, patience=3, **how)
        actor.ends, actor.is_disturbed, actor.name_held, actor.is_unique = [], False, None, False
        actor.asked_again = False
        vars(actor).update(marks)
        self.done[kind.__name__.lower() + " " + actor.op] += 1
        self.waiting[actor.address, actor.port] = actor
        actor.socket.setsockopt(1, 33, 1 << 20)         # SO_RCVBUFFORCE: a window has to fit
        return self.crowd.add(actor)

    def options(self, size):
        """Of a request: some, in no order that matters."""
        rng, found = self.rng, {}
        if rng.random() < 0.7:
            found["blksize"] = rng.choice([b for b in BLKSIZES if size // b < 3000])
        if rng.random() < 0.6:
            most = FLIGHT // found.get("blksize", 512)
            found["windowsize"] = rng.choice([w for w in WINDOWS if w <= max(most, 1)])
        if rng.random() < 0.4:
            found["tsize"] = 0
        if rng.random() < 0.2:
            found["timeout"] = rng.randrange(1, 6)
        if rng.random() < 0.05:
            found["x-unknown"] = "yes"
        return found

    def large(self):
        return self.rng.choice((b"size-70000", b"size-300000"))

    def reads(self, name, kind=mix.Actor, **how):
        return mix.reads(self.files, name, self.stage.address(), kind, **how)

    def read(self):
        weights = [1 if size > 1_000_000 else 4 if size > 100_000 else 10 for size in SIZES]
        size = self.rng.choices(SIZES, weights)[0]
        self.act(self.reads(b"size-%d" % size, **self.options(size)))

    def text(self):
        self.act(self.reads(b"text", mix.Text, mode="netascii"))

    def probe(self):
        error = self.rng.choice(((8, b"User aborted the transfer"), (0, b"TFTP Aborted"), (0, b"")))
        self.act(self.reads(self.large(), mix.Prober, error=error, blksize=self.rng.choice((1432, 1468))))

    def miss(self):
        name = b"missing/01-52-54-00-%02x-%02x" % (self.rng.randrange(256), self.rng.randrange(256))
        self.act(self.reads(name, mix.Refused, wanted="notfound"))

    def refuse(self):
        address = self.stage.address()
        rows = [mix.reads({}, name, address, mix.Refused, wanted=("denied", "notfound"))
                for name in (b"secret.key", b"private", b"../../etc/passwd")]
        rows += [mix.reads({}, b"text", self.stage.address(net=118), mix.Refused, wanted="denied"),
                 mix.reads({}, b"text", address, mix.Refused, wanted="invalid", mode="mail"),
                 mix.reads({}, b"", address, mix.Refused, wanted="invalid", raw=b"\0\1name\0octet"),
                 mix.writes(b"announced", b"", address, mix.Refused, wanted="limited", tsize=MAX_UPLOAD + 1)]
        self.act(self.rng.choice(rows))

    def twice(self):
        self.act(self.reads(self.rng.choice((b"size-1428", b"size-30000")), mix.Repeater))

    def leave(self):
        after = self.rng.randrange(1, 40)
        kind = self.rng.choice((mix.Leaver, mix.Aborter, mix.Unconfirmed))
        how = {} if kind is mix.Unconfirmed else {"after": after}
        self.act(self.reads(self.rng.choice((b"size-30000", b"size-70000")), kind, **how))

    def sleep(self):
        self.act(self.reads(b"size-70000", mix.Sleeper, after=5, windowsize=4))

    def mute(self):
        options = self.rng.choice(({}, {"blksize": 1428}, {"windowsize": 8, "tsize": 0}))
        self.act(self.reads(self.large(), mix.Mute, **options))

    def upload(self, kind=mix.Actor, **how):
        """Under a name that it has for itself while it runs."""
        if not self.names:
            return
        name = self.names.pop(self.rng.randrange(len(self.names)))
        content = bytes_of(self.rng.choice((0, 512, 3000, 20_000, 150_000)), self.stage.number)
        self.stored[name].add(content)
        self.act(mix.writes(name, content, self.stage.address(), kind, **self.options(len(content)), **how),
                 name_held=name)

    def upload_ends_early(self):
        if self.rng.random() < 0.4:
            self.upload(mix.Repeater)
            return
        name = self.names.pop() if self.names else None
        if name:
            content = bytes(30_000)
            self.stored[name].add(content)
            kind, how = self.rng.choice(((mix.Aborter, {"error": (3, b"no more")}), (mix.Sleeper, {})))
            self.act(mix.writes(name, content, self.stage.address(), kind, after=3, **how), name_held=name)

    def upload_unique(self):
        content = bytes_of(self.rng.randrange(20_000), self.stage.number)
        name = b"router-%d-confg" % self.rng.randrange(5)
        self.act(mix.writes(name, content, self.stage.address(net=119)), is_unique=True)

    def throw_rubbish(self):
        """No answer and no record."""
        peer = tftp.Peer(self.lane.ledger, source=self.stage.address())
        opcode = self.rng.choice((b"", b"\0", b"\0\0", b"\0\3", b"\0\4", b"\0\5", b"\0\6", b"\0\7", b"\1\0", b"GE"))
        peer.send_to_service(opcode + self.rng.randbytes(self.rng.randrange(600) if len(opcode) == 2 else 0))
        self.done["rubbish"] += 1
        self.rubbish.append((time.monotonic(), peer))

    def check_unanswered(self, peer):
        answer = peer.hear(0)
        check(answer is None, f"rubbish was answered: {answer}")
        peer.close()

    # How they end.

    def take_end(self, record):
        key = record["client"], record["client_port"]
        actor = self.waiting.get(key)
        if record["outcome"] == "crashed" and record["ran_as"] not in self.killed:
            self.problems.append(f"crashed, and nobody killed it: {record}")
        if actor is not None:
            actor.ends.append(record)
        elif self.past.get(key) == REPEATED and record["outcome"] == "noanswer":
            self.doubled += 1
        elif not record.get("file", "").startswith("storm-") and self.past.get(key) != DISTURBED:
            self.problems.append(f"an end of nobody who asked, or a second one: {record}")

    def judge(self, key, actor):
        self.past[key] = DISTURBED if actor.is_disturbed else REPEATED if self.is_in_change(actor) else None
        if len(self.past) > 20_000:
            self.past.popitem(last=False)
        actor.socket.close()
        problem = None
        outcomes = [record["outcome"] for record in actor.ends]
        if len(outcomes) > 1 and self.is_in_change(actor):
            self.doubled += outcomes.count("noanswer")
            outcomes = [outcome for outcome in outcomes if outcome != "noanswer"]
        if not actor.is_disturbed:
            problem = actor.fault()
            if not problem and outcomes not in [[wanted] for wanted in actor.wanted]:
                problem = f"{actor.ends}, not {actor.wanted}"
        elif actor.result == COMPLETE and type(actor) is mix.Actor:
            problem = actor.fault()
        problem = problem or self.fault_of_file(actor)
        if problem:
            self.problems.append(f"{shown(actor)}: {problem}")

    def is_in_change(self, actor):
        """The old dispatcher's queue is nothing that the new one knows: of the copies of a
        request that come while one takes over from the other, each may get one, and then
        one of the transfers is one that nobody answers."""
        return (isinstance(actor, mix.Repeater) or actor.asked_again) and \
            self.changed + self.settling > actor.begun

    def fault_of_file(self, actor):
        """What an upload left."""
        if actor.is_unique:
            return self.fault_of_unique(actor)
        name = actor.name_held
        if name is None:
            return None
        self.names.append(name)
        if actor.result == COMPLETE:
            self.stored[name] = {actor.content}
        path = self.lane.root / name.decode()
        content = path.read_bytes() if path.exists() else None
        if content not in self.stored[name]:
            return f"{len(content or b'')} bytes stand there, not {[len(c or b'') for c in self.stored[name]]}"
        if actor.result == REFUSED or not actor.is_disturbed:
            self.stored[name] = {content}
        return None

    def fault_of_unique(self, actor):
        paths = [self.lane.root / record["path"].lstrip("/") for record in actor.ends
                 if record["outcome"] == COMPLETE]
        problem = None
        for path in paths:
            if not re.search(r"-confg\.\d{8}-\d{6}\.\d\d+$", path.name):
                problem = f"stored as {path.name}"
            elif not path.exists() or path.read_bytes() != actor.content:
                problem = f"{path.name} is not what was sent"
            path.unlink(missing_ok=True)
        return problem

    # What is done to the server.

    def kill_transfer(self):
        """One that runs; its client is excused."""
        running = list(self.records.open.values())
        if not running:
            return
        start = self.rng.choice(running)
        try:
            name = pathlib.Path(f"/proc/{start['pid']}/comm").read_text()
        except OSError:
            return
        if name.startswith("tftpd"):
            self.killed.add(start["pid"])
            self.kills["transfers"] += 1
            self.excuse(start)
            kill(start["pid"], signal.SIGKILL)

    def excuse(self, start):
        actor = self.waiting.get((start["client"], start["client_port"]))
        if actor is not None:
            actor.is_disturbed = True
        elif self.bulk is not None:
            self.bulk.is_disturbed = True

    def kill_dispatcher(self):
        """Another takes over; a request that it had just read may be asked for twice."""
        reading = sorted(self.readers())
        if not reading:
            return
        for actor in self.waiting.values():
            actor.is_disturbed = True
        if self.bulk is not None:
            self.bulk.is_disturbed = True
        victim = self.rng.choice(reading)
        # Processes that waited for a request end with it; nobody was served by them.
        self.killed |= set(children(victim, spares=True))
        self.kills["dispatchers"] += 1
        self.changed = time.monotonic()
        kill(victim, signal.SIGKILL)
        until(lambda: self.readers() - {victim}, 10 * self.lane.slowness, "another dispatcher")

    def readers(self):
        """Dispatchers that have the request socket."""
        wanted = listeners()
        return {pid for pid in self.lane.server.dispatchers() if wanted & links_of(pid)}

    def configure(self):
        """Changed twice, then broken, then mended."""
        step, self.configured = self.configured % 4, self.configured + 1
        self.check_configured()
        self.changed = time.monotonic()
        self.is_broken = step == 2
        if self.is_broken:
            self.breaks += 1
            self.write("many")
        else:
            self.changes += 1
            self.write(1024 + self.configured % 4000)

    def check_configured(self):
        def is_told():
            for record in self.records.look():
                self.take_end(record)
            return self.records.notices["new configuration"] >= self.changes and \
                bool(header().is_bad) == self.is_broken
        until(is_told, 10 * self.lane.slowness,
              f"change {self.changes} of the configuration ({'broken' if self.is_broken else 'good'}) is told: "
              f"{self.records.notices}, {header()}")

    def rotate(self):
        """As logrotate with delaycompress does it, but each file stays."""
        base, paths = self.records.path, self.records.paths()
        # Who writes to an old file is looked for before it is read to its end.
        writing = {link for pid in self.family() for link in links_of(pid)}
        for record in self.records.look():
            self.take_end(record)
        if not base.exists():
            return
        self.rotations += 1
        self.changed = time.monotonic()
        for path in paths:
            number = re.search(r"\.(\d+)(\.gz)?$", path.name)
            target = base.with_name(f"{base.name}.{int(number[1]) + 1 if number else 1}{number and number[2] or ''}")
            path.rename(target)
            if number and not number[2] and str(path) not in writing:
                self.records.offsets.pop(target.stat().st_ino, None)
                pack(target)

    def family(self):
        server = self.lane.server
        tree = [server.keeper(), *server.dispatchers()]
        return [pid for pid in tree + [child for d in tree for child in children(d, spares=True)] if pid]

    def storm(self):
        """500 small ones at once, some large ones, or uploads."""
        if self.bulk is None:
            rng = self.rng
            clients, size, op = rng.choice(((STORM, 2048, tftp.READ), (STORM, 2048, tftp.READ),
                                            (20, 1 << 20, tftp.READ), (40, 100_000, tftp.WRITE)))
            self.begin_storm(clients, size, ("--blksize", rng.choice((512, 1024, 1428)), "--windowsize",
                                             rng.choice((1, 4, 16)), "--tsize"), op)

    def begin_storm(self, clients, size, options, op=tftp.READ):
        if self.lane.quick:
            clients = min(clients, 50)
        self.bulks += 1
        self.done[f"storm {op}"] += clients
        self.bulk = Bulk(self, self.bulks, clients, size, options, op)

    # What must be as it was.

    def finish(self, what):
        """Nobody new asks, until all have ended."""
        deadline = time.monotonic() + QUIET * self.lane.slowness
        while self.crowd.running or self.waiting or self.bulk or self.records.open or slots_in_use():
            check(time.monotonic() < deadline,
                  f"{what}: after {QUIET} s there are still {[shown(a) for a in self.waiting.values()][:3]}, "
                  f"{list(self.records.open.values())[:3]}, slots {slots_in_use()[:3]}")
            self.turn()

    def compare(self):
        """A moment without clients, after a storm that brings memory to the same state."""
        begun = time.monotonic()
        self.finish("before the look")
        self.sweep_unique()
        self.begin_storm(STORM, 2048, ("--blksize", 1428))
        self.finish("the storm of the look")
        seen = []

        def is_as_at_first():
            now = held(self.lane.server)
            if now is None:
                return False
            seen.append(now)
            return len(seen) > 4 and seen[-1] == seen[-4] if self.first is None else not self.grown(seen[-1])

        try:
            until(is_as_at_first, 15 * self.lane.slowness, "")
        except Failure:
            last = seen[-1] if seen else None
            raise Failure(f"at first: {self.first and self.first.shown()}\nnow: {last and last.shown()}, dispatchers "
                          f"{self.lane.server.dispatchers()}\n{self.first and last and self.grown(last)}") from None
        self.last = seen[-1]
        self.first = self.first or self.last
        self.killed.clear()
        self.tell_state(begun)

    def grown(self, now):
        first, found = self.first, []
        for what in ("keeper", "descriptors", "processes", "slots", "locks", "hidden"):
            if getattr(now, what) != getattr(first, what):
                found.append(f"{what}: {getattr(now, what)}, not {getattr(first, what)}")
        for who, sizes in now.memory.items():
            if self.lane.instrumented:
                continue
            if any(size > was * GROWTH + SLACK_KB for size, was in zip(sizes, first.memory[who])):
                found.append(f"memory of the {who}: {sizes}, not {first.memory[who]}")
        return found

    def sweep_unique(self):
        """Those of transfers that were killed after their name was given."""
        left = [path for path in self.lane.root.glob("router-*")]
        check(not left or self.kills, f"nobody stored {left}")
        for path in left:
            path.unlink()

    def tell_state(self, since):
        elapsed = since - self.begun
        self.tell(f"{elapsed // 60:3.0f}:{elapsed % 60:02.0f}  {len(self.records.ids)} transfers, "
                  f"{self.rotations} rotations, {self.configured} configurations, "
                  f"{self.kills['transfers']}+{self.kills['dispatchers']} kills; rss/pss/private: "
                  f"{self.last.shown()}")

    # What is counted.

    def scrape(self):
        """Counters never fall."""
        self.scrapes += 1
        found = self.metrics()
        for key, value in found.items():
            if key[0].endswith(("_total", "_count", "_bucket")):
                check(value >= self.told.get(key, 0), f"{key} fell from {self.told.get(key)} to {value}")
        check_equal(found["tftpd_log_parse_errors_total", ()], 0, "lines that are no records")
        self.told = found

    def metrics(self):
        done = self.lane.run_stats("prometheus", "--state", self.lane.scratch / "soak.rollup", text=True)
        check_equal(done.returncode, 0, f"tftpd-stats prometheus: {done.stderr}")
        return recount.parse_metrics(done.stdout)

    def check_counters(self):
        """What was carried forward over all rotations is what the log holds."""
        self.scrape()
        for record in self.records.look():
            self.take_end(record)
        wanted, counts = {("tftpd_transfers_started_total", ()): self.records.started}, self.records.counts
        for (op, outcome), count in counts.items():
            labels = ("class", recount.CLASS_OF[outcome]), ("op", op), ("outcome", outcome)
            wanted["tftpd_transfers_total", labels] = count
        for name, key in (("transferred_bytes", "bytes"), ("packets_sent", "packets_sent"),
                          ("packets_retransmitted", "retransmits"), ("timeouts", "timeouts")):
            for op in ("read", "write"):
                wanted[f"tftpd_{name}_total", (("op", op),)] = self.records.sums[op, key]
        wrong = [f"{key}: {self.told.get(key)}, not {value}" for key, value in wanted.items()
                 if self.told.get(key) != value]
        total = sum(value for (name, _), value in self.told.items() if name == "tftpd_transfers_total")
        check(not wrong and total == sum(counts.values()), f"the counters of Prometheus: {total} in all: {wrong}")
        check_equal(self.told["tftpd_state_rebuilds_total", ()], 0, "rebuilds of the state")

    def check_log(self):
        """All files from their beginning, by us and by tftpd-stats."""
        for record in self.records.look():
            self.take_end(record)
        self.check_problems()
        again = Records(self.records.path).read_all()
        check(not again.same_as(self.records), f"the files hold other records than came: {again.same_as(self.records)}")
        check(not again.open, f"without an end: {list(again.open.values())[:3]}")
        words = [word for path in again.paths() for word in ("-l", path)]
        done = self.lane.run_stats("summary", "--json", "--since", "2000-01-01", "--until", "2100-01-01", *words,
                                   text=True)
        check_equal(done.returncode, 0, f"tftpd-stats summary: {done.stderr}")
        told = json.loads(done.stdout)
        check_equal({name: n for name, n in told["outcomes"].items() if n}, again.outcomes(), "outcomes")
        check_equal(told["requests"], len(again.ids), "requests of the summary")
        check_equal([path.name for path in self.lane.hidden()], [], "hidden files")

    def figures(self):
        """For the one who reads about the run."""
        return {"asked": dict(sorted(self.done.items())), "transfers": len(self.records.ids),
                "outcomes": self.records.outcomes(), "log lines": self.records.lines,
                "rotations": self.rotations, "log files": len(self.records.paths()), "storms": self.bulks,
                "configurations": {"changed": self.changes, "broken": self.breaks}, "killed": dict(self.kills),
                "scrapes": self.scrapes, "copies that two dispatchers took": self.doubled}


def shown(actor):
    return f"{type(actor).__name__} {actor.op} {actor.name!r} {actor.options} of {actor.address}:{actor.port} " \
           f"({actor.result}{' ' + actor.told if actor.told else ''})"


def links_of(pid):
    try:
        return set(descriptors_of(pid).values())
    except OSError:
        return set()            # it has ended


def pack(path):
    """As gzip does it: a new file, and then the old one goes."""
    with open(path, "rb") as plain, gzip.open(f"{path}.gz", "wb", 6) as packed:
        packed.write(plain.read())
    path.unlink()
