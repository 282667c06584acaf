"""Disks that are full or broken, a file system that does not answer, and a machine that
has no descriptors, processes or memory left.

A disk may take what is its own: the one transfer, or records; the server goes on, and
says what it could not do.
"""

import collections
import contextlib
import errno
import fcntl
import functools
import json
import os
import pathlib
import resource
import shutil
import signal
import stat
import threading
import time

import eiofs
import tftp
from closing import fault_of
from eiofs import HANG, EioFs
from harness import Failure, check, check_equal, children, kill, run, until
from polite import Reader, Writer, check_all, outcomes, run_all
from settings import Conf

WINDOWS = (1, 4, 64)
SIZE = 200_000
LOOP_CTL_GET_FREE = 0x4c82


class NotHere(Exception):
    """What this machine cannot do; it is said, and no failure."""


def where_it_can(function, lane):
    try:
        function(lane)
    except NotHere as error:
        lane.note(f"not tried: {error}")


def needs(*names):
    known = pathlib.Path("/proc/filesystems").read_text().split() + pathlib.Path("/proc/misc").read_text().split()
    for name in names:
        if name not in known:
            raise NotHere(f"the kernel has no {name}")


def told(lane):
    """What the server had to say to its administrator, line by line."""
    return lane.server.errors.read_text().splitlines()


# A disk of a test's own.

@contextlib.contextmanager
def small_disk(lane, kind, megabytes, place):
    """tmpfs, or ext4 in a file: a real disk, with a journal and delayed allocation."""
    place.mkdir(parents=True, exist_ok=True)
    image = lane.scratch / f"disk-{lane.count()}"
    if kind == "tmpfs":
        run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", place)
    else:
        make_ext4(image, megabytes)
        run("mount", "-o", f"loop={free_loop()},errors=remount-ro", image, place)
    try:
        yield place
    finally:
        lane.stop_server()
        run("umount", "-l", place)
        image.unlink(missing_ok=True)


def make_ext4(image, megabytes):
    needs("ext4", "loop-control")
    mkfs = shutil.which("mkfs.ext4") or "/usr/sbin/mkfs.ext4"
    if not os.path.exists(mkfs):
        raise Failure("no program 'mkfs.ext4' (package e2fsprogs)")
    with open(image, "wb") as file:
        file.truncate(megabytes << 20)
    run(mkfs, "-q", "-F", "-m", "0", "-O", "^resize_inode", image)


def free_loop():
    """Its name; a lane's /dev has no devices of disks."""
    control = pathlib.Path("/dev/loop-control")
    if not control.exists():
        os.mknod(control, stat.S_IFCHR | 0o600, os.makedev(10, 237))
    with open(control, "rb") as file:
        number = fcntl.ioctl(file, LOOP_CTL_GET_FREE)
    device = pathlib.Path(f"/dev/loop{number}")
    if not device.exists():
        os.mknod(device, stat.S_IFBLK | 0o600, os.makedev(7, number))
    return device


def fill(place):
    """Until not a byte more goes in; returns the file that did it."""
    path = place / "filler"
    with open(path, "ab", buffering=0) as file:
        for size in (1 << 20, 4096, 512, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\1" * size) == size:
                    pass
            os.fsync(file.fileno())
    return path


# The log.

class OwnLog:
    """Records of a log that is not the lane's."""

    def __init__(self, path):
        self.path = path

    def records(self):
        """Torn lines are left out, and counted."""
        self.torn, found = 0, []
        for line in self.path.read_bytes().splitlines():
            if fault_of(line):
                self.torn += 1
            else:
                found.append(json.loads(line))
        return found

    def unmatched(self):
        records = self.records()
        ends = collections.Counter(r["id"] for r in records if r["event"] == "transfer")
        twice = [i for i, count in ends.items() if count > 1]
        check(not twice, f"ended twice: {twice}")
        return [r["id"] for r in records if r["event"] == "start" and r["id"] not in ends]


def half_way(lane, name, count):
    """So many reads that stand still in their middle."""
    peers = [lane.peer() for _ in range(count)]
    for peer in peers:
        lane.ledger.note(name, None, peer.address, peer.port)
        peer.ask(tftp.RRQ, name, options=[("blksize", 1000)], ends=0)
        peer.expect(tftp.OACK)
        peer.ack(0)
        peer.expect(tftp.DATA, 1)
    return peers


def to_the_end(peer, content):
    peer.ack(1)
    got, index = content[:1000], 2
    while True:
        packet = peer.drain_to(tftp.DATA, index)
        got += packet.payload
        peer.ack(index)
        if len(packet.payload) < 1000:
            return got
        index += 1


def full_log(kind, lane):
    """Transfers that were accepted end in the log, though the disk is full by then; what
    comes after it is served all the same; and there is a word when it is over."""
    content = lane.content(4500, seed=71)
    lane.file("full-log", content)
    with small_disk(lane, kind, 16, pathlib.Path("/var/log/small")) as place:
        log = OwnLog(place / "transfers.jsonl")
        lane.serve("-s", "-c", "--log", log.path, lane.root)
        peers = half_way(lane, "full-log", 40)
        fill(place)
        before = len(log.records())
        for peer in peers:
            check_equal(to_the_end(peer, content), content, "the content")
        until(lambda: not log.unmatched(), 5 * lane.slowness, "each start has its end")
        check_equal((len(log.records()) - before, log.torn), (40, 0), "ends on a full disk, and torn lines")
        use_up(lane, log, content)
        check_mended(lane, log, place, content)
        lane.stop_server()


def use_up(lane, log, content):
    """What was reserved has an end, too; then records are lost, and nothing else."""
    size = 0
    while log.path.stat().st_size != size:
        size = log.path.stat().st_size
        clients = [Reader("full-log", content, 4, dally=0.0) for _ in range(300)]
        for client in clients:
            client.lane_knows_nothing = functools.partial(is_done, client)
        run_all(lane, clients, at_once=32, seconds=30 * lane.slowness)
        wrong = [c for c in clients if c.said != "done" or b"".join(c.got) != content]
        check(not wrong, f"{len(wrong)} of {len(clients)} failed: {wrong[:1]}")
    log.records()
    check(log.torn <= 1, f"{log.torn} torn lines")
    # The notice that records are missing may fit where the next record does not.
    for words, most in (("no space for the records of transfers to come", 1), ("without their records", 3)):
        often = sum(words in line for line in told(lane))
        check(1 <= often <= most, f"it says {words!r} {often} times")


def is_done(client, _):
    return client.said is not None


def check_mended(lane, log, place, content):
    (place / "filler").unlink()
    until(lambda: lane.peer().get("full-log") == content and
          any("records are missing" in r.get("message", "") for r in log.records()), 10 * lane.slowness,
          "the notice that records are missing")
    lane.ledger.entries = [e for e in lane.ledger.entries if e.name != b"full-log"]


# Uploads to a full disk.

def full_upload(kind, lane):
    """ERROR 3, nothing stands, and the old content is the old content."""
    content = lane.content(9_000_000, seed=72)
    with small_disk(lane, kind, 16, lane.root / f"full-{kind}") as place:
        os.chown(place, lane.uid, lane.gid)
        place.chmod(0o777)
        old = lane.file(f"{place.name}/old", b"old content", mode=0o666)
        serve_without_reserve(lane)
        clients = [Sized(f"{place.name}/{name}", content, window, 8192, at=1_000_000, timer=3.0,
                         act=functools.partial(take_rest, place))
                   for window, name in ((1, "new-1"), (4, "new-4"), (64, "old"))]
        run_all(lane, clients, seconds=60)
        check_all(clients)
        for client in clients:
            check(client.said.startswith("error 3"), f"{client}: it says {client.said!r}")
            check(client.records[0]["outcome"] in ("limited", "failed"), f"{client}: {client.records}")
        check_equal(old.read_bytes(), b"old content", "the old file")
        until(lambda: not lane.hidden(place), 2 * lane.slowness, "hidden files are gone")
        check_equal(sorted(p.name for p in place.iterdir() if p.name != "lost+found"), ["filler", "old"],
                    "what stands there")
        (place / "filler").unlink()
        lane.peer().put(f"{place.name}/old", b"new content")
        check_equal(old.read_bytes(), b"new content", "the next upload")
        lane.stop_server()


def serve_without_reserve(lane):
    conf = Conf(lane)
    conf.write("create = yes", "overwrite = yes", 'min-free = "0"')
    lane.serve("-f", conf.path)


class Sized(Writer):
    """The name is as it is given."""

    def own_name(self):
        return self.name

    def fault_of(self, outcomes):
        return None


def take_rest(place):
    if not (place / "filler").exists():
        with contextlib.suppress(OSError):
            fill(place)


def in_place_full(lane):
    """hpa's classic 0666 file in a directory that is closed: spooled elsewhere, it does not
    fit where it is to go, and what stood there stays."""
    content = lane.content(3_000_000, seed=73)
    with small_disk(lane, "ext4", 16, lane.root / "full-in-place") as place:
        place.chmod(0o755)
        old = lane.file(f"{place.name}/old", b"old content" * 100, mode=0o666)
        serve_without_reserve(lane)
        clients = [Sized(f"{place.name}/old", content, 64, 8192, at=1_000_000, timer=3.0,
                         act=functools.partial(take_rest, place))]
        run_all(lane, clients, seconds=60)
        check_all(clients)
        check(clients[0].said.startswith("error 3"), f"it says {clients[0].said!r}: {clients[0].records}")
        check_equal(old.read_bytes(), b"old content" * 100, "the old file")
        lane.stop_server()


def goes_read_only(lane):
    """The kernel finds the disk broken and writes no more to it."""
    content = lane.content(SIZE, seed=74)
    with small_disk(lane, "ext4", 16, lane.root / "broken") as place:
        place.chmod(0o777)
        lane.file(f"{place.name}/read", content)
        device = os.stat(place).st_dev
        trigger = pathlib.Path(os.path.realpath(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"))
        trigger = pathlib.Path("/sys/fs/ext4") / trigger.name / "trigger_fs_error"
        check(trigger.exists(), f"no {trigger}")
        serve_without_reserve(lane)
        clients = [Sized(f"{place.name}/up-{window}", content, window, at=SIZE // 2, timer=3.0,
                         act=functools.partial(trigger.write_text, "a test breaks it")) for window in WINDOWS]
        clients += [Reader(f"{place.name}/read", content, window) for window in WINDOWS]
        run_all(lane, clients, seconds=60)
        check_all(clients)
        for client in clients:
            if client.IS_READ:
                check_equal(client.said, "done", f"{client}: its end")
            else:
                check(client.said.startswith("error"), f"{client}: it says {client.said!r}")
                check(client.records[0]["outcome"] in ("failed", "denied"), f"{client}: {client.records}")
                check(not (place / client.name.split("/")[1]).exists(), f"{client}: it stands there")
        lane.stop_server()


# A file system that fails.

@contextlib.contextmanager
def broken(lane, *names, is_stubborn=False):
    """A file system, or several; what hangs is let go before anybody has to end."""
    needs("fuse")
    found = [EioFs(lane.root / name, lane.uid, lane.gid, is_stubborn) for name in names or ("fuse",)]
    try:
        yield found if names else found[0]
    finally:
        for fs in found:
            fs.release()
        lane.stop_server()
        for fs in found:
            fs.leave()


def read_fails(lane):
    """At the first byte, in the middle, at the last: never the end of a file."""
    content = bytes(65 + byte % 26 for byte in lane.content(SIZE, seed=75))
    with broken(lane) as fs:
        lane.serve()
        clients = []
        for at in (0, 1, 511, 512, 100_000, SIZE - 1):
            for mode in ("octet", "netascii"):
                for window in WINDOWS:
                    for code in (errno.EIO, errno.ESTALE) if lane.full else (errno.EIO,):
                        name = fs.file(f"read-{at}-{mode}-{window}-{code}.", content)
                        fs.fail(eiofs.READ, name, code, at)
                        clients.append(Reader(f"fuse/{name}", content, window, mode=mode, timer=3.0))
        fine = fs.file("fine.", content)
        clients += [Reader(f"fuse/{fine}", content, window) for window in WINDOWS]
        run_all(lane, clients, seconds=60)
        check_all(clients)
        for client in clients:
            wanted = ("done", "complete") if "fine" in client.name else ("error 0", "failed")
            check_equal((client.said[:7], client.records[0]["outcome"]), wanted, f"{client}: the end")


# What fails, from which byte on, with what, and the code of the ERROR.
WRITES = (
    ("create", eiofs.CREATE, 0, errno.EIO, 0),
    ("create", eiofs.CREATE, 0, errno.EDQUOT, 3),
    ("create", eiofs.CREATE, 0, errno.EROFS, 2),
    ("write", eiofs.WRITE, 0, errno.EIO, 0),
    ("write", eiofs.WRITE, 100_000, errno.EIO, 0),
    ("write", eiofs.WRITE, 100_000, errno.EDQUOT, 3),
    ("write", eiofs.WRITE, SIZE - 1, errno.ENOSPC, 3),
    ("fsync", eiofs.FSYNC, 0, errno.EIO, 0),
    ("fsync", eiofs.FSYNC, 0, errno.ENOSPC, 3),
    ("rename", eiofs.RENAME2, 0, errno.EIO, 0),
    ("rename", eiofs.RENAME2, 0, errno.EDQUOT, 3),
)


def write_fails(lane):
    """Told to the client, before or instead of the last ACK, and nothing stands there."""
    content = lane.content(SIZE, seed=76)
    with broken(lane) as fs:
        lane.serve()
        clients = []
        for number, (what, operation, at, code, _) in enumerate(WRITES):
            for window in WINDOWS:
                name = f"up-{number}-{window}."
                fs.fail(operation, name, code, at)
                clients.append(Sized(f"fuse/{name}", content, window, timer=3.0,
                                     what=f"{what} fails from {at} on: {errno.errorcode[code]}"))
        fine = [Sized(f"fuse/fine-{window}", content, window) for window in WINDOWS]
        run_all(lane, clients + fine, seconds=60)
        check_all(clients + fine)
        for number, client in enumerate(clients):
            code = WRITES[number // len(WINDOWS)][4]
            check(client.said.startswith(f"error {code}"), f"{client}: it says {client.said!r}")
            check(client.records[0]["outcome"] in ("failed", "limited", "denied"), f"{client}: {client.records}")
            check(fs.content(client.name[5:]) is None, f"{client}: a file stands there")
        for client in fine:
            check_equal((client.said, fs.content(client.name[5:])), ("done", content), f"{client}: the end")
        hidden = [name for name in fs.names if name.startswith(".")]
        check_equal(hidden, [], "hidden files")


def flush_of_directory_fails(lane):
    """The name is there, and nobody knows whether it survives: the client is not told that
    it does, and what stands there is whole."""
    content = lane.content(SIZE, seed=77)
    with broken(lane) as fs:
        lane.serve()
        rule = fs.fail(eiofs.FSYNCDIR, "", errno.EIO)
        client = Sized("fuse/up", content, 4, timer=3.0)
        run_all(lane, [client])
        check_all([client])
        check(rule.hits > 0, "no directory was flushed")
        check_equal((client.said[:7], client.records[0]["outcome"]), ("error 0", "failed"), "the end")
        check(fs.content("up") in (None, content), "half a file stands there")


# A file system that does not answer.

HANGS = (
    ("read", eiofs.LOOKUP, 0), ("read", eiofs.OPEN, 0), ("read", eiofs.READ, 0), ("read", eiofs.READ, 100_000),
    ("write", eiofs.CREATE, 0), ("write", eiofs.WRITE, 100_000), ("write", eiofs.FSYNC, 0),
    ("write", eiofs.RENAME2, 0),
)


# A name that is looked up waits for one that is made: each has a file system of its own.
HANG_NAMES = [f"hang-{number}" for number in range(len(HANGS))]
# Of these there is a start record by then.
ACCEPTED = [row for row in HANGS if row[1] not in (eiofs.LOOKUP, eiofs.OPEN, eiofs.CREATE)]


def start_stuck(lane, systems, content, rows=HANGS):
    """Clients of disks that hang, driven by a thread; returns them when all hang."""
    lane.serve()
    clients = []
    for fs, (op, operation, at) in zip(systems, rows):
        if op == "read":
            fs.file("stuck", content)
        fs.fail(operation, "stuck" if operation != eiofs.WRITE else "", HANG, at)
        kind = Reader if op == "read" else Sized
        client = kind(f"{fs.place.name}/stuck", content, 4, patience=60.0)
        client.open(lane)
        clients.append(client)
    threading.Thread(target=drive, args=(clients, time.monotonic() + 60), daemon=True).start()
    until(lambda: all(fs.hanging for fs in systems), 10 * lane.slowness,
          f"all hang: {[len(fs.hanging) for fs in systems]}")
    return clients


def drive(clients, deadline):
    while any(client.said is None for client in clients) and time.monotonic() < deadline:
        for client in clients:
            with contextlib.suppress(OSError, ValueError):
                client.on_ready()
                client.on_time(time.monotonic())
        time.sleep(0.005)


def others_go_on(lane):
    """Whoever asks for what hangs waits; nobody else does."""
    content = lane.content(SIZE, seed=78)
    lane.file("elsewhere", content)
    with broken(lane, *HANG_NAMES) as systems:
        stuck = start_stuck(lane, systems, content)
        clients = [kind(name, content, window, dally=0.1) for window in WINDOWS
                   for kind, name in ((Reader, "elsewhere"), (Sized, f"beside-{window}"))]
        begin = time.monotonic()
        run_all(lane, clients)
        check_all(clients)
        check(all(client.said == "done" for client in clients), f"{[client.said for client in clients]}")
        check(time.monotonic() - begin < 3 * lane.slowness, "they waited")
        # The disk is there again, and has an error: each of them says so, but for a read
        # that was made before it was needed and is made again.
        for fs in systems:
            fs.release()
        for client in stuck:
            client.records = [lane.end_of(client.peer, 10)]
            until(lambda: client.said, 10 * lane.slowness, f"{client} hears of its end")
        check_all(stuck)
        check({client.said[:5] for client in stuck} <= {"error", "done"}, "somebody heard nothing")


def stops_while_it_hangs(lane):
    """SIGTERM gives transfers 30 s; asked twice, it ends soon, and each has its end."""
    content = lane.content(SIZE, seed=79)
    with broken(lane, *HANG_NAMES[:len(ACCEPTED)]) as systems:
        stuck = start_stuck(lane, systems, content, ACCEPTED)
        server, begin = lane.server, time.monotonic()
        kill(server.process.pid, signal.SIGTERM)
        time.sleep(0.2)
        kill(server.process.pid, signal.SIGTERM)
        until(lambda: server.process.poll() is not None, 15 * lane.slowness, "it ends")
        lane.note(f"with {len(stuck)} transfers in a file system that hangs it stops within "
                  f"{time.monotonic() - begin:.1f} s")
        for client in stuck:
            check(lane.end_of(client.peer)["outcome"] in ("crashed", "shutdown"), f"{client}: {client.records}")


def nobody_can_be_killed(lane):
    """Not even SIGKILL ends who waits for a dead disk: the keeper ends without them, and
    the next start counts them."""
    if not lane.full:
        return
    content = lane.content(SIZE, seed=82)
    with broken(lane, *HANG_NAMES[:len(ACCEPTED)], is_stubborn=True) as systems:
        stuck = start_stuck(lane, systems, content, ACCEPTED)
        server, begin = lane.server, time.monotonic()
        kill(server.process.pid, signal.SIGTERM)
        until(lambda: server.process.poll() is not None, 60 * lane.slowness, "the keeper ends")
        lane.note(f"with transfers that cannot be killed the keeper ends after {time.monotonic() - begin:.0f} s")
        for fs in systems:
            fs.release()
        lane.serve(fresh=True)
        for client in stuck:
            lane.end_of(client.peer, 10)


# A machine that has nothing left.

@contextlib.contextmanager
def limited(lane, kind, value):
    """A dispatcher, and a keeper, that get no more than that; and then again without."""
    serving(lane)       # While it starts it has children of its own, and is one of those limited.
    keeper = lane.server.keeper()
    old = resource.prlimit(keeper, kind)
    resource.prlimit(keeper, kind, (value, old[1]))
    renew(lane)
    try:
        yield
    finally:
        resource.prlimit(keeper, kind, old)
        renew(lane)


def serving(lane):
    """The dispatcher, with its walls up."""
    pid = lane.server.dispatcher()
    until(lambda: any(record["message"].startswith("dispatcher started")
                      for record in lane.log.records(event="notice", pid=pid)),
          5 * lane.slowness, f"dispatcher {pid} has started")


def renew(lane):
    """SIGHUP brings another dispatcher, if one can be had."""
    lane.server.dispatcher()
    before = lane.server.dispatchers()
    kill(lane.server.keeper(), signal.SIGHUP)
    with contextlib.suppress(Failure):
        until(lambda: set(lane.server.dispatchers()) - set(before) and
              not set(lane.server.dispatchers()) & set(before), 1.0 * lane.slowness, "another dispatcher")


def ask_within(lane, kind, value, wanted):
    """Whatever they are told, it is not wrong, and in time."""
    content = lane.content(3000, seed=80)
    lane.file("limits", content)
    lane.serve()
    with limited(lane, kind, value):
        clients = [kind("limits" if kind is Reader else f"limits-up-{lane.count()}", content, 4, dally=0.0,
                        patience=5.0, what=f"limit {value}") for kind in (Reader, Sized) * 3]
        run_all(lane, clients, seconds=40)
        check_all(clients)
    lane.note(f"limit {value}: {outcomes(clients)}")
    for client in clients:
        check(client.said == "done" and "done" in wanted or client.said[:5] == "error" or
              client.said == "silence" and "silence" in wanted, f"{client}: it says {client.said!r}")
        ends = {record["outcome"] for record in client.records}
        check(client.said == "done" or ends <= wanted, f"{client}: {client.records}")
    check(lane.server.is_running(), f"the server ended: {told(lane)}")
    check_equal(lane.peer().get("limits"), content, "the next read")
    return clients


def no_descriptors(lane):
    """For the keeper, a new dispatcher, or a transfer, as it comes."""
    lane.serve()
    lane.server.dispatcher()    # It comes last: until then the keeper's numbers still grow.
    keeper = lane.server.wait_keeper()
    most = max(map(int, os.listdir(f"/proc/{keeper}/fd")))
    for value in range(most, most + 6) if lane.full else (most, most + 2, most + 4):
        ask_within(lane, resource.RLIMIT_NOFILE, value, {"done", "failed", "limited", "denied"})


def no_processes(lane):
    """Who asks is told that the server is busy, within a second or so; who is served goes
    on.  The limit is a user's, so this server has one of its own."""
    with open(lane.scratch / "passwd", "a") as file:
        file.write("tftpd-few:x:98701:987::/nonexistent:/usr/sbin/nologin\n")
    content = lane.content(4500, seed=83)
    lane.file("few", content)
    lane.serve("-s", "-u", "tftpd-few", lane.root)
    # A dispatcher, the one before it, and the child that tries its walls.
    with limited(lane, resource.RLIMIT_NPROC, 3):
        peers = half_way(lane, "few", 2)
        others = [Reader("few", content, 4, dally=0.0, patience=4.0) for _ in range(4)]
        run_all(lane, others)
        check_all(others)
        check_equal({client.said for client in others}, {"error 0: Server busy"}, "what the others are told")
        check_equal({r["outcome"] for client in others for r in client.records}, {"limited"}, "their outcomes")
        for peer in peers:
            check_equal(to_the_end(peer, content), content, "the content")
        check_equal(lane.peer().get("few"), content, "the next read")
    words = [line for line in told(lane) if "no process or socket" in line]
    check(0 < len(words) < 10, f"it says so {len(words)} times: {told(lane)}")
    lane.stop_server()


def no_memory(lane):
    """A new dispatcher does not get what it needs: the one before it goes on."""
    lane.serve()
    size = int(pathlib.Path(f"/proc/{lane.server.dispatcher()}/statm").read_text().split()[0]) * 4096
    for less in range(-64, 9 << 10, 512) if lane.full else (64, 1 << 10, 4 << 10, 8 << 10):
        ask_within(lane, resource.RLIMIT_AS, size - (less << 10), {"done", "failed", "crashed", "limited"})


def signals_all_the_time(lane):
    """Each call may end early, a thousand times a second."""
    content = lane.content(SIZE, seed=81)
    lane.file("storm", content)
    lane.serve()
    clients = [kind(name, content, window, dally=0.2) for window in WINDOWS
               for kind, name in ((Reader, "storm"), (Writer, "storm-up")) for _ in range(2)]
    over = threading.Event()

    def storm():
        while not over.is_set():
            for dispatcher in lane.server.dispatchers():
                kill(dispatcher, signal.SIGCHLD)
                for pid in children(dispatcher):
                    kill(pid, signal.SIGRTMIN)      # "the client asked again"
            time.sleep(0.001)

    thread = threading.Thread(target=storm, daemon=True)
    thread.start()
    try:
        run_all(lane, clients)
    finally:
        over.set()
        thread.join(5)
    check_all(clients)
    check_equal({client.said for client in clients}, {"done"}, "their ends")


ALL = (
    ("on a full disk (tmpfs) transfers that run end in the log, and the rest is served",
     functools.partial(full_log, "tmpfs"), False),
    ("on a full disk (ext4) transfers that run end in the log, and the rest is served",
     functools.partial(full_log, "ext4"), False),
    ("an upload to a full disk (ext4) leaves what was there", functools.partial(full_upload, "ext4"), False),
    ("an upload in place to a full disk leaves what was there", in_place_full, False),
    ("a disk that becomes read-only fails uploads, and no read", goes_read_only, False),
    ("a read error never ends a file", read_fails, False),
    ("an error of writing is told, whichever call has it, and nothing stands there", write_fails, False),
    ("a directory that cannot be flushed is no success", flush_of_directory_fails, False),
    ("a file system that hangs holds up nobody else", others_go_on, False),
    ("SIGTERM ends a server whose file system hangs", stops_while_it_hangs, False),
    ("a server whose transfers cannot be killed ends without them", nobody_can_be_killed, False),
    ("without descriptors requests fail, and then go on", no_descriptors, False),
    ("without processes requests are told that the server is busy", no_processes, False),
    ("without memory requests fail, and then go on", no_memory, False),
    ("signals disturb no transfer", signals_all_the_time, False),
)

TESTS = tuple((name, functools.partial(where_it_can, function), is_quick) for name, function, is_quick in ALL)
