"""The n-th system call of a transfer, or of its dispatcher, fails: for every n and each
errno that the call may give.

tests/faults/failnth.c makes them fail.  In `make check` a sample, by a seed that is
told; all of them with --full (make faults).
"""

import collections
import json
import os
import pathlib
import platform
import signal
import time

import tftp
from closing import counts_in
from faulting import (COMPLETE, SILENT, TRANSFER_SHUTDOWN, Client, Crowd, Held, TornLog, Tracer, check_nothing_left,
                      hidden_files, random_of, transfer)
from harness import (FIRST_CLIENT_PORT, Failure, bytes_of, check, check_equal, children, is_running, is_spare, kill,
                     status_of, until)

SECONDS = 4             # for each table of a sample
SMALL, LARGE = 1300, 20000
OLD = b"old content, longer than nothing"
# What takes a right away: whoever cannot do that must not serve.
WALLS = ("munmap", "prlimit64", "seccomp")

# A kind of transfer; lines go into tftpd.conf.
Scene = collections.namedtuple("Scene", "what op name size mode options lines")


def scene(what, op, name, size=SMALL, mode="octet", lines=(), **options):
    return Scene(what, op, name, size, mode, options, lines)


SINGLE_PORT = ("single-port = yes",)
READS = (
    scene("a read", tftp.READ, "read"),
    scene("a read with windows", tftp.READ, "window", LARGE, blksize=1024, windowsize=8, tsize=0),
    scene("a read in netascii", tftp.READ, "netascii", mode="netascii", blksize=500),
    scene("a read that is refused", tftp.READ, "not/there"),
    scene("a read that its client aborts", tftp.READ, "aborted", abort_at=1),
    scene("a single-port read", tftp.READ, "single", lines=SINGLE_PORT),
)
UPLOADS = (
    scene("an upload", tftp.WRITE, "new", tsize=SMALL),
    scene("an upload that replaces", tftp.WRITE, "old"),
    scene("an upload with windows", tftp.WRITE, "window-up", LARGE, blksize=1024, windowsize=8),
    scene("an upload in netascii", tftp.WRITE, "netascii-up", mode="netascii"),
    scene("an upload in place", tftp.WRITE, "closed/old"),
    scene("an upload that its client aborts", tftp.WRITE, "aborted-up", abort_at=1),
    scene("an upload under a unique name", tftp.WRITE, "unique", lines=("upload-names = unique",)),
    scene("a single-port upload", tftp.WRITE, "single-up", lines=SINGLE_PORT),
)


class Stage:
    """A server with a tracer, and one scene on it."""

    def __init__(self, lane, what):
        self.lane, self.scene = lane, what
        self.folder = lane.root / os.path.dirname(what.name)
        self.path = lane.root / what.name
        self.content = text_of(what.size) if what.mode == "netascii" else bytes_of(what.size, 7)
        self.log, self.lost = TornLog(f"/var/log/tftpd/faults-{lane.count()}.jsonl"), 0
        self.trials, self.complaints, self.slowest = 0, [], (0, "")
        self.start()

    def start(self):
        self.server = Held(self.lane, self.log.path, *self.scene.lines)
        self.watch()

    def watch(self):
        self.server.wait_serving()
        self.dismiss()          # the tracer would not know them
        self.tracer = Tracer(self.lane, self.server.process.pid, self.server.dispatchers())
        # Of the first call it may have seen only the end.
        transfer(tftp.READ, "probe", b"")

    def stop(self):
        self.tracer.stop()
        self.server.stop()

    # One trial.

    def set_up(self):
        """The files as they are before; no file that a trial has left."""
        if self.scene.op == tftp.READ:
            if self.folder == self.lane.root:
                self.path.write_bytes(self.content)
            return
        if self.folder != self.lane.root:
            self.folder.mkdir(exist_ok=True)        # root's: the file is written in place
        if os.path.basename(self.scene.name) == "old":
            self.path.write_bytes(OLD)
            self.path.chmod(0o666)
        else:
            for path in self.folder.glob(self.path.name + "*"):
                path.unlink()

    def client(self):
        what = self.scene
        wire = what.mode == "netascii" and what.op == tftp.WRITE
        return Client(what.op, what.name, as_netascii(self.content) if wire else self.content,
                      port=FIRST_CLIENT_PORT + self.lane.count() % 20000, mode=what.mode, **what.options)

    def spares(self):
        return [pid for d in self.server.dispatchers() for pid in children(d, spares=True) if is_spare(pid)]

    def choose_process(self, is_ready):
        """One that was forked before, or one that has to be."""
        if self.scene.lines == SINGLE_PORT:
            return
        if is_ready:
            if not self.spares():
                transfer(tftp.READ, "probe", b"")
            until(self.spares, 2 * self.lane.slowness, "a process is ready")
            return
        self.dismiss()

    def dismiss(self):
        """Nobody is ready; before the next request nobody will be."""
        time.sleep(0.02)        # then one is, if one will be
        until(lambda: not any([kill(pid, signal.SIGKILL) or is_running(pid) for pid in self.spares()]), 5,
              "none is ready")

    def run(self, order, is_ready=True):
        """Returns (client, hit or None, calls)."""
        self.who = order.split()[1]
        self.set_up()
        self.choose_process(is_ready)
        self.tracer.order(order)
        client = self.client()
        crowd = Crowd()
        crowd.add(client)
        crowd.finish()
        self.tracer.sync()
        if client.op == tftp.WRITE:
            # It would wait whether we have heard its last ACK.
            for pid in self.tracer.transfers:
                kill(pid, TRANSFER_SHUTDOWN)
        until(lambda: all(pid in self.tracer.gone for pid in self.tracer.transfers), 10, "the transfers have ended")
        calls, listed = self.tracer.off()
        return client, self.tracer.hits[0] if self.tracer.hits else None, listed or calls

    def trial(self, order, is_ready=True):
        """One run and what must hold after it; returns the hit."""
        begin = time.monotonic()
        hit = None
        try:
            client, hit, _ = self.run(order, is_ready)
            self.judge(client, hit)
        except Failure as failure:
            self.complaints.append(f"{order}, {'ready' if is_ready else 'forked'}: "
                                   f"{hit and (hit.call, hit.fault, hit.file)}: {failure}")
            self.clean_up()
        self.trials += 1
        self.slowest = max(self.slowest, (time.monotonic() - begin, f"{order} {hit and hit[2:4]}"))
        return hit

    def clean_up(self):
        """The next trial shall not suffer for this one."""
        self.tracer.stop()
        for pid in [pid for d in self.server.dispatchers() for pid in children(d, spares=True)]:
            kill(pid, signal.SIGKILL)
        try:
            self.server.stop()
        except Failure:
            pass
        for path in hidden_files(self.lane):
            os.unlink(path)
        self.log.open.clear()
        self.log.problems.clear()
        self.start()

    # What must hold.

    def judge(self, client, hit):
        is_log = hit is not None and hit.file == str(self.log.path) and hit.call == "write" and \
            hit.fault not in ("none", "kill")
        self.lost += is_log
        if is_log:
            self.wait_told()
        else:
            until(lambda: not self.log.look().open, 5, f"each start has its end: {self.log.open}")
        self.log.open.clear()
        self.check_left()
        check(not self.log.problems, f"{self.log.problems}")
        # The dispatcher may lose a request, as a network does.
        is_lost = self.who == "dispatcher" and client.result == SILENT
        until(lambda: self.log.look().ends_of(client) or is_log or is_lost, 5,
              f"an end record; the client has: {client.result} {client.told}")
        ends = self.log.ends_of(client)
        if client.op == tftp.READ:
            self.judge_read(client, ends)
        else:
            self.judge_upload(client, ends)
        if hit is not None and hit.call in WALLS and hit.fault not in ("none", "kill"):
            served = [rec for rec in ends if rec["pid"] == hit.pid and rec["outcome"] == "complete"]
            check(not served, "a wall is missing, and it served")
        after = transfer(tftp.READ, "probe", b"")
        check_equal((after.result, after.data()), (COMPLETE, b"probe"), "the next read")

    def check_left(self):
        check_nothing_left(self.lane)

    def wait_told(self):
        """A gap in the log is told as soon as it can be written again."""
        until(lambda: transfer(tftp.READ, "probe", b"") and self.log.look().lost() >= self.lost, 5,
              f"a notice about {self.lost} lost records; there are {self.log.lost()}")

    def judge_read(self, client, ends):
        wanted = as_netascii(self.content) if client.mode == "netascii" else self.content
        if client.result == COMPLETE:
            check(client.data() == wanted, "complete with wrong content")
        for rec in ends:
            check(rec["outcome"] != "complete" or client.result == COMPLETE,
                  f"recorded as complete, and the client has: {client.result} {client.told}")

    def judge_upload(self, client, ends):
        stored = [path.read_bytes() for path in self.folder.glob(self.path.name + "*")]
        is_told = client.result == COMPLETE or any(rec["outcome"] == "complete" for rec in ends)
        for content in stored:
            check(content in (self.content, OLD), f"{len(content)} bytes stand under the name")
        check(not is_told or self.content in stored, f"complete, and not stored: {client.result} {ends}")

    # Many.

    def list_calls(self, who, is_ready):
        return self.run(f"list {who}", is_ready)[2]

    def perform(self, who, is_ready, rng):
        if self.lane.full:
            self.every(who, is_ready)
        else:
            self.some(who, is_ready, rng, SECONDS * self.lane.slowness)

    def every(self, who, is_ready):
        """All faults of all calls, until there are fewer calls than n."""
        n, missed = 1, 0
        while missed < 3 and n < 2000:
            hit = self.trial(f"fail {who} {n} 0 once", is_ready)
            missed = missed + 1 if hit is None else 0
            for k in range(hit.count if hit else 0):
                if k != 0:
                    self.trial(f"fail {who} {n} {k} once", is_ready)
                self.trial(f"fail {who} {n} {k} lasting", is_ready)
            n += 1

    def some(self, who, is_ready, rng, seconds):
        """As many as fit."""
        listed = self.list_calls(who, is_ready)
        check(isinstance(listed, list), f"no call of a {who} was seen")
        places = [(n, k) for n, (_, faults, _) in enumerate(listed, 1) for k in range(faults)]
        deadline = time.monotonic() + seconds
        for n, k in rng.sample(places, len(places)):
            if time.monotonic() > deadline:
                break
            self.trial(f"fail {who} {n} {k} {rng.choice(('once', 'once', 'lasting'))}", is_ready)

    def finish(self):
        """The log as a whole, and what tftpd-stats makes of it."""
        self.stop()
        self.log.look()
        wanted = collections.Counter(rec["outcome"] for ends in self.log.ends.values() for rec in ends)
        done = self.lane.run_stats("summary", "--json", "--since", "2000-01-01", "-l", self.log.path)
        found = counts_in(json.loads(done.stdout))
        check_equal({k: v for k, v in found.items() if v}, dict(wanted), "outcomes in the summary")


# The dispatcher's start: the walls.

IDENTITY = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
            "Seccomp_filters")
STARTED = "dispatcher started: "


class WallStage(Stage):
    """Dispatchers are started anew, and a call of theirs fails on the way to the first
    request: one that serves stands behind the same walls as any other."""

    def walls(self):
        """Of the only dispatcher, what can be seen from outside and what it says."""
        pid = self.one_dispatcher()
        status = status_of(pid)
        said = [rec for rec in self.log.look().said if rec["pid"] == pid and rec["message"].startswith(STARTED)]
        return {**{key: status.get(key) for key in IDENTITY}, "root": os.readlink(f"/proc/{pid}/root"),
                "limits": pathlib.Path(f"/proc/{pid}/limits").read_text(),
                "said": said and said[-1]["message"]}

    def one_dispatcher(self):
        """As soon as the one before it is gone, or it has given up."""
        def stable():
            found = self.server.dispatchers()
            time.sleep(0.03)
            return len(found) == 1 and found == self.server.dispatchers() and found
        return until(stable, 5, "one dispatcher")[0]

    def renew(self):
        os.kill(self.server.process.pid, signal.SIGHUP)
        until(lambda: self.tracer.dispatchers, 5, "a new dispatcher begins")

    def trial(self, order, is_ready=True):
        hit = None
        try:
            self.tracer.order(order)
            self.renew()
            try:
                self.one_dispatcher()
            finally:
                self.tracer.off()
                hit = self.tracer.hits[0] if self.tracer.hits else None
            after = transfer(tftp.READ, "probe", b"")
            check_equal((after.result, after.data()), (COMPLETE, b"probe"), "the next read")
            found = self.walls()
            # The log may not have taken its word, or that of the one that goes on.
            found["said"] = found["said"] or self.wanted["said"]
            other = {key: (value, self.wanted[key]) for key, value in found.items() if value != self.wanted[key]}
            check(not other, f"a dispatcher serves behind other walls: {other}")
        except Failure as failure:
            self.complaints.append(f"{order}: {hit and (hit.call, hit.fault, hit.file)}: {str(failure)[:2000]}")
            self.clean_up()
        self.trials += 1
        return hit

    def list_calls(self, who, is_ready):
        self.tracer.order(f"list {who}")
        self.renew()
        self.one_dispatcher()
        return self.tracer.off()[1]


def walls_fail(lane):
    rng, stage = random_of(lane, "walls"), WallStage(lane, READS[0])
    try:
        stage.wanted = stage.walls()
        # The numbers that filters know: a descriptor that is not where it should be is
        # closed, and must not be used, nor closed again, under its old number.
        places = [n for n, (call, _, _) in enumerate(stage.list_calls("starter", True), 1) if call == "dup3"]
        check(places, "no descriptor gets its number")
        for n in places:
            stage.trial(f"fail starter {n} 0 once")
        stage.perform("starter", True, rng)
    finally:
        stage.stop()
    lane.note(f"{stage.trials} faults at the start, {len(stage.complaints)} complaints; {stage.wanted['said']}")
    check(not stage.complaints, f"{len(stage.complaints)} of {stage.trials}:\n" + "\n".join(stage.complaints[:40]))


def text_of(size):
    return (b"a line, and a CR \r here\n" * (size // 20))[:size]


def as_netascii(content):
    return content.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")


def run_scene(lane, what, whos, is_ready):
    check(platform.machine() in ("x86_64", "aarch64"), "the tracer does not know this machine")
    rng, stage = random_of(lane, f"{what.what}, {whos[0]}, {is_ready}"), Stage(lane, what)
    try:
        for who in whos:
            stage.perform(who, is_ready, rng)
    except BaseException:
        stage.stop()
        raise
    lane.note(f"{what.what}, {'ready' if is_ready else 'forked'}: {stage.trials} faults, "
              f"{len(stage.complaints)} complaints, {stage.lost} records lost and told, {stage.log.torn} torn, "
              f"the slowest took {stage.slowest[0]:.1f} s: {stage.slowest[1]}")
    stage.finish()
    check(not stage.complaints, f"{len(stage.complaints)} of {stage.trials}:\n" + "\n".join(stage.complaints[:40]))


def test(what, *whos, is_ready=True):
    return lambda lane: run_scene(lane, what, whos, is_ready)


def tests(mode):
    if mode == "reads":
        found = [(f"any call of {what.what} may fail", test(what, "transfer")) for what in READS]
        found.append(("any call of a read in a new process may fail", test(READS[0], "transfer", is_ready=False)))
    elif mode == "uploads":
        found = [(f"any call of {what.what} may fail", test(what, "transfer")) for what in UPLOADS]
        found.append(("any call of an upload in a new process may fail", test(UPLOADS[0], "transfer", is_ready=False)))
    elif mode == "walls":
        found = [("any call of a dispatcher's start may fail", walls_fail)]
    else:
        found = [(f"any call of the dispatcher for {what.what} may fail", test(what, "dispatcher"))
                 for what in (READS[0], READS[-1], UPLOADS[1], UPLOADS[-1])]
        found.append(("any call of the dispatcher for a read that it forks for may fail",
                      test(READS[0], "dispatcher", is_ready=False)))
    return [(name, function, False) for name, function in found]
