"""Machines with UEFI: EDK2's own PXE client, and what it starts."""

import os
import re
import signal

import holder
import machine as machines
import net as network
from harness import check_equal, until

PAYLOAD = 200_000
BIG = 40_000_000          # long enough to be hit in the middle
PROBE = "tsize=0 blksize=1468 windowsize=4"
READ = "blksize=1468 windowsize=4"
READ6 = "blksize=1228 windowsize=4"
SHIM = "blksize=512 windowsize=4"
GRUB = "blksize=1024 tsize=0"
LISTS = ("command", "fs", "crypto", "terminal")     # GRUB asks for them before grub.cfg
MODULES = "grub/x86_64-efi"
CARD = "virtio-net-pci,romfile=,bootindex=0"        # without a ROM, EDK2 fetches by itself


def start(scene, number=1, family=4):
    """A machine that boots by the network alone, over IPv4 or IPv6."""
    variables = scene.folder / f"variables{number}.fd"
    variables.write_bytes(scene.find("usr/share/OVMF/OVMF_VARS_4M.fd").read_bytes())
    flash = "if=pflash,format=raw"
    other = 10 - family
    return scene.machine(number, [
        scene.find.program("qemu-system-x86_64"), "-machine", "q35", "-m", machines.MEMORY,
        "-drive", f"{flash},readonly=on,file={scene.find('usr/share/OVMF/OVMF_CODE_4M.fd')}",
        "-drive", f"{flash},file={variables}", "-device", "virtio-rng-pci",
        "-fw_cfg", f"name=opt/org.tianocore/IPv{other}PXESupport,string=n"], device=CARD)


def asked(scene, machine, address=None):
    """What stood in the requests, by name."""
    found = {}
    for record in scene.records(machine, address):
        found.setdefault(record["file"], []).append(record["asked"])
    return found


def fetched(name):
    """The records of a file that EDK2 fetched: it asks for the size first."""
    return [(name, "probe"), (name, "complete")]


# What GRUB finds.

def put_grub(scene, name, signed=False):
    if signed:
        scene.copy(name, "usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed")
    else:
        scene.copy(name, "usr/lib/grub/x86_64-efi/monolithic/grubnetx64.efi")


def put_configuration(scene, commands):
    scene.file("grub/grub.cfg", f"serial --unit=0\nterminal_output serial\n{commands}\n")


def walked(ended="notfound"):
    return [(f"/{MODULES}/{name}.lst", ended) for name in LISTS]


def grub(scene):
    """EDK2 -> GRUB -> its modules -> its configuration -> a file, a kernel, an initramfs."""
    put_grub(scene, "grubnetx64.efi")
    modules = scene.find("usr/lib/grub/x86_64-efi/command.lst").parent
    for path in [*modules.glob("*.mod"), *modules.glob("*.lst")]:
        scene.file(f"{MODULES}/{path.name}", path.read_bytes())
    payload = machines.content(PAYLOAD)
    scene.file("payload", payload)
    linux = machines.Linux(scene.find)
    linux.put(scene.root)
    put_configuration(scene, "sha256sum /payload\nsource /more.cfg")
    scene.file("more.cfg", "linux /linux console=ttyS0 quiet chain=uefi\ninitrd /initrd\nboot\n")
    scene.net.dhcp("dhcp-boot=grubnetx64.efi")
    scene.serve()
    machine = start(scene)
    found = machine.wait_for(re.compile(r"([0-9a-f]{64})  /payload"), machines.SECONDS)
    check_equal(found[1], machines.sha256(payload), "GRUB's SHA-256 of the payload")
    linux.arrived(machine, "chain=uefi")
    scene.told(machine, [
        *fetched("grubnetx64.efi"),
        *((name, "complete") for name in ("/grub/grub.cfg", "/payload", "/more.cfg", "/linux",
                                          "/initrd"))], probes=1, besides=f"/{MODULES}/*")
    lines = asked(scene, machine)
    check_equal(lines.pop("grubnetx64.efi"), [PROBE, READ], "what EDK2 asks")
    check_equal({one for some in lines.values() for one in some}, {GRUB}, "what GRUB asks")


def ipxe(scene):
    """EDK2 -> iPXE as an EFI program -> its script -> a kernel and an initramfs."""
    scene.copy("snponly.efi", "usr/lib/ipxe/snponly.efi")
    linux = machines.Linux(scene.find)
    linux.put(scene.root)
    scene.file("boot.ipxe", "#!ipxe\nimgfetch missing || echo not there\n"
               "kernel linux initrd=initrd console=ttyS0 quiet chain=uefi-ipxe\n"
               "initrd initrd\nboot\n")
    scene.net.dhcp("dhcp-match=set:ipxe,175", "dhcp-boot=tag:!ipxe,snponly.efi",
                   "dhcp-boot=tag:ipxe,boot.ipxe")
    scene.serve()
    machine = start(scene)
    linux.arrived(machine, "chain=uefi-ipxe", 150)
    scene.told(machine, [*fetched("snponly.efi"), ("boot.ipxe", "complete"),
                         ("missing", "notfound"), ("linux", "complete"), ("initrd", "complete")],
               probes=1)
    lines = asked(scene, machine)
    check_equal(lines.pop("snponly.efi"), [PROBE, READ], "what EDK2 asks")
    check_equal({one for some in lines.values() for one in some}, {"blksize=1432 tsize=0"},
                "what iPXE asks")


def shim(scene):
    """EDK2 -> shim, which fetches by EDK2 in blocks of 512 -> GRUB, signed -> its configuration."""
    scene.copy("shimx64.efi", "usr/lib/shim/shimx64.efi.signed")
    put_grub(scene, "grubx64.efi", signed=True)
    put_configuration(scene, "echo ARRIVED\nhalt")
    scene.net.dhcp("dhcp-boot=shimx64.efi")
    scene.serve()
    machine = start(scene)
    machine.wait_for("ARRIVED")
    # Lists of revoked programs and certificates, which newer versions look for.
    looked_for = [(record["file"], "notfound") for record in scene.records(machine)
                  if record["file"].startswith(("revocations", "shim_certificate"))]
    boot = scene.told(machine, [*fetched("shimx64.efi"), *looked_for, ("grubx64.efi", "complete"),
                                *walked(), ("/grub/grub.cfg", "complete")], probes=1)
    check_equal(asked(scene, machine)["grubx64.efi"], [SHIM], "what shim asks")
    check_equal([step["names"] for step in boot["steps"] if step["step"] == "walk"][-1],
                len(LISTS), "names of GRUB's walk in tftpd-stats boots")


def ipv6(scene):
    """The same over IPv6: an advertised network, an address and a URL by DHCPv6."""
    put_grub(scene, "grubnetx64.efi")
    put_configuration(scene, "echo ARRIVED\nhalt")
    # EDK2 takes two addresses, one of them only to have one.
    scene.net.dhcp("enable-ra", "dhcp-range=fd00:69::100,fd00:69::1ff,64,1h",
                   f"dhcp-option=option6:59,tftp://[{network.SERVER6}]/grubnetx64.efi")
    scene.serve()
    machine = start(scene, family=6)
    machine.wait_for("ARRIVED", 150)
    address = scene.records()[0]["client"]
    scene.told(machine, [*fetched("grubnetx64.efi"), *walked(), ("/grub/grub.cfg", "complete")],
               probes=1, address=address)
    check_equal(asked(scene, machine, address)["grubnetx64.efi"],
                [f"tsize=0 {READ6}", READ6], "what EDK2 asks over IPv6")


# Hard times.

def limits(scene):
    """A server that grants less, and answers from its one port."""
    put_grub(scene, "grubnetx64.efi")
    put_configuration(scene, "echo ARRIVED\nhalt")
    scene.net.dhcp("dhcp-boot=grubnetx64.efi")
    story = [*fetched("grubnetx64.efi"), *walked(), ("/grub/grub.cfg", "complete")]
    for number, conf, granted in (
            (1, ("max-blksize = 1024", "max-windowsize = 2", "single-port = yes"), (1024, 2)),
            (2, ('refuse-options = {"windowsize"}',), (1468, 1))):
        scene.serve(*conf)
        machine = start(scene, number)
        machine.wait_for("ARRIVED")
        scene.told(machine, story, probes=1)
        record = scene.records(machine)[1]
        check_equal((record["blksize"], record["windowsize"]), granted, f"granted with {conf}")
        machine.stop()
        scene.server.stop()


def loss(scene):
    """2 % are lost each way: EDK2 answers each block behind a gap with the same ACK."""
    put_grub(scene, "grubnetx64.efi")
    put_configuration(scene, "echo ARRIVED\nhalt")
    scene.net.dhcp("dhcp-boot=grubnetx64.efi")
    scene.serve("give-up = 10")     # else a lost last ACK is told after 30 s
    machine = start(scene)
    machine.wait_for("NBP filename")
    scene.net.lose(20)
    machine.wait_for("ARRIVED", 200)
    lost = scene.net.lost()
    scene.net.lose(0)
    scene.told(machine, [*fetched("grubnetx64.efi"), *walked(), ("/grub/grub.cfg", "complete")],
               lossy=True)
    tell_loss(scene, machine, lost)


def tell_loss(scene, machine, lost):
    record = max(scene.records(machine), key=lambda one: one.get("bytes", 0))
    scene.note(f"{lost} datagrams lost; {record['blocks']} blocks, {record['retransmits']} of them "
               f"sent again, in {record['duration_us'] / 1e6:.1f} s")


def refused(scene):
    """An ERROR, whatever its code: EDK2 says so, and goes on to its next way to boot."""
    put_grub(scene, "grubnetx64.efi")
    scene.file("secret.efi", "x").chmod(0o600)
    scene.serve("max-transfers = 1")
    for number, name, outcome in ((1, "missing.efi", "notfound"), (2, "secret.efi", "denied")):
        scene.net.dhcp(f"dhcp-boot={name}")
        machine = start(scene, number)
        gives_up(machine, "PXE-E23: Client received TFTP error from server")
        ended(scene, machine, [outcome])
    scene.net.dhcp("dhcp-boot=grubnetx64.efi")
    with holder.Holder("grubnetx64.efi"):
        machine = start(scene, 3)
        gives_up(machine, "PXE-E23: Client received TFTP error from server")
    ended(scene, machine, ["limited"])
    scene.no_failures()


def gives_up(machine, words):
    at = machine.wait_for(words).end()
    machine.wait_for("failed to load", after=at)
    machine.stop()


def ended(scene, machine, outcomes):
    scene.settle()
    check_equal([record["outcome"] for record in scene.records(machine)], outcomes, "outcomes")


def restarted(scene):
    """Nobody listens: EDK2 asks once.  The keeper dies in the middle: the transfer goes on, but
    GRUB's requests go to the next.  The transfer dies too: EDK2 hears that nobody is
    there any more, and gives up at once."""
    program = scene.find("usr/lib/grub/x86_64-efi/monolithic/grubnetx64.efi").read_bytes()
    scene.file("grubnetx64.efi", program + bytes(BIG))
    put_configuration(scene, "echo ARRIVED\nhalt")
    scene.net.dhcp("dhcp-boot=grubnetx64.efi")
    gives_up(start(scene, 1), "PXE-E99: Unexpected network error")

    server = scene.serve()
    machine = start(scene, 2)
    until(lambda: second_request(scene, machine), machines.SECONDS, "the file is read")
    server.kill()
    server.start()
    machine.wait_for("ARRIVED")
    machine.stop()
    scene.told(machine, [*fetched("grubnetx64.efi"), *walked(), ("/grub/grub.cfg", "complete")],
               probes=1)

    machine = start(scene, 3)
    record = until(lambda: second_request(scene, machine), machines.SECONDS, "the file is read")
    server.kill()
    os.kill(record["pid"], signal.SIGKILL)
    server.start()
    gives_up(machine, "PXE-E99: Unexpected network error")
    ended(scene, machine, ["probe", "crashed"])


def second_request(scene, machine):
    """The start record of what a machine asked for after the probe."""
    found = [record for record in scene.log()
             if record["event"] == "start" and record["client"] == machine.address]
    return found[1] if len(found) > 1 else None


SCENES = (
    ("uefi-grub", grub, 250),
    ("uefi-ipxe", ipxe, 250),
    ("uefi-shim", shim, 200),
    ("uefi-ipv6", ipv6, 250),
    ("uefi-limits", limits, 300),
    ("uefi-loss", loss, 300),
    ("uefi-refused", refused, 300),
    ("uefi-restarted", restarted, 400),
)
