"""Tables about ours beside the limit: system calls, scale, sizes, memory, round trips."""

import os
import pathlib
import re
import time

import lane as place
from rows import MB, MIB, checked, with_cpu
from servers import Ours, Limit, Trouble, until

CONNECTED = "01"            # in /proc/net/udp
STRACE_LINE = re.compile(r"^\s*(\d+)\s+(\w+)$")


def both(lane):
    return [server for server in lane.every_server() if isinstance(server, (Ours, Limit))
            and server.name != "loop"]


# System calls a block.

def calls_of(lane, server, *client):
    """name -> how often, from start to end of a server with one client."""
    report = lane.folder / "strace"
    with server:
        server.start(before=("strace", "-f", "-c", "-U", "calls,name", "-o", report))
        checked(lane.client(server, *client), server.name)
        time.sleep(0.3)
        for pid in traced(server.process.pid):
            place.run("kill", "-TERM", pid)
        server.process.wait(20)
    found = {}
    for line in report.read_text().splitlines():
        fields = STRACE_LINE.match(line)
        if fields and fields[2] != "total":
            found[fields[2]] = int(fields[1])
    return found


def traced(strace):
    """The server that strace runs: its only child."""
    children = pathlib.Path(f"/proc/{strace}/task/{strace}/children").read_text()
    return [int(pid) for pid in children.split()]


def system_calls(lane, sizes):
    size = sizes.big // 4
    lane.make("traced", size)
    blocks = size // 1428
    table = []
    for op, windowsize in (("read", 1), ("read", 16), ("write", 1), ("write", 16)):
        name = "traced" if op == "read" else "traced-up"
        options = ("--op", op, "--blksize", 1428, "--windowsize", windowsize)
        line = [f"{op}, windowsize {windowsize}"]
        for server in both(lane):
            lane.remove("traced-up")
            long = calls_of(lane, server, name, *options, "--size", size)
            lane.remove("traced-up")
            short = calls_of(lane, server, "small" if op == "read" else name, *options,
                             "--size", 2048)
            rise = {call: long[call] - short.get(call, 0) for call in long}
            most = sorted(rise, key=rise.get, reverse=True)[:4]
            each = [f"{call} {rise[call] / blocks:.2f}" for call in most
                    if rise[call] * 100 > blocks]
            line += [f"{sum(rise.values()) / blocks:.2f}", ", ".join(each)]
        table.append(line)
    return Table("System calls for a block", (f"{shown_size(size)}, blksize 1428", "ours", "which",
                                              "limit", "which"), table)


# Speed against the number of transfers and against the size of the file.

class Table:
    def __init__(self, title, heads, lines):
        self.title, self.heads, self.lines = title, heads, lines


def speed(lane, server, name, *options):
    with server:
        server.start(lane.cpu)
        result, used_us = with_cpu(lambda: lane.client(server, name, *options, cpu=lane.cpu),
                                   server)
    total_us = used_us + result["client_cpu_us"]
    return result["bytes"] / MB / (total_us / 1e6), used_us / result["ok"]


def scale(lane, sizes):
    table, total = [], sizes.bigger
    for count in (1, 10, 100, 1000):
        name = f"scale-{count}"
        lane.make(name, total // count)
        line = [f"{count:,} × {shown_size(total // count)}"]
        for server in both(lane):
            mb, _ = speed(lane, server, name, "--clients", count, "--addresses", "--blksize",
                          1428, "--windowsize", 8, *sizes.check)
            line.append(f"{mb:.0f}")
        table.append(line)
        lane.remove(name)
    return Table("Concurrent transfers, windowsize 8 (MB/CPU s)", ("at once", "ours", "limit"),
                 table)


def file_sizes(lane, sizes):
    table = []
    for size in (2048, 64 * 1024, MIB, 16 * MIB, 256 * MIB, 1024 * MIB):
        if size > sizes.bigger * 4:
            continue
        lane.make("sized", size)
        line = [shown_size(size)]
        total = max(1, min(sizes.requests // 2, sizes.big // size))
        for server in both(lane):
            mb, each = speed(lane, server, "sized", "--total", total, "--blksize", 1428,
                             "--windowsize", 16, *sizes.check)
            line += [f"{mb:.1f}" if mb < 100 else f"{mb:.0f}", f"{each:,.0f}"]
        table.append(line)
        lane.remove("sized")
    return Table("File sizes, windowsize 16",
                 ("size", "ours, MB/CPU s", "ours, server µs a transfer", "limit, MB/CPU s",
                  "limit, server µs a transfer"), table)


def shown_size(size):
    for unit, factor in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if size >= factor:
            return f"{size / factor:.4g} {unit}"
    return f"{size} bytes"


# Memory of a transfer's process.

def family(root):
    """pid -> parent, of root and all below it."""
    found = {root: 0}
    for _ in range(4):
        for pid in list(found):
            for path in pathlib.Path("/proc").glob(f"{pid}/task/*/children"):
                for child in path.read_text().split():
                    found.setdefault(int(child), pid)
    return found


def memory_of(pid):
    """(private, proportional, resident) in KiB."""
    fields = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        key, value = line.split(":")
        fields[key] = int(value.split()[0])
    return fields["Private_Clean"] + fields["Private_Dirty"], fields["Pss"], fields["Rss"]


def serving(server):
    """The process that holds the connected socket of a transfer, or None."""
    digits = "".join(f"{int(part):02X}" for part in reversed(server.address.split(".")))
    table = [line.split() for line in pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]]
    # the limit leaves the choice of its address to the kernel
    sockets = {f"socket:[{fields[9]}]" for fields in table if fields[3] == CONNECTED
               and not fields[1].startswith(digits + ":0045")}
    for pid in family(server.process.pid):
        for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            if os.readlink(descriptor) in sockets:
                return pid
    return None


def memory(lane, sizes):
    """A slow client, so that the process can be looked at: at the OACK, and midway."""
    table = []
    for op, windowsize, more in (("read", 1, []), ("read", 16, []), ("read", 64, []),
                                 ("write", 16, []), ("write", 64, []), ("write", 64, ["--gso"])):
        for server in both(lane):
            lane.remove("slow-up")
            with server:
                server.start()
                if server.name == "ours" and not table:
                    table += standing(server)
                client = lane.begin_client(
                    server, "bigger" if op == "read" else "slow-up", "--op", op, "--size",
                    sizes.bigger, "--blksize", 1428, "--windowsize", windowsize, "--rtt-us",
                    200_000, *more)
                pid = until(lambda: serving(server), 3, "a transfer runs")
                time.sleep(0.1)
                idle = memory_of(pid)
                time.sleep(1)
                midway = memory_of(pid)
                client.kill()
                client.communicate()
            what = ", joined packets" if more else ""
            table.append([f"{server.name}: {op}, windowsize {windowsize}{what}",
                          *(str(number) for number in idle + midway)])
    lane.remove("slow-up")
    return Table("Memory of a process (KiB)",
                 ("", "waiting: private", "Pss", "Rss", "midway: private", "Pss", "Rss"), table)


def standing(server):
    """The processes of ours that stay."""
    pids = sorted(family(server.process.pid))
    names = ("keeper", "dispatcher")
    return [[f"ours: {name}", *(str(n) for n in memory_of(pid)), "", "", ""]
            for name, pid in zip(names, pids)]


# Round trips that take long.

def round_trips(lane, sizes):
    """How much of the speed that a window allows is reached: blocks / window × round trip."""
    table, size = [], sizes.lossy // 16
    lane.make("far", size)
    blocks = size // 1428 + 1
    for rtt_ms in (1, 10, 50):
        for windowsize in (1, 4, 16, 64):
            ideal = (-(-blocks // windowsize) + 1) * rtt_ms / 1000
            line = [f"{rtt_ms} ms", str(windowsize), f"{ideal:.3f}"]
            for server in both(lane):
                with server:
                    server.start()
                    result = checked(lane.client(
                        server, "far", "--blksize", 1428, "--windowsize", windowsize,
                        "--rtt-us", rtt_ms * 1000, *sizes.check), server.name)
                line += [f"{result['seconds']:.3f}", str(result["data_duplicates"])]
            table.append(line)
    return Table(f"Round trips, {shown_size(size)}, blksize 1428 (seconds)",
                 ("round trip", "windowsize", "ideal", "ours", "sent twice", "limit",
                  "sent twice"), table)


EXTRAS = (
    ("syscalls", system_calls),
    ("scale", scale),
    ("sizes", file_sizes),
    ("memory", memory),
    ("rtt", round_trips),
)
