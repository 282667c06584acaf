"""Every kind of name: what is answered, and that nothing ever blocks.

On the wire: 1 "File not found", 2 "Access violation" for whatever is denied
(U-Boot loops on other codes), 4 for what is no request.  Each leaves one record.
"""

import contextlib
import ctypes
import functools
import itertools
import os
import pathlib
import re
import shutil
import stat
import struct

import tftp
from asking import (Read, Refused, Served, Stored, Write, ask, check_unchanged, explain,
                    serve_configured, snapshot)
from harness import PORT, check, check_equal, of_peer, run
from settings import without_landlock
from test_address import Neighbour

NOT_FOUND = (1, "notfound")
DENIED = (2, "denied")
INVALID = (4, "invalid")

SECRET = b"root:x:0:0 outside of the served directory"


def furnish(lane):
    """The served directory with everything that may stand in one."""
    lane.serve()
    root = lane.root
    lane.file("plain", b"plain")
    lane.file("dir/inner", b"inner")
    lane.file("a..b", b"dots")
    lane.file("with space", b"space")
    lane.file("\u00fcml\u00e4ut", b"umlaut")
    lane.file("private", b"private", mode=0o640)
    lane.file(".plain.0123456789abcdef", b"unfinished")
    (root.parent / "outside").write_bytes(SECRET)
    for name, target in (("link", "plain"), ("link-dir", "dir"), ("link-abs", "/plain"),
                         ("link-out", "../outside"), ("link-etc", "/etc/passwd"),
                         ("link-far", "../../../../../../etc/passwd"), ("link-self", "link-self"),
                         ("link-proc", "/proc/self/root/etc/passwd")):
        if not (root / name).is_symlink():
            (root / name).symlink_to(target)
    if not (root / "fifo").exists():
        os.mkfifo(root / "fifo", 0o666)
        os.chmod(root / "fifo", 0o666)
        os.mknod(root / "device", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
        os.chmod(root / "device", 0o666)
    (root / "dir").chmod(0o777)


def read_answer(lane, name, mode="octet", raw=None):
    """What a read gets: content, or (code, text); and its record."""
    peer = lane.peer(patience=1.0 * lane.slowness)
    if raw is None:
        peer.read(name, mode)
    else:
        peer.send_to_service(raw)
        lane.ledger.note(name, client=peer.address, port=peer.port)
    packet = peer.hear()
    check(packet is not None, f"no answer to {name!r} within a second")
    if packet.op == tftp.DATA:
        peer.ack(1)
    record = lane.log.wait_end(**of_peer(peer))
    peer.close()
    return packet, record


def check_served(lane, name, content):
    packet, record = read_answer(lane, name)
    check_equal(packet.payload if packet.op == tftp.DATA else packet, content, f"content of {name!r}")
    check_equal(record["outcome"], "complete", f"outcome of {name!r}")


def check_refused(lane, name, code, outcome, mode="octet", raw=None):
    packet, record = read_answer(lane, name, mode, raw)
    check_equal((packet.op, packet.code), (tftp.ERROR, code), f"answer to {name!r} ({packet})")
    if raw is None:
        check_text(packet, name)
    check(packet.raw.endswith(b"\0") and packet.raw.count(b"\0", 4) == 1, f"one NUL ends {packet.raw!r}")
    check_equal(record["outcome"], outcome, f"outcome of {name!r}")
    check_equal((record["error_code"], record["error_by"]), (code, "server"), f"record of {name!r}")


def check_text(packet, name):
    wanted = {1: "File not found", 2: "Access violation"}.get(packet.code)
    if wanted:
        check_equal(packet.text, wanted, f"text of the ERROR for {name!r}")


def good_names(lane):
    """A name is relative to the root, however it is spelled."""
    furnish(lane)
    for name in ("plain", "/plain", "//plain", "./plain", "/./plain", "plain/"):
        check_served(lane, name, b"plain")
    for name in ("dir/inner", "/dir/inner", "dir//inner", "dir/./inner", "dir\\inner", "\\dir\\inner",
                 "/dir\\inner", "\\/dir/\\inner"):
        check_served(lane, name, b"inner")
    check_served(lane, "a..b", b"dots")
    check_served(lane, "with space", b"space")
    check_served(lane, "\u00fcml\u00e4ut", b"umlaut")


def links_inside(lane):
    furnish(lane)
    check_served(lane, "link", b"plain")
    check_served(lane, "link-dir/inner", b"inner")
    # From inside, the root is the root: an absolute link stays below it.
    if lane.has_openat2:
        check_served(lane, "link-abs", b"plain")


def links_outside(lane):
    """They are resolved inside of the root, where their target is not."""
    furnish(lane)
    (lane.root / "outside").unlink(missing_ok=True)
    for name in ("link-out", "link-etc", "link-far", "link-proc") if lane.has_openat2 else ():
        check_refused(lane, name, *NOT_FOUND)
    packet, record = read_answer(lane, "link-self")
    check(packet.op == tftp.ERROR and packet.code in (1, 2), f"a link to itself: {packet}")
    check(record["outcome"] in ("notfound", "denied"), f"a link to itself: {record}")


def climbing(lane):
    furnish(lane)
    for name in ("..", "../x", "../outside", "../plain", "a/../../x", "dir/../../outside", "dir/..",
                 "/..", "/../outside", "/../../../../etc/passwd", "..\\outside", "dir\\..\\..\\outside",
                 "./../outside", "dir/../plain"):
        check_refused(lane, name, *DENIED)
    for name in ("...", ".../outside", "%2e%2e/outside", "..;/outside", "....//outside",
                 "/etc/passwd", "/proc/self/root/etc/passwd", "/dev/fd/0", "/srv/outside"):
        check_refused(lane, name, *NOT_FOUND)


def special_files(lane):
    """A FIFO would block who opens it, a device would never end."""
    furnish(lane)
    for name in ("fifo", "device", "dir", "dir/", ".", "/", "link-dir"):
        check_refused(lane, name, *DENIED)


def unreadable_files(lane):
    """tftpd-hpa's rule: what everybody may read, and nothing else."""
    furnish(lane)
    check_refused(lane, "private", *DENIED)
    record = lane.log.ends(file="private")[-1]
    check("0640" in record.get("message", ""), f"the log does not say which mode: {record}")


def missing_files(lane):
    furnish(lane)
    for name in ("missing", "missing/x", "dir/missing", "plain/x", "x" * 255, "x" * 256,
                 "/".join(["x" * 200] * 5)):
        check_refused(lane, name, *NOT_FOUND)


def empty_name(lane):
    """An old PXE ROM sends it; U-Boot must not loop on the answer."""
    furnish(lane)
    packet, record = read_answer(lane, "")
    check_equal((packet.op, packet.code, packet.text), (tftp.ERROR, 1, "File not found"), "the answer")
    check(record["outcome"] in ("notfound", "invalid"), f"outcome {record['outcome']}")


def bad_names(lane):
    furnish(lane)
    for name in (b"a\nb", b"a\rb", b"\x1b[31mred", b"tab\t", b"\x7f", b"\x01"):
        check_refused(lane, name, *INVALID)
    check_refused(lane, "x" * 1025, *INVALID)
    check_refused(lane, "y/" * 600, *INVALID)
    check_refused(lane, "z" * 20000, *INVALID)
    check_refused(lane, "/".join(["w" * 203] * 5)[:1024], *NOT_FOUND)


def bad_requests(lane):
    furnish(lane)
    for mode in ("mail", "ascii", "binary", "", "x" * 1000, "octett", "en_US.UTF-8"):
        check_refused(lane, "plain", *INVALID, mode=mode)
    for mode in ("OCTET", "oCtEt"):
        packet, _ = read_answer(lane, "plain", mode)
        check_equal(packet.payload, b"plain", f"mode {mode}")
    check_refused(lane, "plain", *INVALID, raw=b"\0\1plain\0octet")
    check_refused(lane, "plain", *INVALID, raw=b"\0\1plain\0")
    check_refused(lane, "plain", *INVALID, raw=b"\0\1plain")
    check_refused(lane, "plain", *INVALID, raw=b"\0\2plain")


def any_bytes(lane):
    """Whatever is in a name, its record is one line of JSON that gives it back."""
    furnish(lane)
    for name in (b'quote"quote', b"back\\slash", b'{"v":1,"event":"start"}', b"%n%s%d%x",
                 b"\xff\xfe", b"caf\xe9", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80",
                 "\u202eabc".encode(), "\U0001f600".encode(), "\u2028".encode(), b"&<>'`$(x)",
                 b"=cmd|' /C calc'!A0", b"\x80" * 300, b'"' * 500, b"x" + b"\\" * 1000):
        _, record = read_answer(lane, name)
        check_equal(record["outcome"], "notfound", f"outcome of {name!r}")
        check_name(record, name)
    for name in (b'new\nline","event":"start"', b"\x1b]0;title\x07", b"\x1b\xff", b"\x01" * 1024):
        _, record = read_answer(lane, name)
        check_equal(record["outcome"], "invalid", f"outcome of {name!r}")
        check_name(record, name)


def check_name(record, name):
    try:
        text = name.decode()
    except UnicodeDecodeError:
        check("\ufffd" in record["file"], f"no replacement character in {record['file']!r}")
        check(name.startswith(bytes.fromhex(record["file_hex"])), f"file_hex of {name!r}")
        check("cut" in record or len(record["file_hex"]) == 2 * len(name), f"file_hex of {name!r}")
        return
    check("file_hex" not in record, f"file_hex for the valid {name!r}")
    if "cut" in record:
        check(text.startswith(record["file"]), f"{record['file']!r} does not begin {name!r}")
    else:
        check_equal(record["file"], text, "the name in the log")


def unfinished_uploads(lane):
    """The form of our hidden files is no name for anybody."""
    furnish(lane)
    packet, record = read_answer(lane, ".plain.0123456789abcdef")
    check(packet.op == tftp.ERROR and packet.code in (1, 2), f"a hidden file: {packet}")
    check(record["outcome"] in ("notfound", "denied"), f"a hidden file: {record}")
    packet, record = write_answer(lane, ".new.0123456789abcdef")
    check(packet.op == tftp.ERROR, f"an upload to a hidden name: {packet}")


def write_answer(lane, name, mode="octet"):
    """What a write request gets; an accepted one stores "new"."""
    peer = lane.peer(patience=1.0 * lane.slowness)
    peer.write(name, mode)
    packet = peer.hear()
    check(packet is not None, f"no answer to a write of {name!r} within a second")
    if packet.op == tftp.ACK:
        peer.data(1, b"new")
        peer.expect(tftp.ACK, 1, 5.0)
    record = lane.log.wait_end(**of_peer(peer))
    peer.close()
    return packet, record


def check_stored(lane, name, path=None):
    packet, record = write_answer(lane, name)
    check_equal((packet.op, packet.block), (tftp.ACK, 0), f"answer to a write of {name!r} ({packet})")
    check_equal(record["outcome"], "complete", f"outcome of {name!r}")
    check_equal((lane.root / (path or name)).read_bytes(), b"new", f"content of {name!r}")


def check_not_stored(lane, name, *answers):
    packet, record = write_answer(lane, name)
    check_equal(packet.op, tftp.ERROR, f"answer to a write of {name!r} ({packet})")
    check((packet.code, record["outcome"]) in answers,
          f"a write of {name!r}: {packet}, {record['outcome']}, not one of {answers}")
    check_text(packet, name)


def writing_with_create(lane):
    """-c: new files are made; existing ones only when others may write them."""
    furnish(lane)
    open_file = lane.file("open", b"old", mode=0o666)
    lane.file("closed", b"old", mode=0o644)
    check_stored(lane, "made")
    check_equal(stat.S_IMODE((lane.root / "made").stat().st_mode), 0o666, "mode of a new file")
    check_stored(lane, "/dir/made", "dir/made")
    check_stored(lane, "dir\\made-too", "dir/made-too")
    check_stored(lane, "open")
    check_equal(stat.S_IMODE(open_file.stat().st_mode) & 0o777, 0o666, "mode of a replaced file")
    check_not_stored(lane, "closed", DENIED)
    check_equal((lane.root / "closed").read_bytes(), b"old", "the file that may not be written")


def writing_through_links(lane):
    """A link to an open file is that file; it stays a link."""
    furnish(lane)
    lane.file("dir/target", b"old", mode=0o666)
    link = lane.root / "link-target"
    if not link.is_symlink():
        link.symlink_to("dir/target")
    check_stored(lane, "link-target", "dir/target")
    check(link.is_symlink(), "the link was replaced by a file")
    check_stored(lane, "link-dir/made-by-link", "dir/made-by-link")


def writing_through_links_out(lane):
    """Resolved inside of the root, "../outside" is /outside there."""
    furnish(lane)
    packet, record = write_answer(lane, "link-out")
    check_equal((lane.root.parent / "outside").read_bytes(), SECRET, "the file outside")
    if packet.op == tftp.ERROR:
        check((packet.code, record["outcome"]) in (NOT_FOUND, DENIED), f"{packet}, {record['outcome']}")
    else:
        check_equal((lane.root / "outside").read_bytes(), b"new", "the file inside")
        check_equal(record["path"], "/outside", "path in the log")


def writing_where_nothing_may_be(lane):
    furnish(lane)
    check_not_stored(lane, "../outside", DENIED)
    check_not_stored(lane, "dir/../../outside", DENIED)
    for name in ("fifo", "device", "dir", "."):
        check_not_stored(lane, name, DENIED)
    check_not_stored(lane, "no-dir/x", NOT_FOUND, DENIED)
    check_not_stored(lane, "plain/x", NOT_FOUND, DENIED)
    check_not_stored(lane, "link-etc", NOT_FOUND, DENIED)
    check_not_stored(lane, "a\nb", INVALID)
    check_not_stored(lane, "x" * 1025, INVALID)
    check_not_stored(lane, "", NOT_FOUND, (1, "invalid"))
    check_equal((lane.root.parent / "outside").read_bytes(), SECRET, "the file outside")
    check(not lane.hidden() or [p.name for p in lane.hidden()] == [".plain.0123456789abcdef"],
          f"hidden files are left: {lane.hidden()}")


def writing_without_create(lane):
    """tftpd-hpa without -c: a file must exist and be writable for others."""
    furnish(lane)
    lane.serve("-s", lane.root)
    lane.file("open", b"old", mode=0o666)
    check_not_stored(lane, "new-without-c", NOT_FOUND, DENIED)
    check_not_stored(lane, "plain", DENIED)
    check_stored(lane, "open")
    check(not (lane.root / "new-without-c").exists(), "it was created all the same")


# The names of real clients, with tftpd.conf as it is shipped.

MISSING = functools.partial(Refused, 1, "notfound")
REFUSED = functools.partial(Refused, 2, "denied")

# What stands there, each with its own name as content.
BOOT_FILES = """
    pxelinux.0 ldlinux.c32 pxelinux.cfg/default pxelinux.cfg/01-88-99-aa-bb-cc-dd pxelinux.cfg/C0A801
    images/vmlinuz undionly.kpxe ipxe.efi boot.ipxe
    Boot/BCD Boot/boot.sdi Boot/Fonts/wgl4_boot.ttf boot/x64/wdsmgfw.efi boot/x64/pxeboot.n12
    boot/x86/wdsnbp.com sources/boot.wim bootmgr.exe
    network-confg router-confg cisconet.cfg c3750-ipbase-mz.bin SEP001122334455.cnf.xml
    XMLDefault.cnf.xml CTLSEP001122334455.tlv English_United_States/be-sccp.jar
    0004f2abcdef.cfg 000000000000.cfg SoundPointIPWelcome.wav y000000000028.cfg 001565aabbcc.cfg
    cfg000b82123456 aastra.cfg spa504g.cfg
    C0A80164.img boot.scr.uimg uImage board/zImage board/am335x-evm.dtb pxelinux.cfg/default-arm
    grub/grubx64.efi grub2/x86_64-efi/normal.mod grub2/grub.cfg
    bootcode.bin 9ffefdef/start4.elf 9ffefdef/config.txt abs/f
""".split()

CLIENT_NAMES = (
    # name as sent, file that it means
    ("PXELINUX", "pxelinux.0", "pxelinux.0"),
    ("PXELINUX", "/pxelinux.0", "pxelinux.0"),
    ("PXELINUX", "pxelinux.cfg/01-88-99-aa-bb-cc-dd", "pxelinux.cfg/01-88-99-aa-bb-cc-dd"),
    ("PXELINUX", "pxelinux.cfg/C0A801", "pxelinux.cfg/C0A801"),
    ("PXELINUX", "/tftpboot/pxelinux.cfg/default", "pxelinux.cfg/default"),
    ("PXELINUX", "//pxelinux.cfg/default", "pxelinux.cfg/default"),
    ("PXELINUX", "./images/vmlinuz", "images/vmlinuz"),
    ("iPXE", "/undionly.kpxe", "undionly.kpxe"),
    ("iPXE", "boot.ipxe", "boot.ipxe"),
    ("Windows", "\\Boot\\BCD", "Boot/BCD"),
    ("Windows", "Boot\\BCD", "Boot/BCD"),
    ("Windows", "\\Boot\\boot.sdi", "Boot/boot.sdi"),
    ("Windows", "\\Boot\\Fonts\\wgl4_boot.ttf", "Boot/Fonts/wgl4_boot.ttf"),
    ("Windows", "/Boot\\BCD", "Boot/BCD"),
    ("Windows", "boot\\x64\\wdsmgfw.efi", "boot/x64/wdsmgfw.efi"),
    ("Windows", "\\boot\\x64\\pxeboot.n12", "boot/x64/pxeboot.n12"),
    ("Windows", "boot/x64\\pxeboot.n12", "boot/x64/pxeboot.n12"),
    ("Windows", "/boot\\x86\\wdsnbp.com", "boot/x86/wdsnbp.com"),
    ("Windows", "\\\\sources\\\\boot.wim", "sources/boot.wim"),
    ("Windows", "\\sources/boot.wim", "sources/boot.wim"),
    ("Cisco IOS", "network-confg", "network-confg"),
    ("Cisco IOS", "/tftpboot/router-confg", "router-confg"),
    ("Cisco IOS", "//tftpboot//cisconet.cfg", "cisconet.cfg"),
    ("Cisco IOS", "/c3750-ipbase-mz.bin", "c3750-ipbase-mz.bin"),
    ("Cisco phone", "SEP001122334455.cnf.xml", "SEP001122334455.cnf.xml"),
    ("Cisco phone", "/XMLDefault.cnf.xml", "XMLDefault.cnf.xml"),
    ("Cisco phone", "CTLSEP001122334455.tlv", "CTLSEP001122334455.tlv"),
    ("Cisco phone", "English_United_States/be-sccp.jar", "English_United_States/be-sccp.jar"),
    ("Cisco phone", "/spa504g.cfg", "spa504g.cfg"),
    ("Polycom", "0004f2abcdef.cfg", "0004f2abcdef.cfg"),
    ("Polycom", "/000000000000.cfg", "000000000000.cfg"),
    ("Polycom", "//SoundPointIPWelcome.wav", "SoundPointIPWelcome.wav"),
    ("Yealink", "/y000000000028.cfg", "y000000000028.cfg"),
    ("Yealink", "001565aabbcc.cfg", "001565aabbcc.cfg"),
    ("Grandstream", "cfg000b82123456", "cfg000b82123456"),
    ("Aastra", "aastra.cfg", "aastra.cfg"),
    ("U-Boot", "C0A80164.img", "C0A80164.img"),
    ("U-Boot", "/tftpboot/uImage", "uImage"),
    ("U-Boot", "/board/zImage", "board/zImage"),
    ("U-Boot", "board//am335x-evm.dtb", "board/am335x-evm.dtb"),
    ("U-Boot", "boot.scr.uimg", "boot.scr.uimg"),
    ("U-Boot", "pxelinux.cfg/default-arm", "pxelinux.cfg/default-arm"),
    ("GRUB", "/grub2//x86_64-efi/normal.mod", "grub2/x86_64-efi/normal.mod"),
    ("GRUB", "grub2/./grub.cfg", "grub2/grub.cfg"),
    ("UEFI", "grub\\grubx64.efi", "grub/grubx64.efi"),
    ("Raspberry Pi", "9ffefdef/start4.elf", "9ffefdef/start4.elf"),
    ("Raspberry Pi", "bootcode.bin", "bootcode.bin"),
    ("curl tftp://host//abs/f", "/abs/f", "abs/f"),
)

# They try many names; for most of them the answer is that there is none.
MISSING_NAMES = (
    "pxelinux.cfg/b8945908-d6a6-41a9-611d-74a6ab80b83d", "pxelinux.cfg/C0A80164", "pxelinux.cfg/C0A8",
    "SEPAABBCCDDEEFF.cnf.xml", "ITLSEP001122334455.tlv", "9ffefdef/autoboot.txt", "recovery.elf",
    "dt-blob.bin", "0004f2ffffff.cfg", "\\boot\\x64\\Boot\\BCD", "BOOT\\BCD", "/tftpboot/nothing",
    "tftpboot", "/tftpboot/", "nosuchfile.txt", "KNM",
)

# Any case of Windows' names, with one line more.
FOLDED_NAMES = (
    ("\\BOOT\\BCD", "Boot/BCD"), ("\\boot\\X64\\WDSMGFW.EFI", "boot/x64/wdsmgfw.efi"),
    ("/boot\\x64\\PXEBoot.n12", "boot/x64/pxeboot.n12"), ("\\Sources\\BOOT.WIM", "sources/boot.wim"),
    ("BOOTMGR.EXE", "bootmgr.exe"), ("sep001122334455.CNF.xml", "SEP001122334455.cnf.xml"),
    ("/TFTPBOOT/PXELINUX.CFG/DEFAULT", None), ("PXELINUX.CFG/DEFAULT", "pxelinux.cfg/default"),
    ("NETWORK-CONFG", "network-confg"),
)


def real_clients(lane):
    """Served as they ask, with the shipped file; Windows in any case with `case = fold`."""
    place = pathlib.Path("/srv/boot")
    for name in BOOT_FILES:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    config = serve_configured(lane, f'root = "{place}"\nclient "127.0.0.2" {{ case = fold }}\n')
    for source in ("127.0.0.1", "127.0.0.2"):
        for client, name, file in CLIENT_NAMES:
            Read(name, Served(file, path="/" + file), source=source).run(lane, client, config.words)
    for name in MISSING_NAMES:
        Read(name, MISSING(), explain=not name.endswith("/")).run(lane, "", config.words)
    for name, file in FOLDED_NAMES:
        wanted = MISSING() if file is None else Served(file, path="/" + file)
        Read(name, wanted, source="127.0.0.2").run(lane, "folded", config.words)


def documented_lines(lane):
    """What one line of tftpd.conf is for: other prefixes."""
    place = pathlib.Path("/srv/boot")
    place.mkdir(exist_ok=True)
    (place / "image").write_text("image")
    for text, name in (('strip-prefix = {"/private/tftpboot"}', "/private/tftpboot/image"),
                       ('strip-prefix = {"/srv/tftp", "/var/lib/tftpboot"}', "/var/lib/tftpboot/image"),
                       ('strip-prefix = {"C:\\\\TFTP-Root"}', "C:\\TFTP-Root\\image"),
                       ("case = lower", "IMAGE"),
                       ("map-rules = {'ri ^[a-z]: \"\"', 'rg \\\\ /'}", None)):
        config = serve_configured(lane, f'root = "{place}"\n{text}\n')
        if name is not None:
            Read(name, Served("image", path="/image")).run(lane, text, config.words)


def prefixes(lane):
    """The name as it was sent comes first, then without a prefix, in their order."""
    place = pathlib.Path("/srv/prefixes")
    for name in ("f", "tftpboot/g", "tftpboot/both", "both", "a/f2", "b/a/deep", "tftpboot/dir/x"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(name)
    for folder in (place, place / "tftpboot", place / "a"):
        os.chown(folder, lane.uid, lane.gid)
    config = serve_configured(lane, f'root = "{place}"\ncreate = yes\n'
                                    'client "127.0.0.2" { strip-prefix = {"/b", "/b/a", "/tftpboot"} }\n')
    one, other = "127.0.0.1", "127.0.0.2"
    for source, name, file in (
            (one, "/tftpboot/f", "f"), (one, "/tftpboot/g", "tftpboot/g"), (one, "both", "both"),
            (one, "/tftpboot/both", "tftpboot/both"), (one, "//tftpboot\\\\f", "f"),
            (one, "/tftpboot/tftpboot/g", "tftpboot/g"), (one, "/tftpboot/tftpboot/f", None),
            (one, "/tftpboot/nothing", None), (one, "/b/f", None), (other, "/b/a/deep", "b/a/deep"),
            (other, "/b/a/f2", "a/f2"), (other, "/b/a/f", "f"), (other, "/b/f", "f"),
            (other, "/tftpboot/f", "f")):
        wanted = MISSING() if file is None else Served(file, path="/" + file)
        Read(name, wanted, source=source).run(lane, "", config.words)
    for source, name, wanted in (
            (one, "/tftpboot/new", Stored(place / "tftpboot/new")), (one, "new", Stored(place / "new")),
            (one, "/tftpboot/a/new", Stored(place / "a/new")), (one, "/tftpboot/x/new", MISSING()),
            # Those directories are there, so it is them; they are root's.
            (other, "/b/a/new", REFUSED()), (other, "/b/new", REFUSED())):
        Write(name, wanted, source=source).run(lane, "", config.words)


# Places.

def folding(lane):
    """A component that exists stays; else it is the first in byte order; the real
    names stand in the log."""
    place = pathlib.Path("/srv/fold")
    for name in ("Two.cfg", "TWO.cfg", "two.CFG", "One/Inner.txt", "both/a", "BOTH/b", "BOTH/A",
                 "\u00dcml\u00e4ut", "Deep/Er/Und/Er"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(name)
    (place / "Link").symlink_to("One")
    (place / "open").mkdir()
    (place / "open").chmod(0o777)
    (place / "Old.cfg").write_text("old")
    os.chown(place / "Old.cfg", lane.uid, lane.gid)
    os.chown(place, lane.uid, lane.gid)
    config = serve_configured(lane, f'root = "{place}"\ncase = fold\ncreate = yes\noverwrite = yes\n'
                                    f'client "127.0.0.2" {{ case = lower }}\n')
    for name, file in (("Two.cfg", "Two.cfg"), ("TWO.cfg", "TWO.cfg"), ("two.CFG", "two.CFG"),
                       ("two.cfg", "TWO.cfg"), ("tWo.cFg", "TWO.cfg"), ("one/inner.TXT", "One/Inner.txt"),
                       ("ONE\\INNER.txt", "One/Inner.txt"), ("link/INNER.txt", "One/Inner.txt"),
                       ("both/a", "both/a"), ("BOTH/b", "BOTH/b"), ("Both/b", "BOTH/b"),
                       ("deep/er/UND/ER", "Deep/Er/Und/Er"), ("/TFTPBOOT/../x", None),
                       ("tftpboot/one/inner.txt", "One/Inner.txt")):
        Read(name, REFUSED() if file is None else Served(file)).run(lane, "", config.words)
    # What is in another directory of nearly that name is another file; so are other letters.
    for name in ("both/b", "both/B", "\u00fcML\u00c4UT", "nothing"):
        Read(name, MISSING("no such file")).run(lane, "", config.words)
    check_equal(Read("one/inner.txt", Served("One/Inner.txt")).run(lane).record["path"], "/One/Inner.txt",
                "path in the log")
    Write("OLD.CFG", Stored(place / "Old.cfg", keep=True)).run(lane, "", config.words)
    Write("OPEN/New.Txt", Stored(place / "open/New.Txt")).run(lane, "", config.words)
    Write("Brand/New", MISSING("no such file")).run(lane, "", config.words)
    Write("OPEN/New.Txt", Stored(place / "open/new.txt"), source="127.0.0.2").run(lane, "", config.words)


def search_path(lane):
    """Each root in order; what is there but may not be had ends the search."""
    roots = [pathlib.Path(f"/srv/path{number}") for number in (1, 2, 3)]
    for number, root in enumerate(roots, 1):
        root.mkdir()
        (root / f"only{number}").write_text(f"only {number}")
        for other in range(1, number + 1):
            (root / f"from{other}").write_text(f"from {other} in {number}")
        (root / "dir").mkdir()
        (root / "dir" / f"deep{number}").write_text(f"deep {number}")
    (roots[0] / "closed").write_text("closed")
    (roots[0] / "closed").chmod(0o600)
    (roots[1] / "closed").write_text("open")
    (roots[0] / "kind").mkdir()
    (roots[1] / "kind").write_text("kind")
    (roots[1] / "File").write_text("another case")
    (roots[2] / "file").write_text("exact")
    (roots[0] / "up").symlink_to("../path2/only2")
    text = "root = {" + ", ".join(f'"{root}"' for root in roots) + "}\n"
    config = serve_configured(lane, text + 'client "127.0.0.2" { case = fold }\n')
    for name, content in (("only1", "only 1"), ("only2", "only 2"), ("only3", "only 3"),
                          ("from1", "from 1 in 1"), ("from2", "from 2 in 2"), ("from3", "from 3 in 3"),
                          ("dir/deep1", "deep 1"), ("dir\\deep3", "deep 3"), ("/tftpboot/only3", "only 3")):
        Read(name, Served(content)).run(lane, "", config.words)
    Read("closed", REFUSED("mode 0600 is not world-readable")).run(lane, "", config.words)
    Read("kind", REFUSED("this is a directory")).run(lane, "", config.words)
    Read("nowhere", MISSING("no such file")).run(lane, "", config.words)
    if lane.has_openat2:
        Read("up", MISSING()).run(lane, "", config.words)
    # The exact name further back comes before any other case.
    Read("file", Served("exact"), source="127.0.0.2").run(lane, "", config.words)
    Read("FILE", Served("another case"), source="127.0.0.2").run(lane, "", config.words)
    Read("Dir/DEEP3", MISSING(), source="127.0.0.1").run(lane, "", config.words)


# A directory for each client.

def client_tree(lane, *names):
    """One for each name, and what is there for all."""
    place = pathlib.Path("/srv/clients")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    os.chown(place, lane.uid, lane.gid)
    for directory in ("", *names):
        folder = place / directory
        folder.mkdir(exist_ok=True)
        os.chown(folder, lane.uid, lane.gid)
        (folder / "config").write_text(f"of {directory or 'all'}")
    (place / "shared").write_text("shared")
    return place


def directory_by_address(lane):
    """ROOT/192.0.2.7/NAME before ROOT/NAME; uploads go there if it exists."""
    place = client_tree(lane, "127.0.0.7", "::1")
    config = serve_configured(lane, f'root = "{place}"\nclient-dir = ip\ncreate = yes\noverwrite = yes\n'
                                    'client "127.0.0.9" { client-dir = none }\n', address="::")
    for source, own in (("127.0.0.7", "127.0.0.7"), ("::1", "::1")):
        Read("config", Served(f"of {own}", path=f"/{own}/config"), source=source).run(lane, "", config.words)
        Read("/tftpboot/config", Served(f"of {own}"), source=source).run(lane, "", config.words)
        Read("shared", Served("shared"), source=source).run(lane, "", config.words)
        Write("new", Stored(place / own / "new"), source=source).run(lane, "", config.words)
        Write("shared", Stored(place / own / "shared"), source=source).run(lane, "", config.words)
        check_equal((place / "shared").read_text(), "shared", "what is there for all")
    for source in ("127.0.0.8", "127.0.0.9"):
        Read("config", Served("of all"), source=source).run(lane, "", config.words)
        Write("new", Stored(place / "new"), source=source).run(lane, "", config.words)
    # Somebody else's directory is a directory like others.
    Read("127.0.0.7/config", Served("of 127.0.0.7"), source="127.0.0.8").run(lane, "", config.words)


MAC = "52:54:00:12:34:56"


class Neighbours(Neighbour):
    """A second namespace with a hardware address that we know for good."""

    def __init__(self, lane, mac=MAC):
        super().__init__(lane)
        ip = lane.ip()
        self.visit(lambda: (run(ip, "link", "set", "v1", "address", mac),
                            run(ip, "addr", "add", "10.99.0.5/32", "dev", "lo")))
        for address in ("10.77.0.10", "fd77::10"):
            run(ip, "neigh", "replace", address, "lladdr", mac, "dev", "v0", "nud", "permanent")
        run(ip, "route", "add", "10.99.0.0/24", "via", "10.77.0.10")

    def peer(self, lane, server, source):
        return self.visit(lambda: lane.peer((server, PORT), source=source))


def directory_by_mac(lane):
    """By the neighbour table; a client behind a router, or of this host, has none."""
    place = client_tree(lane, MAC.replace(":", "-"))
    neighbours = Neighbours(lane)
    own = MAC.replace(":", "-")
    try:
        config = serve_configured(lane, f'root = "{place}"\nclient-dir = mac\ncreate = yes\n', address="::")
        for server, source, directory in (("10.77.0.1", "10.77.0.10", own), ("fd77::1", "fd77::10", own),
                                          ("10.77.0.1", "10.99.0.5", ""), ("10.77.0.1", "10.77.0.10", own)):
            peer = neighbours.peer(lane, server, source)
            check_equal(peer.get("config"), b"of " + (directory or "all").encode(), f"{source}: content")
            path = "/" + "/".join(filter(None, (directory, "config")))
            check_equal(lane.end_of(peer)["path"], path, f"{source}: path")
            peer = neighbours.peer(lane, server, source)
            peer.put("new", b"new")
            check_equal(lane.end_of(peer)["outcome"], "complete", f"{source}: an upload")
            (place / directory / "new").unlink()
        Read("config", Served("of all"), source="127.0.0.7").run(lane, "", config.words)
        check("52-54-00-12-34-56" in told_of(lane, config, "10.77.0.10"), "--explain has no MAC address")
    finally:
        lane.stop_server()
        neighbours.leave()


def told_of(lane, config, source):
    return explain(lane, config.words, source, "read", "config").text


# Names that mean harm.

OUTSIDE = pathlib.Path("/srv/outside-of-all")
HOSTILE = pathlib.Path("/srv/hostile")
OTHERS = pathlib.Path("/srv/others")
CANARY = b"the canary sings"


def hostile_names():
    """All sorts, made by code: ways up, ways round, and what others choke on."""
    names = set(climbing_names())
    names |= {prefix + tail for prefix in ("", "/", "\\", "in/", "nowhere/", "/tftpboot/")
              for tail in encoded_names()}
    names |= set(absolute_names()) | set(strange_names())
    return sorted(tftp.as_bytes(name) for name in names)


def climbing_names():
    for depth, slash, prefix in itertools.product(
            (1, 2, 3, 8), ("/", "\\", "//", "/./", "\\/", "/\\"),
            ("", "/", "\\", "in/", "in\\", "in/deep/", "./", "nowhere/", "file/", "/tftpboot/", "to-in/")):
        yield prefix + (".." + slash) * depth + f"outside-of-all{slash}canary"
    for depth in (1, 5, 50, 300):
        yield "../" * depth + "outside-of-all/canary"
        yield "in/" * depth + "../" * (depth + 1) + "others/canary"
    yield from ("..", "../", "/..", "\\..", "in/..", "in/../..", "../hostile/file", "in/../file", "..\\")


def encoded_names():
    way = "outside-of-all/canary"
    for up in ("%2e%2e%2f", "%2e%2e/", "..%2f", "..%5c", "%252e%252e%252f", "..%c0%af", "%c0%ae%c0%ae/",
               "..;/", "....//", "..././", "...\\.\\", ".. /", " ../", "..\u2215", "\uff0e\uff0e/",
               "\u2025/", "..\u200b/", "~/", "~root/", "$HOME/../", "${PWD}/../", "`pwd`/../", "..%00/"):
        yield up + way


def absolute_names():
    for place in ("/srv/outside-of-all/canary", "/srv/others/canary", "/srv/hostile/file",
                  "/etc/passwd", "/etc/shadow", "/proc/self/environ", "/proc/self/root/srv/others/canary",
                  "/proc/1/cwd/canary", "/proc/self/fd/3", "/proc/thread-self/fd/4/canary", "/dev/zero",
                  "/dev/stdin", "/dev/tty", "/dev/fd/3", "/dev/shm/x", "/sys/kernel/notes",
                  "/var/log/tftpd/transfers.jsonl", "/run/tftpd/live", "/var/lib/tftpd"):
        yield place
        yield place.replace("/", "\\")
        yield place[1:]
        yield "//" + place
        yield "C:" + place.replace("/", "\\")
        yield "file://" + place
        yield "//?" + place
        yield "\\\\127.0.0.1\\c$" + place.replace("/", "\\")
        yield "/tftpboot" + place


def strange_names():
    yield from ("fifo", "char", "socket", "in", "to-fifo", "to-char", "to-self", "to-out", "to-etc", "to-fd",
                "to-proc", "to-dir-out/canary", "to-dir-out", "to-others/canary", "to-root/canary",
                "to-nothing", "in/to-up/to-up/canary", "in/to-up/canary", ".file.0123456789abcdef",
                "/.file.0123456789ABCDEF", "in/.x.0123456789abcdef", "file/", "file/.", "file/x", "",
                ".", "/", "\\", "//", "./.", "/./", "...", "....", ". .", "-rf", "--help", "-", "*", "?",
                "[f]ile", "{file,in}", "|id", ";id", "`id`", "$(id)", "&", "%s%s%s%n", "%n" * 50, "%99999d",
                "CON", "NUL", "aux.txt", "LPT1", "COM1:", "file::$DATA", "FILE~1", "file.", "file ", " file")
    for size in (126, 127, 128, 254, 255, 256, 511, 512, 1000, 1023, 1024, 1025, 2000):
        yield "x" * size
        yield "/".join(["y"] * size)[:size]
        yield "in/" + "z" * size
    for byte in (*range(1, 32), 127, 128, 160, 192, 255):
        yield bytes([byte])
        yield b"file" + bytes([byte])
        yield b"../" + bytes([byte]) + b"/canary"
    yield from (b"\xc0\xae\xc0\xae/canary", b"\xe0\x80\xae/canary", b"\xff\xfe", b"\xed\xa0\x80",
                "\u202e/canary".encode(), "\U0001f4a9".encode(), b'"},{"event":"start"',
                b"a\\u002e\\u002e/canary")


def wanted_of(name):
    """(codes, outcomes) that a name may lead to."""
    components = re.split(rb"[/\\]", name)
    if name == b"":
        return {1}, {"notfound"}
    if len(name) > 1024 or any(byte < 32 or byte == 127 for byte in name):
        return {4}, {"invalid"}
    if b".." in components:
        return {2}, {"denied"}
    return {None, 1, 2, 6}, {"complete", "notfound", "denied"}


def make_hostile_places(lane):
    """Two roots and a place outside; the canaries may be read and written by all."""
    for place in (OUTSIDE, HOSTILE, OTHERS):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        place.chmod(0o777)
        os.chown(place, lane.uid, lane.gid)
    for place in (OUTSIDE, OTHERS):
        (place / "canary").write_bytes(CANARY)
        (place / "canary").chmod(0o666)
        os.chown(place / "canary", lane.uid, lane.gid)
    for name in ("file", "in/file", "in/deep/file"):
        (HOSTILE / name).parent.mkdir(exist_ok=True)
        (HOSTILE / name).write_bytes(b"a file")
    for folder in (HOSTILE, HOSTILE / "in", HOSTILE / "in/deep"):
        folder.chmod(0o777)
    os.mkfifo(HOSTILE / "fifo")
    (HOSTILE / "fifo").chmod(0o666)
    os.mknod(HOSTILE / "char", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    (HOSTILE / "char").chmod(0o666)
    for name, target in (("to-fifo", "fifo"), ("to-char", "char"), ("to-self", "to-self"), ("to-in", "in"),
                         ("to-out", "../outside-of-all/canary"), ("to-etc", "/etc/passwd"),
                         ("to-fd", "/proc/self/fd/3"), ("to-proc", "/proc/self/root/srv/others/canary"),
                         ("to-dir-out", "../outside-of-all"), ("to-others", "/srv/others"), ("to-root", "/"),
                         ("to-nothing", "../new-outside"), ("in/to-up", "../..")):
        (HOSTILE / name).symlink_to(target)


class Watch:
    """What is opened, read or changed in some directories, by whomever (inotify)."""

    MASK = 0x1 | 0x2 | 0x4 | 0x20 | 0xC0 | 0x100 | 0x200      # access to delete

    def __init__(self, *places):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        for place in places:
            if self.libc.inotify_add_watch(self.fd, bytes(place), self.MASK) < 0:
                raise OSError(ctypes.get_errno(), f"inotify_add_watch {place}")

    def events(self):
        """(mask, name) of all that happened."""
        found, text = [], b""
        try:
            text = os.read(self.fd, 1 << 16)
        except BlockingIOError:
            pass
        while text:
            _, mask, _, size = struct.unpack_from("iIII", text)
            found.append((hex(mask), text[16:16 + size].rstrip(b"\0")))
            text = text[16 + size:]
        return found

    def close(self):
        os.close(self.fd)


HOSTILE_SETUPS = (
    ("one root", f'root = "{HOSTILE}"\n'),
    ("two roots, any case, a directory for each client",
     f'root = "{HOSTILE}"\ncase = fold\nclient-dir = ip\nclient "127.0.0.99" {{ root = "{OTHERS}" }}\n'),
)


def hostile(lane, must_do_without=False):
    """Nothing outside is opened or changed, nothing blocks, each leaves one record."""
    names = hostile_names()
    check(len(names) >= 300, f"only {len(names)} names")
    # Patiently is not all day; and without openat2() a link may lead out.
    names = [name for name in names[::8 if lane.quick else 1] if lane.has_openat2 or b"to-" not in name]
    for what, text in HOSTILE_SETUPS:
        make_hostile_places(lane)
        before = snapshot(OUTSIDE, OTHERS)
        around = sorted(path.name for path in HOSTILE.parent.iterdir())
        text += "create = yes\noverwrite = yes\nmax-upload = 1K\nmin-free = 0\n"
        serve_configured(lane, text + "sandbox = prefer\n" * must_do_without)
        with contextlib.closing(Watch(OUTSIDE, OTHERS)) as watch:
            for name in names:
                check_hostile(lane, what, tftp.READ, name)
            made = snapshot(HOSTILE)
            for name in names:
                check_hostile(lane, what, tftp.WRITE, name)
            check_equal(watch.events(), [], "what was done outside")
            (OUTSIDE / "canary").read_bytes()
            check(watch.events(), "the watch sees nothing")
        check_unchanged(before, OUTSIDE, OTHERS)
        check_equal(sorted(path.name for path in HOSTILE.parent.iterdir()), around, "beside the roots")
        after = snapshot(HOSTILE)
        check_equal({path for path in made if path not in after}, set(), "files that are gone")
        check_equal(lane.hidden(HOSTILE), [], "hidden files")
        Read("in/deep/file", Served((HOSTILE / "in/deep/file").read_bytes())).run(lane)


def check_hostile(lane, what, op, name):
    answer = ask(lane, op, name, patience=1.0 * lane.slowness)
    packet, record = answer.packet, answer.record
    what = f"{what}: {op} {name!r}"
    check(packet is not None, f"{what}: no answer within a second")
    check(CANARY not in (answer.content or b"") and b"root:" not in (answer.content or b""),
          f"{what}: {answer.content!r}")
    codes, outcomes = wanted_of(name)
    check(packet.code in codes and record["outcome"] in outcomes, f"{what}: {packet}, {record}")
    is_plain = "cut" not in record and "file_hex" not in record and b"to-" not in name
    if record["outcome"] == "complete" and is_plain:
        check((HOSTILE / record["path"][1:]).exists(), f"{what}: {record['path']} is not in the root")


def hostile_without_landlock(lane):
    """The same where the kernel has no Landlock: what remains has to do."""
    with without_landlock(lane):
        hostile(lane, must_do_without=True)
        started = [rec["message"] for rec in lane.log.records(event="notice")
                   if "dispatcher started" in rec["message"]][-1]
        check("no Landlock" in started, f"there was Landlock: {started}")


TESTS = (
    ("a name is relative to the root, however it is spelled", good_names, True),
    ("links inside the root are followed", links_inside, True),
    ("links out of the root lead nowhere", links_outside, True),
    ("climbing out is denied", climbing, True),
    ("FIFO, device and directory are denied at once", special_files, True),
    ("a file that others may not read is denied, and the log says why", unreadable_files, True),
    ("a missing file is exactly 'File not found'", missing_files, True),
    ("an empty name is answered like a missing file", empty_name, True),
    ("control bytes and endless names are invalid", bad_names, True),
    ("mail, unknown modes and cut requests are invalid", bad_requests, True),
    ("any bytes in a name leave one good line in the log", any_bytes, True),
    ("unfinished uploads are nobody's business", unfinished_uploads, True),
    ("with -c, new files are made and only open ones replaced", writing_with_create, True),
    ("an upload to a link goes to where it leads", writing_through_links, True),
    ("an upload to a link that leads out stays inside", writing_through_links_out, True),
    ("nothing is written where nothing may be", writing_where_nothing_may_be, True),
    ("without -c only existing open files are written", writing_without_create, True),
    ("names of PXE, Windows, Cisco, U-Boot, phones: served as they are sent", real_clients, True),
    ("other prefixes and cases need a line", documented_lines, True),
    ("a prefix is taken off what is not there as it was sent", prefixes, True),
    ("case = fold finds the real name, always the same", folding, True),
    ("several roots are searched in order", search_path, True),
    ("client-dir = ip", directory_by_address, True),
    ("client-dir = mac", directory_by_mac, True),
    ("hundreds of hostile names lead nowhere, for reads and uploads", hostile, True),
    ("hostile names lead nowhere without Landlock either", hostile_without_landlock, True),
)
