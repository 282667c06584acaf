"""Who may do what with which file: what is refused, when, in which words, and that
nothing has changed then.
"""

import collections
import functools
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import time

import tftp
from asking import (BODY, Configuration, Read, Refused, Served, Stored, Write, ask,
                    check_unchanged, explain, first_packet, serve_configured, snapshot)
from harness import PORT, check, check_equal, kill, of_peer, run, until
from settings import STATE
from test_address import Neighbour

DENIED = functools.partial(Refused, 2, "denied")
MISSING = functools.partial(Refused, 1, "notfound")
LIMITED = functools.partial(Refused, 3, "limited")
UPLOADS_OFF = "uploads are off: neither create nor overwrite is allowed"
SECRET = b"nobody's business"
BLOCK = b"b" * 512


def furnish(lane):
    """What may stand in a served directory, and one beside it."""
    outside = lane.root.parent / "outside"
    outside.mkdir(exist_ok=True)
    outside.chmod(0o777)
    (outside / "canary").write_bytes(SECRET)
    (outside / "canary").chmod(0o666)
    lane.file("plain", b"plain", mode=0o666)
    lane.file("sub/inner", b"inner", mode=0o666)
    (lane.root / "sub").chmod(0o777)
    if not (lane.root / "fifo").exists():
        make_special_files(lane.root)
    return outside


def make_special_files(root):
    for name, kind, number in (("fifo", stat.S_IFIFO, 0), ("char", stat.S_IFCHR, os.makedev(1, 5)),
                               ("tty", stat.S_IFCHR, os.makedev(5, 0)),
                               ("block", stat.S_IFBLK, os.makedev(7, 0))):
        os.mknod(root / name, 0o666 | kind, number)
        (root / name).chmod(0o666)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
    (root / "socket").chmod(0o666)
    (root / "directory").mkdir()
    (root / "directory").chmod(0o777)
    for name, target in (("to-fifo", "fifo"), ("to-canary", "../outside/canary"),
                         ("to-absolute", "/srv/outside/canary"), ("to-plain", "plain"),
                         ("to-root", "/plain"), ("to-sub", "sub"), ("to-nothing", "not-there"),
                         ("to-itself", "to-itself")):
        (root / name).symlink_to(target)


# Nothing by default.

def defaults(lane):
    """As shipped: the whole tree is open to all, and still nothing can be uploaded or
    overwritten, and nothing be read that lies elsewhere."""
    outside = furnish(lane)
    config = serve_configured(lane, "")
    before = snapshot(lane.root, outside)
    for name in ("plain", "new", "sub/inner", "sub/new", "../outside/canary", "/srv/outside/canary",
                 "to-canary", "to-plain", "fifo", "char", "directory", "", "."):
        Write(name, DENIED(f"{UPLOADS_OFF} (create: default)")).run(lane, "", config.words)
    for name in ("../outside/canary", "..\\outside\\canary", "sub/../../outside/canary"):
        Read(name, DENIED('the name has a ".." component')).run(lane, "", config.words)
    for name in ("/srv/outside/canary", "outside/canary", "/etc/passwd", "/proc/self/environ"):
        Read(name, MISSING("no such file")).run(lane, "", config.words)
    if lane.has_openat2:
        for name in ("to-canary", "to-absolute"):
            Read(name, MISSING("leads to")).run(lane, "", config.words)
    Read("plain", Served("plain")).run(lane, "", config.words)
    check_unchanged(before, lane.root, outside)


def defaults_of_hpa(lane):
    """tftpd-hpa's form: what others may write may be overwritten, no more."""
    outside = furnish(lane)
    lane.file("closed", b"closed", mode=0o644)
    words = ("-s", str(lane.root))
    lane.serve(*words)
    before = snapshot(lane.root, outside)
    for name in ("new", "sub/new", "/srv/outside/canary"):
        Write(name, MISSING()).run(lane, "", words)
    Write("closed", DENIED("mode 0644 is not world-writable")).run(lane, "", words)
    Write("../outside/canary", DENIED('".."')).run(lane, "", words)
    for name in ("fifo", "char", "directory", "socket"):
        Write(name, DENIED("not a regular file")).run(lane, "", words)
    check_unchanged(before, lane.root, outside)
    Write("plain", Stored(lane.root / "plain", keep=True)).run(lane, "", words)
    words = ("--read-only", "-s", "-c", str(lane.root))
    lane.serve(*words)
    for name in ("plain", "new", "closed"):
        Write(name, DENIED("uploads are off")).run(lane, "", words)


# Kinds of files.

def special_files(lane):
    """Refused at once, whatever is allowed: a FIFO would block, a device never end."""
    furnish(lane)
    before = snapshot(lane.root)
    for text in ("create = yes\noverwrite = yes\n",
                 "create = yes\noverwrite = yes\nrequire-world-readable = no\nclient-dir = ip\n"):
        config = serve_configured(lane, text)
        for name, kind in (("fifo", "FIFO"), ("char", "device"), ("tty", "device"), ("block", "device"),
                           ("socket", "socket"), ("directory", "directory"), ("to-fifo", "FIFO"),
                           (".", "directory"), ("directory/", "directory"), ("/", "directory")):
            for case in (Read, Write):
                case(name, DENIED(f"this is a {kind}, not a regular file")).run(lane, "", config.words)
    check_unchanged(before, lane.root)


def links(lane):
    """They are followed below the root, or not at all."""
    furnish(lane)
    config = serve_configured(lane, "create = yes\noverwrite = yes\n"
                                    'client "127.0.0.2" { symlinks = none }\n')
    Read("to-plain", Served("plain")).run(lane, "", config.words)
    if lane.has_openat2:
        Read("to-root", Served("plain")).run(lane, "", config.words)
    Read("to-sub/inner", Served("inner")).run(lane, "", config.words)
    Read("to-nothing", MISSING("no such file")).run(lane, "", config.words)
    Read("to-itself", DENIED()).run(lane, "", config.words)
    Write("to-sub/new", Stored(lane.root / "sub/new")).run(lane, "", config.words)
    Write("to-plain", Stored(lane.root / "plain", keep=True)).run(lane, "", config.words)
    check((lane.root / "to-plain").is_symlink(), "the link was replaced by a file")
    before = snapshot(lane.root)
    none = f"there is a symbolic link on the way, and symlinks is none ({config.place('client')})"
    for name in ("to-plain", "to-root", "to-sub/inner", "to-nothing", "to-itself", "to-canary"):
        for case in (Read, Write):
            case(name, DENIED(none), source="127.0.0.2").run(lane, "", config.words)
    Write("to-sub/new", DENIED(none), source="127.0.0.2").run(lane, "", config.words)
    Read("sub/inner", Served("inner"), source="127.0.0.2").run(lane, "", config.words)
    check_unchanged(before, lane.root)


def permissions(lane):
    """The mode decides beforehand, the kernel anyway; the log names what was in the way."""
    lane.file("shut/file", b"x")
    (lane.root / "shut").chmod(0o700)
    os.chown(lane.root / "closed", 0, 0)
    lane.file("roots", b"x", mode=0o600)
    lane.file("group", b"x", mode=0o640)
    own = lane.file("own", b"own", mode=0o600)
    os.chown(own, lane.uid, lane.gid)
    lane.file("readable/file", b"x")
    (lane.root / "readable").chmod(0o755)
    config = serve_configured(lane, "create = yes\noverwrite = yes\n"
                                    'client "127.0.0.2" { require-world-readable = no }\n')
    for name, message in (("roots", "mode 0600 is not world-readable"), ("own", "mode 0600"),
                          ("group", "mode 0640"), ("shut/file", "the directory shut has mode 0700")):
        Read(name, DENIED(message)).run(lane, "", config.words)
    Read("own", Served("own"), source="127.0.0.2").run(lane, "", config.words)
    for name in ("roots", "group"):
        Read(name, DENIED("cannot open: Permission denied"), source="127.0.0.2").run(lane, "", config.words)
    before = snapshot(lane.root)
    Write("shut/new", DENIED("the directory shut has mode 0700")).run(lane, "", config.words)
    Write("readable/new", DENIED("cannot create a file there")).run(lane, "", config.words)
    Write("roots", DENIED()).run(lane, "", config.words)
    Write("no-such-directory/new", MISSING("no such file")).run(lane, "", config.words)
    check_unchanged(before, lane.root)
    Write("own", Stored(own, keep=True)).run(lane, "", config.words)
    # A rename would not ask whether the file itself may be written.
    own.chmod(0o444)
    Write("own", DENIED("cannot write"), source="127.0.0.2").run(lane, "", config.words)


def existing_files(lane):
    """ERROR 6 for what exists, before a byte was sent; what stands there stays."""
    furnish(lane)
    config = serve_configured(lane, "create = yes\n"
                                    'client "127.0.0.2" { overwrite = yes create = no }\n')
    exists = Refused(6, "denied", "the file exists and may not be overwritten (overwrite: default)")
    before = snapshot(lane.root)
    for name in ("plain", "sub/inner", "/plain", "sub\\inner", "to-plain"):
        Write(name, exists).run(lane, "", config.words)
    check_unchanged(before, lane.root)
    Write("new", MISSING("no such file, and no new one may be created"),
          source="127.0.0.2").run(lane, "", config.words)
    Write("plain", Stored(lane.root / "plain", keep=True), source="127.0.0.2").run(lane, "", config.words)
    for name in ("n" * 255, "sub/" + "\u00fc" * 127):
        Write(name, Stored(lane.root / name)).run(lane, "", config.words)
    # Two at once: the second to end hears so instead of its last ACK.
    peers = [lane.peer(), lane.peer()]
    for peer in peers:
        peer.write("both")
        peer.expect(tftp.ACK, 0)
    peers[0].data(1, b"first")
    peers[0].expect(tftp.ACK, 1)
    peers[1].data(1, b"second")
    check_equal(peers[1].expect(tftp.ERROR, 6).text, "File already exists", "text")
    check_equal(lane.end_of(peers[1])["message"], "another upload of that name was faster", "message")
    check_equal((lane.root / "both").read_bytes(), b"first", "the file")
    lane.end_of(peers[0])
    check_equal(lane.hidden(), [], "hidden files")


# Sizes.

def send_until_refused(peer, most=2000, block=BLOCK):
    """Blocks until an ERROR comes; it, and how many blocks were sent."""
    for index in range(1, most):
        peer.data(index, block)
        packet = peer.hear()
        if packet is None or packet.op != tftp.ACK:
            return packet, index
    return None, most


def too_large(lane):
    """Declared, it is refused at once; else as soon as it is too much."""
    config = serve_configured(lane, "create = yes\nmax-upload = 1300\n")
    place = config.place("max-upload")
    Write("large", LIMITED(f"1301 bytes are more than max-upload allows (1300) ({place})"),
          tsize=1301).run(lane)
    Write("large", Stored(lane.root / "large", body=b"x" * 1300, tsize="1300"), body=b"x" * 1300,
          tsize=1300).run(lane)
    for options in ({}, {"tsize": 10}):
        peer = lane.peer()
        peer.write("large", **options)
        peer.expect(tftp.OACK if options else tftp.ACK)
        packet, index = send_until_refused(peer)
        check(packet is not None and (packet.op, packet.code) == (tftp.ERROR, 3), f"the answer: {packet}")
        check_equal(index, 3, "block that was too much")
        record = lane.end_of(peer)
        check_equal((record["outcome"], record["error_by"]), ("limited", "server"), "the end record")
        check("more than max-upload allows (1300)" in record["message"] and place in record["message"],
              f"message: {record['message']!r}")
        check(not (lane.root / "large").exists(), "it stands there all the same")
        until(lambda: not lane.hidden(), 2 * lane.slowness, "the hidden file is gone")


def room_left(lane):
    """min-free: so much stays, declared beforehand or not."""
    place = lane.root / "small"
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=8m,mode=777", "tmpfs", place)
    config = serve_configured(lane, f'root = "{place}"\ncreate = yes\nmin-free = 5M\n')
    peer = lane.peer()
    peer.write("large", blksize=32768)
    peer.expect(tftp.OACK)
    packet, index = send_until_refused(peer, block=b"x" * 32768)
    check(packet is not None and (packet.op, packet.code) == (tftp.ERROR, 3), f"the answer: {packet}")
    # The disk is looked at once in a megabyte.
    check(3 << 20 <= index * 32768 <= (4 << 20) + 65536, f"refused after {index} blocks")
    record = lane.end_of(peer)
    check_equal(record["outcome"], "limited", "outcome")
    check(config.place("min-free") in record["message"], f"message: {record['message']!r}")
    until(lambda: not list(place.iterdir()), 2 * lane.slowness, "nothing is left there")
    Write("large", LIMITED("5242880 stay so"), tsize=4 << 20).run(lane)
    Write("fits", Stored(place / "fits", tsize=str(2 << 20), body=b"f" * (2 << 20), blksize="16384"),
          tsize=2 << 20, body=b"f" * (2 << 20), blksize=16384).run(lane)
    lane.stop_server()
    run("umount", place)


def answer_to(peer, block):
    """Its ACK, an ERROR, or None.  What is older may come again where 60 take turns:
    the first reply after half a second, an ACK after one."""
    for _ in range(20):
        packet = peer.hear()
        if packet is None or packet.op == tftp.ERROR or (packet.op, packet.block) == (tftp.ACK, block):
            return packet
    return None


def room_left_by_many(lane):
    """60 small uploads of which no one says how large it will be: each looks often enough
    that together they take no more than 128 KiB each of what has to stay."""
    count, least, block = 60, 90 << 20, b"x" * 32768
    place = lane.root / "shared"
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=128m,mode=777", "tmpfs", place)
    serve_configured(lane, f'root = "{place}"\ncreate = yes\nmin-free = 90M\n')
    peers = [lane.peer() for _ in range(count)]
    for number, peer in enumerate(peers):
        peer.write(f"small-{number}", blksize=len(block))
        peer.expect(tftp.OACK)
    lowest, answers, running = 128 << 20, {}, peers
    for index in range(1, 29):
        for peer in running:
            peer.data(index, block if index < 28 else b"end")
        for peer in running:
            answers[peer] = answer_to(peer, index)
        info = os.statvfs(place)
        lowest = min(lowest, info.f_bavail * info.f_frsize)
        running = [peer for peer in running if answers[peer] is not None and answers[peer].op == tftp.ACK]
    outcomes = [lane.end_of(peer)["outcome"] for peer in peers]
    refused = [answers[peer] for peer, outcome in zip(peers, outcomes) if outcome == "limited"]
    check(lowest >= least - count * (128 << 10), f"{lowest} bytes were free, {least} stay so")
    check(refused and all(packet.code == 3 for packet in refused), f"the refusals: {refused}")
    check_equal(set(outcomes) - {"limited", "complete"}, set(), "other outcomes")
    lane.stop_server()
    run("umount", place)


def largest_read(lane):
    lane.file("size-1000", b"x" * 1000)
    lane.file("size-1001", b"x" * 1001)
    config = serve_configured(lane, "max-read = 1000\n")
    Read("size-1000", Served(b"x" * 1000, tsize="1000"), tsize=0).run(lane)
    Read("size-1001", LIMITED("1001 bytes are more than max-read allows (1000) "
                              f"({config.place('max-read')})")).run(lane, "", config.words)
    Read("size-1001", LIMITED(), tsize=0).run(lane)
    Read("size-1001", LIMITED(), mode="netascii").run(lane)


# Uploads.

UNIQUE = re.compile(r"(\d{8}-\d{6})\.(\d\d)")


def unique_names(lane):
    """Each upload is a file of its own, with a time in its name; nothing is replaced."""
    (lane.root / "sub").mkdir(exist_ok=True)
    (lane.root / "sub").chmod(0o777)
    lane.file("config", b"a file of that name", mode=0o666)
    config = serve_configured(lane, "create = yes\noverwrite = yes\nupload-names = unique\n")
    before = snapshot(lane.root)
    stored = {}
    for number in range(6):
        body = b"number %d" % number
        name = ("config", "sub/config")[number % 2]
        answer = ask(lane, tftp.WRITE, name, body=body)
        record = answer.record
        check_equal((answer.packet.op, record["outcome"], record["file"]),
                    (tftp.ACK, "complete", name), "the answer and the record")
        match = re.fullmatch(rf"/{name}\.(.*)", record["path"])
        check(match and UNIQUE.fullmatch(match.group(1)), f"the final name: {record['path']}")
        stamp = time.mktime(time.strptime(match.group(1)[:15], "%Y%m%d-%H%M%S")) - time.timezone
        check(abs(stamp - time.time()) < 5, f"{record['path']}: not the time in UTC")
        stored[record["path"]] = body
    check_equal(len(stored), 6, "different names")
    for path, body in stored.items():
        check_equal((lane.root / path[1:]).read_bytes(), body, f"content of {path}")
        Read(path, Served(body)).run(lane, "", config.words)
        (lane.root / path[1:]).unlink()
    check_unchanged(before, lane.root)
    check({path[-2:] for path in stored} >= {"00", "01"}, f"numbers: {sorted(stored)}")
    # A name that is as long as one can be is cut.
    for name in ("n" * 255, "\u00fc" * 127):
        path = ask(lane, tftp.WRITE, name).record["path"][1:]
        check(len(path.encode()) <= 255 and name.startswith(path[:100]), f"the final name: {path}")
        check_equal((lane.root / path).read_bytes(), BODY, "content of a file with a long name")
        (lane.root / path).unlink()


def unique_names_of_many(lane):
    """More than a hundred within one second: NN gets a third digit."""
    serve_configured(lane, "create = yes\nupload-names = unique\n")
    bodies = {lane.peer(): b"number %d" % number for number in range(130)}
    for peer in bodies:
        peer.write("busy")
        peer.expect(tftp.ACK, 0)
    until(lambda: time.time() % 1 < 0.1, 2, "the beginning of a second")
    for peer, body in bodies.items():
        peer.data(1, body)
    for peer in bodies:
        peer.drain_to(tftp.ACK, 1)
    paths = {lane.end_of(peer)["path"][1:]: body for peer, body in bodies.items()}
    check_equal(len(paths), len(bodies), "different names")
    for path, body in paths.items():
        check(re.fullmatch(r"busy\.\d{8}-\d{6}\.\d{2,3}", path), f"the final name: {path}")
        check_equal((lane.root / path).read_bytes(), body, f"content of {path}")
        (lane.root / path).unlink()
    lane.note(f"{max(collections.Counter(path[:20] for path in paths).values())} names in one second")


def upload_root(lane):
    """Uploads go there, are not found in the search path, and nothing else is writable."""
    place = lane.root.parent / "uploads"
    place.mkdir()
    os.chown(place, lane.uid, lane.gid)
    lane.file("f", b"f", mode=0o666)
    config = serve_configured(lane, f'upload-root = "{place}"\ncreate = yes\noverwrite = yes\n'
                                    'client "127.0.0.2" { upload-root = "" }\n')
    Write("f", Stored(place / "f", keep=True)).run(lane, "", config.words)
    check_equal((lane.root / "f").read_bytes(), b"f", "the file of that name in the root")
    Read("f", Served("f")).run(lane, "", config.words)
    Write("new", Stored(place / "new", keep=True)).run(lane, "", config.words)
    Read("new", MISSING("no such file")).run(lane, "", config.words)
    Write("f", Stored(lane.root / "f", keep=True), source="127.0.0.2").run(lane, "", config.words)
    Write("sub-that-is-missing/new", MISSING("no such file")).run(lane, "", config.words)


def modes_of_uploads(lane):
    """0666 less the umask; a replaced file keeps its own."""
    furnish(lane)
    config = serve_configured(lane, "create = yes\noverwrite = yes\n"
                                    'client "127.0.0.2" { umask = 0 }\nclient "127.0.0.3" { umask = 077 }\n')
    for source, mode in (("127.0.0.1", 0o644), ("127.0.0.2", 0o666), ("127.0.0.3", 0o600)):
        Write("new", Stored(lane.root / "new", mode=mode), source=source).run(lane, "", config.words)
    own = lane.file("own", b"own", mode=0o640)
    os.chown(own, lane.uid, lane.gid)
    Write("own", Stored(own, mode=0o640, keep=True)).run(lane, "", config.words)
    for words, mode in ((("-s", "-c"), 0o666), (("-s", "-c", "-p"), 0o644), (("-s", "-c", "-U", "027"), 0o640)):
        lane.serve(*words, str(lane.root))
        Write("new", Stored(lane.root / "new", mode=mode)).run(lane, " ".join(words))


# tftpd-hpa's classic set-up.

def classic(lane, *roots):
    """Files made beforehand with mode 666 in a directory of root's."""
    for root in roots:
        root.mkdir(exist_ok=True)
        root.chmod(0o755)
        os.chown(root, 0, 0)
        for name in ("made", "other"):
            (root / name).write_bytes(b"made beforehand")
            (root / name).chmod(0o666)
            os.chown(root / name, 0, 0)


CLASSIC = pathlib.Path("/srv/classic")
CLASSIC_WORDS = (("-s", str(CLASSIC)), ("-s", "-p", str(CLASSIC)), ("-s", "-c", str(CLASSIC)),
                 ("-s", "-u", "nobody", str(CLASSIC)), ("-s", str(CLASSIC), "/srv/tftp"))


def classic_uploads(lane):
    """The file itself gets the new content: longer, shorter, none; as hpa did it."""
    for words in CLASSIC_WORDS:
        what = " ".join(words)
        classic(lane, CLASSIC)
        lane.serve(*words)
        inode = (CLASSIC / "made").stat().st_ino
        for body in (b"short", b"l" * 70000, b"", BLOCK * 3, BODY):
            answer = Write("made", Stored(CLASSIC / "made", mode=0o666, keep=True, body=body),
                           body=body).run(lane, what)
            check_equal(answer.record.get("in_place"), 1, f"{what}: in_place in the record")
            check_equal(answer.record["bytes"], len(body), f"{what}: bytes")
        info = (CLASSIC / "made").stat()
        check_equal((info.st_ino, info.st_uid), (inode, 0), f"{what}: inode and owner")
        check_equal((CLASSIC / "other").read_bytes(), b"made beforehand", f"{what}: the other file")
        check_equal(sorted(p.name for p in CLASSIC.iterdir()), ["made", "other"], f"{what}: names")
        refused = DENIED("cannot create a file there") if "-c" in words else MISSING()
        Write("new", refused, explain=True).run(lane, what, words)
        Write("made", Stored(CLASSIC / "made", keep=True)).run(lane, what, words)
    check_spool_is_empty()


def check_spool_is_empty():
    spools = list(pathlib.Path("/var/lib/tftpd").glob("spool*"))
    check(spools, "there is no spool")
    for spool in spools:
        check_equal(stat.S_IMODE(spool.stat().st_mode), 0o700, f"mode of {spool}")
        check_equal(list(spool.iterdir()), [], f"what is left in {spool}")


def classic_by_file(lane):
    """The same with a tftpd.conf, and one root of several."""
    classic(lane, CLASSIC)
    (CLASSIC / "closed").write_bytes(b"closed")
    for text in (f'root = "{CLASSIC}"\noverwrite = yes\n',
                 f'root = {{"/srv/tftp", "{CLASSIC}"}}\nupload-root = "{CLASSIC}"\noverwrite = yes\n'):
        config = serve_configured(lane, text)
        answer = Write("made", Stored(CLASSIC / "made", keep=True)).run(lane, "", config.words)
        check_equal(answer.record.get("in_place"), 1, "in_place in the record")
        Write("closed", DENIED("cannot write")).run(lane, "", config.words)
        Write("new", MISSING("no new one may be created")).run(lane, "", config.words)
    check_equal((CLASSIC / "closed").read_bytes(), b"closed", "a file that we may not write")


def classic_by_link(lane):
    """Through a link, and as text: it is the same file."""
    classic(lane, CLASSIC)
    (CLASSIC / "link").symlink_to("made")
    lane.serve("-s", str(CLASSIC))
    answer = Write("link", Stored(CLASSIC / "made", keep=True)).run(lane)
    check_equal(answer.record.get("in_place"), 1, "in_place in the record")
    check((CLASSIC / "link").is_symlink(), "the link was replaced by a file")
    (CLASSIC / "link").unlink()
    answer = ask(lane, tftp.WRITE, "made", mode="netascii", body=b"one\r\ntwo\r\0three\r\n")
    check_equal((answer.record["outcome"], (CLASSIC / "made").read_bytes()), ("complete", b"one\ntwo\rthree\n"),
                "netascii")


def classic_sticky(lane):
    """As /tmp is: files can be made there, but others' not renamed over."""
    classic(lane, CLASSIC)
    CLASSIC.chmod(0o1777)
    for words in (("-s", str(CLASSIC)), ("-s", "-c", str(CLASSIC))):
        lane.serve(*words)
        for body in (BODY, b"l" * 5000):
            Write("made", Stored(CLASSIC / "made", keep=True, body=body), body=body).run(lane, " ".join(words))
        check_equal(lane.hidden(CLASSIC), [], "hidden files")
    Write("new", Stored(CLASSIC / "new")).run(lane)


def classic_broken_uploads(lane):
    """However it ends, the old content stands there untouched, and stays readable."""
    classic(lane, CLASSIC)
    lane.serve("-s", "--max-upload", "100000", str(CLASSIC))
    for ending in ("aborted", "killed", "gone", "limited"):
        peer = lane.peer()
        peer.write("made")
        peer.expect(tftp.ACK, 0)
        for index in range(1, 50):
            peer.data(index, BLOCK)
            peer.expect(tftp.ACK, index)
        check_equal(lane.peer().get("made"), b"made beforehand", f"{ending}: a reader meanwhile")
        if ending == "aborted":
            peer.error(3, "no room")
        elif ending == "killed":
            os.kill(lane.log.wait_start(**of_peer(peer))["pid"], 9)
        elif ending == "gone":
            peer.close()
        else:
            for index in range(50, 200):
                peer.data(index, BLOCK)
                packet = peer.hear()
                if packet.op != tftp.ACK:
                    break
            check_equal((packet.op, packet.code), (tftp.ERROR, 3), "more than max-upload")
        outcome = lane.end_of(peer)["outcome"]
        check_equal(outcome, {"killed": "crashed", "gone": "vanished"}.get(ending, ending), "outcome")
        check_equal((CLASSIC / "made").read_bytes(), b"made beforehand", f"{ending}: the old content")
    check_spool_is_empty()


def classic_on_a_full_disk(lane):
    """The spool has room, the target's disk has not: the old content stays whole."""
    place = pathlib.Path("/srv/full")
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", place)
    classic(lane, place)
    (place / "filler").write_bytes(b"f" * (700 << 10))
    config = serve_configured(lane, f'root = "{place}"\noverwrite = yes\nmin-free = 0\n')
    peer = lane.peer()
    peer.write("made", blksize=16384)
    peer.expect(tftp.OACK)
    for index in range(1, 41):
        peer.data(index, b"x" * 16384)
        packet = peer.hear()
        if packet is None or packet.op != tftp.ACK:
            break
    else:
        peer.data(41, b"end")
        packet = peer.hear()
    check(packet is not None and (packet.op, packet.code) == (tftp.ERROR, 3), f"the answer: {packet}")
    check_equal(lane.end_of(peer)["outcome"], "limited", "outcome")
    check_equal((place / "made").read_bytes(), b"made beforehand", "the old content")
    Write("made", Stored(place / "made", keep=True)).run(lane, "", config.words)
    lane.stop_server()
    run("umount", place)


def classic_leaves_room(lane):
    """min-free is that of the disk where the classic file lies."""
    place = pathlib.Path("/srv/little")
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=8m,mode=755", "tmpfs", place)
    classic(lane, place)
    config = serve_configured(lane, f'root = "{place}"\noverwrite = yes\nmin-free = 5M\n')
    Write("made", LIMITED("5242880 stay so"), tsize=4 << 20).run(lane)
    peer = lane.peer()
    peer.write("made", blksize=32768)
    peer.expect(tftp.OACK)
    packet, index = send_until_refused(peer, most=(4 << 20) // 32768 + 1, block=b"x" * 32768)
    if packet is None:
        peer.data(index, b"end")
        packet = peer.hear()
    check(packet is not None and (packet.op, packet.code) == (tftp.ERROR, 3), f"the answer to 4 MB: {packet}")
    record = lane.end_of(peer)
    check_equal(record["outcome"], "limited", "outcome")
    check(config.place("min-free") in record["message"], f"message: {record['message']!r}")
    check_equal((place / "made").read_bytes(), b"made beforehand", "the old content")
    lane.stop_server()
    run("umount", place)


def classic_two_at_once(lane):
    """Whoever ends last: the content is that of one of the two, whole."""
    classic(lane, CLASSIC)
    lane.serve("-s", str(CLASSIC))
    size = 65464
    bodies = [lane.content(size * 120 + 100, seed=1), lane.content(size * 200 + 7, seed=2)]
    for _ in range(3):
        peers = [lane.peer(), lane.peer()]
        for peer, body in zip(peers, bodies):
            peer.write("made", blksize=size)
            peer.expect(tftp.OACK)
            for index in range(1, len(body) // size + 1):
                peer.data(index, body[(index - 1) * size:index * size])
                peer.expect(tftp.ACK, index)
        for peer, body in zip(peers, bodies):
            peer.data(len(body) // size + 1, body[len(body) // size * size:])
        answers = [peer.hear() for peer in peers]
        for peer, answer in zip(peers, answers):
            check(answer is not None and (answer.op == tftp.ACK or answer.code == 6),
                  f"the last answer: {answer}")
            lane.end_of(peer)
        check((CLASSIC / "made").read_bytes() in bodies, "the content of two uploads is mixed")


def begin_upload(lane, name):
    """All but the last block."""
    peer = lane.peer()
    peer.write(name)
    peer.expect(tftp.ACK, 0)
    for index in (1, 2):
        peer.data(index, BLOCK)
        peer.expect(tftp.ACK, index)
    return peer


def put_in_place(path, content, mode):
    """As an administrator does it: a new file, renamed."""
    fresh = path.with_name("fresh")
    fresh.write_bytes(content)
    fresh.chmod(mode)
    fresh.rename(path)


def classic_target_is_gone(lane):
    """The file that got the content is not the one of that name any more: that is no
    success, and nobody is told so."""
    classic(lane, CLASSIC)
    lane.serve("-s", str(CLASSIC))
    path = CLASSIC / "made"
    for what, change, content in (("replaced", lambda: put_in_place(path, b"of root", 0o666), b"of root"),
                                  ("removed", path.unlink, None)):
        peer = begin_upload(lane, "made")
        change()
        peer.data(3, b"end")
        peer.expect(tftp.ERROR, 0)
        record = lane.end_of(peer)
        check_equal((record["outcome"], record["message"]),
                    ("failed", "the file was removed or replaced while the upload ran"), f"{what}: the end")
        check_equal(path.read_bytes() if path.exists() else None, content, f"{what}: what stands there")
    check_spool_is_empty()
    classic(lane, CLASSIC)
    Write("made", Stored(path, keep=True)).run(lane)


def target_is_closed(lane):
    """Closed while the upload runs, or replaced by one that is: it is not overwritten."""
    folder = lane.root / "writable"
    folder.mkdir()
    folder.chmod(0o777)
    path = folder / "file"
    serve_configured(lane, "create = yes\noverwrite = yes\n")
    for what, change, content in (
            ("closed", lambda: path.chmod(0o400), b"old"),
            ("replaced by root's", lambda: put_in_place(path, b"of root", 0o600), b"of root")):
        put_in_place(path, b"old", 0o666)
        peer = begin_upload(lane, "writable/file")
        change()
        inode = path.stat().st_ino
        peer.data(3, b"end")
        peer.expect(tftp.ERROR, 2)
        record = lane.end_of(peer)
        check_equal((record["outcome"], record["error_code"]), ("denied", 2), f"{what}: the end")
        check("cannot write" in record["message"], f"{what}: message {record['message']!r}")
        check_equal((path.stat().st_ino, path.read_bytes()), (inode, content), f"{what}: what stands there")
        until(lambda: not lane.hidden(folder), 2 * lane.slowness, f"{what}: the hidden file is gone")
        # what may be written by then is replaced, whoever put it there
        put_in_place(path, b"another", 0o666)
        Write("writable/file", Stored(path)).run(lane, what)


def classic_explained_afresh(lane):
    """--explain comes before the first start, on a host where nothing was made yet."""
    path = CLASSIC / "made"
    for text in (None, f'root = "{CLASSIC}"\noverwrite = yes\n'):
        lane.stop_server()
        classic(lane, CLASSIC)
        shutil.rmtree(STATE, ignore_errors=True)
        words = ("-s", str(CLASSIC)) if text is None else Configuration(lane, text).words
        told = explain(lane, words, "127.0.0.1", tftp.WRITE, "made")
        check_equal(path.read_bytes(), b"made beforehand", "what --explain has left alone")
        lane.serve(*words)
        answer, wanted = ask(lane, tftp.WRITE, "made"), Stored(path, keep=True)
        wanted.check(answer, words[0])
        wanted.check_explained(told, answer, words[0])


# Room.

def hold(lane, source="127.0.0.1"):
    """A read that goes on as long as we want."""
    peer = lane.peer(source=source)
    peer.read("held")
    peer.expect(tftp.DATA, 1)
    peer.ack(1)
    peer.expect(tftp.DATA, 2)
    return peer


def let_go(lane, *peers):
    for peer in peers:
        peer.error(0, "enough")
        lane.end_of(peer)


def requested(lane, name, source="127.0.0.1"):
    peer = lane.peer(source=source)
    peer.read(name)
    return peer


def busy(lane, peer, message, seconds=2.0):
    packet = peer.expect(tftp.ERROR, 0, seconds * lane.slowness)
    check_equal(packet.text, "Server busy", "text of the ERROR")
    record = lane.end_of(peer)
    check_equal((record["outcome"], record["error_code"], record["error_by"]), ("limited", 0, "server"),
                "the end record")
    check(message in record["message"], f"message {record['message']!r} does not say {message!r}")


def served(lane, peer, seconds):
    packet = first_packet(peer, seconds)
    check(packet is not None and packet.op == tftp.DATA, f"after {seconds:.2f} s: {packet}")
    check_equal(peer.get_rest(), b"waited for", "content")
    lane.end_of(peer)


def full(lane):
    """A request waits for a second: then there is room, or it is told so."""
    lane.file("held", lane.content(5000))
    lane.file("wanted", b"waited for")
    config = serve_configured(lane, "max-transfers = 2\n")
    held = [hold(lane), hold(lane, "127.0.0.2")]
    begin = time.monotonic()
    waiting = [requested(lane, "wanted", f"127.0.0.{number}") for number in range(3, 8)]
    for peer in waiting:
        # A client repeats itself; that is one request all the same.
        peer.send_to_service(tftp.request_bytes(tftp.RRQ, "wanted"))
    for peer in waiting:
        busy(lane, peer, "no room for another transfer")
    took = time.monotonic() - begin
    check(0.95 <= took <= 1.3 * lane.slowness, f"it was said after {took:.2f} s")
    message = lane.ends.of(waiting[0])[0]["message"]
    check(config.place("max-transfers") in message, f"message {message!r} names no place")
    first, second = requested(lane, "wanted", "127.0.0.8"), requested(lane, "wanted", "127.0.0.9")
    first.expect_silence(0.3)
    let_go(lane, held[0])
    served(lane, first, 0.4 * lane.slowness)
    served(lane, second, 0.4 * lane.slowness)
    let_go(lane, held[1])


def full_in_order(lane):
    """Who waits longer is served first."""
    lane.file("held", lane.content(5000))
    serve_configured(lane, "max-transfers = 1\n")
    holder, order = hold(lane), []
    waiting = []
    for number in range(2, 7):
        waiting.append(requested(lane, "held", f"127.0.0.{number}"))
        time.sleep(0.01)
    for peer in waiting:
        let_go(lane, holder)
        packet = first_packet(peer, 0.4 * lane.slowness)
        check(packet is not None and packet.op == tftp.DATA, f"client {peer.address}: {packet}")
        peer.expect(tftp.DATA, 1)
        peer.ack(1)
        peer.expect(tftp.DATA, 2)
        holder = peer
        order.append(peer.address)
    let_go(lane, holder)
    check_equal(len(order), 5, "clients served")


def full_for_one(lane):
    """max-transfers-per-client: that client waits, nobody else does."""
    lane.file("held", lane.content(5000))
    lane.file("wanted", b"waited for")
    config = serve_configured(lane, "max-transfers-per-client = 2\n", address="::")
    held = [hold(lane, "127.0.0.1"), hold(lane, "127.0.0.1")]
    waiting = [requested(lane, "wanted"), requested(lane, "wanted")]
    for number in range(2, 12):
        begin = time.monotonic()
        served(lane, requested(lane, "wanted", f"127.0.0.{number}"), 0.3 * lane.slowness)
        check(time.monotonic() - begin < 0.3 * lane.slowness, f"client {number} was held up")
    let_go(lane, held[0])
    served(lane, waiting[0], 0.3 * lane.slowness)
    served(lane, waiting[1], 0.3 * lane.slowness)
    held[0] = hold(lane)
    peer = requested(lane, "wanted")
    busy(lane, peer, "this client has 2 transfers already, which is max-transfers-per-client "
         f"({config.place('max-transfers-per-client')})")
    let_go(lane, *held)


def room_by_silence(lane):
    """Full, the oldest that never answered in 2 s makes room; not full, nobody has to."""
    lane.file("held", lane.content(5000))
    lane.file("wanted", b"waited for")
    serve_configured(lane, "max-transfers = 3\nmax-transfers-per-client = 1\n")
    silent = requested(lane, "held", "127.0.0.2")
    silent.expect(tftp.DATA, 1)
    holder = hold(lane, "127.0.0.3")
    time.sleep(2.1)
    # That client waits for its own transfer, and there is room for others.
    own = requested(lane, "wanted", "127.0.0.3")
    served(lane, requested(lane, "wanted", "127.0.0.4"), 0.3 * lane.slowness)
    busy(lane, own, "this client has 1 transfers already")
    check(not lane.ends.of(silent), f"it made room where there was some: {lane.ends.of(silent)}")
    third = hold(lane, "127.0.0.5")
    served(lane, requested(lane, "wanted", "127.0.0.6"), 0.6 * lane.slowness)
    record = lane.end_of(silent)
    check_equal((record["outcome"], record["message"]), ("noanswer", "silent, and gave its place to others"),
                "the end of the silent one")
    let_go(lane, holder, third)


def room_despite_one_that_hangs(lane):
    """It was told to make room and does not: the next one is told."""
    lane.file("held", lane.content(5000))
    lane.file("wanted", b"waited for")
    serve_configured(lane, "max-transfers = 3\n")
    silent = [requested(lane, "held", f"127.0.0.{number}") for number in (2, 3, 4)]
    pids = [lane.log.wait_start(**of_peer(peer))["pid"] for peer in silent]
    for peer in silent:
        peer.expect(tftp.DATA, 1)
    os.kill(pids[0], signal.SIGSTOP)

    def is_served():
        peer = lane.peer(source="127.0.0.9")
        peer.read("wanted", ends=1)
        packet = first_packet(peer, 2.0 * lane.slowness)
        if packet is None or packet.op != tftp.DATA:
            return False
        check_equal(peer.get_rest(), b"waited for", "content")
        return True

    try:
        # alone they would give up after 5 s
        until(is_served, 4 * lane.slowness, "room although one hangs")
        check(not lane.ends.of(silent[0]), "the one that hangs has ended")
    finally:
        kill(pids[0], signal.SIGCONT)
    for peer in silent[:2]:
        check_equal(lane.end_of(peer)["outcome"], "noanswer", "the end of a silent one")
    silent[2].error(0)
    lane.end_of(silent[2])


# Broadcasts.

def broadcasts(lane):
    """broadcast = yes: answered from an address of ours; no: not at all."""
    neighbour = Neighbour(lane)
    lane.file("wanted", b"waited for")
    try:
        for text in ("broadcast = yes\n", "broadcast = no\n"):
            serve_configured(lane, text)
            for target in ("10.77.0.255", "255.255.255.255"):
                ask_everybody(lane, neighbour, target, text.startswith("broadcast = yes"))
            peer = neighbour.visit(lambda: lane.peer(("10.77.0.1", PORT), source="10.77.0.10"))
            check_equal(peer.get("wanted"), b"waited for", "asked alone")
            lane.end_of(peer)
    finally:
        lane.stop_server()
        neighbour.leave()


def ask_everybody(lane, neighbour, target, is_answered):
    def make_peer():
        peer = lane.peer((target, PORT), source="10.77.0.10")
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"v1\0")
        return peer

    peer = neighbour.visit(make_peer)
    peer.read("wanted", ends=int(is_answered))
    packet = first_packet(peer, 1.0 * lane.slowness if is_answered else 0.25)
    if not is_answered:
        check(packet is None, f"to {target}: {packet}")
        return
    check(packet is not None, f"to {target}: no answer")
    check(packet.source[0] in ("10.77.0.1", "10.77.0.2"), f"to {target}: {packet}")
    check_equal(peer.get_rest(), b"waited for", f"content after asking {target}")
    check_equal(lane.end_of(peer)["outcome"], "complete", "outcome")


# Names that rules refuse.

def lists_of_names(lane):
    """Whatever spelling leads to the file: the list is about the file's name."""
    furnish(lane)
    lane.file("secret/deep/file", b"s")
    lane.file("a.key", b"k")
    lane.file("A.CFG", b"cfg")
    lane.file("no-dot", b"no dot")
    config = serve_configured(
        lane, 'deny-files = {"*.key", "secret/*", "SEP*.xml"}\ncreate = yes\noverwrite = yes\n'
        'client "127.0.0.2" { case = fold }\n'
        'client "127.0.0.3" { case = lower }\n'
        'client "127.0.0.4" { deny-files = {} allow-extensions = {cfg} case = fold }\n'
        'client "127.0.0.5" { map-rules = {"r ^ok$ a.key"} }\n'
        'client "127.0.0.6" { deny-files = {} allow-extensions = {cfg, ""} }\n')
    for name in ("a.key", "/a.key", "//a.key", "\\a.key", "./a.key", "/tftpboot/a.key", "sub/a.key",
                 "secret/deep/file", "secret//deep\\file", "/tftpboot/secret/x", "SEP001122.xml"):
        for case in (Read, Write):
            case(name, DENIED("deny-files has")).run(lane, "", config.words)
    for source, name in (("127.0.0.2", "A.KEY"), ("127.0.0.2", "SECRET/DEEP/FILE"), ("127.0.0.2", "sep1.XML"),
                         ("127.0.0.3", "A.KEY"), ("127.0.0.3", "SeCrEt/x"), ("127.0.0.5", "ok")):
        Read(name, DENIED("deny-files has"), source=source).run(lane, "", config.words)
    for source, name in (("127.0.0.4", "a.key"), ("127.0.0.4", "plain"), ("127.0.0.6", "a.key"),
                         ("127.0.0.4", "new.txt"), ("127.0.0.4", "secret/deep/file")):
        for case in (Read, Write):
            case(name, DENIED("allow-extensions has not"), source=source).run(lane, "", config.words)
    Read("a.cfg", Served("cfg", path="/A.CFG"), source="127.0.0.4").run(lane, "", config.words)
    Read("no-dot", Served("no dot"), source="127.0.0.6").run(lane, "", config.words)


def names_by_links(lane):
    """A link that serves the prefix leads round no rule."""
    place = pathlib.Path("/srv/linked")
    (place / "private").mkdir(parents=True)
    (place / "private").chmod(0o777)
    (place / "private/x").write_bytes(SECRET)
    (place / "private/x").chmod(0o666)
    (place / "open").write_bytes(b"open")
    (place / "tftpboot").symlink_to(".")
    config = serve_configured(lane, f'root = "{place}"\ndeny-files = {{"private/*"}}\ncreate = yes\n'
                                    "overwrite = yes\n")
    before = snapshot(place)
    for name in ("private/x", "/tftpboot/private/x", "tftpboot/private/x", "\\tftpboot\\private\\x",
                 "/tftpboot/./private//x", "/tftpboot/private/new"):
        for case in (Read, Write):
            case(name, DENIED("deny-files has")).run(lane, "", config.words)
    check_unchanged(before, place)
    Read("/tftpboot/open", Served("open")).run(lane, "", config.words)


TESTS = (
    ("as shipped, nothing can be uploaded, overwritten or read elsewhere", defaults, True),
    ("in hpa's form only open files can be overwritten", defaults_of_hpa, True),
    ("FIFO, socket, device and directory are refused for reads and uploads", special_files, True),
    ("links are followed inside, or not at all", links, True),
    ("what the kernel refuses is denied, and the log says what was in the way", permissions, True),
    ("an existing file is ERROR 6 and stays", existing_files, True),
    ("max-upload: by tsize, and while writing", too_large, True),
    ("min-free: by tsize, and while writing", room_left, True),
    ("min-free: 60 small uploads at once leave it, too", room_left_by_many, True),
    ("max-read", largest_read, True),
    ("upload-names = unique never replaces", unique_names, True),
    ("130 uploads of one name within a second are 130 files", unique_names_of_many, True),
    ("upload-root takes all uploads", upload_root, True),
    ("umask, and the modes of replaced files", modes_of_uploads, True),
    ("hpa's classic set-up: a 666 file in root's directory takes uploads", classic_uploads, True),
    ("the classic set-up by tftpd.conf", classic_by_file, True),
    ("the classic file by a link, and in netascii", classic_by_link, True),
    ("in a sticky directory others' open files take uploads, too", classic_sticky, True),
    ("a broken upload leaves the classic file as it was", classic_broken_uploads, True),
    ("no room where the classic file lies: it stays as it was", classic_on_a_full_disk, True),
    ("min-free counts where the classic file lies", classic_leaves_room, True),
    ("two uploads to a classic file at once do not mix", classic_two_at_once, False),
    ("a classic file that is gone or another by now is no success", classic_target_is_gone, True),
    ("a file that is closed during an upload is not overwritten", target_is_closed, True),
    ("--explain before the first start says of a classic file what comes", classic_explained_afresh, True),
    ("full, a request waits a second for room", full, True),
    ("full, who waits longer is served first", full_in_order, True),
    ("a client at its own limit holds up nobody else", full_for_one, True),
    ("silent transfers make room where there is none", room_by_silence, False),
    ("one that hangs does not keep others from making room", room_despite_one_that_hangs, False),
    ("broadcast", broadcasts, True),
    ("deny-files and allow-extensions, however a name is spelled", lists_of_names, True),
    ("deny-files, where a link serves the prefix", names_by_links, True),
)
