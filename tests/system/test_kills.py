"""Processes of the server are killed, stopped and interrupted at any moment.

Whatever died: no name shows half a file, no record or client calls complete what is
not, each transfer that was accepted is counted once - by itself, by its dispatcher, by
that one's successor or at the next start -, and nothing is left behind.

Moments are random, by a seed that is told, and the n-th system call (faulting.Tracer).
"""

import os
import random
import signal
import threading
import time

import tftp
from faulting import (COMPLETE, Client, Crowd, Held, TornLog, check_nothing_left, hidden_files, random_of,
                      slots_in_use)
from harness import FIRST_CLIENT_PORT, Failure, bytes_of, check, check_equal, kill, processes, stat_of, until
from test_nth import READS, UPLOADS, Stage

AT_ONCE = 8             # clients
SAMPLE, ALL = 200, 10000
ROUND = 100             # kills between two looks at everything
BETWEEN = 0.012         # seconds from one to the next, about
SECONDS = 35            # for a sample; a slow machine kills fewer
STOPPED = 2.0           # seconds
DEATHS_MAX = 5          # of dispatchers, then the keeper gives up
SWEPT = 22.0            # by then a server has found the dead that nobody told it of


# Clients without end.

class Traffic:
    """Reads and uploads of all sizes.  An upload has its name for itself while it runs,
    so what may stand there is known."""

    def __init__(self, lane, rng, patience=3):
        self.lane, self.rng, self.patience = lane, rng, patience
        self.crowd, self.count, self.complete = Crowd(), 0, 0
        self.files = {f"file{i}": bytes_of(size, i) for i, size in enumerate((0, 700, 9000, 40000))}
        for name, content in self.files.items():
            lane.file(name, content)
        self.may_stand = {f"up{i}": {None} for i in range(AT_ONCE)}
        self.idle_names = list(self.may_stand)

    def add(self):
        self.count += 1
        where = {"source": f"127.0.0.{1 + self.count % 7}", "port": FIRST_CLIENT_PORT + self.count % 20000,
                 "patience": self.patience}
        if self.rng.random() < 0.4:
            where.update(blksize=self.rng.choice((512, 1024)), windowsize=self.rng.choice((1, 4)))
        if self.rng.random() < 0.5 or not self.idle_names:
            name = self.rng.choice(list(self.files))
            return self.crowd.add(Client(tftp.READ, name, self.files[name], **where))
        name = self.idle_names.pop(self.rng.randrange(len(self.idle_names)))
        content = bytes_of(self.rng.randrange(30000), self.count)
        self.may_stand[name].add(content)
        return self.crowd.add(Client(tftp.WRITE, name, content, **where))

    def turn(self, adds=True):
        """A moment of all of them; what has ended is judged."""
        while adds and len(self.crowd.running) < AT_ONCE:
            self.add()
        for client in self.crowd.turn(0.01):
            self.judge(client)

    def finish(self, seconds=30):
        deadline = time.monotonic() + seconds * self.lane.slowness
        while self.crowd.running:
            check(time.monotonic() < deadline, f"{len(self.crowd.running)} clients do not end")
            self.turn(adds=False)

    def judge(self, client):
        self.complete += client.result == COMPLETE
        if client.op == tftp.READ:
            check(client.result != COMPLETE or client.data() == client.content,
                  f"a read of {client.name} is complete, and wrong")
            return
        if client.result == COMPLETE:
            self.may_stand[client.name] = {client.content}
        self.check_file(client.name)
        self.idle_names.append(client.name)

    def check_file(self, name):
        path = self.lane.root / name
        content = path.read_bytes() if path.exists() else None
        check(content in self.may_stand[name],
              f"{name} has {'nothing' if content is None else len(content)}, and may have "
              f"{[c and len(c) for c in self.may_stand[name]]} bytes")

    def check_files(self):
        for name in self.may_stand:
            self.check_file(name)


# Who is killed.

class Family:
    """The processes of the server, as they are at a moment."""

    def __init__(self, server):
        self.keeper = server.process.pid
        tree = processes()
        # Orphans are ours, for here we are the first process.
        self.dispatchers = [pid for pid, parent in tree.items() if parent == self.keeper]
        self.transfers = [pid for pid, parent in tree.items() if parent in self.dispatchers]
        self.orphans = [pid for pid, parent in tree.items()
                        if parent == os.getpid() and pid != self.keeper and is_server(pid)]
        self.transfers += [pid for pid, parent in tree.items() if parent in self.orphans]

    def choose(self, rng):
        """(what, pids): whoever has to die now."""
        what = rng.choices(("transfer", "transfers", "dispatcher", "both", "orphan", "keeper", "all"),
                           (60, 10, 7, 8, 5, 3, 7))[0]
        one = rng.sample(self.transfers, min(1, len(self.transfers)))
        some = {"transfer": one, "transfers": self.transfers, "dispatcher": self.dispatchers,
                "both": self.dispatchers + one, "orphan": self.orphans[:1], "keeper": [self.keeper],
                "all": [self.keeper, *self.dispatchers, *self.transfers]}[what]
        return what, rng.sample(some, len(some))


def is_server(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            return file.read().startswith("tftpd")
    except OSError:
        return False


def reap_orphans(but):
    """Whose parents were killed come to us."""
    for entry in os.listdir("/proc"):
        stat = entry.isdigit() and stat_of(entry)
        if stat and stat == ("Z", os.getpid()) and int(entry) not in but:
            os.waitpid(int(entry), os.WNOHANG)


class Killer(threading.Thread):
    """Kills at random moments, beside the clients; the server is started again."""

    def __init__(self, server, seed, wanted):
        super().__init__(daemon=True)
        self.server, self.rng, self.wanted = server, random.Random(seed), wanted
        self.killed, self.starts, self.must_end = 0, 0, False

    def run(self):
        while self.killed < self.wanted and not self.must_end:
            time.sleep(self.rng.expovariate(1 / BETWEEN))
            if not self.server.is_running():
                self.server.start()
                self.starts += 1
                time.sleep(0.02)
                continue
            for pid in Family(self.server).choose(self.rng)[1]:
                try:
                    os.kill(pid, signal.SIGKILL)
                    self.killed += 1
                except ProcessLookupError:
                    pass


def kill_at_random(lane):
    rng = random_of(lane, "kills")
    log = TornLog(f"/var/log/tftpd/faults-{lane.count()}.jsonl")
    wanted, a_round = (ALL, 4 * ROUND) if lane.full else (SAMPLE, ROUND)
    server, traffic = Held(lane, log.path), Traffic(lane, rng)
    killed = starts = longest = 0
    begin = time.monotonic()
    try:
        while killed < wanted and (lane.full or time.monotonic() - begin < SECONDS):
            killer = Killer(server, rng.random(), min(a_round, wanted - killed))
            killer.start()
            try:
                while killer.is_alive():
                    traffic.turn()
            finally:
                killer.must_end = True
                killer.join()
            killed, starts = killed + killer.killed, starts + killer.starts
            longest = max(longest, settle(lane, server, traffic, log))
    finally:
        stop(lane, server)
    lane.note(f"{killed} kills in {time.monotonic() - begin:.0f} s, {starts} starts, {traffic.count} transfers, "
              f"{traffic.complete} complete, {sum(map(len, log.ends.values()))} ends, "
              f"all in order after {longest:.1f} s at most")
    check(killed >= min(wanted, 50), f"only {killed} kills")


def settle(lane, server, traffic, log):
    """Nobody kills for a while: all that was left is put in order, at the latest when
    the server has looked twice for transfers whose keeper and dispatcher are dead.
    Returns the seconds that it took."""
    begin = time.monotonic()
    traffic.finish()
    if not server.is_running():
        server.restart()
    reap_orphans({server.process.pid})
    try:
        until(lambda: not log.look().open and not slots_in_use(), SWEPT * lane.slowness, "")
    except Failure:
        family = Family(server)
        raise Failure(f"after {SWEPT:.0f} s: without an end: {list(log.open.values())[:3]}; slots: {slots_in_use()}; "
                      f"server {server.process.poll() or 'runs'}, dispatchers {family.dispatchers}, transfers "
                      f"{family.transfers}, orphans {family.orphans}") from None
    check(not log.problems, f"{log.problems}")
    check(log.torn == 0, f"{log.torn} torn lines")
    check_nothing_left(lane)
    traffic.check_files()
    return time.monotonic() - begin


def stop(lane, server):
    server.stop()
    reap_orphans(set())
    until(lambda: not [pid for pid in processes() if is_server(pid)], 5 * lane.slowness, "no process is left")


# At the n-th call.

class KillStage(Stage):
    """A stage whose calls do not fail but are the last."""

    def __init__(self, lane, what):
        self.victims, self.deaths = "", 0
        super().__init__(lane, what._replace(options={**what.options, "patience": 2, "resend": 0.08}))

    def trial(self, order, is_ready=True):
        try:
            client, hit, _ = self.run(order, is_ready)
            self.take_up_again(hit)
            self.judge(client, hit)
        except Failure as failure:
            self.complaints.append(f"{order}: {hit and hit.call}: {failure}")
            self.clean_up()
            hit = None
        self.trials += 1
        return hit

    def check_left(self):
        """A place that was only just claimed is taken for a dead one's after a while."""
        until(lambda: not hidden_files(self.lane), 5 * self.lane.slowness,
              f"no hidden file is left: {hidden_files(self.lane)}")

    def take_up_again(self, hit):
        """If the keeper is dead, or sees too many dispatchers die, another server."""
        self.deaths += 1
        if self.victims == "all" and hit is not None:
            self.server.process.wait(10)
        elif self.victims == "self transfer" or self.deaths < DEATHS_MAX:
            return
        self.deaths = 0
        self.tracer.stop()
        if self.server.is_running():
            self.server.end()
        reap_orphans(set())
        self.server.start()
        self.watch()

    def every_kill(self, who, victims, rng, seconds=None):
        """Before and after each call, or as many as fit; returns how many."""
        self.victims = "self transfer" if (victims, who) == ("self", "transfer") else victims
        _, _, listed = self.run(f"list {who}")
        check(isinstance(listed, list), f"no call of a {who} was seen")
        places = [(n, when) for n in range(1, len(listed) + 3) for when in ("entry", "exit")]
        begin = time.monotonic()
        for n, when in places if seconds is None else rng.sample(places, len(places)):
            if seconds is not None and time.monotonic() - begin > seconds:
                break
            self.trial(f"kill {who} {n} {when} {victims}")


def kill_at_call(lane, what, who, victims):
    stage = KillStage(lane, what)
    try:
        rng = random_of(lane, f"{what.what}, {who}, {victims}")
        stage.every_kill(who, victims, rng, None if lane.full else 2 * lane.slowness)
    finally:
        stage.stop()
        reap_orphans(set())
    lane.note(f"{what.what}, {who}, {victims}: {stage.trials} kills, {len(stage.complaints)} complaints")
    check(not stage.complaints, f"{len(stage.complaints)} of {stage.trials}:\n" + "\n".join(stage.complaints[:40]))


def nothing_is_left(lane):
    """The dead of all these tests, for whom another server now speaks."""
    server = Held(lane, f"/var/log/tftpd/faults-{lane.count()}.jsonl")
    try:
        server.wait_serving()
        check_nothing_left(lane, SWEPT)
    finally:
        stop(lane, server)


# Stopped, and interrupted.

def run_traffic(lane, rng, disturb, *lines, patience=20, seconds=4):
    """Clients while disturb(server, must_end) runs; all of them complete."""
    log = TornLog(f"/var/log/tftpd/faults-{lane.count()}.jsonl")
    server, traffic, must_end = Held(lane, log.path, *lines), Traffic(lane, rng, patience), threading.Event()
    thread = threading.Thread(target=disturb, args=(server, must_end), daemon=True)
    try:
        server.wait_serving()
        thread.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end or (thread.is_alive() and time.monotonic() < end + 60):
            traffic.turn()
            if time.monotonic() > end:
                must_end.set()
        traffic.finish()
        settle(lane, server, traffic, log)
    finally:
        must_end.set()
        stop(lane, server)
    others = [rec for key in log.of_port for rec in log.of_port[key]
              if rec["event"] == "transfer" and rec["outcome"] != "complete"]
    check_equal(traffic.complete, traffic.count, f"complete transfers; others are {others[:3]}")
    per_port = [len([rec for rec in log.of_port[key] if rec["event"] == "transfer"]) for key in log.of_port]
    check_equal(set(per_port), {1}, "end records of each client")
    return traffic.count


def stopped(lane):
    """SIGSTOP for two seconds, of each in its turn: nothing is lost or done twice."""
    def disturb(server, must_end):
        for choose in (lambda f: f.transfers, lambda f: f.dispatchers, lambda f: [f.keeper],
                       lambda f: [f.keeper, *f.dispatchers, *f.transfers]):
            pids = choose(Family(server))
            for pid in pids:
                kill(pid, signal.SIGSTOP)
            time.sleep(STOPPED)
            for pid in pids:
                kill(pid, signal.SIGCONT)
            time.sleep(0.5)
        must_end.set()

    # A transfer that slept must not take its client for gone.
    count = run_traffic(lane, random_of(lane, "stops"), disturb, "give-up = 5s")
    lane.note(f"{count} transfers, all complete")


def interrupted(lane):
    """Each process gets a signal that it handles a thousand times a second."""
    sent = [0]

    def disturb(server, must_end):
        pids, looked = [], 0
        while not must_end.is_set():
            now = time.monotonic()
            if now - looked > 0.02:
                family, looked = Family(server), now
                pids = [(pid, signal.SIGCHLD) for pid in family.dispatchers]
                pids += [(pid, signal.SIGRTMIN) for pid in family.transfers]
            for pid, number in pids:
                kill(pid, number)
                sent[0] += 1
            time.sleep(0.001)

    count = run_traffic(lane, random_of(lane, "signals"), disturb)
    lane.note(f"{count} transfers, all complete, with {sent[0]} signals")


READ, NEW, OLD, IN_PLACE = READS[0], UPLOADS[0], UPLOADS[1], UPLOADS[4]


def test(*args):
    return lambda lane: kill_at_call(lane, *args)


def tests(mode):
    if mode == "random":
        found = [("kill -9 of any process at any moment", kill_at_random)]
    elif mode == "calls":
        found = [(f"kill -9 of {victims} at any call of the {who} for {what.what}", test(what, who, victims))
                 for what, who, victims in (
                     (READ, "transfer", "self"), (NEW, "transfer", "self"), (OLD, "transfer", "self"),
                     (IN_PLACE, "transfer", "self"), (OLD, "transfer", "both"), (OLD, "transfer", "all"),
                     (READ, "dispatcher", "self"), (NEW, "dispatcher", "self"), (NEW, "dispatcher", "all"))]
        found.append(("no place is left to a dead transfer", nothing_is_left))
    else:
        found = [("stopped for two seconds, each process goes on", stopped),
                 ("a thousand signals a second lose nothing", interrupted)]
    return [(name, function, False) for name, function in found]
