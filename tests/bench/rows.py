"""What is measured: one Row a line of the table, with the goals it is held against.

A row's measure(lane, server, sizes) returns a Value: a number, and a mark where
it was not measured as the row says.
"""

import dataclasses
import statistics
import typing

import lane as place
from servers import PEERS, Trouble

MB = 1_000_000
MIB = 1 << 20
LOSS_SEEDS = (1, 2, 3, 4, 5)


@dataclasses.dataclass
class Value:
    number: typing.Optional[float]      # None: failed
    mark: str = ""                      # "w": without the option, for it knows none
    note: str = ""
    asked_twice: int = 0                # clients
    sent_twice: float = 0               # share of the blocks


@dataclasses.dataclass
class Goal:
    """At least (at most, where less is better) factor times another server's number.
    against: "limit", "peer" for the best of them, "" for an absolute number, or "asked":
    nobody may have to ask twice."""

    factor: float
    against: str = ""
    when: str = ""                      # a condition, in words


@dataclasses.dataclass
class Row:
    name: str
    text: str
    unit: str
    measure: typing.Callable
    goals: tuple = ()
    more_is_better: bool = True
    uploads: bool = False
    waits: bool = False                 # for time, not for the CPU: peers once, side by side
    limit: bool = True                  # the limit program can do it: it resends nothing

    def takes(self, server):
        if server.name in ("limit", "loop"):
            return self.limit
        return server.takes_uploads or not self.uploads


def checked(result, name):
    if result["failed"]:
        raise Trouble(f"{result['failed']} transfers of {name} failed: {result['errors']}")
    return result


# Throughput: megabytes per second of CPU, server and client together.

def with_cpu(run, server):
    """run() moves the bytes; the server runs already.  What it says, and the server's µs."""
    before = server.group.used_us()
    result = checked(run(), server.name)
    server.settle()
    return result, server.group.used_us() - before


def per_cpu_second(run, server, windowsize):
    result, used_us = with_cpu(run, server)
    used_us += result["client_cpu_us"]
    mark = "w" if windowsize > 1 and is_lock_step(result) else ""
    return Value(result["bytes"] / MB / (used_us / 1e6), mark)


def is_lock_step(result):
    low, high = sorted((result["packets_in"], result["packets_out"]))
    return low * 1.5 > high


def read_speed(blksize, windowsize, *how):
    def measure(lane, server, sizes):
        name = "big" if windowsize == 1 else "bigger"
        with server:
            server.start(lane.cpu)
            return per_cpu_second(
                lambda: lane.client(server, name, "--blksize", blksize, "--windowsize",
                                    windowsize, "--size", getattr(sizes, name), *sizes.check, *how,
                                    cpu=lane.cpu),
                server, windowsize)
    return measure


def write_speed(blksize, windowsize, *how):
    def measure(lane, server, sizes):
        name, size = "upload", sizes.upload
        lane.remove(name)
        with server:
            server.start(lane.cpu)
            value = per_cpu_second(
                lambda: lane.client(server, name, "--op", "write", "--size", size, "--blksize",
                                    blksize, "--windowsize", windowsize, *sizes.check, *how,
                                    cpu=lane.cpu),
                server, windowsize)
        if sizes.check and not lane.is_right(name, size):
            raise Trouble(f"{server.name} stored something else than was sent")
        lane.remove(name)
        return value
    return measure


# Loss: seconds, the median over seeds; all seeds side by side, for they wait.

class Loss:
    def __init__(self, probability, windowsize):
        self.probability, self.windowsize = probability, windowsize

    def begin(self, lane, server, sizes):
        """A client for each seed; the server runs already."""
        return [lane.begin_client(
            server, "lossy", "--blksize", 1428, "--windowsize", self.windowsize, "--loss-in",
            self.probability, "--loss-out", self.probability, "--seed", seed, "--deadline",
            sizes.patience, "--size", sizes.lossy, *sizes.check) for seed in sizes.seeds]

    def settle(self, clients, sizes):
        results = [place.answer(client) for client in clients]
        mark = "w" if self.windowsize > 1 and is_lock_step(results[0]) else ""
        failed = [r for r in results if r["failed"]]
        if 2 * len(failed) > len(results):
            if all("deadline" in r["errors"] for r in failed):
                return Value(None, mark, f"> {sizes.patience}")
            return Value(None, mark, "fails")
        took = [float("inf") if r["failed"] else r["seconds"] for r in results]
        note = f"{len(failed)} of {len(results)} failed" if failed else ""
        return Value(statistics.median(took), mark, note)

    def __call__(self, lane, server, sizes):
        with server:
            server.start()
            return self.settle(self.begin(lane, server, sizes), sizes)


# Small files.

def request_cpu(lane, server, sizes):
    with server:
        server.start(lane.cpu)
        result, used_us = with_cpu(
            lambda: lane.client(server, "small", "--total", sizes.requests, "--blksize", 1428,
                                "--tsize", *sizes.check, cpu=lane.cpu), server)
        return Value(used_us / result["ok"])


def first_packet(lane, server, sizes):
    with server:
        server.start(lane.cpu)
        result = checked(lane.client(server, "small", "--total", sizes.spaced, "--pause-ms", 20,
                                     "--blksize", 1428, *sizes.check, cpu=lane.cpu), server.name)
        return Value(result["first_reply_us"]["p50"] / 1000)


def crowd(name, count, windowsize, *options):
    """Seconds until all of many clients are served."""
    def measure(lane, server, sizes):
        clients = max(2, int(count * sizes.crowd))
        with server:
            server.start(lane.cpu)
            result = checked(lane.client(
                server, name, "--clients", clients, "--addresses", "--blksize", 1428,
                "--windowsize", windowsize, *options, *sizes.check, cpu=lane.cpu), server.name)
        mark = "w" if windowsize > 1 and is_lock_step(result) else ""
        return Value(result["seconds"], mark, "", result["asked_twice"],
                     result["data_duplicates"] / result["packets_in"])
    return measure


ROWS = (
    Row("read-w1", "read, blksize 1428, windowsize 1", "MB/CPU s", read_speed(1428, 1),
        (Goal(0.93, "limit"), Goal(1.15, "peer"))),
    Row("read-w4", "read, windowsize 4", "MB/CPU s", read_speed(1428, 4),
        (Goal(0.90, "limit"),)),
    Row("read-w16", "read, windowsize 16", "MB/CPU s", read_speed(1428, 16),
        (Goal(0.90, "limit"),)),
    Row("read-w64", "read, windowsize 64", "MB/CPU s", read_speed(1428, 64),
        (Goal(0.90, "limit"),)),
    Row("read-w4-gro", "read, windowsize 4, client with UDP_GRO", "MB/CPU s",
        read_speed(1428, 4, "--gro"), (Goal(0.90, "limit"), Goal(3, "peer"))),
    Row("read-w16-gro", "read, windowsize 16, client with UDP_GRO", "MB/CPU s",
        read_speed(1428, 16, "--gro"), (Goal(0.90, "limit"), Goal(8, "peer"))),
    Row("read-w64-gro", "read, windowsize 64, client with UDP_GRO", "MB/CPU s",
        read_speed(1428, 64, "--gro"), (Goal(0.90, "limit"), Goal(11, "peer"))),
    Row("read-512", "read, blksize 512, windowsize 1", "MB/CPU s", read_speed(512, 1),
        (Goal(0.93, "limit"),)),
    Row("upload-w16", "upload, blksize 1428, windowsize 16", "MB/CPU s",
        write_speed(1428, 16), (Goal(0.88, "limit"),), uploads=True),
    Row("upload-w16-gso", "upload, windowsize 16, client with UDP_SEGMENT", "MB/CPU s",
        write_speed(1428, 16, "--gso"), (Goal(0.88, "limit"), Goal(2.2, "peer")), uploads=True),
    Row("loss1-w1", "8 MB, 1 % loss each way, windowsize 1", "s", Loss(0.01, 1), (Goal(2.5),),
        more_is_better=False, waits=True, limit=False),
    Row("loss1-w16", "8 MB, 1 % loss each way, windowsize 16", "s", Loss(0.01, 16),
        (Goal(0.5),), more_is_better=False, waits=True, limit=False),
    Row("loss5-w1", "8 MB, 5 % loss each way, windowsize 1", "s", Loss(0.05, 1), (),
        more_is_better=False, waits=True, limit=False),
    Row("request-cpu", "CPU of the server per 2 KB request", "µs", request_cpu,
        (Goal(1.4, "limit"),), more_is_better=False),
    Row("first-packet", "RRQ to first packet, p50, one at a time", "ms", first_packet,
        (Goal(0.45), Goal(0.2, when="with a process that waits ready"), Goal(1.4, "limit")),
        more_is_better=False),
    Row("storm", "500 clients × 2 KB within 100 ms", "s",
        crowd("small", 500, 1, "--spread-ms", 100),
        (Goal(0.16), Goal(1.15, "limit"), Goal(0, "asked")), more_is_better=False),
    Row("crowd-w8", "200 clients × 4 MB, windowsize 8", "s",
        crowd("medium", 200, 8), (Goal(1.7), Goal(1.13, "limit")), more_is_better=False),
    Row("crowd-w1", "200 clients × 4 MB, windowsize 1", "s",
        crowd("medium", 200, 1), (Goal(11), Goal(1.02, "limit")), more_is_better=False),
)


@dataclasses.dataclass
class Sizes:
    """How much of everything; small where only the way is tried."""

    big: int = 64 * MIB
    bigger: int = 256 * MIB
    upload: int = 64 * MIB
    medium: int = 4 * MIB
    lossy: int = 8 * MB
    requests: int = 1000
    spaced: int = 100
    crowd: float = 1.0
    seeds: tuple = LOSS_SEEDS
    patience: int = 180
    check: tuple = ()

    @classmethod
    def quick(cls):
        return cls(big=2 * MIB, bigger=4 * MIB, upload=2 * MIB, medium=256 * 1024,
                   lossy=100_000, requests=50, spaced=10, crowd=0.1, seeds=(1,), patience=5,
                   check=("--verify",))

    def make_files(self, lane):
        for name in ("big", "bigger", "medium", "lossy"):
            lane.make(name, getattr(self, name))
        lane.make("small", 2048)


def best_peer(values, row):
    """The name of the peer with the best number, or None."""
    names = [name for name in PEERS if values.get(name) is not None]
    if not names:
        return None
    return (max if row.more_is_better else min)(names, key=lambda name: values[name])
