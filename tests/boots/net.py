"""The network of a scene, and what serves in it.

Everything lies in namespaces of the scene's own (run.py makes them): a bridge
br0 with the server's addresses, a tap for each machine, dnsmasq for DHCP only,
and our tftpd.

    net = Net(folder, find)         bridge up, 192.0.2.1/24 and fd00:69::1/64
    tap = net.tap()                 "tap1", a port of the bridge, up
    net.dhcp("dhcp-boot=x", ...)    dnsmasq; each argument a line of its file
    server = Tftpd(folder, build, find, conf)   see there
    net.lose(20)                    20 of 1,000 datagrams, each way, from now on
"""

import os
import pathlib
import signal
import subprocess
import sysconfig

from harness import check, run, until

SERVER = "192.0.2.1"
SERVER6 = "fd00:69::1"
PORT = 69
DHCP_PORT = 67
STOPPING = 10           # seconds for a program to end


def address_of(number):
    """The IPv4 address that machine number gets (DHCP knows it by its MAC)."""
    return f"192.0.2.{10 + number}"


def mac_of(number):
    return f"52:54:00:12:34:{number:02x}"


def bound_ports():
    """UDP ports that something in this namespace is bound to."""
    found = set()
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        for line in pathlib.Path(table).read_text().splitlines()[1:]:
            found.add(int(line.split()[1].rpartition(":")[2], 16))
    return found


class Find:
    """Programs and files of the Debian packages: installed, or unpacked in a folder.

    find("usr/lib/PXELINUX/pxelinux.0") gives a path; Missing says which package has it.
    """

    PACKAGES = (            # end of the path, package
        ("qemu-system-x86_64", "qemu-system-x86"),
        ("qemu-system-aarch64", "qemu-system-arm"),
        ("dnsmasq", "dnsmasq-base"),
        ("systemd-socket-activate", "systemd"),
        ("grub-mknetdir", "grub2-common"),
        ("nft", "nftables"),
        ("busybox", "busybox-static"),
        ("lib/ipxe/qemu/", "ipxe-qemu"),
        ("lib/ipxe/", "ipxe"),
        ("lib/PXELINUX/", "pxelinux"),
        ("lib/syslinux/", "syslinux-common"),
        ("lib/grub/i386-pc/", "grub-pc-bin"),
        ("lib/grub/x86_64-efi-signed/", "grub-efi-amd64-signed"),
        ("lib/grub/x86_64-efi/", "grub-efi-amd64-bin"),
        ("lib/shim/", "shim-signed"),
        ("share/OVMF/", "ovmf"),
        ("lib/u-boot/", "u-boot-qemu"),
        ("boot/vmlinuz", "linux-image-cloud-amd64"),
    )

    class Missing(Exception):
        """A file that is not here; the text names its package."""

    def __init__(self, unpacked):
        self.roots = [pathlib.Path("/"), *(root for root in unpacked if root.is_dir())]

    def __call__(self, path):
        for root in self.roots:
            if (root / path).exists():
                return root / path
        raise self.Missing(self.package(path))

    def program(self, name):
        """A program, wherever Debian puts it."""
        for root in self.roots:
            for folder in ("usr/bin", "usr/sbin", "bin", "sbin"):
                if os.access(root / folder / name, os.X_OK):
                    return root / folder / name
        raise self.Missing(self.package(name))

    def first(self, pattern):
        """The last by name of those that match, as boot/vmlinuz-*."""
        for root in self.roots:
            found = sorted(path for path in root.glob(pattern) if os.access(path, os.R_OK))
            if found:
                return found[-1]
        raise self.Missing(self.package(pattern))

    def package(self, path):
        for part, name in self.PACKAGES:
            if path.endswith(part) or part.endswith("/") and part in path or \
                    part.endswith("vmlinuz") and part in path:
                return name
        return f"the one with {path}"

    def environment(self):
        """Unpacked programs have their libraries beside them."""
        multiarch = sysconfig.get_config_var("MULTIARCH") or "."
        places = [str(root / place) for root in self.roots[1:]
                  for place in (f"usr/lib/{multiarch}", f"lib/{multiarch}",
                                f"usr/lib/{multiarch}/systemd")]
        return dict(os.environ, LD_LIBRARY_PATH=":".join(places)) if places else dict(os.environ)


class Net:
    """The bridge, and what is plugged into it."""

    def __init__(self, folder, find):
        self.folder, self.find = folder, find
        self.taps, self.dnsmasq = 0, None
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "br0", "type", "bridge")
        # Else Linux tries for two seconds whether the IPv6 address is taken.
        for one in ("all", "br0"):
            pathlib.Path(f"/proc/sys/net/ipv6/conf/{one}/accept_dad").write_text("0")
        run("ip", "link", "set", "br0", "up")
        run("ip", "address", "add", f"{SERVER}/24", "dev", "br0")
        run("ip", "address", "add", f"{SERVER6}/64", "dev", "br0", "nodad")

    def tap(self):
        """A port of the bridge for one machine; returns its name."""
        self.taps += 1
        name = f"tap{self.taps}"
        run("ip", "tuntap", "add", name, "mode", "tap")
        run("ip", "link", "set", name, "master", "br0", "up")
        return name

    def dhcp(self, *lines):
        """Start dnsmasq with these lines added, or start it anew.

        Machine number N (mac_of) gets address_of(N).  lines: as in dnsmasq.conf, for instance
        "dhcp-boot=NAME" (the server is this one), "dhcp-match=set:ipxe,175", "dhcp-option=...",
        "enable-ra".
        """
        self.stop_dhcp()
        conf = self.folder / "dnsmasq.conf"
        hosts = [f"dhcp-host={mac_of(n)},{address_of(n)}" for n in range(1, 33)]
        conf.write_text("\n".join([
            "port=0", "interface=br0", "bind-dynamic", "no-ping", "dhcp-authoritative",
            "log-dhcp", "user=root", "group=root", f"pid-file={self.folder}/dnsmasq.pid",
            f"dhcp-leasefile={self.folder}/leases", "dhcp-range=192.0.2.100,192.0.2.199,1h",
            *hosts, *lines, ""]))
        with open(self.folder / "dnsmasq.log", "ab") as log:
            self.dnsmasq = subprocess.Popen(
                [str(self.find.program("dnsmasq")), "--no-daemon", f"--conf-file={conf}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.find.environment())
        until(lambda: DHCP_PORT in bound_ports() or self.dnsmasq.poll() is not None, 10,
              "dnsmasq listens")
        check(self.dnsmasq.poll() is None, f"dnsmasq ended: {tail(self.folder / 'dnsmasq.log')}")

    def stop_dhcp(self):
        stop(self.dnsmasq)
        self.dnsmasq = None

    def lose(self, permille):
        """From now on so many of 1,000 datagrams get lost on each way; 0: none.

        On the taps, so that no sender is told of it."""
        rule = f"ip protocol udp numgen random mod 1000 < {permille} counter drop"
        rules = ["add table netdev loss", "delete table netdev loss"]
        if permille:
            rules.append("add table netdev loss")
            for number in range(1, self.taps + 1):
                for way in ("ingress", "egress"):
                    chain = f"netdev loss {way}{number}"
                    rules.append(f"add chain {chain} "
                                 f"{{ type filter hook {way} device tap{number} priority 0; }}")
                    rules.append(f"add rule {chain} {rule}")
        run(self.find.program("nft"), "\n".join(rules))

    def lost(self):
        """How many datagrams lose() has dropped."""
        text = run(self.find.program("nft"), "list", "table", "netdev", "loss")
        words = text.split()
        return sum(int(words[at + 1]) for at, word in enumerate(words) if word == "packets")


class Tftpd:
    """Our server, in the foreground; its log is folder/transfers.jsonl.

    conf: lines of tftpd.conf; root, log and linger are there already.
    activated: started by the first datagram, through systemd-socket-activate, which does that
    once only.
    stop(), start(), kill() end it and start it with the same configuration.
    """

    def __init__(self, folder, build, find, conf=(), activated=False):
        self.folder, self.build, self.find = folder, build, find
        self.log, self.root = folder / "transfers.jsonl", folder / "root"
        self.activated, self.process = activated, None
        self.conf = folder / "tftpd.conf"
        self.conf.write_text("\n".join([f'root = {{"{self.root}"}}', f'log = "{self.log}"',
                                        "linger = 60", *conf, ""]))
        self.start()

    def start(self):
        if self.activated:
            command = [self.find.program("systemd-socket-activate"), "-d", "-l", f"{SERVER}:{PORT}",
                       self.build / "tftpd", "-f", self.conf]
        else:
            command = [self.build / "tftpd", "-L", "-f", self.conf]
        with open(self.folder / "tftpd.err", "ab") as err:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                env=self.find.environment() if self.activated else None)
        until(lambda: PORT in bound_ports() or self.process.poll() is not None, 20,
              "tftpd listens")
        check(self.process.poll() is None, f"tftpd ended: {tail(self.folder / 'tftpd.err')}")

    def stop(self):
        """As an administrator does; transfers end before it does."""
        stop(self.process)
        self.process = None

    def kill(self):
        """Keeper killed; its family ends by itself."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None
        until(lambda: PORT not in bound_ports(), STOPPING, "port 69 is free again")


def stop(process):
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOPPING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def tail(path, lines=12):
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
