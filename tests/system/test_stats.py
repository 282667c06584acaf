"""tftpd-stats says what happened, also while it happens and across rotation."""

import json
import os
import pathlib
import subprocess
import time

import tftp
from harness import LOG, check, check_equal, of_peer, until


def stats(lane, *args):
    done = lane.run_stats(*args)
    check_equal(done.returncode, 0, f"tftpd-stats {' '.join(map(str, args))}: {done.stderr.decode()}")
    return done.stdout.decode()


def records_of(text):
    return [json.loads(line) for line in text.splitlines()]


def some_traffic(lane):
    """A few requests, each with another end; two client addresses."""
    lane.serve()
    lane.file("stats-a", lane.content(3000))
    lane.file("stats-b", lane.content(100))
    lane.file("stats-private", b"x", mode=0o600)
    lane.peer().get("stats-a")
    lane.peer(source="127.5.0.1").get("stats-b")
    lane.peer().put("stats-up", b"x" * 5000)
    for name, code in (("stats-missing", 1), ("stats-private", 2), ("stats\x1b[31mred", 4)):
        peer = lane.peer(source="127.5.0.2")
        peer.read(name)
        peer.expect(tftp.ERROR, code)
    peer = lane.peer()
    peer.read("stats-a", tsize=0)
    peer.expect(tftp.OACK)
    peer.error(8)
    until(lambda: len(lane.log.starts()) + 3 <= len(lane.log.ends()) + len(open_ids(lane)), 5,
          "the end records")
    until(lambda: not open_ids(lane), 5 * lane.slowness, "no transfer is open")


def open_ids(lane):
    return {r["id"] for r in lane.log.starts()} - {r["id"] for r in lane.log.ends()}


def log_lists_every_end(lane):
    some_traffic(lane)
    found = records_of(stats(lane, "log", "--json"))
    ends = lane.log.ends()
    check_equal(sorted(r["id"] for r in found if r["event"] == "transfer"), sorted(r["id"] for r in ends),
                "ids that are listed")
    check(all(r in ends for r in found if r["event"] == "transfer"), "a record was changed on the way")


def log_filters(lane):
    some_traffic(lane)
    ends = lane.log.ends()
    for words, wanted in (
            (("--outcome", "notfound"), lambda r: r["outcome"] == "notfound"),
            (("--client", "127.5.0.0/24"), lambda r: r["client"].startswith("127.5.0.")),
            (("--client", "127.5.0.1"), lambda r: r["client"] == "127.5.0.1"),
            (("--file", "stats-[ab]"), lambda r: r["file"] in ("stats-a", "stats-b")),
            (("--op", "write"), lambda r: r["op"] == "write"),
            (("--since", "-1h"), lambda r: True),
            (("--until", "2001-01-01"), lambda r: False),
            (("--outcome", "complete", "--client", "127.5.0.1"),
             lambda r: r["outcome"] == "complete" and r["client"] == "127.5.0.1")):
        done = lane.run_stats("log", "--json", *words)
        found = [r for r in records_of(done.stdout.decode()) if r["event"] == "transfer"]
        check_equal(sorted(r["id"] for r in found), sorted(r["id"] for r in ends if wanted(r)),
                    f"ids with {' '.join(words)} ({done.stderr.decode().strip()})")


def text_is_safe(lane):
    """A name may not paint the administrator's terminal."""
    some_traffic(lane)
    for command in ("log", "summary"):
        text = stats(lane, command)
        check("\x1b" not in text, f"an escape in the output of {command}")
        check("stats-a" in text, f"no word of stats-a in {command}: {text}")
    lines = [line for line in stats(lane, "log").splitlines() if "stats-a" in line]
    check(any("complete" in line for line in lines) and any("probe" in line for line in lines),
          f"the outcomes are not in the lines: {lines}")


def log_is_found_without_options(lane):
    """--log put it elsewhere: the live table tells where."""
    elsewhere = pathlib.Path("/var/log/elsewhere")
    elsewhere.mkdir(exist_ok=True)
    path = elsewhere / "tftp.jsonl"
    lane.serve("-s", "--log", path, lane.root)
    lane.file("elsewhere", b"here")
    peer = lane.peer()
    peer.ask(tftp.RRQ, "elsewhere", ends=0)     # in the other log
    peer.get_rest()
    until(lambda: path.exists() and b'"transfer"' in path.read_bytes(), 5, "the record in the other log")
    found = [r for r in records_of(stats(lane, "log", "--json")) if r["event"] == "transfer"]
    check_equal([r["file"] for r in found], ["elsewhere"], "what is listed")
    lane.stop_server()


def follow_prints_as_it_ends(lane):
    lane.serve()
    lane.file("followed", b"x" * 600)
    first = lane.peer()
    first.get("followed")
    lane.log.wait_end(**of_peer(first))
    output = lane.scratch / "follow.out"
    with open(output, "wb") as out:
        follow = subprocess.Popen([str(lane.stats), "follow", "--json", "-n", "1000"], stdout=out,
                                  stdin=subprocess.DEVNULL, env=lane.environment())
    try:
        # What stood there is shown first: then we know that it is awake.
        until(lambda: output.read_bytes().count(b"\n") >= 1, 10 * lane.slowness, "follow shows the past")
        peer = lane.peer()
        peer.read("followed")
        peer.expect(tftp.DATA, 1)
        peer.ack(1)
        peer.expect(tftp.DATA, 2)
        check(not shown(output, peer), "it was shown before its end")
        peer.ack(2)
        until(lambda: shown(output, peer), 3 * lane.slowness, "follow shows the transfer")
        rotate()
        after = lane.peer()
        after.get("followed")
        until(lambda: shown(output, after), 5 * lane.slowness, "follow goes on in the new file")
        check_equal(len(shown(output, after)), 1, "lines of one transfer")
    finally:
        follow.terminate()
        status = follow.wait(10)
    check_equal(status, 0, "exit status of follow")


def shown(output, peer):
    lines = output.read_bytes().splitlines(keepends=True)
    records = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return [r for r in records if r.get("client_port") == peer.port and r["event"] == "transfer"]


def rotate():
    """As logrotate does it: a rename, and no signal."""
    number = 1
    while LOG.with_name(f"{LOG.name}.{number}").exists():
        number += 1
    # The highest number is the oldest.
    for n in range(number, 1, -1):
        os.rename(LOG.with_name(f"{LOG.name}.{n - 1}"), LOG.with_name(f"{LOG.name}.{n}"))
    os.rename(LOG, LOG.with_name(f"{LOG.name}.1"))


def rotation_loses_nothing(lane):
    """A transfer that began before the rename ends after it."""
    lane.serve()
    lane.file("rotated", lane.content(2000))
    check(ask_until_in_new_file(lane), "no log to begin with")
    long = lane.peer()
    long.read("rotated")
    long.expect(tftp.DATA, 1)
    before = len(lane.log.ends())
    rotate()
    count = ask_until_in_new_file(lane)
    long.ack(1)
    for index in (2, 3, 4):
        long.expect(tftp.DATA, index)
        long.ack(index)
    lane.log.wait_end(**of_peer(long))
    until(lambda: len(lane.log.ends()) == before + count + 1, 5, "every end record")
    ids = {r["id"] for r in records_of(stats(lane, "log", "--json")) if r["event"] == "transfer"}
    check_equal(ids, {r["id"] for r in lane.log.ends()}, "ids that tftpd-stats finds in both files")


def ask_until_in_new_file(lane):
    """The server needs a moment to see the rename; until then records go to the old
    file.  Returns the number of requests that it took."""
    deadline = time.monotonic() + 5 * lane.slowness
    for count in range(1, 1000):
        lane.peer().get("rotated")
        if LOG.exists() and b'"file":"rotated"' in LOG.read_bytes():
            return count
        check(time.monotonic() < deadline, "no record in a new file after five seconds of requests")
        time.sleep(0.02)
    return None


def renamed_as_soon_as_made(lane):
    """The new file is moved away in the moment in which it appears: the server must
    not lose sight of the path."""
    lane.serve()
    lane.file("rotated", lane.content(2000))
    ask_until_in_new_file(lane)
    for _ in range(5):
        rotate()
        until(LOG.exists, 5 * lane.slowness, "a new log")
    rotate()
    ask_until_in_new_file(lane)


def torn_lines(lane):
    """A full disk cut a record short, and the next one stands in the same line."""
    some_traffic(lane)
    lines = lane.log.lines()
    torn = lane.scratch / "torn.jsonl"
    torn.write_bytes(b"".join(lines[:-1]) + lines[-2][:60] + lines[-1] + b"garbage\n" + lines[-1][:30])
    summary = json.loads(stats(lane, "summary", "--json", "-l", torn, "--since", "2000-01-01"))
    ends = {r["id"] for r in map(json.loads, lines) if r["event"] == "transfer"}
    check_equal(sum(summary["outcomes"].values()), len(ends), "ends that are counted")
    check(summary["bad_lines"] + summary["torn_lines"] >= 2, f"bad lines: {summary}")


TESTS = (
    ("'log' lists every end as it stands", log_lists_every_end, True),
    ("'log' filters by client, file, outcome, operation and time", log_filters, True),
    ("no name reaches the terminal unescaped", text_is_safe, True),
    ("the log is found without options", log_is_found_without_options, True),
    ("'follow' shows a transfer as it ends, and survives rotation", follow_prints_as_it_ends, True),
    ("rotation by rename loses no record", rotation_loses_nothing, True),
    ("a log that is renamed as soon as it is made is renewed again", renamed_as_soon_as_made, False),
    ("a torn line loses no neighbour", torn_lines, True),
)
