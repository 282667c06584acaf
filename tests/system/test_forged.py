"""Requests from addresses that were forged: who is there never asked, and says nothing.

A flood of them must not keep a real client from its file, must not reach anybody with
more than a few packets a request, and must not fill the disk with records.  How many
requests a flood has follows from --full; how many a second does not.
"""

import functools
import os
import pathlib
import select
import signal
import socket
import struct
import time

import storm
import test_storm
import tftp
from asking import serve_configured
from harness import PORT, check, check_equal, kill, until

IP_PKTINFO = 8
RATE = 5000                 # forged requests a second
COUNT, COUNT_FULL = 10_000, 100_000
CLIENTS = 5                 # real ones, each second of the flood
SERVED_WITHIN = 3.0
RETRY = 1.0                 # of a real client
LOG_LEAST = 4 << 20         # bytes of log that any flood may cost
VICTIM = "127.66.6.6"


class Forger:
    """Sends from any address of 127/8, and from as many ports as it has sockets.

    Nobody answers: the sockets are there, and what comes for them is thrown away."""

    def __init__(self, ports=64):
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(ports)]
        for number, sock in enumerate(self.sockets):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.bind(("0.0.0.0", 20000 + number))

    def send(self, address, number, raw):
        source = struct.pack("=i4s4s", 0, socket.inet_aton(address), b"\0" * 4)
        self.sockets[number % len(self.sockets)].sendmsg(
            [raw], [(socket.IPPROTO_IP, IP_PKTINFO, source)], 0, ("127.0.0.1", PORT))

    def close(self):
        for sock in self.sockets:
            sock.close()


# Floods: what the n-th request is, where it seems to come from.

def address_of(number):
    """Addresses without end, none of them a real client's."""
    return f"127.{128 + (number >> 16) % 120}.{number >> 8 & 255}.{number & 255}"


def always_new(name, opcode=tftp.RRQ, options=()):
    """Each from another address and port."""
    raw = tftp.request_bytes(opcode, name, "octet", options)
    return lambda number: (address_of(number), number * 7, raw)


def uploads(number):
    return address_of(number), number, tftp.request_bytes(tftp.WRQ, f"forged-up-{number % 50}")


def come_again(number):
    """3,000 senders that ask again and again, each with the same request."""
    return address_of(number % 3000), number % 3000, tftp.request_bytes(tftp.RRQ, "forged")


def one_victim(number):
    """One address, with as many ports and names as there can be."""
    return VICTIM, number, tftp.request_bytes(tftp.RRQ, f"victims/{number // 64 % 100}")


class Kind:
    """A flood, the configuration that it meets, and what may become of it.

    log_each   bytes of log that a request may cost.  Where each can be answered, as a
               missing file is at once, each has its record; where most are turned away,
               hardly any has
    """

    def __init__(self, title, request, log_each, config="", always=True):
        self.title, self.request, self.log_each = title, request, log_each
        self.config, self.always = config, always


BIG = ("blksize", 1428), ("windowsize", 64)
KINDS = (
    Kind("forged reads", always_new("forged"), 100),
    Kind("forged reads with options", always_new("forged", options=BIG), 100, always=False),
    Kind("forged reads of a missing file", always_new("forged-missing"), 500),
    Kind("forged uploads", uploads, 100, always=False),
    Kind("forged requests that come again", come_again, 200),
    Kind("forged requests of one victim", one_victim, 20),
    Kind("forged reads with 20 places", always_new("forged"), 20, "max-transfers = 20\n", always=False),
    Kind("forged reads with single-port", always_new("forged"), 100, "single-port = yes\n", always=False),
)


class Flood:
    """A process that sends a flood; how it went is told through a pipe."""

    def __init__(self, request, count, rate=RATE):
        self.count, (reader, writer) = count, os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self.send_all(request, count, rate, writer)
        os.close(writer)
        self.reader = reader

    @staticmethod
    def send_all(request, count, rate, writer):
        # The parent's signals and its lane are not ours.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(180)
        try:
            forger, begin, late = Forger(), time.monotonic(), 0
            for number in range(count):
                forger.send(*request(number))
                if number % 50 == 0:
                    time.sleep(max(0, begin + number / rate - time.monotonic()))
            # They stay: a closed port would end the transfers.
            os.write(writer, struct.pack("d", time.monotonic() - begin))
            signal.pause()
        finally:
            os._exit(1)

    def is_over(self):
        return bool(select.select([self.reader], [], [], 0)[0])

    def stop(self):
        """Returns how many seconds it took."""
        until(self.is_over, 120, "the end of the flood")
        took, = struct.unpack("d", os.read(self.reader, 8))
        self.kill()
        return took

    def kill(self):
        if self.pid:
            kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self.reader)
        self.pid = 0


class Client(storm.Reader):
    """A real one: it asks again each second, and gives up for nothing but an ERROR."""

    begun, acks = None, 0

    def ask(self, now):
        self.begun = self.begun or now
        super().ask(now)

    def send(self, raw):
        self.acks += 1
        super().send(raw)

    def seconds(self):
        return self.done_at - self.begun


def serve_clients(lane, flood, content):
    """Real clients, all the time that the flood lasts; returns them."""
    clients, begin = [], time.monotonic()
    while not flood.is_over():
        some = [Client(f"127.3.{len(clients) // 250}.{(len(clients) + n) % 250 + 1}",
                       ("127.0.0.1", PORT), "wanted", content) for n in range(CLIENTS)]
        for client in some:
            lane.ledger.note("wanted", None, client=client.address, port=client.port)
        rush(some, 1.0, SERVED_WITHIN + 2)
        clients += some
        check(time.monotonic() < begin + 120, "the flood does not end")
    return clients


def rush(clients, spread, patience):
    """storm.rush() with clients that ask again each second."""
    poll = select.epoll()
    by_fd = {client.socket.fileno(): client for client in clients}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    begin = now = time.monotonic()
    due = {client: begin + index * spread / len(clients) for index, client in enumerate(clients)}
    while due and now < begin + spread + patience:
        for client in [c for c, when in due.items() if now >= when]:
            if client.tid is None:
                client.ask(now)
            due[client] = now + RETRY
        for fd, _ in poll.poll(0.01, 64):
            client = by_fd[fd]
            client.on_ready(now)
            if client.done_at is not None:
                poll.unregister(fd)
                due.pop(client)
        now = time.monotonic()
    poll.close()
    for client in clients:
        client.socket.close()


# What a flood costs.

def datagrams_sent():
    """By all in this network namespace."""
    names, values = [line.split()[1:] for line in pathlib.Path("/proc/net/snmp").read_text().splitlines()
                     if line.startswith("Udp:")]
    return int(dict(zip(names, values))["OutDatagrams"])


def prepare(lane, kind, content):
    """Who of the forged was served and how often is not said beforehand."""
    lane.file("forged", lane.content(5000))
    lane.file("wanted", content)
    victims = [f"victims/{number}" for number in range(100)]
    for name in victims:
        lane.file(name, b"v" * 2000)
    for name in ("forged", "forged-missing", *victims, *(f"forged-up-{number}" for number in range(50))):
        lane.ledger.note(name, None)
    if kind.config:
        serve_configured(lane, kind.config, fresh=True)
    else:
        lane.serve("-s", "-c", lane.root, fresh=True)


def flood_and_clients(kind, lane):
    if not (kind.always or lane.full):
        return
    count = COUNT_FULL if lane.full else COUNT
    content = lane.content(3000)
    prepare(lane, kind, content)
    dispatcher, size, before = lane.server.dispatcher(), log_size(lane), datagrams_sent()
    flood = Flood(kind.request, count)
    try:
        clients = serve_clients(lane, flood, content)
        took = flood.stop()
    finally:
        flood.kill()
    check_served(clients)
    check_equal(lane.server.dispatchers(), [dispatcher], "dispatchers after the flood")
    sent, grown = datagrams_sent() - before, log_size(lane) - size
    out = sent - count - sum(client.asked + client.acks for client in clients)
    lane.note(f"forged: {kind.title}: {count} in {took:.1f} s, {out} packets out, {grown >> 10} KiB of log; "
              f"{len(clients)} clients, the slowest {max(client.seconds() for client in clients):.2f} s")
    check(out <= 3 * count, f"{out} packets for {count} requests")
    check(grown <= max(count * kind.log_each, LOG_LEAST), f"the log grew by {grown} bytes for {count} requests")


def check_served(clients):
    check(len(clients) >= CLIENTS, "there were no clients")
    wrong = [f"{c.address}: {c.error}" for c in clients if c.error]
    check(not wrong, f"{len(wrong)} of {len(clients)} got something wrong: {wrong[:5]}")
    late = [c for c in clients if not c.done_at or c.seconds() > SERVED_WITHIN]
    check(not late, f"{len(late)} of {len(clients)} clients were not served within {SERVED_WITHIN} s: "
          f"{[c.done_at and round(c.seconds(), 2) for c in late[:10]]}")


def rack_behind_one_address(lane):
    """Honest clients of one address, as behind NAT: they are more than one address may
    have as long as nobody has answered, and wait for each other, and nobody asks twice."""
    content = lane.content(3000)
    lane.file("rack", content)
    serve_configured(lane, "max-transfers = 600\n", fresh=True)
    clients = [storm.Reader("127.0.0.1", ("127.0.0.1", PORT), "rack", content) for _ in range(500)]
    for client in clients:
        lane.ledger.note("rack", 1, client=client.address, port=client.port)
    result = storm.rush(clients, 0.1, 20 * lane.slowness)
    for client in clients:
        client.socket.close()
    test_storm.check_served(result, len(clients))


def log_size(lane):
    return sum(path.stat().st_size for path in lane.log.files())


TESTS = (
    ("500 clients behind one address are all served and ask once", rack_behind_one_address, False),
    *((f"{kind.title}: real clients are served within 3 s",
       functools.partial(flood_and_clients, kind), False) for kind in KINDS),
)
