"""A log and a live table that nobody served: what a page has to show, made in a second.

The table's slots are locked by this process, as those of transfers are by theirs.
"""

import fcntl
import json
import os
import pathlib
import random
import struct
import time

MAGIC = b"tfpdive2"
PAGE = 4096
HEADER = struct.Struct("=8sIIQi256sI256s")
SLOT = struct.Struct("=Ii24s64s64sHBxH1028s6xQQ1028s1288s4xQQQIIIHHQQ")
SECOND = 1_000_000
RUNNING = 2

# Names that mean something to a browser, a screen reader or a disk.
HOSTILE = (
    b"<script>document.title='taken'</script>", b"\"><img src=x onerror=alert(1)>", b"' onmouseover='alert(1)",
    b"</title></style></script><h1>big</h1>", b"&lt;b&gt;&amp;amp;", b"<!--", b"]]>", b"javascript:alert(1)",
    "a\u202egpj.exe".encode(), "\u2066isolate\u2069\u200b".encode(), b"\xff\xfe\x80 no utf-8", b"nul\x01\x1b[31m",
    "p\u00e4th/\u65e5\u672c\u8a9e/\U0001f984".encode(), b"x" * 500, b'"' * 500, b"<" * 500,
    b"style=display:none", b"{{7*7}}${7*7}", b"\\x3cscript\\x3e", b"../../../etc/passwd", b"-rf", b" ",
)


def now_us():
    return time.time_ns() // 1000


def stamp(us):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(us // SECOND)) + f".{us % SECOND:06d}Z"


class Table:
    """A live table with a keeper, and transfers that stand still."""

    def __init__(self, path, log, slots=1100, problem=""):
        self.path, self.slots, self.used = pathlib.Path(path), slots, 0
        self.file = open(self.path, "w+b", buffering=0)     # closing any other one would drop the locks
        os.ftruncate(self.file.fileno(), (slots + 1) * PAGE)
        self.path.chmod(0o644)
        os.pwrite(self.file.fileno(), HEADER.pack(
            MAGIC, slots, PAGE, now_us() - 3 * 3600 * SECOND, os.getpid(), str(log).encode(),
            int(bool(problem)), problem.encode()), 0)
        self.lock(0)

    def lock(self, offset):
        fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)

    def add(self, name, client="192.0.2.7", size=100_000_000, done=0.5, seconds=10.0, is_write=False):
        """One more that runs."""
        mono = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self.used += 1
        age = int(seconds * SECOND)
        os.pwrite(self.file.fileno(), SLOT.pack(
            RUNNING, os.getpid(), f"{self.used:016x}".encode(), client.encode(), b"192.0.2.254", 2070,
            is_write, len(name), name, now_us() - age, 0, b"", b"", size, int((size or 50_000_000) * done),
            mono, 0, 0, 0, 1428, 16, max(1, mono - age), 3), self.used * PAGE)
        self.lock(self.used * PAGE)

    def many(self, count, seed=1):
        chance = random.Random(seed)
        names = (b"images/debian-13/initrd.gz", b"images/debian-13/vmlinuz", b"firmware/ap-7.2.bin",
                 b"boot/grub/x86_64-efi/core.efi", b"pxelinux.cfg/01-52-54-00-0a-1b-2c")
        for number in range(count):
            client = (f"2001:db8:1::{number:x}" if number % 7 == 3 else f"10.20.{number // 250}.{number % 250 + 1}")
            self.add(chance.choice(names), client, 0 if number % 11 == 5 else chance.randrange(10**6, 10**9),
                     chance.random(), chance.uniform(0.2, 900), number % 9 == 4)

    def clear(self):
        for slot in range(1, self.used + 1):
            os.pwrite(self.file.fileno(), bytes(4), slot * PAGE)
        self.used = 0

    def close(self):
        """The server says goodbye."""
        os.pwrite(self.file.fileno(), bytes(8), 0)
        self.file.close()


class Log:
    """Records as tftpd writes them, at any time of the past."""

    def __init__(self, seed=1):
        self.records, self.number, self.chance = [], 0, random.Random(seed)

    def add(self, seconds_ago, name, client="192.0.2.7", outcome="complete", size=1_000_000, bytes=None,
            took=0.5, op="read", ends=True, **keys):
        self.number += 1
        end = now_us() - int(seconds_ago * SECOND)
        begin = end - int(took * SECOND)
        has_got = outcome in ("complete", "unconfirmed")
        text = {"file": name.decode(errors="replace")}
        if text["file"].encode() != name:
            text["file_hex"] = name[:256].hex()
        both = {"id": f"{self.number + (1 << 40):016x}", "op": op}
        where = {"client": client, "client_port": 2070, "server": "192.0.2.254", "server_port": 50000, **text}
        if outcome not in ("notfound", "denied", "limited", "invalid"):
            self.records.append((begin, {"v": 1, "ts": stamp(begin), "event": "start", **both, **where,
                                         "size": size, "pid": 4711}))
        if ends:
            self.records.append((end, {
                "v": 1, "ts": stamp(end), "event": "transfer", **both, "outcome": outcome, **where,
                "blksize": 1428, "windowsize": 4, "size": size,
                "bytes": bytes if bytes is not None else size if has_got else 0, "duration_us": end - begin,
                "first_reply_us": 300, "packets_sent": 700, "packets_received": 180, "retransmits": 2,
                **keys, "pid": 4711}))
        return self

    def boot(self, seconds_ago, client, stop=None):
        """What a PXE client fetches; stop: where it went wrong, and how."""
        chain = ((b"pxelinux.0", 42_430), (b"ldlinux.c32", 122_308), (b"pxelinux.cfg/default", 1_180),
                 (b"images/debian-13/vmlinuz", 12_582_912), (b"images/debian-13/initrd.gz", 41_943_040))
        for number, (name, size) in enumerate(chain):
            ago = seconds_ago - number * 1.5
            if number == 2:
                for tail in (b"01-52-54-00-aa-bb-%02x" % self.chance.randrange(256), b"C0A80105", b"C0A8010"):
                    self.add(ago, b"pxelinux.cfg/" + tail, client, "notfound", 0, took=0.001, error_code=1,
                             error_by="server", message="no such file")
            if stop and stop[0] == number:
                self.add(ago, name, client, stop[1], size, int(size * 0.63) if number > 2 else 0, took=1.2,
                         **(stop[2] if len(stop) > 2 else {}))
                return
            self.add(ago, name, client, size=size, took=0.02 + size / 60e6)

    def day(self, boots=260, hours=24.0):
        """A day of a boot server."""
        said = {"error_code": 0, "error_by": "client", "message": "TFTP Aborted"}
        stops = (None,) * 20 + ((3, "timeout"), (4, "aborted", said), (0, "noanswer"), (4, "vanished"))
        for number in range(boots):
            at = self.chance.random()
            # more of them in the middle of the day
            at = at if self.chance.random() < 0.4 else 0.35 + at * 0.3
            self.boot(20 + at * (hours * 3600 - 60), f"10.20.{number % 6}.{self.chance.randrange(1, 250)}",
                      self.chance.choice(stops))
        for number in range(boots // 5):
            ago = 30 + self.chance.random() * (hours * 3600 - 100)
            self.add(ago, b"SEP0013%04X.cnf.xml" % self.chance.randrange(65536), f"10.30.0.{number % 40 + 1}",
                     size=8_812, took=0.01)
            self.add(ago - 9, b"firmware/ap-7.2.bin", f"10.30.1.{number % 9 + 1}", "probe", 18_874_368, took=0.1)
            if number % 4 == 0:
                self.add(ago, b"backup/switch-%02d.cfg" % (number % 16), f"10.40.0.{number % 16 + 1}", op="write",
                         size=self.chance.randrange(20_000, 90_000), took=0.2)
            if number % 9 == 0:
                self.add(ago, b"secret/shadow", "10.66.6.6", "denied", 0, took=0, error_code=2, error_by="server",
                         message="access denied by rule 3")
        return self

    def hostile(self):
        for number, name in enumerate(HOSTILE):
            client = f"192.0.2.{number + 1}"
            self.add(60 + number, name, client, "complete", 1000)
            self.add(50 + number, name, client, "notfound", 0, took=0, error_code=1, error_by="server",
                     message="no such file")
            self.add(40 + number, name, client, "aborted", 5000, error_code=0, error_by="client",
                     message=name.decode(errors="replace")[:200])
        return self

    def save(self, path):
        self.records.sort(key=lambda pair: pair[0])
        text = b"".join(json.dumps(record, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"
                        for _, record in self.records)
        pathlib.Path(path).write_bytes(text)
        pathlib.Path(path).chmod(0o644)
        return pathlib.Path(path)
