"""What a test stands on: a lane.

A lane is a world of its own: network, mounts and processes nobody else sees
(run.py makes it).  In it lie /srv/tftp, an empty /run and /var/log, a user
"tftpd", and at most one server at a time, started in one of MODES.  Because a
lane has its own process namespace, nothing that a test started can outlive it.
"""

import collections
import contextlib
import json
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import sysconfig
import threading
import time

import tftp

MODES = ("xinetd", "inetd", "activate-inetd", "activate-fds", "foreground")
PORT = 69
ROOT = pathlib.Path("/srv/tftp")
LOG = pathlib.Path("/var/log/tftpd/transfers.jsonl")
SERVICE_USER = "tftpd"
STATUS_USER = "tftpd-status"
FIRST_CLIENT_PORT = 10000       # below those that the kernel gives away


class Failure(AssertionError):
    """A promise that the server did not keep."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def check_equal(found, wanted, what):
    if found != wanted:
        raise Failure(f"{what}: {found!r}, not {wanted!r}")


def until(condition, seconds, what):
    """Poll until condition() is true; returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds:g} s in vain: {what}")
        time.sleep(0.005)


def run(*command, **how):
    """A helper program of the test itself; it has to work."""
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60, **how)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout.decode(errors='replace')}")
    return done.stdout.decode(errors="replace")


# Processes, as /proc shows them.

def stat_of(pid):
    """(state, parent), or None when there is no such process."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[1])


def is_running(pid):
    stat = stat_of(pid)
    return stat is not None and stat[0] not in "ZX"


def processes():
    """pid -> parent of all that run."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = stat_of(entry)
            if stat is not None and stat[0] not in "ZX":
                found[int(entry)] = stat[1]
    return found


def is_spare(pid):
    """A transfer process that waits for a request (src/daemon/pool.c)."""
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text() == "tftpd-ready\n"
    except OSError:
        return False


def children(pid, spares=False):
    return sorted(child for child, parent in processes().items()
                  if parent == pid and (spares or not is_spare(child)))


def descendants(pid):
    """All below it but spare processes."""
    tree, found = processes(), set()
    for _ in range(10):
        found |= {child for child, parent in tree.items() if parent == pid or parent in found}
    return {child for child in found if not is_spare(child)}


def kill(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def status_of(pid):
    """/proc/PID/status as a dictionary of texts."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def describe(pid):
    """A process, for the one who reads about a failed test."""
    try:
        status = status_of(pid)
        wchan = pathlib.Path(f"/proc/{pid}/wchan").read_text()
        return f"{pid} {status['Name']}, child of {status['PPid']}, {status['State']} in {wchan}"
    except OSError:
        return str(pid)


def descriptors_of(pid):
    """number -> what /proc says it is."""
    found = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(number)] = os.readlink(f"/proc/{pid}/fd/{number}")
        except FileNotFoundError:
            pass
    return found


def listening(port=PORT):
    """Whether some unconnected UDP socket of this network namespace has that port."""
    return bool(listeners(port))


def listeners(port=PORT):
    """Those sockets, as descriptors_of() names them."""
    found = set()
    for table in ("udp", "udp6"):
        try:
            lines = pathlib.Path("/proc/net", table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if int(fields[1].rpartition(":")[2], 16) == port and set(fields[2]) <= set("0:"):
                found.add(f"socket:[{fields[9]}]")
    return found


# The ledger: what must stand in the log when the lane is over.

Entry = collections.namedtuple("Entry", "name ends client port")


class Ledger:
    """Every request that the tests made, and how many ends it must have."""

    def __init__(self):
        self.entries = []

    def note(self, name, ends=1, client=None, port=None):
        self.entries.append(Entry(tftp.as_bytes(name), ends, client, port))

    def compare(self, ends):
        """Complaints about what is missing in the end records, or too much."""
        wanted, unsure = collections.Counter(), set()
        for entry in self.entries:
            key = (entry.name, entry.client, entry.port)
            if entry.ends is None:
                unsure.add(key)
            else:
                wanted[key] += entry.ends
        known = set(wanted) | unsure
        found = collections.Counter(self.key_of(rec, known) for rec in ends)
        complaints = []
        for key in sorted(set(wanted) | set(found), key=str):
            if key not in unsure and found[key] != wanted[key]:
                name, client, port = key
                complaints.append(f"{name[:60]!r} from {client or 'a client'}:{port or '*'}: "
                                  f"{found[key]} end records, not {wanted[key]}")
        return complaints

    @staticmethod
    def key_of(record, known):
        client, port = record.get("client"), record.get("client_port")
        name = name_of(record)
        for key in ((name, client, port), (name, client, None), (name, None, None)):
            if key in known:
                return key
        if "cut" in record:
            for key in known:
                if key[1:] == (client, port) and key[0].startswith(name):
                    return key
        return (name, client, port)


def name_of(record):
    """The bytes that the client sent as the name."""
    if "file_hex" in record:
        return bytes.fromhex(record["file_hex"])
    return record.get("file", "").encode()


# The log.

class Log:
    """The transfer log as a reader sees it: whole lines, also of renamed files."""

    def __init__(self, path=LOG):
        self.path = pathlib.Path(path)

    def files(self):
        rotated = sorted(self.path.parent.glob(self.path.name + ".*"), reverse=True)
        return [*rotated, *([self.path] if self.path.exists() else [])]

    def lines(self):
        found = []
        for path in self.files():
            found += path.read_bytes().splitlines(keepends=True)
        return [line for line in found if line.endswith(b"\n")]

    def records(self, **like):
        found = [json.loads(line) for line in self.lines()]
        return [rec for rec in found if matches(rec, like)]

    def starts(self, **like):
        return self.records(event="start", **like)

    def ends(self, **like):
        return self.records(event="transfer", **like)

    def wait_end(self, seconds=5.0, **like):
        """The one end record that looks like this, as soon as it stands there."""
        until(lambda: self.ends(**like), seconds, f"an end record with {like}")
        found = self.ends(**like)
        check(len(found) == 1, f"{len(found)} end records with {like}: {found}")
        return found[0]

    def wait_start(self, seconds=5.0, **like):
        until(lambda: self.starts(**like), seconds, f"a start record with {like}")
        return self.starts(**like)[-1]


class Tail:
    """The log as it grows: each look reads on from the end of the last one."""

    def __init__(self, log):
        self.path, self.rest = log.path, b""
        self.offset = self.path.stat().st_size if self.path.exists() else 0

    def look(self):
        """The records that are new."""
        if not self.path.exists() or self.path.stat().st_size == self.offset:
            return []
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            text = file.read()
        self.offset += len(text)
        *lines, self.rest = (self.rest + text).split(b"\n")
        return [json.loads(line) for line in lines]


class Ends:
    """End records by client address and port.  It reads on from where it was: a lane
    with hundreds of requests would read its log hundreds of times."""

    def __init__(self, log):
        self.tail, self.found = Tail(log), collections.defaultdict(list)

    def of(self, peer):
        for record in self.tail.look():
            if record["event"] == "transfer":
                self.found[record["client"], record["client_port"]].append(record)
        return self.found.get((peer.address, peer.port), [])


def matches(record, like):
    return all(record.get(key) == value for key, value in like.items())


def of_peer(peer):
    """What picks the records of a scripted client."""
    return {"client": peer.address, "client_port": peer.port}


# Servers.

class Server:
    """A running tftpd, or a superserver that starts one when somebody asks."""

    def __init__(self, lane, mode, args, address):
        self.lane, self.mode, self.args, self.address = lane, mode, tuple(args), address
        said = Tail(lane.log)
        self.start()
        until(lambda: listening() or self.process.poll() is not None, 20 * lane.slowness,
              f"{mode} listens on port {PORT}")
        if mode == "foreground":
            self.wait_started(said)
        if self.process.poll() is not None:
            raise Failure(f"{mode} ended with status {self.process.returncode}: {self.tail()}")

    def wait_started(self, said):
        """Until the dispatcher has its walls: before that it is as large as the keeper, has
        the keeper's descriptors, and children that count against limits.  With a log that
        cannot be written nobody says so; a test of that waits for what it needs."""
        with contextlib.suppress(Failure, OSError, ValueError):
            until(lambda: self.process.poll() is not None or
                  any(record.get("message", "").startswith("dispatcher started") for record in said.look()),
                  2 * self.lane.slowness, "")

    def start(self):
        self.errors = self.lane.scratch / f"server-{self.lane.count()}.err"
        with open(self.errors, "wb") as err:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                env=self.lane.environment(peers=self.mode != "foreground"), cwd="/",
                start_new_session=True)

    def command(self):
        build = {"xinetd": self.xinetd, "inetd": self.inetd,
                 "activate-inetd": lambda: self.activate("--inetd"),
                 "activate-fds": lambda: self.activate(), "foreground": self.foreground}
        return [str(word) for word in build[self.mode]()]

    def foreground(self):
        # Left to itself it takes IPv4 and IPv6, on the tftp port.
        where = [] if self.address == "::" else ["-a", f"{self.address}:{PORT}"]
        return [self.lane.tftpd, "-L", *where, *self.args]

    def activate(self, *how):
        # It executes tftpd in its own place, once, at the first datagram.
        where = {"0.0.0.0": f"0.0.0.0:{PORT}", "::": str(PORT)}.get(self.address)
        return [self.lane.peer_program("usr/bin/systemd-socket-activate"), "-d", *how,
                "-l", where or f"{self.address}:{PORT}", self.lane.tftpd, *self.args]

    def inetd(self):
        proto = "udp6" if ":" in self.address else "udp4"
        conf = self.lane.scratch / "inetd.conf"
        conf.write_text(f"tftp dgram {proto} wait root {self.lane.tftpd} tftpd "
                        f"{' '.join(map(str, self.args))}\n")
        return [self.lane.peer_program("usr/sbin/inetd"), "-i", conf]

    def xinetd(self):
        """The shipped file; only who runs, with what, and "disable" are ours."""
        text = self.lane.shipped_xinetd()
        wanted = {"server": self.lane.tftpd, "disable": "no",
                  "server_args": " ".join(map(str, self.args))}
        if self.lane.instrumented:
            # The shipped file hands no environment on; a sanitizer needs its options.
            wanted["env"] = " ".join(f"{name}={value}" for name, value in self.lane.reporting().items())
        for key, value in wanted.items():
            line = f"\t{key} = {value}\n"
            text, count = re.subn(rf"(?m)^\s*#?\s*{key}\s*=.*\n", lambda _: line, text, count=1)
            if not count:
                text = text.replace("}", line + "}", 1)
        conf = self.lane.scratch / "xinetd.conf"
        conf.write_text("defaults\n{\n"
                        f"\tlog_type = FILE {self.xinetd_log()}\n"
                        "\tlog_on_success = PID EXIT\n}\n" + text)
        return [self.lane.peer_program("usr/sbin/xinetd"), "-dontfork", "-f", conf,
                "-pidfile", self.lane.scratch / "xinetd.pid",
                "-filelog", self.lane.scratch / "xinetd.log"]

    def xinetd_log(self):
        return self.lane.scratch / "xinetd.service.log"

    def activations(self):
        """How often xinetd has started tftpd."""
        log = self.xinetd_log()
        return log.read_text().count("START: tftp") if log.exists() else 0

    def is_running(self):
        return self.process.poll() is None

    # The family.

    def keeper(self):
        """The pid of the first process, or None while nobody has asked."""
        if self.mode in ("xinetd", "inetd"):
            found = children(self.process.pid)
            check(len(found) <= 1, f"the superserver runs {len(found)} servers at once")
            return found[0] if found else None
        return self.process.pid if self.is_running() else None

    def wait_keeper(self):
        return until(self.keeper, 5 * self.lane.slowness, "a server is running")

    def dispatchers(self):
        keeper = self.keeper()
        return children(keeper) if keeper else []

    def dispatcher(self):
        return until(self.dispatchers, 5 * self.lane.slowness, "a dispatcher is running")[-1]

    def transfers(self):
        return [pid for d in self.dispatchers() for pid in children(d)]

    # The end.

    def stop(self):
        """Everything away, politely first."""
        everybody, stubborn = {self.process.pid} | descendants(self.process.pid), ""
        for patience, number in ((0.3, signal.SIGTERM), (0.3, signal.SIGTERM),
                                 (5 * self.lane.slowness, signal.SIGTERM), (5, signal.SIGKILL)):
            # Processes that do not stand under us were left by one that died.
            everybody |= descendants(self.process.pid)
            if number == signal.SIGKILL:
                stubborn = "\n".join(map(describe, self.remaining(everybody)[:8]))
            for pid in everybody if number == signal.SIGKILL else self.heads():
                kill(pid, number)
            try:
                until(lambda: not self.remaining(everybody), patience, "")
            except Failure:
                continue
            break
        left = self.remaining(everybody)
        check(not left, f"still running after SIGKILL: {left}")
        check(not stubborn, f"{self.mode}: did not end on SIGTERM:\n{stubborn}")

    def heads(self):
        """Who is told to stop: the superserver and the keeper."""
        try:
            keeper = self.keeper()
        except Failure:
            keeper = None
        return [pid for pid in (self.process.pid, keeper) if pid]

    def remaining(self, pids):
        self.process.poll()
        return [pid for pid in pids if is_running(pid)]

    def tail(self):
        """What it had to say, for the one who reads about a failed test."""
        text = self.errors.read_text(errors="replace") if self.errors.exists() else ""
        return text[-1500:] or "(no word on stderr)"


# The lane.

class Lane:
    """The world of one group of tests."""

    def __init__(self, name, scratch, build, peers, quick=False, instrumented=False,
                 verbose=False, valgrind=False):
        self.name, self.scratch = name, pathlib.Path(scratch)
        self.build, self.peers = pathlib.Path(build), pathlib.Path(peers)
        self.quick, self.instrumented, self.verbose = quick, instrumented, verbose
        # valgrind knows no openat2(2), so there the root cannot be enforced.
        self.has_openat2 = not valgrind
        # A sanitized or valgrind build may take its time.
        self.slowness = 12 if valgrind else 4 if quick or instrumented else 1
        self.tftpd = self.scratch / "bin/tftpd"
        self.stats = self.scratch / "bin/tftpd-stats"
        self.root, self.log, self.ledger = ROOT, Log(), Ledger()
        self.server, self.peers_open, self.number = None, [], 0
        self.syslog = []

    def count(self):
        self.number += 1
        return self.number

    def note(self, text):
        """A figure, for the one who reads the run."""
        print(text, flush=True)

    # Building the world.

    def settle_in(self):
        run("mount", "--make-rprivate", "/")
        run(self.ip(), "link", "set", "lo", "up")
        for place in ("/run", "/var/log", "/var/lib", "/srv"):
            run("mount", "-t", "tmpfs", "-o", "size=900m,mode=755", "tmpfs", place)
        self.make_user()
        self.make_dev()
        self.root.mkdir()
        shutil.chown(self.root, SERVICE_USER, SERVICE_USER)
        self.ends = Ends(self.log)

    def make_user(self):
        """Users "tftpd" and "tftpd-status", who may read logs, for this lane only."""
        texts = {name: pathlib.Path("/etc", name).read_text() for name in ("passwd", "group")}
        for user, number in ((SERVICE_USER, 987), (STATUS_USER, 986)):
            if not re.search(f"(?m)^{user}:", texts["passwd"]):
                texts["passwd"] += f"{user}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"
                texts["group"] += f"{user}:x:{number}:\n"
        members = re.search("(?m)^adm:[^:]*:[^:]*:(.*)$", texts["group"])
        if members and STATUS_USER not in members[1].split(","):
            end = members.end()
            texts["group"] = texts["group"][:end] + "," * bool(members[1]) + STATUS_USER + texts["group"][end:]
        for name, text in texts.items():
            copy = self.scratch / name
            copy.write_text(text)
            run("mount", "--bind", copy, pathlib.Path("/etc", name))
        entry = pwd.getpwnam(SERVICE_USER)
        self.uid, self.gid = entry.pw_uid, entry.pw_gid

    def make_dev(self):
        """A /dev of our own, with a /dev/log that a thread reads: syslog is at home."""
        dev = self.scratch / "dev"
        dev.mkdir()
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", dev)
        for node in ("null", "zero", "full", "random", "urandom", "tty"):
            (dev / node).touch()
            run("mount", "--bind", f"/dev/{node}", dev / node)
        for link, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
            (dev / link).symlink_to(f"/proc/self/{target}")
        (dev / "shm").mkdir(mode=0o1777)
        run("mount", "--rbind", dev, "/dev")
        log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        log.bind("/dev/log")
        os.chmod("/dev/log", 0o666)
        threading.Thread(target=self.read_syslog, args=(log,), daemon=True).start()

    def read_syslog(self, log):
        while True:
            line = log.recv(8192).decode(errors="replace")
            if len(self.syslog) < 10000:
                self.syslog.append(line)

    # Programs.

    def ip(self):
        for place in (shutil.which("ip"), "/sbin/ip", "/usr/sbin/ip",
                      self.peers / "bin/ip", self.peers / "sbin/ip"):
            if place and os.path.exists(place):
                return place
        raise RuntimeError("no program 'ip' (package iproute2)")

    def peer_program(self, path):
        found = self.peers / path
        if not found.exists():
            raise Failure(f"{found} is missing: ./quickstart check unpacks it")
        return found

    def environment(self, peers=False):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        env.update(self.reporting())
        if peers:
            multiarch = sysconfig.get_config_var("MULTIARCH") or "."
            lib = [self.peers / "usr/lib" / multiarch, self.peers / "lib" / multiarch,
                   self.peers / "usr/lib" / multiarch / "systemd"]
            env["LD_LIBRARY_PATH"] = ":".join(map(str, lib))
        return env

    def reporting(self):
        """Where a sanitizer writes: its process's stderr may be /dev/null.  gcc's UBSan
        knows stderr only: build with -fno-sanitize-recover, and the process ends."""
        options = {"ASAN_OPTIONS": f"log_path={self.scratch}/reports/report",
                   "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
        return {name: ":".join(filter(None, (os.environ.get(name), value)))
                for name, value in options.items()}

    def reports(self):
        """Texts of what went wrong; valgrind's remarks about itself begin otherwise."""
        texts = []
        for path in sorted((self.scratch / "reports").iterdir()):
            lines = path.read_text(errors="replace").splitlines()
            if path.name.startswith("valgrind"):
                lines = [line for line in lines if line.startswith("==")]
            if lines:
                texts.append("\n".join([path.name, *lines[:40]]))
        for path in sorted(self.scratch.glob("server-*.err")):
            text = path.read_text(errors="replace")
            if "runtime error" in text or "Sanitizer" in text:
                texts.append(f"{path.name}\n{text[:3000]}")
        return texts

    def shipped_xinetd(self):
        path = self.build / "xinetd.d/tftp"
        check(path.exists(), f"{path} was not built")
        return path.read_text()

    def run_stats(self, *args, **how):
        return subprocess.run([str(self.stats), *map(str, args)], env=self.environment(),
                              stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=20 * self.slowness, **how)

    # Servers and clients.

    def serve(self, *args, mode="foreground", address="0.0.0.0", fresh=False):
        """The lane's server, started so; an equal one that runs is kept."""
        args = args or ("-s", "-c", self.root)
        same = self.server is not None and self.server.is_running() and \
            (self.server.mode, self.server.args, self.server.address) == (mode, args, address)
        if same and not fresh:
            return self.server
        self.stop_server()
        self.server = Server(self, mode, args, address)
        return self.server

    def stop_server(self):
        server, self.server = self.server, None
        if server is not None:
            server.stop()

    def peer(self, server=("127.0.0.1", PORT), **how):
        """A scripted client.  Each gets a port that no other had in this lane: records
        are told apart by it.  (A port that the kernel chooses comes again soon.)"""
        how.setdefault("patience", 5.0 * self.slowness)
        if "port" not in how:
            how["port"] = FIRST_CLIENT_PORT + self.count()
        peer = tftp.Peer(self.ledger, server, **how)
        self.peers_open.append(peer)
        return peer

    def end_of(self, peer, seconds=5.0):
        """The end record of a client that asked once, as soon as it stands there."""
        until(lambda: self.ends.of(peer), seconds * self.slowness,
              f"an end record of {peer.address}:{peer.port}")
        found = self.ends.of(peer)
        check(len(found) == 1, f"{len(found)} end records: {found}")
        return found[0]

    def load(self, *args, ends=1):
        """Run tftp-load; returns what it counted.  The name, its last argument, leaves
        so many end records; None: who calls notes that."""
        command = [self.load_program(), "--server", f"127.0.0.1:{PORT}", *args]
        if ends is not None:
            self.ledger.note(args[-1], ends)
        done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                              capture_output=True, env=self.environment(), timeout=90 * self.slowness)
        check(done.stdout, f"tftp-load ended with status {done.returncode}: {done.stderr.decode()}")
        return json.loads(done.stdout)

    def load_program(self):
        found = self.scratch / "bin/tftp-load"
        if not found.exists():
            raise Failure(f"{self.build / 'tests/bench/tftp-load'} is missing: build it first")
        return found

    def make_content(self, name, size, sparse=False):
        """A served file with the content that tftp-load expects."""
        path = self.root / name
        if not path.exists():
            run(self.load_program(), "--make-sparse" if sparse else "--make", path, size)
            path.chmod(0o644)
        return path

    def close_peers(self):
        while self.peers_open:
            self.peers_open.pop().close()

    # Files.

    def file(self, name, content=b"", mode=0o644):
        """A file in the served directory."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = tftp.as_bytes(content)
        # Who reads it just now is not to see a change where there is none.
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)
        path.chmod(mode)
        return path

    def content(self, size, seed=1):
        return bytes_of(size, seed)

    def hidden(self, where=None):
        """Unfinished uploads: .NAME.ID with an ID of 16 hex digits."""
        return [p for p in (where or self.root).iterdir()
                if re.fullmatch(r"\..+\.[0-9a-f]{16}", p.name)]


def bytes_of(size, seed=1):
    """Bytes without a pattern: a block in the wrong place shows."""
    return random.Random(seed).randbytes(size)
