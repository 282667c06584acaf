"""What tests of faults need: quick clients in great number, a log that may have torn
lines, a tracer that makes calls fail, and the promises that hold whatever happens.

A transfer may fail, but then it says so: what a client or a record calls complete is
right, a name shows the old content or the new one, each transfer that was accepted is
counted once, and nothing is left behind.
"""

import collections
import contextlib
import json
import pathlib
import random
import select
import signal
import socket
import struct
import subprocess
import threading
import time

import tftp
from closing import fault_of
from harness import PORT, Failure, check, check_equal, children, descendants, kill, until
from settings import STATE, TABLE

SLOT_SIZE = 4096
SLOT = struct.Struct("=Ii24s")          # the beginning of struct live_slot
FREE, CLAIMED, RUNNING, ENDED, ENDING = range(5)
RESEND, PATIENCE = 0.2, 6
TRANSFER_SHUTDOWN = signal.SIGRTMIN + 3
COMPLETE, REFUSED, SILENT, ABORTED = "complete", "refused", "silent", "aborted"
LOST = "the log could not be written"


# Clients.

class Client:
    """One transfer as any good client makes it: it repeats what was lost and goes away
    when nobody answers.  Several run at once in a Crowd.

    abort_at   blocks after which it ends with an ERROR; 0: never
    patience   repeats until it goes away
    resend     seconds until it repeats itself
    """

    def __init__(self, op, name, content, source="127.0.0.1", port=0, mode="octet", abort_at=0, patience=PATIENCE,
                 resend=RESEND, **options):
        self.abort_at, self.patience, self.resend = abort_at, patience, resend
        self.op, self.name, self.content, self.mode = op, name, content, mode
        self.options = options
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((source, port))
        self.socket.setblocking(False)
        self.address, self.port = self.socket.getsockname()
        self.tid, self.result, self.told = None, None, ""
        self.blksize, self.window, self.index = 512, 1, 0       # index: blocks that are through
        self.received, self.in_window, self.repeats = [], 0, 0

    def start(self, now):
        self.begun = now
        self.say([tftp.request_bytes(tftp.RRQ if self.op == tftp.READ else tftp.WRQ, self.name,
                                     self.mode, self.options.items())], now)

    def say(self, packets, now):
        self.last, self.deadline = packets, now + self.resend
        for packet in packets:
            try:
                self.socket.sendto(packet, self.tid or ("127.0.0.1", PORT))
            except OSError:
                pass            # it is repeated

    def end(self, result, told=""):
        self.result, self.told = result, told
        self.socket.close()

    def on_timer(self, now):
        self.repeats += 1
        if self.repeats > self.patience:
            self.end(SILENT)
        else:
            self.say(self.last, now)

    def on_readable(self, now):
        for _ in range(256):
            if self.result is not None:
                return
            try:
                raw, source = self.socket.recvfrom(tftp.BIGGEST)
            except OSError:
                return
            if self.tid is None:
                self.tid = source
            if source == self.tid:
                self.take(tftp.Packet(raw, source), now)

    def take(self, packet, now):
        if packet.op == tftp.ERROR:
            self.end(REFUSED, packet.text)
        elif packet.op == tftp.OACK and self.index == 0 and not self.received:
            self.blksize, self.window = tftp.Peer.granted(packet)
            if self.op == tftp.READ:
                self.say([tftp.ack_bytes(0)], now)
            else:
                self.send_window(now)
        elif packet.op == tftp.DATA and self.op == tftp.READ:
            self.take_data(packet, now)
        elif packet.op == tftp.ACK and self.op == tftp.WRITE:
            self.take_ack(packet, now)
        if self.result is None and self.abort_at and self.index >= self.abort_at:
            self.say([tftp.error_bytes(0, "aborted")], now)
            self.end(ABORTED)

    def take_data(self, packet, now):
        if packet.block != (self.index + 1) & 0xFFFF:
            return              # our repeat says how far we are
        self.repeats, self.index, self.in_window = 0, self.index + 1, self.in_window + 1
        self.received.append(packet.payload)
        is_last = len(packet.payload) < self.blksize
        if is_last or self.in_window >= self.window:
            self.in_window = 0
            self.say([tftp.ack_bytes(self.index)], now)
        else:
            self.last, self.deadline = [tftp.ack_bytes(self.index)], now + self.resend
        if is_last:
            self.end(COMPLETE)

    def blocks(self):
        return len(self.content) // self.blksize + 1

    def send_window(self, now):
        """From the first block on that is not acknowledged."""
        size = self.blksize
        self.say([tftp.data_bytes(i + 1, self.content[i * size:(i + 1) * size])
                  for i in range(self.index, min(self.index + self.window, self.blocks()))], now)

    def take_ack(self, packet, now):
        is_first = packet.block == 0 and self.index == 0
        for step in range(0 if is_first else 1, self.window + 1):
            if (self.index + step) & 0xFFFF == packet.block:
                break
        else:
            return
        if is_first and self.last[0][:2] == b"\0\3":
            return              # it has been heard; the timer repeats
        self.repeats, self.index = 0, self.index + step
        if self.index >= self.blocks():
            self.end(COMPLETE)
        else:
            self.send_window(now)

    def data(self):
        return b"".join(self.received)


class Crowd:
    """Clients side by side; whoever ends makes room for the next."""

    def __init__(self):
        self.poll, self.running = select.poll(), {}

    def add(self, client):
        self.poll.register(client.socket, select.POLLIN)
        self.running[client.socket.fileno()] = client
        client.start(time.monotonic())
        return client

    def turn(self, most=0.05):
        """Serve them for a moment; returns those that have ended."""
        ended, now = [], time.monotonic()
        soonest = min((c.deadline for c in self.running.values()), default=now + most)
        ready = {fd for fd, _ in self.poll.poll(max(0, min(most, soonest - now)) * 1000)}
        now = time.monotonic()
        for fd, client in list(self.running.items()):
            if fd in ready:
                client.on_readable(now)
            if client.result is None and now >= client.deadline:
                client.on_timer(now)
            if client.result is not None:
                self.poll.unregister(fd)
                del self.running[fd]
                ended.append(client)
        return ended

    def finish(self, seconds=30):
        """Serve them until all have ended."""
        ended, deadline = [], time.monotonic() + seconds
        while self.running:
            check(time.monotonic() < deadline, f"{len(self.running)} clients do not end")
            ended += self.turn()
        return ended


def transfer(*args, **how):
    """One transfer from beginning to end."""
    crowd = Crowd()
    return crowd.finish()[0] if crowd.add(Client(*args, **how)) else None


# The log.

class TornLog:
    """Records as they come, also behind a line that was not written to its end."""

    def __init__(self, path):
        self.path, self.offset, self.rest, self.torn = pathlib.Path(path), 0, b"", 0
        self.open = {}                                  # id -> start, without an end
        self.ends = collections.defaultdict(list)       # id -> ends that count
        self.of_port = collections.defaultdict(list)    # (client, port) -> records
        self.said, self.problems = [], []               # notices; what must not stand there

    def look(self):
        """Read on."""
        with contextlib.suppress(FileNotFoundError), open(self.path, "rb") as file:
            file.seek(self.offset)
            text = file.read()
            self.offset += len(text)
            *lines, self.rest = (self.rest + text).split(b"\n")
            for line in lines:
                self.take_line(line)
        return self

    def take_line(self, line):
        problem = fault_of(line)
        while problem:
            at = line.find(b'{"v":', 1)
            self.torn += 1
            if at < 0:
                return
            line = line[at:]
            problem = fault_of(line)
        self.take(json.loads(line))

    def take(self, rec):
        if rec["event"] == "notice":
            self.said.append(rec)
            return
        self.of_port[rec["client"], rec["client_port"]].append(rec)
        if rec["event"] == "start":
            if rec["id"] in self.open or self.ends.get(rec["id"]):
                self.problems.append(f"a second start, or one after the end: {rec}")
            self.open[rec["id"]] = rec
        elif rec["outcome"] == "crashed" and rec["id"] not in self.open:
            pass                # it had ended, or was never accepted: readers do not count it
        elif self.ends.get(rec["id"]):
            self.problems.append(f"a second end: {rec}")
        else:
            self.open.pop(rec["id"], None)
            self.ends[rec["id"]].append(rec)

    def ends_of(self, client):
        return [rec for rec in self.of_port[client.address, client.port] if rec["event"] == "transfer"]

    def lost(self):
        """How many records the notices say that are missing."""
        return sum(int(rec["message"].split("about ")[1].split()[0]) for rec in self.said
                   if rec["message"].startswith(LOST))


# What must be as if nothing had been.

def slots_in_use():
    """(pid, state, id) of the live table."""
    try:
        text = pathlib.Path(TABLE).read_bytes()
    except FileNotFoundError:
        return []
    found = []
    for at in range(SLOT_SIZE, len(text), SLOT_SIZE):
        state, pid, ident = SLOT.unpack_from(text, at)
        if state != FREE:
            found.append((pid, state, ident.rstrip(b"\0").decode()))
    return found


def hidden_files(lane):
    found = [str(path) for folder in (lane.root, *(p for p in lane.root.iterdir() if p.is_dir()))
             for path in lane.hidden(folder)]
    return found + [str(path) for spool in STATE.glob("spool*") for path in spool.iterdir()]


def check_nothing_left(lane, seconds=5.0):
    for what, look in (("places in the live table", slots_in_use), ("hidden files", lambda: hidden_files(lane))):
        try:
            until(lambda: not look(), seconds * lane.slowness, "")
        except Failure:
            raise Failure(f"{what} that are left: {look()}") from None


# The tracer.

Hit = collections.namedtuple("Hit", "pid n call fault count file")


class Tracer:
    """tests/faults/tftpd-failnth at a server that runs."""

    def __init__(self, lane, keeper, dispatchers):
        program = lane.scratch / "bin/tftpd-failnth"
        check(program.exists(), "tests/faults/tftpd-failnth is missing: make check builds it")
        self.lines, self.hits, self.gone, self.transfers, self.dispatchers = [], [], {}, [], []
        self.process = subprocess.Popen(
            [program, f"keeper:{keeper}", *(f"dispatcher:{pid}" for pid in dispatchers)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1)
        threading.Thread(target=self.listen, daemon=True).start()
        self.wait("ready")

    def listen(self):
        for line in self.process.stdout:
            words = line.split()
            if words[0] == "hit":
                self.hits.append(Hit(int(words[1]), int(words[2]), words[3], words[4], int(words[5]),
                                     " ".join(words[6:])))
            elif words[0] == "gone":
                self.gone[int(words[1])] = " ".join(words[3:])
            elif words[0] == "transfer":
                self.transfers.append(int(words[1]))
            elif words[0] == "dispatcher":
                self.dispatchers.append(int(words[1]))
            else:
                self.lines.append(words)

    def wait(self, word):
        """The answers up to that word, the last included."""
        until(lambda: any(line[0] == word for line in self.lines), 10, f"the tracer says {word}")
        found, self.lines = self.lines, []
        return found

    def order(self, text):
        self.hits, self.transfers, self.dispatchers = [], [], []
        self.process.stdin.write(text + "\n")
        self.wait("armed")

    def sync(self):
        """All that it told so far has been read."""
        self.process.stdin.write("sync\n")
        self.wait("synced")

    def off(self):
        """(number of calls, calls that were listed as (name, faults, file))."""
        self.process.stdin.write("off\n")
        *listed, (_, count) = self.wait("calls")
        return int(count), [(name, int(faults), " ".join(file)) for _, _, name, faults, *file in listed]

    def stop(self):
        if self.process.poll() is None:
            with contextlib.suppress(OSError):
                self.process.stdin.write("end\n")
            self.process.wait(10)


# A server on a socket that the test holds, as a superserver does.

class Held:
    """Requests wait in the socket while no server runs."""

    def __init__(self, lane, log, *lines):
        lane.stop_server()
        self.lane, self.process = lane, None
        self.conf = lane.scratch / "faults.conf"
        self.conf.write_text("\n".join([f'root = {{"{lane.root}"}}', f'log = "{log}"', "create = yes",
                                        "overwrite = yes", "give-up = 1s", "retransmit = 100ms",
                                        "max-transfers = 32", "min-free = 0", "linger = forever", *lines, ""]))
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", PORT))
        self.errors = open(lane.scratch / f"server-{lane.count()}.err", "wb")
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [str(self.lane.tftpd), "-f", str(self.conf)], stdin=self.socket, stdout=self.errors,
            stderr=self.errors, env=self.lane.environment(), start_new_session=True)

    def is_running(self):
        return self.process.poll() is None

    def dispatchers(self):
        return children(self.process.pid)

    def wait_serving(self, name="probe"):
        """Until the dispatcher has its walls, and answers."""
        (self.lane.root / name).write_bytes(b"probe")
        client = transfer(tftp.READ, name, b"")
        check_equal((client.result, client.data()), (COMPLETE, b"probe"), "a read of a fresh server")

    def stop(self):
        """As the superserver does."""
        self.socket.close()
        self.errors.close()
        self.end()

    def restart(self):
        """Another one on the same socket; it buries what the one before left."""
        self.end()
        self.start()
        self.wait_serving()

    def end(self):
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
            try:
                status = self.process.wait(10 * self.lane.slowness)
            except subprocess.TimeoutExpired:
                for pid in descendants(self.process.pid) | {self.process.pid}:
                    kill(pid, signal.SIGKILL)
                self.process.wait()
                raise Failure("did not end on SIGTERM") from None
            check_equal(status, 0, "exit status after SIGTERM")


def random_of(lane, what):
    """Chance for a test, from the run's seed, which is told."""
    lane.note(f"{what}: --seed {lane.seed}")
    return random.Random(f"{lane.seed} {what}")
