"""The superservers that people have, with what we ship put where it belongs.

/etc and the folders of programs get a layer of their own in the lane: there lie
tftpd, its configuration, our xinetd file with nothing changed but "disable", or
our line for inetd as it stands in the sample.
"""

import os
import pathlib
import re
import shutil
import signal
import sys

import harness
from harness import check, check_equal, children, is_running, run, stat_of, until

SAMPLE = pathlib.Path(__file__).parents[2] / "xinetd.d/inetd.conf.sample"

LONG = 60                   # seconds to stay; longer than any test waits
IMITATION = pathlib.Path(__file__).with_name("udpsvd.py")


class Superserver(harness.Server):
    """One that runs.

    sockets: how many it has, and so how many servers, for its families."""
    program = arguments = None
    families, sockets, reloads = ("IPv4", "IPv6"), 1, True
    stop_signals = (signal.SIGTERM,)

    def __init__(self, lane):
        self.conf, self.former = pathlib.Path("/etc/tftpd.conf"), []
        super().__init__(lane, type(self).__name__, (), "::")

    def command(self):
        self.install()
        return [self.lane.peer_program(self.program), *self.arguments]

    def install(self):
        put(self.lane, "/usr/sbin/tftpd", self.lane.tftpd)
        self.set_linger(LONG)

    def set_linger(self, seconds):
        """A server that runs takes the changed file, too."""
        put(self.lane, self.conf, f"linger = {seconds}\n")

    @staticmethod
    def sample_line():
        lines = [line for line in SAMPLE.read_text().splitlines() if line.startswith("tftp\t")]
        check_equal(len(lines), 1, "lines for tftp in the sample")
        return lines[0]

    def write_conf(self, *lines):
        put(self.lane, "/etc/inetd.conf", "\n".join([*lines, ""]))

    # The family.

    def keepers(self):
        return children(self.process.pid)

    def keeper(self):
        found = self.keepers()
        return found[0] if found else None

    def wait_keepers(self):
        until(lambda: len(self.keepers()) == self.sockets, 5 * self.lane.slowness,
              f"{self.sockets} servers run")
        return self.keepers()

    def heads(self):
        return [self.process.pid, *self.keepers(), *filter(is_running, self.former)]

    def wait_idle(self):
        """Until the last server has left, and the superserver took note of it and waits.

        xinetd empties the socket then (svc_postmortem(), drain()): what comes in
        those milliseconds is lost, and a client asks again."""
        def waits():
            state = stat_of(self.process.pid)
            return state is not None and state[0] == "S" and not self.zombies()
        self.set_linger(1)
        until(lambda: not self.keepers() + list(filter(is_running, self.former)),
              10 * self.lane.slowness, "the servers have left")
        until(waits, 5 * self.lane.slowness, "the superserver waits again")
        self.set_linger(LONG)

    def zombies(self):
        pids = (int(p.name) for p in pathlib.Path("/proc").iterdir() if p.name.isdigit())
        return [pid for pid in pids if stat_of(pid) == ("Z", self.process.pid)]

    # What an administrator does.

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def quit(self, number):
        """The superserver goes; what its servers do then is its business and theirs."""
        self.former += self.keepers()
        self.process.send_signal(number)
        self.process.wait(5 * self.lane.slowness)

    def start_again(self):
        before = harness.listeners()
        self.start()
        until(lambda: harness.listeners() - before or not self.is_running(),
              20 * self.lane.slowness, "it listens again")
        check(self.is_running(), f"it did not start again: {self.tail()}")


class Xinetd(Superserver):
    """As Debian's script starts it, with the configuration of Debian's package."""
    program = "usr/sbin/xinetd"
    arguments = ("-dontfork", "-pidfile", "/run/xinetd.pid", "-stayalive",
                 "-inetd_compat", "-inetd_ipv6")
    # The first lets the servers go on (Debian's "stop"), the second ends them.
    stop_signals = (signal.SIGQUIT, signal.SIGTERM)

    def install(self):
        peers, text = self.lane.peers, self.lane.shipped_xinetd()
        changed, count = re.subn(r"(?m)^(\s*disable\s*=\s*)yes$", r"\1no", text)
        check_equal(count, 1, "lines with 'disable = yes'")
        layer(self.lane, "/etc")
        shutil.copytree(peers / "etc/xinetd.d", "/etc/xinetd.d", dirs_exist_ok=True)
        put(self.lane, "/etc/xinetd.conf", peers / "etc/xinetd.conf")
        put(self.lane, "/etc/xinetd.d/tftp", changed)
        put(self.lane, value_of(text, "server"), self.lane.tftpd)
        self.conf = pathlib.Path(value_of(text, "server_args").removeprefix("-f "))
        self.set_linger(LONG)


class OpenbsdInetd(Superserver):
    """Our "udp" is two sockets to it, one a family."""
    program, arguments = "usr/sbin/inetd", ("-i",)
    sockets = 2

    def install(self):
        super().install()
        self.write_conf(self.sample_line())


class InetutilsInetd(Superserver):
    """-d: it stays in the foreground.  IPv6 needs a line of its own."""
    program, arguments = "usr/sbin/inetutils-inetd", ("-d",)
    sockets = 2

    def install(self):
        super().install()
        line = self.sample_line()
        self.write_conf(line, line.replace("udp", "udp6", 1))


class BusyboxInetd(InetutilsInetd):
    """Of a busybox that has it (BUSYBOX=FILE); Debian's has not.  After SIGHUP while a
    server runs it does not know that server's pid any more, and never starts another."""
    reloads = False
    arguments = ("inetd", "-f", "/etc/inetd.conf")

    def command(self):
        self.install()
        return [os.environ["BUSYBOX"], *self.arguments]


class BusyboxUdpsvd(Superserver):
    """A server for each client, on a socket that is connected to it; IPv4 as it is asked
    for here.  Without a busybox that has it, what does the same."""
    families, reloads = ("IPv4",), False
    arguments = ("0.0.0.0", "69", "/usr/sbin/tftpd", "-f", "/etc/tftpd.conf")

    def command(self):
        self.install()
        given = os.environ.get("BUSYBOX")
        return [*([given, "udpsvd", "-c", "500"] if given else [sys.executable, IMITATION]),
                *self.arguments]


class Udpsvd(Superserver):
    """That of ipsvd: one server until it leaves, as with "wait"; no IPv6, no reload."""
    program = "usr/bin/udpsvd"
    arguments = ("-l", "tftp", "0", "69", "/usr/sbin/tftpd", "-f", "/etc/tftpd.conf")
    families, reloads = ("IPv4",), False


def value_of(text, key):
    found = re.search(rf"(?m)^\s*{key}\s*=\s*(.*\S)\s*$", text)
    check(found, f"no {key} in the shipped file")
    return found[1]


def layer(lane, folder):
    """A layer on top of a folder, for this lane only; once."""
    upper = lane.scratch / "layers" / str(folder).strip("/").replace("/", "-")
    if upper.exists():
        return
    upper.mkdir(parents=True)
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", upper)
    for part in ("upper", "work"):
        (upper / part).mkdir()
    run("mount", "-t", "overlay", "-o",
        f"lowerdir={folder},upperdir={upper}/upper,workdir={upper}/work", "overlay", folder)
    if str(folder) == "/etc":
        # The lane's own, which lay over the files.
        for name in ("passwd", "group"):
            shutil.copy(lane.scratch / name, folder)


def put(lane, path, content):
    """A file of root's at an absolute path: a copy of another, or a text."""
    path = pathlib.Path(path)
    layer(lane, "/etc" if path.is_relative_to("/etc") else path.parent)
    new = path.with_name(path.name + ".new")
    if isinstance(content, pathlib.Path):
        shutil.copy(content, new)
    else:
        new.write_text(content)
    new.rename(path)
