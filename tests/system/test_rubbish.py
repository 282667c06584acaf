"""Bad datagrams, all of a kind: whatever comes, nothing breaks and nobody is told more
than he may be.

What may come back is said by a model that shares no code with the server (`Model`).
make faults sends all of them, more than 290,000; make check takes every n-th, and
which ones the seed of the run says.
"""

import collections
import errno
import itertools
import os
import re
import select
import socket
import struct
import time

import tftp
from harness import PORT, check, check_equal, until
from test_loops import backlog

IP_PKTINFO = 8
SAMPLE = 30_000             # of all of them, in make check
PART = 1000
IN_FLIGHT = 300             # requests that wait for their answer
PATIENCE = 5.0              # seconds for an answer that must come
OWN_PORT = 9100

CONTENT = bytes(range(256)) * 6
FILES = {b"plain": CONTENT, b"small": b"s", b"empty": b"", b"dir/inner": b"inside" * 100}
KNOWN = {b"blksize", b"blksize2", b"timeout", b"utimeout", b"tsize", b"windowsize", b"rollover"}


# What is sent.

SEEDS = (
    tftp.request_bytes(tftp.RRQ, "plain"),
    tftp.request_bytes(tftp.RRQ, "plain", "netascii"),
    tftp.request_bytes(tftp.RRQ, "plain", "OcTeT", [("blksize", 1428)]),
    tftp.request_bytes(tftp.RRQ, "plain", "octet", [("blksize", 8), ("tsize", 0)]),
    tftp.request_bytes(tftp.RRQ, "plain", "octet", [("windowsize", 64), ("timeout", 3)]),
    tftp.request_bytes(tftp.RRQ, "plain", "octet", [("utimeout", 100000)]),
    tftp.request_bytes(tftp.RRQ, "small", "octet", [("rollover", 1), ("blksize2", 1024)]),
    tftp.request_bytes(tftp.RRQ, "small", "octet", [("unknown", "x"), ("tsize", 0)]),
    tftp.request_bytes(tftp.RRQ, "/dir/inner"),
    tftp.request_bytes(tftp.RRQ, "dir/../plain"),
    tftp.request_bytes(tftp.RRQ, "empty", "octet", [("tsize", 0)]),
    tftp.request_bytes(tftp.RRQ, "missing", "octet", [("blksize", 512)]),
    tftp.request_bytes(tftp.RRQ, "plain", "mail"),
    tftp.request_bytes(tftp.RRQ, "p", "octet", [("BLKSIZE", "00512")]),
    tftp.request_bytes(tftp.WRQ, "up"),
    tftp.request_bytes(tftp.WRQ, "up-ascii", "netascii"),
    tftp.request_bytes(tftp.WRQ, "up", "octet", [("tsize", 1000), ("blksize", 600)]),
    tftp.request_bytes(tftp.WRQ, "dir/up", "octet", [("windowsize", 4)]),
    tftp.request_bytes(tftp.WRQ, "%n%s{\"", "octet", [("timeout", 255)]),
    tftp.request_bytes(tftp.WRQ, "nodir/up"),
)


def scraps():
    """All of 0 to 2 bytes."""
    yield b""
    for first in range(256):
        yield bytes([first])
    for both in range(65536):
        yield both.to_bytes(2, "big")


def prefixes():
    for seed in SEEDS:
        for length in range(len(seed) + 1):
            yield seed[:length]


def mutations():
    """Every seed with every byte of it changed into every other."""
    for seed in SEEDS:
        for place, value in itertools.product(range(len(seed)), range(256)):
            if seed[place] != value:
                yield seed[:place] + bytes([value]) + seed[place + 1:]


def opcodes(filler=b"\0"):
    """Every opcode to 255 in every length to 64."""
    for opcode, length in itertools.product(range(256), range(65)):
        yield (opcode.to_bytes(2, "big") + filler * 64)[:length]


def big_opcodes():
    """The other opcodes, with a whole request behind them."""
    for opcode in range(256, 65536, 5):
        yield tftp.request_bytes(opcode, "plain")


def to_the_port():
    return itertools.chain(scraps(), prefixes(), mutations(), opcodes(), opcodes(b"plain\0octet\0"), big_opcodes())


# What may come back.

class Model:
    """Of one datagram to the request port: the packets that may answer it."""

    def __init__(self, raw):
        self.raw, self.is_request = raw, len(raw) >= 4 and raw[:2] in (b"\0\1", b"\0\2")
        self.is_read = raw[:2] == b"\0\1"
        fields = raw[2:].split(b"\0")
        # What follows the last NUL is no field.
        self.name, self.is_whole = fields[0], len(fields) > 2
        self.mode = fields[1].lower() if self.is_whole else b""
        rest = fields[2:-1]
        self.asked = {name.lower(): value for name, value in zip(rest[0::2], rest[1::2])}

    def complaint(self, packet):
        """What is wrong with that answer, or None."""
        if not self.is_request:
            return "an answer to what is no request"
        if packet.op == tftp.ERROR:
            return self.of_error(packet)
        if not self.is_whole or self.mode not in (b"octet", b"netascii"):
            return "it was granted"
        if packet.op == tftp.OACK:
            return self.of_oack(packet)
        if packet.op == (tftp.DATA if self.is_read else tftp.ACK):
            return self.of_first(packet)
        return "no such packet may come"

    def of_error(self, packet):
        if packet.raw[-1:] != b"\0" or packet.raw.count(b"\0", 4) != 1 or len(packet.raw) > 516:
            return "it has no proper text"
        if packet.code not in (1, 2, 3, 4, 6):
            return "that code fits no reason"
        if self.is_whole and self.is_read and self.mode == b"octet" and self.name in FILES and packet.code != 4:
            return "the file is there"
        return None

    def content(self):
        """Of the file that a name of this form can mean, or None."""
        if self.name in FILES:
            return FILES[self.name]
        # Slashes, dots and what is before ".." may be written in many ways.
        name = self.name.strip().replace(b"\\", b"/")
        return FILES.get(os.path.normpath(b"/" + name).lstrip(b"/"))

    def of_first(self, packet):
        if not self.is_read:
            return None if packet.raw == tftp.ack_bytes(0) else "not ACK 0"
        content = self.content()
        if content is None:
            return "there is no such file"
        if packet.block != 1 or len(packet.payload) > 512:
            return "not the first block"
        if self.mode == b"octet" and packet.payload != content[:512]:
            return "another content"
        return None

    def of_oack(self, packet):
        fields = packet.raw[2:].split(b"\0")
        if fields[-1] != b"" or len(fields) % 2 == 0:
            return "no whole options"
        names = [name.lower() for name in fields[0:-1:2]]
        if not names or len(set(names)) != len(names):
            return "an option twice, or none"
        for name, value in zip(names, fields[1::2]):
            if name not in KNOWN or name not in self.asked:
                return f"{name!r} was not asked for"
            if not re.fullmatch(rb"\d{1,20}", value):
                return f"{name!r} has the value {value!r}"
            if name in (b"blksize", b"blksize2", b"windowsize") and int(value) > int(self.asked[name]):
                return f"{name!r} is more than was asked for"
        if self.is_read and self.content() is None:
            return "there is no such file"
        if self.is_read and b"tsize" in names and self.mode == b"octet" and \
                int(dict(zip(names, fields[1::2]))[b"tsize"]) != len(self.content()):
            return "the size is another"
        return None


class Sender:
    """One socket that sends each datagram from an address of its own, so that an answer
    tells by its destination what it answers."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)     # SO_RCVBUFFORCE
        self.socket.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        self.socket.bind(("0.0.0.0", OWN_PORT))
        self.socket.setblocking(False)

    @staticmethod
    def address(number):
        return struct.pack("!I", 127 << 24 | 16 << 16 | number)

    def send(self, number, raw, to=("127.0.0.1", PORT)):
        self.socket.sendmsg([raw], [(socket.IPPROTO_IP, IP_PKTINFO,
                                     struct.pack("=i4s4s", 0, self.address(number), b"\0" * 4))], 0, to)

    def hear(self):
        """(number, packet) of an answer that is there, or None."""
        try:
            raw, controls, _, source = self.socket.recvmsg(65535, 128)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ECONNREFUSED):
                return None
            raise
        address = controls[0][2][8:12]
        return struct.unpack("!I", address)[0] - (127 << 24 | 16 << 16), tftp.Packet(raw, source)


class Barrage:
    """Sends all, and compares what comes back with the model."""

    def __init__(self, lane):
        self.lane, self.sender = lane, Sender()
        self.models, self.answers = [], collections.Counter()
        self.open = {}              # number -> when it was sent

    def send(self, raw):
        number, model = len(self.models), Model(raw)
        self.models.append(model)
        self.sender.send(number, raw)
        if model.is_request:
            self.open[number] = time.monotonic()

    def take(self, seconds=0.0):
        if seconds:
            select.select([self.sender.socket], [], [], seconds)
        for _ in range(10 * IN_FLIGHT):
            heard = self.sender.hear()
            if heard is None:
                return
            self.judge(*heard)

    def judge(self, number, packet):
        model = self.models[number]
        complaint = model.complaint(packet)
        # A first reply is repeated after a second, if we are as slow as that.
        if complaint is None and self.answers[number] and packet.op == tftp.ERROR:
            complaint = "a second ERROR"
        check(complaint is None, f"{packet} came as an answer to {model.raw[:100]!r}: {complaint}")
        self.answers[number] += 1
        self.open.pop(number, None)
        if packet.op != tftp.ERROR:
            self.sender.send(number, tftp.error_bytes(0), packet.source)

    def check_patience(self):
        late = [number for number, since in self.open.items()
                if time.monotonic() - since > PATIENCE * self.lane.slowness]
        check(not late, f"no answer to {[self.models[number].raw[:100] for number in late[:3]]}")

    def run(self, datagrams):
        for count, raw in enumerate(datagrams):
            self.send(raw)
            # Nothing shall be lost in the server's socket.
            if count % 50 == 0:
                self.take()
            while len(self.open) >= IN_FLIGHT:
                self.take(0.05)
                self.check_patience()
        while self.open:
            self.take(0.05)
            self.check_patience()
        self.take()


def sample(lane, datagrams):
    """All of them, or every n-th."""
    datagrams = list(datagrams)
    if lane.full:
        return datagrams
    step = max(1, len(list(to_the_port())) // SAMPLE)
    return datagrams[lane.seed % step::step]


def serve(lane, fresh=False):
    for name, content in FILES.items():
        lane.file(name.decode(), content)
    return lane.serve("-s", "-c", lane.root, fresh=fresh)


class Beside:
    """A transfer that goes on meanwhile, a block for each part of the barrage."""

    def __init__(self, lane, parts):
        self.lane, self.peer = lane, lane.peer()
        self.content, self.got, self.index = lane.content(512 * parts + 100), [], 0
        lane.file("beside", self.content)
        self.peer.read("beside")
        self.step()

    def step(self):
        """The next block; what came meanwhile are repeats of the one before."""
        self.peer.drain()
        if self.index:
            self.peer.ack(self.index)
        self.index += 1
        self.got.append(self.peer.drain_to(tftp.DATA, self.index).payload)

    def finish(self):
        while len(self.got[-1]) == 512:
            self.step()
        self.peer.ack(self.index)
        check(b"".join(self.got) == self.content, "the transfer beside has other content")
        check_equal(self.lane.end_of(self.peer)["outcome"], "complete", "outcome of the transfer beside")


def to_the_request_port(lane):
    server = serve(lane, fresh=True)
    dispatcher, datagrams = server.dispatcher(), sample(lane, to_the_port())
    for name in {model.name for model in map(Model, datagrams) if model.is_request}:
        lane.ledger.note(name, None)
    parts = range(0, len(datagrams), PART)
    barrage, beside, begin = Barrage(lane), Beside(lane, len(parts)), time.monotonic()
    for part in parts:
        barrage.run(datagrams[part:part + PART])
        beside.step()
    took = time.monotonic() - begin
    # What nobody may send would come now.
    barrage.take(0.3)
    beside.finish()
    check_equal(server.dispatchers(), [dispatcher], "the dispatcher's pid")
    check_records(lane, barrage)
    requests = sum(model.is_request for model in barrage.models)
    lane.note(f"rubbish: {len(datagrams)} datagrams to the request port in {took:.0f} s, {requests} of them "
              f"requests of a kind, {sum(barrage.answers.values())} answers")
    barrage.sender.socket.close()


def check_records(lane, barrage):
    """Each request has its end record, and nothing else has one; none has crashed."""
    wanted = sum(model.is_request for model in barrage.models)

    def ends():
        found = collections.Counter()
        for line in lane.log.lines():
            if b'"event":"transfer"' in line and b'"client_port":%d,' % OWN_PORT in line:
                check(b'"outcome":"crashed"' not in line, f"a crash: {line[:500]!r}")
                address = re.search(rb'"client":"([\d.]+)"', line)[1]
                found[struct.unpack("!I", socket.inet_aton(address.decode()))[0]] += 1
        return found

    until(lambda: sum(ends().values()) >= wanted, 10 * lane.slowness, f"{wanted} end records")
    found = ends()
    base = 127 << 24 | 16 << 16
    wrong = [(model.raw[:60], found[base + number]) for number, model in enumerate(barrage.models)
             if found[base + number] != model.is_request]
    check(not wrong, f"{len(wrong)} datagrams have another number of end records: {wrong[:5]}")


# To a transfer.

def for_a_transfer(lane):
    """Every opcode in every length, but for what has a meaning: an ERROR of 4 bytes."""
    datagrams = [raw for filler in (b"\0", b"\xff") for raw in opcodes(filler)
                 if not (raw[:2] == b"\0\5" and len(raw) >= 4)]
    return datagrams if lane.full else datagrams[lane.seed % 8::8]


def pour(lane, peer, datagrams):
    """All of them, not faster than a transfer reads; returns what came back."""
    heard = []
    for part in range(0, len(datagrams), 100):
        for raw in datagrams[part:part + 100]:
            peer.send(raw)
        heard += [packet for _, packet in peer.hear_all(0.002)]
        until(lambda: not backlog(peer.tid[1]), 10, "the transfer has read them")
    return heard


def to_a_download(lane):
    serve(lane)
    content = lane.content(2000)
    lane.file("poured", content)
    peer = lane.peer()
    peer.read("poured")
    got = peer.expect(tftp.DATA, 1).payload
    peer.ack(1)
    second = peer.expect(tftp.DATA, 2)
    # ACK 0 and ACK 65535 are old and unknown; all the rest has no meaning here.
    datagrams = for_a_transfer(lane)
    begin = time.monotonic()
    heard = pour(lane, peer, datagrams)
    check_only_repeats(heard, second.raw, time.monotonic() - begin)
    got += second.payload
    peer.ack(2)
    for index in (3, 4):
        got += peer.drain_to(tftp.DATA, index).payload
        peer.ack(index)
    check(got == content, "the content")
    check_all_seen(lane, peer, len(datagrams) + 4)


def to_an_upload(lane):
    serve(lane)
    peer, body = lane.peer(), lane.content(1200)
    peer.write("poured-up")
    peer.expect(tftp.ACK, 0)
    peer.data(1, body[:512])
    first = peer.expect(tftp.ACK, 1)
    # Neither DATA 0 nor DATA 65535 is the next block or the one before.
    datagrams = for_a_transfer(lane)
    begin = time.monotonic()
    heard = pour(lane, peer, datagrams)
    check_only_repeats(heard, first.raw, time.monotonic() - begin)
    for index in (2, 3):
        peer.data(index, body[(index - 1) * 512:index * 512])
        peer.drain_to(tftp.ACK, index)
    check((lane.root / "poured-up").read_bytes() == body, "the stored content")
    check_all_seen(lane, peer, len(datagrams) + 3)


def check_only_repeats(heard, raw, seconds):
    """The timer may send again what was not answered, and that is all."""
    other = [packet for packet in heard if packet.raw != raw]
    check(not other, f"to rubbish inside a transfer came {other[:5]}")
    check(len(heard) <= 12 + seconds, f"{len(heard)} packets in {seconds:.1f} s")


def check_all_seen(lane, peer, count):
    record = lane.end_of(peer, 10)
    check_equal(record["outcome"], "complete", "outcome")
    check_equal(record["packets_received"], count, "packets that the transfer has seen")
    lane.note(f"rubbish: {count} datagrams to {'a download' if record['op'] == 'read' else 'an upload'}")


def errors_end_a_transfer(lane):
    """An ERROR of any length ends it, silently; shorter ones are none (CVE-2019-11365)."""
    serve(lane)
    lane.file("poured", lane.content(2000))
    peers = []
    for length, opcode in itertools.product(range(65), (tftp.RRQ, tftp.WRQ)):
        peer = lane.peer()
        peer.ask(opcode, "poured" if opcode == tftp.RRQ else f"aborted-{length}")
        peer.expect(tftp.DATA if opcode == tftp.RRQ else tftp.ACK)
        peer.send((b"\0\5\0\1" + b"\xff" * 64)[:length])
        peers.append((peer, length))
    begin = time.monotonic()
    for peer, length in peers:
        if length >= 4:
            check_equal(lane.end_of(peer)["outcome"], "aborted", f"outcome after an ERROR of {length} bytes")
            peer.expect_silence(0)
        else:
            # As long as it waits, its first reply may come again.
            check(time.monotonic() - begin > 4 or not lane.ends.of(peer), f"{length} bytes ended it")
            peer.error(0)
            lane.end_of(peer)
    check_equal(lane.hidden(), [], "hidden files")


TESTS = (
    ("bad datagrams to the request port get what they may get, once", to_the_request_port, False),
    ("bad datagrams do not disturb a download", to_a_download, False),
    ("bad datagrams do not disturb an upload", to_an_upload, False),
    ("an ERROR of any length ends a transfer and is not answered", errors_end_a_transfer, False),
)
