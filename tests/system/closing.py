"""What must hold at the end of every lane, whatever its tests did."""

import collections
import contextlib
import json
import os
import re
import signal
import subprocess

from harness import Failure, check, check_equal, processes, until

# tftpd-log(5): the keys, in the order of a line.
KEYS = """v ts event id op outcome client client_port server server_port file path mode asked
    blksize windowsize timeout_ms size bytes blocks duration_us first_reply_us rtt_us
    packets_sent packets_received retransmits timeouts duplicates cpu_us rss_kb
    error_code error_by message pid""".split()
REQUIRED = {"start": "v ts event id op client client_port file".split(),
            "transfer": "v ts event id outcome client client_port".split(),
            "notice": "v ts event message".split()}
OUTCOMES = """complete unconfirmed probe noanswer notfound denied limited invalid aborted
    vanished timeout failed crashed shutdown""".split()
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def nothing_is_left_running(lane):
    """Stopping the server stops every process of it."""
    lane.stop_server()
    # Who has been killed, and the second process of a tftpd-status, need a moment.
    with contextlib.suppress(Failure):
        until(lambda: not commands_left(), 5 * lane.slowness, "")
    left = commands_left()
    check(not left, f"{len(left)} left running: {[words[:200] for words in left[:8]]}")


def commands_left():
    """The command lines of all processes but ours."""
    found = []
    for pid in processes():
        with contextlib.suppress(OSError):
            if pid != os.getpid():
                found.append(open(f"/proc/{pid}/cmdline").read().replace("\0", " "))
    return found


def every_line_is_a_record(lane):
    for path in lane.log.files():
        text = path.read_bytes()
        check(text == b"" or text.endswith(b"\n"), f"{path.name} ends in a torn line")
    for line in lane.log.lines():
        problem = fault_of(line)
        if problem:
            raise Failure(f"{problem}: {line[:700]!r}")


def fault_of(line):
    """What is wrong with a line of the log, or None."""
    if len(line) > 4096:
        return f"{len(line)} bytes"
    try:
        pairs = json.loads(line.decode("utf-8"), object_pairs_hook=list)
    except ValueError as error:
        return f"no JSON ({error})"
    record = dict(pairs)
    if len(record) != len(pairs):
        return "a key comes twice"
    if any(not isinstance(value, (str, int)) or isinstance(value, bool)
           for value in record.values()):
        return "a value is neither text nor integer"
    known = [key for key, _ in pairs if key in KEYS]
    if known != sorted(known, key=KEYS.index):
        return f"the keys' order is {known}"
    missing = [key for key in REQUIRED.get(record.get("event"), ["event"]) if key not in record]
    if missing:
        return f"without {missing}"
    return fault_of_values(record)


def fault_of_values(record):
    if record["v"] != 1 or not TIMESTAMP.fullmatch(record["ts"]):
        return "version or time"
    if "id" in record and not re.fullmatch("[0-9a-f]{16}", record["id"]):
        return "id"
    if record["event"] == "transfer" and record["outcome"] not in OUTCOMES:
        return "outcome"
    if any(isinstance(value, int) and value < 0 for value in record.values()):
        return "a negative number"
    if record.get("outcome") == "complete":
        return fault_of_complete(record)
    return None


def fault_of_complete(record):
    """A success has to add up."""
    if "blocks" not in record or "bytes" not in record:
        return "a complete transfer without bytes or blocks"
    blksize = record.get("blksize", 512)
    if record["blocks"] != record["bytes"] // blksize + 1:
        return "bytes, blocks and blksize do not fit"
    if record["op"] == "read" and record.get("mode") == "octet" and \
            record.get("size", record["bytes"]) != record["bytes"]:
        return "bytes is not the file's size"
    return None


def every_accepted_transfer_has_one_end(lane):
    """An id with a start has exactly one end; no end comes twice."""
    starts = [rec["id"] for rec in lane.log.starts()]
    ends = collections.Counter(rec["id"] for rec in lane.log.ends())
    check_equal(len(set(starts)), len(starts), "different ids of start records")
    without = [rec for rec in lane.log.starts() if ends[rec["id"]] == 0]
    check(not without, f"started and never ended: {without[:3]}")
    twice = [rec for rec in lane.log.ends() if ends[rec["id"]] > 1]
    check(not twice, f"ended twice: {twice[:4]}")


def every_request_has_its_end(lane):
    complaints = lane.ledger.compare(lane.log.ends())
    check(not complaints, f"{len(complaints)} of {len(lane.ledger.entries)} requests:\n" +
          "\n".join(complaints[:10]))


def no_process_complained(lane):
    """Sanitizers write their reports into files; so does a crash."""
    texts = lane.reports()
    check(not texts, "\n".join(texts[:5]))


def no_call_was_forbidden(lane):
    """The walls hold what nobody needs; a trap build (--enable-trap) names the call."""
    if lane.name.startswith(("denial", "status")):
        return                      # there, such calls are the test
    told = [rec["message"] for rec in lane.log.records()
            if rec.get("message", "").startswith("forbidden system call")]
    told += [f"{rec['file']!r} {rec['message']}" for rec in lane.log.ends()
             if rec.get("message") == f"killed by signal {signal.SIGSYS.value}"]
    # A dispatcher leaves no record; its keeper says it.
    said = [path.read_text(errors="replace") for path in lane.scratch.glob("server-*.err")]
    said += [str(line) for line in lane.syslog]
    told += [text[:300] for text in said if "tftpd-status" in text and "forbidden system call" in text]
    told += [text[:300] for text in said if f"dispatcher was killed by signal {signal.SIGSYS.value}" in text]
    check(not told, f"{len(told)} times: {sorted(set(told))[:5]}")


def the_summary_agrees(lane):
    files = lane.log.files()
    if files:
        summary_agrees(lane.stats, files, lane.environment())
        # For the last word over the whole run.
        with open(lane.scratch / "transfers.jsonl", "wb") as copy:
            for line in lane.log.lines():
                copy.write(line)


def summary_agrees(stats, logs, env=None):
    """tftpd-stats counts the outcomes of these files as we do."""
    wanted, ended = collections.Counter(), set()
    for path in logs:
        for line in path.read_bytes().splitlines():
            record = json.loads(line)
            if record["event"] == "transfer" and record["id"] not in ended:
                ended.add(record["id"])
                wanted[record["outcome"]] += 1
    words = [str(stats), "summary", "--json", "--since", "2000-01-01", "--until", "2100-01-01"]
    for path in logs:
        words += ["-l", str(path)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, env=env, timeout=60)
    check(done.returncode == 0, f"tftpd-stats: status {done.returncode}: {done.stderr.decode()}")
    found = counts_in(json.loads(done.stdout))
    check_equal({k: v for k, v in found.items() if v}, dict(wanted), "outcomes in the summary")


def counts_in(tree):
    """The object in the summary that counts by outcome."""
    for value in tree.values() if isinstance(tree, dict) else ():
        if isinstance(value, dict):
            if value and set(value) <= set(OUTCOMES):
                return value
            found = counts_in(value)
            if found:
                return found
    return {}


TESTS = (
    ("nothing is left running", nothing_is_left_running),
    ("every line of the log is a record", every_line_is_a_record),
    ("every accepted transfer has exactly one end", every_accepted_transfer_has_one_end),
    ("every request has its end records and none too many", every_request_has_its_end),
    ("tftpd-stats counts the outcomes as they are", the_summary_agrees),
    ("no process complained", no_process_complained),
    ("no system call was forbidden", no_call_was_forbidden),
)
