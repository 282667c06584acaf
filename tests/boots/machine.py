"""A machine under QEMU, with its serial console, and what it can boot.

    machine = Machine(scene.folder, scene.net, 1, command)
    machine.wait_for("word", 60)    returns the console's text up to there; Failure otherwise
    machine.send("line\\r")         types
    machine.console()               everything so far
    machine.stop()

Its MAC, tap and IPv4 address are those of its number (net.mac_of, net.address_of).
"""

import hashlib
import random
import re
import signal
import subprocess
import threading
import time

import net as network

SECONDS = 90            # for a boot, in emulation on a busy machine
MEMORY = 256            # MiB
ESCAPES = re.compile(rb"\x1b(\[[0-9;?=]*[A-Za-z]|[()][A-Za-z0-9]|[=>c78])|\x00")


def uuid_of(number):
    return f"69000000-0000-4000-8000-{number:012x}"


class Machine:
    """A process of QEMU; a thread reads its console into NAME.console.

    command: the program (found by Find) and all arguments but the network's, which are added:
    device, say "virtio-net-pci", or with properties "e1000,romfile=".  network=False: none.
    """

    def __init__(self, folder, net, number, command, device="virtio-net-pci", accel="tcg",
                 has_network=True):
        self.number, self.name = number, f"machine{number}"
        self.mac, self.address = network.mac_of(number), network.address_of(number)
        self.uuid = uuid_of(number)
        self.file = folder / f"{self.name}.console"
        self.text, self.lock = bytearray(), threading.Lock()
        words = [*command, "-machine", f"accel={accel}", "-display", "none", "-nodefaults",
                 "-monitor", "none", "-serial", "stdio", "-no-reboot", "-uuid", self.uuid]
        if has_network:
            self.tap = net.tap()
            words += ["-netdev", f"tap,id=n0,ifname={self.tap},script=no,downscript=no",
                      "-device", f"{device},netdev=n0,mac={self.mac}"]
        with open(folder / f"{self.name}.err", "wb") as err:
            self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=err)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        with open(self.file, "wb", buffering=0) as log:
            while True:
                data = self.process.stdout.read1(65536)
                if not data:
                    return
                log.write(data)
                with self.lock:
                    self.text += data

    def console(self):
        """What it wrote, without the escape sequences."""
        with self.lock:
            return ESCAPES.sub(b"", bytes(self.text)).decode(errors="replace")

    def wait_for(self, word, seconds=SECONDS, after=0):
        """Until the console has the text (or pattern, if compiled) beyond character after.

        Returns the match; match.end() is what to give as after the next time."""
        pattern = word if isinstance(word, re.Pattern) else re.compile(re.escape(word))
        deadline = time.monotonic() + seconds
        while True:
            ended = not self.is_running() and not self.reader.is_alive()
            found = pattern.search(self.console(), after)
            if found:
                return found
            network.check(not ended, f"{self.name} ended without {pattern.pattern!r}:"
                          f"\n{self.last_lines()}")
            network.check(time.monotonic() < deadline, f"{self.name}: no {pattern.pattern!r} "
                          f"within {seconds} s:\n{self.last_lines()}")
            time.sleep(0.05)

    def last_lines(self, count=25):
        """The console's end, and what QEMU itself had to say."""
        lines = [line for line in re.split(r"[\r\n]+", self.console()) if line.strip()]
        err = network.tail(self.file.with_suffix(".err"), 4)
        return "\n".join("    " + line for line in lines[-count:] + err.splitlines())

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def is_running(self):
        return self.process.poll() is None

    def stop(self):
        if self.is_running():
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.reader.join(5)
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except OSError:
                pass


def pc(find, *more, memory=MEMORY):
    """The command of a BIOS machine whose screen is the serial console."""
    return [find.program("qemu-system-x86_64"), "-machine", "pc,graphics=off",
            "-m", memory, "-boot", "order=n", "-vga", "none", *more]


# What it boots in the end.

INIT = """#!/busybox sh
/busybox mkdir -p /proc
/busybox mount -t proc proc /proc
set -- $(/busybox sha256sum /payload)
echo
echo "ARRIVED $1 $(/busybox cat /proc/cmdline)"
/busybox poweroff -f
"""


def content(size, seed=1):
    """Bytes without a pattern: a block in the wrong place shows."""
    return random.Random(seed).randbytes(size)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def newc(entries):
    """An initramfs (cpio, format newc) of (name, mode, bytes, device)."""
    out = bytearray()
    for inode, (name, mode, data, device) in enumerate([*entries, ("TRAILER!!!", 0, b"", (0, 0))]):
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out)


class Linux:
    """A kernel of the distribution, and an initramfs whose init writes "ARRIVED", the SHA-256
    of what it carries, and the kernel's command line.  arrived(machine, word) looks for it.

    needs Find; put(root) writes the files linux and initrd there.
    """

    def __init__(self, find, size=1 << 20):
        self.kernel = find.first("boot/vmlinuz-*")
        busybox = find.program("busybox").read_bytes()
        if not is_static(busybox):
            raise find.Missing("busybox-static")
        self.payload = content(size)
        self.sha256 = sha256(self.payload)
        self.initrd = newc([
            ("dev", 0o40755, b"", (0, 0)), ("dev/console", 0o20600, b"", (5, 1)),
            ("init", 0o100755, INIT.encode(), (0, 0)),
            ("busybox", 0o100755, busybox, (0, 0)),
            ("payload", 0o100644, self.payload, (0, 0))])

    def put(self, root):
        for name, data in (("linux", self.kernel.read_bytes()), ("initrd", self.initrd)):
            (root / name).write_bytes(data)
            (root / name).chmod(0o644)

    def arrived(self, machine, word, seconds=SECONDS):
        """Wait until the machine's Linux says that all of it came, with that word in its
        command line."""
        found = machine.wait_for(re.compile(r"ARRIVED ([0-9a-f]{64}) ([^\r\n]*)[\r\n]"), seconds)
        network.check(found[1] == self.sha256, f"{machine.name}: what arrived has SHA-256 "
                      f"{found[1]}, not {self.sha256}")
        network.check(word in found[2].split(), f"{machine.name}: command line {found[2]!r} "
                      f"without {word}")


def is_static(elf):
    """A 64-bit ELF program without an interpreter."""
    if elf[:5] != b"\x7fELF\x02":
        return False
    at, count = int.from_bytes(elf[32:40], "little"), int.from_bytes(elf[56:58], "little")
    return all(elf[at + 56 * n] != 3 for n in range(count))

