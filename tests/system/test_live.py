"""The live table, as tftpd-stats active and top show it: who runs, how far, and nobody else."""

import csv
import fcntl
import io
import json
import os
import pathlib
import pty
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import termios
import time

import tftp
from harness import check, check_equal, kill, of_peer, run, until

TABLE = pathlib.Path("/run/tftpd/live")
BLKSIZE = 1000
NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}
# Names that mean something to a terminal, a spreadsheet or JSON.
HOSTILE = ("=1+1", "@cmd", "a\u202eb", 'quo"te,and;comma', "p\u00e4th", b"\xff\xfe-no-utf8", "-rf",
           "<script>")


def stats(lane, *args, status=0, **how):
    done = lane.run_stats(*args, **how)
    check_equal(done.returncode, status, f"tftpd-stats {' '.join(map(str, args))}: {done.stderr.decode()}")
    return done.stdout.decode()


def active(lane, *args):
    """What runs, by id; the figures of the whole beside it."""
    told = json.loads(stats(lane, "active", "--json", *args))
    return {row["id"]: row for row in told["transfers"]}, told


def name_of(row):
    return bytes.fromhex(row["file_hex"]) if "file_hex" in row else row["file"].encode()


def begin(lane, name, blocks=1, **how):
    """A client that takes so many blocks and falls silent."""
    peer = lane.peer(**how)
    peer.read(name, blksize=BLKSIZE, tsize=0)
    peer.expect(tftp.OACK)
    peer.ack(0)
    for block in range(1, blocks + 1):
        peer.drain_to(tftp.DATA, block)
        peer.ack(block)
    return peer


def finish(lane, peers):
    """They say so, and the ends stand in the log."""
    for peer in peers:
        peer.error(0, "enough")
    for peer in peers:
        lane.end_of(peer, 10)


def start_of(lane, peer):
    return lane.log.wait_start(**of_peer(peer))


# active.

def as_it_started(lane, row, start):
    """A row beside its start record."""
    check_equal((row["client"], row["client_port"], row["op"], name_of(row)),
                (start["client"], start["client_port"], start["op"],
                 bytes.fromhex(start["file_hex"]) if "file_hex" in start else start["file"].encode()),
                f"who asked for what in {row['id']}")
    check_equal((row.get("size"), row["blksize"], row["windowsize"], row["server"], row["pid"]),
                (start["size"] or None, start["blksize"], start["windowsize"], start["server"], start["pid"]),
                f"size and options of {row['id']}")


def a_thousand_at_once(lane):
    """All of them, each as its start record says, and read in a few milliseconds."""
    many = 60 if lane.quick else 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    server = lane.serve(fresh=True)
    for number in range(10):
        lane.file(f"live-{number}", lane.content(5000 + 777 * number))
    peers = [begin(lane, f"live-{n % 10}", blocks=n % 3, source=f"127.7.{n % 5}.1") for n in range(many)]
    ports = {(peer.address, peer.port) for peer in peers}
    starts = {r["id"]: r for r in lane.log.starts() if (r["client"], r["client_port"]) in ports}
    check_equal(len(starts), many, "start records")
    rows, told = active(lane)
    check_equal(set(rows), set(starts), "ids")
    for number, row in rows.items():
        as_it_started(lane, row, starts[number])
    check_equal((told["running"], told["reads"], told["writes"], told["server_runs"]), (many, many, 0, 1),
                "running, reads, writes, server")
    by_port = {row["client_port"]: row for row in rows.values()}
    for number, peer in enumerate(peers):
        check_equal(by_port[peer.port]["bytes"], number % 3 * BLKSIZE, f"bytes of number {number}")
    check_equal(len(active(lane, "--client", "127.7.2.0/24")[0]), many // 5, "of one network")
    check_equal(len(active(lane, "--file", "live-[12]")[0]), many // 5, "of two files")
    check_equal(len(active(lane, "-n", "7")[0]), 7, "rows with -n 7")
    check_equal(stats(lane, "active", "--op", "write"), "", "uploads")
    took = min(timed(lambda: lane.run_stats("active", "--csv", "-n", 1)) for _ in range(5))
    lane.note(f"{many} transfers at once: a whole run of 'active' takes {took * 1000:.1f} ms")
    check(took < 0.1 * lane.slowness, f"'active' took {took:.3f} s")
    finish(lane, peers)
    until(lambda: not active(lane)[0], 5 * lane.slowness, "nobody runs any more")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    check(server.is_running(), "the server has gone")


def timed(act):
    start = time.monotonic()
    act()
    return time.monotonic() - start


def half_way(lane):
    """The figures of transfers that stand still, in text, CSV and JSON."""
    lane.serve()
    lane.file("half", lane.content(100 * BLKSIZE))
    down = begin(lane, "half", blocks=50)
    up = lane.peer()
    up.write("half-up", blksize=BLKSIZE, tsize=3 * BLKSIZE)
    up.expect(tftp.OACK)
    for block in (1, 2):
        up.data(block, b"x" * BLKSIZE)
        up.drain_to(tftp.ACK, block)
    ids = {op: start_of(lane, peer)["id"] for op, peer in (("read", down), ("write", up))}
    until(lambda: all(row["retransmits"] > 0 for row in active(lane)[0].values()), 5 * lane.slowness,
          "the server has sent something again")
    before = time.monotonic()
    rows, told = active(lane)
    check_equal({op: rows[ids[op]]["op"] for op in ids}, {"read": "read", "write": "write"}, "operations")
    read, write = rows[ids["read"]], rows[ids["write"]]
    check_equal((read["bytes"], read["size"], read["done_permille"]), (50000, 100000, 500), "half way")
    check_equal((write["bytes"], write["size"], write["done_permille"]), (2000, 3000, 667), "two thirds")
    check_equal((told["reads"], told["writes"]), (1, 1), "reads and writes")
    check(read["age_us"] >= read["quiet_us"] > 0, f"age and silence: {read}")
    check(abs(read["bytes_per_second"] - read["bytes"] * 1e6 / read["age_us"]) <= 2, f"the mean rate: {read}")
    table = list(csv.DictReader(io.StringIO(stats(lane, "active", "--csv"))))
    check_equal({row["id"]: (row["file"], row["bytes"], row["size"]) for row in table},
                {ids["read"]: ("half", "50000", "100000"), ids["write"]: ("half-up", "2000", "3000")}, "CSV")
    text = stats(lane, "active")
    for wanted in ("2 transfers, 1 read, 1 written", "50.0 kB", "50.0 %", "100.0 kB", *ids.values()):
        check(wanted in text, f"no {wanted!r} in\n{text}")
    later = until(lambda: next(row for row in [active(lane)[0][ids["read"]]]
                               if row["age_us"] > read["age_us"]), 1, "it grows older")
    check((later["age_us"] - read["age_us"]) / 1e6 <= time.monotonic() - before + 0.1, "it grows too fast")
    finish(lane, (down, up))
    end = lane.end_of(down)
    check(end["retransmits"] >= later["retransmits"], "more were sent again than the end says")


def killed(lane):
    """kill -9: it disappears at once, and has its end soon."""
    lane.serve()
    lane.file("killed", lane.content(50 * BLKSIZE))
    peers = [begin(lane, "killed", blocks=5) for _ in range(5)]
    starts = [start_of(lane, peer) for peer in peers]
    rows, _ = active(lane)
    victim = rows[starts[2]["id"]]
    kill(victim["pid"], signal.SIGKILL)
    until(lambda: victim["id"] not in active(lane)[0], 1 * lane.slowness, "it has left the table")
    check_equal(set(active(lane)[0]), {s["id"] for s in starts} - {victim["id"]}, "who is left")
    end = lane.log.wait_end(5 * lane.slowness, id=victim["id"])
    check_equal((end["outcome"], end["bytes"]), ("crashed", 5 * BLKSIZE), "its end")
    finish(lane, [peer for peer in peers if peer is not peers[2]])


def hostile_names(lane):
    """They are whole in JSON, and harmless on a terminal and in a spreadsheet."""
    lane.serve()
    for name in HOSTILE:
        path = os.path.join(os.fsencode(lane.root), tftp.as_bytes(name))
        pathlib.Path(os.fsdecode(path)).write_bytes(lane.content(9 * BLKSIZE))
    peers = [begin(lane, name) for name in HOSTILE]
    rows, _ = active(lane)
    check_equal(sorted(map(name_of, rows.values())), sorted(map(tftp.as_bytes, HOSTILE)), "names")
    for line in csv.DictReader(io.StringIO(stats(lane, "active", "--csv"))):
        check(line["file"][0] not in "=+-@\t\r", f"a formula in CSV: {line['file']!r}")
    for command in (("active",), ("top",)):
        check_plain(stats(lane, *command))
    finish(lane, peers)
    check_plain(stats(lane, "top"))


def check_plain(text):
    """No byte that steers a terminal, nor one that is not ASCII where the locale is C."""
    wild = sorted({c for c in text if c != "\n" and not 32 <= ord(c) < 127})
    check(not wild, f"bytes {wild} in\n{text}")


def no_table(lane):
    """None, a foreign one, an old one, one that may not be read."""
    lane.serve()
    server_pid = lane.server.keeper()
    place = lane.scratch / "tables"
    place.mkdir()
    place.chmod(0o755)

    def refused(path, **how):
        for command in ("active", "top"):
            done = lane.run_stats(command, "--table", path, **how)
            check_equal((done.returncode, done.stdout), (1, b""), f"{command} of {path.name}")
            check(done.stderr.decode().startswith(f"tftpd-stats: {path}: ") and
                  done.stderr.count(b"\n") == 1, f"an error in a line: {done.stderr}")

    header = bytearray(TABLE.read_bytes()[:4096])
    for name, content in (("text", b"hello\n"), ("cut", bytes(header[:100])),
                          ("older", b"tfpdive1" + bytes(header[8:])), ("noise", os.urandom(8192))):
        (place / name).write_bytes(content)
        refused(place / name)
    (place / "folder").mkdir()
    refused(place / "folder")
    secret = place / "secret"
    shutil.copy(TABLE, secret)
    secret.chmod(0o600)
    refused(secret, **NOBODY)
    done = lane.run_stats("active", "--table", place / "none")
    check_equal((done.returncode, done.stdout), (0, b""), "no table")
    check(b"no server has been running" in done.stderr, f"the note: {done.stderr}")
    check_equal(active(lane, "--table", place / "none")[1]["transfers"], [], "no table, as JSON")
    # A copy has no locks: nobody runs there, whatever stands in it.
    lane.file("copied", lane.content(9 * BLKSIZE))
    peer = begin(lane, "copied")
    check_equal(active(lane)[1]["running"], 1, "one runs")
    check_equal(stats_pid(lane), server_pid, "the server")
    shutil.copy(TABLE, place / "copy")
    told = active(lane, "--table", place / "copy")[1]
    check_equal((told["running"], told["server_runs"]), (0, 0), "a copy of the table")
    for length in (4096, 4097, 5000, 4096 * 3 - 1):
        os.truncate(place / "copy", length)
        check_equal(active(lane, "--table", place / "copy")[1]["running"], 0, f"{length} bytes of it")
    finish(lane, [peer])
    lane.stop_server()
    done = lane.run_stats("active")
    check_equal(done.returncode, 0, "after the server")
    check(b"no server has been running" in done.stderr, f"after the server: {done.stderr}")


def stats_pid(lane):
    """The server's process, as top names it."""
    return int(re.search(r"tftpd (\d+), up", stats(lane, "top")).group(1))


def spoilt_table(lane):
    """Whoever may write the table can write anything: it is bounded and shown plainly."""
    lane.serve(fresh=True)
    lane.file("spoilt", lane.content(50 * BLKSIZE))
    peers = [begin(lane, "spoilt", blocks=2) for _ in range(4)]
    with open(TABLE, "r+b", buffering=0) as file:
        for slot in range(1, 6):
            page = bytearray(os.pread(file.fileno(), 4096, slot * 4096))
            if struct.unpack_from("=I", page)[0] == 2:
                page[32:160] = b"\x1b" * 128        # the addresses
                page[168:1196] = b"\x1b]0;x\x07" * 171 + b"\x1b\x1b"
                os.pwrite(file.fileno(), bytes(page[32:1196]), slot * 4096 + 32)
    rows, _ = active(lane)
    check_equal(set(rows), {start_of(lane, p)["id"] for p in peers}, "ids")
    for command in (("active",), ("top",), ("active", "--csv")):
        check_plain(stats(lane, *command).replace("\r", ""))
    finish(lane, peers)


def anybody_reads(lane):
    """Who may read the table sees all of it, without a right of the server's."""
    lane.serve()
    lane.file("seen", lane.content(9 * BLKSIZE))
    peer = begin(lane, "seen")
    mode = TABLE.stat().st_mode & 0o777
    who = dict(NOBODY, group=TABLE.stat().st_gid)
    lane.note(f"the table's mode is {mode:03o}, its group {TABLE.stat().st_gid}")
    done = lane.run_stats("active", "--json", **who)
    check_equal(done.returncode, 0, f"as an ordinary user: {done.stderr}")
    row, = json.loads(done.stdout)["transfers"]
    check_equal(row["id"], start_of(lane, peer)["id"], "the id")
    finish(lane, [peer])


# On a terminal.

ALLOWED = re.compile(r"\x1b\[(\?1049[hl]|\?25[hl]|\?7[hl]|H|J|K|[0-9;]*m)")


def make_terminals():
    """The lane's /dev has none."""
    place = pathlib.Path("/dev/pts")
    if not place.exists():
        place.mkdir()
        run("mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=620", "devpts", place)
        pathlib.Path("/dev/ptmx").symlink_to("pts/ptmx")


class Terminal:
    """A program on a terminal of its own, in the foreground of a shell that can stop it."""

    def __init__(self, lane, command, rows=24, columns=80, **env):
        make_terminals()
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(slave)
        self.slave, self.text = slave, ""
        self.process = subprocess.Popen(
            [str(c) for c in command], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={**lane.environment(), "TERM": "xterm", "LC_ALL": "C.UTF-8", **env},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.set_blocking(self.master, False)
        lane.peers_open.append(self)

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode()
        return self.text

    def frames(self):
        """What was drawn, each as its lines, colours apart; whole ones only."""
        return [[ALLOWED.sub("", line.rstrip("\r")) for line in frame.partition("\x1b[J")[0].split("\r\n")]
                for frame in self.read().split("\x1b[H")[1:] if "\x1b[J" in frame]

    def wait_frame(self, wanted, seconds=8):
        return until(lambda: next((f for f in self.frames() if wanted(f)), None), seconds, "a frame")

    def key(self, text):
        os.write(self.master, text.encode())

    def end(self, seconds=8):
        until(lambda: self.read() is None or self.process.poll() is not None, seconds, "it ends")
        self.read()
        after = termios.tcgetattr(self.slave)
        for fd in (self.master, self.slave):
            os.close(fd)
        check_equal(after, self.before, "the terminal's modes afterwards")
        check(self.text.endswith("\x1b[?7h\x1b[?25h\x1b[?1049l"), f"the last bytes: {self.text[-80:]!r}")
        return self.process.returncode

    def close(self):
        """At the end of the test, whatever became of it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def check_plain(self):
        self.read()
        wild = [c for c in ALLOWED.sub("", self.text) if c not in "\r\n" and (ord(c) < 32 or ord(c) == 127)]
        check(not wild, f"control characters on the terminal: {wild[:10]}")


def check_fits(frame, rows, columns):
    check(len(frame) <= rows, f"{len(frame)} lines on {rows}")
    for line in frame:
        check(len(line) <= columns, f"{len(line)} columns on {columns}: {line!r}")


def top_fits(lane):
    """At any size, and after a change of it, with what clients call their files."""
    lane.serve()
    lane.file("top-file", lane.content(50 * BLKSIZE))
    lane.file("a\u202eb" * 20, lane.content(50 * BLKSIZE))
    for name in ("top-missing", "n" * 200):
        peer = lane.peer()
        peer.read(name)
        peer.expect(tftp.ERROR, 1)
        lane.end_of(peer)
    peers = [begin(lane, name, blocks=3) for name in ("top-file", "a\u202eb" * 20)]
    for rows, columns in ((24, 80), (50, 200), (10, 40), (5, 20), (2, 5), (1, 1), (100, 60)):
        screen = Terminal(lane, (lane.stats, "top"), rows, columns)
        for frame in (screen.wait_frame(lambda f: True),):
            check_fits(frame, rows, columns)
        if rows >= 24:
            check(any("top-file" in line for line in frame), f"what runs is not shown:\n{frame}")
        drawn = len(screen.frames())
        screen.resize(30, 100)
        frame = until(lambda: next((f for f in screen.frames()[drawn:] if 20 < len(f) <= 30), None), 8,
                      "a frame of the new size")
        check_fits(frame, 30, 100)
        screen.check_plain()
        screen.key("q")
        check_equal(screen.end(), 0, f"status of top at {columns}x{rows}")
    finish(lane, peers)


def ways_out(lane):
    """q, Ctrl-C and signals leave the terminal as it was."""
    lane.serve()
    for command in (("top",), ("active", "-w")):
        for name, leave in (("q", lambda s: s.key("q")), ("Ctrl-C", lambda s: s.key("\x03")),
                            ("SIGTERM", lambda s: s.process.terminate()),
                            ("SIGHUP", lambda s: s.process.send_signal(signal.SIGHUP)),
                            ("Ctrl-\\", lambda s: s.key("\x1c"))):
            screen = Terminal(lane, (lane.stats, *command))
            screen.wait_frame(lambda f: True)
            check(not termios.tcgetattr(screen.slave)[3] & termios.ICANON, "keys come one by one")
            leave(screen)
            check_equal(screen.end(), 0, f"status of {command} after {name}")
    # The reader that goes away with the terminal.
    screen = Terminal(lane, (lane.stats, "top"))
    screen.wait_frame(lambda f: True)
    os.close(screen.slave)
    os.close(screen.master)
    screen.process.wait(8)
    check_equal(screen.process.returncode, 0, "status of top without its terminal")


def suspended(lane):
    """Ctrl-Z gives the terminal back to the shell, fg takes it again."""
    lane.serve()
    marks = lane.scratch / "marks"
    script = (f"{lane.stats} top; stty -a >{marks}.stopped; fg >/dev/null; echo $? >{marks}.ended")
    screen = Terminal(lane, ("bash", "-mc", script))
    screen.wait_frame(lambda f: True)
    screen.key("\x1a")
    stopped = pathlib.Path(f"{marks}.stopped")
    until(lambda: stopped.exists() and stopped.read_text(), 8, "the shell has the terminal")
    check(re.search(r"(^|\s)icanon\b", stopped.read_text()) and re.search(r"(^|\s)echo\b", stopped.read_text()),
          f"its modes while stopped: {stopped.read_text()}")
    drawn = len(screen.frames())
    check("\x1b[?1049l" in screen.text, "the shell's page is back")
    until(lambda: len(screen.frames()) > drawn, 8, "it draws again")
    screen.key("q")
    check_equal(screen.end(), 0, "status of the shell")
    check_equal(pathlib.Path(f"{marks}.ended").read_text(), "0\n", "status of top")


def watch_moves(lane):
    """active -w: the rate is that of the last second, on a terminal and in a pipe."""
    lane.serve()
    lane.file("moving", lane.content(400 * BLKSIZE))
    peer = begin(lane, "moving", blocks=10)
    number = start_of(lane, peer)["id"]
    screen = Terminal(lane, (lane.stats, "active", "-w"), 24, 120)
    screen.wait_frame(lambda f: any(number in line and "10.0 kB" in line for line in f))
    for block in range(11, 211):
        peer.drain_to(tftp.DATA, block)
        peer.ack(block)
    frame = screen.wait_frame(lambda f: any(number in line and "210.0 kB" in line for line in f))
    line = next(line for line in frame if number in line)
    rate = float(re.search(r"([\d.]+) kB/s", line).group(1))
    check(140 <= rate <= 220, f"the rate of 200 kB in a second: {line}")
    screen.wait_frame(lambda f: any(number in line and " 0 B/s" in line for line in f))
    check_fits(frame, 24, 120)
    screen.key("q")
    check_equal(screen.end(), 0, "status")
    for form in ((), ("--json",)):
        process = subprocess.Popen([str(lane.stats), "active", "-w", *form], env=lane.environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=8)
        check_equal((process.returncode, err), (0, b""), f"active -w {form} in a pipe")
        check(b"\x1b" not in out, "no terminal, no escape")
        seen = [json.loads(line)["at"] for line in out.splitlines()] if form else \
            re.findall(r"(?m)^ACTIVE   (.{19})", out.decode())
        check(len(set(seen)) == len(seen) and len(seen) >= 2, f"times of {form}: {seen}")
    check_equal(lane.run_stats("active", "-w", "--csv").returncode, 2, "active -w --csv")
    finish(lane, [peer])


def many_on_a_small_screen(lane):
    """What does not fit is counted."""
    lane.serve()
    lane.file("small-screen", lane.content(50 * BLKSIZE))
    peers = [begin(lane, "small-screen") for _ in range(40)]
    screen = Terminal(lane, (lane.stats, "active", "-w"), 20, 80)
    frame = screen.wait_frame(lambda f: any("more" in line for line in f))
    check_fits(frame, 20, 80)
    shown = sum("small-screen" in line for line in frame)
    more = int(re.search(r"and (\d+) more", "\n".join(frame)).group(1))
    check_equal(shown + more, 40, "rows shown and not shown")
    screen.key("q")
    screen.end()
    finish(lane, peers)


def plain_output(lane):
    """NO_COLOR, TERM=dumb and no terminal."""
    lane.serve()
    peer = lane.peer()
    peer.read("plain-missing")
    peer.expect(tftp.ERROR, 1)
    lane.end_of(peer)
    screen = Terminal(lane, (lane.stats, "top"), NO_COLOR="1")
    screen.wait_frame(lambda f: any("notfound" in line for line in f))
    check(not re.search(r"\x1b\[[1-9][0-9;]*m", screen.read()), "colours in spite of NO_COLOR")
    screen.key("q")
    screen.end()
    for command in ("top", "active"):
        screen = Terminal(lane, (lane.stats, command), TERM="dumb")
        until(lambda: screen.process.poll() is not None, 8, "it ends by itself")
        check("\x1b" not in screen.read(), "escapes on a dumb terminal")
        check_equal(screen.process.returncode, 0, "status on a dumb terminal")
        os.close(screen.master)
        os.close(screen.slave)
    check("\x1b" not in stats(lane, "top"), "escapes in a pipe")


# top's figures.

def top_counts(lane):
    """The last hour in top is what stands in the log."""
    lane.serve(fresh=True)
    lane.file("count-me", lane.content(3 * BLKSIZE))
    for _ in range(7):
        lane.peer().get("count-me", blksize=BLKSIZE)
    for _ in range(3):
        peer = lane.peer()
        peer.read("count-missing")
        peer.expect(tftp.ERROR, 1)
    lane.peer().put("count-up", b"u" * 4321)
    until(lambda: len(lane.log.ends(file="count-me")) == 7 and len(lane.log.ends(file="count-up")) == 1 and
          len(lane.log.ends(file="count-missing")) == 3, 5 * lane.slowness, "the ends")
    told = json.loads(stats(lane, "top", "--json", "-n", "1000"))
    ends = lane.log.ends()
    wanted = {}
    for end in ends:
        wanted[end["outcome"]] = wanted.get(end["outcome"], 0) + 1
    found = {name: count for name, count in told["last_hour"]["outcomes"].items() if count}
    check_equal(found, wanted, "outcomes of the last hour")
    sums = [sum(end.get("bytes", 0) for end in ends if end["op"] == op) for op in ("read", "write")]
    check_equal([told["last_hour"]["bytes_sent"], told["last_hour"]["bytes_received"]], sums, "bytes")
    row = next(row for row in told["files"] if row.get("file") == "count-me")
    check_equal((row["requests"], row["failure"], row["bytes"]), (7, 0, 7 * 3 * BLKSIZE), "the busiest file")
    check_equal(sum(row["requests"] for row in told["clients"]), len(ends), "requests of all clients")
    check_equal(told["problems"][0]["file"] if told["problems"] else None, "count-missing", "the last problem")
    only = json.loads(stats(lane, "top", "--json", "--file", "count-*", "--op", "write"))
    check_equal(only["last_hour"]["requests"], 1, "with a filter")


def top_follows(lane):
    """While it runs: what ends is counted once, also across a rotation, and bytes are what moved."""
    lane.serve(fresh=True)
    lane.file("follow-me", lane.content(100 * BLKSIZE))
    peer = begin(lane, "follow-me", blocks=40)
    screen = Terminal(lane, (lane.stats, "top", "--file", "follow-me"), 50, 120)
    screen.wait_frame(lambda f: any(line.startswith("Since") and line.split()[2] == "0" for line in f))
    for block in range(41, 102):
        peer.drain_to(tftp.DATA, block)
        peer.ack(block)
    screen.wait_frame(lambda f: any(line.startswith("Since") and "complete 1" in line for line in f))
    # 61 of 100 kB moved while it looked, in one second or two.
    frame = screen.wait_frame(lambda f: any(line.startswith("Sent") and line.split()[1] != "0" for line in f))
    most = max(float(re.search(r"Sent +([\d.]+) kB/s", line).group(1)) for f in screen.frames()
               for line in f if re.match(r"Sent +[\d.]+ kB/s", line))
    check(10 <= most <= 12.3, f"the mean of five seconds of 60 kB: {most} kB/s")
    lane.log.path.rename(lane.log.path.with_name("transfers.jsonl.1"))
    kill(lane.server.keeper(), signal.SIGHUP)
    until(lambda: lane.log.path.exists(), 5 * lane.slowness, "a new log")
    lane.peer().get("follow-me", blksize=BLKSIZE)
    screen.wait_frame(lambda f: any(line.startswith("Since") and "complete 2" in line for line in f))
    screen.key("q")
    check_equal(screen.end(), 0, "status")


TESTS = (
    ("a thousand transfers are shown as they began", a_thousand_at_once, True),
    ("transfers half way are half way", half_way, True),
    ("who is killed leaves the table and gets an end", killed, True),
    ("hostile names are harmless", hostile_names, True),
    ("no table, a foreign one, a copy", no_table, True),
    ("a table that somebody spoilt", spoilt_table, True),
    ("an ordinary user sees who runs", anybody_reads, True),
    ("top fits the terminal at any size", top_fits, False),
    ("q, Ctrl-C and signals give the terminal back", ways_out, False),
    ("Ctrl-Z and fg", suspended, False),
    ("active -w shows the rate of the last second", watch_moves, False),
    ("what does not fit the screen is counted", many_on_a_small_screen, False),
    ("no colour, no terminal", plain_output, False),
    ("top counts the last hour as the log has it", top_counts, True),
    ("top follows transfers and rotations", top_follows, False),
)
