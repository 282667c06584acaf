"""The examples: each is set up as its README says, in a machine of its own, its clients
ask as the real ones do, and the log tells what the README promises.

The option sets are those of real clients: the ROM of a network card asks for the size
and breaks off, iPXE and PXELINUX and GRUB each have their own block size, U-Boot always
a timeout, telephones and routers ask for nothing.
"""

import json
import pathlib

import harness
import test_documents
from harness import check, check_equal, until

SERVER = "192.0.2.1"
SYSTEM = pathlib.Path(harness.__file__).parent

# Runs in the machine: one client after the other, from a list of steps in JSON.
PLAYER = r"""
import hashlib, json, sys
sys.path.insert(0, "/root")
import tftp

class Ledger:
    def note(self, *args, **how):
        pass

def probe(peer, step, options):
    peer.read(step["name"], **options)
    packet = peer.hear()
    if packet.op != tftp.OACK:
        return repr(packet)
    peer.error(*step["error"])
    return sorted(packet.options.items())

def play(step):
    peer = tftp.Peer(Ledger(), (step.get("server", "192.0.2.1"), 69), source=step["source"],
                     port=step.get("port", 0))
    options = dict(step.get("options", ()))
    try:
        if step["op"] == "probe":
            return {"said": probe(peer, step, options)}
        if step["op"] == "write":
            content = step["content"].encode() * step.get("times", 1)
            peer.write(step["name"], **options)
            for _ in range(step.get("repeats", 0)):
                peer.send_to_service(tftp.request_bytes(tftp.WRQ, step["name"], "octet", options.items()))
            peer.put_rest(content)
            return {"said": "done", "bytes": len(content)}
        content = peer.get(step["name"], step.get("mode", "octet"), **options)
        return {"said": "done", "bytes": len(content), "hash": hashlib.sha256(content).hexdigest()}
    except tftp.Unexpected as error:
        return {"said": str(error)}
    finally:
        peer.close()

print(json.dumps([play(step) for step in json.load(sys.stdin)]))
"""


class Example:
    """One of them, set up."""

    def __init__(self, lane, name):
        self.lane, self.number = lane, 0
        self.reader = test_documents.Reader(lane, f"examples/{name}/README.md")
        self.scene = self.reader.machine()
        for block in test_documents.blocks_of(self.reader.text):
            self.reader.one(block)
        self.scene.write("/root/tftp.py", (SYSTEM / "tftp.py").read_text())
        self.scene.write("/root/play.py", PLAYER)
        # What the README itself has fetched is not what is counted here.
        self.scene.succeed("cp /dev/null /var/log/tftpd/transfers.jsonl")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.scene.close()

    def play(self, *steps, where=""):
        """What each client got."""
        self.scene.write("/root/steps.json", json.dumps(steps))
        return json.loads(self.scene.succeed(f"{where} python3 /root/play.py </root/steps.json"))

    def stats(self, *words):
        said = self.scene.succeed("tftpd-stats " + " ".join(words) + " --json --since 1h")
        return json.loads(said)

    def ends(self, count):
        """The end records, as many as there have to be."""
        def found():
            lines = self.scene.succeed("cat /var/log/tftpd/transfers.jsonl").splitlines()
            records = [json.loads(line) for line in lines]
            return [record for record in records if record["event"] == "transfer"]
        until(lambda: len(found()) >= count, 10 * self.lane.slowness, f"{count} end records")
        records = found()
        check_equal(len(records), count, "end records")
        return records

    def hash(self, path):
        return self.scene.succeed(f"sha256sum {path}").split()[0]


def read(source, name, **options):
    return {"op": "read", "source": source, "name": name, "options": list(options.items())}


def write(source, name, content, repeats=0, **options):
    return {"op": "write", "source": source, "name": name, "content": content, "repeats": repeats,
            "options": list(options.items())}


def probe(source, name, code, text, **options):
    return {"op": "probe", "source": source, "name": name, "error": [code, text], "options": list(options.items())}


def outcomes(records):
    """An end may be written after the next one's, for its client waits for no record."""
    return sorted((record["file"], record["outcome"]) for record in records)


def outcome_of(records, name):
    return [record["outcome"] for record in records if record["file"] == name]


def check_said(steps, told, wanted="done"):
    for step, answer in zip(steps, told):
        check(answer["said"] == wanted or step["op"] == "probe", f"{step}: {answer}")


# Machines that boot.

def ipxe(source, name):
    return read(source, name, blksize=1432, tsize=0)


def chains():
    """address -> what it asks for, and how each has to end."""
    rom = [(probe("192.0.2.101", "undionly.kpxe", 0, "TFTP Aborted", tsize=0), "probe"),
           (read("192.0.2.101", "undionly.kpxe", blksize=1456), "complete")]
    firmware = [(probe("192.0.2.102", "snponly.efi", 8, "User aborted the transfer", tsize=0, blksize=1468,
                       windowsize=4), "probe"),
                (read("192.0.2.102", "snponly.efi", blksize=1468, windowsize=4), "complete")]
    for machine, last in ((rom, "01"), (firmware, "02")):
        source = machine[0][0]["source"]
        machine += [(ipxe(source, "boot.ipxe"), "complete"),
                    (ipxe(source, f"ipxe/52-54-00-12-34-{last}.ipxe"), "notfound"),
                    (ipxe(source, "linux"), "complete"), (ipxe(source, "initrd.gz"), "complete")]
    pxelinux = [(probe("192.0.2.103", "pxelinux.0", 0, "TFTP Aborted", tsize=0), "probe"),
                (read("192.0.2.103", "pxelinux.0", blksize=1456), "complete")]
    tried = ["ldlinux.c32", "pxelinux.cfg/4c4c4544-0032-3510-8031-b4c04f575331", "pxelinux.cfg/01-52-54-00-12-34-03",
             *("pxelinux.cfg/" + "C0000267"[:length] for length in range(8, 0, -1)), "pxelinux.cfg/default",
             "linux", "initrd.gz"]
    there = {"ldlinux.c32", "pxelinux.cfg/default", "linux", "initrd.gz"}
    pxelinux += [(read("192.0.2.103", name, tsize=0, blksize=1408), "complete" if name in there else "notfound")
                 for name in tried]
    grub = [(probe("192.0.2.104", "shimx64.efi", 8, "User aborted the transfer", tsize=0, blksize=1468), "probe")]
    grub += [(read("192.0.2.104", name, blksize=1468), "complete") for name in ("shimx64.efi", "grubx64.efi")]
    grub += [(read("192.0.2.104", name, blksize=1024, tsize=0), "complete" if name in files else "notfound")
             for files in ({"/grub/grub.cfg", "/linux", "/initrd.gz"},)
             for name in ("/grub/x86_64-efi/command.lst", "/grub/x86_64-efi/fs.lst", "/grub/grub.cfg",
                          "/linux", "/initrd.gz")]
    return rom, firmware, pxelinux, grub


def pxe(lane):
    with Example(lane, "pxe") as example:
        machines, wanted = chains(), []
        for machine in machines:
            steps = [step for step, _ in machine]
            for (step, outcome), answer in zip(machine, example.play(*steps)):
                if outcome == "complete":
                    check_equal((answer["said"], answer["hash"]),
                                ("done", example.hash("/srv/tftp/" + step["name"].lstrip("/"))), f"{step}")
                elif outcome == "notfound":
                    check("ERROR 1 'File not found'" in answer["said"], f"{step}: {answer}")
                wanted.append((step["name"], outcome))
        check_equal(outcomes(example.ends(len(wanted))), sorted(wanted), "what the log tells")
        summary = example.stats("summary")
        check_equal((summary["failure"], summary["outcomes"]["probe"]), (0, 4), "failures, probes")
        check_boots(example, machines)
        said = example.play(write("192.0.2.101", "linux", "x"), read("203.0.113.5", "linux"))
        check(all("ERROR 2" in answer["said"] for answer in said), f"an upload, and a stranger: {said}")
        denied = [r["client"] for r in example.ends(len(wanted) + 2) if r["outcome"] == "denied"]
        check_equal(sorted(denied), ["192.0.2.101", "203.0.113.5"], "who was denied")
        dhcp(example)


def check_boots(example, machines):
    boots = example.scene.succeed("tftpd-stats boots --since 1h")
    for machine in machines:
        check(machine[0][0]["source"] in boots, f"boots without {machine[0][0]['source']}:\n{boots}")
    check("initrd.gz" in boots, f"boots:\n{boots}")
    missing = example.scene.succeed("tftpd-stats missing -n 100 --since 1h")
    check("pxelinux.cfg/C0000267" in missing, f"missing:\n{missing}")


# A machine that asks dnsmasq, on a cable of its own.
DHCP = r"""
import json, os, socket, struct, sys, time

def udp(payload):
    # Checksums of UDP may be left out.
    head = struct.pack("!HHHH", 68, 67, 8 + len(payload), 0)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(head) + len(payload), 1, 0, 64, 17, 0, b"\0" * 4, b"\xff" * 4)
    total = sum(struct.unpack("!10H", ip))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    ip = ip[:10] + struct.pack("!H", ~total & 0xFFFF) + ip[12:]
    return b"\xff" * 6 + mac + b"\x08\0" + ip + head + payload

def discover(number, arch, user_class):
    options = b"\x35\1\1" + b"\x3c\x20" + b"PXEClient:Arch:%05d:UNDI:003000" % arch
    options += b"\x5d\2" + struct.pack("!H", arch) + b"\x37\4\1\3\x42\x43"
    if user_class:
        options += b"\x4d" + bytes([len(user_class)]) + user_class
    head = struct.pack("!BBBBIHH16x6s10x192x", 1, 1, 6, 0, number, 0, 0x8000, mac)
    return udp(head + b"\x63\x82\x53\x63" + options + b"\xff")

def options_of(text):
    found, at = {}, 240
    while at < len(text) and text[at] != 255:
        if text[at]:
            found[text[at]] = text[at + 2:at + 2 + text[at + 1]]
            at += 1 + text[at + 1]
        at += 1
    return found

def ask(number, arch, user_class):
    wire.send(discover(number, arch, user_class))
    end = time.monotonic() + 8
    while time.monotonic() < end:
        frame = wire.recv(2000)
        text = frame[42:]
        if frame[12:14] == b"\x08\0" and frame[23] == 17 and frame[34:38] == b"\0\x43\0\x44" and \
                struct.unpack("!I", text[4:8])[0] == number:
            name = text[108:236].split(b"\0")[0] or options_of(text).get(67, b"")
            return [name.rstrip(b"\0").decode(), socket.inet_ntoa(text[20:24])]
    return None

wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind(("machine", 0))
wire.settimeout(8)
mac = wire.getsockname()[4]
print(json.dumps([ask(n + 1, arch, user.encode()) for n, (arch, user) in enumerate(json.loads(sys.argv[1]))]))
"""
ARCHITECTURES = ((0, "", "undionly.kpxe"), (7, "", "snponly.efi"), (9, "", "snponly.efi"), (11, "", "grubaa64.efi"),
                 (0, "iPXE", "boot.ipxe"), (7, "iPXE", "boot.ipxe"))


def dhcp(example):
    """Each architecture is told its first file, and iPXE its script."""
    scene = example.scene
    if not scene.has("dnsmasq"):
        return
    scene.succeed("ip addr del 192.0.2.1/24 dev lo; ip link add eth0 type veth peer name machine; "
                  "ip addr add 192.0.2.1/24 dev eth0; ip link set eth0 up; ip link set machine up")
    scene.write("/root/dhcp.py", DHCP)
    scene.succeed("dnsmasq -C /etc/dnsmasq.conf --user=root --pid-file=/run/dnsmasq.pid "
                  "--dhcp-leasefile=/run/leases --log-facility=/run/dnsmasq.log")
    asked = json.dumps([row[:2] for row in ARCHITECTURES])
    told = json.loads(scene.succeed(f"python3 /root/dhcp.py '{asked}'"))
    check_equal(told, [[row[2], SERVER] for row in ARCHITECTURES], "the first files that dnsmasq tells")
    scene.succeed("kill $(cat /run/dnsmasq.pid)")


# Routers.

def router_backup(lane):
    with Example(lane, "router-backup") as example:
        # IOS asks again after 4 s, from the same port, whatever it has heard.
        steps = [write("10.10.0.9", "sw9-confg", "hostname sw9\n", repeats=2),
                 write("10.10.0.9", "sw9-confg", "hostname sw9\nvlan 9\n"),
                 write("10.10.0.9", "sw9-confg", "hostname sw9\nvlan 9\n"),
                 write("10.20.0.4", "sw9-confg", "of the branch\n", blksize=8192, tsize=14)]
        check_said(steps, example.play(*steps))
        records = example.ends(4)
        check_equal([r["outcome"] for r in records], ["complete"] * 4, "outcomes")
        paths = [r["path"] for r in records]
        check_equal(len({r["path"] for r in records if r["client"] == "10.10.0.9"}), 3, f"different names: {paths}")
        check(all("/sw9-confg.20" in path for path in paths), f"names with the time: {paths}")
        places = example.scene.succeed("cd /srv/router-backup; grep -lc . core/sw9* branch/sw9* | sort; "
                                       "stat -c %a,%U core/sw9*")
        check_equal((places.count("branch/"), places.count("core/sw9"), places.count("640,tftpd")), (1, 3, 3),
                    f"where they lie, and whose they are: {places}")
        refused(example)
        version = example.scene.succeed("cd /srv/router-backup; ls core/sw9-confg.* | tail -1").strip()
        told, = example.play(read("192.0.2.7", version))
        check_equal((told["said"], told["bytes"]), ("done", 20), f"the host that restores: {told}")
        pruned(example)


def refused(example):
    """Who may not, may not."""
    steps = [read("10.10.0.9", "core/sw9-confg"), write("10.99.0.1", "sw9-confg", "x"),
             write("192.0.2.7", "core/x-confg", "x"), write("10.10.0.9", "tool.exe", "x"),
             write("10.10.0.9", "../branch/sw9-confg", "x"), write("10.10.0.9", "large-confg", "x", tsize=5 << 20)]
    told = example.play(*steps)
    check(all("ERROR" in answer["said"] for answer in told), f"who may not: {told}")
    records = [r for r in example.ends(10) if r["outcome"] != "complete"]
    check_equal(sorted(r["outcome"] for r in records), ["denied"] * 5 + ["limited"], "their outcomes")
    check_equal(outcome_of(records, "large-confg"), ["limited"], "what is too large")


def pruned(example):
    """No version twice, of old ones only so many, and no other name's."""
    scene = example.scene
    scene.succeed("cd /srv/router-backup/core; "
                  "for d in 01 02 03 04 05; do for name in old old-confg old.1.cfg; do "
                  "echo $d >$name.202601$d-120000.00; done; done; "
                  "for n in 1 2 3 4 5; do echo $n >new-confg.$(date +%Y%m%d)-12000$n.00; done; "
                  "echo mine >notes; chown tftpd: *; "
                  "runuser -u tftpd -- router-backup-prune /srv/router-backup 3")
    left = scene.succeed("cd /srv/router-backup/core; ls").split()
    check_equal(sorted(name for name in left if name.startswith(("old", "notes"))),
                ["notes", *(f"{name}.202601{day}-120000.00" for name in ("old-confg", "old.1.cfg", "old")
                            for day in ("03", "04", "05"))], "what is left")
    check_equal(sum(name.startswith("new-confg.") for name in left), 5, f"versions of the last 90 days: {left}")
    check_equal(sum(name.startswith("sw9-confg.") for name in left), 2, f"versions that differ: {left}")


# Telephones.

PHONES = """
ip addr del 10.0.0.1/8 dev lo
ip netns add phones
ip link add voice type veth peer name phone netns phones
ip addr add 10.30.0.1/17 dev voice
ip link set voice up
ip -n phones link set lo up
ip -n phones link set phone address 00:04:f2:0a:0b:0c up
ip -n phones addr add 10.30.0.9/17 dev phone
ip -n phones addr add 10.30.200.5/32 dev phone
ip -n phones route add default via 10.30.0.1 src 10.30.0.9
ip route add 10.30.128.0/17 via 10.30.0.9
mkdir -p /srv/phones/10.30.200.5
echo routed >/srv/phones/10.30.200.5/site.cfg
"""


def phones(lane):
    with Example(lane, "phones") as example:
        for line in PHONES.strip().splitlines():
            example.scene.succeed(line)
        cisco = ["CTLSEP001122334455.tlv", "ITLSEP001122334455.tlv", "ITLFile.tlv", "SEP001122334455.cnf.xml",
                 "SEP00AA00AA00AA.cnf.xml", "XmlDefault.cnf.xml"]
        polycom = ["0004f20a0b0c.cfg", "000000000000.cfg", "site.cfg", "sip.ld"]
        yealink = ["y000000000028.cfg", "0015651a2b3c.cfg"]
        names = cisco + polycom + yealink
        steps = [dict(read("10.30.0.9", name), server="10.30.0.1") for name in names]
        steps += [dict(read("10.30.200.5", "site.cfg"), server="10.30.0.1"),
                  dict(read("10.30.200.5", "sip.ld"), server="10.30.0.1"),
                  dict(write("10.30.0.9", "0004f20a0b0c-app.log", "x"), server="10.30.0.1")]
        example.play(*steps, where="ip netns exec phones")
        there = {"SEP001122334455.cnf.xml", "XmlDefault.cnf.xml", "000000000000.cfg", "site.cfg", "sip.ld",
                 "y000000000028.cfg"}
        wanted = [(name, "complete" if name in there else "notfound") for name in names]
        records = example.ends(len(steps))
        wanted += [("site.cfg", "complete"), ("sip.ld", "complete"), ("0004f20a0b0c-app.log", "denied")]
        check_equal(outcomes(records), sorted(wanted), "what the log tells")
        paths = {(r["client"], r["file"]): r["path"] for r in records if r["outcome"] == "complete"}
        check_equal([paths["10.30.0.9", "sip.ld"], paths["10.30.200.5", "sip.ld"], paths["10.30.200.5", "site.cfg"],
                     paths["10.30.0.9", "XmlDefault.cnf.xml"]],
                    ["/00-04-f2-0a-0b-0c/sip.ld", "/sip.ld", "/10.30.200.5/site.cfg", "/XMLDefault.cnf.xml"],
                    "whose files they got")
        summary = example.stats("summary")
        check_equal((summary["failure"], summary["outcomes"]["notfound"]), (0, 6), "failures, misses")
        missing = example.scene.succeed("tftpd-stats missing --since 1h")
        check("CTLSEP001122334455.tlv" in missing, f"missing:\n{missing}")
        example.scene.succeed("ip addr add 10.40.0.1/32 dev lo")
        told, = example.play(read("10.40.0.1", "site.cfg"))
        check("ERROR 2" in told["said"], f"a stranger: {told}")


# Boards.

def uboot(source, name, **options):
    return read(source, name, timeout=5, tsize=0, blksize=1468, **options)


def firmware_lab(lane):
    with Example(lane, "firmware-lab") as example:
        example.scene.succeed("mkdir /srv/lab/common/keys; echo secret >/srv/lab/common/keys/release.key; "
                              "head -c 700000 /dev/urandom >/srv/lab/team-a/Image")
        steps = [uboot("10.40.1.5", "Image", windowsize=8), uboot("10.40.1.5", "board.dtb"),
                 uboot("10.40.2.5", "Image"), uboot("10.40.9.5", "Image", windowsize=16)]
        told = example.play(*steps)
        check_said(steps, told)
        team, common = example.hash("/srv/lab/team-a/Image"), example.hash("/srv/lab/common/Image")
        check_equal([answer["hash"] for answer in told],
                    [team, example.hash("/srv/lab/common/board.dtb"), common, common], "whose images they got")
        granted = [(r["client"], r["windowsize"], r["blksize"], r["timeout_ms"]) for r in example.ends(4)
                   if r["file"] == "Image"]
        check_equal(sorted(granted), [("10.40.1.5", 8, 1468, 5000), ("10.40.2.5", 1, 1468, 5000),
                                      ("10.40.9.5", 2, 1468, 5000)], "what was granted")
        # tftpput has no size, and writes the same name again.
        steps = [dict(write("10.40.1.5", "dump/board7.bin", "first", timeout=5, blksize=1468), times=9000),
                 dict(write("10.40.1.5", "dump/board7.bin", "other", timeout=5, blksize=1468), times=500)]
        check_said(steps, example.play(*steps))
        check_equal(example.scene.succeed("cat /srv/lab/team-a-uploads/dump/board7.bin"), "other" * 500,
                    "what stands there")
        steps = [uboot("10.40.1.5", "keys/release.key"), write("10.40.9.5", "dump/x", "x"),
                 write("10.40.1.5", "nowhere/x", "x"), uboot("10.40.1.5", "no-such-image")]
        told = example.play(*steps)
        # U-Boot stops at these two codes, and starts again for ever at others.
        check(all("ERROR 1" in answer["said"] or "ERROR 2" in answer["said"] for answer in told),
              f"what may not be: {told}")
        records = example.ends(10)
        for name, wanted in (("dump/board7.bin", ["complete"] * 2), ("keys/release.key", ["denied"]),
                             ("dump/x", ["denied"]), ("no-such-image", ["notfound"])):
            check_equal(outcome_of(records, name), wanted, f"outcomes of {name}")
        check("10.40.1.5" in example.scene.succeed("tftpd-stats clients --since 1h"), "clients")


TESTS = (
    ("examples/pxe boots BIOS and UEFI machines, and DHCP tells each its first file", pxe, False),
    ("examples/router-backup keeps each version, and nobody reads it", router_backup, False),
    ("examples/phones gives each telephone its own files first", phones, False),
    ("examples/firmware-lab gives each team its images and takes its dumps", firmware_lab, False),
)
