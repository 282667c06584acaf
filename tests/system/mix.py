"""A known mix of transfers: machines that boot, and everybody who misbehaves.

    scene = mix.play(lane)          # some seconds; the log then tells of it
    scene.actors                    # who asked for what, and how it had to end

Each actor is a client on a port of its own that behaves in one way, so that how its
transfer ends is known before it begins: every outcome, both directions, with names that
would harm a terminal, a spreadsheet or a careless program.
"""

import itertools
import json
import os
import signal

import faulting
import recount
import tftp
from faulting import COMPLETE, REFUSED, SILENT, Crowd
from harness import FIRST_CLIENT_PORT, PORT, bytes_of, check, descriptors_of, kill, listeners, until
from test_stats import rotate

AT_ONCE = 16
MAX_UPLOAD = 20000
CONFIGURATION = f"""root = {{"/srv/tftp"}}
create = yes
overwrite = yes
deny-files = {{"*.key"}}
deny-clients = {{"127.66.0.0/16"}}
max-upload = {MAX_UPLOAD}
min-free = 0
give-up = 2s
retransmit = 100ms
max-transfers = 256
"""

# Names that are served as they are, and what in them is dangerous to whom.
HOSTILE = [
    b"=cmd|'C calc'!A0", b"=HYPERLINK(\"http:x\")", b"+1+1", b"-2+3", b"@SUM(A1)", b"'quoted'",
    b'"quoted"', b'half"quote', b"comma,semi;colon", b" leads with a blank", b"%s%n%x", b"$(reboot)`id`",
    b"<script>alert(1)", b"&amp;#x1b;", b"{\"v\":1", b"x{\"v\":1,\"ts\":\"2026", b"\xc2\x9b31mred",
    b"\xe2\x80\xaegnp.exe", b"\xe2\x81\xa6isolate", b"\xd8\x9cletter mark", b"zero\xe2\x80\x8bwidth",
    b"\xef\xbb\xbfbom", b"line\xe2\x80\xa8separator", b"soft\xc2\xadhyphen", b"\xff\xfe raw",
    b"overlong\xc0\xaf", b"half\xe2\x82", b"\xed\xa0\x80surrogate", b"\xf4\x90\x80\x80beyond", b"bare\x80",
    "ümläut".encode(), "日本語.img".encode(), "smile 😀".encode(), "e\u0301 combined".encode(),
    b"=\xff", b"-" * 100, b"n" * 255, "ß".encode() * 120, b"tail\xff" * 40, b"\xe2\x80\xae" * 60,
    b"null", b"-", b"true", b"0", b"file_hex", b"(none)", b"other",
]
# Names that may not be asked for: control bytes, and what is too long.
FORBIDDEN = [
    b"\x1b[31mred\x1b[0m", b"\x1b]0;title\x07", b"new\nline", b"\tleads with a tab", b"\r=1+1", b"bell\x07",
    b"back\x08space", b"del\x7f", b"\x01\x02\x03", b"two\n\nlines\n", b"=1+1\nx", b"\x1b\xff\xfe",
    b"\n{\"v\":1,\"ts\":\"2026-11-22T10:00:00.000000Z\",\"event\":\"transfer\"}\n",
]
LONG = [b"l" * 1024, b"=" * 1000, b"\xff" * 1000, "☃".encode() * 340, b"d/" * 500 + b"x"]
OUTSIDE = [b"../../etc/passwd", b"..\\..\\boot.ini", b"a/../../secret"]
HOSTILE_TEXTS = [b"=1+1", b"\x1b[2Jgone", b"new\nline", b"\xff\xfe", b'"quote"', "\u202eoldest".encode(), b"",
                 b"t" * 300, b"aborted"]


# Who plays.

class Actor(faulting.Client):
    """wanted     outcomes that its end record may have
    may_stay   whether its port stays open when it says no more
    """

    wanted, may_stay = ("complete",), False

    def __init__(self, scene, op, name, content=b"", source="127.0.0.1", **how):
        how.setdefault("resend", 10.0 * scene.lane.slowness)
        super().__init__(op, name, content, source, FIRST_CLIENT_PORT + scene.lane.count(), **how)
        self.scene = scene

    def stop(self):
        """It says no more."""
        self.result = SILENT
        if not self.may_stay:
            self.socket.close()

    def fault(self):
        """What went otherwise than it had to on this side, or None."""
        if self.result != COMPLETE:
            return f"{self.result} {self.told}"
        return "other content" if self.op == tftp.READ and self.data() != self.content else None


class Refused(Actor):
    """Gets an ERROR."""

    def __init__(self, *args, wanted, raw=None, **how):
        self.wanted, self.raw = (wanted,) if isinstance(wanted, str) else wanted, raw
        super().__init__(*args, **how)

    def say(self, packets, now):
        super().say([self.raw] if self.raw is not None and self.tid is None else packets, now)

    def fault(self):
        return None if self.result == REFUSED else f"{self.result}"


class Repeater(Actor):
    """Asks three times, and says everything twice."""

    def say(self, packets, now):
        super().say(packets * (3 if self.tid is None else 2), now)


class Quitter(Actor):
    """Goes in its own way after some blocks; what `leave` does."""

    def __init__(self, *args, after=1, **how):
        self.after = after
        super().__init__(*args, **how)

    def take(self, packet, now):
        super().take(packet, now)
        if self.result is None and self.index >= self.after:
            self.leave(now)

    def leave(self, now):
        self.stop()

    def fault(self):
        return None if self.result == SILENT else f"{self.result} {self.told}"


class Mute(Quitter):
    """Asks, and never says a word again."""

    wanted, may_stay = ("noanswer",), True

    def start(self, now):
        super().start(now)
        self.stop()


class Prober(Quitter):
    """Wants to know the size only."""

    wanted = ("probe",)

    def __init__(self, *args, error=(8, b"User aborted the transfer"), **how):
        self.error = error
        super().__init__(*args, tsize=0, **how)

    def take(self, packet, now):
        check(packet.op == tftp.OACK, f"{self.name!r}: {packet}")
        self.say([tftp.error_bytes(*self.error)], now)
        self.stop()


class Aborter(Quitter):
    wanted = ("aborted",)

    def __init__(self, *args, error=(0, b"aborted"), **how):
        self.error = error
        super().__init__(*args, **how)

    def leave(self, now):
        self.say([tftp.error_bytes(*self.error)], now)
        self.stop()


class Unconfirmed(Quitter):
    """Has all, and is gone without a word."""

    wanted = ("unconfirmed",)

    def take_data(self, packet, now):
        if len(packet.payload) < self.blksize:
            self.stop()
        else:
            super().take_data(packet, now)

    def leave(self, now):
        pass


class Leaver(Quitter):
    """Closes its port in the midst."""

    wanted = ("vanished",)


class Sleeper(Quitter):
    wanted, may_stay = ("timeout",), True


class Victim(Quitter):
    """Its process is killed."""

    wanted, may_stay = ("crashed",), True

    def leave(self, now):
        self.stop()
        self.scene.wait([self], "start")
        kill(self.scene.records_of(self, "start")[0]["pid"], signal.SIGKILL)


class Survivor(Quitter):
    """The server is stopped meanwhile."""

    wanted, may_stay = ("shutdown",), True


# What is played.

class Scene:
    def __init__(self, lane):
        self.lane, self.actors, self.crowd = lane, [], Crowd()
        self.records, self.offsets, self.parts = {}, {}, []

    # The log, as it grows and is renamed.

    def look(self):
        for path in self.lane.log.files():
            with open(path, "rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                file.seek(self.offsets.get(inode, 0))
                text = file.read()
            text = text[:text.rfind(b"\n") + 1]
            self.offsets[inode] = self.offsets.get(inode, 0) + len(text)
            for line in text.splitlines():
                self.take_record(line)

    def take_record(self, line):
        record = json.loads(line)
        if record["event"] != "notice":
            key = record["client"], record["client_port"]
            self.records.setdefault(key, []).append(record)

    def records_of(self, actor, event):
        return [r for r in self.records.get((actor.address, actor.port), []) if r["event"] == event]

    def wait(self, actors, event, seconds=15):
        """Until each of them has such a record."""
        def missing():
            self.look()
            return [actor for actor in actors if not self.records_of(actor, event)]
        until(lambda: not missing(), seconds * self.lane.slowness,
              f"a {event} record of each of {len(actors)} actors")

    # The actors.

    def act(self, kind, *args, **how):
        actor = kind(self, *args, **how)
        self.actors.append(actor)
        return self.crowd.add(actor)

    def run(self, scripts):
        """Each script is a row of (kind, ...), one after the other; some scripts at once."""
        waiting, running = list(reversed(list(scripts))), {}
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                self.go_on(iter(waiting.pop()), running)
            for actor in self.crowd.turn(0.05):
                self.go_on(running.pop(actor, iter(())), running)

    def go_on(self, script, running):
        for kind, how in script:
            running[self.act(kind, **how)] = script
            return

    def finish(self, actors, seconds=20):
        """Their ends stand in the log; the ports of those who fell silent are closed."""
        self.wait(actors, "transfer", seconds)
        for actor in actors:
            actor.socket.close()

    def check(self):
        """Each had its one end, as it had to be."""
        self.look()
        wrong = []
        for actor in self.actors:
            ends, problem = self.records_of(actor, "transfer"), actor.fault()
            if problem is None and [r["outcome"] for r in ends] not in [[o] for o in actor.wanted]:
                problem = f"{[(r['outcome'], r.get('message')) for r in ends]}, not {actor.wanted}"
            if problem:
                wrong.append(f"{type(actor).__name__} {actor.op} {actor.name[:60]!r}: {problem}")
            # A request by hand has the name that was read out of it, if any.
            by_hand = ends and getattr(actor, "raw", None) is not None
            name = recount.name_of(ends[0]) or b"" if by_hand else actor.name
            self.lane.ledger.note(name, client=actor.address, port=actor.port)
        check(not wrong, f"{len(wrong)} of {len(self.actors)}:\n" + "\n".join(wrong[:10]))


def play(lane, look=lambda survivors: None):
    """All of it; two servers, one after the other, and two rotations of the log.

    look       is called while some transfers are half through, with their actors
    """
    conf = lane.scratch / "mix.conf"
    conf.write_text(CONFIGURATION)
    files = make_files(lane)
    scene = Scene(lane)
    rounds = list(zip(*machines(lane, files).values()))
    for turn, scripts in enumerate(rounds):
        lane.serve("-f", conf, address="::", fresh=True)
        odd = misbehaviour(lane, files, turn)
        for kind, how in odd["silent"]:
            scene.act(kind, **how)
        scene.run([*scripts[:len(scripts) // 2], *odd["quick"]])
        rotate_alone(lane)
        scene.run(scripts[len(scripts) // 2:])
        scene.finish(scene.actors)
        break_uploads(scene, turn)
        for raw in (b"\0\1", b"\0\3\0\1late", b"rubbish"):      # no answer, no record
            lane.peer().send_to_service(raw)
        for _ in range(3):
            check(lane.peer(("::1", PORT)).get("vmlinuz") == files[b"vmlinuz"], "other content by IPv6")
        shut_down(scene, files, look)
    scene.finish(scene.actors)
    scene.check()
    return scene


def rotate_alone(lane):
    """While both dispatchers read, their records stand in two files, and what a machine did
    is not in the order of the files: nobody boots meanwhile."""
    before = set(lane.server.dispatchers())

    def readers():
        wanted = listeners()
        return {pid for pid in lane.server.dispatchers() if wanted & set(descriptors_of(pid).values())}

    rotate()
    until(lambda: readers() and not readers() & before, 10 * lane.slowness, "the new dispatcher reads alone")


def machines(lane, files=()):
    """address -> its boots, each a script."""
    racks, hosts, boots = (2, 10, 1) if lane.quick else (4, 24, 2)
    addresses = [f"127.{20 + rack}.{host % 3}.{host + 1}" for rack in range(racks) for host in range(hosts)]
    return {address: [boot(dict(files), address, number + turn * len(addresses)) for turn in range(boots)]
            for number, address in enumerate(addresses)}


def make_files(lane):
    """name -> content of what is served."""
    files = {b"pxelinux.0": 26400, b"pxelinux.cfg/default": 310, b"vmlinuz": 70000, b"initrd.img": 150001,
             b"empty": 0, b"block": 512, b"text": 1999}
    files = {name: bytes_of(size, size) for name, size in files.items()}
    files[b"text"] = b"a line\nand another\r\n" * 90
    for number, name in enumerate(HOSTILE):
        files[name] = bytes_of(number * 37 % 1300, number)
    for name, body in files.items():
        path = os.path.join(os.fsencode(lane.root), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(body)
        os.chmod(path, 0o644)
    lane.file("private", b"x", mode=0o600)
    lane.file("secret.key", b"x")
    (lane.root / "folder").mkdir(exist_ok=True)
    lane.root.chmod(0o777)
    return files


def reads(files, name, source, kind=Actor, **how):
    return kind, {"op": tftp.READ, "name": name, "content": files.get(name, b""), "source": source, **how}


def writes(name, content, source, kind=Actor, **how):
    return kind, {"op": tftp.WRITE, "name": name, "content": content, "source": source, **how}


def boot(files, address, number):
    """What PXELINUX asks for, until the machine runs or something comes between."""
    missing = {"kind": Refused, "wanted": "notfound"}
    steps = [reads(files, b"pxelinux.0", address, Prober),
             reads(files, b"pxelinux.0", address, blksize=1468, tsize=0),
             reads(files, b"pxelinux.cfg/01-52-54-00-12-34-%02x" % (number % 256), address, **missing)]
    steps += [reads(files, b"pxelinux.cfg/" + b"7F140001"[:length], address, **missing)
              for length in range(8, 8 - number % 4, -1)]
    steps += [reads(files, b"pxelinux.cfg/default", address),
              reads(files, b"vmlinuz", address, blksize=1428, windowsize=8),
              reads(files, b"initrd.img", address, blksize=1428, windowsize=16, tsize=0)]
    last = {3: (Leaver, {}), 7: (Aborter, {"error": (3, b"disk full")}), 11: (Unconfirmed, {}),
            14: (Sleeper, {"after": 5, "windowsize": 4}), 17: (Victim, {"after": 3})}.get(number % 20)
    if last is not None:
        kind, how = last
        name = b"initrd.img" if number % 2 else b"vmlinuz"
        steps[-1 if number % 2 else -2:] = [reads(files, name, address, kind, blksize=1024, **how)]
    return steps


def misbehaviour(lane, files, turn):
    """Whoever is no machine that boots: "quick" in rows, "silent" for themselves."""
    addresses = (f"127.{100 + turn}.{n // 200}.{n % 200 + 1}" for n in itertools.count())
    few = 4 if lane.quick else 1
    quick = [hostile_names(files, addresses, turn), refusals(files, addresses, turn),
             uploads(addresses, turn), ways_to_leave(files, addresses)]
    silent = [reads(files, b"vmlinuz", next(addresses), Mute, **options)
              for options in ({}, {"blksize": 1428}, {"windowsize": 8, "tsize": 0}) * (4 // few)]
    silent += [writes(b"never-%d-%d" % (turn, n), b"", next(addresses), Mute) for n in range(4 // few)]
    silent += [reads(files, HOSTILE[-n - 9], next(addresses), Mute) for n in range(4 // few)]
    silent += [reads(files, b"initrd.img", "127.9.9.9", Mute) for n in range(6)]
    return {"quick": [row[::few] for row in quick], "silent": silent}


def hostile_names(files, addresses, turn):
    rows = []
    for name in HOSTILE:
        rows.append(reads(files, name, next(addresses)))
        rows.append(reads(files, b"no/" + name if len(name) > 250 else name + b".no", next(addresses), Refused,
                          wanted="notfound"))
    for name in HOSTILE[turn::2]:
        rows.append(writes(name[:240] + b".up", bytes_of(700, 3), next(addresses)))
        rows.append(reads(files, name, "127.99.0.1"))
    return rows


def refusals(files, addresses, turn):
    rows = []
    for name in FORBIDDEN:
        rows.append(reads(files, name, next(addresses), Refused, wanted=("denied", "invalid")))
        rows.append(writes(name, b"", next(addresses), Refused, wanted=("denied", "invalid")))
    for name in LONG:
        rows.append(reads(files, name, next(addresses), Refused, wanted=("denied", "invalid", "notfound")))
    for name in OUTSIDE:
        rows.append(reads(files, name, next(addresses), Refused, wanted=("denied", "notfound")))
    for name in (b"private", b"secret.key", b"folder", b"any.key"):
        rows.append(reads(files, name, next(addresses), Refused, wanted="denied"))
        rows.append(writes(name, b"", next(addresses), Refused, wanted="denied"))
    rows += [reads(files, b"vmlinuz", f"127.66.0.{n + 1}", Refused, wanted="denied") for n in range(10)]
    for mode in (b"mail", b"octets", b"oct\x1bet", b"\xff", b"=1"):
        rows.append(reads(files, b"vmlinuz", next(addresses), Refused, wanted="invalid", mode=mode))
    for raw in (b"\0\1no end", b"\0\1\0\0", b"\0\1name\0octet", b"\0\2\0octet\0"):
        rows.append(reads(files, b"", next(addresses), Refused, wanted=("invalid", "notfound"), raw=raw))
    rows += [writes(b"announced-%d-%d" % (turn, n), b"", next(addresses), Refused, wanted="limited",
                    tsize=MAX_UPLOAD + 1) for n in range(12)]
    rows += [writes(b"grows-%d-%d" % (turn, n), bytes(MAX_UPLOAD + 600), next(addresses), Refused, wanted="limited",
                    blksize=1024, windowsize=4) for n in range(4)]
    return rows


def uploads(addresses, turn):
    rows = []
    for n in range(20):
        name, body = b"config-%d.cfg" % n, bytes_of(n * 431, n)
        rows.append(writes(name, body, f"127.50.{turn}.{n % 5 + 1}", blksize=(512, 1024)[n % 2], tsize=len(body)))
    rows += [writes(b"twice-%d" % n, bytes_of(900, n), next(addresses), Repeater) for n in range(3)]
    rows += [writes(b"stops-%d-%d" % (turn, n), bytes(9000), next(addresses), Aborter, after=3,
                    error=(3, b"no more")) for n in range(3)]
    return rows


def ways_to_leave(files, addresses):
    rows = [reads(files, b"vmlinuz", next(addresses), Aborter, error=(code % 9, text))
            for code, text in enumerate(HOSTILE_TEXTS)]
    rows += [reads(files, b"vmlinuz", next(addresses), Prober, error=(code, text))
             for code, text in ((0, b""), (0, b"TFTP Aborted"), (8, b"\x1b[31m"), (8, b"=1"))]
    rows += [reads(files, b"pxelinux.0", next(addresses), Repeater) for n in range(6)]
    rows += [reads(files, b"pxelinux.0", next(addresses), Unconfirmed) for n in range(4)]
    rows += [reads(files, b"vmlinuz", next(addresses), Leaver, after=n) for n in (1, 9)]
    rows += [reads(files, b"text", next(addresses), mode="netascii", kind=Text) for n in range(3)]
    rows += [reads(files, name, next(addresses)) for name in (b"empty", b"block") * 3]
    return rows


class Text(Actor):
    """netascii: every line end is CR LF, and a lone CR has a NUL."""

    def fault(self):
        wire = self.content.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")
        return None if self.result == COMPLETE and self.data() == wire else f"{self.result}, or other content"


def break_uploads(scene, turn):
    for n in range(2 if scene.lane.quick else 6):
        actor = scene.act(Broken, tftp.WRITE, b"broken-%d-%d" % (turn, n), bytes(3000))
        scene.crowd.finish(20 * scene.lane.slowness)
        check(actor.result == REFUSED, f"an upload without its file: {actor.result}")


class Broken(Actor):
    """What was stored so far of its upload is removed: it fails at its end."""

    wanted = ("failed",)

    def take_ack(self, packet, now):
        if packet.block == 2:
            for path in self.scene.lane.hidden():
                path.unlink()
        super().take_ack(packet, now)

    def fault(self):
        return None if self.result == REFUSED else f"{self.result}"


def shut_down(scene, files, look):
    """Some have their file half when the server is stopped."""
    survivors = []
    for n in range(2 if scene.lane.quick else 8):
        kind, how = (writes(b"half-%d" % n, bytes(9000), f"127.60.0.{n + 1}", Survivor, after=2) if n % 4 == 3 else
                     reads(files, b"initrd.img", f"127.60.0.{n + 1}", Survivor, after=2))
        survivors.append(scene.act(kind, **how))
    scene.crowd.finish(20 * scene.lane.slowness)
    look(survivors)
    scene.lane.stop_server()
