"""The servers that are measured: how each is started, stopped, and what CPU it used.

Each has an address of its own in 127.0.0.0/8, so that several can wait side by
side, and the port 69 of a network namespace that nobody else uses.
"""

import os
import pathlib
import subprocess
import time

PORT = 69
PATIENCE = 10               # seconds for a start or a stop
IDLE_US = 20                # of CPU time within 30 ms: nothing goes on any more


class Trouble(Exception):
    """A server or a client that did not do what a measurement needs."""


def until(condition, seconds, what):
    """Poll until condition() is true; returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Trouble(f"waited {seconds:g} s in vain: {what}")
        time.sleep(0.002)


# CPU time.

class NoGroup:
    """For who does not ask for CPU time."""

    def join(self):
        pass

    def used_us(self):
        return 0


class Group:
    """A control group: the CPU time of all that was ever in it, exact and at any time.
    What ended processes leave to their parents would not do: a server that ignores
    SIGCHLD, as some do, gets nothing of its children's."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.usage = self.folder / "cpuacct.usage"
        self.stat = self.folder / "cpu.stat"
        self.kind = "cgroup v1 cpuacct" if self.usage.exists() else "cgroup v2 cpu.stat"

    def join(self):
        (self.folder / "cgroup.procs").write_text("0")

    def used_us(self):
        if self.usage.exists():
            return int(self.usage.read_text()) / 1000
        return int(self.stat.read_text().split("usage_usec", 1)[1].split()[0])


def make_group(name):
    """A folder for a Group, or None where there are no control groups that we may use."""
    for base in ("cpuacct", "cpu,cpuacct", "", "unified"):
        folder = pathlib.Path("/sys/fs/cgroup") / base / name
        try:
            folder.mkdir()
        except OSError:
            continue
        if (folder / "cpuacct.usage").exists() or (folder / "cpu.stat").exists():
            return folder
        folder.rmdir()
    return None


# Servers.

class Server:
    """One of them, running or not.  name and text: for the tables."""

    name, text = "", ""
    takes_uploads = True

    def __init__(self, lane, number):
        self.lane, self.address = lane, f"127.0.0.{10 + number}"
        self.process, self.group = None, lane.group

    def program(self):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def environment(self):
        return None

    def missing(self):
        """Why it cannot be measured, or None."""
        return None if self.program().exists() else f"{self.program().name} is not there"

    def start(self, cpu=None, before=()):
        """before: a command in front of it, such as strace."""
        def prepare():
            self.group.join()
            if cpu is not None:
                os.sched_setaffinity(0, {cpu})
        log = open(self.lane.folder / f"{self.name}.out", "wb")
        self.process = subprocess.Popen(
            [str(c) for c in (*before, *self.command())], stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, cwd=self.lane.folder, env=self.environment(), preexec_fn=prepare)
        log.close()
        self.lane.running.add(self.process.pid)
        until(self.is_bound, PATIENCE, f"{self.name} listens")
        self.settle()

    def is_bound(self):
        if self.process.poll() is not None:
            raise Trouble(f"{self.name} ended with {self.process.returncode}: {self.said()}")
        digits = "".join(f"{int(part):02X}" for part in reversed(self.address.split(".")))
        table = pathlib.Path("/proc/net/udp").read_text()
        return f"{digits}:{PORT:04X}" in table or f"00000000:{PORT:04X}" in table

    def said(self):
        return (self.lane.folder / f"{self.name}.out").read_text(errors="replace")[-300:]

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.lane.running.discard(self.process.pid)
        self.process = None
        self.lane.bury()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def settle(self):
        """Wait until it has done what its start or the last client left it to do."""
        deadline, last = time.monotonic() + PATIENCE, -1.0
        while time.monotonic() < deadline:
            used = self.group.used_us()
            if used - last < IDLE_US:
                return
            last = used
            time.sleep(0.03)


class Ours(Server):
    name, text = "ours", "simple-tftpd, all walls on"

    def program(self):
        return self.lane.build / "tftpd"

    def command(self):
        return (self.program(), "-L", "-a", f"{self.address}:{PORT}", "-u", "nobody", "-c",
                "--max-upload", "8G", "--log", self.lane.log, "-s", self.lane.root)


class Limit(Server):
    name, text = "limit", "tftp-limit: a process per transfer, nothing but sockets"
    mode = ()

    def program(self):
        return self.lane.tools / "tftp-limit"

    def command(self):
        return (self.program(), *self.mode, self.address, PORT, self.lane.root)


class LimitLoop(Limit):
    name, text, mode = "loop", "tftp-limit --loop: one event loop for all", ("--loop",)


class Peer(Server):
    path = ""

    def program(self):
        return self.lane.peers / self.path

    def environment(self):
        folders = [str(folder) for pattern in ("usr/lib/*-linux-gnu*", "lib/*-linux-gnu*")
                   for folder in sorted(self.lane.peers.glob(pattern))]
        return {"PATH": os.environ.get("PATH", "/usr/bin"), "LD_LIBRARY_PATH": ":".join(folders)}


class Hpa(Peer):
    name, text, path = "tftpd-hpa", "tftpd-hpa in.tftpd -L", "usr/sbin/in.tftpd"

    def command(self):
        return (self.program(), "-L", "-a", f"{self.address}:{PORT}", "-u", "nobody", "-c",
                "-s", self.lane.root)


class Atftpd(Peer):
    name, text, path = "atftpd", "atftpd --daemon --no-fork", "usr/sbin/atftpd"

    def command(self):
        return (self.program(), "--daemon", "--no-fork", "--user", "nobody.nogroup",
                "--bind-address", self.address, "--port", PORT, "--maxthread", "2000",
                "--logfile", "/dev/null", self.lane.root)


class Dnsmasq(Peer):
    name, text, path = "dnsmasq", "dnsmasq --enable-tftp", "usr/sbin/dnsmasq"
    takes_uploads = False

    def command(self):
        return (self.program(), "--no-daemon", "--port=0", "--conf-file=/dev/null",
                "--user=nobody", "--enable-tftp", f"--tftp-root={self.lane.root}",
                f"--listen-address={self.address}", "--bind-interfaces", "--tftp-max=2000",
                "--quiet-tftp", "--no-resolv", "--no-hosts")


class RsTftpd(Peer):
    name, text = "rs-tftpd", "rs-tftpd (Rust)"

    def program(self):
        return self.lane.rs_tftpd or self.lane.peers / "bin/rs-tftpd"

    def command(self):
        return (self.program(), "-i", self.address, "-p", PORT, "-d", self.lane.root,
                "--overwrite")


KINDS = (Ours, Limit, LimitLoop, Hpa, Atftpd, Dnsmasq, RsTftpd)
PEERS = tuple(kind.name for kind in KINDS if issubclass(kind, Peer))
