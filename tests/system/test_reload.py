"""A new configuration while clients are served: nobody notices but by what it says.

The keeper looks at its files when something happens to them, starts a dispatcher with
what is new, and only then tells the old one to stop reading.  What cannot be used is
told, and the old one stays in force.
"""

import collections
import functools
import json
import os
import pathlib
import pwd
import resource
import select
import shutil
import signal
import threading
import time

import storm
import tftp
from harness import (LOG, PORT, check, check_equal, is_running, kill, of_peer, status_of, until)
from settings import (ADD_RULE, Conf, Follower, Given, Notices, blksize, header, tool,
                      wait_blksize, without_landlock)
from test_lifecycle import finish, running_read
from test_orders import has_let_go

LISTENING = ("127.0.0.1", PORT)
QUIET = 0.5             # seconds in which a change would long have shown
OTHER = pathlib.Path("/srv/other")


def start(lane, *lines, mode="foreground", args=()):
    """A server of a file that stands there; returns file, notices."""
    lane.stop_server()
    where = Conf(lane)
    where.forget_good_copy()
    where.write(*lines)
    notices = Notices(lane)
    lane.serve("-f", where.path, *args, mode=mode, fresh=True)
    check(blksize(lane) is not None, "it does not serve")
    notices.wait("dispatcher started")
    return where, notices


def change(lane, where, notices, *lines):
    """Another file; returns when the new dispatcher alone reads."""
    old, count = lane.server.dispatchers(), notices.count("new configuration")
    where.write(*lines)
    notices.wait("new configuration", count + 1)
    until(lambda: set(lane.server.dispatchers()) - set(old), 5 * lane.slowness, "a new dispatcher")
    until(lambda: all(has_let_go(lane.server, pid) for pid in old), 5 * lane.slowness,
          "the old dispatcher has stopped reading")


def check_good(what="the live table"):
    check_equal((header().is_bad, header().problem), (0, ""), what)


def check_broken(notices, sentence, count=1, old="the last good one stays in use"):
    """A notice says so with file and line, and so does the live table."""
    text = f"configuration error, {old}: {sentence}"
    notices.wait(text, count)
    check_equal((header().is_bad, header().problem), (1, sentence), "the live table")


def quietly(lane, condition, what):
    """It stays so: there is nothing to wait for."""
    deadline = time.monotonic() + QUIET * lane.slowness
    while time.monotonic() < deadline:
        check(condition(), what)
        time.sleep(0.02)


# Twenty changes under load.

class Held:
    """A client that stops after its second packet until it is let go."""

    is_held, sent, kept = True, 0, None

    def send(self, raw):
        if self.is_held and self.sent == 2:
            self.kept = raw
        else:
            self.sent += 1
            super().send(raw)

    def let_go(self):
        self.is_held = False
        if self.kept is not None:
            self.send(self.kept)


class HeldReader(Held, storm.Reader):
    pass


class HeldWriter(Held, storm.Writer):
    pass


class Stream(threading.Thread):
    """Clients that ask once each, at a pace, and as long as it is wanted; next to those
    that are held."""

    PATIENCE = 15.0
    SIZE = 3000

    def __init__(self, lane, held, pace):
        super().__init__(daemon=True)
        allow_descriptors(8192)
        self.lane, self.pace = lane, pace
        self.content = lane.content(self.SIZE, seed=3)
        for root in (lane.root, OTHER):
            (root / "stream").write_bytes(self.content)
        self.poll, self.by_fd, self.clients, self.silent = select.epoll(), {}, [], []
        self.is_over, self.must_let_go = threading.Event(), threading.Event()
        self.held = [self.make(number, True) for number in range(held)]
        self.trouble = None

    def make(self, number, is_held):
        """Each has an address that no other has; one of ten uploads."""
        address = f"127.{20 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}"
        if number % 10 == 0:
            kind = HeldWriter if is_held else storm.Writer
            client = kind(address, LISTENING, f"stream-up-{number}", self.content, blksize=900)
        else:
            kind = HeldReader if is_held else storm.Reader
            client = kind(address, LISTENING, "stream", self.content, blksize=900)
        self.clients.append(client)
        return client

    def add(self, client):
        self.lane.ledger.note(client.name, client=client.address, port=client.port)
        self.by_fd[client.socket.fileno()] = client
        self.poll.register(client.socket.fileno(), select.EPOLLIN)
        client.ask(time.monotonic())

    def run(self):
        try:
            self.serve()
        except Exception as error:      # told by who waits for us
            self.trouble = error

    def serve(self):
        for client in self.held:
            self.add(client)
            self.step(0)
        begin, asked = time.monotonic(), 0
        while self.by_fd or not self.is_over.is_set():
            if self.must_let_go.is_set():
                self.must_let_go.clear()
                for client in self.held:
                    client.let_go()
            now = time.monotonic()
            while not self.is_over.is_set() and asked < (now - begin) * self.pace:
                self.add(self.make(len(self.clients), False))
                asked += 1
            self.step(0.005)
            if self.is_over.is_set():
                self.give_up_silent(now)

    def step(self, seconds):
        now = time.monotonic()
        for fd, _ in self.poll.poll(seconds, 256):
            client = self.by_fd[fd]
            client.on_ready(now)
            if client.done_at is not None:
                self.forget(fd)

    def forget(self, fd):
        self.poll.unregister(fd)
        del self.by_fd[fd]

    def give_up_silent(self, now):
        for fd, client in list(self.by_fd.items()):
            if now - client.heard_at > self.PATIENCE:
                self.silent.append(client)
                self.forget(fd)

    def are_held(self):
        """All of them have got as far as they are let."""
        check(self.trouble is None, f"a client: {self.trouble!r}")
        return all(client.kept is not None for client in self.held)

    def finish(self):
        """Everybody is let go, nobody comes any more."""
        self.must_let_go.set()
        self.is_over.set()
        self.join(60)
        for client in self.clients:
            client.socket.close()


def allow_descriptors(count):
    """To this process: each client has a socket."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def twenty_changes(mode, lane):
    """1000 transfers are under way all the time, many more begin and end meanwhile, ten
    of the changes are broken, and the log is renamed ten times."""
    make_other(lane)
    where, notices = start(lane, *Changes.COMMON, mode=mode)
    follower, keeper = Follower(lane.log), lane.server.wait_keeper()
    stream = Stream(lane, *((100, 40) if lane.quick else (1000, 200)))
    long = lane.peer()
    lane.file("long", lane.content(512 * 21 + 1, seed=5))
    long.read("long")
    long.expect(tftp.DATA, 1)
    stream.start()
    try:
        until(stream.are_held, 20 * lane.slowness, "all that are held have begun")
        begin = time.monotonic()
        change_ten_times(lane, Changes(lane, where, notices), long)
        took, during = time.monotonic() - begin, len(stream.clients) - len(stream.held)
        check(not any(client.done_at for client in stream.held), "one that was held has ended")
    finally:
        stream.finish()
    until(LOG.exists, 5 * lane.slowness, "a log after the last one that was renamed")
    long.ack(21)
    long.drain_to(tftp.DATA, 22)
    long.ack(22)
    lane.note(f"{mode}: 20 changes within {took:.1f} s, {len(stream.held)} transfers held, "
              f"{during} others")
    check_stream(lane, stream, follower, long)
    check_equal(lane.server.keeper(), keeper, "the keeper")
    check_good()
    # old dispatchers still wait for uploads that would repeat their last ACK
    lane.stop_server()


def change_ten_times(lane, changes, long):
    """Broken and good again, with a packet of the long transfer and a rotation each."""
    for number in range(10):
        changes.break_it(number)
        long.ack(2 * number + 1)
        long.drain_to(tftp.DATA, 2 * number + 2)
        changes.mend_it(number)
        long.ack(2 * number + 2)
        long.drain_to(tftp.DATA, 2 * number + 3)
        until(LOG.exists, 5 * lane.slowness, "a log after the one that was renamed")
        LOG.rename(LOG.with_name(f"{LOG.name}.{lane.count()}"))


def make_other(lane):
    """A second directory to be served."""
    if OTHER.exists():
        shutil.rmtree(OTHER)
    OTHER.mkdir()
    (lane.root / "which").write_bytes(b"first")
    (OTHER / "which").write_bytes(b"second")


class Changes:
    """What is changed, and what shows of it."""

    COMMON = ("create = yes", 'upload-root = "/srv/tftp"', "max-transfers = 3000", "give-up = 100")

    def __init__(self, lane, where, notices):
        self.lane, self.where, self.notices = lane, where, notices
        self.now = (lane.root, 60000)

    def break_it(self, number):
        """Each in another line, for it is told once only."""
        before = self.notices.count("new configuration"), self.notices.dispatchers()
        self.where.edit(*self.COMMON, *["# a line"] * number, "linger = x", f"max-blksize = {100 + number}")
        check_broken(self.notices, self.where.at(
            number + 6, 'linger: "x" is no time; allowed: whole seconds, or a number with s, m or h, or '
            "forever"))
        check_equal(self.probe(), self.now, "what is served by a configuration that is broken")
        after = self.notices.count("new configuration"), self.notices.dispatchers()
        # a log that is renamed brings a dispatcher, too
        check(after[0] == before[0] and after[1] <= before[1] + 1, "it was taken into use")

    def mend_it(self, number):
        """Every third time it only becomes what it was."""
        if number % 3 != 2:
            self.now = (OTHER if number % 2 else self.lane.root, 1000 + number)
        root, size = self.now
        again = self.notices.count("the configuration is good again")
        (self.where.write if number % 2 else self.where.edit)(
            f'root = {{"{root}"}}', *self.COMMON, f"max-blksize = {size}")
        if number % 3 == 2:
            self.notices.wait("the configuration is good again", again + 1)
        else:
            # at once on the wire, as soon as the new dispatcher reads
            until(lambda: self.probe() == self.now, 5 * self.lane.slowness, f"{self.now} shows")
            check(self.notices.count("new configuration"), "no notice of a new configuration")
        # for a moment both dispatchers read
        until(lambda: all(self.probe() == self.now for _ in range(3)), 5 * self.lane.slowness,
              f"nothing but {self.now} shows")
        check_good()

    def probe(self):
        """Which directory, and which block size."""
        size = blksize_of(self.lane, "which")
        peer = self.lane.peer()
        found = peer.get("which")
        return self.lane.root if found == b"first" else OTHER, size


def blksize_of(lane, name, ends=1):
    """What is granted of 60000; without a look at the log."""
    peer = lane.peer()
    peer.read(name, blksize=60000, ends=ends)
    size = int(peer.expect(tftp.OACK).options["blksize"])
    peer.error(0)
    return size


def check_stream(lane, stream, follower, long):
    """Everybody was served, at the first time of asking, and stands in the log once."""
    check(stream.trouble is None and not stream.is_alive(), f"the clients: {stream.trouble!r}")
    check(not stream.silent, f"{len(stream.silent)} of {len(stream.clients)} were not served")
    wrong = [f"{c.address}:{c.port}: {c.error}" for c in stream.clients if c.error]
    check(not wrong, f"{len(wrong)} got something wrong: {wrong[:5]}")
    wanted = {(c.address, c.port, c.name) for c in stream.clients} | {(long.address, long.port, "long")}
    found = {"start": collections.Counter(), "transfer": collections.Counter()}
    other = []

    def are_all():
        for rec in follower.look():
            if rec["event"] in found and (rec["client"], rec["client_port"], rec["file"]) in wanted:
                found[rec["event"]][rec["client"], rec["client_port"], rec["file"]] += 1
                if rec.get("outcome", "complete") != "complete":
                    other.append(rec)
        return len(found["transfer"]) == len(wanted)

    until(are_all, 10 * lane.slowness, "an end record of everybody")
    follower.close()
    check(not other, f"{len(other)} ends are not complete: {other[:3]}")
    for event, counts in found.items():
        check_equal((len(counts), counts.total()), (len(wanted),) * 2, f"clients with a {event}, and all")
    for client in stream.clients:
        if isinstance(client, storm.Writer):
            stored = lane.root / client.name
            check(stored.read_bytes() == stream.content, f"{client.name} has other content")
            stored.unlink()
    check_equal(lane.hidden(), [], "hidden files")


# Ways to change a file.

def way(lane, change, wanted, before):
    """After change() this block size is granted, by one new dispatcher."""
    notices = Notices(lane)
    change()
    notices.wait("new configuration")
    wait_blksize(lane, wanted, before)
    notices.wait("dispatcher started")
    check_equal((notices.count("new configuration"), notices.dispatchers()), (1, 1),
                "new configurations, and dispatchers")
    check_good()
    notices.close()


def ways_to_change(lane):
    """In place, by an editor, slowly, removed and made anew, by --adopt, with SIGHUP."""
    where, _ = start(lane, "max-blksize = 700")
    check_equal(blksize(lane), 700, "blksize")
    way(lane, lambda: where.write("max-blksize = 701"), 701, 700)
    way(lane, lambda: where.edit("max-blksize = 702"), 702, 701)

    def slowly():
        with open(where.path, "w") as file:
            for part in (where.text(), "max-blksize", " = ", "703\n"):
                file.write(part)
                file.flush()
                time.sleep(0.03)

    way(lane, slowly, 703, 702)

    def anew():
        where.path.unlink()
        where.write("max-blksize = 704")

    way(lane, anew, 704, 703)

    def adopt():
        draft = where.file("draft", where.text("max-blksize = 705"), uid=lane.uid)
        check_equal(tool(lane, "--adopt", draft, "-f", where.path).returncode, 0, "exit status of --adopt")

    way(lane, adopt, 705, 704)

    def backup():
        # vim with backupcopy=no: the old file is renamed first
        where.path.rename(where.place / "tftpd.conf~")
        where.write("max-blksize = 706")

    way(lane, backup, 706, 705)

    def hang_up():
        where.write("max-blksize = 707")
        os.kill(lane.server.keeper(), signal.SIGHUP)

    way(lane, hang_up, 707, 706)


def moved_folder(lane):
    """The whole folder is exchanged, as packages and configuration tools do it."""
    where, _ = start(lane, "max-blksize = 700")

    def exchange():
        fresh = where.place.with_name("conf.new")
        fresh.mkdir()
        (fresh / "tftpd.conf").write_text(where.text("max-blksize = 701"))
        where.place.rename(where.place.with_name("conf.old"))
        fresh.rename(where.place)

    way(lane, exchange, 701, 700)
    shutil.rmtree(where.place.with_name("conf.old"))
    way(lane, lambda: where.write("max-blksize = 702"), 702, 701)


def missing_for_a_while(lane):
    """The file, or its whole folder: the old configuration stays, and it is seen when it
    is back."""
    where, notices = start(lane, "max-blksize = 700")
    where.path.unlink()
    check_broken(notices, f"{where.path}: No such file or directory")
    check_equal(blksize(lane), 700, "blksize without a file")
    where.write("max-blksize = 700")
    notices.wait("the configuration is good again")
    shutil.rmtree(where.place)
    check_broken(notices, f"{where.path}: No such file or directory", 2)
    check_equal(blksize(lane), 700, "blksize without a folder")
    where.place.mkdir()
    where.write("max-blksize = 701")
    wait_blksize(lane, 701, 700)
    check_good()


def hasty(lane):
    """Many changes in a row are not as many dispatchers, and the last one counts."""
    where, _ = start(lane, "max-blksize = 700")
    notices = Notices(lane)
    for number in range(100):
        where.edit(f"max-blksize = {800 + number}")
    until(lambda: blksize(lane) == 899, 5 * lane.slowness, "blksize 899")
    check(notices.dispatchers() <= 5, f"{notices.dispatchers()} new dispatchers")
    check_good()


def kubernetes(lane):
    """tftpd.conf -> ..data/tftpd.conf, ..data -> a folder, and that link is exchanged."""
    where, _ = start(lane)
    where.path.unlink()

    def swap(number):
        folder = where.place / f"..2026_{number}"
        folder.mkdir()
        (folder / "tftpd.conf").write_text(where.text(f"max-blksize = {number}"))
        link = where.place / "..data_tmp"
        link.symlink_to(folder.name)
        link.rename(where.place / "..data")

    swap(700)
    where.path.symlink_to("..data/tftpd.conf")
    wait_blksize(lane, 700, blksize(lane))
    for number in (701, 702):
        way(lane, lambda: swap(number), number, number - 1)
        shutil.rmtree(where.place / f"..2026_{number - 1}")


def other_files(lane):
    """An included file and a map file are as good as the file itself; also one that was
    missing when it was first named."""
    where, notices = start(lane)
    more = where.file("more.conf", "max-blksize = 700\n")
    way(lane, lambda: where.write('include("more.conf")', 'map-file = ""'), 700, blksize(lane))
    way(lane, lambda: more.write_text("max-blksize = 701\n"), 701, 700)
    where.write('include("more.conf")', 'map-file = "names.map"')
    check_broken(notices, where.at(3, f"map-file: {where.place}/names.map: No such file or directory"))
    where.file("names.map", "r ^alias$ asked\n")
    notices.wait("new configuration", 3)
    check_alias(lane, "alias")
    more.write_text("max-blksize = x\n")
    check_broken(notices, f'{more}:1: max-blksize: "x" is no number; allowed: 8 to 65464, or auto, mtu, '
                 "or mtu-N with N up to 1024")
    more.write_text("max-blksize = 701\n")
    notices.wait("the configuration is good again")
    check_good()
    where.file("names.map", "r ^other$ asked\n")
    notices.wait("new configuration", 4)
    check_alias(lane, "other")


def check_alias(lane, name):
    # for a moment both dispatchers read
    until(lambda: all(is_there(lane, name) for _ in range(3)), 5 * lane.slowness,
          f"{name} is served")
    check_equal(lane.peer().get(name), b"asked", f"what {name} stands for")


def is_there(lane, name):
    peer = lane.peer()
    peer.read(name)
    packet = peer.hear()
    if packet is not None and packet.op == tftp.DATA:
        peer.ack(1)
    return packet is not None and packet.op == tftp.DATA


def map_file_of_the_command_line(lane):
    """tftpd-hpa's form has no file, but its -m is looked at in the same way."""
    lane.stop_server()
    where = Conf(lane)
    rules = where.file("names.map", "r ^alias$ asked\n")
    lane.file("asked", b"asked")
    notices = Notices(lane)
    lane.serve("-s", "-m", rules, lane.root, fresh=True)
    check_alias(lane, "alias")
    rules.write_text("r ^alias$ asked\nr (\n")
    notices.wait(f"configuration error, the last good one stays in use: {rules}:2: bad regex")
    check_alias(lane, "alias")
    rules.write_text("r ^other$ asked\n")
    notices.wait("new configuration")
    check_alias(lane, "other")


def touched(lane):
    """What says the same as before starts nothing; SIGHUP does, whatever the file says."""
    where, _ = start(lane, "max-blksize = 700")
    notices, dispatcher = Notices(lane), lane.server.dispatcher()

    def is_same():
        return lane.server.dispatchers() == [dispatcher] and notices.look() == []

    for change in (lambda: os.utime(where.path), lambda: where.path.chmod(0o600),
                   lambda: where.write("max-blksize = 700"),
                   lambda: where.edit("# another word", "max-blksize = 700")):
        change()
        quietly(lane, is_same, "a dispatcher or a notice for what says the same")
    os.kill(lane.server.keeper(), signal.SIGHUP)
    notices.wait("dispatcher started")
    check_equal(blksize(lane), 700, "blksize")


def hang_up_while_broken(lane):
    """SIGHUP: the old configuration stays, with a new dispatcher and a new log."""
    where, notices = start(lane, "max-blksize = 700")
    where.write("max-blksize = 7")
    sentence = where.at(2, 'max-blksize: "7" is out of range; allowed: 8 to 65464, or auto, mtu, or mtu-N '
                        "with N up to 1024")
    check_broken(notices, sentence)
    first = lane.server.dispatchers()
    os.kill(lane.server.keeper(), signal.SIGHUP)
    until(lambda: lane.server.dispatchers() not in ([], first) and len(lane.server.dispatchers()) == 1,
          5 * lane.slowness, "another dispatcher")
    check_equal(blksize(lane), 700, "blksize")
    check_equal((header().is_bad, header().problem), (1, sentence), "the live table")
    where.write("max-blksize = 701")
    wait_blksize(lane, 701, 700)
    check_good()


# Cold starts.

def last_good_copy(lane):
    """A superserver starts it while the file is broken: as it was; mended, it goes on."""
    where, _ = start(lane, "max-blksize = 700")
    where.file("names.map", "r ^alias$ asked\n")
    where.file("more.conf", "max-blksize = 701\n")
    where.write('map-file = "names.map"', 'include("more.conf")')
    wait_blksize(lane, 701, 700)
    for mode in ("xinetd", "activate-inetd"):
        lane.stop_server()
        # neither is needed any more
        for name in ("names.map", "more.conf"):
            (where.place / name).unlink(missing_ok=True)
        sentence = where.at(2, f"map-file: {where.place}/names.map: No such file or directory")
        where.write('map-file = "names.map"')
        notices = Notices(lane)
        server = lane.serve("-f", where.path, mode=mode, fresh=True)
        check_equal(blksize(lane), 701, f"blksize of the copy, {mode}")
        check_alias(lane, "alias")
        check_broken(notices, sentence)
        keeper = server.keeper()
        where.write("max-blksize = 702")
        wait_blksize(lane, 702, 701)
        check_good()
        check_equal(server.keeper(), keeper, "the keeper that was started")
        # ... and back, for the next one
        where.file("names.map", "r ^alias$ asked\n")
        where.write('map-file = "names.map"', "max-blksize = 701")
        wait_blksize(lane, 701, 702)
        notices.close()


def no_good_copy(lane):
    """Clients are told; as soon as it is mended the same server serves them."""
    lane.stop_server()
    where = Conf(lane)
    where.forget_good_copy()
    where.write("max-blksize = 700", "linger = x")
    notices = Notices(lane)
    server = lane.serve("-f", where.path, mode="xinetd", fresh=True)
    check_refuses(lane)
    keeper = server.keeper()
    sentence = where.at(3, 'linger: "x" is no time; allowed: whole seconds, or a number with s, m or h, '
                        "or forever")
    check_broken(notices, sentence, old="requests are refused")
    where.write("max-blksize = 700")
    notices.wait("new configuration")
    until(lambda: blksize(lane) == 700, 5 * lane.slowness, "it serves")
    check_equal(server.keeper(), keeper, "the keeper")
    check_good()


def check_refuses(lane):
    lane.file("asked", b"asked")
    peer = lane.peer()
    peer.read("asked")
    check_equal(peer.expect(tftp.ERROR, 0).text, "Server configuration error", "what a client is told")


def copy_that_is_no_good(lane):
    """A copy is held to the same: what is in it may be gone, or written by others."""
    where, _ = start(lane, "max-blksize = 700")
    until(where.good_copy().exists, 2 * lane.slowness, "a good copy")
    lane.stop_server()
    good = where.good_copy().read_text()
    where.write("linger = x")
    for text, mode in ((good.replace("/srv/tftp", "/srv/gone"), 0o600), (good, 0o606), ("", 0o600),
                       (good[:good.index("max-blksize")] + "max-", 0o600)):
        where.good_copy().write_text(text)
        where.good_copy().chmod(mode)
        with Given(lane, "-f", where.path):
            if text:
                check_refuses(lane)
            else:
                # as good as a file that says nothing: what is built in
                check(blksize(lane) is not None, "an empty copy")


def by_hand_there_is_no_copy(lane):
    """Who starts it himself can read what is wrong, and wants no old one."""
    where, _ = start(lane, "max-blksize = 700")
    until(where.good_copy().exists, 2 * lane.slowness, "a good copy")
    lane.stop_server()
    where.write("linger = x")
    done = tool(lane, "-L", "-a", "127.0.0.1:69", "-f", where.path)
    check_equal(done.returncode, 78, "exit status")
    where.write("linger = 5")


def user_that_cannot_serve(lane):
    """Root: known only when everything is put together, but told like the rest."""
    where, notices = start(lane, "max-blksize = 700")
    where.write("max-blksize = 701", 'user = "root"')
    notices.wait("configuration error, the last good one stays in use: " + where.at(3, "user:"))
    check_equal(header().is_bad, 1, "the live table")
    check_equal(blksize(lane), 700, "blksize")
    where.write("max-blksize = 702")
    wait_blksize(lane, 702, 700)
    check_good()


# Walls that cannot be put up: known only to a dispatcher that tries.

PREFER, REQUIRE = "sandbox = prefer", "sandbox = require"
CANNOT = "it cannot be served; syslog says more"


def walls_that_fail(lane):
    """The old dispatcher goes on, and what is kept as good is what was served."""
    with without_landlock(lane):
        where, notices = start(lane, PREFER, "max-blksize = 700")
        until(where.good_copy().exists, 2 * lane.slowness, "a good copy")
        good, reader = where.good_copy().read_bytes(), lane.server.dispatcher()
        where.write(REQUIRE, "max-blksize = 701")
        check_broken(notices, f"{where.path}: {CANNOT}")
        check_equal((blksize(lane), lane.server.dispatchers()), (700, [reader]), "blksize, and who serves")
        check_equal(where.good_copy().read_bytes(), good, "the good copy")
        check_equal(notices.count("new configuration"), 0, "new configurations")
        check("sandbox = prefer does without" in lane.server.tail(), "stderr does not say why")
        # another change that helps nothing, and one that does; nobody sends SIGHUP
        where.write(REQUIRE, "max-blksize = 702")
        quietly(lane, lambda: blksize(lane) == 700, "it is served by walls that fail")
        where.write(PREFER, "max-blksize = 703")
        wait_blksize(lane, 703, 700)
        notices.wait("new configuration")
        check_good()
        until(lambda: b"703" in where.good_copy().read_bytes(), 2 * lane.slowness, "a new good copy")


def walls_that_fail_at_a_start(lane):
    """The last good copy serves; without one clients are told.  Mended, it goes on."""
    with without_landlock(lane):
        where, notices = start(lane, PREFER, "max-blksize = 700")
        until(where.good_copy().exists, 2 * lane.slowness, "a good copy")
        for mode in ("xinetd", "activate-inetd"):
            lane.stop_server()
            good = where.good_copy().read_bytes()
            where.write(REQUIRE, "max-blksize = 701")
            count = len(notices.look())
            server = lane.serve("-f", where.path, mode=mode, fresh=True)
            check_equal(blksize(lane), 700, f"blksize of the copy, {mode}")
            check_broken(notices, f"{where.path}: {CANNOT}")
            check_equal(where.good_copy().read_bytes(), good, f"the good copy, {mode}")
            keeper = server.keeper()
            where.write(PREFER, "max-blksize = 702")
            wait_blksize(lane, 702, 700)
            check_good()
            check_equal(server.keeper(), keeper, "the keeper that was started")
            where.write(PREFER, "max-blksize = 700")
            wait_blksize(lane, 700, 702)
            check(len(notices.look()) > count, "no notice at all")


def walls_that_fail_without_a_copy(lane):
    """Clients are told, and served as soon as the file is mended."""
    with without_landlock(lane, ADD_RULE):
        lane.stop_server()
        where = Conf(lane)
        where.forget_good_copy()
        where.write(REQUIRE, "max-blksize = 700")
        notices = Notices(lane)
        with Given(lane, "-f", where.path) as given:
            check_refuses(lane)
            check_broken(notices, f"{where.path}: {CANNOT}", old="requests are refused")
            check(not where.good_copy().exists(), "it was kept as a good one")
            where.write(PREFER, "max-blksize = 701")
            notices.wait("new configuration")
            until(lambda: blksize(lane) == 701, 5 * lane.slowness, "it serves")
            check(given.process.poll() is None, "it has left")
            check_good()


# What is not there yet.

def root_that_comes_later(lane):
    """As a disk that is mounted late: clients are told, and served as soon as it is there."""
    lane.stop_server()
    # nothing beside it is watched
    late = pathlib.Path("/run/late/root")
    late.parent.mkdir()
    where = Conf(lane)
    where.forget_good_copy()
    where.write(f'root = {{"{late}"}}')
    # a file that is new would be looked at once more anyway
    until(lambda: time.time() > where.path.stat().st_ctime + 2, 5, "the file is no longer new")
    notices = Notices(lane)
    server = lane.serve("-f", where.path, mode="xinetd", fresh=True)
    check_refuses(lane)
    keeper = server.keeper()
    notices.wait("configuration error, requests are refused: " + where.at(1, f'root: "{late}"'))
    fresh = late.with_name("fresh")
    fresh.mkdir()
    (fresh / "asked").write_bytes(b"late")
    fresh.rename(late)
    # it is looked for every 10 s
    notices.wait("new configuration", seconds=12)
    until(lambda: content_of(lane, "asked") == b"late", 5 * lane.slowness, "what came later is served")
    check_equal(server.keeper(), keeper, "the keeper")
    check_good()
    lane.stop_server()
    shutil.rmtree(late.parent)


def content_of(lane, name):
    """A small file's, or None for an ERROR."""
    peer = lane.peer()
    peer.read(name)
    packet = peer.hear()
    if packet is None or packet.op != tftp.DATA:
        return None
    peer.ack(1)
    return packet.payload


def broken_map_of_the_command_line(lane):
    """tftpd-hpa's form under a superserver: clients are told, and served when it is mended."""
    lane.stop_server()
    where = Conf(lane)
    rules = where.file("names.map", "r ^alias$ asked\nr (\n")
    notices = Notices(lane)
    with Given(lane, "-s", "-m", rules, lane.root) as given:
        check_refuses(lane)
        check_broken(notices, f'{rules}:2: bad regex "(": Unmatched ( or \\(', old="requests are refused")
        rules.write_text("r ^alias$ asked\n")
        notices.wait("new configuration")
        check_alias(lane, "alias")
        check(given.process.poll() is None, "it has left")
        check_good()


# What changes.

def another_user(lane):
    """New transfers are the new user's, those that run stay."""
    where, notices = start(lane, "max-blksize = 700")
    nobody = pwd.getpwnam("nobody").pw_uid
    peer, old = hold_read(lane)
    check_equal(uid_of(old), lane.uid, "user of a transfer")
    change(lane, where, notices, 'user = "nobody"')
    second, new = hold_read(lane)
    check_equal((uid_of(new), uid_of(old)), (nobody, lane.uid), "users of the new and the old transfer")
    for client in (peer, second):
        client.ack(1)
        client.drain_to(tftp.DATA, 2)
        client.ack(2)
        check_equal(lane.log.wait_end(**of_peer(client))["outcome"], "complete", "outcome")
    # a broken user, and a mended one
    where.write('user = "no-such-user"')
    check_broken(notices, where.at(2, 'user: "no-such-user" is no user of this system; allowed: the name '
                                   "of a user"))
    change(lane, where, notices)
    check_equal(uid_of(hold_read(lane)[1]), lane.uid, "user of a transfer")
    check_good()


def hold_read(lane):
    """A read that waits for our first ACK, and its process."""
    lane.file("held", lane.content(700))
    peer = lane.peer()
    peer.read("held")
    peer.heard_from = peer.expect(tftp.DATA, 1).source
    return peer, lane.log.wait_start(**of_peer(peer))["pid"]


def uid_of(pid):
    return int(status_of(pid)["Uid"].split()[0])


def another_log(lane):
    """Records of what begins now go there; one that runs ends where it began."""
    where, notices = start(lane)
    other = LOG.parent / "transfers.jsonl.other"        # a name that the lane reads, too
    peer, _ = hold_read(lane)
    change(lane, where, notices, f'log = "{other}"')
    check_equal(header().log_path, str(other), "log in the live table")
    second, _ = hold_read(lane)
    for client in (peer, second):
        client.ack(1)
        client.drain_to(tftp.DATA, 2)
        client.ack(2)
        lane.log.wait_end(**of_peer(client))
    for client, path in ((peer, LOG), (second, other)):
        check_equal([r["event"] for r in records_in(path) if r.get("client_port") == client.port],
                    ["start", "transfer"], f"records in {path.name}")
    where.write()
    until(lambda: header().log_path == str(LOG), 5 * lane.slowness, "the old log in the live table")
    until(lambda: len(lane.server.dispatchers()) == 1, 5 * lane.slowness, "one dispatcher")


def records_in(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def log_that_cannot_be(lane):
    """The rest of the new configuration is used all the same, as at a start."""
    where, _ = start(lane, "max-blksize = 700")
    where.write("max-blksize = 701", 'log = "/nothing/there/transfers.jsonl"')
    # what is served without a log has no records
    until(lambda: blksize_of(lane, "asked", None) == 701, 5 * lane.slowness, "blksize 701")
    where.write("max-blksize = 702")
    until(lambda: blksize_of(lane, "asked", None) == 702, 5 * lane.slowness, "blksize 702")
    check_equal(blksize(lane), 702, "blksize, with a record")


def more_transfers(lane):
    """The table grows under those that run, and shrinks only in what is allowed."""
    where, notices = start(lane, "max-transfers = 4")
    held = [answered_read(lane) for _ in range(4)]
    check_busy(lane)
    change(lane, where, notices, "max-transfers = 60")
    check(header().slots >= 60, f"{header().slots} slots")
    held += [answered_read(lane) for _ in range(40)]
    change(lane, where, notices, "max-transfers = 44")
    check_busy(lane)
    for peer in held:
        finish(peer)
    for peer in held:
        check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome")
    lane.file("held", b"again")
    check_equal(lane.peer().get("held"), b"again", "a read after them")


def fewer_transfers(lane):
    """Those that run count, wherever in the table they stand: none is started before
    there is room."""
    where, notices = start(lane, "max-transfers = 40")
    # the first slots have been used, and are free again
    for _ in range(15):
        check(blksize(lane) is not None, "it does not serve")
    held = [answered_read(lane) for _ in range(10)]
    change(lane, where, notices, "max-transfers = 5")
    check_busy(lane)
    for peer in held[:5]:
        finish(peer)
    check_busy(lane)
    waiting = lane.peer()
    waiting.read("answered")
    waiting.expect_silence(0.2)
    finish(held[5])
    waiting.drain_to(tftp.DATA, 1)
    waiting.error(0)
    for peer in held[6:]:
        finish(peer)
    for peer in held:
        check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome")


def answered_read(lane):
    """One that makes no room for others."""
    return running_read(lane, "answered")


def check_busy(lane):
    """Asked politely once: it waits a second for room, and is told."""
    peer = lane.peer()
    peer.read("answered")
    check_equal(peer.expect(tftp.ERROR, 0, seconds=3 * lane.slowness).text, "Server busy", "what it is told")
    check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "limited", "outcome")


def single_port(lane):
    """On and off: the answer's port shows it; transfers keep the one they have."""
    where, notices = start(lane)
    first, _ = hold_read(lane)
    check(first.heard_from[1] != PORT, "the answer came from the server's port")
    change(lane, where, notices, "single-port = yes")
    second, _ = hold_read(lane)
    check_equal(second.heard_from[1], PORT, "port that answers")
    change(lane, where, notices, "single-port = no")
    third, _ = hold_read(lane)
    check(third.heard_from[1] != PORT, "the answer came from the server's port")
    for peer in (first, second, third):
        peer.ack(1)
        peer.drain_to(tftp.DATA, 2)
        peer.ack(2)
        check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome")


# linger = 0.

def leaves_at_once(lane):
    """Each storm starts a server that serves what is queued and leaves; what it began is
    finished without it, and recorded.  (A request that comes while it leaves is thrown
    away by xinetd; that client asks again.)"""
    where = Conf(lane)
    where.forget_good_copy()
    where.write("linger = 0", "create = yes")
    server = lane.serve("-f", where.path, mode="xinetd", fresh=True)
    content = lane.content(3000, seed=4)
    lane.file("zero", content)
    for number in range(3):
        clients = [storm.Reader(f"127.30.{number}.{n + 1}", LISTENING, "zero", content, blksize=900)
                   for n in range(50 if lane.quick else 200)]
        for client in clients:
            lane.ledger.note("zero", client=client.address, port=client.port)
        result = storm.rush(clients, 0.02, 20 * lane.slowness)
        check(not result.wrong and not result.silent, f"{result.wrong[:3]} {result.silent[:3]}")
        until(lambda: server.keeper() is None, 5 * lane.slowness, "the server has left")
        for client in clients:
            client.socket.close()
        lane.note(f"linger = 0, storm {number}: {result.seconds:.2f} s, {len(result.asked_twice)} asked twice")
    # transfers go on, one of each kind, while the server has left
    reader, writer = lane.peer(), lane.peer()
    ask_again(reader, reader.read("zero"), tftp.DATA)
    until(lambda: server.keeper() is None, 5 * lane.slowness, "the server has left a read")
    ask_again(writer, writer.write("zero-up"), tftp.ACK)
    until(lambda: server.keeper() is None, 5 * lane.slowness, "the server has left an upload")
    for index in range(1, 6):
        reader.ack(index)
        reader.drain_to(tftp.DATA, index + 1)
    reader.ack(6)
    writer.data(1, b"z" * 512)
    writer.expect(tftp.ACK, 1)
    writer.data(2, b"end")
    writer.drain_to(tftp.ACK, 2)
    for peer in (reader, writer):
        check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome")
    check_equal((lane.root / "zero-up").read_bytes(), b"z" * 512 + b"end", "the upload")
    lane.stop_server()
    # it is there for a while to repeat its last ACK, and nobody tells it to go
    pid = lane.log.wait_start(**of_peer(writer))["pid"]
    kill(pid, signal.SIGKILL)
    until(lambda: not is_running(pid), 5, "it is dead")


def leaves_after_one(lane):
    """As soon as nothing waits, whoever started it, with single-port as without; its
    transfer is finished without it."""
    content = lane.content(1200, seed=4)
    lane.file("zero-one", content)
    where = Conf(lane)
    for lines in (("single-port = no",), ("single-port = yes",)):
        where.write("linger = 0", *lines)
        lane.stop_server()
        peer = lane.peer()
        with Given(lane, "-f", where.path, first=lambda: peer.read("zero-one")) as given:
            check_leaves(lane, peer, content, lambda: given.process.poll() is not None,
                         f"a given socket, {lines[0]}")
        server = lane.serve("-f", where.path, mode="xinetd", fresh=True)
        before = server.activations()
        peer = lane.peer()
        peer.read("zero-one")
        check_leaves(lane, peer, content, lambda: server.keeper() is None, f"xinetd, {lines[0]}")
        check_equal(server.activations(), before + 1, f"starts by xinetd, {lines[0]}")
    lane.stop_server()


def check_leaves(lane, peer, content, has_left, what):
    packet = peer.expect(tftp.DATA, 1)
    peer.tid = packet.source
    until(has_left, 3 * lane.slowness, f"it has left: {what}")
    for index in (1, 2):
        peer.ack(index)
        packet = peer.expect(tftp.DATA, index + 1)
    peer.ack(3)
    check_equal(packet.payload, content[1024:], f"the last block: {what}")
    check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", f"outcome: {what}")


def ask_again(peer, raw, op):
    """As clients do who hear nothing for a second."""
    for _ in range(20):
        packet = peer.hear(1.0)
        if packet is not None:
            check_equal(packet.op, op, f"what {packet} is")
            return packet
        peer.send_to_service(raw)
    raise tftp.Unexpected("no answer to 20 requests")


def killed_while_alone(lane):
    """A transfer without a server that dies leaves its end to the next start."""
    where = Conf(lane)
    where.write("linger = 0", "create = yes")
    server = lane.serve("-f", where.path, mode="xinetd", fresh=True)
    writer = lane.peer()
    writer.write("alone-up")
    writer.expect(tftp.ACK, 0)
    pid = lane.log.wait_start(**of_peer(writer))["pid"]
    until(lambda: server.keeper() is None, 5 * lane.slowness, "the server has left")
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_running(pid), 5, "it is dead")
    lane.file("asked", b"asked")
    peer = lane.peer()
    check_equal(ask_again(peer, peer.read("asked"), tftp.DATA).payload, b"asked", "the next read")
    peer.ack(1)
    check_equal(lane.log.wait_end(**of_peer(writer))["outcome"], "crashed", "outcome")
    until(lambda: not lane.hidden(), 2 * lane.slowness, "the hidden file is gone")
    lane.stop_server()


TESTS = (
    ("each way to change the file is seen, once", ways_to_change, True),
    ("an exchanged folder is seen", moved_folder, False),
    ("a file that is missing for a while is told, and seen again", missing_for_a_while, True),
    ("100 changes in a row are few, and the last one counts", hasty, True),
    ("an exchanged link is seen, as Kubernetes does it", kubernetes, True),
    ("included files and map files are seen", other_files, True),
    ("so is the map file of a command line", map_file_of_the_command_line, True),
    ("what says the same starts no dispatcher", touched, True),
    ("SIGHUP while it is broken begins anew with the old one", hang_up_while_broken, True),
    ("a start with a broken file uses the last good copy, and is mended", last_good_copy, True),
    ("a start without a copy tells its clients, and is mended", no_good_copy, True),
    ("a copy that cannot be used is none", copy_that_is_no_good, True),
    ("a start by hand wants no copy", by_hand_there_is_no_copy, False),
    ("a user that may not serve is told, and changes nothing", user_that_cannot_serve, True),
    # an instrumented build has no such walls
    ("walls that fail are told, and change nothing", walls_that_fail, False),
    ("at a start they are not tried on the last good copy", walls_that_fail_at_a_start, False),
    ("without such a copy clients are told, until it is mended", walls_that_fail_without_a_copy, False),
    ("a root that comes later is served then", root_that_comes_later, False),
    ("a broken map of a command line is told to clients, and mended", broken_map_of_the_command_line, True),
    ("another user serves what begins then", another_user, False),
    ("another log has what begins then", another_log, True),
    ("a log that cannot be made stops no new configuration", log_that_cannot_be, False),
    ("max-transfers grows and shrinks", more_transfers, True),
    ("a max-transfers that is lowered counts those that run", fewer_transfers, True),
    ("single-port can be changed", single_port, True),
    ("linger = 0 serves each storm under xinetd and leaves", leaves_at_once, True),
    ("linger = 0 leaves after one, with single-port, too", leaves_after_one, True),
    ("who dies without a server is recorded by the next", killed_while_alone, True),
    # last: the log gets long
    ("20 changes, 10 of them broken, and 10 rotations cost nobody anything",
     functools.partial(twenty_changes, "foreground"), True),
    ("the same under xinetd", functools.partial(twenty_changes, "xinetd"), False),
)
