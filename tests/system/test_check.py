"""Configurations that cannot be used: who says so, where, and in which words.

An administrator finds a mistake by one line: the file, the line, what is wrong and
what is allowed.  --check says it, a start by hand says it, and a server that a
superserver starts says it in syslog, in the log and in the live table, while its
clients are told that it is the server's fault.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

import tftp
from asking import Refused, ask
from harness import SERVICE_USER, check, check_equal, is_running, kill, of_peer, run, until
from settings import PLACE, STATE, Conf, Given, Notices, blksize, header, tool

NETWORK = 'allowed: networks such as "192.0.2.0/24" or "2001:db8::/32"'
SECONDS = "allowed: whole seconds, or a number with s, m or h, or forever"
SIZE = "allowed: bytes, or a number with K, M, G or T"
YES_NO = "allowed: yes or no"
BLKSIZE = "allowed: 8 to 65464, or auto, mtu, or mtu-N with N up to 1024"
RANGE = 'allowed: FIRST:LAST, both 1 to 65535, such as "4096:4127", or "" for any'
OPTIONS = ("allowed: a list of blksize, timeout, tsize, windowsize, utimeout, blksize2, rollover, "
           "or all")
GIVE_UP = "allowed: 1 second to 24 hours: seconds, or a number with ms, s, m or h"
RETRANSMIT = ("allowed: 10 ms to 255 s: microseconds, 10000 to 255000000, or a number with ms or s")
DIRECTORY = "allowed: a list of directories, absolute paths"
UPLOAD_ROOT = 'allowed: a directory, an absolute path, or "" for the first root'
GLOBS = 'allowed: a list of patterns such as "*.key" or "private/*"'
PREFIX = 'allowed: a list of directories such as "/tftpboot"'
RULES = "allowed: a list of rules as in a map file, such as 'r ^[^/] /x/\\0'"
FORM = 'allowed: KEY = VALUE, client "NETWORK" { ... }, include("FILE")'
ESCAPE = "a backslash is \\\\, or use '...', where only \\\\ and \\' are escapes"
NOT_THERE = "cannot be served (No such file or directory)"

# A line of a file that is good but for it, and what is to be said of it.
VALUES = (
    # the server
    ("linger = -1", f'linger: "-1" is no time; {SECONDS}'),
    ("linger = 5x", f'linger: "5x" has a unit that is not known; {SECONDS}'),
    ("linger = 1500ms", f'linger: "1500ms" is too fine; {SECONDS}'),
    ("linger = 99999999999", f'linger: "99999999999" is out of range; {SECONDS}'),
    ("max-transfers = 0", 'max-transfers: "0" is out of range; allowed: 1 to 65536'),
    ("max-transfers = 65537", 'max-transfers: "65537" is out of range; allowed: 1 to 65536'),
    ("max-transfers = many", 'max-transfers: "many" is no number; allowed: 1 to 65536'),
    ("max-transfers = 1.5", 'max-transfers: "1.5" is no number; allowed: 1 to 65536'),
    ("max-transfers = 99999999999999999999999",
     'max-transfers: "99999999999999999999999" is out of range; allowed: 1 to 65536'),
    ("max-transfers = {1, 2}",
     "max-transfers: there are several values; allowed: one value, 1 to 65536"),
    ("max-transfers = {}", "max-transfers: there is no value; allowed: one value, 1 to 65536"),
    ("max-transfers-per-client = 70000",
     'max-transfers-per-client: "70000" is out of range; allowed: 1 to 65536, or 0 for no limit'),
    ("refuse-source-ports = {69, 65536}",
     'refuse-source-ports: "65536" is no port; allowed: a list of ports, 0 to 65535'),
    ("single-port = maybe", f'single-port: "maybe" is neither yes nor no; {YES_NO}'),
    ("broadcast = 2", f'broadcast: "2" is neither yes nor no; {YES_NO}'),
    ("sandbox = none",
     'sandbox: "none" is no value of this key; allowed: require or prefer'),
    ("map-steps = 0", 'map-steps: "0" is out of range; allowed: 1 to 2147483647'),
    ('log = "transfers.jsonl"',
     'log: "transfers.jsonl" is no absolute path; allowed: an absolute path'),
    ('user = "no-such-user"',
     'user: "no-such-user" is no user of this system; allowed: the name of a user'),
    # who may ask
    ('allow-clients = {"10.0.0.0/33"}',
     f'allow-clients: "10.0.0.0/33" has a prefix that is out of range; {NETWORK}'),
    ('allow-clients = {"10.0.0.1/8"}',
     'allow-clients: "10.0.0.1/8" has bits beyond its prefix; the network is 10.0.0.0/8'),
    ('deny-clients = {"::ffff:10.0.0.0/80"}',
     'deny-clients: "::ffff:10.0.0.0/80" has bits beyond its prefix; the network is ::/80'),
    ('deny-clients = {"10.0.0/8"}', f'deny-clients: "10.0.0/8" is no network; {NETWORK}'),
    ('deny-clients = {"pxe.example.com"}', f'deny-clients: "pxe.example.com" is no network; {NETWORK}'),
    # directories and names
    ('root = {"srv/tftp"}', f'root: "srv/tftp" is no absolute path; {DIRECTORY}'),
    ('root = {"/nowhere"}', f'root: "/nowhere" {NOT_THERE}; {DIRECTORY}'),
    ('root = {"/etc/passwd"}', f'root: "/etc/passwd" cannot be served (Not a directory); {DIRECTORY}'),
    ('root = {"/srv/../etc"}', f'root: "/srv/../etc" has a ".." component; {DIRECTORY}'),
    ("root = {}", "root: there is none; allowed: 1 to 16 directories"),
    ('upload-root = "/nowhere"', f'upload-root: "/nowhere" {NOT_THERE}; {UPLOAD_ROOT}'),
    ('upload-root = {"/srv", "/run"}',
     "upload-root: there are several values; allowed: one value, a directory, an absolute path, or "
     '"" for the first root'),
    ('strip-prefix = {"/"}', f'strip-prefix: "/" is no directory of a name; {PREFIX}'),
    ('strip-prefix = {"../x"}', f'strip-prefix: "../x" has a ".." component; {PREFIX}'),
    ("case = upper", 'case: "upper" is no value of this key; allowed: exact, fold or lower'),
    ("symlinks = all", 'symlinks: "all" is no value of this key; allowed: inside or none'),
    ("client-dir = name", 'client-dir: "name" is no value of this key; allowed: none, ip or mac'),
    ("upload-names = random", 'upload-names: "random" is no value of this key; allowed: as-is or unique'),
    # access
    ('read = ""', f'read: "" is neither yes nor no; {YES_NO}'),
    ("create = 1", f'create: "1" is neither yes nor no; {YES_NO}'),
    ("overwrite = never", f'overwrite: "never" is neither yes nor no; {YES_NO}'),
    ('allow-extensions = {"a/b"}', 'allow-extensions: "a/b" has a slash; allowed: a list of endings of '
     'names such as "bin" or "tar.gz"'),
    ('deny-files = {""}', f'deny-files: "" matches nothing; {GLOBS}'),
    ('deny-files = {"/private/*"}', 'deny-files: "/private/*" matches nothing: names are looked at '
     f"without the slash in front; {GLOBS}"),
    ('deny-files = {"a\tb"}', f'deny-files: "a?b" has a control byte; {GLOBS}'),
    ("max-read = 1X", f'max-read: "1X" has a unit that is not known; {SIZE}; 0 is no limit'),
    ("max-upload = -5", f'max-upload: "-5" is no size; {SIZE}; 0 allows no upload'),
    ("max-upload = 99999999T", f'max-upload: "99999999T" is too large; {SIZE}; 0 allows no upload'),
    ("min-free = lots", f'min-free: "lots" is no size; {SIZE}'),
    ("umask = 888", 'umask: "888" is no octal number; allowed: octal, 0 to 777'),
    ("umask = 1000", 'umask: "1000" is out of range; allowed: octal, 0 to 777'),
    # transfers
    ("max-blksize = 7", f'max-blksize: "7" is out of range; {BLKSIZE}'),
    ("max-blksize = 65465", f'max-blksize: "65465" is out of range; {BLKSIZE}'),
    ("max-blksize = mtu-2000", f'max-blksize: "mtu-2000" is no block size; {BLKSIZE}'),
    ("max-windowsize = 0", 'max-windowsize: "0" is out of range; allowed: 1 to 65535'),
    ("refuse-options = {blksize, blocksize}", f'refuse-options: "blocksize" is no option; {OPTIONS}'),
    ('port-range = "4096"', f'port-range: "4096" is no range of ports; {RANGE}'),
    ('port-range = "5000:4000"', f'port-range: "5000:4000" is reversed; {RANGE}'),
    ('port-range = "0:70000"', f'port-range: "0:70000" is out of range; {RANGE}'),
    ("give-up = 0", f'give-up: "0" is out of range; {GIVE_UP}'),
    ("give-up = 2d", f'give-up: "2d" has a unit that is not known; {GIVE_UP}'),
    ("adaptive = perhaps", f'adaptive: "perhaps" is neither yes nor no; {YES_NO}'),
    ("retransmit = 5", f'retransmit: "5" is out of range; {RETRANSMIT}'),
    # names of keys
    ("max-blocksize = 512", "max-blocksize: no such key; did you mean max-blksize?"),
    ("Max_Blksize = 512", "Max_Blksize: no such key; did you mean max-blksize?"),
    ("allow_client = {}", "allow_client: no such key; did you mean allow-clients?"),
    ('clients "10.0.0.0/8" { }', "clients: no such key; did you mean client?"),
    ("frobnicate = 1", "frobnicate: no such key; tftpd.conf(5) has them all"),
    # map rules
    ('map-rules = {"q ^a b"}',
     'map-rules: unknown letter "q" in "q"; there are a e E g gg G i j P r s 4 6 ~'),
    ('map-rules = {"r ( b"}', 'map-rules: bad regex "(": Unmatched ( or \\('),
    ('map-rules = {"r"}', "map-rules: the regex is missing"),
    ('map-rules = {"j foo"}', "map-rules: j needs a label"),
    ('map-rules = {"r ^a b\\nr c d"}', f'map-rules: "r ^a b?r c d" has a line end; {RULES}'),
    # sections
    ('client "" { }', f'client: "" is no network; {NETWORK}'),
    ('client "10.0.0.1/8" { }',
     'client: "10.0.0.1/8" has bits beyond its prefix; the network is 10.0.0.0/8'),
    ('client "10.0.0.0/8, ::/0, 10.0.0.0/8" { }', f"client: 10.0.0.0/8 stands in {PLACE}/tftpd.conf:2, too"),
    ('client "10.0.0.0/8" { root = {"/nowhere"} }', f'root: "/nowhere" {NOT_THERE}; {DIRECTORY}'),
    ('client "10.0.0.0/8" { linger = 5 }',
     "linger: this key is for the whole server and cannot stand in a client section"),
    ('client "10.0.0.0/8" { creat = yes }', "creat: no such key; did you mean create?"),
    # how it is written
    ("linger 60", f"missing equal sign after option 'linger'; {FORM}"),
    ("linger = 60 }", f"unexpected closing brace; {FORM}"),
    ('client "10.0.0.0/8" = 5', f"missing opening brace for section 'client'; {FORM}"),
    ("client { create = yes }", f"missing title for section 'client'; {FORM}"),
    ('log = "/var/log/tftpd/x', "this quote is never closed"),
    ("/* linger = 60", "this comment never ends; it needs a */"),
    ("deny-files = {*.key}", "a * must stand in quotes"),
    ('deny-files = {"\\d+"}', '\\d between double quotes is none of \\\\ \\" \\$ \\n \\t \\xHH; ' + ESCAPE),
    ('map-rules = {"r ^a \\0"}',
     "\\0 between double quotes is not a digit of a map rule but a byte; " + ESCAPE),
    ("include()", "include needs the name of one file"),
    ('include("tftpd.conf")', f"include: {PLACE}/tftpd.conf includes itself"),
    ('include("missing.conf")', f"include: {PLACE}/missing.conf: No such file or directory"),
    ('map-file = "missing.map"', f"map-file: {PLACE}/missing.map: No such file or directory"),
)

# More than one line: the text, and what is said of which line.
LAYOUTS = (
    # values: all in one run
    (("linger = x", "max-transfers = y", "# nothing", "create = z",
      'client "1.2.3.4/8" {', "\tread = w", "}"),
     ((2, f'linger: "x" is no time; {SECONDS}'),
      (3, 'max-transfers: "y" is no number; allowed: 1 to 65536'),
      (5, f'create: "z" is neither yes nor no; {YES_NO}'),
      (6, 'client: "1.2.3.4/8" has bits beyond its prefix; the network is 1.0.0.0/8'),
      (7, f'read: "w" is neither yes nor no; {YES_NO}'))),
    # those of a list each in its own line
    (("deny-clients = {", '\t"10.0.0.0/8",', '\t"10.0.0/8",\t# here', '\t"nonsense", "::/129"', "}"),
     ((4, f'deny-clients: "10.0.0/8" is no network; {NETWORK}'),
      (5, f'deny-clients: "nonsense" is no network; {NETWORK}'),
      (5, f'deny-clients: "::/129" has a prefix that is out of range; {NETWORK}'))),
    # what was read before libconfuse stops is looked at, too
    (("linger = x", "frobnicate = 1"),
     ((3, "frobnicate: no such key; tftpd.conf(5) has them all"),
      (2, f'linger: "x" is no time; {SECONDS}'))),
    # comments do not shift the lines
    (("/* one", "   two */ # three", "// four", "linger = -1"),
     ((5, f'linger: "-1" is no time; {SECONDS}'),)),
    (('client "10.0.0.0/8" {', "}", 'client "192.0.2.0/24,10.0.0.0/8" {', "\tmax-read = 5Q", "}"),
     ((4, f"client: 10.0.0.0/8 stands in {PLACE}/tftpd.conf:2, too"),
      (5, f'max-read: "5Q" has a unit that is not known; {SIZE}; 0 is no limit'))),
    (('client "10.0.0.0/8" {', '\tclient "10.1.0.0/16" {', "\t}", "}"),
     ((3, "client: a section cannot stand in another one; is a } missing?"),)),
    (('map-rules = {', "\t'r ^a b',", "\t'j foo'", "}", 'map-file = "x.map"'),
     ((4, "map-rules: j needs a label"),
      (6, "map-file: map-rules stand in line 2; only one of the two can be used"))),
)


def conf(lane):
    """The file alone in its folder; no good copy is there to fall back to."""
    lane.stop_server()
    found = Conf(lane)
    found.forget_good_copy()
    return found


# One bad file, and everybody who has to say so.

def complaints_of(text):
    """The lines of stderr that are neither warnings nor the sum at the end."""
    return [line for line in text.splitlines() if not line.startswith("warning: ")]


def check_told(lane, where, wanted):
    """By --check: each problem once, in its words, and how many there are."""
    done = tool(lane, "--check", "-f", where.path)
    *found, total = complaints_of(done.stderr) or [""]
    check_equal(found, wanted, "what --check says")
    check(total.startswith(f"{where.path}: errors: {len(wanted)},"), f"the last line is {total!r}")
    check_equal((done.returncode, done.stdout), (1, ""), "exit status of --check, and its output")


def check_by_hand(lane, where, wanted):
    """Who starts it in the foreground gets the same, and no server."""
    done = tool(lane, "-L", "-a", "127.0.0.1:69", "-f", where.path)
    found = [line.removeprefix("tftpd: ") for line in complaints_of(done.stderr)]
    check_equal(found[:len(wanted)], wanted, "what a start by hand says")
    check_equal(done.returncode, 78, "exit status of a start by hand")


def check_cold(lane, where, wanted):
    """A superserver's clients are told, and so are log, syslog and the live table."""
    notices, begin = Notices(lane), len(lane.syslog)
    with Given(lane, "-f", where.path):
        peer = lane.peer()
        peer.read("anything")
        packet = peer.expect(tftp.ERROR, 0)
        check_equal(packet.text, "Server configuration error", "what a client is told")
        check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "failed", "outcome")
        found = notices.wait("configuration error")
        check_equal(found, [f"configuration error, requests are refused: {wanted[0]}"][:1], "the notice")
        check_equal((header().is_bad, header().problem), (1, wanted[0][:255]), "the live table")
    until(lambda: all(any(text in line for line in lane.syslog[begin:]) for text in wanted),
          2 * lane.slowness, f"{wanted} in syslog")
    check(not where.good_copy().exists(), "it was kept as a good one")
    notices.close()


def check_bad(lane, where, wanted):
    check_told(lane, where, wanted)
    check_by_hand(lane, where, wanted)
    check_cold(lane, where, wanted)


def check_each(lane, cases):
    """All of a table, so that one run shows all that is wrong with it."""
    where, wrong = conf(lane), []
    for lines, said in cases:
        where.write(*lines)
        try:
            check_bad(lane, where, [where.at(line, sentence) for line, sentence in said])
        except AssertionError as error:
            wrong.append(f"{' | '.join(lines)}: {error}")
    check(not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong))


def bad_values(lane):
    cases = [((line,), ((1 if line.startswith("root ") else 2, sentence),)) for line, sentence in VALUES]
    check_each(lane, cases[::8] if lane.quick else cases)


def bad_layouts(lane):
    check_each(lane, LAYOUTS)


def unfinished(lane):
    """A file that was cut off, as by a full disk, must not pass for a whole one."""
    where, wrong = conf(lane), []
    for lines in (('client "10.0.0.0/8" {', "\tcreate = yes"), ("deny-files = {", '\t"*.key",'),
                  ("linger =",), ("linger",), ('client "10.0.0.0/8"',), ("deny-files = {", '\t"*.key'),
                  ("include(",)):
        where.write(*lines)
        done = tool(lane, "--check", "-f", where.path)
        if done.returncode != 1 or not done.stderr.startswith(f"{where.path}:"):
            wrong.append(f"{' | '.join(lines)}: status {done.returncode}, {done.stderr!r}")
    check(not wrong, "\n".join(wrong))


def root_does_not_serve(lane):
    """It is the file's mistake as any other: with its line, and before the server tries."""
    where = conf(lane)
    where.write('user = "root"')
    done = tool(lane, "--check", "-f", where.path)
    check_equal(done.returncode, 1, "exit status")
    check(done.stderr.startswith(where.at(2, 'user: "root" ')), f"it says {done.stderr!r}")


def only_what_is_wrong(lane):
    """A mistake brings no warning about what only follows from it."""
    where = conf(lane)
    where.write('allow-clients = {"10.0.0.1/8"}')
    done = tool(lane, "--check", "-f", where.path)
    check("warning" not in done.stderr.replace("warnings: 0", ""), f"it says {done.stderr!r}")


def nowhere_to_stand(lane):
    """Neither state nor run directory can be written, as in some containers: clients are
    told all the same."""
    where = conf(lane)
    where.write("linger = x")
    shutil.rmtree(STATE, ignore_errors=True)
    shutil.rmtree("/run/tftpd", ignore_errors=True)
    for place in ("/run", "/var/lib"):
        run("mount", "-o", "remount,ro", place)
    try:
        with Given(lane, "-f", where.path):
            peer = lane.peer()
            peer.read("anything")
            check_equal(peer.expect(tftp.ERROR, 0).text, "Server configuration error", "what a client is told")
            check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "failed", "outcome")
    finally:
        for place in ("/run", "/var/lib"):
            run("mount", "-o", "remount,rw", place)


# Files.

def check_file(lane, where, *wanted):
    check_bad(lane, where, list(wanted))


def missing_file(lane):
    where = conf(lane)
    check_file(lane, where, f"{where.path}: No such file or directory")


def no_regular_file(lane):
    where = conf(lane)
    where.path.mkdir()
    check_file(lane, where, f"{where.path}: it is no regular file")
    where.path.rmdir()
    os.mkfifo(where.path, 0o600)
    check_file(lane, where, f"{where.path}: it is no regular file")
    where.path.unlink()
    where.path.symlink_to("tftpd.conf")
    check_file(lane, where, f"{where.path}: Too many levels of symbolic links")


def too_large(lane):
    where = conf(lane)
    where.path.write_text(where.text() + "#" * (1 << 20))
    check_file(lane, where, f"{where.path}: it has more than 1 MiB")


def modes_and_owners(lane):
    """Whoever may write the file has the server; so nobody else may."""
    where = conf(lane)
    where.write()
    for mode, sentence in ((0o664, "mode 0664: its group may write it; only its owner may (chmod go-w)"),
                           (0o646, "mode 0646: others may write it; only its owner may (chmod go-w)"),
                           (0o666, "mode 0666: others may write it; only its owner may (chmod go-w)")):
        where.path.chmod(mode)
        check_file(lane, where, f"{where.path}: {sentence}")
    where.path.chmod(0o600)
    check_equal(tool(lane, "--check", "-f", where.path).returncode, 0, "exit status with mode 0600")
    os.chown(where.path, lane.uid, -1)
    check_file(lane, where, f"{where.path}: it belongs to user {lane.uid}, who may write it; it must "
               "belong to root")


def includes(lane):
    """Problems stand at the line of the file that they are in."""
    where = conf(lane)
    where.write('include("more.conf")')
    more = where.file("more.conf", "# one\nlinger = x\n")
    check_file(lane, where, f'{more}:2: linger: "x" is no time; {SECONDS}')
    where.file("more.conf", "linger = 5\n", mode=0o666)
    check_file(lane, where, f"{more}: mode 0666: others may write it; only its owner may (chmod go-w)")
    where.file("more.conf", "linger = 5\n", uid=lane.uid)
    check_file(lane, where, f"{more}: it belongs to user {lane.uid}, who may write it; it must belong "
               "to root")
    where.file("more.conf", "linger = 5\n")
    check_equal(tool(lane, "--check", "-f", where.path).returncode, 0, "exit status with a good one")
    # one in another, and what comes after it
    where.write('include("more.conf")', "linger = -1")
    where.file("more.conf", '\n\ninclude("third.conf")\nmax-transfers = 0\n')
    third = where.file("third.conf", "umask = 9\n")
    check_file(lane, where, f'{third}:1: umask: "9" is no octal number; allowed: octal, 0 to 777',
               f'{more}:4: max-transfers: "0" is out of range; allowed: 1 to 65536',
               f'{where.path}:3: linger: "-1" is no time; {SECONDS}')
    where.file("third.conf", '\ninclude("more.conf")\n')
    where.write('include("more.conf")')
    check_file(lane, where, f"{third}:2: include: {more} includes itself")


def deep_includes(lane):
    """One more than there may be within each other."""
    where = conf(lane)
    where.write('include("in-1.conf")')
    for number in range(1, 10):
        where.file(f"in-{number}.conf", f'include("in-{number + 1}.conf")\n')
    check_file(lane, where, f"{where.place}/in-8.conf:1: include: files are included 8 deep, which is "
               "the most")


def map_files(lane):
    where = conf(lane)
    where.write('map-file = "names.map"')
    path = where.file("names.map", "# rules\nr ^a b\nrq ^c d\nr ( e\n")
    check_file(lane, where, f'{path}:3: unknown letter "q" in "rq"; there are a e E g gg G i j P r s 4 6 ~',
               f'{path}:4: bad regex "(": Unmatched ( or \\(')
    where.file("names.map", "r ^a b\n", mode=0o622)
    check_file(lane, where, f"{path}: mode 0622: others may write it; only its owner may (chmod go-w)")
    where.file("names.map", "r ^a b\n", uid=lane.uid)
    check_file(lane, where, f"{path}: it belongs to user {lane.uid}, who may write it; it must belong "
               "to root")
    where.file("names.map", "r ^a b\n")
    check_equal(tool(lane, "--check", "-f", where.path).returncode, 0, "exit status with good rules")


# --check otherwise.

def statuses(lane):
    """0 for what can be used, also with warnings; 1 for what cannot; 64 for a command line."""
    where = conf(lane)
    where.write()
    done = tool(lane, "--check", "-f", where.path)
    check_equal((done.returncode, done.stderr), (0, ""), "exit status, and stderr")
    check(f"{where.path}: good" in done.stdout, f"it says {done.stdout!r}")
    where.write("create = yes", "max-upload = 0")
    done = tool(lane, "--check", "-f", where.path)
    check_equal((done.returncode, done.stderr.strip()), (0, "warning: " + where.at(
        3, "create is on, but max-upload is 0, so there are no uploads")), "with a warning")
    for args, status in ((("--check", "-s", lane.root), 0), (("--check", "-s", "/nowhere"), 1),
                         (("--check", "-f", where.path, "-B", "3"), 1), (("--check", "--frobnicate"), 64),
                         (("--check", "-f"), 64)):
        done = tool(lane, *args)
        check_equal(done.returncode, status, f"exit status with {args}; {done.stderr!r}")
        check(status == 0 or done.stderr, f"{args}: no word")


def root_that_is_closed(lane):
    """The service user may not enter it: said by --check, and by the log to whom asks."""
    where, closed = conf(lane), pathlib.Path("/srv/closed")
    closed.mkdir()
    (closed / "file").write_bytes(b"x")
    for mode, sentence in ((0o700, f'root: "{closed}": the service user, {SERVICE_USER}, may not enter it: '
                            "Permission denied"), (0o755, "")):
        closed.chmod(mode)
        where.write(f'root = {{"{closed}"}}')
        done = tool(lane, "--check", "-f", where.path)
        wanted = [where.at(1, sentence)] if sentence else []
        check_equal((done.returncode, complaints_of(done.stderr)[:1]), (int(bool(sentence)), wanted),
                    f"exit status with mode {mode:o}, and what it says")
        check(not sentence or "errors: 1, warnings: 0" in done.stderr, f"how many: {done.stderr}")
    closed.chmod(0o700)
    with Given(lane, "-f", where.path):
        for name in ("file", "missing"):
            wanted = Refused(2, "denied", "mode 0700")
            wanted.check(ask(lane, tftp.READ, name), name)
    shutil.rmtree(closed)


# How it stands there.

@contextlib.contextmanager
def standing_alone(lane, *args, **how):
    """The process that was started; whoever serves is gone afterwards."""
    lane.stop_server()
    process = subprocess.Popen([str(word) for word in (lane.tftpd, *args)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=lane.environment(), **how)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10 * lane.slowness)


def stays_in_the_foreground(lane):
    """-L wins over -l, as it does in tftpd-hpa, in whatever order they come."""
    for options in (("-L", "-l"), ("-l", "-L"), ("-lL",)):
        notices = Notices(lane)
        with standing_alone(lane, *options, "-a", "127.0.0.1:69", lane.root) as process:
            notices.wait("dispatcher started")
            check(blksize(lane) is not None, f"{options}: it does not serve")
            check(process.poll() is None, f"{options}: it has detached")
            process.terminate()
            check_equal(process.wait(10 * lane.slowness), 0, f"{options}: exit status")
        notices.close()


def relative_pid_file(lane):
    """-l leaves the folder that -P is relative to; the file is removed all the same."""
    where = conf(lane)
    path = where.place / "relative.pid"
    with standing_alone(lane, "-l", "-P", path.name, "-a", "127.0.0.1:69", lane.root,
                        cwd=where.place) as process:
        check_equal(process.wait(10 * lane.slowness), 0, "exit status of the one that detaches")
        pid = int(until(path.read_text, 2 * lane.slowness, "a pid in the file"))
        check(blksize(lane) is not None, "it does not serve")
        kill(pid, signal.SIGTERM)
        until(lambda: not is_running(pid), 10 * lane.slowness, "it has ended")
    check(not path.exists(), "the pid file is left")


def state_of_others(lane):
    """Who may write the state directory could say what is good: it is not believed, and
    nothing is kept in it; requests are served all the same."""
    where = conf(lane)
    for what, change in (("somebody else's", lambda: os.chown(STATE, lane.uid, -1)),
                         ("open to all", lambda: STATE.chmod(0o777)),
                         ("open to its group", lambda: STATE.chmod(0o775))):
        shutil.rmtree(STATE, ignore_errors=True)
        STATE.mkdir(mode=0o755)
        change()
        where.write("max-blksize = 700")
        begin = len(lane.syslog)
        with Given(lane, "-f", where.path):
            check_equal(blksize(lane), 700, f"{what}: blksize")
            until(lambda: any(f"{STATE}: not a directory that only we may write" in line
                              for line in lane.syslog[begin:]), 2 * lane.slowness, f"{what}: a word in syslog")
        check_equal(list(STATE.iterdir()), [], f"{what}: what is kept there")
        # a copy that lies there
        where.good_copy().write_text(where.text("max-blksize = 701"))
        where.good_copy().chmod(0o600)
        where.write("linger = x")
        with Given(lane, "-f", where.path):
            peer = lane.peer()
            peer.read("anything")
            check_equal(peer.expect(tftp.ERROR, 0).text, "Server configuration error", f"{what}: with a copy")
            lane.log.wait_end(**of_peer(peer))
    shutil.rmtree(STATE)


def environment_stays_outside(lane):
    """libconfuse replaces ${NAME}; nothing that the caller sets gets in."""
    where = conf(lane)
    where.write('strip-prefix = {"/${SECRET}x"}', "give-up = ${LATER:-7}")
    done = tool(lane, "--print-config", "-f", where.path, env={"SECRET": "leaked", "LATER": "9"})
    check_equal(done.returncode, 0, f"exit status; {done.stderr!r}")
    check("leaked" not in done.stdout and 'strip-prefix = {"/x"}' in done.stdout, f"it prints {done.stdout}")
    check("give-up = 7s" in done.stdout, f"it prints {done.stdout}")


# --print-config.

EVERYTHING = """\
user = "nobody"
linger = 2m
max-transfers = 77
max-transfers-per-client = 7
refuse-source-ports = {19, 69}
single-port = yes
broadcast = on
allow-clients = {"10.0.0.0/8", "127.0.0.0/8", "2001:db8::/32"}
deny-clients = {"10.66.0.0/16"}
log = "/var/log/tftpd/transfers.jsonl"
sandbox = prefer
map-steps = 100
root = {"/srv/tftp", "/srv/second"}
upload-root = "/srv/second"
strip-prefix = {"/tftpboot", "/a b/c"}
case = fold
symlinks = none
client-dir = ip
upload-names = unique
map-file = "all.map"
read = yes
create = yes
overwrite = yes
require-world-readable = no
allow-extensions = {"", "bin", ".tar.gz"}
deny-files = {"*.key", 'back\\\\slash', "quote\\"", "dollar\\${X}", "* ?[!a]"}
max-read = 3M
max-upload = 1000000
min-free = 1G
umask = 027
max-blksize = mtu-40
max-windowsize = 12
refuse-options = {utimeout, rollover}
port-range = "4096:4127"
give-up = 1500ms
adaptive = no
retransmit = 250ms
client "10.1.0.0/16, 2001:db8:1::/48" {
    root = {"/srv/second"}
    overwrite = no
    max-blksize = 600
    map-rules = {'r ^(.*)\\.img$ /img/\\1', 'e ^x'}
}
client "127.0.0.0/8" {
    map-file = ""
    deny-files = {}
}
"""


def prints_itself(lane):
    """What is printed is a file to the same effect: each key and list, each escape."""
    where = conf(lane)
    second = pathlib.Path("/srv/second")
    second.mkdir(exist_ok=True)
    where.file("all.map", "r ^[^/] /pxe/\\0\nrgg \\\\ /\n:here\ne ^/pxe\n")
    where.path.write_text(EVERYTHING)
    texts = []
    for _ in range(3):
        done = tool(lane, "--print-config", "-f", where.path)
        check_equal((done.returncode, complaints_of(done.stderr)), (0, []),
                    "exit status of --print-config, and what it complains of")
        texts.append(done.stdout)
        where.path.write_text(done.stdout)
        check_equal(tool(lane, "--check", "-f", where.path).returncode, 0, "exit status of --check")
    check_equal(without_origins(texts[1]), without_origins(texts[0]), "what the printed one prints")
    check_equal(texts[2], texts[1], "what that prints, with its lines")
    keys = {line.split(" = ")[0] for line in EVERYTHING.splitlines() if line[0] not in " }c"}
    printed = {line.split(" = ")[0] for line in texts[0].splitlines()}
    check(keys <= printed, f"not printed: {keys - printed}")
    second.rmdir()


def without_origins(text):
    return [line.partition("\t# ")[0] for line in text.splitlines()]


def origins(lane):
    """Where each value comes from: a file's line, an option, or nowhere."""
    where = conf(lane)
    where.file("more.conf", "# two lines\ngive-up = 9\n")
    where.write("linger = 5", 'include("more.conf")', "", 'client "10.0.0.0/8" {', "\tumask = 077", "}")
    text = tool(lane, "--print-config", "-f", where.path, "-B", "1000").stdout
    for line in (f'root = {{"{lane.root}"}}\t# {where.path}:1', f"linger = 5\t# {where.path}:2",
                 f"give-up = 9s\t# {where.place}/more.conf:2", "max-blksize = 1000\t# -B",
                 "max-transfers = 1000\t# default", f'client "10.0.0.0/8" {{\t# {where.path}:5',
                 f"\tumask = 077\t# {where.path}:6"):
        check(line in text.splitlines(), f"no line {line!r} in:\n{text}")


def command_line_wins(lane):
    """Over the file and over its sections, on paper and on the wire."""
    where = conf(lane)
    where.write("max-blksize = 700", "linger = 5", "create = no", 'client "127.0.0.0/8" {',
                "\tmax-blksize = 600", "\tumask = 077", "}")
    check_equal(blksize_of(lane, where), 600, "blksize of a client with a section")
    check_equal(blksize_of(lane, where, "-B", "1200"), 1200, "blksize with -B")
    text = tool(lane, "--print-config", "-f", where.path, "-B", "1200", "-t", "0", "-c", "-U", "002",
                "-u", "nobody").stdout.splitlines()
    for line in ("max-blksize = 1200\t# -B", "linger = forever\t# -t", "create = yes\t# -c",
                 "umask = 002\t# -U", 'user = "nobody"\t# -u'):
        check(line in text, f"no line {line!r} in {text}")
    check(not any(line.startswith(("\tmax-blksize", "\tumask")) for line in text), f"the section: {text}")
    # a bad value that an option covers is still told: the option may go
    done = tool(lane, "--check", "-f", where.path, "/nowhere")
    check_equal((done.returncode, done.stderr.splitlines()[0]), (1, "command line: "
                f'"/nowhere" {NOT_THERE}; {DIRECTORY}'), "a directory as argument, before the file's")


def blksize_of(lane, where, *args):
    with Given(lane, "-f", where.path, *args):
        return blksize(lane)


# --adopt.

def adopts_good(lane):
    """In one step, root's, mode 0644; a link stays one.  Whose the new file is, is of no
    matter: its content is what is vouched for."""
    where = conf(lane)
    where.write()
    fresh = where.file("draft", where.text("linger = 9"), mode=0o640, uid=lane.uid)
    before = where.path.stat().st_ino
    done = tool(lane, "--adopt", fresh, "-f", where.path)
    check_equal((done.returncode, done.stderr), (0, ""), "exit status, and stderr")
    check_equal(where.path.read_text(), fresh.read_text(), "the content")
    now = where.path.stat()
    check(now.st_ino != before, "it was written in place: a reader may see half of it")
    check_equal((now.st_mode & 0o7777, now.st_uid), (0o644, 0), "mode and owner")
    check_equal(sorted(path.name for path in where.place.iterdir()), ["draft", "tftpd.conf"], "the folder")
    real = where.place / "real"
    real.mkdir()
    where.path.rename(real / "tftpd.conf")
    where.path.symlink_to("real/tftpd.conf")
    fresh.write_text(where.text("linger = 10"))
    check_equal(tool(lane, "--adopt", fresh, "-f", where.path).returncode, 0, "exit status with a link")
    check(where.path.is_symlink(), "the link was replaced")
    check_equal((real / "tftpd.conf").read_text(), fresh.read_text(), "the content")
    # one that was not there before, and includes that are relative to its place
    where.path.unlink()
    where.file("more.conf", "linger = 3\n")
    fresh.write_text(where.text('include("more.conf")'))
    other = pathlib.Path("/srv/draft.conf")
    fresh.rename(other)
    done = tool(lane, "--adopt", other, "-f", where.path)
    check_equal((done.returncode, done.stderr), (0, ""), "exit status for a new one, and stderr")
    check_equal(where.path.read_text(), other.read_text(), "the content")
    other.unlink()


def adopts_no_bad(lane):
    """The target stays as it is; problems stand at the lines of the new file."""
    where = conf(lane)
    where.write("linger = 5")
    before = where.path.read_bytes(), where.path.stat()
    fresh = where.file("draft", where.text("linger = x", "give-up = y"))
    done = tool(lane, "--adopt", fresh, "-f", where.path)
    check_equal((done.returncode, done.stderr.splitlines()[:2]),
                (1, [f'{fresh}:2: linger: "x" is no time; {SECONDS}',
                     f'{fresh}:3: give-up: "y" is no time; {GIVE_UP}']), "exit status, and stderr")
    for args in (("--adopt", where.place / "missing", "-f", where.path),
                 ("--adopt", where.place, "-f", where.path)):
        done = tool(lane, *args)
        check_equal(done.returncode, 1, f"exit status with {args}")
        check(str(args[1]) in done.stderr, f"it says {done.stderr!r}")
    check_equal((where.path.read_bytes(), where.path.stat()), before, "the target")
    check_equal(sorted(path.name for path in where.place.iterdir()), ["draft", "tftpd.conf"], "the folder")
    done = tool(lane, "--adopt", fresh, "-f", where.place / "none" / "tftpd.conf")
    check_equal(done.returncode, 1, "exit status where the folder is missing")


def adopts_no_trap(lane):
    """Somebody who may write where root adopts from has no file of root's read, or put
    where others read it; nor does he keep root waiting."""
    where = conf(lane)
    where.write("linger = 5")
    before = where.path.read_bytes()
    place = pathlib.Path("/srv/theirs")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    os.chown(place, lane.uid, lane.gid)
    secret = where.file("secret", where.text("# root's"), mode=0o600)
    fresh = place / "draft"
    for what, make, sentence in (
            ("a link", lambda: fresh.symlink_to(secret), "it is a link; give the file itself"),
            ("a link to nothing", lambda: fresh.symlink_to("none"), "it is a link; give the file itself"),
            ("another name of it", lambda: fresh.hardlink_to(secret), "it has several names (hard links)"),
            ("a fifo", lambda: os.mkfifo(fresh), "it is no regular file"),
            ("what its group writes", lambda: write_mode(fresh, where.text(), 0o664),
             "others than its owner may write it (chmod go-w)"),
            ("what all write", lambda: write_mode(fresh, where.text(), 0o602),
             "others than its owner may write it (chmod go-w)")):
        make()
        done = tool(lane, "--adopt", fresh, "-f", where.path)
        check_equal((done.returncode, done.stderr), (1, f"{fresh}: {sentence}\n"), what)
        check_equal(where.path.read_bytes(), before, f"the target after {what}")
        check(not (where.place / "tftpd.conf.new").exists(), f"a copy is left of {what}")
        fresh.unlink()
    shutil.rmtree(place)


def write_mode(path, text, mode):
    path.write_text(text)
    path.chmod(mode)


def drafts(lane):
    """--draft: as if that content stood in the file's place, whosever it is."""
    where = conf(lane)
    where.write("linger = 5")
    before = where.path.read_bytes()
    where.file("more.conf", "give-up = 9\n")
    place = pathlib.Path("/srv/draft.conf")
    place.write_text(where.text('include("more.conf")', 'client "192.0.2.7" {', "read = no", "}"))
    os.chown(place, lane.uid, lane.gid)
    lane.file("draft.bin", b"x")
    about = ("-f", where.path, "--draft", place)
    done = tool(lane, *about, "--check")
    check_equal((done.returncode, done.stdout.splitlines()[-1]), (0, f"{place}: good, warnings: 0"), done.stderr)
    done = tool(lane, *about, "--print-config")
    check_equal(done.returncode, 0, f"--print-config: {done.stderr}")
    check(f"give-up = 9s\t# {where.place}/more.conf:1" in done.stdout, f"the include: {done.stdout}")
    for args, status in (((), 0), (about[2:], 1)):
        done = tool(lane, "-f", where.path, *args, "--explain", "192.0.2.7 read draft.bin")
        check_equal(done.returncode, status, f"--explain with {args}: {done.stdout}")
    place.write_text(where.text("linger = x", 'include("none.conf")'))
    done = tool(lane, *about, "--check")
    check_equal((done.returncode, sorted(done.stderr.splitlines())),
                (1, [f"{place}: errors: 2, warnings: 0", f'{place}:2: linger: "x" is no time; {SECONDS}',
                     f"{place}:3: include: {where.place}/none.conf: No such file or directory"]),
                "exit status, and stderr")
    check_equal(where.path.read_bytes(), before, "the file in use")
    # one that is not there yet can be drafted, too
    place.write_text(where.text())
    done = tool(lane, "-f", where.place / "none", "--draft", place, "--check")
    check_equal(done.returncode, 0, f"without the file: {done.stderr}")
    for args in (("--draft", place, "-f", where.path), ("--draft", place, "--adopt", place, "-f", where.path),
                 ("--draft", place, "-s", lane.root, "--check")):
        done = tool(lane, *args)
        check_equal(done.returncode, 64, f"status with {args}")
        check("--draft " in done.stderr.splitlines()[0], f"it says {done.stderr!r}")
    place.unlink()


def good_copy_is_roots(lane):
    """What a good start leaves: all in one file that only root reads."""
    where = conf(lane)
    where.file("names.map", "r ^a b\n")
    where.file("more.conf", "give-up = 9\n")
    where.write('map-file = "names.map"', 'include("more.conf")')
    with Given(lane, "-f", where.path):
        blksize(lane)
        until(where.good_copy().exists, 2 * lane.slowness, "a good copy")
        stat = where.good_copy().stat()
        check_equal((stat.st_mode & 0o7777, stat.st_uid), (0o600, 0), "mode and owner")
        text = where.good_copy().read_text()
        check("'names.map'" not in text and "include" not in text, f"it needs others: {text}")
        check("map-rules = {" in text and "give-up = 9s" in text, f"it lacks something: {text}")
    stat = STATE.stat()
    check_equal((stat.st_mode & 0o7777, stat.st_uid), (0o755, 0), "mode and owner of the folder")
    check_equal(tool(lane, "--check", "-f", where.good_copy()).returncode, 0, "--check of the copy")


TESTS = (
    (f"each of {len(VALUES)} bad lines is told with file:line and sentence, by all who should",
     bad_values, True),
    ("several problems are told in one run, each in its line", bad_layouts, True),
    ("a file that was cut off is no good one", unfinished, True),
    ("root as the user is told with its line", root_does_not_serve, True),
    ("a mistake is not followed by warnings about itself", only_what_is_wrong, True),
    ("clients are told also where no directory can be made", nowhere_to_stand, True),
    ("a missing file is told", missing_file, True),
    ("what is no regular file is told, and blocks nobody", no_regular_file, False),
    ("a file of more than 1 MiB is refused", too_large, False),
    ("a file that others may write or own is refused", modes_and_owners, True),
    ("included files are held to the same", includes, True),
    ("files are included 8 deep at most", deep_includes, False),
    ("bad map files are told with their lines", map_files, True),
    ("--check exits with 0 or 1, a bad command line with 64", statuses, True),
    # an instrumented build stays outside of its walls
    ("a root that the service user may not enter is told", root_that_is_closed, False),
    ("-L with -l stays in the foreground", stays_in_the_foreground, True),
    ("a pid file by a relative name is removed at the end", relative_pid_file, True),
    ("a state directory that others may write is not used", state_of_others, True),
    ("the environment does not get in", environment_stays_outside, True),
    ("--print-config prints what prints itself", prints_itself, True),
    ("--print-config says where each value comes from", origins, True),
    ("the command line wins over file and sections", command_line_wins, True),
    ("--adopt puts a good file in place at once", adopts_good, True),
    ("--adopt leaves everything as it is for a bad one", adopts_no_bad, True),
    ("--adopt takes no file that others may have made a trap", adopts_no_trap, True),
    ("--draft answers as if it stood in the file's place", drafts, True),
    ("a good start leaves a copy for root", good_copy_is_roots, True),
)
