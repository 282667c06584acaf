"""A network that does what it can: the file arrives whole, or both sides say that it
did not, within a bounded time and with one record.

The client is a network namespace at the other end of a wire, with an address for each
kind of fault; nftables and the client's own wires (polite.py) make the faults.  All
kinds go on at the same time: what one transfer suffers must not reach another.
"""

import ctypes
import functools
import itertools
import os
import shutil
import subprocess
import time

from harness import Failure, check, check_equal, run, until
from polite import Reader, Wire, Writer, check_all, outcomes, run_all
from settings import Conf

SERVER = "10.78.0.1"
GIVE_UP = 6                     # seconds: the server's, in these tests
LONGEST = 40                    # what a transfer may take, whatever happens

# Bytes of a datagram that are changed, checksum and all; the kernel counts bits.
NO_OPCODE = "@th,72,8 set 0xff"         # the second byte
FAR_NUMBER = "@th,80,8 set 0x7f"        # the third


QUEUE = "limit rate over 800/second burst 16 packets drop"


class Kind:
    """A kind of fault.

    there, back    rules for packets to the server, and from it
    wires          makes the two wires of a client from a seed
    ends           "done": all arrive; "most": two of three; "failed": none can; "any"
    """

    def __init__(self, name, there=(), back=(), wires=None, ends="done", size=40_000, blksize=512):
        self.name, self.there, self.back = name, there, back
        self.wires = wires or (lambda seed: (Wire(), Wire()))
        self.ends, self.size, self.blksize = ends, size, blksize

    def clients(self, world, number, window, seed):
        content = world.content(self.size)
        for kind, name in ((Reader, world.file_of(self.size)), (Writer, "network-up")):
            there, back = self.wires(seed)
            yield kind(name, content, window, self.blksize, there=there, back=back,
                       timer=0.5, patience=GIVE_UP + 2, what=self.name,
                       make_peer=functools.partial(world.peer, number))


def lossy(percent):
    return f"numgen random mod 100 < {percent} drop"


def some_of(percent, what):
    return f"numgen random mod 100 < {percent} {what}"


def both(rule):
    return {"there": (rule,), "back": (rule,)}


def on_wires(**faults):
    return lambda seed: (Wire(2 * seed, **faults), Wire(2 * seed + 1, **faults))


def one_way(**faults):
    return lambda seed: (Wire(seed), Wire(seed, **faults))


KINDS = (
    Kind("nothing"),
    Kind("1 % lost", **both(lossy(1))),
    Kind("5 % lost", **both(lossy(5))),
    Kind("20 % lost", **both(lossy(20)), size=12_000, ends="most"),
    Kind("50 % lost", **both(lossy(50)), size=4_000, ends="any"),
    Kind("20 % lost on the way back", back=(lossy(20),), size=12_000, ends="most"),
    Kind("20 % lost on the way there", there=(lossy(20),), size=12_000, ends="most"),
    Kind("wrong opcodes", **both(some_of(10, NO_OPCODE))),
    # A request has its name there, and an OACK.
    Kind("wrong numbers", there=(f"udp dport != 69 {some_of(10, FAR_NUMBER)}",),
         back=(some_of(10, FAR_NUMBER),)),
    Kind("an MTU that nobody tells", **both("meta length > 700 drop"), blksize=1428, ends="failed"),
    Kind("an MTU that small blocks pass", **both("meta length > 700 drop")),
    Kind("the port is refused midway", back=("quota over 60000 bytes reject",), ends="any"),
    Kind("cut there midway", there=("quota over 60000 bytes drop",), ends="any"),
    Kind("cut back midway", back=("quota over 60000 bytes drop",), ends="any"),
    Kind("cut both ways midway", **both("quota over 60000 bytes drop"), ends="any"),
    Kind("tails dropped there", there=(QUEUE,), size=20_000, ends="most"),
    Kind("tails dropped back", back=(QUEUE,), size=20_000, ends="most"),
    Kind("copies", wires=on_wires(copies=0.3)),
    Kind("everything twice", wires=on_wires(copies=1.0)),
    Kind("overtaken", wires=on_wires(late=0.2, late_s=0.02), size=20_000),
    Kind("late by up to a second", wires=on_wires(late=0.03, late_s=1.0), size=12_000),
    Kind("a short queue", wires=one_way(rate=1500, room=8), size=20_000),
    Kind("headers cut off", wires=on_wires(chopped=0.1), size=20_000),
    Kind("old packets again", wires=on_wires(replays=0.2), size=20_000),
    Kind("one packet, then never again", wires=one_way(cut_after=1), ends="failed"),
    Kind("everything at once", **both(lossy(3)), size=12_000,
         wires=on_wires(copies=0.1, late=0.1, late_s=0.05, chopped=0.03, replays=0.05)),
)


class World:
    """The wire, the rules, and the files."""

    def __init__(self, lane, kinds):
        self.lane, self.kinds = lane, kinds
        self.nft = shutil.which("nft") or "/usr/sbin/nft"
        if not os.path.exists(self.nft):
            raise Failure("no program 'nft' (package nftables)")
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "300"], stdin=subprocess.DEVNULL)
        mine = os.readlink("/proc/self/ns/net")
        until(lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != mine, 5, "a second namespace")
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.lay_wire(lane.ip())

    def over_there(self, *command):
        run("nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *command)

    def lay_wire(self, ip):
        run(ip, "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", self.holder.pid)
        # A window is to be lost a packet at a time.
        run(ip, "link", "set", "v0", "gso_max_segs", "1")
        run(ip, "addr", "add", f"{SERVER}/24", "dev", "v0")
        run(ip, "link", "set", "v0", "up")
        for number in range(len(self.kinds)):
            self.over_there(ip, "addr", "add", f"{self.address(number)}/24", "dev", "v1")
        self.over_there(ip, "link", "set", "v1", "up")
        self.over_there(ip, "link", "set", "lo", "up")

    def make_faults(self):
        """Anew: some of them count."""
        run(self.nft, self.rules("v0", "saddr", "there"))
        self.over_there(self.nft, self.rules("v1", "daddr", "back"))

    @staticmethod
    def address(number):
        return f"10.78.0.{10 + number}"

    def rules(self, device, side, way):
        """A table for packets that come in by that device."""
        lines = ["table ip faults", "delete table ip faults", "table ip faults {", "chain arrive {", "type filter hook input priority 0"]
        for number, kind in enumerate(self.kinds):
            lines += [f'iifname "{device}" ip protocol udp ip {side} {self.address(number)} {rule}'
                      for rule in getattr(kind, way)]
        return "\n".join([*lines, "}", "}"])

    def peer(self, number):
        """A socket over there."""
        home, there = (os.open(path, os.O_RDONLY) for path in
                       ("/proc/self/ns/net", f"/proc/{self.holder.pid}/ns/net"))
        try:
            self.enter(there)
            return self.lane.peer((SERVER, 69), source=self.address(number))
        finally:
            self.enter(home)
            os.close(home)
            os.close(there)

    def enter(self, namespace):
        if self.libc.setns(namespace, 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def content(self, size):
        return self.lane.content(size, seed=size)

    def file_of(self, size):
        name = f"network-{size}"
        if not (self.lane.root / name).exists():
            self.lane.file(name, self.content(size))
        return name

    def leave(self):
        run(self.nft, "table ip faults; delete table ip faults")
        run(self.lane.ip(), "link", "del", "v0")
        self.holder.terminate()
        self.holder.wait(5)


def serve(lane):
    conf = Conf(lane)
    conf.write("create = yes", "max-transfers = 400", f"give-up = {GIVE_UP}")
    lane.serve("-f", conf.path)


def every_kind(lane):
    rounds = [(1, 4, 64), (2, 8, 16)] * 5 if lane.full else [(1, 4, 64)]
    serve(lane)
    world = World(lane, KINDS)
    try:
        clients, begin = [], time.monotonic()
        for seed, windows in enumerate(rounds, lane.seed):
            world.make_faults()
            clients += run_all(lane, [client for window in windows for number, kind in enumerate(KINDS)
                                      for client in kind.clients(world, number, window, 100 * seed + window)],
                               at_once=160, seconds=80)
        for kind in KINDS:
            of_kind = [client for client in clients if client.what == kind.name]
            lane.note(f"{kind.name}: {outcomes(of_kind)}")
            check_ends(kind, of_kind)
        check_all(clients)
        check_bounded(clients)
        lane.note(f"{len(clients)} transfers, {len(KINDS)} kinds, {time.monotonic() - begin:.1f} s")
        check_equal(lane.hidden(), [], "hidden files that are left")
    finally:
        lane.stop_server()
        world.leave()


LEAST = {"done": 1.0, "most": 0.6, "failed": 0.0, "any": 0.0}
MOST = {"done": 1.0, "most": 1.0, "failed": 0.0, "any": 1.0}


def check_ends(kind, clients):
    done = [client for client in clients if client.said == "done"]
    share = len(done) / len(clients)
    odd = next((c for c in clients if (c in done) == (kind.ends == "failed")), None)
    check(LEAST[kind.ends] <= share <= MOST[kind.ends], f"{kind.name}: {len(done)} of {len(clients)} are "
          f"done, and {kind.ends!r} was expected; {odd}: {odd and odd.said}, {odd and odd.records}")


def check_bounded(clients):
    for record in itertools.chain.from_iterable(client.records for client in clients):
        check(record["duration_us"] < LONGEST * 1e6, f"it took too long: {record}")


TESTS = (
    ("whatever the network does, a file is whole or both sides know that it is not", every_kind, False),
)
