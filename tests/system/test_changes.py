"""What somebody does to files, directories, the log, the live table and the clock while
transfers run.

A read that is called complete was of one version of the file, never a part of it; an
upload stands whole under its name or not at all; no record is lost by a rotation.
"""

import contextlib
import functools
import os
import shutil
import signal
import time

import tftp
from harness import LOG, Failure, check, check_equal, of_peer, until
from polite import Reader, Writer, check_all, run_all
from settings import TABLE

SIZE = 700_000
WINDOWS = (1, 4, 64)
DONE = {"done"}
EITHER = {"done", "error 0"}
FAILED = {"error 0"}


# The file that is read.

def text_of(lane, size, seed):
    """The same in octet and netascii."""
    return bytes(65 + byte % 26 for byte in lane.content(size, seed))


def truncated(size):
    return lambda path: os.truncate(path, size)


def replaced(path):
    new = path.with_name(path.name + ".new")
    new.write_bytes(b"n" * SIZE)
    new.chmod(0o644)
    new.rename(path)


def grown(path):
    with open(path, "ab") as file:
        file.write(b"g" * 100_000)


def copied_over(size):
    """As cp does it: emptied, then written."""
    def copy(path):
        with open(path, "wb") as file:
            file.write(b"C" * size)
    return copy


def written_into(path):
    with open(path, "r+b") as file:
        file.seek(SIZE - 1000)
        file.write(b"W")


def moved_away(path):
    place = path.with_name(path.name + ".moved")
    place.mkdir()
    path.rename(place / path.name)


def barred(path):
    path.chmod(0)
    os.chown(path, 0, 0)


# What is done to the file, and what may become of the read.
CHANGES = (
    ("truncated to the half", truncated(SIZE // 2), FAILED),
    ("truncated to what was sent", truncated(150_000), FAILED),
    ("truncated to a whole number of blocks", truncated(512 * 900), FAILED),
    ("emptied", truncated(0), FAILED),
    ("shorter by a byte", truncated(SIZE - 1), FAILED),
    ("replaced by another", replaced, DONE),
    ("grown", grown, EITHER),
    ("written into", written_into, FAILED),
    ("copied over", copied_over(SIZE), FAILED),
    ("copied over by a longer one", copied_over(SIZE + 100_000), FAILED),
    ("removed", os.unlink, DONE),
    ("moved away", moved_away, DONE),
    ("made unreadable", barred, DONE),
)


def read_while(lane, changes, windows, at=100_000):
    """Each change under each kind of read, all at once; returns (what, client)."""
    lane.serve()
    content, found = text_of(lane, SIZE, seed=61), []
    for number, (what, change, ends) in enumerate(changes):
        for mode in ("octet", "netascii"):
            for window in windows:
                path = lane.file(f"changes-{number}-{mode}-{window}-{at}", content)
                found.append((ends, Reader(path.name, content, window, mode=mode, at=at, timer=3.0,
                                           act=functools.partial(change, path), what=f"{what}, {mode}")))
    clients = [client for _, client in found]
    run_all(lane, clients, at_once=24, seconds=60)
    check_all(clients)
    for ends, client in found:
        check(client.act is None, f"{client}: it ended before the change")
        check(client.said[:7] in ends or client.said in ends, f"{client}: it says {client.said!r}")
        if client.said != "done":
            check_equal(client.records[0]["outcome"], "failed", f"{client}: outcome")
    return clients


def file_changes(lane):
    read_while(lane, CHANGES, WINDOWS)
    if lane.full:
        for at in (0, 512, 5_000, 300_000, 349_000, 600_000):
            read_while(lane, [row for row in CHANGES if row[0] != "truncated to what was sent" and
                              (at < SIZE // 2 or row[2] != FAILED)], (1, 2, 4, 8, 16, 64), at)


# The directory that is written to.

def unwritable(place):
    os.chown(place, 0, 0)
    place.chmod(0o555)


def hidden_removed(place):
    for path in place.iterdir():
        path.unlink()


def taken_by_other(place):
    (place / "up").write_bytes(b"of somebody else")


def upload_while(lane, number, change, window):
    """An upload into a directory of its own; returns it and its directory."""
    place = lane.root / f"into-{number}-{window}"
    place.mkdir()
    shutil.chown(place, lane.uid, lane.gid)
    client = Upload(f"{place.name}/up", lane.content(200_000, seed=62), window, at=100_000, timer=3.0,
                    act=functools.partial(change, place), what=change.__name__)
    return client, place


class Upload(Writer):
    """Under a name that the test gives it, in a directory that may be gone."""

    def own_name(self):
        return self.name

    def fault_of(self, outcomes):
        return None


def moved_directory(place):
    place.rename(place.with_name(place.name + ".moved"))


INTO = (unwritable, shutil.rmtree, hidden_removed, taken_by_other, moved_directory)


def directory_changes(lane):
    """Nothing that is not whole stands under the name, and both sides know it."""
    lane.serve()
    uploads = [(change, *upload_while(lane, number, change, window))
               for number, change in enumerate(INTO) for window in WINDOWS]
    clients = [client for _, client, _ in uploads]
    run_all(lane, clients, seconds=60)
    check_all(clients)
    for change, client, place in uploads:
        record, path = client.records[0], place / "up"
        if change is moved_directory:
            check_equal((client.said, record["outcome"]), ("done", "complete"), f"{client}: the end")
            path = place.with_name(place.name + ".moved") / "up"
            check(path.read_bytes() == client.content, f"{client}: the file is not whole")
            continue
        code = 6 if change is taken_by_other else record.get("error_code")
        check_equal((client.said[:7], record["error_by"]), (f"error {code}", "server"), f"{client}: the end")
        check_equal(record["outcome"], "failed" if change in (shutil.rmtree, hidden_removed) else "denied",
                    f"{client}: outcome")
        check(not path.exists() or change is taken_by_other and path.read_bytes() == b"of somebody else",
              f"{client}: a file stands there")
        check(change is unwritable or not place.exists() or not lane.hidden(place), f"{client}: a hidden file")


# The log.

def rotate_unlike(names, with_new):
    """As logrotate with nocreate or create: 999, 998, ... are the names of the old ones."""
    with contextlib.suppress(FileNotFoundError):    # the server has made no new one yet
        stat = LOG.stat()
        LOG.rename(LOG.with_name(f"{LOG.name}.{next(names)}"))
        if with_new:
            fd = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.st_mode & 0o777)
            os.fchown(fd, stat.st_uid, stat.st_gid)
            os.close(fd)


def rotations(lane):
    """Each rename falls between start and end of a transfer; `create` and `nocreate`."""
    count, transfers = (100, 1000) if lane.full else (10, 100)
    lane.serve()
    path = lane.file("changes-log", lane.content(30_000, seed=63))
    names = iter(range(999, 0, -1))
    clients = []
    for number in range(transfers):
        clients.append(Reader(path.name, path.read_bytes(), 1 + number % 4, dally=0.0))
        if number % (transfers // count) == 0:
            clients[-1].at = 15_000
            clients[-1].act = functools.partial(and_see, rotate_unlike, names, number // 10 % 2)
    run_all_anywhere(lane, clients)
    ids = [record["id"] for record in lane.log.ends(file=path.name)]
    check_equal((len(ids), len(set(ids))), (transfers, transfers), "end records, and their ids")
    check(all(client.said == "done" for client in clients), "a transfer failed")
    check_equal(999 - next(names), count, "rotations")
    lane.note(f"{transfers} transfers, {count} rotations: 0 unmatched")


def and_see(function, *args):
    """Of several rotations in a moment the server would see one."""
    function(*args)
    until(LOG.exists, 5, "a new log")


def run_all_anywhere(lane, clients):
    """Their records may stand in any file: they are looked for at the end."""
    for client in clients:
        client.lane_knows_nothing = lambda now, client=client: client.said is not None
    run_all(lane, clients, at_once=4, seconds=90 * (10 if lane.full else 1))
    until(lambda: len(lane.log.ends(file=clients[0].name)) >= len(clients), 10 * lane.slowness,
          "the end records")


def half_read(lane, name, content):
    """A read that stands still in its middle; returns its client.  Its server is a new one,
    which has not to look for its log first."""
    lane.file(name, content)
    lane.serve(fresh=True)
    peer = lane.peer()
    peer.read(name)
    for index in range(1, 4):
        peer.expect(tftp.DATA, index)
        peer.ack(index)
    peer.expect(tftp.DATA, 4)
    return peer


def rest_of(peer, content):
    got = content[:3 * 512]
    index = 4
    peer.ack(3)             # whatever was said meanwhile
    while True:
        packet = peer.drain_to(tftp.DATA, index)
        got += packet.payload
        peer.ack(index)
        if len(packet.payload) < 512:
            return got
        index += 1


def log_copytruncated(lane):
    """logrotate's other way.  What is written between copy and truncation is lost, that
    lies in it; what comes after it begins at the file's new beginning."""
    content = lane.content(5000, seed=64)
    peer = half_read(lane, "copytruncate", content)
    lane.log.wait_start(**of_peer(peer))
    shutil.copy(LOG, LOG.with_name(f"{LOG.name}.000"))
    os.truncate(LOG, 0)
    check_equal(rest_of(peer, content), content, "the content")
    until(lambda: b'"transfer"' in LOG.read_bytes(), 5, "the end record")
    check(LOG.read_bytes().startswith(b'{"v":1,'), "the file does not begin with a record")
    check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome")


def log_removed(lane):
    """Who runs ends in the file that has no name any more; a new one is made."""
    content = lane.content(5000, seed=65)
    peer = half_read(lane, "log-removed", content)
    lane.log.wait_start(**of_peer(peer))
    with open(LOG, "rb") as old:
        LOG.unlink()
        check_equal(rest_of(peer, content), content, "the content")
        until(LOG.exists, 5 * lane.slowness, "a new log")
        after = lane.peer()
        until(lambda: lane.peer().get("log-removed") == content and b'"transfer"' in LOG.read_bytes(),
              10 * lane.slowness, "a record in the new one")
        check_equal(after.get("log-removed"), content, "the next read")
        lane.log.wait_end(**of_peer(after))
        # For the closing checks: nothing of it may be missing.
        LOG.with_name(f"{LOG.name}.000-removed").write_bytes(old.read())
    check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome")


# The live table.

def table_removed(lane):
    content = lane.content(5000, seed=66)
    peer = half_read(lane, "table-removed", content)
    os.unlink(TABLE)
    check_equal(rest_of(peer, content), content, "the content")
    check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome")
    check_equal(lane.peer().get("table-removed"), content, "the next read")
    lane.server.process.send_signal(signal.SIGHUP)
    check_equal(lane.peer().get("table-removed"), content, "a read after SIGHUP")
    lane.stop_server()


def table_truncated(lane):
    """Root does so, or who has taken a process over: whoever has that page mapped dies of
    it.  A transfer whose page is left ends as it would have, and others are served."""
    content = lane.content(5000, seed=67)
    lane.file("table-truncated", content)
    for size in (0, 4096, 10_000):
        lane.serve()
        peer = half_read(lane, "table-truncated", content) if size == 10_000 else None
        os.truncate(TABLE, size)
        served_again(lane, "table-truncated", content)
        if peer is not None:
            check_equal(rest_of(peer, content), content, "the content")
            check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome")
        lane.stop_server()


def served_again(lane, name, content):
    """The keeper lives, and within seconds who asks again is served."""
    lane.serve()
    deadline = time.monotonic() + 10 * lane.slowness
    while time.monotonic() < deadline:
        check(lane.server.is_running(), "the server ended")
        peer = lane.peer(patience=1.0)
        with contextlib.suppress(AssertionError):
            peer.read(name, ends=None)
            if peer.get_rest() == content:
                return
    raise Failure(f"nothing is served any more: {lane.syslog[-3:]}")


# The clock.

class WallClock:
    """What the server takes for the time of day; a library of the test moves it."""

    def __init__(self, lane):
        self.lane, self.path = lane, lane.scratch / "wallclock"
        self.library = lane.build / "tests/faults/faketime.so"
        check(self.library.exists(), f"{self.library} is missing: build it first")
        copy = lane.scratch / "bin/faketime.so"
        shutil.copy(self.library, copy)
        self.set(0)
        plain = type(lane).environment
        lane.environment = lambda peers=False: {
            **plain(lane, peers), "LD_PRELOAD": str(copy), "FAKETIME_FILE": str(self.path)}

    def set(self, seconds):
        """Written in place: the server has it mapped."""
        with open(self.path, "r+b" if self.path.exists() else "w+b") as file:
            file.write(int(seconds).to_bytes(8, "little", signed=True))

    def leave(self):
        del self.lane.environment


YEARS = 10 * 365 * 86400


def wall_clock_jumps(lane):
    """Ten years ahead and back in the middle of transfers: no timer is of that clock."""
    lane.stop_server()
    clock = WallClock(lane)
    try:
        jumps = (YEARS, -YEARS, 0, YEARS, 0)
        content = lane.content(60_000, seed=68)
        lane.file("jumping", content)
        lane.serve()
        clients = []
        for number, jump in enumerate(jumps):
            for window in WINDOWS:
                clients += [kind(name, content, window, at=30_000, dally=0.1,
                                 act=functools.partial(clock.set, jump))
                            for kind, name in ((Reader, "jumping"), (Writer, "jumping-up"))]
        silent = lane.peer()
        silent.read("jumping", blksize=1000)
        begin = time.monotonic()
        run_all(lane, clients, at_once=3, seconds=40)
        check_all(clients)
        for client in clients:
            check_equal(client.said, "done", f"{client}: its end")
            record = client.records[0]
            # On a busy machine a packet may come again, and no timer go on and on.
            check(record["duration_us"] < 5e6 and record["timeouts"] <= 5, f"it noticed: {record}")
        record = lane.log.wait_end(10, **of_peer(silent))
        check_equal(record["outcome"], "noanswer", "who never answers")
        check(3e6 < record["duration_us"] < 8e6 * lane.slowness, f"in its time: {record}")
        check(time.monotonic() - begin < 30 * lane.slowness, "it took long")
        check({"2036", "2016", "2026"} & {record["ts"][:4] for record in lane.log.ends()},
              "the clock did not jump")
    finally:
        lane.stop_server()
        clock.leave()


TESTS = (
    ("a file that changes while it is read is sent whole or fails, and never ends short",
     file_changes, False),
    ("a directory that changes while it is written to holds nothing that is not whole",
     directory_changes, False),
    ("no record is lost by a rotation in the middle of transfers", rotations, False),
    ("a log that is copied and truncated goes on with whole records", log_copytruncated, False),
    ("a log that is removed is made again, and who runs loses nothing", log_removed, False),
    ("a live table that is removed disturbs no transfer", table_removed, False),
    ("a live table that is truncated ends no service", table_truncated, False),
    ("a wall clock that jumps ten years disturbs no transfer", wall_clock_jumps, False),
)
