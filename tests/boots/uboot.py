"""U-Boot on an ARM board: what a person types on its console, and what its scripts fetch."""

import os
import re
import signal
import struct
import zlib

import holder
import machine as machines
import net as network
from harness import check, check_equal, until

PAYLOAD = 3_000_001
MEMORY_AT = "0x42000000"
STARTED = 40            # seconds until it asks whether to stop
BIG = 60_000_000
PATIENCE = "give-up = 10"       # when the last ACK is lost, the log tells it after that time
ASKED = "timeout=5 blksize=1468"


class Board:
    """A machine at U-Boot's prompt.

    Not with a virtio card: when more comes at once than U-Boot has buffers for, it may stop
    receiving for good, and answers not even ARP."""

    def __init__(self, scene):
        self.machine = scene.machine(1, [
            scene.find.program("qemu-system-aarch64"), "-machine", "virt", "-cpu", "cortex-a57",
            "-m", machines.MEMORY, "-bios", scene.find("usr/lib/u-boot/qemu_arm64/u-boot.bin")],
            device="e1000,romfile=")
        self.at = self.machine.wait_for("stop autoboot", STARTED).end()
        self.machine.send("\r")
        self.prompt(10)

    def prompt(self, seconds):
        """What it wrote until it is ready for the next command."""
        begin = self.at
        self.at = self.machine.wait_for(re.compile(r"\n=> "), seconds, begin).end()
        return self.machine.console()[begin:self.at]

    def start(self, command):
        self.machine.send(f"{command}\r")

    def do(self, command, seconds=machines.SECONDS):
        self.start(command)
        return self.prompt(seconds)

    def wait_for(self, word, seconds=machines.SECONDS):
        """What it writes while a command runs."""
        self.at = self.machine.wait_for(word, seconds, self.at).end()

    def address(self):
        """As DHCP would give it; dhcp itself takes three seconds."""
        self.do(f"setenv ipaddr {self.machine.address}")
        self.do(f"setenv serverip {network.SERVER}")

    def fetch(self, name):
        return self.do(f"tftpboot {MEMORY_AT} {name}")

    def has_payload(self, payload):
        """Compare what lies in memory, by U-Boot's own CRC."""
        text = self.do(f"crc32 {MEMORY_AT} 0x${{filesize}}")
        check(f"==> {zlib.crc32(payload):08x}" in text, f"what arrived has another CRC: {text}")


def script(text):
    """A script as U-Boot's source wants it (mkimage -T script)."""
    data = struct.pack(">II", len(text), 0) + text.encode()
    linux, arm64, is_script, plain = 5, 22, 6, 0

    def header(crc):
        return struct.pack(">7I4B32s", 0x27051956, crc, 0, len(data), 0, 0, zlib.crc32(data),
                           linux, arm64, is_script, plain, b"boot")
    return header(zlib.crc32(header(0))) + data


def kernel(word):
    """A program in the form of an ARM64 kernel: it writes a word to the board's serial port
    and turns the board off."""
    code = (0xd2a12001,         # movz x1, #0x900, lsl 16       the port
            0x10000122,         # adr  x2, word
            0x38401443,         # ldrb w3, [x2], #1
            0x34000063,         # cbz  w3, +12
            0xb9000023,         # str  w3, [x1]
            0x17fffffd,         # b    -12
            0x52800100,         # movz w0, #8                   PSCI's SYSTEM_OFF
            0x72b08000,         # movk w0, #0x8400, lsl 16
            0xd4000002,         # hvc  #0
            0x14000000)         # b    .
    anywhere, branch_over_header = 0xa, 0x14000010
    header = struct.pack("<IIQQQQQQ4sI", branch_over_header, 0, 0, 0x1000, anywhere, 0, 0, 0,
                         b"ARM\x64", 0)
    return header + struct.pack("<10I", *code) + word.encode() + b"\r\n\0"


def put_payload(scene):
    payload = machines.content(PAYLOAD)
    scene.file("payload", payload)
    return payload


def whole_chain(scene):
    """dhcp fetches a script; the script fetches a file, then a kernel, and starts it."""
    payload = put_payload(scene)
    scene.file("boot.scr.uimg", script(
        f"tftpboot {MEMORY_AT} payload\ncrc32 {MEMORY_AT} 0x${{filesize}}\n"
        "tftpboot ${kernel_addr_r} kernel\nbooti ${kernel_addr_r} - ${fdtcontroladdr}\n"))
    scene.file("kernel", kernel("ARRIVED"))
    scene.serve()
    board = Board(scene)
    scene.net.dhcp("dhcp-boot=boot.scr.uimg")
    board.do("dhcp")
    board.start("source ${scriptaddr}")
    board.wait_for(f"==> {zlib.crc32(payload):08x}")
    board.wait_for("ARRIVED")
    names = ("boot.scr.uimg", "payload", "kernel")
    scene.told(board.machine, [(name, "complete") for name in names])
    for record in scene.records(board.machine):
        check_equal((record["asked"], record["blksize"], record["timeout_ms"]),
                    (ASKED, 1468, 5000), "what U-Boot asked and got")


def pxe(scene):
    """pxe get and pxe boot: the walk of PXELINUX, by MAC and address."""
    scene.file("pxelinux.cfg/C000", "default one\nlabel one\nkernel kernel\ninitrd initrd\n")
    scene.file("kernel", kernel("ARRIVED"))
    scene.file("initrd", machines.content(400_000))
    scene.serve()
    board = Board(scene)
    board.address()
    check("found" in board.do("pxe get"), "pxe get found no configuration")
    board.start("pxe boot")
    board.wait_for("ARRIVED")
    walk = ["01-" + board.machine.mac.replace(":", "-"),
            *("C000020B"[:length] for length in range(8, 4, -1))]
    boot = scene.told(board.machine, [
        *((f"pxelinux.cfg/{one}", "notfound") for one in walk),
        *((name, "complete") for name in ("pxelinux.cfg/C000", "initrd", "kernel"))])
    check_equal([step["names"] for step in boot["steps"] if step["step"] == "walk"], [len(walk)],
                "names of each walk in tftpd-stats boots")


def options(scene):
    """Its variables for block size, window and time, and what it asks then."""
    payload = put_payload(scene)
    scene.serve()
    board = Board(scene)
    board.address()
    for variable, asked, granted in (
            ("tftpblocksize 512", "timeout=5 blksize=512", (512, 1)),
            ("tftpblocksize 8192", ASKED, (1468, 1)),       # it cannot put fragments together
            ("tftpwindowsize 16", f"{ASKED} windowsize=16", (1468, 16)),
            ("tftptimeout 1000", "timeout=1 blksize=1468 windowsize=16", (1468, 16))):
        board.do(f"setenv {variable}")
        check("Bytes transferred" in board.fetch("payload"), f"no payload after {variable}")
        board.has_payload(payload)
        scene.settle()
        record = scene.records(board.machine)[-1]
        check_equal((record["asked"], (record["blksize"], record["windowsize"])),
                    (asked, granted), f"what it asked and got after {variable}")
    scene.no_failures()


def limits(scene):
    """A server that grants less than it is asked for, or nothing."""
    payload, board = put_payload(scene), None
    for conf, granted in (
            (("max-blksize = 1024", "max-windowsize = 4", "single-port = yes"), (1024, 4)),
            (('refuse-options = {"blksize", "windowsize", "timeout"}',), (512, 1))):
        scene.serve(*conf)
        board = board or Board(scene)
        board.address()
        board.do("setenv tftpwindowsize 16")
        check("Bytes transferred" in board.fetch("payload"), f"no payload with {conf}")
        board.has_payload(payload)
        scene.settle()
        record = scene.records(board.machine)[-1]
        check_equal((record["blksize"], record["windowsize"]), granted, f"granted with {conf}")
        scene.server.stop()
    scene.no_failures()


def loss(scene):
    """2 % are lost each way, in windows of 16; it answers once per gap."""
    payload = put_payload(scene)
    scene.serve(PATIENCE)
    board = Board(scene)
    board.address()
    board.do("setenv tftptimeout 1000")
    board.do("setenv tftpwindowsize 16")
    scene.net.lose(20)
    check("Bytes transferred" in board.fetch("payload"), "no payload")
    lost = scene.net.lost()
    scene.net.lose(0)
    board.has_payload(payload)
    scene.told(board.machine, [("payload", "complete")], lossy=True)
    record = scene.records(board.machine)[-1]
    scene.note(f"{lost} datagrams lost; {record['blocks']} blocks, {record['retransmits']} of them "
               f"sent again, in {record['duration_us'] / 1e6:.1f} s")


def refused(scene):
    """A file that is missing or denied stops it: it must not ask for ever."""
    scene.file("secret", "x").chmod(0o600)
    scene.serve()
    board = Board(scene)
    board.address()
    for name, word in (("missing", "'File not found' (1)"), ("secret", "'Access violation' (2)")):
        text = board.fetch(name)
        check(word in text and "Not retrying" in text, f"asked for {name}, U-Boot said: {text}")
    scene.told(board.machine, [("missing", "notfound"), ("secret", "denied")], verdict="stopped")


def busy(scene):
    """No room: ERROR 0 ends its command; with netretry it asks again until there is room."""
    payload = put_payload(scene)
    scene.serve("max-transfers = 1")
    board = Board(scene)
    board.address()
    with holder.Holder("payload"):
        check("'Server busy' (0)" in board.fetch("payload"), "the server was not busy")
        board.do("setenv netretry yes")
        board.start(f"tftpboot {MEMORY_AT} payload")
        board.wait_for("'Server busy' (0)")
        board.wait_for("Starting again")
    check("Bytes transferred" in board.prompt(machines.SECONDS), "no payload after the wait")
    board.has_payload(payload)
    scene.settle()
    outcomes = [record["outcome"] for record in scene.records(board.machine)]
    check_equal((set(outcomes[:-1]), outcomes[-1]), ({"limited"}, "complete"), "the outcomes")
    scene.no_failures()
    scene.note(f"busy {len(outcomes) - 1} times, then complete")


def nobody(scene):
    """Nobody answers, then somebody does."""
    payload = put_payload(scene)
    board = Board(scene)
    board.address()
    board.do("setenv tftptimeout 1000")
    board.do("setenv tftptimeoutcountmax 2")
    check("Retry count exceeded" in board.fetch("payload"), "it got something from nobody")
    board.do("setenv netretry yes")
    board.start(f"tftpboot {MEMORY_AT} payload")
    board.wait_for("Retry count exceeded")
    scene.serve()
    check("Bytes transferred" in board.prompt(machines.SECONDS), "no payload from the server")
    board.has_payload(payload)
    scene.told(board.machine, [("payload", "complete")])


def running(scene):
    """The start record of a transfer that runs now."""
    ended = {record["id"] for record in scene.log() if record["event"] == "transfer"}
    found = [record for record in scene.log()
             if record["event"] == "start" and record["id"] not in ended]
    return found[0] if found else None


def restarted(scene):
    """The keeper dies in the middle: the transfer goes on.  The transfer dies as well: U-Boot
    waits, asks again, and gets the file from the next server."""
    payload = machines.content(BIG)
    scene.file("payload", payload)
    server = scene.serve()
    board = Board(scene)
    board.address()
    board.do("setenv tftptimeout 1000")
    board.do("setenv tftptimeoutcountmax 2")
    board.do("setenv netretry yes")
    for is_transfer_hit, outcomes in ((False, ["complete"]), (True, ["crashed", "complete"])):
        before = len(scene.records(board.machine))
        board.start(f"tftpboot {MEMORY_AT} payload")
        record = until(lambda: running(scene), 20, "a transfer runs")
        server.kill()
        if is_transfer_hit:
            os.kill(record["pid"], signal.SIGKILL)
        server.start()
        check("Bytes transferred" in board.prompt(machines.SECONDS), "no payload")
        board.has_payload(payload)
        scene.settle()
        check_equal([one["outcome"] for one in scene.records(board.machine)[before:]], outcomes,
                    "outcomes")


SCENES = (
    ("uboot", whole_chain, 200),
    ("uboot-pxe", pxe, 200),
    ("uboot-options", options, 200),
    ("uboot-limits", limits, 250),
    ("uboot-loss", loss, 250),
    ("uboot-refused", refused, 200),
    ("uboot-busy", busy, 250),
    ("uboot-nobody", nobody, 200),
    ("uboot-restarted", restarted, 400),
)
