"""Machines with a BIOS: iPXE in the ROM of QEMU's network cards, and what it starts."""

import re

import machine as machines
import net as network
from harness import check, check_equal, run, until

GRUB = "boot/grub"
PAYLOAD = 200_000


def tell_boot(chain):
    """Records of files that all came."""
    return [(name, "complete") for name in chain]


# iPXE.

def ipxe_files(scene):
    """The ROM fetches a script, the script fetches a kernel and an initramfs."""
    linux = machines.Linux(scene.find)
    linux.put(scene.root)
    scene.find("usr/lib/ipxe/qemu/pxe-virtio.rom")
    scene.file("boot.ipxe", "#!ipxe\nkernel linux console=ttyS0 quiet chain=ipxe\n"
               "initrd initrd\nboot\n")
    return linux


def ipxe(scene):
    linux = ipxe_files(scene)
    scene.net.dhcp("dhcp-boot=boot.ipxe")
    scene.serve()
    machine = scene.machine(1, machines.pc(scene.find))
    linux.arrived(machine, "chain=ipxe")
    scene.told(machine, tell_boot(("boot.ipxe", "linux", "initrd")))
    for record in scene.records(machine):
        check_equal(record["asked"], "blksize=1432 tsize=0", "what iPXE asks")


def undionly(scene):
    """The ROM starts another iPXE, which drives the card through the ROM's UNDI."""
    linux = ipxe_files(scene)
    scene.copy("undionly.kpxe", "usr/lib/ipxe/undionly.kpxe")
    scene.net.dhcp("dhcp-boot=undionly.kpxe")
    scene.serve()
    machine = scene.machine(1, machines.pc(scene.find))
    # Both are iPXE, and no DHCP option tells which: what is offered changes in between.
    until(lambda: scene.records(machine), 60, "undionly.kpxe was fetched")
    scene.net.dhcp("dhcp-boot=boot.ipxe")
    linux.arrived(machine, "chain=ipxe", 150)
    scene.told(machine, tell_boot(("undionly.kpxe", "boot.ipxe", "linux", "initrd")))


def storm(scene):
    """Four at once; the server is started by the first of their datagrams."""
    linux = ipxe_files(scene)
    scene.net.dhcp("dhcp-boot=boot.ipxe")
    scene.serve(activated=True)
    rack = [scene.machine(number, machines.pc(scene.find, memory=192)) for number in range(1, 5)]
    for machine in rack:
        linux.arrived(machine, "chain=ipxe", 240)
    for machine in rack:
        scene.told(machine, tell_boot(("boot.ipxe", "linux", "initrd")))
    check_equal(len(scene.records()), 12, "requests")


# PXELINUX.

def by_address(machine):
    """How PXELINUX and GRUB look for their configuration: by MAC, then by address, a digit
    shorter each time."""
    digits = "%02X%02X%02X%02X" % tuple(map(int, machine.address.split(".")))
    return ["01-" + machine.mac.replace(":", "-"),
            *(digits[:length] for length in range(8, 0, -1))]


def pxelinux_boot(scene, name, *conf):
    """PXELINUX, from the ROM's PXE interface, with a menu; returns the machine.

    It does not ask by UUID: iPXE's interface hands none on, though the DHCP server sent it."""
    linux = machines.Linux(scene.find)
    linux.put(scene.root)
    scene.copy(name, f"usr/lib/PXELINUX/{name}")
    for module in ("ldlinux", "menu", "libutil"):
        scene.copy(f"{module}.c32", f"usr/lib/syslinux/modules/bios/{module}.c32")
    scene.file("pxelinux.cfg/default", "UI menu.c32\nTIMEOUT 10\nMENU TITLE Rack\n"
               "LABEL one\nMENU DEFAULT\nKERNEL linux\nINITRD initrd\n"
               "APPEND console=ttyS0 quiet chain=pxelinux\n")
    scene.net.dhcp(f"dhcp-boot={name}")
    scene.serve(*conf)
    machine = scene.machine(1, machines.pc(scene.find))
    linux.arrived(machine, "chain=pxelinux", 150)
    walk = by_address(machine)
    default = "pxelinux.cfg/default"
    boot = scene.told(machine, [
        *tell_boot((name, "ldlinux.c32")),
        *((f"pxelinux.cfg/{one}", "notfound") for one in walk),
        *tell_boot((default, "menu.c32", "libutil.c32", default, "linux", "initrd"))])
    walks = [step["names"] for step in boot["steps"] if step["step"] == "walk"]
    check_equal(walks, [len(walk)], "names of each walk in tftpd-stats boots")
    return machine


def pxelinux(scene):
    machine = pxelinux_boot(scene, "pxelinux.0")
    for record in scene.records(machine)[1:]:
        check_equal(record["asked"], "tsize=0 blksize=1408", "what PXELINUX asks")


def lpxelinux(scene):
    pxelinux_boot(scene, "lpxelinux.0")


def limits(scene):
    """Small blocks, from one port."""
    machine = pxelinux_boot(scene, "pxelinux.0", "max-blksize = 512", "max-windowsize = 1",
                            "single-port = yes")
    for record in scene.records(machine):
        check_equal(record.get("server_port"), network.PORT, "the port of the answer")
        check(record["outcome"] != "complete" or record["blksize"] == 512,
              f"{record['file']} in blocks of {record.get('blksize')}")


# GRUB.

GRUB_CONFIGURATION = """
serial --unit=0 --speed=115200
terminal_output serial
sha256sum /payload
source /more.cfg
"""


def grub_boot(scene, permille):
    """A network directory as grub-mknetdir makes it, with so many of 1,000 datagrams lost."""
    modules = scene.find("usr/lib/grub/i386-pc/kernel.img").parent
    run(scene.find.program("grub-mknetdir"), "-d", modules, f"--net-directory={scene.root}",
        f"--subdir={GRUB}", "--locales=", "--fonts=", env=scene.find.environment())
    run("chmod", "-R", "a+rX", scene.root)
    payload = machines.content(PAYLOAD)
    scene.file("payload", payload)
    linux = machines.Linux(scene.find)
    linux.put(scene.root)
    scene.file(f"{GRUB}/grub.cfg", GRUB_CONFIGURATION)
    scene.file("more.cfg", "linux /linux console=ttyS0 quiet chain=grub\ninitrd /initrd\nboot\n")
    scene.net.dhcp(f"dhcp-boot={GRUB}/i386-pc/core.0")
    scene.serve()
    machine = scene.machine(1, machines.pc(scene.find))
    scene.net.lose(permille)
    found = machine.wait_for(re.compile(r"([0-9a-f]{64})  /payload"), 200)
    check_equal(found[1], machines.sha256(payload), "GRUB's SHA-256 of the payload")
    linux.arrived(machine, "chain=grub", 200)
    return machine


def grub_story(machine):
    """But for its modules and lists, which differ from version to version."""
    return [(f"{GRUB}/i386-pc/core.0", "complete"),
            *((f"/{GRUB}/grub.cfg-{one}", "notfound") for one in by_address(machine)),
            *tell_boot((f"/{GRUB}/grub.cfg", "/payload", "/more.cfg", "/linux", "/initrd"))]


def grub(scene):
    machine = grub_boot(scene, 0)
    scene.told(machine, grub_story(machine), besides=f"/{GRUB}/i386-pc/*")
    for record in scene.records(machine)[1:]:
        check_equal(record["asked"], "blksize=1024 tsize=0", "what GRUB asks")


def loss(scene):
    """2 % are lost each way: GRUB repeats no ACK, all depends on the server's timer."""
    machine = grub_boot(scene, 20)
    scene.net.lose(0)
    scene.told(machine, grub_story(machine), besides=f"/{GRUB}/i386-pc/*", lossy=True)
    records = scene.records()
    again = sum(record.get("retransmits", 0) for record in records)
    check(again, "nothing had to be sent again: was anything lost?")
    big = max(records, key=lambda record: record.get("bytes", 0))
    scene.note(f"{again} packets were sent again; {big['file']}: {big['blocks']} blocks, "
               f"{big['retransmits']} sent again, {big['duration_us'] / 1e6:.1f} s")


SCENES = (
    ("ipxe", ipxe, 200),
    ("undionly", undionly, 300),
    ("pxelinux", pxelinux, 300),
    ("lpxelinux", lpxelinux, 300),
    ("grub", grub, 300),
    ("limits", limits, 300),
    ("loss", loss, 450),
    ("storm", storm, 400),
)
