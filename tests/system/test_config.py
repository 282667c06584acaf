"""What each key of tftpd.conf does to a client that asks: good configurations and
their effect on the wire, in the log, and in what --explain says of it.

The keys of clients are tried twice: as sections of one big file, each client with an
address of its own, and each at the top of a file of its own.
"""

import functools
import os
import pathlib
import re
import stat
import subprocess
import time

import tftp
from asking import (BODY, Configuration, Ignored, Read, Refused, Served, Stored, Write,
                    serve_configured)
from harness import PORT, ROOT, Log, check, check_equal, run, status_of, until

BIG = bytes(range(256)) * 12          # 3072 bytes
SECOND = pathlib.Path("/srv/second")
UPLOADS = pathlib.Path("/srv/up")

READ_OFF = "reads are off"
UPLOADS_OFF = "uploads are off: neither create nor overwrite is allowed"
DENIED = functools.partial(Refused, 2, "denied")
MISSING = functools.partial(Refused, 1, "notfound")
LIMITED = functools.partial(Refused, 3, "limited")
EXISTS = functools.partial(Refused, 6, "denied", "the file exists and may not be overwritten")


def furnish(lane):
    """The directories of all these tests."""
    for place in (SECOND, UPLOADS):
        place.mkdir(exist_ok=True)
        os.chown(place, lane.uid, lane.gid)
    for place, text in ((lane.root, "first"), (SECOND, "second"), (UPLOADS, "uploads")):
        (place / "f").write_text(text)
        (place / f"only-{text}").write_text(text)
    lane.file("big", BIG)
    lane.file("private", b"private", mode=0o640)
    os.chown(lane.root / "private", lane.uid, lane.gid)
    lane.file("Boot/BCD", b"bcd")
    lane.file("sub/inner", b"inner")
    lane.file("sub/a.cfg", b"cfg")
    lane.file("a.cfg", b"cfg")
    lane.file("a.tar.gz", b"archive")
    lane.file("a.key", b"key")
    (SECOND / "127.0.9.9").mkdir(exist_ok=True)
    (SECOND / "127.0.9.9/f").write_text("own")
    for link, target in (("link", "f"), ("link-sub", "sub"), ("../to-second", "second")):
        if not (lane.root / link).is_symlink():
            (lane.root / link).symlink_to(target)
    old = lane.file("old", b"old", mode=0o644)
    os.chown(old, lane.uid, lane.gid)
    (lane.root / "Boot").chmod(0o777)
    (lane.scratch / "beside.rules").write_text("r ^beside$ f\n")


# What a value does; each row is also the text of a client section.

def oack(**granted):
    return Served(BIG, **granted)


CLIENT_ROWS = (
    # names
    ("root: one directory", 'root = {"/srv/second"}',
     [Read("f", Served("second")), Read("only-first", MISSING("no such file"))]),
    ("root: a search path", 'root = {"/srv/second", "/srv/tftp"}',
     [Read("f", Served("second", path="/f")), Read("only-first", Served("first")),
      Read("nowhere", MISSING("no such file"))]),
    ("root: without quotes, with a slash at the end", "root = {/srv/second/}",
     [Read("f", Served("second"))]),
    ("root: a link to a directory", 'root = "/srv/to-second"', [Read("f", Served("second"))]),
    ("root: the first one takes uploads", 'root = {"/srv/up", "/srv/tftp"}\ncreate = yes',
     [Write("new", Stored(UPLOADS / "new"))]),
    ("upload-root", 'upload-root = "/srv/up"\ncreate = yes',
     [Write("new", Stored(UPLOADS / "new")), Read("f", Served("first")),
      Read("only-uploads", MISSING("no such file"))]),
    ('upload-root: "" is the first root', 'upload-root = ""\ncreate = yes',
     [Write("new", Stored(ROOT / "new"))]),
    ("strip-prefix: shipped", "read = yes",
     [Read("/tftpboot/f", Served("first", path="/f")), Read("tftpboot/sub/inner", Served("inner")),
      Read("/tftpbootX/f", MISSING()), Read("/tftp/f", MISSING())]),
    ("strip-prefix: none", "strip-prefix = {}", [Read("/tftpboot/f", MISSING())]),
    ("strip-prefix: of two components, and a second one", 'strip-prefix = {"/a/b", "c"}',
     [Read("/a/b/f", Served("first")), Read("c/f", Served("first")), Read("/a/f", MISSING()),
      Read("/tftpboot/f", MISSING()), Read("/c/a/b/f", MISSING())]),
    ("strip-prefix: uploads, too", "create = yes",
     [Write("/tftpboot/new", Stored(ROOT / "new"))]),
    ("case = exact", "case = exact", [Read("boot/bcd", MISSING()), Read("Boot/BCD", Served("bcd"))]),
    ("case = fold", "case = fold",
     [Read("boot/bcd", Served("bcd", path="/Boot/BCD")), Read("BOOT\\BCD", Served("bcd")),
      Read("F", Served("first", path="/f"))]),
    ("case = lower", "case = lower",
     [Read("SUB/INNER", Served("inner", path="/sub/inner")), Read("Boot/BCD", MISSING())]),
    ("case: also words in capitals", "case = Fold", [Read("boot/BCD", Served("bcd"))]),
    ("symlinks = inside", "symlinks = inside",
     [Read("link", Served("first")), Read("link-sub/inner", Served("inner"))]),
    ("symlinks = none", "symlinks = none",
     [Read("link", DENIED("symbolic link")), Read("link-sub/inner", DENIED("symbolic link")),
      Read("f", Served("first"))]),
    ("client-dir = none", "client-dir = none\nroot = {/srv/second}",
     [Read("f", Served("second"), source="127.0.9.9")]),
    ("upload-names = unique, which needs create", "upload-names = unique\ncreate = no",
     [Write("new", DENIED(UPLOADS_OFF))]),
    ("upload-names = as-is", "upload-names = as-is\ncreate = yes", [Write("new", Stored(ROOT / "new"))]),
    ("map-rules", "map-rules = {'r ^x$ f', 'a ^no not\\ today'}",
     [Read("x", Served("first", path="/f")), Read("no", DENIED("a map rule refuses it", text="not today")),
      Read("f", Served("first"))]),
    ("map-rules: none", "map-rules = {}", [Read("f", Served("first"))]),
    ("map-file: beside the configuration", 'map-file = "beside.rules"', [Read("beside", Served("first"))]),
    ('map-file: "" is none', 'map-file = ""', [Read("beside", MISSING())]),
    # access
    ("read = no", "read = no", [Read("f", DENIED(READ_OFF)), Read("nowhere", DENIED(READ_OFF))]),
    ("read = off", "read = off", [Read("f", DENIED(READ_OFF))]),
    ("read = FALSE", "read = FALSE", [Read("f", DENIED(READ_OFF))]),
    ("read = on", "read = on", [Read("f", Served("first"))]),
    ("read = true", 'read = "true"', [Read("f", Served("first"))]),
    ("uploads: none", "create = no\noverwrite = no",
     [Write("new", DENIED(UPLOADS_OFF)), Write("old", DENIED(UPLOADS_OFF))]),
    ("create", "create = yes", [Write("new", Stored(ROOT / "new", mode=0o644)), Write("old", EXISTS())]),
    ("overwrite", "overwrite = yes",
     [Write("old", Stored(ROOT / "old", keep=True)),
      Write("new", MISSING("no such file, and no new one may be created"))]),
    ("create and overwrite", "create = yes\noverwrite = yes",
     [Write("old", Stored(ROOT / "old", keep=True)), Write("new", Stored(ROOT / "new"))]),
    ("reads off, uploads on", "read = no\ncreate = yes",
     [Read("f", DENIED(READ_OFF)), Write("new", Stored(ROOT / "new"))]),
    ("require-world-readable = yes", "require-world-readable = yes",
     [Read("private", DENIED("mode 0640 is not world-readable"))]),
    ("require-world-readable = no", "require-world-readable = no", [Read("private", Served("private"))]),
    ("allow-extensions", 'allow-extensions = {"cfg", ".tar.gz"}',
     [Read("a.cfg", Served("cfg")), Read("sub/a.cfg", Served("cfg")), Read("a.tar.gz", Served("archive")),
      Read("a.key", DENIED('allow-extensions has not that of "a.key"')), Read("f", DENIED("allow-extensions")),
      Read("missing.key", DENIED("allow-extensions")), Read("missing.CFG", MISSING())]),
    ("allow-extensions: none", 'allow-extensions = {""}',
     [Read("f", Served("first")), Read("a.cfg", DENIED("allow-extensions"))]),
    ("deny-files", 'deny-files = {"*.key", "sub/*"}',
     [Read("a.key", DENIED('deny-files has "*.key"')), Read("sub/inner", DENIED('deny-files has "sub/*"')),
      Read("A.KEY", MISSING()), Read("f", Served("first"))]),
    ("deny-files: what a strip-prefix leaves", 'deny-files = {"sub/*"}',
     [Read("/tftpboot/sub/inner", DENIED("deny-files"))]),
    ("deny-files: what a link leads to is another name", 'deny-files = {"f"}',
     [Read("f", DENIED("deny-files")), Read("link", Served("first"))]),
    ("deny-files: uploads", 'deny-files = {"*.key"}\ncreate = yes',
     [Write("b.key", DENIED('deny-files has "*.key"')), Write("b.cfg", Stored(ROOT / "b.cfg"))]),
    ("max-read: bytes", "max-read = 3072", [Read("big", Served(BIG))]),
    ("max-read: one too few", "max-read = 3071",
     [Read("big", LIMITED("3072 bytes are more than max-read allows (3071)")), Read("f", Served("first"))]),
    ("max-read: K", "max-read = 2k", [Read("big", LIMITED("(2048)"))]),
    ("max-read: KiB", "max-read = 3KiB", [Read("big", Served(BIG))]),
    ("max-read: no limit", "max-read = 0", [Read("big", Served(BIG))]),
    ("max-upload: 0", "max-upload = 0\ncreate = yes",
     [Write("new", DENIED("uploads are off: max-upload is 0"))]),
    ("max-upload: said beforehand", "max-upload = 1K\ncreate = yes",
     [Write("new", LIMITED("1025 bytes are more than max-upload allows (1024)"), tsize=1025),
      Write("new", Stored(ROOT / "new", tsize="1024"), tsize=1024)]),
    ("max-upload: G", "max-upload = 2G\ncreate = yes", [Write("new", Stored(ROOT / "new"))]),
    ("min-free: more than there is", "min-free = 2T\ncreate = yes", [Write("new", LIMITED("stay so"))]),
    ("min-free: 0", "min-free = 0\ncreate = yes", [Write("new", Stored(ROOT / "new"))]),
    ("min-free: M", "min-free = 1M\ncreate = yes", [Write("new", Stored(ROOT / "new"))]),
    ("umask: octal", "umask = 027\ncreate = yes", [Write("new", Stored(ROOT / "new", mode=0o640))]),
    ("umask: in quotes", 'umask = "077"\ncreate = yes', [Write("new", Stored(ROOT / "new", mode=0o600))]),
    ("umask: none", "umask = 0\ncreate = yes", [Write("new", Stored(ROOT / "new", mode=0o666))]),
    # transfers
    ("max-blksize: a number", "max-blksize = 1200",
     [Read("big", oack(blksize="1200"), blksize=1468), Read("big", oack(blksize="600"), blksize=600),
      Read("big", Served(BIG))]),
    ("max-blksize: auto", "max-blksize = auto", [Read("big", oack(blksize="65464"), blksize=65464)]),
    ("max-blksize: mtu", "max-blksize = mtu", [Read("big", oack(blksize="65464"), blksize=65464)]),
    ("max-blksize: mtu less something", "max-blksize = mtu-1000",
     [Read("big", oack(blksize="64464"), blksize=65464)]),
    ("max-blksize: for uploads", "max-blksize = 1024\ncreate = yes",
     [Write("new", Stored(ROOT / "new", blksize="1024"), blksize=4096)]),
    ("max-windowsize: shipped", "read = yes", [Read("big", oack(windowsize="64"), windowsize=100)]),
    ("max-windowsize: a number", "max-windowsize = 4", [Read("big", oack(windowsize="4"), windowsize=100),
     Read("big", oack(windowsize="3"), windowsize=3)]),
    ("max-windowsize: for uploads", "max-windowsize = 2\ncreate = yes",
     [Write("new", Stored(ROOT / "new", windowsize="2", body=BIG), body=BIG, windowsize=8)]),
    ("max-windowsize: none", "max-windowsize = 1", [Read("big", oack(windowsize="1"), windowsize=8)]),
    ("refuse-options: one", "refuse-options = {blksize}",
     [Read("big", Served(BIG), blksize=1024), Read("big", oack(tsize="3072"), blksize=1024, tsize=0)]),
    ("refuse-options: several", 'refuse-options = {"windowsize", "tsize"}',
     [Read("big", oack(blksize="512"), blksize=512, windowsize=4, tsize=0)]),
    ("refuse-options: all", "refuse-options = {all}",
     [Read("big", Served(BIG), blksize=1024, windowsize=4, tsize=0, timeout=3)]),
    ("refuse-options: none", "refuse-options = {}",
     [Read("big", oack(blksize="1024", timeout="3"), blksize=1024, timeout=3)]),
    ("adaptive = no", "adaptive = no", [Read("big", oack(blksize="1024"), blksize=1024)]),
    # how things are written
    ("a comment behind a value", "max-blksize = 900   # nine hundred",
     [Read("big", oack(blksize="900"), blksize=1468)]),
    ("comments of all kinds", "# one\n// two\n/* three\n   lines */ max-blksize = 901",
     [Read("big", oack(blksize="901"), blksize=1468)]),
    ("several keys in a line", "max-blksize = 902 max-windowsize = 2",
     [Read("big", oack(blksize="902", windowsize="2"), blksize=1468, windowsize=9)]),
)


def check_row(lane, config, row, source=None):
    what, text, cases = row
    for case in cases:
        answer = case.from_source(source).run(lane, what, config.words)
        if isinstance(case.wanted, Refused):
            check_place(config, text, answer.record["message"], what)


def check_place(config, text, message, what):
    """A refusal names the place of the key that decided: it is a line of the row."""
    found = re.search(rf"\({re.escape(str(config.path))}:(\d+)\)$", message)
    if found is not None:
        line = config.path.read_text().splitlines()[int(found.group(1)) - 1]
        check(line in text.splitlines(), f"{what}: {message!r} names the line {line!r}")


def as_sections(lane):
    """All of them at once: each client gets what its section says, and nothing else."""
    furnish(lane)
    sources = [f"127.1.0.{number}" for number in range(1, len(CLIENT_ROWS) + 1)]
    text = "".join(f'client "{source}" {{\n{row[1]}\n}}\n' for source, row in zip(sources, CLIENT_ROWS))
    text += 'client "127.0.9.9" { root = {/srv/second} }\n'
    config = serve_configured(lane, text)
    for source, row in zip(sources, CLIENT_ROWS):
        check_row(lane, config, row, source)


def at_the_top(part, lane):
    """Each alone, for all clients.  (Two tests share the rows: each may take its time.)"""
    furnish(lane)
    for row in CLIENT_ROWS[part::2]:
        check_row(lane, serve_configured(lane, row[1] + "\n"), row)


# Which section a client gets.

PREFIXES = """
max-blksize = 1000
client "127.2.0.0/16" { max-blksize = 1016 }
client "127.2.3.0/24,127.2.4.0/24" { max-blksize = 1024 }
client "127.2.3.7" { max-windowsize = 2 }
client "::ffff:127.3.0.0/112" { max-blksize = 1112 }
client "::/0" { max-blksize = 1300 }
client "2001:db8:7::/48" { max-blksize = 1348 }
client "2001:db8:7::7/128" { max-blksize = 1328 }
"""


def longest_prefix(lane):
    """What it leaves out is as outside of all sections, not as in a shorter one; IPv6
    networks are none of IPv4's, and the mapped form is IPv4."""
    furnish(lane)
    for address in ("2001:db8:7::7/128", "2001:db8:7::8/128", "2001:db8:8::1/128"):
        run(lane.ip(), "addr", "add", address, "dev", "lo")
    for family in ("0.0.0.0", "::"):
        config = serve_configured(lane, PREFIXES, address=family)
        for source, blksize, window in (
                ("127.0.0.1", 1000, 64), ("127.2.0.1", 1016, 64), ("127.2.255.255", 1016, 64),
                ("127.2.3.1", 1024, 64), ("127.2.4.255", 1024, 64), ("127.2.5.1", 1016, 64),
                ("127.2.3.7", 1000, 2), ("127.3.0.9", 1112, 64), ("127.4.0.1", 1000, 64),
                *((("::1", 1300, 64), ("2001:db8:7::7", 1328, 64), ("2001:db8:7::8", 1348, 64),
                   ("2001:db8:8::1", 1300, 64)) if family == "::" else ())):
            Read("big", oack(blksize=str(blksize), windowsize=str(window)), source=source,
                 blksize=1468, windowsize=99).run(lane, f"listening on {family}", config.words)


CLIENTS = """
allow-clients = {"127.5.0.0/16", "127.6.6.6", "2001:db8:5::/48"}
deny-clients = {"127.5.5.0/24", "127.6.6.6/32", "127.5.5.128/25"}
"""


def allowed_clients(lane):
    """The longest prefix of the two lists decides; equal ones deny."""
    furnish(lane)
    for address in ("2001:db8:5::1/128", "2001:db8:6::1/128"):
        run(lane.ip(), "addr", "add", address, "dev", "lo")
    config = serve_configured(lane, CLIENTS, address="::")
    denied = f"this client may not ask ({config.place('deny-clients')})"
    not_allowed = f"this client may not ask ({config.place('allow-clients')})"
    for source, sentence in (("127.5.0.1", None), ("127.5.5.1", denied), ("127.5.6.1", None),
                             ("127.6.6.6", denied), ("127.6.6.5", not_allowed), ("127.0.0.1", not_allowed),
                             ("127.5.5.200", denied), ("2001:db8:5::1", None),
                             ("2001:db8:6::1", not_allowed), ("::1", not_allowed)):
        wanted = Served("first") if sentence is None else DENIED(sentence)
        Read("f", wanted, source=source).run(lane, "", config.words)
        if sentence is not None:
            Read("nowhere", wanted, source=source).run(lane, "", config.words)
            Write("f", wanted, source=source).run(lane, "", config.words)
    config = serve_configured(lane, 'allow-clients = {"127.5.0.0/16"}\n'
                                    'deny-clients = {"127.5.5.0/24"}\n'
                                    'allow-clients += {"127.5.5.5"}\n')
    for source, wanted in (("127.5.5.5", Served("first")), ("127.5.5.6", DENIED("this client may not ask")),
                           ("127.5.1.1", Served("first"))):
        Read("f", wanted, source=source).run(lane, "+=", config.words)


# Files.

def includes(lane):
    """As if the text stood there: relative to the file that names it, and nested."""
    furnish(lane)
    folder = lane.scratch / "conf.d"
    folder.mkdir()
    for name, text in (("conf.d/one.conf", 'include("two.conf")\nclient "127.0.0.2" { max-blksize = 802 }\n'),
                       ("conf.d/two.conf", "max-windowsize = 3\nread = no\n"),
                       ("three.conf", "max-blksize = 803\n")):
        Configuration(lane, text, name)
    config = serve_configured(lane, 'include("conf.d/one.conf")\n'
                              f'include("{lane.scratch}/three.conf")\n'
                              'client "127.0.0.3" { include("three.conf") read = yes }\n'
                              'client "127.0.0.4" { read = yes }\n')
    where = f"reads are off ({lane.scratch}/conf.d/two.conf:2)"
    for source, wanted in (("127.0.0.2", DENIED(where)), ("127.0.0.1", DENIED(where))):
        Read("big", wanted, source=source).run(lane, "", config.words)
    for source, blksize in (("127.0.0.3", 803), ("127.0.0.4", 803)):
        Read("big", oack(blksize=str(blksize), windowsize="3"), source=source, blksize=1468,
             windowsize=9).run(lane)


def default_file(lane):
    """Neither -f nor a directory: the built-in path, if something stands there."""
    furnish(lane)
    lane.stop_server()
    usage = subprocess.run([lane.tftpd, "--help"], capture_output=True, text=True, timeout=10)
    path = pathlib.Path(re.search(r"FILE: (\S+)", usage.stdout + usage.stderr).group(1))
    path.parent.mkdir(parents=True, exist_ok=True)
    copy = lane.scratch / "sysconfdir"
    run("cp", "-a", path.parent, copy)
    (copy / path.name).unlink(missing_ok=True)
    run("mount", "--bind", copy, path.parent)
    try:
        check_default_file(lane, path)
    finally:
        lane.stop_server()
        run("umount", path.parent)


def check_default_file(lane, path):
    done = subprocess.run([lane.tftpd, "-L", "-a", f"127.0.0.1:{PORT}"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=10, env=lane.environment())
    said = done.stdout + done.stderr
    check_equal(done.returncode, 64, f"status without a configuration ({said})")
    for word in ("-f", "-s", str(path)):
        check(word in said, f"{word} is not in {said!r}")
    path.write_text("max-blksize = 777\n")
    path.chmod(0o644)
    lane.serve("-v")
    Read("big", oack(blksize="777"), blksize=1468).run(lane, "", ())


# Options win over the file, also over its client sections.

OVERRULED = """
root = {"/srv/second"}
create = no
max-blksize = 700
client "127.0.0.2" {
    create = no  root = {"/srv/second"}  max-blksize = 700  max-windowsize = 1
    umask = 077  port-range = "4000:4001"  refuse-options = {}  read = yes
    require-world-readable = yes  max-upload = 1K  map-rules = {"r ^x$ only-second"}
}
"""


def options_win(lane):
    furnish(lane)
    everybody = ("127.0.0.1", "127.0.0.2")

    def tried(cases, *options):
        config = serve_configured(lane, OVERRULED, *options)
        for source in everybody:
            for case in cases:
                case.from_source(source).run(lane, f"with {' '.join(options)}", config.words)
        return config

    tried([Write("new", DENIED(UPLOADS_OFF)), Read("f", Served("second")),
           Read("big", MISSING())])
    tried([Write("new", Stored(SECOND / "new"))], "-c")
    tried([Read("big", oack(blksize="1000"), blksize=1400), Read("f", Served("first"))],
          "-B", "1000", str(lane.root))
    tried([Read("big", oack(windowsize="5"), windowsize=9)], "-W", "5", str(lane.root))
    tried([Read("f", Served("second"), blksize=600)], "-r", "blksize")
    tried([Write("new", Stored(SECOND / "new", mode=0o660))], "-c", "-U", "007")
    tried([Read("private", Served("private"))], "-p", str(lane.root))
    tried([Write("new", LIMITED("11 bytes are more than max-upload allows (10)"), tsize=11)],
          "-c", "--max-upload", "10")
    tried([Write("new", DENIED("uploads are off"))], "-c", "--read-only")
    tried([Read("beside", Served("second")), Read("x", MISSING())],
          "-m", str(lane.scratch / "beside.rules"))
    config = serve_configured(lane, OVERRULED, "-R", "5000:5003")
    for source in everybody:
        port = Read("f", Served("second"), source=source).run(lane, "", config.words).packet.source[1]
        check(5000 <= port <= 5003, f"-R 5000:5003: answered from port {port}")


# Keys that need more than one look.

def port_range(lane):
    """Many transfers at once spread over the range, and when it is used up the next hears so."""
    furnish(lane)
    serve_configured(lane, 'port-range = "6100:6103"\nclient "127.0.0.2" { port-range = "6200:6200" }\n')
    ports, peers = set(), []
    for _ in range(4):
        peer = lane.peer()
        peer.read("big")
        ports.add(peer.expect(tftp.DATA, 1).source[1])
        peers.append(peer)
    check_equal(ports, {6100, 6101, 6102, 6103}, "ports of four transfers")
    Read("f", Refused(0, "limited", "no socket", text="Server busy"), explain=False).run(lane)
    answer = Read("f", Served("first"), source="127.0.0.2").run(lane)
    check_equal(answer.packet.source[1], 6200, "port of the other client")
    for peer in peers:
        peer.error(0, "enough")
        lane.end_of(peer)


def silences(lane):
    """give-up, retransmit and adaptive, with units, measured all at once."""
    furnish(lane)
    serve_configured(
        lane, "give-up = 1\n"
        'client "127.0.0.2" { give-up = 1500ms }\n'
        'client "127.0.0.3" { retransmit = 200000 give-up = 1m }\n'
        'client "127.0.0.4" { retransmit = 1s give-up = 1h }\n'
        'client "127.0.0.5" { retransmit = 120ms give-up = 2s }\n')
    begin, peers = time.monotonic(), {}
    for number in (1, 2, 3, 4, 5):
        peers[number] = lane.peer(source=f"127.0.0.{number}")
        peers[number].read("big")
        peers[number].expect(tftp.DATA, 1)
    for number, least, most in ((5, 0.12, 0.20), (3, 0.20, 0.30), (1, 0.5, 0.65), (4, 1.0, 1.2)):
        peers[number].heard.clear()
        peers[number].expect(tftp.DATA, 1, 2 * lane.slowness)
        took = time.monotonic() - begin
        check(least - 0.01 <= took <= most * lane.slowness, f"client {number}: sent again after {took:.3f} s")
    for number in (1, 2):
        peers[number].ack(1)
        peers[number].drain_to(tftp.DATA, 2)
    heard = time.monotonic()
    for number, least in ((1, 1.0), (2, 1.5)):
        record = lane.end_of(peers[number])
        took = time.monotonic() - heard
        check_equal(record["outcome"], "timeout", f"client {number}: outcome")
        check(least - 0.05 <= took <= (least + 0.4) * lane.slowness,
              f"client {number}: gave up after {took:.3f} s")
    for number in (3, 4, 5):
        peers[number].error(0, "enough")
        lane.end_of(peers[number])


def not_adaptive(lane):
    """adaptive = no: a second, or what was agreed on, whatever the way back took."""
    furnish(lane)
    serve_configured(lane, 'client "127.0.0.2" { adaptive = no }\n')
    fast, slow = lane.peer(source="127.0.0.1"), lane.peer(source="127.0.0.2")
    for peer in (fast, slow):
        peer.read("big")
        for block in (1, 2, 3):
            peer.expect(tftp.DATA, block)
            peer.ack(block)
        peer.expect(tftp.DATA, 4)
    begin = time.monotonic()
    for peer, least, most in ((fast, 0.0, 0.5), (slow, 0.95, 1.2)):
        peer.expect(tftp.DATA, 4, 3)
        took = time.monotonic() - begin
        check(least <= took <= most * lane.slowness, f"sent again after {took:.3f} s")
        peer.error(0, "enough")
        lane.end_of(peer)


# The whole server.

def user(lane):
    furnish(lane)
    for text, uid in (('user = "nobody"', None), ("user = tftpd", lane.uid), ("", lane.uid)):
        serve_configured(lane, text)
        Read("f", Served("first")).run(lane)
        uids = status_of(lane.server.dispatcher())["Uid"].split()
        if uid is None:
            check(uids[0] not in ("0", str(lane.uid)), f"{text}: uids {uids}")
        else:
            check_equal(uids, [str(uid)] * 4, text)
    serve_configured(lane, "user = tftpd", "-u", "nobody")
    check(status_of(lane.server.dispatcher())["Uid"].split()[0] != str(lane.uid), "-u does not win")


def linger(lane):
    """Whole seconds, units, and 0: nothing is left once the queue is empty."""
    furnish(lane)
    for text, least, most in (("linger = 1", 0.9, 2.5), ("linger = 1s", 0.9, 2.5), ("linger = 0", 0, 1.0)):
        serve_configured(lane, text, mode="inetd")
        Read("f", Served("first")).run(lane, text)
        begin = time.monotonic()
        if least:
            lane.server.wait_keeper()
        until(lambda: lane.server.keeper() is None, most * lane.slowness, f"{text}: it leaves")
        took = time.monotonic() - begin
        check(took >= least, f"{text}: it left after {took:.2f} s")
        Read("f", Served("first")).run(lane, f"{text}, started anew")
    for text in ("linger = 1h", "linger = forever"):
        serve_configured(lane, text, mode="inetd")
        Read("f", Served("first")).run(lane, text)
    time.sleep(1.2)
    check(lane.server.keeper() is not None, "with linger = forever it left")
    serve_configured(lane, "linger = 1", "-t", "0", mode="inetd")
    Read("f", Served("first")).run(lane, "-t 0")
    time.sleep(1.5)
    check(lane.server.keeper() is not None, "-t 0 does not win over linger = 1")


def linger_not_at_all(lane):
    """linger = 0: the server leaves, and what it began goes on to its end."""
    furnish(lane)
    serve_configured(lane, "linger = 0\ncreate = yes\n", mode="inetd")
    reader, writer = lane.peer(), lane.peer()
    reader.read("big")
    reader.expect(tftp.DATA, 1)
    writer.write("slow")
    writer.expect(tftp.ACK, 0)
    until(lambda: lane.server.keeper() is None, 2 * lane.slowness, "it leaves")
    for block in range(1, len(BIG) // 512 + 1):
        reader.ack(block)
        reader.expect(tftp.DATA, block + 1)
        writer.data(block, BIG[:512])
        writer.expect(tftp.ACK, block)
        if block == 3:
            Read("f", Served("first")).run(lane, "another, meanwhile")
    reader.ack(len(BIG) // 512 + 1)
    writer.data(len(BIG) // 512 + 1, b"end")
    writer.expect(tftp.ACK, len(BIG) // 512 + 1)
    for peer in (reader, writer):
        check_equal(lane.end_of(peer)["outcome"], "complete", "outcome")
    check_equal((lane.root / "slow").read_bytes(), BIG[:512] * (len(BIG) // 512) + b"end", "the upload")


def source_ports(lane):
    """What comes from a port that answers everything gets no answer: it could be a loop."""
    furnish(lane)
    serve_configured(lane, "")
    for port in (7, 13, 17, 19, 37, 53, 123):
        Read("f", Ignored(), port=port).run(lane, f"port {port}")
    Read("f", Served("first"), port=68).run(lane, "port 68")
    serve_configured(lane, "refuse-source-ports = {2070, 7}")
    for port in (2070, 7):
        Read("f", Ignored(), port=port).run(lane, f"port {port} of a list")
    Read("f", Served("first"), port=19).run(lane, "port 19 of another list")
    serve_configured(lane, "refuse-source-ports = {}")
    Read("f", Served("first"), port=37).run(lane, "port 37 of an empty list")


def single_port(lane):
    """Each packet of a transfer has the port that was asked, or never."""
    furnish(lane)
    for text, is_single in (("single-port = yes", True), ("single-port = no", False)):
        serve_configured(lane, text + "\ncreate = yes\n")
        peer = lane.peer()
        peer.read("sub/inner", blksize=1000)
        packets = [peer.expect(tftp.OACK)]
        peer.ack(0)
        packets.append(peer.expect(tftp.DATA, 1))
        peer.ack(1)
        check_equal((packets[1].payload, lane.end_of(peer)["outcome"]), (b"inner", "complete"), text)
        peer = lane.peer()
        peer.write("new")
        packets.append(peer.expect(tftp.ACK, 0))
        peer.data(1, BODY)
        packets.append(peer.expect(tftp.ACK, 1))
        check_equal((lane.root / "new").read_bytes(), BODY, f"{text}: the upload")
        (lane.root / "new").unlink()
        peer = lane.peer()
        peer.read("nowhere")
        packets.append(peer.expect(tftp.ERROR, 1))
        for packet in packets:
            check_equal(packet.source[1] == PORT, is_single, f"{text}: {packet} has port {PORT}")


def other_log(lane):
    """Its folder is made, and the records stand there only."""
    furnish(lane)
    path = pathlib.Path("/var/log/elsewhere/t.jsonl")
    path.parent.mkdir()
    config = serve_configured(lane, f'log = "{path}"')
    peer = lane.peer()
    peer.read("f", ends=None)
    check_equal(peer.get_rest(), b"first", "content")
    record = Log(path).wait_end(client_port=peer.port)
    check_equal(record["outcome"], "complete", "the record elsewhere")
    info = path.stat()
    check_equal((info.st_uid, stat.S_IMODE(info.st_mode)), (0, 0o640), "owner and mode of the log")
    check(not lane.log.ends(client_port=peer.port), "it stands in the built-in place, too")
    made = serve_configured(lane, config.path.read_text(), "--log", str(lane.log.path))
    Read("f", Served("first")).run(lane, "--log wins", made.words)


def sandbox(lane):
    """Both serve here; the walls stand in the start record."""
    furnish(lane)
    for word in ("require", "prefer"):
        serve_configured(lane, f"sandbox = {word}")
        Read("f", Served("first")).run(lane, word)
        started = [rec for rec in lane.log.records(event="notice")
                   if "dispatcher started" in rec["message"]][-1]
        check("no_new_privs" in started["message"], f"walls: {started}")
        if not lane.instrumented:
            check("chroot" in started["message"] and "Landlock" in started["message"], f"walls: {started}")


def map_steps(lane):
    furnish(lane)
    rules = 'map-rules = {"r ^a f", "s ^f", "r ^never x"}\n'
    config = serve_configured(lane, rules + "map-steps = 50\n")
    Read("a", DENIED("the map rules took more than 50 steps (map-rules:")).run(lane, "", config.words)
    config = serve_configured(lane, rules + "map-steps = 50\n", "--map-steps", "70")
    Read("a", DENIED("more than 70 steps")).run(lane, "", config.words)
    Read("big", Served(BIG)).run(lane, "", config.words)


def transfers_at_once(lane):
    """max-transfers and max-transfers-per-client; test_access has what waits."""
    furnish(lane)
    config = serve_configured(lane, "max-transfers = 3\nmax-transfers-per-client = 2\n")
    held = []
    for source in ("127.0.0.1", "127.0.0.1", "127.0.0.2"):
        peer = lane.peer(source=source)
        peer.read("big")
        peer.expect(tftp.DATA, 1)
        peer.ack(1)
        peer.expect(tftp.DATA, 2)
        held.append(peer)
    busy = Refused(0, "limited", text="Server busy")
    peers = [lane.peer(source=source) for source in ("127.0.0.1", "127.0.0.3")]
    for peer in peers:
        peer.read("f")
    for peer in peers:
        packet = peer.expect(tftp.ERROR, 0, 2.5 * lane.slowness)
        check_equal(packet.text, busy.text, "text of the ERROR")
        check_equal(lane.end_of(peer)["outcome"], "limited", "outcome")
    for peer in held:
        peer.error(0, "enough")
        lane.end_of(peer)
    Read("f", Served("first")).run(lane, "", config.words)


def refused_after_a_pause(lane):
    """A second is a second, also for who comes long after the last one was turned away."""
    furnish(lane)
    serve_configured(lane, "max-transfers = 1\n")
    holder = lane.peer()
    holder.read("big")
    holder.expect(tftp.DATA, 1)
    holder.ack(1)
    pause = 3 * lane.slowness
    for wait in (0, pause):
        # the transfer that holds the place must not wake the dispatcher
        time.sleep(wait)
        peer, begin = lane.peer(), time.monotonic()
        peer.read("f")
        peer.expect(tftp.ERROR, 0, 1 + pause)
        took = time.monotonic() - begin
        check(0.9 < took < pause, f"told after {took:.1f} s")
    holder.error(0, "enough")
    lane.end_of(holder)


def printed_is_the_same(lane):
    """--print-config is a configuration to the same effect."""
    furnish(lane)
    text = "".join(f'client "127.1.0.{number}" {{\n{row[1]}\n}}\n'
                   for number, row in enumerate(CLIENT_ROWS, 1))
    first = Configuration(lane, text + CLIENTS + "map-steps = 77\nlinger = 5m\nuser = nobody\n")
    printed = print_config(lane, first)
    again = Configuration(lane, printed)
    check_equal(values_of(print_config(lane, again)), values_of(printed), "printed twice")


def print_config(lane, config):
    done = subprocess.run([str(lane.tftpd), *config.words, "--print-config"], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=20, env=lane.environment())
    check_equal(done.returncode, 0, f"status of --print-config ({done.stderr})")
    return done.stdout


def values_of(printed):
    """Without the comments that say where each value came from."""
    return [line.partition("\t# ")[0].rstrip() for line in printed.splitlines()]


def the_sample(lane):
    """The shipped file is all comments: with it, all is as without."""
    furnish(lane)
    sample = pathlib.Path(__file__).resolve().parents[2] / "doc/tftpd.conf.sample"
    config = serve_configured(lane, sample.read_text())
    plain = Configuration(lane, "")
    check_equal(values_of(print_config(lane, config)), values_of(print_config(lane, plain)), "the sample")
    Read("f", Served("first")).run(lane, "", config.words)
    # What it shows as a default is one.
    shown = re.sub(r"(?m)^#(?=[a-z-]+ = )", "", sample.read_text())
    check_equal(values_of(print_config(lane, Configuration(lane, shown.replace('user = "tftpd"', "")))),
                values_of(print_config(lane, plain)), "the sample without its comment signs")


def a_world_writable_file(lane):
    """Whoever may write the configuration would be root: not served from."""
    furnish(lane)
    lane.stop_server()
    for mode, owner in ((0o666, 0), (0o664, 0), (0o646, 0), (0o644, lane.uid)):
        made = Configuration(lane, "")
        made.path.chmod(mode)
        os.chown(made.path, owner, 0)
        done = subprocess.run([str(lane.tftpd), *made.words, "--check"], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=20, env=lane.environment())
        check_equal(done.returncode, 1, f"--check of a file with mode {mode:o}, owner {owner}")
        check(str(made.path) in done.stderr, f"it is not named: {done.stderr!r}")


TESTS = (
    ("each key in a client section does what it says", as_sections, True),
    ("each key at the top does what it says, one half", functools.partial(at_the_top, 0), True),
    ("each key at the top does what it says, the other half", functools.partial(at_the_top, 1), False),
    ("the client section of the longest prefix counts", longest_prefix, True),
    ("allow-clients and deny-clients: the longest prefix decides", allowed_clients, True),
    ("includes stand where they are named", includes, True),
    ("without -f and directory the default file is taken, or the usage said", default_file, True),
    ("the command line wins over the file and its sections", options_win, True),
    ("port-range is kept to, and being used up is said", port_range, True),
    ("give-up and retransmit in all units", silences, False),
    ("adaptive = no repeats after a second", not_adaptive, False),
    ("user", user, True),
    ("linger in all forms, and -t", linger, False),
    ("linger = 0: transfers go on without the server", linger_not_at_all, True),
    ("refuse-source-ports", source_ports, True),
    ("single-port", single_port, True),
    ("log", other_log, True),
    ("sandbox", sandbox, True),
    ("map-steps", map_steps, True),
    ("max-transfers and max-transfers-per-client", transfers_at_once, True),
    ("a second for room, also after a pause", refused_after_a_pause, False),
    ("what --print-config prints means the same", printed_is_the_same, True),
    ("the shipped sample shows the defaults", the_sample, True),
    ("a configuration that others may write is refused", a_world_writable_file, True),
)
