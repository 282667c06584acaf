"""The answer comes from the address that was asked, whatever the route says.

Clients drop what comes from another address: several addresses on one interface,
service addresses on lo, IPv6.  And an IPv4 client of a dual-stack socket stands in
the log as what it is, not as ::ffff:1.2.3.4.
"""

import ctypes
import os
import pathlib
import socket
import subprocess

import tftp
from harness import check, check_equal, of_peer, run, until

CONTENT = b"the same for all" * 100


def fetch(lane, server, source=None):
    """Read a file from that address; returns the peer, and its end record."""
    lane.file("address", CONTENT)
    peer = lane.peer(server, source=source)
    check_equal(peer.get("address", blksize=512, tsize=0), CONTENT, f"content from {server[0]}")
    check_equal(peer.tid[0], server[0], "address that answered")
    record = lane.log.wait_end(**of_peer(peer))
    check_equal((record["client"], record["server"], record["outcome"]),
                (peer.address, server[0], "complete"), "addresses in the log")
    return peer, record


def loopback_addresses(lane):
    """First of all: the first datagram is queued before the server runs, and
    tells its destination all the same."""
    for mode in ("foreground", "xinetd", "inetd", "activate-inetd"):
        lane.serve(mode=mode)
        for number in (1, 2, 77):
            fetch(lane, (f"127.0.0.{number}", 69))
        fetch(lane, ("127.0.0.3", 69), source="127.9.9.9")


def ipv6_loopback(lane):
    for mode in ("foreground", "xinetd", "inetd", "activate-fds"):
        lane.serve(mode=mode, address="::")
        fetch(lane, ("::1", 69))


def mapped_clients(lane):
    for mode in ("foreground", "xinetd", "activate-inetd"):
        lane.serve(mode=mode, address="::")
        _, record = fetch(lane, ("127.0.0.2", 69))
        check(":" not in record["client"] + record["server"], f"mapped addresses: {record}")


def upload_and_error(lane):
    """Not only DATA: ACK and ERROR come from there too."""
    lane.serve()
    peer = lane.peer(("127.0.0.5", 69))
    peer.put("address-up", b"x" * 600)
    check_equal(peer.tid[0], "127.0.0.5", "address that acknowledged")
    peer = lane.peer(("127.0.0.5", 69))
    peer.read("address-missing")
    check_equal(peer.expect(tftp.ERROR, 1).source[0], "127.0.0.5", "address that refused")


class Neighbour:
    """A second network namespace at the other end of a veth pair."""

    def __init__(self, lane):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "300"],
                                       stdin=subprocess.DEVNULL)
        mine = os.readlink("/proc/self/ns/net")
        until(lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != mine, 5, "a second namespace")
        ip = lane.ip()
        run(ip, "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", self.holder.pid)
        self.place = f"/proc/{self.holder.pid}/ns/net"
        for number in (1, 2):
            run(ip, "addr", "add", f"10.77.0.{number}/24", "brd", "+", "dev", "v0")
            run(ip, "addr", "add", f"fd77::{number}/64", "dev", "v0", "nodad")
        run(ip, "link", "set", "v0", "up")
        self.visit(lambda: (run(ip, "link", "set", "lo", "up"),
                            run(ip, "addr", "add", "10.77.0.10/24", "brd", "+", "dev", "v1"),
                            run(ip, "addr", "add", "fd77::10/64", "dev", "v1", "nodad"),
                            run(ip, "link", "set", "v1", "up")))

    def visit(self, function):
        """Call function() over there; sockets that it makes stay there."""
        libc = ctypes.CDLL(None, use_errno=True)
        home, there = os.open("/proc/self/ns/net", os.O_RDONLY), os.open(self.place, os.O_RDONLY)
        try:
            self.enter(libc, there)
            try:
                return function()
            finally:
                self.enter(libc, home)
        finally:
            os.close(home)
            os.close(there)

    @staticmethod
    def enter(libc, namespace):
        if libc.setns(namespace, 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def leave(self):
        self.holder.terminate()
        self.holder.wait(5)


def over_a_wire(lane):
    """Two addresses on one interface: the kernel would answer from the first."""
    neighbour = Neighbour(lane)
    try:
        lane.file("address", CONTENT)
        lane.serve(address="::")
        for server, source in (("10.77.0.1", "10.77.0.10"), ("10.77.0.2", "10.77.0.10"),
                               ("fd77::1", "fd77::10"), ("fd77::2", "fd77::10")):
            peer = neighbour.visit(lambda: lane.peer((server, 69), source=source))
            check_equal(peer.get("address"), CONTENT, f"content from {server}")
            check_equal(peer.tid[0], server, "address that answered")
            record = lane.log.wait_end(**of_peer(peer))
            check_equal((record["client"], record["server"]), (source, server), "addresses in the log")
        link_local(lane, neighbour)
        fits_the_wire(lane, neighbour)
        no_broadcast(lane, neighbour)
    finally:
        lane.stop_server()
        neighbour.leave()


def link_local(lane, neighbour):
    """fe80:: means nothing without its interface."""
    lines = pathlib.Path("/proc/thread-self/net/if_inet6").read_text().splitlines()
    digits = next(line[:32] for line in lines if line.startswith("fe80") and line.endswith(" v0"))
    server = ":".join(digits[i:i + 4] for i in range(0, 32, 4))

    def make_peer():
        return lane.peer((server, 69, 0, socket.if_nametoindex("v1")), source="::")

    peer = neighbour.visit(make_peer)
    # The address of the other end settles a moment after the link is up.
    until(lambda: neighbour.visit(has_link_local), 5, "a link-local address over there")
    peer.send_to_service(tftp.request_bytes(tftp.RRQ, "address"))
    # How the log writes its address, with the scope or without, is not our point.
    lane.ledger.note("address")
    check_equal(peer.get_rest(), CONTENT, "content from a link-local address")


def has_link_local():
    """Of v1; "tentative" (flag 40) is not yet one."""
    lines = pathlib.Path("/proc/thread-self/net/if_inet6").read_text().splitlines()
    return any(line.startswith("fe80") and not int(line.split()[4], 16) & 0x40 for line in lines)


def fits_the_wire(lane, neighbour):
    """max-blksize = auto: no block is granted that the path would have to cut."""
    for server, source, most in (("10.77.0.2", "10.77.0.10", 1468), ("fd77::2", "fd77::10", 1448)):
        peer = neighbour.visit(lambda: lane.peer((server, 69), source=source))
        peer.read("address", blksize=65464)
        granted = int(peer.expect(tftp.OACK).options["blksize"])
        check(512 < granted <= most, f"blksize {granted} for an MTU of 1500")
        peer.error(0)
        lane.log.wait_end(**of_peer(peer))


def no_broadcast(lane, neighbour):
    """RFC 1123 4.2.3.4: a request to everybody is a request to nobody."""
    lane.serve()
    before = len(lane.log.lines())
    peer = neighbour.visit(lambda: lane.peer(("10.77.0.255", 69), source="10.77.0.10"))
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    peer.read("address", ends=None)
    friend = neighbour.visit(lambda: lane.peer(("10.77.0.2", 69), source="10.77.0.10"))
    check_equal(friend.get("address"), CONTENT, "the next read")
    peer.expect_silence(0.2)
    lane.log.wait_end(**of_peer(friend))
    check_equal(len(lane.log.starts()), len({r["id"] for r in lane.log.starts()}), "start records")
    check(len(lane.log.lines()) - before <= 3, "a broadcast left more than one record")


TESTS = (
    ("the address of 127.0.0.0/8 that was asked answers", loopback_addresses, True),
    ("::1 answers for ::1", ipv6_loopback, True),
    ("an IPv4 client of a dual-stack socket is logged as IPv4", mapped_clients, True),
    ("uploads and errors come from the asked address too", upload_and_error, True),
    ("two addresses on one interface, link-local, MTU and broadcast", over_a_wire, False),
)
