"""single-port: each answer comes from the port that was asked.

Then a transfer works through NAT, load balancers and clusters.  The kernel keeps the
transfers apart by their clients; what it hands to the wrong socket on the way, and a
client that asks anew on the socket of its old transfer, must be served all the same.
"""

import collections
import concurrent.futures
import ipaddress
import os
import pathlib
import select
import signal
import socket
import subprocess
import time

import storm
import tftp
from balancer import ADDRESS, SOURCE, Balancer
from harness import (FIRST_CLIENT_PORT, PORT, check, check_equal, children, of_peer, status_of, until)
from settings import Conf, Notices
from test_address import Neighbour, has_link_local
from test_orders import has_let_go
from test_storm import address, check_records, check_served, close, note

ONE_PORT = ("single-port = yes", "create = yes", "overwrite = yes")
BIND = 1 << 10                  # CAP_NET_BIND_SERVICE
BLOCK = 512


class Peer(tftp.Peer):
    """A client that takes nothing but what comes from where it asked."""

    def hear(self, seconds=None):
        packet = super().hear(seconds)
        if packet is not None:
            check_equal(packet.source[:2], self.server[:2], f"where {packet} came from")
            self.tid = packet.source
        return packet


def connect(lane, server=("127.0.0.1", PORT), **how):
    how.setdefault("port", FIRST_CLIENT_PORT + lane.count())
    peer = Peer(lane.ledger, server, patience=5.0 * lane.slowness, **how)
    lane.peers_open.append(peer)
    return peer


def serve(lane, *lines, **how):
    """Returns server and file."""
    where = Conf(lane)
    where.write(*ONE_PORT, *lines)
    return lane.serve("-f", where.path, fresh=True, **how), where


def outcome(lane, peer):
    return lane.log.wait_end(**of_peer(peer))["outcome"]


# One client.

def each_answer(lane):
    """DATA, OACK, ACK and ERROR; of reads, uploads, refusals and busy servers."""
    serve(lane)
    content = lane.content(70_000)
    lane.file("one", content)
    for options in ({}, {"blksize": 1428, "tsize": 0}, {"blksize": 1000, "windowsize": 8}):
        peer = connect(lane)
        check_equal(peer.get("one", **options), content, f"content with {options}")
        check_equal(outcome(lane, peer), "complete", "outcome")
        peer = connect(lane)
        peer.put(f"one-up-{len(options)}", content, **options)
        check_equal((lane.root / f"one-up-{len(options)}").read_bytes(), content, f"upload with {options}")
    for raw, code in ((tftp.request_bytes(tftp.RRQ, "one-missing"), 1),
                      (tftp.request_bytes(tftp.WRQ, "one-missing/x"), 1),
                      (tftp.request_bytes(tftp.RRQ, "one", "mail"), 4)):
        peer = connect(lane)
        peer.send_to_service(raw)
        lane.ledger.note(tftp.Packet(raw, None).raw[2:].split(b"\0")[0], client=peer.address, port=peer.port)
        peer.expect(tftp.ERROR, code)


def busy(lane):
    """Who is told that there is no room hears it from that port as well."""
    serve(lane, "max-transfers = 1")
    lane.file("held", lane.content(3 * BLOCK))
    holder, other = connect(lane), connect(lane)
    holder.read("held")
    holder.expect(tftp.DATA, 1)
    holder.ack(1)
    holder.expect(tftp.DATA, 2)
    other.read("held")
    check_equal(other.expect(tftp.ERROR, 0).text, "Server busy", "what it is told")
    check_equal(outcome(lane, other), "limited", "outcome")
    finish(holder, 2, 4)
    check_equal(outcome(lane, holder), "complete", "outcome")


def finish(peer, first, last):
    """ACKs of these blocks."""
    for index in range(first, last):
        peer.ack(index)
        peer.drain_to(tftp.DATA, index + 1)
    peer.ack(last)


def other_name(lane):
    """A new request of the port replaces the transfer under way: there can be one only."""
    serve(lane)
    lane.file("first", lane.content(5 * BLOCK, seed=1))
    lane.file("second", lane.content(5 * BLOCK, seed=2))
    peer = connect(lane)
    peer.read("first")
    peer.expect(tftp.DATA, 1)
    peer.ack(1)
    peer.expect(tftp.DATA, 2)
    begin = time.monotonic()
    peer.read("second")
    packet = hear_content(peer, lane.content(BLOCK, seed=2)[:BLOCK])
    check(time.monotonic() - begin < 0.4 * lane.slowness, "it took longer than a resend")
    check_equal(packet.block, 1, "the block")
    finish(peer, 1, 6)
    lane.log.wait_end(file="first", outcome="vanished", **of_peer(peer))
    lane.log.wait_end(file="second", outcome="complete", **of_peer(peer))


def hear_content(peer, wanted):
    """The first DATA with that; some of the old transfer may be on its way."""
    for _ in range(20):
        packet = peer.expect(tftp.DATA)
        if packet.payload == wanted:
            return packet
    raise tftp.Unexpected("no DATA of the new transfer")


def three_names_at_once(lane):
    """Back to back from one port: the last one counts, for there can be one only.  Each
    leaves a record, and nobody is told that the server is busy."""
    serve(lane)
    names = [f"at-once-{number}" for number in range(3)]
    for number, name in enumerate(names):
        lane.file(name, lane.content(3 * BLOCK, seed=number))
    wanted = lane.content(3 * BLOCK, seed=2)
    for _ in range(10):
        peer, begin = connect(lane), time.monotonic()
        for name in names:
            peer.read(name)
        hear_content(peer, wanted[:BLOCK])
        took = time.monotonic() - begin
        check(took < 0.4 * lane.slowness, f"the last one waited {took:.2f} s")
        finish(peer, 1, 4)
        until(lambda: len(lane.log.ends(**of_peer(peer))) == 3, 5 * lane.slowness, "three end records")
        check_equal({record["file"]: record["outcome"] for record in lane.log.ends(**of_peer(peer))},
                    dict(zip(names, ("vanished", "vanished", "complete"))), "outcomes")
        late = [packet for _, packet in peer.hear_all(0) if packet.op == tftp.ERROR]
        check(not late, f"told besides: {late}")


def after_a_reset(lane):
    """The same name again: with other options at once, the very same when it is too late
    for a copy of the first."""
    serve(lane)
    lane.file("reset", lane.content(3 * BLOCK))
    peer = connect(lane)
    peer.read("reset")
    peer.expect(tftp.DATA, 1)
    peer.ack(1)
    peer.expect(tftp.DATA, 2)
    peer.read("reset", blksize=1000)
    hear_oack(peer)
    peer.ack(0)
    peer.drain_to(tftp.DATA, 1)
    peer.ack(1)
    peer.drain_to(tftp.DATA, 2)
    time.sleep(1.1)             # this is the test, not a way to wait
    peer.drain()
    peer.read("reset", blksize=1000)
    hear_oack(peer)
    peer.ack(0)
    peer.drain_to(tftp.DATA, 1)
    peer.ack(1)
    peer.drain_to(tftp.DATA, 2)
    peer.ack(2)
    until(lambda: len(lane.log.ends(**of_peer(peer))) == 3, 5 * lane.slowness, "three end records")
    check_equal([record["outcome"] for record in lane.log.ends(**of_peer(peer))],
                ["vanished", "vanished", "complete"], "outcomes")


def hear_oack(peer):
    """DATA of the old transfer may be on its way."""
    for _ in range(20):
        packet = peer.hear()
        if packet is None or packet.op != tftp.DATA:
            break
    check(packet is not None and packet.op == tftp.OACK, f"OACK should have come, not {packet or 'silence'}")


def repeated_request(lane):
    """While the client is silent each copy brings the first reply again; once it has
    spoken a copy is late, and brings nothing."""
    serve(lane)
    lane.file("copies", lane.content(3 * BLOCK))
    peer = connect(lane)
    raw = peer.read("copies")
    peer.expect(tftp.DATA, 1)
    for _ in range(3):
        time.sleep(0.06)        # what comes sooner is taken for one with the last
        begin = time.monotonic()
        peer.send_to_service(raw)
        peer.expect(tftp.DATA, 1)
        check(time.monotonic() - begin < 0.3 * lane.slowness, "only the timer sent it again")
    peer.ack(1)
    peer.expect(tftp.DATA, 2)
    peer.send_to_service(raw)
    finish(peer, 2, 4)
    check_equal(outcome(lane, peer), "complete", "outcome")


def one_after_the_other(lane):
    """tftp-hpa has one port for all that it does in a session."""
    serve(lane)
    content = lane.content(3 * BLOCK + 7)
    lane.file("session", content)
    peer = connect(lane)
    begin = time.monotonic()
    for number in range(8):
        check_equal(peer.get("session"), content, f"read {number}")
        peer.put(f"session-up-{number}", content)
        check_equal((lane.root / f"session-up-{number}").read_bytes(), content, f"upload {number}")
        peer.read(f"session-missing-{number}")
        hear_error(peer)
    took = time.monotonic() - begin
    check(took < 4 * lane.slowness, f"8 reads, uploads and errors from one port took {took:.1f} s")
    until(lambda: len(lane.log.ends(**of_peer(peer))) == 24, 5 * lane.slowness, "24 end records")
    check_equal(collections.Counter(record["outcome"] for record in lane.log.ends(**of_peer(peer))),
                {"complete": 16, "notfound": 8}, "outcomes")


def hear_error(peer):
    """A repeat of the upload's last ACK may come before it."""
    for _ in range(5):
        packet = peer.hear()
        if packet is not None and packet.op == tftp.ERROR:
            check_equal(packet.code, 1, "the code")
            return
    raise tftp.Unexpected("ERROR 1 did not come")


def strangers(lane):
    """What is no request and of no transfer is nobody's: it disturbs no transfer, and is
    not answered."""
    serve(lane)
    lane.file("calm", lane.content(5 * BLOCK))
    peer, other = connect(lane), connect(lane)
    peer.read("calm")
    peer.expect(tftp.DATA, 1)
    for raw in (tftp.ack_bytes(1), tftp.data_bytes(1, b"x"), tftp.error_bytes(0, "go"), b"", b"\0",
                tftp.oack_bytes(("blksize", "8"))):
        other.socket.sendto(raw, other.server)
    for index in range(1, 6):
        peer.ack(index)
        packet = peer.expect(tftp.DATA, index + 1)
    peer.ack(6)
    check_equal((packet.block, outcome(lane, peer)), (6, "complete"), "last block, and outcome")
    other.expect_silence(0.1)


# Many.

def check_ports(clients):
    wrong = [c for c in clients if c.tid is None or c.tid[1] != PORT]
    check(not wrong, f"{len(wrong)} of {len(clients)} were answered from another port: "
                     f"{[c.tid for c in wrong[:3]]}")


def rush(lane, clients, spread):
    note(lane, clients)
    result = storm.rush(clients, spread, 30 * lane.slowness)
    close(clients)
    check_served(result, len(clients))
    check_ports(clients)
    check_records(lane, clients)
    return result


def at_once(lane):
    """Reads and uploads, in lock-step and with windows; all are equal in the end."""
    serve(lane)
    size = (20 if lane.quick else 150) << 10
    content, clients = lane.content(size, seed=9), []
    lane.file("many", content)
    for number in range(40 if lane.quick else 200):
        options = {"blksize": 1428, "windowsize": (1, 4, 16)[number % 3]}
        kind, name = ((storm.Reader, "many"), (storm.Writer, f"many-up-{number}"))[number % 2]
        clients.append(kind(address(number), ("127.0.0.1", PORT), name, content, **options))
    result = rush(lane, clients, 0.05)
    lane.note(f"{len(clients)} transfers at once: {result.seconds:.2f} s")
    for client in clients[1::2]:
        check((lane.root / client.name).read_bytes() == content, f"{client.name} has other content")
        (lane.root / client.name).unlink()
    check_equal(lane.hidden(), [], "hidden files")


def boot_storm(lane):
    """500 within 100 ms, and 500 as fast as they can be sent: for each a socket is bound
    that for a moment gets what others send.  No request is lost by that."""
    serve(lane)
    content = lane.content(2048)
    for spread in (0.1, 0.0):
        # a client's port may come again, so the name is another one
        name = f"boot-{lane.count()}"
        lane.file(name, content)
        check_equal(connect(lane).get(name), content, "the first read")
        clients = [storm.Reader(address(n), ("127.0.0.1", PORT), name, content, tsize=0, blksize=1468)
                   for n in range(50 if lane.quick else 500)]
        result = rush(lane, clients, spread)
        lane.note(f"{len(clients)} requests within {result.sending:.3f} s: {result.seconds:.2f} s")


# Addresses.

def addresses(lane):
    """The address that was asked answers, and its port: whatever the socket is bound to."""
    content = lane.content(3000, seed=6)
    lane.file("addresses", content)
    v4, v6 = [("127.0.0.1", PORT), ("127.0.0.9", PORT)], [("::1", PORT)]
    for how, servers in (({"mode": "xinetd", "address": "::"}, v4 + v6),
                         ({"address": "::"}, v4 + v6),
                         ({"address": "0.0.0.0"}, v4),
                         ({"address": "127.0.0.5"}, [("127.0.0.5", PORT)]),
                         ({"mode": "inetd", "address": "::"}, v4 + v6),
                         ({"mode": "activate-fds", "address": "[::1]"}, v6)):
        serve(lane, **how)
        for server in servers:
            peers = [connect(lane, server) for _ in range(5)]
            for peer in peers:
                peer.read("addresses", blksize=512, windowsize=2)
            for peer in peers:
                check_equal(peer.get_rest(), content, f"content from {server[0]}, {how}")
                record = lane.log.wait_end(**of_peer(peer))
                check_equal((record["server"], record["server_port"], record["client"], record["outcome"]),
                            (server[0], PORT, peer.address, "complete"), f"in the log, {how}")
            peer = connect(lane, server)
            peer.put("addresses-up", content)
            check_equal((lane.root / "addresses-up").read_bytes(), content, f"upload to {server[0]}, {how}")


def over_a_wire(lane):
    """Several addresses on one interface, link-local ones with their scope, and a
    broadcast, which an address of the interface answers."""
    neighbour = Neighbour(lane)
    content = lane.content(3000, seed=6)
    lane.file("wire", content)
    try:
        serve(lane, "broadcast = yes", address="::")
        for server, source in (("10.77.0.1", "10.77.0.10"), ("10.77.0.2", "10.77.0.10"),
                               ("fd77::1", "fd77::10"), ("fd77::2", "fd77::10")):
            peer = neighbour.visit(lambda: connect(lane, (server, PORT), source=source))
            check_equal(peer.get("wire"), content, f"content from {server}")
            check_equal(outcome(lane, peer), "complete", "outcome")
        until(lambda: neighbour.visit(has_link_local), 5, "a link-local address over there")
        until(link_local_address, 5, "a link-local address here")
        peer = neighbour.visit(link_local_peer(lane))
        peer.send_to_service(tftp.request_bytes(tftp.RRQ, "wire"))
        lane.ledger.note("wire")
        check_equal(peer.get_rest(), content, "content from a link-local address")
        peer = neighbour.visit(lambda: lane.peer(("10.77.0.255", PORT), source="10.77.0.10"))
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        peer.read("wire")
        peer.tid = peer.expect(tftp.DATA, 1).source
        check(peer.tid[0] in ("10.77.0.1", "10.77.0.2") and peer.tid[1] == PORT, f"{peer.tid} answers")
        finish(peer, 1, 6)
        check_equal(outcome(lane, peer), "complete", "outcome of a broadcast")
    finally:
        lane.stop_server()
        neighbour.leave()


def link_local_address():
    """Ours on the wire, as soon as it is no longer tentative (flag 40)."""
    lines = pathlib.Path("/proc/thread-self/net/if_inet6").read_text().splitlines()
    found = [line[:32] for line in lines if line.startswith("fe80") and line.endswith(" v0")
             and not int(line.split()[4], 16) & 0x40]
    return found and ":".join(found[0][i:i + 4] for i in range(0, 32, 4))


def link_local_peer(lane):
    server = str(ipaddress.ip_address(link_local_address()))
    return lambda: connect(lane, (server, PORT, 0, socket.if_nametoindex("v1")), source="::")


# With another configuration.

def reloaded(lane):
    """Transfers of an old dispatcher go on, and what comes to their sockets is served."""
    server, where = serve(lane)
    lane.file("long", lane.content(6 * BLOCK, seed=1))
    lane.file("next", b"next")
    reader, again, writer = connect(lane), connect(lane), connect(lane)
    for peer in (reader, again):
        peer.read("long")
        peer.expect(tftp.DATA, 1)
        peer.ack(1)
        peer.expect(tftp.DATA, 2)
    writer.write("long-up")
    writer.expect(tftp.ACK, 0)
    old = server.dispatcher()
    where.write(*ONE_PORT, "max-blksize = 600")
    until(lambda: server.dispatchers() not in ([old], []), 5 * lane.slowness, "a new dispatcher")
    until(lambda: has_let_go(server, old), 5 * lane.slowness, "the old one has stopped reading")
    fresh = connect(lane)
    fresh.read("long", blksize=1428)
    check_equal(fresh.expect(tftp.OACK).options["blksize"], "600", "blksize of a new transfer")
    fresh.error(0)
    # its request comes to the socket of its old transfer, under the old dispatcher
    again.read("next")
    check_equal(hear_content(again, b"next").block, 1, "the block")
    again.ack(1)
    finish(reader, 2, 7)
    writer.data(1, b"w" * 100)
    writer.drain_to(tftp.ACK, 1)
    for peer in (reader, writer):
        check_equal(outcome(lane, peer), "complete", "outcome")
    lane.log.wait_end(file="long", outcome="vanished", **of_peer(again))
    lane.log.wait_end(file="next", outcome="complete", **of_peer(again))


def reloaded_in_a_storm(lane):
    """For a moment two dispatchers read; nothing falls between them."""
    server, where = serve(lane)
    content = lane.content(2048)
    lane.file("boot-reloaded", content)
    check_equal(connect(lane).get("boot-reloaded"), content, "the first read")
    count, notices = 60 if lane.quick else 400, Notices(lane)
    clients = [storm.Reader(address(n), ("127.0.0.1", PORT), "boot-reloaded", content, blksize=700)
               for n in range(count)]
    with concurrent.futures.ThreadPoolExecutor(1) as meanwhile:
        orders = meanwhile.submit(reload_thrice, lane, server.keeper(), notices)
        rush(lane, clients, 1.5)
        orders.result()
    notices.close()


def reload_thrice(lane, keeper, notices):
    """Each when the one before is done: two signals at once would be one."""
    for count in (1, 2, 3):
        time.sleep(0.3)
        os.kill(keeper, signal.SIGHUP)
        until(lambda: notices.dispatchers() >= count, 5 * lane.slowness, f"{count} new dispatchers")


class Session:
    """A client that asks for one file after the other, each as soon as it has the last,
    and all from one port.  A block of the file before that was sent twice, for the ACK
    came late, it could not tell from one of the file that it waits for; we can."""

    def __init__(self, lane, number, contents):
        self.lane, self.contents, self.number = lane, contents, number
        self.peer = connect(lane, source=f"127.40.0.{number + 1}", port=4000 + number)
        self.served, self.trouble, self.is_over = 0, None, False
        self.next()

    def next(self):
        self.name = f"reused-{(self.served + self.number) % len(self.contents)}"
        self.got, self.asked_at = b"", time.monotonic()
        self.peer.read(self.name)

    def is_late_copy(self, packet):
        before = self.contents[f"reused-{(self.served + self.number - 1) % len(self.contents)}"]
        return packet.payload == before[(packet.block - 1) * BLOCK:packet.block * BLOCK]

    def on_ready(self):
        packet = self.peer.hear(0)
        if packet is None or (packet.op == tftp.DATA and packet.block != len(self.got) // BLOCK + 1):
            return
        if packet.op != tftp.DATA:
            self.trouble = f"{self.name}: {packet}"
            return
        if self.is_late_copy(packet):
            return
        self.got += packet.payload
        self.peer.ack(packet.block)
        if len(packet.payload) < BLOCK:
            self.finish()

    def finish(self):
        if self.got != self.contents[self.name]:
            self.trouble = f"{self.name}: other content"
        self.served += 1
        if not self.is_over:
            self.next()

    def is_done(self):
        return self.is_over and len(self.got) % BLOCK != 0


def reloaded_under_sessions(lane):
    """What comes to the socket of an old transfer, under a dispatcher that is about to
    leave, is served by somebody: no client has to ask twice."""
    contents = {f"reused-{number}": b"%d" % number * 700 for number in range(8)}
    for name, content in contents.items():
        lane.file(name, content)
    _, where = serve(lane)
    notices = Notices(lane)
    sessions = [Session(lane, number, contents) for number in range(20)]
    poll, by_fd = select.epoll(), {session.peer.socket.fileno(): session for session in sessions}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    changes, begin = 0, time.monotonic()
    most = 4 if lane.quick else 12
    while not all(session.is_done() for session in sessions):
        for fd, _ in poll.poll(0.05):
            by_fd[fd].on_ready()
        now = time.monotonic()
        lost = [session for session in sessions if now - session.asked_at > 1.5 * lane.slowness
                and not session.is_done()]
        check(not lost, f"no answer to {[(s.name, s.peer.port, s.got[:5]) for s in lost]}, {changes} changes")
        trouble = [session.trouble for session in sessions if session.trouble]
        check(not trouble, f"{trouble[:3]}")
        # one change after the other, as soon as it shows
        if notices.count("new configuration") == changes and changes < most:
            changes += 1
            where.write(*ONE_PORT, f"max-transfers = {500 + changes}")
        elif notices.count("new configuration") == most:
            for session in sessions:
                session.is_over = True
    poll.close()
    lane.note(f"{sum(session.served for session in sessions)} reads from 20 ports, {most} changes within "
              f"{time.monotonic() - begin:.1f} s")
    notices.close()


def dispatcher_killed(lane):
    """Its transfers go on, and the one that takes its place serves."""
    server, _ = serve(lane)
    lane.file("long", lane.content(6 * BLOCK, seed=1))
    peer = connect(lane)
    peer.read("long")
    peer.expect(tftp.DATA, 1)
    old = server.dispatcher()
    os.kill(old, signal.SIGKILL)
    until(lambda: server.dispatchers() not in ([], [old]), 5 * lane.slowness, "a new dispatcher")
    finish(peer, 1, 7)
    check_equal(outcome(lane, peer), "complete", "outcome")
    other = connect(lane)
    check_equal(other.get("long"), lane.content(6 * BLOCK, seed=1), "the next read")


def asked_anew_without_dispatcher(lane):
    """Its request comes to a transfer that has nobody to hand it to: the client asks
    again, as clients do, and is served long before that transfer would give up."""
    server, _ = serve(lane)
    lane.file("long", lane.content(6 * BLOCK, seed=1))
    lane.file("next", b"next")
    peer = connect(lane)
    peer.read("long")
    peer.expect(tftp.DATA, 1)
    peer.ack(1)
    peer.expect(tftp.DATA, 2)
    old = server.dispatcher()
    os.kill(old, signal.SIGKILL)
    until(lambda: server.dispatchers() not in ([], [old]), 5 * lane.slowness, "a new dispatcher")
    peer.ledger.note("next", None, client=peer.address, port=peer.port)

    def is_served():
        peer.read("next", ends=None)
        heard = [packet for _, packet in peer.hear_all(0.5)]
        return any(packet.op == tftp.DATA and packet.payload == b"next" for packet in heard)

    until(is_served, 5 * lane.slowness, "the file that it asked for")
    peer.ack(1)
    lane.log.wait_end(file="long", **of_peer(peer))


# Confinement.

def capabilities(lane):
    """To bind port 69 is all that the dispatcher may; a transfer may nothing."""
    server, _ = serve(lane)
    lane.file("walls", lane.content(6 * BLOCK))
    check(len(connect(lane).get("walls")) == 6 * BLOCK, "the first read")
    reader, writer = connect(lane), connect(lane)
    reader.read("walls")
    reader.expect(tftp.DATA, 1)
    writer.write("walls-up")
    writer.expect(tftp.ACK, 0)
    dispatcher = server.dispatcher()
    check_capabilities(lane, dispatcher, BIND, "the dispatcher")
    for what, peer in (("a read", reader), ("an upload", writer)):
        check_capabilities(lane, pid_of(lane, peer), 0, what)
    # whoever stands there, ready or not
    for pid in children(dispatcher, spares=True):
        check_capabilities(lane, pid, 0, f"process {pid} under it")
    finish(reader, 1, 7)
    writer.data(1, b"")
    writer.drain_to(tftp.ACK, 1)


def pid_of(lane, peer):
    return lane.log.wait_start(**of_peer(peer))["pid"]


def check_capabilities(lane, pid, wanted, what):
    status = status_of(pid)
    for key in ("CapEff", "CapPrm"):
        check_equal(int(status[key], 16), wanted, f"{key} of {what}")
    for key in ("CapInh", "CapAmb"):
        check_equal(int(status[key], 16), 0, f"{key} of {what}")
    check(int(status["CapBnd"], 16) & ~wanted == 0, f"CapBnd of {what}: {status['CapBnd']}")
    check_equal((status["Uid"].split(), status["NoNewPrivs"]), ([str(lane.uid)] * 4, "1"),
                f"uids and NoNewPrivs of {what}")


def high_port(lane):
    """Where no privilege is needed, none is kept."""
    lane.stop_server()
    where = Conf(lane)
    where.write(*ONE_PORT)
    lane.file("high", lane.content(2 * BLOCK))
    process = subprocess.Popen([str(lane.tftpd), "-L", "-a", "127.0.0.1:6969", "-f", str(where.path)],
                               stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=lane.environment())
    try:
        dispatcher = until(lambda: children(process.pid), 5 * lane.slowness, "a dispatcher")[0]
        peer = connect(lane, ("127.0.0.1", 6969))
        until(lambda: knock(peer), 5 * lane.slowness, "it answers")
        check_capabilities(lane, dispatcher, 0, "the dispatcher")
        check_equal(connect(lane, ("127.0.0.1", 6969)).get("high"), lane.content(2 * BLOCK), "the content")
    finally:
        process.terminate()
        process.wait(10 * lane.slowness)


def knock(peer):
    peer.read("not-there", ends=None)
    return peer.hear(0.2) is not None


# Through a load balancer.

def through_a_balancer(lane):
    """Three servers, each in a network of its own; each client is handed to one of them,
    and stays with it."""
    where = Conf(lane)
    where.write(*ONE_PORT)
    lane.stop_server()
    notices, balancer = Notices(lane), Balancer(lane, 3)
    servers = [start_in(lane, place, where) for place in balancer.places]
    try:
        notices.wait("dispatcher started", 3)
        content = lane.content(60_000, seed=8)
        lane.file("balanced", content)
        clients = []
        for number in range(100):
            kind, name = ((storm.Reader, "balanced"), (storm.Writer, f"balanced-up-{number}"))[number % 5 == 0]
            clients.append(kind(SOURCE, (ADDRESS, PORT), name, content, blksize=1400,
                                windowsize=(1, 4)[number % 2]))
        rush(lane, clients, 0.05)
        wrong = [c.tid for c in clients if c.tid != (ADDRESS, PORT)]
        check(not wrong, f"answers from {wrong[:3]}")
        for client in clients[::5]:
            check((lane.root / client.name).read_bytes() == content, f"{client.name} has other content")
        ports = {c.port for c in clients}
        shares = collections.Counter(record["server"] for record in lane.log.ends(client=SOURCE)
                                     if record["client_port"] in ports)
        lane.note(f"through the balancer: {dict(shares)}")
        check(len(shares) == 3 and min(shares.values()) >= 30, f"served by {dict(shares)}")
        not_without(lane, where, notices)
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait(10 * lane.slowness)
        balancer.leave()
        notices.close()


def start_in(lane, place, where):
    command = [*place.enter, lane.tftpd, "-L", "-a", f"0.0.0.0:{PORT}", "-f", where.path]
    return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, env=lane.environment())


def not_without(lane, where, notices):
    """That the balancer is one: without single-port no answer comes from where it was asked."""
    where.write("single-port = no")
    notices.wait("dispatcher started", 6)
    # for a moment both dispatchers of a server read
    until(lambda: not any([is_answered_from_there(lane) for _ in range(3)]), 10 * lane.slowness,
          "no answer comes through, for another port answers")


def is_answered_from_there(lane):
    peer = lane.peer((ADDRESS, PORT), source=SOURCE)
    peer.read("balanced")
    lane.log.wait_start(**of_peer(peer))
    packet = peer.hear(0.3)
    if packet is not None:
        peer.error(0)
    return packet is not None and packet.source == (ADDRESS, PORT)


TESTS = (
    ("each answer comes from the port that was asked", each_answer, True),
    ("also where there is no room", busy, True),
    ("another name from the same port replaces the transfer", other_name, True),
    ("three names at once from one port: the last one counts", three_names_at_once, True),
    ("the same name after a reset replaces it, too", after_a_reset, True),
    ("copies of a request bring the first reply, or nothing", repeated_request, True),
    ("a session from one port goes on without a pause", one_after_the_other, True),
    ("what is nobody's disturbs nobody", strangers, True),
    ("200 reads and uploads at once are all equal", at_once, True),
    ("storms of 500 requests are served and nobody asks twice", boot_storm, True),
    ("IPv4, IPv6, all addresses or one: the one that was asked answers", addresses, True),
    ("several addresses of a wire, link-local ones, a broadcast", over_a_wire, False),
    ("a new configuration leaves transfers alone", reloaded, True),
    ("new dispatchers in a storm lose nothing", reloaded_in_a_storm, True),
    ("clients that reuse their ports at once lose nothing by new configurations", reloaded_under_sessions,
     True),
    ("a killed dispatcher is replaced", dispatcher_killed, True),
    ("a client that asks anew is served all the same", asked_anew_without_dispatcher, False),
    ("the dispatcher may bind a port, and transfers nothing", capabilities, True),
    ("for a high port the dispatcher may nothing, too", high_port, False),
    ("100 transfers through a load balancer to three servers complete", through_a_balancer, False),
)
