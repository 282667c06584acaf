"""Every kind of name: what is answered, and that nothing ever blocks.

On the wire: 1 "File not found", 2 "Access violation" for whatever is denied
(U-Boot loops on other codes), 4 for what is no request.  Each leaves one record.
"""

import os
import stat

import tftp
from harness import check, check_equal, of_peer

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
)
