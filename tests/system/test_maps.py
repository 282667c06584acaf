"""Map files over the wire: what a rule makes of a name shows in which file comes.

Each case has a map file and client addresses of its own, so that one server can do
them all, and each client a directory; the file that must come has its own name as
content.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

import tftp
from asking import Read, Refused, Served, Stored, Write, explain, serve_configured
from harness import PORT, check, check_equal, listening, run, until
from test_names import MAC, Neighbours

PLACE = pathlib.Path("/srv/maps")
NET4, NET6 = "127.7.{}.{}", "2001:db8:77::{:x}"


def said(text):
    """What an `a` rule answers."""
    return Refused(2, "denied", "a map rule refuses it", text=text)


NO_FILE = Refused(1, "notfound", "no such file")
EMPTY = Refused(1, "notfound", "the name is empty")
CLIMBS = Refused(2, "denied", 'the name has a ".." component')
LOOPS = Refused(2, "denied", "the map rules took more than 4096 steps")
TOO_LONG = Refused(2, "denied", "the map rules make too long a name")
LOST = Refused(2, "denied", "a map rule refuses it", text="Remap table failure")


class W:
    """A write, among names that are read."""

    def __init__(self, name):
        self.name = name


# (sentence, rules, {name as sent: name of the file that must come, or a refusal}).
# {i} and {x} in a file's name are the client's address.
CASES = (
    # r
    ("r replaces what matched", "r ^foo bar", {"foo.txt": "bar.txt", "xfoo": "xfoo"}),
    ("r replaces the first match only", "r o 0", {"boot": "b0ot"}),
    ("r is not bound to an end", "r o+ 0", {"foo.txt": "f0.txt"}),
    ("r without a replacement takes away", "r ^foo/", {"foo/a": "a", "a": "a"}),
    ("r at the end", "r $ .img", {"kernel": "kernel.img"}),
    ("r of all", "r ^.*$ default", {"whatever": "default", "a/b/c": "default"}),
    ("rules go on after a match", "r ^a b\nr ^b c\nr ^c d", {"a": "d", "b": "d", "x": "x"}),
    ("rules see what those before made", "r b$ c\nr ac$ it", {"ab": "it", "ac": "it"}),
    ("an alternative, a class, an interval", "r ^(ab|cd)[0-9]{2,3}$ it",
     {"ab12": "it", "cd123": "it", "ab1": "ab1"}),
    ("a dot is any byte, escaped it is one", "r ^a\\.b$ it\nr ^c.d$ it",
     {"a.b": "it", "cxd": "it", "axb": "axb"}),
    # g, gg, i
    ("rg repeats", "rg a o", {"banana": "bonono"}),
    ("rg begins anew each time", "rg aa a", {"aaaaa": "a"}),
    ("rg with groups", "rg ^([^.]*)\\.([^.]*\\.) \\1-\\2", {"a.b.c.d": "a-b-c.d"}),
    ("rgg goes on behind", "rgg aa a", {"aaaaa": "aaa"}),
    ("rgg has one beginning", "rgg ^x y", {"xxx": "yxx"}),
    ("rgg with an empty match", "rgg x* -", {"abc": "-a-b-c-"}),
    ("rgg with a case", "rgg [a-c] \\U\\0", {"abcd": "ABCd"}),
    ("g without r does nothing", "g a b", {"aa": "aa"}),
    ("i ignores case", "ri ^FOO bar", {"foo": "bar", "Foo": "bar", "FOO": "bar"}),
    ("without i case counts", "r ^FOO bar", {"foo": "foo", "FOO": "bar"}),
    ("i without r", "ie ^OK\nr ^ x-", {"ok": "ok", "no": "x-no"}),
    ("rig in any order", "gir A o", {"Banana": "Bonono"}),
    # e, E
    ("e ends it", "e ^ok/\nr ^ bad/", {"ok/x": "ok/x", "x": "bad/x"}),
    ("re rewrites and ends it", "re ^a b\nr ^b c", {"a1": "b1", "b1": "c1"}),
    ("e of what does not match", "e ^never\nr ^a b", {"a2": "b2"}),
    ("E ends it where the file exists", "E ^here\nr ^ not-", {"here1": "here1", "here-not": "not-here-not"}),
    ("rE keeps a name that exists", "rE ^alias/ real/\nr ^alias/ other/",
     {"alias/one": "real/one", "alias/two": "other/two"}),
    ("rE takes back a name that does not", "rE ^a3 gone\nr 3 4", {"a3": "a4"}),
    ("rE for an upload: a name that would do", "rE ^u9 v9\nr 9 8", {W("u9"): "v9", "u9": "u8"}),
    ("E of a name that may not be had", "rE ^a5 ..\nr 5 6", {"a5": "a6"}),
    # s
    ("s begins anew", "r ^three$ four\nrs ^two$ three", {"two": "four"}),
    ("s also comes by the first rule", "rs ^one$ two\nr ^two$ three", {"one": "three"}),
    ("s without r is a loop", "s ^loop", {"loop": LOOPS, "pool": "pool"}),
    # a
    ("a with a text", "a ^no sorry", {"nobody": said("sorry"), "yes": "yes"}),
    ("a without a text", "a ^no", {"nobody": said("Access denied")}),
    ("a: only the expansion is sent", "a denied MSG:\\0:\\i", {"xxdeniedyy": said("MSG:denied:{i}")}),
    ("a with blanks", "a ^(.*)\\.pvt$ \\1\\ is\\ private", {"x.pvt": said("x is private"), "x.pub": "x.pub"}),
    ("a with the address in digits", "a ^who \\x", {"who": said("{x}")}),
    ("a of a rewritten name", "r ^A a\na ^a was\\ \\0", {"A": said("was a")}),
    ("a in capitals", "a ^x \\Uno\\E\\ way", {"x": said("NO way")}),
    ("~a", "~a ^ok only\\ ok", {"ok1": "ok1", "other": said("only ok")}),
    ("aG for reads", "aG ^x not\\ to\\ read", {"x": said("not to read"), W("x-up"): "x-up"}),
    ("aP for writes", "aP . read-only", {W("up-1"): said("read-only"), "plain": "plain"}),
    ("ai", "ai SECRET no", {"a-Secret": said("no")}),
    # j and labels
    ("j jumps on", "j ^a end\nr ^ x-\n:end\nr $ -y", {"a": "a-y", "b": "x-b-y"}),
    ("j back is a loop", ":top\nj ^a top", {"a": LOOPS}),
    ("j by a part of the name", "j ^([ab])/ \\1\nr ^ none/\ne .\n:a\nr ^a/ alpha/\ne .\n:b\nr ^b/ beta/",
     {"a/1": "alpha/1", "b/1": "beta/1", "c/1": "none/c/1"}),
    ("j to where nothing is", "j ^(.)/ \\1\n:a", {"z/1": LOST, "a/1": "a/1"}),
    ("labels with blanks around", ": top\nj ^x end\nr ^ no-\n  :end", {"x": "x", "y": "no-y"}),
    ("~j", "~j ^a end\nr ^a b\n:end", {"a7": "b7", "c7": "c7"}),
    # G, P, 4, 6
    ("G is for reads", "rG ^x read-", {"x1": "read-1", W("x1w"): "x1w"}),
    ("P is for writes", "rP ^x written-", {"x2": "x2", W("x2"): "written-2"}),
    ("G and P together never apply", "rGP ^x no-", {"x3": "x3", W("x3w"): "x3w"}),
    ("4 is for IPv4", "r4 ^ four-\nr6 ^ six-", {"v": {4: "four-v", 6: "six-v"}}),
    ("~4", "~a4 ^ok not\\ you\ne .", {"ok2": "ok2", "other2": {4: said("not you"), 6: "other2"}}),
    ("4 and 6 together never apply", "r46 ^ never-", {"v2": "v2"}),
    ("e4", "e4 .\nr ^ six-", {"v3": {4: "v3", 6: "six-v3"}}),
    ("rG6 and rP4", "rG6 ^ g6-\nrP4 ^ p4-", {"v4": {4: "v4", 6: "g6-v4"}, W("v4w"): {4: "p4-v4w", 6: "v4w"}}),
    # ~
    ("~e ends it for all others", "~e ^in/\nr ^in/ inside/", {"in/x": "inside/x", "out/x": "out/x"}),
    ("~s is a loop for others", "~s ^ok", {"ok3": "ok3", "ko": LOOPS}),
    # escapes
    ("\\0 is the match", "r ^[^/]+$ dir/\\0", {"a": "dir/a", "d/a": "d/a"}),
    ("\\1 to \\9", "r ^(.)(.)(.)(.)(.)(.)(.)(.)(.)$ \\9\\8\\7\\6\\5\\4\\3\\2\\1", {"abcdefghi": "ihgfedcba"}),
    ("an unset group is nothing", "r ^(a)|(b) x\\1\\2", {"a8": "xa8", "b8": "xb8"}),
    ("\\i is the address", "r ^ \\i/", {"a": "{i}/a"}),
    ("\\x is the address in digits", "r ^ \\x-", {"a": "{x}-a"}),
    ("\\L\\x in small letters", "r ^ \\L\\x-", {"a": "{lx}-a"}),
    ("\\m is nothing for a client of this host", "r ^ m\\m-", {"a": "m-a"}),
    ("\\U and \\L and \\E", "r ^(.*)-(.*)-(.*)$ \\U\\1\\E-\\L\\2\\E-\\3x", {"aB-Cd-eF": "AB-cd-eFx"}),
    ("\\U goes for all that follows", "r ^(.*)$ \\U\\1-end", {"ab": "AB-END"}),
    ("\\U ends with the replacement", "r ^(.) \\U\\1", {"abc": "Abc"}),
    ("\\\\ is a backslash", "r ^x$ a\\\\b", {"x": "a/b"}),
    ("\\ and a blank", "r \\ with\\ blank _\nr ^_to$ a\\ b", {"x with blank": "x_", "_to": "a b"}),
    ("\\# is no comment", "r \\# hash\nr ^h$ \\#", {"a#b": "ahashb", "h": "#"}),
    ("other letters stand for themselves", "r ^x$ \\q\\.\\-\\z", {"x": "q.-z"}),
    ("a backslash at the end is one", "r ^x$ dir\\", {"x": "dir"}),
    ("a comment anywhere", "r ^x$ y# z\n# r ^y$ z\n  # nothing\nr ^w$ v # more", {"x": "y", "w": "v"}),
    ("blanks and tabs", "  r\t\t^x$   y  ", {"x": "y"}),
    ("what follows the third field is left out", "r ^x$ y z w", {"x": "y"}),
    ("lines as Windows ends them", "r ^x$ y\r\nr ^y$ z\r\n", {"x": "z"}),
    ("no line end at the end", "r ^x$ y", {"x": "y"}),
    # names as they were sent, and what comes of them
    ("a leading slash is seen", "r ^/ slash/", {"/a": "slash/a", "a": "a"}),
    ("two leading slashes are seen", "r ^//([^/]) two/\\1", {"//a": "two/a", "/a": "a"}),
    ("backslashes are seen", "rg \\\\ /\nr ^/boot/ b/", {"\\boot\\x": "b/x"}),
    ("a backslash at the front is seen", "r ^\\\\ back/", {"\\a": "back/a", "/a": "a"}),
    ("dots and doubled slashes are seen", "r /\\./ /dot/\nr // /two/", {"a/./b": "a/dot/b", "a//b": "a/two/b"}),
    ("a slash at the end is seen", "r /$ /index", {"a/": "a/index"}),
    ("/tftpboot is seen", "r ^/tftpboot/ t/", {"/tftpboot/a": "t/a"}),
    ("strip-prefix comes after", "r ^ /tftpboot/", {"stripped": "stripped"}),
    ("letters are as they were sent", "r X y", {"aXb": "ayb", "axb": "axb"}),
    (".. before the rules is theirs to mend", "rg /\\.\\./ /", {"/a/../b": "a/b"}),
    ("a rule that climbs", "r ^x$ ../x", {"x": CLIMBS}),
    ("a rule that leaves nothing", "r .*", {"x": EMPTY}),
    ("a rule that makes it endless", "rg ^(.*)$ \\1\\1", {"x": TOO_LONG}),
    ("a rule that never ends", "rg ^loop$ loop", {"loop": LOOPS}),
    ("a file that is not there", "r ^x$ nothing-there", {"x": NO_FILE}),
    ("no rule at all", "# nothing\n\n", {"a9": "a9"}),
    # several
    ("the MAC address's case", "r ^(.*)/([0-9A-Fa-f-]+)$ \\1/\\L\\2",
     {"cfg/01-AA-BB-CC-DD-EE-FF": "cfg/01-aa-bb-cc-dd-ee-ff", "cfg/Default": "cfg/Default"}),
    ("a directory for uploads", "rP ^ uploads/\\i/", {W("cfg"): "uploads/{i}/cfg"}),
    ("docker-tftp-hpa's lower case", "r ^(.*)$ \\L\\1", {"ABC/Def": "abc/def"}),
    ("Windows' paths", "ri ^[a-z]:\nrg \\\\ /\nri ^/boot/ Boot/",
     {"C:\\boot\\BCD": "Boot/BCD", "\\Boot\\x": "Boot/x"}),
)


def addresses(number):
    return NET4.format(number // 250, number % 250 + 1), NET6.format(number + 1)


def filled(text, source):
    """A file's name, or a text of a refusal, with the client's address put in."""
    digits = "".join(f"{int(part):02X}" for part in source.split(".")) if ":" not in source else \
        "".join(f"{word:>04}" for word in expanded(source)).upper()
    return text.replace("{i}", source).replace("{x}", digits).replace("{lx}", digits.lower())


def expanded(address):
    left, _, right = address.partition("::")
    left, right = left.split(":"), right.split(":")
    return [*left, *["0"] * (8 - len(left) - len(right)), *right]


def wanted_for(wanted, source):
    """A case's expectation for the client of that address."""
    if isinstance(wanted, dict):
        wanted = wanted[6 if ":" in source else 4]
    if isinstance(wanted, Refused):
        return Refused(wanted.code, wanted.outcome, wanted.message, filled(wanted.text, source))
    return filled(wanted, source)


def furnish(lane, wishes):
    """wishes: (directory, name, wanted) of all cases; every file that has to come."""
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir()
    for directory, name, wanted in wishes:
        if isinstance(wanted, Refused):
            continue
        path = PLACE / directory / wanted
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(name, W):
            path.write_text(wanted)
    for folder in (PLACE, *(path for path in PLACE.rglob("*") if path.is_dir())):
        os.chown(folder, lane.uid, lane.gid)


def wishes_of(cases, sources_of):
    for number, (_, _, names) in enumerate(cases):
        for source in sources_of(number):
            for name, wanted in names.items():
                yield source, name, wanted_for(wanted, source)


def every_rule(lane):
    """All cases from IPv4 and IPv6, reads and writes, with --explain before each."""
    check(sum(len(names) for _, _, names in CASES) >= 80, "too few cases")
    furnish(lane, list(wishes_of(CASES, addresses)))
    text = f'root = "{PLACE}"\ncreate = yes\nclient-dir = ip\n'
    folder = lane.scratch / "maps"
    folder.mkdir()
    for number, (_, rules, _) in enumerate(CASES):
        (folder / f"{number}.rules").write_bytes(rules.encode())
        text += f'client "{",".join(addresses(number))}" {{ map-file = "maps/{number}.rules" }}\n'
    for number in range(len(CASES)):
        run(lane.ip(), "addr", "add", addresses(number)[1] + "/128", "dev", "lo", "nodad")
    config = serve_configured(lane, text, address="::")
    for number, (what, _, names) in enumerate(CASES):
        for source in addresses(number)[:1 if lane.slowness > 4 else 2]:
            for name, wanted in names.items():
                check_case(lane, config, what, source, name, wanted_for(wanted, source), source)


def check_case(lane, config, what, source, name, wanted, directory=""):
    if isinstance(name, W):
        case = Write(name.name, wanted if isinstance(wanted, Refused) else Stored(PLACE / directory / wanted),
                     source=source)
    else:
        case = Read(name, wanted if isinstance(wanted, Refused) else Served(wanted), source=source)
    case.run(lane, what, config.words)


def as_option(lane):
    """-m on the command line, and map-rules in the configuration: the same."""
    cases = [(what, rules, names) for what, rules, names in CASES
             if what in ("r replaces what matched", "rg with groups", "\\i is the address", "j jumps on",
                         "a with blanks", "rE keeps a name that exists", "~a", "P is for writes")]
    for what, rules, names in cases:
        wishes = [("", name, wanted_for(wanted, "127.0.0.1")) for name, wanted in names.items()]
        furnish(lane, wishes)
        path = lane.scratch / "one.rules"
        path.write_text(rules)
        by_option = serve_configured(lane, f'root = "{PLACE}"\ncreate = yes\n', "-m", path)
        for _, name, wanted in wishes:
            check_case(lane, by_option, f"-m: {what}", "127.0.0.1", name, wanted)
        quoted = ", ".join(f"'{line}'" for line in rules.replace("\\", "\\\\").splitlines())
        by_key = serve_configured(lane, f'root = "{PLACE}"\ncreate = yes\nmap-rules = {{{quoted}}}\n')
        for _, name, wanted in wishes:
            check_case(lane, by_key, f"map-rules: {what}", "127.0.0.1", name, wanted)


def rule_and_line(lane):
    """The log and --explain name the rule's line; each match is shown."""
    furnish(lane, [("", "x", "c"), ("", "y", "y")])
    rules = lane.scratch / "lines.rules"
    rules.write_text("# a comment\nr ^a b\n\nr ^b c\na ^no never\n")
    config = serve_configured(lane, f'root = "{PLACE}"\nmap-file = "{rules}"\n')
    answer = Read("no", said("never")).run(lane, "", config.words)
    check_equal(answer.record["message"], f"a map rule refuses it ({rules}:5)", "message")
    told = explain(lane, config.words, "127.0.0.1", "read", "a").text
    for line in (f'{rules}:2 makes it "b"', f'{rules}:4 makes it "c"'):
        check(line in told, f"--explain does not say {line!r}: {told}")
    answer = Read("a", Served("c")).run(lane, "", config.words)
    check_equal((answer.record["file"], answer.record["path"]), ("a", "/c"), "file and path in the log")


def hardware_address(lane):
    """\\m: of a neighbour; nothing for one behind a router; the rule then sees none."""
    rules = lane.scratch / "mac.rules"
    rules.write_text("r ^ mac-\\m-\nr ^mac--(.*)$ routed-\\1\n")
    mine = "mac-" + MAC.replace(":", "-") + "-config"
    furnish(lane, [("", "config", mine), ("", "config", "routed-config")])
    neighbours = Neighbours(lane)
    try:
        serve_configured(lane, f'root = "{PLACE}"\nmap-file = "{rules}"\n', address="::")
        for server, source, content in (("10.77.0.1", "10.77.0.10", mine), ("fd77::1", "fd77::10", mine),
                                        ("10.77.0.1", "10.99.0.5", "routed-config")):
            peer = neighbours.peer(lane, server, source)
            check_equal(peer.get("config"), content.encode(), f"{source}: content")
            lane.end_of(peer)
    finally:
        lane.stop_server()
        neighbours.leave()


def without_secure(lane):
    """Without -s the rules have to make the name absolute, as the sample's do."""
    furnish(lane, [("", "x", "x"), ("", "x", "sub/x")])
    rules = lane.scratch / "absolute.rules"
    rules.write_text(f"ri ^[a-z]:\nrg \\\\ /\nr ^[^/] {PLACE}/\\0\nr ^/boot/ {PLACE}/sub/\nr ^/out/ /etc/\n")
    words = ("-m", str(rules), str(PLACE))
    lane.serve(*words)
    for name, file in (("x", "x"), ("/boot/x", "sub/x"), ("C:x", "x"), ("sub\\x", "sub/x"), (f"{PLACE}/x", "x"),
                       ("C:\\boot\\x", "sub/x")):
        Read(name, Served(file)).run(lane, "", words)
    for name in ("/out/passwd", "/x", "/etc/passwd", f"{PLACE}x/x"):
        Read(name, Refused(2, "denied", f"the name is not below {PLACE}")).run(lane, "", words)
    Read("../x", CLIMBS).run(lane, "", words)
    lane.serve(str(PLACE))
    for name in ("x", "sub/x", "srv/maps/x"):
        Read(name, Refused(2, "denied", "without -s only absolute names are served")).run(
            lane, "", (str(PLACE),))


# The sample rules of tftpd-hpa.

SAMPLE_NAMES = {
    "x": "tftpboot/x", "/a/x": "a/x", "C:\\boot\\x": "boot/x", "c:x": "tftpboot/x", "/a#b#c": "a@b@c",
    "/a/../b": "a/..no../b", "ok/x.pvt": "ok/x.pvt", "ok\\x": "ok/x", "\\boot\\x": "boot/x",
    "a.pvt": said("Access denied"), "/a/key.pvt": said("Access denied"), "boot\\y": "tftpboot/boot/y",
}

# The same in the letters that 6.0 added.
SAMPLE_6 = r"""
ri      ^[a-z]:                         # Remove "drive letters"
rgg     \\              /               # Convert backslashes to slashes
rgg     \#              @               # Convert hash marks to @ signs
rg      /\.\./          /..no../        # Convert /../ to /..no../
j       ^ok/            done            # These are always ok
E       ^/there                         # and what is there
r       ^[^/]           /tftpboot/\0    # Convert non-absolute files
a       \.pvt$                          # Reject requests for private files
:done
"""


def sample_rules(lane):
    """Both versions of them, as their comments say."""
    shipped = lane.peer_program("usr/share/doc/tftpd-hpa/examples/sample.rules").read_text()
    for what, rules in (("5.2", shipped), ("6.0", SAMPLE_6)):
        path = lane.scratch / f"sample-{what}.rules"
        path.write_text(rules)
        wishes = [("", name, wanted) for name, wanted in SAMPLE_NAMES.items()]
        furnish(lane, wishes)
        config = serve_configured(lane, f'root = "{PLACE}"\nstrip-prefix = {{}}\n', "-m", path)
        for _, name, wanted in wishes:
            check_case(lane, config, f"sample of {what}", "127.0.0.1", name, wanted)


# tftpd-hpa itself.

HPA_RULES = (
    ("r ^foo bar", ("foo", "foo.txt", "xfoo", "bar")),
    ("r o 0", ("boot", "oo", "none")),
    ("rg a o", ("banana", "xyz")),
    ("ri ^FOO bar", ("Foo", "fOO.txt", "x")),
    ("r ^foo/", ("foo/p", "p")),
    ("e ^ok/\nr ^ bad/", ("ok/x", "x", "bad/x")),
    ("re ^a b\nr ^b c", ("a1", "b1")),
    ("r ^(.)(.)$ \\2\\1", ("ab", "abc")),
    ("r ^ \\i/", ("p",)),
    ("r ^ \\x-", ("p",)),
    ("r ^(.*)$ \\U\\1", ("abc", "aBc.d")),
    ("r ^(.*)$ \\L\\1", ("ABC", "aBc.d")),
    ("r ^(.*)-(.*)$ \\U\\1\\E-\\2", ("ab-cd",)),
    ("r ^x$ a\\ b", ("x",)),
    ("r \\# hash", ("a#b",)),
    ("rg \\\\ /", ("dir\\file", "aa\\b\\c")),
    ("rG ^x read-", ("x1",)),
    ("rP ^x written-", ("x1",)),
    ("a ^.*\\.pvt$ private", ("x.pvt", "x.pub")),
    ("a ^no", ("nobody", "yes")),
    ("~e ^in/\nr ^in/ inside/", ("in/x", "out/x")),
    ("r ^[^/] /t/\\0", ("p", "/q")),
    ("r p q # comment\n# r q r", ("p", "q")),
    ("r ^x$ y\nr ^y$ z", ("x", "y")),
    ("ri ^[a-z]:\nrg \\\\ /\nrg \\# @\nrg /../ /..no../\ne ^ok/\nr ^[^/] /tftpboot/\\0\na ^.*\\.pvt$ no",
     ("C:\\boot\\x", "x", "/a#b", "ok/x.pvt", "/a.pvt", "/a/../b")),
    ("rP ^ up/", (W("hpa-1"), W("hpa-2"))),
    ("aP .* read-only", (W("hpa-3"), "x")),
)

HPA_FILES = """bar bar.txt xfoo xbar b0ot 0o none bonono xyz x p q ok/x bad/x b1 c1 ba abc bac
    127.0.0.1/p 7F000001-p ABC ABC.D abc.d AB-cd ahashb dir/file aa/b/c read-1 x1 x.pub yes inside/x
    out/x t/p z boot/x tftpboot/x a@b a/..no../b bad/bad/x""".split() + ["a b"]


@contextlib.contextmanager
def hpa(lane, rules):
    """tftpd-hpa 5.2 on our port."""
    lane.stop_server()
    path = lane.scratch / "hpa.rules"
    path.write_text(rules + "\n")
    process = subprocess.Popen(
        [lane.peer_program("usr/sbin/in.tftpd"), "-L", "-4", "-a", f"127.0.0.1:{PORT}", "-u", "tftpd",
         "-c", "-p", "-m", path, "-s", str(PLACE)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env=lane.environment(peers=True), start_new_session=True)
    try:
        until(listening, 5 * lane.slowness, "in.tftpd listens")
        yield
    finally:
        # Its transfers stand under nobody once it is gone, and have its group.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)
        until(lambda: not listening(), 5, "in.tftpd is gone")


def wire_answer(lane, name, ends):
    """What a client gets to see: content, or the code and text of the ERROR."""
    is_write = isinstance(name, W)
    op, name = (tftp.WRITE, name.name) if is_write else (tftp.READ, name)
    peer = lane.peer()
    (peer.write if is_write else peer.read)(name, ends=ends)
    try:
        if not is_write:
            return peer.get_rest()
        peer.put_rest(name.encode())
        return sorted(str(path) for path in PLACE.rglob("*") if path.name == name)
    except tftp.Unexpected as error:
        # "after 0 blocks: <ERROR 2 'text' from 127.0.0.1:1234>"
        return str(error).partition("<")[2].partition(" from ")[0] or f"{op} of {name}: {error}"
    finally:
        peer.close()
        if is_write:
            for path in PLACE.rglob(name):
                path.unlink()


def as_hpa_does(lane):
    """in.tftpd with the same rules and files gives the same answers."""
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir()
    for name in (*HPA_FILES, "up/nothing"):
        (PLACE / name).parent.mkdir(parents=True, exist_ok=True)
        (PLACE / name).write_text(name)
    for folder in (PLACE, PLACE / "up"):
        os.chown(folder, lane.uid, lane.gid)
    # It looks its address up as if only what some interface has could be used.
    run(lane.ip(), "addr", "replace", "10.66.0.1/32", "dev", "lo")
    for rules, names in HPA_RULES:
        with hpa(lane, rules):
            theirs = [wire_answer(lane, name, 0) for name in names]
        path = lane.scratch / "ours.rules"
        path.write_text(rules + "\n")
        lane.serve("-c", "-p", "-m", path, "-s", PLACE, fresh=True)
        for name, their in zip(names, theirs):
            shown = name.name if isinstance(name, W) else name
            check_equal(wire_answer(lane, name, 1), their, f"{rules!r}: {shown!r}")


TESTS = (
    ("each letter, escape and combination, by IPv4 and IPv6, read and write", every_rule, True),
    ("-m and map-rules do the same", as_option, True),
    ("the log and --explain name the rule", rule_and_line, True),
    ("\\m is the hardware address of a neighbour", hardware_address, True),
    ("without -s rules make names absolute", without_secure, True),
    ("the sample rules of both versions", sample_rules, True),
    ("tftpd-hpa itself answers the same", as_hpa_does, False),
)
