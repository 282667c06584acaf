"""A scripted TFTP client: packets by hand, one socket, no politeness.

Real clients do what is right most of the time.  This one does exactly what a
test tells it to: it forgets an ACK, repeats one, sends rubbish, falls silent,
or dies in the middle.
"""

import math
import select
import socket
import struct
import time

RRQ, WRQ, DATA, ACK, ERROR, OACK = range(1, 7)
READ, WRITE = "read", "write"

# A datagram holds at most this much.
BIGGEST = 65535


def as_bytes(text):
    return text if isinstance(text, bytes) else str(text).encode()


def request_bytes(opcode, name, mode="octet", options=()):
    """An RRQ or WRQ; options are (name, value) pairs in their order."""
    fields = [name, mode]
    for option in options:
        fields += option
    return struct.pack("!H", opcode) + b"".join(as_bytes(f) + b"\0" for f in fields)


def data_bytes(block, payload=b""):
    return struct.pack("!HH", DATA, block & 0xFFFF) + payload


def ack_bytes(block):
    return struct.pack("!HH", ACK, block & 0xFFFF)


def error_bytes(code, text=""):
    return struct.pack("!HH", ERROR, code) + as_bytes(text) + b"\0"


def oack_bytes(*options):
    return struct.pack("!H", OACK) + b"".join(
        as_bytes(field) + b"\0" for option in options for field in option)


class Packet:
    """A datagram from the server, taken apart."""

    def __init__(self, raw, source):
        self.raw, self.source = raw, source
        self.op = struct.unpack("!H", raw[:2])[0] if len(raw) >= 2 else None
        self.block = self.code = self.text = None
        self.payload, self.options = b"", {}
        if self.op in (DATA, ACK):
            self.block, self.payload = struct.unpack("!H", raw[2:4])[0], raw[4:]
        elif self.op == ERROR:
            self.code = struct.unpack("!H", raw[2:4])[0]
            self.text = raw[4:].split(b"\0")[0].decode("latin-1")
        elif self.op == OACK:
            fields = raw[2:].split(b"\0")
            self.options = dict(zip([f.decode("latin-1").lower() for f in fields[0::2]],
                                    [f.decode("latin-1") for f in fields[1::2]]))

    def __repr__(self):
        what = {DATA: f"DATA {self.block} ({len(self.payload)} bytes)",
                ACK: f"ACK {self.block}",
                ERROR: f"ERROR {self.code} {self.text!r}",
                OACK: f"OACK {self.options}"}.get(self.op, repr(self.raw[:40]))
        return f"<{what} from {self.source[0]}:{self.source[1]}>"


class Unexpected(AssertionError):
    """The server said something else than what the test needs next."""


class Peer:
    """One client port that talks to one server.

    ledger     where requests are noted that must leave an end record
    source     own address; port 0 lets the kernel choose
    patience   seconds to wait for a packet that has to come
    """

    def __init__(self, ledger, server=("127.0.0.1", 69), source=None, port=0, patience=5.0):
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        if source is None:
            source = {"127.": "127.0.0.1", "::1": "::1"}.get(
                server[0][:4] if family == socket.AF_INET else server[0],
                "::" if family == socket.AF_INET6 else "0.0.0.0")
        self.ledger, self.server, self.patience = ledger, server, patience
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # As much as root may: a window of 64 jumbo blocks has to fit.
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)     # SO_RCVBUFFORCE
        self.socket.bind((source, port))
        self.address, self.port = self.socket.getsockname()[:2]
        self.tid = None             # where the server's transfer lives
        self.heard = set()          # DATA that expect() has returned

    def close(self):
        """As a client that is killed: ICMP says so to whoever sends on."""
        self.socket.close()

    # Asking.

    def ask(self, opcode, name, mode="octet", options=(), ends=1, **extra):
        """Send a request.  ends: how many end records it must leave, None if any."""
        raw = request_bytes(opcode, name, mode, options)
        self.send_to_service(raw)
        self.tid, self.heard = None, set()
        self.ledger.note(as_bytes(name), ends, client=self.address, port=self.port, **extra)
        return raw

    def read(self, name, mode="octet", ends=1, **options):
        return self.ask(RRQ, name, mode, list(options.items()), ends)

    def write(self, name, mode="octet", ends=1, **options):
        return self.ask(WRQ, name, mode, list(options.items()), ends)

    def send_to_service(self, raw):
        self.socket.sendto(raw, self.server)

    # Talking to the transfer.

    def send(self, raw):
        self.socket.sendto(raw, self.tid or self.server)

    def ack(self, block):
        self.send(ack_bytes(block))

    def data(self, block, payload=b""):
        self.send(data_bytes(block, payload))

    def error(self, code, text=""):
        self.send(error_bytes(code, text))

    # Listening.

    def hear(self, seconds=None):
        """The next datagram, or None when none comes in time."""
        seconds = self.patience if seconds is None else max(seconds, 0)
        # not select(): a test with a thousand clients has descriptors that it cannot take
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        if not poll.poll(math.ceil(seconds * 1000)):
            return None
        raw, source = self.socket.recvfrom(BIGGEST)
        packet = Packet(raw, source)
        if self.tid is None and source[1] != self.server[1]:
            self.tid = source
        return packet

    def hear_all(self, seconds):
        """Every datagram that comes within that time, as (when, packet)."""
        heard, start = [], time.monotonic()
        while len(heard) < 100000:
            packet = self.hear(start + seconds - time.monotonic())
            if packet is None:
                break
            heard.append((time.monotonic() - start, packet))
        return heard

    def drain(self):
        """Throw away what has already come."""
        for _ in range(100000):
            if self.hear(0) is None:
                break

    def expect(self, op, number=None, seconds=None):
        """The next datagram has to be this one.

        On a busy machine the server may take us for lost: DATA that was heard
        before may come again in between, as it may for any client.
        """
        wanted = {DATA: "DATA", ACK: "ACK", ERROR: "ERROR", OACK: "OACK"}[op]
        wanted += "" if number is None else f" {number}"
        number = None if number is None else number & 0xFFFF
        for _ in range(10000):
            packet = self.hear(seconds)
            if packet is None:
                raise Unexpected(f"{wanted} did not come")
            if packet.op == op and number in (None, packet.code if op == ERROR else packet.block):
                self.heard.add(packet.block if op == DATA else None)
                return packet
            if not (op == DATA and packet.op == DATA and packet.block in self.heard):
                raise Unexpected(f"{wanted} should have come, not {packet}")
        raise Unexpected(f"{wanted} did not come, only repeats")

    def drain_to(self, op, block):
        """That packet; repeats of others may come before it."""
        for _ in range(1000):
            packet = self.expect(op)
            if packet.block == block & 0xFFFF:
                return packet
        raise Unexpected(f"packet {block} did not come")

    def expect_silence(self, seconds):
        packet = self.hear(seconds)
        if packet is not None:
            raise Unexpected(f"nothing should have come, but {packet} did")

    # Whole transfers, done right.

    def get(self, name, mode="octet", rollover=0, stop_at=None, **options):
        """Read a file; returns its bytes.

        stop_at    do not acknowledge the block that fills this many bytes
        """
        if rollover:
            options["rollover"] = rollover
        self.read(name, mode, **options)
        return self.get_rest(rollover=rollover, stop_at=stop_at)

    def get_rest(self, rollover=0, stop_at=None, blksize=512, window=1):
        """What follows a read request: OACK or DATA 1, to the last ACK."""
        content, size, index, in_window = [], 0, 1, 0
        for _ in range(10_000_000):
            packet = self.hear()
            if packet is not None and packet.source != self.tid:
                continue
            if packet is not None and packet.op == OACK and index == 1:
                blksize, window = self.granted(packet)
                self.ack(0)
                continue
            if packet is None or packet.op != DATA:
                raise Unexpected(f"after {index - 1} blocks: {packet or 'silence'}")
            if packet.block != wire(index, rollover):
                continue
            content.append(packet.payload)
            size += len(packet.payload)
            in_window += 1
            if stop_at is not None and size >= stop_at:
                break
            last = len(packet.payload) < blksize
            if last or in_window == window:
                self.ack(wire(index, rollover))
                in_window = 0
            if last:
                break
            index += 1
        return b"".join(content)

    @staticmethod
    def granted(packet):
        """Block and window size of an OACK."""
        options = packet.options
        return (int(options.get("blksize", options.get("blksize2", 512))),
                int(options.get("windowsize", 1)))

    def put(self, name, content, mode="octet", rollover=0, stop_at=None, **options):
        """Write a file; returns when the last ACK came (or stop_at was sent)."""
        if rollover:
            options["rollover"] = rollover
        self.write(name, mode, **options)
        return self.put_rest(content, rollover, stop_at)

    def put_rest(self, content, rollover=0, stop_at=None):
        blksize, window = 512, 1
        packet = self.hear()
        if packet is not None and packet.op == OACK:
            blksize, window = self.granted(packet)
        elif packet is None or packet.op != ACK or packet.block != 0:
            raise Unexpected(f"the first reply is {packet or 'silence'}")
        last, acked = len(content) // blksize + 1, 0
        while acked < last:
            end = min(acked + window, last)
            for index in range(acked + 1, end + 1):
                self.data(wire(index, rollover), content[(index - 1) * blksize:index * blksize])
                if stop_at is not None and index * blksize >= stop_at:
                    return
            acked = self.hear_ack(acked, end, rollover)

    def hear_ack(self, acked, end, rollover=0):
        """Wait until a block of the running window is acknowledged."""
        numbers = {wire(i, rollover): i for i in range(acked + 1, end + 1)}
        for _ in range(1000):
            packet = self.hear()
            if packet is None or packet.op != ACK:
                raise Unexpected(f"after {acked} blocks: {packet or 'silence'}")
            if packet.block in numbers:
                return numbers[packet.block]
        raise Unexpected(f"only old ACKs after {acked} blocks")


def wire(index, rollover=0):
    """The 16-bit number of a block: what follows 65535 is rollover (0 or 1)."""
    if index <= 0xFFFF or not rollover:
        return index & 0xFFFF
    return (index - 1) % 0xFFFF + 1
