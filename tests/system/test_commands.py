"""The programs' command lines: what they say and how they end, also when it goes wrong."""

import os
import select
import signal
import subprocess
import time

from harness import check, check_equal, until

LINE = ('{{"v":1,"ts":"2026-11-2{day}T10:00:00.000000Z","event":"transfer","id":"{id:016x}",'
        '"op":"{op}","outcome":"{outcome}","client":"192.0.2.{host}","client_port":1024,'
        '"file":"file-{id}","bytes":{id}}}\n')


def line(number, op="read", outcome="complete", day=1, host=7):
    return LINE.format(id=number, op=op, outcome=outcome, day=day, host=host)


def run(lane, program, *words, given=b"", **how):
    how.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([str(program), *map(str, words)], input=given, stderr=subprocess.PIPE,
                          env=lane.environment(), timeout=20 * lane.slowness, **how)


# A sentence, the words, the status, what standard output or error has to say.
STATS = (
    ("help on demand", ["--help"], 0, "usage: tftpd-stats"),
    ("help lists the commands", ["-h"], 0, "follow"),
    ("the version", ["-V"], 0, "tftpd-stats (simple-tftpd)"),
    ("an option that is none", ["--nothing"], 2, "try 'tftpd-stats --help'"),
    ("a command that is none", ["sumary"], 2, "no command 'sumary'"),
    ("two commands", ["log", "summary"], 2, "one command at a time: log or summary"),
    ("-n without a number", ["-n", "x"], 2, "a number from 1 to 1000000"),
    ("-n 0", ["-n", "0"], 2, "a number from 1 to 1000000"),
    ("-n that is too large", ["-n", "1000001"], 2, "a number from 1 to 1000000"),
    ("an operation that is none", ["--op", "delete"], 2, "read or write"),
    ("no address", ["--client", "192.0.2.300"], 2, "--client '192.0.2.300'"),
    ("no outcome", ["--outcome", "complete,lost"], 2, "names such as timeout"),
    ("no time", ["--since", "soon"], 2, "a time such as 2h"),
    ("a window that is empty", ["--since", "1h", "--until", "2h"], 2, "--since is later"),
    ("a log that is not there", ["log", "-l", "/nowhere"], 1, "/nowhere: No such file"),
    ("a log that is a folder", ["log", "-l", "/etc"], 1, "/etc: Is a directory"),
    ("a follower of a folder", ["follow", "-l", "/etc"], 1, "/etc: Is a directory"),
    ("a follower with the last lines of a folder", ["follow", "-n", "3", "-l", "/etc"], 1,
     "/etc: Is a directory"),
)


def stats_words(lane):
    for what, words, status, text in STATS:
        done = run(lane, lane.stats, *words)
        told = (done.stdout + done.stderr).decode()
        check_equal(done.returncode, status, f"{what}: status ({told!r})")
        check(text in told, f"{what}: {told!r}")


def stats_filters(lane):
    """-n, --op, --outcome, --client, --utc and several logs, on logs of known lines."""
    a, b = lane.scratch / "known-a.jsonl", lane.scratch / "known-b.jsonl"
    a.write_text(line(1) + line(2, op="write") + line(3, outcome="timeout", host=9))
    b.write_text(line(4, day=2) + line(5, outcome="notfound", day=2))
    logs = ["-l", a, "-l", b, "--since", "2026-01-01"]
    for what, words, wanted in (
            ("all of two logs", [], [1, 2, 3, 4, 5]),
            ("the last two", ["-n", "2"], [4, 5]),
            ("more than there are", ["--top", "100"], [1, 2, 3, 4, 5]),
            ("reads", ["--op", "read"], [1, 3, 4, 5]),
            ("uploads", ["--op", "write"], [2]),
            ("a class of outcomes and one of them", ["--outcome", "failure,notfound"], [3, 5]),
            ("a network", ["--client", "192.0.2.8/31"], [3]),
            ("a day, in UTC", ["--utc", "--until", "2026-11-22"], [1, 2, 3])):
        done = run(lane, lane.stats, "log", *logs, *words)
        check_equal(done.returncode, 0, f"{what}: {done.stderr!r}")
        found = [number for number in range(1, 6) if f"file-{number}" in done.stdout.decode()]
        check_equal(found, wanted, what)


def stats_output_fails(lane):
    """A full disk is an error, a reader that has gone is not."""
    log = lane.scratch / "known.jsonl"
    log.write_text("".join(line(number) for number in range(1, 20001)))
    for command in (["summary"], ["log"], ["log", "-n", "5"], ["--help"], ["follow", "-n", "3"]):
        words = [*command, "-l", log, "--since", "2026-01-01"]
        with open("/dev/full", "wb") as full:
            done = run(lane, lane.stats, *words, stdout=full)
        check_equal(done.returncode, 1, f"{command[0]} to a full disk")
        check(b"No space left" in done.stderr, f"{command[0]} to a full disk: {done.stderr!r}")
    there, here = os.pipe()
    os.close(there)
    done = run(lane, lane.stats, "log", "-l", log, "--since", "2026-01-01", stdout=here,
               restore_signals=False)
    os.close(here)
    check(done.returncode in (0, -signal.SIGPIPE) and not done.stderr,
          f"nobody reads: {done.returncode}, {done.stderr!r}")


class Follower:
    """tftpd-stats follow, and what it has printed so far."""

    def __init__(self, lane, *words):
        self.lane, self.text = lane, b""
        self.process = subprocess.Popen([str(lane.stats), "follow", *map(str, words)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=lane.environment())

    def has_said(self, stream, text):
        """It says so before long."""
        deadline = time.monotonic() + 10 * self.lane.slowness
        while text.encode() not in self.text:
            left = deadline - time.monotonic()
            check(left > 0 and select.select([stream], [], [], left)[0],
                  f"no {text!r}, only {self.text!r}")
            more = os.read(stream.fileno(), 65536)
            check(more, f"it ended after {self.text!r}")
            self.text += more

    def prints(self, text):
        self.has_said(self.process.stdout, text)

    def complains(self, text):
        self.has_said(self.process.stderr, text)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.communicate(timeout=10 * self.lane.slowness)
        return self.process.returncode


def follow_from_nothing(lane):
    """A log that is not there yet, is filled, cut to nothing, and replaced."""
    log = lane.scratch / "later.jsonl"
    follower = Follower(lane, "-l", log)
    try:
        follower.complains("not there yet, waiting")
        log.write_text(line(1) + line(2))
        follower.prints("file-2")
        with open(log, "a", encoding="utf-8") as file:
            file.write(line(3)[:40])
            file.flush()
            time.sleep(0.3)
            file.write(line(3)[40:] + line(3) + line(4))
        follower.prints("file-4")
        check_equal(follower.text.count(b"file-3"), 1, "ends that are shown of one transfer")
        log.write_text(line(5))                     # as copytruncate does
        follower.prints("file-5")
        log.rename(lane.scratch / "later.jsonl.1")
        with open(lane.scratch / "later.jsonl.1", "a", encoding="utf-8") as file:
            file.write(line(6))
        follower.prints("file-6")
        log.write_text(line(7))
        follower.prints("file-7")
        check_equal(follower.end(signal.SIGINT), 0, "status")
    finally:
        follower.process.kill()


def follow_the_last(lane):
    """-n N: the last lines that are there, then those to come; of one client."""
    log = lane.scratch / "last.jsonl"
    log.write_text("".join(line(number, host=number) for number in range(11, 20)))
    follower = Follower(lane, "-l", log, "-n", "2", "--client", "192.0.2.16/30")
    try:
        follower.prints("file-19")
        with open(log, "a", encoding="utf-8") as file:
            file.write(line(30, host=30) + line(31, host=17))
        follower.prints("file-31")
        shown = [number for number in range(11, 32) if f"file-{number}" in follower.text.decode()]
        check_equal(shown, [18, 19, 31], "what is shown")
        check_equal(follower.end(), 0, "status")
    finally:
        follower.process.kill()


def nobody_follows(lane):
    """follow ends when its reader does."""
    log = lane.scratch / "unread.jsonl"
    log.write_text(line(1))
    follower = Follower(lane, "-l", log)
    try:
        follower.process.stdout.close()
        until(lambda: follower.process.poll() is not None, 10 * lane.slowness, "follow ends")
    finally:
        follower.process.kill()


def map_test(lane):
    """--map-test: each name of a file, or of standard input, as it would be served."""
    rules, names = lane.scratch / "rules.map", lane.scratch / "names.txt"
    rules.write_text("r ^config-(.*) conf/\\1\nr ^ip$ of-\\i-\\x\na ^secret\n"
                     "rs ^endless(.*) endless\\1\nr ^wide(.*) \\1\\1\\1\\1\\1\n")
    names.write_text("config-a\nplain\r\nip\nsecret\nendless\nwide" + "y" * 240 + "\n")
    wanted = ["conf/a", "plain", "of-192.0.2.34-C0000222", "ERROR: ", "ERROR: more than ", "ERROR: "]
    for what, word, given in (("a file", names, b""), ("standard input", "-", names.read_bytes())):
        done = run(lane, lane.tftpd, "-m", rules, "--map-test", word, lane.root, given=given)
        found = done.stdout.decode().splitlines()
        check_equal(done.returncode, 0, f"{what}: {done.stderr!r}")
        check(len(found) == len(wanted) and all(map(str.startswith, found, wanted)),
              f"{what}: {found}")
    done = run(lane, lane.tftpd, "-6", "-m", rules, "--map-test", "-", lane.root, given=b"ip\n")
    check(done.stdout.startswith(b"of-2001:db8::feed:face:dead:beef-20010DB8"), f"IPv6: {done.stdout}")
    done = run(lane, lane.tftpd, "--map-test", "-", lane.root, given=b"as it is\n")
    check_equal((done.returncode, done.stdout), (0, b"as it is\n"), "without rules")
    done = run(lane, lane.tftpd, "--map-test", "/nowhere", lane.root)
    check_equal(done.returncode, 66, f"names that are not there: {done.stderr!r}")
    rules.write_text("r [ x\n")
    done = run(lane, lane.tftpd, "-m", rules, "--map-test", "-", lane.root, given=b"a\n")
    check(done.returncode in (64, 78) and done.stdout == b"", f"bad rules: {done}")


# A sentence, the words, the status, what is said; the root is put behind.
STARTS = (
    ("a user that is not there", ["-u", "nobody-has-this"], 67, "is no user of this system"),
    ("user 0", ["-u", "root"], 77, "is user 0, who does not serve"),
    ("a port that is none", ["-a", "127.0.0.1:70000"], 71, "a port is 0..65535"),
    ("an address of another machine", ["-a", "192.0.2.1:69"], 71, "cannot listen on 192.0.2.1:69"),
)


def starts(lane):
    """A start that is refused ends with sysexits(3)' status and a sentence."""
    lane.stop_server()
    for what, words, status, text in STARTS:
        done = run(lane, lane.tftpd, "-L", "-a", "127.0.0.1:6969", *words, "-s", lane.root)
        told = done.stderr.decode() + "\n".join(lane.syslog)
        check(text in told, f"{what}: {told[-600:]!r}")
        check_equal(done.returncode, status, f"{what}: status ({told[-300:]!r})")


TESTS = (
    (f"tftpd-stats: {len(STATS)} command lines end as they should", stats_words, True),
    ("tftpd-stats: 'log' filters lines of several logs", stats_filters, True),
    ("tftpd-stats: a full disk is an error, a reader that has gone is none", stats_output_fails, True),
    ("'follow' waits for a log, reads on when it is cut, renamed, replaced", follow_from_nothing, True),
    ("'follow' begins with the last lines", follow_the_last, True),
    ("'follow' ends when nobody reads", nobody_follows, True),
    ("--map-test shows what the rules make of names", map_test, True),
    (f"tftpd: {len(STARTS)} starts that are refused", starts, True),
)
