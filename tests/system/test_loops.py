"""Loops: two programs that answer each other's answers for ever, started by one forged
datagram (CVE-2024-2169); and how much a single request can bring to an address that
says nothing.

What starts a loop is every opcode to 255 in every length to 64, and whole requests.  The
ports that a server refuses by itself are open here: nothing but its rules is between it
and its partner.
"""

import itertools
import pathlib
import random
import select
import socket
import struct
import time

import tftp
from asking import Configuration, serve_configured
from harness import PORT, Server, check, check_equal, until

IP_PKTINFO = 8
OPEN = "refuse-source-ports = {}\ncreate = yes\n"
WAIT, WAIT_FULL = 3.0, 10.0  # seconds after which a loop would still go on
FIRST, SECOND, PARTNERS = "127.0.0.1", "127.0.0.2", "127.0.0.3"


# What starts it.

def triggers(filler):
    for opcode, length in itertools.product(range(256), range(65)):
        yield (opcode.to_bytes(2, "big") + filler * 64)[:length]


def is_request(raw):
    return len(raw) >= 4 and raw[:2] in (b"\0\1", b"\0\2")


def whole_requests():
    """Those that are granted: a first packet, and again when nobody answers."""
    for number, options in enumerate(((), (("blksize", 1428), ("windowsize", 64)), (("tsize", 0),))):
        yield tftp.request_bytes(tftp.RRQ, "loop", "octet", options)
        yield tftp.request_bytes(tftp.RRQ, "loop", "netascii", options)
        yield tftp.request_bytes(tftp.WRQ, f"loop-up-{number}", "octet", options)


FILLERS = (b"\0", b"no/x\0octet\0")


def wait_of(lane):
    """The last copy of a first packet comes after 1.5 s."""
    return WAIT_FULL if lane.full else WAIT


def datagrams_sent():
    """By all in this network namespace; raw sockets are not in it."""
    names, values = [line.split()[1:] for line in pathlib.Path("/proc/net/snmp").read_text().splitlines()
                     if line.startswith("Udp:")]
    return int(dict(zip(names, values))["OutDatagrams"])


def backlog(port=PORT):
    """Bytes that lie in the queues of that port's sockets, and were not read yet."""
    lines = pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return sum(int(f[4].split(":")[1], 16) for f in fields if int(f[1].split(":")[1], 16) == port)


class Forger:
    """Sends from an address and port that others have."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
        # It gets a copy of everything; nobody reads it.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)

    def send(self, source, to, payload):
        header = struct.pack("!HHHH", PORT, PORT, 8 + len(payload), 0)
        where = struct.pack("=i4s4s", 0, socket.inet_aton(source), b"\0" * 4)
        self.socket.sendmsg([header + payload], [(socket.IPPROTO_IP, IP_PKTINFO, where)], 0, (to, 0))


# Two servers.

class Other(Server):
    """A second server beside the lane's own, with places of its own for what it keeps."""

    def foreground(self):
        places = "for p in /run /var/lib; do mount -t tmpfs -o mode=755 tmpfs $p; done"
        return ["unshare", "--mount", "sh", "-c", f'{places} && exec "$0" "$@"', *super().foreground()]

    def is_there(self):
        wanted = f"{int.from_bytes(socket.inet_aton(self.address), 'little'):08X}:{PORT:04X}"
        return wanted in pathlib.Path("/proc/net/udp").read_text() and self.dispatchers()


def two_servers(lane):
    lane.file("loop", lane.content(5000))
    serve_configured(lane, OPEN, address=FIRST, fresh=True)
    other = Other(lane, "foreground", Configuration(lane, OPEN, "other.conf").words, SECOND)
    try:
        until(other.is_there, 5 * lane.slowness, "the second server")
        start_them(lane)
    finally:
        other.stop()


def start_them(lane):
    forger, before, count, asked, granted = Forger(), datagrams_sent(), 0, 0, 0
    for raw, server in itertools.product(whole_requests(), (FIRST, SECOND)):
        forger.send(server, server, raw)
    until(lambda: not backlog(), 5 * lane.slowness, "the servers have read all")
    check_equal(datagrams_sent(), before, "packets after requests from the servers themselves")
    for filler, (source, to) in itertools.product(FILLERS, ((FIRST, SECOND), (SECOND, FIRST))):
        for raw in triggers(filler):
            forger.send(source, to, raw)
            count, asked = count + 1, asked + is_request(raw)
            if count % 1000 == 0:
                until(lambda: not backlog(), 20 * lane.slowness, "the servers have read all")
    for raw, (source, to) in itertools.product(whole_requests(), ((FIRST, SECOND), (SECOND, FIRST))):
        forger.send(source, to, raw)
        granted += 1
    note_requests(lane)
    sent = wait_for_silence(wait_of(lane)) - before
    lane.note(f"loops: {count} triggers and {granted} whole requests between two servers: {sent} packets")
    # Both are the same to the one who was forged: nothing, one ERROR, or a first packet.
    check(sent <= 2 * count, f"{sent} packets for {count} triggers")
    check(sent <= asked + 3 * granted, f"{sent} packets for {asked} requests and {granted} that are granted")
    check(sent >= granted, f"only {sent} packets: the requests were not seen")


def wait_for_silence(seconds):
    """Then nobody says anything any more; returns what was sent in all."""
    time.sleep(seconds)
    sent = datagrams_sent()
    time.sleep(1)
    check_equal(datagrams_sent(), sent, "packets sent in all, and a second later")
    return sent


def note_requests(lane):
    # Who asked and how often is counted by packets here.
    names = {raw[2:].split(b"\0")[0] for filler in FILLERS for raw in triggers(filler) if is_request(raw)}
    names |= {raw[2:].split(b"\0")[0] for raw in whole_requests()}
    for name in names:
        lane.ledger.note(name, None)


# Bad partners.

class Partner:
    """A socket that answers whatever comes, to where it comes from and to the request
    port; how, its kind says."""

    def __init__(self, kind, number):
        self.kind, self.random = kind, random.Random(number)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((PARTNERS, 6001 + number))
        self.socket.setblocking(False)
        self.last, self.count, self.heard, self.asked, self.granted = b"", 0, 0, 0, 0

    def trigger(self, raw, is_granted=False):
        self.count += 1
        self.granted += is_granted
        self.asked += is_request(raw) and not is_granted
        self.last = raw
        self.socket.sendto(raw, (FIRST, PORT))

    def react(self):
        for _ in range(1000):
            try:
                raw, source = self.socket.recvfrom(65535)
            except ConnectionRefusedError:
                continue
            except BlockingIOError:
                return
            self.heard += 1
            for answer in getattr(self, self.kind)(raw):
                self.socket.sendto(answer, source)
                self.socket.sendto(answer, (FIRST, PORT))

    def echo(self, raw):
        return [raw]

    def chargen(self, raw):
        return [bytes(self.random.randrange(32, 127) for _ in range(74))]

    def always_error(self, raw):
        return [tftp.error_bytes(0, "no")]

    def error_to_error(self, raw):
        return [tftp.error_bytes(5, "Unknown transfer ID")] if raw[:2] == b"\0\5" else []

    def next_opcode(self, raw):
        return [(int.from_bytes(raw[:2], "big") + 1 & 0xFFFF).to_bytes(2, "big") + raw[2:]]

    def replay(self, raw):
        return [self.last, raw]


KINDS = ("echo", "chargen", "always_error", "error_to_error", "next_opcode", "replay")


def bad_partners(lane):
    lane.file("loop", lane.content(5000))
    serve_configured(lane, OPEN, address=FIRST, fresh=True)
    partners = [Partner(kind, number) for number, kind in enumerate(KINDS)]
    for filler in FILLERS:
        for number, raw in enumerate(triggers(filler)):
            for partner in partners:
                partner.trigger(raw)
            if number % 20 == 0:
                let_them(partners, 0)
            if number % 200 == 0:
                until(lambda: let_them(partners, 0) or not backlog(), 20 * lane.slowness, "it has read all")
    for raw in whole_requests():
        for partner in partners:
            partner.trigger(raw, is_granted=True)
            let_them(partners, 0.01)
    let_them(partners, wait_of(lane))
    heard = [partner.heard for partner in partners]
    let_them(partners, 1.0)
    note_requests(lane)
    for partner in partners:
        lane.note(f"loops: {partner.kind}: {partner.count} triggers, {partner.heard} packets to it")
        check(partner.heard <= 2 * partner.count, f"{partner.kind}: {partner.heard} packets for {partner.count}")
        most = 2 * partner.asked + 3 * partner.granted
        check(partner.granted <= partner.heard <= most, f"{partner.kind}: {partner.heard} packets, "
              f"{partner.asked} requests and {partner.granted} that are granted")
        partner.socket.close()
    check_equal([partner.heard for partner in partners], heard, "packets to each, and a second later")


def let_them(partners, seconds):
    """Each answers what it got, for that time."""
    end = time.monotonic() + seconds
    while True:
        ready, _, _ = select.select([p.socket for p in partners], [], [], max(0, end - time.monotonic()))
        for partner in partners:
            if partner.socket in ready:
                partner.react()
        if time.monotonic() >= end:
            return False


# Reflection.

class Silent:
    """Asks, says nothing more, and hears everything."""

    def __init__(self, lane, what, raw, first, most=3, times=1, every=0.0):
        self.peer, self.what, self.raw, self.first, self.most = lane.peer(), what, raw, first, most
        self.times, self.every, self.asked, self.due, self.heard = times, every, 0, 0.0, []
        lane.ledger.note(raw[2:].split(b"\0")[0], None, client=self.peer.address, port=self.peer.port)

    def go_on(self, now):
        if self.asked < self.times and now >= self.due:
            self.peer.send_to_service(self.raw)
            self.asked, self.due = self.asked + 1, now + self.every
        packet = self.peer.hear(0)
        while packet is not None:
            self.heard.append((now, packet))
            packet = self.peer.hear(0)

    def check(self):
        packets = [packet for _, packet in self.heard]
        check(packets, f"{self.what}: no answer at all")
        check({packet.op for packet in packets} == {self.first}, f"{self.what}: {packets[:5]}")
        check(len({packet.raw for packet in packets}) == 1, f"{self.what}: not one packet only: {packets[:5]}")
        check(len(packets) <= self.most + self.times - 1, f"{self.what}: {len(packets)} packets for {self.times}")
        check(len(packets) <= 3 * self.times, f"{self.what}: {len(packets)} packets for {self.times}")
        if self.times == 1 and self.most == 3:
            self.check_back_off([when for when, _ in self.heard])

    def check_back_off(self, when):
        gaps = [later - earlier for earlier, later in zip(when, when[1:])]
        check(all(later > 1.5 * earlier for earlier, later in zip(gaps, gaps[1:])) and gaps[0] > 0.4,
              f"{self.what}: packets after {gaps} s")

    def bytes_out(self):
        return sum(len(packet.raw) for _, packet in self.heard)


def silent_clients(lane):
    """Every kind of request, and repeats of it at every pace."""
    def read(*options, mode="octet", name="loop"):
        return tftp.request_bytes(tftp.RRQ, name, mode, options)

    def write(*options, name):
        return tftp.request_bytes(tftp.WRQ, name, "octet", options)

    big = ("blksize", 65464), ("windowsize", 64)
    found = [
        Silent(lane, "a read", read(), tftp.DATA),
        Silent(lane, "a netascii read", read(mode="netascii"), tftp.DATA),
        Silent(lane, "a read with big blocks and windows", read(*big), tftp.OACK),
        Silent(lane, "a netascii read with options", read(*big, mode="netascii"), tftp.OACK),
        Silent(lane, "a read with all options", read(*big, ("tsize", 0), ("timeout", 1), ("rollover", 0)),
               tftp.OACK),
        Silent(lane, "a read with unknown options", read(("x", "y" * 400)), tftp.DATA),
        Silent(lane, "an upload", write(name="silent-1"), tftp.ACK),
        Silent(lane, "an upload with options", write(*big, ("tsize", 5), name="silent-2"), tftp.OACK),
        Silent(lane, "a missing file", read(name="missing"), tftp.ERROR, most=1),
        Silent(lane, "an unknown mode", read(mode="what"), tftp.ERROR, most=1),
        Silent(lane, "a cut request", b"\0\1loop\0oct", tftp.ERROR, most=1),
    ]
    for every in (0.02, 0.06, 0.25, 1.0):
        times = int(3.0 / every)
        found += [
            Silent(lane, f"a read every {every} s", read(), tftp.DATA, times=times, every=every),
            Silent(lane, f"a read with options every {every} s", read(*big), tftp.OACK, times=times, every=every),
            Silent(lane, f"an upload every {every} s", write(name=f"silent-{every}"), tftp.ACK,
                   times=times, every=every),
            Silent(lane, f"a missing file every {every} s", read(name="missing"), tftp.ERROR, most=1,
                   times=times, every=every),
        ]
    return found


def watch_silent(lane):
    clients, begin = silent_clients(lane), time.monotonic()
    while time.monotonic() < begin + 3.0 + wait_of(lane):
        for client in clients:
            client.go_on(time.monotonic())
        time.sleep(0.002)
    for client in clients:
        client.check()
    worst = max(clients, key=lambda client: client.bytes_out() / (len(client.raw) * client.times))
    lane.note(f"reflection: {sum(c.times for c in clients)} requests of {len(clients)} silent clients, "
              f"{sum(len(c.heard) for c in clients)} packets; most for one: {max(len(c.heard) for c in clients)}; "
              f"the worst factor of bytes: {worst.bytes_out() / len(worst.raw) / worst.times:.1f} by {worst.what}")


def reflection(lane):
    """To an address that says nothing go three copies of one packet at most."""
    lane.file("loop", lane.content(200000))
    lane.serve("-s", "-c", lane.root, fresh=True)
    watch_silent(lane)


def reflection_of_one_port(lane):
    if lane.full:
        lane.file("loop", lane.content(200000))
        serve_configured(lane, "single-port = yes\ncreate = yes\n", fresh=True)
        watch_silent(lane)


TESTS = (
    ("two servers that are set on each other fall silent", two_servers, False),
    ("bad partners start no loop", bad_partners, False),
    ("a silent client gets three copies of one packet at most", reflection, False),
    ("so it is with single-port", reflection_of_one_port, False),
)
