"""What the scenes stand on: a booted machine, its log, and clients outside of it."""

import re
import urllib.error
import urllib.request

import harness
import test_address
from harness import check, check_equal, run, until

SOCKET, SERVICE = "tftpd.socket", "tftpd.service"
STATUS = "tftpd-status.socket"
URL = "http://127.0.0.1:9169"
# The server's, by loopback and over a wire.
ADDRESSES = ("127.0.0.1", "127.0.0.9", "::1", "10.77.0.1", "10.77.0.2", "fd77::1", "fd77::2")
WIRE = {"10.77": "10.77.0.10", "fd77:": "fd77::10"}
# So quick that an idle exit can be waited for.
QUICK = "linger = 1\n"


class World(harness.Lane):
    """A lane (tests/system/harness.py) whose server is another machine's."""

    def __init__(self, machine, scratch, args):
        super().__init__("systemd", scratch, args.build, args.build, verbose=args.verbose)
        self.machine, self.debs = machine, args.debs
        self.root = machine.path("/srv/tftp")
        self.log = harness.Log(machine.path("/var/log/tftpd/transfers.jsonl"))
        self.ends = harness.Ends(self.log)
        run("ip", "link", "set", "lo", "up")
        # The machine shares this network namespace; behind the wire is another.
        self.neighbour = test_address.Neighbour(self)

    def install(self):
        """Before the first boot: the packages, or what make installs."""
        if self.debs is None:
            run("make", "-C", self.build, "-s", "install", f"DESTDIR={self.machine.root}")
            # As an installer of images does: systemd makes users at the boot.
            for stamp in ("etc/.updated", "var/.updated"):
                self.machine.path(stamp).unlink(missing_ok=True)
            return
        debs = sorted(self.debs.glob("*.deb"))
        check(debs, f"there are no packages in {self.debs}")
        target = self.machine.path("/var/tmp/debs")
        target.mkdir()
        for deb in debs:
            (target / deb.name).write_bytes(deb.read_bytes())
        run("chroot", self.machine.root, "sh", "-c",
            "DEBIAN_FRONTEND=noninteractive dpkg --install /var/tmp/debs/*.deb")

    def begin(self, name):
        """Before each scene: what is left of the last one goes."""
        self.number += 100

    # The server.

    def configure(self, text=QUICK, units=None):
        """A stopped server with this configuration and these drop-ins, and its socket listening."""
        m = self.machine
        m.systemctl("stop", SOCKET, SERVICE)
        m.systemctl("reset-failed")
        m.write("/etc/tftpd.conf", text)
        wanted = {SERVICE: "", SOCKET: ""} | (units or {})
        for unit, lines in wanted.items():
            present = m.path(f"/etc/systemd/system/{unit}.d").exists()
            if lines or present:
                m.drop_in(unit, lines)
        m.systemctl("start", SOCKET)
        check(harness.listening(), "nobody listens on port 69")

    def wait_active(self, state, unit=SERVICE, seconds=10):
        until(lambda: self.machine.active(unit) == state, seconds, f"{unit} is {state}")

    def client(self, server="127.0.0.1", **how):
        """A scripted client, over the wire for the wire's addresses."""
        source = WIRE.get(server[:5])
        if source is None:
            return self.peer((server, 69), **how)
        return self.neighbour.visit(lambda: self.peer((server, 69), source=source, **how))

    def fetch(self, name="hello", content=b"hello, machine\n", server="127.0.0.1", **options):
        """A whole read, right from the address that was asked; returns the client."""
        self.file(name, content)
        peer = self.client(server)
        check_equal(peer.get(name, **options), content, f"content of {name} from {server}")
        check_equal(peer.tid[0], server, "address that answered")
        return peer

    def half_read(self, name="long", size=40 * 512 + 7):
        """A read that has begun: its first block is here and not acknowledged."""
        content = self.content(size)
        self.file(name, content)
        peer = self.client()
        peer.read(name)
        first = peer.expect(harness.tftp.DATA, 1)
        check_equal(first.payload, content[:512], "block 1")
        return peer, content

    def finish_read(self, peer, content):
        """The rest of it."""
        got, block = [content[:512]], 1
        while len(got[-1]) == 512:
            peer.ack(block)
            block += 1
            got.append(peer.expect(harness.tftp.DATA, block).payload)
        peer.ack(block)
        check_equal(b"".join(got), content, "content")

    def healthy(self):
        """No unit has failed, and the socket listens."""
        failed = self.machine.systemctl("--failed", "--no-legend", "--plain")
        check_equal(failed.strip(), "", "failed units")
        check_equal(self.machine.active(SOCKET), "active", SOCKET)

    def last_start(self):
        """What the newest of them says of its walls."""
        return self.starts()[-1]["message"]

    def starts(self):
        """Notices of dispatchers that have begun to serve."""
        return [r for r in self.log.records(event="notice") if r["message"].startswith("dispatcher started")]

    def ask(self, *words, **how):
        return self.machine.run("tftpd-stats", *words, **how).out

    def counted(self):
        """Transfers since the beginning, as the metrics count them."""
        found = re.findall(r"(?m)^tftpd_transfers_total\{.*\} (\d+)$", self.ask("prometheus"))
        return sum(map(int, found))


def http(path, seconds=20):
    """(status, body) of a GET to the machine's status socket."""
    try:
        with urllib.request.urlopen(URL + path, timeout=seconds) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
