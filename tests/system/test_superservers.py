"""Each superserver as its package has it, with what we ship for it: the storm of a
rack, twice, and an administrator who reloads and restarts it in the middle."""

import functools
import os
import re

import storm
import superservers
import test_lifecycle
import tftp
from harness import check, check_equal, listening, of_peer, until
from test_storm import SPREAD, address, check_records, check_served, close, note

RACK = 500
# So many fit into the queue that a superserver's socket has before tftpd enlarges it.
COLD_RACK = 200
SERVERS = {"IPv4": ("127.0.0.1", 69), "IPv6": ("::1", 69)}
SWITCHED_OFF = re.compile("looping|deactivat|disabl|terminating|fail|too (many|fast)", re.I)


def tests(name):
    kind = getattr(superservers, name)
    if kind is superservers.BusyboxUdpsvd:
        return [("a server for each client: all are served, each has one record",
                 functools.partial(one_by_one, kind), False)]
    if kind is superservers.BusyboxInetd and "BUSYBOX" not in os.environ:
        return []
    table = [
        ("500 clients are served by one start and ask once", whole_rack),
        ("idle it leaves, and the next rack starts it again", next_rack),
        ("stopped and started again, transfers finish and new ones begin", restarted),
        ("it was never switched off", never_switched_off),
    ]
    if kind.reloads:
        table.insert(2, ("a reload disturbs no transfer and starts nothing", reloaded))
    return [(text, functools.partial(function, kind), False) for text, function in table]


def serve(lane, kind):
    """The lane's superserver of that kind."""
    if not isinstance(lane.server, kind):
        lane.stop_server()
        lane.server = kind(lane)
    return lane.server


def starts(lane):
    """How often a server was started: each says so in the log."""
    return sum(rec["message"].startswith("dispatcher started")
               for rec in lane.log.records(event="notice"))


def fetch(lane, kind, name):
    """One client of each family."""
    lane.file(name, b"small")
    for family in kind.families:
        check_equal(lane.peer(SERVERS[family]).get(name), b"small", f"{name} by {family}")


def rack(lane, kind, name, count):
    """So many clients ask within SPREAD, and all are served."""
    clients, result = ask(lane, kind, name, count)
    check_served(result, count)
    check_records(lane, clients)


def ask(lane, kind, name, count):
    """Clients of all families in turn; returns them, and what came of it."""
    content = lane.content(2048)
    lane.file(name, content)
    families = [kind.families[n % len(kind.families)] for n in range(count)]
    clients = [storm.Reader("::1" if family == "IPv6" else address(n), SERVERS[family], name,
                            content, tsize=0, blksize=1468)
               for n, family in enumerate(families)]
    note(lane, clients)
    result = storm.rush(clients, SPREAD, 20 * lane.slowness)
    close(clients)
    return clients, result


def whole_rack(kind, lane):
    server, before = serve(lane, kind), starts(lane)
    fetch(lane, kind, "first-of-all")
    keepers = server.wait_keepers()
    rack(lane, kind, "rack", RACK)
    check_equal(server.keepers(), keepers, "the servers after the storm")
    check_equal(starts(lane) - before, server.sockets, "starts of a server")
    health = lane.run_stats("health")
    check_equal(health.returncode, 0, f"status of tftpd-stats health: {health.stdout}")


def next_rack(kind, lane):
    server = serve(lane, kind)
    server.wait_idle()
    before = starts(lane)
    rack(lane, kind, "next-rack", COLD_RACK)
    check_equal(starts(lane) - before, server.sockets, "starts of a server")


def running_reads(lane, kind):
    """Some that have half of their blocks and wait for us, by each family."""
    lane.file("long", lane.content(test_lifecycle.SIZE))
    peers = [lane.peer(SERVERS[family]) for family in kind.families for _ in range(3)]
    for peer in peers:
        peer.read("long")
        for index in range(1, 11):
            peer.expect(tftp.DATA, index)
            peer.ack(index)
    return peers


def finish(lane, peers):
    for peer in peers:
        test_lifecycle.finish(peer)
        check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome")


def reloaded(kind, lane):
    server = serve(lane, kind)
    fetch(lane, kind, "before-reload")
    peers, keepers, before = running_reads(lane, kind), server.wait_keepers(), starts(lane)
    server.reload()
    fetch(lane, kind, "after-reload")
    check(server.is_running(), "the superserver has ended")
    check_equal(server.keepers(), keepers, "the servers after the reload")
    finish(lane, peers)
    check_equal(starts(lane), before, "starts of a server")


def restarted(kind, lane):
    """What is given up is given to the next: no transfer ends, no port is blocked."""
    server = serve(lane, kind)
    for number in kind.stop_signals:
        server.wait_idle()
        fetch(lane, kind, f"before-{number.name}")
        peers, old = running_reads(lane, kind), server.wait_keepers()
        server.quit(number)
        server.start_again()
        fetch(lane, kind, f"after-{number.name}")
        check(not set(server.wait_keepers()) & set(old), "the new ones are the old ones")
        finish(lane, peers)
    server.wait_idle()
    check(listening(), "nobody listens")


def one_by_one(kind, lane):
    server = serve(lane, kind)
    clients, result = ask(lane, kind, "one-by-one", 100)
    check(not result.wrong and not result.silent, f"{result.wrong[:3]} {result.silent[:3]}")
    check_records(lane, clients)
    lane.note(f"{kind.__name__}: {starts(lane)} servers for {len(clients)} clients, "
              f"{len(result.asked_twice)} asked twice")
    until(lambda: not server.keepers(), 10 * lane.slowness, "the servers have left")


def never_switched_off(kind, lane):
    told = [line for line in lane.syslog if "inetd" in line and SWITCHED_OFF.search(line)]
    check(not told, f"syslog: {told[:5]}")
    check(lane.server.is_running(), "the superserver has ended")
